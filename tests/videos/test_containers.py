import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvas.exceptions import InvalidParameterError
from skvas.validation import check_videos, is_single_video
from skvas.videos._containers import VideoTransformerMixin, like_input, list_like_input

VIDEOS = [np.arange(12.0).reshape(4, 3), np.ones((2, 3)), np.zeros((4, 3))]


class Double(VideoTransformerMixin, BaseEstimator):
    """Doubles every frame, and predicts the number of each."""

    def fit(self, videos, y=None):
        check_videos(videos, estimator=self)
        return self

    def transform(self, videos):
        checked = check_videos(videos, estimator=self, reset=False)
        return self._wrap_output([2 * video for video in checked], videos)

    def predict(self, videos):
        checked = check_videos(videos, estimator=self, reset=False)
        numbers = [np.arange(len(video)) for video in checked]
        return like_input(numbers, is_single_video(videos))

    def get_feature_names_out(self, input_features=None):
        return np.array([f"double{i}" for i in range(self.n_features_in_)], object)


class Grandchild(Double):
    """Inherits, as a user's subclass does."""


class Nameless(VideoTransformerMixin, BaseEstimator):
    def fit(self, videos, y=None):
        return self

    def transform(self, videos):
        return self._wrap_output(check_videos(videos), videos)


@pytest.mark.parametrize("lengths", [(3, 3), (3, 5), (3,), (1, 1)])
def test_many_results_are_one_object_axis(lengths):
    results = [np.zeros(n) for n in lengths]
    mirrored = like_input(results, single=False)
    assert mirrored.dtype == object
    assert mirrored.shape == (len(lengths),)
    assert all(a is b for a, b in zip(mirrored, results, strict=True))


def test_results_of_two_axes_are_not_joined():
    assert like_input([np.zeros((3, 2)), np.zeros((3, 2))], single=False).shape == (2,)


def test_results_in_an_array_are_its_rows():
    assert [len(row) for row in like_input(np.zeros((2, 3)), single=False)] == [3, 3]


def test_one_result_is_itself():
    result = np.zeros(3)
    assert like_input([result], single=True) is result
    assert list_like_input([result], single=True) is result
    assert list_like_input([result], single=False) == [result]


def test_transform_mirrors_its_input():
    double = Double().fit(VIDEOS)
    assert_array_equal(double.transform(VIDEOS[0]), 2 * VIDEOS[0])
    for container in (
        VIDEOS,
        tuple(VIDEOS),
        [VIDEOS[0]],
        np.stack([VIDEOS[0]] * 2).tolist(),
    ):
        result = double.transform(container)
        assert isinstance(result, list)
        assert len(result) == len(container)
        assert_array_equal(result[0], 2 * VIDEOS[0])


@pytest.mark.parametrize("second", [VIDEOS[1], VIDEOS[2]])
def test_predictions_can_be_cross_validated(second):
    videos = [VIDEOS[0], second, VIDEOS[0], second]
    result = cross_val_predict(Double(), videos, cv=KFold(2))
    assert result.shape == (4,)
    assert_array_equal(result[1], np.arange(len(second)))


@pytest.mark.parametrize("kind", [Double, Grandchild])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_makes_one_data_frame_a_video(kind, library):
    module = pytest.importorskip(library)
    double = kind().set_output(transform=library).fit(VIDEOS)
    one = double.transform(VIDEOS[0])
    assert isinstance(one, module.DataFrame)
    assert list(one.columns) == ["double0", "double1", "double2"]
    for many in (double.transform(VIDEOS), double.fit_transform(VIDEOS)):
        assert isinstance(many, list)
        for frame, video in zip(many, VIDEOS, strict=True):
            assert isinstance(frame, module.DataFrame)
            assert_array_equal(frame.to_numpy(), 2 * video)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_row_50_global_setting_makes_data_frames(library):
    module = pytest.importorskip(library)
    double = Double().fit(VIDEOS)
    with sklearn.config_context(transform_output=library):
        assert isinstance(double.transform(VIDEOS[0]), module.DataFrame)
        assert isinstance(double.fit_transform(VIDEOS)[1], module.DataFrame)
    assert isinstance(double.transform(VIDEOS)[1], np.ndarray)


def test_own_setting_beats_the_global_one():
    pytest.importorskip("pandas")
    double = Double().fit(VIDEOS).set_output(transform="default")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(double.transform(VIDEOS[0]), np.ndarray)


def test_index_of_each_data_frame_is_kept():
    pandas = pytest.importorskip("pandas")
    frames = [
        pandas.DataFrame(video, columns=list("abc"), index=np.arange(len(video)) * 0.5)
        for video in VIDEOS
    ]
    double = Double().set_output(transform="pandas").fit(frames)
    for result, frame in zip(double.transform(frames), frames, strict=True):
        assert result.index.equals(frame.index)


def test_list_of_rows_has_no_index():
    pandas = pytest.importorskip("pandas")
    double = Double().set_output(transform="pandas").fit(VIDEOS)
    for result in (double.transform(VIDEOS[0].tolist()), double.transform(VIDEOS)[0]):
        assert result.index.equals(pandas.RangeIndex(4))


def test_clone_and_pickle_keep_the_setting():
    pandas = pytest.importorskip("pandas")
    double = Double().set_output(transform="pandas")
    for copy in (
        clone(double),
        clone(clone(double)),
        pickle.loads(pickle.dumps(double)),
    ):
        assert isinstance(copy.fit_transform(VIDEOS)[0], pandas.DataFrame)
    assert isinstance(clone(Double()).fit_transform(VIDEOS)[0], np.ndarray)


def test_none_changes_nothing():
    pandas = pytest.importorskip("pandas")
    double = Double().set_output(transform="pandas").set_output(transform=None)
    assert isinstance(double.fit_transform(VIDEOS)[0], pandas.DataFrame)


def test_pipeline_sets_the_output_of_its_steps():
    pandas = pytest.importorskip("pandas")
    pipeline = make_pipeline(Double(), Double()).set_output(transform="pandas")
    results = pipeline.fit_transform(VIDEOS)
    for result, video in zip(results, VIDEOS, strict=True):
        assert isinstance(result, pandas.DataFrame)
        assert_array_equal(result, 4 * video)


def test_lists_pass_through_a_function_transformer():
    pipeline = make_pipeline(FunctionTransformer(lambda videos: videos[:2]), Double())
    assert len(pipeline.fit_transform(VIDEOS)) == 2


def test_unknown_container_is_refused():
    with pytest.raises(InvalidParameterError, match="transform must be one of"):
        Double().set_output(transform="xarray")


def test_without_names_there_are_only_arrays():
    pytest.importorskip("pandas")
    assert not hasattr(Nameless(), "set_output")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(Nameless().fit_transform(VIDEOS)[0], np.ndarray)
