"""Figures of the experiment's results files: one look for each model, whiskers over volumes, nothing typed by hand.

Fonts are large for their size: on a phone a figure is as wide as the screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconode import zoo
from reconode.errors import DataError
from reconode.experiment.lengths import lengths
from reconode.experiment.results import Result, Transfer
from reconode.experiment.rows import Row, label, rows, same_data
from reconode.experiment.tables import order
from reconode.figures.colors import FAINT, INK, SOLVERS, Style, style
from reconode.figures.panels import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.0
"""Inches; a column of the book, and at 390 pixels a phone, where 11 points are 12 pixels."""

TEXT, SMALL = 11, 9

CLOSE = 0.4
"""Lines that are nearer, in dB, have their names on either side."""


def psnr_against_parameters(results: Sequence[Result], acceleration: float = 4.0) -> Figure:
    """PSNR over the number of trainable parameters, one mark a row; classical methods are lines.

    Whiskers: 95 % bootstrap interval over the test volumes. Rows with (nearly) the same number stand side by side
    around it: FT's and FA's are one network.

    Raises:
        DataError: for results of different data, or none at that acceleration.
    """
    data = same_data(results)
    shown = _sorted(r for r in results if r.acceleration == acceleration and r.family != "ablation" and not r.variant)
    if not shown:
        raise DataError(f"no results at {acceleration:g}x to draw; `reconode experiment run` makes them")
    figure, ax = _plot(0.95)
    places = _side_by_side([row.first.parameters for row in shown])
    levels = [row.interval("psnr").mean for row in shown if row.first.parameters == 0]
    for row, place in zip(shown, places, strict=True):
        look, interval = style(row.first.model), row.interval("psnr")
        if row.first.parameters == 0:
            ax.axhline(interval.mean, color=look.color, linestyle=look.line, linewidth=1.2, zorder=1)
            at = (0.995, interval.mean)
            # Below its line where another line is just above.
            side = "top" if any(0 < level - interval.mean < CLOSE for level in levels) else "bottom"
            ax.annotate(
                row.label, at, xycoords=("axes fraction", "data"), ha="right", va=side, fontsize=SMALL, color=INK
            )
            continue
        whiskers = None
        if interval.low == interval.low:
            whiskers = [[interval.mean - interval.low], [interval.high - interval.mean]]
        ax.errorbar(
            place,
            interval.mean,
            whiskers,
            fmt=look.marker,
            color=look.color,
            markersize=8,
            elinewidth=1,
            label=row.label,
        )
    ticks = {10_000: "10k", 30_000: "30k", 100_000: "100k", 300_000: "300k", 1_000_000: "1M", 3_000_000: "3M"}
    _over_decades(ax, "trainable parameters", ticks)
    ax.set_title(f"Benchmark {data.name}, {acceleration:g}×", fontsize=TEXT)
    _legend(figure, ax)
    return figure


def _over_decades(ax: Axes, across: str, ticks: Mapping[int, str]) -> None:
    """PSNR over something on a logarithmic axis, labelled where it is in sight."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    inside = [number for number in ticks if low <= number <= high]
    ax.set_xticks(inside, [ticks[number] for number in inside])
    ax.minorticks_off()
    ax.set_xlabel(across, fontsize=TEXT)
    ax.set_ylabel("PSNR in dB", fontsize=TEXT)


def training_curves(
    results: Sequence[Result],
    models: Sequence[str] = (),
    acceleration: float = 4.0,
    what: str = "psnr",
    variant: str = "",
) -> Figure:
    """Validation PSNR, or the training loss, over the slices seen; seeds of a row share its look.

    A training that fell far below where all began leaves the picture, and its label says to where.

    Args:
        results: of one benchmark.
        models: names of the rows to draw; none draws all that were trained.
        acceleration: of the runs.
        what: "psnr" of the validation, or "loss" relative to that of the zero-filled image.
        variant: of the trainings.
    """
    data = same_data(results)
    trained = [r for r in results if r.training and r.acceleration == acceleration and r.variant == variant]
    shown = _sorted(r for r in trained if (r.model in models if models else r.family != "ablation"))
    if not shown:
        raise DataError(f"no trainings at {acceleration:g}x to draw; `reconode experiment run` makes them")
    figure, ax = _plot(0.95)
    begins = [run.training.validation[0][1] for row in shown for run in row.runs if run.training]
    floor = min(begins) - 1 if what == "psnr" else -math.inf
    for row in shown:
        look = style(row.first.model)
        for number, run in enumerate(row.runs):
            assert run.training is not None
            points = run.training.validation if what == "psnr" else run.training.curve
            each = run.training.examples / run.training.steps
            seen, values = [p[0] * each for p in points], [p[1] for p in points]
            fell = f", down to {min(values):.0f}" if min(values) < floor else ""
            ax.plot(
                seen,
                values,
                color=look.color,
                linestyle=look.line,
                marker=look.marker if what == "psnr" else None,
                markersize=4.5,
                linewidth=1.4,
                label=f"{row.label}{fell}" if number == 0 else None,
            )
            if not run.training.finished and points:
                ax.annotate("†", (seen[-1], values[-1]), xytext=(0, 5), textcoords="offset points", color=look.color)
    if ax.get_ylim()[0] < floor:
        ax.set_ylim(bottom=floor)
    ax.set_xlabel("slices seen", fontsize=TEXT)
    ax.set_ylabel("validation PSNR in dB" if what == "psnr" else "loss, zero-filled = 1", fontsize=TEXT)
    long = f", {variant} trainings" if variant else ""
    ax.set_title(f"Benchmark {data.name}, {acceleration:g}×{long}", fontsize=TEXT)
    _legend(figure, ax)
    return figure


