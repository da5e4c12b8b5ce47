"""Public functions that run, list and parametrise the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.utils import get_tags

from skvas._optional import import_optional
from skvas.testing._checks import CHECKS, Check

if TYPE_CHECKING:
    import pytest

Reasons = Mapping[str, str]


def check_video_estimator(
    estimator: Any, *, expected_failed_checks: Reasons | None = None
) -> None:
    """Check that an estimator handles videos as the estimators of skvas do.

    The checks require that

    - a list, a tuple, an object array and a 3-D array of the same videos have equal
      results, and a list of one video has the result of the video;
    - the result of a video depends on that video alone, and not on the other videos,
      their lengths or order, memory layout, or the number of processes and threads;
    - clones, pickles, second fits and cross-validation reproduce the first fit;
    - invalid input raises an error and leaves the estimator unchanged.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator that is fast to fit. It is cloned, and random states of
        None are set to 0. The checks cover those of its methods `predict`,
        `predict_proba`, `transform`, `match` and `score` that exist.
    expected_failed_checks : dict of str to str, default=None
        Reasons for expected failures, by the name of the check.

    Raises
    ------
    AssertionError
        If a check fails, or passes although its failure is expected. The message lists
        all such checks and their faults.
    ValueError
        If a name in `expected_failed_checks` is not the name of a check.

    See Also
    --------
    list_video_checks : The checks, to run one at a time.
    parametrize_with_video_checks : The checks, as one pytest test each.

    Notes
    -----
    The data are five synthetic videos of 30 to 40 frames, with 5 features and 3
    actions. Checks that do not apply are left out, such as the check of `n_jobs` for an
    estimator without this parameter. `sklearn.utils.estimator_checks.check_estimator`
    checks an estimator with single videos only; run it as well.

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
        listing = "\n  ".join(fault for fault, _ in faults)
        raise AssertionError(
            f"{type(estimator).__name__} fails {len(faults)} of {len(checks)} checks:"
            f"\n  {listing}"
        ) from faults[0][1]


def list_video_checks(estimator: Any) -> dict[str, Check]:
    """List the checks that apply to an estimator.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator.

    Returns
    -------
    dict of str to callable
        The checks by name. A check is a function of an unfitted estimator, which it
        clones. It returns None, or raises AssertionError or an error of the estimator.

    See Also
    --------
    check_video_estimator : Run all of them.

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
) -> pytest.MarkDecorator:
    """Parametrise a pytest test with each check of each estimator.

    It needs pytest. A check with an expected failure is a strict `xfail`.

    Parameters
    ----------
    estimators : sequence of estimators
        Unfitted estimators, as for :func:`check_video_estimator`.
    expected_failed_checks : callable, default=None
        A function from an estimator to a dict: reasons for its expected failures, by
        the name of the check.

    Returns
    -------
    pytest.MarkDecorator
        Decorator of a test with the arguments `estimator` and `check`.

    See Also
    --------
    check_video_estimator : Run all of them at once.

    Examples
    --------
    >>> from skvas.preprocessing import VideoStandardizer
    >>> from skvas.testing import parametrize_with_video_checks
    >>> @parametrize_with_video_checks([VideoStandardizer()])
    ... def test_video_check_passes(estimator, check):
    ...     check(estimator)
    """
    package = import_optional("pytest", "test")
    mark = package.mark
    cases = []
    for estimator in estimators:
        reasons = expected_failed_checks(estimator) if expected_failed_checks else {}
        _check_names(reasons)
        for name, check in list_video_checks(estimator).items():
            marks = (
                mark.xfail(strict=True, reason=reasons[name]) if name in reasons else ()
            )
            shown = f"{type(estimator).__name__}-{name}"
            cases.append(package.param(estimator, check, marks=marks, id=shown))
    decorator: pytest.MarkDecorator = mark.parametrize(("estimator", "check"), cases)
    return decorator


def _check_names(reasons: Reasons) -> None:
    unknown = sorted(set(reasons) - {check.__name__ for check in CHECKS})
    if unknown:
        raise ValueError(
            f"expected_failed_checks has {unknown}, which are not names of checks; see "
            "list_video_checks."
        )


def _first_line(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return text if isinstance(error, AssertionError) else repr(error)
