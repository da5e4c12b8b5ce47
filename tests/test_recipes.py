"""Recipes: what "auto" stands for, and the published settings by name."""

from dataclasses import replace

import pytest

from skvas import (
    JointAlignSegment,
    Segmenting,
    Training,
    VideoAligner,
)
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.options._declare import declared
from skvas.options._kinds import is_auto
from skvas.recipes import INFORMED, PAPER, RECIPES
from tests.models import ESTIMATORS, quick, small_videos

VIDEOS = make_videos(3, n_frames=(40, 60), random_state=0).videos


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_recipe_resolves_every_auto(cls, name):
    settings = RECIPES[name].resolve(cls(recipe=name))
    values = {**settings.training, **(settings.aligning or {})}
    values |= settings.segmenting or {}
    left = {key for key, value in values.items() if is_auto(value)}
    # These are known after training.
    assert left <= {"segment_on", "recurring", "decoder", "boundaries"}
    assert not is_auto(settings.matching)
    assert isinstance(settings.max_epochs, int)


def test_numbers_of_breakfast_actions_are_the_published_ones():
    counts = [r.n_actions for name, r in RECIPES.items() if "breakfast" in name]
    assert counts == [14, 8, 9, 12, 9, 8, 5, 7, 5, 7]


def test_published_values_are_those_of_the_paper():
    settings = RECIPES["breakfast/coffee"].resolve(JointAlignSegment())
    assert settings.max_epochs == 50
    assert settings.segmenting["rho"] == settings.aligning["rho"] == 0.2
    assert settings.segmenting["alpha"] == settings.aligning["alpha"] == 0.5
    assert settings.segmenting["lambda_actions"] == 0.1
    settings = RECIPES["youtube/cpr"].resolve(JointAlignSegment())
    assert (settings.training["lr"], settings.training["weight_decay"]) == (1e-4, 1e-5)
    settings = RECIPES["desktop_assembly"].resolve(JointAlignSegment())
    assert settings.segmenting["radius"] == settings.aligning["radius"] == 0.02
    assert RECIPES["vaot"].resolve(VideoAligner()).max_epochs == 200


@pytest.mark.parametrize("name", ["breakfast/milk", "desktop_assembly"])
def test_joint_model_trains_with_published_settings(name):
    model = JointAlignSegment("auto", recipe=name, max_epochs=1, random_state=0)
    model.fit(VIDEOS)
    width = RECIPES[name].encoder[-1]
    assert model.prototypes_.shape == (RECIPES[name].n_actions, width)


def test_aligner_trains_with_published_settings():
    aligner = VideoAligner(recipe="vaot", max_epochs=1, random_state=0).fit(VIDEOS)
    assert aligner.transform(VIDEOS[0]).shape == (len(VIDEOS[0]), 40)


@pytest.mark.parametrize(
    ("n_videos", "batch_size", "n_epochs"),
    [(1, 4, 20), (80, 4, 20), (84, 4, 19), (800, 4, 2), (9000, 4, 1), (800, 40, 20)],
)
def test_many_videos_are_passed_less_often(n_videos, batch_size, n_epochs):
    aligner = VideoAligner(training=Training(batch_size=batch_size))
    assert INFORMED.resolve(aligner, n_videos=n_videos).max_epochs == n_epochs
    aligner.max_epochs = 30
    assert INFORMED.resolve(aligner, n_videos=n_videos).max_epochs == 30
    published = PAPER.resolve(VideoAligner(recipe="paper"), n_videos=n_videos)
    assert published.max_epochs == PAPER.max_epochs


@pytest.mark.parametrize(("name", "size"), [("informed", 4), ("paper", 1), ("vaot", 1)])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_steps_are_as_large_as_published_or_asked(cls, name, size):
    model, recipe = cls(), RECIPES[name]
    assert recipe.batch_size(model) == size
    assert recipe.resolve(model).training["batch_size"] == size
    model.set_params(training=Training(batch_size=7))
    assert recipe.batch_size(model) == 7


