"""Small models of recordings, learned once."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.pipeline import make_pipeline

from skvas import ActionSegmenter, JointAlignSegment, Segmenting, Training
from skvas.datasets import make_videos
from skvas.live._model import LiveModel
from skvas.preprocessing import PoseFeatures, WhitenedViews

N_ACTIONS = 4


@cache
def data(**options):
    return make_videos(
        10, n_actions=N_ACTIONS, n_frames=(80, 110), random_state=0, **options
    )


@cache
def ordered():
    """Fit a joint model whose videos share a timeline."""
    segmenting = Segmenting(segment_on="timeline")
    model = JointAlignSegment(
        N_ACTIONS, segmenting=segmenting, max_epochs=0, random_state=0
    )
    return model.fit(data().videos[:8])


@cache
def unordered():
    """Fit a segmenter, which knows no timeline."""
    model = ActionSegmenter(N_ACTIONS, max_epochs=0, random_state=0)
    return model.fit(data().videos[:8])


@cache
def moving():
    """Fit a segmenter that looks at motion, too."""
    features = WhitenedViews(views=("video", "collection", "motion"), offset=0.5)
    model = ActionSegmenter(N_ACTIONS, features=features, max_epochs=0, random_state=0)
    return model.fit(data().videos[:8])


@cache
def posed():
    """Fit a segmenter that takes frames for poses of eight points."""
    features = make_pipeline(PoseFeatures("xy"), "auto")
    model = ActionSegmenter(N_ACTIONS, features=features, max_epochs=0, random_state=0)
    return model.fit(data().videos[:8])


@cache
def one_labelled():
    """Fit a joint model by the labels of one video."""
    y = [data().labels[0], *[None] * 7]
    model = JointAlignSegment(max_epochs=0, random_state=0)
    return model.fit(data().videos[:8], y)


@cache
def causal():
    """Fit a segmenter whose streams compare embeddings."""
    model = ActionSegmenter(
        N_ACTIONS, training=Training(live=True), max_epochs=1, random_state=0
    )
    return model.fit(data().videos[:8])


MODELS = [ordered, unordered, moving, posed]


def tracker(make=ordered, **options):
    return make().stream(**options)


def new_video(index=8):
    return data().videos[index]


def relabelled(found, true):
    """Name each found action by the true one that most of its frames have."""
    names = {k: np.bincount(true[found == k]).argmax() for k in np.unique(found)}
    return np.array([names[k] for k in found])


def learned(make=ordered):
    return LiveModel.from_state(make().live_)
