import copy
import errno
import inspect
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import (
    ActionSegmenter,
    Alignment,
    JointAlignSegment,
    Recordings,
    Segmenting,
    Timeline,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.display import (
    AlignmentDisplay,
    CommonTimeDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    SegmentationDisplay,
    TimelineDisplay,
    save_figures,
)
from skvas.display._embedding import _marker
from skvas.display._short import show_names
from skvas.display._style import BACKGROUND, COLOURS, colour
from skvas.preprocessing import Interpolate

TRUE = [["cut", "cut", "mix", "mix"], ["cut", "mix", "mix"]]
FOUND = [[7, 7, 2, 9], [7, 2, 2]]


@pytest.fixture(scope="module")
def data():
    return make_videos(4, n_actions=3, n_frames=(40, 60), random_state=0)


@pytest.fixture(scope="module")
def model(data):
    return JointAlignSegment(3, max_epochs=2, reference=1, random_state=0).fit(
        data.videos
    )


@pytest.fixture(scope="module")
def timeline(data):
    """The videos of data, and an unrelated one of 50 frames."""
    stranger = np.random.default_rng(0).normal(size=(50, data.videos[0].shape[1]))
    return Timeline(3, random_state=0).fit([*data.videos, stranger])


@pytest.fixture
def partly():
    """Frame 2 of x and frames 0 and 1 of y are background; path of 3 pairs."""
    matches_x, matches_y = np.array([2, 3, -1, 4]), np.array([-1, -1, 0, 1, 3])
    plan = np.full((4, 5), 0.01)
    return Alignment(
        matches_x, matches_y, plan, np.zeros(4), np.zeros(5), 0.0, "monotone"
    )


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def tick_labels(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def boxes(display, label):
    """Return left, right, bottom and top of each polygon of an action."""
    (found,) = [c for c in display.ax_.collections if c.get_label() == label]
    ends = [
        (*path.vertices.min(axis=0), *path.vertices.max(axis=0))
        for path in found.get_paths()
    ]
    return [(left, right, low, high) for left, low, right, high in ends]


def colour_of(display, label):
    (found,) = [c for c in display.ax_.collections if c.get_label() == label]
    return to_hex(found.get_facecolor()[0])


def everything_drawn(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def test_figures_are_not_needed_until_something_is_drawn():
    code = "import sys, skvas.display; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("display", "able", "unable"),
    [
        (SegmentationDisplay, "ActionSegmenter", VideoAligner()),
        (AlignmentDisplay, "VideoAligner", ActionSegmenter()),
        (TimelineDisplay, "VideoAligner", ActionSegmenter()),
        (CommonTimeDisplay, "VideoAligner", ActionSegmenter()),
        (EmbeddingDisplay, "one of skvas", object()),
        (HistoryDisplay, "one of skvas", StandardScaler()),
    ],
)
def test_estimator_of_another_task_is_refused_by_name(display, able, unable, data):
    videos = data.videos[:2]
    if display is AlignmentDisplay:
        arguments = videos
    elif display is HistoryDisplay:
        arguments = []
        unable.fit(videos[0])
    else:
        arguments = [videos]
    name = type(unable).__name__
    with pytest.raises(TypeError, match=f"{display.__name__} .* {able}.*got {name}"):
        display.from_estimator(unable, *arguments)


@pytest.mark.parametrize("display", [CommonTimeDisplay, HistoryDisplay])
def test_row_48_estimator_is_to_be_fitted_before_it_is_drawn(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(VideoAligner())


class TestSegmentation:
    def test_found_clusters_get_the_colours_of_their_actions(self):
        display = SegmentationDisplay.from_predictions(TRUE, FOUND)
        assert display.action_names == ["cut", "mix", "c9"]
        assert_array_equal(display.rows["true"][0], [0, 0, 1, 1])
        assert_array_equal(display.rows["found"][0], [0, 0, 1, 2])
        assert colour_of(display, "mix") == COLOURS[1]
        assert legend(display) == ["cut", "mix", "c9"]

    def test_segments_stand_where_they_are_in_seconds(self):
        display = SegmentationDisplay.from_predictions(TRUE, FOUND, fps=2)
        spans = sorted((left, right) for left, right, _, _ in boxes(display, "mix"))
        # true 1.0-2.0 and 0.5-1.5, found 1.0-1.5 and 0.5-1.5
        assert spans == [(0.5, 1.5), (0.5, 1.5), (1.0, 1.5), (1.0, 2.0)]
        assert display.ax_.get_xlim() == (0, 2)
        assert display.ax_.get_xlabel() == "time in s (2 frames/s)"

    def test_strips_of_a_video_lie_one_above_another(self):
        display = SegmentationDisplay.from_predictions(TRUE, FOUND, uniform=True)
        assert list(display.rows) == ["true", "found", "uniform"]
        assert tick_labels(display) == [
            "video 0   true",
            "found",
            "uniform",
            "video 1   true",
            "found",
            "uniform",
        ]
        rows = sorted({(low, high) for *_, low, high in boxes(display, "cut")})
        assert len(rows) == 6
        assert all(a[1] < b[0] for a, b in zip(rows, rows[1:], strict=False))

    def test_background_is_grey_and_last_in_the_legend(self):
        true = [["none", "b", "a"], ["b", "a", "none"]]
        display = SegmentationDisplay.from_predictions(
            true, [[0, 0, 1], [0, 1, 1]], background="none"
        )
        assert display.action_names == ["b", "a"]
        assert colour_of(display, "background") == BACKGROUND
        assert legend(display)[-1] == "background"

    def test_integers_take_their_names_and_keep_their_order(self):
        display = SegmentationDisplay.from_predictions(
            None, [1, 1, 0, 5], action_names=["in", "out"]
        )
        assert_array_equal(display.rows["found"][0], [1, 1, 0, 5])
        assert legend(display) == ["in", "out", "5"]
        assert tick_labels(display) == ["video 0"]

    def test_colours_of_integers_do_not_depend_on_those_that_are_absent(self):
        names = ["take", "pour", "stir"]
        for options in ({}, {"action_names": names}):
            display = SegmentationDisplay.from_predictions(None, [[1, 2]], **options)
            shown = legend(display)
            assert shown == (names[1:] if options else ["1", "2"])
            assert [colour_of(display, name) for name in shown] == [*COLOURS[1:3]]
        far = SegmentationDisplay.from_predictions(None, [[10**9, 3, -4]])
        assert far.action_names == ["0", "1", "2", "3", "-4", "1000000000"]

    def test_names_may_be_a_mapping_from_labels(self):
        by_number = {2: "stir", 1: "pour"}
        display = SegmentationDisplay.from_predictions(
            None, [[1, 2, 3]], action_names=by_number
        )
        assert legend(display) == ["pour", "stir", "3"]
        display = SegmentationDisplay.from_predictions(
            None, [["b", "a"]], action_names={"a": "add", "b": "beat", "c": "cut"}
        )
        assert legend(display) == ["add", "beat"]
        assert display.rows["found"][0].tolist() == [1, 0]

    def test_truths_are_not_numbered_behind_the_clusters_of_an_estimator(
        self, model, data
    ):
        display = SegmentationDisplay.from_estimator(model, data.videos, data.labels)
        assert display.action_names == ["0", "1", "2"]

    def test_long_names_are_numbered_in_segments_and_legend(self):
        names = ["pour the milk", "stir", "drink"]
        display = SegmentationDisplay.from_predictions(
            None, [np.repeat([0, 1, 2], 20)], action_names=names
        )
        assert legend(display) == ["1  pour the milk", "2  stir", "3  drink"]
        assert [text.get_text() for text in display.ax_.texts] == ["1", "2", "3"]

    @pytest.mark.parametrize("end", ["", ", and one open"])
    def test_numbers_do_not_make_the_names_in_a_legend_alike(self, end):
        names = [f"action with {n} lids, shut{end}" for n in ("five", "nine")]
        shown = show_names(names)
        display = SegmentationDisplay.from_predictions(
            None, [np.repeat([0, 1, -1], 20)], action_names=names, background=-1
        )
        assert legend(display) == [f"1  {shown[0]}", f"2  {shown[1]}", "background"]
        assert "five" in shown[0]
        assert "nine" in shown[1]

    def test_tags_are_left_out_where_they_do_not_fit(self):
        labels = np.repeat([0, 1, 2], [400, 1, 400])
        display = SegmentationDisplay.from_predictions(None, labels)
        assert [text.get_text() for text in display.ax_.texts] == ["0", "2"]
        assert not display.plot(annotate=False).ax_.texts

    def test_background_has_no_tag(self):
        display = SegmentationDisplay.from_predictions(
            None, [np.repeat([-1, 0, -1, 1], 20)], background=-1
        )
        assert [text.get_text() for text in display.ax_.texts] == ["0", "1"]

    def test_tags_lie_inside_their_segments(self):
        rng = np.random.RandomState(0)
        labels = [np.repeat(rng.permutation(20), rng.randint(1, 30, 20)) for _ in "abc"]
        display = SegmentationDisplay.from_predictions(None, labels)
        everything_drawn(display.figure_)
        to_data = display.ax_.transData.inverted()
        assert len(display.ax_.texts) > 20
        for text in display.ax_.texts:
            ends = text.get_window_extent().transformed(to_data)
            around = [
                left <= ends.x0 and ends.x1 <= right
                for left, right, low, high in boxes(display, text.get_text())
                if low <= text.get_position()[1] <= high
            ]
            assert any(around)

    @pytest.mark.parametrize(
        ("n", "name"),
        [(150, "{}"), (48, "take the lid off pot {}"), (9, "long " * 16 + "{}")],
    )
    def test_legends_of_many_or_long_names_leave_room(self, n, name):
        names = [name.format(action) for action in range(n)]
        display = SegmentationDisplay.from_predictions(
            None, [np.repeat(np.arange(n), 3)], action_names=names
        )
        display.figure_.draw_without_rendering()
        assert display.ax_.get_position().width > 0.6
        ends = display.ax_.get_legend().get_window_extent()
        assert ends.x1 <= display.figure_.bbox.x1
        assert ends.y0 >= display.figure_.bbox.y0
        assert len(legend(display)) == n

    def test_axes_of_the_user_keep_their_figure(self):
        figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
        SegmentationDisplay.from_predictions(None, [np.arange(30)], ax=ax)
        assert figure.get_size_inches().tolist() == [6, 3]

    def test_twenty_actions_have_a_legend_inside_the_figure(self):
        labels = [np.repeat(np.arange(20), 10)] * 2
        names = [f"a rather long name {k}" for k in range(20)]
        display = SegmentationDisplay.from_predictions(None, labels, action_names=names)
        everything_drawn(display.figure_)
        assert len(legend(display)) == 20
        inside = display.figure_.bbox.padded(1)
        ends = display.ax_.get_legend().get_window_extent()
        assert inside.x0 <= ends.x0 < ends.x1 <= inside.x1
        assert inside.y0 <= ends.y0 < ends.y1 <= inside.y1

    def test_hatches_take_the_place_of_tags(self):
        display = SegmentationDisplay.from_predictions(TRUE, FOUND).plot(hatch=True)
        hatches = {c.get_label(): c.get_hatch() for c in display.ax_.collections}
        assert len(set(hatches.values())) == 3
        assert not display.ax_.texts

    def test_many_videos_are_named_once_each(self):
        display = SegmentationDisplay.from_predictions([TRUE[0]] * 20, [FOUND[0]] * 20)
        assert len(tick_labels(display)) == 20
        assert display.ax_.get_title() == "in each row, from the top: true, found"

    def test_estimator_is_asked_for_its_labels(self, model, data):
        display = SegmentationDisplay.from_estimator(
            model, data.videos, data.labels, names=data.names, uniform=True
        )
        assert tick_labels(display)[0] == "video00   true"
        single = SegmentationDisplay.from_estimator(model, data.videos[0])
        assert len(single.rows["found"]) == 1

    def test_actions_of_an_estimator_with_labels_are_those_that_it_names(self, data):
        true = [np.array(["cut", "mix", "stir"])[codes] for codes in data.labels]
        swapped = np.array(["mix", "cut", "stir"])[data.labels[0]]
        model = ActionSegmenter(max_epochs=0).fit(data.videos, [swapped, *[None] * 3])
        display = SegmentationDisplay.from_estimator(model, data.videos, true)
        rows = zip(*(display.rows[kind] for kind in ("true", "found")), strict=True)
        right = np.concatenate([codes == found for codes, found in rows])
        assert right.mean() == model.score(data.videos, true) < 0.7

    def test_actions_have_the_names_that_were_given(self, data):
        true = np.array(["cut", "mix", "stir"])[data.labels[0]]
        model = ActionSegmenter(max_epochs=0).fit(data.videos, [true, *[None] * 3])
        model.name_actions({"cut": "slice"})
        display = SegmentationDisplay.from_estimator(model, data.videos[1])
        assert display.action_names == ["slice", "mix", "stir"]
        found = np.array(["cut", "mix", "stir"])[display.rows["found"][0]]
        assert_array_equal(found, model.predict(data.videos[1]))

    def test_without_matching_names_count(self):
        display = SegmentationDisplay.from_predictions(
            [[0, 0, 1, -1]], [[1, 0, -1, 2]], matching=None, background=-1, uniform=True
        )
        assert_array_equal(display.rows["true"][0], [0, 0, 1, -1])
        assert_array_equal(display.rows["found"][0], [1, 0, -1, 2])
        assert len({*display.rows["uniform"][0].tolist()}) == 2
        named = SegmentationDisplay.from_predictions(
            [[0, 0, 1]], [[0, 2, 1]], matching=None, action_names=["in", "out", "up"]
        )
        assert named.action_names == ["in", "out", "up"]
        with pytest.raises(TypeError, match="never equal"):
            SegmentationDisplay.from_predictions(TRUE, FOUND, matching=None)
        with pytest.raises(ValueError, match="matching must be one of"):
            SegmentationDisplay.from_predictions(TRUE, FOUND, matching="per_video")

    def test_axes_of_the_user_are_used(self):
        _, (left, right) = plt.subplots(1, 2)
        display = SegmentationDisplay.from_predictions(TRUE, FOUND, ax=right)
        assert display.ax_ is right
        assert display.figure_ is right.figure
        assert not left.collections

    def test_axes_may_be_of_a_part_of_a_figure(self):
        part, _ = plt.figure().subfigures(1, 2)
        display = SegmentationDisplay.from_predictions(None, FOUND, ax=part.subplots())
        assert display.figure_ is part
        assert {text.get_text() for text in display.ax_.texts} == {"2", "7", "9"}

    def test_wrong_input_is_named(self):
        with pytest.raises(ValueError, match="video 1: expected one label a frame"):
            SegmentationDisplay.from_predictions(TRUE, [[1, 1, 1, 1], [1, 1]])
        with pytest.raises(ValueError, match="labels of at least one frame, got none"):
            SegmentationDisplay.from_predictions(None, [])
        with pytest.raises(ValueError, match="fps must be a number of frames"):
            SegmentationDisplay.from_predictions(TRUE, FOUND, fps=0)
        with pytest.raises(ValueError, match=r"names must be 2 name\(s\)"):
            SegmentationDisplay.from_predictions(TRUE, FOUND, names=["a"])


class TestAlignment:
    def test_path_runs_through_the_centres_and_breaks_at_background(self, partly):
        display = AlignmentDisplay(partly, fps=10).plot()
        (line,) = display.ax_.lines
        expected = [[0.5, 2.5], [1.5, 3.5], [np.nan] * 2, [3.5, 4.5]]
        # Frame 4 of y is matched with frame 3 of x, and nothing with frame 2.
        pairs = partly.to_path() + 0.5
        assert_allclose(pairs[[0, 1, -1]], [expected[0], expected[1], expected[3]])
        x, y = line.get_data()
        assert np.isnan(x).sum() == 1
        assert_allclose(x[~np.isnan(x)], pairs[:, 0] / 10)
        assert_allclose(y[~np.isnan(y)], pairs[:, 1] / 10)

    def test_background_of_both_is_hatched(self, partly):
        display = AlignmentDisplay(partly).plot()
        corners = [patch.get_extents() for patch in display.ax_.patches]
        to_data = display.ax_.transData.inverted()
        (x0, _), (x1, _) = to_data.transform(corners[0])
        (_, y0), (_, y1) = to_data.transform(corners[1])
        assert_allclose([x0, x1, y0, y1], [2, 3, 0, 2], atol=1e-9)
        assert legend(display) == ["matched frames", "no counterpart"]

    def test_plan_lies_on_the_axes_as_it_should(self, partly):
        partly.plan[3, 0] = 1.0
        display = AlignmentDisplay(partly, names=["left", "right"]).plot()
        (image,) = display.ax_.images
        assert_array_equal(image.get_array(), partly.plan.T)
        assert tuple(image.get_extent()) == (0, 4, 0, 5)
        assert image.origin == "lower"
        assert display.ax_.get_xlabel() == "frame of left"
        assert display.ax_.get_ylabel() == "frame of right"

    def test_matches_out_of_order_are_dots(self, partly):
        free = Alignment(*list(vars(partly).values())[:-1], "plan")
        (line,) = AlignmentDisplay(free).plot().ax_.lines
        assert line.get_linestyle() == "None"
        assert line.get_marker() == "."

    def test_labels_lie_along_both_axes(self, partly):
        display = AlignmentDisplay(
            partly, labels_x=list("aabb"), labels_y=list("aaabb")
        ).plot()
        above, right = display.ax_.child_axes
        ends = {c.get_label(): c.get_paths()[0] for c in above.collections}
        assert_allclose(ends["b"].vertices.max(axis=0), [4, 1])
        ends = {c.get_label(): c.get_paths()[0] for c in right.collections}
        assert_allclose(ends["b"].vertices.min(axis=0), [0, 3])
        assert_allclose(ends["b"].vertices.max(axis=0), [1, 5])
        assert legend(display) == ["matched frames", "no counterpart", "a", "b"]

    def test_threads_join_matched_frames(self, partly):
        display = AlignmentDisplay(partly, fps=2).plot(kind="threads")
        (threads,) = display.ax_.collections
        ends = [segment[:, 0] * 2 - 0.5 for segment in threads.get_segments()]
        assert_allclose(ends, partly.to_path())
        assert tick_labels(display) == ["x", "y"]
        assert legend(display) == ["no counterpart"]
        spans = [(p.get_x() * 2, p.get_width() * 2) for p in display.ax_.patches]
        assert spans == [(2, 1), (0, 2)]
        assert [patch.get_y() for patch in display.ax_.patches] == [0.93, -0.07]

    def test_without_labels_threads_and_timelines_show_the_time_in_x(self, partly):
        display = AlignmentDisplay(partly).plot(kind="threads")
        times, there = display.ax_.images
        assert_allclose(times.get_array()[0], [0.125, 0.375, 0.625, 0.875])
        shown = np.ma.filled(there.get_array()[0], np.nan)
        assert_allclose(shown, [np.nan, np.nan, 0.125, 0.375, 0.875])
        assert_allclose(times.get_extent(), [0, 4, 0.93, 1.07])
        assert_allclose(there.get_extent(), [0, 5, -0.07, 0.07])
        (threads,) = display.ax_.collections
        ends = times.get_array()[0][partly.to_path()[:, 0]]
        expected = plt.colormaps["viridis"](ends)
        assert_allclose(threads.get_edgecolor()[:, :3], expected[:, :3])

    def test_legend_enlarges_a_figure_of_its_own_and_no_other(self):
        frames, none = np.arange(40), np.zeros(40)
        whole = Alignment(frames, frames, np.eye(40), none, none, 0.0, "monotone")
        labels = [f"a long name of action {number}" for number in frames]
        display = AlignmentDisplay(whole, labels_x=labels, labels_y=labels)
        assert display.plot().figure_.get_figheight() > 6
        figure, ax = plt.subplots()
        size = figure.get_figheight()
        assert display.plot(ax).figure_.get_figheight() == size

    def test_two_rates_share_one_axis_of_seconds(self, partly):
        display = AlignmentDisplay(partly, fps=(2, 10)).plot(kind="threads")
        assert display.ax_.get_xlim() == (0, 2)
        assert display.ax_.get_xlabel() == "time in s (2 and 10 frames/s)"
        (threads,) = display.ax_.collections
        ends = [segment[:, 0] * (2, 10) - 0.5 for segment in threads.get_segments()]
        assert_allclose(ends, partly.to_path())
        with pytest.raises(ValueError, match="one for each of two videos"):
            AlignmentDisplay(partly, fps=(1, 2, 3)).plot()

    def test_recordings_tell_their_names_and_seconds(self, model, data):
        both = Recordings(data.videos[:2], ["anna", "ben"], fps=[10, 20])
        display = AlignmentDisplay.from_estimator(model, both[:1], both[1:])
        assert display.ax_.get_xlabel() == "time of anna in s (10 frames/s)"
        assert display.ax_.get_ylabel() == "time of ben in s (20 frames/s)"

    def test_times_of_recordings_are_told_in_seconds(self, model, data):
        times = [np.arange(len(video)) / 10 for video in data.videos[:2]]
        both = Recordings(data.videos[:2], times=times)
        display = AlignmentDisplay.from_estimator(model, both[:1], both[1:])
        assert display.ax_.get_xlabel() == "time of recording 0 in s (10 frames/s)"

    def test_threads_take_the_colours_of_actions(self, partly):
        display = AlignmentDisplay(
            partly, labels_x=list("aabb"), labels_y=list("bbaab")
        ).plot(kind="threads")
        colours = [to_hex(c) for c in display.ax_.collections[0].get_edgecolor()]
        actions = [COLOURS[0] if i < 2 else COLOURS[1] for i, _ in partly.to_path()]
        assert colours == actions
        assert legend(display) == ["a", "b", "no counterpart"]

    def test_threads_are_few_enough_to_be_seen(self):
        frames = np.arange(1000)
        none = np.zeros(1000)
        whole = Alignment(frames, frames, np.eye(1000), none, none, 0.0, "monotone")
        display = AlignmentDisplay(whole).plot(kind="threads")
        (threads,) = display.ax_.collections
        assert len(threads.get_segments()) <= 100
        assert_allclose(threads.get_segments()[0][:, 0], 0.5)
        assert_allclose(threads.get_segments()[-1][:, 0], 999.5)

    @pytest.mark.parametrize("sizes", [(40, 30), (2500, 1200)])
    def test_sparse_plan_is_summed_over_cells(self, sizes):
        n, m = sizes
        matches_x, matches_y = np.arange(n) * m // n, np.arange(m) * n // m
        entries = (np.full(n, 1 / n), (np.arange(n), matches_x))
        plan = csr_array(entries, shape=sizes)
        sparse = Alignment(
            matches_x, matches_y, plan, np.zeros(n), np.zeros(m), 0.0, "monotone"
        )
        (image,) = AlignmentDisplay(sparse).plot().ax_.images
        drawn = np.asarray(image.get_array())
        assert drawn.shape == (min(m, 1000), min(n, 1000))
        assert_allclose(drawn.sum(), 1)
        if n <= 1000:
            assert_allclose(drawn, plan.toarray().T)
        else:
            near = np.triu(np.tril(drawn, 1), -1)
            assert_allclose(near.sum(), 1)

    def test_nothing_matched_can_be_drawn(self, partly):
        nothing = Alignment(
            np.full(4, -1), np.full(5, -1), *list(vars(partly).values())[2:]
        )
        for kind in ("plan", "threads"):
            everything_drawn(AlignmentDisplay(nothing).plot(kind=kind).figure_)

    def test_estimator_aligns(self, model, data):
        display = AlignmentDisplay.from_estimator(
            model,
            *data.videos[:2],
            labels_x=data.labels[0],
            labels_y=data.labels[1],
            action_names=data.action_names,
        )
        assert display.alignment.plan.shape == (
            len(data.labels[0]),
            len(data.labels[1]),
        )
        assert "action0" in legend(display)
        everything_drawn(display.figure_)

    def test_wrong_input_is_named(self, partly):
        with pytest.raises(ValueError, match="kind must be one of"):
            AlignmentDisplay(partly).plot(kind="image")
        with pytest.raises(ValueError, match="both labels_x and labels_y, or neither"):
            AlignmentDisplay(partly, labels_x=[0, 0, 0, 0]).plot()
        with pytest.raises(ValueError, match="both labels_x and labels_y, or neither"):
            AlignmentDisplay(partly, labels_y=[0, 0, 0, 0, 0]).plot()
        with pytest.raises(ValueError, match="labels_y: expected one label a frame"):
            AlignmentDisplay(partly, labels_x=[0] * 4, labels_y=[0] * 4).plot()


class TestTimeline:
    def test_labels_are_warped_onto_the_reference(self, partly):
        display = TimelineDisplay([partly], labels=[["a", "a", "b", "b"]]).plot()
        assert_array_equal(
            [box[:2] for box in boxes(display, "a")], [(2, 4)]
        )  # frames 2 and 3 of y are matched with 0 and 1 of x
        assert_array_equal([box[:2] for box in boxes(display, "b")], [(4, 5)])
        unmatched = boxes(display, "no counterpart")
        assert_array_equal([box[:2] for box in unmatched], [(0, 2)])
        assert display.ax_.get_xlim() == (0, 5)

    def test_videos_can_be_drawn_on_their_own_time(self, partly):
        display = TimelineDisplay([partly], labels=[["a", "a", "b", "b"]])
        display.plot(warped=False)
        assert [box[:2] for box in boxes(display, "a")] == [(0, 2)]
        assert display.ax_.get_xlabel() == "frame"

    def test_without_labels_rows_show_progress(self, partly):
        display = TimelineDisplay([partly, partly]).plot()
        first, _ = display.ax_.images
        shown = np.ma.filled(first.get_array()[0], np.nan)
        assert_allclose(shown, [np.nan, np.nan, 0.125, 0.375, 0.875])
        assert display.ax_.get_xlim() == (0, 5)
        assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]

    def test_estimator_names_its_reference(self, model, data):
        display = TimelineDisplay.from_estimator(
            model, data.videos, data.labels, names=data.names, fps=10
        )
        assert tick_labels(display)[1] == "video01 (reference)"
        assert_allclose(display.ax_.get_yticks(), [0.45, 1.45, 2.45, 3.45])
        assert display.ax_.get_xlabel() == "time of the reference in s (10 frames/s)"
        everything_drawn(display.figure_)

    def test_alignments_of_an_estimator_keep_no_plan_in_memory(self, model, data):
        display = TimelineDisplay.from_estimator(model, data.videos)
        plans = [alignment.plan for alignment in display.alignments]
        assert [plan.nnz for plan in plans] == [0] * len(data.videos)
        assert plans[0].shape == (len(data.videos[0]), len(model.reference_))

    def test_reference_with_gaps_or_of_poses_is_known(self, data):
        videos = [video.copy() for video in data.videos]
        videos[2][3:6, 1] = np.nan
        model = VideoAligner(
            max_epochs=0, reference=2, features=make_pipeline(Interpolate(), "auto")
        )
        display = TimelineDisplay.from_estimator(model.fit(videos), videos)
        assert tick_labels(display)[2:] == ["video 2 (reference)", "video 3"]
        poses = [video[:, :6].reshape(-1, 3, 2) for video in data.videos]
        model = VideoAligner(max_epochs=0, reference=0).fit(poses)
        display = TimelineDisplay.from_estimator(model, poses)
        assert tick_labels(display)[:2] == ["video 0 (reference)", "video 1"]

    def test_no_video_is_an_error(self):
        with pytest.raises(ValueError, match="at least one Alignment"):
            TimelineDisplay([]).plot()


class TestCommonTime:
    def test_segments_line_up(self, timeline, data):
        labels = [*data.labels, np.zeros(50, dtype=int)]
        display = CommonTimeDisplay.from_timeline(timeline, labels)
        starts = [left for left, _, low, _ in boxes(display, "1") if low < 4]
        expected = [
            positions[np.flatnonzero(label == 1)[0]]
            for positions, label in zip(timeline.positions_, data.labels, strict=False)
        ]
        assert_allclose(starts, expected, atol=0.06)
        assert np.ptp(starts) < 0.04
        (lines,) = [
            c
            for c in display.ax_.collections
            if c.get_label() == "boundary, confidence"
        ]
        at = [segment[0, 0] for segment in lines.get_segments()]
        assert_allclose(at, timeline.boundaries_, atol=0.02)
        heights = [abs(np.ptp(segment[:, 1])) for segment in lines.get_segments()]
        assert_allclose(heights, 3 * timeline.boundary_confidence_)
        everything_drawn(display.figure_)

    def test_unrelated_video_is_named(self, timeline, data):
        display = CommonTimeDisplay.from_timeline(timeline, names=[*data.names, "cat"])
        assert tick_labels(display)[2:] == [*data.names, "cat (unrelated)"]
        assert tick_labels(display)[1] == "videos, 0 to 4"
        assert legend(display)[:3] == ["0", "1", "2"]  # actions, for lack of labels

    def test_what_a_video_lacks_is_grey(self):
        data = make_videos(10, n_actions=6, noise=0.3, random_state=2)
        videos, labels = list(data.videos), list(data.labels)
        kept = labels[2] != 3
        videos[2], labels[2] = videos[2][kept], labels[2][kept]
        timeline = Timeline(None, random_state=0).fit(videos)
        display = CommonTimeDisplay.from_timeline(timeline, labels)
        assert "lacking" in legend(display)
        absent = [box for box in boxes(display, "lacking") if 2 <= box[2] < 3]
        width = sum(right - left for left, right, _, _ in absent)
        assert_allclose(width, timeline.lacking(videos[2]).mean())

    def test_without_labels_and_actions_rows_show_progress(self, data):
        model = VideoAligner(max_epochs=2, random_state=0).fit(data.videos)
        display = CommonTimeDisplay.from_estimator(model)
        assert len(display.ax_.images) == 4
        assert display.ax_.get_xlim() == (0, 1)
        assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
        assert display.ax_.get_legend() is None
        everything_drawn(display.figure_)

    def test_estimator_knows_names_seconds_and_actions(self, data):
        recordings = Recordings(data.videos, [*"abcd"], fps=10)
        model = JointAlignSegment(
            3, segmenting=Segmenting(segment_on="timeline"), max_epochs=2
        )
        model.fit(recordings).name_actions({1: "mix"})
        display = CommonTimeDisplay.from_estimator(model)
        assert tick_labels(display)[2:] == [*"abcd"]
        assert legend(display)[:3] == ["0", "mix", "2"]
        seconds = np.median([len(video) for video in data.videos]) / 10
        assert f"0 to 1 is {seconds:.3g} s" in display.ax_.get_xlabel()
        twice = CommonTimeDisplay.from_estimator(model, fps=20)
        assert f"0 to 1 is {seconds / 2:.3g} s" in twice.ax_.get_xlabel()

    def test_colours_of_a_model_are_those_of_its_other_pictures(self, data):
        texts = np.array(["c", "a", "b"])
        model = JointAlignSegment(
            segmenting=Segmenting(segment_on="timeline"), max_epochs=0, random_state=0
        ).fit(data.videos, [texts[data.labels[0]], None, None, None])
        drawn = []
        for _ in range(2):
            clip = [video[-10:] for video in data.videos[:1]]
            drawn += [
                CommonTimeDisplay.from_estimator(model),
                SegmentationDisplay.from_estimator(model, data.videos),
                SegmentationDisplay.from_estimator(model, clip),
                TimelineDisplay.from_estimator(
                    model, data.videos, model.predict(data.videos)
                ),
            ]
            model.name_actions({"a": "zest"})
        for display, name in zip(drawn, [*"bbbb", *"bbbb"], strict=True):
            assert colour_of(display, name) == COLOURS[1]
        x = data.videos[0]
        found = model.predict(x)
        pair = AlignmentDisplay.from_estimator(
            model, x, x, labels_x=found, labels_y=found, kind="threads"
        )
        patches = pair.ax_.get_legend().get_patches()
        colours = [to_hex(patch.get_facecolor()) for patch in patches]
        assert dict(zip(legend(pair), colours, strict=False))["zest"] == COLOURS[0]
        dots = EmbeddingDisplay.from_estimator(model, [x], [found])
        assert colour_of(dots, "zest") == COLOURS[0]

    def test_timeline_knows_names_and_seconds(self, data):
        recordings = Recordings(data.videos, [*"abcd"], fps=10)
        timeline = Timeline(None, random_state=0).fit(recordings)
        display = CommonTimeDisplay.from_timeline(timeline)
        assert tick_labels(display)[2:] == [*"abcd"]
        assert "0 to 1 is " in display.ax_.get_xlabel()
        own = CommonTimeDisplay.from_timeline(timeline, names=[*"efgh"], fps=5)
        assert tick_labels(own)[2:] == [*"efgh"]
        assert own.ax_.get_xlabel() != display.ax_.get_xlabel()

    def test_estimator_without_timeline_is_refused(self, data):
        model = VideoAligner(max_epochs=0).fit(data.videos)
        with pytest.raises(ValueError, match="two or more videos.*keep it"):
            CommonTimeDisplay.from_estimator(model)

    def test_lone_video_is_drawn(self, data):
        timeline = Timeline(2, random_state=0).fit(data.videos[0])
        display = CommonTimeDisplay.from_timeline(timeline, fps=20)
        assert tick_labels(display)[1:] == ["videos, 0 to 1", "recording 0"]
        seconds = len(data.videos[0]) / 20
        assert f"0 to 1 is {seconds:.3g} s" in display.ax_.get_xlabel()

    @pytest.mark.parametrize("fps", [0, np.inf, "25", [25, 25, 25, 25, np.inf], [None]])
    def test_odd_frame_rates_are_refused(self, timeline, fps):
        with pytest.raises(ValueError, match="fps must be a number of frames .*, got"):
            CommonTimeDisplay.from_timeline(timeline, fps=fps)
        with pytest.raises(ValueError, match="one for each of 5 videos"):
            CommonTimeDisplay.from_timeline(timeline, fps=[25, 25])


class TestEmbedding:
    def test_axes_are_principal_and_tell_their_share(self):
        rng = np.random.RandomState(0)
        frames = rng.standard_normal((300, 3)) * [1.0, 10.0, 0.01]
        display = EmbeddingDisplay.from_embeddings([frames[:100], frames[100:]])
        assert_allclose(
            np.abs(np.concatenate(display.points)[:, 0]),
            np.abs(frames[:, 1] - frames[:, 1].mean()),
            atol=0.5,
        )
        assert display.ax_.get_xlabel() == "principal axis 1 (99%)"

    @pytest.mark.parametrize("color_by", ["time", "action"])
    @pytest.mark.parametrize("most", [20, 19])
    def test_many_frames_become_an_image(self, color_by, most, monkeypatch):
        monkeypatch.setattr("skvas.display._embedding.MOST_SHAPES", most)
        points = [np.random.RandomState(0).standard_normal((20, 2))]
        labels = [["a", "b"] * 10]
        display = EmbeddingDisplay(points, labels=labels).plot(color_by=color_by)
        drawn = [*display.ax_.collections, *display.ax_.lines]
        assert {artist.get_rasterized() for artist in drawn} == {most < 20}

    def test_equal_frames_share_no_variance(self):
        display = EmbeddingDisplay.from_embeddings([np.ones((4, 3)), np.ones((1, 3))])
        assert display.ax_.get_xlabel() == "principal axis 1 (0%)"

    def test_time_runs_from_0_to_1_in_each_video(self, model, data):
        display = EmbeddingDisplay.from_estimator(model, data.videos)
        (dots,) = display.ax_.collections
        n_first = len(data.videos[0])
        times = dots.get_array()
        assert_allclose(
            times[[0, n_first - 1, n_first]],
            [0.5 / n_first, 1 - 0.5 / n_first, 0.5 / len(data.videos[1])],
        )
        assert_allclose(dots.get_offsets(), np.concatenate(display.points))
        assert display.figure_.axes[1].get_ylabel() == "share of the video's own time"

    def test_axes_of_given_points_tell_no_share(self):
        display = EmbeddingDisplay([[[0, 1], [2, 3]]]).plot()
        assert display.ax_.get_xlabel() == "principal axis 1"
        assert display.ax_.get_ylabel() == "principal axis 2"

    def test_actions_differ_by_colour_and_mark(self, model, data):
        display = EmbeddingDisplay.from_estimator(
            model, data.videos, data.labels, action_names=data.action_names
        )
        assert legend(display) == data.action_names
        sizes = [len(dots.get_offsets()) for dots in display.ax_.collections]
        assert_array_equal(sizes, np.bincount(np.concatenate(data.labels)))
        marks = {
            dots.get_paths()[0].vertices.tobytes() for dots in display.ax_.collections
        }
        assert len(marks) == 3

    def test_background_is_grey_and_last(self, model, data):
        labels = [np.where(array == 1, -1, array) for array in data.labels]
        display = EmbeddingDisplay.from_estimator(
            model, data.videos, labels, background=-1
        )
        assert legend(display) == ["0", "2", "background"]
        background = display.ax_.collections[-1]
        assert to_hex(background.get_facecolor()[0]) == BACKGROUND
        n_frames = sum(int((array == 1).sum()) for array in data.labels)
        assert len(background.get_offsets()) == n_frames

    def test_labels_do_not_forbid_colours_of_time(self, model, data):
        display = EmbeddingDisplay.from_estimator(
            model, data.videos, data.labels, color_by="time"
        )
        assert display.ax_.get_legend() is None

    def test_wrong_input_is_named(self):
        frames = [np.eye(3)]
        with pytest.raises(ValueError, match="needs labels"):
            EmbeddingDisplay.from_embeddings(frames, color_by="action")
        with pytest.raises(ValueError, match="color_by must be one of"):
            EmbeddingDisplay.from_embeddings(frames, color_by="frame")
        with pytest.raises(ValueError, match="at least 2 dimensions, got 1"):
            EmbeddingDisplay.from_embeddings([np.ones((3, 1))])


class TestHistory:
    def test_losses_share_a_panel_and_diagnostics_do_not(self, model):
        display = HistoryDisplay.from_estimator(model)
        titles = [axis.get_title() for axis in display.axes_]
        assert titles[:2] == ["loss", "objective of the transport"]
        assert len(titles) == 4
        labels = [line.get_label() for line in display.axes_[0].lines]
        assert labels == ["total", "segmentation", "alignment"]
        told = [axis.get_legend() for axis in display.axes_]
        assert [text.get_text() for text in told[0].get_texts()] == labels
        assert told[2:] == [None, None]
        for line, name in zip(
            display.axes_[0].lines,
            ["loss", "loss_segmentation", "loss_alignment"],
            strict=True,
        ):
            assert_array_equal(line.get_xdata(), [1, 2])
            assert_array_equal(line.get_ydata(), model.history_[name])

    def test_panels_divide_the_axes_of_the_user(self, model):
        figure, axes = plt.subplots(2, 1)
        display = HistoryDisplay(model.history_).plot(axes[1])
        everything_drawn(figure)
        below = axes[1].get_position()
        assert display.figure_ is figure
        assert all(axis.get_position().y1 <= below.y1 + 1e-9 for axis in display.axes_)

    def test_no_epoch_is_an_error(self, data):
        untrained = JointAlignSegment(3, max_epochs=0).fit(data.videos)
        with pytest.raises(ValueError, match="history has no epoch"):
            HistoryDisplay.from_estimator(untrained)

    def test_axes_outside_a_grid_hold_the_panels(self, model):
        figure = plt.figure(figsize=(12, 3))
        free = figure.add_axes((0.1, 0.3, 0.8, 0.5))
        panels = HistoryDisplay(model.history_).plot(free).axes_
        everything_drawn(figure)
        places = [panel.get_position() for panel in panels]
        assert places[0].x0 == pytest.approx(0.1)
        assert places[-1].x1 == pytest.approx(0.9)
        assert all(a.x1 < b.x0 for a, b in zip(places, places[1:], strict=False))

    @pytest.mark.parametrize("shape", [(4,), (2, 2)])
    def test_each_panel_may_have_axes_of_its_own(self, model, shape):
        figure = plt.figure()
        axes = figure.subplots(*(1, *shape)[-2:])
        display = HistoryDisplay.from_estimator(model, ax=axes)
        assert display.axes_ == np.ravel(axes).tolist()
        assert display.ax_ is None
        assert display.figure_ is figure
        titles = [ax.get_title() for ax in np.ravel(axes)]
        assert titles[:2] == ["loss", "objective of the transport"]

    def test_a_lone_panel_is_the_axes(self):
        _, ax = plt.subplots()
        display = HistoryDisplay({"loss": [2.0, 1.0]}).plot(ax)
        assert display.axes_ == [ax]
        assert ax.get_title() == "loss"
        assert len(HistoryDisplay({"loss": [2.0, 1.0]}).plot([ax]).axes_[0].lines) == 1

    def test_other_numbers_of_axes_are_refused(self, model):
        _, axes = plt.subplots(1, 3)
        with pytest.raises(ValueError, match=r"each of 4 panels \(loss, .*, got 3"):
            HistoryDisplay(model.history_).plot(axes)
        with pytest.raises(TypeError, match="ax must be one Axes of matplotlib"):
            HistoryDisplay(model.history_).plot([*axes, "axes"])
        assert not any(ax.has_data() for ax in axes)


def test_row_41_picture_that_cannot_be_written_leaves_the_old_one(
    tmp_path, monkeypatch
):
    def fill_disk(_, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    plt.subplots()
    (file,) = save_figures("picture", tmp_path)
    before = file.read_bytes()
    figure, _ = plt.subplots()
    monkeypatch.setattr(type(figure), "savefig", fill_disk)
    with pytest.raises(OSError, match=r"No space left.*picture\.png"):
        save_figures("picture", tmp_path)
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_bytes() == before


def test_pictures_are_written_in_each_format_without_a_date(tmp_path, monkeypatch):
    formats = ["png", "pdf", "svg"]
    written = []
    for place, day in enumerate(("0", "86400")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
        SegmentationDisplay.from_predictions(TRUE, FOUND, hatch=True)
        folder = tmp_path / str(place)
        files = save_figures("segments", folder, formats=formats)
        assert [file.name for file in files] == [f"segments.{k}" for k in formats]
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert b"/Type0" in written[0][1]  # TrueType fonts, and no shapes of type 3
    plt.subplots()
    with pytest.raises(ValueError, match="formats must be one of"):
        save_figures("segments", tmp_path, formats=["png", "bmp"])
    assert len(plt.get_fignums()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_video_without_labels_is_drawn_without(data, model, timeline):
    labels = [*data.labels[:3], None]
    pictures = [
        SegmentationDisplay.from_estimator(model, data.videos, labels),
        EmbeddingDisplay.from_estimator(model, data.videos, labels),
        TimelineDisplay.from_estimator(model, data.videos, labels),
        CommonTimeDisplay.from_timeline(timeline, [*labels, None]),
    ]
    for display in pictures:
        assert "no label" in legend(display)
    with pytest.raises(ValueError, match=r"^video 1 has no labels .None.: leave"):
        SegmentationDisplay.from_predictions(None, [[0, 1], None])
    with pytest.raises(ValueError, match=r"^video 0 has no labels .None.: leave"):
        TimelineDisplay.from_estimator(model, data.videos, [None] * 4)


@pytest.mark.parametrize(
    "true",
    [
        [[0, -1, -1, -1, 1, 1, 0], [1, -1]],
        [[0, None, None, None, 1, 1, 0], [1, None]],
        [np.array([0, np.nan, np.nan, np.nan, 1, 1, 0]), [1, -1]],
        [["0", "", "", "", "1", "1", "0"], ["1", ""]],
        [["0", np.nan, np.nan, np.nan, "1", "1", "0"], ("1", None)],
        [["0", -1, -1, -1, "1", "1", "0"], np.array(["1", None])],
    ],
)
def test_frames_without_a_label_are_grey_and_are_not_matched(true):
    found = [[5, 5, 5, 5, 6, 6, -1], [6, 6]]
    display = SegmentationDisplay.from_predictions(true, found)
    assert display.rows["true"][0].tolist() == [0, -2, -2, -2, 1, 1, 0]
    assert display.rows["true"][1].tolist() == [1, -2]
    assert display.rows["found"][0].tolist() == [0, 0, 0, 0, 1, 1, -2]
    assert legend(display) == ["0", "1", "no label"]
    assert colour_of(display, "no label") == BACKGROUND


def test_frames_without_a_label_differ_from_background():
    options = {"background": 0, "uniform": True}
    display = SegmentationDisplay.from_predictions(
        [[0, 2, -1, 1000, 1]], [[0, 0, 1, 2, 2]], **options
    )
    assert legend(display)[-2:] == ["background", "no label"]
    assert display.rows["true"][0].tolist()[:3] == [-1, 2, -2]
    assert len({*display.rows["uniform"][0].tolist()}) == 3
    empty = SegmentationDisplay.from_predictions([[-1, -1]], [[4, 5]])
    assert legend(empty) == ["c4", "c5", "no label"]
    long = SegmentationDisplay.from_predictions(
        None, np.repeat([-1, 0, 1], 9), action_names=["a long name", "b"], background=1
    )
    assert legend(long) == ["1  a long name", "background", "no label"]


def test_background_that_was_predicted_is_drawn_as_background():
    display = SegmentationDisplay.from_predictions(
        [[0, 0, 1, 1]], [[-1, 5, 5, 6]], background=-1
    )
    assert display.rows["found"][0].tolist() == [-1, 0, 0, 1]
    assert display.action_names == ["0", "1"]


def test_dollars_in_names_are_no_formulas(data, model, timeline, partly):
    name, labels = "cost_$5_to_$7", data.labels
    names, actions = [f"{i} {name}" for i in range(5)], [name, f"b {name}", "c$$"]
    x, y = np.zeros(4, int), np.ones(5, int)
    both = {"names": names[:2], "labels_x": x, "labels_y": y, "action_names": actions}
    options = {"names": names[:4], "action_names": actions}
    drawn = [
        SegmentationDisplay.from_predictions(labels, labels, **options),
        EmbeddingDisplay.from_estimator(
            model, data.videos, labels, action_names=actions
        ),
        TimelineDisplay.from_estimator(model, data.videos, labels, **options),
        CommonTimeDisplay.from_timeline(
            timeline, [*labels, [0] * 50], names=names, action_names=actions
        ),
        AlignmentDisplay(partly, **both).plot(kind="plan"),
        AlignmentDisplay(partly, **both).plot(kind="threads"),
    ]
    for display in drawn:
        display.figure_.draw_without_rendering()
        shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        shown += [text.get_text() for text in display.ax_.get_yticklabels()]
        assert any(name.replace("$", r"\$") in text for text in shown)
        assert not any("$" in text.replace(r"\$", "") for text in shown)


def test_axes_that_are_used_again_have_the_new_unit():
    _, ax = plt.subplots()
    SegmentationDisplay.from_predictions(None, [np.repeat([0, 1], 300)], fps=1, ax=ax)
    SegmentationDisplay.from_predictions(None, [np.repeat([0, 1], 250)], ax=ax)
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == "frame"
    assert ax.get_xticklabels()[1].get_text() == "100"
    assert ax.get_xlim() == (0, 500)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_shared_axes_show_the_longer_recording(order, partly):
    labels = [[np.repeat([0, 1], n)] for n in (300, 20)]
    _, both = plt.subplots(2, 1, sharex=True)
    for place in order:
        SegmentationDisplay.from_predictions(None, labels[place], fps=1, ax=both[place])
    for ax in both:
        assert ax.get_xlim() == (0, 600)
        assert ax.get_xlabel() == "time in min:s (1 frames/s)"
    _, (above, below) = plt.subplots(2, 1, sharex=True)
    above.plot(np.arange(-3, 10), np.arange(13))
    before = above.get_xlim()
    AlignmentDisplay(partly).plot(below, kind="plan")
    assert below.get_xlim() == before
    alone = AlignmentDisplay(partly, labels_x=[0] * 4, labels_y=[0] * 5)
    ax = alone.plot().ax_
    ax.set_xlim(0, 50)
    assert alone.plot(ax).ax_.get_xlim() == (0, 4)


def test_labels_of_a_pair_may_be_lists_of_one_recording(model, data):
    one, other = Recordings(data.videos)[:1], Recordings(data.videos)[1:2]
    found = {"labels_x": model.predict(one), "labels_y": model.predict(other)}
    display = AlignmentDisplay.from_estimator(model, one, other, **found)
    assert "1" in legend(display)
    found["labels_y"] = found["labels_y"][0][1:]
    with pytest.raises(ValueError, match="^labels_y: expected one label a frame, got"):
        AlignmentDisplay.from_estimator(model, one, other, **found)
    found["labels_x"] = [[0], [1]]
    with pytest.raises(ValueError, match=r"^labels_x: Expected labels of 1 video"):
        AlignmentDisplay.from_estimator(model, one, other, **found)


def test_options_of_plot_are_those_of_the_other_ways_to_draw(model, data):
    plt.close("all")
    plain = SegmentationDisplay.from_predictions(TRUE, FOUND, annotate=False)
    assert not plain.ax_.texts
    hatched = SegmentationDisplay.from_estimator(model, data.videos, hatch=True)
    assert len({c.get_hatch() for c in hatched.ax_.collections}) == 3
    unwarped = TimelineDisplay.from_estimator(model, data.videos, warped=False)
    assert unwarped.ax_.get_xlabel() == "frame"
    assert len(plt.get_fignums()) == 3


def test_what_is_not_one_axes_is_refused(model, timeline, partly):
    figure, grid = plt.subplots(2, 2)
    draw = [
        lambda ax: SegmentationDisplay.from_predictions(None, [[0]], ax=ax),
        lambda ax: AlignmentDisplay(partly).plot(ax),
        lambda ax: CommonTimeDisplay.from_timeline(timeline, ax=ax),
        lambda ax: EmbeddingDisplay.from_embeddings([np.eye(3)], ax=ax),
    ]
    with pytest.raises(TypeError, match="ax must be one Axes of matplotlib"):
        HistoryDisplay.from_estimator(model, ax=figure)
    for given in (figure, grid):
        for call in draw:
            with pytest.raises(TypeError, match="ax must be one Axes of matplotlib"):
                call(given)


def test_lines_of_a_timeline_are_seen_on_a_dark_page(timeline):
    with plt.style.context("dark_background"):
        ax = CommonTimeDisplay.from_timeline(timeline).ax_
    assert ax.lines[0].get_color() == "white"
    (dotted,) = [c for c in ax.collections if c.get_linestyle()[0][1] is not None]
    assert to_hex(dotted.get_color()[0]) == "#ffffff"


@pytest.mark.parametrize("names", ["pour", b"pour", {"pour"}, iter(["pour"]), 3])
def test_names_of_actions_without_an_order_are_refused(names):
    plt.close("all")
    with pytest.raises(TypeError, match="action_names must be a list of texts, or"):
        SegmentationDisplay.from_predictions(None, [[0]], action_names=names)
    with pytest.raises(TypeError, match="action_names must be a list of texts, or"):
        EmbeddingDisplay.from_embeddings([np.eye(3)], [[0, 1, 1]], action_names=names)
    assert plt.get_fignums() == []


def test_actions_of_one_colour_differ_in_their_marker():
    assert len({(colour(k), _marker(k)) for k in range(200)}) == 200


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda ax: SegmentationDisplay.from_predictions(None, [[0]], fps=0, ax=ax),
            "fps",
        ),
        (
            lambda ax: EmbeddingDisplay.from_embeddings([np.eye(3)], [[0]], ax=ax),
            "label",
        ),
        (lambda ax: HistoryDisplay({}).plot(ax), "no epoch"),
    ],
)
def test_calls_that_fail_draw_nothing(draw, message):
    plt.close("all")
    with pytest.raises(ValueError, match=message):
        draw(None)
    assert plt.get_fignums() == []
    figure = plt.figure()
    ax = figure.add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=message):
        draw(ax)
    assert ax.axison
    assert not ax.has_data()
    plt.close("all")


class TestNamesThatAreKnown:
    """What a fitted estimator and recordings call actions and videos."""

    NAMES = {0: "cut", 1: "mix", 2: "stir"}

    @pytest.fixture
    def named(self, model):
        return copy.deepcopy(model).name_actions(self.NAMES)

    @staticmethod
    def draw(model, videos, labels):
        """Return the legends of the displays that are given labels."""
        sides = {"labels_x": labels[0], "labels_y": labels[1]}
        drawn = [
            TimelineDisplay.from_estimator(model, videos, labels),
            EmbeddingDisplay.from_estimator(model, videos, labels),
            *(
                AlignmentDisplay.from_estimator(model, *videos[:2], **sides, kind=kind)
                for kind in ("plan", "threads")
            ),
        ]
        return [{*legend(display)} - {"matched frames"} for display in drawn]

    def test_labels_that_the_estimator_found_have_its_names(self, named, data):
        unseen = [video[5:] for video in data.videos]
        for videos, labels in (
            (data.videos, list(named.labels_)),
            (unseen, named.predict(unseen)),
        ):
            labels = [labels[0], np.where(labels[1] == 0, -1, labels[1]), *labels[2:]]
            for shown in self.draw(named, videos, labels):
                assert shown - {"no label", "no counterpart"} == {*self.NAMES.values()}
        if named.timeline_ is not None:
            display = CommonTimeDisplay.from_estimator(named, list(named.labels_))
            assert {"cut", "mix", "stir"} <= {*legend(display)}

    def test_other_numbers_do_not_have_them(self, named, data):
        others = [(labels + 1) % 3 for labels in named.labels_]
        for shown in self.draw(named, data.videos, others):
            assert {"0", "1", "2"} <= shown
        given = [*"xyz"]
        display = TimelineDisplay.from_estimator(
            named, data.videos, list(named.labels_), action_names=given
        )
        assert legend(display)[:3] == given

    def test_truths_of_the_labels_of_fit_have_them(self, data):
        true = [np.array(["cut", "mix", "stir"])[codes] for codes in data.labels]
        model = JointAlignSegment(max_epochs=0, random_state=0)
        model.fit(data.videos, [*true[:2], None, None]).name_actions({"cut": "slice"})
        for shown in self.draw(model, data.videos, true):
            assert {"slice", "mix", "stir"} <= shown
        display = SegmentationDisplay.from_estimator(model, data.videos, true)
        assert legend(display)[0] == "slice"

    def test_videos_have_the_names_of_recordings(self, model, data):
        recordings = Recordings(data.videos, ["anna", "ben", "cleo", "dora"])
        by_video = {"color_by": "video"}
        display = EmbeddingDisplay.from_estimator(model, recordings, **by_video)
        assert legend(display) == recordings.names
        sizes = [len(dots.get_offsets()) for dots in display.ax_.collections]
        assert sizes == [len(video) for video in data.videos]
        display = EmbeddingDisplay.from_estimator(
            model, recordings, names=[*"abcd"], **by_video
        )
        assert legend(display) == [*"abcd"]
        bare = EmbeddingDisplay.from_estimator(model, data.videos, **by_video)
        assert legend(bare)[0] == "video 0"
        rows = TimelineDisplay.from_estimator(model, recordings)
        assert tick_labels(rows)[:2] == ["anna", "ben (reference)"]

    def test_seconds_are_those_of_the_videos_else_of_fit(self, data):
        model = JointAlignSegment(3, max_epochs=0, reference=1, random_state=0)
        model.fit(Recordings(data.videos, fps=10))
        own = Recordings(data.videos, fps=[20, 25, 20, 20])
        draw = SegmentationDisplay.from_estimator
        assert draw(model, data.videos).ax_.get_xlabel() == "time in s (10 frames/s)"
        assert draw(model, own[2:]).ax_.get_xlabel() == "time in s (20 frames/s)"
        assert draw(model, own).ax_.get_xlabel() == "frame"
        draw = TimelineDisplay.from_estimator
        label = "time of the reference in s ({} frames/s)"
        assert draw(model, own).ax_.get_xlabel() == label.format(25)
        assert draw(model, own[2:]).ax_.get_xlabel() == label.format(10)
        flat = draw(model, own[2:], warped=False)
        assert flat.ax_.get_xlabel() == "time in s (20 frames/s)"
        assert draw(model, own, warped=False).ax_.get_xlabel() == "frame"


@pytest.mark.parametrize(
    "display",
    [
        AlignmentDisplay,
        CommonTimeDisplay,
        EmbeddingDisplay,
        HistoryDisplay,
        SegmentationDisplay,
        TimelineDisplay,
    ],
)
def test_ways_to_draw_take_the_same_options_in_one_order(display):
    order = ["names", "action_names", "background", "fps"]
    plot = inspect.signature(display.plot).parameters
    assert list(plot)[:2] == ["self", "ax"]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(plot.values())[2:])
    ways = [name for name in vars(display) if name.startswith("from_")]
    for way in ways:
        options = inspect.signature(getattr(display, way)).parameters
        assert list(options)[-1] == "ax"
        assert options["ax"].default is None
        for name in list(plot)[2:]:
            assert options[name].default == plot[name].default
            assert options[name].kind is inspect.Parameter.KEYWORD_ONLY
        shared = [name for name in options if name in order]
        assert shared == [name for name in order if name in shared]
    assert ways


