"""One HTML file from its parts: template, style, script and data."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

MARK = re.compile(r"\{\{(\w+)\}\}")
# The script, each file before those that import it.
MODULES = (
    "warps.mjs",
    "clocks.mjs",
    "segments.mjs",
    "downloads.mjs",
    "drawer.mjs",
    "poses.mjs",
    "uploads.mjs",
    "views.mjs",
    "page.mjs",
)
# What a module says of other files; in the page all of them are one.
LINKS = re.compile(r"^import [^;]*;\n|^export ", re.MULTILINE)
# What ends a script element, or a line of JavaScript, is written as an escape.
UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def compose_page(title: str, data: Mapping[str, Any], media: str) -> bytes:
    """Put a page together.

    Parameters
    ----------
    title : str
        Any text.
    data : dict
        What the script reads; must be JSON.
    media : str
        Sources of media that the page may read, as in a Content-Security-Policy.

    Returns
    -------
    bytes
        The file. It loads nothing but the media, and runs no script but its own.
    """
    style = _read("style.css")
    script = "".join(LINKS.sub("", _read(name)) for name in MODULES)
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "media-src": media,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    parts = {
        "policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "title": html.escape(title),
        "style": style,
        "data": as_json(data).translate(UNSAFE),
        "script": script,
    }
    # One pass: a title that looks like a mark stays what it is.
    return as_bytes(MARK.sub(lambda mark: parts[mark[1]], _read("template.html")))


def as_json(data: Any) -> str:
    """Write JSON without blanks; NaN, which is no JSON, is an error."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def as_bytes(text: str) -> bytes:
    """Encode text; half a character, as in names of damaged files, is a JSON escape."""
    return text.encode(errors="backslashreplace")


def _read(name: str) -> str:
    return files("skvas.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
