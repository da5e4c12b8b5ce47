from __future__ import annotations

import copy
import io
import pickle
import random
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.utils import resample

from skvas import Recordings
from skvas.datasets._recordings import (
    as_recordings,
    common_rate,
    mean_rates,
    recordings_of,
    remember,
)
from skvas.validation import check_videos

ARRAYS = [np.full((n, 2), float(n)) for n in (3, 4, 5)]


def recordings(**known):
    return Recordings(ARRAYS, ["a", "b", "c"], **known)


def test_mean_rate_of_times_is_that_of_the_steps_between_them():
    times = [np.arange(3) / 2, [5.0, 5.5, 5.6, 6.5], [0.0, 1.0, 2.0, 3.0, 4.0]]
    assert mean_rates(recordings(times=times)) == [2, 2, 1]


def test_rate_takes_the_place_of_times():
    times = [np.arange(len(array)) for array in ARRAYS]
    found = as_recordings(recordings(times=times), fps=5)
    assert (found.fps, found.times) == ([5, 5, 5], None)
    assert found.names == ["a", "b", "c"]


def test_times_that_are_kept_are_a_copy():
    times = [np.arange(len(array), dtype=float) for array in ARRAYS]
    known = recordings(times=times)
    kept = remember(known, [3, 4, 5])["times"]
    known.times[0][:] = 9
    assert_array_equal(kept[0], [0, 1, 2])


def test_it_is_a_list_of_its_arrays():
    found = recordings(fps=2)
    assert isinstance(found, list)
    assert found.videos is found
    for one, other in zip(check_videos(found), ARRAYS, strict=True):
        assert_array_equal(one, other)
    train, test = train_test_split(found, random_state=0)
    assert (len(train), len(test)) == (2, 1)
    assert len(list(KFold(3).split(found))) == 3


def test_it_knows_names_time_and_media():
    found = recordings(fps=[1, 2, 4], media=[Path("a.mp4"), None, "c.mp4"])
    assert found.names == ["a", "b", "c"]
    assert [found.clock(i) for i in range(3)] == [{"fps": f} for f in (1, 2, 4)]
    assert found.media == ["a.mp4", None, "c.mp4"]
    assert str(found) == "3 recordings, 12 frames, 6.2 s, 2 features"
    assert recordings().clock(0) == {}
    stamped = recordings(times=[np.arange(n) ** 2 for n in (3, 4, 5)])
    assert_array_equal(stamped.clock(1)["times"], [0, 1, 4, 9])


def test_without_names_there_are_numbers():
    assert Recordings(ARRAYS).names == ["recording 0", "recording 1", "recording 2"]


def test_slices_copies_and_replacements_know_the_same():
    told = ("tick", "ms")
    found = recordings(fps=[1, 2, 4], labels=[[0] * 3, None, [1] * 5], notes=["kept"])
    found.time_column = told
    part = found[1:]
    assert part.time_column == found.take([2]).time_column == told
    assert (part.names, part.fps, part.labels) == (["b", "c"], [2, 4], [None, [1] * 5])
    for copied in (copy.copy(found), pickle.loads(pickle.dumps(found))):
        assert (copied.names, copied.fps, copied.notes) == (
            found.names,
            found.fps,
            found.notes,
        )
        assert copied.time_column == told
        assert_array_equal(copied[2], ARRAYS[2])
    other = found.replace([array[:, :1] for array in found])
    assert (other.names, other.fps, other[0].shape) == (found.names, found.fps, (3, 1))


def set_first(found):
    found[0] = found[1]


def delete_first(found):
    del found[0]


def set_part(found):
    found[:] = found[::-1]


def extend_by_sign(found):
    found += ARRAYS


def repeat_by_sign(found):
    found *= 2


