"""Errors and warnings of skvas.

Each derives from a class of scikit-learn or Python, so that code without a reference to
skvas can catch or filter it.
"""

from __future__ import annotations

from sklearn.exceptions import ConvergenceWarning as _ConvergenceWarning

__all__ = [
    "CheckpointError",
    "CoarseAlignmentWarning",
    "CollapseWarning",
    "CompilationWarning",
    "ConvergenceWarning",
    "DegenerateFramesWarning",
    "FailedFilesWarning",
    "InvalidParameterError",
    "ModelFileError",
    "ModelVersionWarning",
    "RadiusWarning",
    "SpikesWarning",
    "UnlikeRecordingsWarning",
]


class InvalidParameterError(ValueError, TypeError):
    """A parameter has an invalid type or value.

    Examples
    --------
    >>> from skvas.validation import check_real
    >>> try:
    ...     check_real("eps", -1.0, low=0, low_open=True)
    ... except ValueError as error:
    ...     print(error)
    eps must be a finite number > 0, got -1.0.
    """


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to a different training run.

    Examples
    --------
    >>> import os
    >>> from skvas import Training, VideoAligner
    >>> from skvas.datasets import make_videos
    >>> from skvas.exceptions import CheckpointError
    >>> videos = make_videos(3, random_state=0).videos
    >>> try:
    ...     VideoAligner(training=Training(checkpoint=os.devnull)).fit(videos)
    ... except CheckpointError as error:
    ...     print(error)
    fit cannot resume from checkpoint='/dev/null': it is no regular file. ...
    """


class ModelFileError(ValueError):
    """A file is not a model file, is damaged, or has invalid content.

    Examples
    --------
    >>> import os
    >>> import skvas
    >>> from skvas.exceptions import ModelFileError
    >>> try:
    ...     skvas.load(os.devnull)
    ... except ModelFileError as error:
    ...     print(error)
    '/dev/null' cannot be loaded as a model: it is no regular file.
    """


class ModelVersionWarning(UserWarning):
    """A model file was written by a different version of skvas or scikit-learn.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import ModelVersionWarning
    >>> warnings.simplefilter("error", ModelVersionWarning)
    """


class ConvergenceWarning(_ConvergenceWarning):
    """A solver or a training run stopped before it reached its tolerance.

    Examples
    --------
    >>> import warnings
    >>> import sklearn.exceptions
    >>> from skvas.exceptions import ConvergenceWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
    ...     warnings.warn("2 of 9 problems are unfinished", ConvergenceWarning)
    """


class CoarseAlignmentWarning(UserWarning):
    """Videos were aligned coarse to fine because a full plan does not fit in memory.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import CoarseAlignmentWarning
    >>> warnings.simplefilter("ignore", CoarseAlignmentWarning)
    """


class CollapseWarning(UserWarning):
    """The embeddings of different frames have become nearly the same.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import CollapseWarning
    >>> warnings.simplefilter("error", CollapseWarning)
    """


class CompilationWarning(RuntimeWarning):
    """The solver could not be compiled and runs uncompiled.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import CompilationWarning
    >>> warnings.simplefilter("error", CompilationWarning)  # no slow runs
    >>> warnings.simplefilter("default", CompilationWarning)
    """


class RadiusWarning(UserWarning):
    """Rounding to whole frames changed the temporal radius considerably.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import RadiusWarning
    >>> warnings.simplefilter("ignore", RadiusWarning)
    """


class DegenerateFramesWarning(UserWarning):
    """Frames carry no information: they are all equal or zero.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import DegenerateFramesWarning
    >>> warnings.simplefilter("ignore", DegenerateFramesWarning)
    """


class UnlikeRecordingsWarning(UserWarning):
    """Recordings are unlike those of `fit`: what is said of them means little.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import UnlikeRecordingsWarning
    >>> warnings.simplefilter("ignore", UnlikeRecordingsWarning)
    """


class SpikesWarning(UserWarning):
    """Single values of recordings were absurdly far off, and were replaced.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import SpikesWarning
    >>> warnings.simplefilter("error", SpikesWarning)  # to look at them first
    """


class FailedFilesWarning(UserWarning):
    """Some files could not be labelled; the others were.

    Examples
    --------
    >>> import warnings
    >>> from skvas.exceptions import FailedFilesWarning
    >>> warnings.simplefilter("error", FailedFilesWarning)
    """
