"""Model files: fitted estimators that may be sent to others, and read from them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
import sklearn
import torch
from torch import nn

import skvas.persistence._state as model_state
from skvas._printing import shorten
from skvas.alignment._result import MATCHINGS
from skvas.estimators._aligner import VideoAligner
from skvas.estimators._base import BaseVideoEstimator
from skvas.estimators._joint import JointAlignSegment
from skvas.estimators._segmenter import ActionSegmenter
from skvas.exceptions import (
    InvalidParameterError,
    ModelFileError,
    ModelVersionWarning,
)
from skvas.labels._anchored import AnchoredActions
from skvas.labels._chained import ChainedNaming
from skvas.live._model import LiveModel
from skvas.nn._model import embed, is_ours
from skvas.options._groups import BOTH, EMBEDDING, PATHS, SPACES, TIMELINE
from skvas.persistence._arrays import parse_json, read_arrays
from skvas.persistence._timeline import (
    check_actions,
    check_axis,
    check_naming,
    check_outlook,
)
from skvas.persistence._timeline_files import read_timeline, save_timeline
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    Framewise,
    LevelFeatures,
    SelectRelated,
    WhitenedViews,
)
from skvas.preprocessing._features import apply_features, clean_videos
from skvas.preprocessing._pipelines import all_steps
from skvas.preprocessing._strangers import Usual
from skvas.timeline import Timeline
from skvas.transport._threads import on_cpu
from skvas.validation import check_integer, check_real, check_time_column
from skvas.videos._batch import pad
from skvas.videos._containers import as_list
from skvas.videos._frames import spread_frames
from skvas.videos._stored import check_array, check_texts, check_type

__all__ = ["load", "save"]

ESTIMATORS = {
    cls.__name__: cls for cls in (ActionSegmenter, VideoAligner, JointAlignSegment)
}
# A transformer is tried on two frames of so many features at most, or on so many frames
# of the reference.
MAX_FEATURES, TRIED_FRAMES = 1_000_000, 64
# What is kept of recordings since after the format.
YOUNG = ("feature_names", "times", "clock")


def save(fitted: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator or timeline to a file, for :func:`skvas.load`.

    The file holds numbers and texts only, in the layout of safetensors, and can be sent
    to others. It is written whole or not at all.

    Parameters
    ----------
    fitted : ActionSegmenter, VideoAligner, JointAlignSegment or Timeline
        An estimator, as its method `save` writes it; or a timeline that was fitted to
        videos. The `timeline_` of a model is in the file of the model. The frames of
        `fit` are not kept: `labels` of a loaded timeline needs the videos.
    path : str or path-like
        The file; replaced if it exists.

    Raises
    ------
    InvalidParameterError
        If a part cannot be in a model file, such as a callback; names it. If a timeline
        is that of a model.
    NotFittedError
        If `fit` was not called.
    TypeError
        If it is nothing that can be saved.
    ValueError, OSError
        If the file would be too large, or cannot be written.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skvas
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> timeline = skvas.Timeline(4, random_state=0).fit(videos)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skvas.save(timeline, Path(folder, "timeline"))
    ...     loaded = skvas.load(Path(folder, "timeline"))
    >>> bool((loaded.predict(videos[0]) == timeline.predict(videos[0])).all())
    True
    """
    if isinstance(fitted, Timeline):
        save_timeline(fitted, path)
    elif isinstance(fitted, BaseVideoEstimator):
        fitted.save(path)
    else:
        raise TypeError(
            "fitted must be a Timeline or an estimator of skvas, got "
            f"{type(fitted).__name__}."
        )


