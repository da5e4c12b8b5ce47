import numpy as np
import pytest
from numpy.testing import assert_allclose

from skvas.videos._directions import largest_directions


@pytest.mark.parametrize("shape", [(30, 9), (9, 30), (9, 9)])
@pytest.mark.parametrize("n", [1, 4, 99])
def test_directions_are_those_of_the_singular_value_decomposition(shape, n):
    frames = np.random.RandomState(0).standard_normal(shape)
    scatter, directions = largest_directions(frames, n)
    _, singular, expected = np.linalg.svd(frames, full_matrices=False)
    assert_allclose(scatter, singular[:n] ** 2)
    signs = np.sign((directions * expected[:n]).sum(axis=1, keepdims=True))
    assert_allclose(directions * signs, expected[:n], atol=1e-10)


@pytest.mark.parametrize("shape", [(6, 3), (3, 6)])
def test_frames_of_zeros_scatter_along_no_direction(shape):
    scatter, directions = largest_directions(np.zeros(shape), 2)
    assert_allclose(scatter, 0)
    assert np.isfinite(directions).all()


@pytest.mark.parametrize("shape", [(2000, 40), (40, 2000)])
def test_products_are_of_what_there_is_less_of(shape, monkeypatch):
    sizes = []
    eigh = largest_directions.__globals__["eigh"]
    monkeypatch.setattr(
        "skvas.videos._directions.eigh",
        lambda a, **options: (sizes.append(a.shape), eigh(a, **options))[1],
    )
    largest_directions(np.ones(shape), 2)
    assert sizes == [(40, 40)]
