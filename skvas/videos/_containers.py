"""Results in the container that the input came in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from inspect import isfunction, signature
from typing import Any, TypeVar

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import TransformerMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if

from skvas._optional import import_optional
from skvas._typing import Self, Videos
from skvas.datasets._recordings import Recordings, recordings_of
from skvas.datasets._video_list import VideoList
from skvas.validation import check_choice, is_single_video, list_videos

Method = TypeVar("Method", bound=Callable[..., Any])

# Whose first argument may be called `videos`.
METHODS = (
    "fit",
    "inverse_transform",
    "partial_fit",
    "predict",
    "predict_proba",
    "score",
    "transform",
)


def like_input(results: Sequence[np.ndarray], single: bool) -> np.ndarray:
    """Return the result of one video as it is, those of many as an object array.

    Parameters
    ----------
    results : sequence of ndarray
        One result a video.
    single : bool
        Whether the user gave one video, not in a list.

    Returns
    -------
    ndarray
        The only result, or a 1-D object array of results. That has one axis even
        where all lengths are equal, so that scikit-learn can join and split it.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.videos._containers import like_input
    >>> like_input([np.zeros(4), np.zeros(4)], single=False).shape
    (2,)
    """
    if single:
        return results[0]
    mirrored = np.empty(len(results), dtype=object)
    mirrored[:] = list(results)  # an array in its place would be spread out
    return mirrored


def as_list(results: np.ndarray) -> list[np.ndarray]:
    """Return the results of all videos, of one or many, that `like_input` has made."""
    return list(results) if results.dtype == object else [results]


def list_like_input(results: Sequence[Any], single: bool) -> Any:
    """Return the result of one video as it is, those of many as a list.

    Parameters
    ----------
    results : sequence
        One result a video.
    single : bool
        Whether the user gave one video, not in a list.

    Returns
    -------
    object or list
        The only result, or the list of them.

    Examples
    --------
    >>> from skvas.videos._containers import list_like_input
    >>> list_like_input(["a"], single=True), list_like_input(["a"], single=False)
    ('a', ['a'])
    """
    return results[0] if single else VideoList(results)


def available(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return scikit-learn's `available_if`, which type checkers then see through.

    Parameters
    ----------
    check : callable
        From an estimator to whether it has the method.

    Returns
    -------
    callable
        The decorator of the method.

    Examples
    --------
    >>> from skvas.videos._containers import available
    >>> class Named:
    ...     @available(lambda self: hasattr(self, "name"))
    ...     def greet(self):
    ...         return "hello"
    >>> hasattr(Named(), "greet")
    False
    """
    decorator: Callable[[Method], Method] = available_if(check)
    return decorator


def kept_names(transformer: Any, given: list[str] | None) -> list[str] | None:
    """Return the names of what a transformer makes where each is one of those given.

    Parameters
    ----------
    transformer : transformer
        Fitted, of videos.
    given : list of str, or None
        Names of the features that it takes; None: they have none.

    Returns
    -------
    list of str, or None
        None where it makes features of its own.
    """
    if given is None or not hasattr(transformer, "get_feature_names_out"):
        return None
    try:
        names = list(transformer.get_feature_names_out(given))
    except Exception:  # of whatever was wrapped; it knows no names for these
        return None
    return names if set(names) <= set(given) else None


def arrays_between_steps() -> AbstractContextManager[None]:
    """Let steps hand arrays on, where scikit-learn is set to make data frames.

    A model may be fitted under one setting and asked under another, and steps warn of
    names of columns that they were not fitted with.
    """
    context: AbstractContextManager[None] = config_context(transform_output="default")
    return context


class VideoTransformerMixin(TransformerMixin, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Give a transformer of videos `fit_transform` and `set_output`.

    scikit-learn wraps every `transform` to make a data frame of its result, and fails
    on a list. Here nothing is wrapped: `transform` ends with
    ``return self._wrap_output(results, videos)``, and many videos give a list of data
    frames. List this class before `BaseEstimator`. `set_output` is there if
    `get_feature_names_out` is.
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Videos are what scikit-learn calls X, and no metadata to route.
        for name in METHODS:
            method = getattr(cls, name, None)
            if isfunction(method) and "videos" in signature(method).parameters:
                setattr(cls, f"__metadata_request__{name}", {"videos": UNUSED})
        # The keyword is not inherited, so that it has to be given for each subclass.
        super().__init_subclass__(**{**kwargs, "auto_wrap_output_keys": None})

    def __sklearn_clone__(self) -> Any:
        clone = super().__sklearn_clone__()
        if hasattr(self, "_output_container"):
            clone._output_container = self._output_container
        return clone

    def _note_parameters(self) -> None:
        """Keep the parameters of `fit`, with which answers are given until the next."""
        self._parameters_of_fit = copy.deepcopy(self.get_params(deep=False))

    def _as_fitted(self, **changed: Any) -> Any:
        """Return this transformer with the parameters of `fit`, but for some."""
        known = {**vars(self).get("_parameters_of_fit", {}), **changed}  # {}: old files
        other = copy.copy(self)
        for name in self.get_params(deep=False).keys() & known.keys():
            setattr(other, name, known[name])
        other._parameters_of_fit = known
        return other

    def fit_transform(self, videos: Videos, y: Any = None, **fit_params: Any) -> Any:
        """Fit to videos, and return what `transform` makes of them.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            Training videos.
        y : object, default=None
            Passed to `fit`.
        **fit_params : dict
            Passed to `fit`.

        Returns
        -------
        ndarray of shape (n_frames, n_features_out), or list of them
            What `transform` returns.
        """
        return self.fit(videos, y, **fit_params).transform(videos)

    @available(lambda self: hasattr(self, "get_feature_names_out"))
    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container of what `transform` and `fit_transform` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            NumPy arrays or data frames, one a video; None changes nothing. Where it
            was never set, scikit-learn's ``set_config(transform_output=...)`` holds.

        Returns
        -------
        self
            The transformer.
        """
        choices = (None, "default", "pandas", "polars")
        if check_choice("transform", transform, choices) is not None:
            self._output_container = transform
        return self

    def _wrap_output(self, results: Sequence[np.ndarray], videos: Videos) -> Any:
        """Turn one array a video into what the user asked for."""
        single = is_single_video(videos)
        # Not the user's own numbers, which frames that need no work are a view of.
        results = [r if r.flags.writeable else r.copy() for r in results]
        container = getattr(self, "_output_container", get_config()["transform_output"])
        known = recordings_of(videos)
        kept = None if known is None else self._kept_names(known, results)
        made: Sequence[Any] = results
        if container != "default" and hasattr(self, "get_feature_names_out"):
            names = kept or self.get_feature_names_out()
            made = [
                _data_frame(container, result, names, getattr(item, "index", None))
                for result, item in zip(results, list_videos(videos), strict=True)
            ]
        if known is not None:
            return known.replace(made, feature_names=kept)
        return list_like_input(made, single)

    def _kept_names(
        self, known: Recordings, results: Sequence[np.ndarray]
    ) -> list[str] | None:
        """Return the names of features where each is one of those given."""
        names = kept_names(self, known.feature_names)
        if names is None or any(len(names) != result.shape[1] for result in results):
            return None
        return names


def _data_frame(container: str, result: np.ndarray, names: Any, index: Any) -> Any:
    library = import_optional(container, "io")
    if container == "polars":
        return library.DataFrame(result, schema=list(names), orient="row")
    # A list has a method of that name.
    index = None if callable(index) else index
    return library.DataFrame(result, columns=names, index=index, copy=False)