def gains_of_length(results: Sequence[Result], costs: Mapping[str, float], acceleration: float = 4.0) -> Figure:
    """Test PSNR over the operations of the training: a line a row, from its table training to its longest.

    Args:
        results: of one benchmark.
        costs: operations of a training step by model, 10¹².
        acceleration: of the runs.

    Raises:
        DataError: for results of different data, or no row with a cost.
    """
    data = same_data(results)
    shown = {m: [one for one in at.values() if one.compute] for m, at in lengths(results, costs, acceleration).items()}
    if not any(shown.values()):
        raise DataError(f"no trainings at {acceleration:g}x with counted operations; run `reconode experiment cost`")
    figure, ax = _plot(0.95)
    for model, at in shown.items():
        if not at:
            continue
        look = style(model)
        x, y = zip(*((one.compute, one.row.interval("psnr").mean) for one in at), strict=True)
        name = zoo.find(model).title.removeprefix("ReconODE-")
        ax.plot(
            x, y, color=look.color, linestyle=look.line, marker=look.marker, markersize=7, linewidth=1.4, label=name
        )
    for row in _sorted(r for r in results if r.acceleration == acceleration and r.model in ("tv", "wavelet")):
        look, level = style(row.first.model), row.interval("psnr").mean
        ax.axhline(level, color=look.color, linestyle=look.line, linewidth=1.2, zorder=1)
        side, gap = ("top", -2) if row.first.model == "tv" else ("bottom", 2)
        ax.annotate(
            row.label,
            (0.01, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, gap),
            textcoords="offset points",
            va=side,
            fontsize=SMALL,
            color=INK,
        )
    _over_decades(ax, "operations of the training, 10¹²", {t: f"{t:,}" for t in (1, 3, 10, 30, 100, 300, 1000)})
    ax.set_title(f"Benchmark {data.name}, {acceleration:g}×: what longer training brought", fontsize=TEXT)
    _legend(figure, ax)
    return figure


def transfer_bars(
    results: Sequence[Transfer], models: Sequence[str] = (), group: str = "real", acceleration: float = 4.0
) -> Figure:
    """What each model gains over zero-filled in PSNR on data it was not trained for, a panel a test.

    Bars begin at zero-filled: one to the left is worse than doing nothing.

    Raises:
        DataError: for results of different benchmarks, or without zero-filled's.
    """
    same_data(results)
    chosen = sorted((r for r in results if r.acceleration == acceleration), key=order)
    gains = _gains(chosen, group)
    wanted = [r for r in chosen if r.family != "classical" or r.model != "zero-filled"]
    names = {label(r): r.model for r in wanted if (r.model in models if models else r.family != "ablation")}
    labels = {t.test: t.label for r in chosen for t in r.tests if t.group == group}
    figure, axes = new_figure(len(labels), 1, panel=WIDTH, aspect=0.045 * (len(names) + 1))
    for axis, (test, heading) in zip((row[0] for row in axes), labels.items(), strict=True):
        _style_axes(axis)
        axis.grid(False, axis="y")
        for place, (name, model) in enumerate(names.items()):
            gain = gains.get((name, test))
            if gain is not None:
                axis.barh(place, gain, color=style(model).color, height=0.7)
                axis.annotate(
                    f"{gain:+.2f}".replace("-", "−"),
                    (max(gain, 0), place),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=SMALL,
                    color=INK,
                )
        axis.set_yticks(range(len(names)), list(names), fontsize=SMALL)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.axvline(0, color=INK, linewidth=1)
        axis.set_title(heading, fontsize=TEXT)
    axes[-1][0].set_xlabel("PSNR above zero-filled, in dB", fontsize=TEXT)
    return figure


