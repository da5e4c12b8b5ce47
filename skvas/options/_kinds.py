"""What values a parameter may take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import nn
from torch.nn.parameter import is_lazy

from skvas._printing import shorten
from skvas.exceptions import InvalidParameterError
from skvas.nn.encoders import ENCODERS
from skvas.preprocessing._features import NAMES, check_features
from skvas.tasks._virtual import parse_quantile
from skvas.validation import (
    check_choice,
    check_integer,
    check_memory,
    check_n_actions,
    check_real,
)


class Kind(Protocol):
    """A set of values."""

    def check(self, name: str, value: Any) -> None:
        """Raise an `InvalidParameterError` if a value is not in the set."""


@dataclass(frozen=True)
class Anything:
    """Every value; `fit` checks it where it knows more."""

    def check(self, name: str, value: Any) -> None:
        """Accept the value."""


@dataclass(frozen=True)
class Real:
    """A finite number between two limits."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def check(self, name: str, value: Any) -> None:
        """Refuse what is no number, or out of the limits."""
        check_real(name, value, **vars(self))


@dataclass(frozen=True)
class Integer:
    """A whole number from a smallest one on."""

    low: int

    def check(self, name: str, value: Any) -> None:
        """Refuse what is no integer, or too small."""
        check_integer(name, value, low=self.low)


@dataclass(frozen=True)
class NumberOfJobs:
    """A whole number of processes, as joblib takes it, or None."""

    def check(self, name: str, value: Any) -> None:
        """Refuse 0 and what is no integer."""
        if check_integer(name, value, none_ok=True) == 0:
            raise InvalidParameterError(
                f"{name} must be a number of processes, -1 for all cores, or None; "
                "got 0."
            )


@dataclass(frozen=True)
class TruthValue:
    """True or False."""

    def check(self, name: str, value: Any) -> None:
        """Refuse all else, also the numbers 0 and 1."""
        check_choice(name, value, (True, False))


@dataclass(frozen=True)
class Verbosity:
    """A whole number from 0 on, or a truth value."""

    def check(self, name: str, value: Any) -> None:
        """Refuse what is neither."""
        is_truth = isinstance(value, (bool, np.bool_))
        check_integer(name, int(value) if is_truth else value, low=0)


@dataclass(frozen=True)
class Choice:
    """One of some texts."""

    names: tuple[str, ...]

    def check(self, name: str, value: Any) -> None:
        """Refuse every other text."""
        check_choice(name, value, self.names)


class Registered:
    """A key of a dictionary, which users may add to.

    Parameters
    ----------
    registry : dict of str to object
        Looked at when a value is checked.
    """

    def __init__(self, registry: dict[str, Any]) -> None:
        self.registry = registry

    def check(self, name: str, value: Any) -> None:
        """Refuse what is no key."""
        check_choice(name, value, tuple(self.registry))


@dataclass(frozen=True)
class Auto:
    """Another kind, or "auto"."""

    kind: Kind

    def check(self, name: str, value: Any) -> None:
        """Check all but "auto"."""
        if is_auto(value):
            return
        try:
            self.kind.check(name, value)
        except InvalidParameterError as error:
            raise InvalidParameterError(f"{error} Or leave it at 'auto'.") from None


@dataclass(frozen=True)
class Optional:
    """Another kind, or None."""

    kind: Kind

    def check(self, name: str, value: Any) -> None:
        """Check all but None."""
        if value is not None:
            self.kind.check(name, value)


@dataclass(frozen=True)
class AnyCallable:
    """A function or another object that can be called."""

    def check(self, name: str, value: Any) -> None:
        """Refuse what cannot be called."""
        if not callable(value):
            raise InvalidParameterError(
                f"{name} must be None or callable, got {shorten(value)}."
            )


@dataclass(frozen=True)
class FilePath:
    """The path of a file."""

    def check(self, name: str, value: Any) -> None:
        """Refuse what is neither a text nor path-like."""
        if not isinstance(value, (str, os.PathLike)):
            raise InvalidParameterError(
                f"{name} must be None or the path of a file, got {shorten(value)}."
            )


@dataclass(frozen=True)
class RealOrQuantile:
    """A number, or such as "30%": a quantile of the costs of a pair of videos."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False

    def check(self, name: str, value: Any) -> None:
        """Refuse what is neither, and numbers out of the limits."""
        parse_quantile(name, value, **vars(self))


@dataclass(frozen=True)
class Memory:
    """None, a number of bytes, or such as "2GB"."""

    def check(self, name: str, value: Any) -> None:
        """Refuse what is neither."""
        check_memory(value)


@dataclass(frozen=True)
class Encoder:
    """None, a name of an encoder, widths of layers, or a network."""

    def check(self, name: str, value: Any) -> None:
        """Refuse everything else."""
        if isinstance(value, tuple) and len(value) > 0:
            for width in value:
                check_integer(f"a width of {name}", width, low=1)
        elif isinstance(value, str):
            check_choice(name, value, tuple(ENCODERS))
        elif isinstance(value, nn.Module):
            if any(map(is_lazy, [*value.parameters(), *value.buffers()])):
                raise InvalidParameterError(
                    f"{name} has weights that its first call draws, such as those of "
                    "torch.nn.LazyLinear, so that random_state has no hold on them; "
                    "call it once on frames (B, N, n_features)."
                )
        elif value is not None:
            raise InvalidParameterError(
                f"{name} must be None, one of {tuple(ENCODERS)}, a tuple of layer "
                "widths, or a torch.nn.Module from (B, N, n_features) to "
                f"(B, N, D), got {shorten(value)}."
            )


@dataclass(frozen=True)
class Features:
    """None, a name of a preprocessing, a transformer, or a pipeline of both."""

    names: tuple[str, ...] = NAMES

    def check(self, name: str, value: Any) -> None:
        """Refuse other names, and what has not the methods of a transformer."""
        check_features(name, value, self.names)


@dataclass(frozen=True)
class NumberOfActions:
    """None, a number, a tuple of the smallest and the largest, or "auto"."""

    def check(self, name: str, value: Any) -> None:
        """Refuse everything else."""
        if value is not None:
            check_n_actions(value)


def is_auto(value: Any) -> bool:
    """Return whether a parameter leaves its value to the recipe, or to `fit`."""
    return isinstance(value, str) and value == "auto"
