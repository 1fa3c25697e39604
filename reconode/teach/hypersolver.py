"""Chapter 7's example of a hypersolver: a swing, and maps learned on it by least squares.

Hypersolvers are Poli et al. (2020), arXiv 2007.09601.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reconode.solvers import RK4, integrate

Map = Callable[[Tensor, Tensor], Tensor]
"""States ``(n, 2)`` and step sizes ``(n, 1)`` to ``(n, 2)``."""

FEATURES = 120
REACH = 3.0
"""Angles and speeds up to here are learned."""


def swing(t: float | Tensor, x: Tensor) -> Tensor:
    """Velocity of a swing with friction; x is its angle and speed, ``(…, 2)``."""
    angle, speed = x.unbind(-1)
    return 4 * torch.stack([speed, -torch.sin(angle) - 0.3 * speed], dim=-1)


def moved(x: Tensor, h: Tensor) -> Tensor:
    """How far the swing goes in a step, all but exactly."""
    return integrate(lambda t, z: h * swing(t, z), x, RK4, 4) - x


def left_over(x: Tensor, h: Tensor) -> Tensor:
    """What Euler's step misses, over h²: what γ is trained on."""
    return (moved(x, h) - h * swing(0, x)) / h**2


def with_gamma(gamma: Map) -> Map:
    """The hypersolver's step, x + h f(x) + h² γ(x, h)."""
    return lambda x, h: x + h * swing(0, x) + h**2 * gamma(x, h)


def fitted(wanted: Map | None, steps: tuple[float, float] = (0.1, 0.1), samples: int = 3000, seed: int = 0) -> Map:
    """A map of random tanh features, their sum fitted to a wanted one by least squares.

    Args:
        wanted: what to learn; None leaves the sum as random as the features.
        steps: the smallest and the largest step size that it is shown.
        samples: how many states.
        seed: of features and samples.
    """
    chance = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, dtype=torch.float64)

    slopes, shifts = normal(3, FEATURES) * torch.tensor([[1.0], [1.0], [4.0]]), 2 * normal(FEATURES)
    untrained = normal(FEATURES, 2) / FEATURES**0.5

    def features(x: Tensor, h: Tensor) -> Tensor:
        h = torch.as_tensor(h, dtype=x.dtype).expand(*x.shape[:-1], 1)
        return torch.tanh(torch.cat([x, h], dim=-1) @ slopes + shifts)

    x = REACH * (2 * torch.rand(samples, 2, generator=chance, dtype=torch.float64) - 1)
    h = steps[0] + (steps[1] - steps[0]) * torch.rand(samples, 1, generator=chance, dtype=torch.float64)
    seen = features(x, h)
    ridge = 1e-6 * torch.eye(FEATURES, dtype=torch.float64)
    sums = untrained if wanted is None else torch.linalg.solve(seen.T @ seen + ridge, seen.T @ wanted(x, h))
    return lambda x, h: features(x, h) @ sums
