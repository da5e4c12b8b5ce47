"""Bodies out of the numbers of their points: placed, scaled, turned, in motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from skvas.exceptions import ModelFileError
from skvas.preprocessing._gaps import close_gaps
from skvas.preprocessing._last_seen import LastSeen
from skvas.videos._stored import check_array, check_count, check_type

# What the numbers of a point are: coordinates, and its confidence.
LAYOUTS = {"xy": (2, False), "xyc": (2, True), "xyz": (3, False), "xyzc": (3, True)}
SCALES = ("recording", "frame", None)
# Cosine and sine of each frame, (n, 1).
Turn = tuple[np.ndarray, np.ndarray]
# How often shares and sizes are found in turn, each by the others.
TURNS = 10
# Mean offsets over mean absolute ones: below the first, as of bodies that turn around,
# they do not tell the place; from the second on they do.
STEADY = 0.6, 0.85
# Points that usually hold a smaller share of a body's squares do not tell its size.
LEAST_SHARE = 0.1


class Time(Protocol):
    """What one frame of a recording takes from others; `name` says for which column."""

    def close(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Return places (n, k), those that are missing (NaN) by others."""

    def fill(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Return places in a body (n, k), those that are missing (NaN) as usual."""

    def offsets(self, name: str, around: np.ndarray) -> np.ndarray:
        """Return where points usually are, seen from the mean of all, (n or 1, j, C).

        `around` has them seen from the mean of those that are there, (n, j, C). NaN is
        what is not known.
        """

    def shares(self, name: str, shares: np.ndarray) -> np.ndarray:
        """Return usual squares of points, over their mean in a body, (n or 1, j).

        `shares` has them over the mean of those that are there, (n, j). NaN is what is
        not known.
        """

    def usual_size(self, name: str, sizes: np.ndarray) -> np.ndarray:
        """Return the usual one of the sizes (n,) of a body, a number for each frame."""

    def change(self, name: str, columns: np.ndarray, span: int) -> np.ndarray:
        """Return the change of columns (n, k) in a frame, measured over a span."""


@dataclass(frozen=True)
class Bodies:
    """What is made of the points of bodies: parameters of `PoseFeatures`, resolved.

    Attributes
    ----------
    layout : {"xy", "xyz", "xyc", "xyzc"}
        What the numbers of a point are.
    n_points, n_bodies : int
        Points of a body, and bodies.
    min_confidence : float
        Points of a smaller confidence are missing.
    center : list of int, or None
        Points whose mean is placed at the origin.
    scale : {"recording", "frame"} or None
        What positions are divided by.
    turn : list of two int, or None
        The points whose direction becomes the first axis.
    up : int
        The vertical axis.
    velocity : bool
        Whether there are velocities.
    velocity_span : int
        Frames over which they are measured.
    """

    layout: str
    n_points: int
    n_bodies: int
    min_confidence: float
    center: list[int] | None
    scale: str | None
    turn: list[int] | None
    up: int
    velocity: bool
    velocity_span: int

    @property
    def n_features(self) -> int:
        """Number of features of a frame: the numbers of all points."""
        return self.n_bodies * self.n_points * sum(LAYOUTS[self.layout])

    def visible(self, frames: np.ndarray) -> np.ndarray:
        """Return the coordinates of all points, NaN where they are not sure.

        Parameters
        ----------
        frames : ndarray of shape (n, n_features)
            The numbers of all points.

        Returns
        -------
        float64 ndarray of shape (n, n_coordinates)
            A copy.
        """
        n_axes, has_confidence = LAYOUTS[self.layout]
        shape = len(frames), self.n_bodies * self.n_points, n_axes + has_confidence
        numbers = frames.astype(float).reshape(shape)
        points = numbers[..., :n_axes]
        if has_confidence:
            unsure = ~(numbers[..., -1] >= self.min_confidence)
            points = np.where(unsure[..., None], np.nan, points)
        return points.reshape(len(frames), shape[1] * n_axes)

    def describe(self, points: np.ndarray, time: Time) -> np.ndarray:
        """Return positions in bodies, vectors between them, and velocities.

        Parameters
        ----------
        points : float64 ndarray of shape (n, n_coordinates)
            Coordinates of all points, NaN where one is missing.
        time : Time
            What frames take from others.

        Returns
        -------
        float64 ndarray of shape (n, n_features_out)
        """
        n_axes, _ = LAYOUTS[self.layout]
        n, n_points = len(points), self.n_bodies * self.n_points
        parts = np.split(points.reshape(n, n_points, n_axes), self.n_bodies, axis=1)
        places, sizes, shapes, turns = [], [], [], []
        for i, body in enumerate(parts):
            chosen = body if self.center is None else body[:, self.center]
            place = time.close(f"place {i}", self._place(chosen, time, f"place {i}"))
            if np.isnan(place).any():  # others stand in before the chosen are seen
                place = np.where(np.isnan(place), _mean(body), place)
            offsets = body - place[:, None]
            size = self._size(offsets, time, f"size {i}")
            placed = offsets / size[..., None]
            turns.append(self._turn_of(placed, time, f"turn {i}"))
            placed = self._turned(placed, turns[i])
            columns = placed.reshape(n, self.n_points * n_axes)
            shape = time.fill(f"shape {i}", columns)
            if self.center is None:
                shape = shape + np.tile(place / size, self.n_points)
            shapes.append(shape)
            places.append(place)
            sizes.append(size)
        first, size, turn = places[0], sizes[0], turns[0]
        vectors = [other - first for other in places[1:]]
        seen = [self._turned(vector[:, None], turn)[:, 0] for vector in vectors]
        found = [*shapes, *(vector / size for vector in seen)]
        if self.velocity:
            span = self.velocity_span
            found += [
                time.change(f"change {i}", shape, span)
                for i, shape in enumerate(shapes)
            ]
            # Of places over sizes, the change would hold that of the size as well.
            moving = vectors if self.center is None else [*vectors, first]
            changes = [
                time.change(f"motion {i}", place, span)
                for i, place in enumerate(moving)
            ]
            found += [
                self._turned(change[:, None], turn)[:, 0] / size for change in changes
            ]
        return np.nan_to_num(np.hstack(found), nan=0.0)

    def _place(self, chosen: np.ndarray, time: Time, name: str) -> np.ndarray:
        """Return the mean of the chosen points (n, j, C) as if all were there, (n, C).

        NaN without any.
        """
        mean = _mean(chosen)
        usual = time.offsets(name, chosen - mean[:, None])
        place = _mean(chosen - usual)
        as_seen = _are_all(chosen, usual) | np.isnan(place)
        return np.where(as_seen, mean, place)

    def _size(self, offsets: np.ndarray, time: Time, name: str) -> np.ndarray:
        """Return what a body is divided by in each frame, (n, 1)."""
        if self.scale is None:
            return np.ones((len(offsets), 1))
        seen = ~np.isnan(offsets)
        known = np.where(seen, offsets, 0.0)
        # Over a power of two, which rounds nothing; squares are then in range.
        _, exponent = np.frexp(np.abs(known).max(axis=(1, 2)))
        squares = np.ldexp(known, -exponent[:, None, None]) ** 2
        there = seen.any(axis=2)
        mean = _sum(_sum(squares)) / np.maximum(there.sum(axis=1), 1)
        shares = _sum(squares.swapaxes(1, 2)) / np.where(mean > 0, mean, 1.0)[:, None]
        shares[~there | (mean == 0)[:, None]] = np.nan
        sizes = np.ldexp(np.sqrt(mean), exponent) * self._missed(shares, time, name)
        usual = time.usual_size(name, sizes)
        if self.scale == "frame":
            usual = np.where(sizes > 0, sizes, usual)
        return usual[:, None]

    def _missed(self, shares: np.ndarray, time: Time, name: str) -> np.ndarray:
        """Return what sizes are times those of the points that are there, (n,).

        0 where these do not tell.
        """
        usual = time.shares(name, shares)
        both = ~np.isnan(shares) & ~np.isnan(usual)
        found, expected = (
            _sum(np.where(both, part, 0.0))
            for part in (shares, np.broadcast_to(usual, shares.shape))
        )
        total = _sum(np.where(np.isnan(usual), 0.0, usual))
        tells = expected > LEAST_SHARE * total
        factor = np.sqrt(found / np.where(tells, expected, np.inf))
        as_seen = _are_all(shares, usual) | ~both.any(axis=1)
        return np.where(as_seen, 1.0, factor)

    def _turn_of(self, placed: np.ndarray, time: Time, name: str) -> Turn | None:
        """Return what turns one direction in the body to the first axis."""
        if self.turn is None:
            return None
        start, end = self.turn
        direction = (placed[:, end] - placed[:, start])[:, self._plane]  # (n, 2)
        direction = np.nan_to_num(time.close(name, direction), nan=0.0)
        length = np.hypot(*direction.T)[:, None]
        cos, sin = np.where(
            length > 0, direction / np.maximum(length, 1e-300), [1, 0]
        ).T
        return cos[:, None], sin[:, None]

    def _turned(self, points: np.ndarray, turn: Turn | None) -> np.ndarray:
        """Turn the points (n, j, C) of each frame."""
        if turn is None:
            return points
        (first, second), (cos, sin) = self._plane, turn
        a, b = points[..., first], points[..., second]
        turned = points.copy()
        turned[..., first] = cos * a + sin * b
        turned[..., second] = cos * b - sin * a
        return turned

    @property
    def _plane(self) -> list[int]:
        """The two axes in which bodies turn."""
        n_axes, _ = LAYOUTS[self.layout]
        return [0, 1] if n_axes == 2 else [axis for axis in range(3) if axis != self.up]


class Whole:
    """Frames of a recording that is there as a whole."""

    def close(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Close gaps by straight lines; what is never there is 0."""
        return np.nan_to_num(close_gaps(columns, None), nan=0.0)

    def fill(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Put the mean in gaps; what is never there is 0."""
        seen = ~np.isnan(columns)
        total = np.where(seen, columns, 0.0).sum(axis=0)
        return np.where(seen, columns, total / np.maximum(seen.sum(axis=0), 1))

    def offsets(self, name: str, around: np.ndarray) -> np.ndarray:
        """Return offsets that, with a place in each frame, fit points best.

        By least squares; those of points that are never seen together are not compared.
        """
        seen = ~np.isnan(around)
        usual = np.zeros(around.shape[1:])
        for axis in np.flatnonzero(~seen.all(axis=(0, 1))):
            there = seen[..., axis].astype(float)
            weights = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
            normal = np.diag(there.sum(axis=0)) - there.T @ weights
            total = np.where(seen[..., axis], around[..., axis], 0.0).sum(axis=0)
            inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
            usual[:, axis] = inverse @ total
        full = np.abs(around + _mean(np.where(seen, usual, np.nan))[:, None])
        lengths = np.where(seen, full, 0.0).sum(axis=0)
        steady = _steady(usual[None], (lengths / np.maximum(seen.sum(axis=0), 1))[None])
        return np.where(seen.any(axis=0), usual * steady, np.nan)

    def shares(self, name: str, shares: np.ndarray) -> np.ndarray:
        """Return shares that, with a size in each frame, fit squares, by turns."""
        seen = ~np.isnan(shares)
        usual = np.where(seen.any(axis=0), 1.0, np.nan)[None]
        if seen.all():
            return usual
        known, n_seen = np.where(seen, shares, 0.0), np.maximum(seen.sum(axis=0), 1)
        for _ in range(TURNS):
            expected = np.where(seen, usual, 0.0).sum(axis=1, keepdims=True)
            sizes = known.sum(axis=1, keepdims=True) / np.where(expected, expected, 1.0)
            parts = known / np.where(sizes > 0, sizes, 1.0)
            usual = np.where(np.isnan(usual), np.nan, parts.sum(axis=0) / n_seen)
            usual /= max(np.nanmean(usual), 1e-300) if seen.any() else 1.0
        return usual

    def usual_size(self, name: str, sizes: np.ndarray) -> np.ndarray:
        """Return the median of the sizes above 0."""
        known = sizes[sizes > 0]
        return np.full(len(sizes), np.median(known) if len(known) else 1.0)

    def change(self, name: str, columns: np.ndarray, span: int) -> np.ndarray:
        """Return the change between as many frames before as after each."""
        at, half = np.arange(len(columns)), span // 2
        # A span of one frame reaches to the next, and from the last to the one before.
        before = np.clip(at - half, 0, max(len(columns) - 2, 0))
        after = np.minimum(at + max(half, 1), len(columns) - 1)
        steps = np.maximum(after - before, 1)[:, None]
        change: np.ndarray = (columns[after] - columns[before]) / steps
        return change


class MeanOfAll:
    """Mean of the rows up to each that lack none of the numbers seen until then.

    Parameters
    ----------
    width : int
        Numbers of a row.
    """

    def __init__(self, width: int) -> None:
        self.total, self.n = np.zeros(width), np.zeros(width)
        self.seen = np.zeros(width, bool)

    def push(self, rows: np.ndarray) -> np.ndarray:
        """Return the mean at each of the next rows; NaN of numbers that it lacks."""
        seen = ~np.isnan(rows)
        until = np.logical_or.accumulate(np.vstack([self.seen, seen]))
        shown = seen.any(axis=1) & (seen == until[1:]).all(axis=1)
        at = np.flatnonzero(shown)
        # With another number the mean is of other rows, and starts anew.
        numbers = np.vstack([self.n > 0, seen[at]])
        starts = at[(numbers[1:] != numbers[:-1]).any(axis=1)]
        parts = []
        for part in np.split(np.arange(len(rows)), starts):
            if part.size and part[0] in starts:
                self.total, self.n = np.zeros_like(self.total), np.zeros_like(self.n)
            used = shown[part, None] & seen[part]
            kept = np.where(used, rows[part], 0.0)
            totals = np.cumsum(np.vstack([self.total, kept]), axis=0)
            counts = np.cumsum(np.vstack([self.n, used]), axis=0)
            self.total, self.n = totals[-1].copy(), counts[-1].copy()
            mean = totals[1:] / np.maximum(counts[1:], 1)
            parts.append(np.where(counts[1:] > 0, mean, np.nan))
        self.seen = until[-1].copy()
        return np.concatenate(parts)

    def state(self) -> list[Any]:
        """Return what was seen, as arrays."""
        return [self.total, self.n, self.seen]

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned; a file may hold anything."""
        shape = self.total.shape
        total, n, seen = state
        self.total = check_array("total", total, shape, np.float64)
        self.n = check_array("n", n, shape, np.float64, low=0)
        self.seen = check_array("seen", seen, shape, np.bool_)


class Passing:
    """Frames of a recording as they come: each takes from those before it alone."""

    def __init__(self) -> None:
        self._last: dict[str, np.ndarray] = {}
        self._seen: dict[str, LastSeen] = {}
        self._usual: dict[str, MeanOfAll] = {}
        self._sizes: dict[str, tuple[float, int]] = {}
        self._past: dict[str, np.ndarray] = {}

    def close(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Hold the last row that is there; NaN before the first."""
        last = self._last.get(name, np.full(columns.shape[1], np.nan))
        rows = np.vstack([last, columns])
        at = np.where(np.isnan(rows).any(axis=1), 0, np.arange(len(rows)))
        closed: np.ndarray = rows[np.maximum.accumulate(at)]
        self._last[name] = closed[-1].copy()
        return closed[1:]

    def fill(self, name: str, columns: np.ndarray) -> np.ndarray:
        """Put the last number into gaps, more and more the mean up to then.

        What was not seen yet is 0, and NaN as long as nothing at all was seen.
        """
        seen = self._seen.setdefault(name, LastSeen(columns.shape[1]))
        some = ~np.isnan(columns).all(axis=1)
        has_begun = np.logical_or.accumulate(some) | bool(seen.n_seen.any())
        filled = columns.copy()
        seen.complete(filled)
        filled[~has_begun] = np.nan
        return filled

    def offsets(self, name: str, around: np.ndarray) -> np.ndarray:
        """Return the mean offsets of the frames up to then that showed all points."""
        usual = self._mean_of_all(name, around)
        lengths = self._mean_of_all(f"{name} lengths", np.abs(around))
        return usual * _steady(usual, lengths)

    def shares(self, name: str, shares: np.ndarray) -> np.ndarray:
        """Return the mean shares of the frames up to then that showed all points."""
        return self._mean_of_all(name, shares)

    def _mean_of_all(self, name: str, rows: np.ndarray) -> np.ndarray:
        flat = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
        mean = self._usual.setdefault(name, MeanOfAll(flat.shape[1]))
        return mean.push(flat).reshape(rows.shape)

    def usual_size(self, name: str, sizes: np.ndarray) -> np.ndarray:
        """Return the geometric mean of the sizes above 0 up to each frame.

        That of numbers would be lost for good where a point is misplaced far away.
        """
        total, n = self._sizes.get(name, (0.0, 0))
        logs = np.log(np.where(sizes > 0, sizes, 1.0))
        totals = np.cumsum(np.append(total, logs))
        counts = np.cumsum(np.append(n, sizes > 0))
        self._sizes[name] = float(totals[-1]), int(counts[-1])
        return np.exp(totals / np.maximum(counts, 1))[1:]

    def change(self, name: str, columns: np.ndarray, span: int) -> np.ndarray:
        """Return the change from as many frames before; 0 before anything is seen."""
        reach = max(2 * (span // 2), 1)
        past = self._past.get(name, np.zeros((0, columns.shape[1])))
        known = ~np.isnan(columns).any(axis=1)
        start = int(known.argmax()) if known.any() else len(known)
        rows = np.vstack([past, columns[start:]])
        at = np.arange(len(rows))
        before = np.maximum(at - reach, 0)
        change = np.zeros_like(columns)
        steps = np.maximum(at - before, 1)[:, None]
        change[start:] = ((rows - rows[before]) / steps)[len(past) :]
        self._past[name] = rows[-reach:]
        return change

    def state(self) -> dict[str, Any]:
        """Return what was seen, as numbers and arrays."""
        known = {n: row for n, row in self._last.items() if not np.isnan(row).any()}
        return {
            "last": known,
            "seen": {name: seen.state() for name, seen in self._seen.items()},
            "usual": {name: mean.state() for name, mean in self._usual.items()},
            "sizes": {name: [*pair] for name, pair in self._sizes.items()},
            "past": {n: rows for n, rows in self._past.items() if len(rows)},
        }

    def restore(self, state: Any, like: Passing) -> None:
        """Go on from what `state` has returned; a file may hold anything.

        Parameters
        ----------
        state : object
            What the file holds.
        like : Passing
            One that has seen a frame: it has the names, and the widths.
        """
        last, seen, sizes, past = (
            state[part] for part in ("last", "seen", "sizes", "past")
        )
        for name, row in last.items():
            shape = like._last[name].shape
            self._last[name] = check_array(name, row, shape, np.float64)
        for name, parts in seen.items():
            self._seen[name] = LastSeen(len(like._seen[name].last))
            self._seen[name].restore(parts)
        for name, parts in state.get("usual", {}).items():  # younger than streams
            self._usual[name] = MeanOfAll(len(like._usual[name].total))
            self._usual[name].restore(parts)
        for name, (total, n) in sizes.items():
            is_number = np.isfinite(check_type(name, total, float))
            if name not in like._sizes or not is_number:
                raise ModelFileError("the sizes of bodies are not as a stream has them")
            self._sizes[name] = total, check_count(name, n)
        for name, rows in past.items():
            shape = (None, like._past[name].shape[1])
            self._past[name] = check_array(name, rows, shape, np.float64)


class PoseStream:
    """Turn the poses of a recording into features as they come.

    Parameters
    ----------
    bodies : Bodies
        What is made of the points.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self._time = Passing()

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the features of the next frames.

        Parameters
        ----------
        frames : ndarray of shape (n_frames, n_features)
            Numbers of all points, NaN where one is missing.

        Returns
        -------
        float64 ndarray of shape (n_frames, n_features_out)
            Without NaN: missing points are guessed from earlier frames.
        """
        return self.describe(self.bodies.visible(frames))

    def describe(self, points: np.ndarray) -> np.ndarray:
        """Return what `push` does, of what `Bodies.visible` makes of the frames."""
        return self.bodies.describe(points, self._time)

    def state(self) -> dict[str, Any]:
        """Return what was seen, as numbers and arrays.

        Returns
        -------
        dict of str to object
        """
        return self._time.state()

    def restore(self, state: Any) -> None:
        """Go on from what `state` has returned.

        Parameters
        ----------
        state : object
            What the file holds.
        """
        like = PoseStream(self.bodies)
        like.push(np.zeros((1, self.bodies.n_features)))
        self._time = Passing()
        self._time.restore(state, like._time)


def _sum(columns: np.ndarray) -> np.ndarray:
    """Return the sum of each row, its columns added one after the other.

    Sums by `sum` are rounded otherwise where there are more rows.
    """
    total: np.ndarray = np.cumsum(columns, axis=1)[:, -1]
    return total


def _mean(points: np.ndarray) -> np.ndarray:
    """Return the mean of the points (n, j, C) that are there; NaN without any."""
    seen = ~np.isnan(points)
    total, n = _sum(np.where(seen, points, 0.0)), seen.sum(axis=1)
    mean: np.ndarray = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return mean


def _are_all(points: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Tell in which frames those points (n, j, ...) are there of which one knows."""
    there: np.ndarray = (np.isnan(points) == np.isnan(usual)).all(axis=1)
    return there


def _steady(usual: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return how far mean offsets (n, j, C) tell a place, from 0 to 1, (n, 1, C).

    `lengths` are the means of absolute offsets.
    """
    total, whole = _sum(np.abs(np.nan_to_num(usual))), _sum(np.nan_to_num(lengths))
    share = total / np.where(whole > 0, whole, 1.0)
    low, high = STEADY
    return np.clip((share - low) / (high - low), 0, 1)[:, None]
