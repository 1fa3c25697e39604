r"""Chapter 2: a gradient flow in a plane with one measured and one unmeasured frequency, and the steps that leave it.

The smallest picture that can be undersampled has two pixels, p and q. Its Fourier transform is

.. math:: a = (p + q) / \sqrt2, \qquad b = (p - q) / \sqrt2 .

The scanner measures a, which gives y = 1, and never b. Eq. 2 with an R that says "the second pixel is dark" is

.. math:: J(a, b) = \tfrac12 (a - y)^2 + w R, \qquad R = \tfrac12 (a - b)^2 = q^2 ,

and the gradient flow is linear, with the exact solution by the eigenvectors of the Hessian H:

.. math::
    \dot x = -\nabla J = -\begin{pmatrix} a - y + w (a - b) \\ w (b - a) \end{pmatrix}, \qquad
    H = \begin{pmatrix} 1 + w & -w \\ -w & w \end{pmatrix}, \qquad
    L, μ = \tfrac12 \Bigl(1 + 2w \pm \sqrt{1 + 4 w^2}\Bigr) .

Euler's step x ← x − h ∇J(x), which is gradient descent with η = h, stays bounded as long as h L ≤ 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from reconode.errors import UsageError
from reconode.figures import panels
from reconode.figures.colors import INK, SOLVERS
from reconode.solvers import EULER, integrate
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURED = 1.0
"""y."""

VIEW = ((-0.6, 2.2), (-0.9, 1.9))
"""What the plane shows of a and of b."""


def flow_plane(
    start: tuple[float, float] = (1.0, 0.0), *, step: float = 0.4, weight: float = 1.0, steps: int = 12
) -> Widget:
    """The flow in the plane; the start is draggable.

    Args:
        start: (a, b) at t = 0; (1, 0) is the zero-filled image.
        step: h, which is η, from 0.02 to 2.
        weight: w, from 0.05 to 4.
        steps: of Euler's method, 1 to 40.

    Raises:
        UsageError: for a number out of its range.
    """
    for name, value, (low, high) in (
        ("a", start[0], VIEW[0]),
        ("b", start[1], VIEW[1]),
        ("step", step, (0.02, 2)),
        ("weight", weight, (0.05, 4)),
        ("steps", steps, (1, 40)),
    ):
        if not low <= value <= high:
            raise UsageError(f"the flow's {name} must be from {low:g} to {high:g}, not {value}")
    payload = {
        "start": [float(start[0]), float(start[1])],
        "step": float(step),
        "weight": float(weight),
        "steps": int(steps),
        "measured": MEASURED,
        "view": VIEW,
        "color": SOLVERS["euler"].color,
    }
    return Widget(
        kind="flow_plane",
        title="A flow in the plane of one measured and one unmeasured frequency",
        alt="A plane with the level lines of J: the exact flow as a curve, Euler's steps as a polygon that leaves it.",
        payload=payload,
        draw=lambda: _picture(start, step, weight, steps),
    )


def slope(x: Tensor, weight: float) -> Tensor:
    """The gradient of J at x = (a, b), ``(..., 2)``."""
    a, b = x.unbind(-1)
    return torch.stack([a - MEASURED + weight * (a - b), weight * (b - a)], -1)


def lipschitz(weight: float) -> float:
    """L, the larger eigenvalue of the Hessian."""
    return (1 + 2 * weight + math.sqrt(1 + 4 * weight**2)) / 2


def descend(start: tuple[float, float], step: float, weight: float, steps: int) -> Tensor:
    """Gradient descent as the library's Euler solve, over the time ``steps * step``: ``(steps + 1, 2)``."""
    time = steps * step  # `integrate` goes from 0 to 1, so the flow runs that much faster
    x0 = torch.tensor(start, dtype=torch.float64)
    return integrate(lambda t, x: -time * slope(x, weight), x0, EULER, steps, trajectory=True)


def exact(start: tuple[float, float], time: float, weight: float) -> Tensor:
    """The flow's own place after `time`, ``(2,)``."""
    best = torch.full((2,), MEASURED, dtype=torch.float64)
    hessian = torch.tensor([[1 + weight, -weight], [-weight, weight]], dtype=torch.float64)
    return best + torch.linalg.matrix_exp(-time * hessian) @ (torch.tensor(start, dtype=torch.float64) - best)


def _picture(start: tuple[float, float], step: float, weight: float, steps: int) -> Figure:
    """The widget as it starts."""
    figure, axes = panels.new_figure(1, 1, panel=4.6)
    ax = axes[0][0]
    ax.set_axis_on()
    a, b = torch.meshgrid(torch.linspace(*VIEW[0], 121), torch.linspace(*VIEW[1], 121), indexing="xy")
    level = 0.5 * (a - MEASURED) ** 2 + 0.5 * weight * (a - b) ** 2
    ax.contour(a, b, level, levels=[0.01 * 2**n for n in range(10)], colors="#b9c3cc", linewidths=0.8)
    ax.axvline(MEASURED, color="#0072b5", linestyle=":", label="agrees with the data: a = y")
    ax.axline((0, 0), (1, 1), color="#6d6d6d", linestyle="--", label="what R wants: a = b")
    curve = torch.stack([exact(start, steps * step * n / 200, weight) for n in range(201)])
    ax.plot(curve[:, 0], curve[:, 1], color=INK, linewidth=2.5, label="exact flow")
    path = descend(start, step, weight, steps)
    ax.plot(path[:, 0], path[:, 1], "o-", color=SOLVERS["euler"].color, markersize=4, label=f"Euler, h = {step:g}")
    ax.set(xlim=VIEW[0], ylim=VIEW[1], aspect="equal")
    ax.set_xlabel("a, measured")
    ax.set_ylabel("b, not measured")
    ax.legend(fontsize=8, loc="upper left")
    return figure
