"""Checks of estimators for lists of videos, in skvas and in other packages."""

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
