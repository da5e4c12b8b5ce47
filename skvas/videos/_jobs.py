"""Decoding of many videos: in batches of like lengths, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend

from skvas._on_demand import lengths_of
from skvas._printing import tell
from skvas.transport._threads import spare_threads
from skvas.videos._orphans import EndingWithParent

# Frames that one job decodes: enough to be worth a process.
FRAMES_A_JOB = 20_000
# Videos are decoded in batches of at most so many entries of padded plans, of which at
# most this share of the real ones is padding.
ENTRIES_A_BATCH, PADDING = 1 << 20, 0.25


def decode_in_jobs(
    decode: Callable[..., list[Any]],
    videos: Sequence[Any],
    common: tuple[Any, ...],
    *,
    width: int,
    n_jobs: int | None,
    step: str,
) -> list[Any]:
    """Decode videos in batches of similar length, in several processes.

    The lengths alone decide which videos share a batch: results are the same for any
    number of processes.

    Parameters
    ----------
    decode : callable
        From a list of videos, and the arguments that all share, to a list of results.
    videos : sequence
        Embedded videos.
    common : tuple
        Arguments that all videos share.
    width : int
        Width of the transport plans.
    n_jobs : int or None
        Processes, by joblib.
    step : str
        What is done, for those who follow the progress.

    Returns
    -------
    list
        One result a video.
    """
    lengths = lengths_of(videos)
    groups = group_by_length(lengths, width)
    tell(step, 0, len(videos))
    backend, _ = get_active_backend()
    one_by_one = getattr(backend, "supports_return_generator", False)
    done = Parallel(n_jobs=n_jobs, return_as="generator" if one_by_one else "list")(
        delayed(EndingWithParent(_decode_groups))(
            decode, [[videos[i] for i in group] for group in job], common
        )
        for job in _split_into_jobs(groups, lengths)
    )
    results: list[Any] = [None] * len(videos)
    order = [index for group in groups for index in group]
    decoded: list[Any] = []
    for job in done:
        decoded += job
        tell(step, len(decoded), len(videos))
    for index, result in zip(order, decoded, strict=True):
        results[index] = result
    return results


def group_by_length(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Group videos of similar length into batches of bounded size.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each video.
    width : int
        Width of the transport plans.

    Returns
    -------
    list of list of int
        Positions, from the shortest to the longest video; each in one group.
    """
    groups: list[list[int]] = []
    real = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        padded = lengths[index] * (len(groups[-1]) + 1) if groups else 0
        real += lengths[index]
        wasted = padded > (1 + PADDING) * real
        if not groups or wasted or padded * width > ENTRIES_A_BATCH:
            groups.append([])
            real = lengths[index]
        groups[-1].append(index)
    return groups


def _split_into_jobs(
    groups: list[list[int]], lengths: Sequence[int]
) -> list[list[list[int]]]:
    jobs: list[list[list[int]]] = [[]]
    size = 0
    for group in groups:
        if size >= FRAMES_A_JOB:
            jobs.append([])
            size = 0
        jobs[-1].append(group)
        size += sum(lengths[index] for index in group)
    return jobs


@spare_threads()
def _decode_groups(
    decode: Callable[..., list[Any]],
    groups: Sequence[list[Any]],
    common: tuple[Any, ...],
) -> list[Any]:
    with torch.no_grad():
        return [result for group in groups for result in decode(group, *common)]
