"""Several processes train what one would."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skvas import ActionSegmenter, JointAlignSegment
from skvas.training import _distributed
from skvas.training._distributed import FabricTeam, join_team, launch
from skvas.training._sampling import PairSampler
from tests.models import ESTIMATORS, quick, small_videos

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
VIDEOS = small_videos(7)  # in batches of 3: the last is too small for two processes


def weights(estimator):
    found = {n: w.numpy() for n, w in estimator.encoder_.state_dict().items()}
    return found | {"prototypes": getattr(estimator, "prototypes_", np.zeros(1))}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-6)


@pytest.fixture
def fabric():
    return pytest.importorskip("lightning_fabric")


@pytest.fixture(scope="module")
def alone():
    """Estimators that one process has trained."""
    return {cls: quick(cls, max_epochs=4).fit(VIDEOS) for cls in ESTIMATORS}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_two_processes_end_with_the_weights_of_one(cls, alone, fabric):
    environment, log_level = dict(os.environ), fabric._logger.level
    found = quick(cls, max_epochs=4, devices=2).fit(VIDEOS)
    assert_close(weights(found), weights(alone[cls]))
    for ours, theirs in zip(
        found.predict(VIDEOS), alone[cls].predict(VIDEOS), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert vars(found).keys() == vars(alone[cls]).keys()
    # Which is of a process's share of the videos.
    for name in found.history_.keys() - {"seconds", "embedding_rank"}:
        np.testing.assert_allclose(
            found.history_[name], alone[cls].history_[name], rtol=1e-5
        )
    assert dict(os.environ) == environment
    assert fabric._logger.level == log_level


def test_processes_may_be_more_than_pairs(alone, fabric):
    found = quick(ActionSegmenter, max_epochs=4, devices=4).fit(VIDEOS)
    assert_close(weights(found), weights(alone[ActionSegmenter]))


class Experts(nn.Module):
    """An encoder with a network for each of two kinds of videos."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(5, 6) for _ in range(2))

    def forward(self, frames):
        kinds = (frames.mean(dim=(1, 2)) > 0).long()
        embedded = frames.new_zeros(*frames.shape[:2], 6)
        for kind in kinds.unique():
            these = kinds == kind
            embedded[these] = self.experts[kind](frames[these])
        return embedded


def test_weights_that_one_process_alone_has_used_are_the_same_in_all(fabric):
    torch.manual_seed(0)
    parameters = {"encoder": Experts(), "features": None, "batch_size": 2}
    videos = [(-1) ** i * np.abs(video) for i, video in enumerate(VIDEOS)]
    found, expected = (
        quick(ActionSegmenter, **parameters, devices=n).fit(videos) for n in (2, 1)
    )
    assert_close(weights(found), weights(expected))


def say_at_the_end(folder, work, team, device):
    """Work, and write at the end of the process whether it is still connected."""

    def say():
        (folder / str(team.rank)).write_text(str(torch.distributed.is_initialized()))

    assert torch.distributed.is_initialized()
    Finalize(None, say, exitpriority=0)
    work(team, device)


def said_by_two(folder):
    return [(folder / rank).read_text() for rank in "01"]


def test_spawned_processes_do_the_same_in_silence(
    alone, fabric, capfd, monkeypatch, tmp_path
):
    def spawn(work, n_processes, device):
        launch(partial(say_at_the_end, tmp_path, work), n_processes, device, "spawn")

    monkeypatch.setattr("skvas.training._trainer.launch", spawn)
    found = quick(ActionSegmenter, max_epochs=4, devices=2)
    assert_close(weights(found.fit(VIDEOS)), weights(alone[ActionSegmenter]))
    assert capfd.readouterr() == ("", "")
    # They end without connections: threads of open ones may abort them.
    assert said_by_two(tmp_path) == ["False"] * 2


def test_forked_processes_say_nothing(fabric, capfd):
    quick(ActionSegmenter, devices=2).fit(VIDEOS)
    assert capfd.readouterr() == ("", "")


