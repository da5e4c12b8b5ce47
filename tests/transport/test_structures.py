"""Structures against their dense forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvas.exceptions import RadiusWarning
from skvas.transport import (
    Dense,
    Distinct,
    OutsideBand,
    TemporalBand,
    Virtual,
    structures,
)
from skvas.transport._threads import spare_threads
from tests.strategies import band, mask, seeds, tensor

BANDS = [TemporalBand, OutsideBand]
lengths = st.lists(st.integers(1, 90), min_size=1, max_size=4)
radii = st.floats(0.005, 0.995)


def masked(seed, lengths, other, dim, size):
    """Draw plans that are 0 at padded frames along `dim`, (B, N, M)."""
    plan = tensor(seed, len(lengths), size, other)
    plan = plan * mask(lengths, size)[:, :, None]
    return plan if dim == 1 else plan.mT.contiguous()


def by_matrix(structure, plan, dim):
    matrix = structure.dense(plan.shape[dim]).to(plan)
    return matrix @ plan if dim == 1 else plan @ matrix


def assert_equals_dense(structure, plan, dim, lengths):
    found, expected = structure.apply(plan, dim), by_matrix(structure, plan, dim)
    real = mask(lengths, plan.shape[dim])
    real = real[:, :, None] if dim == 1 else real[:, None, :]
    torch.testing.assert_close(found * real, expected * real, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cls", BANDS)
@given(lengths, radii, st.integers(0, 5), st.integers(1, 4), seeds)
def test_band_equals_its_dense_form(cls, dim, lengths, radius, padding, other, seed):
    structure = band(cls, lengths, radius)
    plan = masked(seed, lengths, other, dim, max(lengths) + padding)
    assert_equals_dense(structure, plan, dim, lengths)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cls", BANDS)
@given(lengths, radii, st.integers(0, 3), st.integers(1, 3), seeds)
def test_virtual_frame_equals_its_dense_form(
    cls, dim, lengths, radius, padding, other, seed
):
    structure = Virtual(band(cls, lengths, radius))
    lengths = [n + 1 for n in lengths]
    plan = masked(seed, lengths, other, dim, max(lengths) + padding)
    assert_equals_dense(structure, plan, dim, lengths)
    assert (structure.apply(plan, dim).select(dim, 0) == 0).all()


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cls", BANDS)
@pytest.mark.parametrize("virtual", [False, True])
@given(lengths, radii, st.integers(0, 5), st.integers(1, 4), seeds)
def test_placed_band_equals_its_dense_form(
    virtual, cls, dim, lengths, radius, padding, other, seed
):
    structure = band(cls, lengths, radius)
    if virtual:
        structure, lengths = Virtual(structure), [n + 1 for n in lengths]
    plan = masked(seed, lengths, other, dim, max(lengths) + padding)
    placed = structure.placed(plan, dim)
    assert_equals_dense(placed, plan, dim, lengths)
    assert torch.equal(placed.dense(90), structure.dense(90))
    assert placed.largest() == structure.largest()


def test_placed_matrix_is_of_the_type_of_plans():
    plan = tensor(0, 1, 4, 3, dtype=torch.float32)
    matrix = Dense(torch.eye(4, dtype=torch.float64))
    placed = matrix.placed(plan, 1)
    assert placed.matrix.dtype == torch.float32
    assert torch.equal(placed.apply(plan, 1), plan)


@pytest.mark.parametrize("dim", [1, 2])
@given(lengths, st.integers(1, 3), seeds)
def test_distinct_equals_its_dense_form(dim, lengths, other, seed):
    plan = masked(seed, lengths, other, dim, max(lengths))
    assert_equals_dense(Distinct(), plan, dim, lengths)


@pytest.mark.parametrize("dim", [1, 2])
@given(st.integers(1, 20), st.integers(1, 3), st.booleans(), seeds)
def test_dense_multiplies_by_its_matrix(dim, size, batch, shared, seed):
    matrix = tensor(seed, 1 if shared else batch, size, size, low=-1)
    matrix = matrix + matrix.mT
    plan = masked(seed, [size] * batch, 2, dim, size)
    product = matrix @ plan if dim == 1 else plan @ matrix
    torch.testing.assert_close(Dense(matrix).apply(plan, dim), product)


@given(st.integers(1, 200), radii)
def test_radius_is_floored_and_at_least_one_frame(length, radius):
    (width,) = band(TemporalBand, length, radius).widths
    assert width == max(1, int(radius * length + 1e-9))


def test_radius_times_length_survives_rounding():
    assert 0.29 * 100 < 29  # in floating point
    assert TemporalBand(100, 0.29).widths == [29]


@given(lengths, radii)
def test_dense_form_is_symmetric_with_the_stated_entries(lengths, radius):
    size = max(lengths)
    near = band(TemporalBand, lengths, radius).dense(size)
    outside = band(OutsideBand, lengths, radius).dense(size)
    assert torch.equal(near, near.mT)
    gap = (torch.arange(size)[:, None] - torch.arange(size)).abs()
    for b, length in enumerate(lengths):
        expected = (gap >= 1) & (gap <= max(1, int(radius * length + 1e-9)))
        torch.testing.assert_close(near[b], expected / radius, check_dtype=False)
        assert torch.equal(outside[b], 1.0 - expected.double())


@pytest.mark.parametrize("cls", BANDS)
@given(lengths, radii, seeds)
def test_problem_keeps_its_structure_when_taken_from_the_batch(
    cls, lengths, radius, seed
):
    structure = Virtual(band(cls, lengths, radius))
    keep = torch.arange(len(lengths))[seed % len(lengths) :]
    taken, size = structure.take(keep), max(lengths) + 1
    assert torch.equal(taken.dense(size), structure.dense(size)[keep])
    plan = tensor(seed, len(keep), size, 2)
    assert taken.apply(plan, 1).shape == plan.shape


def test_dense_and_shared_structures_can_be_taken_from():
    matrix = tensor(0, 3, 4, 4)
    matrix = matrix + matrix.mT
    index = torch.tensor([2, 0])
    assert torch.equal(Dense(matrix).take(index).matrix, matrix[index])
    for shared in (Dense(matrix[0]), Distinct(), TemporalBand(9, 0.3)):
        assert shared.take(index) is shared


@pytest.mark.parametrize("structure", [TemporalBand(9, 0.3), OutsideBand(9, 0.3)])
@pytest.mark.parametrize("dim", [1, 2])
def test_plan_is_not_changed(structure, dim):
    plan = tensor(0, 2, 9, 9)
    before = plan.clone()
    structure.apply(plan, dim)
    assert torch.equal(plan, before)


@pytest.mark.parametrize("matrix", [tensor(3, 6, 6, low=-2), tensor(4, 2, 6, 6)])
def test_largest_is_the_largest_entry(matrix):
    matrix = matrix + matrix.mT
    structures = [
        Dense(matrix),
        TemporalBand(6, 0.4),
        OutsideBand(6, 0.4),
        Distinct(),
        Virtual(TemporalBand(5, 0.4)),
    ]
    for structure in structures:
        entries = structure.dense(6).abs().amax(dim=(1, 2))
        largest = torch.as_tensor(structure.largest()).to(entries)
        torch.testing.assert_close(largest.expand_as(entries), entries)


@pytest.mark.parametrize("radius", [0.001, 0.02, 0.04])
@pytest.mark.parametrize("cls", BANDS)
@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("kind", ["uniform", "random", "diagonal"])
def test_float32_holds_over_twenty_thousand_frames(cls, dim, radius, kind, device):
    size, few = 20_000, 3
    plan = {
        "uniform": torch.ones(1, size, few, dtype=torch.float64),
        "random": tensor(0, 1, size, few),
        "diagonal": torch.eye(few, dtype=torch.float64).repeat_interleave(
            -(-size // few), dim=0
        )[None, :size],
    }[kind]
    plan = (plan / plan.sum()).to(device)
    plan = plan if dim == 1 else plan.mT.contiguous()
    structure = cls(size, radius)
    exact = structure.apply(plan, dim)
    error = structure.apply(plan.float(), dim).double() - exact
    assert error.abs().max() <= 1e-5 * exact.abs().max()


@pytest.mark.parametrize("cls", BANDS)
@pytest.mark.parametrize("dim", [1, 2])
def test_large_plan_is_as_good_as_its_parts(cls, dim):
    """Large plans may be worked on piece by piece; columns have no say in others."""
    size, other = 12_000, 150
    plan = tensor(0, 1, size, other)
    plan = plan if dim == 1 else plan.mT.contiguous()
    structure, axis = cls(size, 0.02), 3 - dim
    whole = structure.apply(plan, dim)
    for start in (0, 63, 103, 149):
        part = structure.apply(plan.narrow(axis, start, 1).contiguous(), dim)
        torch.testing.assert_close(whole.narrow(axis, start, 1), part)


@pytest.mark.parametrize("cls", BANDS)
@pytest.mark.parametrize("dim", [1, 2])
def test_band_equals_its_dense_form_on_each_device(cls, dim, device):
    structure = cls([40, 70], 0.1)
    plan = masked(0, [40, 70], 5, dim, 75).to(device)
    found = structure.apply(plan, dim)
    assert found.device.type == device.type
    assert_equals_dense(structure, plan.cpu(), dim, [40, 70])
    real = mask([40, 70], 75, device)
    real = real[:, :, None] if dim == 1 else real[:, None, :]
    expected = by_matrix(structure, plan, dim)
    torch.testing.assert_close(found * real, expected * real, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("cls", BANDS)
def test_warns_when_a_frame_stands_in_for_the_radius(cls):
    message = "radius=0.02 of a sequence of 20 frames"
    with pytest.warns(RadiusWarning, match=message):
        cls([100, 20], 0.02)


def test_one_warning_tells_of_all_short_sequences_of_a_call():
    message = "radius=0.01 and 0.02 of sequences of 9 to 20 frames is less than half"

    @spare_threads()
    def call(fails=False):
        TemporalBand([100, 20, 9], 0.02)
        with spare_threads():
            OutsideBand(12, 0.01)
        TemporalBand([20, 9], 0.02)
        if fails:
            raise KeyError

    with pytest.warns(RadiusWarning, match=message) as told:
        call()
    assert [warning.filename for warning in told] == [__file__]
    with pytest.raises(KeyError):  # which tells more
        call(fails=True)


@pytest.mark.parametrize("cls", BANDS)
def test_half_a_frame_is_as_good_as_one(cls):
    assert cls([20, 36, 90], 0.025).widths == [1, 1, 2]


@pytest.mark.parametrize("radius", [0, 1, -0.1, 1.5, float("nan")])
@pytest.mark.parametrize("cls", BANDS)
def test_radius_outside_its_range_is_refused(cls, radius):
    with pytest.raises(ValueError, match="radius must lie in"):
        cls(10, radius)


@pytest.mark.parametrize(
    "matrix",
    [
        torch.ones(3),
        torch.ones(2, 3),
        torch.ones(1, 1, 2, 2),
        torch.tensor([[0.0, 1.0], [2.0, 0.0]]),
        torch.tensor([[0.0, 1e-9], [2e-9, 0.0]]),
        torch.full((2, 2), torch.nan),
        torch.full((2, 2), torch.inf),
    ],
)
def test_dense_refuses_what_is_no_symmetric_matrix(matrix):
    with pytest.raises(ValueError, match="matrix must"):
        Dense(matrix)


@pytest.mark.parametrize("piece", [1, 1 << 20], ids=["many pieces", "one piece"])
@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cls", BANDS)
@given(st.lists(st.integers(1, 70), min_size=1, max_size=3), radii, seeds)
def test_wide_plans_are_summed_in_blocks_and_pieces(
    cls, dim, piece, lengths, radius, seed
):
    structure = band(cls, lengths, radius)
    plan = masked(seed, lengths, 80, dim, max(lengths))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structures, "_PIECE", piece)
        assert_equals_dense(structure, plan, dim, lengths)


@pytest.mark.parametrize("cls", BANDS)
def test_short_windows_of_long_rows_are_summed_in_pieces_of_longer_numbers(
    cls, monkeypatch
):
    monkeypatch.setattr(structures, "_PIECE", 1)
    structure = cls([150], 0.01)
    plan = tensor(0, 1, 75, 150, dtype=torch.float32)
    expected = plan.double() @ structure.dense(150)
    found = structure.apply(plan, 2)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.float(), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cls", [*BANDS, Distinct, Dense])
def test_structures_write_what_they_apply(cls, dim):
    structure = Dense(torch.eye(9)) if cls is Dense else Distinct()
    structure = band(cls, [9, 6], 0.2) if cls in BANDS else structure
    plan = masked(0, [9, 6], 9, dim, 9)
    for each in (structure, Virtual(structure)) if cls is not Dense else (structure,):
        out, before = torch.full_like(plan, torch.nan), plan.clone()
        expected = each.apply(plan, dim)
        assert torch.equal(plan, before)
        assert each.write(plan.clone(), dim, out) is out
        torch.testing.assert_close(out, expected)


def test_a_sequence_without_frames_is_not_warned_of():
    assert TemporalBand([0, 40], 0.025).widths == [1, 1]


SHORT = [1e-9, 1e-6, 1e-3]


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("radius", SHORT)
def test_lone_frame_has_no_neighbours_whatever_the_radius(radius, dim):
    plan = tensor(0, 1, 1, 9, dtype=torch.float32)
    plan = plan if dim == 1 else plan.mT.contiguous()
    structure = band(TemporalBand, 1, radius)
    for each in (structure, structure.placed(plan, dim)):
        assert (each.apply(plan, dim) == 0).all()


@pytest.mark.parametrize("dim", [1, 2])
@given(st.sampled_from(SHORT), lengths, st.integers(1, 4), seeds)
def test_radius_of_less_than_a_frame_costs_no_digits(dim, radius, lengths, other, seed):
    structure = band(TemporalBand, lengths, radius)
    # Masses of frames side by side differ by as much as 1e5.
    plan = 10 ** (5 * masked(seed, lengths, other, dim, max(lengths)) - 5)
    real = mask(lengths, max(lengths))
    plan = (plan * (real[:, :, None] if dim == 1 else real[:, None, :])).float()
    expected = by_matrix(structure, plan.double(), dim)
    for each in (structure, structure.placed(plan, dim)):
        found = each.apply(plan, dim).double()
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12 / radius)
        assert (found >= 0).all()


def test_radii_of_more_and_less_than_a_frame_go_together():
    lengths = [40, 3, 3, 60]  # widths of 2, and of 1 that stands in for .15 frames
    structure = band(TemporalBand, lengths, 0.05)
    assert structure.short == [False, True, True, False]
    plan = masked(0, lengths, 4, 1, 60)
    assert_equals_dense(structure, plan, 1, lengths)
    for b, n in enumerate(lengths):
        alone = structure.take(torch.tensor([b])).apply(plan[b : b + 1, :n], 1)
        torch.testing.assert_close(structure.apply(plan, 1)[b, :n], alone[0])


@pytest.mark.parametrize("lengths", [3.7, [3, 2.9], [3, -2], torch.tensor([2.0])])
def test_lengths_are_numbers_of_frames(lengths):
    for kind in (TemporalBand, OutsideBand):
        with pytest.raises(ValueError, match="numbers of frames"):
            kind(lengths, 0.4)


def test_matrix_is_a_tensor():
    with pytest.raises(TypeError, match="must be a torch tensor, got ndarray"):
        Dense(torch.ones(3, 3).numpy())
