"""Line plots with one look: errors, orders, regions of stability. Pictures are in :mod:`reconode.figures.panels`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.figures.colors import DASH_DOT, DASHED, DOTTED, FAINT, INK, SOLID, SOLVERS, Style
from reconode.figures.panels import new_figure, side_by_side
from reconode.solvers import Tableau, step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ASPECT = 5.0, 0.72
"""Inches and height over width of one plot: on a phone it is as wide as the screen."""

TEXT, SMALL = 11, 9

SIGNED = "PuOr"
"""Of signed maps: orange below zero, violet above, which the color-blind tell apart."""

METHODS: dict[str, Style] = {
    "Euler": SOLVERS["euler"],
    "midpoint": SOLVERS["midpoint"],
    "Heun": SOLVERS["rk2"],
    "classical RK4": SOLVERS["rk4"],
    "3/8 rule": Style("#b56ffb", SOLID, "v"),
}
"""How a method is drawn, by the name of its tableau."""

CYCLE = (
    Style("#008e8c", SOLID, "o"),
    Style("#b8236f", DASHED, "s"),
    Style("#9a7b00", DASH_DOT, "^"),
    Style("#6d6d6d", DOTTED, "D"),
    Style("#5f7355", SOLID, "v"),
    Style("#6b6fae", DASHED, "P"),
)
"""For curves that belong to no solver, in turn; no color of :data:`METHODS` is among them."""

EXACT = "exact"
TICKS = 9

Line = tuple[Any, Any]
"""x and y of a curve: sequences, arrays or tensors."""


def axes(count: int = 1, *, aspect: float = ASPECT, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A figure of `count` plots side by side, `width` inches each, and their axes."""
    figure, grid = new_figure(1, count, panel=width, aspect=aspect)
    for ax in grid[0]:
        ax.set_axis_on()
        ax.tick_params(labelsize=SMALL, colors=INK)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_axisbelow(True)
        ax.grid(True, color=FAINT, linewidth=0.6)
    return figure, grid[0]


def pairs(images: Mapping[str, Tensor], *, vmax: float | None = None, notes: Sequence[str] = ()) -> Figure:
    """Images two abreast in one window, with titles and scores that can be read on a phone.

    Args:
        images: ``(rows, columns)`` by title, all of one shape.
        vmax: the window's upper end; None is the first image's 99.8 % quantile.
        notes: a text for each panel.
    """
    return side_by_side(images, vmax=vmax, notes=notes, columns=2, size=TEXT)


def signed_pairs(maps: Mapping[str, Tensor], tops: Sequence[float], cmap: str = SIGNED) -> tuple[Figure, list[Axes]]:
    """Signed maps two abreast, white at zero; the figure and the maps' axes, in order.

    Args:
        maps: real ``(rows, columns)`` by title, all of one shape.
        tops: for each map the absolute value that has the full color.
        cmap: a diverging one.
    """
    rows, columns = next(iter(maps.values())).shape[-2:]
    figure, grid = new_figure(-(-len(maps) // 2), 2, aspect=rows / columns)
    used = [ax for row in grid for ax in row][: len(maps)]
    for ax, top, (title, values) in zip(used, tops, maps.items(), strict=True):
        ax.imshow(values.detach().numpy(), cmap=cmap, vmin=-top, vmax=top, interpolation="nearest")
        ax.set_title(title, fontsize=TEXT)
    return figure, used


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str = INK, width: float = 1.8) -> None:
    """Of a block diagram."""
    drawn: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=drawn, zorder=2)


def look(label: str, number: int = 0) -> Style:
    """A method's look by the name that the label begins with; otherwise the next of the cycle."""
    named = max((name for name in METHODS if label.startswith(name)), key=len, default=None)
    return METHODS[named] if named else CYCLE[number % len(CYCLE)]


def curves(
    ax: Axes | None,
    lines: Mapping[str, Line],
    xlabel: str,
    ylabel: str,
    log: tuple[bool, bool] = (False, False),
    *,
    markers: bool = True,
) -> Figure:
    """Curves by their labels, in `ax` or in a new figure.

    Args:
        ax: where to draw; None makes a figure.
        lines: x and y by label; a label that begins with a method's name gets its look, "exact" a broad grey line.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        log: whether x and y are logarithmic; a few points on a logarithmic x are its ticks.
        markers: a mark at each point; turn off for dense curves.
    """
    if ax is None:
        ax = axes()[1][0]
    for number, (label, (x, y)) in enumerate(lines.items()):
        if label.startswith(EXACT):
            ax.plot(x, y, color=INK, linewidth=5, alpha=0.25, solid_capstyle="round", label=label)
            continue
        style = look(label, number)
        marker = style.marker if markers else None
        ax.plot(x, y, color=style.color, linestyle=style.line, marker=marker, markersize=5, linewidth=1.6, label=label)
    if log[0]:
        ax.set_xscale("log")
        points = sorted({float(v) for x, _ in lines.values() for v in x})
        if len(points) <= TICKS:
            ax.set_xticks(points, [f"{v:g}" for v in points])
            ax.minorticks_off()
    if log[1]:
        ax.set_yscale("log")
    ax.set_xlabel(xlabel, fontsize=TEXT, color=INK)
    ax.set_ylabel(ylabel, fontsize=TEXT, color=INK)
    if len(lines) > 1:
        _legend(ax)
    return _of(ax)


