"""How long each row was trained, and what that says: equal compute, and what more training brought.

Rows of unequal length share no table but these two, whose columns say what each had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reconode.errors import DataError
from reconode.experiment.floor import floor_notes, seed_mean
from reconode.experiment.notes import INTERVALS, precisions, title
from reconode.experiment.results import Result
from reconode.experiment.rows import Row, compare, rows, same_data
from reconode.experiment.tables import find_row, order, score, seeds_of, signed
from reconode.experiment.typeset import Table
from reconode.storage.whole import read_json

COUNTED = "cost_counted.json"
"""What ``reconode experiment cost`` writes beside a benchmark's results: operations of a training step of each row."""

LENGTHS = ("", "long", "20k")
"""The variants that are one recipe at three lengths, the shortest first."""

FINE = ("fine", "fine20k")
"""The variants that went on at 8x from 4x weights: 600 steps from "long", 3,000 from "20k"."""

QUARTER = 0.75
"""Where the last quarter of a curve begins."""


def read_costs(folder: Path) -> dict[str, float]:
    """Operations (10¹²) of a training step, by model; of a model that wasn't counted there are none.

    Raises:
        DataError: when nothing was counted.
    """
    path = folder / COUNTED
    if not path.is_file():
        raise DataError(f"{path}: no operations counted there; run `reconode experiment cost --table1 --tflops 1`")
    return {row["model"]: float(row["tflop_a_step"]) for row in read_json(path)["rows_measured"]}


@dataclass(frozen=True)
class Length:
    """A row at one length of training.

    Attributes:
        row: its runs.
        steps: of the training.
        compute: operations of it, 10¹²; 0 where they weren't counted.
    """

    row: Row
    steps: int
    compute: float


def lengths(
    results: Iterable[Result], costs: Mapping[str, float], acceleration: float = 4.0
) -> dict[str, dict[str, Length]]:
    """Every row that was trained to its end, by model in the order of tables, and by variant, the shortest first."""
    wanted = [r for r in results if r.acceleration == acceleration and r.variant in LENGTHS and steps_of(r)]
    ended = [r for r in wanted if r.family not in ("FA", "ODE")]  # whose best weights are not their last
    found: dict[str, dict[str, Length]] = {}
    for row in sorted(rows(ended).values(), key=lambda row: (order(row.first)[:3], steps_of(row.first))):
        steps = steps_of(row.first)
        made = Length(row, steps, steps * costs.get(row.first.model, 0.0))
        found.setdefault(row.first.model, {})[row.first.variant] = made
    return found


def steps_of(run: Result) -> int:
    """Steps of a training that came to its end; 0 of one that did not, or of none."""
    return run.training.steps if run.training is not None and run.training.finished else 0


def compute_table(
    results: Sequence[Result], costs: Mapping[str, float], baseline: str = "lt-rk4", acceleration: float = 4.0
) -> Table:
    """Rows at equal compute: each at the length that is nearest to the operations of the baseline's training.

    Args:
        results: of one benchmark.
        costs: operations of a training step by model (:func:`read_costs`); rows without are left out.
        baseline: whose training is the budget; of its table's length, or of another's, such as "lt-rk4_long".
        acceleration: of the runs.

    Raises:
        DataError: without the baseline's training or its cost, or for results of different data.
    """
    same_data(results)
    base = find_row(results, baseline, acceleration)
    if base.first.model not in costs or not steps_of(base.first):
        raise DataError(f"no operations are counted for {baseline}, or its training did not end")
    budget = steps_of(base.first) * costs[base.first.model]
    lines = []
    classical = rows(r for r in results if r.acceleration == acceleration and r.family == "classical")
    for row in sorted(classical.values(), key=lambda row: order(row.first)):
        lines.append(_line(row, base, "–", "–"))
    shown = [base]
    for at in lengths(results, costs, acceleration).values():
        counted = [one for one in at.values() if one.compute > 0]
        if not counted:
            continue
        best = min(counted, key=lambda one: abs(math.log(one.compute / budget)))
        shown.append(best.row)
        lines.append(_line(best.row, base, f"{best.steps:,}", f"{best.compute / budget:.2f}"))
    header = ("model", "steps", "compute", "PSNR", f"Δ to {base.first.title}", "SSIM", "seeds")
    notes = (
        f"Compute: operations of the training, {base.first.title}'s {steps_of(base.first):,} steps = 1. Each row is at "
        "the length nearest to 1 of those that it was trained for. Rows by the continuous adjoint are not here.",
        INTERVALS,
        *precisions(shown),
        *floor_notes(results, acceleration, LENGTHS),
    )
    of = f", {base.first.variant}" if base.first.variant else ""
    return Table(title(f"Equal compute at {acceleration:g}×{of}", results), header, tuple(lines), notes)


