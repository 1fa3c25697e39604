"""Checks of chapter 2, *Reconstruction as a flow*."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from reconode.teach.check.verdict import NotYet, check, function, number, returned

__all__ = ["ex2_1", "ex2_2", "ex2_3", "ex2_4"]


@check
def ex2_1(answer: Any) -> str:
    """The largest step of Eq. 3 for R(x) = 3/2 ‖x‖²: 2/L with L = 1 + 3."""
    step = number(answer)
    if math.isclose(step, 0.5, rel_tol=1e-3):
        return "EᴴE + 3 has the eigenvalues 3 and 4, and the larger one decides."
    wrong = {
        2.0: "that is the limit of the data alone; R adds its own second derivative to it.",
        2 / 3: "that is the limit of R alone, which holds for what was not measured; the data add 1 to the rest.",
        0.25: "with 1/L the fastest direction arrives in one step; it still converges with larger ones.",
        1.0: "look again at R's second derivative: the half cancels, the 3 doesn't.",
        2 / 2.5: "the half of R cancels when R is differentiated twice.",
        4.0: "that is L itself.",
    }
    for value, hint in wrong.items():
        if math.isclose(step, value, rel_tol=1e-3):
            raise NotYet(hint)
    raise NotYet("take the largest eigenvalue L of the objective's second derivative, and then 2/L.")


@check
def ex2_2(answer: Any) -> str:
    """The flow of one measured sample under the data and R(x) = w/2 ‖x‖²."""
    exact = function(answer)

    def curve(a0: complex, y: complex, w: float, t: float) -> Tensor:
        return returned(exact(a0, y, w, t), ()).to(torch.complex128)

    cases = [(0.0, 1.0, 0.0, 0.7), (2.0, 1.0, 0.0, 1.3), (0.5, 2.0, 0.4, 0.5), (1.0 + 2.0j, 0.5 - 1.0j, 0.4, 0.9)]
    for a0, y, w, t in cases:
        end, where = y / (1 + w), f"for a0 = {a0}, y = {y}, w = {w}"
        start, found, late = (complex(curve(a0, y, w, when)) for when in (0.0, t, 40.0))
        if abs(start - a0) > 1e-4:
            raise NotYet(f"{where} the curve must start at a0, and yours starts at {start:.3g}.")
        if abs(late - end) > 1e-3:
            raise NotYet(f"{where} the curve must end where the velocity is zero, at y / (1 + w) = {end:.3g}.")
        if abs(found - (end + (a0 - end) * math.exp(-(1 + w) * t))) > 1e-4:
            raise NotYet(f"{where} it starts and ends right, at another rate: what multiplies −a in the velocity?")
    return "it starts at a0, ends at y / (1 + w), and closes the distance at the rate 1 + w."


@check
def ex2_3(answer: Any) -> str:
    """The gradient of the smoothed total variation of a complex signal, against autograd."""
    slope = function(answer)
    random = torch.Generator().manual_seed(0)
    for w, eps in ((1.0, 0.1), (0.3, 1.0)):
        x = torch.randn(9, dtype=torch.complex128, generator=random)
        want = _autograd_slope(x, w, eps)
        result = slope(x.clone(), w, eps)
        if isinstance(result, Tensor) and result.shape == (8,):
            raise NotYet("there are eight differences of nine samples, but the gradient has nine entries.")
        found = returned(result, (9,))
        if torch.allclose(found.to(want), want, rtol=1e-4, atol=1e-6):
            continue
        if not found.is_complex():
            raise NotYet("the gradient of a complex signal is complex: each pull points along its difference.")
        if torch.allclose(found.to(want), -want, rtol=1e-4, atol=1e-6):
            raise NotYet("the sign is turned: that is the way downhill, the gradient points up.")
        if torch.allclose(found.to(want) * w, want, rtol=1e-4, atol=1e-6):
            raise NotYet("the weight w is missing.")
        if torch.allclose(found[1:-1].to(want), want[1:-1], rtol=1e-4, atol=1e-6):
            raise NotYet("right inside, wrong at an end: the first and the last sample have one neighbor each.")
        if torch.allclose(found.to(want), _autograd_slope(x, w, 0.0), rtol=1e-4, atol=1e-6):
            raise NotYet("the smoothing ε is missing; without it the slope isn't defined where neighbors are equal.")
        raise NotYet("it differs from autograd's; each difference pulls its two ends with opposite forces.")
    return "it equals autograd's gradient, and no pull is stronger than w, however large the difference."


@check
def ex2_4(answer: Any) -> str:
    """Euler steps of h = 1/L, L = 4.2, until the rate 0.01 has decayed to 1 %."""
    steps, fast, slow = number(answer), 4.2, 0.01
    right = math.log(0.01) / math.log(1 - slow / fast)
    if right - 1 <= steps <= right + 5:
        return "some two thousand steps, because the fastest rate sets the step and the slowest the time."
    time = math.log(100) / slow
    if abs(steps - time) < 3:
        raise NotYet("that is the time it takes; each step covers 1/L of it.")
    if abs(steps - time * fast / 2) < 5:
        raise NotYet("that is with steps of 2/L, where the fastest part no longer shrinks.")
    if abs(steps - math.log(100) / (slow / fast) / math.log(10)) < 5:
        raise NotYet("one of the two logarithms is to base 10.")
    raise NotYet("a step leaves the share 1 − 0.01 h of the slowest part; which power of it is 1 %?")


def _autograd_slope(x: Tensor, w: float, eps: float) -> Tensor:
    """The gradient of w Σ √(|xᵢ₊₁ − xᵢ|² + ε²), for real and imaginary part together."""
    x = x.clone().requires_grad_()
    with torch.enable_grad():
        (w * (torch.diff(x).abs().square() + eps**2).sqrt().sum()).backward()
    assert x.grad is not None
    return x.grad