def load(path: str | os.PathLike[str], *, encoder: nn.Module | None = None) -> Any:
    """Read a fitted estimator or timeline that `save` has written.

    The file may come from anybody: nothing in it is run, memory stays within a few
    times its size (names of frames, which are numbers there, may take a hundred times
    as much), and what it holds is checked against a fixed list of types.

    Parameters
    ----------
    path : str or path-like
        The file. Its name says nothing; its content decides.
    encoder : torch.nn.Module, default=None
        A network of the class and sizes of the one that was trained, where that is of
        a class of your own. It is copied, and the copy takes the weights.

    Returns
    -------
    ActionSegmenter, VideoAligner, JointAlignSegment or Timeline
        The estimator, equal to the one that was saved bit for bit.

    Raises
    ------
    ModelFileError
        If the file is no model file, is damaged, is of a newer format, or holds what no
        model has.
    InvalidParameterError
        If `encoder` is no network, or the file has no use for it.
    OSError
        If the file cannot be read; names it.

    Warns
    -----
    ModelVersionWarning
        If another version of skvas, or of scikit-learn where its transformers are in
        the file, has written it.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skvas
    >>> from skvas.datasets import make_videos
    >>> videos = make_videos(6, n_actions=4, random_state=0).videos
    >>> model = skvas.ActionSegmenter(4, max_epochs=0).fit(videos)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(Path(folder, "model"))
    ...     loaded = skvas.load(Path(folder, "model"))
    >>> bool((loaded.predict(videos[0]) == model.predict(videos[0])).all())
    True
    """
    if encoder is not None and not isinstance(encoder, nn.Module):
        raise InvalidParameterError(
            f"encoder must be a torch.nn.Module or None, got {shorten(encoder)}."
        )
    try:
        # What is loaded may be trained on, whatever the caller has turned off.
        with np.errstate(all="ignore"), torch.inference_mode(False), on_cpu():
            estimator, used_encoder, notes = _read(path, encoder)
    except OSError:
        raise
    except Exception as error:  # a hostile file may fail anywhere
        reason = str(error) or type(error).__name__
        raise ModelFileError(
            f"{os.fspath(path)!r} cannot be loaded as a model: {reason.rstrip('.')}."
        ) from error
    if encoder is not None and not used_encoder:
        raise InvalidParameterError(
            f"encoder is of no use for {os.fspath(path)!r}, whose encoder is one of "
            "skvas; leave it out."
        )
    for note in notes:
        warnings.warn(note, ModelVersionWarning, stacklevel=2)
    return estimator


def _read(
    path: str | os.PathLike[str], encoder: nn.Module | None
) -> tuple[Any, bool, list[str]]:
    """Return the estimator, whether `encoder` was used, and what to warn of."""
    arrays, texts = read_arrays(path)
    if texts.get("format") != model_state.FORMAT:
        raise ModelFileError("it does not say that it is a model of skvas")
    version = int(texts["format_version"])
    if version > model_state.FORMAT_VERSION:
        raise ModelFileError(
            f"it is of format {version}, written by skvas {texts['skvas']}; this "
            f"version reads formats up to {model_state.FORMAT_VERSION}, so upgrade"
        )
    if version < model_state.FORMAT_VERSION:
        raise ModelFileError(
            f"it is of format {version}, written by skvas {texts['skvas']}, which had "
            "no groups of parameters; fit the model again and save it"
        )
    name = texts["estimator"]
    reader = model_state.StateReader(arrays, encoder)
    restore: Callable[[Any], Any]
    check: Callable[[Any], None]
    if name in ESTIMATORS:
        restore, check = partial(reader.restore, ESTIMATORS[name]), _check
    elif name == Timeline.__name__:
        restore, check = partial(read_timeline, reader), _check_timeline
    else:
        raise ModelFileError(f"{name!r} is no estimator of skvas")
    estimator = restore(parse_json(texts["state"]))
    if arrays:
        raise ModelFileError(f"it has arrays of no use, such as {min(arrays)!r}")
    check(estimator)
    written = {"skvas": texts["skvas"], "scikit-learn": texts.get("scikit-learn")}
    present = {"skvas": model_state.version(), "scikit-learn": sklearn.__version__}
    notes = [
        f"{os.fspath(path)!r} was written by {library} {written[library]}, and is read "
        f"by {present[library]}: check that it does what it did."
        for library in written
        if written[library] not in (None, present[library])
    ]
    return estimator, reader.used_encoder, notes


def _check_timeline(timeline: Any) -> None:
    """Check what a timeline shares with estimators; `read_timeline` does the rest."""
    _check_transformers(timeline)
    _check_recordings(timeline)


