"""Digests of models: the same where labels are, whatever holds them."""

from __future__ import annotations

import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skvas import ActionSegmenter, Timeline
from skvas.persistence._digest import digest_labelling
from skvas.preprocessing import Framewise
from tests.models import quick, small_videos

VIDEOS = small_videos(6)


class Own(TransformerMixin, BaseEstimator):
    """A transformer of a user's, with parts of many kinds."""

    def __init__(self, scale=1.0, n_jobs=None):
        self.scale = scale
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        self.range_ = np.arange(12.0).reshape(3, 4)[:, ::2] * self.scale
        self.names_ = {"b", "a", "long" * 3}
        self.itself_ = self
        self.network_ = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        with torch.no_grad():
            self.network_[0].weight.fill_(self.scale)
            self.network_[0].bias.zero_()
        self.half_ = torch.ones(2, dtype=torch.bfloat16)
        self.turn_ = np.log1p
        return self

    def transform(self, X):
        return X * self.scale


def pipeline(**params):
    segmenter = quick(ActionSegmenter, max_epochs=1)
    made = make_pipeline(Framewise(StandardScaler()), segmenter)
    return made.set_params(**params).fit(VIDEOS)


def own(**params):
    return quick(ActionSegmenter, features=Framewise(Own(**params))).fit(VIDEOS)


def pickled(model):
    return pickle.loads(pickle.dumps(model))


def dumped(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("copy", [pickled, dumped])
@pytest.mark.parametrize("fit", [pipeline, own])
def test_digest_outlives_copies_and_equal_fits(fit, copy):
    model = fit()
    digest = digest_labelling(model)
    assert digest_labelling(copy(model)) == digest
    assert digest_labelling(copy(copy(model))) == digest
    assert digest_labelling(fit()) == digest


def test_digest_does_not_depend_on_processes():
    digest = digest_labelling(pipeline())
    assert digest_labelling(pipeline(actionsegmenter__n_jobs=2, verbose=True)) == digest
    assert digest_labelling(own(n_jobs=2)) == digest_labelling(own())


def test_digest_tells_what_was_fitted():
    digest = digest_labelling(pipeline())
    assert digest_labelling(pipeline(actionsegmenter__n_actions=2)) != digest
    other = pipeline()
    other[0].transformer_.mean_[0] += 1e-9
    assert digest_labelling(other) != digest
    assert digest_labelling(own(scale=2.0)) != digest_labelling(own())


def change_weight(transformer):
    with torch.no_grad():
        transformer.network_[0].weight[0, 0] = 0


def change_layer(transformer):
    transformer.network_[1] = nn.Tanh()


def change_half(transformer):
    transformer.half_[0] = 2


def change_names(transformer):
    transformer.names_.add("c")


def change_function(transformer):
    transformer.turn_ = np.expm1


@pytest.mark.parametrize(
    "change", [change_weight, change_layer, change_half, change_names, change_function]
)
def test_digest_tells_parts_of_transformers(change):
    model = own()
    digest = digest_labelling(model)
    change(model.features_.transformer_)
    assert digest_labelling(model) != digest


def test_digest_tells_functions_without_a_name_by_their_code():
    def with_function(function):
        model = make_pipeline(FunctionTransformer(function), Timeline(n_actions=3))
        return digest_labelling(model)

    assert with_function(lambda x: 2 * x) == with_function(lambda x: 2 * x)
    assert with_function(lambda x: 2 * x) != with_function(lambda x: 3 * x)
    scales = [2, 2, 3]
    same, again, other = (with_function(lambda x, s=s: s * x) for s in scales)
    assert same == again != other
