import collections
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, IncrementalPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.manifold import TSNE
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvas import ActionSegmenter, JointAlignSegment
from skvas.exceptions import DegenerateFramesWarning, InvalidParameterError
from skvas.io import SegmentTable, TimedSegment
from skvas.preprocessing import (
    CompressTails,
    Detrend,
    Framewise,
    Interpolate,
    LevelFeatures,
    PoseFeatures,
    SelectRelated,
    VideoStandardizer,
    WhitenedViews,
)
from skvas.preprocessing._smoothing import few_centres
from skvas.preprocessing._whitened import _joined

IN_TIME = {
    "check_methods_subset_invariance": "a video is standardised and smoothed as one",
    "check_methods_sample_order_invariance": "frames are smoothed along time",
}
ALONG_A_LINE = {
    "check_methods_subset_invariance": "the line is fitted to a video as one",
    "check_methods_sample_order_invariance": "the line goes along time",
}
WITHIN_VIDEO = {
    "check_methods_subset_invariance": "the transformer is fitted within each video",
}


def expected_failures(estimator):
    if isinstance(estimator, Framewise):
        return WITHIN_VIDEO if estimator.per_video else {}
    if isinstance(estimator, Detrend):
        return ALONG_A_LINE
    if isinstance(estimator, VideoStandardizer):
        return WITHIN_VIDEO
    if isinstance(estimator, (CompressTails, LevelFeatures, SelectRelated)):
        return {}
    return IN_TIME if estimator.smoothing else {}


def make_videos(seed=0, lengths=(30, 45, 20), n_features=5):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_features, n_features))
    return [rng.normal(size=(n, n_features)) @ mixing + rng.normal() for n in lengths]


VIDEOS = make_videos()
POOLED = np.concatenate(VIDEOS)
LABELS = [(video[:, 2] > 0).astype(int) for video in VIDEOS]


@parametrize_with_checks(
    [
        CompressTails(),
        Detrend(),
        Detrend(degree=0, shift=True),
        Framewise(StandardScaler()),
        Framewise(make_pipeline(StandardScaler(), PCA(1))),
        Framewise(make_union(StandardScaler(), PCA(1))),
        Framewise(IncrementalPCA(1)),
        Framewise(SelectKBest(k=1)),
        Framewise(StandardScaler(), per_video=True),
        LevelFeatures(),
        SelectRelated(),
        VideoStandardizer(),
        WhitenedViews(),
        WhitenedViews(n_components=2, whiten=False),
        WhitenedViews(smoothing=0, views=("collection",)),
        WhitenedViews(offset=0.5),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Framewise


def test_transformer_is_fitted_to_all_frames_and_applied_to_each_video():
    framewise = Framewise(StandardScaler()).fit(VIDEOS)
    scaler = StandardScaler().fit(POOLED)
    for result, video in zip(framewise.transform(VIDEOS), VIDEOS, strict=True):
        assert_array_equal(result, scaler.transform(video))
    assert_array_equal(framewise.transform(VIDEOS[0]), scaler.transform(VIDEOS[0]))


def test_per_video_fits_within_each_video():
    framewise = Framewise(StandardScaler(), per_video=True).fit(VIDEOS[:1])
    for result, video in zip(framewise.transform(VIDEOS), VIDEOS, strict=True):
        assert_array_equal(result, StandardScaler().fit_transform(video))


def test_per_video_takes_its_names_from_the_longest_video():
    framewise = Framewise(StandardScaler(), per_video=True).fit(VIDEOS)
    assert framewise.transformer_.n_samples_seen_ == 45


class RandomTransformer(StandardScaler):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


@pytest.mark.parametrize(
    "transformer", [RandomTransformer(), NMF(), PCA(), OneHotEncoder(), TargetEncoder()]
)
def test_tags_are_those_of_the_transformer(transformer):
    tags, inner = get_tags(Framewise(transformer)), get_tags(transformer)
    assert tags.transformer_tags == inner.transformer_tags
    assert tags.target_tags.required == inner.target_tags.required
    assert tags.non_deterministic == inner.non_deterministic
    assert tags.input_tags.positive_only == inner.input_tags.positive_only
    assert tags.input_tags.allow_nan == inner.input_tags.allow_nan
    assert not tags.input_tags.sparse


def test_per_video_gives_zeros_for_one_frame():
    framewise = Framewise(StandardScaler(), per_video=True).fit(VIDEOS)
    assert_array_equal(framewise.transform(VIDEOS[0][:1]), np.zeros((1, 5)))


def test_user_s_transformer_is_left_alone():
    scaler = StandardScaler()
    for per_video in (False, True):
        Framewise(scaler, per_video=per_video).fit(VIDEOS).transform(VIDEOS)
    assert not hasattr(scaler, "mean_")


def test_inputs_are_left_alone():
    videos = [video.copy() for video in VIDEOS]
    framewise = Framewise(make_pipeline(StandardScaler(copy=False), MinMaxScaler()))
    framewise.fit(videos).transform(videos)
    framewise.fit(videos[0]).transform(videos[0])
    for video, original in zip(videos, VIDEOS, strict=True):
        assert_array_equal(video, original)


@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    seed=st.integers(0, 100),
)
def test_videos_are_transformed_as_if_alone(lengths, seed):
    videos = make_videos(seed, lengths, n_features=2)
    for transformer in (Framewise(StandardScaler()), Framewise(MinMaxScaler())):
        transformer.fit(videos)
        for result, video in zip(transformer.transform(videos), videos, strict=True):
            assert_array_equal(result, transformer.transform(video))


def test_nested_parameters_can_be_searched():
    pipeline = make_pipeline(Framewise(PCA(2)), LastStep())
    search = GridSearchCV(
        pipeline, {"framewise__transformer__n_components": [1, 2, 3]}, cv=2
    )
    search.fit([*VIDEOS, VIDEOS[0]])
    assert search.best_params_ == {"framewise__transformer__n_components": 3}
    assert search.predict(VIDEOS[:1]) == [3]


class LastStep(BaseEstimator):
    """Stands for an estimator of videos: prefers many features."""

    def fit(self, videos, y=None):
        self.width_ = videos[0].shape[1]
        return self

    def predict(self, videos):
        return [video.shape[1] for video in videos]

    def score(self, videos, y=None):
        return self.width_


def test_names_come_from_the_transformer():
    framewise = Framewise(PCA(2)).fit(VIDEOS)
    assert list(framewise.get_feature_names_out()) == ["pca0", "pca1"]
    scaler = Framewise(StandardScaler()).fit(VIDEOS)
    assert list(scaler.get_feature_names_out()) == ["x0", "x1", "x2", "x3", "x4"]
    assert list(scaler.get_feature_names_out(list("abcde"))) == list("abcde")


def test_transformer_without_names_has_no_set_output():
    framewise = Framewise(FunctionTransformer(np.abs)).fit(VIDEOS)
    assert not hasattr(framewise, "get_feature_names_out")
    assert not hasattr(framewise, "set_output")
    with pytest.raises(AttributeError, match="get_feature_names_out"):
        framewise.get_feature_names_out()


def test_columns_can_be_chosen_by_their_names():
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame(video, columns=list("abcde")) for video in VIDEOS]
    columns = ColumnTransformer([("scale", StandardScaler(), ["b", "d"])])
    framewise = Framewise(columns).fit(frames)
    assert list(framewise.get_feature_names_out()) == ["scale__b", "scale__d"]
    expected = StandardScaler().fit_transform(POOLED[:, [1, 3]])
    assert_allclose(np.concatenate(framewise.transform(frames)), expected)
    per_video = Framewise(columns, per_video=True).fit(frames)
    expected = StandardScaler().fit_transform(VIDEOS[0][:, [1, 3]])
    assert_allclose(per_video.transform(frames[0]), expected)


