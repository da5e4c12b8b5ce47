"""What all three estimators have in common."""

from __future__ import annotations

import copy
import logging
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags
from torch import nn

import skvas
from skvas import JointAlignSegment, Recordings, Timeline, VideoAligner
from skvas.exceptions import CollapseWarning, InvalidParameterError, RadiusWarning
from skvas.nn import MLPEncoder, ResidualEncoder, TemporalConvEncoder
from skvas.preprocessing import Framewise, WhitenedViews
from skvas.videos import _jobs
from tests.models import (
    ESTIMATORS,
    SEGMENTERS,
    assert_same_outputs,
    assert_same_state,
    outputs,
    plain_params,
    quick,
    shared_out,
    small_videos,
)

VIDEOS = small_videos()
NEW = small_videos(7)[5:]

every = pytest.mark.parametrize("cls", ESTIMATORS)
every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)


@pytest.fixture(autouse=True)
def same_networks():
    """Draw the weights of the networks that tests make alike in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def fitted():
    """One fitted estimator of each class, to be read only."""
    return {cls: quick(cls).fit(VIDEOS) for cls in ESTIMATORS}


class Dropping(nn.Module):
    """An encoder that draws random numbers as it trains."""

    def __init__(self, n_features=5):
        super().__init__()
        self.linear = nn.Linear(n_features, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, frames):
        return self.dropout(self.linear(frames))


class Counted:
    """A video that counts how often it is turned into an array."""

    def __init__(self, video):
        self.video, self.shape, self.ndim, self.times = video, video.shape, 2, 0

    def __array__(self, dtype=None, copy=None):
        self.times += 1
        return np.array(self.video, dtype=dtype)


class Collapsing(nn.Module):
    """An encoder whose embeddings all drift the same way, call after call."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.calls = 0

    def forward(self, frames):
        self.calls += self.training
        return frames * self.scale + 5 * self.calls


def as_object_array(videos):
    array = np.empty(len(videos), dtype=object)
    for index, video in enumerate(videos):
        array[index] = video
    return array


def equal_lengths(videos):
    return [video[:30] for video in videos]


# Containers


@every
def test_one_video_gives_arrays_and_a_list_of_one_collections(cls, fitted):
    video, estimator = NEW[0], fitted[cls]
    many, one = outputs(estimator, [video]), outputs(estimator, video)
    assert_same_outputs(one, many)
    for method in one:
        alone = getattr(estimator, method)(video)
        assert isinstance(alone, np.ndarray)
        assert alone.dtype != object
        assert len(alone) == len(video)
        listed = getattr(estimator, method)([video])
        assert len(listed) == 1
        assert isinstance(listed, list if method == "transform" else np.ndarray)


@every
def test_many_videos_give_an_object_array_or_a_list_even_of_equal_lengths(cls, fitted):
    estimator = fitted[cls]
    for videos in (VIDEOS, equal_lengths(VIDEOS)):
        for method in outputs(estimator, videos):
            results = getattr(estimator, method)(videos)
            if method == "transform":
                assert isinstance(results, list)
            else:
                assert results.dtype == object
                assert results.shape == (len(videos),)
            for result, video in zip(results, videos, strict=True):
                assert len(result) == len(video)
                assert result.dtype in (np.int64, np.float32)


@every
def test_transform_gives_unit_vectors(cls, fitted):
    for embedding in fitted[cls].transform(VIDEOS):
        assert embedding.shape[1] == fitted[cls].n_embedding_
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


@every_segmenter
def test_labels_are_the_predictions_of_the_videos_of_fit(cls, fitted):
    estimator = fitted[cls]
    predicted = estimator.predict(VIDEOS)
    assert estimator.labels_.dtype == object
    for labels, again in zip(estimator.labels_, predicted, strict=True):
        np.testing.assert_array_equal(labels, again)
    single = quick(cls).fit(VIDEOS[0])
    np.testing.assert_array_equal(single.labels_, single.predict(VIDEOS[0]))
    for labels, again in zip(
        quick(cls).fit_predict(VIDEOS), estimator.labels_, strict=True
    ):
        np.testing.assert_array_equal(labels, again)


# What scikit-learn users do


@every
def test_clone_is_unfitted_with_the_same_parameters(cls, fitted):
    copied = clone(fitted[cls])
    assert not [name for name in vars(copied) if name.endswith("_")]
    assert plain_params(copied) == plain_params(fitted[cls])


