"""Encoders: shapes, where they start, and that frames do not meet in them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skvas.exceptions import InvalidParameterError
from skvas.nn import (
    CausalConvEncoder,
    FrameStream,
    MLPEncoder,
    ResidualEncoder,
    TemporalConvEncoder,
)
from skvas.nn._model import embed
from skvas.videos._batch import VideoBatch
from tests.strategies import tensor


@pytest.fixture(autouse=True)
def _seeded():
    """Draw the same weights in each run: of some, all units of a layer are dead."""
    torch.manual_seed(0)


def frames(*shape):
    return tensor(0, *shape, low=-1, dtype=torch.float32)


def widths_of(encoder):
    return [
        (layer.in_features, layer.out_features)
        for layer in encoder.modules()
        if isinstance(layer, nn.Linear)
    ]


def test_widths_of_the_paper_are_the_default():
    assert widths_of(MLPEncoder(64)) == [(64, 128), (128, 40)]


@pytest.mark.parametrize("widths", [(5,), (7, 5), (9, 8, 5)])
def test_mlp_has_the_widths_asked_for(widths):
    encoder = MLPEncoder(3, widths)
    assert widths_of(encoder) == list(zip((3, *widths[:-1]), widths, strict=True))
    assert encoder(frames(2, 4, 3)).shape == (2, 4, 5)


def test_mlp_is_rectified_between_layers_and_not_at_the_end():
    encoder = MLPEncoder(3, (4, 2))
    first, last = (m for m in encoder.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        last.bias -= 1  # some results are negative, whatever the weights
    x = frames(1, 50, 3)
    torch.testing.assert_close(encoder(x), last(first(x).clamp_min(0)))
    assert (encoder(x) < 0).any()


def test_residual_encoder_is_the_identity_at_the_start():
    x = frames(2, 5, 3)
    assert torch.equal(ResidualEncoder(3)(x), x)
    assert torch.equal(ResidualEncoder(3, hidden=7)(x), x)
    assert torch.equal(TemporalConvEncoder(3)(x), x)
    assert torch.equal(CausalConvEncoder(3)(x), x)


@pytest.mark.parametrize(
    "cls", [ResidualEncoder, TemporalConvEncoder, CausalConvEncoder]
)
def test_residual_encoders_learn_from_there(cls):
    encoder = cls(3, hidden=8)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
    before = [p.detach().clone() for p in encoder.parameters()]
    x = frames(1, 20, 3)
    for _ in range(2):
        optimizer.zero_grad()
        encoder(x).square().mean().backward()
        optimizer.step()
    # Two steps: the first moves the last layer alone, as nothing passes zeros.
    assert all(
        not torch.equal(p, q) for p, q in zip(encoder.parameters(), before, strict=True)
    )


@pytest.mark.parametrize("encoder", [MLPEncoder(3), ResidualEncoder(3)])
def test_each_frame_is_embedded_by_itself(encoder):
    x = frames(2, 6, 3)
    with torch.no_grad():
        whole = encoder(x)
        torch.testing.assert_close(encoder(x[:, [4]]), whole[:, [4]])
        torch.testing.assert_close(encoder(x.flip(1)), whole.flip(1))
        torch.testing.assert_close(encoder(x[1:]), whole[1:])


def temporal(**options):
    """Return a temporal encoder of two layers whose weights are all at work."""
    torch.manual_seed(0)
    encoder = TemporalConvEncoder(3, hidden=4, reaches=(0.1, 0.3), **options)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    return encoder.requires_grad_(False)


def by_loop(encoder, frames):
    """Embed one video frame by frame."""
    n = len(frames)
    hidden = frames
    for layer, reach in zip(encoder.layers, encoder.reaches.tolist(), strict=True):
        step = round(reach * n)
        rows = []
        for i in range(n):
            before, after = hidden[max(0, i - step)], hidden[min(n - 1, i + step)]
            rows.append(layer(torch.cat([before, hidden[i], after])).clamp_min(0))
        hidden = torch.stack(rows)
    return frames + encoder.added(hidden)


@pytest.mark.parametrize("n", [1, 2, 9, 30])
def test_temporal_layers_see_a_share_of_the_video_before_and_after(n):
    encoder, x = temporal(), frames(1, n, 3)
    torch.testing.assert_close(encoder(x)[0], by_loop(encoder, x[0]))


def test_temporal_encoder_depends_on_neither_padding_nor_batch_mates():
    encoder, x = temporal(), frames(3, 20, 3)
    lengths = [20, 7, 1]
    whole = encoder(x, torch.tensor(lengths))
    for video, found, n in zip(x, whole, lengths, strict=True):
        torch.testing.assert_close(found[:n], encoder(video[None, :n])[0])


def test_temporal_encoder_sees_the_same_at_any_frame_rate():
    encoder, x = temporal(), frames(1, 10, 3)
    doubled = encoder(x.repeat_interleave(2, dim=1))
    torch.testing.assert_close(doubled[:, ::2], encoder(x))


REACHES = (1, 3)


def causal():
    """Return a causal encoder of two layers whose weights are all at work."""
    torch.manual_seed(0)
    encoder = CausalConvEncoder(3, hidden=4, reaches=REACHES)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    return encoder.requires_grad_(False)


def from_earlier(encoder, frames, times):
    """Embed frames of one video one by one, by those that lie nearest to the taps."""
    hidden = frames
    for layer, reach in zip(encoder.layers, encoder.reaches, strict=True):
        rows = []
        for i, time in enumerate(times):
            taps = []
            for by in (2 * reach, reach):
                apart = [abs(time - by - other) for other in times[: i + 1]]
                # Of two that are equally near, the later one.
                at = min(range(i + 1), key=lambda j: (apart[j], -j))
                taps.append(hidden[at])
            rows.append(layer(torch.cat([*taps, hidden[i]])).clamp_min(0))
        hidden = torch.stack(rows)
    return frames + encoder.added(hidden)


@pytest.mark.parametrize("n", [1, 2, 9, 30])
def test_causal_layers_see_frames_at_fixed_distances_before(n):
    encoder, x = causal(), frames(1, n, 3)
    expected = from_earlier(encoder, x[0], list(range(n)))
    torch.testing.assert_close(encoder(x)[0], expected)


def test_causal_layers_see_the_nearest_frames_where_some_were_left_out():
    encoder, x = causal(), frames(2, 6, 3)
    times = [[0, 1, 2, 5, 6, 11], [3, 7, 8, 9, 1 << 62, 1 << 62]]
    found = encoder(x, torch.tensor(times))
    for row, video, of_video, n in zip(found, x, times, (6, 4), strict=True):
        expected = from_earlier(encoder, video[:n], of_video[:n])
        torch.testing.assert_close(row[:n], expected)


@pytest.mark.parametrize("at", [0, 1, 7, 19])
def test_causal_embedding_depends_on_no_later_frame_bit_for_bit(at):
    encoder, x = causal(), frames(3, 20, 3)
    lengths = torch.tensor([20, 14, 20])
    padded = torch.arange(20) >= lengths[:, None]
    x[padded] = 0
    times = torch.arange(20).repeat(3, 1).masked_fill(padded, 1 << 62)
    changed = x.clone()
    changed[:, at + 1 :] = 1e3 * frames(3, 19 - at, 3)
    before, after = encoder(x, times), encoder(changed, times)
    assert torch.equal(before[:, : at + 1], after[:, : at + 1])
    assert at == 19 or not torch.equal(before, after)


@pytest.mark.parametrize("pieces", [[25], [1] * 25, [1, 0, 7, 2, 15], [13, 12]])
def test_frames_in_pieces_are_embedded_as_the_whole_video(pieces):
    encoder, x = causal(), frames(1, 25, 3)
    stream = encoder.stream()
    parts = x[0].split(pieces)
    found = np.concatenate([stream.push(part.numpy()) for part in parts])
    torch.testing.assert_close(torch.from_numpy(found), encoder(x)[0])


def test_a_stream_keeps_the_frames_that_taps_reach_for_and_no_more():
    stream, x = causal().stream(), frames(1, 400, 3)
    for piece in x[0].split(100):
        stream.push(piece.numpy())
        assert all(ring.base is None for ring in stream.rings)
        assert [ring.shape for ring in stream.rings] == [(2 * 1, 3), (2 * 3, 4)]


@pytest.mark.parametrize("encoder", [MLPEncoder(3), ResidualEncoder(3)])
def test_encoders_of_single_frames_have_streams_without_memory(encoder):
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    x = frames(1, 9, 3)
    for stream in (encoder.stream(), FrameStream(encoder)):
        parts = x[0].split([4, 5])
        found = np.concatenate([stream.push(part.numpy()) for part in parts])
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), encoder(x)[0])
        assert stream.state() == []


def test_an_encoder_that_sees_later_frames_has_no_stream():
    assert not hasattr(TemporalConvEncoder(3), "stream")


def test_causal_taps_reach_for_shares_of_a_usual_video():
    assert CausalConvEncoder.for_videos(3, 400).reaches == (4, 8, 16)
    assert CausalConvEncoder.for_videos(3, 2).reaches == (1, 1, 1)


def test_causal_encoder_refuses_taps_that_do_not_reach():
    with pytest.raises(InvalidParameterError, match="reach"):
        CausalConvEncoder(3, reaches=(2, 0))


class Listener(nn.Module):
    """Keep the times that frames come with."""

    takes_times = True

    def forward(self, frames, times):
        self.times = times.tolist()
        return frames


def test_encoders_that_ask_for_times_get_those_of_their_frames():
    encoder, x = Listener(), frames(2, 3, 2)
    embed(encoder, VideoBatch(x, torch.tensor([3, 3])))
    assert encoder.times == [[0, 1, 2], [0, 1, 2]]
    times = np.array([[0, 4, 9], [2, 3, 7]])
    embed(encoder, VideoBatch(x, torch.tensor([3, 3]), tuple(times)))
    assert encoder.times == times.tolist()


def test_padded_frames_may_become_anything():
    class Blank(nn.Module):
        def forward(self, frames):
            is_padded = (frames == 0).all(dim=-1, keepdim=True)
            return frames.masked_fill(is_padded, float("nan"))

    batch = VideoBatch(frames(2, 6, 3), torch.tensor([6, 4]))
    batch.frames[1, 4:] = 0
    assert embed(Blank(), batch)[batch.mask].isfinite().all()
    batch.frames[1, 3] = 0
    with pytest.raises(ValueError, match="encoder made NaN"):
        embed(Blank(), batch)


class Scaled(nn.Module):
    """Divide frames by their lengths, of which zeros have none."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, frames):
        made = self.linear(frames)
        return made / made.std(dim=-1, keepdim=True) / frames.norm(dim=-1, keepdim=True)


def test_padding_leaves_the_gradients_of_a_users_encoder_as_they_are():
    encoder = Scaled()
    x = frames(2, 6, 3)
    x[1, 4:] = 0
    gradients = []
    for batches in (
        [VideoBatch(x, torch.tensor([6, 4]))],
        [
            VideoBatch(x[:1], torch.tensor([6])),
            VideoBatch(x[1:, :4], torch.tensor([4])),
        ],
    ):
        encoder.zero_grad()
        for batch in batches:
            embed(encoder, batch)[batch.mask].prod(dim=1).sum().backward()
        gradients.append(encoder.linear.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_stream_takes_frames_in_any_layout():
    encoder = ResidualEncoder(3).eval()
    frames = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    expected = FrameStream(encoder).push(frames)
    fixed = frames.copy()
    fixed.flags.writeable = False
    for other in (fixed, frames[::-1].copy()[::-1], frames.astype(">f4")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = FrameStream(encoder).push(other)
        np.testing.assert_array_equal(found, expected)
