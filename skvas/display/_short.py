"""Names as pictures show them: short, different where names are, and no formulas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from skvas._optional import import_optional

# Letters of a name in a picture; a longer one loses what says least.
LONGEST_NAME = 28
GAP = " \N{HORIZONTAL ELLIPSIS} "
# What stands between words, and is needless beside a gap.
BETWEEN = " ,;_-"
# Letters that stay of a part that names share, fewer if they are still too long.
KEPT = (8, 4, 2)
# What TeX takes for commands, which matplotlib hands on with `text.usetex`.
TEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def show_names(names: Sequence[str], mark: str = "") -> list[str]:
    """Return names as a picture shows them: on one line, short, and no formulas.

    A long name loses its middle. Where this would make names the same, they lose parts
    that they share instead, so that what differs stays.

    Parameters
    ----------
    names : sequence of str
        Names of videos or actions.
    mark : str, default=""
        What may follow a name, and is kept.
    """
    lines = [" ".join(name.removesuffix(mark).split()) for name in names]
    short = _shorten_apart(lines)
    ends = [mark if name.endswith(mark) else "" for name in names]
    return no_formulas([f"{short[n]}{end}" for n, end in zip(lines, ends, strict=True)])


def no_formulas(names: Sequence[str]) -> list[str]:
    """Return texts in which matplotlib does not take dollars for formulas.

    With `text.usetex`, TeX takes no letter for a command either.
    """
    if import_optional("matplotlib", "plot").rcParams["text.usetex"]:
        return ["".join(TEX.get(letter, letter) for letter in name) for name in names]
    return [name.replace("$", r"\$") for name in names]


def _shorten_apart(names: Sequence[str]) -> dict[str, str]:
    """Map names to short ones, no two of which are the same."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_cut_middle(name), []).append(name)
    short: dict[str, str] = {}
    for cut, group in alike.items():
        shown = [cut] if len(group) == 1 else _leave_out_shared(group)
        short |= dict(zip(group, shown, strict=True))
    times = Counter(short.values())
    return {name: s if times[s] == 1 else name for name, s in short.items()}


def _cut_middle(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - len(GAP)) // 2
    return f"{name[:half].rstrip()}{GAP}{name[-half:].lstrip()}"


def _leave_out_shared(names: list[str]) -> list[str]:
    """Shorten the parts that all names share, the longest first, until all fit.

    A part loses the same letters in each name, so that different names stay different.
    """
    for kept in KEPT:
        while (excess := max(map(len, names)) - LONGEST_NAME) > 0:
            part = _longest_shared(names)
            room = max(kept, len(part) - len(GAP) - excess)
            if room + len(GAP) >= len(part):
                break
            shorter = _cut_words(part, room)
            names = [name.replace(part, shorter, 1) for name in names]
    cut = [_cut_middle(name) for name in names]
    return cut if len({*cut}) == len(names) else names


def _cut_words(part: str, room: int) -> str:
    """Keep the ends of a text, without words that were cut, if there are whole ones."""
    half = room // 2
    head, tail = part[: room - half], part[-half:]
    if head[-1].isalnum() and part[len(head)].isalnum():
        head = re.sub(r"(?<=[\W_])[^\W_]+$", "", head)
    if tail[0].isalnum() and part[-half - 1].isalnum():
        tail = re.sub(r"^[^\W_]+(?=[\W_])", "", tail)
    return f"{head.rstrip(BETWEEN)}{GAP}{tail.lstrip(BETWEEN)}"


def _longest_shared(names: Sequence[str]) -> str:
    """Return the longest text that is part of every name, the first of several."""
    shortest = min(names, key=len)
    found, low, high = "", 1, len(shortest)
    while low <= high:
        size = (low + high) // 2
        parts = [shortest[i : i + size] for i in range(len(shortest) - size + 1)]
        shared = next((p for p in parts if all(p in name for name in names)), None)
        if shared is None:
            high = size - 1
        else:
            found, low = shared, size + 1
    return found