@every
def test_copies_say_the_same_bit_for_bit(cls, fitted):
    copied = copy.deepcopy(fitted[cls])
    assert_same_outputs(outputs(copied, NEW), outputs(fitted[cls], NEW))
    unfitted = copy.deepcopy(quick(cls))
    assert_same_outputs(outputs(unfitted.fit(VIDEOS), NEW), outputs(fitted[cls], NEW))


@every
def test_pandas_output_has_one_frame_a_video(cls, fitted):
    estimator = copy.deepcopy(fitted[cls]).set_output(transform="pandas")
    names = estimator.get_feature_names_out().tolist()
    assert names[0] == f"{cls.__name__.lower()}0"
    assert len(names) == estimator.n_embedding_
    single = estimator.transform(NEW[0])
    assert isinstance(single, pd.DataFrame)
    assert single.columns.tolist() == names
    many = estimator.transform(NEW)
    assert isinstance(many, list)
    for frame, embedding in zip(many, fitted[cls].transform(NEW), strict=True):
        np.testing.assert_array_equal(frame.to_numpy(), embedding)
    with config_context(transform_output="pandas"):
        assert isinstance(fitted[cls].transform(NEW[0]), pd.DataFrame)


@every
def test_html_representation_names_the_class(cls, fitted):
    for estimator in (quick(cls), fitted[cls]):
        assert cls.__name__ in estimator_html_repr(estimator)
        assert cls.__name__ in repr(estimator)