def test_polars_names_are_kept():
    polars = pytest.importorskip("polars")
    frames = [polars.DataFrame(video, schema=list("abcde")) for video in VIDEOS]
    framewise = Framewise(StandardScaler()).fit(frames)
    assert list(framewise.get_feature_names_out()) == list("abcde")
    assert_array_equal(
        framewise.transform(frames)[0],
        Framewise(StandardScaler()).fit(VIDEOS).transform(VIDEOS)[0],
    )


def test_set_output_gives_data_frames():
    pandas = pytest.importorskip("pandas")
    framewise = Framewise(PCA(2)).set_output(transform="pandas")
    for frame in framewise.fit_transform(VIDEOS):
        assert isinstance(frame, pandas.DataFrame)
        assert list(frame.columns) == ["pca0", "pca1"]


def test_setting_of_the_inner_transformer_does_not_matter():
    pytest.importorskip("pandas")
    inner = StandardScaler().set_output(transform="pandas")
    result = Framewise(inner).fit_transform(VIDEOS)
    assert isinstance(result[0], np.ndarray)
    assert_array_equal(result[0], Framewise(StandardScaler()).fit_transform(VIDEOS)[0])


def test_partial_fit_in_chunks_equals_one_fit():
    whole = Framewise(StandardScaler()).fit(VIDEOS)
    chunks = Framewise(StandardScaler())
    for video in VIDEOS:
        chunks.partial_fit([video])
    assert_allclose(chunks.transformer_.mean_, whole.transformer_.mean_)
    assert_allclose(chunks.transformer_.var_, whole.transformer_.var_)


def test_partial_fit_needs_one_transformer_that_has_it():
    assert hasattr(Framewise(IncrementalPCA()), "partial_fit")
    assert not hasattr(Framewise(PCA()), "partial_fit")
    assert not hasattr(Framewise(IncrementalPCA(), per_video=True), "partial_fit")


class HalfwayTransformer(BaseEstimator):
    """Changes its state, and then fails at videos of 20 frames."""

    def fit(self, frames, y=None):
        return self.partial_fit(frames)

    def partial_fit(self, frames, y=None):
        self.lengths_ = getattr(self, "lengths_", [])
        self.lengths_.append(len(frames))
        if len(frames) == 20:
            raise ValueError("20 frames")
        return self

    def transform(self, frames):
        return frames


def test_failed_partial_fit_leaves_the_fitted_transformer():
    framewise = Framewise(HalfwayTransformer())
    with pytest.raises(ValueError, match="20 frames"):
        framewise.partial_fit(VIDEOS[2])
    assert not hasattr(framewise, "transformer_")
    assert not hasattr(framewise, "n_features_in_")
    framewise.partial_fit(VIDEOS[:1]).partial_fit(VIDEOS[1])
    with pytest.raises(ValueError, match="20 frames"):
        framewise.partial_fit(VIDEOS[2])
    with pytest.raises(ValueError, match="X has 4 features"):
        framewise.partial_fit(VIDEOS[0][:, :4])
    assert framewise.transformer_.lengths_ == [30, 45]


def test_inverse_transform_brings_videos_back():
    framewise = Framewise(make_pipeline(StandardScaler(), PCA())).fit(VIDEOS)
    back = framewise.inverse_transform(framewise.transform(VIDEOS))
    assert isinstance(back, list)
    for video, original in zip(back, VIDEOS, strict=True):
        assert_allclose(video, original)
    one = framewise.inverse_transform(framewise.transform(VIDEOS[0]))
    assert_allclose(one, VIDEOS[0])


def test_inverse_transform_needs_one_transformer_that_has_it():
    assert not hasattr(Framewise(SimpleImputer()), "partial_fit")
    assert not hasattr(Framewise(PCA(), per_video=True), "inverse_transform")
    assert not hasattr(Framewise(FailingTransformer()), "inverse_transform")


def test_labels_of_frames_reach_the_transformer():
    framewise = Framewise(SelectKBest(k=1)).fit(VIDEOS, LABELS)
    expected = SelectKBest(k=1).fit(POOLED, np.concatenate(LABELS))
    assert_array_equal(framewise.transformer_.scores_, expected.scores_)


