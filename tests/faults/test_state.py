"""Faults, rows 33 to 50: processes, threads, seeds, refits and unfitted use."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvas import ActionSegmenter, Training
from skvas.preprocessing import SelectRelated
from skvas.validation import check_videos
from tests.models import (
    ESTIMATORS,
    assert_same_outputs,
    outputs,
    plain_params,
    quick,
    small_videos,
)

VIDEOS = small_videos()
NEW = small_videos(7)[5:]

every = pytest.mark.parametrize("cls", ESTIMATORS)


@pytest.fixture(scope="module")
def fitted():
    """One fitted estimator of each class, to be read only."""
    return {cls: quick(cls).fit(VIDEOS) for cls in ESTIMATORS}


def test_row_34_new_process_fits_the_same_models_bit_for_bit(fitted):
    script = """
        import sys
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(7)
        from tests.models import ESTIMATORS, outputs, quick, small_videos

        for cls in ESTIMATORS:
            estimator = quick(cls).fit(small_videos())
            for results in outputs(estimator, small_videos(7)[5:]).values():
                for result in results:
                    sys.stdout.write(result.tobytes().hex())
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        result.tobytes().hex()
        for cls in ESTIMATORS
        for results in outputs(fitted[cls], NEW).values()
        for result in results
    ]
    assert found.stdout == "".join(expected)


@every
def test_row_35_number_of_threads_does_not_change_the_labels(cls, fitted, monkeypatch):
    long = np.tile(NEW[0], (10, 1))
    expected = [fitted[cls].predict(long), *fitted[cls].predict(NEW)]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        estimator = quick(cls).fit(VIDEOS)
        for module in ("_threads", "_sinkhorn"):  # no work is too small to share
            monkeypatch.setattr(f"skvas.transport.{module}.SHARED_ENTRIES", 0)
        found = [estimator.predict(long), *estimator.predict(NEW)]
    finally:
        torch.set_num_threads(threads)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every
def test_row_37_many_threads_predict_on_one_estimator(cls, fitted):
    estimator = fitted[cls]
    before, expected = vars(estimator).copy(), estimator.predict(NEW)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(estimator.predict, [NEW] * 16))
    for found in results:
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())


@every
def test_row_38_fit_beside_predict_on_a_clone(cls, fitted):
    expected = outputs(fitted[cls], NEW)
    other = clone(fitted[cls])
    with ThreadPoolExecutor(2) as pool:
        fit = pool.submit(other.fit, VIDEOS)
        predict = pool.submit(outputs, fitted[cls], NEW)
        assert_same_outputs(predict.result(), expected)
        assert_same_outputs(outputs(fit.result(), NEW), expected)


@every
def test_row_47_copies_of_fitted_and_unfitted_estimators_load_on_a_cpu(
    cls, fitted, monkeypatch
):
    stored = pickle.dumps(copy.deepcopy(fitted[cls]).set_params(device="auto"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = pickle.loads(stored)
    assert_same_outputs(outputs(loaded, NEW), outputs(fitted[cls], NEW))
    unfitted = pickle.loads(pickle.dumps(quick(cls)))
    assert plain_params(unfitted) == plain_params(quick(cls))


@every
def test_row_48_use_before_fit(cls, tmp_path):
    estimator = quick(cls)
    for method in ("predict", "transform", "score", "predict_proba", "match"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError, match=cls.__name__):
                getattr(estimator, method)(NEW)
    others = {
        "get_feature_names_out": (),
        "summary": (),
        "save": (tmp_path / "model",),
        "stream": (),
        "embedder": (),
        "report": (NEW, tmp_path / "page.html"),
        "align": NEW,
        "name_actions": ({},),
        "to_table": (),
        "to_csv": (tmp_path / "table.csv",),
        "query": (),
    }
    for method, arguments in others.items():
        if hasattr(cls, method):
            with pytest.raises(NotFittedError, match=cls.__name__):
                getattr(estimator, method)(*arguments)
    assert list(tmp_path.iterdir()) == []


@every
def test_row_49_refit_with_other_dimensions_starts_clean(cls):
    estimator = quick(cls).fit(small_videos(4, n_features=7))
    estimator.fit(VIDEOS)
    assert estimator.n_features_in_ == 5
    fresh = quick(cls).fit(VIDEOS)
    assert vars(estimator).keys() == vars(fresh).keys()
    assert_same_outputs(outputs(estimator, NEW), outputs(fresh, NEW))
    with pytest.raises(ValueError, match="7 features"):
        estimator.predict(small_videos(4, n_features=7))


@every
def test_row_49_refit_without_names_forgets_the_names(cls):
    frames = [pd.DataFrame(video, columns=list("abcde")) for video in VIDEOS]
    estimator = quick(cls).fit(frames)
    assert hasattr(estimator, "feature_names_in_")
    estimator.fit(VIDEOS)
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    "features",
    [
        make_pipeline(StandardScaler(), PCA(2)),
        make_pipeline(SelectRelated(), "auto"),
        make_pipeline(StandardScaler(), "whitened"),
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_row_50_data_frames_stay_out_of_features(features, live):
    model = quick(ActionSegmenter, features=features, max_epochs=0)
    model.set_params(training=Training(live=live))
    expected = model.fit(VIDEOS).transform(VIDEOS)
    inside = clone(model)
    with config_context(transform_output="pandas"):
        inside.fit(VIDEOS)
        found = [fitted.transform(VIDEOS) for fitted in (inside, model)]
        if live:
            found.append([model.embedder().push(video) for video in VIDEOS])
    for embeddings in (*found, inside.transform(VIDEOS)):
        for mine, theirs in zip(embeddings, expected, strict=True):
            assert_allclose(mine, theirs, atol=1e-5)


@every
def test_row_50_settings_of_scikit_learn_are_obeyed(cls, fitted):
    with config_context(enable_metadata_routing=True):
        quick(cls).fit(VIDEOS).predict(NEW)
    for library in (pd, pytest.importorskip("polars")):
        with config_context(transform_output=library.__name__):
            frames = fitted[cls].transform(NEW)
        assert all(isinstance(frame, library.DataFrame) for frame in frames)
    expected = outputs(fitted[cls], NEW)
    with config_context(assume_finite=True):
        assert_same_outputs(outputs(fitted[cls], NEW), expected)
        broken = NEW[0].copy()
        broken[3] = np.nan
        check_videos(broken, estimator=fitted[cls], reset=False)  # is not looked for
