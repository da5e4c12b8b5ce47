"""Recipes: what a parameter given as "auto" stands for.

A recipe is data. `RECIPES` holds ours and the published settings by the names that the
parameter `recipe` of the estimators takes; add your own to it, such as
``RECIPES["mine"] = dataclasses.replace(INFORMED, max_epochs=5)``.

References
----------
.. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
   section 4 and supplementary material.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from skvas.exceptions import InvalidParameterError
from skvas.options._declare import OptionGroup, check_declared, group_of
from skvas.options._groups import Aligning, Segmenting, Training
from skvas.options._kinds import Encoder, Features, is_auto
from skvas.options._settings import Settings
from skvas.validation import check_integer, check_real

__all__ = ["INFORMED", "PAPER", "RECIPES", "Recipe"]


# Parameters whose "auto" is resolved once training is over.
OPEN = {"segment_on": "auto", "recurring": "auto"}
# What a recipe may leave to the data, too.
MAY_BE_AUTO = {"decoder", "boundaries"}
# Parameters that settings do not keep: they are of no use after the training.
UNSETTLED = {"callback", "checkpoint", "devices"}


@dataclass(frozen=True)
class Recipe:
    """What a parameter given as "auto" stands for.

    Parameters
    ----------
    features : {"whitened", "standardise"} or None
        Preprocessing of the videos.
    encoder : str or tuple of int
        Name of the encoder, or the widths of an :class:`~skvas.nn.MLPEncoder`.
    max_epochs : int
        Passes over the videos.
    segmenting, aligning, training : mapping of str to object
        Values of all parameters of :class:`skvas.Segmenting`, :class:`skvas.Aligning`
        and :class:`skvas.Training` that a recipe decides.
    ordered_rho : float, default=None
        Weight of the order prior between videos that share an order; None: that of
        `aligning`.
    candidates : tuple of mapping, default=()
        Values of :class:`skvas.Segmenting` that `fit` chooses from. Empty: nothing is
        chosen.
    n_actions : int, default=None
        Number of actions that was published; None: it is estimated, if the recipe
        chooses.
    joint : mapping of str to object, default=None
        What the joint model has in place of `max_epochs` and of values of `training`,
        where the segmentation found before training supervises it. None: the same.
    max_steps : int, default=None
        Batches that training takes at most, whatever `max_epochs` says, but at least
        one pass over the videos. None: no limit.

    Raises
    ------
    InvalidParameterError
        If a value is not in its range, or a mapping lacks a parameter or has one that
        no recipe decides.

    Examples
    --------
    >>> from skvas import JointAlignSegment
    >>> from skvas.recipes import RECIPES
    >>> RECIPES["breakfast/coffee"].n_actions
    7
    >>> JointAlignSegment("auto", recipe="breakfast/coffee")
    JointAlignSegment(n_actions='auto', recipe='breakfast/coffee')
    """

    features: str | None
    encoder: str | tuple[int, ...]
    max_epochs: int
    segmenting: Mapping[str, Any]
    aligning: Mapping[str, Any]
    training: Mapping[str, Any]
    ordered_rho: float | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()
    n_actions: int | None = None
    joint: Mapping[str, Any] | None = None
    max_steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that are wrong, or would have no effect."""
        Features(("whitened", "standardise")).check("features", self.features)
        if not isinstance(self.encoder, (str, tuple)):
            raise InvalidParameterError(
                "encoder must be a name or a tuple of widths in a recipe, got "
                f"{self.encoder!r}; give a network to the estimator."
            )
        _check_values("segmenting", self.segmenting, Segmenting)
        _check_values("aligning", self.aligning, Aligning)
        _check_values("training", self.training, Training)
        for values in self.candidates:
            _check_values("candidates", values, Segmenting, partly=True)
        joint: Any = self.joint or {}
        if isinstance(joint, Mapping):
            check_integer("max_epochs of joint", joint.get("max_epochs", 0), low=0)
            joint = {k: v for k, v in joint.items() if k != "max_epochs"}
        _check_values("joint", joint, Training, partly=True)
        check_integer("max_epochs", self.max_epochs, low=0)
        check_integer("max_steps", self.max_steps, low=0, none_ok=True)
        check_integer("n_actions", self.n_actions, low=1, none_ok=True)
        if self.ordered_rho is not None:
            check_real("ordered_rho", self.ordered_rho, low=0)

    @property
    def chooses(self) -> bool:
        """Whether `fit` chooses from the data before training."""
        return bool(self.candidates)

    def resolve(
        self,
        owner: Any,
        *,
        in_order: bool = True,
        chosen: Mapping[str, Any] | None = None,
        can_keep_start: bool = True,
        monotone: bool | None = None,
        n_videos: int = 1,
    ) -> Settings:
        """Replace every "auto" among the parameters of an estimator.

        Parameters
        ----------
        owner : estimator
            Has the parameters.
        in_order : bool, default=True
            Whether the videos share an order.
        chosen : mapping, default=None
            Values of :class:`skvas.Segmenting` that `fit` has chosen.
        can_keep_start : bool, default=True
            Whether the embedding starts as the features, so that the segmentation found
            before training can supervise it.
        monotone : bool, default=None
            Whether videos are matched in the order of time, with the prior that they
            share one. None: as `in_order` says.
        n_videos : int, default=1
            Number of videos of `fit`.

        Returns
        -------
        Settings
            Without "auto", but for `segment_on`, `recurring`, `decoder` and
            `boundaries`, which are resolved after training.
        """
        segmenting = aligning = None
        keeps_order = in_order if monotone is None else monotone
        is_joint = hasattr(owner, "segmenting") and hasattr(owner, "aligning")
        if hasattr(owner, "segmenting"):
            default = {**self.segmenting, **(chosen or {}), **OPEN}
            if not (is_joint and can_keep_start):
                default["teacher"] = "self"
            segmenting = _fill(group_of(owner, "segmenting"), default)
        if hasattr(owner, "aligning"):
            default = dict(self.aligning)
            if segmenting is not None:
                default["alpha"] = segmenting["alpha"]
            if keeps_order and self.ordered_rho is not None:
                default["rho"] = self.ordered_rho
            aligning = _fill(group_of(owner, "aligning"), default)
        matching = getattr(owner, "matching", None)
        if is_auto(matching):
            matching = "monotone" if keeps_order else "plan"
        default = {"max_epochs": self.max_epochs, **self.training}
        if is_joint and can_keep_start:
            default |= self.joint or {}
        training = _fill(group_of(owner, "training"), default)
        most = self._most_epochs(n_videos, training["batch_size"])
        return Settings(
            max_epochs=_or(owner.max_epochs, min(default["max_epochs"], most)),
            training=training,
            segmenting=segmenting,
            aligning=aligning,
            matching=matching,
            beta=getattr(owner, "beta", 1.0),
        )

    def batch_size(self, owner: Any) -> int:
        """Return how many pairs of videos a step of training takes.

        Parameters
        ----------
        owner : estimator
            Has the parameters.

        Returns
        -------
        int
            `batch_size` without "auto".
        """
        asked: Any = group_of(owner, "training")
        return int(_or(asked.batch_size, self.training["batch_size"]))

    def _most_epochs(self, n_videos: int, batch_size: int) -> float:
        if self.max_steps is None:
            return math.inf
        return max(1, self.max_steps // -(-n_videos // batch_size))


def _check_values(
    name: str, values: Any, group: type[OptionGroup], *, partly: bool = False
) -> None:
    """Refuse values of a group that a recipe does not decide, or too few of them."""
    if not isinstance(values, Mapping):
        raise InvalidParameterError(f"{name} must have mappings, got {values!r}.")
    defaults = group().get_params(deep=False)
    decides = {key for key, value in defaults.items() if is_auto(value)} - {*OPEN}
    unknown = sorted(values.keys() - decides)
    lacking = [] if partly else sorted(decides - values.keys())
    if unknown or lacking:
        wrong = [f"has {', '.join(unknown)}"] if unknown else []
        wrong += [f"lacks {', '.join(lacking)}"] if lacking else []
        raise InvalidParameterError(
            f"{name} of the recipe {' and '.join(wrong)}; a recipe decides "
            f"{', '.join(sorted(decides))} of {group.__name__}. To change some values, "
            f"write {{**INFORMED.{name}, ...}}."
        )
    undecided = {key for key, value in values.items() if is_auto(value)} - MAY_BE_AUTO
    if undecided:
        raise InvalidParameterError(
            f"{name} of the recipe must decide {', '.join(sorted(undecided))}, got "
            "'auto'; give a value."
        )
    check_declared(group(**values), f" of {name} of the recipe")


def find_recipe(name: str) -> Recipe:
    """Return a recipe of `RECIPES`, and refuse what is none or has no encoder."""
    recipe: Any = RECIPES[name]
    if not isinstance(recipe, Recipe):
        raise InvalidParameterError(
            f"RECIPES[{name!r}] must be a Recipe, such as replace(INFORMED, "
            f"max_epochs=5), got {recipe!r}."
        )
    # Names are known only now, as users may add to them.
    Encoder().check(f"encoder of the recipe {name!r}", recipe.encoder)
    return recipe


def _or(value: Any, default: Any) -> Any:
    return default if is_auto(value) else value


def _fill(group: OptionGroup, default: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a group that settings keep, "auto" replaced."""
    return {
        name: _or(value, default.get(name))
        for name, value in group.get_params(deep=False).items()
        if name not in UNSETTLED
    }


_STRUCTURE = {"alpha": 0.3, "radius": 0.04}

INFORMED = Recipe(
    features="whitened",
    encoder="residual",
    max_epochs=20,
    segmenting={
        **_STRUCTURE,
        "start": "time",
        "n_refine": 10,
        "teacher": "start",
        "rho": 0.0,
        "lambda_actions": 0.3,
        "decoder": "auto",  # known once training is over
        "boundaries": "auto",
    },
    aligning={**_STRUCTURE, "rho": 0.0, "path_on": "timeline"},
    training={
        "lr": 2e-3,
        "weight_decay": 1e-4,
        "tau": 0.2,
        "n_aligned": 128,
        "batch_size": 4,
    },
    ordered_rho=0.35,
    joint={"max_epochs": 12, "lr": 4e-3},
    max_steps=400,
    candidates=tuple(
        {"start": start, "lambda_actions": weight, "alpha": alpha}
        for start, (weight, alpha) in product(
            ("time", "kmeans"), ((0.3, 0.3), (0.1, 0.3), (0.3, 0.6), (0.1, 0.6))
        )
    ),
)

PAPER = Recipe(
    features=None,
    encoder=(128, 40),
    max_epochs=30,
    segmenting={
        **_STRUCTURE,
        "start": "random",
        "n_refine": 0,
        "teacher": "self",
        "rho": 0.15,
        "lambda_actions": 0.11,
        "decoder": "plan",
        "boundaries": "decoded",
    },
    aligning={**_STRUCTURE, "rho": 0.15, "path_on": "embedding"},
    training={
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "tau": 0.1,
        "n_aligned": None,
        "batch_size": 1,
    },
)


def _published(
    *,
    rho: float,
    lambda_actions: float = 0.11,
    alpha: float = 0.3,
    radius: float = 0.04,
    lr: float = 1e-3,
    weight_decay: float = 1e-4,
    **others: Any,
) -> Recipe:
    """Return published settings: the paper's recipe with a data set's values."""
    shared = {"alpha": alpha, "radius": radius, "rho": rho}
    return replace(
        PAPER,
        segmenting={**PAPER.segmenting, **shared, "lambda_actions": lambda_actions},
        aligning={**PAPER.aligning, **shared},
        training={**PAPER.training, "lr": lr, "weight_decay": weight_decay},
        **others,
    )


_BREAKFAST = _published(
    rho=0.2, lambda_actions=0.1, alpha=0.5, features="standardise", max_epochs=50
)
_BREAKFAST_ACTIONS = {
    "pancake": 14,
    "salat": 8,
    "friedegg": 9,
    "scrambledegg": 12,
    "sandwich": 9,
    "juice": 8,
    "milk": 5,
    "tea": 7,
    "cereals": 5,
    "coffee": 7,
}
_YOUTUBE = _published(
    rho=0.15, lambda_actions=0.12, lr=1e-4, weight_decay=1e-5, encoder=(32, 32)
)
_YOUTUBE_ACTIONS = {
    "changing_tire": 11,
    "coffee": 10,
    "cpr": 7,
    "jump_car": 12,
    "repot": 8,
}

# By the names that the parameter `recipe` takes. "vaot" was published for an image
# backbone, to be given as `encoder`.
RECIPES: dict[str, Recipe] = {
    "informed": INFORMED,
    "paper": PAPER,
    **{
        f"breakfast/{activity}": replace(_BREAKFAST, n_actions=n_actions)
        for activity, n_actions in _BREAKFAST_ACTIONS.items()
    },
    **{
        f"youtube/{activity}": replace(_YOUTUBE, n_actions=n_actions)
        for activity, n_actions in _YOUTUBE_ACTIONS.items()
    },
    "salads/eval": _published(rho=0.15, lambda_actions=0.11, n_actions=12),
    "salads/mid": _published(rho=0.15, lambda_actions=0.15, n_actions=19),
    "desktop_assembly": _published(
        rho=0.25, lambda_actions=0.16, radius=0.02, n_actions=22
    ),
    "vaot": _published(
        rho=0.35, radius=0.02, lr=1e-5, weight_decay=1e-5, max_epochs=200
    ),
}
