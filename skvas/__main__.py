"""The process of the command ``skvas``: its signals and its standard streams."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType

# Exit code of what a signal has ended, less the number of the signal.
SIGNALLED = 128


def main() -> int:
    """Run the command line in a process of its own.

    A signal that asks to end is obeyed as an interrupt of the user is: files are left
    whole, and workers end. During imports, and at a second time, the process ends at
    once and in silence.

    Returns
    -------
    int
        Exit code: that of `skvas.cli.main`, or 128 and the number of the signal.
    """
    _open_standard_streams()
    _on_signals(_end)
    from skvas.cli._main import find_command, parse, run

    asked: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        _on_signals(_end)
        raise KeyboardInterrupt

    try:
        options = parse()
        find_command(options)  # here, as it takes seconds
        _on_signals(interrupt)
        code = run(options)
    except KeyboardInterrupt:  # outside of the part that expects it
        code = SIGNALLED + signal.SIGINT
    except SystemExit as end:  # of argparse
        code = int(end.code or 0)
    code = _flush(code)
    return SIGNALLED + asked[0] if asked else code


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(SIGNALLED + number)


def _on_signals(handler: object) -> None:
    """Handle what asks to end, but not what was ignored, as after nohup."""
    # Windows has no SIGHUP, and alone SIGBREAK: a window is closed, or Ctrl-Break.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type]


def _flush(code: int) -> int:
    """Write what is left to be written; what cannot be is lost, and a failure."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code


def _open_standard_streams() -> None:
    """Open the streams that the caller has closed, before files take their places.

    What is then written to the standard output is an error, as it is with `cat`; what
    is said on the standard error is lost. Letters that the encoding of the standard
    output lacks are written by their numbers, as on the standard error. Lines that do
    not come from a keyboard are UTF-8, as files are.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
