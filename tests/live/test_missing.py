import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas import ActionSegmenter, JointAlignSegment, Training
from skvas.datasets import make_videos
from skvas.live._missing import SeenFeatures
from skvas.metrics import mof
from skvas.preprocessing import Interpolate, PoseFeatures
from skvas.preprocessing._features import fill_gaps
from skvas.preprocessing._last_seen import FADES, PRIOR
from skvas.preprocessing._running import RunningMoments
from tests.live.models import N_ACTIONS, data, new_video, tracker, unordered


def known():
    rng = np.random.default_rng(0)
    collection = [rng.normal(5, 2, size=(50, 3)) for _ in range(4)]
    for video in collection:
        video[:, 2] = 7  # constant
    return SeenFeatures(RunningMoments.of(collection))


def test_last_number_fades_into_the_mean_of_the_recording():
    mine, usual = known(), known().features.mean
    frames = np.tile([8.0, 6.0, 7.0], (300, 1))
    frames[:20, 0] = 4.0
    frames[40:, 0] = np.nan
    mine.complete(frames)
    seen = 4.0 * 20 + 8.0 * 20
    mean = (seen + PRIOR * usual[0]) / (40 + PRIOR)
    fades = np.exp(-np.arange(1, 261) / FADES)
    assert_allclose(frames[40:, 0], mean + (8.0 - mean) * fades)
    assert_array_equal(frames[:, 1:], np.tile([6.0, 7.0], (300, 1)))


def test_each_feature_is_seen_by_itself():
    mine, usual = known(), known().features.mean
    frames = np.tile([8.0, 6.0, 7.0], (70, 1))
    frames[40:60, 0] = np.nan
    frames[60:, 1] = np.nan
    mine.complete(frames)
    mean = (6.0 * 60 + PRIOR * usual[1]) / (60 + PRIOR)
    fades = np.exp(-np.arange(1, 11) / FADES)
    assert_allclose(frames[60:, 1], mean + (6.0 - mean) * fades)


def test_what_was_never_seen_is_as_in_the_collection():
    mine = known()
    frames = np.array([[np.nan, 1.0, np.nan]] * 5)
    mine.complete(frames)
    assert_allclose(frames, [[mine.features.mean[0], 1.0, 7.0]] * 5)


def test_frames_that_lack_all_stay_so_and_let_numbers_fade():
    mine, theirs = known(), known()
    frames = np.full((9, 3), 2.0)
    frames[3:6] = np.nan
    frames[6, :2] = np.nan
    mine.complete(frames)
    assert np.isnan(frames[3:6]).all()
    alone = np.full((9, 3), 2.0)
    alone[3:7, :2] = np.nan  # the third feature is there, and says nothing of others
    theirs.complete(alone)
    assert_array_equal(frames[6], alone[6])


def holes(video, share=0.2, seed=0):
    """Take blocks of frames out of each feature by itself."""
    rng = np.random.default_rng(seed)
    video = video.astype(float)
    for column in video.T:
        for start in rng.integers(len(column), size=int(share * len(column) / 12)):
            column[start : start + 12] = np.nan
    return video


@pytest.mark.parametrize("size", [1, 3, 50])
def test_numbers_do_not_depend_on_the_pieces(size):
    video = holes(np.random.default_rng(1).normal(5, 2, size=(200, 3)))
    whole, pieces, mine, theirs = video.copy(), video.copy(), known(), known()
    mine.complete(whole)
    for start in range(0, len(video), size):
        theirs.complete(pieces[start : start + size])
    assert_array_equal(pieces, whole)


@pytest.mark.parametrize("make", [tracker, lambda: tracker(unordered)])
def test_recordings_with_holes_are_followed_as_whole_ones(make):
    video, stream, other = new_video(), make(), make()
    labels = stream.push(video).labels
    found = other.push(holes(video)).labels
    assert np.isnan(holes(video)).any(axis=1).mean() > 0.9
    assert (found == labels).mean() > 0.9
    assert [w.kind for w in other.warnings_].count("incomplete") == 1
    assert "unreadable" not in {w.kind for w in other.warnings_}


def test_at_the_end_gaps_are_closed_by_straight_lines():
    stream, video = tracker(unordered, lag=np.inf), holes(new_video())
    stream.push(video)
    expected = unordered().predict(fill_gaps(video))
    assert_array_equal(stream.finish().labels, expected)


@pytest.mark.parametrize("features", [Interpolate(5), PoseFeatures("xy", max_gap=2)])
def test_at_the_end_gaps_are_what_predict_makes_of_them(features):
    model = ActionSegmenter(N_ACTIONS, features=features, max_epochs=0, random_state=0)
    model.fit(data().videos[:6])
    stream, video = model.stream(lag=np.inf), new_video().astype(float)
    video[30:34] = np.nan
    stream.push(video)
    shares = stream.finish().rest.probabilities
    np.testing.assert_allclose(shares, model.predict_proba(video), atol=1e-6)
    lines = model.predict_proba(fill_gaps(video))
    is_line = isinstance(features, Interpolate)
    assert np.allclose(shares, lines, atol=1e-6) == is_line


def test_at_the_end_gaps_that_are_too_long_for_the_model_are_closed():
    model = ActionSegmenter(
        N_ACTIONS, features=Interpolate(5), max_epochs=0, random_state=0
    )
    model.fit(data().videos[:6])
    stream, video = model.stream(lag=np.inf), holes(new_video(), share=0.5)
    stream.push(video)
    with pytest.raises(ValueError, match="leaves NaN"):
        model.predict(video)
    assert_array_equal(stream.finish().labels, model.predict(fill_gaps(video)))


def test_models_for_live_use_embed_what_is_completed():
    videos = make_videos(7, n_actions=4, n_features=8, noise=0.3, random_state=0)
    model = JointAlignSegment(
        4, max_epochs=0, training=Training(live=True), random_state=0
    )
    model.fit(videos.videos[:6])
    new = videos.videos[6]
    whole, broken = model.stream().push(new), model.stream().push(holes(new))
    assert mof([whole.labels], [broken.labels]) > 0.85
