"""Structures: symmetric matrices over the frames of a sequence, in implicit form."""

from __future__ import annotations

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from skvas.transport._precision import full_precision
from skvas.transport._short import note_short

__all__ = ["Dense", "Distinct", "OutsideBand", "Structure", "TemporalBand", "Virtual"]

# Above this ratio of sequence length to window, the difference of two running sums
# loses too many digits of float32.
_FAR = 100
# Bytes of running sums along rows computed at a time, so that they stay in cache.
_PIECE = 1 << 19


class Structure(ABC):
    """A symmetric matrix over the frames of each sequence of a batch.

    The solver uses only the product of a structure with a plan. A new structure is a
    small subclass: `apply` computes the product, and `dense` is the explicit matrix,
    against which tests and the reference solver compare `apply`.

    Examples
    --------
    Neighbours on a circle, for periodic activities:

    >>> import torch
    >>> from skvas.transport import Structure
    >>> class Circle(Structure):
    ...     def apply(self, plan, dim):
    ...         return plan.roll(1, dim) + plan.roll(-1, dim)
    ...     def dense(self, size):
    ...         eye = torch.eye(size, dtype=torch.float64)
    ...         return (eye.roll(1, 0) + eye.roll(-1, 0))[None]
    ...     def largest(self):
    ...         return 2.0
    >>> Circle().apply(torch.eye(4)[None], dim=1)[0, 0]
    tensor([0., 1., 0., 1.])
    """

    @abstractmethod
    def apply(self, plan: Tensor, dim: int) -> Tensor:
        """Multiply `plan` by the structure along one of its two sequence axes.

        Parameters
        ----------
        plan : Tensor of shape (B, N, M)
            Exactly 0 at padded frames. It is not changed.
        dim : int
            1 multiplies along the rows (from the left), 2 along the columns.

        Returns
        -------
        Tensor of shape (B, N, M)
            A new tensor; its entries at padded frames are arbitrary.
        """

    @abstractmethod
    def dense(self, size: int) -> Tensor:
        """Return the explicit matrices, for tests and the reference solver.

        Parameters
        ----------
        size : int
            Length of the padded sequence axis.

        Returns
        -------
        Tensor of shape (B, size, size) or (1, size, size)
            In float64.
        """

    @abstractmethod
    def largest(self) -> float | Tensor:
        """Return an upper bound of the absolute value of an entry.

        Returns
        -------
        float or Tensor of shape (B,)
            One bound for all problems, or one for each.
        """

    def misfit(self, n_problems: int, size: int) -> str | None:
        """Tell why the structure is none of a batch of problems.

        The solver asks before it starts. Look at shapes only: values on a device would
        make it wait.

        Parameters
        ----------
        n_problems : int
            Number of problems.
        size : int
            Length of the padded sequence axis.

        Returns
        -------
        str or None
            Such as "2 sequences instead of 1"; None if it fits.
        """
        return None

    def take(self, index: Tensor) -> Structure:
        """Return the structure of a subset of the problems.

        Parameters
        ----------
        index : int64 Tensor of shape (S,)
            Indices of the problems to keep.

        Returns
        -------
        Structure
            The structure of these problems; `self` if all problems share one matrix.
        """
        return self

    def placed(self, plan: Tensor, dim: int) -> Structure:
        """Return the structure with its data on the device of a plan.

        The solver calls it before a loop on a GPU or a compiled loop. Data on the
        device is not copied again at each application. Values that differ between the
        problems of a batch must be tensors: numbers would become constants of the
        compiled code.

        Parameters
        ----------
        plan : Tensor of shape (B, N, M)
            Gives shape, type and device; its values are ignored.
        dim : int
            The axis along which the structure will be applied.

        Returns
        -------
        Structure
            The structure on the device; `self` if it has no such data.
        """
        return self

    def write(self, plan: Tensor, dim: int, out: Tensor) -> Tensor:
        """Do what `apply` does, into an existing tensor.

        Parameters
        ----------
        plan : Tensor of shape (B, N, M)
            Exactly 0 at padded frames. It may be overwritten.
        dim : int
            1 multiplies along the rows (from the left), 2 along the columns.
        out : Tensor of shape (B, N, M)
            Overwritten with the result; it shares no memory with `plan`.

        Returns
        -------
        Tensor of shape (B, N, M)
            `out`.
        """
        return out.copy_(self.apply(plan, dim))


