"""The change log: what changed since the last release, then a page for each release."""

from __future__ import annotations

import re
from pathlib import Path

KINDS = {"feature": "New", "change": "Changed", "fix": "Fixed", "removal": "Removed"}
RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)\.md")


def render(folder: Path) -> str:
    """Join the files of `docs/changes` to one page, the newest release first."""
    releases = [file for file in folder.iterdir() if RELEASE.fullmatch(file.name)]
    releases.sort(key=_version, reverse=True)
    parts = ["# Change log", *_unreleased(folder), *map(_read, releases)]
    return "\n\n".join(parts) + "\n"


def _version(file: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in file.stem.split("."))


def _unreleased(folder: Path) -> list[str]:
    """Return a section of what has a file of its own; none if nothing has."""
    parts = []
    for kind, title in KINDS.items():
        files = sorted(folder.glob(f"*.{kind}.md"))
        parts += [f"### {title}"] if files else []
        parts += ["\n".join(map(_item, files))] if files else []
    return ["## Since the last release", *parts] if parts else []


def _item(file: Path) -> str:
    about = file.name.split(".")[0].replace("-", " ")
    return f"- **{about}.** " + _read(file).replace("\n", "\n  ")


def _read(file: Path) -> str:
    """Read a file, whose links are as seen from its own folder."""
    return file.read_text(encoding="utf-8").strip().replace("](../", "](")
