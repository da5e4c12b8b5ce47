"""The files that a command reads, which its output must leave as they are."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator
from pathlib import Path

from skvas._atomic import check_replaceable, identity, in_order
from skvas.cli._files import check_out, checked_folder, is_same, videos_in
from skvas.io._any import find_kind
from skvas.io._files import FORMATS
from skvas.io._poses import SUFFIXES as POSES
from skvas.io._sensors import SUFFIXES as TABLES
from skvas.validation import spelled_as

__all__ = [
    "check_output",
    "check_output_folder",
    "check_table",
    "label_files",
    "named_by",
]

# Parts of a data set of features, and what extract notes beside them.
PARTS = (
    "features",
    "groundTruth",
    "groundtruth",
    "mapping",
    "mapping.txt",
    "times",
    "extracted.json",
)


def check_output(options: argparse.Namespace, *inputs: str | None) -> None:
    """Refuse an output that is, or would become, an input, before long work.

    `inputs` are files that are read beside those of the folder and of the options.
    """
    folder = checked_folder(options)
    read = list(map(str, _files_read(options, folder)))
    check_out(options.out, *inputs, *read)
    checkpoint = getattr(options, "checkpoint", None)
    if checkpoint is not None:
        check_replaceable(checkpoint)
        if any(is_same(checkpoint, path) for path in read):
            raise ValueError(
                f"--checkpoint {checkpoint} holds data; give another name."
            )
    for path in (options.out, checkpoint):
        if path is not None and _is_among(Path(path), folder):
            raise ValueError(
                f"{path} would become a recording of {folder}; name another folder."
            )


def check_table(out: str, content: str) -> None:
    """Refuse a name that promises another kind of file than a table in CSV."""
    if Path(out).suffix.lower() not in ("", ".csv"):
        raise ValueError(f"-o {out!r}: {content}; give another name.")


def check_output_folder(options: argparse.Namespace, folder: Path) -> None:
    """Refuse a folder of outputs where these would be among the recordings."""
    out = Path(options.out).resolve()
    if out.is_file():
        raise ValueError(f"-o {options.out} is a file; name a folder.")
    # Not by names: a file system may ignore case.
    around = {identity(place) for place in (out, *out.parents)}
    inside = is_same(str(out), str(folder)) and _is_read(folder, f".{options.format}")
    if inside or any(identity(part) in around for part in _parts(folder)):
        raise ValueError(
            f"-o {options.out} would put {options.format} files among the recordings; "
            "name another folder."
        )


# What systems and spreadsheets put beside files.
HIDDEN = (".", "~$")


def label_files(path: str, names: Collection[str] | None = None) -> list[Path]:
    """List the files that --labels names: one, or those of a folder, in order.

    Any text can be in a `.txt` file: those of a folder count if they are called as one
    of `names` is. None: all count.
    """
    if not Path(path).is_dir():
        return [Path(path)]
    found = in_order(
        file
        for file in Path(path).rglob("*")
        if file.is_file() and not file.name.startswith(HIDDEN)
    )
    files = [
        file
        for file in found
        if (kind := file.suffix[1:].lower()) in FORMATS
        if kind != "txt"
        or names is None
        or named_by(file.stem, file, Path(path), names) in names
    ]
    if not files:
        raise ValueError(
            f"{path!r} has no files of segments ({', '.join(FORMATS)}); a txt file, "
            "with the label of each frame on a line, is called as its recording is."
        )
    return files


def named_by(video: str, file: Path, root: Path, names: Collection[str]) -> str:
    """Return the name of a recording; those of an activity are in a folder of it."""
    spell = spelled_as(names)
    if spell(video) in names or not root.is_dir():
        return spell(video)
    return spell((file.parent.relative_to(root) / video).as_posix())


def _is_among(path: Path, folder: Path) -> bool:
    return is_same(str(path.parent), str(folder)) and _is_read(folder, path.suffix)


def _is_read(folder: Path, suffix: str) -> bool:
    """Tell whether files of a suffix are recordings in a folder of such."""
    is_table = suffix.lower() in {*TABLES, *POSES}
    return is_table and find_kind(folder)[0] != "features"


def _files_read(options: argparse.Namespace, folder: Path) -> Iterator[Path]:
    kind, found = find_kind(folder)
    for path in _parts(folder) if kind == "features" else found:
        yield path
        yield from path.rglob("*")
    labels, media, corrections = (
        getattr(options, name, None) for name in ("labels", "media", "corrections")
    )
    if labels is not None and Path(labels).exists():
        yield from label_files(labels)
    if corrections is not None:
        yield Path(corrections)
    if media is not None and Path(media).is_dir():
        yield from videos_in(Path(media))


def _parts(folder: Path) -> list[Path]:
    """List the parts of a data set of features, and of its activities."""
    return [
        path for part in PARTS for path in (*folder.glob(f"*/{part}"), folder / part)
    ]
