"""Any scikit-learn transformer, applied to the frames of videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import compress
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    clone,
)
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import OnDemand, lengths_of
from skvas._optional import import_optional
from skvas._printing import shorten
from skvas._typing import Labels, Self, Videos
from skvas.exceptions import InvalidParameterError
from skvas.validation import (
    check_choice,
    check_labels,
    check_videos,
    is_single_video,
    is_unlabelled,
    list_videos,
    naming_video,
    unchanged_on_failure,
)
from skvas.videos._containers import (
    Method,
    VideoTransformerMixin,
    arrays_between_steps,
    available,
    list_like_input,
)
from skvas.videos._streams import Stateless

PASS = "passthrough"
DROP = "drop"
# Frames of videos on demand that a transformer is given at once, at least.
CHUNK = 4096
# All frames.
EVERY = slice(None)


def takes_nan(transformer: Any) -> bool:
    """Return whether a transformer takes NaN.

    A pipeline does, if NaN reaches no step that does not.

    Parameters
    ----------
    transformer : transformer or None
        Any transformer of frames or of videos.

    Returns
    -------
    bool
    """
    if isinstance(transformer, Pipeline):
        steps = [step for _, step in transformer.steps if step not in (None, PASS)]
        closing = next((i for i, s in enumerate(steps) if closes_gaps(s)), len(steps))
        return bool(steps) and all(map(takes_nan, steps[: closing + 1]))
    parts = _parts_beside(transformer)
    if parts:
        return all(_is_passed(part) or takes_nan(part) for part in parts)
    if isinstance(transformer, type) or not hasattr(transformer, "__sklearn_tags__"):
        return False  # None, a name, or what fit will refuse
    return bool(get_tags(transformer).input_tags.allow_nan)


def _is_passed(part: Any) -> bool:
    """Return whether a part of a union is "passthrough", or what `fit` makes of it."""
    if isinstance(part, str):
        return part == PASS
    return isinstance(part, FunctionTransformer) and part.func is None


def finiteness_of(transformer: Any) -> Any:
    """Return what `check_videos` asks of numbers, for a transformer of videos."""
    return "allow-nan" if takes_nan(transformer) else True


def closes_gaps(transformer: Any) -> bool:
    """Return whether a transformer puts numbers in the place of NaN.

    Parameters
    ----------
    transformer : transformer
        Any transformer of frames or of videos.

    Returns
    -------
    bool
    """
    if isinstance(transformer, Pipeline):
        return any(closes_gaps(step) for _, step in transformer.steps)
    if isinstance(transformer, Framewise):
        return closes_gaps(transformer.transformer)
    parts = _parts_beside(transformer)
    if parts:
        return all(map(closes_gaps, parts))
    is_imputer = type(transformer).__module__.startswith("sklearn.impute")
    return is_imputer or getattr(transformer, "closes_gaps", False)


def knows_videos(transformer: Any) -> bool:
    """Return whether a transformer, or a part of it, is one of videos.

    Parameters
    ----------
    transformer : transformer
        Any transformer of frames or of videos.

    Returns
    -------
    bool
    """
    if isinstance(transformer, Pipeline):
        return any(knows_videos(step) for _, step in transformer.steps)
    parts = _parts_beside(transformer)
    return isinstance(transformer, VideoTransformerMixin) or any(
        map(knows_videos, parts)
    )


def _parts_beside(transformer: Any) -> list[Any]:
    """Return the parts whose results scikit-learn puts side by side."""
    parts: list[Any] = []
    if isinstance(transformer, FeatureUnion):
        parts = [part for _, part in transformer.transformer_list]
    elif isinstance(transformer, ColumnTransformer):
        parts = [part for _, part, _ in transformer.transformers]
        parts.append(transformer.remainder)
    return [part for part in parts if not (isinstance(part, str) and part == DROP)]


def _is_whole(item: Any) -> bool:
    """Return whether an entry of y has the form of one label, or of one a frame.

    If not, it is one of the forms in which segmenters take labels of some frames.
    """
    if isinstance(item, np.ma.MaskedArray) or hasattr(item, "columns"):
        return False
    try:
        array = np.asarray(item)
    except ValueError:  # rows of different lengths
        return False
    if array.ndim > 1 or (array.dtype == object and not array.ndim):
        return False
    values = np.ravel(array) if array.dtype == object else np.unique(array)
    return not any(map(is_unlabelled, values.tolist()))


def _inner_has(method: str) -> Callable[[Method], Method]:
    """Make a method available if the wrapped transformer has it."""

    def check(self: Framewise) -> bool:
        return hasattr(getattr(self, "transformer_", self.transformer), method)

    return available(check)


def _shared_inner_has(method: str) -> Callable[[Method], Method]:
    """Make a method available that needs one transformer for all videos."""

    def check(self: Framewise) -> bool:
        return not self.per_video and hasattr(self.transformer, method)

    return available(check)


def _needs_one_frame(self: Framewise) -> bool:
    """Make a method available that needs no other frame of the video."""
    fitted = self._as_fitted()
    return not fitted.per_video and _is_of_rows(fitted.transformer)


def _is_of_rows(transformer: Any) -> bool:
    """Return whether a transformer is known to transform each row by itself.

    Those of scikit-learn do, but for one that calls a function of the user's.
    """
    if isinstance(transformer, Pipeline):
        parts = [step for _, step in transformer.steps]
    elif isinstance(transformer, FeatureUnion):
        parts = [part for _, part in transformer.transformer_list]
    elif isinstance(transformer, FrozenEstimator):
        parts = [transformer.estimator]
    else:
        module, name = type(transformer).__module__, type(transformer).__name__
        is_passed = transformer is None or isinstance(transformer, str)
        calls = name in ("FunctionTransformer", "ColumnTransformer")
        return is_passed or (module.startswith("sklearn.") and not calls)
    return all(map(_is_of_rows, parts))


class Framewise(VideoTransformerMixin, BaseEstimator):
    """Apply any scikit-learn transformer to the frames of videos.

    The transformer is fitted once to the frames of all videos, or separately to each
    video. Videos are then transformed one by one. Lists of videos can thus pass through
    scalers, projections, feature unions and pipelines.

    Parameters
    ----------
    transformer : transformer
        An object with `fit` and `transform`. It is cloned, and must return one row for
        each frame. Its parameters are accessible as ``transformer__name``.
    per_video : bool, default=False
        False fits one clone to all training videos. True fits a clone to each video in
        `transform`, so that no information passes between videos; transformers that
        require labels are then rejected.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer. With `per_video` it is fitted to the longest training
        video and only used for the names of the output features.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    WhitenedViews : The preprocessing for the informed start.

    Notes
    -----
    The transformer receives pandas data frames as data frames, and all other videos as
    arrays. Sparse results are made dense. NaN is accepted if the transformer accepts
    NaN.

    `fit` passes the frames of all videos to the transformer at once. For videos that do
    not fit in memory together, call `partial_fit` with a few videos at a time; each
    call is one chunk of frames. In the `fit` of an estimator, recordings on disk are
    passed in chunks if the transformer has `partial_fit`, or refused where all frames
    exceed the memory limit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvas.preprocessing import Framewise
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.normal(size=(60, 5)), rng.normal(size=(80, 5))]
    >>> framewise = Framewise(make_pipeline(StandardScaler(), PCA(2)))
    >>> [video.shape for video in framewise.fit_transform(videos)]
    [(60, 2), (80, 2)]
    """

    def __init__(self, transformer: Any, *, per_video: bool = False) -> None:
        self.transformer = transformer
        self.per_video = per_video

    def fit(self, videos: Videos, y: Labels | None = None) -> Self:
        """Fit the transformer to the frames of the videos.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Training videos.
        y : labels, default=None
            Labels for the transformer: one for each frame, in a container like that of
            the videos, or one for each video, which applies to all of its frames.
            Where some are missing (-1 among integers, None, NaN or ""), a transformer
            that requires labels sees the other frames, and another one no labels at
            all. All are ignored with `per_video`.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._check_parameters()
        with unchanged_on_failure(self):
            checked = self._check_videos(videos, reset=True)
            transformer = clone(self.transformer)
            targets: np.ndarray | None = None
            known: np.ndarray | slice = EVERY
            if not self.per_video:
                single = is_single_video(videos)
                targets, known = self._check_targets(y, checked, single)
            streams = hasattr(transformer, "partial_fit") and not self.per_video
            if streams and isinstance(checked, OnDemand) and targets is None:
                for chunk in _chunks(checked):
                    transformer.partial_fit(chunk)
                self.transformer_ = transformer
                self._note_parameters()
                return self
            if self.per_video:
                frames = checked[int(np.argmax(lengths_of(checked)))]
            else:
                frames = _all_frames(checked, transformer)
            self.transformer_ = transformer.fit(self._as_table(frames[known]), targets)
            self._note_parameters()
        return self

    @_shared_inner_has("partial_fit")
    def partial_fit(self, videos: Videos, y: Labels | None = None) -> Self:
        """Continue fitting the transformer with the frames of more videos.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            More training videos; their frames form one chunk.
        y : labels, default=None
            As in `fit`.

        Returns
        -------
        self
            The transformer, fitted to all chunks up to now.
        """
        self._check_parameters()
        first = not hasattr(self, "transformer_")
        with unchanged_on_failure(self):
            checked = self._check_videos(videos, reset=first)
            targets, known = self._check_targets(y, checked, is_single_video(videos))
            # A copy, because a failing transformer may be left partly changed.
            transformer = (
                clone(self.transformer) if first else deepcopy(self.transformer_)
            )
            frames = self._as_table(np.concatenate(checked)[known])
            self.transformer_ = transformer.partial_fit(frames, targets)
            self._note_parameters()
        return self

    def transform(self, videos: Videos) -> Any:
        """Transform the frames of each video.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a collection of them
            Videos with the features seen in `fit`.

        Returns
        -------
        ndarray of shape (n_frames, n_features_out), or list of them
            One array for one video, a list for many; data frames after `set_output`.
        """
        check_is_fitted(self, "transformer_")
        checked = self._check_videos(videos, reset=False)
        single, fitted = is_single_video(videos), self._as_fitted()
        results = []
        for index, video in enumerate(checked):
            with naming_video(None if single else index):
                results.append(fitted._transform_one(video))
        self._check_widths(results)
        return self._wrap_output(results, videos)

    @available(_needs_one_frame)
    def stream(self) -> FramesStream:
        """Return what transforms the frames of a recording as they come.

        Available if the transformer is one of scikit-learn that looks at each frame by
        itself, and `per_video` is False.

        Returns
        -------
        FramesStream
            Its method `push` takes frames, (n_frames, n_features), and returns one row
            for each.
        """
        check_is_fitted(self, "transformer_")
        return FramesStream(self._as_fitted())

    @_shared_inner_has("inverse_transform")
    def inverse_transform(self, videos: Videos) -> Any:
        """Map transformed videos back to the original features.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features_out), or a collection of them
            Videos as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_frames, n_features), or list of them
            One array for one video, a list for many.
        """
        check_is_fitted(self, "transformer_")
        checked = check_videos(videos, ensure_all_finite=self._finiteness())
        single = is_single_video(videos)
        results = []
        for index, video in enumerate(checked):
            with naming_video(None if single else index):
                result = self.transformer_.inverse_transform(video)
                results.append(_dense_frames(result, len(video)))
        return list_like_input(results, single)

    @_inner_has("get_feature_names_out")
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Get the names of the output features.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Names of the input features; None: `feature_names_in_`, or x0, x1, ...

        Returns
        -------
        ndarray of str
            The names returned by the wrapped transformer.
        """
        check_is_fitted(self, "transformer_")
        if input_features is None:
            input_features = getattr(self, "feature_names_in_", None)
        names: np.ndarray = self.transformer_.get_feature_names_out(input_features)
        return names

    def __sklearn_tags__(self) -> Tags:
        """Adopt the tags of the wrapped transformer."""
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags.allow_nan = takes_nan(self.transformer)
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        if inner.transformer_tags is not None:
            tags.transformer_tags = inner.transformer_tags
        return tags

    def _check_parameters(self) -> None:
        check_choice("per_video", self.per_video, (True, False))
        for method in ("fit", "transform"):
            if isinstance(self.transformer, type) or not hasattr(
                self.transformer, method
            ):
                raise InvalidParameterError(
                    "transformer must be a transformer with fit and transform, "
                    f"got {self.transformer!r}."
                )
        if knows_videos(self.transformer):
            raise InvalidParameterError(
                "transformer must be one of frames, got "
                f"{shorten(self.transformer)}, which has a transformer of videos in "
                "it: put those in a Pipeline or a FeatureUnion, not in a "
                "ColumnTransformer or a Framewise."
            )
        if self.per_video and get_tags(self.transformer).target_tags.required:
            raise InvalidParameterError(
                "transformer must not require labels if per_video=True, because "
                f"transform has no labels; got {self.transformer!r}."
            )

    def _check_videos(self, videos: Videos, reset: bool) -> Sequence[np.ndarray]:
        checked: Sequence[np.ndarray] = check_videos(
            videos, estimator=self, reset=reset, ensure_all_finite=self._finiteness()
        )
        if reset:
            self._takes_data_frames = hasattr(list_videos(videos)[0], "iloc")
        return checked

    def _finiteness(self) -> Any:
        return "allow-nan" if get_tags(self).input_tags.allow_nan else True

    def _check_targets(
        self, y: Labels | None, checked: Sequence[np.ndarray], single: bool
    ) -> tuple[np.ndarray | None, np.ndarray | slice]:
        """Return labels, or None, and which of all frames have them."""
        required = get_tags(self).target_tags.required
        if y is None:
            if required:
                raise ValueError(
                    "This Framewise estimator requires y to be passed, but the target "
                    "y is None."
                )
            return None, EVERY
        lengths = lengths_of(checked)
        # In a pipeline y is for a segmenter, which takes labels of some frames.
        each = [y] if single else y
        if not all(map(_is_whole, each)):
            return _known_labels(each, lengths) if required else (None, EVERY)
        if not single and all(np.ndim(label) == 0 for label in y):
            (of_videos,) = check_labels(y, len(checked))
            return np.repeat(of_videos, lengths), EVERY
        return np.concatenate(check_labels(y, lengths)), EVERY

    def _check_widths(self, results: Sequence[np.ndarray]) -> None:
        """Refuse videos of which other transformers have left other columns."""
        for index, result in enumerate(results):
            if result.shape[1] != results[0].shape[1]:
                raise ValueError(
                    f"video {index}: {shorten(self.transformer)} makes "
                    f"{result.shape[1]} feature(s) of it and {results[0].shape[1]} of "
                    "video 0; with per_video=True it must make as many of each."
                )

    def _as_table(self, frames: np.ndarray) -> Any:
        if not self._takes_data_frames:
            return frames
        pandas = import_optional("pandas", "io")
        names = getattr(self, "feature_names_in_", None)
        return pandas.DataFrame(frames, columns=names, copy=False)

    def _transform_one(self, video: np.ndarray) -> np.ndarray:
        frames = self._as_table(video)
        if self.per_video:
            transformer = clone(self.transformer).fit(frames)
        else:
            transformer = self.transformer_
        return _dense_frames(transformer.transform(frames), len(video))


class FramesStream(Stateless):
    """Transform the frames of a recording as they come, each by itself.

    Parameters
    ----------
    framewise : Framewise
        Fitted.
    """

    def __init__(self, framewise: Framewise) -> None:
        self.framewise = framewise

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Transform the next frames: one by one, so that results do not depend on n.

        Parameters
        ----------
        frames : ndarray of shape (n, n_features)
            Frames of the recording.

        Returns
        -------
        ndarray of shape (n, n_features_out)
        """
        transform = self.framewise._transform_one
        with arrays_between_steps():
            rows = [transform(frame[None]) for frame in frames]
            if not rows:  # of as many columns as there would be
                return transform(np.zeros((1, frames.shape[1])))[:0]
        return np.concatenate(rows)


