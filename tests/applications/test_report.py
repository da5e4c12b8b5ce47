import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import (
    ActionSegmenter,
    JointAlignSegment,
    Recordings,
    StepReport,
    VideoAligner,
    step_report,
)
from skvas.applications._report import Collection, split_into_steps
from skvas.datasets import make_videos
from skvas.datasets._recordings import remember
from skvas.live._model import LiveModel
from skvas.metrics import match_labels, mof
from skvas.preprocessing import Framewise
from skvas.segmentation._order import KNOWN_AGAIN


class Stub(ClusterMixin, BaseEstimator):
    """Labels each frame by its only feature."""

    def fit(self, collection, y=None):
        self.labels_ = [spell(text) for text in collection]
        return self

    def predict(self, videos):
        return [np.asarray(video)[:, 0].astype(int) for video in videos]


def spell(text):
    return np.array([ord(letter) - ord("a") for letter in text])


def report(text, *collection, **options):
    """Report on a video that is given as one letter a frame."""
    found = step_report(Stub().fit(collection), spell(text)[:, None], **options)
    names = "abcdefghijklmnopqrstuvwxyz"
    return [{**r, "step": names[r["step"]]} for r in found.records]


def status(records):
    return [(record["step"], record["status"]) for record in records]


USUAL = ["aabbcc", "abbbcc", "aaabccc"]


def test_steps_have_their_times_in_seconds():
    records = report("aabbbc", *USUAL, fps=2)
    times = [(r["step"], r["start"], r["end"], r["duration"]) for r in records]
    assert times == [("a", 0, 1, 1), ("b", 1, 2.5, 1.5), ("c", 2.5, 3, 0.5)]
    assert {word for _, word in status(records)} == {"usual"}


def test_without_a_rate_times_are_in_frames():
    videos = spell("aabbbc")[:, None]
    assert step_report(Stub().fit(USUAL), videos).unit == "frames"
    assert step_report(Stub().fit(USUAL), videos).records[1]["end"] == 5
    assert step_report(Stub().fit(USUAL), videos, fps=2).unit == "seconds"


def test_z_score_is_against_all_segments_of_the_step():
    records = report("aaaaabbcc", *USUAL, fps=7)
    lengths = [2, 1, 3]
    expected = (5 - np.mean(lengths)) / np.std(lengths, ddof=1)
    assert_allclose(records[0]["z_score"], expected)


def test_z_score_is_absent_where_lengths_do_not_vary():
    assert report("aabb", "aab", "aabb", "aabbb")[0]["z_score"] is None
    assert report("aabb", "aabbb")[1]["z_score"] is None
    assert report("aabbd", *USUAL)[2]["z_score"] is None


def test_durations_that_differ_by_rounding_do_not_vary():
    videos = [spell("aa" + "b" * n)[:, None] for n in range(2, 8)]
    times = [7 + np.arange(len(video)) / 30 for video in videos]
    model = Stub().fit(["aa" + "b" * n for n in range(2, 8)])
    recordings = Recordings(videos, times=times)
    model.recordings_ = remember(recordings, [len(video) for video in videos])
    same, other = step_report(model, recordings[:1]).records
    assert same["z_score"] is None
    assert other["z_score"] is not None


def test_segment_as_long_as_asked_for_is_kept():
    texts = ["a" * n + "b" * 10 * n for n in range(1, 20)]
    for text, n in zip(texts, range(1, 20), strict=True):
        records = report(text, *[text] * 4, fps=30, min_duration=n * 0.1 / 3)
        assert [r["step"] for r in records] == ["a", "b"]


def test_frames_without_a_label_are_no_step_of_a_collection():
    model, video = Stub().fit(USUAL), spell("aabb")[:, None]
    gaps, nothing = np.array([0, 0, -1, -1, 1, 1]), np.full(5, -1)
    for collection in ([gaps, gaps], [gaps, *[nothing] * 5]):
        found = step_report(model, video, collection=collection).records
        assert [(r["step"], r["status"]) for r in found] == [(0, "usual"), (1, "usual")]
    with pytest.raises(ValueError, match="collection has no label of any frame"):
        step_report(model, video, collection=[nothing])


