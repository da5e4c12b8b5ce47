from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold, train_test_split

from skvas import Recordings
from skvas.datasets._recordings import recordings_of
from skvas.validation import check_videos

ARRAYS = [np.full((n, 2), float(n)) for n in (3, 4, 5)]


def recordings(**known):
    return Recordings(ARRAYS, ["a", "b", "c"], **known)


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
    found = recordings(fps=[1, 2, 4], labels=[[0] * 3, None, [1] * 5], notes=["kept"])
    part = found[1:]
    assert (part.names, part.fps, part.labels) == (["b", "c"], [2, 4], [None, [1] * 5])
    for copied in (copy.copy(found), pickle.loads(pickle.dumps(found))):
        assert (copied.names, copied.fps, copied.notes) == (
            found.names,
            found.fps,
            found.notes,
        )
        assert_array_equal(copied[2], ARRAYS[2])
    other = found.replace([array[:, :1] for array in found])
    assert (other.names, other.fps, other[0].shape) == (found.names, found.fps, (3, 1))


def test_list_that_was_changed_is_refused():
    found = recordings()
    found.append(ARRAYS[0])
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
        ({"fps": [1, 2]}, "fps must be one for each"),
        ({"fps": 1, "times": [[0, 1, 2]] * 3}, "not both"),
        ({"times": [[0, 1], [0], [1]]}, "times of recording 'recording 0'"),
        ({"times": [[0, 0, 1]] * 3}, "must be rising"),
        ({"media": ["a.mp4"]}, "media must be one for each"),
    ],
)
def test_what_does_not_fit_is_refused(known, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Recordings(ARRAYS, **known)