def test_label_of_a_video_holds_for_its_frames():
    videos = ["tea", "coffee", "tea"]
    framewise = Framewise(SelectKBest(k=1)).fit(VIDEOS, videos)
    expected = SelectKBest(k=1).fit(POOLED, np.repeat(videos, [30, 45, 20]))
    assert_array_equal(framewise.transformer_.scores_, expected.scores_)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="^video 0: .*got 29 labels for 30 frames"):
        Framewise(SelectKBest(k=1)).fit(VIDEOS, [LABELS[0][1:], *LABELS[1:]])
    with pytest.raises(ValueError, match="got 2 labels"):
        Framewise(SelectKBest(k=1)).fit(VIDEOS, [0, 1])
    with pytest.raises(ValueError, match="requires y to be passed"):
        Framewise(TargetEncoder()).fit(VIDEOS)


PARTIAL = {
    "of one video": [np.array(["a"] * 30), None, None],
    "none": [None, None, None],
    "stamps": [{3: "a", 20: "b"}, None, None],
    "stamps of all": [{3: "a"}, {3: "a"}, {4: "b"}],
    "rows of stamps": [[(3, "a"), (20, "b")], None, None],
    "segments": [[(0, 10, "a"), (10, 30, "b")], None, None],
    "a table": [pd.DataFrame({"start": [0], "end": [9], "label": "a"}), None, None],
    "NA": [pd.Series(["a", pd.NA] * 15, dtype="string"), None, None],
    "seconds": [SegmentTable([TimedSegment("x", 0, 2, "a")]), None, None],
    "masked": [np.ma.array(labels, mask=labels > 0) for labels in LABELS],
    "NaN": [np.where(labels == 0, np.nan, labels) for labels in LABELS],
    "None in an array": [np.where(labels, "a", None) for labels in LABELS],
}


@pytest.mark.parametrize("y", PARTIAL.values(), ids=PARTIAL)
def test_labels_of_some_frames_are_for_the_segmenter_alone(y):
    found = Framewise(StandardScaler()).fit_transform(VIDEOS, y)
    assert_array_equal(found[1], Framewise(StandardScaler()).fit_transform(VIDEOS)[1])
    Framewise(StandardScaler()).partial_fit(VIDEOS, y)


KNOWN = np.arange(30) >= 10
MARKED = {
    "None for a video": lambda labels: None,
    "-1": lambda labels: np.where(KNOWN, labels, -1),
    "NaN": lambda labels: np.where(KNOWN, labels, np.nan),
    "None": lambda labels: np.where(KNOWN, labels, None),
    "empty": lambda labels: np.where(KNOWN, np.where(labels, "up", "down"), ""),
    "masked": lambda labels: np.ma.array(labels, mask=~KNOWN),
}


@pytest.mark.parametrize("mark", MARKED.values(), ids=MARKED)
def test_transformer_that_needs_labels_sees_frames_that_have_one(mark):
    y = [mark(LABELS[0]), *LABELS[1:]]
    if isinstance(y[0], np.ndarray) and y[0].dtype.kind == "U":
        y[1:] = [np.where(labels, "up", "down") for labels in y[1:]]
    found = Framewise(LinearDiscriminantAnalysis()).fit(VIDEOS, y).transformer_
    kept = KNOWN if y[0] is not None else np.zeros(30, dtype=bool)
    frames = np.concatenate([VIDEOS[0][kept], *VIDEOS[1:]])
    labels = np.concatenate([LABELS[0][kept], *LABELS[1:]])
    expected = LinearDiscriminantAnalysis().fit(frames, labels)
    assert_allclose(np.abs(found.coef_), np.abs(expected.coef_))
    assert len(found.classes_) == 2


class NeedsLabels(TransformerMixin, BaseEstimator):
    """Counts the frames and the labels that it is given in pieces."""

    def partial_fit(self, X, y):
        self.seen_ = [*getattr(self, "seen_", []), (len(X), y.tolist())]
        return self

    fit = partial_fit

    def transform(self, X):
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def test_pieces_are_the_frames_that_have_labels():
    framewise = Framewise(NeedsLabels())
    framewise.partial_fit(VIDEOS[:1], [np.where(KNOWN, LABELS[0], -1)])
    framewise.partial_fit(VIDEOS[1:], LABELS[1:])
    (first, labels), (second, _) = framewise.transformer_.seen_
    assert (first, second) == (20, sum(map(len, VIDEOS[1:])))
    assert labels == LABELS[0][KNOWN].tolist()


@pytest.mark.parametrize(
    "form", ["none", "stamps", "stamps of all", "rows of stamps", "segments", "a table"]
)
def test_transformer_that_needs_labels_refuses_what_has_none_of_frames(form):
    with pytest.raises(ValueError, match="one label for each of 30|no label of"):
        Framewise(LinearDiscriminantAnalysis()).fit(VIDEOS, PARTIAL[form])
    behind = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    with pytest.raises(ValueError, match="y is None"):  # as scikit-learn says it
        Framewise(behind).fit(VIDEOS, PARTIAL[form])


def test_labels_of_fewer_videos_are_refused():
    with pytest.raises(ValueError, match=r"labels of 3 video\(s\), or None"):
        Framewise(LinearDiscriminantAnalysis()).fit(VIDEOS, [LABELS[0], None])


@pytest.mark.parametrize(
    "transformer",
    [
        WhitenedViews(),
        make_union(WhitenedViews(), PCA(1)),
        make_pipeline(StandardScaler(), make_union(VideoStandardizer())),
        ColumnTransformer([("v", Interpolate(), [0])], remainder="passthrough"),
        ColumnTransformer([("s", StandardScaler(), [0])], remainder=Interpolate()),
    ],
)
def test_transformers_of_videos_are_not_given_frames_of_all(transformer):
    with pytest.raises(InvalidParameterError, match="must be one of frames, got"):
        Framewise(transformer).fit(VIDEOS)
    with pytest.raises(InvalidParameterError, match="in a Pipeline or a FeatureUnion"):
        ActionSegmenter(2, max_epochs=0, features=Framewise(transformer)).fit(VIDEOS)


