"""Chapter 10's figures: scores over the paper's, curves over what they cost, and what processing of data does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconode import zoo
from reconode.experiment import paper
from reconode.experiment.claims import FLOOR
from reconode.experiment.rows import Row, compare
from reconode.figures.colors import FAINT, INK, style
from reconode.figures.panels import new_figure
from reconode.teach.plots.basics import SMALL, TEXT, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHORT = "ReconODE-"
HATCHES = ("", "////")


def against_the_paper(panels: Mapping[str, Sequence[Row]], base: Row, floor: float = FLOOR) -> Figure:
    """Our lead over a classical method against the paper's PSNR, a mark a row, a panel for each length of training.

    A reproduced order would rise from left to right. The paper's data are others, so that only the order can agree;
    the grey bar is as high as the noise floor.

    Args:
        panels: rows by title; those that the paper does not have are left out.
        base: the method, on the same knees: differences are paired, with 95 % intervals over the knees.
        floor: dB.
    """
    figure, _ = new_figure(1, 1, panel=5.0, aspect=0.5 * len(panels) + 0.22)
    figure.clear()
    plots = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    handles: dict[str, Any] = {}
    for ax, (title, rows) in zip(plots, panels.items(), strict=True):
        _plain(ax)
        ax.axhline(0, color=style(base.first.model).color, linestyle=style(base.first.model).line, linewidth=1.4)
        for row in rows:
            x = paper.score(row.first.model, "psnr", row.first.acceleration)
            if x is None:
                continue
            look, d = style(row.first.model), compare(row, base).difference
            ax.plot([x, x], [d.low, d.high], color=look.color, linewidth=1.2)
            (mark,) = ax.plot(x, d.mean, color=look.color, marker=look.marker, markersize=9, linestyle="")
            handles[row.first.title.removeprefix(SHORT)] = mark
        ax.set_title(title, fontsize=TEXT, loc="left")
        ax.set_ylabel(f"ours − {base.label.lower()}, dB", fontsize=TEXT, color=INK)
    for ax in plots:
        at, foot = ax.get_xlim()[0], ax.get_ylim()[0] + 0.8 * (ax.get_ylim()[1] - ax.get_ylim()[0])
        ax.plot([at, at], [foot, foot + floor], color="#8f8f8f", linewidth=9, solid_capstyle="butt", clip_on=False)
        ax.annotate("noise floor", (at, foot), (8, 0), textcoords="offset points", fontsize=SMALL, color=INK)
        ax.set_xlim(at, None)
    plots[-1].set_xlabel("the paper's PSNR on fastMRI, dB", fontsize=TEXT, color=INK)
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False
    )
    return figure


def curves_by_cost(rows: Sequence[Row], cost: Callable[[Row], float]) -> Figure:
    """Validation PSNR over the slices seen, and below it over the arithmetic spent, each training in its model's look.

    Args:
        rows: of one seed each.
        cost: of a row's whole training, in the unit of the axis.
    """
    figure, _ = new_figure(1, 1, panel=5.0, aspect=1.35)
    figure.clear()
    plots = figure.subplots(2, 1, squeeze=False)[:, 0]
    for row in rows:
        training, look = row.first.training, style(row.first.model)
        assert training is not None
        shares = [step / training.steps for step, *_ in training.validation]
        scores = [psnr for _, psnr, *_ in training.validation]
        for ax, whole in zip(plots, (training.examples, cost(row)), strict=True):
            ax.plot(
                [share * whole for share in shares],
                scores,
                color=look.color,
                linestyle=look.line,
                marker=look.marker,
                markersize=5,
                label=row.first.title.removeprefix(SHORT),
            )
    for ax, words in zip(plots, ("slices seen", "arithmetic, LT-RK4's 2,000 steps = 1"), strict=True):
        _plain(ax)
        ax.set_xlabel(words, fontsize=TEXT, color=INK)
        ax.set_ylabel("validation PSNR, dB", fontsize=TEXT, color=INK)
    plots[1].set_xscale("log")
    low, high = plots[1].get_xlim()
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= t <= high]
    plots[1].set_xticks(ticks, [f"{t:g}" for t in ticks])
    plots[1].minorticks_off()
    handles, labels = plots[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)
    return figure


def crimes(gained: Mapping[str, Mapping[str, float]], floor: float = FLOOR) -> Figure:
    """What each way of processing adds to each model's PSNR, a group of bars a way.

    Args:
        gained: dB by model (a row's name) and way.
        floor: dB, drawn as a band.
    """
    ways = list(next(iter(gained.values())))
    figure, (ax,) = axes(aspect=0.2 * len(ways) + 0.2)
    thick = 0.8 / len(gained)
    ax.axvspan(-floor, floor, color="#8f8f8f", alpha=0.25, linewidth=0)
    for n, (name, by_way) in enumerate(gained.items()):
        model = name.partition("_")[0]
        places = [k + (n - (len(gained) - 1) / 2) * thick for k in range(len(ways))]
        look: dict[str, Any] = {"color": style(model).color, "label": zoo.find(model).title.removeprefix(SHORT)}
        if zoo.find(model).family == "classical":  # all of them grey
            look |= {"hatch": HATCHES[n % len(HATCHES)], "edgecolor": "white"}
        ax.barh(places, [by_way[w] for w in ways], height=0.92 * thick, **look)
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(ways)), ways, fontsize=SMALL)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel("PSNR gained, dB; the band is the noise floor", fontsize=TEXT, color=INK)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def _plain(ax: Axes) -> None:
    ax.set_axis_on()
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=SMALL, colors=INK)
