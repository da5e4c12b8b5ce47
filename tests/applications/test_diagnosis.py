from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Recordings, VideoAligner
from skvas.applications._diagnosis import diagnose, summarise
from skvas.datasets import make_videos
from skvas.exceptions import ModelFileError
from skvas.metrics import SharedOrder, consistency_score, match_pairs
from skvas.videos._frames import unit
from tests.models import ESTIMATORS, quick, small_videos

DATA = make_videos(8, n_actions=3, n_frames=(60, 90), random_state=0)


@pytest.fixture(scope="module")
def model():
    names = [f"p{i}" for i in range(8)]
    recordings = Recordings(DATA.videos, names, fps=10)
    return JointAlignSegment((2, 4), max_epochs=1, random_state=0).fit(recordings)


def facts(model):
    return dict(model.summary().facts)


def test_summary_tells_what_was_found(model):
    told = facts(model)
    n_frames = sum(map(len, DATA.videos))
    assert told["recordings"] == f"8, {n_frames} frames, {n_frames / 10:.1f} s"
    assert told["shared order"].startswith("yes (")
    assert told["matching"] == "monotone"
    assert told["actions"].startswith(f"{model.n_actions_}, of ")
    assert told["embedding"].startswith("rank ")
    found, cut = model.diagnosis_["consistency"], None
    cut = model.diagnosis_["consistency_of_uniform_cut"]
    assert told["consistency"] == f"{found:.2f} (uniform cut {cut:.2f})"
    assert found > cut


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_estimator_has_one_that_is_saved(cls, tmp_path):
    fitted = quick(cls).fit(small_videos(3))
    text = str(fitted.summary())
    assert text.startswith("recordings")
    fitted.save(tmp_path / "model")
    assert str(skvas.load(tmp_path / "model").summary()) == text


def test_lone_recording_has_no_order_and_no_consistency():
    told = facts(quick(ActionSegmenter).fit(small_videos(1)[0]))
    assert told["shared order"] == "a lone recording has none"
    assert "consistency" not in told


def test_odd_recording_is_named():
    rng = np.random.default_rng(0)
    alike = [rng.normal(size=(40, 6)) * 0.1 + np.eye(6)[0] for _ in range(7)]
    odd = rng.normal(size=(40, 6)) * 0.1 + np.eye(6)[3]
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in [*alike, odd]]
    assert diagnose(unit, unit, None, None, True)["unlike"] == [7]
    assert diagnose(unit[:7], unit[:7], None, None, True)["unlike"] == []
    assert diagnose(unit[4:], unit[4:], None, None, True)["unlike"] == []  # too few
    found = diagnose(unit, unit[1:], None, None, True, strangers=[0])
    assert found["unlike"] == [0, 7]


def test_recording_that_shows_other_things_is_odd_though_some_are_the_same():
    rng = np.random.default_rng(0)
    axes = np.eye(12)
    alike = [axes[rng.permutation(6)] for _ in range(6)]
    odd = axes[[0, 1, *range(6, 10)]]
    assert diagnose([*alike, odd], [], None, None, True)["unlike"] == [6]


def test_consistency_is_that_of_matches_in_order_or_in_any():
    data = make_videos(12, n_actions=3, n_frames=(20, 30), random_state=0)
    labels = [label[::-1] for label in data.labels]  # so that the two differ
    matches = match_pairs([unit(v) for v in data.videos], random_state=0)
    score = consistency_score(labels, matches)
    for in_order, expected in ((True, score.score), (False, score.free)):
        found = diagnose(data.videos, data.videos, labels, 3, in_order)
        assert found["consistency"] == pytest.approx(expected)
    assert score.score != score.free


def test_action_of_large_spread_is_named():
    labels = [np.repeat([0, 1, 0, 1], [20, n, 20, n]) for n in (1, 1, 1, 1, 60)]
    videos = [np.ones((len(label), 2)) for label in labels]
    assert diagnose(videos, videos, labels, 2, True)["spread"] == [1]
    few = [np.repeat([0, 1, 0, 1], [20, 1, 20, n]) for n in (1, 60)]
    videos = [np.ones((len(label), 2)) for label in few]
    assert diagnose(videos, videos, few, 2, True)["spread"] == []  # four tell nothing


