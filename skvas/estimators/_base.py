"""The border that the three estimators share: check, wrap, keep, save."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skvas._atomic import check_replaceable
from skvas._on_demand import (
    Shelf,
    VideosOnDemand,
    choose,
    each,
    keep_of,
    lengths_of,
)
from skvas._printing import levels_to_user, name_first, tell
from skvas._typing import Device, Self, Videos
from skvas.applications._diagnosis import NAMED, FitSummary, diagnose, summarise
from skvas.datasets._on_disk import open_files
from skvas.datasets._recordings import (
    features_of_fit,
    names_of,
    names_of_fit,
    refuse_other_features,
    remember,
)
from skvas.exceptions import (
    DegenerateFramesWarning,
    InvalidParameterError,
    ModelVersionWarning,
    UnlikeRecordingsWarning,
)
from skvas.metrics import SharedOrder
from skvas.nn import ENCODERS
from skvas.nn._model import Model, build_encoder, embed_videos, is_causal
from skvas.options import Training
from skvas.options._declare import (
    NOTHING,
    TRAINING,
    check_declared,
    declare,
    declared,
    effective,
    group_of,
    parameter,
    refuse_flat,
)
from skvas.options._kinds import (
    Anything,
    Auto,
    Encoder,
    Features,
    Integer,
    NumberOfJobs,
    Registered,
    Verbosity,
    is_auto,
)
from skvas.options._settings import Settings
from skvas.persistence._state import save_state, version
from skvas.preprocessing._causal import is_causal as needs_no_later
from skvas.preprocessing._features import (
    apply_features,
    clean_videos,
    collection_of,
    fill_gaps,
    fit_features,
    of_videos,
    places_of,
    warn_of_degenerate_frames,
    without_names,
)
from skvas.preprocessing._framewise import finiteness_of, takes_nan
from skvas.preprocessing._pipelines import last_step, with_last_step
from skvas.preprocessing._spikes import learn_reach, without_spikes
from skvas.preprocessing._strangers import Usual, find_strangers, learn_usual
from skvas.recipes import RECIPES, Recipe, find_recipe
from skvas.timeline._model import find_order, has_order
from skvas.timeline._settled import N_CLUSTERS, settle_features
from skvas.training._callbacks import progress
from skvas.training._checkpoint import (
    AnyCheckpoint,
    Checkpoint,
    NoCheckpoint,
    identify,
)
from skvas.training._labelled import LabelledFrames
from skvas.training._objective import Objective
from skvas.training._survey import Survey
from skvas.training._trainer import Trainer
from skvas.transport._threads import spare_threads
from skvas.validation import (
    check_memory,
    check_videos,
    forget_fit,
    unchanged_on_failure,
    warn_of_transposed,
)
from skvas.videos._containers import VideoTransformerMixin
from skvas.videos._device import check_device
from skvas.videos._frames import labelled_videos
from skvas.videos._views import Views

SHARED_DOC = """
Parameters
----------
recipe : str, default="informed"
    Where training starts, and what "auto" stands for: a key of
    :data:`skvas.recipes.RECIPES`. "informed": from whitened features and, where frames
    are labelled, from actions found in the data; of five videos or more, one whose
    frames are far from those of all others has no say in what is learned, unless it has
    labels or is short (`summary` calls it unlike the others). "paper": from a random
    network, as published; "breakfast/coffee" and others: with the values of that data
    set.
