"""Videos that are read, or made, each time that they are looked at."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, overload

import numpy as np

from skvas._atomic import naming_file

__all__ = [
    "Kept",
    "Mapped",
    "OnDemand",
    "Shelf",
    "VideosOnDemand",
    "choose",
    "copy_of_map",
    "each",
    "is_on_demand",
    "is_sequence_of_videos",
    "keep_of",
    "lengths_of",
    "refuse_cut_short",
]


class OnDemand(Sequence[np.ndarray]):
    """Arrays of which one at a time is in memory.

    Attributes
    ----------
    lengths : list of int
        Entries of the first axis of each array, known without a look at them.
    shelf : Shelf
        Where what is made of the arrays is kept.
    """

    lengths: list[int]
    shelf: Shelf

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._look_at(i) for i in range(len(self))[index]]
        return self._look_at(range(len(self))[index])

    def __reduce__(self) -> Any:
        return list, (list(self),)  # another process may not reach what is read

    @abstractmethod
    def _look_at(self, index: int) -> np.ndarray:
        """Return one of the arrays."""


class Mapped(OnDemand):
    """What a function makes of the arrays of sequences, at each look.

    Parameters
    ----------
    make : callable
        From an array of each sequence to an array of as many entries.
    *sources : sequence of ndarray
        The sequences, equally long.
    """

    def __init__(self, make: Callable[..., Any], *sources: Sequence[Any]) -> None:
        self.make, self.sources = make, sources
        self.lengths = lengths_of(sources[0])
        self.shelf = next(s.shelf for s in sources if isinstance(s, OnDemand))

    def _look_at(self, index: int) -> np.ndarray:
        return self.make(*(source[index] for source in self.sources))


class VideosOnDemand(OnDemand):
    """The videos of a user, checked at each look.

    Parameters
    ----------
    items : sequence
        What the user gave: files, read-only memory maps, or a sequence that gives
        arrays.
    check : callable
        From the position of a video and the item to the checked array, in memory.
    shelf : Shelf
        Where what is made of the videos is kept.
    """

    def __init__(
        self,
        items: Sequence[Any],
        check: Callable[[int, Any], np.ndarray],
        shelf: Shelf,
    ) -> None:
        self.items, self.check, self.shelf = items, check, shelf
        self.lengths: list[int] = []
        self.first: list[tuple[Any, ...]] = []

    def add(self) -> np.ndarray:
        """Look at the next video for the first time, and remember what it is like."""
        index = len(self.lengths)
        item = self.items[index]
        stamp = _stamp(item)
        video = self.check(index, item)
        self.first.append((video.shape, video.dtype, stamp, _digest(video)))
        self.lengths.append(len(video))
        return video

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Frames and features of each video."""
        return [shape for shape, *_ in self.first]

    @property
    def sizes(self) -> list[int]:
        """Bytes of each video."""
        return [int(np.prod(s)) * dtype.itemsize for s, dtype, *_ in self.first]

    def _look_at(self, index: int) -> np.ndarray:
        shape, dtype, stamp, digest = self.first[index]
        item = self.items[index]
        _refuse_changed(item, stamp)  # before: pages of a file cut short can't be read
        video = self.check(index, item)
        _refuse_changed(item, stamp)
        if (video.shape, video.dtype) != (shape, dtype):
            raise ValueError(
                f"video {index} was {dtype} of shape {shape}, and at another look "
                f"{video.dtype} of shape {video.shape}. A sequence must give the same "
                "array each time; fit again."
            )
        if _digest(video) != digest:
            raise ValueError(
                f"video {index} had other numbers at another look. A sequence must "
                "give the same array each time; leave out what it changes at random, "
                "and fit again."
            )
        return video


