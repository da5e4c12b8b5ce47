"""Scripts of the gallery: what can be seen without running them."""

import re
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
every = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
# The colours of skvas.display, greys, black and white.
PALETTE = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"}


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
