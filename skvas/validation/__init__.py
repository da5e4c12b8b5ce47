"""Checks of user input: videos, labels and parameters.

This package alone decides what skvas accepts as one video or as many.
"""

from skvas.validation._containers import (
    VIDEO_SUFFIXES,
    is_single_video,
    list_videos,
    media_type,
)
from skvas.validation._labels import (
    NO_NAMES,
    check_labels,
    is_missing,
    is_unlabelled,
    respell,
    without_marks,
)
from skvas.validation._naming import (
    are_same_names,
    find_respellings,
    forget_fit,
    name_key,
    naming,
    naming_video,
    spelled_as,
    unchanged_on_failure,
)
from skvas.validation._parameters import (
    TIME_UNITS,
    check_choice,
    check_fps,
    check_integer,
    check_media,
    check_memory,
    check_n_actions,
    check_path,
    check_random_state,
    check_real,
    check_seconds,
    check_time_column,
    refuse_text,
)
from skvas.validation._videos import (
    check_numbers,
    check_total_frames,
    check_video,
    check_videos,
    warn_of_second_video,
    warn_of_transposed,
)

__all__ = [
    "NO_NAMES",
    "TIME_UNITS",
    "VIDEO_SUFFIXES",
    "are_same_names",
    "check_choice",
    "check_fps",
    "check_integer",
    "check_labels",
    "check_media",
    "check_memory",
    "check_n_actions",
    "check_numbers",
    "check_path",
    "check_random_state",
    "check_real",
    "check_seconds",
    "check_time_column",
    "check_total_frames",
    "check_video",
    "check_videos",
    "find_respellings",
    "forget_fit",
    "is_missing",
    "is_single_video",
    "is_unlabelled",
    "list_videos",
    "media_type",
    "name_key",
    "naming",
    "naming_video",
    "refuse_text",
    "respell",
    "spelled_as",
    "unchanged_on_failure",
    "warn_of_second_video",
    "warn_of_transposed",
    "without_marks",
]
