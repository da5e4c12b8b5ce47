"""`skvas report`: the steps of each video, as a table or a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.base import is_clusterer

from skvas import step_report
from skvas._atomic import write_atomically
from skvas.applications._action_table import round_times
from skvas.cli._arguments import (
    name_actions,
)
from skvas.cli._files import (
    load_model,
    load_recordings,
    load_segmenter,
    media_of,
    writing,
)
from skvas.cli._inputs import check_output, check_table
from skvas.cli._lines import following, say
from skvas.io import read_corrections
from skvas.io._text import compose_records

__all__ = ["run"]

# Suffixes for which `report` writes a page.
PAGES = (".html", ".htm")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    if Path(options.out or "").suffix.lower() in PAGES:
        _report_page(options)
        return
    if options.out is not None:
        check_table(
            options.out,
            "steps are written as .csv (--excel for spreadsheets) or as a page, .html",
        )
    for name in ("media", "embed", "curves", "edges", "up", "corrections"):
        if getattr(options, name):
            raise ValueError(f"--{name} has no use without -o PAGE.html.")
    model = load_segmenter(options.model)
    if options.out is not None:
        check_output(options, options.model)
    elif options.excel:
        raise ValueError("--excel has no use without -o.")
    name_actions(model, options)
    data = load_recordings(options, model)
    least = "auto" if options.min_duration is None else options.min_duration
    with following():
        report = step_report(model, data, fps=options.fps, min_duration=least)
    if options.out is None:
        print(report)
        return
    records = [round_times(record) for record in report.records]
    with writing(options.out) as file:
        write_atomically(file, compose_records(records, excel=options.excel))
    say(f"{len(records)} steps written to {options.out}, times in {report.unit}")


def _report_page(options: argparse.Namespace) -> None:
    if options.excel:
        raise ValueError("--excel has no use with a page.")
    if options.min_duration is not None:
        raise ValueError("--min-duration has no use with a page.")
    if options.embed and options.media is None:
        raise ValueError("--embed has no use without --media.")
    model = load_model(options.model)
    check_output(options, options.model)
    if is_clusterer(model):
        name_actions(model, options)
    elif options.names is not None:
        raise ValueError("--names has no use for a model that only aligns.")
    data = load_recordings(options, model)
    media = None
    if options.media is not None:
        media = media_of(options.media, data.names)
    corrections = None
    if options.corrections is not None:
        corrections = read_corrections(options.corrections, data.names, missing="warn")
    with following():
        model.report(
            data,
            options.out,
            media=media,
            embed=options.embed,
            features=options.curves,
            edges=options.edges,
            up=options.up,
            fps=options.fps,
            corrections=corrections,
            title=Path(options.folder).resolve().name or "Recordings",
        )
    say(f"{len(data)} recordings are shown in {options.out}")
