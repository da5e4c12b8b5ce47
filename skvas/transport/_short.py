"""One warning of short sequences, for all that a call has to do with them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from skvas._printing import levels_to_user
from skvas.exceptions import RadiusWarning

# The lengths that were short for each radius; None where nobody collects them.
_found: ContextVar[dict[float, set[int]] | None] = ContextVar("found", default=None)


def note_short(radius: float, lengths: Sequence[int]) -> None:
    """Warn that a radius is less than half a frame, now or where that is collected."""
    found = _found.get()
    if found is None:
        _warn({radius: set(lengths)})
    else:
        found.setdefault(radius, set()).update(lengths)


@contextmanager
def short_sequences_noted_once() -> Iterator[None]:
    """Collect what is short, and warn of it once it is all done; not after an error.

    Inside of another such context, that one warns.
    """
    if _found.get() is not None:
        yield
        return
    found: dict[float, set[int]] = {}
    token = _found.set(found)
    try:
        yield
    finally:
        _found.reset(token)
    if found:
        _warn(found)


def _warn(found: dict[float, set[int]]) -> None:
    """Warn at the line that called the package."""
    radii = " and ".join(f"{radius:g}" for radius in sorted(found))
    lengths = sorted(set().union(*found.values()))
    of = f"a sequence of {lengths[0]} frames"
    if len(lengths) > 1:
        of = f"sequences of {lengths[0]} to {lengths[-1]} frames"
    warnings.warn(
        f"radius={radii} of {of} is less than half a frame; one frame is used. Raise "
        "radius, or pass more frames.",
        RadiusWarning,
        stacklevel=levels_to_user(),
    )