def _check(estimator: Any) -> None:
    """Check that an estimator is such as `fit` makes it."""
    state = vars(estimator)
    for name, fitted in estimator._fitted.items():
        if name not in state and fitted.absent is not None:
            state[name] = fitted.absent()
        # timeline_ is still an Axis, which is checked apart; classes_ may be absent.
        if name == "timeline_" or (name == "classes_" and name not in state):
            continue
        value = state.get(name)
        is_such = name in state and isinstance(value, fitted.kind)
        if not is_such or isinstance(value, bool):
            raise ModelFileError(f"{name} is not as fit makes it")
    axis = state.get("timeline_")
    for name in estimator._foreign_attributes():
        raise ModelFileError(f"{name!r} is no attribute of a fitted estimator")
    _check_parameters(estimator)
    n_features = check_type("n_features_in_", estimator.n_features_in_, int)
    check_integer("n_features_in_", n_features, low=1, high=MAX_FEATURES)
    if estimator.reach_ is not None:
        check_array("reach_", estimator.reach_, (n_features,), np.float64, low=0)
    _check_networks(estimator)
    _check_recordings(estimator)
    _check_diagnosis(estimator)
    _check_action_names(estimator)
    if "prototypes_" in estimator._fitted:
        _check_labels(estimator, axis)
    if "reference_" in estimator._fitted:
        _check_matches(estimator)
        estimator.timeline_ = _read_timeline(estimator, axis)
    if getattr(estimator, "live_", None) is not None:
        _check_live(estimator)


def _read_timeline(estimator: Any, axis: Any) -> Timeline | None:
    """Return the timeline of an estimator that is whole but for this."""
    if axis is None:
        return None
    frames = np.zeros((2, estimator.n_features_in_), np.float32)
    (detail,) = clean_videos(estimator.features_, [frames])
    check_axis(axis, estimator.n_embedding_ + detail.shape[1])
    if "prototypes_" in estimator._fitted:
        check_actions(axis, estimator.n_actions_)
    timeline: Timeline = estimator._as_timeline(
        axis,
        estimator.features_,
        estimator.encoder_,
        estimator.recordings_,
        estimator.reach_,
    )
    return timeline


def _check_labels(estimator: Any, timeline: Any) -> None:
    naming = estimator.naming_
    check_integer("n_actions_", estimator.n_actions_, low=1)
    shape = (estimator.n_actions_, estimator.n_embedding_)
    check_array("prototypes_", estimator.prototypes_, shape)
    spaces = SPACES if timeline is None else (TIMELINE,)
    if estimator.segment_on_ not in spaces or estimator.settings_.segmenting is None:
        raise ModelFileError("segment_on_ is not as fit makes it")
    if estimator.chain_ is not None:
        _check_chain(estimator.chain_, shape, timeline)
    if estimator.found_again_ is not None:
        check_real("found_again_", estimator.found_again_, low=0, high=1)
    check_real("doubt_", estimator.doubt_, low=0, high=1)
    vars(estimator).setdefault("classes_", np.arange(estimator.n_actions_))
    n_parts = range(estimator.n_actions_, estimator.n_actions_ + 1)
    if timeline is not None:  # labels may need more moments than actions do
        n_parts = range(len(timeline.moments), len(timeline.template.frames) + 1)
    check_naming(naming, estimator.classes_, n_parts, estimator.n_actions_)
    _check_labels_of_fit(estimator)
    if estimator.outlook_ is not None:
        sizes = estimator.n_embedding_, estimator.n_actions_
        check_outlook(estimator.outlook_, *sizes)


def _check_labels_of_fit(estimator: Any) -> None:
    """Refuse labels that are no names of actions, or not of the recordings."""
    found, classes = estimator.labels_, estimator.classes_
    labels = as_list(found)
    are_names = all(
        video.ndim == 1 and video.dtype.kind == classes.dtype.kind for video in labels
    )
    if not are_names or not np.isin(np.concatenate(labels), classes).all():
        raise ModelFileError("labels_ is not as fit makes it")
    lengths = estimator.recordings_["n_frames"]  # of older files, none
    if lengths and lengths != [len(video) for video in labels]:
        raise ModelFileError("labels_ and recordings_ do not fit together")


def _check_chain(chain: Any, shape: tuple[int, int], timeline: Any) -> None:
    """Refuse a hidden Markov model that no fit learns."""
    n_actions, width = shape
    later = {"correlations", "constant"}  # younger than the format
    constant = check_type("constant", chain.setdefault("constant", 0.0), float)
    check_real("constant", constant, low=0)
    width += constant > 0
    positive = {
        "variances": (width,),
        "shares": (n_actions,),
        "durations": (n_actions,),
    }
    known = {*positive, "means", "correlated", *later}
    if timeline is not None or chain.keys() | later != known:
        raise ModelFileError("chain_ is not as fit makes it")
    for name, size in positive.items():
        check_array(f"chain_.{name}", chain[name], size)
        if not (chain[name] > 0).all():
            raise ModelFileError("chain_ is not as fit makes it")
    check_array("chain_.means", chain["means"], (n_actions, width))
    correlated = check_type("correlated", chain["correlated"], float)
    check_real("correlated", correlated, low=0)
    alike = np.full(width, correlated)
    each = chain.setdefault("correlations", alike)
    check_array("chain_.correlations", each, (width,), low=0)