CHANGES = {
    "append": lambda found: found.append(ARRAYS[0]),
    "extend": lambda found: found.extend(ARRAYS),
    "insert": lambda found: found.insert(0, ARRAYS[0]),
    "pop": lambda found: found.pop(),
    "remove": lambda found: found.remove(ARRAYS[0]),
    "clear": lambda found: found.clear(),
    "reverse": lambda found: found.reverse(),
    "sort": lambda found: found.sort(key=len),
    "shuffle": random.Random(0).shuffle,
    "shuffle of NumPy": np.random.default_rng(0).shuffle,
    "=": set_first,
    "[:] =": set_part,
    "del": delete_first,
    "+=": extend_by_sign,
    "*=": repeat_by_sign,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_in_place_is_refused_and_says_what_to_do(change):
    found = recordings(fps=[1, 2, 4])
    with pytest.raises(TypeError, match="cannot be changed in place.*replace"):
        change(found)
    assert [len(array) for array in found] == [3, 4, 5]
    assert recordings_of(found) is found


def test_what_makes_another_list_still_does():
    found = recordings(fps=[1, 2, 4])
    for copied in (copy.deepcopy(found), through_a_file(found)):
        assert (copied.names, copied.fps) == (found.names, found.fps)
        assert_array_equal(copied[1], ARRAYS[1])
        with pytest.raises(TypeError, match="in place"):
            copied.clear()
    assert joblib.hash(found) == joblib.hash(copy.copy(found))
    for plain in (list(found), ARRAYS + found, [*found]):
        assert type(plain) is list
        plain.append(ARRAYS[0])
    assert [len(array) for array in sorted(found, key=len, reverse=True)] == [5, 4, 3]
    assert found[::-1].names == ["c", "b", "a"]
    for twice in (found * 2, 2 * found):  # as unions weigh their parts
        assert (twice.names, twice.fps) == (found.names, found.fps)
        assert_array_equal(twice[1], 2 * ARRAYS[1])
    (train, _), *_ = KFold(3).split(found)
    assert [len(found[i]) for i in train] == [4, 5]


def through_a_file(found):
    file = io.BytesIO()
    joblib.dump(found, file)
    file.seek(0)
    return joblib.load(file)


def test_list_that_was_changed_is_refused():
    found = recordings()
    list.append(found, ARRAYS[0])
    with pytest.raises(ValueError, match="3 names for 4 arrays.*make new ones"):
        recordings_of(found)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"names": ["a", "b"]}, "names must be one for each of 3"),
        ({"names": "abc"}, "names must be one for each"),
        ({"names": ["a", "b", "a"]}, "'a' occurs twice"),
        ({"names": [1, 2, 3]}, "names must be strings"),
        ({"fps": 0}, "fps must be"),
        ({"fps": 1e-320}, "from 1e-09 to 1e.09, got 1e-320"),
        ({"fps": 1e308}, "fps must be a number of frames per second"),
        ({"fps": [True, 25, 25]}, "fps must be .* got True"),
        ({"fps": [1, 2]}, "fps must be one for each"),
        ({"fps": 1, "times": [[0, 1, 2]] * 3}, "not both"),
        ({"times": [[0, 1], [0], [1]]}, "times of recording 'recording 0'"),
        ({"times": [[0, 0, 1]] * 3}, "must be rising"),
        (
            {"times": [[0, 1, np.inf], *map(np.arange, (4, 5))]},
            "must be rising, finite",
        ),
        ({"media": ["a.mp4"]}, "media must be one for each"),
        ({"feature_names": "knee"}, "feature_names must be a list of texts"),
        ({"action_names": "walk"}, "action_names must be a list of texts"),
        ({"notes": "Gaps are filled."}, "notes must be a list of texts"),
        ({"time_column": "tick"}, "time_column must be a pair.* got 'tick'"),
        ({"time_column": ("tick", "s", "x")}, "time_column must be a pair"),
        ({"time_column": (3, "s")}, "time_column must be a pair"),
        ({"time_column": ("tick", "weeks")}, "unit of time_column must be"),
    ],
)
def test_what_does_not_fit_is_refused(known, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Recordings(ARRAYS, **known)


@pytest.mark.parametrize(
    ("rates", "rate"),
    [
        (None, None),
        ([25.0, 25.0], 25),
        ([25.0, 25.0, 25.01, 25.0], 25),
        ([50.0, 50.02, 49.97, 50.01], 50),
        ([25.01, 25.0, 25.0], 25),
        ([29.97, 30.0], 29.97),
        ([25.0, 25.2], None),
        ([25.0, 50.0], None),
    ],
)
def test_rates_of_clocks_that_drift_are_one(rates, rate):
    assert common_rate(rates) == rate


@pytest.mark.parametrize("array", [np.zeros((4, 2)), np.zeros(4)])
def test_one_array_is_no_list_of_recordings(array):
    with pytest.raises(ValueError, match=r"pass a list, \[array\]"):
        Recordings(array)
    assert len(Recordings(np.zeros((3, 4, 2)))) == 3
    videos = np.empty(2, dtype=object)
    videos[:] = [np.zeros((4, 2)), np.zeros((3, 2))]
    assert len(Recordings(videos)) == 2


@pytest.mark.parametrize(
    "key", [[2, 0], np.array([2, 0]), (2, 0), [-1, -3], slice(None, None, -2)]
)
def test_some_know_what_they_knew(key):
    known = {"names": [*"abc"], "fps": [1, 2, 4], "media": ["a.mp4", None, "c.mp4"]}
    known |= {"labels": [[0], None, [1]], "feature_names": ["x"]}
    whole = Recordings(ARRAYS, **known)
    found = whole.iloc[key] if isinstance(key, slice) else whole.take(key)
    assert (found.names, found.fps, found.media) == (
        ["c", "a"],
        [4, 1],
        ["c.mp4", "a.mp4"],
    )
    assert (found.labels, found.feature_names) == ([[1], [0]], ["x"])
    assert found[0] is whole[2]


def test_joined_recordings_know_what_both_know():
    one = Recordings(
        ARRAYS,
        [*"abc"],
        fps=[1, 2, 4],
        media=["a.mp4", None, None],
        labels=[[0, 1, -1], None, [1] * 5],
        action_names=["pour", "stir"],
        feature_names=["x", "y"],
        activities=["tea"] * 3,
        notes=["kept"],
        description="Tea.",
    )
    one.time_column = ("tick", "ms")
    parted = one[:1] + one[1:]
    for name, value in vars(one).items():
        assert getattr(parted, name) == value
    other = Recordings(
        ARRAYS[:1], ["d"], fps=8, labels=[[0, -1, 1]], action_names=["stir", "boil"]
    )
    found = one[1:] + other
    assert (found.names, found.fps) == (["b", "c", "d"], [2, 4, 8])
    assert found.media is None or found.media == [None] * 3
    assert found.action_names == ["pour", "stir", "boil"]
    assert found.labels[0] is None
    assert_array_equal(found.labels[2], [1, -1, 2])
    assert (found.feature_names, found.activities) == (["x", "y"], None)
    assert found.time_column is None
    assert (one + one).names == [f"recording {place}" for place in range(6)]


def test_copies_and_lists_of_places_know_the_same():
    whole = Recordings(ARRAYS, [*"abc"], fps=[1, 2, 4])
    assert (whole.copy().names, whole.copy().fps) == (whole.names, whole.fps)
    for key in ([2, 0], (2, 0), np.array([2, 0])):
        assert (whole[key].names, whole[key].fps) == (["c", "a"], [4, 1])
    assert whole[[True, False, True]].names == ["a", "c"]
    assert whole[np.int64(1)] is whole[1]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (ARRAYS, "cannot be joined to a list"),
        (Recordings(ARRAYS, [*"def"]), "know fps cannot be joined to others that do n"),
        (
            Recordings(ARRAYS, [*"def"], fps=1, feature_names=["y", "x"]),
            "features .* cannot be joined to others of features",
        ),
        (
            Recordings(ARRAYS, [*"def"], fps=1, labels=[[0] * 3, None, None]),
            "labels are numbers alone",
        ),
    ],
)
def test_recordings_that_do_not_fit_are_not_joined(other, message):
    one = Recordings(
        ARRAYS,
        [*"abc"],
        fps=1,
        feature_names=["x", "y"],
        labels=[[0] * 3, None, None],
        action_names=["pour"],
    )
    with pytest.raises((ValueError, TypeError), match=message):
        one + other


