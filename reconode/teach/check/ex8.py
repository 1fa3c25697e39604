"""Checks of chapter 8's exercises."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

from reconode.models import LearnedSolver
from reconode.networks import LAYERS, Scalars, to_channels
from reconode.physics import MRIOperator
from reconode.teach.check.verdict import NotYet, check, function, number, something, touched

__all__ = ["ex8_1", "ex8_2", "ex8_3", "ex8_4"]

HIDDEN = 3 * 32 * 32
EULER = 9 * (2 * 32 + HIDDEN + 32 * 2)
LATER = 9 * (4 * 32 + HIDDEN + 32 * 2)
COMBINE = 9 * (8 * 32 + HIDDEN + 32 * 4)
"""Multiply-adds a pixel: of a first stage, of a later one, of the attention over four."""


@check
def ex8_1(answer: Any) -> str:
    """How wide each stage can see: a function of the list of dilations."""
    widths = function(answer)
    for dilations in ([4, 3, 2, 1], [1, 1, 1, 1], [8, 2]):
        said = something(widths(list(dilations)))
        try:
            got = [number(v) for v in said]
        except TypeError as error:
            raise NotYet("expected a list with a number for each stage.") from error
        reach = [LAYERS * sum(dilations[: i + 1]) for i in range(len(dilations))]
        if got == [2 * r + 1 for r in reach]:
            continue
        if got == [2 * LAYERS * d + 1 for d in dilations]:
            raise NotYet("that is each stage by itself; it also sees the slope before it, and what that saw.")
        if got == [2 * r for r in reach]:
            raise NotYet("count the pixel in the middle too.")
        if got == [r + 1 for r in reach]:
            raise NotYet("a kernel reaches out to both sides.")
        if got == [2 * sum(dilations[: i + 1]) + 1 for i in range(len(dilations))]:
            raise NotYet("that is one layer a stage; there are five.")
        raise NotYet(f"for dilations {dilations} the first stage is {2 * reach[0] + 1} pixels wide; you say {said}.")
    return "41, 71, 91, 101 for LT-RK4. What can be seen; what is looked at, autograd said."


@check
def ex8_2(answer: Any) -> str:
    """F₁ twice as large and every image the same: a function that changes a two-stage solver's weights."""
    change = function(answer)
    torch.manual_seed(8)
    model = LearnedSolver(2, steps=2, attention=False).double()
    E = MRIOperator(torch.tensor([True, False, True, True, False, True, True, False]))
    y = E.measure(torch.randn(1, 1, 12, 8, dtype=torch.complex128))
    with torch.no_grad():
        before = copy.deepcopy(model)
        touched(change(model))
        x = to_channels(E.H(y))
        first, was = (m.stages[0](0.5, x) for m in (model, before))
        if torch.equal(first, was):
            raise NotYet("F₁ is what it was: change the last layer of the first stage.")
        if not torch.allclose(first, 2 * was):
            raise NotYet("F₁ is not twice what it was: a slope is weights and biases of the last layer.")
        assert isinstance(model.combine, Scalars) and isinstance(before.combine, Scalars)
        if model.combine.a[0] == before.combine.a[0]:
            raise NotYet("F₁ is twice as large; its weight has to make up for it.")
        same = torch.allclose(model(y, E), before(y, E), atol=1e-9)
    if not same:
        raise NotYet("F₁ is twice as large, but the images differ: who else listens to F₁?")
    return "the same solver, with half the weight on its first stage. So much for reading weights."


@check
def ex8_3(answer: Any) -> str:
    """A function that lists the channels which a ReLU never lets through."""
    dead = function(answer)
    before = -torch.rand(3, 6, 5, 4, generator=torch.Generator().manual_seed(8)) - 0.1
    before[0, 1] = 1  # on at every pixel, in one image
    before[2, 3, 4, 1] = 0.5  # on at one pixel of the last image
    before[1, 4, 0, 0] = 0  # a ReLU passes nothing of a zero
    said = something(dead(before.clone()))
    try:
        got = sorted(int(number(v)) for v in said)
    except TypeError as error:
        raise NotYet("expected a list of channel numbers.") from error
    mean, first = before.mean((0, 2, 3)), before[0].amax((1, 2))
    near = {
        "those are the ones that are alive.": [1, 3],
        "a zero is not let through either: at 0 a ReLU is off.": [0, 2, 5],
        "the mean says little: one pixel that is on is enough to learn from.": _where(mean <= 0),
        "that is for the first image; a channel that is off there may be on in the next.": _where(first <= 0),
    }
    if got == [0, 2, 4, 5]:
        return "two of six are alive, one of them by a single pixel. When all are dead, what follows is a constant."
    for message, wrong in near.items():
        if got == wrong:
            raise NotYet(message)
    raise NotYet(f"of a test's six channels 0, 2, 4 and 5 are dead; your function says {got}.")


def _where(mask: torch.Tensor) -> list[int]:
    return torch.nonzero(mask).flatten().tolist()


@check
def ex8_4(answer: Any) -> str:
    """How many Euler steps cost what five steps of LT-RK4 do."""
    got, exact = number(answer), 5 * (EULER + 3 * LATER + COMBINE) / EULER
    if got == round(exact):
        return f"{exact:.1f}, so 26: that is where lt-euler-26 has its name from."
    if math.isclose(got, exact, abs_tol=0.06):
        raise NotYet("that is the ratio; steps come whole.")
    if got == 20:
        raise NotYet("that is four evaluations a step; the attention computes too.")
    if got in (5, round(exact / 5)):
        raise NotYet("that is for one step of LT-RK4; it takes five.")
    raise NotYet("count 9 × channels in × channels out for each convolution, of the stages and of the attention.")
