"""From videos to the features that the encoder sees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from skvas._on_demand import OnDemand, each, lengths_of
from skvas._printing import levels_to_user, shorten
from skvas._product_threads import product_threads
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.preprocessing._bodies import Bodies, PoseStream
from skvas.preprocessing._drift import Detrend
from skvas.preprocessing._framewise import (
    DROP,
    PASS,
    Framewise,
    knows_videos,
    takes_nan,
)
from skvas.preprocessing._gaps import Interpolate, close_gaps
from skvas.preprocessing._pipelines import (
    all_steps,
    last_step,
    named_steps,
    with_last_step,
)
from skvas.preprocessing._poses import PoseFeatures, find_bodies
from skvas.preprocessing._related import SelectRelated
from skvas.preprocessing._standardizer import VideoStandardizer
from skvas.preprocessing._tails import CompressTails, TailStream
from skvas.preprocessing._whitened import WhitenedViews
from skvas.validation import check_choice, naming_video
from skvas.videos._containers import VideoTransformerMixin, arrays_between_steps
from skvas.videos._frames import NOT_IN_FLOAT32, to_float32

# A constant beside the whitened components, as WhitenedViews says.
OFFSET = 0.5
NAMES = ("auto", "whitened", "standardise")
# Where scikit-learn keeps what transformers of anybody inherit from.
_FOUNDATIONS = ("sklearn.base", "sklearn.utils")


def check_features(name: str, value: Any, names: tuple[str, ...] = NAMES) -> None:
    """Refuse what is no preprocessing.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        None, a name, a transformer, or a pipeline whose last step may be a name.
    names : tuple of str, default=("auto", "whitened", "standardise")
        The names that there are.

    Raises
    ------
    InvalidParameterError
        If `value` is another name, or has not the methods of a transformer.
    """
    last = last_step(value)
    if isinstance(last, str) and (last is value or last != PASS):
        check_choice(name, last, names)
        return
    needed = ("fit", "transform", "get_params", "__sklearn_tags__")
    if value is not None and (
        isinstance(value, type) or not all(hasattr(value, n) for n in needed)
    ):
        raise InvalidParameterError(
            f"{name} must be None, one of {names}, or a transformer: an object "
            "with fit and transform, of a class that inherits from "
            f"sklearn.base.BaseEstimator, got {shorten(value)}."
        )


def spread_of(transformer: Any) -> np.ndarray | None:
    """Return what whitening divided each feature by; None if it did not.

    The constant beside the components was divided by their root mean square.
    """
    views = last_step(transformer)
    if not isinstance(views, WhitenedViews) or not views.whiten:
        return None
    spread = np.sqrt(np.concatenate(views.explained_variance_))
    if views.offset > 0:
        typical = np.linalg.norm(spread) / np.sqrt((spread > 0).sum() or 1)
        spread = np.append(spread, typical)
    return spread


def smoothing_of(transformer: Any) -> float:
    """Return by how much a Gaussian has smoothed features, as a share of the video.

    That is its standard deviation; 0 where none is known.
    """
    views = last_step(transformer)
    if not isinstance(views, WhitenedViews) or views.causal:
        return 0.0
    return float(views.smoothing)


def reach_of_motion(transformer: Any) -> float | None:
    """Return the share of a video within which motion is a view; None without it."""
    views = last_step(transformer)
    moves = isinstance(views, WhitenedViews) and "motion" in views.views
    return views.reach if moves else None


def places_of(transformer: Any) -> np.ndarray | None:
    """Tell which features are no motion, (D_in,); None where all are, or none is."""
    views = last_step(transformer)
    if reach_of_motion(views) is None or {*views.views} == {"motion"}:
        return None
    return ~_columns_of("motion", views)


def collection_of(transformer: Any) -> np.ndarray | None:
    """Tell which features are the view "collection", (D_in,); None where none is."""
    views = last_step(transformer)
    if not isinstance(views, WhitenedViews) or "collection" not in views.views:
        return None
    return _columns_of("collection", views)


def _columns_of(name: str, views: WhitenedViews) -> np.ndarray:
    """Tell which features are a view, (D_in,)."""
    parts = zip(views.views, views.components_, strict=True)
    kinds = [np.full(len(components), view == name) for view, components in parts]
    return np.concatenate([*kinds, np.full(int(views.offset > 0), False)])


def without_names(
    features: Any,
    *,
    causal: bool = False,
    offset: float = OFFSET,
    smoothing: float | None = None,
) -> Any:
    """Put a transformer in the place of a name, which may be that of the last step.

    Parameters
    ----------
    features : transformer, {"whitened", "standardise"} or None
        The preprocessing.
    causal : bool, default=False
        Whether "whitened" may depend on no later frame.
    offset : float, default=0.5
        Constant beside the components of "whitened", which encoders see.
    smoothing : float, default=None
        That of "whitened", as a share of the video; None: its default.
    """
    name = last_step(features)
    if name == "standardise":
        return with_last_step(features, VideoStandardizer())
    if name != "whitened":
        return features
    whitened = WhitenedViews(offset=offset)
    if smoothing is not None:
        whitened.set_params(smoothing=smoothing)
    if causal:  # a mean of earlier frames is late
        whitened.set_params(causal=True, smoothing=0)
    return with_last_step(features, whitened)


def fit_features(
    features: Any,
    videos: Sequence[np.ndarray],
    *,
    causal: bool = False,
    offset: float = OFFSET,
    smoothing: float | None = None,
) -> Any:
    """Return the fitted preprocessing, or None.

    Parameters
    ----------
    features : transformer, {"whitened", "standardise"} or None
        What is cloned and fitted. A pipeline may end with a name.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    causal : bool, default=False
        Whether "whitened" may depend on no later frame.
    offset : float, default=0.5
        Constant beside the components of "whitened", which encoders see.
    smoothing : float, default=None
        That of "whitened", as a share of the video; None: its default.
    """
    features = without_names(
        features, causal=causal, offset=offset, smoothing=smoothing
    )
    if features is None:
        return None
    transformer = of_videos(clone(features))
    with _threads_for(videos), arrays_between_steps():
        if isinstance(transformer, Pipeline) and isinstance(videos, OnDemand):
            return _fit_in_turn(transformer, videos)
        try:
            return transformer.fit(videos)
        except (TypeError, ValueError) as error:
            if knows_videos(transformer):
                raise
            name = type(transformer).__name__
            raise ValueError(
                f"{name} was given a list of videos; if it is a transformer of frames, "
                f"pass Framewise({name}(...)). It said: {error}"
            ) from error


def _threads_for(videos: Sequence[np.ndarray]) -> AbstractContextManager[None]:
    """Give all threads to products of videos that are long or wide."""
    return product_threads(max(lengths_of(videos)) * videos[0].shape[1] ** 2)


def _fit_in_turn(pipeline: Pipeline, videos: OnDemand) -> Pipeline:
    """Fit the steps of a pipeline, and keep no video in memory between two of them."""
    seen: Sequence[np.ndarray] = videos
    for _, step in pipeline.steps:
        if step not in (None, PASS):
            step.fit(seen)
            seen = each(partial(transform_one, step), seen)
    return pipeline


def transform_one(transformer: Any, video: np.ndarray) -> np.ndarray:
    """Return what a fitted transformer of videos makes of one video."""
    with arrays_between_steps():
        if isinstance(transformer, VideoTransformerMixin):
            return np.asarray(transformer.transform(video))
        return np.asarray(transformer.transform([video])[0])


def of_videos(transformer: Any) -> Any:
    """Let a transformer of scikit-learn, which knows frames alone, take videos.

    Parameters
    ----------
    transformer : transformer
        Of frames, if scikit-learn has it, or of videos; a pipeline may have both.

    Returns
    -------
    transformer
        Of videos.
    """
    if isinstance(transformer, Pipeline) and knows_videos(transformer):
        named = [(name, of_videos(step)) for name, step in transformer.steps]
        return Pipeline(named, memory=transformer.memory)
    if isinstance(transformer, FeatureUnion) and knows_videos(transformer):
        parts = [(name, of_videos(part)) for name, part in transformer.transformer_list]
        union = clone(transformer).set_params(transformer_list=parts)
        return union.set_output(transform="default")  # arrays, as between all steps
    takes_lists = isinstance(transformer, (VideoTransformerMixin, FunctionTransformer))
    if not takes_lists and _is_theirs(transformer):
        transformer = Framewise(transformer)
    _check_of_videos(transformer)
    return transformer


def _check_of_videos(transformer: Any) -> None:
    """Refuse what needs labels or names of columns, which `features` has not."""
    if transformer in (None, PASS, DROP):
        return
    if get_tags(transformer).target_tags.required:
        lacking = "labels"
    elif isinstance(transformer, Framewise) and _names_columns(transformer.transformer):
        lacking = "names of columns"
    else:
        return
    raise InvalidParameterError(
        f"features gets no {lacking}, which {shorten(transformer)} needs: put it in a "
        "pipeline before the estimator."
    )


def _names_columns(transformer: Any) -> bool:
    """Return whether a transformer asks for columns by their names."""
    if not isinstance(transformer, ColumnTransformer):
        return False
    asked = [columns for _, _, columns in transformer.transformers]
    return any(isinstance(name, str) for some in asked for name in np.ravel(some))


def _is_theirs(transformer: Any) -> bool:
    """Return whether a transformer is one of scikit-learn, or inherits from one."""
    modules = [cls.__module__ for cls in type(transformer).__mro__]
    return any(
        module.startswith("sklearn.") and not module.startswith(_FOUNDATIONS)
        for module in modules
    )


def clean_videos(
    transformer: Any, videos: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """Return videos whose frames are compared as they are, beside the features.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.

    Returns
    -------
    sequence of ndarray of shape (n_i, n_columns)
        The videos; where the preprocessing takes NaN, what its first step makes of
        them, if that closes gaps or knows poses. As a `CompressTails` and a `Detrend`
        that are next leave them, and without those of their features that a
        `SelectRelated` drops.
    """
    steps = all_steps(transformer)
    if takes_nan(transformer):
        first = steps[0]
        if isinstance(first, VideoTransformerMixin) and not isinstance(
            first, Framewise
        ):
            videos, steps = each(partial(_clean, first), videos), steps[1:]
        else:
            videos = each(fill_gaps, videos)
    for step in takewhile(lambda s: isinstance(s, (CompressTails, Detrend)), steps):
        videos = each(partial(transform_one, step), videos)
    dropped = _dropped(steps, videos)
    if dropped is None:
        return videos
    return each(lambda video: video[:, ~dropped], videos)


def bodies_of(transformer: Any) -> Bodies | None:
    """Return what a preprocessing makes of poses; None if it does not take poses.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    """
    first = next(iter(all_steps(transformer)), None)
    return find_bodies(first) if isinstance(first, PoseFeatures) else None


def tails_of(transformer: Any) -> TailStream | None:
    """Return what compresses frames, or the features of poses, before all else.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing. None where it compresses nothing, or other features.
    """
    steps = iter(all_steps(transformer))
    first = next(steps, None)
    if isinstance(first, Interpolate) or bodies_of(transformer) is not None:
        first = next(steps, None)
    return first.stream() if isinstance(first, CompressTails) else None


def streamed_videos(
    transformer: Any,
    videos: Sequence[np.ndarray],
    tails: TailStream | None = None,
) -> Sequence[np.ndarray]:
    """Return videos as streams are to know them.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked, with their gaps.
    tails : TailStream, default=None
        What compresses them, if anything does.

    Returns
    -------
    sequence of ndarray of shape (n_i, n_columns)
        The videos, or the features of their poses as these come; those of their columns
        that a `SelectRelated` drops are 0.
    """
    steps, bodies = all_steps(transformer), bodies_of(transformer)
    if bodies is not None:
        videos, steps = each(partial(_passing, bodies), videos), steps[1:]
    elif takes_nan(transformer):
        videos = each(fill_gaps, videos)
    if tails is not None:
        videos = each(tails.push, videos)
    dropped = _dropped(steps, videos)
    if dropped is None:
        return videos
    return each(partial(_hold_still, dropped), videos)


def _passing(bodies: Bodies, video: np.ndarray) -> np.ndarray:
    return PoseStream(bodies).push(video)


def _dropped(steps: Sequence[Any], videos: Sequence[np.ndarray]) -> np.ndarray | None:
    """Tell which features of videos a `SelectRelated` drops, (n_features,).

    None where it drops none, or another step makes features of its own before.
    """
    if all(s.support_.all() for s in steps if isinstance(s, SelectRelated)):
        return None
    given = [f"feature {i}" for i in range(videos[0].shape[1])]
    dropped = np.full(len(given), False)
    for step, names in named_steps(steps, given):
        if isinstance(step, SelectRelated) and names is not None:
            dropped |= np.isin(given, np.array(names)[~step.support_])
    return dropped if dropped.any() else None


def _hold_still(features: np.ndarray, video: np.ndarray) -> np.ndarray:
    held = video.copy()
    held[:, features] = 0
    return held


def _clean(transformer: Any, video: np.ndarray) -> np.ndarray:
    return fill_gaps(quietly(transformer, video))


def quietly(transformer: Any, video: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():  # of gaps, which the features warn of
        warnings.simplefilter("ignore", UserWarning)
        return transform_one(transformer, video)


def fill_gaps(video: np.ndarray) -> np.ndarray:
    """Close all gaps of a video; a feature without a number becomes 0."""
    closed = close_gaps(video, None)
    return np.nan_to_num(closed, nan=0.0) if np.isnan(closed).any() else closed


def features_and_details(
    transformer: Any, videos: Sequence[np.ndarray]
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Return the features of videos, and the frames that paths compare beside them.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.

    Returns
    -------
    features : sequence of float32 ndarray of shape (n_i, D)
        As `apply_features` makes them.
    details : sequence of ndarray of shape (n_i, n_columns)
        As `clean_videos` makes them, without gaps.
    """
    features = apply_features(transformer, videos)
    if takes_nan(transformer):
        videos = each(fill_gaps, videos)
    return features, clean_videos(transformer, videos)