def test_missing_step_is_skipped_and_listed_last():
    records = report("aacc", *USUAL)
    assert status(records) == [("a", "usual"), ("c", "usual"), ("b", "skipped")]
    assert records[-1]["start"] is records[-1]["duration"] is None


def test_swapped_steps_that_predict_cannot_show_are_out_of_order():
    """A timeline keeps the order; what lacks a step there is looked at without it."""
    collection = ["aabbcc"] * 4

    class Ordered(Stub):
        def _labels_in_any_order(self, videos):
            asked.append(len(videos))
            return [spell(others[len(video)]) for video in videos]

    def judge(free):
        others[7] = free
        videos = [spell(text)[:, None] for text in ("aabbcc", "aaaaccc")]
        found = step_report(Ordered().fit(collection), videos).records
        return ["abc"[r["step"]] + " " + r["status"] for r in found if r["video"] == 1]

    asked, others = [], {}
    assert judge("aaccbbb") == ["a usual", "c out_of_order", "b usual"]
    assert asked == [1]  # the video that has all steps is not looked at again
    skipped = ["a usual", "c usual", "b skipped"]
    assert judge("aaaaccc") == skipped
    assert judge("abacbbc") == skipped  # too many steps: no mere swap
    assert judge("bbbbccc") == skipped  # a step found, another one lost
    assert judge("ccccaaa") == skipped  # no step more


class Assembly:
    """Clips of an assembly whose steps look different, and last as long as they do."""

    def __init__(self, noise=0.2):
        self.looks = np.random.default_rng(0).normal(size=(5, 8)) * 1.2
        self.noise = noise
        self.usual = [self.clip(range(5), seed=seed) for seed in range(10)]

    def clip(self, steps, pace=1.0, seed=99):
        rng = np.random.default_rng(seed)
        usual = np.array([40, 25, 60, 30, 45])[list(steps)]
        lengths = usual * np.exp(0.15 * rng.normal(size=len(usual))) / pace
        labels = np.repeat(list(steps), lengths.astype(int) + 1)
        frames = self.looks[labels] + self.noise * rng.normal(size=(len(labels), 8))
        return gaussian_filter1d(frames, 2, axis=0), labels

    def model(self, n_labelled=0):
        y = [labels for _, labels in self.usual[:n_labelled]]
        y += [None] * (len(self.usual) - n_labelled)
        model = JointAlignSegment(
            None if n_labelled else 5, max_epochs=0, random_state=0
        )
        model.fit([video for video, _ in self.usual], y if n_labelled else None)
        assert model.segment_on_ == "timeline"
        return model

    def unusual(self, model, steps, **options):
        matched = match_labels([x for _, x in self.usual], model.labels_)
        video, labels = self.clip(steps, **options)
        records = step_report(model, [video]).records
        called = [(matched[r["step"]], r["status"]) for r in records]
        return [pair for pair in called if pair[1] != "usual"]


@pytest.mark.parametrize("n_labelled", [0, 1])
def test_steps_that_a_timeline_cannot_show_are_found(n_labelled):
    assembly = Assembly()
    model = assembly.model(n_labelled)

    def told(steps):
        found = assembly.unusual(model, steps)
        return [pair for pair in found if pair[1] not in ("slow", "fast")]

    assert told([0, 1, 2, 3, 4]) == []
    assert told([0, 3, 4]) == [(1, "skipped"), (2, "skipped")]
    assert told([0, 1, 2, 4]) == [(3, "skipped")]
    assert told([0, 2, 1, 3, 4]) == [(1, "out_of_order")]
    again = told([0, 1, 2, 1, 3, 4])
    assert (1, "extra") in again
    assert {step for step, _ in again} == {1}