features : transformer, {"whitened", "standardise", "auto"} or None, default="auto"
    Preprocessing of the videos, cloned and fitted in `fit`, such as
    ``PoseFeatures("xy")``, ``StandardScaler()`` or a pipeline of such. It returns a row
    for each frame. A ``FunctionTransformer`` is given a list of videos, but frames
    inside of :class:`~skvas.preprocessing.Framewise`, and in a pipeline whose steps are
    all of scikit-learn. If its first step takes NaN, so does the estimator. "whitened":
    :class:`~skvas.preprocessing.WhitenedViews`, with ``causal`` as `live` of
    :class:`skvas.Training` says. "standardise":
    :class:`~skvas.preprocessing.VideoStandardizer`. None: the videos as they are. A
    pipeline may end with a name: ``make_pipeline(Interpolate(), "auto")``.
    "auto": the published choice; "whitened" in the informed recipe, of compressed
    features where most span powers of ten
    (:class:`~skvas.preprocessing.CompressTails`); without what drifts or shifts in
    each video (:class:`~skvas.preprocessing.Detrend`), where no firm order is shared;
    without features that go their own way in each video
    (:class:`~skvas.preprocessing.SelectRelated`; `summary` names them); as levels of up
    to three features whose levels tell more
    (:class:`~skvas.preprocessing.LevelFeatures`); and standardised within each video
    alone where more than .35 of their variance lies between videos, as of images of
    several rooms; or more than .20 in six videos or more, if clusters of frames are
    found again in other videos, and 1.4 times as well so. Where videos share no order,
    it looks at whether clusters of frames are found again in other videos: if those of
    motion are, and no worse than those of whitened frames, or these better with motion
    beside them, the view "motion" is put beside the others, or is the only one if
    theirs are not at all; if clusters of unwhitened frames are, and last, but not those
    of whitened ones, components stay unwhitened. Where videos share an order, both have
    to be clearer (see the guide).
encoder : torch.nn.Module, tuple of int or str, default=None
    Network from features (B, N, n_features) to embeddings (B, N, D), copied before
    training; n_features is what the preprocessing makes, with ``features=None`` that of
    the videos. Its output is scaled to unit length. If it has the attribute
    `takes_lengths`, it is called with the lengths of the videos as well; if it has
    `takes_times`, with the numbers of the frames in their videos. A tuple: the widths
    of an :class:`~skvas.nn.MLPEncoder`. A text: a key of :data:`skvas.nn.ENCODERS`;
    "temporal" sees the neighbours of a frame, "causal" those before it. None: the
    recipe's, "residual" in the informed one.
training : Training, default=None
    Optimiser, batches, checkpoint and callback: :class:`skvas.Training`. None: its
    defaults.
max_epochs : int or "auto", default="auto"
    Passes over the videos. 0 trains nothing, but `fit` still prepares features, looks
    for actions and picks a reference: on 20 recordings of 500 frames, in half to three
    quarters of the time, and without actions in a third at most. "auto": the recipe's
    value, in the informed one 20, or 12 in the joint model if the embedding starts as
    the features; and 400 batches of pairs at most, or one pass if that takes more.
device : {"auto", "cpu", "cuda"} or torch.device, default="auto"
    Where to compute. "auto": a GPU if there is one.
n_jobs : int, default=None
    Processes that label or match videos after training, by joblib. Results do not
    depend on it.
verbose : int, default=0
    1 prints what `fit` does and about ten lines of its training, 2 one line an epoch
    and how far each other step is, on the standard error, or to the logger ``skvas`` if
    that shows records of level INFO. 0 is silent.
random_state : int, RandomState or None, default=None
    Source of all randomness; an int makes `fit` reproducible.

Attributes
----------
settings_ : Settings
    Values of the groups of parameters, `max_epochs`, `matching` and `beta` as `fit`
    used them, "auto" resolved; the others became other attributes. Answers depend on
    these: `set_params` changes nothing before the next `fit`.
recordings_ : dict of str to list, ndarray or None
    The recordings of `fit`: `names`, `n_frames`, `fps`, `media`, `feature_names` and
    `times`, see :class:`skvas.Recordings`, and `clock`, the column of times of tables
    and their unit if ``skvas fit`` was told; None where nothing is known.
diagnosis_ : dict of str to object
    What :meth:`summary` tells of the recordings of `fit`.
usual_ : dict of str to object, or None
    What :meth:`unlike` holds other recordings against; None if nothing is known.
reach_ : float64 ndarray of shape (n_features_in_,) or None
    Largest distance of each feature from its mean in a recording, which three quarters
    of the recordings of `fit` do not exceed; 0 where it tells nothing. A recording of a
    hundred frames or more may have values, in three or a hundredth of its frames, that
    lie ten times as far off as all others and as this: `fit` and what follows
    replace them by a line between the frames around them, and warn
    (:class:`~skvas.exceptions.SpikesWarning`). None if `is_causal_`, where answers take
    values as they come.
shared_order_ : skvas.metrics.SharedOrder or None
    How far the videos of `fit` share an order; None for a lone video.
