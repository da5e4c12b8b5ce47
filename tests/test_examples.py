"""Scripts of the gallery: what can be seen without running all of them."""

import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.model_selection import ParameterGrid

from skvas.display import SegmentationDisplay

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
every = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
# The colours of skvas.display, greys, black and white.
PALETTE = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"}


def test_every_example_has_its_place_in_the_gallery():
    pages = Path(__file__).parents[1] / "docs" / "pages.py"
    lessons = runpy.run_path(str(pages))["LESSONS"]
    stems = [file.stem.removeprefix("plot_") for file in EXAMPLES]
    assert sorted(lessons) == sorted(stems)


@every
def test_example_writes_its_pictures_and_says_where(file):
    code = file.read_text(encoding="utf-8")
    saved = f'save_figures("{file.stem.removeprefix("plot_")}")' in code
    assert saved or "figure.savefig(options.out" in code or "model.report(" in code
    assert re.search(r"print\(f.*written to", code)


@every
def test_example_has_one_palette_and_no_second_axis(file):
    code = file.read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9a-f]{6}", code)) <= PALETTE
    assert "twinx" not in code


@every
def test_titles_are_words(file):
    code = file.read_text(encoding="utf-8")
    titles = re.findall(r'(?:title=|set_title\()f?"([^"]*)"', code)
    assert not [title for title in titles if "_" in title or "=" in title]


@pytest.fixture
def drawn(monkeypatch):
    """Return the labels of each picture of segments, in the order of drawing."""
    labels, draw = [], SegmentationDisplay.from_predictions

    def draw_and_keep(true, predicted, **options):
        labels.append(predicted)
        return draw(true, predicted, **options)

    monkeypatch.setattr(SegmentationDisplay, "from_predictions", draw_and_keep)
    yield labels
    plt.close("all")


def run_cells(stem, *titles):
    """Run the cells of an example that have these titles, and return its names."""
    (file,) = [file for file in EXAMPLES if file.stem == stem]
    cells = file.read_text(encoding="utf-8").split("# %%\n")
    names = {}
    for title in titles:
        (cell,) = [cell for cell in cells if cell.startswith(f"# {title}\n")]
        exec(compile(cell, file, "exec"), names)
    return names


def test_more_structure_makes_fewer_segments(drawn):
    run_cells("plot_segmentation", "The recordings", "What the structure does")
    counts = [np.count_nonzero(np.diff(labels[0])) + 1 for labels in drawn]
    assert counts[0] > 2 * counts[1] > 4 * counts[2]


def test_segments_that_are_to_be_equal_parts_are(drawn):
    run_cells(
        "plot_looks_wrong",
        "Every recording has its own actions",
        "Segments are equal parts",
    )
    cuts = [np.flatnonzero(np.diff(labels)) / len(labels) for labels in drawn[2]]
    np.testing.assert_allclose(cuts, np.tile([0.25, 0.5, 0.75], (4, 1)), atol=0.06)


class Search:
    """A search whose score of a setting is the sum of its values."""

    best_params_ = None

    def __init__(self, estimator, grid, **options):
        sums = [sum(setting.values()) for setting in ParameterGrid(grid)]
        self.cv_results_ = {"mean_test_score": np.array(sums)}

    def fit(self, videos, labels, groups):
        return self


def test_scores_of_a_search_stand_at_their_settings(monkeypatch):
    monkeypatch.setattr("sklearn.model_selection.GridSearchCV", Search)
    monkeypatch.setattr(
        "sklearn.model_selection.cross_val_predict",
        lambda model, videos, **options: [np.zeros(len(v), int) for v in videos],
    )
    run_cells(
        "plot_pipeline",
        "A pipeline",
        "Segment people outside the training set",
        "Search",
        "The mean over the folds of each setting. `cv_results_` lists all weights for "
        "the first",
    )
    ax = plt.gcf().axes[0]
    columns, rows = (
        [float(label.get_text()) for label in labels]
        for labels in (ax.get_xticklabels(), ax.get_yticklabels())
    )
    for text in ax.texts:
        column, row = text.get_position()
        assert float(text.get_text()) == pytest.approx(columns[column] + rows[row])
    plt.close("all")


def test_long_videos_are_segmented_by_the_structure(monkeypatch):
    monkeypatch.setattr("skvas.JointAlignSegment.predict", lambda self, video: None)
    monkeypatch.setattr("skvas.metrics.mof", lambda true, predicted: 1.0)
    assert run_cells("plot_long_videos", "Segment")["model"].segment_on_ == "embedding"