def apply_features(
    transformer: Any,
    videos: Sequence[np.ndarray],
    keep: Callable[[Iterable[np.ndarray]], Sequence[np.ndarray]] = list,
) -> Sequence[np.ndarray]:
    """Return the features that the encoder sees, float32.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    keep : callable, default=list
        Gathers the features of one video after the other.

    Raises
    ------
    ValueError
        If features are not one row for each frame, as wide in all videos, or are NaN,
        or too large or too small for float32; names the video.
    """
    seen: Any = videos
    one_by_one = isinstance(videos, OnDemand)
    lengths, widths = lengths_of(videos), set[tuple[int, ...]]()

    def make(index: int) -> np.ndarray:
        video = np.asarray(seen[index])
        with naming_video(index if len(videos) > 1 else None):
            if transformer is not None and one_by_one:
                video = transform_one(transformer, video)
            widths.add(video.shape[1:])
            if video.ndim != 2 or len(video) != lengths[index] or len(widths) > 1:
                raise ValueError(
                    f"the preprocessing in features= makes an array of shape "
                    f"{video.shape} of {lengths[index]} frames; it must return a row "
                    "for each frame, with as many entries in all videos."
                )
            if takes_nan(transformer):
                _refuse_open_gaps(video)
            return _as_float32(video)

    with _threads_for(videos), arrays_between_steps():
        if transformer is not None and not one_by_one:
            seen = transformer.transform(videos)
            if len(seen) != len(videos):
                raise ValueError(
                    f"the preprocessing in features= makes {len(seen)} of "
                    f"{len(videos)} videos; it must return one for each."
                )
        return keep(make(index) for index in range(len(videos)))