@every
def test_pipeline_fits_and_predicts(cls):
    pipeline = make_pipeline(Framewise(StandardScaler()), quick(cls))
    predicted = pipeline.fit(VIDEOS).predict(NEW)
    assert [len(labels) for labels in predicted] == [len(video) for video in NEW]
    assert np.isfinite(pipeline.score(NEW))
    scaled = Framewise(StandardScaler()).fit(VIDEOS)
    by_hand = quick(cls).fit(scaled.transform(VIDEOS)).predict(scaled.transform(NEW))
    for ours, theirs in zip(predicted, by_hand, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_segmenter
def test_grid_search_reaches_nested_parameters(cls):
    grid = {
        "n_actions": [2, 3],
        "segmenting__alpha": [0.2, 0.4],
        "features__n_components": [2],
    }
    estimator = quick(cls, features=WhitenedViews(), max_epochs=0)
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(VIDEOS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_
    assert len(best.prototypes_) == search.best_params_["n_actions"]
    assert best.features_.n_components == 2
    assert len(search.predict(NEW)) == 2


def test_grid_search_over_the_aligner():
    estimator = quick(VideoAligner, max_epochs=0)
    grid = {"aligning__alpha": [0.0, 0.3]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(VIDEOS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@every
def test_every_default_works(cls):
    video = VIDEOS[0]
    predicted = cls().fit(VIDEOS).predict(video)
    assert predicted.shape == (len(video),)


@every
def test_score_is_a_finite_number_for_one_and_many(cls, fitted):
    estimator = fitted[cls]
    assert isinstance(estimator.score(VIDEOS), float)
    assert estimator.score(NEW[0]) == estimator.score([NEW[0]])
    assert np.isfinite(estimator.score(NEW))


# Determinism


@every
def test_row_34_random_state_decides_everything(cls):
    def fit(seed):
        estimator = quick(cls, recipe="paper", random_state=seed).fit(VIDEOS)
        return outputs(estimator, NEW)

    expected = fit(0)
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    assert_same_outputs(fit(0), expected)
    other = fit(1)["transform"]
    assert not np.array_equal(other[0], expected["transform"][0])


@every
def test_generator_as_random_state_moves_on(cls):
    rng = np.random.RandomState(0)
    estimator = quick(cls, recipe="paper", random_state=rng)
    first = outputs(estimator.fit(VIDEOS), NEW)["transform"]
    second = outputs(estimator.fit(VIDEOS), NEW)["transform"]
    assert not np.array_equal(first[0], second[0])
    again = quick(cls, recipe="paper", random_state=np.random.RandomState(0))
    assert np.array_equal(outputs(again.fit(VIDEOS), NEW)["transform"][0], first[0])


@every
def test_row_34_fit_and_predict_leave_global_state_alone(cls):
    encoder = Dropping()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    outputs(quick(cls, encoder=encoder, features=None).fit(VIDEOS), NEW)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == dtype
    assert torch.is_grad_enabled()


@every
def test_encoder_with_dropout_is_reproducible(cls):
    def fit():
        estimator = quick(cls, encoder=Dropping(), features=None)
        estimator.encoder.load_state_dict(weights)
        return outputs(estimator.fit(VIDEOS), NEW)

    weights = Dropping().state_dict()
    expected = fit()
    torch.rand(3)
    assert_same_outputs(fit(), expected)


@every
def test_row_32_result_does_not_depend_on_batch_mates_or_their_order(cls, fitted):
    estimator = fitted[cls]
    together = outputs(estimator, VIDEOS + NEW)
    apart = outputs(estimator, NEW)
    order = [3, 6, 0, 5, 2, 1, 4]
    permuted = outputs(estimator, [(VIDEOS + NEW)[i] for i in order])
    for method, results in together.items():
        for ours, theirs in zip(results[-2:], apart[method], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        for place, index in enumerate(order):
            found = permuted[method][place]
            np.testing.assert_allclose(found, results[index], rtol=0, atol=1e-5)


@every
def test_result_does_not_depend_on_the_number_of_jobs(cls, fitted, monkeypatch):
    monkeypatch.setattr(_jobs, "FRAMES_A_JOB", 50)  # several groups of videos
    expected = outputs(fitted[cls], VIDEOS)
    for n_jobs in (1, 2):
        estimator = copy.deepcopy(fitted[cls]).set_params(n_jobs=n_jobs)
        assert_same_outputs(outputs(estimator, VIDEOS), expected)


@every
def test_gpu_agrees_with_the_cpu(cls, fitted, device):
    estimator = copy.deepcopy(fitted[cls]).set_params(device=device)
    for ours, theirs in zip(
        estimator.transform(NEW), fitted[cls].transform(NEW), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    ours, theirs = (
        np.concatenate(list(e.predict(NEW))) for e in (estimator, fitted[cls])
    )
    assert (ours == theirs).mean() > 0.98
    trained = quick(cls, device=device).fit(VIDEOS)
    assert trained.device_.startswith(device.type)
    assert all(p.device.type == "cpu" for p in trained.encoder_.parameters())


# Failure and interruption


@every
def test_row_39_interrupt_leaves_the_estimator_unfitted(cls):
    def interrupt(record):
        raise KeyboardInterrupt

    estimator = quick(cls, callback=interrupt)
    before = vars(estimator).copy()
    torch_before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(VIDEOS)
    assert_same_state(estimator, before)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert torch.is_grad_enabled()


@every
def test_row_39_interrupt_keeps_what_an_earlier_fit_learned(cls):
    seen = []

    def interrupt(record):
        seen.append(record)
        if len(seen) == 3:  # in the first epoch of the second fit
            raise KeyboardInterrupt

    estimator = quick(cls, callback=interrupt).fit(VIDEOS)
    expected, before = outputs(estimator, NEW), vars(estimator).copy()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(small_videos(4, n_features=7))
    assert_same_state(estimator, before)
    assert_same_outputs(outputs(estimator, NEW), expected)


# Recipes, features, encoders


@every
@pytest.mark.parametrize("recipe", ["informed", "paper"])
@pytest.mark.parametrize("max_epochs", [0, 1])
def test_recipes_train_or_not(cls, recipe, max_epochs):
    estimator = quick(cls, recipe=recipe, max_epochs=max_epochs).fit(VIDEOS)
    assert estimator.n_iter_ == max_epochs
    assert all(len(v) == max_epochs for v in estimator.history_.values())
    informed = recipe == "informed"
    kind = ResidualEncoder if informed else MLPEncoder
    assert isinstance(estimator.encoder_, kind)
    assert isinstance(estimator.features_, WhitenedViews if informed else type(None))
    assert not estimator.encoder_.training


@every
@pytest.mark.parametrize("encoder", [None, "temporal"])
def test_untrained_informed_embedding_is_that_of_the_features(cls, encoder):
    estimator = quick(cls, encoder=encoder, max_epochs=0).fit(VIDEOS)
    for ours, views in zip(
        estimator.transform(NEW),
        WhitenedViews(offset=0.5).fit(VIDEOS).transform(NEW),
        strict=True,
    ):
        lengths = np.linalg.norm(views, axis=1, keepdims=True)
        np.testing.assert_allclose(ours, views / lengths, atol=1e-5)


@every
def test_features_are_cloned_and_fitted(cls):
    features = Framewise(PCA(2))
    estimator = quick(cls, features=features).fit(VIDEOS)
    assert not hasattr(features, "transformer_")
    assert estimator.features is features
    assert estimator.features_ is not features
    assert estimator.n_embedding_ == 2
    assert estimator.n_features_in_ == 5


@every
def test_no_features_means_the_frames_as_they_are(cls):
    estimator = quick(cls, features=None, max_epochs=0).fit(VIDEOS)
    expected = NEW[0] / np.linalg.norm(NEW[0], axis=1, keepdims=True)
    np.testing.assert_allclose(estimator.transform(NEW[0]), expected, atol=1e-5)


@every
def test_encoder_of_the_user_is_copied_and_not_changed(cls):
    encoder = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    estimator = quick(cls, encoder=encoder, features=None).fit(VIDEOS)
    assert estimator.encoder is encoder
    assert encoder.training
    assert estimator.n_embedding_ == 4
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name])
        assert not torch.equal(estimator.encoder_.state_dict()[name], before[name])
    assert_same_outputs(
        outputs(clone(estimator).fit(VIDEOS), NEW), outputs(estimator, NEW)
    )


@every
def test_encoder_whose_weights_are_yet_to_be_drawn_is_refused(cls):
    encoder = nn.Sequential(nn.LazyLinear(6), nn.Tanh(), nn.Linear(6, 4))
    estimator = quick(cls, encoder=encoder, features=None)
    with pytest.raises(InvalidParameterError, match="call it once"):
        estimator.fit(VIDEOS)
    encoder(torch.zeros(1, 2, 5))
    assert estimator.fit(VIDEOS).n_embedding_ == 4


@every
def test_encoder_is_at_rest_where_it_is_not_trained(cls):
    modes = []

    class Watching(nn.Linear):
        def forward(self, frames):
            modes.append(self.training)
            return super().forward(frames)

    quick(cls, encoder=Watching(5, 3), features=None, max_epochs=0).fit(VIDEOS)
    assert modes
    assert not any(modes)


@every
def test_encoder_without_parameters_is_used_as_it_is(cls):
    estimator = quick(cls, encoder=nn.Identity(), features=None, max_epochs=0)
    expected = NEW[0] / np.linalg.norm(NEW[0], axis=1, keepdims=True)
    embedding = estimator.fit(VIDEOS).transform(NEW[0])
    np.testing.assert_allclose(embedding, expected, atol=1e-5)


def test_encoder_without_parameters_cannot_train_an_aligner():
    estimator = quick(VideoAligner, encoder=nn.Identity(), features=None)
    with pytest.raises(ValueError, match="no parameters to train; set max_epochs=0"):
        estimator.fit(VIDEOS)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1),
        ({"n_frames": 1024}, 2),  # large tensors are worth a second thread
        ({"encoder": nn.Linear(5, 4), "features": None}, 2),  # and so may a user's be
    ],
)
def test_small_steps_of_training_stay_on_one_thread(options, expected):
    threads, seen = torch.get_num_threads(), []

    def note(record):
        seen.append(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        quick(VideoAligner, callback=note, **options).fit(VIDEOS)
        assert set(seen) == {expected}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@every
def test_torch_generator_is_left_alone_by_a_failing_training(cls):
    def fail(record):
        raise RuntimeError

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        quick(cls, callback=fail).fit(VIDEOS)
    assert torch.equal(torch.get_rng_state(), before)


@every
def test_encoder_that_loses_frames_is_refused(cls):
    class Shrinking(nn.Linear):
        def forward(self, frames):
            return super().forward(frames)[:, ::2]

    estimator = quick(cls, encoder=Shrinking(5, 3), features=None)
    with pytest.raises(ValueError, match=r"encoder made \(.*; it must keep"):
        estimator.fit(VIDEOS)
    assert not hasattr(estimator, "encoder_")


class Made(nn.Module):
    """An encoder of the user's whose answer is wrong in some way."""

    def __init__(self, change):
        super().__init__()
        self.linear, self.change = nn.Linear(5, 4), change

    def forward(self, frames):
        return self.change(self.linear(frames), frames)


def nan_in_training(made, frames):
    return made * float("nan") if made.requires_grad else made


WRONG = {
    "tuple": (lambda made, frames: (made, None), TypeError, "tensor.* got a tuple"),
    "array": (lambda made, frames: made.detach().numpy(), TypeError, "got a ndarray"),
    "nan": (lambda made, frames: made / 0 * 0, ValueError, "encoder made NaN"),
    "training": (nan_in_training, ValueError, "encoder made NaN .* lower lr"),
    "infinity": (lambda made, frames: made / 0, ValueError, "encoder made NaN or inf"),
    "axes": (lambda made, frames: made[0], ValueError, "keep the first two axes"),
}


@every
@pytest.mark.parametrize("case", WRONG)
def test_encoder_of_the_users_that_answers_wrongly_is_blamed(cls, case):
    change, error, message = WRONG[case]
    model = quick(cls, encoder=Made(change), features=None)
    before = vars(model).copy()
    with pytest.raises(error, match=message):
        model.fit(VIDEOS)
    assert_same_state(model, before)


class Bare:
    """A transformer that scikit-learn does not know as one."""

    def fit(self, videos, y=None):
        return self

    def transform(self, videos):
        return videos


@every
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder", "resnet"),
        ("encoder", np.ones(2)),
        ("callback", 3),
        ("features", "pca"),
        ("features", 3),
        ("features", np.sqrt),
        ("features", StandardScaler),
        ("features", Bare()),
        ("recipe", "best"),
        ("max_epochs", -1),
        ("max_epochs", "many"),
        ("lr", 0.0),
        ("weight_decay", -1.0),
        ("tau", 0.0),
        ("radius", 0.0),
        ("radius", 1.0),
        ("rho", -0.1),
        ("n_frames", 1),
        ("batch_size", 0),
        ("max_iter", -1),
        ("verbose", -1),
        ("device", "tpu9"),
        ("random_state", "seed"),
    ],
)
def test_wrong_parameter_is_named_and_changes_nothing(cls, name, value):
    estimator = quick(cls, **{name: value})
    before = vars(estimator).copy()
    with pytest.raises(InvalidParameterError, match=name):
        estimator.fit(VIDEOS)
    assert_same_state(estimator, before)


