"""The number of actions of videos that share an order."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skvas import ActionSegmenter, JointAlignSegment
from skvas.datasets import make_videos
from tests.models import SEGMENTERS, quick


def videos(n_actions, **options):
    options = {"n_features": 12, "random_state": 0} | options
    return make_videos(6, n_actions=n_actions, **options).videos


@pytest.mark.parametrize("cls", SEGMENTERS)
def test_the_number_and_its_range_are_those_of_the_timeline(cls):
    model = quick(cls, n_actions="auto", max_epochs=0).fit(videos(6))
    scores = model.n_actions_scores_
    assert_array_equal(scores["n_actions"], np.arange(2, 21))
    likely = scores["n_actions"][scores["score"] == 1]
    assert likely.min() <= model.n_actions_ <= likely.max()
    assert 4 <= model.n_actions_ <= 9
    assert model.prototypes_.shape == (model.n_actions_, model.n_embedding_)


def test_the_range_bounds_the_number():
    model = quick(ActionSegmenter, n_actions=(2, 4), max_epochs=0).fit(videos(8))
    assert model.n_actions_ == 4


@pytest.mark.filterwarnings("ignore")  # of videos as short as these
@pytest.mark.parametrize("n_actions", ["auto", (2, 9)])
def test_all_labels_are_counted_however_short_the_videos(n_actions):
    x = [[1.8, 1.7, 1.3, 1.0, 0.4], [0.0, -1.6, -0.7, 1.1, 0.5]]
    y = [[1.9, 2.2, 1.2, 0.6, 0.4], [-2.1, 0.4, -0.4, 1.3, 0.7], [-0.2, 0, 1.1, -1, 1]]
    labels = [np.array([0, 3]), np.array([0, 2, 4])]
    model = quick(JointAlignSegment, n_actions=n_actions)
    model.fit([np.array(x), np.array(y)], labels)
    assert model.classes_.tolist() == [0, 2, 3, 4]
    for found, given in zip(model.labels_, labels, strict=True):
        assert_array_equal(found, given)


@pytest.mark.parametrize(
    "few",
    [videos(5, shared_order=False)[:2], videos(5, shared_order=False)],
    ids=["two", "all"],
)
def test_elsewhere_numbers_are_tried(few):
    model = quick(ActionSegmenter, n_actions=(3, 5), max_epochs=0).fit(few)
    assert set(np.unique(model.n_actions_scores_["score"])) - {0, 1}
