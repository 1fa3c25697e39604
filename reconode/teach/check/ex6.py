"""Checks of chapter 6's exercises."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from reconode.teach.check.verdict import NotYet, check, function, number, returned, something, touched

__all__ = ["ex6_1", "ex6_2", "ex6_3"]

QUICK = 0.99
"""β₂ of ex6_2."""


def variance_length(t: int, beta2: float) -> float:
    """RAdam's ρ_t: of how many gradients the running variance speaks, after t (Liu et al. 2020)."""
    longest = 2 / (1 - beta2) - 1
    return longest - 2 * t * beta2**t / (1 - beta2**t)


def rectifier(t: int, beta2: float) -> float:
    """RAdam's r_t; 0 where it does not adapt."""
    longest, length = 2 / (1 - beta2) - 1, variance_length(t, beta2)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


@check
def ex6_1(answer: Any) -> str:
    """The gradients' clipping by their common norm: a function ``(gradients, most)`` that returns a list."""
    clip = function(answer)
    long = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0], [12.0, 0.0]])]
    short = [0.01 * g for g in long]
    for gradients, factor in ((long, 2 / 13), (short, 1.0)):
        result = clip([g.clone() for g in gradients], 2.0)
        touched(result)
        if result is None:
            raise NotYet("your function returns nothing yet; the list of clipped gradients is the answer.")
        got = [returned(r, tuple(g.shape)).float() for r, g in zip(list(result), gradients, strict=True)]
        if _same(got, [factor * g for g in gradients]):
            continue
        if factor == 1:
            raise NotYet("gradients shorter than the limit stay as they are; yours were stretched to it.")
        near = {
            "each tensor was clipped by its own norm; the norm is that of all of them together.": [
                g * min(1.0, 2 / float(g.norm())) for g in gradients
            ],
            "each number was cut off by itself, which turns the gradient; scale all by one factor.": [
                g.clamp(-2, 2) for g in gradients
            ],
            "that divides by the norm but forgets the limit: the clipped norm is to be `most`.": [
                g / 13 for g in gradients
            ],
            "that divides by the squared norm; take its root.": [g * 2 / 169 for g in gradients],
        }
        for message, wrong in near.items():
            if _same(got, wrong):
                raise NotYet(message)
        raise NotYet(f"the clipped gradients have norm {_norm(got):.3g} together; expected 2.")
    return "one factor for all: the step gets shorter and keeps its direction."


@check
def ex6_2(answer: Any) -> str:
    """The first step at which RAdam adapts when β₂ = 0.99."""
    got = number(answer)
    want = next(t for t in range(1, 1000) if variance_length(t, QUICK) > 5)
    if got == want:
        return f"step {want}: the rectifier begins at {rectifier(want, QUICK):.3f} there, and grows."
    if got == want - 1:
        raise NotYet("that is the last step without; the question is the first with.")
    if got in (5, 4):
        raise NotYet("5 is the threshold of ρ, not a number of steps; ρ grows by a little less than one a step.")
    if got > want:
        raise NotYet(f"earlier: at step {want} ρ is above 5 already." if got < 50 else "ρ passes 5 much earlier.")
    raise NotYet("ρ at that step is still at most 5; compute ρ for t = 1, 2, 3 and so on.")


@check
def ex6_3(answer: Any) -> str:
    """A warm-up and a cosine: a function ``(step, steps, warmup)`` that returns the learning rate's factor."""
    factor = function(answer)
    for step, steps, warmup in ((0, 100, 10), (4, 100, 10), (9, 100, 10), (10, 100, 10), (55, 100, 10), (99, 100, 0)):
        rising = step < warmup
        want = (step + 1) / warmup if rising else _cosine(step - warmup, steps - warmup)
        got = number(something(factor(step, steps, warmup)))
        if abs(got - want) < 1e-6:
            continue
        if rising and abs(got - step / warmup) < 1e-6:
            raise NotYet("your first step has rate zero, which is a gradient for nothing: count steps from one.")
        if not rising and abs(got - _cosine(step, steps)) < 1e-6:
            raise NotYet("the cosine begins when the warm-up is over, at its top.")
        if not rising and abs(got - math.cos(math.pi / 2 * (step - warmup) / (steps - warmup))) < 1e-6:
            raise NotYet("that is a quarter of a cosine; half of one, lifted and halved, begins and ends flat.")
        raise NotYet(f"step {step} of {steps} with a warm-up of {warmup}: {want:.4f}, not {got:.4f}.")
    return "it rises in a straight line, begins the cosine at 1 and ends it flat."


def _cosine(step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def _norm(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float(t.square().sum()) for t in tensors))


def _same(got: list[Tensor], want: list[Tensor]) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(got, want, strict=True))
