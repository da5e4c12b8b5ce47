"""The list of recordings that knows their names, their time and their media."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NoReturn, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvas._printing import shorten
from skvas._typing import Self
from skvas.datasets._video_list import VideoList
from skvas.validation import (
    are_same_names,
    check_choice,
    check_fps,
    check_seconds,
    check_time_column,
    list_videos,
    refuse_text,
    spelled_as,
)

__all__ = ["Recordings", "recordings_of"]

# Rates that differ by at most such a share are one: clocks drift.
ONE_RATE = 0.005


class Recordings(VideoList):
    """Recordings of one activity: arrays that know their names and frame rates.

    It is a plain sequence of arrays to everything that takes videos. Estimators keep
    its names and frame rates, and use them in tables, reports, pictures and files. All
    readers of skvas return it. A slice of it knows what it knew. It cannot be changed
    in place, since names and frame rates would not follow; to add or to replace
    recordings, make a new one.

    Parameters
    ----------
    videos : iterable of array-like of shape (n_frames_i, n_features)
        One array a recording; poses may have the shape (n_frames_i, n_points, n_axes).
    names : sequence of str, default=None
        A name for each recording. None: "recording 0", "recording 1", ...
    fps : float or sequence of float, default=None
        Frames per second, of all recordings or of each. None: not known.
    times : sequence of array-like of shape (n_frames_i,), default=None
        Instead of `fps`, the second at which each frame starts, rising; for recordings
        without a constant frame rate.
    media : sequence of path-like or None, default=None
        The video or audio file of each recording.
    feature_names : sequence of str, default=None
        Names of the features, or of the points of poses.
    labels : sequence of array-like or None, default=None
        What is known of the frames of each recording: positions in `action_names`.
    action_names : sequence of str, default=()
        Names of the actions in `labels`.
    activities : sequence of str, default=None
        Which activity each recording shows, where there are several.
    time_column : tuple of (str or None, str), default=None
        The column of times of tables and its unit, as :func:`skvas.io.read_sensors` was
        told them. Models keep them: commands read further tables alike. None: nothing
        was told.
    notes : sequence of str, default=()
        What a reader has done to the data, one sentence each.
    description : str, default=""
        What the recordings are.

    Attributes
    ----------
    videos : Recordings
        The recordings themselves.
    names, fps, times, media, feature_names, labels, action_names, activities, notes
        As given; lists, and None where nothing is known. `fps` has one number for each
        recording.
    time_column : tuple or None
        As given.
    DESCR : str
        The description.

    Raises
    ------
    ValueError, TypeError
        If there is not one of everything for each recording, or names occur twice.

    See Also
    --------
    skvas.datasets.load_folder, skvas.io.read_sensors, skvas.io.read_poses

    Examples
    --------
    >>> import numpy as np
    >>> from skvas import Recordings
    >>> arrays = [np.zeros((100, 3)), np.zeros((150, 3))]
    >>> recordings = Recordings(arrays, names=["anna", "ben"], fps=25)
    >>> print(recordings)
    2 recordings, 250 frames, 10.0 s, 3 features
    >>> recordings[1].shape, recordings[1:].names
    ((150, 3), ['ben'])
    """

    names: list[str]
    fps: list[float] | None
    times: list[NDArray[np.float64]] | None
    media: list[str | None] | None
    feature_names: list[str] | None
    labels: list[Any] | None
    action_names: list[str]
    activities: list[str] | None
    time_column: tuple[str | None, str] | None
    notes: list[str]
    DESCR: str

    def __init__(
        self,
        videos: Iterable[Any],
        names: Iterable[str] | None = None,
        *,
        fps: ArrayLike | None = None,
        times: Iterable[ArrayLike] | None = None,
        media: Iterable[str | os.PathLike[str] | None] | None = None,
        feature_names: Iterable[str] | None = None,
        labels: Iterable[Any] | None = None,
        action_names: Iterable[str] = (),
        activities: Iterable[str] | None = None,
        time_column: tuple[str | None, str] | None = None,
        notes: Iterable[str] = (),
        description: str = "",
    ) -> None:
        if (
            isinstance(videos, np.ndarray)
            and videos.dtype != object
            and videos.ndim < 3
        ):
            raise ValueError(
                f"An array of shape {videos.shape} is one recording, or none: pass a "
                "list, [array]."
            )
        if isinstance(videos, (str, bytes, os.PathLike, Mapping, Set, type(None))):
            hint = "skvas.io.read_recordings reads files"
            if isinstance(videos, Mapping):
                hint = "pass list(videos.values()), and list(videos) as names"
            raise TypeError(
                f"videos must be a list of arrays, got a {type(videos).__name__}; "
                f"{hint}."
            )
        super().__init__(videos)
        n = len(self)
        if names is None:
            names = _numbered(n)
        self.names = _one_each("names", names, n)
        if not all(isinstance(name, str) for name in self.names):
            raise TypeError(f"names must be strings, got {shorten(self.names)}.")
        if len({*self.names}) < n:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(
                f"names must differ from each other; {twice!r} occurs twice."
            )
        if fps is not None and times is not None:
            raise ValueError("Give fps or times, not both.")
        self.fps = None
        if fps is not None:
            given = np.asarray(fps, dtype=object)
            is_shared = given.ndim == 0
            rates = [given.item()] * n if is_shared else _one_each("fps", given, n)
            self.fps = [check_fps(rate) for rate in rates]
        self.times = None
        if times is not None:
            stamps = _one_each("times", times, n)
            self.times = [
                _check_times(name, stamp, len(video))
                for name, stamp, video in zip(self.names, stamps, self, strict=True)
            ]
        self.media = None
        if media is not None:
            files = _one_each("media", media, n)
            self.media = [None if file is None else os.fspath(file) for file in files]
        for name, texts in (
            ("feature_names", feature_names),
            ("action_names", action_names),
            ("notes", notes),
        ):
            refuse_text(name, texts)
        self.feature_names = None if feature_names is None else list(feature_names)
        self.labels = None if labels is None else _one_each("labels", labels, n)
        self.action_names = list(action_names)
        self.activities = (
            None if activities is None else _one_each("activities", activities, n)
        )
        self.time_column = (
            None if time_column is None else check_time_column(time_column)
        )
        self.notes = list(notes)
        self.DESCR = description

    @property
    def videos(self) -> Recordings:
        """The recordings themselves."""
        return self

    def clock(self, index: int) -> dict[str, Any]:
        """Return what says when the frames of a recording were.

        Parameters
        ----------
        index : int
            Position of the recording.

        Returns
        -------
        dict
            With `fps` or `times`, as :meth:`skvas.io.SegmentTable.from_labels` takes
            them; empty where nothing is known.

        Examples
        --------
        >>> from skvas import Recordings
        >>> Recordings([[[1.0], [2.0]]], fps=2).clock(0)
        {'fps': 2.0}
        """
        if self.times is not None:
            return {"times": self.times[index]}
        return {} if self.fps is None else {"fps": self.fps[index]}

    def replace(self, videos: Iterable[Any], **changed: Any) -> Recordings:
        """Return other arrays, one for each of these recordings, that know the same.

        Parameters
        ----------
        videos : iterable of array-like
            The arrays, such as features that were made of these.
        **changed : dict
            Arguments of the class that are to be others.

        Returns
        -------
        Recordings
            Without names of features, unless they are given.

        Examples
        --------
        >>> from skvas import Recordings
        >>> recordings = Recordings([[[1.0], [2.0]]], names=["anna"], fps=2)
        >>> recordings.replace([[[0.0], [0.0]]]).names
        ['anna']
        """
        return Recordings(videos, **{**self._known(), "feature_names": None, **changed})

    def take(self, indices: ArrayLike, axis: int = 0) -> Recordings:
        """Return some of the recordings, which know what they knew.

        scikit-learn takes them so where it splits recordings, as `GridSearchCV` and
        `cross_val_predict` do.

        Parameters
        ----------
        indices : array-like of int or bool
            Their positions, or a mask. Where one occurs twice, all lose their names.
        axis : {0}, default=0
            Recordings have one axis; data frames have two.

        Returns
        -------
        Recordings

        Examples
        --------
        >>> from skvas import Recordings
        >>> recordings = Recordings([[[1.0]], [[2.0]]], names=["anna", "ben"], fps=2)
        >>> recordings.take([1]).names
        ['ben']
        """
        check_choice("axis", axis, (0,))
        wanted = np.asarray(indices)
        if not wanted.size:
            wanted = wanted.astype(np.int64)
        positions = np.arange(len(self))[wanted].tolist()
        known = self._known(positions)
        if len({*positions}) < len(positions):
            known["names"] = None
        return Recordings([self[index] for index in positions], **known)

    @property
    def iloc(self) -> _Some:
        """What takes some of the recordings by brackets, as from data frames."""
        return _Some(self)

    loc = iloc

    def _known(self, chosen: slice | list[int] = slice(None)) -> dict[str, Any]:
        """Return the arguments that make these recordings, or some of them."""
        where = range(len(self))[chosen] if isinstance(chosen, slice) else chosen
        each = ("names", "fps", "times", "media", "labels", "activities")
        parts = {name: getattr(self, name) for name in each}
        return {
            **{n: p if p is None else [p[i] for i in where] for n, p in parts.items()},
            "feature_names": self.feature_names,
            "action_names": self.action_names,
            "time_column": self.time_column,
            "notes": self.notes,
            "description": self.DESCR,
        }

    def _joined(self, videos: Sequence[np.ndarray], parts: Sequence[Any]) -> Recordings:
        """Return the joined features, with their names if each part knows its own."""
        known = [getattr(part, "feature_names", None) or () for part in parts]
        names = [name for some in known for name in some]
        is_clear = all(known) and len({*names}) == len(names)
        return self.replace(videos, feature_names=names if is_clear else None)

    @overload
    def __getitem__(self, key: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | NDArray[Any]) -> Recordings: ...
    def __getitem__(self, key: Any) -> Any:
        """Return one recording, or some that know what they knew."""
        if isinstance(key, (list, tuple, np.ndarray)) and np.ndim(key):
            return self.take(key)
        found = super().__getitem__(key)
        return (
            Recordings(found, **self._known(key)) if isinstance(key, slice) else found
        )

    def _refuse_change(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse what changes a list in place.

        Parameters
        ----------
        *args, **kwargs : object
            Those of the method of a list.

        Raises
        ------
        TypeError
            Always; says how to make another list.
        """
        raise TypeError(
            "Recordings cannot be changed in place, since their names, frame rates, "
            "labels and media would not follow. Take some by a slice, put others in "
            "their place by recordings.replace(arrays), make new ones by "
            "Recordings(arrays, names, fps=...), or use list(recordings), which knows "
            "no names."
        )

    append = extend = insert = pop = remove = clear = reverse = sort = _refuse_change
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse_change

    def __add__(self, other: Any) -> Recordings:
        """Return these recordings and others, which know what both know."""
        if not isinstance(other, Recordings):
            raise TypeError(
                f"Recordings cannot be joined to a {type(other).__name__}, whose names "
                "are not known: make recordings of it first, by Recordings(arrays, "
                "names, fps=...), or use list(recordings), which knows no names."
            )
        return Recordings([*self, *other], **_known_of_both(self, other))

    def copy(self) -> Self:
        """Return a list of the same recordings, which knows the same.

        Returns
        -------
        Recordings
        """
        return type(self)(self, **self._known())

    def __reduce__(self) -> Any:
        return _rebuild, (list(self), self._known())

    def __repr__(self) -> str:
        return f"<Recordings: {self}>"

    def __str__(self) -> str:
        """Say how many, how long and how wide they are, and what was done to them."""
        lengths = [len(video) for video in self]
        parts = [f"{len(self)} recordings", f"{sum(lengths)} frames"]
        if self.fps is not None:
            seconds = sum(n / f for n, f in zip(lengths, self.fps, strict=True))
            parts.append(f"{seconds:.1f} s")
        if len(self):
            width = int(np.prod(np.shape(self[0])[1:]))
            parts.append(f"{width} features")
        return "\n".join([", ".join(parts), *self.notes])


