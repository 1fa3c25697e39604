"""Checks of chapter 5's exercises."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reconode.solvers import EULER, HEUN, step
from reconode.teach.check.verdict import NotYet, check, function, number, returned, something

__all__ = ["ex5_1", "ex5_2", "ex5_3"]


def _euler(rate: float, N: int, h: float) -> float:
    """By what N Euler steps of h multiply a mode."""
    x = torch.ones((), dtype=torch.float64)
    for _ in range(N):
        x = step(lambda t, x: rate * x, 0.0, x, h, EULER)
    return float(x)


@check
def ex5_1(answer: Any) -> str:
    """By which number Euler, N steps there and N back, multiplies a mode: a function ``(rate, N)``."""
    trip = function(answer)
    for rate, N in ((-8.0, 5), (-2.0, 10), (3.0, 4)):
        got, want = number(something(trip(rate, N))), _euler(rate, N, 1 / N) * _euler(rate, N, -1 / N)
        if math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-12):
            continue
        near = {
            "the flow itself comes home; Euler's way back is not the inverse of its way there.": 1.0,
            "that is one step there and one back: there are N of each.": 1 - (rate / N) ** 2,
            "that is the way there only.": _euler(rate, N, 1 / N),
            "that is the way back only.": _euler(rate, N, -1 / N),
            "a step back has −h where a step there has h; both have the same sign here.": _euler(rate, N, 1 / N) ** 2,
            "h is 1/N, not 1.": (1 - rate**2) ** N,
        }
        for message, wrong in near.items():
            if math.isclose(got, wrong, rel_tol=1e-9, abs_tol=1e-12):
                raise NotYet(message)
        raise NotYet(f"a rate of {rate:g} with N = {N} makes {want:.4g} of 1; your function says {got:.4g}.")
    return "it does not ask whether λ grows or decays: beyond √2 in |hλ|, each pair of steps leads away from home."


@check
def ex5_2(answer: Any) -> str:
    """One reversible step undone: a function ``(x1, z1, psi, t, h, kappa)``."""
    undo = function(answer)
    generator = torch.Generator().manual_seed(5)
    x, z = torch.randn(2, 6, dtype=torch.complex128, generator=generator)

    def psi(t: float, at: Tensor, h: float) -> Tensor:
        return step(lambda t, x: (0.3j - t) * x + x * x / 8, t, at, h, HEUN) - at

    t, h = 0.3, 0.2
    for kappa in (0.9, 0.5):
        x1 = kappa * x + (1 - kappa) * z + psi(t, z, h)
        z1 = z - psi(t + h, x1, -h)
        got = something(undo(x1, z1, psi, t, h, kappa))
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise NotYet("return the two states, x and then z.")
        got_x, got_z = (returned(part, (6,)).to(x.dtype) for part in got)
        if torch.allclose(got_z, z, atol=1e-9) and torch.allclose(got_x, x, atol=1e-9):
            continue
        if torch.allclose(got_x, z, atol=1e-9):
            raise NotYet("the two are there in the wrong order: x first.")
        if not torch.allclose(got_z, z, atol=1e-9):
            near = {
                "the second line subtracts; to undo it, add.": z1 - psi(t + h, x1, -h),
                "in the second line time ran backwards: its step is −h.": z1 + psi(t + h, x1, h),
                "the second line's increment starts at the later time, t + h.": z1 + psi(t, x1, -h),
            }
            for message, wrong in near.items():
                if torch.allclose(got_z, wrong, atol=1e-9):
                    raise NotYet(message)
            raise NotYet("z is not the old one: solve the second line for it, where all else is known.")
        near = {
            "x is there but for the division by κ.": kappa * x,
            "the first line holds the old z, not the new one.": (x1 - (1 - kappa) * z1 - psi(t, z1, h)) / kappa,
            "the share (1 − κ) z is missing.": (x1 - psi(t, z, h)) / kappa,
        }
        for message, wrong in near.items():
            if torch.allclose(got_x, wrong, atol=1e-9):
                raise NotYet(message)
        raise NotYet("z is right; x is not the old one: solve the first line for it, with the z that you have found.")
    return "no equation was solved, no iteration needed: each line holds one unknown. That is all of the trick."


def _linear(matrix: Tensor, t: float, x: Tensor) -> Tensor:
    return matrix @ x


@check
def ex5_3(answer: Any) -> str:
    """The discrete adjoint of one Heun step on a linear flow: a function ``(A, h, p)``."""
    adjoint = function(answer)
    generator = torch.Generator().manual_seed(6)
    for h in (0.5, 0.2):
        matrix = torch.randn(4, 4, dtype=torch.float64, generator=generator)
        p, x = torch.randn(2, 4, dtype=torch.float64, generator=generator)
        x.requires_grad_()
        end = step(partial(_linear, matrix), 0.0, x, h, HEUN)
        (want,) = torch.autograd.grad(end, x, p)
        got = returned(adjoint(matrix, h, p), (4,)).double()
        if torch.allclose(got, want, atol=1e-9):
            continue
        once = matrix.T @ p
        near = {
            "that steps p as if it were x: the matrix has to be transposed.": p
            + h * matrix @ p
            + h * h / 2 * matrix @ matrix @ p,
            "that is Euler's; Heun's step has a term with A twice.": p + h * once,
            "nearly: the term with A twice has the factor h²/2.": p + h * once + h * h * (matrix.T @ once),
            "that is what the step adds to p; p itself belongs to it.": h * once + h * h / 2 * (matrix.T @ once),
            "the sign: going back, the adjoint of x + h A x + … is p + h Aᵀp + ….": p
            - h * once
            + h * h / 2 * (matrix.T @ once),
        }
        for message, wrong in near.items():
            if torch.allclose(got, wrong, atol=1e-9):
                raise NotYet(message)
        raise NotYet(f"for h = {h:g} it differs from backpropagation by up to {float((got - want).abs().max()):.2g}.")
    return "the same to rounding as what autograd makes of the step. The states did not enter: the flow is linear."
