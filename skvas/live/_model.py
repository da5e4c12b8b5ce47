"""What a fitted estimator keeps for recordings that are still going on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d

from skvas._on_demand import OnDemand, Shelf, choose, lengths_of
from skvas.exceptions import ModelFileError
from skvas.labels._doubt import MOST_DOUBT, doubt_for
from skvas.live._chain import (
    N_PHASES,
    STEP_PHASES,
    ActionRates,
    Chain,
    PositionRates,
    step_phases,
)
from skvas.live._course import StepChain
from skvas.live._emissions import (
    Gaussians,
    fit_gaussians,
    fit_moments,
    principal,
)
from skvas.live._filter import Filter
from skvas.live._habits import NEWEST, QUANTILE, Habits
from skvas.live._trial import LEAD, Setting, choose_setting, collection_helps
from skvas.preprocessing._bodies import LAYOUTS, SCALES, Bodies, PoseStream
from skvas.preprocessing._motion import Motion
from skvas.preprocessing._running import RunningMoments
from skvas.preprocessing._tails import TailStream
from skvas.timeline._average import frames_at
from skvas.timeline._model import Axis, TimelineModel
from skvas.validation import check_choice, check_real
from skvas.videos._frames import spread
from skvas.videos._stored import (
    check_array,
    check_count,
    check_probabilities,
    check_type,
)

# Videos that habits are learned from, at most. Emissions are learned from fewer where
# frames are wide or many: from so many numbers in all, but from a few videos always.
TEACHERS, NUMBERS, FEWEST = 256, 1 << 25, 8
# Videos by which settings are chosen, at most; wider frames are cut down first.
TRIED, WIDE = 12, 128
# From so many videos on the means of actions tell them by themselves; of fewer, so does
# how much frames vary about them.
MANY = 4
# Share of the timeline over which the labels of positions are averaged.
SMOOTHED = 0.01
# First frames of a video that are followed to learn how sure a stream is.
FOLLOWED = 500
# Variances and the like in a file are at least this.
LEAST = 1e-12


@dataclass(frozen=True)
class LiveModel:
    """Features, emissions and transitions of a filter, and what is usual.

    Attributes
    ----------
    n_actions : int
        Number of actions; 0 where only positions are told.
    features : RunningMoments
        From frames to features.
    gaussians : Gaussians
        From features to likelihoods.
    rates : PositionRates or ActionRates
        Of the transitions.
    habits : Habits
        Durations and orders.
    lead : float
        By how much an action has to be more probable than the one that is told.
    on_embedding : bool
        Whether likelihoods are those of embeddings, and not of features.
    bodies : Bodies or None
        What is made of frames that are poses, before all else.
    tails : TailStream or None
        What compresses frames, or what is made of them, before all that is learned.
    doubt : float
        Weight of equal shares beside the probabilities of actions that are told.
    known : float
        How well actions of a timeline are known again in videos that they are not
        learned from, from 0 to 1. 0 without a timeline.
    """

    n_actions: int
    features: RunningMoments
    gaussians: Gaussians
    rates: PositionRates | ActionRates
    habits: Habits
    lead: float
    on_embedding: bool = False
    bodies: Bodies | None = None
    tails: TailStream | None = None
    doubt: float = 0.0
    known: float = 0.0

    @property
    def n_features(self) -> int:
        """Number of features of a frame."""
        if self.bodies is not None:
            return self.bodies.n_features
        return len(self.features.mean)

    def chain(self) -> Chain:
        """Return the hidden Markov chain."""
        return self.rates.chain()

    def step_chain(self) -> StepChain | None:
        """Return the chain of steps that have an order; None without one."""
        if isinstance(self.rates, ActionRates) or self.rates.n_steps == 1:
            return None
        return StepChain.of(self.rates)

    def state(self) -> dict[str, Any]:
        """Return all numbers as dictionaries and arrays, single precision.

        The means of frames are as they were: deviations from them may be tiny.
        """
        mean = self.features.mean.copy()
        found = {
            "n_actions": self.n_actions,
            "features": _state(self.features) | {"mean": mean},
            "gaussians": _state(self.gaussians),
            "habits": _state(self.habits),
            "lead": self.lead,
            "on_embedding": self.on_embedding,
            "bodies": None if self.bodies is None else asdict(self.bodies),
            "tails": None if self.tails is None else asdict(self.tails),
            "doubt": self.doubt,
            "known": self.known,
        }
        kind = "positions" if isinstance(self.rates, PositionRates) else "actions"
        return found | {kind: _state(self.rates)}

    @classmethod
    def from_state(cls, state: Any) -> LiveModel:
        """Return the model of a state, or refuse one that no fit makes.

        Parameters
        ----------
        state : dict of str to object
            What `state` has returned.

        Raises
        ------
        ModelFileError
            If anything is missing, of another shape or not finite.
        """
        kinds = {"positions": PositionRates, "actions": ActionRates}
        kind = "positions" if "positions" in _mapping(state) else "actions"
        # Younger than streams.
        later = {
            "on_embedding": False,
            "bodies": None,
            "tails": None,
            "doubt": 0.0,
            "known": 0.0,
        }
        known = later | state
        parts = _parts(known, {f.name for f in fields(cls)} - {"rates"} | {kind})
        if kind == "positions":
            parts = {**parts, kind: _with_durations(parts[kind], parts["habits"])}
        model = cls(
            parts["n_actions"],
            _features(parts["features"]),
            _record(Gaussians, parts["gaussians"]),
            _record(kinds[kind], parts[kind]),
            _habits(parts["habits"]),
            parts["lead"],
            parts["on_embedding"],
            _bodies(parts["bodies"]),
            None if parts["tails"] is None else _record(TailStream, parts["tails"]),
            parts["doubt"],
            parts["known"],
        )
        _check(model)
        return model


def learn_positions(
    videos: Sequence[np.ndarray],
    axis: Axis,
    labels: Sequence[np.ndarray] | None = None,
    *,
    embeddings: Sequence[np.ndarray] | None = None,
) -> LiveModel:
    """Learn to place frames on an axis of time as they come.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos that the axis was built from.
    axis : Axis or TimelineModel
        The axis; one without actions is a single step.
    labels : sequence of int64 ndarray of shape (n_i,), default=None
        The action of each frame, where users have named them. None: that of the axis.
    embeddings : sequence of ndarray of shape (n_i, D), default=None
        What frames are told by, if it needs no later frame. None: standardised frames.

    Returns
    -------
    LiveModel
    """
    template, moments = axis.template, axis.moments
    whole = template.whole
    chosen = whole[spread(len(whole), TEACHERS)]
    n = len(moments)
    few = _few(videos, len(chosen))
    passages = [template.passages[i] for i in chosen]
    places = [np.interp(p.positions, moments, np.arange(n)) for p in passages]
    classes = [np.rint(place).astype(np.int64) for place in places]
    passed = [passage.frames[moments] for passage in passages]
    both = True
    tried = few[_tried(videos, len(few))]
    if embeddings is None and len(tried) > 1:
        shown = _narrowed(choose(videos, chosen[tried]))
        pairs = [(classes[i], passed[i]) for i in tried]
        both = collection_helps(shown, *zip(*pairs, strict=True))
    features, seen = _see(videos, chosen[few], both=both, embeddings=embeddings)
    passing = _keep_like(
        seen, (frames_at(seen[number], passed[i]) for number, i in enumerate(few))
    )
    seen_classes = [classes[i] for i in few]
    gaussians = fit_moments(passing, (seen, seen_classes), n)
    actions, n_actions = np.zeros(n, dtype=np.int64), 0
    if isinstance(axis, TimelineModel):
        actions, n_actions = axis.cut.actions, axis.count.n_actions
    if labels is not None:
        passing_labels = [
            frames_at(labels[i], p.frames[moments])
            for i, p in zip(chosen, passages, strict=True)
        ]
        actions = _usual(np.array(passing_labels), n_actions)
    rates = PositionRates.of(places, actions)
    chain = rates.chain()
    habits = Habits.of_steps(
        [chain.steps[c] for c in classes],
        len(chain.actions),
        _familiar(gaussians, seen, seen_classes),
        len(whole) / np.count_nonzero(template.is_related),
    )
    on_embedding = embeddings is not None
    return LiveModel(n_actions, features, gaussians, rates, habits, LEAD, on_embedding)


def learn_actions(
    videos: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    n_actions: int,
    *,
    embeddings: Sequence[np.ndarray] | None = None,
    reach: float | None = None,
) -> LiveModel:
    """Learn to tell actions as they come, whatever their order.

    Parameters
    ----------
    videos : sequence of ndarray of shape (n_i, n_features)
        The videos.
    labels : sequence of int64 ndarray of shape (n_i,)
        The action of each frame.
    n_actions : int
        Number of actions.
    embeddings : sequence of ndarray of shape (n_i, D), default=None
        What frames are told by, if it needs no later frame. None: standardised frames.
    reach : float, default=None
        How far back motion is looked at, if it is: see :meth:`RunningMoments.of`.

    Returns
    -------
    LiveModel
    """
    chosen = spread(len(videos), TEACHERS)
    kept = [np.asarray(labels[i], dtype=np.int64) for i in chosen]
    few = chosen[_few(videos, len(chosen))]
    rates = ActionRates.of(kept, n_actions)
    # By standardised frames in any case: an embedding was trained on videos held out.
    spare = len(few) < MANY
    setting = _try_settings(videos, few, labels, n_actions, reach, spare)
    features, seen = _see(
        videos, few, both=setting.both, embeddings=embeddings, reach=reach
    )
    taught = [np.asarray(labels[i], dtype=np.int64) for i in few]
    gaussians = fit_gaussians(seen, taught, n_actions, spare=spare)
    weight = min(1.0, gaussians.weight * setting.factor)
    gaussians = replace(gaussians, weight=weight)
    return LiveModel(
        n_actions,
        features,
        gaussians,
        rates,
        Habits.of_actions(kept, n_actions, _familiar(gaussians, seen, taught)),
        setting.lead,
        embeddings is not None,
    )


def with_doubt(
    model: LiveModel,
    videos: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    shares: Sequence[np.ndarray],
    *,
    embeddings: Sequence[np.ndarray] | None = None,
) -> LiveModel:
    """Let streams be no surer of actions than they are right, as far as that is known.

    A filter takes each frame's likelihood for known, and is far too sure. Its action is
    right where it is that of the whole video, and that is right: about as often as the
    product of both says.

    Parameters
    ----------
    model : LiveModel
        What streams know.
    videos : sequence of ndarray of shape (n_i, n_features)
        Some videos, as streams see them.
    labels : sequence of int64 ndarray of shape (n_i,)
        The action of each frame by the whole video.
    shares : sequence of ndarray of shape (n_i, n_actions)
        The probabilities of the actions by the whole video.
    embeddings : sequence of ndarray of shape (n_i, D), default=None
        Their embeddings, where frames are told by them.

    Returns
    -------
    LiveModel
    """
    if embeddings is None:
        seen = [model.features.follow(video[:FOLLOWED]) for video in videos]
    else:
        seen = [spread_out(frames[:FOLLOWED]) for frames in embeddings]
    told = np.concatenate([_filtered(model, frames) for frames in seen])
    known = np.concatenate([codes[:FOLLOWED] for codes in labels])
    whole = np.concatenate([share[:FOLLOWED].max(axis=1) for share in shares])
    agreement = (told.argmax(axis=1) == known).mean()
    right, sure = float(agreement * whole.mean()), float(told.max(axis=1).mean())
    return replace(model, doubt=doubt_for(sure, right, model.n_actions))


def _filtered(model: LiveModel, frames: np.ndarray) -> np.ndarray:
    """Return the probabilities of the actions as a filter has them, (n, n_actions)."""
    gaussians, passed = model.gaussians, Filter(model.chain())
    posteriors = [
        passed.see(gaussians.scores(gaussians.distances(discriminants))).posterior
        for discriminants in gaussians.project(frames)
    ]
    return np.array([passed.chain.shares(p, model.n_actions) for p in posteriors])


def _try_settings(
    videos: Sequence[np.ndarray],
    few: np.ndarray,
    labels: Sequence[np.ndarray],
    n_actions: int,
    reach: float | None,
    spare: bool,
) -> Setting:
    """Choose by as many of some videos as fit into memory."""
    tried = few[_tried(videos, len(few))]
    if len(tried) < 2:
        return Setting()
    chosen = _narrowed(choose(videos, tried))
    taught = [np.asarray(labels[i], dtype=np.int64) for i in tried]
    return choose_setting(chosen, taught, n_actions, reach, spare=spare)


def _tried(videos: Sequence[np.ndarray], n_few: int) -> np.ndarray:
    """Return which of a few videos settings are chosen by: as many as fit in memory."""
    return spread(n_few, min(n_few, TRIED, _n_videos(NUMBERS // 2, videos)))


def _narrowed(videos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return videos, along principal directions if their frames are wide."""
    chosen = [np.asarray(video) for video in videos]
    if chosen[0].shape[1] > WIDE:
        features = RunningMoments.of(chosen)
        scaled = [features.standardise(video) for video in chosen]
        basis = principal(scaled, np.zeros(scaled[0].shape[1]))
        chosen = [video @ basis for video in scaled]
    return chosen


