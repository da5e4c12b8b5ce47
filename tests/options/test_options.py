"""Groups of parameters: declared once, reached by every way that scikit-learn has."""

import inspect
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skvas import (
    ActionSegmenter,
    Aligning,
    JointAlignSegment,
    Segmenting,
    Training,
    VideoAligner,
)
from skvas.exceptions import InvalidParameterError
from skvas.options._declare import check_declared, declared, effective, group_of
from skvas.recipes import INFORMED
from skvas.tasks._virtual import Quantile, VirtualFrame
from tests.models import ESTIMATORS, outputs, plain_params, quick, small_videos

VIDEOS = small_videos()
NEW = small_videos(7)[5:]
GROUPS = [Segmenting, Aligning, Training]


def parameters_of(cls):
    """List the parameters of an estimator, those of groups as group__name."""
    names = []
    for name, kind, _ in declared(cls):
        inner = [n for n, _, _ in declared(kind)] if isinstance(kind, type) else None
        names += [f"{name}__{n}" for n in inner] if inner else [name]
    return names


@pytest.mark.parametrize("cls", GROUPS)
def test_group_is_cloned_and_pickled(cls):
    group = cls(**{next(iter(declared(cls)))[0]: cls().get_params().popitem()[1]})
    assert clone(group).get_params() == group.get_params()
    assert pickle.loads(pickle.dumps(group)).get_params() == group.get_params()


@pytest.mark.parametrize("cls", [*GROUPS, *ESTIMATORS])
def test_parameters_are_given_by_name_and_unknown_ones_refused(cls):
    with pytest.raises(TypeError, match="nothing"):
        cls(nothing=1)
    assert not any(name in vars(cls) for name, _, _ in declared(cls))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_subclass_that_is_a_dataclass_may_add_parameters(cls):
    @dataclass(kw_only=True, eq=False, repr=False)
    class Louder(cls):
        factor: int = 2

        def transform(self, videos):
            return [self.factor * video for video in super().transform(videos)]

    videos = small_videos()
    model = clone(Louder(factor=3, max_epochs=0, random_state=0)).fit(videos)
    plain = cls(max_epochs=0, random_state=0).fit(videos)
    np.testing.assert_array_equal(
        model.transform(videos)[0], 3 * plain.transform(videos)[0]
    )
    model.set_params(training__lr=0.1, factor=4)
    assert (model.training.lr, model.factor) == (0.1, 4)


def test_group_that_is_none_is_made_when_a_parameter_of_it_is_set():
    model = JointAlignSegment().set_params(segmenting__alpha=0.5, aligning__rho=0.1)
    assert (model.segmenting.alpha, model.aligning.rho) == (0.5, 0.1)
    assert model.training is None
    model.set_params(segmenting=None)
    assert model.segmenting is None
    model.set_params(segmenting=Segmenting(), segmenting__eps=0.1)
    assert model.segmenting.eps == 0.1
    model.set_params(segmenting=None, segmenting__alpha=0.2)
    assert model.segmenting.alpha == 0.2
    assert model.segmenting.eps == Segmenting().eps


def test_group_that_is_emptied_stays_where_its_parameter_is_misspelt():
    model = JointAlignSegment(segmenting=Segmenting(eps=0.1))
    before = model.segmenting
    with pytest.raises(ValueError, match="alfa"):
        model.set_params(segmenting=None, segmenting__alfa=0.2)
    assert model.segmenting is before


def test_misspelt_parameter_of_a_group_is_refused_and_changes_nothing():
    model = JointAlignSegment()
    with pytest.raises(ValueError, match="alfa"):
        model.set_params(segmenting__alfa=0.5)
    assert model.segmenting is None


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_group_of_defaults_is_no_group(cls):
    empty = {name: kind() for name, kind, _ in declared(cls) if isinstance(kind, type)}
    plain, grouped = cls(), cls(**empty)
    every = ("training", "answers", "nothing")
    assert effective(plain, every) == effective(grouped, every)