def steps_curve(
    measured: Sequence[Mapping[str, Any]], model: str = "ft-euler", trained_steps: int = 5, against: str = "evaluations"
) -> Figure:
    """PSNR of one trained network under other solvers and other numbers of steps.

    Args:
        measured: the rows of results/<benchmark>/steps.json: model, solver, psnr, and steps or tolerance, evaluations.
        model: whose.
        trained_steps: N of the training, marked where the axis is steps.
        against: "evaluations" of f, or "steps" (adaptive solvers have none and are left out).
    """
    chosen = [m for m in measured if m["model"] == model and against in m]
    if not chosen:
        raise DataError(f"no measurements of {model} by {against} to draw; see benchmarks/experiment")
    figure, ax = _plot(0.8)
    for solver in dict.fromkeys(m["solver"] for m in chosen):
        points = sorted((m[against], m["psnr"]) for m in chosen if m["solver"] == solver)
        look = SOLVERS.get(solver, Style(INK, ":", "."))
        x, y = zip(*points, strict=True)
        ax.plot(x, y, color=look.color, linestyle=look.line, marker=look.marker, markersize=6, label=solver)
    ax.set_xscale("log")
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if t <= max(m[against] for m in chosen)]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    if against == "steps":
        ax.axvline(trained_steps, color=INK, linewidth=1, linestyle=":")
        ax.annotate(
            f"trained with {trained_steps}",
            (trained_steps, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
        )
    ax.set_xlabel("evaluations of f" if against == "evaluations" else "steps N", fontsize=TEXT)
    ax.set_ylabel("PSNR in dB", fontsize=TEXT)
    ax.set_title(f"{model}: other solvers, the same weights", fontsize=TEXT)
    ax.legend(fontsize=SMALL, frameon=False)
    return figure


def flow_curves(measured: Mapping[str, Any]) -> Figure:
    """PSNR along the way of several flows; below, how much of each of PC-Flow's proposals the data take back.

    Args:
        measured: results/<benchmark>/pc_flow.json.
    """
    figure, axes = new_figure(2, 1, panel=WIDTH, aspect=0.55)
    way, share = (row[0] for row in axes)
    for ax in (way, share):
        _style_axes(ax)
        ax.set_xlim(-0.02, 1.02)
    for name, psnr in measured["trajectories"].items():
        look, t = style(name), [n / (len(psnr) - 1) for n in range(len(psnr))]
        title = zoo.find(name).title.removeprefix("ReconODE-")
        way.plot(t, psnr, color=look.color, linestyle=look.line, marker=look.marker, markersize=6, label=title)
    way.set_ylabel("PSNR in dB", fontsize=TEXT)
    way.set_title("From the zero-filled image to the last step", fontsize=TEXT)
    way.legend(fontsize=SMALL, frameon=False)
    taken, look = measured["taken_back"], style(measured["model"])
    at = [(n + 1) / len(taken) for n in range(len(taken))]
    share.plot(at, [100 * one for one in taken], color=look.color, linestyle="", marker=look.marker, markersize=7)
    share.set_ylim(0, 105)
    share.set_xlabel("t", fontsize=TEXT)
    share.set_ylabel("taken back, in %", fontsize=TEXT)
    share.set_title("What data consistency undoes of each proposal", fontsize=TEXT)
    return figure


def _side_by_side(parameters: Sequence[int]) -> list[float]:
    """Where marks go on a logarithmic axis, so that those of one size do not hide each other."""
    places = [float(number) for number in parameters]
    for number in set(parameters) - {0}:
        same = [i for i, other in enumerate(parameters) if abs(other / number - 1) < 0.01]
        for rank, i in enumerate(same):
            places[i] = number * 1.06 ** (rank - (len(same) - 1) / 2)
    return places


def _sorted(results: Iterable[Result]) -> list[Row]:
    return sorted(rows(results).values(), key=lambda row: order(row.first))


def _gains(results: Sequence[Transfer], group: str) -> dict[tuple[str, str], float]:
    """Mean over seeds and volumes of PSNR above zero-filled's on the same volume, by label and test."""
    floor = {
        (t.test, v.name): v.psnr
        for r in results
        if r.row == ("zero-filled", "")
        for t in r.tests
        if t.group == group
        for v in t.volumes
    }
    if not floor:
        raise DataError(
            f"no transfer results of zero-filled in group {group}: run `reconode experiment transfer` for it"
        )
    found: dict[tuple[str, str], list[float]] = {}
    for r in results:
        for t in (t for t in r.tests if t.group == group):
            for v in t.volumes:
                if (t.test, v.name) not in floor:
                    raise DataError(f"{r.file_name}: test {t.test} has {v.name}, which zero-filled was not tested on")
                found.setdefault((label(r), t.test), []).append(v.psnr - floor[t.test, v.name])
    return {key: sum(values) / len(values) for key, values in found.items()}


def _plot(aspect: float) -> tuple[Figure, Axes]:
    figure, axes = new_figure(1, 1, panel=WIDTH, aspect=aspect)
    _style_axes(axes[0][0])
    return figure, axes[0][0]


def _style_axes(ax: Axes) -> None:
    ax.set_axis_on()
    ax.tick_params(labelsize=SMALL, colors=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(True, color=FAINT, linewidth=0.6)


def _legend(figure: Figure, ax: Axes) -> None:
    """Below the axes, two columns: beside them it would take a phone's width."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False, handlelength=3)
