"""The checks: each requires one property of an unfitted estimator."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.utils.validation import check_is_fitted

from skvas.testing._comparing import (
    CONTAINERS,
    LAYOUTS,
    METHODS,
    fit,
    global_state,
    is_learned,
    make_data,
    methods_of,
    other_global_seeds,
    outputs,
    require,
    require_close,
    require_equal,
    require_error,
    require_refusal,
    require_state,
    seeded,
    torch_threads,
)

Check = Callable[[Any], None]


def check_some_method(estimator: Any) -> None:
    """Require a method with a result for each video."""
    named = ", ".join(METHODS)
    require(
        bool(methods_of(fit(estimator))),
        f"the estimator has none of the methods {named}",
    )


def check_one_result_a_frame(estimator: Any) -> None:
    """Require one result for each frame."""
    videos = make_data()
    for method, results in outputs(fit(estimator), videos).items():
        for index, (result, video) in enumerate(zip(results, videos, strict=True)):
            require(
                len(result) == len(video),
                f"{method}: {len(result)} results for the {len(video)} frames of "
                f"video {index}",
            )


def check_containers(estimator: Any) -> None:
    """Require equal results for a list, a tuple, an object array and a 3-D array."""
    shortest = min(map(len, make_data()))
    videos = [video[:shortest] for video in make_data()]
    expected = outputs(fit(estimator, videos), videos)
    for what, make in CONTAINERS.items():
        fitted = fit(estimator, make(videos))
        require_equal(expected, outputs(fitted, make(videos)), what)


def check_list_of_one_video(estimator: Any) -> None:
    """Require equal results for a video and for a list of that video."""
    fitted = fit(estimator)
    for video in make_data():
        alone, listed = outputs(fitted, video), outputs(fitted, [video])
        require_equal(alone, listed, "a list of one video")


def check_fit_on_one_video(estimator: Any) -> None:
    """Require equal fits on a video and on a list of that video."""
    videos = make_data()
    expected = outputs(fit(estimator, videos[0]), videos)
    found = outputs(fit(estimator, videos[:1]), videos)
    require_equal(expected, found, "after fit on a list of one video")


def check_order_of_videos(estimator: Any) -> None:
    """Require permuted results for permuted videos."""
    videos, fitted = make_data(), fit(estimator)
    backwards = outputs(fitted, videos[::-1])
    found = {method: results[::-1] for method, results in backwards.items()}
    require_close(outputs(fitted, videos), found, "in another order")


def check_video_alone(estimator: Any) -> None:
    """Require that the results of a video do not depend on other videos."""
    videos, fitted = make_data(), fit(estimator)
    apart = [outputs(fitted, [video]) for video in videos]
    found = {method: [one[method][0] for one in apart] for method in apart[0]}
    require_close(outputs(fitted, videos), found, "each video alone")


def check_added_videos(estimator: Any) -> None:
    """Require that results do not depend on added videos."""
    videos, fitted = make_data(), fit(estimator)
    expected = outputs(fitted, videos)
    longer = np.concatenate([videos[1]] * 4)
    for what, more in {
        "a longer video": [longer],
        "a shorter video": [videos[1][:7]],
        "the same video again": [videos[0]],
        "numbers far larger": [videos[1] * 1000],
    }.items():
        together = outputs(fitted, [*videos, *more])
        found = {method: results[: len(videos)] for method, results in together.items()}
        require_close(expected, found, f"beside {what}")


def check_batch_size(estimator: Any) -> None:
    """Require that results do not depend on the batch size."""
    videos, fitted = make_data(), fit(estimator)
    expected = outputs(fitted, videos)
    for size in (1, 2, 7, 100):
        found = outputs(fitted.set_params(batch_size=size), videos)
        require_close(expected, found, f"with batch_size={size}")


def check_n_jobs(estimator: Any) -> None:
    """Require equal results, bit for bit, in any number of processes."""
    videos, fitted = make_data(), fit(estimator)
    expected = outputs(fitted.set_params(n_jobs=1), videos)
    for n_jobs in (2, -1):
        found = outputs(fitted.set_params(n_jobs=n_jobs), videos)
        require_equal(expected, found, f"with n_jobs={n_jobs}")


def check_torch_threads(estimator: Any) -> None:
    """Require that results do not depend on the number of torch's threads."""
    videos, fitted = make_data(), fit(estimator)
    expected = outputs(fitted, videos)
    for threads in (1, 2):
        with torch_threads(threads):
            found = outputs(fitted, videos)
        require_close(expected, found, f"on {threads} thread(s) of torch")


