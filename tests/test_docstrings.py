"""Every public signature, held against its docstring."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest

import skvas

# As numpydoc orders them; classes build theirs from what they share.
ORDER = ("", "Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
ORDER += ("See Also", "Notes", "References", "Examples")
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}[ ]*$", re.MULTILINE)


def public_modules():
    """Import skvas and all its modules whose names have no leading underscore."""
    found = [skvas]
    for info in pkgutil.walk_packages(skvas.__path__, "skvas."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            found.append(importlib.import_module(info.name))
    return found


def public_names(module):
    """Return the names in `__all__` or, without one, those that the module defines."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]


def public_objects():
    """Map a dotted name to each public function and class, once each."""
    found = {}
    for module in public_modules():
        for name in public_names(module):
            value = getattr(module, name, None)  # absent: the first test below tells
            if inspect.isfunction(value) or inspect.isclass(value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def methods(cls):
    """Yield the public methods and properties of a class that skvas wrote."""
    for name in dir(cls):
        if name.startswith("_"):
            continue
        value = inspect.getattr_static(cls, name)
        if not isinstance(value, property):
            value = inspect.unwrap(getattr(cls, name))
            if not inspect.isroutine(value):
                continue
        owner = value.fget if isinstance(value, property) else value
        if (getattr(owner, "__module__", None) or "").startswith("skvas"):
            yield name, value


def callables():
    """Map a dotted name to all that needs a docstring: functions, classes, methods."""
    found = {}
    for name, value in public_objects().items():
        found[name] = value
        if inspect.isclass(value):
            found |= {f"{name}.{method}": part for method, part in methods(value)}
    return found


def sections(docstring):
    """Split a numpydoc docstring into its summary and its named sections."""
    parts = SECTION.split(inspect.cleandoc(docstring))
    return {"": parts[0].strip()} | dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section):
    """Map each name of a section of parameters to its type."""
    found = {}
    for line in section.splitlines():
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            found |= {name.strip(" *"): kind for name in names.split(",")}
    return found


def parameters(value):
    """Return the parameters of a function, method or class that a user passes."""
    if inspect.isclass(value) and value.__init__ is object.__init__:
        return {}
    found = dict(inspect.signature(value).parameters)
    return {name: p for name, p in found.items() if name not in ("self", "cls")}


def returns_something(function):
    """Tell whether a function has a return or a yield of a value, nested ones aside."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)) and not (
            node.value is None
            or (isinstance(node.value, ast.Constant) and node.value.value is None)
        ):
            return True
        pending += ast.iter_child_nodes(node)
    return False


def faults_of_parameters(value, parts):
    """Return where the section Parameters and the signature disagree."""
    documented = entries(parts.get("Parameters", ""))
    if dataclasses.is_dataclass(value) and "Parameters" not in parts:
        documented = entries(parts.get("Attributes", ""))
    actual = parameters(value)
    if list(documented) != list(actual):
        return [f"documents {list(documented)}, takes {list(actual)}"]
    found = [f"{name} has no type" for name, kind in documented.items() if not kind]
    for name, parameter in actual.items():
        kind = documented[name]
        if parameter.default is parameter.empty or "gnored" in kind:
            continue
        _, says, text = kind.partition("default=")
        try:
            differs = ast.literal_eval(text) != parameter.default
        except (SyntaxError, ValueError):
            differs = False  # not a literal: that it is there must do
        if not says or differs:
            found.append(f"{name} has default {parameter.default!r}, not {text!r}")
    return found


def faults(value, *, needs_example):
    """Return all that is wrong with one docstring."""
    is_property = isinstance(value, property)
    # A method may inherit its docstring, and must then keep to its signature.
    docstring = value.__doc__ if inspect.isclass(value) else inspect.getdoc(value)
    if not docstring:
        return ["has no docstring"]
    parts = sections(docstring)
    first = parts[""].split("\n\n")[0]
    found = []
    if not re.fullmatch(r"[A-Z0-9`][^\n]*\.", first):
        found.append(f"the first line is not one sentence: {first!r}")
    if inspect.isfunction(value) and re.match(r"(?!Pass)\w+s\b", first):
        found.append(f"the first line is not imperative: {first!r}")
    if not is_property and not (
        inspect.isclass(value) and issubclass(value, BaseException)
    ):
        found += faults_of_parameters(value, parts)
    if (
        inspect.isfunction(value)
        and not parts.keys() & {"Returns", "Yields"}
        and returns_something(value)
    ):
        found.append("returns something, and has no section Returns")
    if list(parts) != sorted(parts, key=ORDER.index):
        found.append(f"the sections are out of order: {list(parts)[1:]}")
    if needs_example and ">>> " not in parts.get("Examples", ""):
        found.append("has no example")
    return found


CALLABLES = callables()
OBJECTS = public_objects()


def test_every_name_of_all_exists():
    for module in public_modules():
        missing = [name for name in public_names(module) if not hasattr(module, name)]
        assert missing == [], module.__name__


@pytest.mark.parametrize("name", CALLABLES)
def test_docstring_agrees_with_signature(name):
    assert faults(CALLABLES[name], needs_example=name in OBJECTS) == []


def good(x, *, eps=0.1, tau=0.1):
    """Return x.

    Parameters
    ----------
    x : int
        A number.
    eps, tau : float, default=0.1
        Two options.

    Returns
    -------
    int

    Examples
    --------
    >>> good(1)
    1
    """
    return x


def with_docstring(old, new):
    """Make a copy of `good` whose docstring differs."""

    def other(x, *, eps=0.1, tau=0.1):
        return x

    text = inspect.cleandoc(good.__doc__)
    assert old in text
    other.__doc__ = text.replace(old, new)
    return other


def test_checker_lets_a_good_docstring_pass():
    assert faults(with_docstring("", ""), needs_example=True) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Return x.", "Returns x.", "imperative"),
        ("Return x.", "Return x", "one sentence"),
        ("x : int", "y : int", "documents"),
        ("x : int\n    A number.\n", "", "documents"),
        ("eps, tau :", "tau, eps :", "documents"),
        ("eps, tau : float, default=0.1", "eps, tau : float", "default"),
        ("default=0.1", "default=0.2", "default"),
        ("x : int", "x", "no type"),
        ("Returns\n-------\nint\n", "", "Returns"),
        (">>> good(1)", "good(1)", "no example"),
        ("Returns\n", "Notes\n-----\nA note.\n\nReturns\n", "out of order"),
    ],
)
def test_checker_sees_a_broken_docstring(old, new, reason):
    found = faults(with_docstring(old, new), needs_example=True)
    assert found
    assert all(reason in fault for fault in found)


def test_checker_sees_a_missing_docstring():
    assert faults(lambda: None, needs_example=False) == ["has no docstring"]