def _known_labels(
    y: Sequence[Any], lengths: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that there are, and which of all frames have them."""
    if len(y) != len(lengths):
        raise ValueError(
            f"Expected labels of {len(lengths)} video(s), or None for each without, "
            f"got {len(y)}."
        )
    labels: list[Any] = []
    for index, (item, length) in enumerate(zip(y, lengths, strict=True)):
        is_one = np.ndim(item) == 0
        of_video = np.full(length, item) if is_one else np.asanyarray(item)
        if isinstance(item, dict) or of_video.shape != (length,):
            raise ValueError(
                f"video {index}: expected one label for each of {length} frames, or "
                f"None, got {shorten(item)}."
            )
        labels += of_video.tolist()
    known = np.array([not is_unlabelled(label) for label in labels])
    if not known.any():
        raise ValueError("y has no label of any frame.")
    return np.array([*compress(labels, known)]), known


def _chunks(videos: OnDemand) -> Iterator[np.ndarray]:
    """Yield the frames of videos, of several where they are short."""
    some: list[np.ndarray] = []
    left = sum(videos.lengths)
    for video in videos:
        some.append(video)
        left -= len(video)
        is_enough = min(sum(map(len, some)), left) >= CHUNK
        if is_enough or not left:
            yield np.concatenate(some)
            some = []


def _all_frames(videos: Sequence[np.ndarray], transformer: Any) -> np.ndarray:
    """Return all frames in one array, if that is allowed."""
    if isinstance(videos, OnDemand):
        first = videos[0]
        needed = sum(videos.lengths) * first.shape[1] * first.itemsize
        if needed > videos.shelf.limit:
            raise InvalidParameterError(
                f"{type(transformer).__name__} needs all frames at once, {needed} "
                f"bytes, more than the {videos.shelf.limit:.0f} of memory_limit of "
                "Training: raise it, or use features=WhitenedViews() or a transformer "
                "with partial_fit, such as StandardScaler or IncrementalPCA."
            )
    return np.concatenate([*videos])


def _dense_frames(result: Any, n_frames: int) -> np.ndarray:
    """Return the result of the wrapped transformer as a dense array."""
    dense: np.ndarray = (
        result.toarray() if sparse.issparse(result) else np.asarray(result)
    )
    if dense.ndim != 2 or len(dense) != n_frames:
        raise ValueError(
            f"The wrapped transformer must return one row for each of the {n_frames} "
            f"frames, got an array of shape {dense.shape}."
        )
    return dense
