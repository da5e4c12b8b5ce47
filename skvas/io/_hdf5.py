"""Files of HDF5 that may be damaged or forged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skvas._atomic import open_regular
from skvas._optional import import_optional

# Bytes that one byte of a file may stand for, beyond the first of them: deflate never
# makes more than 1032 of one.
_MOST_BYTES, _FIRST_BYTES = 2000, 2**20


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open a file; name it where it is damaged.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    h5py.File
        Open for reading.

    Raises
    ------
    OSError
        If it cannot be read, is no file of HDF5 or no regular file.
    ValueError
        If the library fails at what is in it.
    """
    h5py = import_optional("h5py", "poses")
    with open_regular(path):
        try:
            with h5py.File(path, "r") as file:
                yield file
        except (RuntimeError, KeyError) as error:
            reason = str(error.args[0] if error.args else error).rstrip(".")
            raise ValueError(
                f"{str(path)!r} lacks a part, or is damaged: {reason}"
            ) from error


def has(group: Any, name: str) -> bool:
    """Return whether a group has a link of a name, wherever that may lead."""
    found: bool = group.id.links.exists(name.encode())
    return found


def is_own(group: Any, name: str) -> bool:
    """Return whether what a group calls so is in the file itself, with no detour."""
    h5py = import_optional("h5py", "poses")
    kind = group.id.links.get_info(name.encode()).type
    return bool(kind == h5py.h5l.TYPE_HARD)


def find_dataset(group: Any, name: str) -> Any:
    """Return a data set that may be read whole.

    Parameters
    ----------
    group : h5py.Group
        Where it is.
    name : str
        Its name there.

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    ValueError
        If it is none, takes its values from elsewhere, or claims to be much larger than
        what the file has of it.
    """
    h5py = import_optional("h5py", "poses")
    if not is_own(group, name):
        raise _elsewhere(name)
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name!r} is no data set")
    _check_dataset(dataset, name)
    return dataset


def check_all(path: Path) -> None:
    """Refuse a file that leads to others, or has a data set that may not be read whole.

    Another package will read it, which follows whatever is in it.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError, ValueError
        As `open_hdf5` and `find_dataset`.
    """
    h5py = import_optional("h5py", "poses")
    inside = (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT)
    items: dict[str, Any] = {}
    with open_hdf5(path) as file:
        # What a visitor raises does not come through the library.
        name = file.id.links.visit(
            lambda name, info: None if info.type in inside else name, info=True
        )
        if name is not None:
            raise _elsewhere(name.decode(errors="replace"))
        file.visititems(items.__setitem__)
        for name, item in items.items():
            if isinstance(item, h5py.Dataset):
                _check_dataset(item, name)


def _elsewhere(name: str) -> ValueError:
    return ValueError(
        f"the values of {name!r} are not in the file but elsewhere; expected a file "
        "that has them itself, such as a copy by h5repack"
    )


def _check_dataset(dataset: Any, name: str) -> None:
    """Refuse a data set that is elsewhere, or claims to be larger than it can be."""
    if dataset.external or dataset.is_virtual:
        raise _elsewhere(name)
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _FIRST_BYTES + _MOST_BYTES * stored:
        raise ValueError(
            f"{name!r} of shape {dataset.shape} would be {dataset.nbytes} bytes, and "
            f"the file has {stored} of them; export it again"
        )
