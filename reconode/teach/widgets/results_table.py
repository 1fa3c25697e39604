"""Chapter 10: the paper's table beside ours, to be sorted and filtered, at equal examples or at equal compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from reconode import zoo
from reconode.errors import DataError
from reconode.experiment import paper
from reconode.experiment.claims import FLOOR
from reconode.experiment.results import Result
from reconode.experiment.rows import Row, make_row, same_data
from reconode.experiment.tables import order
from reconode.teach.widgets.pack import pack
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = {"psnr": 1e-3, "ssim": 1e-5}
"""Each with the step to which a page's numbers are rounded."""

BUDGET, SLACK = "lt-rk4", 1.05
"""Equal compute is at most that of this model's training at the table's length, with a little slack."""

FEWEST = 3
"""A table has more of the paper's rows than that."""

ALL, EQUAL = "all", "equal compute"

Tables = dict[tuple[float, str, str], list[Row]]
"""Rows by acceleration, length of training in words, and seed."""


def results_table(runs: Sequence[Result], operations: Mapping[str, float], *, reference: str = "wavelet") -> Widget:
    """Rows of one acceleration and one length of training, each with its difference from a row of the reader's choice.

    Differences are paired over the test knees, with a 95 % bootstrap interval, and are called ties where they do not
    clear interval and noise floor. Rows that saw fewer examples than the others of their table are marked and not
    compared. At equal compute stands each row's longest training within one budget of arithmetic.

    Args:
        runs: of one benchmark; ablations are left out, but for those in `operations`.
        operations: arithmetic of a training step, by model, in any unit; models without it have no place at equal
            compute.
        reference: the row that all are compared with at first.

    Raises:
        DataError: for results of different data, none, or no run of the reference.
    """
    same_data(runs)
    shown = [r for r in runs if r.family != "ablation" or r.model in operations]
    spent = {id(r): c for r in shown if (c := _compute(r, shown, operations)) is not None}
    tables = _by_length(shown) | _by_compute(shown, spent)
    heads = {r.model: r for r in sorted(shown, key=lambda r: r.variant, reverse=True)}
    found = {row.first.model for rows in tables.values() for row in rows}
    names = sorted(found, key=lambda name: order(heads[name]))
    if reference not in names:
        raise DataError(f"no run of {reference} among the results to compare the others with")
    sets: list[dict[str, Any]] = []
    differences = {metric: [np.zeros((3, 0))] for metric in METRICS}
    for (acceleration, length, seed), rows in tables.items():
        rows.sort(key=lambda row: names.index(row.first.model))
        usual = None if length == EQUAL else _usual(rows)
        entries = [_entry(row, names, usual, spent) for row in rows]
        for metric, step in METRICS.items():
            for entry, interval in zip(
                entries, _intervals(_scores(rows, metric, rows[0].per_volume(metric))).T, strict=True
            ):
                entry[metric] = [round(float(v) / step) for v in interval]
        sets.append({"acceleration": f"{acceleration:g}", "length": length, "seed": seed, "rows": entries})
        for metric in METRICS:
            differences[metric].append(pairwise(rows, metric))
    payload = {
        "models": [_model(heads[name]) for name in names],
        "sets": sets,
        "differences": {m: pack(np.concatenate(parts, 1), METRICS[m]) for m, parts in differences.items()},
        "steps": METRICS,
        "reference": names.index(reference),
        "floor": FLOOR,
        "budget": zoo.find(BUDGET).title.removeprefix("ReconODE-"),
    }
    first = next(iter(tables.values()))
    return Widget(
        kind="results_table",
        title="Table 1, ours beside the paper’s",
        alt="Test PSNR of each trained model with its interval, ours, and beside it the paper's on fastMRI.",
        payload=payload,
        draw=lambda: _picture(first, reference),
    )


def pairwise(rows: Sequence[Row], metric: str) -> np.ndarray:
    """Mean and 95 % interval of every row minus each later one, ``(3, pairs)``."""
    scores = _scores(rows, metric, sorted(rows[0].per_volume(metric)))
    a, b = np.triu_indices(len(rows), 1)
    return _intervals(scores[a] - scores[b])


def _scores(rows: Sequence[Row], metric: str, knees: Iterable[str]) -> np.ndarray:
    """Of each row and each knee; a bootstrap depends on the order of the knees in its last digits."""
    found = [row.per_volume(metric) for row in rows]
    return np.array([[one[name] for one in found] for name in knees]).T


def _intervals(values: np.ndarray) -> np.ndarray:
    """Mean and bounds of each line ``(n, knees)``: :func:`reconode.metrics.bootstrap` for all lines at once."""
    low, high = np.quantile(_draws(values.shape[1]) @ values.T, [0.025, 0.975], axis=0)
    return np.stack([values.mean(1), low, high])


