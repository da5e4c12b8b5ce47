import numpy as np
import pytest

from skvas.labels._doubt import doubt_for, lower


@pytest.mark.parametrize(
    ("sure", "share", "n_actions", "doubt"),
    [
        (0.9, 0.5, 2, 0.9),
        (0.9, 0.7, 2, 0.5),
        (0.9, 0.9, 2, 0.0),
        (0.9, 1.0, 2, 0.0),
        (0.9, 0.1, 2, 0.9),
        (0.25, 0.2, 4, 0.0),
        (1.0, 0.5, 1, 0.0),
    ],
)
def test_doubt_makes_a_share_of_another(sure, share, n_actions, doubt):
    assert doubt_for(sure, share, n_actions) == pytest.approx(doubt)
    if 0 < doubt < 0.9:
        assert lower(np.array([sure]), doubt, n_actions) == pytest.approx(share)


def test_lowered_shares_still_sum_to_one():
    shares = np.random.RandomState(0).dirichlet(np.ones(3), size=5)
    lowered = lower(shares, 0.3, 3)
    np.testing.assert_allclose(lowered.sum(axis=1), 1)
    np.testing.assert_array_equal(lowered.argmax(axis=1), shares.argmax(axis=1))
    assert lowered.max() < shares.max()
