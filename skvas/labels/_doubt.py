"""Probabilities that are less sure: equal shares beside them."""

from __future__ import annotations

import numpy as np

# Weight of equal shares, at most: the most probable action stays so.
MOST_DOUBT = 0.9


def doubt_for(sure: float, share: float, n_actions: int) -> float:
    """Return the weight of equal shares that makes `share` of `sure`.

    Parameters
    ----------
    sure : float
        The probability of the most probable action, on average.
    share : float
        What it should be.
    n_actions : int
        Number of actions.

    Returns
    -------
    float
        Between 0, where it is no more by itself, and 0.9.
    """
    beyond = sure - 1 / n_actions
    if share >= sure or beyond <= 0:
        return 0.0
    return min((sure - share) / beyond, MOST_DOUBT)


def lower(shares: np.ndarray, doubt: float, n_actions: int) -> np.ndarray:
    """Return probabilities of actions with equal shares beside them.

    Parameters
    ----------
    shares : ndarray
        Probabilities of all actions, or of some.
    doubt : float
        The weight of equal shares.
    n_actions : int
        Number of actions.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    lowered: np.ndarray = (1 - doubt) * shares
    lowered += doubt / n_actions
    return lowered
