"""Collections of spoken words, from noise in the place of sound."""

import numpy as np
import pytest

from benchmarks import speech


@pytest.fixture(scope="module")
def takes():
    rng = np.random.RandomState(0)
    return [
        [[rng.normal(size=(n, speech.N_MEL)) for n in (9, 12, 8, 11)]] * 14
        for _ in range(20)
    ]


@pytest.mark.parametrize("kind", speech.KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_each_frame_has_a_label_and_each_action_frames(kind, seed, takes):
    videos, labels, n_actions = speech.collect(takes, kind, seed)
    assert [len(video) for video in videos] == [len(codes) for codes in labels]
    assert {*np.concatenate(labels).tolist()} == {*range(n_actions)}
    assert {video.shape[1] for video in videos} == {(40, 13, 256, 30)[seed]}
    again, _, _ = speech.collect(takes, kind, seed)
    assert all((a == b).all() for a, b in zip(videos, again, strict=True))


def orders(labels):
    return [codes[np.r_[True, codes[1:] != codes[:-1]]].tolist() for codes in labels]


def test_words_come_in_the_order_of_the_kind(takes):
    found = {kind: orders(speech.collect(takes, kind, 0)[1]) for kind in speech.KINDS}
    first = found["once"][0]
    assert first == sorted(first)
    assert all(order == first for order in found["once"])
    assert all(order == found["back"][0] for order in found["back"])
    assert len(found["back"][0]) > len(set(found["back"][0]))
    assert any(order != sorted(order) for order in found["any"])
    assert min(map(len, found["recur"])) > 10


def test_energies_are_those_of_the_pitch():
    times = np.arange(speech.SOUND_RATE) / speech.SOUND_RATE
    peaks = [
        speech._energies(np.sin(2 * np.pi * pitch * times))[10].argmax()
        for pitch in (200, 800, 3200)
    ]
    assert peaks == sorted(set(peaks))
