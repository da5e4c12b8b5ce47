"""What estimators that segment answer with: labels of frames."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from skvas._on_demand import choose, lengths_of
from skvas._printing import shorten
from skvas._typing import Labels, Self, Videos
from skvas.applications._action_table import ActionTable, tabulate
from skvas.applications._diagnosis import diagnose, unlike_recordings
from skvas.applications._names import labels_meant, rename_actions
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import (
    Recordings,
    as_recordings,
    rate_of_fit,
)
from skvas.decoding import labels_to_segments
from skvas.estimators._base import (
    BaseVideoEstimator,
    Fitted,
    Prepared,
    Trained,
    refuse_lost_start,
)
from skvas.exceptions import InvalidParameterError
from skvas.labels._known import Known
from skvas.labels._naming import BaseNaming
from skvas.labels._outlook import Outlook, Query
from skvas.labels._reading import NO_LABEL, PartialLabels, read_labels
from skvas.labels._seeds import NamedVectors, join_names, read_prototypes, sow
from skvas.live._model import learn_actions, learn_positions, with_doubt
from skvas.metrics._order import may_be_shared
from skvas.nn import Prototypes
from skvas.nn._model import embed_videos
from skvas.options._declare import group_of
from skvas.options._groups import CHAIN, DECODED, PLAN, TIMELINE
from skvas.options._kinds import is_auto
from skvas.options._settings import Settings
from skvas.preprocessing import WhitenedViews
from skvas.preprocessing._features import (
    bodies_of,
    fill_gaps,
    places_of,
    reach_of_motion,
    spread_of,
    streamed_videos,
    tails_of,
)
from skvas.preprocessing._framewise import takes_nan
from skvas.preprocessing._spikes import without_spikes
from skvas.segmentation._again import find_again
from skvas.segmentation._boundaries import settle_boundaries
from skvas.segmentation._chain import ActionChain
from skvas.segmentation._choice import (
    Start,
    choose_start,
    open_candidates,
    with_values,
)
from skvas.segmentation._decoder import Referee, best_chain, choose_decoder
from skvas.segmentation._joined import join_labeller
from skvas.segmentation._labeller import (
    BaseLabeller,
    ChainLabeller,
    FrameLabeller,
    Labeller,
    TimelineLabeller,
    choose_labeller,
    directions,
)
from skvas.segmentation._named import Settled, settle
from skvas.segmentation._order import known_in_others
from skvas.timeline._model import (
    TimelineModel,
    count_on_timeline,
)
from skvas.timeline._settled import kinds_to_expect
from skvas.training._survey import Survey
from skvas.transport._threads import spare_threads
from skvas.validation import (
    are_same_names,
    check_choice,
    check_integer,
    check_n_actions,
    check_total_frames,
    is_single_video,
)
from skvas.videos._containers import as_list, like_input
from skvas.videos._frames import sample_videos, spread
from skvas.videos._views import Views

# Number of actions that is looked for if neither the user nor labels say one.
N_ACTIONS = 8
# Videos that tell how sure streams are of actions, at most.
SURE_OF = 4
# Features are smoothed by this share of usual labelled segments, of so many at least,
# where that is less than they are else.
OF_SEGMENT, FEW_SEGMENTS = 1 / 3, 3


class LabelsFrames(ClusterMixin, BaseVideoEstimator):
    """Answer with the actions of frames."""

    _shared_doc = """
    Parameters
    ----------
    segmenting : Segmenting, default=None
        How frames are transported to actions: :class:`skvas.Segmenting`. None: its
        defaults.
    prototypes : array-like of shape (K, D) or dict of str or int to array-like, \