def test_looks_must_be_known_well_before_they_overrule_an_order():
    assembly = Assembly(noise=3.0)
    noisy = assembly.model()
    assert 0 < LiveModel.from_state(noisy.live_).known < KNOWN_AGAIN
    video, labels = Assembly().clip([0, 2, 1, 3, 4])
    assert noisy._labels_by_jumps([video]) is None
    clear = Assembly().model()
    assert LiveModel.from_state(clear.live_).known > 0.9
    found, again = clear._labels_by_jumps([video, video[60:]])
    assert mof(labels, found) > 0.95
    assert_array_equal(again, clear._labels_by_jumps([video[60:]])[0])
    clear.live_ = None
    assert clear._labels_by_jumps([video]) is None


def test_steps_of_a_fast_recording_are_fast_and_not_skipped():
    """A step is as short as the recording is fast, and a sliver is none."""
    assembly = Assembly()
    found = assembly.unusual(assembly.model(), range(5), pace=5)
    assert {word for _, word in found} == {"fast"}
    collection = ["a" * 20 + "b" * 20 + "c" * 20] * 5
    fast = report("aaaabbbbcccc", *collection)
    assert [r["step"] for r in fast] == ["a", "b", "c"]
    sliver = report("a" * 20 + "bbbb" + "c" * 20, *collection)
    assert status(sliver)[-1] == ("b", "skipped")
    assert [r["step"] for r in report("ddd", *collection)][:1] == ["d"]


def test_same_steps_keep_the_boundaries_of_predict():
    class Jumping(Stub):
        def _labels_in_any_order(self, videos):
            raise AssertionError("asked for, though streams tell")

        def _labels_by_jumps(self, videos):
            return [spell(others[len(video)]) for video in videos]

    others = {8: "aaabbbcc", 7: "aabbaac"}
    model = Jumping().fit(["aabbcc"] * 4)
    videos = [spell(text)[:, None] for text in ("aabbbccc", "aabbbcc")]
    found = step_report(model, videos).records
    assert [r["end"] for r in found if r["video"] == 0] == [2, 5, 8]
    assert [r["end"] for r in found if r["video"] == 1] == [2, 4, 6, 7]


def test_step_that_few_videos_have_is_neither_missed_nor_usual():
    collection = ["aabbcc", "abbc", "adbbc"]
    assert status(report("abc", *collection))[-1] == ("c", "usual")
    assert ("d", "extra") in status(report("abdc", *collection))


def test_repeat_is_extra_the_segment_at_the_wrong_place():
    records = report("abbbcaac", *USUAL)
    assert status(records) == [
        ("a", "usual"),
        ("b", "usual"),
        ("c", "usual"),
        ("a", "extra"),
        ("c", "extra"),
    ]
    # However long it is, no right step is out of order by it.
    for again in ("a", "aaa"):
        words = [word for _, word in status(report(f"abbb{again}ccc", *USUAL))]
        assert words == ["usual", "usual", "extra", "usual"]


def test_repeat_at_a_place_as_right_is_extra_if_it_is_the_shorter_one():
    for text, first in (("ddabbbcd", "usual"), ("dabbbcdd", "extra")):
        records = report(text, *["dabbc", "abbbcd"] * 3)
        assert status(records)[0] == ("d", first)


def test_repeat_that_is_usual_is_not_extra():
    collection = ["abac", "aabac", "abbac"]
    assert {word for _, word in status(report("abac", *collection))} == {"usual"}


def test_step_out_of_order_is_marked_and_the_others_are_not():
    records = report("ccaaabbb", *USUAL)
    assert status(records) == [
        ("c", "out_of_order"),
        ("a", "usual"),
        ("b", "usual"),
    ]


