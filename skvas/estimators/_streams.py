"""Answer for recordings that are still going on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skvas.estimators._base import BaseVideoEstimator, Fitted
from skvas.live import LiveTracker
from skvas.live._features import Embedding
from skvas.live._model import LiveModel, learn_positions
from skvas.nn import MLPEncoder, ResidualEncoder
from skvas.preprocessing import WhitenedViews
from skvas.timeline._model import Axis


class StreamsFrames(BaseVideoEstimator):
    """Follow recordings while they go on."""

    _shared_doc = """
    Attributes
    ----------
    live_ : dict of str to object or None
        What `stream` needs: features, likelihoods and transitions. None where there is
        nothing to tell, as frames have neither actions nor positions on a timeline, and
        in models that were saved by a version without streams.
    """

    _fitted = {"live_": Fitted((dict, type(None)))}

    def stream(self, *, fps: float | None = None, lag: float = 0) -> LiveTracker:
        """Follow a recording while it goes on.

        Frames are standardised by what was seen of their recording, with the videos of
        `fit` as prior, so that no answer waits for the end. Where `fit` has found a
        timeline, the position on it is told, and steps that are skipped, repeated or
        out of order are warned of.

        Parameters
        ----------
        fps : float, default=None
            Frames per second, for times in seconds; it should be that of the videos of
            `fit`. None: the one that all recordings of `fit` had, if they knew it.
        lag : int or float, default=0
            Later frames that an answer waits for, at most. More are more accurate. 0
            answers at once, infinity at the end.

        Returns
        -------
        LiveTracker
            Takes frames by its method `push`.

        Raises
        ------
        InvalidParameterError
            If `fps` or `lag` is out of range.
        ValueError
            If `live_` is None.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        if self.live_ is None:
            raise ValueError(
                "The model keeps nothing for streams (live_ is None): either it was "
                "saved by a version of skvas without streams, then fit it again; or it "
                "tells no actions and its videos share no order, as timeline_ says."
            )
        return LiveTracker(
            LiveModel.from_state(self.live_),
            fps=self._common_fps() if fps is None else fps,
            lag=lag,
            classes=getattr(self, "classes_", None),
        )


def learn_places(
    videos: Sequence[np.ndarray],
    axis: Axis,
    features: Any,
    encoder: nn.Module,
    labels: list[np.ndarray] | None = None,
) -> dict[str, Any]:
    """Return what streams need of the videos of `fit`, which share an axis.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.
    axis : Axis or TimelineModel
        Their axis, with actions or without.
    features : transformer or None
        The fitted preprocessing.
    encoder : Module
        The trained encoder.
    labels : list of int64 ndarray of shape (n_i,), default=None
        The action of each frame. None: those of the axis.
    """
    embedding = causal_embedding(features, encoder)
    return learn_positions(videos, axis, embedding, labels).state()


def causal_embedding(features: Any, encoder: nn.Module) -> Embedding | None:
    """Return the encoder in arrays, as it sees one frame at a time.

    Parameters
    ----------
    features : transformer or None
        The fitted preprocessing.
    encoder : Module
        The trained encoder.

    Returns
    -------
    Embedding or None
        None where the encoder looks at later frames or is not one of skvas, and where
        the preprocessing is another one.
    """
    layers = encoder.added if isinstance(encoder, ResidualEncoder) else encoder
    if not isinstance(features, WhitenedViews) or not isinstance(layers, MLPEncoder):
        return None
    running: list[np.ndarray] = []
    fixed: list[np.ndarray] = []
    for view, directions, variance in zip(
        features.views, features.components_, features.explained_variance_, strict=True
    ):
        columns = directions.T
        if features.whiten:
            columns = columns / np.sqrt(np.where(variance > 0, variance, 1))
        here, there = (running, fixed) if view == "video" else (fixed, running)
        here.append(columns)
        there.append(np.zeros_like(columns))
    n_columns = sum(part.shape[1] for part in running)
    bias = np.zeros(n_columns)
    if features.offset > 0:
        bias = np.append(bias, features.offset * features._length())
        for parts in (running, fixed):
            parts.append(np.zeros((features.n_features_in_, 1)))
    linear = [layer for layer in layers.layers if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().cpu().numpy().T.copy() for layer in linear]
    biases = [layer.bias.detach().cpu().numpy().copy() for layer in linear]
    joined = np.hstack(running), np.hstack(fixed)
    return Embedding(*joined, bias, weights, biases, layers is not encoder)