def test_what_is_odd_is_called_by_its_name(model):
    doubtful = copy.copy(model)
    doubtful.diagnosis_ = {**model.diagnosis_, "unlike": [2, 5], "spread": [1]}
    assert facts(doubtful)["unlike"] == "p2, p5"
    assert facts(doubtful)["large spread"] == "durations of 1"
    doubtful.name_actions({1: "pour"})
    assert facts(doubtful)["large spread"] == "durations of pour"


NUMBERS = np.arange(2, 9)
UNSURE = {"n_actions": NUMBERS, "score": np.isin(NUMBERS, [4, 7]).astype(float)}


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"shared_order_": SharedOrder(0.1, 0.2, 42)}, "pass matching='monotone'"),
        ({"unlike": [2]}, "unlike the others"),
        ({"consistency": 0.2, "consistency_of_uniform_cut": 0.2}, "no more consistent"),
        ({"spread": [0]}, "vary more than their mean"),
        ({"history_": {"embedding_rank": np.array([1.2])}}, "nearly collapsed"),
        ({"n_actions_scores_": UNSURE}, "unsure: try 4 and 7"),
        ({"found_again_": 0.59}, "Half of the recordings lead to other actions"),
    ],
)
def test_every_doubt_has_a_line_of_advice(model, changes, advice):
    quiet = {"unlike": [], "spread": [], "consistency": 0.5}
    doubtful = skvas.JointAlignSegment()
    vars(doubtful).update(vars(model))
    doubtful.diagnosis_ = {**model.diagnosis_, **quiet}
    doubtful.n_actions_scores_ = None
    assert summarise(doubtful).advice == []
    for name, value in changes.items():
        if name.endswith("_"):
            setattr(doubtful, name, value)
        else:
            doubtful.diagnosis_ = {**doubtful.diagnosis_, name: value}
    (line,) = summarise(doubtful).advice
    assert advice in line
    assert f"! {line}" in str(summarise(doubtful))


def test_number_of_actions_may_have_negative_scores(model):
    scores = {"n_actions": np.array([2, 3, 4]), "score": np.array([-3, -2, -2.05])}
    changed = copy.copy(model)
    changed.n_actions_scores_ = scores
    assert facts(changed)["actions"].endswith("of 3 to 4 that are plausible")


def test_undecided_order_is_no_doubt_where_matching_is_given():
    fitted = quick(VideoAligner, matching="plan").fit(small_videos(3))
    fitted.shared_order_ = dataclasses.replace(fitted.shared_order_, value=0.01)
    assert fitted.summary().advice == []


def test_notebooks_show_it(model):
    html = model._repr_mimebundle_()["text/html"]
    assert "shared order" in html
    assert "shared order" not in JointAlignSegment()._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("cls", [VideoAligner, JointAlignSegment])
@pytest.mark.parametrize("matching", ["auto", "plan"])
def test_advice_on_the_order_depends_on_what_fit_was_asked(cls, matching, tmp_path):
    fitted = quick(cls, matching=matching, max_epochs=0).fit(small_videos(3))
    fitted.shared_order_ = SharedOrder(0.1, 0.2, 42)
    is_told = {"auto": True, "plan": False}[matching]
    fitted.set_params(matching="nearest" if is_told else "auto")
    fitted.save(tmp_path / "model")
    for model in (fitted, skvas.load(tmp_path / "model")):
        assert ("pass matching=" in str(model.summary())) == is_told


def test_older_model_has_the_advice_that_its_parameters_tell(model, tmp_path):
    older = copy.copy(model)
    older.shared_order_ = SharedOrder(0.1, 0.2, 42)
    older.diagnosis_ = {**model.diagnosis_}
    del older.diagnosis_["chose_matching"]
    older.save(tmp_path / "model")
    for known in (older, skvas.load(tmp_path / "model")):
        assert "pass matching=" in str(known.summary())


def test_file_with_a_choice_that_no_fit_makes_is_refused(model, tmp_path):
    forged = copy.copy(model)
    forged.diagnosis_ = {**model.diagnosis_, "chose_matching": "auto"}
    forged.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="diagnosis_"):
        skvas.load(tmp_path / "model")
