"""Checks of chapter 10's exercises."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reconode.experiment.claims import AHEAD, BEHIND, TIE, judge
from reconode.metrics import Interval
from reconode.teach.check.verdict import NotYet, check, function, number, something

__all__ = ["ex10_1", "ex10_2", "ex10_3", "ex10_4"]

# Mean, interval, least and most lead, and what a wrong word says about the rule that was forgotten.
CASES = (
    (0.60, 0.40, 0.80, 0.50, 0.70, "clear of zero and of the floor"),
    (0.23, 0.16, 0.30, 0.23, 0.23, "two trainings of one function differ by as much"),
    (0.40, -0.05, 0.85, 0.35, 0.45, "zero is in the interval"),
    (0.40, 0.20, 0.60, 0.05, 0.75, "one training of A hardly leads one of B"),
    (-0.50, -0.70, -0.30, -0.60, -0.40, "an order can be the other way round"),
    (-0.40, -0.60, -0.20, -0.75, -0.05, "one training of B hardly leads one of A"),
)

SEEDS, SPREAD = 3, 0.15


@check
def ex10_1(answer: Any) -> str:
    """The word for a difference: a function of the interval's ends and of the least and the most lead."""
    word = function(answer)
    for mean, low, high, least, most, why in CASES:
        said = something(word(low, high, least, most))
        if said not in (AHEAD, BEHIND, TIE):
            raise NotYet(f"expected one of '{AHEAD}', '{BEHIND}', '{TIE}', got {str(said)[:20]!r}.")
        expected = judge(Interval(mean, low, high, 40), least, most)
        if said != expected:
            raise NotYet(
                f"interval [{low:+.2f}, {high:+.2f}], leads {least:+.2f} to {most:+.2f} is '{expected}': {why}."
            )
    return "the rule by which every claim of this chapter is judged, interval and floor together."


@check
def ex10_2(answer: Any) -> str:
    """The window that flatters: a function of two images, the target and a size."""
    window = function(answer)
    generator = torch.Generator().manual_seed(10)
    for rows, columns, size in ((24, 30, 6), (17, 12, 5)):
        target = torch.rand(rows, columns, generator=generator)
        a, b = (target + 0.1 * torch.randn(rows, columns, generator=generator) for _ in range(2))
        said = something(window(a, b, target, size))
        try:
            row, column = (int(number(v)) for v in said)
        except (TypeError, ValueError) as error:
            raise NotYet("expected two numbers, the row and the column of the window's upper left pixel.") from error
        gains = _gains(a, b, target, size)
        if not (0 <= row < gains.shape[0] and 0 <= column < gains.shape[1]):
            raise NotYet(f"a window of {size} x {size} from row {row}, column {column} leaves the image.")
        best = divmod(int(gains.argmax()), gains.shape[1])
        if (row, column) == divmod(int(gains.argmin()), gains.shape[1]):
            raise NotYet("that window flatters B; swap the two.")
        if (row, column) != best:
            lost = float(gains[best] - gains[row, column])
            raise NotYet(f"there is a window where A's squared error is smaller than B's by {lost:.3g} more.")
    return "any two methods have such a window. The choice of a detail is a choice of the winner."


def _gains(a: Tensor, b: Tensor, target: Tensor, size: int) -> Tensor:
    """Squared error of b less that of a in each window, by its upper left pixel."""
    d = ((b - target).square() - (a - target).square()).double()
    return F.avg_pool2d(d[None, None], size, 1)[0, 0] * size**2


@check
def ex10_3(answer: Any) -> str:
    """The true acceleration of padded data: a function of the width and the factor of padding."""
    effective = function(answer)
    for width, factor in ((112, 2), (368, 1.5), (112, 1)):
        got, exact = number(something(effective(width, factor))), _effective(width, factor)
        if math.isclose(got, exact, rel_tol=0.02):
            continue
        said = f"for width {width} padded by {factor:g} you have {got:.2f}"
        if math.isclose(got, 4, rel_tol=0.02):
            raise NotYet(
                f"{said}, the nominal one; of the columns that hold data, how many are expected to be measured?"
            )
        if math.isclose(got, 4 / factor, rel_tol=0.02):
            raise NotYet(f"{said}: but lines fall on the zeros too; only those on real columns count.")
        if math.isclose(got, 1 / exact, rel_tol=0.02):
            raise NotYet(f"{said}, the share that is measured; the acceleration is its inverse.")
        raise NotYet(f"{said}: the fully sampled middle is 0.08 of the padded width, the rest has one probability.")
    return "3.2 in place of 4 when padded by two: the middle, which holds most of the energy, grew."


def _effective(width: int, factor: float, acceleration: float = 4, center: float = 0.08) -> float:
    padded = width * factor
    low = center * padded
    p = (padded / acceleration - low) / (padded - low)
    return width / (low + p * (width - low))


@check
def ex10_4(answer: Any) -> str:
    """How much the best of three seeds leads one training of the same function."""
    got = number(answer)
    exact = 3 / (2 * math.sqrt(math.pi)) * SPREAD
    if math.isclose(got, exact, abs_tol=0.006):
        return f"{exact:.2f} dB for nothing but a maximum, half the floor. Report all seeds, or their mean."
    if math.isclose(got, exact / SPREAD, abs_tol=0.04):
        raise NotYet("that is for a spread of one; here it is 0.15 dB.")
    if got == 0:
        raise NotYet("the mean of three would lead by nothing; the best of three does not.")
    if math.isclose(got, SPREAD, abs_tol=0.006):
        raise NotYet("close by luck; the largest of three is 0.85 standard deviations above the mean.")
    raise NotYet("draw three normal numbers many times, and take the mean of their largest.")
