"""`skvas label`: files to correct by hand."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skvas._printing import visible
from skvas.applications._names import call_by_name, texts_by_label
from skvas.cli._files import (
    checked_folder,
    clock_of,
    load_recordings,
    load_segmenter,
    media_of,
)
from skvas.cli._inputs import check_output_folder
from skvas.cli._lines import say, show, with_progress
from skvas.datasets import Recordings
from skvas.io import SegmentTable, write_segments
from skvas.validation import spelled_as

__all__ = ["run"]

# Suffixes of formats that have another name.
SUFFIXES = {"textgrid": "TextGrid"}


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model = load_segmenter(options.model)
    if options.media is not None and options.format != "eaf":
        raise ValueError("--media has no use without --format eaf.")
    check_output_folder(options, checked_folder(options))
    data = load_recordings(options, model)
    _check_fitted_to(model, data, options)
    texts = texts_by_label(model)
    media = data.media if options.format == "eaf" else None
    if options.media is not None:
        media = media_of(options.media, data.names)
    queries = model.query(options.n, kind="recordings")
    out, suffix = Path(options.out), SUFFIXES.get(options.format, options.format)
    files = {
        query.video: out / f"{data.names[query.video]}.{suffix}" for query in queries
    }
    there = next((file for file in files.values() if file.exists()), None)
    if there is not None:  # before any is written, which a second try would refuse
        raise ValueError(f"{str(there)!r} is there already; it may hold your labels.")
    for query in with_progress(queries, lambda query: data.names[query.video]):
        name, file = data.names[query.video], files[query.video]
        labels = call_by_name(model.predict([data[query.video]])[0], texts)
        clock = clock_of(data, query.video)
        table = SegmentTable.from_labels(labels, name, **clock)
        file.parent.mkdir(parents=True, exist_ok=True)
        link = None if media is None else media[query.video]
        write_segments(table, file, media=link)
        show("")
        print(visible(f"{file}: {query.why}"))
    if not queries:
        raise ValueError(
            "all recordings have labels, so there is none to ask for; in Python, "
            'model.query(n, kind="frames") asks for frames.'
        )
    say(f"{len(queries)} files to correct, written to {out}")


def _check_fitted_to(model: Any, data: Recordings, options: argparse.Namespace) -> None:
    """Refuse other recordings than those of `fit`: queries name them by position."""
    outlook, n, fitted = model.outlook_, len(data.videos), model.recordings_
    unnamed = [f"recording {index}" for index in range(n)]  # by their reader
    lengths = [len(video) for video in data]
    known = list(map(spelled_as(data.names), fitted["names"]))
    if (
        outlook is None
        or len(outlook.distance) != n
        or known not in ([], unnamed, data.names)  # [] in older files
        or fitted["n_frames"] not in ([], lengths)
    ):
        raise ValueError(
            f"{options.model!r} was not fitted to the {n} videos of "
            f"{options.folder!r}; fit it to them."
        )