encoder_ : torch.nn.Module
    The trained encoder, on the CPU.
features_ : transformer or None
    The fitted preprocessing.
history_ : dict of str to ndarray of shape (n_epochs,)
    Of each epoch: its number (`epoch`), `loss`, its parts in the joint model
    (`loss_segmentation`, `loss_alignment`) and that of labels (`loss_labels`), the
    objectives of the transport problems (`objective_segmentation`,
    `objective_alignment`), the effective numbers of dimensions and of actions
    (`embedding_rank`, `actions_used`), and `seconds`.
n_iter_ : int
    Epochs made.
is_causal_ : bool
    Whether the embedding of a frame depends on no later frame: neither the features nor
    the encoder look at one. So it is with ``Training(live=True)``.
n_embedding_ : int
    Dimension of the embedding.
n_features_in_ : int
    Features of a frame in `fit`.
feature_names_in_ : ndarray of str of shape (n_features_in_,)
    Their names, if all are strings.
device_ : str
    Where `fit` computed.
"""


@dataclass(frozen=True)
class Fitted:
    """What `fit` sets: its type, and whether labels of new videos depend on it.

    `absent` makes the value in model files that are older than the attribute.
    """

    kind: type | tuple[type, ...]
    labels: bool = False
    absent: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Prepared:
    """What a training starts from.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos, checked.
    features : sequence of float32 ndarray of shape (n_i, D_in)
        What the encoder sees of them.
    preprocessing : transformer or None
        What makes these of those, fitted.
    model : Model
        The networks, untrained.
    checkpoint : Checkpoint or NoCheckpoint
        Keeps what is found on the way.
    related : int64 ndarray
        Positions of the videos that have a say: all but strangers.
    codes : sequence of int64 ndarray of shape (n_i,) or None
        Labels of frames of the videos, -1 where there is none.
    reach : ndarray of shape (n_features,)
        How far values of videos usually lie from the mean, which tells absurd ones.
    """

    videos: Sequence[np.ndarray]
    features: Sequence[np.ndarray]
    preprocessing: Any
    model: Model
    checkpoint: AnyCheckpoint
    related: np.ndarray
    codes: Sequence[np.ndarray] | None
    reach: np.ndarray

    @property
    def related_features(self) -> Sequence[np.ndarray]:
        """Features of the videos that have a say."""
        return choose(self.features, self.related)


@dataclass(frozen=True)
class Trained:
    """What a training has made.

    Parameters
    ----------
    settings : Settings
        What it was done by.
    history : dict of str to ndarray of shape (n_epochs,)
        Of each epoch, its losses.
    preprocessing : transformer or None
        Fitted.
    encoder : Module
        On the CPU.
    given : sequence of ndarray
        The videos as they came: with their gaps, but without absurd values.
    views : Views
        The videos, as preprocessing and encoder look at them.
    before, actions : ndarray of shape (K, D) or None
        The actions before training and after it; None where nothing is segmented.
    related : int64 ndarray
        Positions of the videos that had a say.
    reach : ndarray of shape (n_features,) or None
        How far values usually lie from the mean; None if frames are embedded without
        later ones.
    """

    settings: Settings
    history: dict[str, np.ndarray]
    preprocessing: Any
    encoder: nn.Module
    given: Sequence[np.ndarray]
    views: Views
    before: np.ndarray | None
    actions: np.ndarray | None
    related: np.ndarray
    reach: np.ndarray | None

    @property
    def related_views(self) -> Views:
        """Views of the videos that had a say."""
        return self.views.choose(self.related)

    @property
    def strangers(self) -> list[int]:
        """Positions of the videos that had none."""
        every = np.arange(len(self.given))
        return [int(i) for i in np.setdiff1d(every, self.related)]


class FittedAttributes:
    """The types of what `_keep` sets; in the class below they would be parameters."""

    settings_: Settings
    recordings_: dict[str, Any]
    diagnosis_: dict[str, Any]
    usual_: dict[str, Any] | None
    reach_: np.ndarray | None
    shared_order_: SharedOrder | None
    encoder_: nn.Module
    features_: Any
    history_: dict[str, np.ndarray]
    n_iter_: int
    n_embedding_: int
    device_: str


@declare
@dataclass(kw_only=True, eq=False, repr=False)
class BaseVideoEstimator(FittedAttributes, VideoTransformerMixin, BaseEstimator):
    """Check input, keep what was learned, embed, save."""

    _shared_doc = SHARED_DOC

    recipe: str = parameter("informed", Registered(RECIPES))
    features: Any = parameter("auto", Features())
    encoder: nn.Module | tuple[int, ...] | str | None = parameter(None, Encoder())
    training: Training | None = parameter(None, Training)
    max_epochs: int | str = parameter("auto", Auto(Integer(0)))
    device: Device = parameter("auto", Anything(), NOTHING)
    n_jobs: int | None = parameter(None, NumberOfJobs(), NOTHING)
    verbose: int = parameter(0, Verbosity(), NOTHING)
    random_state: int | np.random.RandomState | None = parameter(None, Anything())

    # What `_keep` may set, beside `..._in_`.
    _fitted = {
        "settings_": Fitted(Settings, labels=True),
        "recordings_": Fitted(dict, absent=partial(remember, [], [])),
        "diagnosis_": Fitted(dict, absent=partial(diagnose, [], [], None, None, False)),
        "usual_": Fitted((dict, type(None)), absent=lambda: None),
        "reach_": Fitted((np.ndarray, type(None)), labels=True, absent=lambda: None),
        "shared_order_": Fitted((SharedOrder, type(None))),
        "encoder_": Fitted(nn.Module, labels=True),
        "features_": Fitted(object, labels=True),
        "history_": Fitted(dict),
        "n_iter_": Fitted(int),
        "n_embedding_": Fitted(int),
        "device_": Fitted(str),
    }

    @spare_threads()
    def transform(self, videos: Videos) -> Any:
        """Embed every frame.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        ndarray of shape (n_frames, n_embedding), or list of them
            Unit vectors, float32; a frame whose features are all zero stays zero. One
            array for one video, a list for many, :class:`skvas.Recordings` for such;
            data frames after `set_output`.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.
        """
        videos = open_files(videos)
        return self._wrap_output(self._view(videos).embeddings, videos)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the dimensions of the embedding.

        Parameters
        ----------
        input_features : object, default=None
            Ignored; here for scikit-learn's convention.

        Returns
        -------
        ndarray of str of shape (n_embedding,)
            ``<class name>0``, ``<class name>1``, ...
        """
        check_is_fitted(self)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{d}" for d in range(self.n_embedding_)], object)

    def summary(self) -> FitSummary:
        """Tell what `fit` found, and what to do where that is in doubt.

        Returns
        -------
        FitSummary
            Print it. Recordings, their order, settings that were chosen, the number of
            actions, their consistency beside that of equal parts, the embedding; and
            one line of advice for each doubt.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        return summarise(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show in a notebook what `fit` found, below the parameters."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and hasattr(self, "diagnosis_"):
            bundle["text/html"] += self.summary()._repr_html_()
        return bundle

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file, for :func:`skvas.load`.

        The file holds numbers and texts only, in the layout of safetensors, and can be
        sent to others. It is written whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; replaced if it exists.

        Raises
        ------
        InvalidParameterError
            If a part of the estimator cannot be in a model file, such as a callback, a
            transformer or an attribute of your own; names it.
        NotFittedError
            If `fit` was not called.
        ValueError
            If the file would be larger than :func:`skvas.load` reads: 4 GiB, or a
            timeline of some 30,000 recordings.
        OSError
            If the file cannot be written; names it, and leaves an old one unchanged.

        Notes
        -----
        Of an encoder of your own only the weights are kept: give :func:`skvas.load`
        a network to put them in. The path of a checkpoint is not kept, since reading a
        model must not write a file. Pickles work as everywhere in scikit-learn, but
        loading a pickle runs the code in it.
        """
        check_is_fitted(self)
        save_state(self, path)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of groups that are None.

        Parameters
        ----------
        **params : dict
            Values by name; ``segmenting__alpha`` is `alpha` of `segmenting`. A group
            that is None, or is set to it here, has defaults for all other values.

        Returns
        -------
        self
            The estimator.
        """
        refuse_flat(self, params)
        named = {name.partition("__")[0] for name in params if "__" in name}
        made = {
            name: kind()
            for name, kind, _ in declared(self)
            if isinstance(kind, type) and name in named
            if params.get(name, getattr(self, name)) is None
        }
        before = {name: getattr(self, name) for name in made}
        try:
            return super().set_params(**{**params, **made})
        except BaseException:
            for name, group in before.items():
                setattr(self, name, group)
            raise

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skvas_version": version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Complete a pickle of an older skvas, and warn of one of another version."""
        state = dict(state)
        written = state.pop("_skvas_version", "0.1.0")
        if written != version():
            warnings.warn(
                f"This {type(self).__name__} was pickled by skvas {written} and is "
                f"loaded by {version()}; what it predicts may differ. Models that are "
                "kept are better written with save.",
                ModelVersionWarning,
                stacklevel=2,
            )
        if "settings_" in state:
            for name, fitted in self._fitted.items():
                if name not in state and fitted.absent is not None:
                    state[name] = fitted.absent()
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # embeddings are float32
        tags.input_tags.allow_nan = takes_nan(self.features)
        return tags

    def _check_parameters(self) -> None:
        """Refuse a parameter out of its range before anything is done."""
        check_declared(self)
        check_device(self.device)
        path = self._training.checkpoint
        # One that is there may be read alone, if its training is over.
        is_there = path is not None and os.path.exists(path) and not os.path.isdir(path)
        if path is not None and not is_there:
            check_replaceable(path)
        if self._training.live:
            self._refuse_later_frames()

    def _refuse_later_frames(self) -> None:
        """Refuse features and encoders that may look at later frames."""
        encoder = self._recipe.encoder if self.encoder is None else self.encoder
        if not is_causal(encoder):
            name = encoder if isinstance(encoder, str) else type(encoder).__name__
            raise InvalidParameterError(
                f"encoder {name!r} may look at later frames, which "
                'Training(live=True) excludes: use None, "residual" or "causal", or '
                "widths of layers. A network of your own needs a method stream, as "
                "skvas.nn.FrameStream describes it."
            )
        features = self._features_asked()
        if not needs_no_later(of_videos(without_names(features, causal=True))):
            is_named = isinstance(features, str)
            name = features if is_named else type(features).__name__
            raise InvalidParameterError(
                f"features {name!r} may look at later frames, which "
                'Training(live=True) excludes: use "auto", "whitened", None, '
                "WhitenedViews, PoseFeatures or Interpolate with causal=True, or a "
                "transformer of scikit-learn. One of your own needs a method stream, "
                "as WhitenedViews has it."
            )

    def _features_asked(self) -> Any:
        """Return the preprocessing that `features` stands for, unless data decide."""
        if not self._leaves_features():
            return self.features
        asked = self._recipe.features
        if self._training.live and asked is not None:
            asked = "whitened"
        return with_last_step(self.features, asked)

    def _leaves_features(self) -> bool:
        """Return whether the last step of the preprocessing is left to the recipe."""
        return is_auto(last_step(self.features))

    @property
    def is_causal_(self) -> bool:
        """Whether the embedding of a frame depends on no later frame."""
        check_is_fitted(self)
        return needs_no_later(self.features_) and is_causal(self.encoder_)

    @property
    def _recipe(self) -> Recipe:
        return find_recipe(self.recipe)

    @property
    def _device(self) -> torch.device:
        return check_device(self.device)

    @property
    def _training(self) -> Any:
        return group_of(self, "training")

    def _starts_as_features(self) -> bool:
        """Return whether the embedding starts as the features of the recipe."""
        name = self._recipe.encoder if self.encoder is None else self.encoder
        cls = ENCODERS.get(name) if isinstance(name, str) else None
        return self._recipe.chooses and getattr(cls, "starts_as_identity", False)

    def _may_share_order(
        self, preprocessing: Any, features: Sequence[np.ndarray]
    ) -> bool:
        """Return whether order is yet to be asked for, of features of all kinds.

        Motion that was found to tell more may be alike in order where places are not.
        """
        places = places_of(preprocessing) if self._leaves_features() else None
        if places is None:
            return True
        return has_order(find_order(each(lambda video: video[:, places], features)))

    def _open_checkpoint(
        self, videos: Sequence[np.ndarray], told: Mapping[str, Any]
    ) -> AnyCheckpoint:
        path = self._training.checkpoint
        if path is None:
            return NoCheckpoint()
        parameters = {**effective(self, (TRAINING,)), **told}
        name = type(self).__name__
        return Checkpoint(path, identify(name, parameters, videos, self._device))

    def _prepare(
        self,
        videos: Sequence[np.ndarray],
        told: Mapping[str, Any],
        rng: np.random.RandomState,
        n_clusters: int = N_CLUSTERS,
        smoothing: float | None = None,
        codes: Sequence[np.ndarray] | None = None,
        *,
        names: Sequence[str],
    ) -> Prepared:
        """Fit the preprocessing, and make a model.

        `told`: what the training depends on beside parameters and videos;
        `smoothing`: that of features, if labels ask for less than usual;
        `codes`: labels of frames, -1 for none; labelled videos are no strangers;
        `names`: those of the videos.
        """
        checkpoint = self._open_checkpoint(videos, told)
        warn_of_transposed(videos)
        tell("preparing features")
        reach = learn_reach(videos)
        videos = without_spikes(videos, reach, names)
        fitted, features, related = self._learn_features(
            videos, checkpoint, n_clusters, smoothing, codes
        )
        warn_of_degenerate_frames(fitted, features)
        generator = torch.Generator().manual_seed(int(rng.randint(2**31)))
        n_features = features[0].shape[1]
        encoder = build_encoder(
            self.encoder,
            self._recipe.encoder,
            n_features,
            generator,
            int(np.median(lengths_of(videos))),
        )
        # At rest until it is trained: the start must not see dropout.
        model = Model(encoder.to(self._device).eval())
        return Prepared(
            videos, features, fitted, model, checkpoint, related, codes, reach
        )

    def _learn_features(
        self,
        videos: Sequence[np.ndarray],
        checkpoint: AnyCheckpoint,
        n_clusters: int,
        smoothing: float | None,
        codes: Sequence[np.ndarray] | None,
    ) -> tuple[Any, Sequence[np.ndarray], np.ndarray]:
        """Return the fitted preprocessing, what it makes of the videos, and who counts.

        These are the positions of the videos that are no strangers.
        """
        fit = partial(
            fit_features,
            self._features_asked(),
            causal=self._training.live,
            smoothing=smoothing,
        )
        fitted = checkpoint.once("features", partial(fit, videos))
        keep, some = keep_of(videos), videos
        seen = apply_features(fitted, videos, keep)
        related = self._who_counts(fitted, seen, codes)
        features: Sequence[np.ndarray] | None = seen
        if len(related) < len(videos):
            some, features = choose(videos, related), None
            with warnings.catch_warnings():  # of what was warned of before
                warnings.simplefilter("ignore", DegenerateFramesWarning)
                fitted = checkpoint.once("related", partial(fit, some))
        if self._leaves_features() and self._recipe.chooses:
            look = partial(settle_features, fitted, some, n_clusters, features)
            better = checkpoint.once("settled", look)
            if better is not None:
                fitted, features = better, None
        if features is None:
            features = apply_features(fitted, videos, keep)
        return fitted, features, related

    def _who_counts(
        self,
        fitted: Any,
        features: Sequence[np.ndarray],
        codes: Sequence[np.ndarray] | None,
    ) -> np.ndarray:
        """Return the positions of videos that are no strangers, or are labelled."""
        every, collection = np.arange(len(features)), collection_of(fitted)
        if collection is None or not self._recipe.chooses:
            return every
        known = labelled_videos(codes or ())
        strangers = np.setdiff1d(find_strangers(features, collection), known)
        return np.setdiff1d(every, strangers)

    def _survey(self, prepared: Prepared, rng: np.random.RandomState) -> Survey:
        """Look at what the videos say before training."""
        model, features = prepared.model, prepared.related_features
        return Survey.of(model, features, self._training.n_frames, self._device, rng)

    def _train(
        self,
        prepared: Prepared,
        settings: Settings,
        rng: np.random.RandomState,
    ) -> Trained:
        """Train the model, with labels of some frames if there are any."""
        model, features = prepared.model, prepared.related_features
        before = _actions(model)
        codes = prepared.codes
        known = None if codes is None else [codes[i] for i in prepared.related]
        objective = Objective.of(settings, before, LabelledFrames.of(features, known))
        trainer = Trainer(
            settings.training,
            settings.max_epochs,
            self._device,
            prepared.checkpoint,
            devices=self._training.devices,
            callback=self._training.callback,
            verbose=int(self.verbose),
        )
        history = trainer.fit(model, objective, features, rng)
        encoder = model.encoder.cpu().eval()
        fitted = prepared.preprocessing
        views = self._views(prepared.videos, prepared.features, encoder, fitted)
        return Trained(
            settings,
            history,
            fitted,
            encoder,
            prepared.videos,
            views,
            before,
            _actions(model),
            prepared.related,
            None if needs_no_later(fitted) and is_causal(encoder) else prepared.reach,
        )

    def _keep(self, trained: Trained, videos: Videos, **learned: Any) -> None:
        """Set all fitted attributes, in place of those of an earlier fit."""
        forget_fit(self)
        views, fitted, related = trained.views, trained.preprocessing, trained.related
        known = choose(trained.given, related), choose(views.features, related)
        usual = learn_usual(fitted, *known)
        learned = {
            "usual_": None if usual is None else vars(usual),
            "reach_": trained.reach,
            "features_": fitted,
            "recordings_": remember(videos, lengths_of(views.videos)),
            "settings_": trained.settings,
            **learned,
            "encoder_": trained.encoder,
            "history_": trained.history,
            "n_iter_": len(trained.history["epoch"]),
            "n_embedding_": views.embeddings[0].shape[1],
            "device_": str(self._device),
        }
        assert learned.keys() <= self._fitted.keys(), learned.keys()
        for name, value in learned.items():
            setattr(self, name, value)

    def _views(
        self,
        videos: Sequence[np.ndarray],
        features: Sequence[np.ndarray],
        encoder: nn.Module,
        preprocessing: Any,
    ) -> Views:
        embed = partial(_embed, encoder, self._device, keep_of(videos))
        clean = partial(clean_videos, preprocessing)
        if takes_nan(preprocessing):
            videos = each(fill_gaps, videos)
        return Views(videos, features, embed, clean)

    def _view(self, videos: Videos) -> Views:
        """Check videos against those of `fit`, and look at them as it did."""
        check_is_fitted(self)
        videos = open_files(videos)
        refuse_other_features(videos, names_of_fit(self))
        names = features_of_fit(self)
        checked = self._check_videos(
            videos, self.features_, reset=False, feature_names=names
        )
        called = names_of(videos, len(checked))
        return self._look(without_spikes(checked, self.reach_, called))

    @spare_threads()
    def unlike(self, videos: Videos) -> np.ndarray:
        """Tell which videos are unlike those of `fit`.

        They show another activity, or were taken by another device, or a channel
        failed: their frames are far from those of `fit`, or hardly vary. The rule is
        that by which videos have no say in `fit` (see the guide).

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_features), or a list of them
            One video or many.

        Returns
        -------
        bool ndarray of shape (n_videos,)
            False for short videos, of less than half of the usual length. All False if
            `fit` had fewer than five videos, or features without the view "collection"
            of :class:`~skvas.preprocessing.WhitenedViews`.

        Raises
        ------
        ValueError, TypeError
            If a video is not what `fit` has seen; names the video.
        NotFittedError
            If `fit` was not called.

        Examples
        --------
        >>> import numpy as np
        >>> from skvas import ActionSegmenter
        >>> from skvas.datasets import make_videos
        >>> videos = make_videos(6, n_actions=3, random_state=0).videos
        >>> model = ActionSegmenter(3, max_epochs=0, random_state=0).fit(videos)
        >>> model.unlike([videos[0], np.zeros_like(videos[0])]).tolist()
        [False, True]
        """
        return self._are_unlike(self._view(videos))

    def _are_unlike(self, views: Views) -> np.ndarray:
        """Tell which videos are unlike those of `fit`, (n_videos,)."""
        if self.usual_ is None:
            return np.zeros(len(views.videos), dtype=bool)
        return Usual(**self.usual_).find(views.features)

    def _warn_of_unlike(self, videos: Videos, views: Views) -> None:
        """Warn of videos that are unlike those of `fit`."""
        unlike = np.flatnonzero(self._are_unlike(views))
        if not len(unlike):
            return
        names = names_of(videos, len(views.videos))
        told = [names[i] for i in unlike] if len(names) > 1 else ["this recording"]
        warnings.warn(
            f"{name_first(told, NAMED)} {'are' if len(told) > 1 else 'is'} unlike "
            "those of fit: labels and matches mean little. Another activity, another "
            "device, or a channel that failed?",
            UnlikeRecordingsWarning,
            stacklevel=levels_to_user(),
        )

    def _check_videos(
        self, videos: Videos, preprocessing: Any, **requirements: Any
    ) -> Sequence[np.ndarray]:
        """Check videos; NaN may pass where the preprocessing takes it."""
        finite = finiteness_of(preprocessing)
        limit = check_memory(self._training.memory_limit)
        checked: Sequence[np.ndarray] = check_videos(
            videos,
            estimator=self,
            ensure_all_finite=finite,
            shelf=Shelf(limit),
            **requirements,
        )
        if isinstance(checked, VideosOnDemand):
            self._check_memory(checked, limit, requirements.get("reset", True))
        return checked

    def _check_memory(
        self, videos: VideosOnDemand, limit: float, to_train: bool
    ) -> None:
        """Refuse a limit that a video, or a batch to train on, does not fit in."""
        longest = int(np.argmax(videos.sizes))
        n_frames = self._recipe.batch_size(self) * self._training.n_frames
        n_numbers = 2 * n_frames * videos.shapes[0][1] if to_train else 0
        needed = max(videos.sizes[longest], 4 * n_numbers)
        if needed > limit:
            what = f"video {longest}" if needed > 4 * n_numbers else "a batch of pairs"
            raise InvalidParameterError(
                f"memory_limit={self._training.memory_limit!r} of Training is less "
                f"than the {needed} bytes of {what}, which must be in memory at once; "
                "raise it to that or more."
            )

    def _look(self, checked: Sequence[np.ndarray]) -> Views:
        features = apply_features(self.features_, checked, keep_of(checked))
        return self._views(checked, features, self.encoder_, self.features_)

    def _causal_embeddings(self, views: Views) -> Sequence[np.ndarray] | None:
        """Return embeddings that streams may tell frames by."""
        return views.embeddings if self._training.live else None

    def _foreign_attributes(self) -> list[str]:
        """Return the attributes that are neither parameters nor set by a method."""
        own = {name for name, _, _ in declared(self)}
        own |= {*self._fitted, "_output_container"}
        return [n for n in vars(self) if n not in own and n[-4:] != "_in_"]

    def _label_state(self) -> dict[str, Any]:
        """Return the fitted attributes that labels of new videos depend on."""
        return {n: vars(self)[n] for n, what in self._fitted.items() if what.labels}


def _actions(model: Model) -> np.ndarray | None:
    if model.prototypes is None:
        return None
    return model.actions().detach().cpu().numpy()


def _embed(
    encoder: nn.Module,
    device: torch.device,
    keep: Callable[[Iterable[np.ndarray]], Sequence[np.ndarray]],
    features: Sequence[np.ndarray],
) -> Sequence[np.ndarray]:
    return embed_videos(encoder, features, device, keep)


@contextmanager
def fitting(estimator: BaseVideoEstimator) -> Iterator[None]:
    """Surround a fit: keep the old state if it fails, spare threads, tell progress.

    Weights are made and trained with gradients, also where the caller has turned them
    off.
    """
    with (
        unchanged_on_failure(estimator),
        spare_threads(),
        progress(estimator.verbose),
        torch.inference_mode(False),
        torch.enable_grad(),  # which the line before does, and does not promise
    ):
        yield


def refuse_lost_start(owner: BaseVideoEstimator, name: str, value: str) -> None:
    """Refuse a value that needs the embedding to start as the features."""
    if not owner._starts_as_features():
        raise InvalidParameterError(
            f'{name}="{value}" needs recipe="informed" and an encoder that starts as '
            'the identity (None, "residual", "temporal" or "causal").'
        )