default=None
        Vectors that stand for actions, of the features or of the embedding, by the
        names of the actions: of a text encoder that shares its space with the features,
        or frames of another recording. The frames most similar to each are labelled by
        it, as if `y` said so; labels of `y` count more. An array names actions 0, 1 and
        so on.

    Attributes
    ----------
    labels_ : ndarray of shape (n_frames,), or an object array of them
        Action of each frame of the videos of `fit`: an entry of `classes_`. Frames
        whose label was given have that label.
    classes_ : ndarray of shape (n_actions_,)
        Names of the actions, in the order of the columns of `predict_proba`: the labels
        of `y`, sorted, then actions that have no label, "action 7" for the eighth
        action, or whole numbers above all labels. Without labels 0, 1, 2 and so on.
    naming_ : BaseNaming or None
        What was learned from labels; None if there were none.
    outlook_ : Outlook
        Evenly spread frames of the videos of `fit`, for `query`.
    n_actions_ : int
        Number of actions, estimated if `n_actions` left a choice.
    n_actions_scores_ : dict of str to ndarray or None
        Each `n_actions` that was tried, and its `score`; None if none was.
    prototypes_ : ndarray of shape (n_actions_, n_embedding)
        Action embeddings of unit length, in the space `segment_on_`; where that is
        "timeline", in the embedding, numbered without regard to `labels_`.
    segment_on_ : {"features", "embedding", "timeline"}
        Where frames are compared with actions, "auto" resolved.
    chain_ : dict of str to object or None
        Where frames are labelled by a hidden Markov model (`decoder`), its `means`
        (n_actions, n_embedding) and `variances` (n_embedding,) in the space
        `segment_on_`, the `shares` of the actions, mean `durations` of their segments
        as shares of a video, the share of a video over which frames are
        `correlated`, each of their numbers by itself, `correlations` (n_embedding,),
        and the `constant` that stands beside the features of a frame, as a last number
        of each, where their length counts (else 0); else None.
    found_again_ : float or None
        Share of the frames of `fit` that have the action again, if it is found in the
        half of the videos that lacks them (see Notes). None where labels were given,
        there is one video, or a recipe without "auto" settings found the actions
        without a timeline.
    doubt_ : float
        Weight of equal shares in `predict_proba` (see Notes).
    chosen_ : dict
        The settings that `fit` chose where "auto" left a choice.
    action_names_ : list of str or None
        Names of the actions, after :meth:`name_actions`; None before.

    Notes
    -----
    The informed recipe chooses "auto" settings without labels. Before training, frames
    of pairs of videos are matched by nearest neighbours and, if the videos share an
    order, by monotone paths. The setting with the highest consistency score is chosen
    (:func:`~skvas.metrics.consistency_score`): frames that match should have
    the same action. Of more than 128 videos the same 128 are looked at, drawn at
    random. Plans are averaged with weights score**8; the prototypes are the
    barycentres of the average. Where no order is shared and features are whitened,
    settings are also tried on features that are whitened in part.

    What is found is often sure, right or wrong. So `fit` asks how much of it depends on
    the videos: actions are found in each half of them too, without training, and label
    the other half. The share of frames with the same action, `found_again_`, is about
    the share that is right, on average over collections. A share s of `predict_proba`
    is (1 - d) s + d / K, and d, which is `doubt_`, makes the largest `found_again_` on
    average over the videos of `fit`, unless it is less by itself.

    The number of actions, if a range is allowed, is counted on the timeline of three
    videos or more that share an order: as many segments as help to explain draws of
    them, merged where that loses little. The score in `n_actions_scores_` is then 1 in
    the likely range, and 0 elsewhere. Without a shared order it is the number with the
    highest modularity of matched frames (:func:`~skvas.metrics.modularity_score`), on
    average over two quick segmentations, smoothed over neighbouring numbers. Expect an
    error of a factor of 1.3 to 1.5 on average.
    """

    _fitted = BaseVideoEstimator._fitted | {
        "labels_": Fitted(np.ndarray),
        "n_actions_": Fitted(int, labels=True),
        "n_actions_scores_": Fitted((dict, type(None))),
        "prototypes_": Fitted(np.ndarray, labels=True),
        "segment_on_": Fitted(str, labels=True),
        "chosen_": Fitted(dict),
        "chain_": Fitted((dict, type(None)), labels=True, absent=lambda: None),
        "found_again_": Fitted((float, type(None)), absent=lambda: None),
        "doubt_": Fitted(float, absent=float),
        "classes_": Fitted(np.ndarray, labels=True),
        "naming_": Fitted((BaseNaming, type(None)), labels=True, absent=lambda: None),
        "outlook_": Fitted((Outlook, type(None)), absent=lambda: None),
        "action_names_": Fitted((list, type(None)), absent=lambda: None),
    }
    labels_: np.ndarray
    n_actions_: int
    n_actions_scores_: dict[str, np.ndarray] | None
    prototypes_: np.ndarray
    segment_on_: str
    chosen_: dict[str, Any]
    chain_: dict[str, Any] | None
    classes_: np.ndarray
    found_again_: float | None
    doubt_: float
    naming_: BaseNaming | None
    outlook_: Outlook | None
    action_names_: list[str] | None

    def fit_predict(self, videos: Videos, y: Labels = None) -> np.ndarray:
        """Fit, and label every frame of the same videos.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many, as in `fit`.
        y : list with an entry for each video, default=None
            Labels of some frames, as in `fit`.

        Returns
        -------
        ndarray of shape (n_frames,), or an object array of them
            `labels_` after `fit`.

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        labels: np.ndarray = self.fit(videos, y).labels_
        return labels

    @spare_threads()
    def predict(self, videos: Videos) -> np.ndarray:
        """Label every frame with its action.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        ndarray of shape (n_frames,), or an object array of them
            Entries of `classes_`: the integers or strings that `y` had, and integers 0
            ... ``n_actions_ - 1`` if there were no labels.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.

        Warns
        -----
        UnlikeRecordingsWarning
            If a video is unlike those of `fit`, see :meth:`unlike`.
        """
        videos = open_files(videos)
        views = self._view(videos)
        self._warn_of_unlike(videos, views)
        found = self._labeller().labels(views)
        return like_input([self.classes_[f] for f in found], is_single_video(videos))

    @spare_threads()
    def predict_proba(self, videos: Videos) -> np.ndarray:
        """Share every frame out among the actions.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_actions_), or an object array of them
            A column for each of `classes_`; rows sum to 1. Where `segment_on_` is
            "timeline", actions are decoded by a chain, or labels were given,
            probabilities; elsewhere rows of the transport plan. Without labels, equal
            shares stand beside them with weight `doubt_`. The most probable action may
            differ from `predict` near a boundary on a timeline or with labels.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        views = self._view(videos)
        found = _in_float32(self._labeller().shares(views))
        return like_input(found, is_single_video(videos))

    @spare_threads()
    def _label_whole(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of the action of each frame, and the probabilities."""
        # A stream has checked them, with their names.
        (frames,) = without_spikes([frames], self.reach_, ["the recording"])
        views = None
        if takes_nan(self.features_):
            with contextlib.suppress(ValueError):  # of gaps that are too long for it
                views = self._look([frames])
        if views is None:
            views = self._look([fill_gaps(frames)])
        (codes,), (shares,) = self._labeller().labels_and_shares(views)
        return codes, np.asarray(shares, dtype=float)

    @spare_threads()
    def _labels_in_any_order(self, videos: list[Any]) -> list[np.ndarray] | None:
        """Label frames by transport, which lets steps come in any order.

        None if `predict` does that too, if actions are named by labels, or if nothing
        tells which action of transport is which one of the timeline.
        """
        is_named = self.naming_ is not None
        if self.segment_on_ != TIMELINE or is_named or self.outlook_ is None:
            return None
        labeller = self._transport_labeller()
        found = labeller.labels(self._view(videos))
        outlook = self.outlook_.without(self.diagnosis_.get("strangers", ()))
        few = outlook.vectors_of_videos()
        seen = replace(labeller, encoder=None).labels(Views(few, few, lambda few: few))
        table = np.zeros((self.n_actions_, self.n_actions_), dtype=np.int64)
        np.add.at(table, (np.concatenate(seen), outlook.found), 1)
        _, partners = linear_sum_assignment(table, maximize=True)
        return [self.classes_[partners[codes]] for codes in found]

    def name_actions(
        self, names: Mapping[Any, str] | Sequence[str] | np.ndarray
    ) -> Self:
        """Give the actions names, which tables, reports, pictures and files then show.

        Parameters
        ----------
        names : dict of int or str to str, or sequence of str
            Names of some actions by label, which is an entry of `classes_` or its
            text, or by the name that they have; or of the first ones, in the order of
            `classes_`. Where no label is a number, a whole number is a place in
            `classes_`. An action without a name keeps the one that it had, at first its
            label.

        Returns
        -------
        self
            The estimator. The names are saved with it, and gone after the next `fit`.

        Raises
        ------
        ValueError, TypeError
            If there is no such action, a name is not a text, or two would be the same.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        known = self._names_of_actions()
        self.action_names_ = rename_actions(known, self.classes_.tolist(), names)
        return self

    @spare_threads()
    def to_table(
        self, videos: Videos | None = None, *, fps: float | None = None
    ) -> ActionTable:
        """Return the segments of recordings as one table, with names and seconds.

        Parameters
        ----------
        videos : Recordings, or other videos, default=None
            Recordings to segment. None: those of `fit`, as they were segmented there.
        fps : float, default=None
            Frames per second, where the recordings do not know them. None: those of
            `fit`, if it knew them and all had one rate.

        Returns
        -------
        ActionTable
            One row a segment: recording, start, end, seconds, action and, for given
            `videos`, confidence. Print it, or write it by `to_csv` or `write`.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        names = self._names_of_actions()
        if videos is None:
            labels = as_list(self.labels_)
            known = self.recordings_
            times = known.get("times") if fps is None else None
            rates = known["fps"] if fps is None else fps
            recordings = Recordings(
                [label[:, None] for label in labels],
                known["names"] or None,
                fps=rates if times is None else None,
                times=times,
                media=known["media"],
            )
            classes = self.classes_.tolist()
            return tabulate(recordings, list(labels), names, classes=classes)
        videos = open_files(videos)
        recordings = as_recordings([videos] if is_single_video(videos) else videos)
        if fps is not None or not recordings.clock(0):
            rate = rate_of_fit(self) if fps is None else fps
            recordings = as_recordings(recordings, rate)
        codes, shares = self._labeller().labels_and_shares(self._view(recordings))
        labels = [self.classes_[code] for code in codes]
        shares = _in_float32(shares)  # as predict_proba returns them
        return tabulate(recordings, labels, names, shares, self.classes_.tolist())

    def to_csv(
        self,
        path: str | os.PathLike[str],
        videos: Videos | None = None,
        *,
        fps: float | None = None,
    ) -> None:
        """Write the segments of recordings to one CSV file.

        Parameters
        ----------
        path : str or path-like
            The file; replaced if it is there.
        videos : Recordings, or other videos, default=None
            As in `to_table`.
        fps : float, default=None
            As in `to_table`.

        Raises
        ------
        OSError
            If the file cannot be written; names it.
        """
        self.to_table(videos, fps=fps).to_csv(path)

    def to_eaf(
        self,
        folder: str | os.PathLike[str],
        videos: Videos | None = None,
        *,
        fps: float | None = None,
    ) -> list[Path]:
        """Write the segments of each recording to a file of ELAN, named after it.

        A file links to the video or audio file of the recording, if that is known.

        Parameters
        ----------
        folder : str or path-like
            The folder, made if it is not there.
        videos : Recordings, or other videos, default=None
            As in `to_table`.
        fps : float, default=None
            As in `to_table`.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        OSError
            If a file cannot be written; names it.
        ValueError
            If no frame rate is known.
        ImportError
            If pympi is not installed; names the extra.
        """
        return self.to_table(videos, fps=fps).write(folder, "eaf")

    def _names_of_actions(self) -> list[str]:
        """Return the names of the actions: given ones, labels of `fit`, or numbers."""
        given: list[str] | None = self.action_names_
        return [str(label) for label in self.classes_] if given is None else given

    def query(self, n: int = 1, *, kind: str = "auto") -> list[Query]:
        """Say what to label next, so that few labels tell much.

        The first recording is the one closest to the template where `segment_on_` is
        "timeline", and further ones cover most of what labelled frames do not resemble;
        elsewhere each has most of the found actions that lack labels. Of more than 128
        recordings, those with labels and a sample of 128 may be named. Frames are of as
        many videos as there are: first a typical one of each action that was found
        without labels and has none, then those that are far from labelled ones in the
        time of the timeline, or that most frames resemble which are uncertain and
        unlike labelled ones. Recordings that :meth:`summary` calls unlike the others
        are asked for when all others have labels: they may show something else.

        Parameters
        ----------
        n : int, default=1
            Number of answers.
        kind : {"auto", "recordings", "frames"}, default="auto"
            What to ask for. "auto": frames, and a whole recording before them where
            nothing is labelled.

        Returns
        -------
        list of skvas.labels.Query
            At most n, the best first. Put the label of a frame into an array with None
            at the other frames: a dict of frames says that each segment has one.

        Raises
        ------
        InvalidParameterError
            If `n` is no positive integer, or `kind` is something else.
        NotFittedError
            If `fit` was not called.

        Examples
        --------
        >>> from skvas import ActionSegmenter
        >>> from skvas.datasets import make_videos
        >>> videos = make_videos(4, n_actions=3, random_state=0).videos
        >>> model = ActionSegmenter(3, max_epochs=0).fit(videos)
        >>> model.query()[0].why
        'the recording with most of the actions that were found'
        """
        check_is_fitted(self)
        n = check_integer("n", n, low=1)
        check_choice("kind", kind, ("auto", "recordings", "frames"))
        if self.outlook_ is None:
            raise ValueError(
                "this model is of an older file, which does not say what to label "
                "next; fit it again."
            )
        unlike = unlike_recordings(self)
        if kind == "recordings":
            return self.outlook_.recordings(n, last=unlike)
        outlook = self.outlook_.without(unlike)
        names = self._names_of_actions()
        if kind == "frames":
            return outlook.frames(n, names)
        return outlook.first_recording_then_frames(n, names)

    def _share_of_right(self, views: Views, videos: Videos, y: Labels) -> float | None:
        """Return the share of labelled frames whose label is found; None without y.

        Also None where fit had no labels, and those of `y` are no names of actions.
        """
        if y is None or (self.naming_ is None and self.action_names_ is None):
            return None
        single = is_single_video(videos)
        lengths = lengths_of(views.videos)
        labels = read_labels(
            y, lengths, single=single, to_learn=False, known=Known.of(videos)
        )
        meant = labels_meant(self, labels.names)
        kind = type(self.classes_[0].item())
        is_known = any(isinstance(label, kind) for label in meant)
        if self.naming_ is None and meant == labels.names.tolist():
            return None
        if not meant:
            # Of another kind than the scores of videos with labels, and not to be
            # averaged with them.
            raise ValueError(
                "y has no label, so that no share of right ones can be told; give "
                "labels of some frames, or leave y out for minus the objective."
            )
        if not is_known:
            raise ValueError(
                f"y has labels such as {labels.names[0].item()!r}, and fit had such as "
                f"{self.classes_[0].item()!r}; give labels of one kind, integers or "
                "strings, or those that name_actions gave."
            )
        found = [self.classes_[codes] for codes in self._labeller().labels(views)]
        pairs = zip(labels.codes, found, strict=True)
        wanted = np.array([*meant, None], dtype=object)
        right = [wanted[c[c >= 0]] == f[c >= 0] for c, f in pairs]
        return float(np.concatenate(right).mean())

    def _check_segmentation(self) -> None:
        low, high = self._range_of_actions()
        if low < high and not self._recipe.chooses:
            raise InvalidParameterError(
                f'n_actions={self.n_actions!r} needs recipe="informed", which tells '
                "frames apart before training; give the number of actions."
            )
        group = group_of(self, "segmenting")
        for name, value in (("segment_on", "features"), ("teacher", "start")):
            if getattr(group, name) == value:
                refuse_lost_start(self, name, value)

    def _range_of_actions(self, labels: PartialLabels | None = None) -> tuple[int, int]:
        """Return the smallest and the largest number, all labels counted."""
        n_classes = 1 if labels is None else len(labels.names)
        published = self._recipe.n_actions
        if self.n_actions is None:
            if labels is None:
                return (N_ACTIONS if published is None else published,) * 2
            return (max(n_classes, labels.n_actions),) * 2
        auto = (2, 20) if published is None else published
        low, high = check_n_actions(self.n_actions, auto=auto)
        if high < n_classes and is_auto(self.n_actions):
            high = n_classes
        if labels is not None and high < n_classes:
            source = "y" if self.prototypes is None else "y and prototypes"
            raise InvalidParameterError(
                f"n_actions={self.n_actions!r} is less than the {n_classes} labels of "
                f"{source}; {labels.where(high)}. Raise it, or leave it out."
            )
        return max(low, n_classes), high

    def _n_clusters(self, labels: PartialLabels | None) -> int:
        """Return the number of kinds of frames to expect."""
        return kinds_to_expect(self._range_of_actions(labels))

    def _told_by(self, labels: PartialLabels | None) -> dict[str, Any]:
        """Return what `_prepare` has to know of the labels."""
        return {
            "told": self._training_of(labels),
            "n_clusters": self._n_clusters(labels),
            "smoothing": self._smoothing(labels),
            "codes": None if labels is None else labels.codes,
        }

    @staticmethod
    def _smoothing(labels: PartialLabels | None) -> float | None:
        """Return the smoothing of features where labelled segments are short."""
        if labels is None:
            return None
        videos = zip(labels.codes, labels.is_stamped, strict=True)
        shares = [
            share
            for codes, is_stamped in videos
            if not is_stamped
            for share in _shares_of_whole_segments(codes)
        ]
        if len(shares) < FEW_SEGMENTS:
            return None
        least = OF_SEGMENT * float(np.median(shares))
        return least if least < WhitenedViews().smoothing else None

    def _find_start(
        self,
        prepared: Prepared,
        labels: PartialLabels | None,
        rng: np.random.RandomState,
    ) -> Start:
        """Find where the actions start, or take that of the checkpoint."""
        self._check_prototypes(prepared)
        n_actions = self._range_of_actions(labels)
        make = partial(self._choose_start, prepared, n_actions, rng)
        start = Start(**prepared.checkpoint.once("start", lambda: vars(make())))
        placed = torch.from_numpy(start.vectors).to(self._device)
        prepared.model.prototypes = Prototypes(placed)
        return start

    def _choose_start(
        self,
        prepared: Prepared,
        n_actions: tuple[int, int],
        rng: np.random.RandomState,
    ) -> Start:
        features = prepared.related_features
        starts_as_features = self._starts_as_features()
        survey = self._survey(prepared, rng)
        count = None
        counts = n_actions[0] < n_actions[1] and starts_as_features
        if counts and self._may_share_order(prepared.preprocessing, features):
            few = choose(features, sample_videos(len(features)))
            count = count_on_timeline(directions(few), few, n_actions)
        start = self._start_from(
            survey,
            n_actions if count is None else (count.n_actions, count.n_actions),
            prepared.preprocessing,
            seed=int(rng.randint(2**31)),
        )
        if count is None:
            return start
        numbers = np.arange(n_actions[0], n_actions[1] + 1)
        least, most = count.likely
        likely = (numbers >= least) & (numbers <= most)
        scores = {"n_actions": numbers, "score": likely.astype(float)}
        return replace(start, scores=scores)

    def _start_from(
        self,
        survey: Survey,
        n_actions: tuple[int, int],
        preprocessing: Any,
        *,
        seed: int = 0,
        known: Mapping[str, Any] | None = None,
    ) -> Start:
        """Choose where actions start; `known` are settings that depend on all videos.

        None: they are chosen, too.
        """
        settings = self._resolve(None)
        assert settings.segmenting is not None
        task = with_values(settings.segmentation_task(), known or {})
        group = group_of(self, "segmenting").get_params()
        open_names = {name for name, value in group.items() if is_auto(value)}
        starts_as_features = self._starts_as_features()
        may_shorten = self._recipe.chooses and "radius" in open_names
        return choose_start(
            survey,
            task,
            n_actions,
            start=settings.segmenting["start"],
            n_refine=settings.segmenting["n_refine"],
            candidates=open_candidates(self._recipe.candidates, open_names),
            seed=seed,
            spread=spread_of(preprocessing) if starts_as_features else None,
            places=places_of(preprocessing) if starts_as_features else None,
            may_shorten=may_shorten and known is None,
        )

    def _resolve(self, start: Start | None, n_videos: int = 1) -> Settings:
        """Resolve "auto", before the start is known or after."""
        return self._recipe.resolve(
            self,
            in_order=start is None or start.in_order,
            chosen=None if start is None else start.chosen,
            can_keep_start=self._starts_as_features(),
            monotone=start is None or may_be_shared(start.order),
            n_videos=n_videos,
        )

    def _settle_labels(
        self,
        trained: Trained,
        start: Start,
        given: PartialLabels | None,
        timeline: TimelineModel | None = None,
    ) -> Settled:
        """Decide where frames are compared with actions, and label those of `fit`."""
        views, segmenting = trained.views, trained.settings.segmenting
        some, related = trained.related_views, trained.related
        assert segmenting is not None
        labeller: BaseLabeller
        if timeline is not None:
            transport = self._plans(trained, "embedding")
            labeller, found = TimelineLabeller(timeline, transport), timeline.labels
        else:
            spaces = [segmenting["segment_on"]]
            if is_auto(spaces[0]):
                was_trained = len(trained.history["epoch"]) and len(views.videos) > 1
                both = was_trained and self._starts_as_features()
                spaces = ["features", "embedding"] if both else ["embedding"]
            labellers = [self._plans(trained, space) for space in spaces]
            plans, found = choose_labeller(labellers, some, start.in_order)
            decoder = segmenting["decoder"]
            labeller, found = choose_decoder(
                plans,
                found,
                some,
                decoder,
                labellers[0],
                clearly="radius" not in start.chosen,
            )
            found = found if some is views else labeller.labels(views)
        sown = None if given is None else self._sow(given.of(related), some)
        settled = settle(labeller, found, views, given, sown, related)
        settled = settle_boundaries(
            settled, views, given, segmenting["boundaries"], related
        )
        if given is None and self._can_learn_again(settled.base, some):
            learn = partial(self._learn_again, trained, start, settled.base)
            known = [settled.labels[i] for i in related]
            again = find_again(settled.base, known, some, learn)
            settled = replace(settled, again=again)
        return settled

    def _can_learn_again(self, base: BaseLabeller, views: Views) -> bool:
        """Tell whether halves of the videos can tell actions as all of them did."""
        if len(views.videos) < 2:
            return False
        if isinstance(base, TimelineLabeller):  # it has that many moments
            return len(base.actions) <= min(lengths_of(views.videos))
        return self._recipe.chooses and self._starts_as_features()

    def _learn_again(
        self, trained: Trained, start: Start, base: BaseLabeller, views: Views
    ) -> BaseLabeller:
        """Find as many actions in some of the videos, by features and without training.

        They are decoded as those of all videos are.
        """
        survey = Survey.of_features(
            views.features, self._training.n_frames, self._device, start.order
        )
        again = self._start_from(
            survey,
            (len(start.vectors),) * 2,
            trained.preprocessing,
            known={n: v for n, v in start.chosen.items() if n == "radius"},
        )
        plans = self._plans(trained, "features")
        task = with_values(plans.task, again.chosen)
        plans = replace(plans, task=task, actions=again.vectors)
        if not isinstance(base, ChainLabeller):
            return plans
        referee = Referee.of(views) if len(views.videos) > 1 else None
        return best_chain(plans, views, referee)[0]

    def _plans(self, trained: Trained, space: str) -> FrameLabeller:
        """Return what labels frames by transport to the actions of a space."""
        actions = trained.before if space == "features" else trained.actions
        assert actions is not None
        task = trained.settings.segmentation_task()
        return FrameLabeller(task, actions, space, self._device, self.n_jobs)

    def _sow(self, given: PartialLabels, views: Views) -> PartialLabels:
        """Return given labels, and those that prototypes give to other frames."""
        named = read_prototypes(self.prototypes)
        if named is None:
            return given
        is_raw = named.vectors.shape[1] == views.videos[0].shape[1]
        return sow(given, named, views.videos if is_raw else views.embeddings)

    def _learned_labels(
        self, trained: Trained, start: Start, settled: Settled, single: bool
    ) -> dict[str, Any]:
        """Return what labelling needs, and what is known of the actions."""
        base, views, names = settled.base, trained.views, settled.names
        chain = base.chain if isinstance(base, ChainLabeller) else None
        return {
            "diagnosis_": diagnose(
                views.embeddings,
                trained.related_views.features,
                choose(settled.labels, trained.related),
                len(names),
                start.in_order,
                None if settled.again is None else settled.again.of_actions,
                strangers=trained.strangers,
                matching=getattr(self, "matching", None),
            ),
            "found_again_": None if settled.again is None else settled.again.share,
            "doubt_": settled.doubt,
            "labels_": like_input([names[codes] for codes in settled.labels], single),
            "classes_": names,
            "naming_": settled.naming,
            "outlook_": settled.outlook,
            "settings_": trained.settings.labelled_by(
                base.space,
                recurring=base.recurring,
                decoder=PLAN if chain is None else CHAIN,
                boundaries=settled.boundaries,
            ),
            "chain_": None if chain is None else vars(chain),
            "shared_order_": start.order,
            "n_actions_": len(names),
            "n_actions_scores_": start.scores,
            "prototypes_": base.actions,
            "segment_on_": base.space,
            "chosen_": start.chosen,
            "action_names_": None,
        }

    def _learn_to_stream(self, trained: Trained, settled: Settled) -> dict[str, Any]:
        """Return what streams need of actions, or of the timeline that they are on."""
        views, base, related = trained.views, settled.base, trained.related
        causal = self._causal_embeddings(views)
        bodies = bodies_of(trained.preprocessing)
        tails = tails_of(trained.preprocessing) if causal is None else None
        shown = streamed_videos(trained.preprocessing, trained.given, tails)
        labels = choose(settled.labels, related)
        if isinstance(base, TimelineLabeller):
            codes = None if settled.naming is None else settled.labels
            live = replace(
                learn_positions(shown, base.timeline, codes, embeddings=causal),
                known=known_in_others(labels, trained.related_views),
            )
        else:
            n_actions = len(settled.names)
            live = learn_actions(
                choose(shown, related),
                labels,
                n_actions,
                embeddings=None if causal is None else choose(causal, related),
                reach=reach_of_motion(trained.preprocessing),
            )
        few = related[spread(len(related), SURE_OF)]
        labeller = join_labeller(
            base, settled.naming, settled.boundaries, settled.doubt
        )
        live = with_doubt(
            live,
            choose(shown, few),
            choose(settled.labels, few),
            labeller.shares(views.choose(few)),
            embeddings=None if causal is None else choose(causal, few),
        )
        return replace(live, bodies=bodies, tails=tails).state()

    def _check_input(
        self, videos: Videos, y: Labels
    ) -> tuple[Sequence[np.ndarray], PartialLabels | None]:
        """Return checked videos, and their labels unless there are none."""
        checked = self._check_videos(videos, self.features, min_total_frames=2)
        named = read_prototypes(self.prototypes)
        self._check_names_of(named)
        labels = None
        if y is not None:
            single = is_single_video(videos)
            lengths, known = lengths_of(checked), Known.of(videos)
            labels = read_labels(y, lengths, single=single, known=known)
            labels = labels if len(labels.names) else None
        if named is not None:
            labels = join_names(labels, named, lengths_of(checked))
        low, high = self._range_of_actions(labels)
        if low < high and len(checked) < 2:
            raise InvalidParameterError(
                f"n_actions={self.n_actions!r} needs two videos or more, whose frames "
                "can be matched; give the number of actions."
            )
        lengths = lengths_of(checked)
        hint = f", one for each of {low} actions; give fewer" if low > 2 else ""
        check_total_frames(lengths, max(2, low), estimator=self, hint=hint)
        typical = float(np.median(lengths))
        if low > typical:
            what = f"n_actions={low}" if low == high else f"the fewest actions, {low},"
            warnings.warn(
                f"{what} is more than the {typical:g} frames of "
                "the median recording, which cannot show them all; give fewer.",
                UserWarning,
                stacklevel=3,
            )
        return checked, labels

    def _check_prototypes(self, prepared: Prepared) -> None:
        """Refuse prototypes that are of no length that frames have."""
        named = read_prototypes(self.prototypes)
        if named is None or named.vectors.shape[1] == self.n_features_in_:
            return
        few = [prepared.features[0][:1]]
        (embedded,) = embed_videos(prepared.model.encoder, few, self._device)
        if named.vectors.shape[1] != embedded.shape[1]:
            raise InvalidParameterError(
                f"prototypes have {named.vectors.shape[1]} entries each; expected the "
                f"{self.n_features_in_} features of a frame, or the "
                f"{embedded.shape[1]} dimensions of the embedding."
            )

    def _check_names_of(self, named: NamedVectors | None) -> None:
        """Refuse prototypes in a data frame of other columns than the videos have."""
        known = getattr(self, "feature_names_in_", None)
        if known is None or named is None or named.features is None:
            return
        is_raw = named.vectors.shape[1] == self.n_features_in_
        if is_raw and not are_same_names(named.features, known):
            raise InvalidParameterError(
                f"prototypes have the columns {shorten(named.features)}, the videos "
                f"{shorten(list(known))}; select prototypes[videos[0].columns]."
            )

    def _training_of(self, labels: PartialLabels | None) -> dict[str, Any]:
        """Return what labels say that a training depends on, for checkpoints."""
        if labels is None:
            return {}
        return {
            "n_actions": self._range_of_actions(labels),
            "labels": joblib.hash(labels.codes),
            "smoothing": self._smoothing(labels),
        }

    def _labeller(self) -> Labeller:
        segmenting = self.settings_.segmenting
        assert segmenting is not None
        return join_labeller(
            self._found_labeller(),
            self.naming_,
            segmenting.get("boundaries", DECODED),
            self.doubt_,
        )

    def _found_labeller(self) -> BaseLabeller:
        """Return what labels frames where no label was given."""
        transport = self._transport_labeller()
        if self.chain_ is None:
            return transport
        return ChainLabeller(ActionChain(**self.chain_), transport)

    def _transport_labeller(self) -> FrameLabeller:
        """Return what labels frames by transport, and has the objectives of it."""
        space = "features" if self.segment_on_ == "features" else "embedding"
        device = self._device
        # Nothing but transport looks at the embeddings.
        stays = device.type != "cpu" and self.chain_ is None and self.naming_ is None
        return FrameLabeller(
            self.settings_.segmentation_task(),
            self.prototypes_,
            space,
            device,
            self.n_jobs,
            self.encoder_ if stays and space == "embedding" else None,
        )


def _in_float32(shares: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [share.astype(np.float32, copy=False) for share in shares]


def _shares_of_whole_segments(codes: np.ndarray) -> list[float]:
    """Return which share of a video segments take whose ends are known both."""
    ends = np.concatenate([[0], codes, [0]]) != NO_LABEL
    return [
        (segment.end - segment.start) / len(codes)
        for segment in labels_to_segments(codes)
        if segment.label != NO_LABEL and ends[segment.start] and ends[segment.end + 1]
    ]
