"""From videos to the features that the encoder sees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skvas._on_demand import OnDemand, choose, each, lengths_of
from skvas.exceptions import DegenerateFramesWarning
from skvas.preprocessing import (
    Framewise,
    SelectRelated,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.preprocessing._framewise import PASS, takes_nan
from skvas.preprocessing._gaps import close_gaps
from skvas.preprocessing._pipelines import (
    all_steps,
    last_step,
    named_steps,
    with_last_step,
    with_step_before_last,
)
from skvas.preprocessing._repeatability import repeatability
from skvas.preprocessing._standardizer import moments
from skvas.timeline import BlockOrder
from skvas.timeline._model import find_order, has_order
from skvas.transport._threads import product_threads
from skvas.validation import naming_video
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._frames import NOT_IN_FLOAT32, to_float32, unit

# A constant beside the whitened components, as WhitenedViews says.
OFFSET = 0.5
NAMES = ("auto", "whitened", "standardise")
# Videos that are looked at, at most.
MAX_VIDEOS = 32
# Adjusted Rand index from which clusters of frames are found again in other videos.
REPEATS = 0.4
# Where videos share an order, components keep their variance only if more than so much
# of them is noise of single frames, and the order is less firm than so, or by so much
# firmer then.
NOISY, FIRM, MORE = 0.3, 0.5, 0.1
# Recordings differ so much from each other that views of the collection tell these
# apart, and not what happens in them, beyond this share of the variance of a feature.
BETWEEN = 0.35
# Components keep their variance where clusters of unwhitened frames are found again,
# and those of whitened frames less than half as well: of fewer than so many videos,
# which hardly tell how well, less than .15 times as well.
WHITENED_REPEATS, MANY, FEW_REPEAT = 0.5, 6, 0.15
# They are then smoothed by so many frames in the median video.
NOISE_FRAMES = 4
# Where videos share an order, motion has to repeat so much, and so many times as much
# as places, whitened or not; at a first look by so much.
MUCH, CLEARLY, AT_FIRST = 0.45, 1.1, 0.3


def settle_features(
    fitted: WhitenedViews | Pipeline,
    videos: Sequence[np.ndarray],
    n_clusters: int,
    features: Sequence[np.ndarray] | None = None,
) -> WhitenedViews | Pipeline | None:
    """Fit other features where these tell more.

    What is whitened goes without the features that wander through each video in a way
    of their own, and without the view "collection" where recordings differ so much from
    each other that it would tell these apart. Components stay unwhitened
    where whitening drowns what videos share in noise. Else motion is a third
    view, where clusters of it are found again in other videos, and no worse than those
    of the other views. Where videos share an order, motion mostly adds nothing to a
    place in it: there clusters of it have to be found again clearly better. And there
    alignment needs whitened components, and noise does not repeat in order: so they
    stay unwhitened only if motion is no view, frames are noisy one by one or recordings
    differ, and the order is told better so, or is not firm in any case.

    Parameters
    ----------
    fitted : WhitenedViews or Pipeline
        Fitted; a pipeline ends with such views.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    n_clusters : int
        Clusters of frames that are looked for in other videos.
    features : sequence of float32 ndarray of shape (n_i, D), default=None
        What `fitted` makes of them. None: it is made of those that are looked at.

    Returns
    -------
    WhitenedViews, Pipeline or None
        Fitted; None where `fitted` is best.
    """
    if spread_of(fitted) is None or len(videos) < 2:
        return None
    before = with_last_step(fitted, None)
    if before is not None:
        videos = each(partial(_quietly, before), videos)
    whitened, better = last_step(fitted), None
    with warnings.catch_warnings():  # of what `whitened` has warned of
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        selector = SelectRelated().set_output(transform="default").fit(videos)
        wander = not selector.support_.all()
        if wander:
            videos = each(partial(transform_one, selector), videos)
            better = whitened = _fit_anew(whitened, videos)
            features = None
        drawn = np.random.RandomState(0).permutation(len(videos))[:MAX_VIDEOS]
        looked_at = choose(videos, drawn)
        if share_between(whitened, looked_at) > BETWEEN:
            better = whitened = _fit_anew(whitened, videos, views=("video",))
            features = None
        if features is None:
            seen = apply_features(whitened, looked_at)
        else:
            seen = choose(features, drawn)
        better = _settle_views(whitened, videos, looked_at, seen, n_clusters) or better
    if better is None:
        return None
    for step in all_steps(before)[-1:]:  # what follows knows no names of features
        if hasattr(step, "set_output"):
            step.set_output(transform="default")
    settled = with_last_step(fitted, better)
    return with_step_before_last(settled, "related", selector) if wander else settled


def _settle_views(
    whitened: WhitenedViews,
    videos: Sequence[np.ndarray],
    looked_at: Sequence[np.ndarray],
    seen: Sequence[np.ndarray],
    n_clusters: int,
) -> WhitenedViews | None:
    """Fit views that tell more than those of some videos, which are `seen`."""
    order, scale = find_order(seen), spread_of(whitened)
    assert scale is not None
    look = cache(partial(_Look.of, seen, scale, n_clusters, len(videos)))
    if order is not None and has_order(order):
        moves = _moves_in_order(whitened, looked_at, n_clusters, look)
        differ = whitened.views == ("video",)
        is_noisy = differ or noise_of(whitened, looked_at) > NOISY
        may_stay = is_noisy and not moves
        stays = may_stay and look().is_drowned and look().tells_order(order)
    else:
        stays = look().is_drowned
        moves = not stays and _moves(whitened, looked_at, n_clusters, look().repeats)
    if stays:
        return _unwhitened(whitened, videos)
    if moves:
        return _fit_anew(whitened, videos, views=(*whitened.views, "motion"))
    return None


def share_between(whitened: WhitenedViews, videos: Sequence[np.ndarray]) -> float:
    """Return how much of a feature's variance lies between videos, on average.

    0 where nothing varies within any video, so that no other view tells anything.
    """
    varies = whitened.scale_ > 0
    shares = []
    for video in videos:
        peak, _, scale = moments([video])
        deviation = scale[varies] * (peak / whitened.peak_)[varies]
        shares.append((deviation / whitened.scale_[varies]) ** 2)
    within = np.average(shares, axis=0, weights=lengths_of(videos))
    return 1 - float(within.mean()) if within.any() else 0.0


@dataclass(frozen=True)
class _Look:
    """What frames tell once components keep their variance.

    Attributes
    ----------
    unscaled : list of ndarray of shape (n_i, D)
        Such frames.
    repeats, plain : float
        How well clusters of whitened frames are found again in other videos, and those
        of unscaled ones.
    n_videos : int
        Number of videos, of which those that are looked at are some.
    """

    unscaled: list[np.ndarray]
    repeats: float
    plain: float
    n_videos: int

    @classmethod
    def of(
        cls,
        seen: Sequence[np.ndarray],
        scale: np.ndarray,
        n_clusters: int,
        n_videos: int,
    ) -> _Look:
        """Look at some of the videos, whitened."""
        unscaled = [video * scale for video in seen]
        repeats, plain = (
            repeatability([unit(video) for video in videos], n_clusters)
            for videos in (seen, unscaled)
        )
        return cls(unscaled, repeats, plain, n_videos)

    @property
    def is_drowned(self) -> bool:
        """Whether clusters of whitened frames are found again far less well."""
        share = WHITENED_REPEATS if self.n_videos >= MANY else FEW_REPEAT
        return self.plain >= max(REPEATS, self.repeats / share)

    def tells_order(self, order: BlockOrder) -> bool:
        """Tell whether frames tell order better so, or it is not firm in any case."""
        if order.value < FIRM:
            return True
        by_unscaled = find_order(self.unscaled)
        return by_unscaled is not None and by_unscaled.value > order.value + MORE


def noise_of(whitened: WhitenedViews, videos: Sequence[np.ndarray]) -> float:
    """Return how much of whitened components is noise of single frames, in the median.

    That is half of the mean square by which neighbouring frames differ, where they are
    not smoothed, as a share of the variance.
    """
    frames = apply_features(copy(whitened).set_params(smoothing=0), videos)
    steps = np.concatenate([np.diff(video, axis=0) for video in frames])
    variance = np.concatenate(frames).var(axis=0)
    varies = variance > 0
    noise = (steps[:, varies] ** 2).mean(axis=0) / 2 / variance[varies]
    return float(np.median(noise)) if varies.any() else 0.0


def _unwhitened(whitened: WhitenedViews, videos: Sequence[np.ndarray]) -> WhitenedViews:
    length = float(np.median(lengths_of(videos)))
    smoothing = min(whitened.smoothing, NOISE_FRAMES / length)
    return _fit_anew(whitened, videos, whiten=False, smoothing=smoothing)


def _moves(
    whitened: WhitenedViews,
    looked_at: Sequence[np.ndarray],
    n_clusters: int,
    repeats: float,
) -> bool:
    """Tell whether motion is found again in other videos, as well as what repeats."""
    moved = _motion(whitened, looked_at)
    return repeatability(moved, n_clusters) >= max(REPEATS, repeats)


def _moves_in_order(
    whitened: WhitenedViews,
    looked_at: Sequence[np.ndarray],
    n_clusters: int,
    look: Callable[[], _Look],
) -> bool:
    """Tell whether motion is found again in other videos far better than places are."""
    moved = _motion(whitened, looked_at)
    if repeatability(moved, n_clusters, n_draws=1) < AT_FIRST:
        return False
    index = repeatability(moved, n_clusters)
    return index >= MUCH and index >= CLEARLY * max(look().repeats, look().plain)


def _motion(
    whitened: WhitenedViews, looked_at: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return unit frames of motion alone."""
    alone = _fit_anew(whitened, looked_at, views=("motion",))
    return [unit(video) for video in apply_features(alone, looked_at)]


