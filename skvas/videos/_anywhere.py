"""The nearest frames of all other videos, where pairs have little in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skvas.videos._frames import spread_frames

# Pairs of so many videos or more have few actions in common where labels of frames that
# are matched in pairs agree by less than this share of what those of the nearest frames
# of all other videos do, and these agree by as much. So many frames are matched so.
MANY, IN_PAIRS, ANYWHERE, MOST_FRAMES = 4, 0.45, 0.45, 4096


def nearest_anywhere(videos: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Match frames with the nearest ones of all other videos.

    Parameters
    ----------
    videos : sequence of float32 ndarray of shape (n_i, D)
        Unit frames of more than one video.

    Returns
    -------
    frames : int64 ndarray of shape (n,)
        Frames, at most 4096, numbered through all videos.
    nearest : int64 ndarray of shape (n,)
        The nearest of them that is of another video.
    """
    owners = np.repeat(np.arange(len(videos)), [len(video) for video in videos])
    some = spread_frames(len(owners), MOST_FRAMES)
    frames = np.concatenate(videos)[some]
    near = frames @ frames.T
    near[owners[some, None] == owners[some]] = -np.inf
    return some, some[near.argmax(axis=1)]


def is_clear_anywhere(in_pairs: float, anywhere: float) -> bool:
    """Tell whether labels agree with the nearest frames, and far less in pairs.

    Parameters
    ----------
    in_pairs, anywhere : float
        Adjusted mutual information of labels of matched frames.
    """
    return anywhere >= ANYWHERE and in_pairs < IN_PAIRS * anywhere
