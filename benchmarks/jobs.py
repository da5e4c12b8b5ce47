"""Runs of a benchmark side by side: in processes, or on a cluster of Dask."""

from __future__ import annotations

import contextlib

import joblib

from benchmarks.arguments import n_jobs


def add_options(parser):
    """Let the command line say how many runs are made at a time, and where."""
    parser.add_argument(
        "--jobs", type=n_jobs, default=1, help="runs at a time; seconds are then larger"
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="scheduler of Dask whose workers run"
    )


def run_all(tasks, options):
    """Yield the results of tasks, each as soon as all that started with it are over.

    Parameters
    ----------
    tasks : list of tuple
        A function and its arguments each.
    options : Namespace
        With what `add_options` adds.
    """
    delayed = [joblib.delayed(function)(*arguments) for function, *arguments in tasks]
    with contextlib.ExitStack() as stack:
        if options.cluster is not None:
            from dask.distributed import Client

            stack.enter_context(Client(options.cluster))
            stack.enter_context(joblib.parallel_config("dask"))
        parallel = stack.enter_context(joblib.Parallel(n_jobs=options.jobs))
        at_once = joblib.effective_n_jobs(options.jobs)
        for start in range(0, len(delayed), at_once):
            yield from parallel(delayed[start : start + at_once])