def test_what_is_missing_is_called_by_its_name(partly):
    rows = TimelineDisplay([partly], labels=[["a", "none", "a", -1]], background="none")
    assert legend(rows.plot()) == ["a", "background", "no label", "no counterpart"]
    hatches = {c.get_label(): c.get_hatch() for c in rows.ax_.collections}
    assert len({*hatches.values()}) == 3
    assert not hatches["background"]
    assert legend(TimelineDisplay([partly]).plot()) == ["no counterpart"]
    assert TimelineDisplay([partly]).plot(warped=False).ax_.get_legend() is None


@pytest.mark.parametrize(
    "draw",
    [
        AlignmentDisplay.plot,
        lambda display, **options: display.plot(kind="threads", **options),
        lambda display, **options: TimelineDisplay(
            [display.alignment], labels=[display.labels_x]
        ).plot(warped=False, **options),
    ],
)
def test_hatches_stand_for_colours(draw, partly):
    display = AlignmentDisplay(partly, labels_x=[*"abcd"], labels_y=[*"abcda"])

    def shown(**options):
        patches = draw(display, **options).ax_.get_legend().legend_handles
        kept = {p.get_label(): p for p in patches}
        return [kept[label].get_hatch() for label in "abcd"]

    assert len({*shown()}) == 1
    assert len({*shown(hatch=True)}) == 4