def test_whether_videos_are_fitted_apart_is_as_in_fit():
    fitted = Framewise(StandardScaler()).fit(VIDEOS)
    before = fitted.transform(VIDEOS[0])
    fitted.set_params(per_video=True, transformer=MinMaxScaler())
    assert_array_equal(fitted.transform(VIDEOS[0]), before)
    assert_allclose(fitted.stream().push(VIDEOS[0]), before)
    assert fitted.fit(VIDEOS).transform(VIDEOS[0]).min() == 0
    assert not hasattr(fitted, "stream")
    in_parts = Framewise(StandardScaler()).partial_fit(VIDEOS)
    assert_allclose(in_parts.set_params(per_video=True).transform(VIDEOS[0]), before)


def test_columns_are_joined_where_gaps_are_closed_in_some():
    gappy = [video.copy() for video in VIDEOS]
    gappy[0][3:5, 0] = np.nan
    columns = [("i", SimpleImputer(), [0]), ("s", StandardScaler(), [1])]
    found = Framewise(ColumnTransformer(columns)).fit_transform(gappy)
    assert np.isfinite(np.concatenate(found)).all()
    others = [("i", SimpleImputer(), [1]), ("p", "passthrough", [0])]
    with pytest.raises(ValueError, match="leaves NaN in 2 of 30 frames"):
        ActionSegmenter(2, max_epochs=0, features=ColumnTransformer(others)).fit(gappy)
    behind = make_pipeline(ColumnTransformer(columns), PCA(1))
    with pytest.raises(ValueError, match="contains NaN in 2 of 30 frames"):
        Framewise(behind).fit(gappy)


def test_each_video_has_as_many_columns():
    unlike = [VIDEOS[0], VIDEOS[1].copy()]
    unlike[1][:, 0] = 1
    with pytest.raises(ValueError, match=r"^video 1: .* 4 feature\(s\) of it and 5"):
        Framewise(VarianceThreshold(), per_video=True).fit(unlike).transform(unlike)


class OwnScaler(StandardScaler):
    """Somebody's own, which inherits from one of scikit-learn."""


class OwnTransformer(TransformerMixin, BaseEstimator):
    """Somebody's own, of frames."""

    def fit(self, X, y=None):
        self.mean_ = np.asarray(X, dtype=float).mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


def test_transformers_of_frames_that_are_ones_own():
    short = [VIDEOS[0], VIDEOS[1][:20], VIDEOS[2]]
    models = [
        ActionSegmenter(2, max_epochs=0, random_state=0, features=features).fit(short)
        for features in (StandardScaler(), OwnScaler())
    ]
    for ours, theirs in zip(*[model.labels_ for model in models], strict=True):
        assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"pass Framewise\(OwnTransformer"):
        ActionSegmenter(2, max_epochs=0, features=OwnTransformer()).fit(short)
    wrapped = Framewise(OwnTransformer())
    ActionSegmenter(2, max_epochs=0, features=wrapped).fit(short)


def test_features_get_neither_labels_nor_names_of_columns():
    frames = [pd.DataFrame(video, columns=[*"abcde"]) for video in VIDEOS]
    named = ColumnTransformer([("s", StandardScaler(), ["b", "c"])])
    for features, lacking in [
        (named, "names of columns"),
        (LinearDiscriminantAnalysis(), "labels"),
        (make_pipeline(VideoStandardizer(), LinearDiscriminantAnalysis()), "labels"),
    ]:
        with pytest.raises(InvalidParameterError, match=f"features gets no {lacking}"):
            ActionSegmenter(2, max_epochs=0, features=features).fit(frames, LABELS)
    before = make_pipeline(Framewise(named), ActionSegmenter(2, max_epochs=0))
    assert before.fit(frames)[-1].n_features_in_ == 2


@pytest.mark.parametrize(
    "cls", [ActionSegmenter, JointAlignSegment, VideoStandardizer, WhitenedViews]
)
def test_videos_are_data_under_their_own_name(cls):
    assert not cls().get_metadata_routing()._serialize()
    model = VideoStandardizer()
    for ours, theirs in zip(
        model.fit_transform(videos=VIDEOS), model.fit_transform(VIDEOS), strict=True
    ):
        assert_array_equal(ours, theirs)


def test_what_comes_out_is_nobodys_own_array():
    whole = np.arange(6.0).reshape(3, 2)
    gappy = whole.copy()
    gappy[1, 0] = np.nan
    for found in Interpolate().fit_transform([whole, gappy]):
        found -= 1
    assert_array_equal(whole, np.arange(6.0).reshape(3, 2))


def test_pipeline_of_frames_and_a_segmenter_takes_labels_of_some_frames():
    y = [np.where(VIDEOS[0][:, 2] > 0, "a", "b"), None, None]
    pipeline = make_pipeline(
        Framewise(StandardScaler()), JointAlignSegment(max_epochs=0, random_state=0)
    ).fit(VIDEOS, y)
    assert_array_equal(pipeline[-1].classes_, ["a", "b"])
    assert_array_equal(pipeline[-1].labels_[0], y[0])


def test_per_video_refuses_transformers_that_need_labels():
    with pytest.raises(InvalidParameterError, match="must not require labels"):
        Framewise(TargetEncoder(), per_video=True).fit(VIDEOS, LABELS)


@pytest.mark.parametrize("transformer", [None, "scale", StandardScaler, TSNE()])
def test_what_is_no_transformer_is_refused(transformer):
    with pytest.raises(
        InvalidParameterError, match="transformer must be a transformer"
    ):
        Framewise(transformer).fit(VIDEOS)


