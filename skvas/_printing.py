"""Text for people: tables, as text and as HTML, and progress."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from itertools import accumulate
from typing import Any, TypeAlias

__all__ = [
    "Listener",
    "count_columns",
    "cut_to_columns",
    "format_table",
    "listening",
    "name_first",
    "shorten",
    "tell",
    "to_html",
    "unheard",
    "visible",
]

# Called with a step of long work, how many parts of it are done, and of how many; 0 of
# 0 where parts are not counted.
Listener: TypeAlias = Callable[[str, int, int], object]
# Characters of a value in a message.
LONGEST = 80
# Rows that a notebook shows.
SHOWN = 60
# Categories of characters, and marks of direction, that a terminal obeys.
_OBEYED = {"Cc", "Cs"}
_TURNS = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def shorten(value: Any) -> str:
    """Return what a message shows of a value: of a long one its shape or its start.

    Parameters
    ----------
    value : object
        What the user gave.

    Examples
    --------
    >>> from skvas._printing import shorten
    >>> shorten([0.5, "a"]), shorten(list(range(9999)))[-9:]
    ("[0.5, 'a']", '20, 21...')
    """
    text = repr(value)
    if len(text) <= LONGEST:
        return text
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"an array of shape {tuple(shape)}"
    start = " ".join(text.split())[: LONGEST - 3]
    return f"{start}..."


def name_first(names: Sequence[str], most: int = 1) -> str:
    """Name the first of some, and tell how many more there are.

    Parameters
    ----------
    names : sequence of str
        One name or more.
    most : int, default=1
        How many of them to name.

    Examples
    --------
    >>> from skvas._printing import name_first
    >>> name_first(["a.csv"]), name_first(["a.csv", "b.csv", "c.csv"])
    ('a.csv', 'a.csv and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def levels_to_user() -> int:
    """Return the `stacklevel` at which a warning is of the line that called skvas."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] in ("skvas", "contextlib")


def tell(step: str, done: int = 0, total: int = 0) -> None:
    """Tell the listener what long work does; without one, do nothing.

    Parameters
    ----------
    step : str
        What is being done, such as "trying settings".
    done, total : int, default=0
        Parts of it that are done, and all of them.
    """
    listener = _listener.get()
    if listener is not None:
        listener(step, done, total)


@contextmanager
def unheard() -> Iterator[None]:
    """Let nobody hear of steps: they are parts of one that was told.

    Examples
    --------
    >>> from skvas._printing import listening, tell, unheard
    >>> with listening(print), unheard():
    ...     tell("trying settings")
    """
    token = _listener.set(None)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Give steps to a listener, unless somebody outside listens already.

    Parameters
    ----------
    listener : callable or None
        Called with the arguments of `tell`. None: nobody listens.

    Examples
    --------
    >>> from skvas._printing import listening, tell
    >>> with listening(print):
    ...     tell("trying settings", 3, 12)
    trying settings 3 12
    >>> tell("trying settings", 4, 12)
    """
    if listener is None or _listener.get() is not None:
        yield
        return
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def format_table(records: Sequence[Mapping[str, Any]], *, decimals: int = 2) -> str:
    """Spell out records in columns; numbers to the right, None as a dash.

    Parameters
    ----------
    records : sequence of mapping
        Rows, all with the same keys.
    decimals : int, default=2
        Digits of floating numbers behind the point.

    Returns
    -------
    str
        One line a row, behind a line of names; empty where there is no row.

    Examples
    --------
    >>> from skvas._printing import format_table
    >>> print(format_table([{"action": "pour", "seconds": 1.5}]))
    action  seconds
    pour       1.50
    """
    if not records:
        return ""
    names = list(records[0])
    numeric = [any(_is_number(record[name]) for record in records) for name in names]
    rows = [names, *([_show(r[name], decimals) for name in names] for r in records)]
    widths = [max(map(count_columns, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for cell, width, right in zip(row, widths, numeric, strict=True):
            blank = " " * (width - count_columns(cell))
            cells.append(blank + cell if right else cell + blank)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def count_columns(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Parameters
    ----------
    text : str
        One line.

    Examples
    --------
    >>> from skvas._printing import count_columns
    >>> count_columns("tea"), count_columns("\u8336"), count_columns("e\u0301")
    (3, 2, 1)
    """
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # on the one before
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut_to_columns(text: str, most: int) -> str:
    """Return as much of a text as some columns of a terminal take.

    Parameters
    ----------
    text : str
        One line.
    most : int
        The columns.

    Examples
    --------
    >>> from skvas._printing import cut_to_columns
    >>> cut_to_columns("tea", 2), cut_to_columns("\u8336\u8336", 3)
    ('te', '\u8336')
    """
    ends = accumulate(map(_columns_of, text))
    return text[: sum(end <= most for end in ends)]


def to_html(records: Sequence[Mapping[str, Any]], *, caption: str) -> str:
    """Spell out records as a table of HTML, for a notebook.

    Parameters
    ----------
    records : sequence of mapping
        Rows, all with the same keys; a few of many are shown.
    caption : str
        What stands above the table.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> from skvas._printing import to_html
    >>> to_html([{"action": "a < b"}], caption="Actions").count("a &lt; b")
    1
    """
    left = len(records) - SHOWN
    more = f" {left} more rows." if left > 0 else ""
    head = f"<caption>{escape(caption + more)}</caption>"
    rows = [
        "".join(f"<td>{escape(_show(value))}</td>" for value in r.values())
        for r in records[:SHOWN]
    ]
    names = "".join(f"<th>{escape(name)}</th>" for name in (records or [{}])[0])
    body = "".join(f"<tr>{row}</tr>" for row in [names, *rows])
    return f"<table>{head}{body}</table>"


def visible(text: str, *, keep: str = "\n") -> str:
    r"""Return a text with escapes for what a terminal would obey and not show.

    Parameters
    ----------
    text : str
        Names and labels of others may be in it.
    keep : str, default="\n"
        Characters that are obeyed all the same.

    Examples
    --------
    >>> from skvas._printing import visible
    >>> print(visible("tea\x1b[2J"))
    tea\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if _is_obeyed(c) and c not in keep else c
        for c in text
    )


def _is_obeyed(c: str) -> bool:
    return unicodedata.category(c) in _OBEYED or c in _TURNS


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _show(value: Any, decimals: int = 2) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.{decimals}f}"
    return visible(str(value), keep="")
