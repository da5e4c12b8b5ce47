"""Estimators on a GPU that is not there: the CPU's answers, and few waits."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner
from skvas.transport import _iterations
from tests.emulated import emulated_gpu
from tests.models import ESTIMATORS, outputs, quick, small_videos

# Nothing is left to choose before training, which takes most of the time here.
SETTLED = {"start": "kmeans", "alpha": 0.5, "lambda_actions": 0.1}

VIDEOS = small_videos()
NEW = small_videos(7)[5:]
# Waits and copies of a step of the training, with those of its epoch shared out. Two
# waits are the effective rank's, two those of each transport problem.
BOUNDS = {
    ActionSegmenter: (4.5, 8),
    VideoAligner: (4.5, 15),
    JointAlignSegment: (6.5, 20),
}


def answers(model):
    found = outputs(model, NEW)
    found["score"] = [np.array(model.score(NEW))]
    if hasattr(model, "align"):
        alignment = model.align(*NEW)
        found["align"] = [alignment.matches_x, alignment.matches_y]
        found["plan"] = [alignment.plan]
    return found


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("encoder", [None, "temporal"])
def test_answers_are_those_of_the_cpu_and_no_devices_are_mixed(
    cls, encoder, monkeypatch
):
    # Compiled kernels round in another way, and training magnifies it.
    monkeypatch.setattr(_iterations, "COMPILED_ENTRIES", sys.maxsize)
    options = {"encoder": encoder, "max_epochs": 1}
    if cls is ActionSegmenter or (encoder and cls is JointAlignSegment):
        options |= SETTLED
    if cls is not ActionSegmenter:
        options |= {"zeta": "30%", "virtual_mass": "40%"}
    expected = answers(quick(cls, **options).fit(VIDEOS))
    with emulated_gpu() as log:
        found = answers(quick(cls, **options | {"device": "cuda"}).fit(VIDEOS))
    assert log.mixed == []
    assert log.copies != []
    for method, results in expected.items():
        for ours, theirs in zip(found[method], results, strict=True):
            if np.issubdtype(ours.dtype, np.integer):
                np.testing.assert_array_equal(ours, theirs, err_msg=method)
            else:
                np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=method)


def test_fitted_model_lies_on_the_cpu():
    with emulated_gpu():
        made = quick(JointAlignSegment, device="cuda", max_epochs=1, **SETTLED)
        model = made.fit(VIDEOS)
        assert model.device_ == "cuda"
    assert {w.device.type for w in model.encoder_.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_waits_and_copies_of_a_step_are_few(cls):
    settled = {"device": "cuda"} | (SETTLED if cls is not VideoAligner else {})

    def count(max_epochs):
        with emulated_gpu() as log, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quick(cls, max_epochs=max_epochs, **settled).fit(VIDEOS)
        return np.array([len(log.waits), len(log.copies)])

    n_steps = 2  # an epoch of five videos in batches of three
    waits, copies = (count(2) - count(1)) / n_steps
    most_waits, most_copies = BOUNDS[cls]
    assert 0 < waits <= most_waits
    assert 0 < copies <= most_copies


@pytest.mark.parametrize("cls", [ActionSegmenter, JointAlignSegment])
def test_frames_stay_on_the_device_from_features_to_labels(cls):
    settled = {"segment_on": "embedding", "max_epochs": 0} | SETTLED
    with emulated_gpu() as log:
        model = quick(cls, device="cuda", **settled).fit(VIDEOS)
        log.copies.clear()
        found = model.predict(NEW[0])
    files = [Path(event.where.partition(":")[0]).name for event in log.copies]
    assert files.count("_batch.py") == 2  # features to the device, and shares back
    assert "_model.py" not in files  # where videos are embedded one by one
    on_cpu = quick(cls, **settled).fit(VIDEOS)
    np.testing.assert_array_equal(found, on_cpu.predict(NEW[0]))
