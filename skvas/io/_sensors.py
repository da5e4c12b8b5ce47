"""Recordings of sensors: tables with a column of times, at any rate."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from skvas._printing import shorten
from skvas.datasets._recordings import ONE_RATE, Recordings
from skvas.io._clock import (
    find_pauses,
    is_called_time,
    may_be_times,
    put_in_order,
    read_clock,
    rises_steadily,
)
from skvas.io._columns import PARQUET, TEXT, Sheet, read_columns
from skvas.io._sources import list_sources, name_passed_over
from skvas.validation import (
    NO_NAMES,
    TIME_UNITS,
    check_choice,
    check_fps,
    check_media,
    check_real,
    find_respellings,
    is_missing,
    spelled_as,
)

__all__ = ["read_sensors"]

SUFFIXES = (*TEXT, *PARQUET)
_COUNTERS = ("index", "unnamed: 0", "frame", "frames", "sample", "row", "id")
_LABELS = ("label", "labels", "class", "activity", "action", "target", "annotation")
# Frames that one sample may become, and usual steps that one may take; more of both
# are a fault of the clock.
MOST_FRAMES = 1000
# The same for samples at even times, such as one a minute beside a quick sensor, and
# how many frames these may always become.
_MOST_EVEN, _ALWAYS = 10_000, 10**6
# Steps that differ by less are those of a constant rate, if times run ahead of it, or
# stay behind, by so few steps at most.
_REGULAR, _AHEAD = 0.1, 1
# Share of steps of an unusual size, up to which they are those of lost samples, and
# their number from which a clock may be coarse.
_MAX_ODD, _MIN_TURNS = 0.4, 5
# What is interpolated where nothing else is said: seconds, and, of channels that come
# seldom, the usual time between their samples, which covers two lost ones in a row.
_GAP, _GAP_STEPS = 1.0, 3
# Share of rows with the time of another, from which they may be of several sensors.
_MANY_REPEATED = 0.4
# Rates that differ by such a factor are told, where their median is taken.
_OTHER_RATES = 2
# Frames a sample, below which samples are averaged.
_AVERAGING = 0.75


def read_sensors(
    source: Any,
    *,
    fps: float | None = None,
    time: str | None = "auto",
    time_unit: str = "auto",
    columns: str | Sequence[str] | None = None,
    labels: str | None = None,
    max_gap: float | str = "auto",
    media: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Recordings:
    r"""Read recordings of sensors, one table each, at one rate.

    Tables are CSV, TSV or other text with separators, parquet, or data frames of pandas
    or polars. Lines above a text table that start with # or % are comments; the last
    one may name the columns, as NumPy's `savetxt` writes it. A first line such as
    ``sep=;`` tells what separates cells. Times may be irregular and have gaps: the
    recordings are then resampled to one rate, and the `notes` of the result say so.
    Rows of one time are averaged.

    Parameters
    ----------
    source : path, list of paths, data frame, or list or dict of them
        A folder, whose tables are read in the order of their names; a file; files; or
        data frames, in a dict by their names.
    fps : float, default=None
        Frames per second of the result. Where there is a column of times, values are
        averaged over the length of a frame, or interpolated if frames are hardly longer
        than the time between samples. Without such a column, the rate that the rows
        have. None: the median rate of the recordings, rounded to three digits;
        recordings that have this constant rate stay as they are.
    time : str or None, default="auto"
        Name of the column of times: numbers, dates such as ``2024-05-01 12:00:00.25``,
        or times of day such as ``12:00:00.25``. "auto": a column that is called like
        one (time, timestamp, t, date, Zeit, ..., also ``time_ms`` or ``Time (s)``), if
        there is one. None: no column. The index of a data frame counts as a column
        where it has a name, dates or durations.
    time_unit : {"auto", "s", "ms", "us", "ns", "min", "h", "d"}, default="auto"
        Unit of times that are numbers. "auto": what the name says, or the size of times
        since 1970, or seconds if the steps are fractions.
    columns : str or sequence of str, default=None
        Columns to read, in this order. None: all columns of numbers, but for times,
        numbers of rows, and columns that are called like labels. A column that is empty
        in some recordings is NaN there.
    labels : str, default=None
        Name of a column of labels. They come as `labels` and `action_names` of the
        result, and are not used by `fit` unless you pass them. -1 where a cell is
        empty.
    max_gap : float or "auto", default="auto"
        Longest time between two samples that is interpolated, in seconds. Frames in
        longer gaps are NaN: close them with :class:`skvas.preprocessing.Interpolate`,
        or cut the recording. "auto": one second, or three times the usual time between
        the samples of a column if that is longer.
    media : dict of str to path, default=None
        The video file of a recording, by its name.

    Returns
    -------
    Recordings
        float64 arrays of shape (n_frames_i, n_columns), named after their files. They
        know the frame rate, if there is one, the names of the columns, and in `notes`
        what was done.

    Raises
    ------
    OSError
        If a file cannot be read; names it.
    ValueError, TypeError
        If a table has no such column, if a cell in a column of numbers is none, if
        times do not rise or their unit is unclear, or if recordings differ in their
        columns; names the recording, and where there is one the line.
    ImportError
        If parquet is read, and no package is installed that reads it.

    See Also
    --------
    read_poses : Poses of DeepLabCut, SLEAP and others.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvas.io import read_sensors
    >>> rows = ["time_ms,x,y", "0,1.0,5", "10,2.0,5", "20,3.0,6", "30,4.0,6"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "walk.csv").write_text("\n".join(rows))
    ...     recordings = read_sensors(folder)
    >>> recordings.names, recordings.fps, recordings.feature_names
    (['walk'], [100.0], ['x', 'y'])
    """
    check_fps(fps, none_ok=True)
    is_auto = isinstance(max_gap, str) and max_gap == "auto"
    longest = None if is_auto else check_real("max_gap", max_gap, low=0)
    check_choice("time_unit", time_unit, ("auto", *TIME_UNITS))
    columns = _check_columns(columns)
    for name, column in (("time", time), ("labels", labels)):
        if not isinstance(column, (str, type(None))):
            raise TypeError(
                f"{name} must be the name of a column or None, got {shorten(column)}."
            )
    tables = []
    for name, item in list_sources(source, SUFFIXES, "tables").items():
        try:
            tables.append(_read(name, item, time, time_unit, columns, labels))
        except (ValueError, TypeError) as error:
            raise type(error)(f"recording {name!r}: {error}") from error
    _respell_columns(tables)
    if columns is None:
        _leave_out_empty(tables)
    _check_same_columns(tables)
    found = _at_one_rate(tables, fps, longest, media)
    found.notes += name_passed_over(source, SUFFIXES)
    if (time, time_unit) != ("auto", "auto"):
        found.time_column = time, time_unit
    return found


@dataclass
class _Table:
    """One recording: its samples, and their seconds if they have any."""

    name: str
    columns: list[str]
    values: np.ndarray
    seconds: np.ndarray | None
    labels: np.ndarray | None
    left_out: list[str]
    texts: Mapping[str, str]  # where columns of text have their first text
    rising: list[str]  # columns that may be times
    units: Mapping[str, str]  # what stands below the names of columns
    n_untimed: int  # rows without a time
    pauses: str  # where several recordings may be in one, if they may

    @property
    def step(self) -> float:
        """The usual time between two samples, gaps and lost samples left out."""
        assert self.seconds is not None
        steps = np.diff(self.seconds)
        short = steps[steps <= 4 * np.mean(steps)]
        usual = np.median(short)
        even = short[np.abs(short - usual) < usual / 2]
        n_odd = len(short) - len(even)
        # A coarse clock has steps of two sizes by turns, and never runs far ahead.
        ahead = np.cumsum(short - np.mean(short))
        is_coarse = n_odd >= _MIN_TURNS and np.ptp(ahead) < 1.5 * usual
        if is_coarse or n_odd > _MAX_ODD * len(short):
            return float(np.mean(short))
        return float(np.mean(even))

    def has_rate(self, fps: float) -> bool:
        """Return whether the samples have this rate, which is constant."""
        if self.seconds is None or len(self.seconds) < 2:
            return True
        seconds = (self.seconds - self.seconds[0]) / self.step
        # A rate may change by less than steps vary, and times run ahead all the same.
        ahead = seconds - np.arange(len(seconds))
        is_constant = np.abs(np.diff(ahead)).max() <= _REGULAR
        is_constant &= np.abs(ahead).max() <= _AHEAD
        return bool(is_constant) and abs(fps * self.step - 1) <= ONE_RATE


def _check_columns(columns: Any) -> list[str] | None:
    """Return names of columns, which have an order and occur once."""
    if columns is None:
        return None
    listed = [columns] if isinstance(columns, str) else columns
    has_order = np.iterable(listed) and not isinstance(listed, (Set, Mapping))
    names = [*listed] if has_order else []
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"columns must be a list of names of columns, got {shorten(columns)}."
        )
    if len({*names}) < len(names):
        raise ValueError(f"columns has a name twice, among {shorten(names)}.")
    return names


def _read(
    name: str,
    item: Any,
    time: str | None,
    time_unit: str,
    columns: Sequence[str] | None,
    labels: str | None,
) -> _Table:
    sheet = read_columns(item)
    spell = spelled_as(sheet.columns)
    time, labels = (name if name is None else spell(name) for name in (time, labels))
    columns = None if columns is None else [*map(spell, columns)]
    asked = (None if time == "auto" else time, labels, *(columns or ()))
    _require(sheet, [column for column in asked if column is not None])
    sheet = sheet.with_truths_as_numbers(kept=labels)
    clock, seconds = read_clock(sheet, time, time_unit)
    taken, left_out = _choose(sheet, clock, columns, labels)
    if not taken:
        beside = "" if clock is None else f" beside {clock!r}"
        raise ValueError(
            f"it has no column of numbers{beside}; it has "
            f"{', '.join(map(repr, sheet.columns))}."
        )
    values = np.column_stack([sheet.columns[column] for column in taken])
    words = sheet.columns[labels] if labels is not None else None
    rising = [] if time is None or clock is not None else _find_rising(sheet, taken)
    n_untimed, pauses = 0, ""
    if clock is not None and seconds is not None:
        n_untimed = int(np.isnan(seconds).sum())
        order = put_in_order(clock, seconds, sheet)
        values, seconds = values[order], seconds[order]
        words = None if words is None else words[order]
        pauses = _tell_pauses(sheet, clock, seconds, order)
    texts = {column: sheet.show_odd(column) for column in sheet.odd}
    return _Table(
        name,
        taken,
        values,
        seconds,
        words,
        left_out,
        texts,
        rising,
        sheet.units,
        n_untimed,
        pauses,
    )


def _tell_pauses(
    sheet: Sheet, clock: str, seconds: np.ndarray, order: np.ndarray
) -> str:
    """Say where long pauses part a table, and which column changes there."""
    before = find_pauses(seconds, _GAP)
    if not len(before):
        return ""
    steps = np.diff(seconds)
    longest = int(steps.argmax())
    parting = [
        name
        for name, values in sheet.columns.items()
        if name != clock and np.array_equal(_changes(values[order]), before)
    ]
    n_pauses = f"{len(before)} pauses" if len(before) > 1 else "one pause"
    where = f", where column {parting[0]!r} changes" if parting else ""
    return (
        f"{n_pauses}, with {steps[before].sum() / steps.sum():.0%} of the time, the "
        f"longest of {steps[longest]:.6g} s after {sheet.place(order[longest])}; if "
        f"the table holds several recordings, cut it there{where}"
    )


def _changes(values: np.ndarray) -> np.ndarray:
    """Return the rows after which a column has another value."""
    texts = values.astype(str)  # in which missing values are alike
    return np.flatnonzero(texts[1:] != texts[:-1])


def _find_rising(sheet: Sheet, taken: Sequence[str]) -> list[str]:
    """List columns that may be times; whole numbers that are no feature count rows."""
    return [
        name
        for name, values in sheet.columns.items()
        if may_be_times(values) and (name in taken or not _are_whole(values))
    ]


def _are_whole(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" and not (np.floor(values) < values).any()


def _require(sheet: Sheet, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in sheet.columns]
    if missing:
        raise ValueError(
            f"it has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, sheet.columns))}."
        )


def _choose(
    sheet: Sheet,
    clock: str | None,
    columns: Sequence[str] | None,
    labels: str | None,
) -> tuple[list[str], list[str]]:
    """Return the columns that are features, and those that were left out."""
    if columns is not None:
        for column in columns:
            sheet.check_numbers(column)
        texts = [c for c in columns if sheet.columns[c].dtype.kind != "f"]
        if texts:
            raise ValueError(
                f"column(s) {', '.join(map(repr, texts))} hold text, not numbers."
            )
        return list(columns), []
    taken: list[str] = []
    left_out: list[str] = []
    for name, values in sheet.columns.items():
        if name in (clock, labels):
            continue
        is_time = is_called_time(name) and rises_steadily(values)
        is_other = name in sheet.index or name.lower() in _LABELS
        if is_time or is_other or _is_counter(name, values):
            left_out.append(name)
            continue
        sheet.check_numbers(name)
        (taken if values.dtype.kind == "f" else left_out).append(name)
    return taken, left_out


def _is_counter(name: str, values: np.ndarray) -> bool:
    """Return whether a column numbers the rows, of which some may be missing.

    One without a name is the index of a data frame.
    """
    if not name:
        return True
    if values.dtype.kind != "f" or name.lower() not in _COUNTERS:
        return False
    rows = np.flatnonzero(np.isfinite(values))
    is_number = np.array_equal(np.diff(values[rows]), np.diff(rows))
    return is_number or rises_steadily(values)


def _respell_columns(tables: list[_Table]) -> None:
    """Let columns have one name in all recordings, whichever way it is spelled."""
    first_of = find_respellings(column for t in tables for column in t.columns)
    for table in tables if first_of else ():
        table.columns = [first_of.get(column, column) for column in table.columns]
        if len({*table.columns}) < len(table.columns):
            raise ValueError(
                f"recording {table.name!r}: two columns have names that look the same; "
                "rename one, or leave one out by columns."
            )


def _leave_out_empty(tables: list[_Table]) -> None:
    """Leave out columns that are empty in all recordings; others have a long gap."""
    filled = {
        column
        for table in tables
        for column, values in zip(table.columns, table.values.T, strict=True)
        if not np.isnan(values).all()
    }
    for table in tables:
        kept = [column in filled for column in table.columns]
        table.left_out += [c for c in table.columns if c not in filled]
        table.columns = [c for c in table.columns if c in filled]
        table.values = table.values[:, kept]
        if not table.columns:
            raise ValueError(
                f"recording {table.name!r}: it has no column of numbers that is not "
                "empty."
            )


def _check_same_columns(tables: list[_Table]) -> None:
    first = tables[0]
    for other in tables[1:]:
        if other.columns == first.columns:
            continue
        if sorted(other.columns) == sorted(first.columns):
            order = [other.columns.index(column) for column in first.columns]
            other.values, other.columns = other.values[:, order], first.columns
            continue
        odd = sorted({*other.columns} ^ {*first.columns})
        texts = [t.texts[c] for t in (first, other) for c in odd if c in t.texts]
        if texts:
            raise ValueError(
                f"recordings {first.name!r} and {other.name!r} differ: {texts[0]}. "
                "Leave the cell empty if the value is missing, or name by columns "
                "those that are numbers in all."
            )
        raise ValueError(
            f"recordings {first.name!r} and {other.name!r} differ in column(s) "
            f"{', '.join(map(repr, odd))}; name by columns those that all have."
        )


def _at_one_rate(
    tables: list[_Table],
    fps: float | None,
    max_gap: float | None,
    media: Mapping[str, Any] | None,
) -> Recordings:
    notes = _describe(tables)
    timed = [t for t in tables if t.seconds is not None and len(t.seconds) > 1]
    if timed and len(timed) < len(tables):
        lacking = next(t.name for t in tables if t not in timed)
        raise ValueError(
            f"recording {lacking!r} has no times, but {timed[0].name!r} has; give the "
            "column as time, or none for all (time=None; in a shell, --time none)."
        )
    rate = fps
    if timed and rate is None:
        rate = _round(float(np.median([1 / t.step for t in timed])))
        notes += _tell_rates(timed, rate)
        if not np.isfinite(rate):
            short = min(timed, key=lambda table: table.step)
            raise ValueError(
                f"recording {short.name!r}: its usual step of {short.step:g} s is too "
                "short for a rate; give time_unit= or fps=."
            )
    videos, words, n_resampled, n_missing = [], [], 0, 0
    rates: list[Any] = []
    for table in tables:
        values, labels = table.values, table.labels
        rates.append(rate)
        if rate is None or table.has_rate(rate):
            if timed:
                rates[-1] = float(f"{1 / table.step:.6g}")
            if rate is not None:
                values = _close_gaps(table, rate, max_gap)
        else:
            values, labels = _resample(table, rate, max_gap)
            n_resampled += 1
        n_missing += int(np.isnan(values).any(axis=1).sum())
        videos.append(values)
        words.append(labels)
    if n_resampled:
        notes.append(
            f"{n_resampled} of {len(tables)} resampled to {rate:g} frames a second"
        )
    if n_missing:
        notes.append(f"{n_missing} frames have gaps, marked as NaN")
    codes, action_names = _encode(words)
    names = [table.name for table in tables]
    files = check_media(media, names)
    return Recordings(
        videos,
        names,
        fps=None if rate is None else rates,
        media=[*map(files.get, names)] if files else None,
        feature_names=tables[0].columns,
        labels=codes,
        action_names=action_names,
        notes=notes,
    )


def _describe(tables: list[_Table]) -> list[str]:
    """Say what was made of the columns."""
    notes = []
    if left_out := list(dict.fromkeys(c for t in tables for c in t.left_out)):
        notes.append(f"left out: {', '.join(c or '(no name)' for c in left_out)}")
    empty = [
        f"{table.columns[place]!r} of {table.name!r}"
        for table in tables
        for place in np.flatnonzero(np.isnan(table.values).all(axis=0))
    ]
    if empty:
        notes.append(
            f"{len(empty)} empty column{'s' if len(empty) > 1 else ''} in some "
            f"recordings: {', '.join(empty[:3])}{', ...' if len(empty) > 3 else ''}"
        )
    if named := [table for table in tables if table.units]:
        notes.append(
            f"{len(named)} of {len(tables)} have units below the names of columns: "
            f"{', '.join(dict.fromkeys(named[0].units.values()))}"
        )
    if n_untimed := sum(table.n_untimed for table in tables):
        notes.append(f"left out: {n_untimed} rows without a time")
    notes += _tell_repeated(tables)
    if paused := [table for table in tables if table.pauses]:
        more = f" ({len(paused) - 1} more have such)" if len(paused) > 1 else ""
        notes.append(f"{paused[0].name!r} has {paused[0].pauses}{more}")
    rising = [c for c in tables[0].rising if all(c in t.rising for t in tables)]
    if rising:
        notes.append(
            f"column {rising[0]!r} rises steadily in all recordings: is it the time? "
            f"Then give time={rising[0]!r}"
        )
    return notes


def _tell_repeated(tables: list[_Table]) -> list[str]:
    """Say how many rows have the time of the row before."""
    timed = [table.seconds for table in tables if table.seconds is not None]
    n_rows = sum(map(len, timed))
    n_repeated = sum(int((np.diff(seconds) == 0).sum()) for seconds in timed)
    if not n_repeated:
        return []
    note = f"{n_repeated} of {n_rows} rows have the time of the row before: averaged"
    if n_repeated >= _MANY_REPEATED * n_rows:
        note += "; if they are of several sensors, give each columns of its own"
    return [note]


def _tell_rates(timed: list[_Table], rate: float) -> list[str]:
    """Say that recordings are read at a rate that is far from that of some."""
    slow, fast = (choose(timed, key=lambda t: t.step) for choose in (max, min))
    if not 0 < _OTHER_RATES * fast.step < slow.step:
        return []
    return [
        f"rates differ, from {1 / slow.step:.3g} a second ({slow.name!r}) to "
        f"{1 / fast.step:.3g} ({fast.name!r}): all are read at their median, {rate:g}; "
        "fps sets another (in a shell, --fps)"
    ]


def _round(rate: float) -> float:
    """Round a rate to three digits."""
    return float(f"{rate:.3g}")


def _close_gaps(table: _Table, fps: float, max_gap: float | None) -> np.ndarray:
    """Return samples at a constant rate, interpolated where some are missing."""
    values = table.values.copy()
    seconds = table.seconds
    if seconds is None or len(seconds) < 2:
        seconds = np.arange(len(values)) / fps
    for column, samples in enumerate(table.values.T):
        lacking = np.isnan(samples)
        if lacking.any():
            found = _interpolated(seconds, samples, seconds[lacking], max_gap)
            values[lacking, column] = found
    return values


def _resample(
    table: _Table, fps: float, max_gap: float | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return samples averaged over frames, or interpolated where there are none."""
    assert table.seconds is not None
    seconds = table.seconds - table.seconds[0]
    _check_length(table, seconds, fps)
    n_frames = max(1, int(np.floor(seconds[-1] * fps + 1e-6)) + 1)
    frame_times = np.arange(n_frames) / fps
    # The samples that are nearest to a frame. One between two belongs to the second, so
    # that all frames have as many where the rate is a multiple; times are rounded.
    place = np.floor(seconds * fps + 0.5 + 1e-3).astype(int)
    place = np.clip(place, 0, n_frames - 1)
    values = np.empty((n_frames, table.values.shape[1]))
    averages = fps * table.step < _AVERAGING
    for column, samples in enumerate(table.values.T):
        frames = _interpolated(seconds, samples, frame_times, max_gap)
        if averages:
            known = np.isfinite(samples)
            count = np.bincount(place[known], minlength=n_frames)
            total = np.bincount(place[known], samples[known], minlength=n_frames)
            frames[count > 0] = total[count > 0] / count[count > 0]
        values[:, column] = frames
    labels = table.labels
    if labels is not None:
        middles = (seconds[1:] + seconds[:-1]) / 2
        labels = labels[np.searchsorted(middles, frame_times)]
    return values, labels