def _line(row: Row, base: Row, steps: str, compute: str) -> tuple[str, ...]:
    same = row.first.row == base.first.row
    difference = "–" if same else signed(compare(row, base))
    name = row.first.title
    return (name, steps, compute, score(row, "psnr"), difference, score(row, "ssim"), seeds_of(row))


@dataclass(frozen=True)
class Progress:
    """How far a row came, and how fast it still moves.

    Attributes:
        last: its longest training.
        slope: of the validation PSNR over the last quarter of that, in dB a doubling of the steps; mean over seeds.
        brought: what a doubling brought between its two longest, dB on the test volumes; None with one length.
        hours: of one core, all its trainings here together.
    """

    last: Length
    slope: float
    brought: float | None
    hours: float


def progress(
    results: Sequence[Result], costs: Mapping[str, float] | None = None, acceleration: float = 4.0
) -> list[Progress]:
    """Of every row that was trained to its end, in the order of tables."""
    made = []
    for model, at in lengths(results, costs or {}, acceleration).items():
        *_, last = at.values()
        brought = None
        if len(at) > 1:
            short, long = list(at.values())[-2:]
            shared = {run.seed for run in short.row.runs} & {run.seed for run in long.row.runs}
            gains = [seed_mean(long.row, seed) - seed_mean(short.row, seed) for seed in shared]
            brought = sum(gains) / len(gains) / math.log2(long.steps / short.steps) if gains else None
        spent = sum(r.training.seconds for r in results if r.model == model and r.training) / 3600
        slopes = [last_slope(run.training.validation) for run in last.row.runs if run.training]
        made.append(Progress(last, sum(slopes) / len(slopes), brought, spent))
    return made


def last_slope(validation: Sequence[Sequence[float]]) -> float:
    """Of PSNR over the binary logarithm of the step, least squares over the last quarter; nan for one point."""
    end = max(point[0] for point in validation)
    points = [point for point in validation if point[0] >= QUARTER * end]
    if len(points) < 2:
        return math.nan
    return float(np.polyfit([math.log2(point[0]) for point in points], [point[1] for point in points], 1)[0])


def progress_table(results: Sequence[Result], acceleration: float = 4.0) -> Table:
    """How far from flat each row is, what a doubling brought, and what it cost.

    Raises:
        DataError: without a training at that acceleration, or for results of different data.
    """
    same_data(results)
    found = progress(results, acceleration=acceleration)
    if not found:
        raise DataError(f"no trainings at {acceleration:g}x; `reconode experiment run` makes them")
    lines = [
        (
            one.last.row.first.title,
            f"{one.last.steps:,}",
            f"{one.last.row.interval('psnr').mean:.2f}",
            f"{one.slope:+.2f}".replace("-", "−"),
            "–" if one.brought is None else f"{one.brought:+.2f}".replace("-", "−"),
            f"{one.hours:.1f}",
        )
        for one in found
    ]
    every = sum(r.training.seconds for r in results if r.training) / 3600
    header = ("model", "steps", "PSNR", "slope, dB a doubling", "a doubling brought, dB", "core-hours")
    notes = (
        "Slope: of the longest training's validation curve over its last quarter. Learning rates fall to zero along a "
        "cosine, which flattens any curve at its end: a small slope would not be convergence.",
        "A doubling brought: test PSNR of the longest training less that of the one before it, over the doublings of "
        "steps between them, each with a cosine of its own. The next one brings as much if "
        "the gain goes on; no row shows an end.",
        "Core-hours: wall time of one thread, of all trainings of a row whose results files are here, on cores that "
        f"often had other work; {every:.0f} for all rows and ablations.",
        *precisions(one.last.row for one in found),
        *floor_notes(results, acceleration, LENGTHS),
    )
    return Table(title(f"How far each row came at {acceleration:g}×", results), header, tuple(lines), notes)