def test_per_video_must_be_a_bool():
    with pytest.raises(InvalidParameterError, match="per_video must be one of"):
        Framewise(StandardScaler(), per_video="yes").fit(VIDEOS)


def test_imputer_takes_nan_and_names_the_video_of_infinity():
    video = VIDEOS[0].copy()
    video[3, 2] = np.nan
    result = Framewise(SimpleImputer()).fit_transform([video, VIDEOS[1]])
    assert np.isfinite(result[0]).all()
    with pytest.raises(ValueError, match="^video 1: Input X contains NaN"):
        Framewise(PCA()).fit([VIDEOS[1], video])
    video[3, 2] = np.inf
    with pytest.raises(ValueError, match="^video 1: Input X contains infinity"):
        Framewise(SimpleImputer()).fit([VIDEOS[1], video])


def test_sparse_results_become_dense():
    videos = [np.array([[0.0], [1.0]]), np.array([[2.0]])]
    result = Framewise(OneHotEncoder()).fit_transform(videos)
    assert_array_equal(np.concatenate(result), np.eye(3))


class FailingTransformer(BaseEstimator):
    def __init__(self, fail=None):
        self.fail = fail

    def fit(self, frames, y=None):
        if self.fail == "fit":
            raise KeyboardInterrupt
        self.fitted_ = True
        return self

    def transform(self, frames):
        if len(frames) == 20:
            return frames[:3] if self.fail == "rows" else frames[:, 0]
        return frames


@pytest.mark.parametrize("fail", ["rows", "axes"])
def test_transformer_that_loses_frames_is_reported_with_the_video(fail):
    framewise = Framewise(FailingTransformer(fail)).fit(VIDEOS)
    with pytest.raises(ValueError, match="^video 2: The wrapped transformer must"):
        framewise.transform(VIDEOS)


def test_failed_fit_leaves_the_old_state():
    framewise = Framewise(FailingTransformer()).fit(VIDEOS)
    before = dict(vars(framewise))
    framewise.transformer.fail = "fit"
    with pytest.raises(KeyboardInterrupt):
        framewise.fit(VIDEOS[0][:, :2])
    assert vars(framewise) == before


def test_video_standardizer_standardises_each_video_and_divides_by_the_width():
    for result, video in zip(
        VideoStandardizer().fit_transform(VIDEOS), VIDEOS, strict=True
    ):
        expected = StandardScaler().fit_transform(video) / np.sqrt(video.shape[1])
        assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
        assert result.dtype == np.float32


def test_errors_within_a_video_name_it():
    framewise = Framewise(PCA(3), per_video=True).fit(VIDEOS)
    with pytest.raises(ValueError, match="^video 1: n_components=3"):
        framewise.transform([VIDEOS[0], VIDEOS[1][:2]])


@pytest.mark.parametrize(
    "transformer", [Framewise(PCA(2)), VideoStandardizer(), WhitenedViews()]
)
def test_use_before_fit_is_an_error(transformer):
    for method in ("transform", "inverse_transform", "get_feature_names_out"):
        if hasattr(transformer, method):
            with pytest.raises(NotFittedError):
                getattr(transformer, method)(VIDEOS)


@pytest.mark.parametrize(
    "transformer",
    [Framewise(PCA(2)), Framewise(PCA(2), per_video=True), WhitenedViews()],
)
def test_refit_clone_and_pickle_give_the_same(transformer):
    fitted = clone(transformer).fit(VIDEOS)
    expected = fitted.transform(VIDEOS)
    again = clone(fitted).fit(make_videos(1, n_features=3)).fit(VIDEOS)
    for other in (again, clone(fitted).fit(VIDEOS), pickle.loads(pickle.dumps(fitted))):
        for result, video in zip(other.transform(VIDEOS), expected, strict=True):
            assert_array_equal(result, video)
    assert set(vars(again)) == set(vars(fitted))


# WhitenedViews


