from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from skvas import ActionSegmenter, VideoAligner
from skvas.exceptions import ModelFileError
from skvas.labels._doubt import doubt_for
from skvas.live import LiveTracker, _model, _trial
from skvas.live._chain import step_phases
from skvas.live._emissions import MOST_WEIGHT, fit_gaussians
from skvas.live._model import (
    LiveModel,
    learn_actions,
    learn_positions,
    with_doubt,
)
from skvas.live._trial import LEAD, Setting
from tests.live.models import (
    MODELS,
    N_ACTIONS,
    causal,
    data,
    learned,
    moving,
    new_video,
    one_labelled,
    ordered,
    unordered,
)


@pytest.mark.parametrize("make", MODELS)
def test_state_comes_back(make):
    state = make().live_
    again = LiveModel.from_state(state).state()

    def same(a, b):
        assert type(a) is type(b)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            for name in a:
                same(a[name], b[name])
        elif isinstance(a, list):
            for x, y in zip(a, b, strict=True):
                same(x, y)
        else:
            np.testing.assert_array_equal(a, b)

    same(again, state)


def test_position_has_the_action_that_is_usual_around_it():
    labels = np.repeat([[0, 1]], 5, axis=0).repeat(250, axis=1)
    labels[:3, 100] = 1  # of three videos in five
    labels[:3, 400:402] = 0
    found = _model._usual(labels, 2)
    np.testing.assert_array_equal(found, np.repeat([0, 1], 250))


