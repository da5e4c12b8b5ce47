"""Arguments that commands share."""

from __future__ import annotations

import argparse
from typing import Any

# Units of times. The module that knows them takes long to import.
UNITS = ("s", "ms", "us", "ns", "min", "h", "d")

__all__ = [
    "add_decoding",
    "add_folder",
    "add_fps",
    "add_labels",
    "add_media",
    "add_names",
    "add_out_folder",
    "add_times",
    "name_actions",
]


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the folder of recordings, and which part of it to read."""
    parser.add_argument("folder", metavar="FOLDER", help="folder of recordings")
    parser.add_argument("--activity", help="only this activity of the folder")
    add_times(parser)
    parser.add_argument(
        "--columns",
        metavar="NAMES",
        type=_names,
        help="columns of tables or points of poses, with commas (default: all)",
    )


def add_times(parser: argparse.ArgumentParser) -> None:
    """Add where the times of tables are."""
    parser.add_argument(
        "--time",
        metavar="COLUMN",
        type=_column_or_none,
        default="auto",
        help="column of times of tables, or none if rows have a constant rate "
        "(default: the column that is called like a time)",
    )
    parser.add_argument(
        "--time-unit",
        choices=("auto", *UNITS),
        default="auto",
        help="unit of times of tables (default: what the name or the size says)",
    )


def _column_or_none(text: str) -> str | None:
    return None if text.lower() == "none" else text


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def add_out_folder(parser: argparse.ArgumentParser) -> None:
    """Add the folder that outputs are written to."""
    parser.add_argument(
        "-o", "--out", metavar="FOLDER", type=_out_folder, required=True
    )


def _out_folder(text: str) -> str:
    if text == "-":
        raise argparse.ArgumentTypeError(
            "files are written to a folder, not to the standard output; name one"
        )
    return text


def add_fps(parser: argparse.ArgumentParser) -> None:
    """Add the frame rate of recordings."""
    parser.add_argument(
        "--fps",
        type=_rate,
        help="frames per second (default: what the files say, or what fit has seen)",
    )


def add_labels(parser: argparse.ArgumentParser, use: str) -> None:
    """Add files of labelled segments, and what to read of them."""
    parser.add_argument(
        "--labels",
        metavar="PATH",
        help=f"file or folder of labelled segments, such as 'skvas label' writes{use}",
    )
    parser.add_argument(
        "--tier",
        metavar="NAME",
        help="of --labels in ELAN or Praat: tier to read (default: actions, or else "
        "the only one that has something in it)",
    )


def _rate(text: str) -> float:
    from skvas.validation import check_fps  # which takes long

    try:
        return check_fps(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_media(parser: argparse.ArgumentParser) -> None:
    """Add the folder of video files that files of ELAN link to."""
    parser.add_argument(
        "--media",
        metavar="FOLDER",
        help="for eaf: folder of video files with the names of the recordings, which "
        "ELAN then opens (default: those that 'skvas extract' read)",
    )


def add_names(parser: argparse.ArgumentParser) -> None:
    """Add names of actions."""
    parser.add_argument(
        "--names",
        type=_named_actions,
        help="names of actions, as in '0=take off,2=land', by the labels that predict "
        "writes without (default: the model's)",
    )


def _named_actions(text: str) -> dict[str, str]:
    """Read names of actions; each stands behind the label of its action."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(mark and label.strip() for label, mark, _ in pairs):
        raise argparse.ArgumentTypeError(f"expected '0=name,1=name', got {text!r}")
    labels = [label.strip() for label, _, _ in pairs]
    for label in labels:
        if labels.count(label) > 1:
            raise argparse.ArgumentTypeError(
                f"action {label} has two names in {text!r}; give one"
            )
    return {label.strip(): name.strip() for label, _, name in pairs}


def name_actions(model: Any, options: argparse.Namespace) -> None:
    """Give the actions of a model the names of the options, if there are any."""
    if options.names is not None:
        model.name_actions(options.names)


def add_decoding(parser: argparse.ArgumentParser, rate: str = "all") -> None:
    """Add how features are computed from video files, and from which frames."""
    parser.add_argument(
        "--fps", type=_rate, help=f"frames per second (default: {rate})"
    )
    parser.add_argument(
        "--backbone",
        default="efficientnet_lite0",
        help="efficientnet_lite0, which needs no file (default), or a network of timm",
    )
    parser.add_argument("--weights", help="file of weights, for a network of timm")
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
