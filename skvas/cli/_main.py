"""The command ``skvas``: its parser, its exit codes and its faults."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import skvas
from skvas.cli._align import add_align
from skvas.cli._evaluate import add_evaluate
from skvas.cli._extract import add_extract
from skvas.cli._fit import add_fit
from skvas.cli._label import add_label
from skvas.cli._lines import say
from skvas.cli._live import add_live
from skvas.cli._name import add_name
from skvas.cli._predict import add_predict
from skvas.cli._report import add_report
from skvas.cli._timeline import add_timeline

__all__ = ["main"]

# What files, options, numbers and machines can cause; also arithmetic that leaves its
# range, as by --fps 1e-320. Anything else, such as a KeyError, is a fault of ours, and
# its traceback is shown.
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
    options = _parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = _Warnings()
        try:
            options.run(options)
            sys.stdout.flush()
        except KeyboardInterrupt:
            say("interrupted; files that were finished are whole")
            return 130
        except BrokenPipeError:  # who reads results, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except EXPECTED as error:
            if options.traceback:
                raise
            say(f"skvas {options.command}: {_explain(error)}")
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
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
    for add in (add_extract, add_fit, add_predict, add_align, add_evaluate):
        add(commands)
    for add in (add_report, add_timeline, add_label, add_live, add_name):
        add(commands)
    return parser


class _Warnings:
    """Says each warning in one line, and none twice."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in self.said:
            self.said.add(str(message))
            say(f"warning: {message}")


def _explain(error: BaseException) -> str:
    """Say what went wrong in one line, without Python's words for it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ArithmeticError):  # which names no number of the user's
        return f"{error} ({type(error).__name__}); --traceback shows where"
    return str(error) or type(error).__name__