class Weights(NamedTuple):
    """Weights of a frame's sums: over all frames, over its window, of itself alone."""

    total: float
    window: float
    itself: float


class _Banded(Structure):
    """What the two band structures share: one width for each problem."""

    def __init__(self, lengths: int | Sequence[int] | Tensor, radius: float) -> None:
        if not 0 < radius < 1:
            raise ValueError(f"radius must lie in (0, 1), got {radius!r}.")
        sizes = torch.as_tensor(lengths).cpu().reshape(-1)
        if sizes.is_floating_point() or (sizes < 0).any():
            raise ValueError(f"lengths must be numbers of frames, got {lengths!r}.")
        sizes = sizes.long()
        self.lengths = sizes
        self.radius = float(radius)
        # The tiny addend keeps 0.29 * 100 = 28.999999999999996 from losing a frame.
        spans = [radius * n + 1e-9 for n in sizes.tolist()]
        self.widths = [max(1, math.floor(span)) for span in spans]
        # Where the radius is less than half a frame: one frame stands in for it.
        self.short = [
            n > 0 and s < 0.5 for n, s in zip(sizes.tolist(), spans, strict=True)
        ]
        if any(self.short):
            note_short(self.radius, sizes[torch.tensor(self.short)].tolist())

    def misfit(self, n_problems: int, size: int) -> str | None:
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        if longest > size:  # fewer are real where frames are padded
            return f"{longest} frames instead of at most {size}"
        return _misfit(n_problems, len(self.lengths))

    def take(self, index: Tensor) -> Structure:
        if len(self.lengths) == 1:
            return self
        chosen = object.__new__(type(self))
        kept = index.cpu()
        chosen.lengths = self.lengths[kept]
        chosen.radius = self.radius
        chosen.widths = [self.widths[b] for b in kept.tolist()]
        chosen.short = [self.short[b] for b in kept.tolist()]
        return chosen

    @property
    @abstractmethod
    def weights(self) -> Weights:
        """What is added up for each frame."""

    def placed(self, plan: Tensor, dim: int) -> Structure:
        return _PlacedBand.of(self, plan, dim)

    def apply(self, plan: Tensor, dim: int) -> Tensor:
        with full_precision(plan.device):
            return self.write(plan.clone(), dim, torch.empty_like(plan))

    def _add_window(self, out: Tensor, plan: Tensor, dim: int, weight: float) -> Tensor:
        """Add the weighted sum over each frame's window, itself included, to `out`.

        `plan` may be overwritten.
        """
        if len(set(self.widths)) == 1:
            return _add_window(out, plan, self.widths[0], dim, weight)
        # Videos of one width that lie side by side are summed together.
        start = 0
        for width, members in itertools.groupby(self.widths):
            end = start + len(list(members))
            _add_window(out[start:end], plan[start:end], width, dim, weight)
            start = end
        return out

    def _near(self, size: int) -> Tensor:
        """Return where frames are neighbours and not the same, (B, size, size)."""
        i = torch.arange(size)
        gap = (i[:, None] - i[None, :]).abs()  # (size, size)
        widths = torch.tensor(self.widths)[:, None, None]
        return (gap >= 1) & (gap <= widths)


