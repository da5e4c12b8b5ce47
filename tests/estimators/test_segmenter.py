"""Action segmentation: labels, their probabilities, and what they are worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone

from skvas import ActionSegmenter, Training
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics import mof, uniform_segmentation
from tests.models import SEGMENTERS, quick, small_data, small_videos

VIDEOS = small_videos()

every = pytest.mark.parametrize("cls", SEGMENTERS)


@every
def test_probabilities_are_rows_of_the_plan_and_labels_their_modes(cls):
    estimator = quick(cls, segment_on="embedding").fit(VIDEOS)
    for shares, labels in zip(
        estimator.predict_proba(VIDEOS), estimator.predict(VIDEOS), strict=True
    ):
        assert shares.shape == (len(labels), 3)
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(shares.argmax(axis=1), labels)


@every
def test_shared_order_is_found_far_beyond_the_uniform_cut(cls):
    found, uniform = [], []
    for seed in range(3):
        data = make_videos(
            6,
            n_actions=4,
            n_frames=(60, 90),
            n_features=8,
            warp=0.6,
            random_state=seed,
        )
        estimator = cls(
            4, max_epochs=3, random_state=seed, training=Training(n_frames=64)
        )
        found.append(mof(data.labels, estimator.fit_predict(data.videos)))
        uniform.append(mof(data.labels, uniform_segmentation(data.videos, 4)))
    assert np.mean(found) > 0.83
    assert np.mean(found) > np.mean(uniform) + 0.07


@every
def test_kmeans_start_finds_actions_that_share_no_order(cls):
    found, uniform = [], []
    for seed in range(3):
        data = small_data(
            6, n_frames=(60, 90), n_features=8, shared_order=False, random_state=seed
        )
        estimator = quick(cls, start="kmeans", n_frames=64)
        found.append(mof(data.labels, estimator.fit_predict(data.videos)))
        uniform.append(mof(data.labels, uniform_segmentation(data.videos, 3)))
    assert np.mean(found) > 0.8
    assert np.mean(found) > np.mean(uniform) + 0.25


@every
def test_every_start_works(cls):
    prototypes = {}
    for start in ("time", "kmeans", "random"):
        estimator = quick(cls, start=start, n_refine=0, max_epochs=0).fit(VIDEOS)
        assert set(np.concatenate(list(estimator.labels_))) <= {0, 1, 2}
        prototypes[start] = estimator.prototypes_
    assert not np.allclose(prototypes["time"], prototypes["random"])
    assert not np.allclose(prototypes["time"], prototypes["kmeans"])


@every
def test_auto_is_a_random_start_as_published(cls):
    auto = quick(cls, recipe="paper", max_epochs=0, n_refine=0).fit(VIDEOS)
    named = clone(auto).set_params(segmenting__start="random").fit(VIDEOS)
    np.testing.assert_array_equal(auto.prototypes_, named.prototypes_)


@every
def test_refinement_moves_the_prototypes_before_training(cls):
    none, some = (
        quick(cls, max_epochs=0, n_refine=n).fit(VIDEOS).prototypes_ for n in (0, 5)
    )
    assert not np.allclose(none, some)


def test_order_prior_pulls_labels_to_the_order_of_time():
    def order(rho):
        estimator = quick(
            ActionSegmenter, rho=rho, max_epochs=0, start="kmeans", decoder="plan"
        )
        labels = estimator.fit(videos).labels_
        return np.mean([spearmanr(np.arange(len(y)), y).statistic for y in labels])

    videos = small_videos(4, shared_order=False)
    assert order(20.0) > 0.9
    assert order(0.0) < 0.5


def test_large_weight_of_the_actions_evens_out_their_shares():
    def spread(weight):
        options = {"lambda_actions": weight, "decoder": "plan", "max_epochs": 0}
        estimator = quick(ActionSegmenter, **options)
        shares = estimator.fit(videos).predict_proba(videos[0])
        return np.ptp(shares.mean(axis=0))

    videos = [np.concatenate([v[:4], np.repeat(v[-1:], 40, axis=0)]) for v in VIDEOS]
    assert spread(10.0) < 0.02
    assert spread(0.05) > 0.2


def test_score_is_minus_the_mean_objective_of_a_frame():
    estimator = quick(ActionSegmenter).fit(VIDEOS)
    alone = [estimator.score(video) for video in VIDEOS]
    expected = np.average(alone, weights=[len(video) for video in VIDEOS])
    assert estimator.score(VIDEOS) == pytest.approx(expected)


def test_videos_of_other_features_score_worse():
    estimator = quick(ActionSegmenter).fit(VIDEOS)
    shuffled = [np.random.default_rng(0).permutation(video) for video in VIDEOS]
    assert estimator.score(VIDEOS) > estimator.score(shuffled)


@every
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lambda_actions", -0.1),
        ("lambda_actions", "much"),
        ("start", "middle"),
        ("n_refine", -1),
        ("n_refine", 1.5),
    ],
)
def test_wrong_parameter_of_the_segmentation_is_named(cls, name, value):
    with pytest.raises(InvalidParameterError, match=name):
        quick(cls, **{name: value}).fit(VIDEOS)


@every
@pytest.mark.parametrize(
    "parameters", [{"recipe": "paper", "encoder": "residual"}, {"encoder": (8, 4)}]
)
@pytest.mark.parametrize(
    ("name", "value"), [("segment_on", "features"), ("teacher", "start")]
)
def test_what_needs_the_start_is_refused_without_one(cls, parameters, name, value):
    with pytest.raises(InvalidParameterError, match=f'{name}="{value}" needs recipe='):
        quick(cls, **parameters, **{name: value}).fit(VIDEOS)