def test_a_mask_takes_recordings_and_repeats_lose_names():
    whole = Recordings(ARRAYS, [*"abc"], fps=[1, 2, 4])
    for mask in ([True, False, True], np.array([True, False, True])):
        assert whole.loc[mask].names == whole.take(mask).names == ["a", "c"]
    assert whole.take([]).names == whole.iloc[[]].names == []
    assert whole.iloc[1] is whole[1]
    twice = whole.take([1, 1])
    assert (twice.fps, twice.names) == ([2, 2], ["recording 0", "recording 1"])
    with pytest.raises(IndexError):
        whole.take([3])
    with pytest.raises(ValueError, match="axis"):
        whole.take([0], axis=1)


def test_names_and_rates_stay_where_scikit_learn_splits():
    class Names(BaseEstimator, ClusterMixin):
        def fit(self, videos, y=None):
            self.names_, self.fps_ = videos.names, videos.fps
            return self

        def predict(self, videos):
            assert not {*videos.names} & {*self.names_}
            assert {*videos.fps, *self.fps_} == {1.0, 2.0, 3.0, 4.0}
            found = np.empty(len(videos), object)
            for index, (name, video) in enumerate(
                zip(videos.names, videos, strict=True)
            ):
                found[index] = np.full(len(video), name)
            return found

        def score(self, videos, y=None):
            return sum(videos.fps)

    videos = Recordings(
        [np.zeros((n, 1)) for n in (3, 4, 5, 6)], [*"abcd"], fps=[1, 2, 3, 4]
    )
    found = cross_val_predict(Names(), videos, cv=2)
    assert [labels[0] for labels in found] == [*"abcd"]
    assert cross_val_score(Names(), videos, cv=2).tolist() == [3, 7]
    masks = [(np.arange(4) < 2, np.arange(4) >= 2)]
    assert cross_val_score(Names(), videos, cv=masks).tolist() == [7]
    search = GridSearchCV(Names(), {}, cv=2).fit(videos)
    assert search.best_estimator_.names_ == [*"abcd"]
    train, test = train_test_split(videos, test_size=1, random_state=0)
    assert {*train.names, *test.names} == {*"abcd"}
    assert len(resample(videos, n_samples=9, random_state=0).fps) == 9