class _PlacedBand(Structure):
    """A band whose windows are tensors: any lengths take the same few operations.

    Parameters
    ----------
    band : Structure
        The band that it is.
    weights : Weights
        What is added up.
    last, before : int64 Tensor of shape (B, size) or (1, size)
        The last frame of each frame's window, and the one before its first.
    cut : bool Tensor of shape (B, size) or (1, size)
        Where no frame is before the window.
    dtype : torch.dtype
        Of the running sums.
    """

    def __init__(
        self,
        band: Structure,
        weights: Weights,
        last: Tensor,
        before: Tensor,
        cut: Tensor,
        dtype: torch.dtype,
    ) -> None:
        self.band = band
        self.weights = weights
        self.last = last
        self.before = before
        self.cut = cut
        self.dtype = dtype

    @classmethod
    def of(cls, band: _Banded, plan: Tensor, dim: int) -> Structure:
        """Place a band for plans like this one."""
        size = plan.shape[dim]
        dtype = _sum_dtype(plan, size, min(band.widths))
        widths = torch.tensor(band.widths)[:, None]
        widths = widths.to(plan.device, non_blocking=True)
        i = torch.arange(size, device=plan.device)
        before = i - widths - 1
        return cls(
            band,
            band.weights,
            (i + widths).clamp_max(size - 1),
            before.clamp_min(0),
            before < 0,
            torch.float64 if any(band.short) else dtype,
        )

    def apply(self, plan: Tensor, dim: int) -> Tensor:
        sums = plan.cumsum(dim, dtype=self.dtype)
        start = self._of_each_frame(self.before, sums, dim)
        start = start.masked_fill(self._along(self.cut, dim), 0.0)
        total, weight, _ = self.weights
        # Bands leave a frame itself out: before weights make what rounds off large.
        near = self._of_each_frame(self.last, sums, dim) - start - plan
        result = (weight * near).to(plan.dtype)
        if total:
            result = result + total * plan.sum(dim=dim, keepdim=True)
        return result

    def _of_each_frame(self, index: Tensor, sums: Tensor, dim: int) -> Tensor:
        return sums.gather(dim, self._along(index, dim).expand_as(sums))

    @staticmethod
    def _along(values: Tensor, dim: int) -> Tensor:
        return values.unsqueeze(3 - dim)

    def dense(self, size: int) -> Tensor:
        return self.band.dense(size)

    def largest(self) -> float | Tensor:
        return self.band.largest()


class TemporalBand(_Banded):
    r"""Link each frame with its neighbours in time: :math:`C_x` of both tasks.

    Entry (i, k) is :math:`1/r` for :math:`1 \le |i - k| \le \max(1, \lfloor rN
    \rfloor)`, else 0. `apply` is a sliding sum in O(N M), independent of the radius.

    Parameters
    ----------
    lengths : int, sequence of int or int Tensor of shape (B,)
        Number of real (unpadded) frames of each sequence; a single number applies to
        the whole batch.
    radius : float
        Half-width of the band as a fraction of the sequence's length, in (0, 1).

    Warns
    -----
    RadiusWarning
        If the radius is less than half a frame and a radius of one frame is used.

    References
    ----------
    .. [1] Xu and Gould, "Temporally Consistent Unbalanced Optimal Transport for
       Unsupervised Action Segmentation", CVPR 2024, section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import TemporalBand
    >>> TemporalBand(5, radius=0.2).apply(torch.eye(5)[None], dim=1)[0, 0]
    tensor([0., 5., 0., 0., 0.])
    """

    @property
    def weights(self) -> Weights:
        return Weights(0.0, 1 / self.radius, -1 / self.radius)

    def write(self, plan: Tensor, dim: int, out: Tensor) -> Tensor:
        if not any(self.short):
            torch.mul(plan, -1 / self.radius, out=out)
            return self._add_window(out, plan, dim, 1 / self.radius)
        # The weight of a short radius, more than there are frames, would make much of
        # what is rounded off where a frame is taken out of its window again.
        start = 0
        for (width, short), members in itertools.groupby(self._kinds(len(plan))):
            end = start + len(list(members))
            part, into = plan[start:end], out[start:end]
            if short:
                _write_neighbours(part, dim, into).mul_(1 / self.radius)
            else:
                torch.mul(part, -1 / self.radius, out=into)
                _add_window(into, part, width, dim, 1 / self.radius)
            start = end
        return out

    def _kinds(self, n_problems: int) -> list[tuple[int, bool]]:
        """Return the width of each problem's windows, and whether it is a stand-in."""
        kinds = list(zip(self.widths, self.short, strict=True))
        return kinds * n_problems if len(kinds) == 1 else kinds

    def dense(self, size: int) -> Tensor:
        return self._near(size).double() / self.radius

    def largest(self) -> float:
        return 1 / self.radius


