"""Parameters as fields: name, type, default, range and what they affect, in one place.

A class of parameters is a dataclass with fields made by `parameter`, decorated by
`declare`. Its constructor stores its arguments and does nothing else, as scikit-learn
asks.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from skvas._printing import shorten
from skvas.exceptions import InvalidParameterError
from skvas.options._kinds import Kind

T = TypeVar("T", bound=type)

# Sections of docstrings that classes share, in their order.
SECTIONS = (
    "Parameters",
    "Attributes",
    "See Also",
    "Notes",
    "References",
    "Examples",
)
# What a parameter can change: the result of the training (and all that follows), the
# answers of a trained model alone, or no result at all.
TRAINING, ANSWERS, NOTHING = "training", "answers", "nothing"


def parameter(
    default: Any, kind: Kind | type[OptionGroup], affects: str = TRAINING
) -> Any:
    """Declare a parameter of a class that `declare` decorates.

    Parameters
    ----------
    default : object
        Its default, immutable.
    kind : Kind or class
        Its range; a class of options for a group of parameters.
    affects : {"training", "answers", "nothing"}, default="training"
        What it can change; see above.
    """
    return dataclasses.field(
        default=default, metadata={"kind": kind, "affects": affects}
    )


def declare(cls: T) -> T:
    """Finish a dataclass of parameters.

    The defaults leave the class, since scikit-learn finds them in the constructor. The
    documentation that a base class has for its subclasses, in `_shared_doc`, joins the
    sections of the docstring: a parameter that classes share is described once.
    """
    for field in dataclasses.fields(cls):
        if field.name in vars(cls):
            delattr(cls, field.name)  # the constructor has kept its default
    cls.__init__ = _refusing_unknown(cls.__init__)  # type: ignore[misc]
    if sys.flags.optimize < 2:  # Python keeps docstrings
        cls.__doc__ = _join_sections(cls)
    return cls


def _refusing_unknown(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that says what was meant by a name it does not have."""
    known = inspect.signature(init).parameters

    @functools.wraps(init)  # so that scikit-learn reads its signature
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            if name not in known:
                raise TypeError(
                    f"{type(self).__name__} got an unexpected keyword argument "
                    f"{name!r}; {_advise(self, name, value)}"
                )
        init(self, *args, **kwargs)

    return __init__


def _advise(owner: Any, name: str, value: Any) -> str:
    """Say where a parameter belongs, or how it is spelled."""
    kinds: dict[str, Any] = {key: kind for key, kind, _ in declared(owner)}
    asked, _, inner = name.rpartition("__")
    homes = _homes(owner, asked)
    having = [key for key in homes if inner in homes[key]]
    if having:
        given = f"({inner}={shorten(value)})"
        ways = [f"{key}={kinds[key].__name__}{given}" for key in having]
        return f"it belongs to a group: pass {' or '.join(ways)}."
    meant = {} if asked in homes else dict(zip(kinds, kinds, strict=True))
    for key, inside in homes.items():
        meant |= {inner: f"{inner} of {kinds[key].__name__}" for inner in inside}
    near = difflib.get_close_matches(inner, meant, n=1)
    if near:
        return f"did you mean {meant[near[0]]}?"
    return f"its parameters are {', '.join(kinds)}."


def _homes(owner: Any, asked: str = "") -> dict[str, list[str]]:
    """Return the names of the parameters of all groups, or of the one asked for."""
    return {
        key: [name for name, _, _ in declared(kind)]
        for key, kind, _ in declared(owner)
        if isinstance(kind, type) and asked in ("", key)
    }


def refuse_flat(owner: BaseEstimator, names: Iterable[str]) -> None:
    """Refuse to set parameters of groups without the name of a group before them.

    Parameters
    ----------
    owner : estimator
        What has the groups.
    names : iterable of str
        What `set_params` was given.

    Raises
    ------
    ValueError
        If there is such a name; says what to write.
    """
    known = owner.get_params(deep=False)
    for name in [name for name in names if name not in known]:
        homes = _homes(owner)
        ways = [f"{key}__{name}" for key in homes if name in homes[key]]
        if ways:
            raise ValueError(
                f"Invalid parameter {name!r} for estimator {type(owner).__name__}: it "
                f"belongs to a group, so set {' or '.join(ways)}."
            )


