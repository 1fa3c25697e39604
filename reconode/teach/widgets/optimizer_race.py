r"""Chapter 6: SGD, Adam, RAdam and RAdam with Lookahead down one noisy valley, counted in gradients or in steps.

The valley is a quadratic, narrow across and flat along, turned by an angle φ or not:

.. math:: J(u, v) = \tfrac12 \left(\frac{p^2}{κ} + q^2\right), \qquad (p, q) = Q_φ (u, v)

from p = 4, q = 1. Each gradient comes with noise, the same numbers for each optimiser: two of a normal distribution,
times the noise's strength. Adam and RAdam forget with β₂ = 0.99, so that a hundred gradients show what takes a thousand
at the usual 0.999.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.errors import UsageError
from reconode.figures import panels
from reconode.figures.colors import DASH_DOT, DASHED, DOTTED, FAINT, INK, SOLID, Style
from reconode.optimizers import LookaheadRAdam
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BETAS, K, ALPHA = (0.9, 0.99), 6, 0.5
COUNTS = ("gradients", "steps")
MOST, DRAWS = 120, 3
"""The largest budget, and how many series of noise there are."""

START = (4.0, 1.0)
TURN = math.pi / 6

RUNNERS: dict[str, tuple[str, Style]] = {
    "sgd": ("SGD", Style("#6d6d6d", DASHED, "o")),
    "adam": ("Adam", Style("#0072b5", DASH_DOT, "s")),
    "radam": ("RAdam", Style("#007e3f", DOTTED, "^")),
    "lookahead": ("Lookahead", Style("#e44623", SOLID, "o")),
}
"""Names and looks."""


def optimizer_race(count: str = "gradients", *, budget: int = 120, noise: float = 0.3, rate: float = 0.4) -> Widget:
    """The race.

    Args:
        count: 'gradients' gives each optimiser as many; 'steps' gives Lookahead six for one, as its slow steps take.
        budget: of gradients or steps, at the start: 6, 12, … 120.
        noise: strength of the gradients' noise, at the start, 0 to 2.
        rate: of Adam, RAdam and Lookahead, at the start, 0.01 to 1.

    Raises:
        UsageError: for an unknown count or a number out of its range.
    """
    if count not in COUNTS:
        raise UsageError(f"unknown count {count!r}: choose one of {', '.join(COUNTS)}")
    if budget not in range(K, MOST + 1, K) or not 0 <= noise <= 2 or not 0.01 <= rate <= 1:
        raise UsageError(
            f"the race takes a budget of 6, 12, … {MOST}, noise of 0 to 2 and a rate of 0.01 to 1, "
            f"not {budget}, {noise} and {rate}"
        )
    payload = {
        "count": count,
        "budget": budget,
        "most": MOST,
        "noise": float(noise),
        "rate": float(rate),
        "betas": BETAS,
        "k": K,
        "alpha": ALPHA,
        "start": START,
        "turn": TURN,
        "runners": [{"kind": kind, "name": name, "color": look.color} for kind, (name, look) in RUNNERS.items()],
        "draws": [[round(100 * x) for x in draws(n).flatten().tolist()] for n in range(DRAWS)],
    }
    return Widget(
        kind="optimizer_race",
        title="Four optimisers race down a noisy valley",
        alt="Level lines of a narrow valley, and the ways of SGD, Adam, RAdam and Lookahead down to its floor.",
        payload=payload,
        draw=lambda: _picture(count, budget, noise, rate),
    )


def draws(number: int) -> Tensor:
    """A series of noise, in hundredths, ``(720, 2)``: as many as Lookahead's slow steps can ask for."""
    generator = torch.Generator().manual_seed(number)
    return (100 * torch.randn(K * MOST, 2, generator=generator, dtype=torch.float64)).round() / 100


def valley(condition: float = 10, turn: float = 0.0) -> tuple[Tensor, Tensor]:
    """The quadratic's matrix ``(2, 2)`` and the start ``(2,)``."""
    c, s = math.cos(turn), math.sin(turn)
    turned = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    H = turned.T @ torch.diag(torch.tensor([1 / condition, 1.0], dtype=torch.float64)) @ turned
    return H, turned.T @ torch.tensor(START, dtype=torch.float64)


def height(states: Tensor, H: Tensor) -> Tensor:
    """J of states ``(…, 2)``."""
    return 0.5 * (states @ H * states).sum(-1)


def run(
    runner: str,
    gradients: int,
    *,
    rate: float = 0.4,
    noise: float = 0.3,
    condition: float = 10,
    turn: float = 0.0,
    draw: int = 0,
) -> Tensor:
    """An optimiser's way, by the library's and torch's own: ``(gradients + 1, 2)``."""
    H, start = valley(condition, turn)
    series = noise * draws(draw)
    x = start.clone().requires_grad_()
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD([x], lr=rate),
        "adam": lambda: torch.optim.Adam([x], lr=rate, betas=BETAS),
        "radam": lambda: torch.optim.RAdam([x], lr=rate, betas=BETAS),
        "lookahead": lambda: LookaheadRAdam([x], lr=rate, betas=BETAS, k=K, alpha=ALPHA),
    }
    optimizer = make[runner]()
    way = [start]
    for n in range(gradients):
        x.grad = H @ x.detach() + series[n]
        optimizer.step()
        way.append(x.detach().clone())
    return torch.stack(way)


def _picture(count: str, budget: int, noise: float, rate: float) -> Figure:
    """The race when its budget is spent."""
    figure, axes = panels.new_figure(1, 1, panel=4.6, aspect=0.75)
    ax = axes[0][0]
    ax.set_axis_on()
    H, _ = valley()
    u, v = torch.meshgrid(torch.linspace(-2.5, 5, 121), torch.linspace(-2.2, 2.2, 121), indexing="xy")
    levels = height(torch.stack([u, v], -1).double(), H)
    ax.contour(u, v, levels, levels=[0.02, 0.1, 0.3, 0.8, 1.6], colors=FAINT, linewidths=1)
    for kind, (name, look) in RUNNERS.items():
        gradients = K * budget if kind == "lookahead" and count == "steps" else budget
        way = run(kind, gradients, rate=rate, noise=noise)
        looks: dict[str, Any] = {"color": look.color, "linestyle": look.line, "linewidth": 1.3, "label": name}
        ax.plot(way[:, 0], way[:, 1], **looks)
        ax.plot(*way[-1], color=look.color, marker=look.marker, markersize=8)
    ax.plot(0, 0, "+", color=INK, markersize=10)
    ax.set_xlim(-2.5, 5)
    ax.set_ylim(-2.2, 2.2)
    ax.set_xlabel("u")
    ax.set_ylabel("v")
    ax.set_title(f"{budget} {count} each", fontsize=9)
    ax.legend(fontsize=8)
    return figure
