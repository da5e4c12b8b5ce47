"""Change one operator or number of a module at a time, and see whether tests notice.

``python -m tests.mutants skvas/transport/priors.py tests/transport/test_priors.py``
runs the tests once for each change, in a process forked from one that has all other
packages loaded, and prints the changes that no test noticed. The first failure ends a
run, so name the quick tests first. ``--sample 50`` draws some of the changes, and
``--lines 10-40`` takes those of some lines. Nothing in the checkout is changed. Needs
forks, so not for Windows.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import gc
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
OPTIONS = ["-x", "-q", "-o", "pythonpath=", "-p", "no:cacheprovider"]
# Collects garbage at the end of each run, which takes longer than many a run.
OPTIONS += ["-p", "no:unraisableexception"]
SWAPS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def changed(node):
    """Return a changed copy of a node, or None."""
    other = copy.deepcopy(node)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        other.ops[0] = SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.UnaryOp):
        other = other.operand
    elif type(getattr(node, "op", None)) in SWAPS:  # of two numbers, or of two facts
        other.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        other.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        other.value = node.value + 1
    else:
        return None
    return ast.copy_location(other, node)


def mutants(source):
    """Yield the line, the old and the new text of each change, and the new source."""
    tree = ast.parse(source)

    def visit(node):
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            items = value if isinstance(value, list) else [value]
            for index, item in enumerate(items):
                if not isinstance(item, ast.AST):
                    continue
                other = changed(item)
                if other is not None:
                    if isinstance(value, list):
                        value[index] = other
                    else:
                        setattr(node, field, other)
                    text = ast.unparse(ast.fix_missing_locations(tree))
                    yield item.lineno, ast.unparse(item), ast.unparse(other), text
                    if isinstance(value, list):
                        value[index] = item
                    else:
                        setattr(node, field, item)
                yield from visit(item)

    yield from visit(tree)


def notice(module, source, tests, limit):
    """Tell whether tests fail, or do not end, with another source of a module."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(ROOT / "skvas", place / "skvas")
        (place / module).write_text(source, encoding="utf-8")
        child = os.fork()
        if child == 0:
            os.chdir(ROOT)
            sys.path.insert(0, folder)
            with contextlib.redirect_stdout(io.StringIO()):
                code = pytest.main([*OPTIONS, *tests])
            os._exit(int(code))
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status != 0
            time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True


def load(tests):
    """Import what tests import, and forget the checkout's part of it.

    No test runs here: threads that it started would be missed in forked processes.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*OPTIONS, "--collect-only", *tests])
    torch.testing.assert_close(torch.ones(1), torch.ones(1))  # imports at its first use
    for name in list(sys.modules):
        if name.partition(".")[0] in ("skvas", "tests"):
            del sys.modules[name]
    gc.freeze()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--lines", help="first-last")
    options = parser.parse_args()
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != ROOT]
    sys.path.append(str(ROOT))  # for tests/; skvas is that of the copy
    os.environ.setdefault("HYPOTHESIS_PROFILE", "mutants")
    torch.set_num_threads(1)
    load(options.tests)
    source = (ROOT / options.module).read_text(encoding="utf-8")
    start = time.monotonic()
    if notice(options.module, source, options.tests, 600):
        sys.exit("the tests fail without a change")
    limit = 10 + 5 * (time.monotonic() - start)  # what takes longer does not end
    found = list(mutants(source))
    if options.lines is not None:
        first, last = map(int, options.lines.split("-"))
        found = [mutant for mutant in found if first <= mutant[0] <= last]
    if options.sample is not None and options.sample < len(found):
        found = sorted(random.Random(0).sample(found, options.sample))
    survivors = 0
    for line, old, new, text in found:
        if not notice(options.module, text, options.tests, limit):
            survivors += 1
            print(f"{options.module}:{line}: {old} -> {new}", flush=True)
    print(f"{options.module}: {survivors} of {len(found)} changes were not noticed")


if __name__ == "__main__":
    main()
