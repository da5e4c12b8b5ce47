"""Every import of the package, held against the table of layers.

The table below is the whole rule: a new module is added to its row, and a module that
is in no row fails.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A module or package imports itself and the rows above its own; modules of one row do
# not import each other.
LAYERS = [
    ["exceptions", "_typing", "_optional", "_files"],
    ["validation", "_batch", "_array_files"],
    ["_output"],
    ["decoding"],
    ["transport", "metrics", "datasets", "io"],
    ["nn", "_alignment"],
    ["_training", "preprocessing"],
    ["_model_state"],
    ["_checkpoint"],
    ["_base", "_coarse"],
    ["_aligning", "_segmenting"],
    ["_aligner", "_segmenter", "_joint"],
    ["_transfer", "_report", "_persistence", "_many_files"],
    ["display", "features", "presets", "testing"],
    ["skvas"],  # skvas/__init__.py
    ["cli"],
    ["__main__"],
]
RANK = {unit: rank for rank, row in enumerate(LAYERS) for unit in row}

# These could be lifted out of the package: they import nothing above the first row.
STANDALONE = {"transport"}

NO_TORCH = {
    "exceptions",
    "_optional",
    "_files",
    "_array_files",
    "validation",
    "_output",
    "decoding",
    "_alignment",
    "_transfer",
    "_report",
    "metrics",
    "datasets",
    "io",
    "preprocessing",
    "presets",
}

# What is always installed may be imported at the top of a module; all else, in
# functions.
REQUIRED = {"numpy", "scipy", "sklearn", "torch", "joblib"}
REFERENCE = "skvas.transport._reference"  # the one module that knows POT
KERNELS = "skvas.transport._kernels"  # the one that is written for numba, and lazy


@dataclass(frozen=True)
class Import:
    """One imported name: `target` is its dotted path, `lazy` if inside a function."""

    target: str
    line: int
    lazy: bool
    for_types: bool
    level: int = 0


def modules():
    """Map the dotted name of each module of the package to its file."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for file in sorted((ROOT / "skvas").rglob("*.py"))
    }


def imports(tree, *, lazy=False, for_types=False):
    """Yield all imports of a syntax tree, wherever they stand."""
    for node in ast.iter_child_nodes(tree):
        where = {"lazy": lazy, "for_types": for_types}
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, **where)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                target = ".".join(filter(None, [node.module, alias.name]))
                yield Import(target, node.lineno, **where, level=node.level)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from imports(node, lazy=True, for_types=for_types)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imports(node, lazy=lazy, for_types=True)
        else:
            yield from imports(node, **where)


