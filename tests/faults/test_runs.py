"""FAULTS.md, rows 39 to 42 and 55 to 58: long runs that are stopped, killed or full.

Twenty kills in a row, instead of a few:
``SKVAS_KILLS=20 python -m pytest tests/faults/test_runs.py -k killed
--log-cli-level=INFO``
"""

from __future__ import annotations

import contextlib
import errno
import logging
import multiprocessing
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

import skvas.training._checkpoint
from skvas import JointAlignSegment
from skvas.__main__ import _on_signals
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
KILLS = int(os.environ.get("SKVAS_KILLS", "2"))
# Imports are those of this process, which take longer than the fits.
FORK = multiprocessing.get_context("fork")


def fit_and_save(checkpoint, model, max_epochs, stop, epochs):
    """Fit with a checkpoint after each epoch; send the number of each that is over.

    After the epoch `stop`, wait to be killed, for whom a busy machine may delay.
    """

    def tell(record):
        epochs.send(int(record["epoch"]))
        if record["epoch"] == stop:
            threading.Event().wait()

    skvas.training._checkpoint.SHARE = 1e9
    estimator = quick(JointAlignSegment, max_epochs=max_epochs, checkpoint=checkpoint)
    estimator.set_params(training__callback=tell)
    estimator.fit(VIDEOS).set_params(training__callback=None).save(model)


def start(*arguments):
    """Start a process that fits; return it, and the epochs that it tells."""
    told, epochs = FORK.Pipe(duplex=False)
    args = (*arguments, epochs)
    process = FORK.Process(target=fit_and_save, args=args, daemon=True)
    process.start()
    epochs.close()
    return process, told


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_row_40_killed_at_random_moments_ends_with_the_same_weights(tmp_path):
    moments = random.Random()  # other moments each time
    max_epochs = 10 * (KILLS + 1)
    checkpoint, model = tmp_path / "run", tmp_path / "model"
    resumed_at = []
    for kill in range(1, KILLS + 1):
        process, told = start(checkpoint, model, max_epochs, 10 * kill)
        resumed_at.append(told.recv())
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "killed after its end"
    process, told = start(checkpoint, model, max_epochs, None)
    resumed_at.append(told.recv())
    with contextlib.suppress(EOFError):
        while told.recv():
            pass
    process.join()
    assert process.exitcode == 0
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


@pytest.mark.parametrize("name", ["no/such/run", ""], ids=["no folder", "a folder"])
def test_row_41_place_of_no_checkpoint_is_told_before_videos_are_read(name, tmp_path):
    class Unread:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise AssertionError("a video was read")

    path = str(tmp_path / name)
    with pytest.raises(OSError, match="could not be written") as caught:
        quick(JointAlignSegment, checkpoint=path).fit(Unread())
    assert caught.value.filename == path
    assert os.listdir(tmp_path) == []


def test_checkpoint_of_a_training_that_is_over_may_be_write_protected(tmp_path):
    path = tmp_path / "run"
    quick(JointAlignSegment, checkpoint=path).fit(VIDEOS)
    path.chmod(0o400)
    assert quick(JointAlignSegment, checkpoint=path).fit(VIDEOS).n_iter_ > 0


# Two workers that are busy for long; they say when they have begun.
WORKERS = """
import sys
import time
from pathlib import Path

import torch

torch.set_num_threads(1)
from skvas import ActionSegmenter, predict_files
from skvas.__main__ import main
from skvas.cli import _main
from tests.models import quick, small_videos

def read(path):
    print("reading", flush=True)
    time.sleep(100)

def work(options=None):
    model = quick(ActionSegmenter).fit(small_videos())
    predict_files(model, ["a", "b", "c"], sys.argv[2], read=read, n_jobs=2)

_main.parse, _main.run = lambda: None, work
_main.find_command = lambda options: None
sys.exit(main() if sys.argv[1] == "command" else work())
"""


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("script", signal.SIGKILL, -signal.SIGKILL),
        ("command", signal.SIGTERM, 128 + signal.SIGTERM),
    ],
)
def test_row_60_workers_end_with_the_process_that_started_them(
    kind, number, expected, tmp_path
):
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS, kind, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = ""
            while said.count("reading") < 2:
                line = process.stdout.readline()
                assert line, said
                said += line
            process.send_signal(number)
            sent = time.monotonic()
            rest = process.stdout.read()  # ends when all that hold the pipe have
            # Half a second, and what a busy machine needs; else they read 100 s.
            assert time.monotonic() - sent < 30
            assert process.wait() == expected
            assert "Traceback" not in rest
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def run_command(shell):
    """Run the command line in a shell, where {skvas} stands for it."""
    command = f"{sys.executable} -m skvas"
    return subprocess.run(
        ["bash", "-c", shell.format(skvas=command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_row_60_signal_during_imports_ends_the_command_in_silence(number, tmp_path):
    (tmp_path / "numpy.py").write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(100)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "skvas", "fit", "gone", "-o", "m"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    ) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        assert process.stdout.read() == ""
    assert process.returncode == 128 + number


def test_row_60_what_windows_sends_in_place_of_signals_is_obeyed(monkeypatch):
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}

    def end(number, frame):
        raise AssertionError

    try:
        _on_signals(end)
        assert signal.getsignal(signal.SIGUSR1) is end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("closed", [">&-", ">/dev/full"])
def test_row_61_output_that_cannot_be_written_is_a_failure_without_traceback(
    closed,
):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    found = run_command(f"{{skvas}} --version {closed}")
    assert found.returncode == 1
    assert found.stderr == ""


def test_row_61_command_works_where_it_may_say_nothing():
    found = run_command("{skvas} --version <&- 2>&-")
    assert found.returncode == 0
    assert found.stdout == f"{skvas.__version__}\n"