class _Some:
    """Take recordings by brackets, as from data frames."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (slice, int, np.integer)):
            return self.recordings[key]
        return self.recordings.take(key)


def remember(videos: Any, lengths: Sequence[int]) -> dict[str, Any]:
    """Return what an estimator keeps of the recordings that it was fitted to.

    Parameters
    ----------
    videos : Videos
        What the user passed.
    lengths : sequence of int
        Their numbers of frames.

    Returns
    -------
    dict
        With lists `names`, `n_frames`, and `fps`, `media` and `feature_names` if they
        are known, else None. `fps` of recordings that have times instead is the mean
        rate, and `times`, else None, is an object array of them. `clock` is the list of
        the column of times in tables and its unit where they were told, else None.
    """
    known = recordings_of(videos)
    fps = media = features = times = clock = None
    if known is not None:
        fps, media = mean_rates(known), known.media
        features, clock = known.feature_names, known.time_column
        if known.times is not None:
            times = np.empty(len(known), dtype=object)
            times[:] = [stamps.copy() for stamps in known.times]
    return {
        "names": names_of(videos, len(lengths)),
        "n_frames": list(lengths),
        "fps": None if fps is None else list(fps),
        "media": None if media is None else list(media),
        "feature_names": None if features is None else list(features),
        "times": times,
        "clock": None if clock is None else list(clock),
    }


def names_of(videos: Any, n: int) -> list[str]:
    """Return the names of the n recordings that a user passed, or numbers."""
    known = recordings_of(videos)
    return _numbered(n) if known is None else list(known.names)


def refuse_other_features(videos: Any, expected: Sequence[str] | None) -> None:
    """Refuse recordings whose features, or points, are called otherwise.

    Parameters
    ----------
    videos : Videos
        What the user passed; anything but recordings has no names.
    expected : sequence of str or None
        Their names in `fit`.

    Raises
    ------
    ValueError
        If names are others, or come in another order.
    """
    known = recordings_of(videos)
    given = None if known is None else known.feature_names
    if given is None or expected is None or are_same_names(given, expected):
        return
    given = [*map(spelled_as(expected), given)]
    missing = [name for name in expected if name not in given]
    unseen = [name for name in given if name not in expected]
    told = [
        f"{what} {', '.join(map(repr, names[:5]))}{', ...' * (len(names) > 5)}"
        for what, names in (("lacking", missing), ("unseen", unseen))
        if names
    ]
    raise ValueError(
        "The features of the recordings are not those of fit: "
        f"{'; '.join(told) or 'the same in another order'}. Read the recordings with "
        f"the columns of fit, in this order: {', '.join(map(repr, expected[:9]))}"
        f"{', ...' * (len(expected) > 9)}."
    )


def refuse_other_order(videos: Any, expected: Sequence[str]) -> None:
    """Refuse recordings of which some stand at the places of others.

    Parameters
    ----------
    videos : Videos
        What the user passed, as many as in `fit`; anything but recordings has no names.
    expected : sequence of str
        The names of the recordings of `fit`.

    Raises
    ------
    ValueError
        If one has the name of another recording of `fit`.
    """
    known = recordings_of(videos)
    if known is None:
        return
    for index, name in enumerate(map(spelled_as(expected), known.names)):
        if name != expected[index] and name in expected:
            raise ValueError(
                f"video {index}: the recording is called {name!r}, and that of fit "
                f"{expected[index]!r}; put them in the order of fit."
            )


def mean_rates(recordings: Recordings) -> list[float] | None:
    """Return the frame rate of each recording, the mean one where it has times.

    The time of a single frame tells no rate: such a recording has the median of the
    others. None where rates are not known.
    """
    times = recordings.times
    if times is None:
        return recordings.fps
    rates = np.array(
        [
            (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 1 else np.nan
            for stamps in times
        ]
    )
    is_lone = np.isnan(rates)
    if is_lone.all():
        return None
    found: list[float] = np.where(is_lone, np.nanmedian(rates), rates).tolist()
    return found


def common_rate(rates: Sequence[float] | None) -> float | None:
    """Return the frame rate that all recordings have, None where they have none.

    Of rates that hardly differ, the one in the middle.
    """
    if not rates:
        return None
    middle = sorted(rates)[(len(rates) - 1) // 2]
    return middle if np.ptp(rates) <= ONE_RATE * middle else None


def rate_of_fit(estimator: Any) -> float | None:
    """Return the frame rate that all recordings of `fit` had, if they had one."""
    return common_rate(getattr(estimator, "recordings_", {}).get("fps"))


def names_of_fit(estimator: Any) -> list[str] | None:
    """Return what the features of `fit`, or the points, were called, if it is known."""
    known = getattr(estimator, "feature_names_in_", None)  # of data frames
    if known is None:
        known = getattr(estimator, "recordings_", {}).get("feature_names")
    return None if known is None else list(known)


def features_of_fit(estimator: Any) -> list[str] | None:
    """Return what data frames or recordings called the features of `fit`, if known."""
    known = names_of_fit(estimator)
    fits = known is not None and len(known) == estimator.n_features_in_
    return known if fits else None


def as_recordings(videos: Any, fps: float | None = None) -> Recordings:
    """Return videos as recordings, with what is known of them or given here.

    Parameters
    ----------
    videos : list of array-like
        Videos of any kind.
    fps : float, default=None
        Frames per second, in place of what the recordings know.

    Returns
    -------
    Recordings
    """
    known = recordings_of(videos)
    if known is None:
        return Recordings(videos, fps=fps)
    changed: dict[str, Any] = {"feature_names": known.feature_names}
    if fps is not None:
        changed |= {"fps": fps, "times": None}
    return known.replace(known, **changed)


def _known_of_both(first: Recordings, second: Recordings) -> dict[str, Any]:
    """Return what is known of two lists of recordings, one behind the other.

    Names are lost where one occurs twice, and what all recordings have or none where
    only those of one list have it.
    """
    one, other = first._known(), second._known()
    features = [part["feature_names"] for part in (one, other) if part["feature_names"]]
    if len(features) == 2 and features[0] != features[1]:
        raise ValueError(
            f"Recordings of features {shorten(features[0])} cannot be joined to others "
            f"of features {shorten(features[1])}; read both with the same columns."
        )
    for name in ("fps", "times"):
        if len(first) and len(second) and (one[name] is None) != (other[name] is None):
            raise ValueError(
                f"Recordings that know {name} cannot be joined to others that do not; "
                f"make the others anew, by Recordings(arrays, names, {name}=...)."
            )
    known: dict[str, Any] = {}
    for name in ("names", "fps", "times", "activities"):
        is_known = one[name] is not None and other[name] is not None
        known[name] = one[name] + other[name] if is_known else None
    if len({*known["names"]}) < len(known["names"]):
        known["names"] = None
    actions, called = one["action_names"], other["action_names"]
    if one["labels"] and other["labels"] and bool(actions) != bool(called):
        raise ValueError(
            "Recordings whose actions have names cannot be joined to others whose "
            "labels are numbers alone; give these action_names as well."
        )
    actions = actions + [name for name in called if name not in actions]
    other["labels"] = _moved(other["labels"], [*map(actions.index, called)])
    for name in ("media", "labels"):
        parts = [one[name] or [None] * len(first), other[name] or [None] * len(second)]
        known[name] = sum(parts, []) if one[name] or other[name] else None
    return {
        **known,
        "feature_names": features[0] if features else None,
        "action_names": actions,
        "time_column": one["time_column"]
        if one["time_column"] == other["time_column"]
        else None,
        "notes": one["notes"] + [n for n in other["notes"] if n not in one["notes"]],
        "description": one["description"] or other["description"],
    }


def _moved(labels: list[Any] | None, places: Sequence[int]) -> list[Any] | None:
    """Return labels of frames where actions stand at other places of a list."""
    if labels is None or [*places] == [*range(len(places))]:
        return labels
    moved = np.array([*places, -1])  # the last is that of frames without a label
    return [None if codes is None else moved[np.asarray(codes)] for codes in labels]


def _rebuild(videos: list[Any], known: dict[str, Any]) -> Recordings:
    return Recordings(videos, **known)


def recordings_of(videos: Any) -> Recordings | None:
    """Return videos that know their names, or None where they do not.

    Parameters
    ----------
    videos : Videos
        What the user passed.

    Returns
    -------
    Recordings or None
    """
    if not isinstance(videos, Recordings):
        return None
    if len(videos) != len(videos.names):
        raise ValueError(
            f"Recordings have {len(videos.names)} names for {len(videos)} arrays, "
            "because the list was changed; make new ones, with Recordings(...)."
        )
    return videos


def given_names(names: list[str]) -> list[str] | None:
    """Return names of recordings, None where they are numbers that stand for names.

    Parameters
    ----------
    names : list of str
        As recordings, and estimators that were fitted to some, have them.

    Returns
    -------
    list of str or None
    """
    return None if names == _numbered(len(names)) else names


def list_known(videos: Any) -> Sequence[Any]:
    """Return videos as a list; recordings as they are, with all that they know.

    Parameters
    ----------
    videos : Videos
        What the user passed.

    Returns
    -------
    sequence of array-like
    """
    known = recordings_of(videos)
    return list_videos(videos) if known is None else known


def _numbered(n: int) -> list[str]:
    return [f"recording {index}" for index in range(n)]


def _one_each(name: str, values: Iterable[Any], n: int) -> list[Any]:
    if isinstance(values, (str, bytes, Mapping, Set)):
        raise TypeError(
            f"{name} must be one for each recording, in a list, got {shorten(values)}."
        )
    found = list(values)
    if len(found) != n:
        raise ValueError(
            f"{name} must be one for each of {n} recording(s), got {len(found)}."
        )
    return found


def _check_times(name: str, times: ArrayLike, n_frames: int) -> NDArray[np.float64]:
    found = check_seconds(times)
    is_sound = found.shape == (n_frames,) and np.isfinite(found).all()
    if not is_sound or not (np.diff(found) > 0).all():
        raise ValueError(
            f"times of recording {name!r} must be rising, finite and one for each of "
            f"{n_frames} frames, got an array of shape {found.shape}."
        )
    return found