class Shelf:
    """Keeps arrays in memory as far as a limit allows, the others in a file.

    Parameters
    ----------
    limit : float
        Bytes of memory, for all that is kept. The file is temporary, and gone with
        the arrays.
    """

    def __init__(self, limit: float) -> None:
        self.limit = self.left = limit
        self._file: BinaryIO | None = None

    def keep(self, arrays: Iterable[np.ndarray]) -> Kept:
        """Keep arrays, in the order in which they are made."""
        places = []
        for array in arrays:
            places.append(self._put(np.ascontiguousarray(array)))
            del array  # before the next one is made
        kept = Kept(places, self)
        in_memory = sum(p.nbytes for p in places if isinstance(p, np.ndarray))
        weakref.finalize(kept, self._take_back, in_memory)
        return kept

    def _take_back(self, n_bytes: int) -> None:
        """Have the memory of arrays again that nobody looks at any more."""
        self.left += n_bytes

    def _put(self, array: np.ndarray) -> Any:
        if array.nbytes <= self.left:
            self.left -= array.nbytes
            return array
        with naming_file(tempfile.gettempdir(), "written"):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="skvas-")  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(array.data.cast("B") if array.size else b"")
            self._file.flush()
        return _Place(self._file, start, array.shape, array.dtype)


class _Place:
    """Where an array is in a file."""

    def __init__(
        self, file: BinaryIO, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.file, self.start, self.shape, self.dtype = file, start, shape, dtype

    def __len__(self) -> int:
        return self.shape[0]

    def read(self) -> np.ndarray:
        array = np.empty(self.shape, self.dtype)
        where = array.reshape(-1).view(np.uint8).data
        if hasattr(os, "preadv"):  # processes that share the file share its position
            n_read = 0
            while n_read < len(where):
                n_read += os.preadv(
                    self.file.fileno(), [where[n_read:]], self.start + n_read
                )
        else:
            self.file.seek(self.start)
            self.file.readinto(where)  # type: ignore[attr-defined]
        return array


class Kept(OnDemand):
    """Arrays on a shelf.

    Parameters
    ----------
    places : list
        Each is the array, or where it is in the file.
    shelf : Shelf
        The shelf.
    """

    def __init__(self, places: list[Any], shelf: Shelf) -> None:
        self.places, self.shelf = places, shelf
        self.lengths = [len(place) for place in places]

    def _look_at(self, index: int) -> np.ndarray:
        place = self.places[index]
        return place.read() if isinstance(place, _Place) else place


class Chosen(OnDemand):
    """Some of the arrays of a sequence.

    Parameters
    ----------
    source : OnDemand
        The sequence.
    where : sequence of int
        Their positions in it.
    """

    def __init__(self, source: OnDemand, where: Sequence[int]) -> None:
        self.source, self.where, self.shelf = source, where, source.shelf
        self.lengths = [source.lengths[i] for i in where]

    def _look_at(self, index: int) -> np.ndarray:
        return self.source[self.where[index]]


def choose(videos: Sequence[np.ndarray], where: Iterable[int]) -> Sequence[np.ndarray]:
    """Return some of the videos, which stay on demand if they are.

    Parameters
    ----------
    videos : sequence of ndarray
        The videos.
    where : iterable of int
        Their positions.

    Returns
    -------
    sequence of ndarray

    Examples
    --------
    >>> from skvas._on_demand import choose
    >>> choose(["a", "b", "c"], [2, 0])
    ['c', 'a']
    """
    positions = [int(i) for i in where]
    if isinstance(videos, OnDemand):
        return Chosen(videos, positions)
    return [videos[i] for i in positions]


def keep_of(
    videos: Sequence[np.ndarray],
) -> Callable[[Iterable[np.ndarray]], Sequence[np.ndarray]]:
    """Return what gathers arrays that are made of videos, one after the other.

    Parameters
    ----------
    videos : sequence of ndarray
        Checked videos.

    Returns
    -------
    callable
        `list`, or the shelf of videos that are on demand.

    Examples
    --------
    >>> from skvas._on_demand import keep_of
    >>> keep_of([])
    <class 'list'>
    """
    return videos.shelf.keep if isinstance(videos, OnDemand) else list


def each(make: Callable[..., Any], *sources: Sequence[Any]) -> Sequence[Any]:
    """Apply a function to each video: now, or at each look where they are on demand.

    Parameters
    ----------
    make : callable
        From an array of each sequence to an array of as many entries.
    *sources : sequence of ndarray
        The sequences, equally long.

    Returns
    -------
    sequence of ndarray
        A list if no source is on demand.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas._on_demand import each
    >>> each(np.negative, [np.ones(2)])
    [array([-1., -1.])]
    """
    if any(isinstance(source, OnDemand) for source in sources):
        return Mapped(make, *sources)
    return [make(*items) for items in zip(*sources, strict=True)]


def lengths_of(videos: Sequence[Any]) -> list[int]:
    """Return the numbers of frames, without a look at videos that are on demand.

    Parameters
    ----------
    videos : sequence of ndarray
        Checked videos, or what was made of them.

    Returns
    -------
    list of int

    Examples
    --------
    >>> from skvas._on_demand import lengths_of
    >>> lengths_of([[1, 2], [3]])
    [2, 1]
    """
    if isinstance(videos, OnDemand):
        return videos.lengths
    return [len(video) for video in videos]


def is_on_demand(item: Any) -> bool:
    """Tell whether one video of a collection is on disk: a file or a read-only map.

    Parameters
    ----------
    item : object
        What the user gave as one video.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas._on_demand import is_on_demand
    >>> is_on_demand(np.zeros((3, 2)))
    False
    """
    if isinstance(item, np.memmap):
        return item.mode == "r"
    return bool(getattr(item, "is_read_on_demand", False))


def is_sequence_of_videos(videos: Any) -> bool:
    """Tell a sequence of the user's, with a length and items, from arrays and lists.

    Parameters
    ----------
    videos : object
        What the user gave.

    Examples
    --------
    >>> from skvas._on_demand import is_sequence_of_videos
    >>> is_sequence_of_videos([1]), is_sequence_of_videos(range(3))
    (False, True)
    """
    if isinstance(videos, (list, tuple, str, bytes, Mapping)):
        return False
    is_array = hasattr(videos, "shape") or hasattr(videos, "__array__")
    has_items = hasattr(videos, "__len__") and hasattr(videos, "__getitem__")
    return has_items and not is_array and not hasattr(videos, "keys")


def copy_of_map(item: Any) -> Any:
    """Copy what is mapped from a file, and let go of the pages; or return the item.

    Parameters
    ----------
    item : object
        What the user gave as one video.

    Examples
    --------
    >>> from skvas._on_demand import copy_of_map
    >>> copy_of_map("not mapped")
    'not mapped'
    """
    if not (isinstance(item, np.memmap) and is_on_demand(item)):
        return item
    refuse_cut_short(item)
    copy = np.array(item)
    owner = _owner(item)
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
    return copy


def refuse_cut_short(item: Any) -> None:
    """Raise for a memory map whose file has lost bytes, as a look would end Python.

    Parameters
    ----------
    item : object
        What the user gave as one video.

    Examples
    --------
    >>> from skvas._on_demand import refuse_cut_short
    >>> refuse_cut_short("not mapped")
    """
    if not isinstance(item, np.memmap):
        return
    owner = _owner(item)
    if not isinstance(owner, mmap.mmap):
        return
    mapped = item.offset - item.offset % mmap.ALLOCATIONGRANULARITY + len(owner)
    if owner.size() < mapped:
        name = "a file" if item.filename is None else repr(os.fspath(item.filename))
        raise ValueError(
            f"{name} has {owner.size()} bytes, but {mapped} when it was mapped; write "
            "it again, and map it anew."
        )


def _owner(item: Any) -> Any:
    """Return what has the memory of an array."""
    while isinstance(item, np.ndarray):
        item = item.base
    return item


def _digest(video: np.ndarray) -> int:
    """Return a number that tells arrays apart by a few frames; all NaN are one."""
    frames = video[[0, len(video) // 2, -1]]
    frames[np.isnan(frames)] = np.nan
    return zlib.crc32(frames.data)


def _path(item: Any) -> Any:
    return getattr(item, "filename", None) if is_on_demand(item) else None


def _stamp(item: Any) -> Any:
    """Return what changes with a file; None for an item that is no file."""
    path = _path(item)
    if path is None:
        return None
    with naming_file(path, "read"):
        found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _refuse_changed(item: Any, stamp: Any) -> None:
    if _stamp(item) != stamp:
        raise ValueError(
            f"{os.fspath(_path(item))!r} has changed since it was first read; fit "
            "again once it is complete."
        )
