"""How precise positions are, on videos whose warps are known exactly."""

import numpy as np
import pytest

from skvas import VideoAligner
from skvas.datasets import make_videos


def error(times_x, times_y, partners):
    """Mean distance in time between frames and their (fractional) partners."""
    found = np.interp(partners, np.arange(len(times_y)), times_y)
    return np.abs(found - times_x).mean()


@pytest.mark.parametrize(
    ("noise", "n_frames"), [(0.2, (50, 80)), (0.5, (50, 80)), (0.5, (30, 120))]
)
def test_way_over_the_timeline_is_as_precise_as_alignment_of_pairs(noise, n_frames):
    by_pair, over_timeline, positions = [], [], []
    for seed in range(2):
        data = make_videos(
            8,
            n_actions=5,
            n_frames=n_frames,
            n_features=12,
            noise=noise,
            warp=0.5,
            random_state=seed,
        )
        model = VideoAligner(max_epochs=3, random_state=0, device="cpu")
        timeline = model.fit(data.videos).timeline_
        for i in range(8):
            j = (i + 3) % 8
            x, y, times = data.videos[i], data.videos[j], (data.times[i], data.times[j])
            found = model.align(x, y).matches_x
            kept = found >= 0
            by_pair.append(error(times[0][kept], times[1], found[kept]))
            over = model.align(i, j, via="timeline").matches_x
            kept = over >= 0
            over_timeline.append(error(times[0][kept], times[1], over[kept]))
            frames = timeline.from_timeline(timeline.positions_[i], y)
            positions.append(error(*times, frames))
    assert np.mean(over_timeline) <= 1.1 * np.mean(by_pair)
    # Positions between frames are more precise than frames.
    assert np.mean(positions) <= 1.1 * np.mean(by_pair)
