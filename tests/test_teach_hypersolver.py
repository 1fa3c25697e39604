"""Chapter 7's hypersolver learns what it is shown, and what it has not learned stays bounded."""

from __future__ import annotations

import math

import torch

from reconode.solvers import HEUN, step
from reconode.teach.hypersolver import fitted, left_over, moved, swing, with_gamma


def test_the_swing_loses_energy_and_nothing_else_moves_it():
    x = torch.tensor([[0.0, 0.0], [math.pi, 0.0], [1.0, 2.0]], dtype=torch.float64)
    v = swing(0.0, x)
    assert torch.allclose(v[:2], torch.zeros(2, 2, dtype=torch.float64), atol=1e-12), "at rest, down and up"
    gain = torch.sin(x[2, 0]) * v[2, 0] + x[2, 1] * v[2, 1]  # of 1 − cos(angle) + speed² / 2
    assert math.isclose(float(gain), -4 * 0.3 * 2.0**2)


def test_it_learns_a_smooth_map_and_a_residual():
    states = 4 * torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 2

    learned = fitted(left_over, (0.02, 0.2))
    for h in (0.05, 0.15):
        h = torch.full((200, 1), h, dtype=torch.float64)
        want = left_over(states, h)
        assert float((learned(states, h) - want).norm() / want.norm()) < 0.1
    assert torch.equal(learned(states, h), fitted(left_over, (0.02, 0.2))(states, h)), "the same each time"


def test_untrained_it_is_bounded():
    far = 1e6 * torch.randn(50, 2, dtype=torch.float64)
    assert float(fitted(None)(far, torch.tensor(0.1)).abs().max()) < 120


def test_what_euler_leaves_over_is_nearly_what_heun_adds():
    x, h = torch.tensor([[0.4, -0.3]], dtype=torch.float64), torch.tensor(1e-3, dtype=torch.float64)
    heun = (step(swing, 0.0, x, h, HEUN) - x - h * swing(0, x)) / h**2
    torch.testing.assert_close(left_over(x, h), heun, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(with_gamma(left_over)(x, h), x + moved(x, h))