def test_of_two_swapped_steps_the_shorter_is_marked():
    assert status(report("aacccbb", *USUAL))[1:] == [
        ("c", "usual"),
        ("b", "out_of_order"),
    ]
    assert status(report("aaccbbb", *USUAL))[1:] == [
        ("c", "out_of_order"),
        ("b", "usual"),
    ]


def test_nothing_is_out_of_order_where_there_is_no_order():
    collection = ["abc", "cba", "bac", "cab"]
    assert {word for _, word in status(report("bca", *collection))} == {"usual"}


def test_each_video_has_one_say_in_what_the_order_is():
    collection = ["aabb"] * 9 + ["bcbcbcba"]
    assert ("b", "out_of_order") in status(report("baa", *collection))


@given(st.lists(st.permutations("abcd").map("".join), min_size=1, max_size=5))
def test_video_that_all_others_equal_is_usual(videos):
    text = videos[0]
    assert {word for _, word in status(report(text, *[text] * 4))} == {"usual"}


@given(st.permutations("abcdef").map("".join))
def test_what_is_not_marked_is_in_order(text):
    records = report(text, "abcdef", "aabbccddeeff")
    kept = [record["step"] for record in records if record["status"] == "usual"]
    assert kept == sorted(kept)
    assert kept


def test_names_stand_for_videos_and_steps():
    videos = [spell("ab")[:, None], spell("ad")[:, None]]
    found = step_report(
        Stub().fit(USUAL),
        videos,
        names=["one", "two"],
        action_names={0: "take", 1: "pour"},
    )
    assert [(r["video"], r["step"]) for r in found.records] == [
        ("one", "take"),
        ("one", "pour"),
        ("one", 2),
        ("two", "take"),
        ("two", 3),
        ("two", "pour"),
        ("two", 2),
    ]
    listed = step_report(
        Stub().fit(USUAL), videos[1], action_names=["take", "pour", "stir"]
    )
    assert [r["step"] for r in listed.records] == ["take", 3, "pour", "stir"]


def test_names_may_be_numbers_and_of_labels_of_the_collection():
    stub = Stub().fit(USUAL)
    stub.classes_ = np.arange(3)
    collection = list(map(spell, ["aabbccd", "abbccd"]))
    names = {0: 7, 3: "rest"}
    options = {"collection": collection, "action_names": names}
    found = step_report(stub, spell("aabbcc")[:, None], **options)
    assert [r["step"] for r in found.records] == ["7", 1, 2, "rest"]
    with pytest.raises(ValueError, match="no action 4; there are 0, 1, 2, 3"):
        step_report(stub, spell("aa")[:, None], **options | {"action_names": {4: "x"}})


@pytest.mark.parametrize("labels", [[0, 10, 20], ["x", "y", "z"]])
def test_listed_names_are_in_the_order_of_the_labels(labels):
    videos = make_videos(3, n_actions=3, random_state=0).videos
    y = [np.repeat(labels, [10, 10, len(videos[0]) - 20]), None, None]
    model = ActionSegmenter(max_epochs=0, random_state=0).fit(videos, y)
    names = ["take", "pour", "stir"]
    listed = step_report(model, videos, action_names=names)
    assert {record["step"] for record in listed.records} == set(names)
    by_text = {str(label): name for label, name in zip(labels, names, strict=True)}
    assert step_report(model, videos, action_names=by_text).records == listed.records


def test_collection_can_be_another():
    found = step_report(
        Stub().fit(USUAL), spell("ab")[:, None], collection=[spell("ab"), spell("aab")]
    )
    assert [r["status"] for r in found.records] == ["usual", "usual"]
    single = step_report(
        Stub().fit(USUAL), spell("ab")[:, None], collection=spell("ba")
    )
    assert [r["status"] for r in single.records] == ["usual", "out_of_order"]


