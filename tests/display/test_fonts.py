"""Letters that the usual font lacks."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import font_manager

from skvas.display import SegmentationDisplay
from skvas.display._fonts import complete_fonts

LABELS = [np.repeat([0, 1], 20)]


@pytest.fixture(autouse=True)
def with_the_fonts_of_matplotlib(monkeypatch):
    """Other fonts differ from machine to machine."""
    manager = font_manager.fontManager
    ours = [font for font in manager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(manager, "ttflist", ours)
    yield
    plt.close("all")


def draw(names):
    return SegmentationDisplay.from_predictions(
        None, LABELS, action_names=names, names=["\u10df"]
    )


def family_of(text):
    return font_manager.FontProperties(family=text.get_fontfamily()).get_family()


def test_letters_come_from_another_font_that_has_them():
    with plt.rc_context({"font.family": ["STIXGeneral"]}):  # it has no Georgian
        display = draw(["\u10d3\u10d0", "no"])
        display.figure_.canvas.draw()  # an error where a letter is lacking
    shown = {text.get_text(): text for text in display.ax_.findobj(plt.Text)}
    assert family_of(shown["\u10d3\u10d0"])[0] == "STIXGeneral"
    assert len(family_of(shown["\u10d3\u10d0"])) == 2
    assert len(family_of(shown["\u10df"])) == 2
    assert family_of(shown["no"]) == ["STIXGeneral"]


def test_fonts_that_have_all_letters_stay():
    before = plt.Text(text="x").get_fontfamily()
    display = draw(["\u00e9", "b"])
    assert all(t.get_fontfamily() == before for t in display.ax_.findobj(plt.Text))


def test_letters_that_no_font_has_are_named_once_with_a_font_to_install():
    ax = plt.figure().add_subplot()
    for text in ("\u8336", "\u8336x", "\u0915", "\ufe0f"):
        ax.text(0, 0, text)
    complete_fonts(ax, quiet=True)
    with pytest.warns(UserWarning, match="'\u0915', '\u8336': boxes") as caught:
        complete_fonts(ax)
    (warning,) = caught
    assert "Noto Sans Devanagari and Noto Sans CJK, and delete" in str(warning.message)
    ax.set_title("\U0001faa3")
    with pytest.warns(UserWarning, match="such as Noto Sans Devanagari and Noto Sans"):
        complete_fonts(ax)
    other = plt.figure().add_subplot()
    other.set_title("\U0001faa3")
    with pytest.warns(UserWarning, match="such as Noto Emoji,"):
        complete_fonts(ax.figure.add_subplot(), [other])


def test_fonts_that_are_gone_are_passed_over(monkeypatch):
    manager = font_manager.fontManager
    gone = font_manager.FontEntry(fname="/no/such.ttf", name="A Sans", weight=400)
    monkeypatch.setattr(manager, "ttflist", [gone, *manager.ttflist])
    with plt.rc_context({"font.family": ["No Such Font", "STIXGeneral"]}):
        text = plt.figure().add_subplot().set_title("\u10d3")
        complete_fonts(text.axes)
    assert "DejaVu Sans" in text.get_fontfamily()[-1]


def test_texts_of_tex_are_left_to_it():
    text = plt.figure().add_subplot().set_title("\u8336", usetex=True)
    complete_fonts(text.axes)
    assert len(text.get_fontfamily()) == 1