@pytest.mark.parametrize("n", [20, 120, 200, 300])
def test_boundaries_of_usual_actions_stay_where_they_are(n):
    for labels in (np.arange(n) >= n // 2, np.arange(n) < n // 2):
        found = _model._usual(np.array([labels, labels], dtype=np.int64), 2)
        np.testing.assert_array_equal(found, labels)


def test_unlike_frames_are_averaged_as_streams_average_them(monkeypatch):
    known = data().videos[:8], data().labels[:8]
    setting, familiar, rates = Setting(factor=6.0), _model._familiar, []

    def noted(gaussians, *seen):
        rates.append(gaussians.weight)
        return familiar(gaussians, *seen)

    monkeypatch.setattr(_model, "_try_settings", lambda *given: setting)
    monkeypatch.setattr(_model, "_familiar", noted)
    assert rates == [learn_actions(*known, N_ACTIONS).gaussians.weight]


@pytest.mark.parametrize("offset", [5e6, -1e9])
def test_streams_see_features_that_are_far_from_zero(offset):
    videos = [video.astype(float) for video in data().videos]
    far = [video + offset for video in videos]
    expected = quick().fit(videos[:8]).stream().push(videos[8]).labels
    found = quick().fit(far[:8]).stream().push(far[8]).labels
    assert np.mean(found == expected) > 0.99


def quick():
    return ActionSegmenter(4, max_epochs=0, random_state=0)


def test_order_decides_what_the_states_are():
    assert learned(ordered).chain().positions is not None
    assert learned(unordered).chain().positions is None


def test_streams_of_actions_have_the_setting_that_held_out_videos_chose(monkeypatch):
    rng = np.random.RandomState(0)
    labels = [np.repeat([0, 1, 0], 20) for _ in range(4)]
    videos = [rng.randn(60, 3) + y[:, None] for y in labels]
    found = []
    for setting in (Setting(), Setting(both=True, factor=0.5, lead=0.0)):
        monkeypatch.setattr(_model, "choose_setting", lambda *_, s=setting, **__: s)
        found.append(learn_actions(videos, labels, 2))
    assert [model.features.both for model in found] == [False, True]
    assert [model.lead for model in found] == [LEAD, 0.0]
    chosen = Setting(both=True)
    monkeypatch.setattr(_model, "choose_setting", lambda *_, **__: chosen)
    unweighted = learn_actions(videos, labels, 2).gaussians.weight
    assert found[1].gaussians.weight == pytest.approx(0.5 * unweighted)


def test_streams_on_a_timeline_look_at_what_helped_with_held_out_videos(monkeypatch):
    videos, timeline = data().videos[:8], ordered().timeline_.model_
    for helps in (True, False):
        asked = []

        def recorded(*parts, asked=asked, helps=helps):
            asked.append(parts)
            return helps

        monkeypatch.setattr(_model, "collection_helps", recorded)
        features = learn_positions(videos, timeline).features
        assert features.both is helps
        [(shown, places, passed)] = asked
        assert [*map(len, shown)] == [*map(len, videos)] == [*map(len, places)]
        n_moments = len(timeline.moments)
        assert all(len(frames) == n_moments for frames in passed)
        assert all(place.max() < n_moments for place in places)


def test_embeddings_stand_in_place_of_what_may_help(monkeypatch):
    monkeypatch.setattr(_model, "collection_helps", None)
    videos = data().videos[:8]
    model = learn_positions(videos, ordered().timeline_.model_, embeddings=videos)
    assert model.on_embedding


@pytest.mark.parametrize(("n_videos", "spare"), [(3, True), (4, False)])
def test_of_few_videos_how_much_frames_vary_tells_actions_as_well(
    n_videos, spare, monkeypatch
):
    asked = []
    for module in (_model, _trial):
        monkeypatch.setattr(
            module,
            "fit_gaussians",
            lambda *a, f=fit_gaussians, **k: asked.append(k["spare"]) or f(*a, **k),
        )
    rng = np.random.RandomState(0)
    labels = [np.repeat([0, 1, 0], 20) for _ in range(n_videos)]
    learn_actions([rng.randn(60, 3) + y[:, None] for y in labels], labels, 2)
    assert asked == [spare] * len(asked)
    assert len(asked) > 2


def test_a_position_is_not_told_by_a_few_frames_alone():
    # Independent frames count in full for actions.
    rng = np.random.RandomState(0)
    labels = [np.repeat([0, 1, 0], 20) for _ in range(4)]
    videos = [rng.randn(60, 3) + y[:, None] for y in labels]
    assert learn_actions(videos, labels, 2).gaussians.weight > MOST_WEIGHT
    noisy = [v + rng.randn(*v.shape) for v in data().videos[:8]]
    timeline = ordered().timeline_.model_
    assert learn_positions(noisy, timeline).gaussians.weight == MOST_WEIGHT


def test_positions_without_actions_are_told_alone():
    aligner = VideoAligner(max_epochs=1, random_state=0).fit(data().videos[:8])
    stream = aligner.stream(fps=5)
    found = stream.push(data().videos[8])
    assert found.labels is None
    assert found.probabilities is None
    assert len(found) == len(data().videos[8])
    assert np.corrcoef(found.progress, np.arange(len(found)))[0, 1] > 0.95
    assert (stream.current_.action, stream.current_.since) == (None, 0)
    assert stream.next_ == []
    recording = stream.finish()
    assert recording.segments == []
    assert len(recording.labels) == 0


def test_unrelated_video_has_no_say():
    strange = np.random.RandomState(0).randn(90, 16) * 5
    timeline = copy.copy(ordered().timeline_.model_)
    template = copy.copy(timeline.template)
    related = np.r_[template.is_related, False]
    vars(template).update(
        passages=[*template.passages, template.passages[0]], is_related=related
    )
    vars(timeline).update(template=template)
    videos = data().videos[:8]
    found = learn_positions([*videos, strange], timeline)
    expected = learn_positions(videos, ordered().timeline_.model_)
    np.testing.assert_array_equal(found.gaussians.means, expected.gaussians.means)


def put(*path, value):
    def change(state):
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return change


def assert_refused(make, change):
    state = copy.deepcopy(make().live_)
    change(state)
    with pytest.raises(ModelFileError):
        LiveModel.from_state(state)


@pytest.mark.parametrize(
    "change",
    [
        put("n_actions", value=-1),
        put("features", value=None),
        put("extra", value=1),
        put("features", "mean", value=np.zeros(3)),
        put("features", "prior", value=float("inf")),
        put("features", "both", value=1),
        put("lead", value=2.0),
        put("gaussians", "variances", value=np.zeros((2, 2))),
        put("gaussians", "weight", value=2.0),
        put("positions", "actions", value=np.full(4, 9)),
        put("positions", "moves", value=np.ones(3)),
        put("positions", "jump", value=-0.1),
        put("positions", "phases", value=np.full(4, 17)),
        put("positions", "phases", value=np.full(3, 2)),
        put("positions", "advance", value=np.zeros(4)),
        put("habits", "unexpected", value=np.zeros((4, 4))),
        put("habits", "is_ordered", value=0),
        put("on_embedding", value=1),
        put("doubt", value=1.0),
        put("known", value=1.1),
        put("known", value=1),
    ],
)
def test_state_that_no_fit_makes_is_refused(change):
    assert_refused(ordered, change)


@pytest.mark.parametrize(
    "change",
    [
        put("features", "newest", value=2.0),
        put("features", "motion", value={}),
        put("features", "motion", "usual", value=np.full(16, -1.0)),
        put("features", "motion", "mean", value=np.zeros(3)),
        put("features", "motion", "scale", value=np.full(16, np.inf)),
    ],
)
def test_motion_that_no_fit_makes_is_refused(change):
    assert_refused(moving, change)


def test_state_of_before_motion_was_told_by_is_taken():
    state = copy.deepcopy(unordered().live_)
    del state["features"]["motion"], state["features"]["newest"]
    assert LiveModel.from_state(state).features.motion is None


def test_actions_are_told_by_motion_where_the_model_looks_at_it():
    assert learned(unordered).features.motion is None
    features = learned(moving).features
    assert features.motion is not None
    assert learned(moving).gaussians.centre.shape == (features.width,)


def cut_actions(state):
    """Leave the last action out of all that is known of durations."""
    for part, names in (
        ("actions", ["phases", "advance"]),
        ("habits", ["shortest", "longest", "most_often"]),
    ):
        state[part] |= {name: state[part][name][:-1] for name in names}
    state["habits"]["unexpected"] = state["habits"]["unexpected"][:-1, :-1]


@pytest.mark.parametrize(
    "change",
    [
        put("n_actions", value=3),
        put("actions", "first", value=np.ones(4)),
        put("actions", "phases", value=np.full(4, 999)),
        cut_actions,
        put("actions", "advance", value=np.full(4, 1.5)),
        put("actions", "following", value=np.ones((4, 4))),
        put("habits", "longest", value=np.ones(3)),
        put("habits", "had", value=np.ones(3)),
        put("habits", "had", value=np.full(4, -0.1)),
        put("habits", "had", value=1.0),
    ],
)
def test_actions_that_no_fit_makes_are_refused(change):
    assert_refused(unordered, change)


def test_state_of_before_embeddings_were_told_by_is_taken():
    state = copy.deepcopy(ordered().live_)
    del state["on_embedding"]
    assert not LiveModel.from_state(state).on_embedding


def test_state_of_before_streams_had_doubts_is_as_sure_as_it_was():
    state = copy.deepcopy(ordered().live_)
    assert state["known"] > 0
    assert unordered().live_["known"] == 0
    del state["doubt"], state["known"]
    assert LiveModel.from_state(state).doubt == 0
    assert LiveModel.from_state(state).known == 0


def sure_of(shares, labels=None):
    """Return how sure a stream is of an action, and by how much it is lowered."""
    video = np.asarray(new_video())
    base = replace(learned(unordered), doubt=0.0)
    told = told_by(base, video)
    labels = told.argmax(axis=1) if labels is None else labels
    model = with_doubt(base, [video], [labels], [shares])
    return told, told_by(model, video)


def told_by(model, video):
    return LiveTracker(model).push(video).probabilities


def test_state_of_before_streams_knew_what_recordings_have_is_taken():
    state = copy.deepcopy(unordered().live_)
    assert LiveModel.from_state(state).habits.had is not None
    del state["habits"]["had"]
    assert LiveModel.from_state(state).habits.had is None


def test_streams_are_as_sure_as_answers_to_whole_videos():
    shares = np.tile([0.7, 0.1, 0.1, 0.1], (len(new_video()), 1))
    before, told = sure_of(shares)
    assert before.max(axis=1).mean() > 0.8
    assert told.max(axis=1).mean() == pytest.approx(0.7)
    np.testing.assert_array_equal(told.argmax(axis=1), before.argmax(axis=1))
    np.testing.assert_allclose(told.sum(axis=1), 1)


def test_streams_are_less_sure_where_they_differ_from_whole_videos():
    shares = np.eye(N_ACTIONS)[np.zeros(len(new_video()), dtype=int)]
    before, told = sure_of(shares)
    np.testing.assert_array_equal(told, before)
    labels = before.argmax(axis=1)
    labels[::4] = (labels[::4] + 1) % N_ACTIONS
    _, told = sure_of(shares, labels)
    agreement = (labels == before.argmax(axis=1)).mean()
    assert told.max(axis=1).mean() == pytest.approx(agreement)


def test_streams_are_no_surer_than_they_are():
    shares = np.full((len(new_video()), N_ACTIONS), 1 / N_ACTIONS)
    _, told = sure_of(shares)
    assert told.max(axis=1).mean() == pytest.approx(0.25, abs=0.08)
    assert told.min() < told.max()  # the most probable action stays so


@pytest.mark.parametrize("make", [ordered, unordered, one_labelled, causal])
def test_fit_learns_doubt_from_some_of_its_videos(make):
    model, videos = make(), data().videos[:8]
    asked = [videos[i] for i in (0, 2, 5, 7)]
    sure = LiveModel.from_state({**model.live_, "doubt": 0.0})
    embedder = model.embedder() if sure.on_embedding else None
    live = []
    for video in asked:
        tracker = LiveTracker(sure, embedder=embedder)
        live.append(tracker.push(video).probabilities)
    whole = np.concatenate(model.predict_proba(asked)).max(axis=1).mean()
    told = np.concatenate(live)
    labels = np.concatenate([model.labels_[i] for i in (0, 2, 5, 7)])
    found = np.asarray(model.classes_)[told.argmax(axis=1)]
    expected = doubt_for(told.max(axis=1).mean(), whole * (found == labels).mean(), 4)
    assert 0.001 < model.live_["doubt"] < 0.9
    assert model.live_["doubt"] == pytest.approx(expected, abs=1e-4)


def test_the_beginning_of_a_long_video_tells_doubt(monkeypatch):
    video, labels = new_video(), np.zeros(len(new_video()), dtype=int)
    shares = np.full((len(video), N_ACTIONS), 0.1) + 0.6 * np.eye(N_ACTIONS)[labels]
    shares[30:], labels[30:] = 0.25, 1
    monkeypatch.setattr(_model, "FOLLOWED", 30)
    base = replace(learned(unordered), doubt=0.0)
    doubts = {
        with_doubt(base, [video[:n]], [labels[:n]], [shares[:n]]).doubt
        for n in (30, 60, len(video))
    }
    assert len(doubts) == 1


@pytest.mark.parametrize("make", MODELS)
def test_doubt_lowers_probabilities_and_nothing_else(make):
    video, model = new_video()[:60], replace(learned(make), doubt=0.4)
    trackers = [LiveTracker(m) for m in (model, replace(model, doubt=0.0))]
    found, sure = (tracker.push(video) for tracker in trackers)
    np.testing.assert_array_equal(found.labels, sure.labels)
    lowered = 0.6 * sure.probabilities + 0.4 / N_ACTIONS
    np.testing.assert_allclose(found.probabilities, lowered)
    doubting, certain = (tracker.next_ for tracker in trackers)
    n_steps = len(model.chain().actions) + 1
    for mine, theirs in zip(doubting, certain, strict=True):
        assert mine.probability == pytest.approx(
            0.6 * theirs.probability + 0.4 / n_steps
        )
        assert replace(mine, probability=theirs.probability) == theirs


def test_state_of_before_steps_had_durations_has_them_from_habits():
    state, habits = copy.deepcopy(ordered().live_), ordered().live_["habits"]
    for name in ("phases", "advance"):
        del state["positions"][name]
    rates = LiveModel.from_state(state).rates
    means = (habits["shortest"] + habits["longest"]) / 2
    np.testing.assert_allclose(rates.phases / rates.advance, means)
    halved = [(habits[name] + means) / 2 for name in ("shortest", "longest")]
    phases, _ = step_phases(np.transpose(halved).tolist())
    np.testing.assert_array_equal(rates.phases, phases)


def test_a_model_says_how_its_frames_are_standardised():
    assert type(ordered().live_["features"]["both"]) is bool
    assert type(unordered().live_["features"]["both"]) is bool
