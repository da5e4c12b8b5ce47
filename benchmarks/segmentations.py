"""Time segmentations by the solver of any checkout, on the problems of this one.

``python -m benchmarks.segmentations CHECKOUT OUT``, for `benchmarks.against`: older
checkouts have no such case of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.arguments import folder


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.segmentations", description=__doc__
    )
    parser.add_argument("checkout", type=folder)
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--without-numba", action="store_true")
    arguments = parser.parse_args()
    # Before anything of skvas is imported.
    sys.path.insert(0, str(arguments.checkout.resolve()))
    if arguments.without_numba:
        sys.modules["numba"] = None
    import torch

    from benchmarks import problems
    from benchmarks.measure import best_of, say

    torch.set_num_threads(1)
    rows = []
    for row, _, run in problems.relaxed_segmentations(arguments.quick):
        rows.append(row | {"seconds": best_of(run, repeats=40)})
        say(rows[-1])
    arguments.out.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