class OutsideBand(_Banded):
    r"""Penalise pairs of frames far apart in time: :math:`C_y` of alignment.

    Entry (j, l) is 0 if :math:`1 \le |j - l| \le \max(1, \lfloor rM \rfloor)`, else 1;
    the diagonal is 1.

    Parameters
    ----------
    lengths : int, sequence of int or int Tensor of shape (B,)
        Number of real (unpadded) frames of each sequence; a single number applies to
        the whole batch.
    radius : float
        Half-width of the band as a fraction of the sequence's length, in (0, 1).

    Warns
    -----
    RadiusWarning
        If the radius is less than half a frame and a radius of one frame is used.

    References
    ----------
    .. [1] *Joint Self-Supervised Video Alignment and Action Segmentation*, ICCV 2025,
       section 3.2.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import OutsideBand
    >>> OutsideBand(5, radius=0.2).apply(torch.eye(5)[None], dim=2)[0, 0]
    tensor([1., 0., 1., 1., 1.])
    """

    @property
    def weights(self) -> Weights:
        return Weights(1.0, -1.0, 1.0)

    def write(self, plan: Tensor, dim: int, out: Tensor) -> Tensor:
        torch.add(plan, plan.sum(dim=dim, keepdim=True), out=out)
        return self._add_window(out, plan, dim, -1.0)

    def dense(self, size: int) -> Tensor:
        return 1 - self._near(size).double()

    def largest(self) -> float:
        return 1.0


class Distinct(Structure):
    r"""Penalise all pairs of different items equally: :math:`C_y` of segmentation.

    Entries are 0 on the diagonal and 1 elsewhere.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Distinct
    >>> Distinct().apply(torch.eye(3)[None], dim=2)[0, 0]
    tensor([0., 1., 1.])
    """

    def apply(self, plan: Tensor, dim: int) -> Tensor:
        return plan.sum(dim=dim, keepdim=True) - plan

    def write(self, plan: Tensor, dim: int, out: Tensor) -> Tensor:
        return out.copy_(plan.sum(dim=dim, keepdim=True)).sub_(plan)

    def dense(self, size: int) -> Tensor:
        return (1 - torch.eye(size, dtype=torch.float64))[None]

    def largest(self) -> float:
        return 1.0


class Dense(Structure):
    """Use an explicit symmetric matrix.

    `apply` is a matrix product in O(N^2 M).

    Parameters
    ----------
    matrix : Tensor of shape (N, N) or (B, N, N)
        Symmetric and finite.

    Raises
    ------
    TypeError
        If the matrix is no tensor.
    ValueError
        If it is not square, finite and symmetric.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Dense
    >>> Dense(torch.ones(2, 2)).apply(torch.eye(2)[None], dim=1)[0]
    tensor([[1., 1.],
            [1., 1.]])
    """

    def __init__(self, matrix: Tensor) -> None:
        if not isinstance(matrix, Tensor):
            raise TypeError(
                f"matrix must be a torch tensor, got {type(matrix).__name__}."
            )
        matrix = matrix[None] if matrix.ndim == 2 else matrix
        if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2]:
            raise ValueError(
                "matrix must have shape (N, N) or (B, N, N), got "
                f"{tuple(matrix.shape)}."
            )
        slack = 1e-6 * matrix.abs().max()
        sound = torch.isfinite(matrix) & ((matrix - matrix.mT).abs() <= slack)
        if not sound.all():
            raise ValueError("matrix must be finite and symmetric.")
        self.matrix = matrix

    def misfit(self, n_problems: int, size: int) -> str | None:
        n_matrices, n_frames, _ = self.matrix.shape
        if n_frames != size:
            return f"{n_frames} frames instead of {size}"
        return _misfit(n_problems, n_matrices)

    def apply(self, plan: Tensor, dim: int) -> Tensor:
        matrix = self.matrix.to(plan)
        with full_precision(plan.device):
            return matrix @ plan if dim == 1 else plan @ matrix

    def placed(self, plan: Tensor, dim: int) -> Structure:
        placed = object.__new__(type(self))
        placed.matrix = self.matrix.to(plan)
        return placed

    def dense(self, size: int) -> Tensor:
        return self.matrix.double().cpu()

    def largest(self) -> float | Tensor:
        return self.matrix.abs().amax(dim=(1, 2))

    def take(self, index: Tensor) -> Structure:
        if len(self.matrix) == 1:
            return self
        chosen = object.__new__(type(self))
        chosen.matrix = self.matrix[index]
        return chosen