def check_dtypes(estimator: Any) -> None:
    """Require that results do not depend on the type of the numbers."""
    whole = [np.rint(video * 8).clip(-100, 100) for video in make_data()]
    fitted = fit(estimator, whole)
    expected = outputs(fitted, [video.astype(np.float64) for video in whole])
    for kind in ("float32", "float16", "int8", "int64"):
        found = outputs(fitted, [video.astype(kind) for video in whole])
        require_close(expected, found, f"of {kind}")


def check_memory_layouts(estimator: Any) -> None:
    """Require that results do not depend on the memory layout."""
    videos, fitted = make_data(), fit(estimator)
    expected = outputs(fitted, videos)
    for what, lay in LAYOUTS.items():
        laid = [lay(video) for video in videos]
        require_equal(expected, outputs(fitted, laid), what)
        refit = outputs(fit(estimator, laid), videos)
        require_equal(expected, refit, f"after fit on {what}")


def check_videos_stay_as_they_are(estimator: Any) -> None:
    """Require that videos are not changed."""
    videos = make_data()
    outputs(fit(estimator, videos), videos)
    for index, (video, original) in enumerate(zip(videos, make_data(), strict=True)):
        require(np.array_equal(video, original), f"video {index} was changed")


def check_methods_store_nothing(estimator: Any) -> None:
    """Require that only fit stores attributes."""
    fitted = fit(estimator)
    before = vars(fitted).copy()
    outputs(fitted, make_data())
    require_state(fitted, before, "a method")


def check_clone(estimator: Any) -> None:
    """Require that a clone is unfitted and that its fit reproduces the results."""
    fitted = fit(estimator)
    copy = clone(fitted)
    learned = sorted(name for name in vars(copy) if is_learned(name))
    require(not learned, f"a clone has {', '.join(learned)} before fit")
    expected = outputs(fitted, make_data())
    require_equal(expected, outputs(copy.fit(make_data()), make_data()), "of a clone")


def check_pickle(estimator: Any) -> None:
    """Require equal results of a pickled copy, bit for bit."""
    fitted = fit(estimator)
    expected = outputs(fitted, make_data())
    copy = pickle.loads(pickle.dumps(fitted))
    require_equal(expected, outputs(copy, make_data()), "of a pickle")
    unfitted = pickle.loads(pickle.dumps(seeded(estimator)))
    found = outputs(unfitted.fit(make_data()), make_data())
    require_equal(expected, found, "of a pickle that was fitted later")


def check_refit(estimator: Any) -> None:
    """Require that a second fit keeps nothing of the first."""
    fitted = fit(estimator)
    refitted = fit(estimator, make_data(n_features=7)).fit(make_data())
    others = ", ".join(sorted(vars(refitted).keys() ^ vars(fitted).keys()))
    require(not others, f"a second fit leaves other attributes: {others}")
    expected = outputs(fitted, make_data())
    require_equal(expected, outputs(refitted, make_data()), "after a second fit")


def check_same_seed(estimator: Any) -> None:
    """Require equal results, bit for bit, of fits with equal random_state."""
    expected = outputs(fit(estimator), make_data())
    with other_global_seeds():
        found = outputs(fit(estimator), make_data())
    require_equal(expected, found, "after fit with the same random_state")