def reference_view(videos, view, smoothing, n_components):
    """Follow the definition by other means: full decompositions of pooled frames."""
    pooled = np.concatenate(videos)
    smooth = []
    for video in videos:
        over = video if view == "video" else pooled
        deviation = over.std(axis=0)
        standard = (video - over.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        sigma = smoothing * len(video)
        if sigma:
            standard = gaussian_filter1d(standard, sigma, axis=0, mode="nearest")
        smooth.append(standard)
    frames = np.concatenate(smooth)
    _, singular, directions = np.linalg.svd(frames, full_matrices=False)
    deviations = singular[:n_components, None] / np.sqrt(len(frames))
    return [video @ (directions[:n_components] / deviations).T for video in smooth]


def assert_same_up_to_sign(result, expected, **tolerance):
    signs = np.sign(np.sum(result * expected, axis=0))
    assert_allclose(result * signs, expected, **tolerance)


@pytest.mark.parametrize("view", ["video", "collection"])
@pytest.mark.parametrize("smoothing", [0, 0.05])
@pytest.mark.parametrize("lengths", [(30, 45, 20), (2, 1)])
def test_view_is_what_its_definition_says(view, smoothing, lengths):
    videos = make_videos(lengths=lengths)
    n_components = 3 if sum(lengths) > 5 else 1
    whitened = WhitenedViews(
        n_components=n_components, smoothing=smoothing, views=(view,)
    )
    result = whitened.fit_transform(videos)
    expected = reference_view(videos, view, smoothing, n_components)
    assert_same_up_to_sign(
        np.concatenate(result), np.concatenate(expected), rtol=1e-4, atol=1e-5
    )


def reference_motion(videos, smoothing, n_components):
    """Follow the definition of the view "motion" by other means: all frames at once."""
    pooled = np.concatenate(videos)
    varying = []
    for video in videos:
        standard = (video - pooled.mean(axis=0)) / pooled.std(axis=0)
        sigma = max(0.003 * len(video), 1)
        mean, square = (
            gaussian_filter1d(x, sigma, axis=0, mode="nearest")
            for x in (standard, standard**2)
        )
        varying.append(np.sqrt(np.maximum(square - mean**2, 0)))
    usual = np.concatenate(varying).mean(axis=0)
    logarithms = [np.log(0.1 + spread / usual) for spread in varying]
    frames = np.concatenate(logarithms)
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    frames = (frames - mean) / deviation
    _, singular, directions = np.linalg.svd(frames, full_matrices=False)
    deviations = singular[:n_components, None] / np.sqrt(len(frames))
    found = []
    for video in logarithms:
        white = (video - mean) / deviation @ (directions[:n_components] / deviations).T
        sigma = smoothing * len(video)
        if sigma:
            white = gaussian_filter1d(white, sigma, axis=0, mode="nearest")
        found.append(white)
    return found


@pytest.mark.parametrize("smoothing", [0, 0.05])
def test_motion_is_what_its_definition_says(smoothing):
    views = WhitenedViews(n_components=3, smoothing=smoothing, views=("motion",))
    result = np.concatenate(views.fit_transform(VIDEOS))
    expected = np.concatenate(reference_motion(VIDEOS, smoothing, 3))
    assert_same_up_to_sign(result, expected, rtol=1e-4, atol=1e-4)


def test_motion_of_long_videos_is_found_from_few_frames():
    rng = np.random.default_rng(0)
    videos = [
        rng.normal(size=(n, 2)) * np.repeat(rng.uniform(0.1, 2, (n // 100, 2)), 100, 0)
        for n in (2000, 1500)
    ]
    views = WhitenedViews(smoothing=0.02, views=("motion",)).fit(videos)
    expected = np.concatenate(reference_motion(videos, 0.02, 2))
    result = np.concatenate(views.transform(videos))
    assert_same_up_to_sign(result, expected, atol=0.2)  # between two frames, by lines
    assert not np.allclose(np.abs(result), np.abs(expected), atol=1e-3)
    # At these frames it is what the definition says.
    views.set_params(smoothing=0).fit(videos)
    expected = reference_motion(videos, 0, 2)[0]
    found = views.transform(videos)[0]
    seen = few_centres(2000, 0.003 * 2000)
    assert len(seen) == 667
    signs = np.sign(np.sum(found * expected, axis=0))
    assert_allclose((found * signs)[seen], expected[seen], atol=0.03)


@pytest.mark.parametrize(("smoothing", "reach"), [(0.02, 0.02), (0, 0.01)])
def test_motion_of_older_fits_reaches_as_far_as_it_did(smoothing, reach, monkeypatch):
    monkeypatch.setattr("skvas.preprocessing._whitened._REACH", reach)
    older = WhitenedViews(smoothing=smoothing, views=("motion",)).fit(VIDEOS)
    monkeypatch.undo()
    expected = older.transform(VIDEOS[0])
    del older.motion_reach_
    assert_array_equal(older.transform(VIDEOS[0]), expected)
    newer = clone(older).fit(VIDEOS)
    assert newer.motion_reach_ == newer.reach < reach


def test_motion_tells_shaking_from_rest_in_the_same_place():
    rng = np.random.default_rng(0)
    shakes = np.repeat([0, 1, 0, 1], 50)
    videos = [
        np.where(shakes, 1, 0.05)[:, None] * rng.normal(size=(200, 3)) for _ in range(3)
    ]
    views = WhitenedViews(n_components=1, views=("motion",)).fit(videos)
    found = views.transform(videos[0])[:, 0]
    assert abs(np.corrcoef(found, shakes)[0, 1]) > 0.9
    places = WhitenedViews(views=("collection",)).fit(videos).transform(videos[0])
    assert max(abs(np.corrcoef(p, shakes)[0, 1]) for p in places.T) < 0.5


def test_views_stand_side_by_side_in_their_order():
    both = WhitenedViews(views=("collection", "video")).fit(VIDEOS)
    names = both.get_feature_names_out()
    assert list(names[::5]) == ["collection0", "video0"]
    for start, view in ((0, "collection"), (5, "video")):
        alone = WhitenedViews(views=(view,)).fit_transform(VIDEOS)
        for result, video in zip(both.transform(VIDEOS), alone, strict=True):
            assert_allclose(result[:, start : start + 5], video, rtol=1e-5)


def test_components_are_white_and_float32():
    result = np.concatenate(WhitenedViews(n_components=3).fit_transform(VIDEOS))
    assert result.dtype == np.float32
    for view in (result[:, :3], result[:, 3:]):
        assert_allclose(view.T @ view / len(view), np.eye(3), atol=1e-5)


def test_without_whitening_frames_are_rotated():
    views = WhitenedViews(smoothing=0, views=("collection",), whiten=False)
    result = np.concatenate(views.fit_transform(VIDEOS))
    standard = StandardScaler().fit_transform(POOLED)
    assert_allclose(result @ result.T, standard @ standard.T, rtol=1e-4, atol=1e-4)
    assert_allclose((result**2).mean(axis=0), views.explained_variance_[0], rtol=1e-5)


@pytest.mark.parametrize("whiten", [True, False])
def test_offset_is_a_last_column_in_units_of_the_mean_length(whiten):
    plain = WhitenedViews(whiten=whiten).fit(VIDEOS)
    offset = WhitenedViews(whiten=whiten, offset=0.5).fit(VIDEOS)
    frames = np.concatenate(plain.transform(VIDEOS))
    result = np.concatenate(offset.transform(VIDEOS))
    assert_array_equal(result[:, :-1], frames)
    length = np.sqrt((frames**2).sum(axis=1).mean())
    assert_allclose(result[:, -1], 0.5 * length, rtol=1e-5)
    assert list(offset.get_feature_names_out()) == [
        *plain.get_feature_names_out(),
        "offset",
    ]


def test_video_view_forgets_what_sets_a_recording_apart():
    shifted = [3 * VIDEOS[0] + 100, *VIDEOS[1:]]
    views = WhitenedViews().fit(VIDEOS)
    before, after = views.transform(VIDEOS[0]), views.transform(shifted[0])
    assert_allclose(after[:, :5], before[:, :5], rtol=1e-3, atol=1e-4)
    assert np.abs(after[:, 5:] - before[:, 5:]).max() > 1


ALL_VIEWS = ("video", "collection", "motion")


@given(
    magnitude=st.sampled_from([1e-300, 1e-30, 1e-3, 1e3, 1e30, 1e300]),
    column=st.integers(0, 5),
)
def test_units_make_no_difference(magnitude, column):
    rescaled = [video.copy() for video in VIDEOS]
    for video in rescaled:
        if column == 5:
            video *= magnitude
        else:
            video[:, column] *= magnitude
    views = WhitenedViews(n_components=3, views=ALL_VIEWS)
    for result, expected in zip(
        views.fit_transform(rescaled), views.fit_transform(VIDEOS), strict=True
    ):
        assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


# Numbers that float32 holds exactly.
EXTREMES = np.float32([0, 1, -1, 0.1, 1e30, -1e30, 1e-30]).tolist()


@given(
    videos=st.integers(1, 4).flatmap(
        lambda n_features: st.lists(
            hnp.arrays(
                st.sampled_from([np.float32, np.float64]),
                st.tuples(st.integers(1, 12), st.just(n_features)),
                elements=st.sampled_from(EXTREMES),
            ),
            min_size=2,
            max_size=4,
        )
    ),
    smoothing=st.sampled_from([0, 0.01, 0.3, 1]),
)
def test_degenerate_videos_give_finite_components(videos, smoothing):
    views = WhitenedViews(smoothing=smoothing, views=ALL_VIEWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateFramesWarning)
        results = views.fit_transform(videos)
    for result, video in zip(results, videos, strict=True):
        assert result.shape == (len(video), len(views.get_feature_names_out()))
        assert np.isfinite(result).all()


def test_constant_features_contribute_nothing():
    padded = [np.insert(video, 2, 0.1, axis=1) for video in VIDEOS]
    views = WhitenedViews()
    assert views.fit(padded)._n_features_out == 10
    for result, expected in zip(
        views.fit_transform(padded), views.fit_transform(VIDEOS), strict=True
    ):
        assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_features_within_rounding_count_as_constant():
    video = np.repeat([[1e6, 0.0]], 50, axis=0).astype(np.float32)
    video[:, 1] = np.arange(50)
    video[::2, 0] = np.nextafter(video[0, 0], np.float32(np.inf))
    assert WhitenedViews(smoothing=0).fit(video)._n_features_out == 2


def test_repeated_features_give_no_further_components():
    doubled = [np.hstack([video, 2 * video]) for video in VIDEOS]
    views = WhitenedViews().fit(doubled)
    assert [len(components) for components in views.components_] == [5, 5]


def test_wide_frames_of_short_videos_are_multiplied_many_at_a_time():
    videos = [np.full((n, 3), n) for n in (2, 5, 1, 1, 9, 4)]
    blocks = [*_joined(iter(videos), 6)]
    assert [len(block) for block in blocks] == [7, 11, 4]
    assert_array_equal(np.concatenate(blocks), np.concatenate(videos))


def test_fewer_moments_of_motion_than_features_are_multiplied_with_each_other(
    monkeypatch,
):
    rng = np.random.RandomState(0)
    videos = [rng.standard_normal((n, 400)) for n in (100, 110, 120)]
    views = WhitenedViews(n_components=2, views=("motion",))
    usual = views.fit_transform(videos)
    monkeypatch.setattr("skvas.preprocessing._whitened._joined", _whole)
    assert_allclose(views.fit_transform(videos)[0], usual[0], atol=1e-5)
    monkeypatch.undo()
    monkeypatch.delattr("skvas.preprocessing._whitened.eigh")
    views.fit(videos)


def _whole(videos, least):
    """Yield many frames more, which are zero, so that features are fewer."""
    frames = np.concatenate([*videos])
    yield np.vstack([frames, np.zeros((least, frames.shape[1]))])


def test_equal_frames_give_zeros_and_one_warning():
    videos = [np.ones((4, 3)), np.ones((1, 3))]
    views = WhitenedViews()
    with pytest.warns(DegenerateFramesWarning, match="video, collection") as caught:
        views.fit(videos)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for result, video in zip(views.transform(videos), videos, strict=True):
        assert_array_equal(result, np.zeros((len(video), 2)))


def test_one_frame_is_zero_in_the_video_view():
    result = WhitenedViews().fit([*VIDEOS, VIDEOS[0][:1]]).transform(VIDEOS[1][:1])
    assert_array_equal(result[:, :5], np.zeros((1, 5)))
    assert np.abs(result[:, 5:]).min() > 0


def test_one_frame_in_all_is_not_enough():
    with pytest.raises(ValueError, match="n_samples = 1.* by WhitenedViews"):
        WhitenedViews().fit([VIDEOS[0][:1]])


def test_equal_videos_have_equal_components():
    results = WhitenedViews().fit_transform([VIDEOS[0], VIDEOS[1], VIDEOS[0]])
    assert_array_equal(results[0], results[2])


def test_companions_do_not_change_a_video():
    views = WhitenedViews().fit(VIDEOS)
    for result, video in zip(views.transform(VIDEOS), VIDEOS, strict=True):
        assert_array_equal(result, views.transform(video))


def test_order_of_videos_makes_no_difference():
    views = WhitenedViews()
    forth = views.fit(VIDEOS).transform(VIDEOS[0])
    back = views.fit(VIDEOS[::-1]).transform(VIDEOS[0])
    assert_allclose(forth, back, rtol=1e-4, atol=1e-5)


def test_sign_makes_the_largest_weight_positive():
    views = WhitenedViews().fit(VIDEOS)
    for components in views.components_:
        largest = np.abs(components).argmax(axis=1)
        assert (components[np.arange(len(components)), largest] > 0).all()


def test_sign_of_equal_weights_is_not_left_to_rounding():
    rng = np.random.default_rng(0)
    for _ in range(20):
        video = rng.normal(size=(30, 1)) + 0.3 * rng.normal(size=(30, 2))
        views = WhitenedViews(smoothing=0, views=("video",)).fit(video)
        (components,) = views.components_
        assert (components[:, 0] > 0).all()


@pytest.mark.parametrize("n_features", [40, 41])
def test_both_ways_to_the_directions_agree(n_features):
    """With 40 frames the covariance is used up to 40 features, then the frames."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40, 3)) * [5, 3, 2] @ rng.normal(size=(3, 41))
    video = (signal + 0.1 * rng.normal(size=(40, 41)))[:, :n_features]
    views = WhitenedViews(n_components=3, smoothing=0, views=("video",))
    result = views.fit_transform(video)
    expected = PCA(3, whiten=True).fit_transform(StandardScaler().fit_transform(video))
    expected *= np.sqrt(40 / 39)  # PCA counts one frame less
    assert_same_up_to_sign(result, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_frames", [159, 161, 2000])
def test_long_kernels_smooth_as_short_ones_do(n_frames):
    video = np.random.default_rng(0).normal(size=(n_frames, 2)).cumsum(axis=0)
    views = WhitenedViews(smoothing=0.1, views=("video",))
    expected = reference_view([video], "video", 0.1, 2)[0]
    assert_same_up_to_sign(views.fit_transform(video), expected, rtol=1e-4, atol=1e-5)


def test_float32_and_float64_agree():
    views = WhitenedViews()
    narrow = views.fit_transform([video.astype(np.float32) for video in VIDEOS])
    for result, expected in zip(narrow, views.fit_transform(VIDEOS), strict=True):
        assert_allclose(result, expected, rtol=1e-3, atol=1e-4)


def test_video_far_from_training_is_an_error_with_its_number():
    views = WhitenedViews().fit(VIDEOS)
    with pytest.raises(ValueError, match="^video 1: X is too far"):
        views.transform([VIDEOS[0], VIDEOS[0] * 1e300])
    tiny = WhitenedViews().fit([video * 1e-300 for video in VIDEOS])
    with pytest.raises(ValueError, match="^video 0: X is too far"):
        tiny.transform([VIDEOS[0] * 1e300])


def test_set_output_of_views_gives_data_frames():
    pytest.importorskip("pandas")
    views = WhitenedViews(n_components=1).set_output(transform="pandas")
    frames = views.fit_transform(VIDEOS)
    assert [list(frame.columns) for frame in frames] == [["video0", "collection0"]] * 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components must be an integer >= 1"),
        ({"n_components": 2.5}, "n_components must be an integer >= 1"),
        ({"smoothing": -0.1}, r"smoothing must be a finite number in \[0, 1\]"),
        ({"smoothing": np.nan}, "smoothing must be a finite number"),
        ({"offset": -1}, "offset must be a finite number >= 0"),
        ({"whiten": "yes"}, "whiten must be one of True, False"),
        ({"views": ()}, "views must be a tuple"),
        ({"views": "video"}, "views must be a tuple"),
        ({"views": ("video", "video")}, "views must be a tuple"),
        ({"views": ("video", "both")}, "views must be a tuple"),
    ],
)
def test_bad_parameters_are_refused_in_fit(parameters, message):
    views = WhitenedViews(**parameters)
    with pytest.raises(InvalidParameterError, match=message):
        views.fit(VIDEOS)
    assert not hasattr(views, "n_features_in_")


def test_failed_refit_leaves_the_old_state():
    views = WhitenedViews().fit(VIDEOS)
    before = dict(vars(views))
    with pytest.raises(ValueError, match="n_samples = 1"):
        views.fit(VIDEOS[0][:1, :2])
    assert vars(views) == before


def test_chains_of_both_take_lists_and_single_videos():
    chain = make_pipeline(Framewise(StandardScaler()), WhitenedViews(n_components=2))
    counts = collections.Counter(
        video.shape[1] for video in chain.fit_transform(VIDEOS)
    )
    assert counts == {4: 3}
    assert chain.transform(VIDEOS[0]).shape == (30, 4)


@pytest.mark.parametrize(
    ("transformer", "changed"),
    [
        (
            WhitenedViews(n_components=2),
            {"views": ("video",), "smoothing": 0.5, "whiten": False, "offset": 3.0},
        ),
        (WhitenedViews(causal=True), {"causal": False, "smoothing": 0.5}),
        (PoseFeatures("xyz"), {"scale": None, "velocity": False, "center": None}),
        (PoseFeatures("xyz", causal=True), {"causal": False, "max_gap": 0}),
        (Interpolate(2), {"max_gap": None}),
        (Interpolate(causal=True), {"causal": False}),
    ],
)
def test_parameters_that_are_set_after_fit_are_for_the_next_fit(transformer, changed):
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(n, 12)) for n in (40, 50)]
    if not isinstance(transformer, WhitenedViews):
        videos[0][5:9, 3:6] = np.nan
    fitted = clone(transformer).fit(videos)
    before, names = fitted.transform(videos), list(fitted.get_feature_names_out())
    again = pickle.loads(pickle.dumps(fitted.set_params(**changed)))
    for one in (fitted, again):
        for x, y in zip(before, one.transform(videos), strict=True):
            assert_array_equal(x, y)
        assert list(one.get_feature_names_out()) == names
        assert hasattr(one, "stream") == getattr(transformer, "causal", False)
    assert fitted.get_params() == clone(fitted).get_params()
    anew = clone(transformer).set_params(**changed).fit_transform(videos)
    assert_array_equal(fitted.fit_transform(videos)[0], anew[0])
    assert before[0].shape != anew[0].shape or not np.array_equal(
        before[0], anew[0], equal_nan=True
    )
