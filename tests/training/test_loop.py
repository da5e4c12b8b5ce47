"""The training loop: what it records, calls and leaves behind."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from skvas._printing import tell
from skvas.tasks._segmentation import SegmentationTask
from skvas.training._callbacks import announce, progress
from skvas.training._loop import train
from skvas.training._objective import (
    Losses,
    Objective,
    _segmentation_parts,
    effective_rank,
)
from skvas.training._sampling import Pairs, PairSampler
from skvas.transport import unit
from skvas.videos._batch import pad

CPU = torch.device("cpu")


class Point(nn.Module):
    """A parameter that is drawn to the mean of the frames."""

    def __init__(self):
        super().__init__()
        self.at = nn.Parameter(torch.zeros(2))


def run(compute=None, *, point=None, max_epochs=4, n_videos=5, **options):
    point = point or Point()
    videos = [np.ones((3, 2), dtype=np.float32) for _ in range(n_videos)]
    sampler = PairSampler(videos, 3, 2, np.random.RandomState(0), CPU)

    def distance(pairs, progress):
        loss = (pairs.x.frames - point.at).square().mean()
        return Losses(loss, {"progress": torch.tensor(progress)})

    defaults = {"lr": 0.1, "weight_decay": 0.0, "after_step": lambda: None}
    history = train(
        compute or distance,
        sampler,
        nn.ModuleList([point]),
        max_epochs=max_epochs,
        **defaults | options,
    )
    return history, point


def test_loss_falls_and_the_history_says_so():
    history, point = run(max_epochs=20, lr=0.02)
    assert (np.diff(history["loss"]) < 0).all()
    assert (point.at > 0.5).all()


def test_history_has_one_value_an_epoch():
    history, _ = run(max_epochs=4)
    assert set(history) == {"epoch", "loss", "progress", "seconds"}
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["progress"].tolist() == [0, 0.25, 0.5, 0.75]
    assert (history["seconds"] >= 0).all()
    assert all(values.shape == (4,) for values in history.values())


def test_history_holds_means_over_the_batches_of_an_epoch():
    numbers = iter(range(100))

    def count(pairs, progress):
        return Losses(point.at.sum(), {"number": torch.tensor(float(next(numbers)))})

    point = Point()
    history, _ = run(count, point=point, max_epochs=2, n_videos=5)  # 3 batches
    assert history["number"].tolist() == [1, 4]


def test_no_epochs_give_an_empty_history_and_change_nothing():
    history, point = run(max_epochs=0)
    assert all(len(values) == 0 for values in history.values())
    assert {"epoch", "loss", "seconds"} <= set(history)
    assert (point.at == 0).all()


def test_after_step_is_called_after_each_step():
    seen = []
    point = Point()
    run(point=point, after_step=lambda: seen.append(point.at.detach().clone()))
    assert len(seen) == 4 * 3
    assert all((b != a).all() for a, b in zip(seen, seen[1:], strict=False))


def test_modules_train_inside_and_rest_outside():
    modes = []

    def compute(pairs, progress):
        modes.append(point.training)
        return Losses(point.at.square().sum(), {})

    point = Point().eval()
    run(compute, point=point, max_epochs=1)
    assert set(modes) == {True}
    assert not point.training


def test_rate_and_decay_are_those_of_adam():
    # The first step of Adam has the length of the learning rate.
    _, point = run(max_epochs=1, n_videos=2, lr=0.25)
    torch.testing.assert_close(point.at.detach(), torch.full((2,), 0.25))
    pulled = Point()
    with torch.no_grad():
        pulled.at.fill_(1.0)  # no gradient here but that of the decay
    run(point=pulled, max_epochs=1, n_videos=2, lr=0.25, weight_decay=0.1)
    torch.testing.assert_close(pulled.at.detach(), torch.full((2,), 0.75))


def test_callback_gets_the_record_of_each_epoch():
    records = []
    history, _ = run(max_epochs=3, callback=records.append)
    assert [record["epoch"] for record in records] == [1, 2, 3]
    for name, values in history.items():
        assert [record[name] for record in records] == values.tolist()
    assert all(isinstance(record["loss"], float) for record in records)


@pytest.mark.parametrize(
    "change", [dict.clear, lambda r: r.pop("loss"), lambda r: r.update(loss=0.0, new=1)]
)
def test_row_58_callback_that_changes_its_record_changes_nothing_else(change):
    history, _ = run(max_epochs=3, callback=change)
    expected, _ = run(max_epochs=3)
    assert history.keys() == expected.keys()
    assert history["loss"].tolist() == expected["loss"].tolist()


@pytest.mark.parametrize(
    ("answer", "n_epochs"),
    [(True, 2), (np.True_, 2), (np.False_, 5), (1, 5), (None, 5)],
)
def test_training_ends_with_the_epoch_for_which_the_callback_says_true(
    answer, n_epochs
):
    history, point = run(
        max_epochs=5, callback=lambda record: record["epoch"] == 2 and answer
    )
    assert history["epoch"].tolist() == list(range(1, n_epochs + 1))
    assert not point.training


def test_exception_of_a_callback_ends_the_training():
    records = []

    def stop(record):
        records.append(record)
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(max_epochs=10, callback=stop)
    assert len(records) == 2


@pytest.mark.parametrize(
    ("verbose", "max_epochs", "lines"),
    [(0, 30, 0), (1, 30, 10), (2, 30, 30), (1, 3, 3), (1, 25, 13)],
)
def test_verbose_says_how_many_lines_are_logged(caplog, verbose, max_epochs, lines):
    with caplog.at_level(logging.INFO, logger="skvas"):
        for epoch in range(1, max_epochs + 1):
            record = {"epoch": epoch, "loss": 0.5, "seconds": 2.0}
            announce(record, max_epochs, verbose)
    assert len(caplog.records) == lines
    assert all(record.name == "skvas" for record in caplog.records)
    if lines:
        last = caplog.records[-1].getMessage()
        assert last == f"epoch {max_epochs} of {max_epochs}  loss=0.5  seconds=2"


def test_progress_is_seen_without_logging_being_set_up_and_not_twice_with_it(
    caplog, capsys
):
    record = {"epoch": 3, "loss": 0.5, "seconds": 2.0}
    announce(record, 30, 1)
    line = "epoch 3 of 30, about 54 s left  loss=0.5  seconds=2"
    assert capsys.readouterr().err == f"[skvas] {line}\n"
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="skvas"):
        announce(record, 30, 1)
    assert capsys.readouterr().err == ""
    assert len(caplog.records) == 1


def test_embeddings_of_zeros_are_as_collapsed_as_equal_ones():
    mask = torch.ones(1, 5, dtype=torch.bool)
    assert effective_rank(torch.ones(1, 5, 3), mask) == pytest.approx(1, abs=1e-5)
    assert effective_rank(torch.zeros(1, 5, 3), mask) == 1


def test_rank_of_wide_embeddings_is_that_of_as_many_frames():
    basis = torch.linalg.qr(torch.randn(600, 5, dtype=torch.float64)).Q
    frames = torch.randn(1, 2000, 5, dtype=torch.float64) @ basis.T
    mask = torch.ones(1, 2000, dtype=torch.bool)
    narrow = effective_rank(frames @ basis, mask)
    assert float(effective_rank(frames, mask)) == pytest.approx(float(narrow), rel=0.05)


def test_step_has_a_line_when_it_begins_and_then_one_every_ten_seconds(
    capsys, monkeypatch
):
    for verbose, n_lines in ((0, 0), (1, 3), (2, 5)):
        with progress(verbose):
            for done in range(3):
                tell("trying settings", done, 3)
            tell("training")
            tell("looking at a film", 50)
        tell("nobody listens")
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == n_lines
    assert lines[1:] == [
        "[skvas] trying settings, 1 of 3",
        "[skvas] trying settings, 2 of 3",
        "[skvas] training",
        "[skvas] looking at a film, 50 frames",
    ]
    monkeypatch.setattr("skvas.training._callbacks.EVERY", 0.0)
    with progress(1), progress(2):  # the outer one listens
        tell("training", 0, 20)
        tell("training", 3, 20)
    assert capsys.readouterr().err.splitlines()[1] == "[skvas] training, 3 of 20"


def test_actions_used_are_the_mean_of_the_videos():
    usage = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    plan = usage[:, None].expand(2, 4, 3) / 4
    found = SimpleNamespace(plan=plan, objective=torch.tensor([1.0, 2.0]))
    parts = _segmentation_parts(found)
    assert parts["actions_used"] == 1.5
    assert parts["objective_segmentation"] == 1.5


def test_teacher_compares_directions_of_features():
    rng = np.random.default_rng(0)
    frames, actions = rng.normal(size=(8, 3)), rng.normal(size=(2, 3))
    task = SegmentationTask(
        alpha=0.3, eps=0.1, radius=0.1, rho=0.0, lambda_actions=0.1, tau=0.1, max_iter=5
    )
    videos = pad([frames.astype(np.float32)], CPU)
    model = SimpleNamespace(
        embed=lambda batch: unit(batch.frames), actions=lambda: torch.ones(2, 3)
    )
    losses = [
        Objective(task, teacher=actions)(model, Pairs(batch, batch), 0.0)
        for batch in (videos, replace(videos, frames=5 * videos.frames))
    ]
    torch.testing.assert_close(losses[0].parts, losses[1].parts)


class Frames:
    """An alignment task that notes how many frames it is given."""

    def at(self, progress):
        return self

    def loss(self, x, y, batch_x, batch_y):
        self.seen = x.shape[1], y.shape[1], batch_x.lengths.tolist()
        found = torch.zeros(len(x))
        return x.sum() + y.sum(), SimpleNamespace(objective=found)


@pytest.mark.parametrize(("n_aligned", "n"), [(4, 4), (None, 9), (20, 9)])
def test_no_more_frames_than_asked_for_are_aligned(n_aligned, n):
    videos = [np.ones((length, 2), dtype=np.float32) for length in (9, 3)]
    pairs = Pairs(pad(videos, CPU), pad(videos[:1] * 2, CPU))
    task, model = Frames(), SimpleNamespace(embed=lambda batch: batch.frames)
    losses = Objective(alignment=task, n_aligned=n_aligned)(model, pairs, 0.0)
    assert task.seen == (n, n, [n, 3])
    assert losses.total == 2 * (n + 3) + 4 * n