class Virtual(Structure):
    """Prepend a virtual frame without neighbours to a structure.

    Parameters
    ----------
    structure : Structure
        The structure of frames 1, 2, ...; row and column 0 are zero.

    Examples
    --------
    >>> import torch
    >>> from skvas.transport import Distinct, Virtual
    >>> Virtual(Distinct()).apply(torch.eye(3)[None], dim=1)[0]
    tensor([[0., 0., 0.],
            [0., 0., 1.],
            [0., 1., 0.]])
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure

    def misfit(self, n_problems: int, size: int) -> str | None:
        return self.structure.misfit(n_problems, size - 1)

    def apply(self, plan: Tensor, dim: int) -> Tensor:
        real = plan.narrow(dim, 1, plan.shape[dim] - 1)
        applied = self.structure.apply(real, dim)
        return F.pad(applied, (0, 0, 1, 0) if dim == 1 else (1, 0))

    def placed(self, plan: Tensor, dim: int) -> Structure:
        real = plan.narrow(dim, 1, plan.shape[dim] - 1)
        return Virtual(self.structure.placed(real, dim))

    def write(self, plan: Tensor, dim: int, out: Tensor) -> Tensor:
        n_real = plan.shape[dim] - 1
        out.select(dim, 0).zero_()
        self.structure.write(
            plan.narrow(dim, 1, n_real), dim, out.narrow(dim, 1, n_real)
        )
        return out

    def dense(self, size: int) -> Tensor:
        return F.pad(self.structure.dense(size - 1), (1, 0, 1, 0))

    def largest(self) -> float | Tensor:
        return self.structure.largest()

    def take(self, index: Tensor) -> Structure:
        return Virtual(self.structure.take(index))


def _misfit(n_problems: int, found: int) -> str | None:
    """Tell of a structure of another number of sequences; one is shared by all."""
    if found in (1, n_problems):
        return None
    return f"{found} sequences instead of {n_problems}"


def _write_neighbours(x: Tensor, dim: int, out: Tensor) -> Tensor:
    """Write the sum of the frames before and after each along dim over `out`."""
    rest = x.shape[dim] - 1
    out.zero_()
    out.narrow(dim, 0, rest).add_(x.narrow(dim, 1, rest))
    out.narrow(dim, 1, rest).add_(x.narrow(dim, 0, rest))
    return out


def _add_window(out: Tensor, x: Tensor, width: int, dim: int, weight: float) -> Tensor:
    """Add `weight` times x summed over [i - width, i + width] along dim to `out`.

    The cost does not depend on the width. `x` may be overwritten.
    """
    size = x.shape[dim]
    dtype = _sum_dtype(x, size, width)
    width = min(width, size - 1)
    if x.is_cuda or (dim == 1 and (x.shape[1] < 16 or few_columns(x))):
        values, into = (x.mT, out.mT) if dim == 1 else (x, out)
        # From the zero before the frame before a window's first to its last.
        sums = F.pad(values.to(dtype), (width + 1, width)).cumsum_(2)
        into.add_(sums[..., -size:] - sums[..., :size], alpha=weight)
        return out
    if dim == 1:
        return _add_row_windows(out, x, width, weight)
    return _add_column_windows(out, x, width, weight, dtype)


def few_columns(x: Tensor) -> bool:
    """Tell whether running sums along rows are best made of whole columns.

    They are few enough to be copied, and rows are not too many for one sum.
    """
    return x.shape[2] <= 32 and x.shape[1] <= 10_000


def _sum_dtype(x: Tensor, size: int, width: int) -> torch.dtype:
    """Return the type that running sums over `size` frames of x need."""
    far = x.dtype == torch.float32 and size > _FAR * width
    return torch.float64 if far else x.dtype


def _add_differences(
    out: Tensor, sums: Tensor, width: int, dim: int, weight: float
) -> Tensor:
    """Add the differences of running sums over each window to `out`."""
    size = sums.shape[dim]
    rest = size - width
    out.narrow(dim, 0, rest).add_(sums.narrow(dim, width, rest), alpha=weight)
    if width:
        total = sums.narrow(dim, size - 1, 1)
        out.narrow(dim, rest, width).add_(total, alpha=weight)
    rest -= 1
    out.narrow(dim, width + 1, rest).sub_(sums.narrow(dim, 0, rest), alpha=weight)
    return out


def _add_column_windows(
    out: Tensor, x: Tensor, width: int, weight: float, dtype: torch.dtype
) -> Tensor:
    """Add windows along dim 2, some rows at a time, by differences of running sums.

    Rows are few enough to stay in cache. `x` is overwritten.
    """
    batch, n_rows, size = x.shape
    piece = max(32, _PIECE // (batch * size * dtype.itemsize))
    starts = range(0, n_rows, piece)
    if dtype == x.dtype:
        for start in starts:
            sums = x[:, start : start + piece].cumsum_(2)
            _add_differences(out[:, start : start + piece], sums, width, 2, weight)
        return out
    # Differences of longer numbers are taken before they are cut.
    shape = batch, min(piece, n_rows), width + 1 + size + width
    # Running sums from column width + 1 on, zeros before, the whole sum behind.
    padded = x.new_zeros(shape, dtype=dtype)
    for start in starts:
        part = x[:, start : start + piece]
        rows = padded[:, : part.shape[1]]
        sums = rows[:, :, width + 1 : width + 1 + size]
        torch.cumsum(sums.copy_(part), 2, out=sums)
        rows[:, :, width + 1 + size :] = sums[:, :, -1:]
        torch.sub(rows[:, :, 2 * width + 1 :], rows[:, :, :size], out=part)
        out[:, start : start + piece].add_(part, alpha=weight)
    return out


def _add_row_windows(out: Tensor, x: Tensor, width: int, weight: float) -> Tensor:
    """Add windows along dim 1 by running sums that begin anew in each block of rows.

    So no digits are lost over long sequences. `x` is overwritten.
    """
    size = x.shape[1]
    block = math.isqrt(size)
    n_blocks = size // block
    blocks, rest = _in_blocks(x, n_blocks, block)
    for before, rows in itertools.pairwise(blocks.unbind(dim=2)):
        rows += before
    rest.copy_(x.new_ones(rest.shape[1], rest.shape[1]).tril() @ rest)
    _add_differences(out, x, width, 1, weight)

    # What is left are the whole blocks between the ends of a window.
    cuts, inside = _blocks_inside(size, width, block)
    sums = inside.to(x.dtype) @ blocks[:, :, -1]
    blocks, rest = _in_blocks(out, n_blocks, block)
    wholes = sums.view(len(x), len(cuts) - 1, -1, x.shape[2]).unbind(dim=1)
    for (start, end), whole in zip(itertools.pairwise(cuts), wholes, strict=True):
        blocks[:, :, start:end].add_(whole[:, :n_blocks, None], alpha=weight)
        rest[:, start:end].add_(whole[:, n_blocks:], alpha=weight)
    return out


@functools.lru_cache(maxsize=16)
def _blocks_inside(size: int, width: int, block: int) -> tuple[list[int], Tensor]:
    """Tell which whole blocks lie between the ends of each row's window.

    They change at the same few rows of every block: those are returned, and from each
    of them on, for the rows of each block, where blocks are inside (cuts x blocks, B).
    """
    cuts = sorted({0, -width % block, (width + 1) % block, block})
    starts = torch.arange(0, size, block) + torch.tensor(cuts[:-1])[:, None]
    first = (starts - width - 1).clamp_min(0) // block
    last = (starts + width).clamp_max(size - 1) // block
    index = torch.arange(size // block)
    inside = (first[:, :, None] <= index) & (index < last[:, :, None])
    return cuts, inside.flatten(0, 1)


def _in_blocks(x: Tensor, n_blocks: int, block: int) -> tuple[Tensor, Tensor]:
    """View rows as whole blocks (B, n_blocks, block, M), and what rows are left."""
    whole = n_blocks * block
    return x[:, :whole].view(len(x), n_blocks, block, x.shape[2]), x[:, whole:]