def test_fixed_teacher_takes_fewer_epochs_with_longer_steps():
    joint = INFORMED.resolve(JointAlignSegment())
    assert (joint.max_epochs, joint.training["lr"]) == (12, 4e-3)
    for settings in (
        INFORMED.resolve(JointAlignSegment(), can_keep_start=False),
        INFORMED.resolve(VideoAligner()),
    ):
        assert (settings.max_epochs, settings.training["lr"]) == (20, 2e-3)


def test_given_value_wins_over_the_recipe():
    model = JointAlignSegment(segmenting=Segmenting(alpha=0.9))
    settings = INFORMED.resolve(model)
    assert settings.segmenting["alpha"] == 0.9


def test_both_tasks_have_a_rho_of_their_own():
    model = quick(JointAlignSegment, max_epochs=0)
    model.set_params(segmenting__rho=0.1, aligning__rho=0.2).fit(small_videos())
    assert model.settings_.segmentation_task().rho == 0.1
    assert model.settings_.alignment_task().rho == 0.2


def test_recipe_of_a_users_own_is_found_by_name(monkeypatch):
    monkeypatch.setitem(RECIPES, "mine", RECIPES["paper"])
    model = quick(JointAlignSegment, recipe="mine", max_epochs=1).fit(small_videos())
    assert model.transform(small_videos()[0]).shape[1] == 40
    with pytest.raises(InvalidParameterError, match="recipe"):
        quick(JointAlignSegment, recipe="yours").fit(small_videos())


def test_constructors_are_short():
    most = {"JointAlignSegment": 16, "ActionSegmenter": 14, "VideoAligner": 14}
    for cls in ESTIMATORS:
        assert len(list(declared(cls))) <= most[cls.__name__]


def test_informed_start_is_refined_as_documented():
    settings = JointAlignSegment()
    resolved = INFORMED.resolve(settings).segmenting
    assert resolved["n_refine"] == 10
    assert PAPER.resolve(JointAlignSegment(recipe="paper")).segmenting["n_refine"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "zscore"}, "features must be .*'zscore'"),
        ({"segmenting": {**INFORMED.segmenting, "alfa": 0.9}}, "segmenting.*has alfa"),
        ({"segmenting": {"alpha": 0.9}}, "segmenting.*lacks .*start.*INFORMED.segm"),
        (
            {"aligning": {**INFORMED.aligning, "alpha": 9}},
            "alpha of aligning of the recipe must be",
        ),
        (
            {"segmenting": {**INFORMED.segmenting, "rho": "auto"}},
            "segmenting of the recipe must decide rho, got 'auto'",
        ),
        ({"training": {**INFORMED.training, "epochs": 9}}, "training.*has epochs"),
        ({"training": 3}, "training must have mappings"),
        ({"joint": {"rho": 1}}, "joint.*has rho"),
        ({"candidates": ({"starts": "time"},)}, "candidates.*has starts"),
        ({"encoder": None}, "encoder must be a name or"),
        ({"max_epochs": -5}, "max_epochs must be"),
        ({"max_epochs": 2.5}, "max_epochs must be"),
        ({"joint": {"max_epochs": -5}}, "max_epochs of joint must be"),
        ({"joint": {"max_epochs": None}}, "max_epochs of joint must be"),
        ({"joint": 3}, "joint must have mappings"),
        ({"ordered_rho": -1.0}, "ordered_rho must be"),
        ({"n_actions": "x"}, "n_actions must be"),
        ({"n_actions": 0}, "n_actions must be"),
        ({"max_steps": -3}, "max_steps must be"),
        ({"max_steps": 0.5}, "max_steps must be"),
    ],
)
def test_recipes_with_wrong_values_are_refused(changes, message):
    with pytest.raises(InvalidParameterError, match=message):
        replace(INFORMED, **changes)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"alpha": 0.9}, "RECIPES.'own'. must be a Recipe, such as replace"),
        (replace(INFORMED, encoder="nix"), "encoder of the recipe 'own' must be .*nix"),
        (replace(INFORMED, encoder=(0,)), "width of encoder of the recipe 'own'"),
    ],
)
def test_recipes_that_cannot_be_used_are_refused(recipe, message, monkeypatch):
    monkeypatch.setitem(RECIPES, "own", recipe)
    with pytest.raises(InvalidParameterError, match=message):
        VideoAligner(recipe="own").fit(VIDEOS)