def _fit_anew(
    whitened: WhitenedViews, videos: Sequence[np.ndarray], **parameters: Any
) -> WhitenedViews:
    fitted: WhitenedViews = fit_features(
        clone(whitened).set_params(**parameters), videos
    )
    return fitted


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
    """Return the deviation of the Gaussian that smoothed features, as a share of them.

    0 where none has, or none is known.
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
    """Tell which features are no motion, (D_in,); None where none is."""
    views = last_step(transformer)
    if reach_of_motion(views) is None:
        return None
    parts = zip(views.views, views.components_, strict=True)
    kinds = [np.full(len(components), view != "motion") for view, components in parts]
    return np.concatenate([*kinds, np.full(int(views.offset > 0), True)])


def without_names(features: Any, *, causal: bool = False) -> Any:
    """Put a transformer in the place of a name, which may be that of the last step.

    Parameters
    ----------
    features : transformer, {"whitened", "standardise"} or None
        The preprocessing.
    causal : bool, default=False
        Whether "whitened" may depend on no later frame.
    """
    name = last_step(features)
    if name == "standardise":
        return with_last_step(features, VideoStandardizer())
    if name != "whitened":
        return features
    whitened = WhitenedViews(offset=OFFSET)
    if causal:  # a mean of earlier frames is late
        whitened.set_params(causal=True, smoothing=0)
    return with_last_step(features, whitened)


def fit_features(
    features: Any, videos: Sequence[np.ndarray], *, causal: bool = False
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
    """
    features = without_names(features, causal=causal)
    if features is None:
        return None
    transformer = of_videos(clone(features))
    with _threads_for(videos):
        if isinstance(transformer, Pipeline) and isinstance(videos, OnDemand):
            return _fit_in_turn(transformer, videos)
        return transformer.fit(videos)


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
    if isinstance(transformer, Pipeline) and _knows_videos(transformer):
        named = [(name, of_videos(step)) for name, step in transformer.steps]
        return Pipeline(named, memory=transformer.memory)
    module, name = type(transformer).__module__, type(transformer).__name__
    is_theirs = module.startswith("sklearn.") and name != "FunctionTransformer"
    return Framewise(transformer) if is_theirs else transformer


