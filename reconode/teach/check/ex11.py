"""Checks of chapter 11's exercises."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from reconode import masks
from reconode.physics import KSPACE, MRIOperator
from reconode.teach.check.verdict import NotYet, check, function, number, returned, something

__all__ = ["ex11_1", "ex11_2", "ex11_3", "ex11_4", "ex11_5"]


def _image(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(1, *shape, dtype=torch.complex128, generator=generator)


@check
def ex11_1(answer: Any) -> str:
    """What E says of an image and what it doesn't: a function of x and E, for one coil."""
    split = function(answer)
    flat = masks.random(48, 4, seed=3)
    grid = torch.rand(20, 48, generator=torch.Generator().manual_seed(3)) < 0.3
    for E in (MRIOperator(flat), MRIOperator(grid, None, KSPACE)):
        x = _image(20, 48)
        parts = something(split(x, E))
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            raise NotYet("return two images: what is said, and what is added.")
        said, added = (returned(part, (1, 20, 48)) for part in parts)
        right = E.H(E(x))
        if torch.allclose(said, x - right) and torch.allclose(added, right):
            raise NotYet("these are the two, in the other order.")
        if not torch.allclose(said + added, x):
            raise NotYet("the two do not add up to x.")
        if float(E(added).abs().max()) > 1e-9:
            raise NotYet("E still sees something of what is added.")
        if not torch.allclose(said, right):
            raise NotYet("what is added is not all that E cannot see.")
    return "the same line for columns and for samples anywhere. With several coils E.H(E(x)) is no projection."


@check
def ex11_2(answer: Any) -> str:
    """The share of a single pixel's energy that a mask of columns measures: a function of the mask."""
    share = function(answer)
    for columns, acceleration in ((112, 4), (368, 8)):
        mask = masks.random(columns, acceleration, seed=columns)
        got, want = number(something(share(mask))), float(mask.double().mean())
        if math.isclose(got, want, rel_tol=1e-5):
            continue
        if math.isclose(got, math.sqrt(want), rel_tol=1e-5):
            raise NotYet("that is the share of its norm; energy is the square.")
        if math.isclose(got, 1 - want, rel_tol=1e-5):
            raise NotYet("that is the share that is never measured.")
        if math.isclose(got, float(mask.sum()), rel_tol=1e-5):
            raise NotYet("that is how many columns are measured; of how many?")
        raise NotYet(f"with {int(mask.sum())} of {columns} columns measured it is not {got:.4g}: transform one pixel.")
    return "a pixel's spectrum is flat, so that each column holds the same. At 4x three quarters have to be guessed."


@check
def ex11_3(answer: Any) -> str:
    """Iterate a step until it hardly moves: a function of the step, the start, a tolerance and a limit."""
    settle = function(answer)
    goal = _image(6, 8)

    def toward(rate: float) -> Any:
        return lambda x: goal + rate * (x - goal)

    for rate, tolerance in ((0.5, 1e-3), (0.9, 1e-4)):
        x, count = goal + 1.0, 0
        while True:
            after = toward(rate)(x)
            count += 1
            moved = float((after - x).norm() / x.norm())
            x = after
            if moved < tolerance:
                break
        result = something(settle(toward(rate), goal + 1.0, tolerance, 500))
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise NotYet("return the image and the number of steps.")
        image, steps = returned(result[0], (1, 6, 8)), number(result[1])
        if abs(steps - count) > 1:
            raise NotYet(f"a step that shrinks distances to {rate:g} should need {count} steps, not {steps:g}.")
        if float((image - x).norm() / x.norm()) > 2 * tolerance:
            raise NotYet("the number of steps is right, the image is not the last one.")
    result = something(settle(lambda x: 2 * x, goal, 1e-3, 20))
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NotYet("a step that never settles must return something too.")
    if number(result[1]) != 20:
        raise NotYet("a step that doubles never settles; stop at the limit, and return that number.")
    return "and a run that ends at the limit has not settled, however good its image looks."


DIAL = [
    {"label": "a", "scores": {"tv": [20, 22], "net": [22, 23], "brave": [25, 18]}},
    {"label": "b", "scores": {"tv": [19, 21], "net": [18, 23], "brave": [25, 14]}},
    {"label": "c", "scores": {"tv": [18, 20], "net": [16, 21], "brave": [25, 12]}},
]


@check
def ex11_4(answer: Any) -> str:
    """Where a model's mean first falls below total variation's: a function of a dial's positions and its name."""
    leaves = function(answer)
    expected = {"net": "c", "brave": "b", "tv": None}
    for name, want in expected.items():
        got = leaves(DIAL, name)
        if got is Ellipsis:
            something(got)
        if got == want:
            continue
        if name == "net" and got == "b":
            raise NotYet("at b one knee is below, and the mean is not.")
        if name == "brave" and got in ("a", None):
            raise NotYet("for the model that is far ahead on one knee: compare means over the knees.")
        if want is None:
            raise NotYet("total variation never falls below itself: return None.")
        raise NotYet(f"for {name!r} it is {want!r}, not {got!r}.")
    return "on the mean. Exercise 6 asks whether the mean is what you want to know."


@check
def ex11_5(answer: Any) -> str:
    """The velocity of a curved path between two images: a function of x0, x1 and t."""
    velocity = function(answer)
    x0, x1 = _image(4, 6), 2 - 1j * _image(4, 6)
    half = math.pi / 2
    for t in (0.0, 0.3, 1.0):
        got = returned(velocity(x0, x1, t), (1, 4, 6))
        want = half * (math.cos(half * t) * x1 - math.sin(half * t) * x0)
        if torch.allclose(got.to(want.dtype), want, rtol=1e-6):
            continue
        if torch.allclose(got.to(want.dtype), x1 - x0):
            raise NotYet("that is the straight path's.")
        if torch.allclose(got.to(want.dtype), want / half, rtol=1e-6):
            raise NotYet("the chain rule: what is inside the cosine depends on t too.")
        if torch.allclose(got.to(want.dtype), math.cos(half * t) * x0 + math.sin(half * t) * x1, rtol=1e-6):
            raise NotYet("that is the place; its derivative by t is wanted.")
        raise NotYet(f"at t = {t:g} it is something else: differentiate the path by t.")
    return "with noise for x0 this path keeps the variance; diffusion models walk it."
