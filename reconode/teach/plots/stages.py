"""Chapter 8's figures: what the stages of a learned solver weigh and bring, how they are built, differences of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.figures.colors import FAINT, INK, style
from reconode.figures.panels import ERROR_MAP, new_figure, show
from reconode.metrics import Interval
from reconode.networks import falling_dilations
from reconode.teach.plots.basics import SMALL, TEXT, arrow, axes, signed_pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGE = 15
"""Points of a title over four panels abreast, so that a phone shows it."""

RED, GREY = style("lt-rk4").color, "#8f8f8f"
REACH = 4
"""Pixels to each side in the little pictures of a kernel."""


def contributions(weights: Tensor, brought: Tensor, top: float = 0.5) -> Figure:
    """For each stage its weight at every pixel, and below it the size of what it brings to the step.

    Args:
        weights: ``(stages, rows, columns)``, between 0 and 1; shown from black, 0, to white, `top`.
        brought: weight times slope, complex ``(stages, rows, columns)``; one window for all.
        top: the weights' window.
    """
    figure, grid = new_figure(2, len(weights), panel=1.7, aspect=weights.shape[1] / weights.shape[2])
    window = float(torch.quantile(brought.abs().flatten(), 0.995))
    for i, (weight, part) in enumerate(zip(weights, brought, strict=True)):
        mean = f"mean {float(weight.mean()):.2f}"
        show(grid[0][i], weight, vmax=top, title=f"$a_{i + 1}$, {mean}", size=LARGE)
        show(grid[1][i], part, vmax=window, title=f"$|a_{i + 1} F_{i + 1}|$", cmap=ERROR_MAP, size=LARGE)
    return figure


def deviations(maps: Tensor, top: float) -> Figure:
    """Each stage's weights around their own mean, two abreast: orange below, violet above, full at `top`.

    Args:
        maps: ``(stages, rows, columns)``.
        top: deviation that has the full color.
    """
    titles = [f"$a_{i}$: {float(m.mean()):.3f}, spread {float(m.std()):.3f}" for i, m in enumerate(maps, 1)]
    return signed_pairs({title: m - m.mean() for title, m in zip(titles, maps, strict=True)}, [top] * len(maps))[0]


def four_stages(stages: int = 4) -> Figure:
    """A step of LT-RK4 as blocks: stages whose dilation falls, each fed the slope before it, then G and DC."""
    figure, (ax,) = axes(aspect=1.17)
    ax.set_axis_off()
    ax.set(xlim=(-0.2, 10), ylim=(-2.3 * (stages - 1) - 4.75, 1.5))
    ax.set_aspect("equal")
    low = -2.3 * (stages - 1)
    ax.text(0.5, 1.15, "$x_n,\\ t_n$", fontsize=TEXT + 2, color=INK, ha="center")
    ax.plot([0.5, 0.5], [0.85, low], color=GREY, linewidth=2)
    ax.plot([6.6, 6.6], [0, low - 1.2], color=RED, linewidth=2)
    arrow(ax, (6.6, low - 1.0), (6.6, low - 1.5), RED)
    for i, dilation in enumerate(falling_dilations(stages)):
        y = -2.3 * i
        _box(ax, (3.5, y), (3.6, 1.15), f"$G_{i + 1}$: five 3 × 3\ndilation {dilation}")
        arrow(ax, (0.5, y), (1.7, y), GREY)
        ax.plot([5.3, 6.6], [y, y], color=RED, linewidth=2)
        ax.text(6.0, y + 0.14, f"$F_{i + 1}$", fontsize=TEXT, color=RED, ha="center", va="bottom")
        if i:
            arrow(ax, (3.5, y + 2.3 - 0.58), (3.5, y + 0.58), RED)
            ax.text(3.7, y + 1.15, f"$F_{i}$", fontsize=TEXT, color=RED, va="center")
        _taps(ax, (8.5, y), dilation)
    y = low - 2.1
    _box(ax, (5.6, y), (5.2, 1.2), "attention $G$:\n$a_1 F_1 + \\ldots$" + f"$ + a_{stages} F_{stages}$")
    y -= 1.95
    arrow(ax, (5.6, y + 1.95 - 0.6), (5.6, y + 0.5), RED)
    _box(ax, (5.6, y), (5.2, 1.0), "add $x_n$, then DC with $y$")
    ax.plot([0.5, 0.5], [low, y], color=GREY, linewidth=2)
    arrow(ax, (0.5, y), (3.0, y), GREY)
    arrow(ax, (8.2, y), (9.0, y), INK)
    ax.text(9.1, y, "$x_{n+1}$", fontsize=TEXT + 1, color=INK, va="center")
    return figure


def attention(stages: int = 4) -> Figure:
    """The attention module as blocks: all slopes in, a softmax over stages at each pixel, a weighted sum out."""
    figure, (ax,) = axes(aspect=0.86)
    ax.set_axis_off()
    ax.set(xlim=(0, 10), ylim=(-7.1, 1.2))
    places = [1.6 + 2.25 * i for i in range(stages)]
    for i, x in enumerate(places):
        _box(ax, (x, 0.5), (1.5, 0.9), f"$F_{i + 1}$", RED)
        arrow(ax, (x, 0.05), (x, -0.85), RED)
        arrow(ax, (x, -3.5), (x, -4.1), INK)
        _box(ax, (x, -4.55), (1.7, 0.85), f"$a_{i + 1} \\cdot F_{i + 1}$")
        arrow(ax, (x, -5.0), (5 + 0.45 * (x - 5), -5.85), INK)
    _box(ax, (5, -1.25), (8.9, 0.8), f"five 3 × 3, {2 * stages} channels in, {stages} maps out")
    arrow(ax, (5, -1.65), (5, -2.65), INK)
    _box(ax, (5, -3.05), (8.9, 0.8), "softmax over the stages, at each pixel")
    _box(ax, (5, -6.3), (6.4, 0.85), "sum: the step's increment")
    return figure


def differences(found: Mapping[str, Interval], floor: float, xlabel: str = "difference in dB") -> Figure:
    """Differences of rows with their intervals over knees, on the band within which two trainings of one model differ.

    Args:
        found: the difference by its label, from top to bottom.
        floor: the noise floor in dB.
        xlabel: what is subtracted from what.
    """
    figure, (ax,) = axes(aspect=0.16 + 0.13 * len(found))
    ax.axvspan(-floor, floor, color=FAINT, zorder=0)
    ax.axvline(0, color=GREY, linewidth=1)
    for n, (label, i) in enumerate(found.items()):
        beyond = i.low > floor or i.high < -floor
        ax.plot([i.low, i.high], [-n, -n], color=RED if beyond else INK, linewidth=2)
        ax.plot(i.mean, -n, "o" if beyond else "s", color=RED if beyond else INK, markersize=6)
        said = f"{label}: " + f"{i.mean:+.2f}".replace("-", "−")
        place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": SMALL + 1, "color": INK}
        ax.text(0.02, -n + 0.2, said, va="bottom", **place)
    ax.set_ylim(-len(found) + 0.4, 0.9)
    low, high = min(i.low for i in found.values()), max(i.high for i in found.values())
    middle, half = (min(low, -floor) + max(high, floor)) / 2, (max(high, floor) - min(low, -floor)) / 2
    ax.set_xlim(middle - 1.15 * half, middle + 1.15 * half)
    ax.set_yticks([])
    ax.grid(False)
    ax.set_xlabel(f"{xlabel} (grey: two trainings of one model)", fontsize=TEXT - 1, color=INK)
    return figure


def _box(ax: Axes, middle: tuple[float, float], size: tuple[float, float], text: str, color: str = INK) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = middle, size
    look = {"boxstyle": "round,pad=0,rounding_size=0.15", "facecolor": "white", "edgecolor": color, "linewidth": 1.5}
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, zorder=3, **look))  # type: ignore[arg-type]
    ax.text(x, y, text, fontsize=TEXT, color=INK, ha="center", va="center", zorder=4)


def _taps(ax: Axes, middle: tuple[float, float], dilation: int, size: float = 2.0) -> None:
    """The nine pixels that a kernel looks at."""
    from matplotlib.patches import Rectangle

    pixel, offsets = size / (2 * REACH + 1), range(-REACH, REACH + 1)
    for row in offsets:
        for column in offsets:
            looked: Sequence[int] = (-dilation, 0, dilation)
            face = RED if row in looked and column in looked else "white"
            corner = middle[0] + (column - 0.5) * pixel, middle[1] + (row - 0.5) * pixel
            ax.add_patch(Rectangle(corner, pixel, pixel, facecolor=face, edgecolor=FAINT, linewidth=0.6))
