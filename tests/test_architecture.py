"""Every import of the package, held against the plan of its rooms, file by file.

The two tables below are the whole rule: a new module is added to its row, and a module
that is in no row fails.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import skvas

ROOT = Path(__file__).resolve().parents[1]

# Rooms and modules of the root, from the ground up. A file imports files of the floors
# below its own; rooms of one floor do not import each other.
FLOORS = [
    ["exceptions", "_typing", "_optional", "_atomic", "_printing", "_product_threads"],
    ["_on_demand"],
    ["validation", "decoding"],
    ["transport", "datasets"],
    ["metrics"],
    ["io"],
    ["videos"],
    ["nn", "preprocessing", "features"],
    ["labels"],
    ["tasks", "timeline"],
    ["options"],
    ["persistence", "recipes"],
    ["training"],
    ["segmentation", "alignment", "applications", "live"],
    ["display"],
    ["report"],
    ["estimators", "testing"],
    ["skvas"],  # skvas/__init__.py
    ["cli"],
    ["__main__"],
]

# The files of each room. A file imports those left of the last "<" before it.
ROOMS = {
    "alignment": (
        "_path_cost _result < _anchors _by_timeline _coarse < _joined_anchors _matcher"
    ),
    "applications": (
        "_diagnosis _label_folder _names _sent _transfer < _action_table _many_files < "
        "_report"
    ),
    "cli": (
        "_arguments _lines < _gaps _parsers _pipe < _files < _extracted _inputs < "
        "_labels < _align _evaluate _extract _fit _label _live _name _predict _report "
        "_timeline < _main"
    ),
    "datasets": (
        "_arrays _pickled _synthetic _video_list < _recordings < _on_disk < _folder < "
        "_spar"
    ),
    "display": (
        "_fonts _saving _short < _drawn < _style < _barcode _history _known < "
        "_alignment _common_time _embedding _segmentation _timeline"
    ),
    "estimators": (
        "_base < _labelling _matching _streams < _reports < "
        "_aligner _joint _segmenter < _load"
    ),
    "features": "_backbones _decoding < _frame_features _synchronised < _sources",
    "io": (
        "_c3d _hdf5 _table _track < _text < _annotation _columns _corrections "
        "_deeplabcut _landmarks _subtitles _tracks < _clock _files _sources < "
        "_sensors < _poses < _any"
    ),
    "labels": (
        "_doubt _known _naming _outlook _stamps < _anchored _chained _reading < _seeds"
    ),
    "live": (
        "_chain _emissions _frames _missing _saved _usual < _habits < _answers "
        "_embedder _filter < _course _trial < _model < _tracker"
    ),
    "metrics": (
        "_compare _hiding _order < _baselines < _consistency _embeddings _matches "
        "_segmentation < _known _scorer"
    ),
    "nn": "encoders losses prototypes < _model",
    "options": "_kinds < _declare _settings < _groups",
    "persistence": "_arrays _timeline < _state < _digest _timeline_files",
    "preprocessing": (
        "_framewise _last_seen _levels _motion _repeatability _smoothing _spikes "
        "_standardizer < "
        "_drift _gaps _pipelines _related _running _tails < _bodies _causal "
        "_whitened < _poses < _features < _strangers"
    ),
    "report": "_corrections _media _page _poses _signals < _report_html",
    "segmentation": (
        "_chain _start < _choice < _labeller < _again _decoder < _named < _order < "
        "_boundaries < _joined _look"
    ),
    "tasks": "_segmentation _virtual < _alignment _vava < _registry",
    "testing": "_comparing < _checks < _estimators",
    "timeline": (
        "_alignability _carry _paths _segments _signals < "
        "_consult _cut _discriminants _principal _states < "
        "_average _count < _parts < _template < _order _partial < _model < "
        "_routes _settled < _timeline"
    ),
    "training": (
        "_adam _callbacks _distributed _labelled _randomness _sampling _survey < "
        "_objective < "
        "_loop < _checkpoint < _trainer"
    ),
    "transport": (
        "_checks _compiling _marginals _precision _result _short priors < "
        "_threads < _sinkhorn costs structures < _problem < "
        "_compat _iterations _kernels < _descent_kernel _reference < _solvers"
    ),
    "validation": "_naming < _parameters < _containers < _labels _videos",
    "videos": (
        "_containers _device _directions _frames _orphans _stored _streams _underflow "
        "_views < _anywhere _batch _jobs _succession"
    ),
}

MAX_MODULES_IN_THE_ROOT = 11


def _rows(text):
    return [row.split() for row in text.split("<")]


FLOOR = {room: floor for floor, row in enumerate(FLOORS) for room in row}
ROW = {
    f"skvas.{room}.{file}": row
    for room, text in ROOMS.items()
    for row, files in enumerate(_rows(text))
    for file in files
}

# These could be lifted out of the package: they import nothing above the first floor.
STANDALONE = {"transport"}

NO_TORCH = {
    "exceptions",
    "_optional",
    "_atomic",
    "_printing",
    "_product_threads",
    "_on_demand",
    "validation",
    "decoding",
    "skvas.videos._containers",
    "skvas.videos._directions",
    "skvas.videos._frames",
    "skvas.videos._stored",
    "skvas.videos._underflow",
    "skvas.videos._views",
    "skvas.persistence._arrays",
    "skvas.alignment._result",
    "skvas.alignment._path_cost",
    "applications",
    "metrics",
    "datasets",
    "io",
    "skvas.labels._naming",
    "skvas.labels._outlook",
    "skvas.labels._reading",
    "skvas.labels._seeds",
    "skvas.labels._stamps",
    "live",
    "preprocessing",
    "recipes",
    "report",
    "timeline",
}

# What is always installed may be imported at the top of a module; all else, in
# functions.
REQUIRED = {"numpy", "scipy", "sklearn", "torch", "joblib", "threadpoolctl"}
REFERENCE = "skvas.transport._reference"  # the one module that knows POT
# The modules that know numba; the first is written for it, and lazy.
COMPILED = (
    "skvas.transport._kernels",
    "skvas.transport._descent_kernel",
    "skvas._optional",
)


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


def place(module):
    """Return floor and row of a module; None where a table lacks it.

    The __init__ of a room lies above its files.
    """
    room = unit(module)
    if room not in FLOOR:
        return None
    if room not in ROOMS or module == f"skvas.{room}":
        return FLOOR[room], len(ROW)
    return (FLOOR[room], ROW[module]) if module in ROW else None


def faults_of_own(module, item, known):
    """Return what is wrong with an import of skvas from skvas."""
    target = item.target
    if target not in known:
        target = target.rpartition(".")[0]  # a name in a module
    if target not in known:
        return [f"{item.target} does not exist"]
    source, goal = unit(module), unit(target)
    here, there = place(module), place(target)
    faults = []
    goes_down = there is not None and (
        there[0] < here[0] or (source == goal and there[1] < here[1])
    )
    if not goes_down:
        faults.append(f"{module} may not import {target}: it goes up or sideways")
    if source in STANDALONE and source != goal and FLOOR.get(goal) != 0:
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
    if package == "torch" and not item.for_types and NO_TORCH & {module, unit(module)}:
        faults.append(f"{module} knows no torch")
    if package == "ot":
        if module != REFERENCE:
            faults.append(f"only {REFERENCE} imports POT")
    elif package == "numba":
        if module not in COMPILED or not (item.lazy or module == COMPILED[0]):
            faults.append(f"only {COMPILED} import numba")
    elif package not in REQUIRED and not (item.lazy or item.for_types):
        faults.append(f"{package} is optional: import it inside a function")
    if package in ("sklearn", "torch") and any(hidden(name) for name in path):
        faults.append(f"{item.target} is private")
    return faults


def faults(module, source, known):
    """Return all that is wrong with the imports of one module, one line each."""
    if place(module) is None:
        return [f"{module} is in no row of FLOORS or ROOMS"]
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


def test_tables_name_each_place_once_and_only_places_that_are_there():
    assert len(FLOOR) == sum(map(len, FLOORS))
    files = [file for text in ROOMS.values() for row in _rows(text) for file in row]
    assert len(ROW) == len(files)
    assert {m for m in MODULES if m.count(".") == 2} == ROW.keys()
    assert {unit(module) for module in MODULES} == FLOOR.keys()


def test_root_is_small_enough_to_take_in():
    in_root = {m for m, file in MODULES.items() if file.parent == ROOT / "skvas"}
    assert len(in_root) <= MAX_MODULES_IN_THE_ROOT


def test_tests_mirror_the_rooms():
    mirrored = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert ROOMS.keys() - mirrored == set()


@pytest.mark.parametrize(
    "package", [m for m, file in MODULES.items() if file.name == "__init__.py"]
)
def test_package_holds_only_imports_and_all(package):
    body = ast.parse(MODULES[package].read_text(encoding="utf-8")).body
    assert ast.get_docstring(ast.Module(body=body, type_ignores=[]))
    if package == "skvas":  # its names are imported when they are asked for
        return
    for node in body[1:]:
        names = {ast.unparse(t) for t in getattr(node, "targets", [])}
        is_import = isinstance(node, (ast.Import, ast.ImportFrom))
        assert is_import or (names and names <= {"__all__"}), ast.unparse(node)


LOADS = """
import importlib
import sys

