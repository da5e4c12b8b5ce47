"""Run the benchmarks: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.arguments import count, out_folder, pick


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: two minutes")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="CASE",
        help="some of the cases, beside the results of the others that are there",
    )
    parser.add_argument("--threads", type=count, default=1)
    here = Path(__file__).parent / "results"
    parser.add_argument("--out", type=out_folder, default=here)
    arguments = parser.parse_args()
    # Before torch and jax are imported: they read their limits once.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(2, arguments.threads)))
    one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if arguments.threads == 1:
        os.environ.setdefault("XLA_FLAGS", one)

    import torch

    from benchmarks.cases import CASES
    from benchmarks.measure import machine, threads
    from benchmarks.report import read, write

    chosen = pick(CASES, arguments.only, "case")
    torch.set_num_threads(arguments.threads)
    about = machine() | {"threads": arguments.threads}
    results = read(arguments.out, about) if arguments.only else {}
    for name, case in chosen.items():
        print(f"# {name}", flush=True)
        load = os.getloadavg()[0]
        with threads(arguments.threads):
            rows = case(arguments.quick, arguments.threads)
        results[name] = {"load": round(load, 1), "rows": rows}
        write(arguments.out, about, results, case_docs=CASES)


if __name__ == "__main__":
    main()
