"""The hidden Markov model of actions: what it learns, and when it is preferred."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d

import skvas
from skvas import ActionSegmenter, JointAlignSegment
from skvas.datasets import make_videos
from skvas.exceptions import ModelFileError
from skvas.metrics import segmentation_report
from skvas.segmentation import _choice, _decoder
from skvas.segmentation._chain import ActionChain
from skvas.segmentation._decoder import Referee
from skvas.timeline._model import find_order, has_order
from skvas.videos._succession import correlated_share, correlated_shares, deviations
from skvas.videos._views import Views
from tests.models import SEGMENTERS, quick, small_videos, two_actions_each

every_segmenter = pytest.mark.parametrize("cls", SEGMENTERS)
VIDEOS = small_videos(5)


def behaviours(n_videos, *, seed=0, n_frames=300, stay=(0.97, 0.9, 0.85)):
    """Make videos of three behaviours that recur, the first for most of the time."""
    rng = np.random.RandomState(seed)
    centres = rng.standard_normal((3, 8))
    videos, labels = [], []
    for _ in range(n_videos):
        state, found = 0, []
        for _ in range(n_frames):
            found.append(state)
            if rng.uniform() > stay[state]:
                state = int(rng.choice([k for k in range(3) if k != state]))
        labels.append(np.array(found))
        noise = 0.7 * rng.standard_normal((n_frames, 8))
        videos.append((centres[labels[-1]] + noise).astype(np.float32))
    return videos, labels


@pytest.fixture(scope="module")
def recurring():
    return behaviours(8)


def unit(frames):
    return frames / np.linalg.norm(frames, axis=1, keepdims=True)


def one_hot(labels, n_actions=3):
    return [np.eye(n_actions)[codes] for codes in labels]


def test_posteriors_depend_on_no_other_video(recurring):
    videos, labels = recurring
    lengths = [300, 240, 180, 120, 60, 300, 290, 2]
    frames = [unit(x[:n]) for x, n in zip(videos, lengths, strict=True)]
    known = one_hot([y[:n] for y, n in zip(labels, lengths, strict=True)])
    chain = ActionChain.learn(frames, known, 0.01)
    frames.append(frames[0][:1])
    for video, found in zip(frames, chain.posteriors(frames), strict=True):
        assert_array_equal(chain.posteriors([video])[0], found)
        assert_allclose(found.sum(axis=1), 1)


def test_shares_and_durations_are_learned(recurring):
    videos, labels = recurring
    frames = [unit(video) for video in videos]
    rng = np.random.RandomState(0)
    wrong = [np.where(rng.uniform(size=300) < 0.2, 1, codes) for codes in labels]
    chain = ActionChain.learn(frames, one_hot(wrong), 0.0)
    shares = np.bincount(np.concatenate(labels)) / 2400
    assert_allclose(chain.shares, shares, atol=0.03)
    assert_allclose(chain.durations * 300, [1 / 0.03, 10, 1 / 0.15], rtol=0.4)


def clear(n_videos=5):
    """Make videos of 90 frames whose actions nobody doubts, once each."""
    labels = [np.repeat([0, 1, 2], [45, 30, 15])] * n_videos
    rng = np.random.RandomState(0)
    frames = [np.eye(3, 6)[codes] for codes in labels]
    return [unit(x + 0.05 * rng.standard_normal(x.shape)) for x in frames], labels


def test_last_segment_of_a_video_ends_with_it():
    frames, labels = clear()
    chain = ActionChain.learn(frames, one_hot(labels), 0.0)
    spent = 5 * np.array([45, 30, 15]) / 90 + 2 * 0.02  # that of two segments before
    assert_allclose(chain.durations, spent / (5 + 2), rtol=0.01)


def test_scatter_within_actions_is_widened_a_little():
    frames, labels = clear()
    chain = ActionChain.learn(frames, one_hot(labels), 0.0)
    x, codes = np.concatenate(frames), np.concatenate(labels)
    means = np.array([x[codes == k].mean(axis=0) for k in range(3)])
    within = ((x - means[codes]) ** 2).mean(axis=0)
    assert_allclose(chain.variances / within, 1.05, rtol=0.01)


@pytest.mark.parametrize(
    ("correlated", "worth"), [(0.0, 1), (0.1, 1 / 9), (2.0, 1 / 180)]
)
def test_shares_are_told_by_frames_as_far_as_they_are_independent(correlated, worth):
    frames, labels = clear()
    chain = ActionChain.learn(frames, one_hot(labels), correlated, np.zeros(6))
    told = 1 + worth * 5 * np.array([45, 30, 15])
    assert_allclose(chain.shares, told / told.sum(), rtol=0.01)


def test_groups_of_videos_are_left_out_with_all_their_matches(recurring, monkeypatch):
    referee, asked = Referee.of(Views(*[recurring[0]] * 2, lambda x: x)), []
    monkeypatch.setattr(
        _decoder, "_gain", lambda _, one, other: asked.append((one, other)) or 0.0
    )
    assert not referee.prefers(recurring[1], recurring[1])
    *without, every = asked
    assert len(without) == referee.groups.max() + 1 == 8
    for group, pair in enumerate(without):
        kept = [referee.groups[frames] != group for frames in pair]
        assert np.all(kept)
        of_all = [referee.groups[frames] != group for frames in every]
        assert len(pair[0]) == np.all(of_all, axis=0).sum()


@pytest.mark.parametrize(("gain", "is_clear"), [(0.03, False), (0.05, True)])
def test_gain_is_clear_beside_the_error_of_leaving_out_groups(
    gain, is_clear, recurring, monkeypatch
):
    referee = Referee.of(Views(*[recurring[0]] * 2, lambda x: x))
    # The squares of eight deviations by .01, times seven eighths: an error of .026.
    gains = iter([gain - 0.01, gain + 0.01] * 4 + [gain])
    monkeypatch.setattr(_decoder, "_gain", lambda *_: next(gains))
    assert referee.prefers(recurring[1], recurring[1]) is is_clear


def test_no_gain_is_clear_of_two_groups(recurring, monkeypatch):
    referee = Referee.of(Views(*[recurring[0]] * 2, lambda x: x))
    monkeypatch.setattr(_decoder, "_gain", lambda *_: 0.5)
    assert referee.prefers(recurring[1], recurring[1])
    two = replace(referee, groups=referee.groups // 4)
    assert not two.prefers(recurring[1], recurring[1])


def test_labels_are_compared_anywhere_where_pairs_have_little_in_common(monkeypatch):
    videos, labels = two_actions_each(6)
    referee = Referee.of(Views(videos, videos, lambda x: x))
    one, other = referee.anywhere
    codes = np.concatenate(labels)
    assert_array_equal(one, np.arange(240))
    assert_array_equal(codes[one], codes[other])
    assert (one // 40 != other // 40).all()
    assert not referee.in_order
    assert referee._matches_for([codes]) is referee.anywhere
    quarters = [np.repeat([0, 1, 0, 1], 10)] * 6
    assert referee.prefers(labels, quarters)
    in_pairs = replace(referee)
    monkeypatch.setattr(_decoder, "has_order", lambda _: True)
    assert in_pairs._matches_for([codes])[0] is referee.matches.frames


@pytest.mark.parametrize(
    ("n_videos", "pairs", "anywhere", "is_anywhere"),
    [
        (4, 0.3, 0.7, True),
        (3, 0.3, 0.7, False),
        (4, 0.3, 0.65, False),
        (4, 0.1, 0.44, False),
        (4, 0.46, 0.99, False),
    ],
)
def test_matches_anywhere_tell_far_more_than_those_of_pairs(
    n_videos, pairs, anywhere, is_anywhere, monkeypatch
):
    videos, labels = two_actions_each(n_videos)
    referee = Referee.of(Views(videos, videos, lambda x: x))
    told = iter([0.0, pairs, 0.1, anywhere])
    monkeypatch.setattr(_decoder, "matched_information", lambda *_: next(told))
    matches = referee._matches_for([np.concatenate(labels)] * 2)
    assert (matches is referee.anywhere) is is_anywhere


def test_action_without_a_frame_stays_finite(recurring):
    frames = [unit(video) for video in recurring[0]]
    chain = ActionChain.learn(frames, one_hot(recurring[1], 5), 0.01)
    assert all(np.isfinite(value).all() for value in vars(chain).values())
    assert (chain.shares > 0).all()
    assert (chain.posteriors(frames)[0].sum(axis=1) > 0.999).all()


def drifting(drift):
    """Make videos of three actions, which three numbers tell and five do not."""
    rng = np.random.RandomState(0)
    labels = [np.repeat(rng.permutation(12) % 3, 20) for _ in range(6)]
    told = [np.eye(3)[codes] + 0.3 * rng.standard_normal((240, 3)) for codes in labels]
    walks = drift * np.cumsum(rng.standard_normal((6, 240, 5)), axis=1)
    return list(np.concatenate([told, walks], axis=2)), labels


def test_what_drifts_slowly_does_not_silence_what_does_not():
    frames, labels = drifting(0.125)
    known = one_hot(labels)
    off = deviations(frames, known)
    together, apart = correlated_share(off), correlated_shares(off)
    assert together > 0.1
    right = []
    for correlations in (None, apart):
        chain = ActionChain.learn(frames, known, together, correlations)
        found = [shares.argmax(axis=1) for shares in chain.posteriors(frames)]
        right.append(np.mean(np.concatenate(found) == np.concatenate(labels)))
    assert right[0] < 0.5
    assert right[1] > 0.99


def test_frames_that_deviate_alike_for_a_segment_do_not_silence_a_chain(monkeypatch):
    rng = np.random.RandomState(0)
    labels = [np.repeat(rng.permutation(12) % 3, 20) for _ in range(6)]
    frames = []
    for codes in labels:
        own = 0.4 * rng.standard_normal((12, 8)).repeat(20, axis=0)
        noise = 0.1 * rng.standard_normal((240, 8))
        frames.append(np.eye(3, 8)[codes] + own + noise)
    model = quick(
        ActionSegmenter, max_epochs=0, decoder="chain", features="standardise"
    )
    found = model.fit(frames)
    assert segmentation_report(labels, found.labels_).miou > 0.9
    monkeypatch.setattr(_decoder, "TRIED", 0.08)  # as it was measured
    assert segmentation_report(labels, model.fit(frames).labels_).miou < 0.2


@pytest.mark.usefixtures("of_all_videos")
@pytest.mark.parametrize(
    ("drift", "smoothed", "n_learned"), [(0, 0.1, 3), (0, 10, 3), (0.125, 0.1, 5)]
)
def test_numbers_tell_by_themselves_where_some_drift(
    drift, smoothed, n_learned, monkeypatch
):
    learned, learn = [], ActionChain.learn
    monkeypatch.setattr(
        ActionChain, "learn", lambda *given: learned.append(given) or learn(*given)
    )
    frames, labels = drifting(drift)
    frames = [gaussian_filter1d(video, smoothed, axis=0) for video in frames]
    options = {"max_epochs": 0, "decoder": "chain", "features": "standardise"}
    model = quick(ActionSegmenter, **options).fit(frames)
    assert segmentation_report(labels, model.labels_).miou > 0.9
    assert len(learned) == n_learned
    is_alike = np.ptp(model.chain_["correlations"]) == 0
    assert is_alike == (drift == 0)


@pytest.fixture(scope="module")
def chosen(recurring):
    return quick(ActionSegmenter, max_epochs=0).fit(recurring[0])


def test_chain_is_chosen_where_actions_recur_for_unequal_times():
    gains = []
    for seed in range(1, 4):
        videos, labels = behaviours(8, seed=seed)
        chosen = quick(ActionSegmenter, max_epochs=0).fit(videos)
        assert chosen.settings_.segmenting["decoder"] == "chain"
        plain = quick(ActionSegmenter, max_epochs=0, decoder="plan").fit(videos)
        assert plain.chain_ is None
        found, before = (
            segmentation_report(labels, model.labels_).miou for model in (chosen, plain)
        )
        gains.append(found - before)
    assert np.mean(gains) > 0.04


def test_answers_for_new_videos_are_of_the_chain(recurring, chosen, tmp_path):
    for labels, again in zip(chosen.labels_, chosen.predict(recurring[0]), strict=True):
        assert_array_equal(labels, again)
    new, labels = behaviours(3, seed=0)
    shares = chosen.predict_proba(new)
    assert_allclose(np.concatenate(shares).sum(axis=1), 1, atol=1e-5)
    assert_array_equal(shares[0].argmax(axis=1), chosen.predict(new)[0])
    chosen.save(tmp_path / "model.skvas")
    loaded = skvas.load(tmp_path / "model.skvas")
    for one, other in zip(shares, loaded.predict_proba(new), strict=True):
        assert_array_equal(one, other)


HOSTILE = {
    "NaN": lambda chain: chain["means"].fill(np.nan),
    "another width": lambda chain: chain.update(means=chain["means"][:, 1:]),
    "no scatter": lambda chain: chain["variances"].fill(0),
    "negative duration": lambda chain: chain["durations"].fill(-1),
    "endless correlation": lambda chain: chain.update(correlated=np.inf),
    "another constant": lambda chain: chain.update(constant=-1.0),
    "no constant": lambda chain: chain.update(constant=0.0),
    "negative correlations": lambda chain: chain["correlations"].fill(-1),
    "a part less": lambda chain: chain.pop("shares"),
    "a part more": lambda chain: chain.update(other=1.0),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_file_with_a_chain_that_no_fit_learns_is_refused(change, chosen, tmp_path):
    forged = copy.deepcopy(chosen)
    change(forged.chain_)
    forged.save(tmp_path / "model.skvas")
    with pytest.raises(ModelFileError):
        skvas.load(tmp_path / "model.skvas")


def test_older_file_counts_all_numbers_of_a_frame_alike(recurring, chosen, tmp_path):
    older = copy.deepcopy(chosen)
    del older.chain_["correlations"]
    older.save(tmp_path / "model.skvas")
    loaded = skvas.load(tmp_path / "model.skvas")
    same = np.full(chosen.chain_["means"].shape[1], chosen.chain_["correlated"])
    assert_array_equal(loaded.chain_["correlations"], same)


def test_older_file_knows_no_constant(recurring, tmp_path, monkeypatch):
    monkeypatch.setattr(Referee, "tells_no_less", lambda *_, **__: False)
    older = quick(ActionSegmenter, max_epochs=0).fit(recurring[0])
    assert older.chain_.pop("constant") == 0
    older.save(tmp_path / "model.skvas")
    loaded = skvas.load(tmp_path / "model.skvas")
    assert loaded.chain_["constant"] == 0
    for ours, theirs in zip(loaded.predict(recurring[0]), older.labels_, strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("by_length", [True, False])
def test_prototypes_are_the_means_of_the_chain(by_length, recurring, monkeypatch):
    monkeypatch.setattr(Referee, "tells_no_less", lambda *_, **__: by_length)
    model = quick(ActionSegmenter, max_epochs=0).fit(recurring[0])
    assert (model.chain_["constant"] > 0) == by_length
    means = unit(model.chain_["means"][:, : model.n_embedding_])
    assert_allclose(model.prototypes_, means, atol=1e-6)


def bursts(seed=0):
    """Make four actions of two directions: in each, one is near the mean, one far."""
    rng = np.random.RandomState(seed)
    centres = np.array([[1.0, 0, 0], [4.0, 0, 0], [0, 1.0, 0], [0, 4.0, 0]])
    videos, labels = [], []
    for _ in range(6):
        codes = np.repeat([rng.permutation(4) for _ in range(4)], 15)
        noise = 0.3 * rng.standard_normal((len(codes), 3))
        videos.append(np.hstack([centres[codes] + noise, -centres[codes] + noise]))
        labels.append(codes)
    return videos, labels


def test_a_chain_looks_at_the_length_of_frames_where_that_tells_no_less(monkeypatch):
    videos, labels = bursts()
    options = {"max_epochs": 0, "features": None, "n_actions": 4, "decoder": "chain"}
    found = quick(ActionSegmenter, **options).fit(videos)
    assert found.chain_["constant"] > 0
    assert segmentation_report(labels, found.labels_).miou > 0.9
    monkeypatch.setattr(Referee, "tells_no_less", lambda *_, **__: False)
    before = quick(ActionSegmenter, **options).fit(videos)
    assert segmentation_report(labels, before.labels_).miou < 0.7


@pytest.mark.parametrize("chains_are_better", [True, False])
def test_a_chain_by_length_tells_far_more_than_plans_or_replaces_a_better_chain(
    chains_are_better, recurring, monkeypatch
):
    asked = []

    def tells(*_, times=1.0):
        asked.append(times)
        return times == 1

    def prefers(referee, new, old, *, clearly=True):
        return chains_are_better or asked[-1:] == [1]  # the one by length, to plans

    monkeypatch.setattr(Referee, "tells_no_less", tells)
    monkeypatch.setattr(Referee, "prefers", prefers)
    model = quick(ActionSegmenter, max_epochs=0).fit(recurring[0])
    assert asked[:2] == [1, _decoder.FAR_MORE]
    kept = model.chain_ is not None and model.chain_["constant"] > 0
    assert kept == chains_are_better


def test_a_learned_embedding_has_no_chain_of_the_features(recurring):
    asked = {"decoder": "chain", "segment_on": "embedding"}
    model = quick(ActionSegmenter, **asked).fit(recurring[0])
    assert model.chain_["constant"] == 0


@pytest.mark.parametrize("decoder", ["chain", "auto"])
def test_a_chain_that_is_asked_for_is_compared_with_no_plan(
    decoder, recurring, monkeypatch
):
    asked, prefers = [], Referee.prefers

    def spy(*arguments, **options):
        asked.extend(options)  # which chains among themselves have none of
        return prefers(*arguments, **options)

    monkeypatch.setattr(Referee, "prefers", spy)
    quick(ActionSegmenter, decoder=decoder, max_epochs=0).fit(recurring[0])
    assert ("clearly" in asked) == (decoder == "auto")


def steps_with_two_looks(seed):
    """Make videos of four steps that come once; one goes to and fro between two looks.

    Two others look alike, and a fifth of the steps are skipped.
    """
    rng = np.random.RandomState(seed)
    centres = rng.standard_normal((5, 8))
    centres[2] = centres[1] + 0.9 * unit(centres[2:3])[0]
    videos, labels = [], []
    for _ in range(12):
        steps = [step for step in rng.permutation(4) if rng.uniform() > 0.2]
        own = np.repeat(steps, rng.randint(50, 80, len(steps)))
        looks = np.where((own == 3) & (np.arange(len(own)) // 12 % 2 == 1), 4, own)
        noise = 0.8 * rng.standard_normal((len(own), 8))
        videos.append((centres[looks] + noise).astype(np.float32))
        labels.append(own)
    return videos, labels


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_must_not_break_steps_that_come_once(seed):
    videos, labels = steps_with_two_looks(seed)
    chained = quick(ActionSegmenter, n_actions=4, max_epochs=0, decoder="chain")
    broken = segmentation_report(labels, chained.fit(videos).labels_).miou
    model = quick(ActionSegmenter, n_actions=4, max_epochs=0).fit(videos)
    assert model.chain_ is None
    assert segmentation_report(labels, model.labels_).miou > broken + 0.2


def test_a_rest_that_comes_back_breaks_no_step():
    planned = [np.repeat([0, 1, 2, 3], 6)] * 3
    rests = [np.repeat([0, 3, 1, 3, 2, 3], 4)] * 3
    pieces = [np.repeat([0, 3, 0, 3, 0, 3, 1, 2], 3)] * 3
    assert not _decoder._breaks(planned, rests)
    assert _decoder._breaks(planned, pieces)
    assert not _decoder._breaks(pieces, pieces)


def test_noisy_actions_do_not_replace_a_chain():
    rng = np.random.RandomState(0)
    labels = [rng.randint(0, 2, 40) for _ in range(4)]
    videos = [rng.standard_normal((40, 3)).astype(np.float32) for _ in range(4)]
    referee = Referee.of(SimpleNamespace(features=videos))
    alike = [(video[:, 0] > 0).astype(int) for video in videos]
    assert not referee.tells_no_less(labels, labels, videos)
    assert referee.tells_no_less(alike, labels, videos)
    assert referee.tells_no_less(alike, alike, videos)
    assert not referee.tells_no_less(labels, alike, videos)
    assert not referee.tells_no_less(alike, alike, videos, times=1.01)


def test_chain_is_chosen_whether_or_not_an_order_is_shared():
    made = make_videos(12, n_actions=8, drop=0.2, repeat=0.2, noise=0.8, random_state=0)
    model = JointAlignSegment(8, max_epochs=0).fit(made.videos)
    features = model._view(made.videos).features
    assert has_order(find_order(features))
    assert model.timeline_ is None
    assert model.settings_.segmenting["decoder"] == "chain"


@pytest.mark.usefixtures("of_all_videos")
@pytest.mark.parametrize(("is_better", "kept"), [(True, -1), (False, 0)])
def test_first_chain_is_kept_unless_another_is_better(
    is_better, kept, recurring, monkeypatch
):
    learned, learn = [], ActionChain.learn

    def spy(*arguments):
        learned.append(learn(*arguments))
        return learned[-1]

    monkeypatch.setattr(ActionChain, "learn", spy)
    monkeypatch.setattr(Referee, "prefers", lambda *_, **__: is_better)
    monkeypatch.setattr(Referee, "tells_no_less", lambda *_, **__: is_better)
    model = quick(ActionSegmenter, max_epochs=0, decoder="chain").fit(recurring[0])
    assert len(learned) > 1
    assert_array_equal(model.chain_["means"], learned[kept].means)
    assert not np.array_equal(learned[0].means, learned[-1].means)


@pytest.mark.parametrize("n_videos", [2, 4])
def test_chain_is_chosen_for_few_videos(n_videos):
    videos, labels = behaviours(n_videos, n_frames=600)
    model, plain = (
        quick(ActionSegmenter, max_epochs=0, decoder=decoder, n_actions=3).fit(videos)
        for decoder in ("auto", "plan")
    )
    assert model.settings_.segmenting["decoder"] == "chain"
    found, before = (
        segmentation_report(labels, m.labels_).miou for m in (model, plain)
    )
    assert found > before + 0.03


def test_lone_video_keeps_the_plans(recurring):
    model = quick(ActionSegmenter, max_epochs=0).fit(recurring[0][0])
    assert model.settings_.segmenting["decoder"] == "plan"


def test_videos_are_left_out_in_turn_and_of_two_each_quarter():
    groups = {}
    for n_videos in (2, 3, 25):
        videos = [np.eye(3)[np.arange(40) % 3].astype(np.float32)] * n_videos
        referee = Referee.of(SimpleNamespace(features=videos))
        groups[n_videos] = referee.groups.reshape(n_videos, -1)
    assert_array_equal(np.unique(groups[2][0]), [0, 1, 2, 3])
    assert_array_equal(np.unique(groups[2][1]), [4, 5, 6, 7])
    assert_array_equal(groups[3], np.arange(3)[:, None] + np.zeros(40))
    assert (groups[25] == groups[25][:, :1]).all()
    assert_array_equal(np.unique(groups[25]), np.arange(20))


def test_published_recipes_keep_the_plans(recurring):
    model = quick(ActionSegmenter, recipe="paper", max_epochs=0).fit(recurring[0])
    assert model.settings_.segmenting["decoder"] == "plan"


def test_plans_stay_without_a_clear_gain(recurring, monkeypatch):
    monkeypatch.setattr(_decoder, "CONFIDENCE", 1 - 1e-15)
    model = quick(ActionSegmenter, max_epochs=0).fit(recurring[0])
    assert model.settings_.segmenting["decoder"] == "plan"


@pytest.mark.parametrize(("often", "decoder"), [(True, "chain"), (False, "plan")])
def test_any_gain_is_enough_where_plans_look_at_short_times(
    recurring, often, decoder, monkeypatch
):
    monkeypatch.setattr(_decoder, "CONFIDENCE", 1 - 1e-15)
    monkeypatch.setattr(_choice, "_come_often", lambda *_: often)
    monkeypatch.setattr(_choice, "SHORT_RADIUS", 0.04)  # the same plans
    model = quick(ActionSegmenter, max_epochs=0).fit(recurring[0])
    assert model.settings_.segmenting["decoder"] == decoder


@every_segmenter
def test_user_may_ask_for_the_chain(cls):
    model = quick(cls, decoder="chain", segment_on="embedding").fit(VIDEOS)
    assert model.settings_.segmenting["decoder"] == "chain"
    assert model.chain_["means"].shape == model.prototypes_.shape
    assert np.isfinite(model.score(VIDEOS))
    lone = quick(cls, decoder="chain", n_actions=1).fit(VIDEOS[0])
    assert set(lone.labels_) == {0}


LITTLE = {
    "equal frames": [np.ones((12, 4)), np.ones((9, 4))],
    "a lone recording": VIDEOS[:1],
    "recordings of a single frame": [VIDEOS[0], VIDEOS[1][:1], VIDEOS[2][:1]],
    "more actions than frames": [video[:2] for video in VIDEOS[:4]],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("videos", LITTLE.values(), ids=LITTLE)
def test_row_78_chain_labels_where_there_is_little_to_learn_from(videos):
    options = {"n_actions": 4, "decoder": "chain", "max_epochs": 0}
    model = quick(ActionSegmenter, **options).fit(videos)
    assert model.chain_ is not None
    for labels, shares in zip(model.labels_, model.predict_proba(videos), strict=True):
        assert len(labels) == len(shares)
        assert set(labels) <= set(range(4))
        assert_allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_summary_names_the_chain(chosen):
    assert "(a chain of actions)" in str(chosen.summary())