def test_training_of_two_processes_resumes_from_a_checkpoint(tmp_path, alone, fabric):
    def stop(record):
        if record["epoch"] == 2:
            raise RuntimeError("enough")

    estimator = quick(
        JointAlignSegment,
        max_epochs=4,
        devices=2,
        checkpoint=tmp_path / "run",
        callback=stop,
    )
    others = multiprocessing.active_children()  # joblib keeps its own
    with pytest.raises(Exception, match="enough"):
        estimator.fit(VIDEOS)
    assert set(multiprocessing.active_children()) <= set(others)
    # The number of processes is not the training's.
    resumed = estimator.set_params(training__callback=None, training__devices=3).fit(
        VIDEOS
    )
    assert resumed.history_["epoch"].tolist() == [1, 2, 3, 4]
    assert_close(weights(resumed), weights(alone[JointAlignSegment]))


def test_all_processes_end_when_the_callback_of_the_first_says_so(alone, fabric):
    def enough(record):
        return record["epoch"] == 2

    estimator = quick(JointAlignSegment, max_epochs=4, devices=2, callback=enough)
    ended = estimator.fit(VIDEOS)
    assert ended.history_["epoch"].tolist() == [1, 2]
    expected = quick(JointAlignSegment, max_epochs=4, callback=enough).fit(VIDEOS)
    assert_close(weights(ended), weights(expected))


def test_row_39_interrupt_ends_all_processes(fabric):
    parent = os.getpid()

    def interrupt(record):
        if record["epoch"] == 1:
            os.kill(parent, signal.SIGINT)

    estimator = quick(ActionSegmenter, max_epochs=10_000, devices=2, callback=interrupt)
    before, others = vars(estimator).copy(), multiprocessing.active_children()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(VIDEOS)
    assert set(multiprocessing.active_children()) <= set(others)
    assert vars(estimator) == before


def do_nothing(team, device):
    pass


def test_forked_processes_end_without_connections(tmp_path, fabric):
    launch(partial(say_at_the_end, tmp_path, do_nothing), 2, CPU)
    assert said_by_two(tmp_path) == ["False"] * 2


def refuse(*_):
    raise RuntimeError("Unable to handle autograd's threading after a fork")


def say_strategy(device, n_processes, strategy):
    raise LookupError(strategy)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of Unix")
@pytest.mark.parametrize(("can_train", "found"), [(True, "fork"), (False, "spawn")])
def test_processes_are_spawned_where_forked_ones_get_no_gradients(
    can_train, found, monkeypatch, capfd
):
    monkeypatch.setattr(_distributed, "_fabric", say_strategy)
    if not can_train:
        monkeypatch.setattr(torch.Tensor, "backward", refuse)
    with pytest.raises(LookupError, match=f"ddp_{found}"):
        launch(print, 2, CPU)
    assert capfd.readouterr() == ("", "")


def test_processes_are_spawned_on_macos(monkeypatch):
    monkeypatch.setattr(_distributed, "_fabric", say_strategy)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LookupError, match="ddp_spawn"):
        launch(print, 2, CPU)


@pytest.mark.parametrize("before", [None, "1"])
def test_windows_is_not_asked_for_what_torch_lacks_there(monkeypatch, before):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("USE_LIBUV", raising=False)
    if before is not None:
        monkeypatch.setenv("USE_LIBUV", before)
    with _distributed._unnoticed():
        assert os.environ["USE_LIBUV"] == (before or "0")
    assert os.environ.get("USE_LIBUV") == before


def fit_in_daemon(queue):
    try:
        quick(ActionSegmenter, devices=2).fit(VIDEOS)
    except ValueError as error:
        queue.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of Unix")
def test_row_59_daemon_process_is_told_that_it_may_start_no_others(fabric):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    daemon = context.Process(target=fit_in_daemon, args=(queue,), daemon=True)
    daemon.start()
    assert "devices=2 starts processes, which a daemon" in queue.get(timeout=60)
    daemon.join()


