"""The column of times of a table: which one it is, and its seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from skvas.io._columns import Sheet
from skvas.validation import TIME_UNITS

_NAMED_UNITS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
    "us": ("us", "\u00b5s", "\u03bcs", "usec", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}
_UNIT_WORDS = {word for words in _NAMED_UNITS.values() for word in words}
_TIMES = (
    "time",
    "datetime",
    "date",
    "t",
    "seconds",
    "clock",
    "zeit",
    "zeitstempel",
    "uhrzeit",
    "tiempo",
    "tijd",
)
# These mean other things as well: they are times if they are dates or rise steadily.
_PERHAPS_TIMES = ("elapsed", "temps", "tempo", "datum", "fecha", "hora")
# Clocks since 1970 are so large in seconds, from 1998 to 2049; others count from when a
# device was switched on.
_EPOCH = (9e8, 2.5e9)
# Steps that are likely of samples, in seconds: others are of a unit that was misread.
_LIKELY_STEPS = (2e-5, 600.0)
_DAY = 86400.0
_OF_DAY = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(?:[.,](\d+))?(?: ?([AP]M))?", re.I)
_DATE = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})[T ]+"
    r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?([AP]M))?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?",
    re.I,
)
_FORMS = "2024-05-01 12:00:00.25 or 12:00:00.25"
# Usual steps that a clock may go back, where samples were not written in order.
_JITTER = 5
# Share of steps that may do so; ten times as many where these are one or two.
_SWAPPED = 0.01
# Share of steps without an advance, from which a clock is too coarse for the rows.
_STANDING = 0.75
# A pause is so many times as long as usual steps, and as all steps that are none; if
# most of the time is pauses, and stretches have so many rows, there may be recordings.
_LONG_STEP, _APART, _MOST, _ROWS = 10, 5, 0.5, 10
_REMEDY = (
    "name another column as time, or none if rows have a constant rate (time=None with "
    "fps=; in a shell, --time none --fps)."
)


def read_clock(
    sheet: Sheet, time: str | None, unit: str
) -> tuple[str | None, np.ndarray | None]:
    """Find the column of times, and read it.

    Parameters
    ----------
    sheet : Sheet
        The table.
    time : str or None
        Name of the column; "auto": one that is called like a time. None: none.
    unit : str
        Unit of times that are numbers, or "auto".

    Returns
    -------
    name : str or None
        The column, if there is one.
    seconds : ndarray of shape (n_rows,), or None
        Seconds since the first time; NaN where there is none.
    """
    if time is None:
        return None, None
    if time != "auto":
        times = parse_times(sheet.columns[time])
        if times is None:
            raise ValueError(_explain(sheet, time))
        return time, _to_seconds(time, times, unit, sheet)
    found: dict[str, np.ndarray] = {}
    called = [name for name in sheet.columns if is_called_time(name)]
    dated = [name for name, v in sheet.columns.items() if v.dtype.kind == "M"]
    for name in [*dated, *called, *_perhaps(sheet.columns)]:
        times = parse_times(sheet.columns[name])
        if times is not None:
            found[name] = times
    if not found and called:
        raise ValueError(_explain(sheet, called[0]))
    if not found:
        return None, None
    # A date beside a time of day stands still, or goes on at midnight alone.
    moving = [name for name, times in found.items() if _moves(times)]
    finer = [name for name in moving if not _are_days(found[name])]
    finer.sort(key=_may_be_other)
    name = next(iter((*finer, *moving, *found)))
    return name, _to_seconds(name, found[name], unit, sheet)


def put_in_order(clock: str, seconds: np.ndarray, sheet: Sheet) -> np.ndarray:
    """Return the rows that have a time, in the order of time.

    Parameters
    ----------
    clock : str
        The column of times.
    seconds : ndarray of shape (n_rows,)
        Its seconds.
    sheet : Sheet
        The table.

    Returns
    -------
    int ndarray of shape (n_kept,)

    Raises
    ------
    ValueError
        If times do not rise, start anew, or stand still for many rows.
    """
    rows = np.flatnonzero(np.isfinite(seconds))
    steps = np.diff(seconds[rows])
    if not len(steps):
        return rows
    if (standing := float((steps == 0).mean())) > _STANDING:
        raise ValueError(
            f"times in column {clock!r} do not advance in {standing:.0%} of the rows: "
            f"they are too coarse; {_REMEDY}"
        )
    usual = np.median(np.abs(steps[steps != 0]))
    back = np.flatnonzero(steps < -_JITTER * usual)
    if 0 < len(back) <= max(1, 0.05 * len(steps)):
        raise ValueError(
            f"the time in column {clock!r} goes back by {-steps[back[0]]:.3g} s at "
            f"{sheet.place(rows[back[0] + 1])}; two recordings in one file? "
            "Then cut it there, a data frame by dict(list(frame.groupby(column))); "
            f"else {_REMEDY}"
        )
    falls = np.flatnonzero(steps < 0)
    if len(falls) > max(_SWAPPED * len(steps), min(2, 10 * _SWAPPED * len(steps))):
        raise ValueError(
            f"times in column {clock!r} do not rise, first at "
            f"{sheet.place(rows[falls[0] + 1])}; {_REMEDY}"
        )
    order: np.ndarray = rows[np.argsort(seconds[rows], kind="stable")]
    return order


def find_pauses(seconds: np.ndarray, shortest: float) -> np.ndarray:
    """Return the rows before pauses, if these look as if they part recordings.

    Parameters
    ----------
    seconds : ndarray of shape (n_rows,)
        Times that do not fall.
    shortest : float
        Seconds that a pause has at least.

    Returns
    -------
    int ndarray of shape (n_pauses,)
        Empty if pauses are not clearly longer than other steps, or do not have most of
        the time.
    """
    none = np.empty(0, dtype=int)
    steps = np.diff(seconds)
    sizes = np.sort(steps[steps > 0])
    if len(sizes) < _ROWS:
        return none
    least = max(shortest, _LONG_STEP * float(np.median(sizes)))
    long = np.flatnonzero(sizes[1:] > least) + 1
    if not len(long):
        return none
    ahead = sizes[long] / sizes[long - 1]
    pauses = np.flatnonzero(steps >= sizes[long[ahead.argmax()]])
    ends = np.array([-1, *pauses, len(seconds) - 1])
    is_clear = (
        ahead.max() >= _APART
        and steps[pauses].sum() > _MOST * steps.sum()
        and np.median(np.diff(ends)) >= _ROWS
    )
    return pauses if is_clear else none


def is_called_time(name: str) -> bool:
    """Return whether a column is called like a time."""
    first, *others = _words(name) or [""]
    if first == "t" and others:  # else a temperature: of the skin, in degrees
        return any(word in _UNIT_WORDS for word in others)
    return (
        first in _TIMES
        or first.startswith("timestamp")
        or name.lower().endswith(("timestamp", "_time"))
    )


def _may_be_other(name: str) -> bool:
    """Return whether a column that is called like a time may well be none."""
    words = _words(name) or [""]
    return words == ["t"] or (words[0] not in _TIMES and words[-1] == "time")


def rises_steadily(values: np.ndarray) -> bool:
    """Return whether numbers rise in nearly all rows, by steps of much the same size.

    Rows without a number are passed over.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        A column.

    Returns
    -------
    bool
    """
    if values.dtype.kind != "f":
        return False
    known = values[np.isfinite(values)]
    if len(known) < 10:
        return False
    steps = np.diff(known)
    usual = np.median(steps)
    even = (steps > 0) & (steps < 4 * usual)
    return bool(usual > 0 and (steps > 0).mean() >= 0.99 and even.mean() >= 0.9)


def may_be_times(values: np.ndarray) -> bool:
    """Return whether numbers, or dates and times of day in texts, rise steadily.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        A column.

    Returns
    -------
    bool
    """
    try:
        times = parse_times(values)
    except ValueError:  # dates that can be read in two ways
        return True
    if times is None:
        return False
    if times.dtype.kind == "M":
        times = (times - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    return rises_steadily(times)


def parse_times(values: np.ndarray) -> np.ndarray | None:
    """Return times as numbers or dates, or None where texts are neither.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        A column.

    Returns
    -------
    ndarray of shape (n_rows,), or None
        float64 or datetime64. Times of day become dates, on the next day where they
        fall at midnight.
    """
    if values.dtype != object:
        return values
    cells = [None if value is None else str(value).strip() for value in values]
    first = next((cell for cell in cells if cell is not None), "")
    if _OF_DAY.fullmatch(first):
        return _parse_times_of_day(cells)
    form = _DATE.fullmatch(first)
    if form is None or len(form[1]) == 4:
        return _parse_dates(cells)
    day_first = _parse_dates(cells, day_first=True)
    if form[2] == ".":
        return day_first
    month_first = _parse_dates(cells)
    if day_first is None or month_first is None:
        return month_first if day_first is None else day_first
    by_day, by_month = (
        times - times[~np.isnat(times)][0] for times in (day_first, month_first)
    )
    if np.array_equal(by_day, by_month, equal_nan=True):  # as within one day
        return day_first
    raise ValueError(
        f"dates such as {first!r} may have the day or the month first; write them as "
        f"{_FORMS}."
    )


def _perhaps(columns: Mapping[str, np.ndarray]) -> list[str]:
    return [
        name
        for name, values in columns.items()
        if (_words(name) or [""])[0].startswith(_PERHAPS_TIMES)
        and (values.dtype == object or rises_steadily(values))
    ]


def _moves(times: np.ndarray) -> bool:
    known = times[times == times]  # neither NaN nor NaT
    return len(known) < 2 or bool((known != known[0]).any())


def _are_days(times: np.ndarray) -> bool:
    """Tell whether times are dates alone, of several rows each."""
    if times.dtype.kind != "M":
        return False
    known = times[~np.isnat(times)]
    are_whole = bool((known == known.astype("M8[D]")).all())
    return are_whole and 2 * len(np.unique(known)) < len(known)


def _explain(sheet: Sheet, clock: str) -> str:
    """Say why a column is no time."""
    sheet.check_numbers(clock)
    values = sheet.columns[clock]
    row = next(row for row, value in enumerate(values) if value is not None)
    return (
        f"column {clock!r} holds neither numbers nor times such as {_FORMS}: "
        f"{sheet.place(row)} has {values[row]!r}. Write them so, or {_REMEDY}"
    )


def _words(name: str) -> list[str]:
    """Split a name such as "Time (ms)" into its words."""
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()


def _to_seconds(name: str, times: np.ndarray, unit: str, sheet: Sheet) -> np.ndarray:
    """Return times in seconds from the first."""
    known = times[np.isfinite(times)]
    if len(known) < (1 if times.dtype.kind == "M" else 2):
        raise ValueError(f"column {name!r} has fewer than two times.")
    if times.dtype.kind == "M":
        return (times - known[0]) / np.timedelta64(1, "ns") * 1e-9
    if unit == "auto":
        unit = _guess_unit(name, known, sheet.units.get(name, ""))
    return (times - known[0]) * TIME_UNITS[unit]


def _guess_unit(name: str, times: np.ndarray, said: str) -> str:
    words = _words(name)
    # The time of day is in any unit.
    told = [w for before, w in pairwise(words) if before != "of"] + _words(said)
    for unit, called in _NAMED_UNITS.items():
        if any(word in called for word in told) or words[:1] == [called[-1]]:
            _refuse_multiples(name, said, called)
            return unit
    return _guess_by_size(name, times)


def _refuse_multiples(name: str, said: str, called: tuple[str, ...]) -> None:
    """Refuse a unit that is not all, as in "Time [1/100 s]" or "time (h:mm:ss)"."""
    for text in (said, *re.findall(r"[(\[](.*?)[)\]]", name)):
        is_more = any(character in "0123456789:/" for character in text)
        if is_more and any(word in called for word in _words(text)):
            raise ValueError(
                f"the unit of times in column {name!r} is unclear: {text!r}. Give them "
                'in seconds, or time_unit="s" or "ms" (--time-unit).'
            )


def _guess_by_size(name: str, times: np.ndarray) -> str:
    steps = np.abs(np.diff(times))
    if not steps.any():
        return "s"  # no matter: a clock that stands still is refused
    step = np.median(steps[steps > 0])
    shortest, longest = _LIKELY_STEPS
    low, high = _EPOCH
    for unit in ("s", "ms", "us", "ns"):
        seconds = TIME_UNITS[unit]
        is_dated = low <= times.min() * seconds < high
        if is_dated and shortest <= step * seconds <= longest:
            return unit
    if shortest <= step < 1:
        return "s"
    raise ValueError(
        f"the unit of times in column {name!r} is unclear: they step by {step:g}. Give "
        'time_unit="s", "ms", "us", "ns", "min", "h" or "d" (--time-unit).'
    )


def _parse_times_of_day(cells: list[str | None]) -> np.ndarray | None:
    seconds = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells):
        if cell is None:
            continue
        found = _OF_DAY.fullmatch(cell)
        if found is None:
            return None
        hour, minute, second, fraction, half = found.groups()
        whole = _hour(hour, half) * 3600 + int(minute) * 60 + int(second)
        seconds[place] = whole + float(f"0.{fraction or 0}")
    known = np.isfinite(seconds)
    if np.nanmax(seconds) < _DAY:  # else durations, which have no midnight
        falls = np.diff(seconds[known], prepend=seconds[known][:1]) < -_DAY / 2
        seconds[known] += _DAY * np.cumsum(falls)
    moments = np.full(len(cells), np.datetime64("NaT", "ns"))
    moments[known] = np.round(seconds[known] * 1e9).astype("datetime64[ns]")
    return moments


def _parse_dates(
    cells: list[str | None], *, day_first: bool = False
) -> np.ndarray | None:
    found = np.full(len(cells), np.datetime64("NaT", "ns"))
    for place, cell in enumerate(cells):
        if cell is None:
            continue
        moment = _parse_date(cell, day_first)
        if moment is None:
            return None
        found[place] = np.datetime64(moment, "ns")
    return None if np.isnat(found).all() else found


def _parse_date(text: str, day_first: bool) -> datetime | None:
    """Return the time in UTC, or None where a text is no date."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:  # not as ISO writes it, or as Python 3.10 does not read it
        return _parse_parts(text, day_first)
    offset = moment.utcoffset()
    return moment if offset is None else (moment - offset).replace(tzinfo=None)


def _parse_parts(text: str, day_first: bool) -> datetime | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    first, _, middle, last, hour, minute, second, fraction, half, zone = found.groups()
    if len(first) == 4:
        year, month, day = first, middle, last
    else:
        year, (day, month) = last, (first, middle) if day_first else (middle, first)
    if len(year) < 4:
        return None
    micros = int((fraction or "").ljust(6, "0")[:6])
    parts = (int(year), int(month), int(day), _hour(hour, half), int(minute))
    try:
        moment = datetime(*parts, int(second or 0), micros)
    except ValueError:
        return None
    if zone is None or zone[0] not in "+-":
        return moment
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].strip(":") or 0))
    return moment + ahead if zone[0] == "-" else moment - ahead


def _hour(hour: str, half: str | None) -> int:
    if half is None:
        return int(hour)
    return int(hour) % 12 + (12 if half.upper() == "PM" else 0)
