"""Files of C3D that may be damaged or forged: their parameters, record by record."""

from __future__ import annotations

import math
from pathlib import Path

from skvas._atomic import read_bytes

BLOCK = 512
# Bytes of a value by the number that stands for its type: texts, bytes, words, floats.
TYPES = {0xFF: 1, 1: 1, 2: 2, 4: 4}
INTEL, DEC, BIG_ENDIAN = 84, 85, 86


def check_parameters(path: Path) -> None:
    """Refuse a file whose parameters are not one after another, as others write them.

    The package that reads them looks where they say, also before and behind the file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no such file.
    """
    data = read_bytes(path)
    start = (data[0] - 1) * BLOCK if data else -1
    if start < BLOCK or len(data) < start + 4:
        raise ValueError("it has no parameters")
    processor = data[start + 3]
    if processor not in (INTEL, DEC, BIG_ENDIAN):
        raise ValueError(f"it was written by an unknown processor, {processor}")
    n_blocks = data[start + 2]  # 0 where a program did not count
    data = data[: start + BLOCK * n_blocks] if n_blocks else data
    order = "big" if processor == BIG_ENDIAN else "little"
    place = start + 4
    # A record: length of its name, number of its group, the name, where the next is.
    while place < len(data) and data[place]:
        length = data[place] if data[place] < 128 else 256 - data[place]
        jump = place + 2 + length
        step = int.from_bytes(data[jump : jump + 2], order)  # type: ignore[arg-type]
        is_group = data[place + 1] >= 128 if place + 1 < len(data) else False
        end = _end_of_group(data, jump + 2) if is_group else _end(data, jump + 2)
        if end > len(data) or (step and jump + step < end):
            raise ValueError(f"the parameter at byte {place} is not whole")
        if not step:
            return
        place = jump + step
    if place >= len(data):
        raise ValueError("its parameters have no end")


def _end_of_group(data: bytes, place: int) -> int:
    """Return where the description of a group ends, which is all that it has."""
    return place + 1 + (data[place] if place < len(data) else 0)


def _end(data: bytes, place: int) -> int:
    """Return where a parameter ends: its type, axes, values and description."""
    if place + 2 > len(data) or data[place] not in TYPES:
        raise ValueError(f"the parameter at byte {place} has an unknown type")
    n_axes = data[place + 1]
    axes = data[place + 2 : place + 2 + n_axes]
    values = TYPES[data[place]] * math.prod(axes)
    return _end_of_group(data, place + 2 + n_axes + values)
