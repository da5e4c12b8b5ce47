"""Checks of estimators that take lists of videos, ours and those of other packages."""

from skvas.testing._estimators import (
    check_video_estimator,
    list_video_checks,
    parametrize_with_video_checks,
)

__all__ = [
    "check_video_estimator",
    "list_video_checks",
    "parametrize_with_video_checks",
]
