"""Poses of DeepLabCut, and of programs that write its files."""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from skvas._atomic import read_bytes
from skvas._printing import shorten
from skvas.datasets._pickled import check_place
from skvas.io._hdf5 import find_dataset, has, is_own, open_hdf5
from skvas.io._text import decode, read_cells
from skvas.io._track import Track, frames_between

LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_AXES = ("x", "y", "z")
# What names of columns are pickled with, and the most bytes that they take.
_OPCODES = re.compile(
    "PROTO|FRAME|STOP|MARK|(EMPTY_)?LIST|APPENDS?|(EMPTY_)?TUPLE[123]?"
    "|(SHORT_)?(BIN)?(UNICODE|STRING)|INT|BININT[12]?|MEMOIZE|(LONG_)?(BIN)?(PUT|GET)"
)
_MOST_BYTES = 2**22


def read(path: Path) -> Track:
    """Read a table of DeepLabCut, with one or several animals.

    Above the numbers stand the names of scorer, individuals (if there are several),
    body parts and coordinates, which are x, y, perhaps z, and perhaps a likelihood.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        names, values, numbers = _read_csv(path)
    else:
        names, values, numbers = _read_h5(path)
    frames = _frames_of(numbers)
    if frames is not None:
        filled = np.full((len(frames), values.shape[1]), np.nan)
        filled[[frames.index(number) for number in numbers]] = values
        values = filled
    return replace(_assemble(path, names, values), frames=frames)


def _read_csv(path: Path) -> tuple[dict[str, list[str]], np.ndarray, list[int]]:
    try:
        table = list(read_cells(decode(read_bytes(path))))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no table: {error}") from error
    names: dict[str, list[str]] = {}
    for _, row in table[:4]:
        if row and row[0] in LEVELS:
            names[row[0]] = row[1:]
    if not {"bodyparts", "coords"} <= names.keys():
        raise ValueError(
            f"{str(path)!r} is no table of DeepLabCut: its first lines should start "
            "with scorer, bodyparts and coords. Tables of signals are read by "
            "read_sensors"
        )
    # Tables of labelled images name each image in up to three cells.
    n_more = next((i for i, cell in enumerate(names["coords"]) if cell), 0)
    names = {level: row[n_more:] for level, row in names.items()}
    body = [(number, row) for number, row in table[len(names) :] if row]
    width = len(names["coords"])
    n_cells = 1 + n_more + width
    for number, row in body:
        if len(row) != n_cells:
            raise ValueError(f"line {number} has {len(row)} cells, not {n_cells}")
    cells = [[cell or "nan" for cell in row[-width:]] for _, row in body]
    values = np.array(cells, dtype=np.float64).reshape(-1, width)
    return names, values, _whole([row[0] for _, row in body])


def _read_h5(path: Path) -> tuple[dict[str, list[str]], np.ndarray, list[int]]:
    """Read the table that pandas has written; nothing of it is run."""
    with open_hdf5(path) as file:
        groups = [file[name] for name in file if is_own(file, name)]
        groups = [g for g in groups if hasattr(g, "keys") and has(g, "table")]
        if not groups:
            raise ValueError(
                f"{str(path)!r} has no table as DeepLabCut writes it; export it as csv"
            )
        table = find_dataset(groups[0], "table")
        blocks = [n for n in table.dtype.names if n.startswith("values_block_")]
        columns, values = [], []
        for block in blocks:
            columns += _read_names(table.attrs[f"{block}_kind"])
            values.append(np.asarray(table[block], dtype=np.float64))
        numbers = np.asarray(table["index"] if "index" in table.dtype.names else [])
    array = np.hstack([v.reshape(len(v), -1) for v in values])
    if not columns or len(columns) != array.shape[1]:
        raise ValueError(f"{str(path)!r} has {len(columns)} names of columns")
    levels = LEVELS if len(columns[0]) == 4 else ("scorer", "bodyparts", "coords")
    named = zip(*columns, strict=True)
    names_of = {level: list(row) for level, row in zip(levels, named, strict=True)}
    return names_of, array, numbers.tolist() if numbers.dtype.kind in "iu" else []


def _frames_of(numbers: Sequence[int]) -> range | None:
    """Return the frames that rows stand for, if the numbers of rows rise."""
    rises = bool(numbers) and all(a < b for a, b in pairwise(numbers))
    return frames_between(numbers) if rises else None


def _whole(cells: Sequence[str]) -> list[int]:
    """Return whole numbers, or nothing if not all cells are some."""
    return list(map(int, cells)) if all(map(str.isdecimal, cells)) else []


def _read_names(data: Any) -> list[tuple[str, ...]]:
    try:
        found = _unpickle(data if isinstance(data, bytes) else data.tobytes())
    except Exception as error:  # a damaged pickle may fail anywhere
        raise ValueError(f"names of columns cannot be read ({error})") from error
    if not isinstance(found, list) or not all(map(_is_name, found)):
        raise ValueError(
            "names of columns are no list of tuples of texts, one for each of "
            f"{', '.join(LEVELS)}"
        )
    return [tuple(map(str, names)) for names in found]


def _unpickle(raw: bytes) -> Any:
    """Read lists and tuples of texts and numbers; a pickle of more is refused."""
    if len(raw) > _MOST_BYTES:
        raise ValueError(f"they take {len(raw)} bytes, at most {_MOST_BYTES} are read")
    for position, (opcode, argument, _) in enumerate(pickletools.genops(raw)):
        if not _OPCODES.fullmatch(opcode.name):
            raise ValueError(f"they hold {opcode.name} {shorten(argument)}")
        check_place(opcode, argument, position)
    return pickle.loads(raw)


def _is_name(names: Any) -> bool:
    return (
        isinstance(names, tuple)
        and len(names) in (3, 4)
        and all(isinstance(part, (str, int)) for part in names)
    )


def _assemble(path: Path, names: dict[str, list[str]], values: np.ndarray) -> Track:
    """Sort columns by individual, body part and axis."""
    owners = names.get("individuals", [""] * values.shape[1])
    keys = list(zip(owners, names["bodyparts"], names["coords"], strict=True))
    place = {key: column for column, key in enumerate(keys)}
    if len(place) < len(keys):
        raise ValueError(f"{str(path)!r} has a column twice")
    individuals = list(dict.fromkeys(owners))
    parts = list(dict.fromkeys(names["bodyparts"]))
    if len(individuals) > 1:
        # Points that belong to nobody, such as corners of the arena, differ.
        individuals = [
            who
            for who in individuals
            if who != "single" and any(key[0] == who for key in keys)
        ]
        parts = [p for p in parts if all((who, p, "x") in place for who in individuals)]
    axes = [axis for axis in _AXES if axis in names["coords"]]
    shape = (len(values), len(individuals) * len(parts), len(axes))
    points = np.full(shape, np.nan)
    confidence = np.full(shape[:2], np.nan)
    pairs = [(who, part) for who in individuals for part in parts]
    for point, (who, part) in enumerate(pairs):
        for axis, called in enumerate(axes):
            if (who, part, called) not in place:
                raise ValueError(f"the point {part!r} has no column of its {called!r}")
            points[:, point, axis] = values[:, place[who, part, called]]
        if (who, part, "likelihood") in place:
            confidence[:, point] = values[:, place[who, part, "likelihood"]]
    return Track(
        points,
        confidence if "likelihood" in names["coords"] else None,
        individuals if individuals != [""] else [],
        parts,
        name=_strip_scorer(path.stem, names.get("scorer", [])),
    )


def _strip_scorer(stem: str, scorers: Sequence[str]) -> str:
    """Return the name of the video, to which DeepLabCut adds that of its network."""
    for scorer in filter(None, dict.fromkeys(scorers)):
        head, found, _ = stem.rpartition(scorer)
        if found and head:
            return head
    return stem
