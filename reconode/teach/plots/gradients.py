"""Figures of chapter 5: a way back that misses home, who keeps what, gradient errors, rates, regions, the front."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.figures.colors import DOTTED, INK, SOLID
from reconode.figures.panels import ERROR_MAP, new_figure, show
from reconode.solvers import Tableau, step
from reconode.teach.plots.basics import CYCLE, METHODS, SMALL, TEXT, Line, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGAIN = "#b8236f"
"""Of what is computed again on the way back."""

STEPS = 5
"""Of the diagram's solve."""

BELOW: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "fontsize": SMALL, "frameon": False}


def round_trip(start: Tensor, end: Tensor, home: Tensor) -> Figure:
    """Where a solve starts, ends and comes back to, and how far that is from the start: two panels abreast.

    Args:
        start: the image at t = 0, ``(rows, columns)``, complex.
        end: at t = 1.
        home: at t = 0 again, integrated back from `end`.
    """
    # A little taller than the images, for two titles and a note.
    figure, grid = new_figure(2, 2, aspect=start.shape[-2] / start.shape[-1] + 0.08)
    top = float(start.abs().quantile(0.998))
    images = {"there: t = 0": start, "t = 1": end, "and back: t = 0": home}
    for ax, (title, image) in zip([*grid[0], grid[1][0]], images.items(), strict=True):
        show(ax, image, vmax=top, title=title, size=TEXT)
    missed = (home - start).abs()
    scale = float(missed.quantile(0.998))
    note = f"white: {scale / float(start.abs().max()):.0%} of the maximum"
    show(grid[1][1], missed, vmax=scale, title="misses home by", note=note, cmap=ERROR_MAP, size=TEXT)
    return figure


def ways_back() -> Figure:
    """Five ways to have the states on the way back: what is kept, and what is computed again."""
    figure, (ax,) = axes(aspect=0.98)
    ax.set_axis_off()
    ax.set(xlim=(-0.4, STEPS + 0.4), ylim=(-4.9, 0.75))
    every, last = range(STEPS + 1), (STEPS,)
    rows: tuple[tuple[str, Sequence[int], str], ...] = (
        ("store all: each state and each step's tape", every, "tape"),
        ("checkpoint each step: tape one step at a time", every, "step"),
        ("checkpoint the block (ANODE): tape it whole", (0,), "block"),
        ("reversible: the last state and its companion, undone", last, "undo"),
        ("continuous adjoint: the last state, solved back", last, "solve"),
    )
    for number, (title, kept, how) in enumerate(rows):
        _way_back(ax, -1.1 * number, title, kept, how)
    return figure


def _way_back(ax: Axes, y: float, title: str, kept: Sequence[int], how: str) -> None:
    """One row of the diagram."""
    ax.text(-0.2, y + 0.32, title, fontsize=TEXT, color=INK, va="bottom")
    for n in range(STEPS):
        if how == "tape":
            ax.plot([n, n + 1], [y, y], color=INK, linewidth=6, solid_capstyle="butt", zorder=1)
        else:
            ax.plot([n, n + 1], [y, y], color="#b0b0b0", linewidth=1.2, zorder=1)
    again: dict[str, Any] = {"color": AGAIN, "linewidth": 1.8, "mutation_scale": 12}
    if how == "block":
        again["arrowstyle"] = "-|>"
        ax.annotate("", (STEPS, y - 0.3), (0, y - 0.3), arrowprops=again)
    else:
        for n in range(STEPS) if how != "tape" else ():
            ends = (n, n + 1) if how != "step" else (n + 1, n)
            arrow = {**again, "arrowstyle": "-|>", "linestyle": "--" if how == "solve" else "-"}
            ax.annotate("", (ends[0], y - 0.16), (ends[1], y - 0.16), arrowprops={**arrow, "shrinkA": 5, "shrinkB": 5})
    for n in range(STEPS + 1):
        ax.plot(n, y, "o", markersize=11, color=INK, markerfacecolor=INK if n in kept else "white", zorder=3)
        if how == "undo" and n in kept:
            ax.plot(n + 0.17, y, "o", markersize=11, color=INK, markerfacecolor=INK, zorder=2)


