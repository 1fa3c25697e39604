r"""Chapter 3: Euler, Heun's RK2 and the classical RK4 along one curve with the same number of evaluations of f.

Three problems on t from 0 to 1, each with a solution to compare with:

- spiral: :math:`\dot x = (-1 + 3πi)\, x`, x(0) = 1; exact :math:`e^{(-1 + 3πi) t}`.
- Dahlquist's test equation: :math:`\dot x = -k x`, x(0) = 1; exact :math:`e^{-kt}`. For a large k it is stiff.
- pendulum: :math:`\dot q = ω p,\ \dot p = -ω \sin q` with ω = 9 from (2, 0); compared with 4,096 steps of RK4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.errors import UsageError
from reconode.figures import panels
from reconode.figures.colors import INK, SOLVERS
from reconode.solvers import RK4, TABLEAUS, Flow, integrate
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUNNERS = ("euler", "rk2", "rk4")
PROBLEMS = ("spiral", "dahlquist", "pendulum")
MOST = 96
"""Evaluations of f; a multiple of 4, so that each solver takes whole steps."""

SPIRAL = complex(-1, 3 * math.pi)
OMEGA, ANGLE = 9.0, 2.0
FINE = 4096


def solver_race(problem: str = "spiral", *, evaluations: int = 40, rate: float = 10) -> Widget:
    """The race.

    Args:
        problem: 'spiral', 'dahlquist' or 'pendulum', at the start.
        evaluations: of f that each solver may spend, at the start: 4, 8, … 96.
        rate: k of Dahlquist's equation, at the start, 1 to 60.

    Raises:
        UsageError: for an unknown problem or a number out of its range.
    """
    if problem not in PROBLEMS:
        raise UsageError(f"unknown problem {problem!r}: choose one of {', '.join(PROBLEMS)}")
    if evaluations not in range(4, MOST + 1, 4) or not 1 <= rate <= 60:
        raise UsageError(
            f"the race takes 4, 8, … {MOST} evaluations and a rate of 1 to 60, not {evaluations} and {rate}"
        )
    runners = [
        {
            "name": {"euler": "Euler", "rk2": "RK2", "rk4": "RK4"}[name],
            "color": SOLVERS[name].color,
            "a": TABLEAUS[name].a,
            "b": TABLEAUS[name].b,
            "c": TABLEAUS[name].c,
        }
        for name in RUNNERS
    ]
    payload = {
        "problem": problem,
        "evaluations": evaluations,
        "rate": float(rate),
        "most": MOST,
        "runners": runners,
        "spiral": [SPIRAL.real, SPIRAL.imag],
        "omega": OMEGA,
        "angle": ANGLE,
    }
    return Widget(
        kind="solver_race",
        title="Three solvers race along one curve at equal cost",
        alt="The exact curve, and the paths of Euler, RK2 and RK4 with the same number of evaluations of f beside it.",
        payload=payload,
        draw=lambda: _picture(problem, evaluations, rate),
    )


def setting(problem: str, rate: float = 10) -> tuple[Flow, Tensor]:
    """A problem's right-hand side and its start, real, ``(2,)``; Dahlquist's second number stays 0."""
    if problem == "pendulum":
        turn: Callable[[float | Tensor, Tensor], Tensor] = lambda t, x: torch.stack(  # noqa: E731
            [OMEGA * x[..., 1], -OMEGA * x[..., 0].sin()], -1
        )
        return turn, torch.tensor([ANGLE, 0.0], dtype=torch.float64)
    z = SPIRAL if problem == "spiral" else complex(-rate, 0)
    matrix = torch.tensor([[z.real, -z.imag], [z.imag, z.real]], dtype=torch.float64)
    return lambda t, x: matrix @ x, torch.tensor([1.0, 0.0], dtype=torch.float64)


def run(problem: str, runner: str, evaluations: int, rate: float = 10) -> Tensor:
    """A runner's states, ``(steps + 1, 2)``."""
    f, x0 = setting(problem, rate)
    tableau = TABLEAUS[runner]
    return integrate(f, x0, tableau, evaluations // tableau.stages, trajectory=True)


def exact(problem: str, rate: float = 10, points: int = 257) -> Tensor:
    """The solution at equal times from 0 to 1, ``(points, 2)``; `points` - 1 must divide 4,096 for the pendulum."""
    if problem == "pendulum":
        f, x0 = setting(problem)
        return integrate(f, x0, RK4, FINE, trajectory=True)[:: FINE // (points - 1)]
    z = SPIRAL if problem == "spiral" else complex(-rate, 0)
    return torch.view_as_real((z * torch.linspace(0, 1, points, dtype=torch.float64)).exp())


def _picture(problem: str, evaluations: int, rate: float) -> Figure:
    """The race when all have arrived."""
    figure, axes = panels.new_figure(1, 1, panel=4.6, aspect=0.9)
    ax = axes[0][0]
    ax.set_axis_on()
    in_time = problem == "dahlquist"  # one number: draw it over t

    def draw(states: Tensor, **looks: Any) -> None:
        x = torch.linspace(0, 1, len(states)) if in_time else states[:, 0]
        ax.plot(x, states[:, 0] if in_time else states[:, 1], **looks)

    draw(exact(problem, rate), color=INK, linewidth=5, alpha=0.25, label="exact")
    for name in RUNNERS:
        states, look = run(problem, name, evaluations, rate), SOLVERS[name]
        draw(states, color=look.color, linestyle=look.line, marker=look.marker, markersize=5, label=TABLEAUS[name].name)
    ax.set_xlabel("t" if in_time else {"spiral": "real part", "pendulum": "angle q"}[problem])
    ax.set_ylabel({"dahlquist": "x", "spiral": "imaginary part", "pendulum": "speed p"}[problem])
    ax.set_title(f"{evaluations} evaluations of f each", fontsize=9)
    ax.legend(fontsize=8)
    return figure