def unit(module):
    """Return the name that stands in the table for a dotted name of the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "skvas"


def hidden(name):
    return name.startswith("_") and not name.endswith("__")


def private_attributes(tree):
    """Yield lines that reach for a private attribute of scikit-learn or torch."""
    aliases = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0]
        in ("sklearn", "torch")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and hidden(node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in aliases:
                yield node.lineno


def faults_of_own(module, item, known):
    """Return what is wrong with an import of skvas from skvas."""
    target = item.target
    if target not in known:
        target = target.rpartition(".")[0]  # a name in a module
    if target not in known:
        return [f"{item.target} does not exist"]
    source, goal = unit(module), unit(target)
    faults = []
    if source != goal and RANK.get(goal, len(LAYERS)) >= RANK[source]:
        faults.append(f"{source} may not import {goal}: it goes up or sideways")
    if source in STANDALONE and source != goal and RANK.get(goal) != 0:
        faults.append(f"{source} stands alone, and may not import {goal}")
    if target == REFERENCE and not item.lazy:
        faults.append("the reference is imported only when asked for")
    return faults


def faults_of_others(module, item):
    """Return what is wrong with an import of another package."""
    package, *path = item.target.split(".")
    faults = []
    if package in sys.stdlib_module_names:
        return faults
    if package == "torch" and unit(module) in NO_TORCH:
        faults.append(f"{unit(module)} knows no torch")
    if package == "ot":
        if module != REFERENCE:
            faults.append(f"only {REFERENCE} imports POT")
    elif package == "numba":
        if module != KERNELS:
            faults.append(f"only {KERNELS} imports numba")
    elif package not in REQUIRED and not (item.lazy or item.for_types):
        faults.append(f"{package} is optional: import it inside a function")
    if package in ("sklearn", "torch") and any(hidden(name) for name in path):
        faults.append(f"{item.target} is private")
    return faults


def faults(module, source, known):
    """Return all that is wrong with the imports of one module, one line each."""
    if unit(module) not in RANK:
        return [f"{module} is in no row of LAYERS"]
    tree = ast.parse(source)
    found = [
        f"line {line}: a private attribute of scikit-learn or torch"
        for line in private_attributes(tree)
    ]
    for item in imports(tree):
        if item.level:
            reasons = ["imports are absolute"]
        elif item.target.split(".")[0] == "skvas":
            reasons = faults_of_own(module, item, known)
        else:
            reasons = faults_of_others(module, item)
        found += [f"line {item.line}: {reason}" for reason in reasons]
    return found


MODULES = modules()


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_what_its_layer_may(module):
    assert faults(module, MODULES[module].read_text(encoding="utf-8"), MODULES) == []


def test_table_names_each_unit_once():
    assert len(RANK) == sum(map(len, LAYERS))


@pytest.mark.parametrize(
    "package", [m for m, file in MODULES.items() if file.name == "__init__.py"]
)
def test_package_holds_only_imports_and_all(package):
    body = ast.parse(MODULES[package].read_text(encoding="utf-8")).body
    assert ast.get_docstring(ast.Module(body=body, type_ignores=[]))
    allowed = {"__all__", "__version__"} if package == "skvas" else {"__all__"}
    for node in body[1:]:
        names = {ast.unparse(t) for t in getattr(node, "targets", [])}
        is_import = isinstance(node, (ast.Import, ast.ImportFrom))
        assert is_import or (names and names <= allowed), ast.unparse(node)


KNOWN = {
    name: None
    for name in [
        "skvas",
        "skvas.estimators._aligner",
        "skvas.estimators._joint",
        "skvas.estimators._base",
        "skvas._typing",
        "skvas.metrics",
        "skvas.metrics._edit",
        "skvas.transport",
        "skvas.transport._reference",
        "skvas.validation",
    ]
}


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("skvas._nowhere", "", "no row"),
        ("skvas.metrics", "from . import _edit", "absolute"),
        ("skvas.metrics", "from skvas.estimators._aligner import x", "up or sideways"),
        ("skvas.metrics", "from skvas import __version__", "up or sideways"),
        ("skvas.metrics", "from skvas import transport", "up or sideways"),
        (
            "skvas.estimators._joint",
            "import skvas.estimators._aligner",
            "up or sideways",
        ),
        (
            "skvas.estimators._joint",
            "def f():\n  from skvas.estimators._aligner import x",
            "up or sideways",
        ),
        ("skvas.transport", "from skvas.validation import x", "stands alone"),
        ("skvas.transport", "import skvas.transport._reference", "when asked for"),
        ("skvas.metrics", "from skvas.gone import x", "does not exist"),
        ("skvas.metrics._edit", "from torch import nn", "no torch"),
        ("skvas.validation", "def f():\n  import torch", "no torch"),
        ("skvas.transport", "def f():\n  import ot", "only"),
        ("skvas.metrics", "import matplotlib", "optional"),
        ("skvas.metrics", "class A:\n  import seglearn", "optional"),
        ("skvas.metrics", "from sklearn.utils._tags import x", "private"),
        ("skvas.metrics", "from sklearn.base import _fit_context", "private"),
        ("skvas.estimators._base", "import torch._dynamo", "private"),
        ("skvas.estimators._base", "import torch\ntorch._C.f()", "private attribute"),
        (
            "skvas.estimators._base",
            "import sklearn as s\ns.utils._x",
            "private attribute",
        ),
    ],
)
def test_checker_sees_a_broken_rule(module, source, reason):
    (fault,) = faults(module, source, KNOWN)
    assert reason in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skvas", "from skvas.estimators._aligner import x"),
        (
            "skvas.estimators._aligner",
            "from skvas.estimators._base import x\nimport torch, joblib, os.path",
        ),
        ("skvas.metrics", "from skvas.metrics._edit import x\nimport skvas.validation"),
        ("skvas.metrics", "def f():\n  import pandas"),
        (
            "skvas.estimators._base",
            "import torch, sklearn\ntorch.__version__, sklearn.utils.x",
        ),
        ("skvas.transport._reference", "import ot, numpy\nfrom skvas._typing import x"),
        ("skvas.transport", "def f():\n  from skvas.transport._reference import x"),
        (
            "skvas.estimators._base",
            "if TYPE_CHECKING:\n  from matplotlib.axes import Axes",
        ),
    ],
)
def test_checker_lets_good_imports_pass(module, source):
    assert faults(module, source, KNOWN) == []