class OptionGroup(BaseEstimator):
    """Parameters that belong together: an argument of an estimator."""


def declared(owner: Any) -> Iterator[tuple[str, Kind | type[OptionGroup], str]]:
    """Yield name, kind and effect of the parameters of a class or an object.

    Fields that a subclass of the user's adds have no kind, and are left to it.
    """
    for field in dataclasses.fields(owner):
        if "kind" in field.metadata:
            yield field.name, field.metadata["kind"], field.metadata["affects"]


def group_of(owner: Any, name: str) -> OptionGroup:
    """Return a group of parameters, that of all defaults where it is None."""
    value = getattr(owner, name)
    if value is not None:
        return value
    (kind,) = (kind for key, kind, _ in declared(owner) if key == name)
    assert isinstance(kind, type)
    return kind()


def check_declared(owner: Any, of: str = "") -> None:
    """Check all parameters of an object, and those of its groups.

    Parameters
    ----------
    owner : object
        Has the parameters.
    of : str, default=""
        What follows the names of parameters in messages.

    Raises
    ------
    InvalidParameterError
        If one is not in its range; names it.
    """
    for name, kind, _ in declared(owner):
        value = getattr(owner, name)
        if not isinstance(kind, type):
            kind.check(name + of, value)
        elif value is None:
            continue
        elif type(value) is kind:
            check_declared(value, of)
        else:
            raise InvalidParameterError(
                f"{name} must be None or {kind.__name__}(...), got {shorten(value)}."
            )


def effective(owner: Any, effects: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters with one of some effects, those of groups as group.name."""
    found: dict[str, Any] = {}
    for name, kind, affects in declared(owner):
        if isinstance(kind, type):
            group = effective(group_of(owner, name), effects)
            found |= {f"{name}.{key}": value for key, value in group.items()}
        elif affects in effects:
            found[name] = getattr(owner, name)
    return found


def _join_sections(cls: type) -> str:
    """Put the parts of docstrings together that classes and their bases share."""
    own = inspect.cleandoc(vars(cls)["__doc__"])
    for base in cls.__mro__[1:]:
        shared = vars(base).get("_shared_doc")
        if not shared:
            continue
        for title, text in _sections(inspect.cleandoc(shared)).items():
            own = _extend(own, title, text)
    return _in_order(own, list(inspect.signature(cls).parameters)) + "\n"


def _in_order(doc: str, names: list[str]) -> str:
    """Put the entries of the section Parameters in the order of the signature."""
    heading = "Parameters\n----------\n"
    if heading not in doc:
        return doc
    before, text = doc.split(heading)
    section, *rest = re.split(r"(?m)^(?=\w[\w ]*\n-+\n)", text, maxsplit=1)
    entries = re.split(r"(?m)^(?=\w+ : )", section.strip())[1:]
    entries.sort(key=lambda entry: names.index(entry.split(" : ")[0]))
    joined = "\n".join(entry.strip() for entry in entries)
    return f"{before}{heading}{joined}\n\n{''.join(rest)}".rstrip()


def _sections(doc: str) -> dict[str, str]:
    parts = re.split(r"(?m)^(\w[\w ]*)\n-+\n", doc)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _extend(doc: str, title: str, text: str) -> str:
    """Append entries to a section of a docstring, which is made if it is not there."""
    heading = f"{title}\n{'-' * len(title)}\n"
    if heading not in doc:
        later = SECTIONS[SECTIONS.index(title) + 1 :]
        starts = [doc.index(f"{name}\n---") for name in later if f"{name}\n---" in doc]
        at = min(starts, default=len(doc))
        doc = f"{doc[:at]}{heading}\n{doc[at:]}"
    start = doc.index(heading) + len(heading)
    following = re.search(r"(?m)^\w[\w ]*\n-+\n", doc[start:])
    end = start + following.start() if following else len(doc)
    entries = f"{doc[start:end].strip()}\n{text.strip()}".strip()
    return f"{doc[:start]}{entries}\n\n{doc[end:]}".rstrip()