TORCHRUN = """
import atexit
import sys
from pathlib import Path
import numpy as np
from torch import distributed
from skvas import ActionSegmenter
from tests.models import quick, small_videos

@atexit.register  # before skvas has: this is called after what it registers
def say():
    open_ones = str(distributed.is_initialized())
    Path(f"{sys.argv[1]}/{rank}.txt").write_text(open_ones)

told = []
estimator = quick(ActionSegmenter, max_epochs=4, devices=2, checkpoint=sys.argv[2])
estimator.set_params(training__callback=told.append).fit(small_videos(7))
arrays = {n: w.numpy() for n, w in estimator.encoder_.state_dict().items()}
rank = distributed.get_rank()
np.savez(f"{sys.argv[1]}/{rank}.npz", prototypes=estimator.prototypes_, **arrays)
assert len(told) == (0 if rank else 4)
"""


def test_torchrun_gives_every_process_the_weights_of_one(tmp_path, alone, fabric):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(TORCHRUN))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*command, "--nproc_per_node=2", script, tmp_path, tmp_path / "run"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    expected = weights(alone[ActionSegmenter])
    for rank in (0, 1):
        assert_close(dict(np.load(tmp_path / f"{rank}.npz")), expected)
        assert (tmp_path / f"{rank}.txt").read_text() == "False"


def test_number_of_processes_of_torchrun_must_be_devices(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="devices=2, but torchrun has started 4"):
        join_team(2, CPU)
    with pytest.raises(ValueError, match="torchrun"):
        quick(ActionSegmenter, devices=2).fit(VIDEOS)


class FakeFabric:
    """What process 1 of 2 sees, where process 0 has said something."""

    global_rank, world_size = 1, 2

    def __init__(self, said):
        self.said = said

    def barrier(self):
        pass

    def broadcast(self, mine):
        return self.said

    def all_reduce(self, tensor, reduce_op):
        assert reduce_op == "sum"
        return tensor + 1


def test_processes_that_disagree_are_told():
    FabricTeam(FakeFabric("ours")).check_agreement("ours")
    with pytest.raises(ValueError, match="process 1 has prepared another training"):
        FabricTeam(FakeFabric("theirs")).check_agreement("ours")


def test_sums_go_back_to_where_they_came_from():
    tensors = [torch.zeros(2, 3), torch.tensor(4.0), torch.ones(1, dtype=torch.float64)]
    FabricTeam(FakeFabric("")).add_up(tensors)
    assert [tensor.tolist() for tensor in tensors] == [[[1.0] * 3] * 2, 5.0, [2.0]]


@given(
    n_videos=st.integers(1, 9),
    batch_size=st.integers(1, 5),
    n_ranks=st.integers(1, 6),
    seed=st.integers(0, 9),
)
def test_shares_of_a_batch_make_up_the_batch(n_videos, batch_size, n_ranks, seed):
    rng = np.random.RandomState(0)
    videos = [rng.standard_normal((n, 2)).astype("f4") for n in range(3, 3 + n_videos)]

    def batches(rank, n_ranks):
        source = np.random.RandomState(seed)
        sampler = PairSampler(
            videos, 5, batch_size, source, CPU, rank=rank, n_ranks=n_ranks
        )
        return list(sampler.epoch()), source.random_sample()

    expected, state = batches(0, 1)
    teams = [batches(rank, n_ranks) for rank in range(n_ranks)]
    assert all(after == state for _, after in teams)
    for k, whole in enumerate(expected):
        shares = [found[k] for found, _ in teams]
        assert whole.weight == 1
        assert sum(share.weight for share in shares) == pytest.approx(1)
        for side in ("x", "y"):
            theirs = getattr(whole, side)
            n = len(theirs.lengths)
            for rank, share in enumerate(shares):
                ours, positions = getattr(share, side), list(range(rank, n, n_ranks))
                assert share.weight * n == pytest.approx(len(positions))
                for row, position in enumerate(positions):
                    length = theirs.lengths[position]
                    assert ours.lengths[row] == length
                    assert torch.equal(
                        ours.frames[row, :length], theirs.frames[position, :length]
                    )


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"devices": 0}, "devices"), ({"devices": "two"}, "devices")],
)
def test_parameters_out_of_range_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        quick(ActionSegmenter, **parameters).fit(VIDEOS)
