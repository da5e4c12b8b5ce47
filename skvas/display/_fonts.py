"""Letters that the usual font lacks, from other fonts that are installed."""

from __future__ import annotations

import functools
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from skvas._optional import import_optional

# It has a box for every letter that there is.
BOXES = "Last Resort"
# Fonts that may be installed for some letters, by the first word of what Unicode calls
# these; others are called after the script.
FONTS = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL"), "Noto Sans CJK")
PICTURES = "Noto Emoji"


def complete_fonts(ax: Any, others: Iterable[Any] = (), *, quiet: bool = False) -> None:
    """Let texts take letters that their font lacks from another installed font.

    Parameters
    ----------
    ax : matplotlib Axes
        All that is written on it is changed in place.
    others : iterable of matplotlib Axes or Colorbar, default=()
        What stands beside it.
    quiet : bool, default=False
        Whether nothing is said of letters that no font has.

    Warns
    -----
    UserWarning
        If no installed font has a letter; names it, and a font that does.
    """
    lacking = sorted(_complete(_texts_on([ax, *others])))
    if lacking and not quiet:
        _warn(lacking)


def _texts_on(panels: Iterable[Any]) -> Iterator[Any]:
    kind = import_optional("matplotlib.text", "plot").Text
    for panel in panels:
        axes = getattr(panel, "ax", panel)
        axes.get_xticklabels()  # which have no text before somebody asks
        axes.get_yticklabels()
        yield from axes.findobj(kind)


def _complete(texts: Iterable[Any]) -> set[str]:
    """Add fonts to those of texts; return the letters that none has."""
    lacking: set[str] = set()
    for text in texts:
        letters = _letters_of(text.get_text())
        if not letters or text.get_usetex():
            continue
        families = text.get_fontfamily()
        left = letters.difference(*map(_letters_of_family, families))
        if left:
            others = _find_families(left)
            text.set_fontfamily([*families, *others])
            lacking |= left.difference(*map(_letters_of_family, others))
    return lacking


def _letters_of(text: str) -> set[str]:
    """Return the letters of a text that a font may lack."""
    if text.isascii():
        return set()
    return {c for c in text if c.isprintable() and not c.isspace() and not c.isascii()}


def _letters_of_family(family: str) -> set[str]:
    """Return the letters of the font that is taken for a family."""
    manager = import_optional("matplotlib.font_manager", "plot")
    properties = manager.FontProperties(family=[family])
    try:
        file = manager.findfont(properties, fallback_to_default=False)
    except ValueError:  # it is not installed
        return set()
    return _letters_of_file(file)


@functools.cache
def _letters_of_file(file: str) -> set[str]:
    manager = import_optional("matplotlib.font_manager", "plot")
    try:
        return {*map(chr, manager.get_font(file).get_charmap())}
    except (OSError, RuntimeError):  # it is gone, or damaged
        return set()


def _find_families(letters: set[str]) -> list[str]:
    """Return families that have as many of the letters as can be, the best first."""
    manager = import_optional("matplotlib.font_manager", "plot").fontManager
    upright = [font for font in manager.ttflist if font.style == "normal"]
    upright.sort(key=lambda font: (font.weight != 400, "Sans" not in font.name))
    files: dict[str, str] = {}
    for font in upright:
        if BOXES not in font.name:
            files.setdefault(font.name, font.fname)
    found: list[str] = []
    left = {*letters}
    while left and files:
        best = max(files, key=lambda name: len(left & _letters_of_file(files[name])))
        have = left & _letters_of_family(best)
        if not have:
            break
        found.append(best)
        left -= have
    return found


def _warn(letters: list[str]) -> None:
    """Say which letters no font has, and which font to install."""
    matplotlib = import_optional("matplotlib", "plot")
    wanted = [*dict.fromkeys(map(_font_for, letters))]
    shown = ", ".join(map(repr, letters[:9])) + (", ..." if len(letters) > 9 else "")
    warnings.warn(
        f"No installed font has {shown}: boxes are drawn instead. Install a font such "
        f"as {' and '.join(wanted[:3])}, and delete the list of fonts of matplotlib in "
        f"{matplotlib.get_cachedir()!r}.",
        UserWarning,
        stacklevel=5,
    )


def _font_for(letter: str) -> str:
    script = unicodedata.name(letter, "Symbols").split()[0]
    if unicodedata.category(letter) in ("So", "Sk"):
        return PICTURES
    return FONTS.get(script, f"Noto Sans {script.title()}")