def test_names_that_begin_with_an_underscore_are_in_the_legend():
    display = SegmentationDisplay.from_predictions(
        None, [[0, 1]], action_names=["_idle", "_walk"]
    )
    assert legend(display) == ["_idle", "_walk"]
    display = EmbeddingDisplay([np.eye(2)], labels=[["_a", "_b"]]).plot()
    assert legend(display) == ["_a", "_b"]


@pytest.mark.parametrize("n", [60, 200])
def test_names_of_many_rows_do_not_overlap(n):
    display = SegmentationDisplay.from_predictions(None, [[0, 1]] * n)
    everything_drawn(display.figure_)
    boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
    assert all(a.y0 >= b.y1 - 1 for a, b in zip(boxes, boxes[1:], strict=False))
    assert len(boxes) > n / 3
    _, ax = plt.subplots(figsize=(3, 1))
    SegmentationDisplay.from_predictions(None, [[0, 1]] * n, ax=ax)
    assert 5 < len(tick_labels(display.plot(ax))) < n / 2


def test_numbers_on_hatches_have_a_ground_of_their_own():
    labels = np.repeat([0, 3, 23], 30)
    display = SegmentationDisplay.from_predictions(None, labels)
    grounds = {t.get_text(): t.get_bbox_patch() for t in display.ax_.texts}
    assert grounds["3"] is None
    assert to_hex(grounds["23"].get_facecolor()) == colour(23)