@pytest.mark.parametrize("group", ["none", {"alpha": 0.3}, Aligning()])
def test_what_is_no_such_group_is_refused(group):
    with pytest.raises(InvalidParameterError, match="segmenting must be None or"):
        ActionSegmenter(3, segmenting=group).fit(VIDEOS)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("recipe", ["paper"], ["published", None]),
        ("features", [None, "standardise"], ["white", StandardScaler, 3]),
        ("encoder", [None, "causal", (3,)], ["deep", (), (3, 0), [3]]),
        ("max_epochs", ["auto", 0], [-1, 1.0, "all"]),
        ("n_jobs", [None, -1, 2], [0, 2.0, True]),
        ("verbose", [0, 2, True], [-1, 1.0, None]),
        ("n_actions", [None, "auto", 1, (2, 4)], [0, (4, 2), "all"]),
        ("beta", [0, 2.5], [-0.1, np.inf, None]),
        ("matching", ["auto", "plan"], ["mass", None]),
        ("segmenting__recurring", ["auto", True, False], [1, 0, None]),
        ("segmenting__radius", ["auto", 0.5], [0, 1]),
        ("segmenting__alpha", ["auto", 0, 1], [1.1, True]),
        ("segmenting__n_refine", [0], [-1]),
        ("segmenting__method", ["asot"], ["ASOT"]),
        ("aligning__zeta", [-1, 0.5, "30%"], ["30", "100%", None]),
        ("aligning__virtual_mass", [None, 0.1, "30%"], [0]),
        ("aligning__memory_limit", [None, "1GB", 10], ["much", 0]),
        ("training__memory_limit", [None, "1GB", 10], ["much", 0]),
        ("training__live", [True, False], [1, None]),
        ("training__n_frames", [2], [1]),
        ("training__n_aligned", ["auto", None, 2], [1]),
        ("training__batch_size", [1], [0]),
        ("training__callback", [None, print], ["print"]),
        ("training__checkpoint", [None, "run", Path("run")], [b"run", 3]),
        ("training__devices", [1], [0, "auto"]),
    ],
)
def test_parameter_has_a_range(name, allowed, refused):
    model = JointAlignSegment()
    for value in allowed:
        check_declared(model.set_params(**{name: value}))
    for value in refused:
        with pytest.raises(InvalidParameterError, match=name.rpartition("__")[2]):
            check_declared(model.set_params(**{name: value}))


def test_percentages_become_quantiles_of_the_virtual_frame():
    group = Aligning(zeta="30%", virtual_mass="5%")
    task = INFORMED.resolve(JointAlignSegment(aligning=group)).alignment_task()
    assert task.virtual == VirtualFrame(Quantile(0.3), Quantile(0.05))


def test_notebooks_show_an_estimator_with_groups():
    shown = estimator_html_repr(JointAlignSegment(segmenting=Segmenting(alpha=0.5)))
    assert "Segmenting" in shown
    assert "alpha" in shown


def test_each_parameter_is_documented_once():
    for cls in ESTIMATORS:
        for name, kind, _ in declared(cls):
            assert cls.__doc__.count(f"\n{name} : ") == 1
            if isinstance(kind, type):
                assert isinstance(group_of(cls(), name), kind)


# A value that is allowed, and is not the one of the fit.
OTHER = {
    "prototypes": {"a": [1.0, 2.0]},
    "n_actions": 2,
    "recipe": "paper",
    "features": None,
    "encoder": (7, 3),
    "max_epochs": 0,
    "device": "cpu",
    "n_jobs": 2,
    "verbose": 1,
    "random_state": 5,
    "matching": "nearest",
    "reference": 1,
    "training__live": True,
    "beta": 9.0,
    "segmenting__method": "asot",
    "segmenting__start": "random",
    "segmenting__n_refine": 0,
    "segmenting__teacher": "self",
    "segmenting__segment_on": "features",
    "segmenting__recurring": True,
    "segmenting__decoder": "chain",
    "segmenting__boundaries": "frames",
    "segmenting__alpha": 1.0,
    "segmenting__eps": 0.5,
    "segmenting__radius": 0.3,
    "segmenting__rho": 5.0,
    "segmenting__lambda_actions": 9.0,
    "aligning__method": "vava",
    "aligning__alpha": 1.0,
    "aligning__eps": 0.5,
    "aligning__radius": 0.3,
    "aligning__rho": 5.0,
    "aligning__zeta": 0.01,
    "aligning__virtual_mass": 0.5,
    "aligning__path_on": "embedding",
    "aligning__memory_limit": "1KB",
    "training__memory_limit": 10_000_000,
    "training__lr": 1.0,
    "training__weight_decay": 1.0,
    "training__tau": 5.0,
    "training__n_frames": 3,
    "training__n_aligned": 2,
    "training__augment": 0.2,
    "training__batch_size": 1,
    "training__max_iter": 0,
    "training__callback": print,
    "training__checkpoint": "nowhere",
    "training__devices": 3,
}


