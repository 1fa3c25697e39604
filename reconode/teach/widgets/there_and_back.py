r"""Chapter 5: a planar flow that forgets where it came from, the way back through it, and the gradients that it yields.

In polar coordinates the flow turns and is drawn to the unit circle at rate k:

.. math:: \dot r = -k (r - 1), \qquad \dot\varphi = ω

so that differences along r shrink by :math:`e^{-k}` until t = 1, and grow by as much on the way back. The loss is half
the squared distance of x(1) from a target, its gradient that with respect to x(0). Beside the gradient of the solve
stands the one that is found on the way back:

- discrete: the states are kept, so that the two are the same;
- continuous: the augmented system of :class:`~reconode.gradients.ContinuousAdjoint`, solved back;
- reversible: :class:`~reconode.gradients.Reversible`, a solve of its own, undone step by step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.errors import UsageError
from reconode.figures import panels
from reconode.figures.colors import INK
from reconode.gradients import ContinuousAdjoint, Reversible
from reconode.solvers import TABLEAUS, Backprop, Flow, Gradient, integrate, step
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OMEGA = 2.0
"""ω, radians from t = 0 to 1."""

TARGET = (0.3, 1.3)
VIEW = ((-1.9, 1.9), (-1.9, 1.9))
METHODS = {"euler": "Euler", "rk2": "Heun", "rk4": "RK4"}
GRADIENTS = ("discrete", "continuous", "reversible")
RATES, STEPS, COUPLINGS = (0.0, 16.0), (2, 40), (0.5, 1.0)
THERE, BACK = "#0072b5", "#b8236f"


def there_and_back(
    start: tuple[float, float] = (1.4, 0.0),
    *,
    rate: float = 4,
    steps: int = 10,
    method: str = "euler",
    gradient: str = "continuous",
    coupling: float = 0.99,
) -> Widget:
    """The flow there and back; the start is draggable.

    Args:
        start: x(0).
        rate: k, from 0 to 16.
        steps: N, from 2 to 40.
        method: 'euler', 'rk2' or 'rk4'.
        gradient: 'discrete', 'continuous' or 'reversible'.
        coupling: κ of the reversible solve, from 0.5 to 1.

    Raises:
        UsageError: for a number out of its range, or an unknown method or gradient.
    """
    for name, value, (low, high) in (
        ("u", start[0], VIEW[0]),
        ("v", start[1], VIEW[1]),
        ("rate", rate, RATES),
        ("steps", steps, STEPS),
        ("coupling", coupling, COUPLINGS),
    ):
        if not low <= value <= high:
            raise UsageError(f"the way's {name} must be from {low:g} to {high:g}, not {value}")
    if math.hypot(*start) < 0.01:
        raise UsageError("the way cannot start at (0, 0), from where each direction is as good")
    for choice, known in ((method, tuple(METHODS)), (gradient, GRADIENTS)):
        if choice not in known:
            raise UsageError(f"unknown choice {choice!r}: take one of {', '.join(known)}")
    payload = {
        "start": [float(start[0]), float(start[1])],
        "rate": float(rate),
        "steps": int(steps),
        "method": method,
        "gradient": gradient,
        "coupling": float(coupling),
        "omega": OMEGA,
        "target": TARGET,
        "view": VIEW,
        "ranges": {"rate": RATES, "steps": STEPS, "coupling": COUPLINGS},
        "methods": {
            name: {"text": text, "a": TABLEAUS[name].a, "b": TABLEAUS[name].b} for name, text in METHODS.items()
        },
    }
    return Widget(
        kind="there_and_back",
        title="A flow that forgets, there and back, and the gradients of the way",
        alt="A circle that attracts, a solver's steps towards it, the steps of the way back, which do not end where "
        "the first began, and two arrows there: the gradient of the solve, and the one that the way back finds.",
        payload=payload,
        draw=lambda: _picture(start, rate, steps, method, gradient, coupling),
    )


def flow(rate: float) -> Flow:
    """The right-hand side at (u, v), ``(2,)``."""

    def f(t: float | Tensor, x: Tensor) -> Tensor:
        u, v = x.unbind(-1)
        pull = rate * (1 / torch.hypot(u, v) - 1)
        return torch.stack([pull * u - OMEGA * v, pull * v + OMEGA * u], -1)

    return f


def exact(start: tuple[float, float], rate: float, t: float = 1) -> Tensor:
    """Where the flow is at time t, ``(2,)``."""
    r = 1 + (math.hypot(*start) - 1) * math.exp(-rate * t)
    angle = math.atan2(start[1], start[0]) + OMEGA * t
    return torch.tensor([r * math.cos(angle), r * math.sin(angle)], dtype=torch.float64)


def run(
    start: tuple[float, float], rate: float, steps: int, method: str, gradient: str, coupling: float = 0.99
) -> dict[str, Tensor]:
    """By the library: the states there and back, each ``(N + 1, 2)`` from t = 0 on, and both gradients, ``(2,)``."""
    f, tableau = flow(rate), TABLEAUS[method]
    x0 = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    target = torch.tensor(TARGET, dtype=torch.float64)
    reversible = Reversible(coupling)
    ways: dict[str, Gradient] = {"continuous": ContinuousAdjoint(), "reversible": reversible}

    def slope(end: Tensor) -> Tensor:
        return torch.autograd.grad((end - target).square().sum() / 2, x0)[0]

    found = slope(integrate(f, x0, tableau, steps, ways.get(gradient, Backprop())))
    states, companion = reversible.forward(f, x0, tableau, steps) if gradient == "reversible" else ([], x0)
    states = states or Backprop().solve(f, x0, tableau, steps)
    right, there = slope(states[-1]), [state.detach() for state in states]
    back = list(there)
    y, z = there[-1], companion.detach()
    for n in range(steps, 0, -1) if gradient != "discrete" else ():
        if gradient == "continuous":
            y = step(f, n / steps, y, -1 / steps, tableau)
        else:
            z = z + step(f, n / steps, y, -1 / steps, tableau) - y
            y = (y - (1 - coupling) * z - step(f, (n - 1) / steps, z, 1 / steps, tableau) + z) / coupling
        back[n - 1] = y
    return {"there": torch.stack(there), "back": torch.stack(back), "right": right, "found": found}


def angle(a: Tensor, b: Tensor) -> float:
    """Degrees between two vectors; NaN where one has no direction."""
    cosine = float(a @ b / (a.norm() * b.norm()))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine)))) if math.isfinite(cosine) else math.nan


def _picture(
    start: tuple[float, float], rate: float, steps: int, method: str, gradient: str, coupling: float
) -> Figure:
    """The widget as it starts."""
    figure, axes = panels.new_figure(1, 1, panel=4.6)
    ax = axes[0][0]
    ax.set_axis_on()
    circle = torch.linspace(0, 2 * math.pi, 200)
    ax.plot(circle.cos(), circle.sin(), color="#b9c3cc", linewidth=4, label="attracts")
    curve = torch.stack([exact(start, rate, n / 100) for n in range(101)])
    ax.plot(curve[:, 0], curve[:, 1], color=INK, linewidth=2, label="the flow")
    found = run(start, rate, steps, method, gradient, coupling)
    looks: dict[str, Any] = {"markersize": 4, "clip_on": True}
    ax.plot(*found["there"].T, "o-", color=THERE, label=f"{METHODS[method]} there, N = {steps}", **looks)
    ax.plot(*found["back"].T, "s--", color=BACK, label="and back", **looks)
    for name, color in (("right", INK), ("found", BACK)):
        arrow = 0.55 * found[name] / found[name].norm()
        ax.annotate("", (start[0] + float(arrow[0]), start[1] + float(arrow[1])), start,
                    arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2})  # fmt: skip
    ax.plot(*TARGET, "x", color=INK, markersize=9, markeredgewidth=2)
    ax.annotate("target", TARGET, xytext=(7, 3), textcoords="offset points", fontsize=8)
    ax.set(xlim=VIEW[0], ylim=VIEW[1], aspect="equal")
    ax.legend(fontsize=8, loc="lower left")
    return figure
