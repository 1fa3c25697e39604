"""Figures of chapter 7: a fixed and a learned step as blocks, what stages add to the image, and errors by frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.figures.colors import INK, style
from reconode.figures.panels import new_figure
from reconode.teach.plots.basics import SIGNED, SMALL, TEXT, arrow, axes, signed_pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learned_step() -> Figure:
    """A step of Heun and a step of LT-RK2 as blocks, top to bottom (Fig. 2C–D of the paper, in the house's look)."""
    figure, grid = new_figure(1, 2, panel=2.6, aspect=1.55)
    rows = (
        ("$x_n$", "$x_n$"),
        ("$F_1 = h f(t, x)$", "$F_1 = G_1(x, t)$\nfive layers, dilation 2"),
        ("$F_2 = h f(t + h, x + F_1)$", "$F_2 = G_2(x, F_1, t)$\nfive layers, dilation 1"),
        ("$\\frac{1}{2} F_1 + \\frac{1}{2} F_2$", "$a_1 F_1 + a_2 F_2$\nweights: attention"),
        ("add to $x$", "add to $x$, then DC with $y$"),
        ("$x_{n+1}$", "$x_{n+1}$"),
    )
    for side, (ax, title, model) in enumerate(zip(grid[0], ("Heun", "LT-RK2"), ("ft-rk2", "lt-rk2"), strict=True)):
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.set_title(title, fontsize=TEXT, color=INK)
        heights = [0.95, 0.78, 0.58, 0.38, 0.2, 0.03]
        for number, (height, row) in enumerate(zip(heights, rows, strict=True)):
            framed = 0 < number < len(rows) - 1
            _block(ax, 0.56, height, row[side], style(model).color if framed else None)
        for above, below in pairwise(heights):
            arrow(ax, (0.56, above - 0.045), (0.56, below + 0.055), width=1)
        # x passes by on the left: to the second stage, and to the sum.
        ax.plot([0.47, 0.06, 0.06], [0.95, 0.95, heights[4]], color=INK, linewidth=1)
        for height in (heights[2], heights[4]):
            arrow(ax, (0.06, height), (0.155, height), width=1)
        # F1 passes by on the right, to the weighted sum.
        ax.plot([0.965, 0.99, 0.99], [heights[1], heights[1], heights[3]], color=INK, linewidth=1)
        arrow(ax, (0.99, heights[3]), (0.965, heights[3]), width=1)
    return figure


def _block(ax: Axes, x: float, y: float, text: str, color: str | None) -> None:
    if color:
        from matplotlib.patches import FancyBboxPatch

        ax.add_patch(
            FancyBboxPatch(
                (x - 0.38, y - 0.04), 0.76, 0.08, boxstyle="round,pad=0.01", facecolor="white", edgecolor=color, lw=1.8
            )
        )
    ax.text(x, y, text, ha="center", va="center", fontsize=SMALL if color else TEXT, color=INK)


def added(images: Mapping[str, Tensor], notes: Sequence[str] = (), *, window: float | None = None) -> Figure:
    """Real images that are added to a picture, two abreast: orange brightens, violet darkens, one scale for all.

    Args:
        images: real ``(rows, columns)`` by title, all of one shape.
        notes: a text for each panel.
        window: what the full color stands for; None is the largest 99.5 % quantile of any panel.
    """
    top = window or max(float(torch.quantile(image.abs().float(), 0.995)) for image in images.values())
    figure, used = signed_pairs(images, [top] * len(images), f"{SIGNED}_r")
    for ax, note in zip(used, notes, strict=False):
        place: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": SMALL}
        ax.text(0.5, -0.02, note, transform=ax.transAxes, **place)
    return figure


def by_frequency(errors: Mapping[str, Tensor], edges: Tensor, labels: Mapping[str, str]) -> Figure:
    """Relative error over frequency, a curve a model; 1 is what an empty ring has.

    Args:
        errors: of each ring, by the zoo's name of the model, with or without a variant after ``_``.
        edges: of the rings, one more than there are rings, as a share of the highest frequency along an axis.
        labels: what to call each model.
    """
    figure, (ax,) = axes()
    middles = (edges[1:] + edges[:-1]) / 2
    for name, values in errors.items():
        look = style(name.partition("_")[0])
        drawn: dict[str, Any] = {"color": look.color, "linestyle": look.line, "marker": look.marker}
        ax.plot(middles, values, linewidth=1.6, markersize=5, label=labels[name], **drawn)
    ax.axhline(1, color=INK, linewidth=0.8)
    ax.set_xlabel("frequency, share of the highest", fontsize=TEXT, color=INK)
    ax.set_ylabel("relative error", fontsize=TEXT, color=INK)
    figure.legend(loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)
    return figure
