"""Estimators on a GPU that is not there: the CPU's answers, and few waits."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from skvas import ActionSegmenter, JointAlignSegment, VideoAligner, transfer_labels
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


def copies_per_file(log):
    """Count copies by the file of skvas whose line made them."""
    return Counter(Path(e.where.partition(":")[0]).name for e in log.copies)


def answers(model):
    found = outputs(model, NEW)
    found["score"] = [np.array(model.score(NEW))]
    if hasattr(model, "align"):
        alignment = model.align(*NEW)
        found["align"] = [alignment.matches_x, alignment.matches_y]
        found["plan"] = [alignment.plan]
    return found


@pytest.mark.parametrize(
    ("cls", "encoder"),
    [
        *((cls, None) for cls in ESTIMATORS),
        (JointAlignSegment, "temporal"),
        (VideoAligner, "temporal"),
    ],
)
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


@pytest.mark.parametrize("cls", [JointAlignSegment, VideoAligner])
def test_labels_are_transferred_as_on_the_cpu(cls):
    options = {"max_epochs": 0} | (SETTLED if cls is JointAlignSegment else {})
    labels = [np.arange(len(video)) * 4 // len(video) for video in VIDEOS[:2]]
    expected = transfer_labels(
        quick(cls, **options).fit(VIDEOS), VIDEOS[:2], labels, VIDEOS[2:]
    )
    with emulated_gpu():
        model = quick(cls, device="cuda", **options).fit(VIDEOS)
        found = transfer_labels(model, VIDEOS[:2], labels, VIDEOS[2:])
    for name in ("labels", "confidence"):
        pairs = zip(getattr(found, name), getattr(expected, name), strict=True)
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=name)


def test_fitted_model_lies_on_the_cpu():
    with emulated_gpu():
        made = quick(JointAlignSegment, device="cuda", max_epochs=1, **SETTLED)
        model = made.fit(VIDEOS)
        assert model.device_ == "cuda"
    assert {w.device.type for w in model.encoder_.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_waits_and_copies_of_a_step_are_few(cls):
    settled = {"device": "cuda"} | (SETTLED if cls is not VideoAligner else {})
    counts = []

    def count(record):  # at the end of each of two epochs
        counts.append([len(log.waits), len(log.copies)])

    with emulated_gpu() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quick(cls, callback=count, **settled).fit(VIDEOS)
    n_steps = 2  # an epoch of five videos in batches of three
    waits, copies = np.subtract(counts[1], counts[0]) / n_steps
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
    copies = copies_per_file(log)
    assert copies["_batch.py"] == 2  # features to the device, and shares back
    assert copies["_model.py"] == 0  # neither embeddings nor the encoder come or go
    on_cpu = quick(cls, **settled).fit(VIDEOS)
    np.testing.assert_array_equal(found, on_cpu.predict(NEW[0]))


@pytest.mark.parametrize("limit", [None, 200_000])  # in full, and coarse to fine
@pytest.mark.filterwarnings("ignore::skvas.exceptions.CoarseAlignmentWarning")
def test_frames_stay_on_the_device_from_features_to_matches(limit, monkeypatch):
    # Compiled kernels round in another way, and training magnifies it.
    monkeypatch.setattr(_iterations, "COMPILED_ENTRIES", sys.maxsize)
    options = {"max_epochs": 1, "zeta": "30%", "virtual_mass": "40%"}
    options |= {"aligning__memory_limit": limit, "path_on": "both"}
    new = small_videos(3, n_frames=(110, 130))
    with emulated_gpu():
        model = quick(VideoAligner, device="cuda", **options).fit(VIDEOS)
        matched = model.match(new)
    on_cpu = quick(VideoAligner, **options).fit(VIDEOS)
    # What is as large as a video: its features, with those of the other, and how far
    # its frames lean to anchors.
    for anchors, n_large in ((None, 1), ([(20, 30), (70, 60)], 2)):
        with emulated_gpu() as log:
            aligned = model.align(*new[:2], anchors=anchors)
        coming = [e for e in log.copies if e.operator == "to the device"]
        assert sum(event.size >= new[0].size for event in coming) == n_large
        expected = on_cpu.align(*new[:2], anchors=anchors)
        np.testing.assert_array_equal(aligned.matches_x, expected.matches_x)
        np.testing.assert_array_equal(aligned.matches_y, expected.matches_y)
    for ours, theirs in zip(matched, on_cpu.match(new), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_paths_by_the_timeline_are_the_same_on_the_device(monkeypatch):
    monkeypatch.setattr(_iterations, "COMPILED_ENTRIES", sys.maxsize)
    with emulated_gpu():
        model = quick(VideoAligner, device="cuda", max_epochs=1).fit(VIDEOS)
        found = model.align(*NEW[:2])
    on_cpu = quick(VideoAligner, max_epochs=1).fit(VIDEOS)
    assert model.path_on_ == "timeline"
    expected = on_cpu.align(*NEW[:2])
    np.testing.assert_array_equal(found.matches_x, expected.matches_x)
    np.testing.assert_array_equal(found.matches_y, expected.matches_y)


def test_encoder_goes_to_the_device_again_when_its_weights_change():
    with emulated_gpu() as log:
        model = quick(VideoAligner, device="cuda", max_epochs=1).fit(VIDEOS)
        before = model.transform(NEW[0])
        log.copies.clear()
        np.testing.assert_array_equal(model.transform(NEW[0]), before)
        assert len(log.copies) == 2
        with torch.no_grad():
            for weight in model.encoder_.parameters():
                weight.data.neg_()  # the version that torch counts stays the same
        after = model.transform(NEW[0])
        model.encoder_.to("cuda")  # by the user
        np.testing.assert_array_equal(model.transform(NEW[0]), after)
        model.encoder_.to("cpu")
    expected = model.set_params(device="cpu").transform(NEW[0])
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert np.abs(after - before).max() > 0.01
