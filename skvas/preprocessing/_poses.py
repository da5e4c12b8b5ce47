"""From poses to features that compare between recordings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvas._printing import levels_to_user
from skvas._typing import Self, Videos
from skvas.exceptions import InvalidParameterError
from skvas.preprocessing._bodies import (
    LAYOUTS,
    SCALES,
    Bodies,
    Passing,
    PoseStream,
    Whole,
)
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
from skvas.videos._containers import VideoTransformerMixin, available
from skvas.videos._frames import to_float32

__all__ = ["PoseFeatures"]

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
        points with these positions in a body, such as both hips. While some of them are
        missing, it is guessed from the others (see Notes). None: nothing moves.
    scale : {"recording", "frame"} or None, default="recording"
        What positions are divided by: the root mean square distance of points from
        the centre of the body, its median over a recording or that of each frame. None:
        nothing is scaled.
    turn : tuple of two int, default=None
        Turn each body, in its place, so that the direction from its first point to its
        second, such as from hip to hip, is the first axis; in three dimensions about
        the axis `up`. Vectors between bodies and the velocity of the centre are turned
        as the first body is. None: nothing is turned.
    up : {0, 1, 2}, default=1
        The vertical axis of three-dimensional poses.
    velocity : bool, default=True
        Whether to add the velocity of each point relative to the centre, of the vectors
        between bodies and of the centre, in body sizes a frame.
    velocity_span : int, default=9
        Frames over which a velocity is measured: from ``velocity_span // 2`` frames
        before each to as many after it, fewer at the ends. 1: from it to the next.
    causal : bool, default=False
        Whether features of a frame depend on no later frame, for
        ``Training(live=True)`` and `stream`. A recording's size is then the geometric
        mean up to each frame, and a velocity that from as many frames before. No gap is
        interpolated: a point that is missing goes from where it was seen last in the
        body to its mean place up to then, as exp(-age / 15 frames).

    Attributes
    ----------
    layout_ : str
        What the numbers of a point are, "auto" resolved.
    n_points_ : int
        Number of points of a body.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the videos were data frames with string names.

    See Also
    --------
    skvas.io.read_poses : Poses from files.
    Interpolate : Gaps of any features.

    Notes
    -----
    Every recording is transformed by itself; `fit` looks at shapes alone. A point that
    is never seen in a recording is at the centre of the body.

    The centre of a frame that lacks some of its points is the mean of the others less
    their usual offsets from the centre of all. These are fitted to the recording, or
    with `causal` are their means over the frames up to then that showed all points seen
    so far; without such frames they are 0. They count less along axes in which they
    change much, such as those of animals that turn around below a camera. The size of a
    frame is found likewise, by the usual share of the points that it shows.

    On the skeletons of UTKinect (20 recordings of ten actions and background), over
    three seeds of :class:`skvas.JointAlignSegment`, raw coordinates have an MoF of
    0.406, an F1 score of segments of 0.535 and an agreement of aligned frames of 0.664.
    With the defaults these are 0.432, 0.521 and 0.677; without velocities 0.382, 0.521
    and 0.656.

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
    layout_: str
    n_points_: int

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
        causal: bool = False,
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
        self.causal = causal

    def fit(self, videos: Videos, y: Any = None) -> Self:
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
            self._note_parameters()
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

        Raises
        ------
        ValueError, TypeError
            If a video is not as described, or its features are too large for float32;
            names it.

        Warns
        -----
        UserWarning
            If more than a fifth of the positions of a recording lie in gaps longer than
            `max_gap`.
        """
        check_is_fitted(self, "layout_")
        checked = self._check_videos(videos, reset=False)
        single, fitted = is_single_video(videos), self._as_fitted()
        results = []
        for index, video in enumerate(checked):
            where = f"video {index}: " if len(checked) > 1 else ""
            with naming_video(None if single else index):
                results.append(fitted._transform_one(video, where))
        return self._wrap_output(results, videos)

    @available(lambda self: self._as_fitted().causal)
    def stream(self) -> PoseStream:
        """Return what transforms the frames of a recording as they come.

        Available if `causal`.

        Returns
        -------
        PoseStream
            Its method `push` takes frames, (n_frames, n_features), and returns their
            features, float64: in pieces of any size the same, bit for bit.
        """
        check_is_fitted(self, "layout_")
        return PoseStream(find_bodies(self._as_fitted()))

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
        check_choice("scale", self.scale, SCALES)
        check_integer("up", self.up, low=0, high=2)
        check_choice("velocity", self.velocity, (True, False))
        check_integer("velocity_span", self.velocity_span, low=1)
        check_choice("causal", self.causal, (True, False))
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
        bodies = find_bodies(self)
        points = bodies.visible(video)
        if self.max_gap and not self.causal:
            points = close_gaps(points, self.max_gap)
        share = np.isnan(points).mean()
        if share > MANY and where is not None:
            longer = f" for longer than max_gap={self.max_gap} frames"
            instead = "are guessed" if self.causal else "take their means"
            warnings.warn(
                f"{where}{share:.0%} of the positions are missing"
                f"{'' if self.causal else longer}, and {instead}.",
                UserWarning,
                stacklevel=levels_to_user(),
            )
        time = Passing() if self.causal else Whole()
        with np.errstate(over="ignore"):
            cast, _ = to_float32(bodies.describe(points, time))
        return cast


def find_bodies(poses: PoseFeatures) -> Bodies:
    """Return the parameters of a fitted transformer of poses, resolved."""
    whole = isinstance(poses.center, str)  # "mean"
    points = range(poses.n_points_) if whole else poses.center
    return Bodies(
        poses.layout_,
        poses.n_points_,
        int(poses.n_bodies),
        float(poses.min_confidence),
        None if points is None else [int(point) for point in points],
        poses.scale,
        None if poses.turn is None else [int(point) for point in poses.turn],
        int(poses.up),
        bool(poses.velocity),
        int(poses.velocity_span),
    )