@every
@pytest.mark.parametrize("features", [3, np.sqrt, StandardScaler, Bare()])
def test_scikit_learn_asks_also_where_features_are_none(cls, features):
    estimator = quick(cls, features=features)
    assert not get_tags(estimator).input_tags.allow_nan
    with pytest.raises(InvalidParameterError, match="fit and transform"):
        cross_val_score(estimator, VIDEOS, cv=2, error_score="raise")


# History, progress, collapse


@every
def test_history_has_the_loss_and_the_diagnostics(cls, fitted):
    history = fitted[cls].history_
    expected = {"epoch", "loss", "seconds", "embedding_rank"}
    if cls in SEGMENTERS:
        expected |= {"objective_segmentation", "actions_used"}
    if cls is not SEGMENTERS[0]:
        expected |= {"objective_alignment"}
    if cls is JointAlignSegment:
        expected |= {"loss_segmentation", "loss_alignment"}
    assert set(history) == expected
    assert all(values.shape == (2,) for values in history.values())
    assert all(np.isfinite(values).all() for values in history.values())
    assert (history["embedding_rank"] >= 1).all()
    assert (history["embedding_rank"] <= fitted[cls].n_embedding_ + 1e-3).all()
    if cls in SEGMENTERS:
        assert (history["actions_used"] >= 1).all()
        assert (history["actions_used"] <= 3 + 1e-3).all()