def test_pale_dots_have_an_edge():
    display = EmbeddingDisplay([np.eye(3)[:, :2]], labels=[[0, 6, -1]]).plot()
    widths = {d.get_label(): d.get_linewidths()[0] for d in display.ax_.collections}
    assert widths["0"] == 0
    assert widths["6"] > 0  # yellow
    assert widths["no label"] > 0


def test_edges_of_small_dots_do_not_hide_their_colour():
    frames = np.random.RandomState(0).normal(size=(5000, 2))
    (dots,) = EmbeddingDisplay([frames], labels=[[6] * 5000]).plot().ax_.collections
    ((width,), (area,)) = dots.get_linewidths(), dots.get_sizes()
    assert 0 < width < 0.15 * area**0.5


def test_legend_does_not_name_hundreds_of_videos():
    display = EmbeddingDisplay([np.eye(2)] * 200).plot(color_by="video")
    assert display.ax_.get_legend() is None
    assert len(display.ax_.collections) == 200
    named = EmbeddingDisplay([np.eye(2)] * 40).plot(color_by="video")
    assert len(legend(named)) == 40


def test_threads_without_an_action_are_darker_than_its_grey(partly):
    labels = {"labels_x": [-1, 0, 0, 0], "labels_y": [0] * 5}
    display = AlignmentDisplay(partly, **labels).plot(kind="threads")
    colours = [to_hex(c) for c in display.ax_.collections[0].get_edgecolor()]
    assert {*colours} == {"#b2b2b2", COLOURS[0]}


