"""Fits leave torch's generators, types and devices alone."""

from __future__ import annotations

import itertools
import math
import os
import pkgutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import skvas
from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Timeline,
    Training,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.live import load_tracker
from tests.models import (
    ESTIMATORS,
    assert_same_outputs,
    fitted_once,
    outputs,
    quick,
    shared_out,
    small_videos,
)

VIDEOS = small_videos()
ROOT = Path(__file__).parents[2]
every = pytest.mark.parametrize("cls", ESTIMATORS)


class Dropping(nn.Module):
    """An encoder of the user's that draws at random."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, frames):
        return nn.functional.dropout(self.linear(frames), 0.3, self.training)


@pytest.mark.parametrize("encoder", [None, "temporal", "own"])
def test_fits_in_threads_are_those_of_one_after_another(encoder):
    if encoder == "own":
        torch.manual_seed(0)
        encoder = Dropping()

    def weights(seed):
        model = quick(
            JointAlignSegment,
            random_state=seed,
            encoder=encoder,
            features=None if encoder else "auto",
        ).fit(VIDEOS)
        state = model.encoder_.state_dict().values()
        return np.concatenate([tensor.numpy().ravel() for tensor in state])

    before = torch.get_rng_state()
    expected = [weights(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(weights, range(3)))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert torch.equal(torch.get_rng_state(), before)


@every
def test_fit_never_seeds_the_generator_of_the_process(cls, monkeypatch):
    def fail(seed):
        raise AssertionError("the process's generator was seeded")

    monkeypatch.setattr(torch, "manual_seed", fail)
    monkeypatch.setattr(torch, "set_rng_state", fail)
    quick(cls).fit(VIDEOS)


class Double(nn.Module):
    """An encoder of the user's that works in float64."""

    def __init__(self, *, weights):
        super().__init__()
        dtype = torch.float64 if weights else torch.float32
        self.linear = nn.Linear(5, 4, dtype=dtype)

    def forward(self, frames):
        return self.linear(frames).double()


@every
@pytest.mark.parametrize("weights", [True, False])
def test_encoder_may_work_in_float64(cls, weights):
    encoder = Double(weights=weights)
    model = quick(cls, encoder=encoder, features=None).fit(VIDEOS)
    assert model.transform(VIDEOS[0]).dtype == np.float32


def assert_default_type_makes_no_difference(model, expected, dtype):
    expected = outputs(expected, VIDEOS)
    try:
        torch.set_default_dtype(dtype)
        found = outputs(model.fit(VIDEOS), VIDEOS)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_same_outputs(found, expected)


each_encoder = pytest.mark.parametrize(
    ("cls", "encoder"), shared_out([None, "temporal", (8, 4)])
)


@each_encoder
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_default_type_of_torch_makes_no_difference(cls, encoder, dtype):
    model, expected = quick(cls, encoder=encoder), fitted_once(cls, encoder=encoder)
    assert_default_type_makes_no_difference(model, expected, dtype)


@pytest.mark.parametrize(
    "aligning",
    [{"memory_limit": "5KB"}, {"virtual_mass": "30%"}, {"method": "vava"}],
)
@pytest.mark.filterwarnings("ignore::skvas.exceptions.CoarseAlignmentWarning")
def test_default_type_of_torch_makes_no_difference_to_alignments(aligning):
    model, expected = (quick(VideoAligner, aligning=aligning) for _ in range(2))
    expected.fit(VIDEOS)
    for dtype in (torch.float64, torch.bfloat16):
        assert_default_type_makes_no_difference(model, expected, dtype)


@each_encoder
def test_default_device_of_torch_makes_no_difference(cls, encoder, tmp_path):
    model = fitted_once(cls, encoder=encoder)
    model.save(tmp_path / "model")
    try:
        torch.set_default_device("meta")  # which can compute nothing
        fitted = outputs(quick(cls, encoder=encoder).fit(VIDEOS), VIDEOS)
        loaded = outputs(skvas.load(tmp_path / "model"), VIDEOS)
    finally:
        torch.set_default_device(None)
    assert_same_outputs(fitted, outputs(model, VIDEOS))
    assert_same_outputs(loaded, outputs(model, VIDEOS))