@every
def test_training_from_a_random_network_lowers_the_loss(cls):
    estimator = quick(cls, recipe="paper", max_epochs=8, lr=3e-3)
    history = estimator.fit(VIDEOS).history_
    assert history["loss"][-1] < history["loss"][0]


@every
def test_callback_gets_the_records_of_the_history(cls):
    records = []
    history = quick(cls, callback=records.append).fit(VIDEOS).history_
    assert [record["epoch"] for record in records] == [1, 2]
    for name, values in history.items():
        assert [record[name] for record in records] == values.tolist()


@pytest.mark.parametrize(("cls", "verbose"), shared_out([0, 1, True, 2]))
def test_progress_goes_to_the_logger_and_nothing_is_printed(
    cls, verbose, caplog, capsys
):
    lines = 2 if verbose else 0
    with caplog.at_level(logging.INFO, logger="skvas"):
        quick(cls, verbose=verbose).fit(VIDEOS)
    said = [record.getMessage() for record in caplog.records]
    assert sum("loss=" in line for line in said) == lines
    steps = [line for line in said if "loss=" not in line]
    assert ("asking whether the recordings share an order" in steps) == bool(lines)
    assert (steps[:1] == ["preparing features"]) == bool(lines)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


@every
def test_checkers_of_types_know_what_fit_learns(cls):
    hints = get_type_hints(cls)
    assert {"n_features_in_", "feature_names_in_"} <= hints.keys()
    for name, what in cls._fitted.items():
        hint = hints[name]
        parts = get_args(hint) if isinstance(hint, UnionType) else [hint]
        kinds = [object if p is Any else get_origin(p) or p for p in parts]
        known = what.kind if isinstance(what.kind, tuple) else (what.kind,)
        assert kinds == [*known], name


