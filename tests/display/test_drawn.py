"""Displays that draw on axes which they, or the user, have drawn on before."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skvas import Alignment, Timeline
from skvas.datasets import make_videos
from skvas.display import (
    AlignmentDisplay,
    CommonTimeDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    SegmentationDisplay,
    TimelineDisplay,
)

LABELS = [np.repeat([0, 1, 2], [20, 30, 25]), np.repeat([1, 2], [30, 20])]
NONE = np.full(4, -1)
PAIR = Alignment(
    np.array([2, 3, -1, 4]),
    np.array([-1, -1, 0, 1, 3]),
    np.full((4, 5), 0.01),
    np.zeros(4),
    np.zeros(5),
    0.0,
    "monotone",
)
SIDES = {"labels_x": [*"aabb"], "labels_y": [*"aabbb"]}


@pytest.fixture(scope="module")
def timelines():
    data = make_videos(3, n_actions=2, n_frames=(20, 30), random_state=0)
    named = Timeline(2, random_state=0).fit(data.videos)
    plain = Timeline(None, random_state=0).fit(data.videos)
    return named, plain, data.labels


@pytest.fixture(scope="module")
def draw(timelines):
    """Functions that draw on axes, one for each kind of picture."""
    named, plain, labels = timelines
    points = [np.random.default_rng(0).normal(size=(75, 2)), np.eye(2)[[0] * 50]]
    dots = EmbeddingDisplay(points, labels=LABELS)
    pair, bare = AlignmentDisplay(PAIR, **SIDES, fps=2), AlignmentDisplay(PAIR)
    history = {"epoch": [1, 2], "loss": [2.0, 1.0], "loss_a": [1, 0], "used": [3, 2]}
    many = SegmentationDisplay.from_predictions
    return [
        lambda ax: many(LABELS * 9, LABELS * 9, names=[*"abcdefghijklmnopqr"], ax=ax),
        lambda ax: many(None, LABELS, fps=0.2, ax=ax),
        lambda ax: pair.plot(ax),
        lambda ax: pair.plot(ax, kind="threads"),
        lambda ax: bare.plot(ax, kind="threads"),
        lambda ax: bare.plot(ax),
        lambda ax: dots.plot(ax),
        lambda ax: dots.plot(ax, color_by="time"),
        lambda ax: dots.plot(ax, color_by="video"),
        lambda ax: TimelineDisplay([PAIR, PAIR], labels=[NONE, [*"aabb"]]).plot(ax),
        lambda ax: TimelineDisplay([PAIR, PAIR], fps=100).plot(ax),
        lambda ax: CommonTimeDisplay(named, labels=labels).plot(ax, hatch=True),
        lambda ax: CommonTimeDisplay(plain).plot(ax),
        lambda ax: HistoryDisplay(history).plot(ax),
        lambda ax: HistoryDisplay({"loss": [2.0, 1.0]}).plot(ax),
    ]


def picture(figure):
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


@pytest.fixture(scope="module")
def alone(draw):
    """What each function draws on new axes."""
    pictures = []
    for call in draw:
        figure, ax = new_axes()
        call(ax)
        pictures.append(picture(figure))
        plt.close(figure)
    return pictures


def new_axes():
    return plt.subplots(figsize=(6, 3), dpi=50)


@pytest.mark.parametrize("step", [1, -1])
def test_picture_does_not_depend_on_what_was_drawn_on_the_axes_before(
    draw, alone, step
):
    figure, ax = new_axes()
    for place in range(0, step * len(draw), step):
        for _ in range(2):
            draw[place % len(draw)](ax)
        assert np.array_equal(picture(figure), alone[place % len(draw)])


def test_what_the_user_drew_stays(draw):
    for place, call in enumerate(draw):
        figure, ax = plt.subplots()
        other = figure.add_axes((0.9, 0.9, 0.1, 0.1))
        (line,) = ax.plot([1, 2], [1, 2], label="mine")
        mine = [line, ax.scatter([1], [2]), ax.text(1, 1, "mine"), ax.legend()]
        mine += [ax.inset_axes((0.5, 0.5, 0.1, 0.1))]
        call(ax)
        n_axes, n_children = len(figure.axes), len(ax.get_children())
        later = ax.annotate("later", (0, 0))
        ax.set_title("mine", loc="left")
        call(ax)
        assert {*mine, later} <= {*ax.get_children()}, place
        assert len(ax.get_children()) == n_children + 1, place
        assert len(figure.axes) == n_axes
        assert other in figure.axes
        assert ax.get_title(loc="left") == "mine"
        plt.close(figure)


def test_title_of_the_user_outlives_the_next_picture():
    _, ax = plt.subplots()
    SegmentationDisplay.from_predictions(None, LABELS, ax=ax)
    ax.set_title("mine")
    SegmentationDisplay.from_predictions(None, LABELS[:1], ax=ax)
    assert ax.get_title() == "mine"


def test_limits_follow_the_points_that_are_drawn_now():
    _, ax = plt.subplots()
    EmbeddingDisplay([[[0, 0], [100, 100]]]).plot(ax)
    EmbeddingDisplay([[[0, 0], [1, 1]]]).plot(ax)
    assert ax.get_xlim()[1] < 2
    ax.scatter([50], [50])
    EmbeddingDisplay([[[0, 0], [2, 2]]]).plot(ax)
    assert 50 < ax.get_xlim()[1] < 60


def test_legend_of_the_user_is_kept_beside_that_of_the_picture():
    _, ax = plt.subplots()
    ax.plot([1, 2], [1, 2], label="mine")
    mine = ax.legend()
    for _ in range(2):
        display = SegmentationDisplay.from_predictions(None, LABELS, ax=ax)
    assert mine in ax.get_children()
    assert display.ax_.get_legend() is not mine
    drawn = [child for child in ax.get_children() if isinstance(child, type(mine))]
    assert len(drawn) == 2


def test_axes_that_were_cleared_are_drawn_on_again(draw):
    for call in draw:
        figure, ax = new_axes()
        call(ax)
        ax.clear()
        call(ax)
        figure.canvas.draw()
        plt.close(figure)


def test_figures_can_be_pickled(draw):
    for call in draw:
        figure, ax = new_axes()
        call(ax)
        copy = pickle.loads(pickle.dumps(figure))
        call(copy.axes[0])
        copy.canvas.draw()
        plt.close("all")


def test_limits_follow_the_pair_that_is_drawn_now():
    long, short = np.arange(400), np.arange(4)
    _, ax = plt.subplots()
    for places in (long, short):
        n = len(places)
        pair = Alignment(
            places, places, np.eye(n), np.zeros(n), np.zeros(n), 0.0, "monotone"
        )
        AlignmentDisplay(pair, labels_x=places, labels_y=places).plot(ax)
    assert ax.get_xlim() == (0, 4)
    assert ax.get_ylim() == (0, 4)


def test_shared_axes_shrink_when_the_longest_recording_is_replaced():
    _, both = plt.subplots(2, 1, sharex=True)
    for ax, n in zip((*both, both[0]), (300, 40, 60), strict=True):
        SegmentationDisplay.from_predictions(None, [np.repeat([0, 1], n)], ax=ax)
        assert ax.get_xlim() == (0, 600 if n != 60 else 120)
