"""A stranger's task and encoder, defined outside of skvas, work as its own do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import skvas
from skvas import ActionSegmenter, JointAlignSegment, Segmenting
from skvas.exceptions import InvalidParameterError, ModelFileError
from skvas.nn import ENCODERS, segmentation_loss
from skvas.tasks import SEGMENTATION_TASKS
from skvas.transport import Distinct, cosine_cost, fused_gromov_wasserstein
from tests.models import assert_same_outputs, outputs, quick, small_videos

VIDEOS = small_videos()
NEW = small_videos(7)[5:]


@dataclass(frozen=True)
class KantorovichTask:
    """Frames against actions without structure in time."""

    eps: float
    lambda_actions: float
    tau: float
    max_iter: int
    sharpness: float = 2.0

    def solve(self, embeddings, batch, prototypes):
        return fused_gromov_wasserstein(
            self.sharpness * cosine_cost(embeddings, prototypes),
            Distinct(),
            Distinct(),
            mask_x=batch.mask,
            lambda_y=self.lambda_actions,
            alpha=0.0,
            eps=self.eps,
            max_iter=self.max_iter,
        )

    def loss(self, embeddings, batch, prototypes, teacher=None):
        frames, actions = teacher or (embeddings.detach(), prototypes.detach())
        found = self.solve(frames, batch, actions)
        targets = found.plan * batch.mask.sum(dim=1)[:, None, None]
        loss = segmentation_loss(
            embeddings, prototypes, targets, batch.mask, tau=self.tau
        )
        return loss, found


class Scaling(nn.Module):
    """Weigh the features, with few parameters."""

    starts_as_identity = True

    def __init__(self, n_features, *, generator=None):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_features))

    def config(self):
        return {"n_features": len(self.scale)}

    def forward(self, frames):
        return frames * self.scale


@pytest.fixture
def extended(monkeypatch):
    monkeypatch.setitem(SEGMENTATION_TASKS, "kantorovich", KantorovichTask)
    monkeypatch.setitem(ENCODERS, "scaling", Scaling)


def extension(**options):
    group = Segmenting(method="kantorovich", n_refine=2)
    return quick(JointAlignSegment, segmenting=group, encoder="scaling", **options)


@pytest.mark.usefixtures("extended")
def test_joint_model_is_trained_with_both_and_survives_a_file(tmp_path):
    model = extension(max_epochs=3).fit(VIDEOS)
    assert isinstance(model.settings_.segmentation_task(), KantorovichTask)
    assert isinstance(model.encoder_, Scaling)
    assert not torch.equal(model.encoder_.scale, torch.ones_like(model.encoder_.scale))
    model.save(tmp_path / "model")
    loaded = skvas.load(tmp_path / "model")
    assert_same_outputs(outputs(loaded, NEW), outputs(model, NEW))


@pytest.mark.usefixtures("extended")
def test_task_of_a_stranger_is_what_is_solved():
    own = quick(JointAlignSegment, encoder="scaling").fit(VIDEOS)
    other = extension().fit(VIDEOS)
    assert not np.array_equal(own.predict_proba(NEW[0]), other.predict_proba(NEW[0]))


def test_model_file_of_a_stranger_is_refused_where_he_is_unknown(tmp_path):
    path = tmp_path / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SEGMENTATION_TASKS, "kantorovich", KantorovichTask)
        patch.setitem(ENCODERS, "scaling", Scaling)
        extension().fit(VIDEOS).save(path)
        patch.delitem(SEGMENTATION_TASKS, "kantorovich")
        with pytest.raises(ModelFileError, match="kantorovich"):
            skvas.load(path)
        patch.setitem(SEGMENTATION_TASKS, "kantorovich", KantorovichTask)
        patch.delitem(ENCODERS, "scaling")
        with pytest.raises(ModelFileError, match="scaling"):
            skvas.load(path)


@pytest.mark.parametrize("group", [{"method": "kantorovich"}])
def test_unknown_task_is_refused(group):
    model = quick(JointAlignSegment, segmenting=Segmenting(**group))
    with pytest.raises(InvalidParameterError, match="method must be"):
        model.fit(VIDEOS)


def test_encoder_that_fails_is_told_what_it_was_given():
    model = quick(ActionSegmenter, encoder=nn.Linear(5000, 8))
    with pytest.raises(ValueError, match="encoder failed on .*features=None.*mat"):
        model.fit(VIDEOS)


def test_encoder_without_a_config_is_told_what_it_lacks(monkeypatch, tmp_path):
    class Plain(Scaling):
        config = property()  # raises AttributeError

    monkeypatch.setitem(ENCODERS, "plain", Plain)
    model = quick(ActionSegmenter, encoder="plain").fit(VIDEOS)
    with pytest.raises(InvalidParameterError, match="'plain' of Plain.*method config"):
        model.save(tmp_path / "model")