def test_labels_of_axes_break_where_names_are_long(partly):
    names = ["the camera at the door of the kitchen", "b"]
    ax = AlignmentDisplay(partly, names=names, fps=25).plot().ax_
    name = show_names(names)[0]
    assert ax.get_xlabel() == f"time of {name}\nin s (25 frames/s)"
    assert ax.get_ylabel() == "time of b in s (25 frames/s)"
    figure, (above, below) = plt.subplots(2, 1, sharex=True)
    AlignmentDisplay(partly, names=names, fps=2).plot(above)
    SegmentationDisplay.from_predictions(None, [np.zeros(500)], fps=2, ax=below)
    assert above.get_xlabel().endswith("\nin min:s (2 frames/s)")


def test_unmatched_frames_leave_half_of_a_hatched_strip(partly):
    labels = {"labels_x": [*"aabb"], "labels_y": [*"aaabb"]}
    display = AlignmentDisplay(partly, **labels).plot(kind="threads", hatch=True)
    covers = display.ax_.patches
    assert [to_hex(cover.get_facecolor()) for cover in covers] == [BACKGROUND] * 2
    ends = [(c.get_y(), c.get_y() + c.get_height()) for c in covers]
    assert_allclose(ends, [(0.93, 1.0), (0.0, 0.07)], atol=1e-9)
