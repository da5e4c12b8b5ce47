"""Tables as text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["format_table", "to_html"]


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
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def to_html(
    records: Sequence[Mapping[str, Any]], *, decimals: int = 2, caption: str = ""
) -> str:
    """Spell out records as a table of HTML, for a notebook.

    Parameters
    ----------
    records : sequence of mapping
        Rows, all with the same keys.
    decimals : int, default=2
        Digits of floating numbers behind the point.
    caption : str, default=""
        What stands above the table.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> from skvas._printing import to_html
    >>> to_html([{"action": "a < b"}]).count("a &lt; b")
    1
    """
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows = [
        "".join(f"<td>{escape(_show(value, decimals))}</td>" for value in r.values())
        for r in records
    ]
    names = "".join(f"<th>{escape(name)}</th>" for name in (records or [{}])[0])
    body = "".join(f"<tr>{row}</tr>" for row in [names, *rows])
    return f"<table>{head}{body}</table>"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _show(value: Any, decimals: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)