def test_table_has_one_row_a_record():
    pandas = pytest.importorskip("pandas")
    found = step_report(Stub().fit(USUAL), spell("aacc")[:, None], fps=2)
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(found.records[0])
    assert frame["duration"].tolist()[:2] == [1.0, 1.0]
    assert frame["start"].isna().tolist() == [False, False, True]
    assert frame["z_score"].dtype == float


def test_fitted_segmenter_reports_on_its_videos():
    data = make_videos(6, n_actions=3, n_frames=(40, 60), random_state=0)
    segmenter = ActionSegmenter(3, max_epochs=0).fit(data.videos)
    records = step_report(segmenter, data.videos, fps=25, names=data.names).records
    assert [r["video"] for r in records if r["start"] == 0] == data.names
    last = [r["end"] for r in records if r["video"] == "video03" and r["end"]]
    assert_allclose(max(last), len(data.videos[3]) / 25)
    alone = ActionSegmenter(3, max_epochs=0).fit(data.videos[0])
    assert {r["video"] for r in step_report(alone, data.videos[0]).records} == {0}


def test_pipeline_needs_to_be_told_the_collection():
    data = make_videos(4, n_actions=3, n_frames=(40, 60), random_state=0)
    segmenter = ActionSegmenter(3, max_epochs=0)
    pipeline = make_pipeline(Framewise(StandardScaler()), segmenter).fit(data.videos)
    with pytest.raises(ValueError, match="Pipeline has no labels_.*collection"):
        step_report(pipeline, data.videos)
    found = step_report(pipeline, data.videos, collection=segmenter.labels_)
    assert found.records[0]["start"] == 0


def test_wrong_input_is_named():
    videos = spell("ab")[:, None]
    with pytest.raises(NotFittedError):
        step_report(ActionSegmenter(3), videos)
    with pytest.raises(TypeError, match="must segment videos.*got VideoAligner"):
        step_report(VideoAligner(), videos)
    with pytest.raises(ValueError, match="fps must be a number of frames"):
        step_report(Stub().fit(USUAL), videos, fps=-1)
    with pytest.raises(ValueError, match=r"names must be 1 name\(s\)"):
        step_report(Stub().fit(USUAL), videos, names=["a", "b"])
    for wrong in ("long", np.array([1.0, 2.0]), -1):
        with pytest.raises(ValueError, match="min_duration, if not 'auto', must"):
            step_report(Stub().fit(USUAL), videos, min_duration=wrong)


def test_slow_and_fast_steps_are_beyond_two_standard_scores():
    collection = ["aaaabbbb", "aaabbbbb", "aaaabbbb", "aaaaabbb", "aaaabbbb"]
    slow, fast = report("aaaaaaaabb", *collection)
    assert (slow["status"], fast["status"]) == ("slow", "fast")
    assert slow["z_score"] > 2
    assert fast["z_score"] < -2
    usual = report("aaaaabbb", *collection)
    assert {word for _, word in status(usual)} == {"usual"}
    assert abs(usual[0]["z_score"]) > 1
    again = report(
        "aaaabbbba", *collection, min_duration=0
    )  # far too fast, and one too many
    assert status(again)[-1] == ("a", "extra")
    assert again[-1]["z_score"] < -2
    few = report("aaaaaaaabb", *collection[:4])
    assert {word for _, word in status(few)} == {"usual"}


def test_slivers_are_no_steps_and_what_is_left_of_a_step_is_skipped():
    collection = ["a" * 10 + "b" * 10 + "c" * 10] * 5
    text = "a" * 9 + "c" + "a" * 2 + "b" * 2 + "c" * 10
    assert status(report(text, *collection)) == [
        ("a", "usual"),
        ("c", "usual"),
        ("b", "skipped"),
    ]
    kept = report(text, *collection, min_duration=2)
    assert [r["step"] for r in kept] == ["a", "b", "c"]
    assert len(report(text, *collection, min_duration=0)) == 5
    halved = report(text, *collection, min_duration=1, fps=2)
    assert [(r["step"], r["end"]) for r in halved] == [("a", 6), ("b", 7), ("c", 12)]


