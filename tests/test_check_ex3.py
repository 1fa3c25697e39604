"""Chapter 3's checks reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch

from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, Tableau, integrate
from reconode.teach import check

RALSTON = Tableau("Ralston", a=(1 / 4, 3 / 4), b=((), (2 / 3,)), c=(0, 2 / 3), order=2)


def table(a=(1 / 4, 3 / 4), b=((), (2 / 3,)), c=(0, 2 / 3), order=2):
    return Tableau("Ralston", a, b, c, order)


def test_ralston():
    assert check.ex3_1(RALSTON).right
    assert repr(check.ex3_1(RALSTON)).startswith("Right: ")
    # The accepted table is of order 2 by an experiment that the check does not make: x' = x² from 1/2 ends at 1.
    start = torch.tensor(0.5, dtype=torch.float64)
    coarse, fine = (abs(float(integrate(lambda t, x: x * x, start, RALSTON, n)) - 1) for n in (128, 256))
    assert math.log2(coarse / fine) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    "answer, reason",
    [
        (HEUN, "two thirds"),
        (MIDPOINT, "two thirds"),
        (EULER, "two stages"),
        (table(a=(3 / 4, 1 / 4)), "order 1"),
        (table(a=(1 / 2, 3 / 4)), "sum to 1"),
        (table(a=(1 / 2, 1 / 2)), "order 1"),
        (table(b=((), (1,))), "b₂₁"),
        (table(b=((2 / 3,), ())), "two stages"),
        (table(order=4), "order is 2"),
    ],
)
def test_not_ralston(answer, reason):
    verdict = check.ex3_1(answer)
    assert not verdict.right
    assert reason in verdict.text


def test_stable_steps_by_formula():
    """|1 - 45/N| and RK4's polynomial, from the textbook instead of from a solve."""

    def grows(z, terms):
        return abs(sum(z**k / math.factorial(k) for k in range(terms + 1))) >= 1

    euler = next(n for n in range(1, 100) if not grows(-45 / n, 1))
    rk4 = next(n for n in range(1, 100) if not grows(-45 / n, 4))
    assert check.ex3_2((euler, rk4)).right
    assert check.ex3_2([euler, rk4]).right
    assert check.ex3_2(torch.tensor([euler, rk4])).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        ((22, 17), "Euler grows"),
        ((23, 16), "RK4 grows"),
        ((23, 68), "evaluations"),
        ((45, 17), "fewer"),
        ((24, 17), "fewer"),
        ((22.5, 16.2), "whole numbers"),
        (23, "2 numbers"),
        ((17, 23), "Euler grows"),
    ],
)
def test_not_stable_steps(answer, reason):
    verdict = check.ex3_2(answer)
    assert not verdict.right
    assert reason in verdict.text


SPENT = {"Euler": 1840, "Heun": 52, "RK4": 12}
"""Held against whole solves below."""


@pytest.mark.parametrize("name, tableau", [("Euler", EULER), ("Heun", HEUN), ("RK4", RK4)])
def test_evaluations_are_the_fewest(name, tableau):
    start, steps = torch.ones((), dtype=torch.float64), SPENT[name] // tableau.stages
    enough, less = (
        abs(float(integrate(lambda t, x: -x, start, tableau, n)) - math.exp(-1)) for n in (steps, steps - 1)
    )
    assert enough < 1e-4 <= less


def test_evaluations():
    assert check.ex3_3(SPENT).right
    assert check.ex3_3({name: torch.tensor(count) for name, count in SPENT.items()}).right


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"Heun": SPENT["Heun"] // 2, "RK4": SPENT["RK4"] // 4}, "number of steps"),
        ({"Euler": SPENT["Euler"] - 1}, "too few"),
        ({"Euler": SPENT["Euler"] + 1}, "fewer"),
        ({"RK4": SPENT["RK4"] + 4}, "fewer"),
        ({"Euler": "many"}, "one number"),
        ({"rk4": 16}, "keys"),
    ],
)
def test_not_the_evaluations(change, reason):
    verdict = check.ex3_3({**SPENT, **change})
    assert not verdict.right
    assert reason in verdict.text


@pytest.mark.parametrize(
    "answer", [lambda x, h, rate: x / (1 - h * rate), lambda x, h, rate: torch.tensor(x) / (1 - h * rate)]
)
def test_backward_euler(answer):
    assert check.ex3_4(answer).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda x, h, rate: x + h * rate * x, "forward"),
        (lambda x, h, rate: x / (1 + h * rate), "sign"),
        (lambda x, h, rate: x / (1 - rate), "expected"),
        (lambda x, h, rate: x * math.e ** (h * rate), "expected"),
        (lambda x, h: x, "TypeError"),
        (lambda x, h, rate: None, "returns nothing"),
    ],
)
def test_not_backward_euler(answer, reason):
    verdict = check.ex3_4(answer)
    assert not verdict.right
    assert reason in verdict.text
