"""Video files beside a page, or inside it."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from skvas._atomic import read_bytes
from skvas.validation import media_type

# Sources of a Content-Security-Policy: none, in the page, beside it. A page that was
# opened from a disk has no origin that 'self' could stand for.
NO_MEDIA, EMBEDDED, LINKED = "'none'", "data:", "'self' file:"


def media_sources(
    media: Sequence[str | os.PathLike[str] | None],
    page: str | os.PathLike[str],
    *,
    embed: bool,
) -> tuple[list[str | None], str]:
    """Return the address of each file, and the policy that lets a page play them.

    Parameters
    ----------
    media : sequence of str, path-like or None
        A file for each recording; None where it has none.
    page : str or path-like
        Where the page will be.
    embed : bool
        Whether to put the files into the page.

    Returns
    -------
    list of str or None, str
        Addresses, and sources for a Content-Security-Policy.

    Raises
    ------
    FileNotFoundError
        If there is no such file; names it.
    ValueError
        If a file to embed is no video by its name.
    """
    found: list[str | None] = []
    for file in media:
        if file is None:
            found.append(None)
        elif not Path(file).is_file():
            raise FileNotFoundError(
                f"there is no file {os.fspath(file)!r}; media must name a video file "
                "for each recording, or None."
            )
        else:
            found.append(_embedded(file) if embed else _linked(file, page))
    if not any(found):
        return found, NO_MEDIA
    return found, EMBEDDED if embed else LINKED


def video_type(file: str | os.PathLike[str]) -> str | None:
    """Return the type by which browsers know a video; None for other files."""
    kind = media_type(file)
    return kind if kind is not None and kind.startswith("video/") else None


def _linked(file: str | os.PathLike[str], page: str | os.PathLike[str]) -> str:
    try:
        relative = os.path.relpath(file, Path(page).absolute().parent)
    except ValueError:  # on another drive
        return Path(file).absolute().as_uri()
    return quote(os.fsencode(Path(relative).as_posix()))


def _embedded(file: str | os.PathLike[str]) -> str:
    kind = video_type(file)
    if kind is None:
        raise ValueError(
            f"{os.fspath(file)!r} is no video by its name; embed takes files such as "
            ".mp4 and .webm, which browsers play."
        )
    return f"data:{kind};base64,{base64.b64encode(read_bytes(file)).decode()}"