def test_slivers_of_a_collection_are_no_steps_however_many_they_are():
    collection = ["a" * 10 + "baba" + "b" * 10] * 5
    records = report("a" * 10 + "b" * 10 + "a" * 10, *collection)
    assert status(records) == [("a", "usual"), ("b", "usual"), ("a", "extra")]


@pytest.mark.parametrize(("before", "after", "end"), [(10, 4, 11), (4, 10, 4)])
def test_slivers_go_to_the_longer_neighbour(before, after, end):
    collection = ["a" * 10 + "b" * 10 + "c" * 10] * 5
    text = "a" * before + "c" + "b" * after + "c" * 10
    records = report(text, *collection)
    assert [r["step"] for r in records] == ["a", "b", "c"]
    assert records[0]["end"] == records[1]["start"] == end


def test_collection_of_no_known_rate_is_taken_to_have_that_of_most_videos():
    segments = split_into_steps([spell(text) for text in USUAL])
    assert Collection.of(segments, [50, 25, 25]).rate == 25
    assert Collection.of(segments, [None]).rate == 1
    assert Collection.of(segments, [50, 25, 25], [10, 20, 30]).rate is None


def test_skipped_steps_come_in_the_order_of_relative_times():
    early, late = "a" * 50 + "z" * 50, "z" * 5 + "b" * 5
    collection = [early] * 3 + [late] * 3 + ["a" * 50 + "b" * 50]
    records = report("zzz", *collection, min_duration=0)
    assert status(records) == [("z", "usual"), ("a", "skipped"), ("b", "skipped")]


def test_names_and_rates_come_from_recordings_and_estimator():
    videos = [spell("aabbb")[:, None], spell("aab")[:, None]]
    recordings = Recordings(videos, ["anna", "ben"], fps=[1, 2])
    stub = Stub().fit(USUAL)
    stub.classes_ = np.arange(3)
    stub.action_names_ = ["take", "pour", "stir"]
    found = step_report(stub, recordings)
    assert found.unit == "seconds"
    told = [(r["video"], r["step"], r["end"]) for r in found.records if r["end"]]
    assert told == [
        ("anna", "take", 2),
        ("anna", "pour", 5),
        ("ben", "take", 1),
        ("ben", "pour", 1.5),
    ]


def twice(text):
    """Return a recording with twice as many frames."""
    return "".join(2 * letter for letter in text)


def test_durations_of_recordings_with_other_rates_are_compared_in_seconds():
    texts = ["aabbcc", "abbbcc", "aaabccc", "aabbbbcc"]
    slow = Stub().fit(texts)
    mixed = Stub().fit([twice(texts[0]), texts[1], twice(texts[2]), texts[3]])
    slow.recordings_, mixed.recordings_ = {"fps": [10] * 4}, {"fps": [20, 10, 20, 10]}
    new = [spell("aaaabbcc")[:, None], spell("aabbbbcc")[:, None]]
    doubled = [spell(twice("aaaabbcc"))[:, None], new[1]]
    for options in ({}, {"min_duration": 0.15}):
        expected = step_report(slow, Recordings(new, fps=10), **options)
        found = step_report(mixed, Recordings(doubled, fps=[20, 10]), **options)
        assert found.records == expected.records


@pytest.mark.parametrize("fps", [[10, 20], [20, 10]])
def test_shortest_duration_is_in_seconds_of_each_recording(fps):
    """Also where nothing is known of the rates of the collection."""
    video = spell("aaabbbbbbcccccc")[:, None]
    videos = Recordings([video, video], ["one", "two"], fps=fps)
    records = step_report(Stub().fit(USUAL), videos, min_duration=0.2).records
    found = {(r["video"], r["step"]) for r in records if r["status"] != "skipped"}
    dropped = "two" if fps[1] == 20 else "one"  # .15 s of the first step
    assert {n for n in ("one", "two") if (n, 0) not in found} == {dropped}