@cache
def _draws(knees: int) -> np.ndarray:
    """How large a share of each draw each knee is, ``(draws, knees)``; the draws are :func:`bootstrap`'s own."""
    drawn = np.random.default_rng(0).integers(knees, size=(9999, knees))
    return np.stack([(drawn == n).mean(1) for n in range(knees)], 1)


def _by_length(runs: Sequence[Result]) -> Tables:
    """A table for each acceleration, length of training and seed, and one for all seeds."""
    tables: Tables = {}
    for acceleration in sorted({r.acceleration for r in runs if r.training}):
        at = [r for r in runs if r.acceleration == acceleration]
        classical = [r for r in at if not r.training]
        lengths: dict[str, list[Result]] = {}
        for variant in dict.fromkeys(r.variant for r in at if r.training):
            some = [r for r in at if r.training and r.variant == variant]
            if len({row for r in some if (row := paper.row_of(r.model))}) > FEWEST:  # else no table, but a control
                lengths[_words(some)] = some
        for words, some in sorted(lengths.items(), key=lambda item: (item[0].startswith("+"), _steps(item[1]))):
            seeds = sorted({str(r.seed) for r in some})
            for seed in (ALL, *(seeds if len(seeds) > 1 else ())):
                tables[acceleration, words, seed] = _rows(
                    [*classical, *(r for r in some if seed in (ALL, str(r.seed)))]
                )
    return tables


def _by_compute(runs: Sequence[Result], spent: Mapping[int, float]) -> Tables:
    """At 4x, each row's longest training whose arithmetic stays within the budget; classical methods beside them."""
    at = [r for r in runs if r.acceleration == 4]
    within = [r for r in at if r.training and r.training.finished and spent.get(id(r), SLACK + 1) <= SLACK]
    longest: dict[str, Result] = {}
    for r in within:
        if r.model not in longest or spent[id(r)] > spent[id(longest[r.model])]:
            longest[r.model] = r
    chosen = [r for r in within if r.variant == longest[r.model].variant]
    return {(4.0, EQUAL, ALL): _rows([*(r for r in at if not r.training), *chosen])} if chosen else {}


def _compute(run: Result, runs: Sequence[Result], operations: Mapping[str, float]) -> float | None:
    """A training's arithmetic over the budget's; None where it is not known, or where it went on from another."""
    steps = [r.training.steps for r in runs if r.row == (BUDGET, "") and r.acceleration == 4 and r.training]
    training = run.training
    if run.family == "ODE":  # an adaptive solver's arithmetic depends on the image, and grows in training
        return None
    if not steps or training is None or training.settings.get("init") or not {run.model, BUDGET} <= set(operations):
        return None
    return operations[run.model] * training.steps / (operations[BUDGET] * steps[0])


def _rows(runs: Sequence[Result]) -> list[Row]:
    grouped: dict[str, list[Result]] = {}
    for run in runs:
        grouped.setdefault(run.model, []).append(run)
    return [make_row(some) for some in grouped.values()]


def _usual(rows: Sequence[Row]) -> int:
    """Examples that most rows saw."""
    return Counter(row.first.training.examples for row in rows if row.first.training).most_common(1)[0][0]


def _steps(runs: Sequence[Result]) -> int:
    return Counter(r.training.steps for r in runs if r.training).most_common(1)[0][0]


def _words(runs: Sequence[Result]) -> str:
    went_on = any(r.training and r.training.settings.get("init") for r in runs)
    return f"{'+' * went_on}{_steps(runs):,} steps"


def _model(head: Result) -> dict[str, Any]:
    scores = {m: {f"{a}": v for a in (4, 8) if (v := paper.score(head.model, m, a)) is not None} for m in METRICS}
    return {"title": head.title.removeprefix("ReconODE-"), "parameters": head.parameters, "paper": scores}


def _entry(row: Row, names: Sequence[str], usual: int | None, spent: Mapping[int, float]) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": names.index(row.first.model)}
    if (training := row.first.training) is not None:
        entry |= {"seeds": [run.seed for run in row.runs], "examples": training.examples, "steps": training.steps}
        entry["means"] = [round(mean / METRICS["psnr"]) for mean in row.seed_means("psnr")]
        if id(row.first) in spent:
            entry["compute"] = round(spent[id(row.first)], 3)
        if usual is not None and training.examples != usual:
            entry["apart"] = 1
    return entry


def _picture(rows: Sequence[Row], reference: str) -> Figure:
    from reconode.teach.plots.reproduction import against_the_paper

    base = next(row for row in rows if row.first.model == reference)
    return against_the_paper({"": [row for row in rows if row.first.training]}, base)