def check_global_state(estimator: Any) -> None:
    """Require that global generators and torch's settings are not changed."""
    before = global_state()
    outputs(fit(estimator), make_data())
    for name, state in global_state().items():
        require(np.array_equal(state, before[name]), f"{name} was changed")


def check_cross_validated_predictions(estimator: Any) -> None:
    """Require that cross_val_predict works on lists of videos."""
    estimator, videos = seeded(estimator), make_data()
    found = list(cross_val_predict(estimator, videos, cv=KFold(2)))
    by_hand: list[Any] = [None] * len(videos)
    for train, test in KFold(2).split(videos):
        fitted = fit(estimator, [videos[index] for index in train])
        predicted = fitted.predict([videos[index] for index in test])
        message = f"predict: {len(predicted)} results for {len(test)} videos"
        require(len(predicted) == len(test), message)
        for index, result in zip(test, predicted, strict=True):
            by_hand[index] = np.asarray(result)
    require_equal({"predict": by_hand}, {"predict": found}, "in cross-validation")


def check_cross_validated_scores(estimator: Any) -> None:
    """Require that cross_val_score works on lists of videos."""
    scores = cross_val_score(
        seeded(estimator), make_data(), cv=KFold(2), error_score="raise"
    )
    require(bool(np.isfinite(scores).all()), f"cross-validated scores are {scores}")


def check_unfitted_is_said_so(estimator: Any) -> None:
    """Require NotFittedError before fit."""
    for method in methods_of(estimator):
        unfitted = getattr(seeded(estimator), method)
        require_error((NotFittedError,), partial(unfitted, make_data()))
    try:
        check_is_fitted(fit(estimator))
    except NotFittedError as error:
        raise AssertionError("a fitted estimator counts as unfitted") from error


def check_nan_is_refused(estimator: Any) -> None:
    """Require an error for NaN that names the video and changes nothing."""
    poisoned = make_data()
    poisoned[2][3, 1] = np.nan
    fitted = fit(estimator)
    expected = outputs(fitted, make_data())
    for method in ("fit", *methods_of(fitted)):
        require_refusal(fitted, method, poisoned, ValueError, says="video 2")
    found = outputs(fitted, make_data())
    require_equal(expected, found, "after a video with NaN")


def check_other_features_are_refused(estimator: Any) -> None:
    """Require an error for videos with a different number of features."""
    mixed = [*make_data()[:3], *make_data(n_features=7)[3:]]
    fitted = fit(estimator)
    for method in ("fit", *methods_of(fitted)):
        require_refusal(fitted, method, mixed, ValueError, says="video 3")
    for method in methods_of(fitted):
        require_refusal(fitted, method, make_data(n_features=7), ValueError)


def check_what_is_no_video_is_refused(estimator: Any) -> None:
    """Require an error for empty lists and for objects other than videos."""
    fitted = fit(estimator)
    for method in ("fit", *methods_of(fitted)):
        require_refusal(fitted, method, [], ValueError)
        for videos in (iter(make_data()), dict(enumerate(make_data())), "videos"):
            require_refusal(fitted, method, videos, ValueError, TypeError)


CHECKS: tuple[Check, ...] = (
    check_some_method,
    check_one_result_a_frame,
    check_containers,
    check_list_of_one_video,
    check_fit_on_one_video,
    check_order_of_videos,
    check_video_alone,
    check_added_videos,
    check_batch_size,
    check_n_jobs,
    check_torch_threads,
    check_dtypes,
    check_memory_layouts,
    check_videos_stay_as_they_are,
    check_methods_store_nothing,
    check_clone,
    check_pickle,
    check_refit,
    check_same_seed,
    check_global_state,
    check_cross_validated_predictions,
    check_cross_validated_scores,
    check_unfitted_is_said_so,
    check_nan_is_refused,
    check_other_features_are_refused,
    check_what_is_no_video_is_refused,
)
