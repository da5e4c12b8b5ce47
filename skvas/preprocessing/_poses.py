"""From poses to features that compare between recordings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._typing import Videos
from skvas.exceptions import InvalidParameterError
from skvas.preprocessing._gaps import close_gaps
from skvas.validation import (
    check_choice,
    check_integer,
    check_real,
    check_videos,
    is_single_video,
    list_videos,
    naming_video,
    unchanged_on_failure,
)
from skvas.videos._containers import VideoTransformerMixin

__all__ = ["PoseFeatures"]

# What the numbers of a point are: coordinates, and its confidence.
LAYOUTS = {"xy": (2, False), "xyc": (2, True), "xyz": (3, False), "xyzc": (3, True)}
# Share of points without a position, beyond which there is a warning.
MANY = 0.2


def _listed(points: Any) -> list[Any]:
    """Return positions of points as a list, empty if they are no sequence."""
    try:
        return [*points]
    except TypeError:
        return []


class PoseFeatures(VideoTransformerMixin, BaseEstimator):
    r"""Turn poses into features that compare between recordings.

    Points of low confidence are left out and short gaps interpolated. Each body is then
    placed at the origin (`center`), divided by its size (`scale`) and, if asked, turned
    to face one way (`turn`). Velocities stand beside the positions.

    Parameters
    ----------
    layout : {"auto", "xy", "xyz", "xyc", "xyzc"}, default="auto"
        What the numbers of a point are; c is a confidence in [0, 1]. "auto": of arrays
        of shape (n_frames, n_points, n_numbers) "xy" for 2 numbers, "xyz" for 3 and
        "xyzc" for 4; of arrays of shape (n_frames, n_features), as estimators pass
        poses to their `features`, "xyz" or "xy", whichever alone divides the number of
        features.
    n_bodies : int, default=1
        Number of bodies. The points of each stand one after another, as many for each.
        The vector from the first body to each other, in body sizes, is a feature too.
    min_confidence : float, default=0.5
        Points of a smaller confidence are left out. It matters where `layout` has one.
    max_gap : int, default=25
        Longest gap that is interpolated, in frames. In longer ones a point takes its
        mean position in the body.
    center : None, "mean" or sequence of int, default="mean"
        What is placed at the origin in each frame: the mean of all points, or of the
        points with these positions in a body, such as both hips. None: nothing moves.
    scale : {"recording", "frame"} or None, default="recording"
        What positions are divided by: the root mean square distance of points from
        the centre of the body, its median over a recording or that of each frame. None:
        nothing is scaled.
    turn : tuple of two int, default=None
        Turn each frame so that the direction from the first point of a body to the
        second, such as from hip to hip, is the first axis; in three dimensions about
        the axis `up`. None: nothing is turned.
    up : {0, 1, 2}, default=1
        The vertical axis of three-dimensional poses.
    velocity : bool, default=True
        Whether to add the velocity of each point relative to the centre, of the vectors
        between bodies and of the centre, in body sizes a frame.
    velocity_span : int, default=9
        Frames over which a velocity is measured: from ``velocity_span // 2`` frames
        before each to as many after it, fewer at the ends. 1: from it to the next.

    Attributes
    ----------
    layout_ : str
        What the numbers of a point are, "auto" resolved.
    n_points_ : int
        Number of points of a body.
    n_features_in_ : int
        Number of features seen in `fit`.

    See Also
    --------
    skvas.io.read_poses : Poses from files.
    Interpolate : Gaps of any features.

    Notes
    -----
    Every recording is transformed by itself; `fit` looks at shapes alone. A point that
    is never seen in a recording is at the centre.

    On the skeletons of UTKinect (20 recordings of ten actions and background), over
    three seeds of :class:`skvas.JointAlignSegment`, raw coordinates have an MoF of
    0.407, an F1 score of segments of 0.536 and an agreement of aligned frames of 0.660.
    With the defaults these are 0.430, 0.526 and 0.670; without velocities 0.383, 0.522
    and 0.655.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.preprocessing import PoseFeatures
    >>> rng = np.random.default_rng(0)
    >>> pose = rng.normal(size=(50, 17, 2))
    >>> near, far = PoseFeatures().fit_transform([pose, 3 * pose + [40.0, 7.0]])
    >>> near.shape, bool(np.allclose(near, far))
    ((50, 70), True)
    """

    closes_gaps = True

    def __init__(
        self,
        layout: str = "auto",
        *,
        n_bodies: int = 1,
        min_confidence: float = 0.5,
        max_gap: int = 25,
        center: Any = "mean",
        scale: str | None = "recording",
        turn: tuple[int, int] | None = None,
        up: int = 1,
        velocity: bool = True,
        velocity_span: int = 9,
    ) -> None:
        self.layout = layout
        self.n_bodies = n_bodies
        self.min_confidence = min_confidence
        self.max_gap = max_gap
        self.center = center
        self.scale = scale
        self.turn = turn
        self.up = up
        self.velocity = velocity
        self.velocity_span = velocity_span

    def fit(self, videos: Videos, y: Any = None) -> PoseFeatures:
        """Find out what the numbers of a point are.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_points, n_numbers), or a list of them
            Poses; or with the last two axes as one, (n_frames, n_features). A lone
            array must have two axes.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a video is not as described, or the numbers of a point
            cannot be told.
        """
        self._check_parameters()
        with unchanged_on_failure(self):
            items = list_videos(videos)
            checked = self._check_videos(videos, reset=True)
            n_features = checked[0].shape[1]
            self.layout_ = self._find_layout(np.shape(items[0]), n_features)
            n_axes, has_confidence = LAYOUTS[self.layout_]
            n_points, rest = divmod(n_features, n_axes + has_confidence)
            if rest or n_points % self.n_bodies:
                raise ValueError(
                    f"{n_features} features cannot be {self.layout_!r} of the same "
                    f"number of points for each of {self.n_bodies} bodies; give layout "
                    "and n_bodies."
                )
            self.n_points_ = n_points // self.n_bodies
            self._check_points()
            self._n_features_out = self._transform_one(checked[0][:1]).shape[1]
        return self

    def transform(self, videos: Videos) -> Any:
        """Turn the poses of each recording into features.

        Parameters
        ----------
        videos : array-like of shape (n_frames, n_points, n_numbers), or a list of them
            Poses like those of `fit`.

        Returns
        -------
        float32 ndarray of shape (n_frames, n_features_out), or list of them
            Positions of the points, one after another; then vectors between bodies;
            then velocities. One array for one recording, a list for many,
            :class:`skvas.Recordings` for such.

        Warns
        -----
        UserWarning
            If more than a fifth of the positions of a recording lie in gaps longer than
            `max_gap`.
        """
        check_is_fitted(self, "layout_")
        checked = self._check_videos(videos, reset=False)
        single = is_single_video(videos)
        results = []
        for index, video in enumerate(checked):
            where = f"video {index}: " if len(checked) > 1 else ""
            with naming_video(None if single else index):
                results.append(self._transform_one(video, where))
        return self._wrap_output(results, videos)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features pose0, pose1, ...

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str
            The names.
        """
        check_is_fitted(self, "layout_")
        return np.array([f"pose{i}" for i in range(self._n_features_out)], object)

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN is taken, and results are float32."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_videos(self, videos: Videos, reset: bool) -> list[np.ndarray]:
        return check_videos(
            videos, estimator=self, reset=reset, ensure_all_finite="allow-nan"
        )

    def _check_parameters(self) -> None:
        check_choice("layout", self.layout, ("auto", *LAYOUTS))
        check_integer("n_bodies", self.n_bodies, low=1)
        check_real("min_confidence", self.min_confidence, low=0, high=1)
        check_integer("max_gap", self.max_gap, low=0)
        check_choice("scale", self.scale, ("recording", "frame", None))
        check_integer("up", self.up, low=0, high=2)
        check_choice("velocity", self.velocity, (True, False))
        check_integer("velocity_span", self.velocity_span, low=1)
        if isinstance(self.center, str) or self.center is None:
            check_choice("center", self.center, ("mean", None))
        elif not _listed(self.center):
            raise InvalidParameterError(
                "center must be 'mean', None or positions of points, such as [0] or "
                f"[11, 12], got {self.center!r}."
            )
        if self.turn is not None and len(_listed(self.turn)) != 2:
            raise InvalidParameterError(
                f"turn must be two positions of points or None, got {self.turn!r}."
            )

    def _check_points(self) -> None:
        """Refuse positions of points that a body does not have."""
        chosen = (
            []
            if isinstance(self.center, str) or self.center is None
            else [*self.center]
        )
        for point in [*chosen, *(self.turn or ())]:
            check_integer("a point of center or turn", point, low=0)
            if point >= self.n_points_:
                raise InvalidParameterError(
                    f"center and turn must name points 0 to {self.n_points_ - 1}, got "
                    f"{point}."
                )

    def _find_layout(self, shape: tuple[int, ...], n_features: int) -> str:
        if self.layout != "auto":
            return self.layout
        if len(shape) == 3:
            by_width = {2: "xy", 3: "xyz", 4: "xyzc"}
            if shape[2] in by_width:
                return by_width[shape[2]]
            raise ValueError(f"layout must be given for {shape[2]} numbers a point.")
        fits = [k for k in (2, 3) if n_features % (k * self.n_bodies) == 0]
        if len(fits) != 1:
            raise ValueError(
                f"{n_features} features may be points of 2 or of 3 coordinates, or of "
                'neither: give layout="xy" or "xyz" (with a confidence "xyc" or '
                '"xyzc").'
            )
        return {2: "xy", 3: "xyz"}[fits[0]]

    def _transform_one(self, video: np.ndarray, where: str | None = None) -> np.ndarray:
        n_axes, has_confidence = LAYOUTS[self.layout_]
        width = n_axes + has_confidence
        points = video.astype(np.float64).reshape(len(video), -1, width)
        if has_confidence:
            unsure = ~(points[..., -1] >= self.min_confidence)
            points = points[..., :-1].copy()
            points[unsure] = np.nan
        flat = points.reshape(len(points), -1)
        if self.max_gap:
            flat = close_gaps(flat, self.max_gap)
        share = np.isnan(flat).mean()
        if share > MANY and where is not None:
            warnings.warn(
                f"{where}{share:.0%} of the positions are missing for longer than "
                f"max_gap={self.max_gap} frames, and take their means.",
                UserWarning,
                stacklevel=3,
            )
        bodies = np.split(flat.reshape(points.shape), self.n_bodies, axis=1)
        parts, centers = zip(*map(self._normalise, bodies), strict=True)
        first, size = centers[0], self._size(bodies[0])
        shapes = [part.reshape(len(video), -1) for part in parts]
        vectors = [other - first for other in centers[1:]]
        columns = [*shapes, *(vector / size for vector in vectors)]
        if self.velocity:
            columns += [self._differences(shape) for shape in shapes]
            # Of places over sizes, the change would hold that of the size as well.
            places = vectors if self.center is None else [*vectors, first]
            columns += [self._differences(place) / size for place in places]
        return np.hstack(columns).astype(np.float32)

    def _normalise(self, body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a body (N, J, C) at the origin, scaled and turned; and its centre."""
        center = self._center(body)
        placed = body if self.center is None else body - center[:, None]
        placed = placed / self._size(body)[..., None]
        if self.turn is not None:
            placed = self._turned(placed)
        seen = ~np.isnan(placed)
        total = np.where(seen, placed, 0.0).sum(axis=0)
        mean = total / np.maximum(seen.sum(axis=0), 1)
        return np.where(seen, placed, mean), center

    def _center(self, body: np.ndarray) -> np.ndarray:
        """Return the centre of a body in each frame, (N, C)."""
        whole = isinstance(self.center, str) or self.center is None
        chosen = body if whole else body[:, list(self.center)]
        seen = ~np.isnan(chosen)
        total = np.where(seen, chosen, 0.0).sum(axis=1)
        center = total / np.maximum(seen.sum(axis=1), 1)
        center[~seen.any(axis=1)] = np.nan
        return np.nan_to_num(close_gaps(center, None))

    def _size(self, body: np.ndarray) -> np.ndarray:
        """Return the size of a body in each frame, (N, 1)."""
        if self.scale is None:
            return np.ones((len(body), 1))
        offsets = body - self._center(body)[:, None]
        seen = ~np.isnan(offsets)
        squares = np.where(seen, offsets, 0.0) ** 2
        n_seen = np.maximum(seen.any(axis=2).sum(axis=1), 1)
        size = np.sqrt(squares.sum(axis=(1, 2)) / n_seen)
        known = size[size > 0]
        usual = np.median(known) if len(known) else 1.0
        if self.scale == "frame":
            return np.where(size > 0, size, usual)[:, None]
        return np.full((len(body), 1), usual)

    def _turned(self, placed: np.ndarray) -> np.ndarray:
        """Turn each frame so that one direction in the body is the first axis."""
        assert self.turn is not None
        plane = [axis for axis in range(placed.shape[2]) if axis != self.up]
        if placed.shape[2] == 2:
            plane = [0, 1]
        start, end = self.turn
        direction = (placed[:, end] - placed[:, start])[:, plane]  # (N, 2)
        direction = np.nan_to_num(close_gaps(direction, None))
        length = np.linalg.norm(direction, axis=1, keepdims=True)
        cos, sin = np.where(
            length > 0, direction / np.maximum(length, 1e-300), [1, 0]
        ).T
        turned = placed.copy()
        a, b = placed[..., plane[0]], placed[..., plane[1]]
        turned[..., plane[0]] = cos[:, None] * a + sin[:, None] * b
        turned[..., plane[1]] = cos[:, None] * b - sin[:, None] * a
        return turned

    def _differences(self, columns: np.ndarray) -> np.ndarray:
        """Return the change a frame, between as many frames before as after each."""
        at, half = np.arange(len(columns)), self.velocity_span // 2
        # A span of one frame reaches to the next, and from the last to the one before.
        before = np.clip(at - half, 0, max(len(columns) - 2, 0))
        after = np.minimum(at + max(half, 1), len(columns) - 1)
        steps = np.maximum(after - before, 1)[:, None]
        change: np.ndarray = (columns[after] - columns[before]) / steps
        return change