class Normalised(nn.Module):
    """An encoder of the user's with buffers, and with weights that are shared."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(5), nn.Linear(5, 5)
        self.again = self.linear

    def forward(self, frames):
        normed = self.norm(frames.flatten(0, 1)).reshape(frames.shape)
        return self.again(self.linear(normed).tanh())


def some_frames(model):
    """Return frames as the encoder of a model takes them."""
    width = next(model.encoder_.parameters()).shape[-1]
    return torch.ones(1, 3, width)


@pytest.mark.parametrize(
    ("cls", "case"),
    shared_out(itertools.product([torch.no_grad, torch.inference_mode], [False, True])),
)
def test_gradients_that_the_caller_has_turned_off_make_no_difference(cls, case):
    mode, own = case

    def fitted(encoder=None):
        features = None if own else "auto"
        if encoder is None and own:
            torch.manual_seed(0)
            encoder = Normalised()
        model = quick(cls, max_epochs=1, encoder=encoder, features=features)
        return model.fit(VIDEOS)

    model = fitted()
    expected = outputs(model, VIDEOS)
    with mode():
        found = fitted()
        assert not torch.is_grad_enabled()
        assert_same_outputs(outputs(found, VIDEOS), expected)
        assert_same_outputs(outputs(model, VIDEOS), expected)
    assert_same_outputs(outputs(found, VIDEOS), expected)
    # What was fitted may be trained on, by the user or as encoder of another fit.
    found.encoder_(some_frames(found)).sum().backward()
    fitted(found.encoder_)


SHORT = make_videos(6, n_actions=4, n_frames=(40, 60), random_state=0)
ONE = SHORT.videos[0]
PARTLY = [np.array(list("abcd"))[SHORT.labels[0]], *[None] * 5]


def answers_of_segmenter(tmp_path):
    model = ActionSegmenter(4, max_epochs=0, random_state=0).fit(SHORT.videos)
    yield from model.predict_proba(SHORT.videos)
    yield model.stream().push(SHORT.videos[0]).probabilities


def answers_by_labels(tmp_path):
    model = JointAlignSegment(max_epochs=0, random_state=0).fit(SHORT.videos, PARTLY)
    yield from model.predict_proba(SHORT.videos)
    yield model.stream(lag=math.inf).push(SHORT.videos[0]).probabilities


def answers_of_stream(tmp_path):
    model = JointAlignSegment(4, max_epochs=0, random_state=0).fit(SHORT.videos)
    yield from model.predict_proba(SHORT.videos)
    stream = model.stream(lag=2)
    yield stream.push(SHORT.videos[0][:30]).probabilities
    stream.save(tmp_path / "tracker")
    stream = load_tracker(tmp_path / "tracker")
    yield stream.push(SHORT.videos[0][30:]).probabilities
    yield np.array([stream.current_.probability])
    yield np.array([following.probability for following in stream.next_])
    yield stream.finish().rest.probabilities


def answers_of_timeline(tmp_path):
    timeline = Timeline(4, random_state=0).fit(SHORT.videos)
    yield from timeline.predict_proba(SHORT.videos)
    yield from timeline.labels(PARTLY)
    yield from timeline.label_shares(PARTLY)[1]


@pytest.mark.parametrize(
    "answers",
    [answers_of_segmenter, answers_by_labels, answers_of_stream, answers_of_timeline],
)
def test_errors_of_numpy_that_the_caller_has_turned_on_are_not_raised(
    answers, tmp_path
):
    expected = [*answers(tmp_path)]
    with np.errstate(all="raise"):
        found = [*answers(tmp_path)]
        assert np.geterr()["under"] == "raise"
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Whether numbers become that small depends on the data.
GUARDED = {
    "timeline._timeline.build_timeline": lambda made: Timeline(4).fit(SHORT.videos),
    "timeline._model.TimelineModel.actions": lambda made: made.timeline.predict(ONE),
    "timeline._model.TimelineModel.action_shares": (
        lambda made: made.timeline.predict_proba(ONE)
    ),
    "timeline._model.TimelineModel.boundaries": (
        lambda made: made.timeline.boundaries(ONE)
    ),
    "estimators._streams.LiveTracker": lambda made: made.model.stream(),
    "live._tracker._restored": lambda made: load_tracker(made.path),
    "live._tracker.LiveTracker._answer": lambda made: made.late.finish(),
    "live._tracker.LiveTracker._place": lambda made: made.stream.current_,
    "live._tracker.NextStep": lambda made: made.stream.next_,
    "live._embedder.check_frames": lambda made: made.embedder.push(ONE),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    model = JointAlignSegment(4, max_epochs=0, random_state=0).fit(SHORT.videos)
    timeline = Timeline(4, random_state=0).fit(SHORT.videos)
    stream, late = model.stream(), model.stream(lag=3)
    stream.push(ONE[:30])
    late.push(ONE)
    path = tmp_path_factory.mktemp("streams") / "tracker"
    stream.save(path)
    live = VideoAligner(training=Training(live=True), max_epochs=0).fit(SHORT.videos)
    return SimpleNamespace(
        model=model,
        timeline=timeline,
        stream=stream,
        late=late,
        path=path,
        embedder=live.embedder(),
    )


@pytest.mark.parametrize("inside", GUARDED)
def test_numbers_may_become_too_small_in(inside, made, monkeypatch):
    owner, name = f"skvas.{inside}".rsplit(".", 1)
    original, seen = pkgutil.resolve_name(f"skvas.{inside}"), []

    def spy(*args, **options):
        seen.append(np.geterr()["under"])
        return original(*args, **options)

    monkeypatch.setattr(pkgutil.resolve_name(owner), name, spy)
    with np.errstate(under="raise"):
        GUARDED[inside](made)
    assert set(seen) == {"ignore"}


def test_model_that_is_loaded_without_gradients_is_like_any_other(tmp_path):
    model = quick(JointAlignSegment).fit(VIDEOS)
    model.save(tmp_path / "model")
    with torch.inference_mode():
        loaded = skvas.load(tmp_path / "model")
    assert_same_outputs(outputs(loaded, VIDEOS), outputs(model, VIDEOS))
    loaded.encoder_(some_frames(loaded)).sum().backward()


FIT_ON_CPU = """
import sys
import torch
from tests.models import ESTIMATORS, quick, small_videos

def fail(*args, **options):
    raise AssertionError("CUDA was touched")

quick(ESTIMATORS[0]).fit(small_videos())  # torch imports parts of itself in a first fit
assert "torch._dynamo" not in sys.modules, "a fit loaded torch's compiler"
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: 2
for name in ("init", "_lazy_init", "get_rng_state", "set_rng_state", "manual_seed",
             "manual_seed_all"):
    setattr(torch.cuda, name, fail)
for cls in ESTIMATORS:
    quick(cls).fit(small_videos())
quick(cls, encoder=torch.nn.Linear(5, 4), features=None).fit(small_videos())
print("untouched")
"""


def test_fit_on_a_cpu_touches_no_gpu():
    done = subprocess.run(
        [sys.executable, "-c", FIT_ON_CPU],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "untouched\n", done.stderr
