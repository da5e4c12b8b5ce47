import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from skvas.display import _style
from skvas.display._style import (
    CLOCK_STEPS,
    COLOURS,
    check_names,
    clock_step,
    colour,
    hatch,
    ink,
    scale_time,
)

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for
# simulation of color vision deficiency", 2009: complete deficiency, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colours):
    rgb = np.array([to_rgb(colour) for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Bjorn Ottosson's perceptual space."""
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(rgb, 0, 1) @ np.transpose(to_lms)) @ np.transpose(to_lab)


def closest(colours, vision):
    lab = oklab(np.clip(linear(colours) @ np.transpose(VISION[vision]), 0, 1))
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    return distance[np.triu_indices(len(colours), 1)].min()


@pytest.mark.parametrize("vision", VISION)
def test_twenty_colours_and_background_are_told_apart_by_all_eyes(vision):
    assert len(set(COLOURS)) == 20
    assert closest([*COLOURS, _style.BACKGROUND], vision) > 0.05
    # matplotlib's own twenty are not.
    assert closest(plt.get_cmap("tab20").colors, "deutan") < 0.02


def test_colours_start_again_with_another_hatch():
    assert colour(23) == colour(3)
    assert hatch(3, always=False) == ""
    assert hatch(23, always=False) not in ("", hatch(3, always=False))
    assert hatch(-1, always=True) == ""
    assert colour(-1) == _style.BACKGROUND


def test_hatches_of_neighbours_differ_where_asked_for():
    hatches = [hatch(code, always=True) for code in range(20)]
    assert all(a != b for a, b in zip(hatches, hatches[1:], strict=False))
    assert len({*hatches}) == 10  # enough for most data sets without colours
    assert len({(colour(k), hatch(k, always=True)) for k in range(200)}) == 200


@pytest.mark.parametrize("background", COLOURS)
def test_text_has_contrast_on_every_colour(background):
    fill, text = (
        (linear([name]) @ [0.2126, 0.7152, 0.0722]).item()
        for name in (background, ink(background))
    )
    contrast = (max(fill, text) + 0.05) / (min(fill, text) + 0.05)
    assert contrast > 4.5  # what WCAG asks of small text


def test_axis_counts_frames_seconds_or_minutes():
    axis = plt.figure().subplots().xaxis
    assert scale_time(axis, None, 500) == 1
    assert axis.get_label_text() == "frame"
    assert scale_time(axis, 25, 500, of="x") == pytest.approx(0.04)
    assert axis.get_label_text() == "time of x in s (25 frames/s)"
    scale_time(axis, 1, 500)
    assert axis.get_label_text() == "time in min:s (1 frames/s)"
    assert axis.get_major_formatter()(90, None) == "1:30"
    assert axis.get_major_formatter()(119.7, None) == "1:59.7"
    assert axis.get_major_formatter()(-5, None) == "-0:05"
    scale_time(axis, 1, 4000)
    assert axis.get_label_text() == "time in h:min:s (1 frames/s)"
    assert axis.get_major_formatter()(3599.9996, None) == "1:00:00"
    scale_time(axis, None, 500)
    assert axis.get_major_formatter()(90, 0) != "1:30"


@pytest.mark.parametrize(
    ("n_frames", "limits", "shown"),
    [
        (500, (0, 500), ["0:00", "2:00", "4:00", "6:00", "8:00"]),
        (
            500,
            (10, 11.2),
            ["0:10", "0:10.2", "0:10.4", "0:10.6", "0:10.8", "0:11", "0:11.2"],
        ),
        (7200, (0, 7200), ["0:00:00", "0:30:00", "1:00:00", "1:30:00", "2:00:00"]),
    ],
)
def test_ticks_are_round_minutes_and_seconds(n_frames, limits, shown):
    figure, ax = plt.subplots(figsize=(6.4, 4.8))
    scale_time(ax.xaxis, 1, n_frames)
    ax.set_xlim(limits)
    figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == shown
    figure.set_figwidth(2)
    figure.canvas.draw()
    assert 1 < len(ax.get_xticklabels()) < len(shown)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_ticks_of_frames_are_whole(n_frames):
    ax = plt.figure().subplots()
    scale_time(ax.xaxis, None, n_frames)
    ax.set_xlim(0, n_frames)
    assert all(tick == round(tick) for tick in ax.get_xticks())


def test_longest_step_is_for_all_longer_spans():
    assert clock_step(1e12, 5) == CLOCK_STEPS[-1]


def test_names_must_be_one_a_video():
    assert check_names(None, 2) == ["video 0", "video 1"]
    with pytest.raises(ValueError, match=r"names must be 3 name\(s\)"):
        check_names(["a", "b"], 3)
    with pytest.raises(ValueError, match="one for each video"):
        check_names("abc", 3)
