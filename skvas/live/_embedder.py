"""Embed the frames of a recording while it goes on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skvas._typing import Self
from skvas.exceptions import InvalidParameterError
from skvas.live._frames import check_frames
from skvas.preprocessing._causal import open_stream
from skvas.preprocessing._framewise import closes_gaps, takes_nan
from skvas.preprocessing._pipelines import all_steps
from skvas.videos._streams import Chained, Stream
from skvas.videos._underflow import underflow_to_zero


class LiveEmbedder:
    """Embed one recording after another while it goes on.

    Made by the method `embedder` of an estimator that was fitted for live use. Memory
    and time a frame do not depend on the length of the recording. Frames may be pushed
    one at a time or many: the embeddings are the same, bit for bit, and those of
    `transform` but for rounding.

    Parameters
    ----------
    n_features : int
        Features of a frame.
    features : transformer or None
        From frames to what the encoder sees; fitted, and causal.
    encoder : callable
        Opens a stream from there to unit embeddings, float32.
    feature_names : sequence of str, default=None
        Names of the features in `fit`, which columns of data frames are held against.

    See Also
    --------
    LiveTracker : Actions and positions, as frames come.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas import ActionSegmenter, Training
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> model = ActionSegmenter(4, max_epochs=1, training=Training(live=True))
    >>> embedder = model.fit(videos[:5]).embedder()
    >>> pieces = [embedder.push(videos[5][:60]), embedder.push(videos[5][60:])]
    >>> whole = model.transform(videos[5])
    >>> bool(np.allclose(np.concatenate(pieces), whole, atol=1e-5))
    True
    """

    def __init__(
        self,
        n_features: int,
        features: Any,
        encoder: Callable[[], Stream],
        *,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.n_features = n_features
        self.features = features
        self.encoder = encoder
        self.feature_names = None if feature_names is None else [*feature_names]
        self.closes_gaps = takes_nan(features) and closes_gaps(features)
        self.reset()

    def reset(self) -> None:
        """Forget the recording, and wait for the first frame of another."""
        self._seen = open_stream(self.features)
        self._stream = Chained([self._seen, self.encoder()])

    @underflow_to_zero()
    def push(self, frames: Any) -> np.ndarray:
        """Embed the next frames.

        Parameters
        ----------
        frames : array-like of shape (n_frames, n_features)
            The next frames, one or more. A data frame must have the columns of `fit`,
            in their order.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_embedding)
            Unit vectors. A frame with NaN cannot be read, unless `features` close gaps,
            as :class:`skvas.preprocessing.PoseFeatures` do: its embedding is NaN, and
            the frames after it are embedded as if it had not been there.

        Raises
        ------
        ValueError, TypeError
            If frames are not as described. The embedder is as it was before.
        """
        checked = check_frames(frames, self.n_features, self.feature_names)
        can_be_read = ~np.isnan(checked).any(axis=1) | self.closes_gaps
        rows = self._embed(checked[can_be_read])
        embeddings = np.full((len(checked), rows.shape[1]), np.nan, dtype=np.float32)
        embeddings[can_be_read] = rows
        return embeddings

    def copy(self) -> Self:
        """Return an embedder that goes on from here by itself.

        Returns
        -------
        LiveEmbedder
        """
        other = copy.copy(self)
        shared = {id(part): part for part in self.learned()}
        other._stream = copy.deepcopy(self._stream, shared)
        other._seen = other._stream.streams[0]
        return other

    def learned(self) -> list[Any]:
        """Return what does not change with frames, which copies share.

        Returns
        -------
        list of object
            The encoder, the transformer, and their parts.
        """
        networks = getattr(self.encoder, "args", ())
        layers = [layer for n in networks for layer in getattr(n, "modules", list)()]
        return [self.encoder, *layers, self.features, *all_steps(self.features)]

    def state(self) -> list[Any]:
        """Return what was seen of the recording, for a file.

        Returns
        -------
        list
            Numbers, arrays and lists of them.
        """
        try:
            return self._stream.state()
        except AttributeError as error:
            raise InvalidParameterError(
                "A stream of your own has no methods state and restore, which a file "
                "needs; pickle the tracker, for nobody but yourself."
            ) from error

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned.

        Parameters
        ----------
        state : list
            Refused if it is not as another embedder of the model has it.
        """
        self._stream.restore(state)

    def _embed(self, frames: np.ndarray) -> np.ndarray:
        """Embed the next frames, all of which can be read."""
        if not len(frames):  # no row, of as many columns as there would be
            fresh = LiveEmbedder(self.n_features, self.features, self.encoder)
            return fresh._embed(np.zeros((1, self.n_features)))[:0]
        try:
            before = copy.deepcopy(self._seen.state())
        except AttributeError:  # a stream of the user's own
            return self._stream.push(frames)
        try:
            return self._stream.push(frames)
        except ValueError:  # of features that the encoder, unchanged, refuses
            self._seen.restore(before)
            raise