def _interpolated(
    seconds: np.ndarray, samples: np.ndarray, times: np.ndarray, max_gap: float | None
) -> np.ndarray:
    """Return samples at other times, NaN in gaps that are too long."""
    found, known = np.full(len(times), np.nan), np.isfinite(samples)
    if known.any():
        at, samples = _join_repeated(seconds[known], samples[known])
        if max_gap is None:
            usual = float(np.median(np.diff(at))) if len(at) > 1 else 0.0
            max_gap = max(_GAP, _GAP_STEPS * usual)
        close = _distance(at, times) <= max_gap
        found[close] = np.interp(times[close], at, samples)
    return found


def _join_repeated(
    seconds: np.ndarray, samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average samples of one time."""
    if (np.diff(seconds) > 0).all():
        return seconds, samples
    at, place = np.unique(seconds, return_inverse=True)
    return at, np.bincount(place, samples) / np.bincount(place)


def _check_length(table: _Table, seconds: np.ndarray, fps: float) -> None:
    """Refuse times that would be far more frames than there are samples."""
    n_frames = float(seconds[-1]) * fps
    steps = np.diff(seconds)
    most = max(_MOST_EVEN * len(seconds), _ALWAYS)
    if len(steps) and steps.max() > MOST_FRAMES * np.median(steps):
        most = MOST_FRAMES * len(seconds)
    if n_frames > most:
        row = int(steps.argmax())
        parted = f" It has {table.pauses}." if table.pauses else ""
        raise ValueError(
            f"recording {table.name!r}: {len(seconds)} samples would be "
            f"{n_frames:.10g} frames, {fps:g} a second; its longest step is "
            f"{steps[row]:g} s, after {row + 1} samples. Leave rows with a wrong time "
            f"out, or lower fps.{parted}"
        )


def _distance(at: np.ndarray, frame_times: np.ndarray) -> np.ndarray:
    """Return how far apart the samples around each frame are."""
    after = np.searchsorted(at, frame_times)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(at) - 1)
    apart = at[after] - at[before]
    outside = np.maximum(at[0] - frame_times, frame_times - at[-1])
    gap: np.ndarray = np.where(
        at[after] == frame_times, 0.0, np.maximum(apart, outside)
    )
    return gap


def _encode(
    words: list[np.ndarray | None],
) -> tuple[list[np.ndarray] | None, list[str]]:
    """Turn labels into positions in their names, in the order of first appearance.

    Cells that say that there is no label are -1, as no action has this label.
    """
    known = [[_as_text(word) for word in video] for video in words if video is not None]
    if not known:
        return None, []
    names = list(dict.fromkeys(word for video in known for word in video if word))
    first_of = find_respellings(names)
    names = [name for name in names if name not in first_of]
    code = {"": -1} | {name: place for place, name in enumerate(names)}
    code |= {other: code[name] for other, name in first_of.items()}
    return [np.array([code[word] for word in video]) for video in known], names


def _as_text(word: Any) -> str:
    if is_missing(word):
        return ""
    is_whole = isinstance(word, float) and word.is_integer()
    text = str(int(word)) if is_whole else str(word)
    return "" if text in NO_NAMES else text
