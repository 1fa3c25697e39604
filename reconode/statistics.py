"""Statistics of paired scores: what is a difference between two models over volumes, and what is chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reconode.errors import DataError

EXACT_UP_TO = 50
"""Pairs for which :func:`wilcoxon` counts every assignment of signs; beyond, the normal approximation is as good."""


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test that differences are symmetric about zero.

    Zeros are dropped, as Wilcoxon (1945) did; ties get their mean rank. Up to :data:`EXACT_UP_TO` pairs the
    distribution is exact, given the ties; beyond, it is normal with the variance that ties leave, and no continuity
    correction. 1.0 when nothing differs.

    Raises:
        DataError: for a difference that is not finite.
    """
    d = np.asarray(differences, dtype=float)
    if not np.isfinite(d).all():
        raise DataError("the signed-rank test expects finite differences, not NaN or infinity")
    d = d[d != 0]
    if d.size == 0:
        return 1.0
    _, place, count = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(count) - count + 1)[place]  # twice the mean rank is whole, ties or not
    positive = int(doubled[d > 0].sum())
    if d.size <= EXACT_UP_TO:
        return _exact(doubled, positive)
    mean = doubled.sum() / 4  # of the sum of positive ranks, in ranks
    deviation = math.sqrt(float((doubled.astype(float) ** 2).sum()) / 16)
    return math.erfc(abs(positive / 2 - mean) / deviation / math.sqrt(2))


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several tests, made larger so that all of them together err as rarely as one (Holm 1979).

    Args:
        p: of each test.

    Returns:
        The adjusted values in the same order, each at most 1.
    """
    adjusted, least = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        least = max(least, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = least
    return adjusted


def _exact(doubled: np.ndarray, positive: int) -> float:
    """Share of the 2ⁿ assignments of signs whose rank sum is at least as far out, both ways."""
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1
    for rank in doubled.tolist():
        ways[rank:] += ways[:-rank].copy()
    tail = min(ways[: positive + 1].sum(), ways[positive:].sum())
    return float(min(1.0, 2 * tail / 2.0**doubled.size))
