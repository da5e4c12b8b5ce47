"""What the informed recipe chooses from the frames alone."""

import pytest

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner, _segmenting
from skvas.metrics import ConsistencyScore, SharedOrder
from tests.estimators import ALIGNERS, quick, small_videos

SEGMENTERS = [ActionSegmenter, JointAlignSegment]
every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)
every_aligner = pytest.mark.parametrize("cls", ALIGNERS)
VIDEOS = small_videos(4)
SETTINGS = [
    {"start": start, "lambda_actions": weight, "alpha": alpha}
    for start in ("time", "kmeans")
    for weight, alpha in ((0.3, 0.3), (0.1, 0.3), (0.1, 0.6))
]


def untrained(cls, **options):
    return quick(cls, max_epochs=0, **options)


@every_segmenter
@pytest.mark.parametrize(("shared", "best"), [(True, 4), (False, 1)])
def test_setting_of_the_highest_consistency_is_chosen(cls, shared, best, monkeypatch):
    seen = []

    def score(labels, matches):
        number = len(seen)
        seen.append(labels)
        return ConsistencyScore(
            score=float(number == 4), monotone=0.0, free=float(number == 1), n_pairs=1
        )

    monkeypatch.setattr(_segmenting, "consistency_score", score)
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    model = untrained(cls).fit(VIDEOS)
    assert len(seen) == len(SETTINGS)
    assert model.chosen_ == SETTINGS[best]
    task = model._segmentation_task()
    assert (task.lambda_actions, task.alpha) == (
        SETTINGS[best]["lambda_actions"],
        SETTINGS[best]["alpha"],
    )


@every_segmenter
def test_each_setting_is_tried_as_it_is(cls, monkeypatch):
    tried, refine = [], _segmenting.refine

    def spy(prototypes, embeddings, batch, task, n_rounds):
        tried.append((task.lambda_actions, task.alpha))
        return refine(prototypes, embeddings, batch, task, n_rounds)

    monkeypatch.setattr(_segmenting, "refine", spy)
    model = untrained(cls).fit(VIDEOS)
    expected = [(s["lambda_actions"], s["alpha"]) for s in [*SETTINGS, model.chosen_]]
    assert tried == expected


@every_segmenter
def test_what_the_user_gives_is_not_chosen(cls):
    model = untrained(cls, start="kmeans", lambda_actions=0.2).fit(VIDEOS)
    assert set(model.chosen_) == {"alpha"}
    assert model._segmentation_task().lambda_actions == 0.2
    model = untrained(cls, start="time", lambda_actions=0.2, alpha=0.5).fit(VIDEOS)
    assert model.chosen_ == {}
    assert model._segmentation_task().alpha == 0.5


@every_segmenter
def test_nothing_is_chosen_for_one_video_or_as_published(cls):
    assert untrained(cls).fit(VIDEOS[0]).chosen_ == {}
    model = untrained(cls).fit(VIDEOS)
    assert model.chosen_ != {}
    assert model.set_params(recipe="paper").fit(VIDEOS).chosen_ == {}


@every_aligner
@pytest.mark.parametrize(
    ("options", "shared", "expected"),
    [
        ({}, True, 0.35),
        ({}, False, 0.0),
        ({"rho": 0.2}, True, 0.2),
        ({"recipe": "paper"}, True, 0.15),
        ({"recipe": "paper"}, False, 0.15),
    ],
)
def test_order_prior_between_videos(cls, options, shared, expected, monkeypatch):
    monkeypatch.setattr(SharedOrder, "is_shared", shared)
    model = untrained(cls, **options).fit(VIDEOS)
    assert model._alignment_task().rho == expected


def test_order_prior_of_the_actions_is_its_own():
    model = untrained(JointAlignSegment).fit(VIDEOS)
    assert model._alignment_task().rho == 0.35
    assert model._segmentation_task().rho == 0
    assert untrained(VideoAligner).fit(VIDEOS[0])._alignment_task().rho == 0.35
