"""Figures of chapter 11: gains over total variation along the dials, lesions kept, and runs beyond the last step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconode import zoo
from reconode.figures.colors import FAINT, INK, style
from reconode.figures.panels import new_figure
from reconode.teach.plots.basics import SMALL, TEXT, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"zero-filled": "zero-filled", "tv": "total variation", "wavelet": "wavelet", "lt-euler-26": "LT-Euler, 26"}

LOWEST = 12
"""dB: what falls farther leaves the picture."""


def title(name: str) -> str:
    """A row's model in a legend."""
    model = name.partition("_")[0]
    return TITLES.get(model, zoo.find(model).title.removeprefix("ReconODE-"))


def dials_picture(
    dials: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str] | None = None, columns: int = 2
) -> Figure:
    """Mean PSNR over total variation's at each position, a panel a dial; tinted where training reached.

    Args:
        dials: as ``benchmarks/experiment/shifts.py`` writes them.
        names: which models; None is all but total variation, which is the line at zero.
        columns: panels side by side.
    """
    figure, grid = new_figure(-(-len(dials) // columns), columns, panel=3.6, aspect=0.78)
    panels = [ax for row in grid for ax in row][: len(dials)]
    for ax, (dial, positions) in zip(panels, dials.items(), strict=True):
        _plain(ax)
        shown = [n for n in positions[0]["scores"] if n != "tv"] if names is None else names
        places = list(range(len(positions)))
        for number, position in enumerate(positions):
            if position["trained"]:
                ax.axvspan(number - 0.5, number + 0.5, color="#eef2f5", zorder=0)
        for name in shown:
            gains = [_mean(p["scores"][name]["psnr"]) - _mean(p["scores"]["tv"]["psnr"]) for p in positions]
            look = style(name.partition("_")[0])
            drawn: dict[str, Any] = {"color": look.color, "linestyle": look.line, "marker": look.marker}
            ax.plot(places, gains, linewidth=1.6, markersize=4.5, label=title(name), **drawn)
        ax.axhline(0, color=INK, linewidth=1)
        ax.set_xlim(-0.5, len(places) - 0.5)
        ax.set_xticks(places, [p["label"].replace(" scr", "\nscr").replace(" 3", "\n3") for p in positions])
        ax.set_title(dial, fontsize=TEXT, color=INK)
    for row in grid:
        row[0].set_ylabel("dB over total variation", fontsize=SMALL + 1, color=INK)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=SMALL + 1, frameon=False
    )
    return figure


def kept(shares: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> Figure:
    """How much of a lesion each model keeps: the mean over lesions, and a thin line from the tenth to the ninetieth.

    Args:
        shares: by model and kind of lesion, one number a lesion.
        names: which models, from left to right in each group.
    """
    kinds = list(next(iter(shares.values())))
    figure, (ax,) = axes(aspect=0.8)
    width = 0.8 / len(names)
    for n, name in enumerate(names):
        look = style(name.partition("_")[0])
        for place, kind in enumerate(kinds):
            values = sorted(shares[name][kind])
            x = place + (n - (len(names) - 1) / 2) * width
            low, high = values[len(values) // 10], values[-1 - len(values) // 10]
            ax.plot([x, x], [low, high], color=look.color, linewidth=1.2)
            said = title(name) if place == 0 else None
            drawn: dict[str, Any] = (
                {"markersize": 12, "markeredgewidth": 2} if look.marker in "|_2" else {"markersize": 6}
            )
            ax.plot(x, _mean(values), look.marker, color=look.color, linestyle="none", label=said, **drawn)
    ax.axhline(1, color=INK, linewidth=0.8)
    ax.set_ylim(bottom=0)
    ax.set_xticks(range(len(kinds)), [kind.replace(" ", "\n") for kind in kinds])
    ax.set_ylabel("share of the lesion that is kept", fontsize=TEXT, color=INK)
    figure.legend(loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def long_run(runs: Mapping[str, Mapping[str, Any]], tv: float) -> Figure:
    """PSNR over the number of steps, from the zero-filled start and from the truth (thin), with the trained N marked.

    Args:
        runs: by model: ``trained``, and ``psnr`` and ``truth``, a list a knee.
        tv: total variation's mean.
    """
    figure, (ax,) = axes(aspect=0.8)
    for name, run in runs.items():
        look = style(name.partition("_")[0])
        means = [_mean(values) for values in zip(*run["psnr"], strict=True)]
        ax.plot(range(len(means)), means, color=look.color, linestyle=look.line, linewidth=1.8, label=title(name))
        ax.plot(run["trained"], means[run["trained"]], look.marker, color=look.color, markersize=8)
        if run["truth"]:
            back = [_mean(values) for values in zip(*run["truth"], strict=True)]
            start = run["trained"]
            ax.plot(range(start, start + len(back)), back, color=look.color, linewidth=0.8)
    ax.axhline(tv, color=INK, linewidth=0.8, linestyle=(0, (3, 4)))
    ax.set_ylim(bottom=LOWEST)
    ax.set_xlabel("steps", fontsize=TEXT, color=INK)
    ax.set_ylabel("PSNR in dB", fontsize=TEXT, color=INK)
    figure.legend(loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)
    return figure


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _plain(ax: Axes) -> None:
    ax.set_axis_on()
    ax.tick_params(labelsize=SMALL, colors=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, axis="y", color=FAINT, linewidth=0.6)