for module in {modules}:
    importlib.import_module(module)
    assert "torch" not in sys.modules, f"{{module}} loads torch"
"""


def test_arrays_alone_load_no_torch():
    """Modules that name no torch load none by way of others, one after the other."""
    rooms = sorted(NO_TORCH & ROOMS.keys())
    assert {"datasets", "io", "metrics"} <= {*rooms}
    modules = ["skvas", *(f"skvas.{room}" for room in ("decoding", *rooms, "labels"))]
    source = LOADS.format(modules=modules)
    subprocess.run([sys.executable, "-c", source], check=True)


def test_public_names_are_the_lazy_ones():
    assert {*skvas.__all__} - {"__version__"} == skvas._HOMES.keys()
    assert all(getattr(skvas, name) is not None for name in skvas.__all__)
    assert {*dir(skvas)} == {*skvas.__all__, *skvas._ROOMS}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        skvas.nothing  # noqa: B018


def test_rooms_with_public_names_need_no_import_of_their_own():
    source = "import skvas\nassert skvas.datasets.make_videos(2).videos\n"
    source += "for room in skvas._ROOMS:\n    assert getattr(skvas, room).__all__"
    subprocess.run([sys.executable, "-c", source], check=True)
    documented = (ROOT / "docs/api.rst").read_text()
    rooms = re.findall(r"^\.\. currentmodule:: skvas\.(\w+)$", documented, re.MULTILINE)
    assert {*rooms} == {*skvas._ROOMS}


KNOWN = {
    name: None
    for name in [
        "skvas",
        "skvas.estimators._base",
        "skvas.estimators._joint",
        "skvas.estimators._aligner",
        "skvas._typing",
        "skvas.metrics",
        "skvas.metrics._compare",
        "skvas.metrics._scorer",
        "skvas.datasets",
        "skvas.transport",
        "skvas.transport._reference",
        "skvas.transport._solvers",
        "skvas.validation",
    ]
}
JOINT, BASE = "skvas.estimators._joint", "skvas.estimators._base"


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("skvas._nowhere", "", "no row"),
        ("skvas.metrics._nowhere", "", "no row"),
        ("skvas.metrics", "from . import _compare", "absolute"),
        ("skvas.metrics", f"from {BASE} import x", "up or sideways"),
        ("skvas.metrics", "from skvas import __version__", "up or sideways"),
        ("skvas.datasets", "from skvas import transport", "up or sideways"),
        ("skvas.metrics._compare", "import skvas.metrics._scorer", "up or sideways"),
        ("skvas.metrics._compare", "from skvas.metrics import x", "up or sideways"),
        (
            "skvas.transport._reference",
            "def f():\n  from skvas.transport._solvers import x",
            "up or sideways",
        ),
        (JOINT, "import skvas.estimators._aligner", "up or sideways"),
        (JOINT, "def f():\n  from skvas.estimators._aligner import x", "sideways"),
        ("skvas.transport", "from skvas.validation import x", "stands alone"),
        ("skvas.transport", "import skvas.transport._reference", "when asked for"),
        ("skvas.metrics", "from skvas.gone import x", "does not exist"),
        ("skvas.metrics._compare", "from torch import nn", "no torch"),
        ("skvas.validation", "def f():\n  import torch", "no torch"),
        ("skvas.transport", "def f():\n  import ot", "only"),
        ("skvas.metrics", "import matplotlib", "optional"),
        ("skvas.metrics", "class A:\n  import seglearn", "optional"),
        ("skvas.metrics", "from sklearn.utils._tags import x", "private"),
        ("skvas.metrics", "from sklearn.base import _fit_context", "private"),
        (BASE, "import torch._dynamo", "private"),
        (BASE, "import torch\ntorch._C.f()", "private attribute"),
        (BASE, "import sklearn as s\ns.utils._x", "private attribute"),
    ],
)
def test_checker_sees_a_broken_rule(module, source, reason):
    (fault,) = faults(module, source, KNOWN)
    assert reason in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skvas", f"from {JOINT} import x"),
        (JOINT, f"from {BASE} import x\nimport torch, joblib, os.path"),
        (
            "skvas.metrics",
            "from skvas.metrics._compare import x\nimport skvas.validation",
        ),
        ("skvas.metrics", "def f():\n  import pandas"),
        (BASE, "import torch, sklearn\ntorch.__version__, sklearn.utils.x"),
        ("skvas.transport._reference", "import ot, numpy\nfrom skvas._typing import x"),
        ("skvas.transport", "def f():\n  from skvas.transport._reference import x"),
        (BASE, "if TYPE_CHECKING:\n  from matplotlib.axes import Axes"),
    ],
)
def test_checker_lets_good_imports_pass(module, source):
    assert faults(module, source, KNOWN) == []
