"""Checks of chapter 7's exercises."""

from __future__ import annotations

import math
from typing import Any

import torch

from reconode.models import LearnedSolver
from reconode.networks import Attention, count_parameters
from reconode.solvers import RK4
from reconode.teach.check.verdict import NotYet, check, function, number, returned, something, tensor

__all__ = ["ex7_1", "ex7_2", "ex7_3"]


@check
def ex7_1(answer: Any) -> str:
    """The last biases with which an attention of four stages gives classical RK4's weights everywhere."""
    bias = tensor(answer, (4,)).float()
    wanted = torch.tensor(RK4.a)
    attention = Attention(4)
    with torch.no_grad():
        last = attention.layers[-1]
        assert isinstance(last, torch.nn.Conv2d) and last.bias is not None
        last.weight.zero_()
        last.bias.copy_(bias)
        got = attention.weights([torch.ones(1, 2, 3, 3)] * 4)[0, :, 1, 1]
    if torch.allclose(got, wanted, atol=1e-4):
        return "any number may be added to all four: a softmax sees differences only."
    if torch.allclose(bias, wanted, atol=1e-4):
        raise NotYet("these are the weights themselves; a softmax stands between bias and weight.")
    if torch.allclose(got, 1 / wanted / (1 / wanted).sum(), atol=1e-4):
        raise NotYet("the sign is the wrong way round: the larger weight has the larger bias.")
    said = ", ".join(f"{float(w):.3f}" for w in got)
    raise NotYet(f"these biases give the weights {said}; they should be 1/6, 1/3, 1/3, 1/6.")


@check
def ex7_2(answer: Any) -> str:
    """A function that says how many trainable numbers a learned solver of s stages has."""
    count = function(answer)
    for stages in (2, 4, 3, 1):
        got, want = number(something(count(stages))), count_parameters(LearnedSolver(stages))
        if got == want:
            continue
        first, later = count_parameters(LearnedSolver(1)), 30_110 + 2 * 9 * 32
        if stages > 1 and got == stages * first:
            raise NotYet("each stage after the first sees two images, and the attention is missing.")
        if stages > 1 and got == first + (stages - 1) * later:
            raise NotYet("the stages are right; the attention is a network of its own.")
        if stages == 1:
            raise NotYet(f"one stage has nothing to weigh: {want:,}, and your function says {got:,.0f}.")
        raise NotYet(f"with {stages} stages it has {want:,} trainable numbers; your function says {got:,.0f}.")
    return "90,302 and 153,404 are the 0.09M and 0.15M of Table 1; N is not in them."


@check
def ex7_3(answer: Any) -> str:
    """What a hypersolver of Euler should learn on ẋ = λx: a function ``(x, rate, h)``."""
    residual = function(answer)
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for rate, h in ((-1.5, 0.2), (0.7, 0.5)):
        got = returned(residual(x, rate, h), (2,)).double()
        exact = x * math.exp(h * rate)
        want = (exact - x - h * rate * x) / h**2
        if torch.allclose(got, want, atol=1e-8):
            continue
        near = {
            "that is the limit for small h; at this h the series goes on.": rate**2 / 2 * x,
            "that is the local error; the correction is multiplied by h², so divide by it.": want * h**2,
            "that is the error over h; the correction is multiplied by h².": want * h,
            "the sign is the wrong way round: exact minus Euler.": -want,
        }
        for message, wrong in near.items():
            if torch.allclose(got, wrong, atol=1e-8):
                raise NotYet(message)
        raise NotYet(f"for λ = {rate:g}, h = {h:g} the first entry is {float(want[0]):.4f}, not {float(got[0]):.4f}.")
    return "as h → 0 it tends to λ²x/2, half the second derivative: what Heun finds by a second look."
