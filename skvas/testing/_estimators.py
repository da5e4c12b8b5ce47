"""The public checks: all of them in one call, one at a time, or one test each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.utils import get_tags

from skvas._optional import import_optional
from skvas.testing._checks import CHECKS, Check

Reasons = Mapping[str, str]


def check_video_estimator(
    estimator: Any, *, expected_failed_checks: Reasons | None = None
) -> None:
    """Check that an estimator treats videos as those of skvas do.

    A list, a tuple, an object array and a 3-D array of the same videos are the same; a
    list of one video gives what the video gives. What is said of a video depends on it
    alone: not on its neighbours, their lengths or order, not on how its numbers lie in
    memory, not on processes and threads. Clones, pickles, second fits and
    cross-validation do what the first fit did. What cannot be used is refused, and
    changes nothing.

    Parameters
    ----------
    estimator : estimator
        Unfitted, and quick to fit; it is cloned. Random states that are None are set to
        0. Of its methods `predict`, `predict_proba`, `transform`, `match` and `score`
        those are checked that it has.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that the estimator is known to fail, and why.

    Raises
    ------
    AssertionError
        If a check fails, or passes although it was expected to fail; names all of
        those, with what is wrong.
    ValueError
        If a name in `expected_failed_checks` is that of no check.

    See Also
    --------
    list_video_checks : The checks, to run one at a time.
    parametrize_with_video_checks : The same, one pytest test a check.

    Notes
    -----
    The videos are synthetic: five of 30 to 40 frames, 5 features and 3 actions. A check
    that an estimator can't be put to, such as that of `n_jobs` where there is no such
    parameter, is left out. `sklearn.utils.estimator_checks.check_estimator` sees only
    estimators that take one video; run it as well.

    Examples
    --------
    >>> from skvas.preprocessing import VideoStandardizer
    >>> from skvas.testing import check_video_estimator
    >>> check_video_estimator(VideoStandardizer())
    """
    checks, reasons = list_video_checks(estimator), expected_failed_checks or {}
    _check_names(reasons)
    faults: list[tuple[str, Exception | None]] = []
    for name, check in checks.items():
        try:
            check(estimator)
        except Exception as error:
            if name not in reasons:
                faults.append((f"{name}: {_first_line(error)}", error))
        else:
            if name in reasons:
                faults.append((f"{name}: passes, but was expected to fail", None))
    if faults:
        told = "\n  ".join(fault for fault, _ in faults)
        raise AssertionError(
            f"{type(estimator).__name__} fails {len(faults)} of {len(checks)} checks:"
            f"\n  {told}"
        ) from faults[0][1]


def list_video_checks(estimator: Any) -> dict[str, Check]:
    """List the checks that an estimator can be put to.

    Parameters
    ----------
    estimator : estimator
        Unfitted.

    Returns
    -------
    dict of str to callable
        By its name, each check: a function of an unfitted estimator, which it clones.
        It raises AssertionError, or whatever the estimator raises, and returns nothing.

    Examples
    --------
    >>> from skvas.preprocessing import VideoStandardizer
    >>> from skvas.testing import list_video_checks
    >>> checks = list_video_checks(VideoStandardizer())
    >>> "check_order_of_videos" in checks, "check_n_jobs" in checks
    (True, False)
    >>> checks["check_order_of_videos"](VideoStandardizer())
    """
    parameters = estimator.get_params()
    left_out = {
        name: not applies
        for name, applies in {
            "check_n_jobs": "n_jobs" in parameters,
            "check_batch_size": "batch_size" in parameters,
            "check_nan_is_refused": not get_tags(estimator).input_tags.allow_nan,
            "check_cross_validated_predictions": hasattr(estimator, "predict"),
            "check_cross_validated_scores": hasattr(estimator, "score"),
        }.items()
    }
    return {
        check.__name__: check
        for check in CHECKS
        if not left_out.get(check.__name__, False)
    }


def parametrize_with_video_checks(
    estimators: Sequence[Any],
    *,
    expected_failed_checks: Callable[[Any], Reasons] | None = None,
) -> Any:
    """Make a pytest test of each check of each estimator.

    Needs pytest. A check that is expected to fail is a strict `xfail`.

    Parameters
    ----------
    estimators : sequence of estimators
        Unfitted, as for :func:`check_video_estimator`.
    expected_failed_checks : callable, default=None
        From an estimator to a dict of names of checks that it is known to fail, and
        why.

    Returns
    -------
    decorator
        For a test with the arguments `estimator` and `check`.

    Examples
    --------
    >>> from skvas.preprocessing import VideoStandardizer
    >>> from skvas.testing import parametrize_with_video_checks
    >>> @parametrize_with_video_checks([VideoStandardizer()])
    ... def test_video_check_passes(estimator, check):
    ...     check(estimator)
    """
    pytest = import_optional("pytest", "test")
    cases = []
    for estimator in estimators:
        reasons = expected_failed_checks(estimator) if expected_failed_checks else {}
        _check_names(reasons)
        for name, check in list_video_checks(estimator).items():
            marks = (
                pytest.mark.xfail(strict=True, reason=reasons[name])
                if name in reasons
                else ()
            )
            shown = f"{type(estimator).__name__}-{name}"
            cases.append(pytest.param(estimator, check, marks=marks, id=shown))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _check_names(reasons: Reasons) -> None:
    unknown = sorted(set(reasons) - {check.__name__ for check in CHECKS})
    if unknown:
        raise ValueError(
            f"expected_failed_checks names {unknown}, which are no checks; see "
            "list_video_checks."
        )


def _first_line(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return text if isinstance(error, AssertionError) else repr(error)