def gradient_errors(found: Mapping[str, Mapping[str, Line]]) -> Figure:
    """Relative error of a gradient over the number of steps, both logarithmic: a method's color, a state's line.

    Args:
        found: steps and errors by method, by the state of the flow; the last state's marks are filled.
    """
    figure, (ax,) = axes()
    for number, (state, lines) in enumerate(found.items()):
        filled = number == len(found) - 1
        for name, (counts, errors) in lines.items():
            look = METHODS[name]
            ax.plot(
                counts,
                errors,
                color=look.color,
                marker=look.marker,
                markersize=6,
                markerfacecolor=look.color if filled else "white",
                linestyle=SOLID if filled else DOTTED,
                linewidth=1.8,
                label=f"{name}, {state}",
            )
    ax.axhline(1, color="#8f8f8f", linewidth=1.2, zorder=1)
    ax.annotate("as large as the gradient", (1, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    counts = sorted({n for lines in found.values() for steps, _ in lines.values() for n in steps})
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.minorticks_off()
    ax.set_xlabel("steps N", fontsize=TEXT, color=INK)
    ax.set_ylabel("relative error of the gradient", fontsize=TEXT, color=INK)
    figure.legend(**BELOW)
    return figure


def spread(bands: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]) -> Figure:
    """Between which rates differences between images grow or shrink, over time.

    Args:
        bands: times, lowest and highest rate, by the flow's name.
    """
    figure, (ax,) = axes()
    for look, (name, (times, low, high)) in zip(CYCLE, bands.items(), strict=False):
        ax.fill_between(times, low, high, color=look.color, alpha=0.2, linewidth=0)
        for line in (low, high):
            label = name if line is low else None
            ax.plot(times, line, color=look.color, marker=look.marker, linestyle=look.line, label=label)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xlabel("time t", fontsize=TEXT, color=INK)
    ax.set_ylabel("rate of growth", fontsize=TEXT, color=INK)
    figure.legend(**BELOW)
    return figure


def growth(tableau: Tableau, z: Tensor, coupling: float | None) -> Tensor:
    r"""By how much a step may multiply a mode of rate λ, :math:`z = h \lambda`; None is the tableau's own step.

    A reversible step maps (y, z) by a matrix of determinant κ, whatever z: one factor small means the other large.

    Args:
        tableau: the base method.
        z: complex, any shape.
        coupling: κ.
    """

    def increment(w: Tensor) -> Tensor:
        return step(lambda t, x: w * x, 0.0, torch.ones_like(w), 1.0, tableau) - 1

    if coupling is None:
        return (1 + increment(z)).abs()
    there, back = increment(z), increment(-z)
    half_trace = (1 + coupling - back * (1 - coupling + there)) / 2
    root = (half_trace**2 - coupling).sqrt()
    return torch.maximum((half_trace + root).abs(), (half_trace - root).abs())


def reversible_regions(
    tableau: Tableau, couplings: Sequence[float], marks: Mapping[str, float] | None = None
) -> Figure:
    """Where a method is stable, and where its reversible versions are.

    Args:
        tableau: the base method.
        couplings: κ of each version.
        marks: places on the real axis, by label.
    """
    figure, (ax,) = axes(aspect=0.95)
    real, imaginary = torch.meshgrid(
        torch.linspace(-3.1, 0.6, 371, dtype=torch.float64),
        torch.linspace(-1.9, 1.9, 381, dtype=torch.float64),
        indexing="xy",
    )
    z = torch.complex(real, imaginary)
    for number, kappa in enumerate((None, *couplings)):
        look = METHODS[tableau.name] if kappa is None else CYCLE[number - 1]
        label = tableau.name if kappa is None else f"reversible, κ = {kappa:g}"
        size = growth(tableau, z, kappa)
        ax.contourf(real, imaginary, size, levels=[0, 1], colors=[look.color], alpha=0.12)
        ax.contour(real, imaginary, size, levels=[1], colors=[look.color], linestyles=[look.line], linewidths=2)
        ax.plot([], [], color=look.color, linestyle=look.line, linewidth=2, label=label)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.axvline(0, color=INK, linewidth=0.8)
    for number, (label, at) in enumerate((marks or {}).items()):
        ax.plot(at, 0, "o", color=INK, markersize=6, zorder=4)
        place: dict[str, Any] = {"xytext": (0, -20 if number % 2 else 8), "textcoords": "offset points", "ha": "center"}
        ax.annotate(label, (at, 0), fontsize=SMALL, color=INK, **place)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("real part of hλ (decay)", fontsize=TEXT, color=INK)
    ax.set_ylabel("imaginary part of hλ (oscillation)", fontsize=TEXT, color=INK)
    figure.legend(**BELOW)
    return figure


def front(cases: Iterable[Mapping[str, Any]]) -> Figure:
    """What a way back holds at its peak over the time that it takes: a color for each way, a mark for each method.

    Args:
        cases: of :func:`reconode.teach.evidence.ways_back`; those with a time are drawn.
    """
    from matplotlib.lines import Line2D

    figure, (ax,) = axes(aspect=0.8)
    timed = [case for case in cases if "time_ratio" in case]
    colors = {way: CYCLE[i % len(CYCLE)].color for i, way in enumerate(dict.fromkeys(c["way"] for c in timed))}
    for case in timed:
        place, look = (case["time_ratio"], case["peak_bytes"] / 1e6), METHODS[case["tableau"]]
        ax.plot(*place, look.marker, color=colors[case["way"]], markersize=9, alpha=0.85)
    ax.set_yscale("log")
    held = [case["peak_bytes"] / 1e6 for case in timed]
    round_numbers = [m * 10**power for power in range(-4, 6) for m in (1, 2, 5)]
    ticks = [v for v in round_numbers if min(held) / 2.5 <= v <= max(held) * 2.5]
    ax.set_yticks(ticks, [f"{v:g}" for v in ticks])
    ax.minorticks_off()
    ax.set_ylim(ticks[0], ticks[-1])
    ax.set_xlim(left=0)
    ax.set_xlabel("time over that of storing all", fontsize=TEXT, color=INK)
    ax.set_ylabel("held at the peak, MB", fontsize=TEXT, color=INK)
    methods = dict.fromkeys(case["tableau"] for case in timed)
    handles = [Line2D([], [], color=color, linewidth=5, label=way) for way, color in colors.items()]
    handles += [Line2D([], [], color=INK, linestyle="", marker=METHODS[m].marker, label=m) for m in methods]
    figure.legend(handles=handles, **{**BELOW, "ncols": 3})
    return figure
