"""The command ``skvas``: its parser, its exit codes and its faults."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import skvas
from skvas.cli._lines import explain, say
from skvas.cli._parsers import ARGUMENTS

__all__ = ["find_command", "main", "parse", "run"]

# What commands do. The module of each is imported only to run it: that takes seconds.
COMMANDS = {
    "extract": "Turn video files into a folder of features. Videos whose features are "
    "there are skipped.",
    "fit": "Fit a model to the videos of a folder.",
    "predict": "Write the actions of each video to a file of its own. Files that are "
    "there are skipped, so that a run which was stopped can go on.",
    "align": "Match the frames of two videos. OUT ending in .csv is a table; in .mp4, "
    ".mov or .mkv, for video files A and B, it is a video that plays both in step.",
    "evaluate": "Score a model on labelled videos, beside the simplest baselines.",
    "report": "List the steps of each video, and what is unusual about them. OUT "
    "ending in .html is a page that shows the videos at the same moment, and takes "
    "corrections; names ending in .csv, or in nothing, make a CSV.",
    "timeline": "Place videos on the timeline of a model. Prints where on it, from 0 "
    "to 1, a video starts and ends, how well it follows it, and the share that it "
    "lacks.",
    "label": "Write files of segments to correct by hand, for the recordings whose "
    "labels tell most; 'skvas fit --labels' reads them back.",
    "live": "Follow a recording while it goes on: a line for each step that begins and "
    "for all that is unusual.",
    "name": "Give actions names, which predict, report, timeline and live then show.",
}

# What files, options, numbers and machines can cause; also arithmetic that leaves its
# range. Anything else, such as a KeyError, is a fault of ours, and its traceback is
# shown.
EXPECTED = (OSError, ValueError, TypeError, ImportError, MemoryError, ArithmeticError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Results go to files and to the standard output, progress, warnings and errors to the
    standard error.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the name of the program. None: those of the process.

    Returns
    -------
    int
        Exit code: 0 where all went well, 1 where it did not, 130 where the user
        interrupted. Arguments that make no sense end the process with 2.

    Examples
    --------
    >>> from skvas.cli import main
    >>> main(["fit", "no-folder", "-k", "3", "-o", "model"])
    1
    """
    return run(parse(argv))


def run(options: argparse.Namespace) -> int:
    """Run the command that was asked for, and return its exit code."""
    command = find_command(options)
    with warnings.catch_warnings():
        warnings.showwarning = _Warnings()
        try:
            command(options)
            sys.stdout.flush()
        except KeyboardInterrupt:
            say("interrupted; files that were finished are whole")
            return 130
        except BrokenPipeError:  # who reads results, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except EXPECTED as error:
            if options.traceback:
                raise
            say(f"skvas {options.command}: {explain(error)}")
            return 1
    return 0


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments, by the parser of the command that they ask for."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="skvas",
        description="Align videos of one activity, and find its steps, without labels.",
        epilog="FOLDER holds tables of sensors (.csv, .tsv, .parquet), or poses "
        "(DeepLabCut, SLEAP, MediaPipe, OpenPose, C3D), or features/<video>.npy and, "
        "if there are labels, groundTruth/<video>.txt and mapping/mapping.txt. 'skvas "
        "extract' makes one of video files.",
    )
    parser.add_argument("--version", action="version", version=skvas.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in arguments:
            ARGUMENTS[name](command)
            command.add_argument(
                "--traceback", action="store_true", help="show where an error came from"
            )
    return parser.parse_args(arguments)


def find_command(options: argparse.Namespace) -> Callable[[argparse.Namespace], None]:
    """Import what runs the command, which takes seconds."""
    found: Callable[[argparse.Namespace], None]
    found = importlib.import_module(f"skvas.cli._{options.command}").run
    return found


class _Warnings:
    """Says each warning in one line, and none twice."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in self.said:
            self.said.add(str(message))
            say(f"warning: {message}")