def _refuse_open_gaps(video: np.ndarray) -> None:
    bad = ~np.isfinite(video)
    rows = np.flatnonzero(bad.any(axis=1))
    if bad.all(axis=0).any():
        raise ValueError(
            "the preprocessing in features= leaves no number in any frame of feature "
            f"{bad.all(axis=0).argmax()}; leave the recording out, or the feature."
        )
    if len(rows):
        raise ValueError(
            f"the preprocessing in features= leaves NaN in {len(rows)} of {len(video)} "
            f"frames, first in frame {rows[0]}: raise max_gap, or cut the recording "
            "there."
        )


def warn_of_degenerate_frames(transformer: Any, features: Sequence[np.ndarray]) -> None:
    """Warn once of frames that are zero, or if all frames are equal."""
    is_pipeline = isinstance(transformer, Pipeline)
    steps = [step for _, step in transformer.steps] if is_pipeline else [transformer]
    if any(isinstance(step, WhitenedViews) for step in steps):  # which warns itself
        return
    n_zero = sum(int((~video.any(axis=1)).sum()) for video in features)
    if n_zero:
        fault = f"{n_zero} frame(s) have no feature but 0"
    elif all((video == features[0][0]).all() for video in features):
        fault = "All frames are equal"
    else:
        return
    warnings.warn(
        f"{fault}: they match anything equally well. Drop them, or use other features.",
        DegenerateFramesWarning,
        stacklevel=levels_to_user(),
    )


def _as_float32(video: np.ndarray) -> np.ndarray:
    """Cast features for the networks, and refuse those that would be lost."""
    cast, squares = to_float32(video)
    if ((squares < np.finfo(np.float32).tiny) & video.any(axis=1)).any():
        raise ValueError(NOT_IN_FLOAT32.format("vanish"))
    return cast