@pytest.mark.parametrize("n", [(60, 90), (60, 60)])
def test_times_that_differ_by_rounding_are_of_one_rate(n):
    clips = [np.arange(k)[:, None] * 3 // k + 0.0 for k in n]
    times = [np.arange(k) * 1001 / 30000 for k in n]
    data = Recordings(clips, times=times)
    model = ActionSegmenter(3, max_epochs=0).fit(data)
    report = step_report(model, clips)
    assert report.unit == "seconds"
    assert report.records[0]["end"] * 30000 / 1001 == pytest.approx(n[0] / 3)


def test_durations_of_recordings_with_times_are_compared_in_seconds():
    texts = ["aabb", "aaabb", "aabbb", "aaabbb", "aabb", "aaabb"]
    slow = [spell(text)[:, None] for text in texts]
    fast = [spell(twice(text))[:, None] for text in texts]
    times = [np.arange(len(video)) / 5 for video in slow]
    model = Stub().fit(texts)
    model.recordings_ = remember(Recordings(slow, times=times), list(map(len, slow)))
    times = [np.arange(len(video)) / 10 for video in fast]
    report = step_report(model, Recordings(fast, times=times))
    assert report.unit == "seconds"
    assert {record["status"] for record in report.records} == {"usual"}
    assert report.records[0]["duration"] == pytest.approx(2 / 5)


def test_recording_of_one_frame_leaves_the_others_their_times():
    texts = ["aabbb", "aaabb", "aabbb", "a", "aaabbb"]
    videos = [spell(text)[:, None] for text in texts]
    times = [np.arange(len(video)) / 5 for video in videos]
    known = Recordings(videos, times=times)
    kept = remember(known, list(map(len, videos)))
    assert kept["fps"] == pytest.approx([5] * 5)
    report = step_report(Stub().fit(texts), known)
    assert report.unit == "seconds"
    assert report.records[1]["end"] == pytest.approx(1)
    alone = step_report(Stub().fit(texts), known[3:4])
    assert alone.unit == "frames"


def test_steps_of_frames_without_a_constant_rate_start_when_their_frames_do():
    times = np.array([5, 5.1, 5.2, 7, 8, 9])
    video = Recordings([spell("aabbbc")[:, None]], times=[times])
    records = step_report(Stub().fit(USUAL), video).records
    assert [r["start"] for r in records] == [5, 5.2, 9]
    assert [r["end"] for r in records] == [5.2, 9, 10]
    assert [r["duration"] for r in records] == pytest.approx([0.2, 3.8, 1])
    at_rate = step_report(Stub().fit(USUAL), video, fps=2).records
    assert [r["start"] for r in at_rate] == [0, 1, 2.5]


def test_report_prints_a_table():
    found = step_report(Stub().fit(USUAL), spell("aabbbc")[:, None])
    first, *_, last = str(found).splitlines()
    assert first.split() == list(found.records[0])
    assert last == "times in frames; 3 usual"
    assert found._repr_html_().count("<tr>") == 4


def test_steps_become_segments_without_those_that_were_skipped():
    records = [
        {"video": 3, "step": "pour", "start": 0.0, "end": 2.5, "status": "usual"},
        {"video": 3, "step": "stir", "start": None, "end": None, "status": "skipped"},
        {"video": 3, "step": 7, "start": 2.5, "end": 4.0, "status": "out_of_order"},
    ]
    table = StepReport(records, "seconds").to_segments()
    rows = [(row.video, row.start, row.end, row.label) for row in table]
    assert rows == [("3", 0.0, 2.5, "pour"), ("3", 2.5, 4.0, "7")]
    with pytest.raises(ValueError, match="no frame rate is known"):
        StepReport(records, "frames").to_segments()