def _check_matches(estimator: Any) -> None:
    if estimator.matching_ not in MATCHINGS:
        raise ModelFileError("matching_ is not as fit makes it")
    paths = PATHS if estimator.timeline_ is not None else (EMBEDDING, BOTH)
    if estimator.path_on_ not in paths or estimator.settings_.aligning is None:
        raise ModelFileError("path_on_ is not as fit makes it")
    check_array("reference_", estimator.reference_, (None, estimator.n_features_in_))


def _check_live(estimator: Any) -> None:
    live = LiveModel.from_state(estimator.live_)
    widths = (live.n_features, live.n_actions)
    if widths != (estimator.n_features_in_, getattr(estimator, "n_actions_", 0)):
        raise ModelFileError("live_ is not of this model")
    n_seen = len(live.gaussians.centre)
    fits = estimator.is_causal_ and n_seen == estimator.n_embedding_
    if live.on_embedding and not fits:
        raise ModelFileError("live_ does not fit encoder_ and features_")


def _check_recordings(estimator: Any) -> None:
    """Refuse names and rates that no fit keeps."""
    known = estimator.recordings_
    features, times, clock = (known.setdefault(name, None) for name in YOUNG)
    if known.keys() != {"names", "n_frames", "fps", "media", *YOUNG}:
        raise ModelFileError("recordings_ is not as fit makes it")
    if features is not None:
        check_texts("feature_names of recordings_", features)
    kinds = {"names": str, "n_frames": int, "fps": float, "media": (str, type(None))}
    n_recordings = len(known["names"])
    for name, kind in kinds.items():
        values = known[name]
        if values is None and name in ("fps", "media"):
            continue
        if not isinstance(values, list) or len(values) != n_recordings:
            raise ModelFileError(f"recordings_ has no list of {name}")
        if not all(isinstance(value, kind) for value in values):  # type: ignore[arg-type]
            raise ModelFileError(f"recordings_ has {name} of another type")
    if len(set(known["names"])) < n_recordings:
        raise ModelFileError("recordings_ has a name twice")
    if not all(0 < rate < np.inf for rate in known["fps"] or ()):
        raise ModelFileError("recordings_ has impossible rates")
    if times is not None:
        _check_times(times, known["n_frames"])
    if clock is not None:
        try:
            check_time_column(clock)
        except (ValueError, TypeError) as error:
            raise ModelFileError("recordings_ has an impossible clock") from error


def _check_diagnosis(estimator: Any) -> None:
    found = estimator.diagnosis_
    n_recordings = len(estimator.recordings_["names"])
    n_actions = getattr(estimator, "n_actions_", 0)
    found.setdefault("strangers", [])  # younger than the format
    numbers = (
        ("unlike", n_recordings),
        ("strangers", n_recordings),
        ("spread", n_actions),
    )
    for name, n in numbers:
        places = found.get(name)
        if not isinstance(places, list) or not all(
            type(place) is int and 0 <= place < n for place in places
        ):
            raise ModelFileError("diagnosis_ is not as fit makes it")
    # These two are, too.
    if not isinstance(found.setdefault("chose_matching", None), (bool, type(None))):
        raise ModelFileError("diagnosis_ is not as fit makes it")
    again = found.setdefault("found_again", None)
    if again is not None and not (
        isinstance(again, list)
        and len(again) == n_actions
        and all(share is None or _is_share(share) for share in again)
    ):
        raise ModelFileError("diagnosis_ is not as fit makes it")
    scores = ("consistency", "consistency_of_uniform_cut")
    if {type(found.get(name, "")) for name in scores} not in ({float}, {type(None)}):
        raise ModelFileError("diagnosis_ is not as fit makes it")


def _check_usual(known: Any, n_features: int) -> None:
    """Refuse what tells no recordings that are unlike those of `fit`."""
    if known.keys() != {field.name for field in fields(Usual)}:
        raise ModelFileError("usual_ is not as fit makes it")
    for name in ("far", "beyond", "least", "length"):
        check_real(f"usual_ {name}", known[name], low=0)
    check_array("collection of usual_", known["collection"], (n_features,), np.bool_)
    every = check_type("frames of usual_", known["frames"], list)
    if not every or not known["collection"].any():
        raise ModelFileError("usual_ is not as fit makes it")
    for frames in every:
        check_array("frames of usual_", frames, (None, n_features), np.float32)


