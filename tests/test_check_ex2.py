"""The checks of chapter 2 see what is wrong with plausible answers."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from reconode.teach import check


@pytest.mark.parametrize("step", [0.5, 2 / 4, torch.tensor(0.5)])
def test_the_largest_step(step: Any) -> None:
    assert check.ex2_1(step).right


@pytest.mark.parametrize(
    "step, hint",
    [(2, "data alone"), (2 / 3, "R alone"), (0.25, "one step"), (1, "cancels"), (0.8, "cancels"), (4, "L itself"),
     (0.1, "eigenvalue"), (-0.5, "eigenvalue")],
)  # fmt: skip
def test_other_steps_are_seen(step: float, hint: str) -> None:
    said = check.ex2_1(step)
    assert not said.right
    assert hint in said.text


@pytest.mark.parametrize(
    "exact, hint",
    [
        (lambda a0, y, w, t: y + (a0 - y) * math.exp(-t), "must end"),
        (lambda a0, y, w, t: a0 * math.exp(-(1 + w) * t), "must end"),
        (lambda a0, y, w, t: y / (1 + w) + (a0 - y / (1 + w)) * math.exp((1 + w) * t), "must end"),
        (lambda a0, y, w, t: y / (1 + w) * (1 - math.exp(-(1 + w) * t)), "start at a0"),
        (lambda a0, y, w, t: y / (1 + w) + (a0 - y / (1 + w)) * math.exp(-t), "another rate"),
        (lambda a0, y, w, t: y / (1 + w) + (a0 - y / (1 + w)) * math.exp(-(1 - w) * t), "another rate"),
        (lambda a0, y, w, t: a0 + t * (y - a0 - w * a0), "must end"),
        (lambda a0, y, w, t: None, "returns nothing"),
        (lambda a0, y: y, "TypeError"),
        (lambda a0, y, w, t: 1 / 0, "ZeroDivisionError"),
        (lambda a0, y, w, t: [a0, y], "shape"),
    ],
)
def test_other_curves_are_seen(exact: Callable[..., Any], hint: str) -> None:
    said = check.ex2_2(exact)
    assert not said.right
    assert hint in said.text


def test_a_curve_of_tensors_is_right() -> None:
    def exact(a0: complex, y: complex, w: float, t: float) -> Tensor:
        decay = torch.exp(torch.tensor(-(1 + w) * t, dtype=torch.float64))
        return a0 * decay + y / (1 + w) * (1 - decay)

    assert check.ex2_2(exact).right


def pulls(x: Tensor, w: float, eps: float) -> Tensor:
    d = torch.diff(x)
    return w * d / (d.abs() ** 2 + eps**2).sqrt()


def assembled(pull: Tensor) -> Tensor:
    zero = pull.new_zeros(1)
    return torch.cat([zero, pull]) - torch.cat([pull, zero])


@pytest.mark.parametrize(
    "slope, hint",
    [
        (lambda x, w, eps: -assembled(pulls(x, w, eps)), "sign"),
        (lambda x, w, eps: assembled(pulls(x, 1, eps)), "weight"),
        (lambda x, w, eps: assembled(pulls(x, w, 0)), "ε is missing"),
        (lambda x, w, eps: assembled(pulls(x, w, eps)).real, "complex"),
        (lambda x, w, eps: assembled(pulls(x.abs(), w, eps)), "complex"),
        (lambda x, w, eps: pulls(x, w, eps), "nine entries"),
        (lambda x, w, eps: pulls(torch.cat([x[-1:], x]), w, eps) - pulls(torch.cat([x, x[:1]]), w, eps), "at an end"),
        (lambda x, w, eps: assembled(w * torch.diff(x)), "autograd"),
        (lambda x, w, eps: w * (torch.diff(x).abs() ** 2 + eps**2).sqrt().sum(), "shape"),
        (lambda x, w, eps: None, "returns nothing"),
        (lambda x: x, "TypeError"),
    ],
)
def test_other_slopes_are_seen(slope: Callable[..., Any], hint: str) -> None:
    said = check.ex2_3(slope)
    assert not said.right
    assert hint in said.text


def test_a_slope_by_loop_is_right() -> None:
    def slope(x: Tensor, w: float, eps: float) -> Tensor:
        out = torch.zeros_like(x)
        for i in range(len(x)):
            for j in (i - 1, i + 1):
                if 0 <= j < len(x):
                    d = x[i] - x[j]
                    out[i] += w * d / (d.abs() ** 2 + eps**2).sqrt()
        return out

    assert check.ex2_3(slope).right
    with torch.no_grad():  # a notebook may have switched gradients off
        assert check.ex2_3(slope).right


@pytest.mark.parametrize("steps", [1932, 1932.0, 1935, math.log(100) * 420])
def test_the_steps(steps: float) -> None:
    assert check.ex2_4(steps).right


@pytest.mark.parametrize("steps, hint", [(461, "time"), (967, "2/L"), (840, "base 10"), (420, "power"), (0, "power")])
def test_other_numbers_of_steps_are_seen(steps: float, hint: str) -> None:
    said = check.ex2_4(steps)
    assert not said.right
    assert hint in said.text
