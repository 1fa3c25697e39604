"""Chapter 6's figures: gradients as signed maps, three ways to be equal, and curves of trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reconode.experiment.rows import Row
from reconode.figures.colors import FAINT, INK, style
from reconode.figures.panels import new_figure
from reconode.teach import evidence
from reconode.teach.plots.basics import SMALL, TEXT, WIDTH, axes, curves, signed_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def contrast(image: Tensor, width: int = 7) -> Tensor:
    """Variance in the window around each pixel, as wide as SSIM's; at the border, of what lies inside.

    Args:
        image: real ``(rows, columns)``.
        width: of the window, odd.
    """

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values[None, None], width, 1, width // 2, count_include_pad=False)[0, 0]

    return mean(image.square()) - mean(image).square()


def signed(maps: Mapping[str, Tensor], quantile: float = 0.99) -> Figure:
    """Signed maps two abreast, each on its own scale, white at zero.

    Args:
        maps: real ``(rows, columns)`` by title.
        quantile: of a map's absolute values, where its color ends.
    """
    tops = [float(torch.quantile(values.abs().float(), quantile)) for values in maps.values()]
    return signed_pairs(maps, tops)[0]


def rectifiers(rectifier: Callable[[int, float], float], steps: int = 2000) -> Figure:
    """RAdam's rectifier over the step, for two of its forgetting factors.

    Args:
        rectifier: of a step's number, from 1, and β₂.
        steps: how many.
    """
    counts = range(1, steps + 1)
    lines = {f"$\\beta_2$ = {b2}": (counts, [rectifier(n, b2) for n in counts]) for b2 in (0.999, 0.99)}
    return curves(None, lines, "step n", "rectifier r", (True, False), markers=False)


def accountings(panels: Mapping[str, Sequence[str]], price: Callable[[str], float], line: Row) -> Figure:
    """Seed 0's mean PSNR with its 95 % interval over the test knees, a panel for each way to be equal.

    Other seeds' means are small marks; behind a model's name stands its training's price.

    Args:
        panels: names of rows by the panel's title.
        price: of a row's training.
        line: a classical method, drawn as a line.
    """
    counts = [len(names) for names in panels.values()]
    figure, _ = new_figure(1, 1, panel=WIDTH, aspect=0.052 * sum(counts) + 0.08 * len(counts))
    figure.clear()
    plots = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": counts})[:, 0]
    level = line.interval("psnr").mean
    for ax, (title, names) in zip(plots, panels.items(), strict=True):
        ax.axvline(level, color=style("tv").color, linestyle=style("tv").line, linewidth=1.4)
        labels = []
        for place, name in enumerate(reversed(names)):
            one = evidence.row(name)
            others = evidence.row(name, seed=None).seed_means("psnr")[1:]
            found, look = one.interval("psnr"), style(one.first.model)
            ax.plot([found.low, found.high], [place, place], color=look.color, linewidth=1.2)
            ax.plot(others, [place] * len(others), "|", color=look.color, markersize=11, markeredgewidth=1.5)
            ax.plot(found.mean, place, color=look.color, marker=look.marker, markersize=8)
            ax.annotate(f"{found.mean:.2f}", (found.high, place), (4, -3), textcoords="offset points", fontsize=SMALL)
            labels.append(f"{one.first.title.removeprefix('ReconODE-')} ({price(name):.2f})")
        ax.set_yticks(range(len(labels)), labels, fontsize=SMALL)
        ax.set_ylim(-0.6, len(labels) - 0.4)
        ax.set_title(title, fontsize=TEXT, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(True, axis="x", color=FAINT, linewidth=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=SMALL, colors=INK)
    plots[-1].set_xlabel(f"PSNR in dB; the line is {line.label.lower()}", fontsize=TEXT, color=INK)
    return figure


def validations(rows: Sequence[Row]) -> Figure:
    """Validation PSNR over the slices seen, each training in its model's look.

    Args:
        rows: of one seed each; those of one model share a look, and longer ones lie behind.
    """
    figure, (ax,) = axes()
    for row in rows:
        training, look = row.first.training, style(row.first.model)
        assert training is not None
        seen = [training.examples * step / training.steps for step, *_ in training.validation]
        scores = [psnr for _, psnr, *_ in training.validation]
        looks: dict[str, Any] = {"color": look.color, "linestyle": look.line, "marker": look.marker, "markersize": 5}
        name = row.first.title.removeprefix("ReconODE-") if row.first.variant else None
        ax.plot(seen, scores, alpha=1 if row.first.variant else 0.45, label=name, **looks)
    ax.set_xlabel("slices' worth of examples seen", fontsize=TEXT, color=INK)
    ax.set_ylabel("validation PSNR in dB", fontsize=TEXT, color=INK)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)
    return figure


def falling(losses: Sequence[float], width: int = 10) -> Figure:
    """A training's relative loss: each step, and the mean of the last few.

    Args:
        losses: a step's loss over the zero-filled image's.
        width: how many steps the mean goes back.
    """
    values = torch.tensor(losses)
    means = values.unfold(0, width, 1).mean(-1)
    lines = {
        "each step": (range(1, len(values) + 1), values),
        f"mean of {width}": (range(width, len(values) + 1), means),
    }
    figure = curves(None, lines, "step", "loss / zero-filled's loss", markers=False)
    figure.axes[0].lines[0].set_alpha(0.45)
    return figure
