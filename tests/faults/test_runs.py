"""FAULTS.md, rows 39 to 42 and 55: long runs that are stopped, killed or full.

Twenty kills in a row, instead of a few:
``SKVAS_KILLS=20 python -m pytest tests/faults/test_runs.py -k killed
--log-cli-level=INFO``
"""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from skvas import JointAlignSegment
from skvas.datasets import make_videos
from skvas.persistence._arrays import read_arrays
from tests.models import (
    ESTIMATORS,
    assert_same_outputs,
    assert_same_state,
    outputs,
    quick,
    small_videos,
)

resource = pytest.importorskip("resource", reason="limits are those of Unix")

ROOT = Path(__file__).parents[2]
VIDEOS = small_videos()
KILLS = int(os.environ.get("SKVAS_KILLS", "3"))

# Fits and saves; says when an epoch is over.
KILLED = """
import sys
import torch

torch.set_num_threads(1)
import skvas.training._checkpoint
from skvas import JointAlignSegment
from tests.models import quick, small_videos

def tell(record):
    print(int(record["epoch"]), flush=True)

estimator = quick(
    JointAlignSegment, max_epochs=int(sys.argv[3]), checkpoint=sys.argv[1]
)
skvas.training._checkpoint.SHARE = 1e9  # a file each epoch
estimator.set_params(training__callback=tell).fit(small_videos())
estimator.set_params(training__callback=None).save(sys.argv[2])
"""


def start(checkpoint, model, max_epochs):
    arguments = [sys.executable, "-c", KILLED, checkpoint, model, max_epochs]
    return subprocess.Popen(
        list(map(str, arguments)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(120 + 60 * KILLS)
def test_row_40_killed_at_random_moments_ends_with_the_same_weights(tmp_path):
    moments = random.Random()  # other moments each time
    max_epochs = 40 * KILLS
    checkpoint, model = tmp_path / "run", tmp_path / "model"
    resumed_at = []
    for _ in range(KILLS):
        with start(checkpoint, model, max_epochs) as process:
            resumed_at.append(int(process.stdout.readline()))
            time.sleep(moments.uniform(0, 0.1))
            process.kill()
        assert process.returncode == -signal.SIGKILL, "killed after its end"
    with start(checkpoint, model, max_epochs) as process:
        resumed_at.append(int(process.stdout.readline()))
        process.stdout.read()
    assert process.returncode == 0
    logging.getLogger("skvas").info("first epochs of the runs: %s", resumed_at)
    assert resumed_at == sorted(resumed_at)
    assert resumed_at[-1] > 1

    found, _ = read_arrays(model)
    quick(JointAlignSegment, max_epochs=max_epochs).fit(VIDEOS).save(model)
    expected, _ = read_arrays(model)
    assert found.keys() == expected.keys()
    for name in expected.keys() - {"history_.seconds"}:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_row_39_interrupt_is_answered_within_a_second_and_loses_nothing(
    cls, tmp_path, monkeypatch
):
    monkeypatch.setattr("skvas.training._checkpoint.SHARE", np.inf)  # each epoch
    videos = make_videos(12, n_frames=(800, 1200), random_state=0).videos
    path = tmp_path / "run"
    epochs, sent = [], []

    def interrupt():
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    def begin(record):
        epochs.append(record["epoch"])
        if len(epochs) == 1:
            timer.start()

    timer = threading.Timer(0.2, interrupt)
    estimator = cls(random_state=0, device="cpu").set_params(max_epochs=0).fit(VIDEOS)
    estimator.set_params(
        max_epochs=10_000, training__checkpoint=path, training__callback=begin
    )
    before = vars(estimator).copy()
    threads, own, other = torch.get_num_threads(), torch.get_rng_state(), np.random
    state = other.get_state()[1].copy()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(videos)
    # A second of this process, whatever else keeps the machine busy.
    assert time.process_time() - sent[0] < 1
    assert_same_state(estimator, before)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), own)
    np.testing.assert_array_equal(other.get_state()[1], state)
    kept = read_arrays(path)[0]["history.epoch"]
    # It may come between the end of an epoch and the callback.
    assert kept[-1] in (epochs[-1], epochs[-1] + 1)
    assert os.listdir(tmp_path) == ["run"]


def test_row_39_threads_are_given_back_after_an_interrupt():
    def interrupt(record):
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyboardInterrupt):
            quick(JointAlignSegment, callback=interrupt).fit(VIDEOS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_row_41_full_disk_names_the_checkpoint_and_leaves_the_older_one(tmp_path):
    path = tmp_path / "run"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    older = []

    def fill(record):
        if record["epoch"] == 2:
            older.append(path.read_bytes())
            limit = len(older[0]) // 2
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    estimator = quick(JointAlignSegment, max_epochs=4, checkpoint=path, callback=fill)
    before = vars(estimator).copy()
    try:
        with pytest.raises(OSError, match="could not be written") as caught:
            estimator.fit(VIDEOS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(path)
    assert path.read_bytes() == older[0]
    assert os.listdir(tmp_path) == ["run"]
    assert_same_state(estimator, before)
    resumed = estimator.set_params(training__callback=None).fit(VIDEOS)
    expected = quick(JointAlignSegment, max_epochs=4).fit(VIDEOS)
    assert_same_outputs(outputs(resumed, VIDEOS), outputs(expected, VIDEOS))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_row_41_read_only_folder_is_told_before_training(tmp_path):
    records = []
    tmp_path.chmod(0o500)
    path = tmp_path / "run"
    estimator = quick(JointAlignSegment, checkpoint=path, callback=records.append)
    with pytest.raises(PermissionError) as caught:
        estimator.fit(VIDEOS)
    assert caught.value.filename == str(path)
    assert records == []
