"""Answer for recordings that are still going on."""

from __future__ import annotations

import copy
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvas._printing import levels_to_user
from skvas.datasets._recordings import features_of_fit, rate_of_fit
from skvas.estimators._base import BaseVideoEstimator, Fitted
from skvas.live import LiveEmbedder, LiveTracker
from skvas.live._model import LiveModel
from skvas.nn._model import EmbeddingStream
from skvas.segmentation._order import KNOWN_AGAIN
from skvas.transport._threads import spare_threads
from skvas.videos._jobs import decode_in_jobs
from skvas.videos._underflow import underflow_to_zero

# Rates that differ by so small a share are one.
OTHER_RATE = 0.05
# Later frames that tell what a frame shows, at most, where all are known.
LOOK_AHEAD = 1000


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

    _fitted = {"live_": Fitted((dict, type(None)), absent=lambda: None)}
    live_: dict[str, Any] | None

    @underflow_to_zero()
    def stream(
        self,
        *,
        fps: float | None = None,
        lag: float = 0,
        reset_after: float | None = None,
    ) -> LiveTracker:
        """Follow a recording while it goes on.

        Frames are standardised by what was seen of their recording, with the videos of
        `fit` as prior, so that no answer waits for the end; after a training with
        ``Training(live=True)`` they are embedded as well. Where `fit` has found a
        timeline, the position on it is told. Steps that are skipped, repeated or out
        of order are warned of as far as there is an order.

        Parameters
        ----------
        fps : float, default=None
            Frames per second, for times in seconds; it should be that of the videos of
            `fit`. None: the one that all recordings of `fit` had, if they knew it.
        lag : int or float, default=0
            Later frames that an answer waits for, at most. More are more accurate. 0
            answers at once, infinity at the end, and then as `predict` does.
        reset_after : float, default=None
            Seconds without a frame that can be read, two frames or more, after which a
            recording is over, and the next frame that can be read begins another. Needs
            the rate of frames. None: call `finish` and `reset`.

        Returns
        -------
        LiveTracker
            Takes frames by its method `push`.

        Raises
        ------
        InvalidParameterError
            If `fps`, `lag` or `reset_after` is out of range, or seconds are given and
            the rate of frames is not known.
        ValueError
            If `live_` is None.
        NotFittedError
            If `fit` was not called.

        Warns
        -----
        UserWarning
            If `fps` is another rate than that of the recordings of `fit`.
        """
        check_is_fitted(self)
        if self.live_ is None:
            raise ValueError(
                "The model keeps nothing for streams (live_ is None): "
                f"{self._why_no_stream()}."
            )
        learned = LiveModel.from_state(self.live_)
        usual = rate_of_fit(self)
        # As it is now: the model may be fitted anew while a recording goes on.
        now = copy.copy(self)
        tracker = LiveTracker(
            learned,
            fps=usual if fps is None else fps,
            lag=lag,
            classes=getattr(self, "classes_", None),
            whole=getattr(now, "_label_whole", None),
            embedder=self.embedder() if learned.on_embedding else None,
            feature_names=features_of_fit(self),
            action_names=getattr(self, "action_names_", None),
            reset_after=reset_after,
        )
        if fps is not None and usual is not None and abs(fps / usual - 1) > OTHER_RATE:
            warnings.warn(
                f"fps is {fps:g}, and recordings of fit have {usual:g} frames a "
                "second: durations are wrong unless frames are sampled at that rate.",
                stacklevel=levels_to_user(),
            )
        return tracker

    @spare_threads()
    def _labels_by_jumps(self, videos: list[Any]) -> list[np.ndarray] | None:
        """Label frames as streams do, which may jump to any moment of a timeline.

        None without a timeline, or where frames are too noisy: what they look like must
        tell their action in videos that it was not learned from.
        """
        if (self.live_ or {}).get("known", 0.0) < KNOWN_AGAIN:
            return None
        return decode_in_jobs(
            _follow,
            videos,
            (self.stream(lag=LOOK_AHEAD)._for_labels(),),
            width=1,
            n_jobs=self.n_jobs,
            step="looking for steps in another order",
        )

    def embedder(self) -> LiveEmbedder:
        """Embed the frames of a recording while it goes on, as `transform` does.

        Returns
        -------
        LiveEmbedder
            Takes frames by its method `push`.

        Raises
        ------
        ValueError
            If the embedding of a frame depends on later frames (`is_causal_`).
        NotFittedError
            If `fit` was not called.
        """
        if not self.is_causal_:
            raise ValueError(
                "The embedding of a frame depends on later frames (is_causal_ is "
                "False); fit with Training(live=True), or wait for the whole recording "
                "and use transform."
            )
        encoder = partial(EmbeddingStream, self.encoder_)
        return LiveEmbedder(
            self.n_features_in_,
            self.features_,
            encoder,
            feature_names=features_of_fit(self),
        )

    def _why_no_stream(self) -> str:
        if hasattr(self, "classes_") or self.timeline_ is not None:
            return "it was saved by a version of skvas without streams; fit it again"
        if not self.n_iter_:
            return (
                "it tells no actions, and no embedding was trained, without which it "
                "has no timeline; fit it with max_epochs above 0"
            )
        return (
            "it tells no actions and has no timeline, as its videos share no order, or "
            "are fewer than two, or its embedding does not start as the features; fit "
            "a JointAlignSegment, which tells actions"
        )


def _follow(videos: list[Any], tracker: LiveTracker) -> list[np.ndarray]:
    """Return the labels of recordings that are known to the end."""
    labels = []
    for video in videos:
        tracker.reset()
        tracker.push(video)
        labels.append(tracker.finish().labels)
    return labels
