"""The published settings are arguments that the estimators take, and train with."""

import pytest

from skvas import JointAlignSegment, VideoAligner, presets
from skvas.datasets import make_videos

JOINT = [
    *presets.BREAKFAST.values(),
    *presets.YOUTUBE_INSTRUCTIONS.values(),
    *presets.FIFTY_SALADS.values(),
    presets.DESKTOP_ASSEMBLY,
]


@pytest.mark.parametrize("settings", JOINT)
def test_joint_model_takes_the_preset(settings):
    model = JointAlignSegment(**settings)
    assert model.recipe == "paper"
    assert {name: model.get_params()[name] for name in settings} == settings


def test_numbers_of_breakfast_actions_are_the_published_ones():
    counts = [settings["n_actions"] for settings in presets.BREAKFAST.values()]
    assert counts == [14, 8, 9, 12, 9, 8, 5, 7, 5, 7]


@pytest.mark.parametrize("settings", [presets.BREAKFAST["milk"], JOINT[-2]])
def test_joint_model_trains_with_the_preset(settings):
    videos = make_videos(3, n_frames=(40, 60), random_state=0).videos
    model = JointAlignSegment(**{**settings, "max_epochs": 1}, random_state=0).fit(
        videos
    )
    width = settings["encoder"][-1]
    assert model.prototypes_.shape == (settings["n_actions"], width)


def test_aligner_trains_with_its_preset():
    videos = make_videos(3, n_frames=(40, 60), random_state=0).videos
    aligner = VideoAligner(**{**presets.ALIGNMENT, "max_epochs": 1}, random_state=0)
    assert aligner.fit(videos).transform(videos[0]).shape == (len(videos[0]), 40)