@pytest.fixture(scope="module")
def fitted():
    found = {cls: quick(cls, max_epochs=1).fit(VIDEOS) for cls in ESTIMATORS}
    return {cls: (model, answers(model)) for cls, model in found.items()}


def answers(model):
    found = outputs(model, NEW)
    found["score"] = [np.array(model.score(NEW))]
    if hasattr(model, "align"):
        alignment = model.align(*NEW)
        found["align"] = [alignment.matches_x, alignment.matches_y, alignment.plan]
    return found


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in ESTIMATORS for name in parameters_of(cls)],
)
def test_parameter_set_after_fit_changes_no_answer(cls, name, fitted):
    model, expected = fitted[cls]
    changed = pickle.loads(pickle.dumps(model)).set_params(**{name: OTHER[name]})
    assert plain_params(changed)[name] == OTHER[name]
    for method, results in answers(changed).items():
        for ours, theirs in zip(results, expected[method], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=method)


def test_estimators_need_no_docstrings():
    code = "from skvas import JointAlignSegment; print(JointAlignSegment())"
    command = [sys.executable, "-OO", "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1:] == ["JointAlignSegment()"], done.stderr


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: JointAlignSegment(n_action=3), "did you mean n_actions?"),
        (lambda: JointAlignSegment(tau=0.2), "pass training=Training(tau=0.2)."),
        (
            lambda: JointAlignSegment(alpha=0.3),
            "pass segmenting=Segmenting(alpha=0.3) or aligning=Aligning(alpha=0.3).",
        ),
        (
            lambda: JointAlignSegment(segmenting__alpha=0.3),
            "a group: pass segmenting=Segmenting(alpha=0.3).",
        ),
        (
            lambda: JointAlignSegment(segmenting__alpah=0.3),
            "did you mean alpha of Segmenting?",
        ),
        (lambda: JointAlignSegment(batchsize=3), "batch_size of Training?"),
        (lambda: VideoAligner(n_actions=3), "its parameters are recipe, features,"),
        (lambda: Segmenting(strat="time"), "did you mean start?"),
        (lambda: Training(learning_rate=1), "its parameters are lr, weight_decay,"),
    ],
)
def test_unknown_argument_says_what_was_meant(make, hint):
    with pytest.raises(TypeError, match=re.escape(hint)) as caught:
        make()
    assert "got an unexpected keyword argument" in str(caught.value)


def test_parameter_of_a_group_is_set_by_the_name_of_the_group():
    model = JointAlignSegment()
    with pytest.raises(ValueError, match=r"'tau' .*: it .* so set training__tau\."):
        model.set_params(tau=0.2)
    with pytest.raises(ValueError, match="segmenting__alpha or aligning__alpha"):
        GridSearchCV(model, {"alpha": [0.1]}, error_score="raise", cv=2).fit(VIDEOS)
    assert model.training is None
    with pytest.raises(ValueError, match="Valid parameters are"):
        model.set_params(n_action=3)


def test_constructors_keep_their_signature():
    assert "tau" in inspect.signature(Training).parameters
    assert [*inspect.signature(JointAlignSegment).parameters][0] == "n_actions"
    with pytest.raises(TypeError, match="positional"):
        JointAlignSegment(8, 3)


def test_what_is_allowed_beside_auto_is_said_with_it():
    model = JointAlignSegment(segmenting=Segmenting(start="x"))
    with pytest.raises(InvalidParameterError, match="got 'x'.* leave it at 'auto'"):
        check_declared(model)
