"""What type checkers and editors are told of the public names."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import skvas
from tests.test_docstrings import CALLABLES, entries, parameters, sections

# What these return is a matter of a setting, or of more than the type of an argument.
ANY = {
    "extract",
    "fit_transform",
    "inverse_transform",
    "load",
    "make_segmentation_scorer",
    "transform",
    "uniform_segmentation",
}
# These return the object, or another of the same class.
OF_ITS_CLASS = {
    "copy",
    "fit",
    "name_actions",
    "partial_fit",
    "set_output",
    "set_params",
}
OF_DISPLAYS = {
    "from_embeddings",
    "from_estimator",
    "from_predictions",
    "from_timeline",
    "plot",
}
# The checks are there for other modules of skvas, and are not in the documentation.
PUBLIC = {n: v for n, v in CALLABLES.items() if not n.startswith("skvas.validation.")}


def returned():
    """Map the dotted name of each public function and method to what it returns."""
    found = {}
    for name, value in PUBLIC.items():
        function = value.fget if isinstance(value, property) else value
        if inspect.isroutine(function):
            found[name] = function.__annotations__.get("return", "nothing is said")
    return found


RETURNED = returned()


def test_signatures_say_what_is_returned():
    unknown = {name for name, kind in RETURNED.items() if kind == "Any"}
    assert "nothing is said" not in RETURNED.values()
    assert {name.rpartition(".")[2] for name in unknown} == ANY


def test_what_returns_the_object_keeps_the_class_of_a_subclass():
    for name, kind in RETURNED.items():
        owner, method = name.split(".")[-2:]
        is_display = owner.endswith("Display") and method in OF_DISPLAYS
        if method in OF_ITS_CLASS or is_display:
            assert kind == "Self", name


def test_arrays_of_all_videos_may_be_an_object_array_of_them():
    """So what `predict` and others return can be passed on."""
    for name, value in PUBLIC.items():
        doc = "" if isinstance(value, property) else inspect.getdoc(value) or ""
        for parameter, kind in entries(sections(doc).get("Parameters", "")).items():
            if re.search(r"(list|sequence) of (array-like|ndarray|int arrays)", kind):
                given = parameters(value)[parameter].annotation
                fits = re.search(
                    r"Any$|Labels|Videos|Iterable|ArrayLike \||\| np.ndarray", given
                )
                assert fits, (name, parameter)


def test_checkers_find_the_public_names_and_rooms_of_skvas_and_no_others():
    body = ast.parse(Path(skvas.__file__).read_text(encoding="utf-8")).body
    (block,) = (
        node
        for node in body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    homes = {
        alias.asname or alias.name: node.module
        for node in block.body
        for alias in node.names
    }
    assert homes == {**skvas._HOMES, **dict.fromkeys(skvas._ROOMS, "skvas")}
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    assert "__getattr__" not in functions  # if they saw it, any name would do


def test_results_with_arrays_are_compared_as_objects():
    """Compared by field, `==` and `in` fail with an array's ambiguous truth."""
    for name, value in PUBLIC.items():
        if dataclasses.is_dataclass(value):
            kinds = [str(field.type) for field in dataclasses.fields(value)]
            has_arrays = any(re.search("ndarray|Tensor|Codes", kind) for kind in kinds)
            assert not has_arrays or value.__eq__ is object.__eq__, name
