"""Checks of chapter 3's exercises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from reconode.solvers import EULER, HEUN, RK4, Tableau, step
from reconode.teach.check.verdict import NotYet, check, function, number, something

__all__ = ["ex3_1", "ex3_2", "ex3_3", "ex3_4"]

DECAY = 45.0
"""Rate of ex3_2's decay, x' = -45 x."""

TOLERANCE = 1e-4
"""Error that ex3_3 allows."""


@check
def ex3_1(answer: Any) -> str:
    """Ralston's method: the two-stage table of order 2 that looks a second time after two thirds of the step."""
    if not isinstance(answer, Tableau):
        raise NotYet("expected a Tableau; build one as `Tableau(name, a=…, b=…, c=…, order=2)`.")
    if answer.stages != 2 or len(answer.b) != 2 or [len(row) for row in answer.b] != [0, 1]:
        raise NotYet("the table needs two stages: two weights a, and b = ((), (one number,)).")
    if not _close(answer.c, (0, 2 / 3)):
        raise NotYet(f"the second look is at two thirds of the step: c should be (0, 2/3), not {answer.c}.")
    if not _close(answer.b[1], (2 / 3,)):
        raise NotYet("at time c₂ the state should have gone the same share of the step along F₁: b₂₁ = c₂.")
    if abs(sum(answer.a) - 1) > 1e-9:
        raise NotYet(f"the weights sum to {sum(answer.a):.3g}; for a constant slope they have to sum to 1.")
    if abs(answer.a[1] * 2 / 3 - 1 / 2) > 1e-9:
        raise NotYet("that is of order 1: the second order condition Σ aᵢcᵢ = ½ does not hold.")
    if answer.order != 2:
        raise NotYet(f"the numbers are right; their order is 2, not {answer.order}.")
    return "a = (1/4, 3/4). Of all two-stage methods of order 2 it has the smallest bound on the error of a step."


@check
def ex3_2(answer: Any) -> str:
    """Fewest steps with which Euler, and RK4, let x' = -45 x decay from t = 0 to 1: ``(euler, rk4)``."""
    given = _integers(answer, 2, "the steps of Euler and of RK4, in that order")
    fewest = fewest_stable(EULER), fewest_stable(RK4)
    for name, n, right, stages in zip(("Euler", "RK4"), given, fewest, (1, 4), strict=True):
        if n == right * stages and stages > 1:
            raise NotYet(f"{n} are {name}'s evaluations of f; how many steps are they?")
        if n < right:
            raise NotYet(f"with N = {n} {name} grows in every step: |g(hλ)| is over 1.")
        if n > right:
            raise NotYet(f"{name} decays with N = {n}, but with fewer steps too.")
    return f"{fewest[0]} evaluations of f against {4 * fewest[1]}: where stability decides, Euler is the cheaper one."


@check
def ex3_3(answer: Any) -> str:
    """Evaluations that bring the error of x' = -x below 1e-4 at t = 1: ``{"Euler": …, "Heun": …, "RK4": …}``."""
    names = {"Euler": EULER, "Heun": HEUN, "RK4": RK4}
    if not isinstance(answer, Mapping) or set(answer) != set(names):
        raise NotYet('expected a dictionary with the keys "Euler", "Heun" and "RK4".')
    for name, tableau in names.items():
        n, right = number(answer[name]), fewest_steps(tableau)
        if n == right and tableau.stages > 1:
            raise NotYet(f"{n:.0f} is {name}'s number of steps; each costs {tableau.stages} evaluations.")
        if n < right * tableau.stages:
            raise NotYet(f"{n:g} evaluations are too few for {name}; the error is still above {TOLERANCE:g}.")
        if n > right * tableau.stages:
            raise NotYet(f"{name} gets there with fewer than {n:g} evaluations.")
    return "on a smooth flow, four digits pay for RK4's four looks many times over."


@check
def ex3_4(answer: Any) -> str:
    """One step of backward Euler for x' = λx, as a function ``(x, h, rate)`` with rate = λ."""
    method = function(answer)
    for x, h, rate in ((2.0, 0.25, -1.0), (1.0, 0.5, -45.0), (1 + 1j, 0.1, -0.3 + 6j)):
        got, want = _value(method(x, h, rate)), x / (1 - h * rate)
        if abs(got - want) <= 1e-6 * abs(want):
            continue
        if abs(got - x * (1 + h * rate)) <= 1e-6 * abs(x * (1 + h * rate)):
            raise NotYet("that is the forward method: it takes the slope where the step begins.")
        if abs(got - x / (1 + h * rate)) <= 1e-6 * abs(want):
            raise NotYet("nearly: look at the sign. From x₁ = x + hλx₁, bring both x₁ to one side.")
        raise NotYet(f"for x = {x:g}, h = {h:g}, λ = {rate:g} expected {want:.4g}, got {got:.4g}.")
    return "it decays for every h as long as λ does. The price: with a network as f, each step solves an equation."


@cache
def fewest_steps(tableau: Tableau) -> int:
    """Steps that bring the error of x' = -x, from 1, below the tolerance at t = 1."""
    one = torch.ones((), dtype=torch.float64)
    steps = 1
    # Linear and autonomous: every step multiplies by the same number.
    while abs(float(step(_decay, 0, one, 1 / steps, tableau)) ** steps - math.exp(-1)) >= TOLERANCE:
        steps += 1
    return steps


@cache
def fewest_stable(tableau: Tableau) -> int:
    """Steps with which the decay of ex3_2 decays."""
    one = torch.ones((), dtype=torch.float64)
    steps = 1
    while abs(float(step(_decay, 0, one, DECAY / steps, tableau))) >= 1:
        steps += 1
    return steps


def _decay(t: float | Tensor, x: Tensor) -> Tensor:
    return -x


def _integers(answer: Any, count: int, what: str) -> list[int]:
    values = answer.tolist() if hasattr(answer, "tolist") else answer
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise NotYet(f"expected {count} numbers: {what}.")
    numbers = [number(value) for value in values]
    if any(n != int(n) or n < 1 for n in numbers):
        raise NotYet(f"expected whole numbers from 1 up: {what}.")
    return [int(n) for n in numbers]


def _value(result: Any) -> complex:
    result = something(result)
    return complex(result.item() if hasattr(result, "item") else result)


def _close(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return len(given) == len(wanted) and all(abs(g - w) < 1e-9 for g, w in zip(given, wanted, strict=True))
