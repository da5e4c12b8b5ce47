"""One model for both tasks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skvas import ActionSegmenter, JointAlignSegment, Segmenting, VideoAligner
from skvas.datasets import make_videos
from skvas.exceptions import InvalidParameterError
from tests.models import quick, small_videos

VIDEOS = small_videos()


def test_loss_is_the_weighted_sum_of_both_tasks():
    for beta in (0.0, 0.5, 2.0):
        history = quick(JointAlignSegment, beta=beta).fit(VIDEOS).history_
        expected = history["loss_segmentation"] + beta * history["loss_alignment"]
        np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)


def test_segmentation_is_lost_on_both_videos_of_a_pair():
    # An untrained model loses the same on each, so that the sum is twice the one.
    options = {"n_frames": 256, "batch_size": 5, "max_epochs": 1, "lr": 1e-12}
    joint = quick(JointAlignSegment, **options).fit(VIDEOS).history_
    single = quick(ActionSegmenter, **options).fit(VIDEOS).history_
    assert joint["loss_segmentation"][0] > 1.3 * single["loss"][0]


def test_without_training_both_tasks_are_those_of_the_single_models():
    alone = {"max_epochs": 0, "path_on": "both"}  # of the two, one has a timeline
    joint = quick(JointAlignSegment, **alone).fit(VIDEOS)
    segmenter = quick(ActionSegmenter, max_epochs=0).fit(VIDEOS)
    aligner = quick(VideoAligner, **alone).fit(VIDEOS)
    for ours, theirs in zip(joint.labels_, segmenter.labels_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(joint.reference_, aligner.reference_)
    for ours, theirs in zip(joint.match(VIDEOS), aligner.predict(VIDEOS), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_alignment_moves_the_encoder_and_not_the_actions_alone():
    without, within = (
        quick(JointAlignSegment, beta=beta, max_epochs=3).fit(VIDEOS)
        for beta in (0.0, 1.0)
    )
    assert not np.allclose(
        without.transform(VIDEOS[0]), within.transform(VIDEOS[0]), atol=1e-5
    )


def test_one_encoder_is_stored_where_two_models_need_two():
    def size(*estimators):
        return sum(
            value.numel()
            for estimator in estimators
            for value in estimator.encoder_.state_dict().values()
        )

    options = {"max_epochs": 1}
    joint = quick(JointAlignSegment, **options).fit(VIDEOS)
    single = [quick(c, **options).fit(VIDEOS) for c in (ActionSegmenter, VideoAligner)]
    assert 2 * size(joint) == size(*single)
    assert isinstance(joint.encoder_, torch.nn.Module)


def test_score_weighs_the_tasks_as_the_loss_does():
    alone, joint = (
        quick(JointAlignSegment, beta=beta, max_epochs=0).fit(VIDEOS)
        for beta in (0.0, 2.0)
    )
    costs = [joint.align(video, joint.reference_).cost for video in VIDEOS]
    expected = alone.score(VIDEOS) - 2 * np.mean(costs)
    assert joint.score(VIDEOS) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("beta", [-1.0, np.nan, "one"])
def test_weight_of_the_alignment_must_not_be_negative(beta):
    with pytest.raises(InvalidParameterError, match="beta"):
        quick(JointAlignSegment, beta=beta).fit(VIDEOS)


@pytest.mark.parametrize("start", ["random", "kmeans"])
def test_transport_calls_actions_as_the_timeline_does(start):
    videos = make_videos(6, n_actions=4, random_state=0).videos
    segmenting = Segmenting(segment_on="timeline", start=start)
    model = JointAlignSegment(4, segmenting=segmenting, max_epochs=0, random_state=0)
    found = np.concatenate(model.fit(videos).predict(videos))
    anyhow = np.concatenate(model._labels_in_any_order(videos))
    assert (found == anyhow).mean() > 0.8
    model.outlook_ = None  # as in older files, which do not tell
    assert model._labels_in_any_order(videos) is None