def _knows_videos(transformer: Any) -> bool:
    """Return whether a transformer, or a step of a pipeline, is one of videos."""
    if isinstance(transformer, Pipeline):
        return any(_knows_videos(step) for _, step in transformer.steps)
    return isinstance(transformer, VideoTransformerMixin)


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
        them, if that closes gaps or knows poses. Without those of their features that
        a `SelectRelated` drops.
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
    dropped = _dropped(steps, videos)
    if dropped is None:
        return videos
    return each(lambda video: video[:, ~dropped], videos)


def streamed_videos(
    transformer: Any, videos: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """Return videos as streams are to know them: features that are dropped stand still.

    Parameters
    ----------
    transformer : transformer or None
        The fitted preprocessing.
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked and without gaps.

    Returns
    -------
    sequence of ndarray of shape (n_i, n_features)
        The videos, where a `SelectRelated` drops none of their own features.
    """
    dropped = _dropped(all_steps(transformer), videos)
    if dropped is None:
        return videos
    return each(partial(_hold_still, dropped), videos)


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
    return fill_gaps(_quietly(transformer, video))


def _quietly(transformer: Any, video: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():  # of gaps, which the features warn of
        warnings.simplefilter("ignore", UserWarning)
        return transform_one(transformer, video)


def fill_gaps(video: np.ndarray) -> np.ndarray:
    """Close all gaps of a video; a feature without a number becomes 0."""
    closed = close_gaps(video, None)
    return np.nan_to_num(closed, nan=0.0) if np.isnan(closed).any() else closed


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

    with _threads_for(videos):
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
        stacklevel=4,
    )


def _as_float32(video: np.ndarray) -> np.ndarray:
    """Cast features for the networks, and refuse those that would be lost."""
    cast, squares = to_float32(video)
    if ((squares < np.finfo(np.float32).tiny) & video.any(axis=1)).any():
        raise ValueError(NOT_IN_FLOAT32.format("vanish"))
    return cast