def _is_share(value: Any) -> bool:
    return type(value) is float and 0 <= value <= 1


def _check_action_names(estimator: Any) -> None:
    called = getattr(estimator, "action_names_", None)
    if called is not None and (
        len({*called}) != estimator.n_actions_
        or len(called) != estimator.n_actions_
        or not all(isinstance(name, str) for name in called)
    ):
        raise ModelFileError("action_names_ is not as fit makes it")


def _check_times(times: Any, n_frames: list[int]) -> None:
    """Refuse times that are not those of the frames of recordings."""
    if check_type("times of recordings_", times, np.ndarray).shape != (len(n_frames),):
        raise ModelFileError("recordings_ has times of others")
    for stamps, n in zip(times, n_frames, strict=True):
        check_array("times of recordings_", stamps, (n,), np.float64)
        if (np.diff(stamps) <= 0).any():
            raise ModelFileError("recordings_ has times that do not rise")


def _check_parameters(estimator: Any) -> None:
    device = estimator.device
    if not isinstance(device, (str, torch.device)):
        raise ModelFileError(f"device is {device!r}")
    if estimator.training is not None and estimator.training.checkpoint is not None:
        raise ModelFileError("it names a checkpoint, which no model file may")
    estimator.device = "cpu"  # the machine that wrote the file may have had a GPU
    estimator._check_parameters()
    estimator.device = device


def _check_networks(estimator: Any) -> None:
    """Send a few frames through preprocessing and encoder, on the CPU."""
    _check_transformers(estimator)
    seen = _try_features(estimator)
    try:
        with torch.no_grad():
            embeddings = embed(estimator.encoder_, pad([seen], torch.device("cpu")))
    except (TypeError, ValueError):
        # A network of the user's need not take these frames, nor run on the CPU.
        if is_ours(estimator.encoder_):
            raise
    else:
        if embeddings.shape != (1, len(seen), estimator.n_embedding_):
            raise ModelFileError("encoder_ and n_embedding_ do not fit together")
    if estimator.usual_ is not None:
        _check_usual(estimator.usual_, seen.shape[1])
    naming = vars(estimator).get("naming_")
    n_told = estimator.n_embedding_ + seen.shape[1]
    if isinstance(naming, ChainedNaming):
        _check_width(naming.succession.weights, n_told)
        naming = naming.told
    if isinstance(naming, AnchoredActions):
        _check_width(naming.vectors, estimator.n_embedding_)
    elif naming is not None:
        _check_width(naming.weights, n_told)


def _check_transformers(estimator: Any) -> None:
    for step in all_steps(estimator.features_):
        if isinstance(step, Detrend):
            check_real("features_.usual_length_", step.usual_length_, low=1)
        for name, array in _arrays_of(step, "features_"):
            if not np.isfinite(array).all():
                raise ModelFileError(f"{name} is not finite")


def _check_width(weights: np.ndarray, n_told: int) -> None:
    """Refuse what was learned from frames of other features."""
    if len(weights) != n_told:
        raise ModelFileError("naming_ does not fit encoder_ and features_")


def _try_features(estimator: Any) -> np.ndarray:
    """Return features of the first frames that the preprocessing takes."""
    zeros = np.zeros((2, estimator.n_features_in_), np.float32)
    tried = [zeros, zeros + 1]  # logarithms and powers take no zeros
    if "reference_" in estimator._fitted:
        reference = estimator.reference_
        tried.insert(0, reference[spread_frames(len(reference), TRIED_FRAMES)])
    failures = []
    for frames in tried:
        try:
            (seen,) = apply_features(estimator.features_, [frames])
            return seen
        except ValueError as error:
            failures.append(error)
    raise failures[-1]


def _arrays_of(value: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of numbers of our own transformers."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield name, value
    elif isinstance(value, list):
        for part in value:
            yield from _arrays_of(part, name)
    elif isinstance(value, (CompressTails, Detrend, LevelFeatures, WhitenedViews)):
        for key, part in vars(value).items():
            yield from _arrays_of(part, f"{name}.{key}")
    elif isinstance(value, SelectRelated):
        shape = (value.n_features_in_,)
        check_array(f"{name}.support_", value.support_, shape, np.bool_)
    elif isinstance(value, Framewise) and value.transformer_ is None:
        raise ModelFileError(f"{name} is not fitted")