def _few(videos: Sequence[np.ndarray], n_chosen: int) -> np.ndarray:
    """Return which of the chosen videos emissions are learned from."""
    return spread(n_chosen, max(FEWEST, _n_videos(NUMBERS, videos)))


def _n_videos(n_numbers: int, videos: Sequence[np.ndarray]) -> int:
    """Return how many usual videos, standardised twice, so many numbers are."""
    usual = 2 * videos[0].shape[1] * float(np.mean(lengths_of(videos)))
    return int(n_numbers // usual)


def _see(
    videos: Sequence[np.ndarray],
    few: np.ndarray,
    *,
    both: bool,
    embeddings: Sequence[np.ndarray] | None,
    reach: float | None = None,
) -> tuple[RunningMoments, Sequence[np.ndarray]]:
    """Learn causal features of a few videos, and return what frames are told by."""
    chosen = choose(videos, few)
    if embeddings is not None:
        features = RunningMoments.of(chosen, both=both)
        return features, _keep_like(chosen, map(spread_out, choose(embeddings, few)))
    features = RunningMoments.of(chosen, both=both, reach=reach)
    # Half the memory of wide videos; what is learned of them is in double precision.
    seen = (features.follow(video, np.float32) for video in chosen)
    return features, _keep_like(chosen, seen)


def _keep_like(
    videos: Sequence[np.ndarray], made: Iterable[np.ndarray]
) -> Sequence[np.ndarray]:
    """Gather what is made of videos: on disk, however small, if they are on demand."""
    return Shelf(0).keep(made) if isinstance(videos, OnDemand) else list(made)


def spread_out(embeddings: np.ndarray) -> np.ndarray:
    """Scale unit vectors to numbers of about 1, float64."""
    scaled: np.ndarray = embeddings * np.sqrt(float(embeddings.shape[-1]))
    return scaled.astype(float)


def _usual(labels: np.ndarray, n_actions: int) -> np.ndarray:
    """Return the usual action of each position, from labels (n_videos, n_positions)."""
    shares = (labels[:, :, None] == np.arange(n_actions)).mean(axis=0)
    width = round(SMOOTHED * len(shares)) | 1  # odd, or boundaries move
    smooth = uniform_filter1d(shares, width, axis=0, mode="nearest")
    return smooth.argmax(axis=1).astype(np.int64)


def _familiar(
    gaussians: Gaussians, seen: Sequence[np.ndarray], classes: Sequence[np.ndarray]
) -> float:
    """Return the mean squared distance that few frames exceed."""
    rate, means = NEWEST * gaussians.weight, []
    for i, where in enumerate(classes):
        rest = gaussians.project(seen[i]) - gaussians.means[where]
        distances = (rest**2 / gaussians.variances[where]).mean(axis=1)
        mean = 1.0
        for distance in distances:
            mean += rate * (distance - mean)
            means.append(mean)
    return max(1.0, float(np.quantile(means, QUANTILE)))


def _state(record: Any) -> Any:
    """Return the fields of a record, floating arrays in single precision.

    Arrays whose numbers are too large or too small for it stay as they are.
    """
    if isinstance(record, (bool, int, float)) or record is None:
        return record
    if isinstance(record, np.ndarray):
        size, single = np.abs(record), np.finfo(np.float32)
        fits = (size <= single.max) & ((size >= single.tiny) | (size == 0))
        is_float = record.dtype.kind == "f" and bool(fits.all())
        return record.astype(np.float32) if is_float else record.copy()
    if isinstance(record, list):
        return [_state(part) for part in record]
    return {f.name: _state(getattr(record, f.name)) for f in fields(record)}


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ModelFileError("a part of what is kept for streams is missing")
    return value


def _parts(value: Any, names: set[str]) -> Mapping[str, Any]:
    found = _mapping(value)
    if found.keys() != names:
        raise ModelFileError(f"streams keep {sorted(names)}, not {sorted(found)}")
    return found


def _with_durations(positions: Any, habits: Any) -> Any:
    """Return rates with durations of steps, which are younger than streams."""
    if "phases" in _mapping(positions):
        return positions
    limits = np.array([_mapping(habits)["shortest"], _mapping(habits)["longest"]])
    # Of a dozen recordings, they lie some two standard deviations from the mean.
    near = (limits + limits.mean(axis=0)) / 2
    phases, advance = step_phases(near.T.tolist())
    return {**positions, "phases": phases, "advance": advance}


def _features(state: Any) -> RunningMoments:
    """Return features, whose motion is younger than streams."""
    known: dict[str, Any] = {"motion": None, "newest": 1.0, **_mapping(state)}
    if known["motion"] is not None:
        known["motion"] = _record(Motion, known["motion"])
    features: RunningMoments = _record(RunningMoments, known)
    return features


def _habits(state: Any) -> Habits:
    """Return habits, which have said what recordings have since later than streams."""
    habits: Habits = _record(Habits, {"had": None, **_mapping(state)})
    return habits


def _bodies(state: Any) -> Bodies | None:
    """Return what is made of poses, which is younger than streams."""
    if state is None:
        return None
    return Bodies(**_parts(state, {f.name for f in fields(Bodies)}))


def _record(cls: Any, state: Any) -> Any:
    """Return a record of double precision arrays."""
    parts = _parts(state, {f.name for f in fields(cls)})
    return cls(**{name: _double(value) for name, value in parts.items()})


def _double(value: Any) -> Any:
    if isinstance(value, list):
        return [_double(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        # In one layout: BLAS rounds by it, and a file keeps none.
        return np.ascontiguousarray(value, dtype=float)
    return value


def _check(model: LiveModel) -> None:
    """Refuse numbers that no fit makes."""
    gaussians = model.gaussians
    n_actions = check_count("n_actions", model.n_actions)
    _check_features(model.features)
    if model.bodies is not None:
        _check_bodies(model.bodies, len(model.features.mean))
    if model.tails is not None:
        shape = model.features.mean.shape
        check_array("center", model.tails.center, shape)
        check_array("scale", model.tails.scale, shape, low=np.finfo(float).tiny)
    n_classes, d = check_array("means", gaussians.means, (None, None)).shape
    check_array("variances", gaussians.variances, (n_classes, d), low=LEAST)
    on_embedding = check_type("on_embedding", model.on_embedding, bool)
    width = None if on_embedding else model.features.width
    (width,) = check_array("centre", gaussians.centre, (width,)).shape
    check_array("directions", gaussians.directions, (width, d))
    _number("weight", gaussians.weight, high=1)
    if isinstance(model.rates, PositionRates):
        _check_positions(model.rates, n_classes, max(n_actions, 1))
    else:
        _check_actions(model.rates, n_classes)
        if n_actions != n_classes:
            raise ModelFileError("streams have another number of actions")
    _check_habits(model.habits, model.rates.n_steps)
    if not 0 <= check_type("lead", model.lead, float) < 1:
        raise ModelFileError("lead is out of range")
    if not 0 <= check_type("doubt", model.doubt, float) <= MOST_DOUBT:
        raise ModelFileError("doubt is out of range")
    if not 0 <= check_type("known", model.known, float) <= 1:
        raise ModelFileError("known is out of range")


def _check_features(features: RunningMoments) -> None:
    shape = check_array("mean", features.mean, (None,)).shape
    check_array("scale", features.scale, shape, low=0)
    check_array("deviation", features.deviation, shape, low=LEAST)
    _number("prior", features.prior)
    check_type("both", features.both, bool)
    _number("newest", features.newest, high=1)
    if features.motion is not None:
        check_array("usual", features.motion.usual, shape, low=0)
        check_array("mean", features.motion.mean, shape)
        check_array("scale", features.motion.scale, shape, low=0)


def _check_bodies(bodies: Bodies, width: int) -> None:
    check_choice("layout", bodies.layout, tuple(LAYOUTS))
    for name in ("n_points", "n_bodies", "velocity_span", "up"):
        check_count(name, getattr(bodies, name))
    least = min(bodies.n_points, bodies.n_bodies, bodies.velocity_span)
    fits = bodies.n_points * bodies.n_bodies <= width and bodies.up <= 2
    if least < 1 or not fits:
        raise ModelFileError("the points of bodies are not as a stream has them")
    check_real("min_confidence", bodies.min_confidence, low=0, high=1)
    check_choice("scale", bodies.scale, SCALES)
    check_type("velocity", bodies.velocity, bool)
    points = [
        check_count(name, point)
        for name in ("center", "turn")
        for point in check_type(name, getattr(bodies, name) or [], list)
    ]
    known = max(points, default=0) < bodies.n_points
    frames = np.zeros((1, bodies.n_features))
    if not known or PoseStream(bodies).push(frames).shape[1] != width:
        raise ModelFileError("the points of bodies are not as a stream has them")


def _check_positions(rates: PositionRates, n_classes: int, n_actions: int) -> None:
    check_array("actions", rates.actions, (n_classes,), np.int64, low=0)
    if (rates.actions >= n_actions).any():
        raise ModelFileError("streams have actions of no number")
    check_probabilities("moves", rates.moves, (None,), fewest=2)
    _number("jump", rates.jump, high=0.5)
    _check_durations(rates, rates.n_steps, STEP_PHASES)


def _check_actions(rates: ActionRates, n_actions: int) -> None:
    check_probabilities("first", rates.first, (n_actions,))
    check_probabilities("following", rates.following, (n_actions, n_actions + 1))
    _check_durations(rates, n_actions, N_PHASES)


def _check_durations(
    rates: PositionRates | ActionRates, n_steps: int, most: int
) -> None:
    check_array("phases", rates.phases, (n_steps,), np.int64, low=1)
    check_array("advance", rates.advance, (n_steps,), low=LEAST)
    if (rates.phases > most).any() or (rates.advance > 1).any():
        raise ModelFileError("durations of streams are out of range")


def _check_habits(habits: Habits, n_steps: int) -> None:
    for name in ("shortest", "longest", "most_often"):
        check_array(name, getattr(habits, name), (n_steps,), low=1)
    if habits.had is not None:
        check_array("had", habits.had, (n_steps,), low=0)
    check_array("unexpected", habits.unexpected, (n_steps, n_steps), np.bool_)
    check_type("is_ordered", habits.is_ordered, bool)
    _number("familiar", habits.familiar)


def _number(name: str, value: Any, *, high: float = np.finfo(float).max) -> None:
    if not 0 < check_type(name, value, float) <= high:
        raise ModelFileError(f"{name} is out of range")
