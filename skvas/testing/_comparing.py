"""Data, results and comparisons shared by the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skvas.datasets import make_videos

Videos = list[np.ndarray]

METHODS = ("predict", "predict_proba", "transform", "match")
# Relative and absolute tolerance of numbers whose rounding may differ, between batches
# and numbers of threads. Labels must be equal.
TOLERANCE = 1e-5


def _objects(videos: Videos) -> np.ndarray:
    objects = np.empty(len(videos), dtype=object)
    objects[:] = videos
    return objects


def _sealed(video: np.ndarray) -> np.ndarray:
    copy = video.copy()
    copy.flags.writeable = False
    return copy


CONTAINERS: dict[str, Callable[[Videos], Any]] = {
    "in a tuple": tuple,
    "in an object array": _objects,
    "in a 3-D array": np.stack,
}
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran order": np.asfortranarray,
    "strides": lambda video: np.repeat(video, 2, axis=0)[::2],
    "negative strides": lambda video: video[::-1].copy()[::-1],
    "the other byte order": lambda video: video.astype(video.dtype.newbyteorder()),
    "read-only memory": _sealed,
}


def make_data(n_features: int = 5) -> Videos:
    videos: Videos = make_videos(
        5, n_actions=3, n_frames=(30, 40), n_features=n_features, random_state=0
    ).videos
    return videos


def seeded(estimator: Any) -> Any:
    """Clone an estimator and set its random states of None to 0."""
    seeds = {
        name: 0
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return clone(estimator).set_params(**seeds)


def fit(estimator: Any, videos: Any = None) -> Any:
    return seeded(estimator).fit(make_data() if videos is None else videos)


def methods_of(estimator: Any) -> list[str]:
    return [method for method in METHODS if hasattr(estimator, method)]


def outputs(fitted: Any, videos: Any) -> dict[str, list[Any]]:
    """Return the results of each method, one array for each video."""
    one = isinstance(videos, np.ndarray) and videos.ndim == 2
    found = {}
    for method in methods_of(fitted):
        results = getattr(fitted, method)(videos)
        found[method] = [np.asarray(r) for r in ([results] if one else results)]
    return found


def is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def require(condition: bool, otherwise: str) -> None:
    """Raise AssertionError unless a condition holds, under ``python -O`` too."""
    if not condition:
        raise AssertionError(otherwise)


def _compare(
    expected: Mapping[str, Sequence[Any]],
    found: Mapping[str, Sequence[Any]],
    what: str,
    same: Callable[[Any, Any], bool],
) -> None:
    require(found.keys() == expected.keys(), f"{what}: other methods")
    for method, results in expected.items():
        require(
            len(found[method]) == len(results),
            f"{method} {what}: {len(found[method])} results for {len(results)} videos",
        )
        pairs = zip(results, found[method], strict=True)
        for index, (ours, theirs) in enumerate(pairs):
            require(
                same(np.asarray(ours), np.asarray(theirs)),
                f"{method} {what}: video {index} differs",
            )


def require_equal(expected: Any, found: Any, what: str) -> None:
    """Require equal results, bit for bit."""
    _compare(expected, found, what, np.array_equal)


def require_close(expected: Any, found: Any, what: str) -> None:
    """Require equal labels, and numbers equal up to rounding."""
    _compare(expected, found, what, _close)


def _close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    if ours.dtype.kind != "f" or ours.shape != theirs.shape:
        return np.array_equal(ours, theirs)
    return np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


def require_state(estimator: Any, before: dict[str, Any], what: str) -> None:
    """Require that attributes are the same objects as before."""
    now = vars(estimator)
    changed = now.keys() ^ before.keys()
    changed |= {name for name in now.keys() & before if now[name] is not before[name]}
    # A pipeline makes a new list of the steps that it had.
    if isinstance(estimator, Pipeline) and estimator.steps == before["steps"]:
        changed.discard("steps")
    named = ", ".join(sorted(changed))
    require(not changed, f"{what} changed the attribute(s) {named}")


def require_error(
    kinds: tuple[type[Exception], ...], call: Callable[[], Any], says: str = ""
) -> None:
    """Require an error of one of several kinds, with a text in its message."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        call()
    except kinds as error:
        require(says in str(error), f'"{says}" is not in the message "{error}"')
    except Exception as error:
        raise AssertionError(f"raised {type(error).__name__}, not {names}") from error
    else:
        raise AssertionError(f"did not raise {names}")


def require_refusal(
    fitted: Any,
    method: str,
    videos: Any,
    *kinds: type[Exception],
    says: str = "",
) -> None:
    """Require an error, and that the estimator is unchanged."""
    before = vars(fitted).copy()
    try:
        require_error(kinds, lambda: getattr(fitted, method)(videos), says)
    except AssertionError as error:
        raise AssertionError(f"{method}: {error}") from error.__cause__
    require_state(fitted, before, f"a {method} that failed")


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def other_global_seeds() -> Iterator[None]:
    """Advance the global generators inside the block."""
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.rand(1)
        np.random.random_sample()  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def global_state() -> dict[str, Any]:
    """Return the global state that no estimator may change."""
    numbers: Any = np.random.get_state()  # noqa: NPY002
    return {
        "numpy's global generator": numbers[1].copy(),
        "torch's global generator": torch.get_rng_state().numpy(),
        "the number of torch's threads": torch.get_num_threads(),
        "torch's default dtype": str(torch.get_default_dtype()),
        "torch's gradient switch": torch.is_grad_enabled(),
    }
