"""Run the benchmarks of this checkout and of an older one, case by case in turn.

``python -m benchmarks.against OLDER_CHECKOUT``. Each case runs in a process of its own,
with the checkout's own benchmarks, without other people's solvers; which of the two is
first changes from case to case.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.arguments import folder
from benchmarks.measure import in_words, machine
from benchmarks.report import GIVEN, table

# Objectives that differ by less than this share say nothing.
SAME = 1e-4
RUN = """
from benchmarks import rivals
rivals.installed = dict
from benchmarks.__main__ import main
main()
"""


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against", description=__doc__
    )
    parser.add_argument("older", type=folder, help="a checkout of another commit")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="some of the cases")
    here = Path(__file__).parent
    out = here / "results" / "against.md"
    parser.add_argument("--out", type=Path, default=out)
    arguments = parser.parse_args()
    from benchmarks.arguments import pick
    from benchmarks.cases import CASES

    names = list(pick(CASES, arguments.only, "case"))
    new = here.parent
    lines = _header(new, arguments.older)
    for turn, name in enumerate(names):
        print(f"# {name}", flush=True)
        order = (new, arguments.older) if turn % 2 else (arguments.older, new)
        measure = _segmentations if name == "segmentations" else _rows
        rows = {folder: measure(folder, name, arguments.quick) for folder in order}
        found = compare(rows[arguments.older], rows[new])
        lines += [f"## {name}", "", *table(found), ""]
        print("\n".join(table(found)), flush=True)
        arguments.out.write_text("\n".join(lines), encoding="utf-8")


def _header(new, old):
    return [
        f"# {_commit(new)} beside {_commit(old)}",
        "",
        f"{in_words(machine())}. Load at the start {os.getloadavg()[0]:.1f}. Best of "
        "three, on one thread unless said; seconds are those of the CPU on one thread, "
        "of the wall on two. The ratio is new over old. Objectives that agree to four "
        "digits are left out.",
        "",
    ]


def _commit(folder):
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder} is no checkout: {done.stderr.strip()}")
    return done.stdout.strip()


def _rows(folder, name, quick):
    with TemporaryDirectory() as out:
        command = [sys.executable, "-c", RUN, "--only", name, "--out", out]
        paths = os.pathsep.join(
            [str(folder.resolve()), os.environ.get("PYTHONPATH", "")]
        )
        subprocess.run(
            command + ["--quick"] * quick,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths},
            check=True,
        )
        found = json.loads(Path(out, "results.json").read_text(encoding="utf-8"))
    return found[name]["rows"]


def _segmentations(folder, name, quick):
    """Time what older checkouts have no case of, with and without numba."""
    folder, found = folder.resolve(), {}
    for path in ("numba", "torch"):
        with TemporaryDirectory() as out:
            file = Path(out, f"{name}.json")
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            command += [str(folder), str(file)] + ["--quick"] * quick
            command += ["--without-numba"] * (path == "torch")
            subprocess.run(command, cwd=Path(__file__).parents[1], check=True)
            found[path] = json.loads(file.read_text(encoding="utf-8"))
    for numba, torch in zip(found["numba"], found["torch"], strict=True):
        numba["skvas numba"] = numba.pop("seconds")
        numba["skvas torch"] = torch["seconds"]
    return found["numba"]


def compare(old, new):
    """Return one row a figure that both have: which, old, new, and new over old."""
    rows = []
    for before, after in zip(old, new, strict=False):
        given = {k: v for k, v in after.items() if k in GIVEN or isinstance(v, str)}
        which = ", ".join(f"{name} {value}" for name, value in given.items())
        for name, value in after.items():
            was = before.get(name)
            if name in given or not (_number(value) and _number(was)):
                continue
            ratio = value / was if was else None
            if name.endswith("objective") and ratio and abs(ratio - 1) < SAME:
                continue
            rows.append(
                {"of": which, "figure": name, "old": was, "new": value, "ratio": ratio}
            )
    return rows


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


if __name__ == "__main__":
    main()