def test_checkers_of_types_let_a_loaded_model_answer():
    assert get_type_hints(skvas.load)["return"] is Any


@every
def test_collapse_is_seen_in_the_history_and_warned_of(cls):
    estimator = quick(cls, encoder=Collapsing(), features=None)
    with pytest.warns(CollapseWarning, match="collapsed to 1") as caught:
        estimator.fit(VIDEOS)
    assert [warning.filename for warning in caught] == [__file__]
    rank = estimator.history_["embedding_rank"]
    assert rank[-1] < rank[0]
    assert rank[-1] < 1.5


@every
def test_embedding_of_one_dimension_from_the_start_has_not_collapsed(cls):
    model = quick(cls, encoder=nn.Linear(5, 1), features=None).fit(VIDEOS)
    assert model.history_["embedding_rank"][-1] == pytest.approx(1)


@every_segmenter
@pytest.mark.parametrize("recipe", ["informed", "paper"])
def test_centres_of_a_fitted_model_have_length_one(cls, recipe):
    for max_epochs in (0, 3):
        estimator = quick(cls, recipe=recipe, max_epochs=max_epochs, lr=0.05)
        prototypes = estimator.fit(VIDEOS).prototypes_
        assert prototypes.shape == (3, estimator.n_embedding_)
        np.testing.assert_allclose(np.linalg.norm(prototypes, axis=1), 1, atol=1e-5)


@every
def test_temporal_encoder_is_trained_whatever_the_lengths(cls):
    videos = [*VIDEOS, VIDEOS[0][:9]]
    estimator = quick(cls, encoder="temporal", radius=0.1).fit(videos)
    weights = estimator.encoder_.added.weight
    assert isinstance(estimator.encoder_, TemporalConvEncoder)
    assert (weights != 0).any()
    alone = estimator.transform(videos[-1])
    np.testing.assert_allclose(estimator.transform(videos)[-1], alone, atol=1e-6)


@every
def test_fit_reads_each_video_once(cls):
    videos = [Counted(video) for video in VIDEOS]
    quick(cls, max_epochs=0).fit(videos)
    assert [video.times for video in videos] == [1] * len(videos)


@pytest.mark.parametrize("cls", [*ESTIMATORS, Timeline])
def test_columns_are_held_against_the_features_of_recordings(cls):
    names = [f"joint {i}" for i in range(VIDEOS[0].shape[1])]
    known = Recordings(VIDEOS, feature_names=names)
    if cls is Timeline:
        fitted = Timeline(3, random_state=0).fit(known)
    else:
        fitted = quick(cls, max_epochs=0).fit(known)
    frame = pd.DataFrame(NEW[0], columns=names)
    for name in ("predict", "transform", "score", "match", "to_timeline"):
        ask = getattr(fitted, name, None)
        if ask is None:
            continue
        assert_array_equal(ask(frame), ask(NEW[0]))
        for other in (frame[names[::-1]], frame.rename(columns={names[1]: "other"})):
            with pytest.raises(ValueError, match="0 is 'joint 4' |1 is 'other' "):
                ask([frame, other])
    if hasattr(fitted, "align"):
        fitted.align(frame, NEW[0])
        with pytest.raises(ValueError, match="features of fit, in their order"):
            fitted.align(frame, frame[names[::-1]])


@every
def test_short_videos_are_warned_of_once_where_the_user_called(cls):
    videos = [VIDEOS[0], VIDEOS[1][:5], VIDEOS[2][:8]]
    message = "radius=0.04 of sequences of 5 to 8 frames is less than half a frame"
    with pytest.warns(RadiusWarning, match=message) as told:
        fitted = quick(cls, radius=0.04).fit(videos)
    assert [warning.filename for warning in told] == [__file__]
    with pytest.warns(RadiusWarning, match="of sequences of 5 to 8 frames") as told:
        fitted.score(videos)
    assert [warning.filename for warning in told] == [__file__]
    with pytest.raises(RadiusWarning):  # as pytest makes errors of warnings
        fitted.score(videos)
