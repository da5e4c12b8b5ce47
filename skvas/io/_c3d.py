"""Files of C3D that may be damaged or forged: what they say of their own sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skvas._atomic import read_bytes

BLOCK = 512
# Bytes of a value by the number that stands for its type: texts, bytes, words, floats.
TEXT = 0xFF
TYPES = {TEXT: 1, 1: 1, 2: 2, 4: 4}
INTEL, DEC, BIG_ENDIAN = 84, 85, 86
# Characters of a description: of more it would make four billion.
MOST_DESCRIBED = 127
# Axes of a parameter without values that the package walks through nevertheless.
MOST_STEPS = 1 << 16
# Parts without data, such as samples of no channel, that any file may have, and how
# many more it may have for each of its bytes.
ALWAYS, PER_BYTE = 10**6, 10
# Bytes of a point as floats and as words, and of a rotation.
POINT, POINT_IN_WORDS, ROTATION = 16, 8, 68


@dataclass(frozen=True)
class Parameter:
    """A parameter: what its values are, how many along each axis, and their bytes."""

    kind: int
    axes: tuple[int, ...]
    data: bytes
    processor: int

    def numbers(self) -> np.ndarray:
        """Return all values; texts have none."""
        if self.kind == TEXT:
            return np.empty(0)
        if self.kind != 4:
            return np.frombuffer(self.data, f"<i{self.kind}").astype(float)
        return _floats(self.data, self.processor)


def check_c3d(path: Path) -> None:
    """Refuse a file that the package that reads it would not survive, or not leave.

    It looks where parameters say, also before and behind the file, and trusts all
    numbers of frames, points and samples.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no such file, or cannot hold what it says.
    """
    data = read_bytes(path)
    check_sizes(data, check_parameters(data))


def check_parameters(data: bytes) -> dict[str, Parameter]:
    """Refuse parameters that are not one after another, as others write them.

    Parameters
    ----------
    data : bytes
        All of a file.

    Returns
    -------
    dict of str to Parameter
        By names such as "POINT:USED"; a group itself is there as "POINT:".

    Raises
    ------
    ValueError
        If they are not.
    """
    start = (data[0] - 1) * BLOCK if data else -1
    if start < BLOCK or len(data) < start + 4:
        raise ValueError("it has no parameters")
    processor = data[start + 3]
    if processor not in (INTEL, DEC, BIG_ENDIAN):
        raise ValueError(f"it was written by an unknown processor, {processor}")
    n_blocks = data[start + 2]  # 0 where a program did not count
    data = data[: start + BLOCK * n_blocks] if n_blocks else data
    groups: dict[int, str] = {}
    found: list[tuple[int, str, Parameter]] = []
    for number, name, parameter in _read_records(data, start + 4, processor):
        if parameter is None:
            groups[256 - number] = name
        else:
            found.append((number, name, parameter))
    # Of groups of one name the package knows the one of the smallest number.
    number_of = {groups[number]: number for number in sorted(groups, reverse=True)}
    none = Parameter(TEXT, (), b"", processor)
    known = {f"{group}:": none for group in number_of}
    for number, name, parameter in found:
        group = groups.get(number, "")
        if number_of.get(group) == number:
            known[f"{group}:{name}"] = parameter
    return known


def _read_records(
    data: bytes, place: int, processor: int
) -> Iterator[tuple[int, str, Parameter | None]]:
    """Yield the number, the name and what is a parameter of each record."""
    order = "big" if processor == BIG_ENDIAN else "little"
    # A record: length of its name, number of its group, the name, where the next is.
    while place < len(data) and data[place]:
        length = data[place] if data[place] < 128 else 256 - data[place]
        number = data[place + 1] if place + 1 < len(data) else 0
        jump = place + 2 + length
        step = int.from_bytes(data[jump : jump + 2], order)  # type: ignore[arg-type]
        parameter, end = None, jump + 2
        if number < 128:
            parameter, end = _read_parameter(data, end, processor)
        described = data[end] if end < len(data) else 0
        end += 1 + described
        is_whole = described <= MOST_DESCRIBED and end <= len(data)
        if not is_whole or (step and jump + step < end):
            raise ValueError(f"the parameter at byte {place} is not whole")
        yield number, data[place + 2 : jump].decode("latin-1"), parameter
        if not step:
            return
        place = jump + step
    if place >= len(data):
        raise ValueError("its parameters have no end")


def _read_parameter(data: bytes, place: int, processor: int) -> tuple[Parameter, int]:
    """Return a parameter and where it ends."""
    if place + 2 > len(data) or data[place] not in TYPES:
        raise ValueError(f"the parameter at byte {place} has an unknown type")
    start = place + 2 + data[place + 1]
    axes = tuple(data[place + 2 : start])
    n_steps = math.prod(max(length, 1) for length in axes)
    end = start + TYPES[data[place]] * math.prod(axes)
    if (data[place] == TEXT and not axes) or (0 in axes and n_steps > MOST_STEPS):
        raise ValueError(f"the parameter at byte {place} has unlikely axes, {axes}")
    return Parameter(data[place], axes, data[start:end], processor), end


def check_sizes(data: bytes, known: Mapping[str, Parameter]) -> None:
    """Refuse a file that cannot hold the frames that it says.

    Parameters
    ----------
    data : bytes
        All of a file.
    known : dict of str to Parameter
        As `check_parameters` returns them.

    Raises
    ------
    ValueError
        If it cannot.
    """
    sizes = _Sizes.of(data, known)
    if sizes.n_points < 1:
        raise ValueError("it has no points")
    if not 0 <= sizes.start < len(data):
        raise ValueError(f"its frames start at byte {sizes.start} of {len(data)}")
    room = len(data) - sizes.start
    frame = sizes.bytes_of_frame
    if frame > room:
        raise ValueError(f"a frame would be {frame} bytes, and {room} are there")
    n_there = min(sizes.n_frames, room // frame)
    if sizes.n_samples * n_there > max(ALWAYS, PER_BYTE * len(data)):
        raise ValueError(f"it has {sizes.n_samples} samples of signals a frame")
    for name in ("ANALOG:SCALE", "ANALOG:OFFSET"):
        n = sizes.n_channels if sizes.n_samples else 0
        n_given = _count_all(known, name)
        if n_given < n and (n_given or "SHADOW:" not in known):
            raise ValueError(f"{name} has {n_given} values for {n} signals")
    if "ROTATION:" in known:
        _check_rotations(data, known, sizes, n_there)


@dataclass(frozen=True)
class _Sizes:
    """How many there are of everything, by what parameters say, or else the header."""

    start: int
    n_frames: int
    n_points: int
    n_channels: int
    n_samples: int
    rate: float
    bytes_of_frame: int

    @classmethod
    def of(cls, data: bytes, known: Mapping[str, Parameter]) -> _Sizes:
        processor = data[(data[0] - 1) * BLOCK + 3]
        words = np.frombuffer(data[:24].ljust(24, b"\0"), "<u2").tolist()
        scale, rate = (_floats(data[i : i + 4], processor)[0] for i in (12, 20))
        n_frames = _whole(known, "POINT:FRAMES", 0)
        if n_frames < 0:
            n_frames %= 1 << 16
        # Numbers of frames are from 1 on; one that falls has no end.
        n_frames = n_frames or (words[4] - words[3] + 1) % (1 << 16)
        n_points = _whole(known, "POINT:USED", 0)
        n_channels = _whole(known, "ANALOG:USED", 0)
        n_samples = words[9]
        of_points = _first(known, "POINT:RATE", 0.0)
        if int(of_points):
            rate = of_points
            n_samples = int(_first(known, "ANALOG:RATE", 0.0) / rate)
        _first(known, "ANALOG:GEN_SCALE", 1.0)
        if min(n_points, n_channels, n_samples) < 0:
            raise ValueError("it has less than no points or signals")
        is_float = _first(known, "POINT:SCALE", -1.0) < 0
        size = n_points * (POINT if is_float else POINT_IN_WORDS)
        size += n_channels * n_samples * (4 if scale < 0 else 2)
        start = (words[8] - 1) * BLOCK
        return cls(start, n_frames, n_points, n_channels, n_samples, rate, size)


def _check_rotations(
    data: bytes, known: Mapping[str, Parameter], sizes: _Sizes, n_there: int
) -> None:
    if n_there < sizes.n_frames:
        raise ValueError(
            f"it has {n_there} of {sizes.n_frames} frames, and rotations after them"
        )
    start = (_whole(known, "ROTATION:DATA_START", 1) - 1) * BLOCK
    n_rotations = _whole(known, "ROTATION:USED", 0)
    n_samples = _whole(known, "ROTATION:RATIO", 0)
    if "ROTATION:RATIO" not in known:
        rate = _first(known, "ROTATION:RATE", 0.0)
        n_samples = int(rate / sizes.rate) if sizes.rate else 0
    n_parts = sizes.n_frames * n_samples
    is_short = 0 <= len(data) - start < n_parts * n_rotations * ROTATION
    if min(start, n_rotations, n_samples) < 0 or n_parts > ALWAYS or is_short:
        raise ValueError(
            f"it has no room for {n_rotations} rotations, {n_samples} times a frame"
        )


def _count_all(known: Mapping[str, Parameter], name: str) -> int:
    """Count values of a parameter and of those that go on with it, such as SCALE2."""
    parts = [known[name]] if name in known else []
    while f"{name}{len(parts) + 1}" in known and parts:
        parts.append(known[f"{name}{len(parts) + 1}"])
    return sum(len(part.numbers()) for part in parts)


def _whole(known: Mapping[str, Parameter], name: str, default: int) -> int:
    return int(_first(known, name, default))


def _first(known: Mapping[str, Parameter], name: str, default: float) -> float:
    """Return the first number of a parameter, which the package takes for there."""
    if name not in known:
        return default
    numbers = known[name].numbers()
    if not len(numbers) or not math.isfinite(numbers[0]):
        raise ValueError(f"{name} is no number")
    return float(numbers[0])


def _floats(data: bytes, processor: int) -> np.ndarray:
    """Return floats of a processor; those of DEC have their words the other way."""
    if processor == DEC:
        words = np.frombuffer(data, "<u2").reshape(-1, 2)[:, ::-1]
        return np.frombuffer(words.tobytes(), "<f4").astype(float) / 4
    return np.frombuffer(data, "<f4").astype(float)
