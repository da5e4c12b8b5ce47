"""Lines for people, on the standard error: progress, warnings, what was done."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from skvas._printing import cut_to_columns, listening, visible

__all__ = [
    "BAR",
    "EpochLines",
    "Lines",
    "StepLines",
    "explain",
    "following",
    "say",
    "say_skipped",
    "show",
    "with_progress",
]

Item = TypeVar("Item")
# Seconds between two lines of progress where there is no terminal.
EVERY = 10.0
# Characters of a progress bar.
BAR = 24


def with_progress(items: Sequence[Item], name: Callable[[Item], str]) -> Iterator[Item]:
    """Yield items, and tell how many are done and which is being done."""
    lines = Lines(len(items))
    for item in items:
        lines.tell(name(item))
        yield item
        lines.done += 1
    show("")


class Lines:
    """Progress: a bar on a terminal, else a line every ten seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = self.told = time.perf_counter()

    def step(self, name: str) -> None:
        """Count one more as done, and tell it."""
        self.done += 1
        self.tell(name)

    def tell(self, name: str) -> None:
        """Tell how many are done, and the time that the rest takes at this speed."""
        now = time.perf_counter()
        rest = (now - self.started) * (self.total - self.done) / max(self.done, 1)
        minutes, seconds = divmod(round(rest), 60)
        clock = f"{minutes}:{seconds:02} left" if self.done else ""
        if sys.stderr.isatty():
            filled = BAR * self.done // max(self.total, 1)
            bar = "#" * filled + "." * (BAR - filled)
            show(f"[{bar}] {self.done}/{self.total}  {name}  {clock}")
        elif now - self.told > EVERY:
            self.told = now
            rest_of_line = f", about {clock}" if self.done else f" done, now {name}"
            say(f"{self.done} of {self.total}{rest_of_line}")


@contextmanager
def following(steps: StepLines | None = None) -> Iterator[None]:
    """Say what is done inside: each step as it begins, and how far it is."""
    with listening(steps or StepLines()):
        yield
    show("")


class StepLines:
    """Progress of steps: in place on a terminal, else a line for each that begins."""

    def __init__(self) -> None:
        self.step, self.first, self.total = "", 0, 0
        self.started = self.told = time.perf_counter()

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.perf_counter()
        is_new, self.total = step != self.step, total
        if is_new:
            self.step, self.first, self.started = step, done, now
        line = f"{step}, {done} frames" if done else step
        if done and total:
            line = f"{step}, {done} of {total}"
        if done > self.first and total:  # what was done before took no time here
            rest = (now - self.started) * (total - done) / (done - self.first)
            line += f", about {rest:.0f} s left"
        if sys.stderr.isatty():
            show(line)
        elif is_new or now - self.told > EVERY:
            self.told = now
            say(line)


class EpochLines:
    """Progress of a training: the step of a fit that tells how long it is."""

    def __init__(self, steps: StepLines) -> None:
        self.steps = steps
        self.started = self.told = time.perf_counter()
        self.first: int | None = None

    def __call__(self, record: Mapping[str, float]) -> None:
        epoch, total, now = int(record["epoch"]), self.steps.total, time.perf_counter()
        if self.first is None:
            self.first, self.started = epoch, now - record.get("seconds", 0.0)
        done = epoch - self.first + 1
        rest = round((now - self.started) / done * (total - epoch))
        line = f"epoch {epoch} of {total}, about {rest} s left"
        if sys.stderr.isatty():
            show(f"{line}, loss {record['loss']:.4f}")
        elif now - self.told > EVERY:
            self.told = now
            say(line)


def show(text: str) -> None:
    """Put a text in the place of the last one, on a terminal only."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1  # one that is wrapped stays
        # Consoles of Windows may show what would clear the line.
        is_plain = sys.platform == "win32" or os.environ.get("TERM") == "dumb"
        cleared = f"\r{' ' * width}\r" if is_plain else "\r\033[K"
        _put(f"{cleared}{cut_to_columns(visible(text), width)}")


def say(text: str) -> None:
    """Print a line in the place of the progress."""
    show("")
    _put(f"{visible(text)}\n")


def _put(text: str) -> None:
    """Write to the standard error; where nobody reads it, the work goes on."""
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:
        with contextlib.suppress(OSError):  # it may be no file
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def explain(error: BaseException) -> str:
    """Say what went wrong in one line, without Python's words for it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.strerror is not None:  # as of a full disk
        return error.strerror
    if isinstance(error, ArithmeticError):  # which names no number of the user's
        return f"{error} ({type(error).__name__}); --traceback shows where"
    return str(error) or type(error).__name__


def say_skipped(number: int, why: str, option: str | None) -> None:
    """Say how many videos were skipped, why, and what option does them again."""
    if number:
        hint = f" ({option} does them again)" if option else ""
        say(f"skipped {number} videos that {why} already{hint}")