def order(
    ax: Axes | None, lines: Mapping[str, Line], slopes: Sequence[int] = (1, 2, 4), xlabel: str = "steps N"
) -> Figure:
    """Errors over the number of steps, both logarithmic, with a grey guide for each order.

    Args:
        ax: where to draw; None makes a figure.
        lines: steps and errors by label.
        slopes: orders p to draw a guide for: a line that falls as N to the −p, just below the curve nearest to it.
        xlabel: what the steps are.
    """
    figure = curves(ax, lines, xlabel, "error at t = 1", (True, True))
    ax = figure.axes[0] if ax is None else ax
    ends = [(float(x[0]), float(x[-1]), float(y[-1])) for x, y in lines.values()]
    falls = [_fall(x, y) for x, y in lines.values()]
    for slope in slopes:
        first, last, error = ends[min(range(len(falls)), key=lambda i: abs(falls[i] - slope))]
        start = last / (last / first) ** 0.4
        low = 0.45 * error
        ax.plot([start, last], [low * (last / start) ** slope, low], color="#8f8f8f", linewidth=1, zorder=1)
        middle = (start * last) ** 0.5, low * (last / start) ** (slope / 2)
        below: dict[str, Any] = {"xytext": (-3, -3), "textcoords": "offset points", "ha": "right", "va": "top"}
        ax.annotate(f"order {slope}", middle, fontsize=SMALL, color=INK, **below)
    return figure


def plane(ax: Axes | None, paths: Mapping[str, Tensor], exact: Tensor, xlabel: str, ylabel: str) -> Figure:
    """Paths of solvers in the complex plane, each state a mark, over the exact curve.

    Args:
        ax: where to draw; None makes a figure.
        paths: complex states ``(N + 1,)`` by label.
        exact: the curve, complex, dense.
        xlabel: what the real part is.
        ylabel: what the imaginary part is.
    """
    if ax is None:
        ax = axes(aspect=0.9)[1][0]
    lines = {label: (path.real, path.imag) for label, path in {EXACT: exact, **paths}.items()}
    figure = curves(ax, lines, xlabel, ylabel)
    ax.set_aspect("equal", adjustable="datalim")
    ax.plot(exact.real[0], exact.imag[0], marker="o", markersize=9, color=INK, markerfacecolor="white", zorder=5)
    return figure


def regions(ax: Axes | None, tableaus: Iterable[Tableau], marks: Mapping[str, complex] | None = None) -> Figure:
    """Where in the complex plane a method is stable: one step of x' = zx with h = 1 must not grow.

    Args:
        ax: where to draw; None makes a figure.
        tableaus: the methods, each one contour.
        marks: points to draw, by label.
    """
    if ax is None:
        ax = axes(aspect=0.95)[1][0]
    real, imaginary = torch.meshgrid(torch.linspace(-3.6, 1, 231), torch.linspace(-3.2, 3.2, 321), indexing="xy")
    z = torch.complex(real, imaginary)
    for number, tableau in enumerate(tableaus):
        grown = step(lambda t, x: z * x, 0.0, torch.ones_like(z), 1.0, tableau).abs()
        style = look(tableau.name, number)
        ax.contourf(real, imaginary, grown, levels=[0, 1], colors=[style.color], alpha=0.13)
        ax.contour(real, imaginary, grown, levels=[1], colors=[style.color], linestyles=[style.line], linewidths=2)
        ax.plot([], [], color=style.color, linestyle=style.line, linewidth=2, label=tableau.name)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.axvline(0, color=INK, linewidth=0.8)
    for label, point in (marks or {}).items():
        ax.plot(point.real, point.imag, "o", color=INK, markersize=5)
        place: dict[str, Any] = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": SMALL, "color": INK}
        ax.annotate(label, (point.real, point.imag), **place)
    ax.set_aspect("equal")
    ax.set_xlabel("real part of hλ (decay)", fontsize=TEXT, color=INK)
    ax.set_ylabel("imaginary part of hλ (oscillation)", fontsize=TEXT, color=INK)
    _legend(ax)
    return _of(ax)


def _legend(ax: Axes) -> None:
    """Below a figure's only plot, where it hides nothing; beside another plot, inside its own."""
    figure = _of(ax)
    handles, labels = ax.get_legend_handles_labels()
    if len(figure.axes) > 1:
        ax.legend(handles, labels, fontsize=SMALL, frameon=False, handlelength=3)
        return
    for old in list(figure.legends):
        old.remove()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)


def _fall(x: Any, y: Any) -> float:
    """The order that a curve's last two points show."""
    x, y = (torch.as_tensor(v, dtype=torch.float64)[-2:].log() for v in (x, y))
    return float((y[0] - y[1]) / (x[1] - x[0]))


def _of(ax: Axes) -> Figure:
    """The whole figure that axes belong to."""
    from matplotlib.figure import Figure

    assert isinstance(ax.figure, Figure), "these plots do not draw into subfigures"
    return ax.figure
