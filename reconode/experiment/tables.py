"""The experiment's tables from its results files: Table 1 beside the paper's, transfer, ablations, one against one.

A table is of one benchmark; what could mislead (an unfinished training, another budget, one seed) is said in its notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconode import zoo
from reconode.errors import DataError, UsageError
from reconode.experiment import paper
from reconode.experiment.floor import floor_notes, transfer_floor
from reconode.experiment.notes import INTERVALS, adjoints, budgets, count, hardware, papers, precisions, tests, title
from reconode.experiment.results import GROUPS, Head, Result, Transfer, Trial
from reconode.experiment.rows import Comparison, Row, compare, describe, make_row, rows, same_data
from reconode.experiment.typeset import Table
from reconode.metrics import Interval
from reconode.statistics import holm

SLOTS = ("zero-filled", "tv", "wavelet", *paper.TABLE1, "neural-ode")
"""Rows that Table 1 always has, run or not; the paper's own in the paper's order."""

DIGITS = {"psnr": 2, "ssim": 4, "nmse": 5}
NAMES = {"psnr": "PSNR", "ssim": "SSIM", "nmse": "NMSE"}
NOT_RUN, UNFINISHED, BELOW = "not run", "†", "‡"


def table1(
    results: Sequence[Result], benchmark: str, accelerations: Sequence[float] = (4.0, 8.0), variant: str = ""
) -> Table:
    """The paper's Table 1, ours beside the paper's: classical rows, the paper's rows in its order, what goes beyond.

    Args:
        results: of one benchmark; ablations among them are left out.
        benchmark: its name.
        accelerations: a pair of columns for each metric.
        variant: of the trainings, such as "long"; then only rows that were run are shown.

    Raises:
        DataError: for results of another benchmark, or of different data.
    """
    for result in results:
        if result.benchmark.name != benchmark:
            raise DataError(
                f"{result.file_name} is of benchmark {describe(result.benchmark)}; this table is of {benchmark}"
            )
    same_data(results)
    chosen = [
        replace(r, variant="")
        for r in results
        if r.acceleration in accelerations
        and r.family != "ablation"
        and (r.variant == variant or r.family == "classical")
    ]
    if variant and not any(r.training for r in chosen):
        raise DataError(f"no run of variant {variant!r} among the results")
    found = rows(chosen)
    header = ["model", "parameters"]
    for a in accelerations:
        header += [column for m in ("PSNR", "SSIM") for column in (f"{m} {a:g}×", f"{m} {a:g}×, paper")]
    header.append("seeds" if len(accelerations) == 1 else "seeds " + " / ".join(f"{a:g}×" for a in accelerations))
    models = _table1_models(found.values(), () if variant else SLOTS)
    lines = [_line(model, [found.get((model, "", float(a))) for a in accelerations], accelerations) for model in models]
    shown = list(found.values())
    floors = [note for a in accelerations for note in floor_notes(results, a, (variant,))]
    notes = [INTERVALS, *floors, *papers(benchmark, accelerations, models), *budgets(shown), *precisions(shown)]
    notes += [*adjoints(shown), *hardware(shown)]
    steps = [r.training.steps for r in chosen if r.training]
    what = f"Table 1, {variant} trainings of {max(steps, key=steps.count):,} steps" if variant else "Table 1"
    return Table(title(what, results), tuple(header), tuple(lines), tuple(notes))


def ablation_table(
    results: Sequence[Result], baseline: str = "lt-rk4", acceleration: float = 4.0, models: Sequence[str] = ()
) -> Table:
    """Each ablation, variant and model beyond the paper against one baseline, on the same volumes.

    Args:
        results: of one benchmark.
        baseline: name of the model that all are compared with.
        acceleration: of the runs that are compared.
        models: names of the rows; none takes all ablations, variants and whatever goes beyond the paper that saw as
            many examples as the baseline.

    Raises:
        DataError: without a run of the baseline, or for results of different data.
    """
    same_data(results)
    base = find_row(results, baseline, acceleration)
    found = rows(r for r in results if r.acceleration == acceleration)
    chosen = [
        row
        for row in found.values()
        if row.first.row != base.first.row
        and (row.first.model in models if models else is_ablation(row.first) and same_budget(row, base))
    ]
    chosen.sort(key=lambda row: order(row.first))
    header = (
        "model",
        "parameters",
        "PSNR",
        "Δ PSNR",
        "p of PSNR",
        "SSIM",
        "Δ SSIM",
        "p of SSIM",
        "higher PSNR",
        "seeds",
    )
    compared = [[compare(row, base, metric) for metric in ("psnr", "ssim")] for row in chosen]
    corrected = iter(holm([c.p for pair in compared for c in pair]))
    lines = [_ablation_line(base, [])]
    lines += [
        _ablation_line(row, [(c, next(corrected)) for c in pair]) for row, pair in zip(chosen, compared, strict=True)
    ]
    shown = [base, *chosen]
    floors = floor_notes(results, acceleration, (base.first.variant,))
    notes = (
        INTERVALS,
        *floors,
        tests(base.label, 2 * len(chosen)),
        *budgets(shown),
        *precisions(shown),
        *adjoints(shown),
        *hardware(shown),
    )
    return Table(title(f"Against {base.label} at {acceleration:g}×", results), header, tuple(lines), notes)


def same_budget(a: Row, b: Row) -> bool:
    """Whether two rows saw as many examples: a short training says nothing beside a long one."""
    seen = [row.first.training.examples if row.first.training else None for row in (a, b)]
    return seen[0] == seen[1]


def compare_table(a: Row, b: Row) -> Table:
    """One row against another in all three scores.

    Raises:
        DataError: when they are not of the same volumes.
    """
    header = ("score", a.label, b.label, "difference", "p", f"volumes where {a.label} is higher")
    lines = []
    for metric in ("psnr", "ssim", "nmse"):
        c = compare(a, b, metric)
        lines.append(
            (
                NAMES[metric],
                _mean(a.interval(metric), metric),
                _mean(b.interval(metric), metric),
                signed(c),
                _p(c.p),
                f"{c.higher}/{c.volumes}",
            )
        )
    seeds = f"Seeds: {a.label} {seeds_of(a)}, {b.label} {seeds_of(b)}."
    notes = (INTERVALS, tests(b.label, 1), seeds, *budgets([a, b]), *precisions([a, b]), *hardware([a, b]))
    caption = title(f"{a.label} against {b.label} at {a.first.acceleration:g}×", [*a.runs, *b.runs])
    return Table(caption, header, tuple(lines), notes)


def transfer_tables(results: Sequence[Transfer], group: str = "real", acceleration: float = 4.0) -> list[Table]:
    """:func:`transfer_table` of each variant that was tested: unequal lengths of training share no table."""
    there = {r.variant: None for r in results if r.acceleration == acceleration and r.family != "classical"}
    some = [v for v in there if any(t.group == group for r in results if r.variant == v for t in r.tests)]
    return [transfer_table(results, group, acceleration, variant) for variant in sorted(some) or [""]]


def transfer_table(
    results: Sequence[Transfer], group: str = "real", acceleration: float = 4.0, variant: str = ""
) -> Table:
    """Trained models on data unlike their training's: a row a model, a column a test, PSNR / SSIM.

    Args:
        results: of models trained on one benchmark.
        group: of tests, one of ``results.GROUPS``.
        acceleration: that the models were trained for.
        variant: of the trainings; methods without training are in every table.

    Raises:
        DataError: for results of different benchmarks, or none of that group and acceleration.
    """
    if group not in GROUPS:
        raise UsageError(f"unknown group of transfer tests {group!r}: choose one of {', '.join(GROUPS)}")
    data = same_data(results)
    at = (r for r in results if r.acceleration == acceleration)
    chosen = sorted((r for r in at if r.variant == variant or r.family == "classical"), key=order)
    tests = _trials(chosen, group)
    if not tests:
        raise DataError(
            f"no transfer results of group {group} at {acceleration:g}x; run `reconode experiment transfer`"
        )
    runs: dict[tuple[str, str], list[Transfer]] = {}
    for result in chosen:
        runs.setdefault(result.row, []).append(result)
    scores = {row: [_transfer_scores(seeds, test) for test in tests] for row, seeds in runs.items()}
    floor = scores.get(("zero-filled", ""), [None] * len(tests))
    lines = []
    for row, seeds in runs.items():
        cells = [_transfer_cell(score, least) for score, least in zip(scores[row], floor, strict=True)]
        lines.append((seeds[0].title, *cells, "–" if seeds[0].family == "classical" else str(len(seeds))))
    header = ("model", *(f"{t.label} ({count(len(t.volumes), 'volume')})" for t in tests.values()), "seeds")
    length = f", {variant} trainings" if variant else ""
    caption = f"Transfer, {group}{length}: trained on benchmark {data.name} ({data.fingerprint}) at {acceleration:g}×."
    return Table(caption, header, tuple(lines), (*_both_notes(lines), *transfer_floor(chosen, tests, variant)))


def contrast_table(results: Sequence[Result], acceleration: float = 4.0) -> Table:
    """Table 1's scores by contrast: a row a model, a column an acquisition of the test volumes, PSNR / SSIM.

    Args:
        results: of one benchmark; ablations and variants among them are left out.
        acceleration: of the runs.

    Raises:
        DataError: for results of different data, or none at that acceleration.
    """
    same_data(results)
    found = rows(r for r in results if r.acceleration == acceleration and _slot(r) is not None)
    if not found:
        raise DataError(f"no results at {acceleration:g}x; `reconode experiment run` makes them")
    shown = sorted(found.values(), key=lambda row: order(row.first))
    names: dict[str, set[str]] = {}
    for volume in shown[0].first.volumes:
        names.setdefault(volume.acquisition, set()).add(volume.name)
    scores = {row.first.model: [_mean_scores(row, some) for some in names.values()] for row in shown}
    floor = scores.get("zero-filled", [None] * len(names))
    lines = [(row.label, *map(_transfer_cell, scores[row.first.model], floor), seeds_of(row)) for row in shown]
    header = (
        "model",
        *(f"{name or 'unknown'} ({count(len(some), 'volume')})" for name, some in names.items()),
        "seeds",
    )
    return Table(title(f"Contrast at {acceleration:g}×", results), header, tuple(lines), _both_notes(lines))


def find_row(results: Iterable[Result], name: str, acceleration: float) -> Row:
    """All seeds of a row by its name: a model of the zoo, followed by ``_variant`` for one that was trained otherwise.

    ``_table``, as the library's weights are named, is Table 1's own training, which has no variant here.

    Raises:
        DataError: when no run of it is there.
    """
    name = name.removesuffix("_table")
    runs = [r for r in results if r.row_name == name]
    found = [r for r in runs if r.acceleration == acceleration]
    if not found:
        zoo.find(name.partition("_")[0])  # for a misspelt name, its neighbors
        others = sorted({f"{r.acceleration:g}x" for r in runs})
        there = f"; there are runs at {' and '.join(others)}" if others else ""
        raise DataError(f"no run of {name} at {acceleration:g}x among the results{there}")
    return make_row(found)


def is_ablation(result: Head) -> bool:
    """Whether a run belongs in :func:`ablation_table`: what is changed on purpose, and what goes beyond the paper."""
    return result.family in ("ablation", "beyond") or result.variant != ""


def order(result: Head) -> tuple[float, int, str, str]:
    """Sorts rows as the paper's Table 1 does, then by the zoo; ablations and variants come last."""
    names = list(zoo.MODELS)
    return (
        _place(result),
        names.index(result.model) if result.model in names else len(names),
        result.model,
        result.variant,
    )


def _place(result: Head) -> float:
    slot = _slot(result)
    if slot is None:
        return len(SLOTS) + 1
    if slot in SLOTS:
        return SLOTS.index(slot)
    return 0.5 if result.family == "classical" else len(SLOTS)


def _slot(result: Head) -> str | None:
    """The row of Table 1 that a result belongs in or under; None for ablations and variants."""
    if result.family == "ablation" or result.variant:
        return None
    return paper.row_of(result.model) or result.model


def _table1_models(found: Iterable[Row], slots: Sequence[str]) -> list[str]:
    """Model of each line of Table 1: all that were run, and a line for each slot of which none was."""
    heads = {row.first.model: row.first for row in found}
    filled = {_slot(head) for head in heads.values()}
    lines = [(order(head), model) for model, head in heads.items()]
    lines += [((SLOTS.index(slot), 0, slot, ""), slot) for slot in slots if slot not in filled]
    return [model for _, model in sorted(lines)]


def _line(model: str, found: Sequence[Row | None], accelerations: Sequence[float]) -> tuple[str, ...]:
    """A line of Table 1: one pair of columns for each metric and acceleration."""
    some = next((row for row in found if row is not None), None)
    entry = zoo.MODELS.get(model)
    if some is not None:
        cells = [some.label, f"{some.first.parameters:,}"]
    else:
        assert entry is not None, "a slot is a model of the zoo"
        cells = [entry.title, f"{entry.parameters:,}"]
    for row, acceleration in zip(found, accelerations, strict=True):
        for metric in ("psnr", "ssim"):
            cells.append(NOT_RUN if row is None else score(row, metric))
            cells.append(paper.printed(model, metric, acceleration) or "–")
    cells.append(" / ".join("–" if row is None else seeds_of(row) for row in found))
    return tuple(cells)


def _ablation_line(row: Row, compared: Sequence[tuple[Comparison, float]]) -> tuple[str, ...]:
    """A row with its PSNR's and SSIM's comparisons to the baseline and their corrected p; the baseline has none."""
    shown = [(signed(c), _p(p)) for c, p in compared] or [("–", "–")] * 2
    cells = [row.label, f"{row.first.parameters:,}", score(row, "psnr"), *shown[0], score(row, "ssim"), *shown[1]]
    higher = f"{compared[0][0].higher}/{compared[0][0].volumes}" if compared else "–"
    return (*cells, higher, seeds_of(row))


def score(row: Row, metric: str) -> str:
    """Mean and interval, marked when a training behind it is not finished."""
    return _mean(row.interval(metric), metric) + (UNFINISHED if _unfinished(row) else "")


def _mean(interval: Interval, metric: str) -> str:
    d = DIGITS[metric]
    if interval.low != interval.low:  # one volume has no interval
        return f"{interval.mean:.{d}f}"
    return f"{interval.mean:.{d}f} [{interval.low:.{d}f}, {interval.high:.{d}f}]"


def signed(comparison: Comparison) -> str:
    """A mean difference with its sign, and its interval."""
    i, d = comparison.difference, DIGITS[comparison.metric]
    text = f"{i.mean:+.{d}f}" if i.low != i.low else f"{i.mean:+.{d}f} [{i.low:+.{d}f}, {i.high:+.{d}f}]"
    return text.replace("-", "−")


def _p(value: float) -> str:
    return f"{value:.1e}".replace("-", "−") if value < 0.001 else f"{value:.3f}"


def seeds_of(row: Row) -> str:
    """How many, and the spread of their means in dB."""
    if row.first.family == "classical":
        return "–"
    spread = row.spread("psnr")
    return "1" if spread is None else f"{len(row.runs)} (±{spread:.2f} dB)"


def _unfinished(row: Row) -> list[Result]:
    return [run for run in row.runs if run.training is not None and not run.training.finished]


def _trials(results: Iterable[Transfer], group: str) -> dict[str, Trial]:
    """The tests of a group by name, in the order of the files.

    Raises:
        DataError: when a test is of other volumes in one file than in another.
    """
    found: dict[str, Trial] = {}
    for result in results:
        for test in result.tests:
            if test.group != group:
                continue
            first = found.setdefault(test.test, test)
            if {v.name for v in test.volumes} != {v.name for v in first.volumes}:
                raise DataError(f"{result.file_name}: test {test.test} is of other volumes than in other files")
    return found


def _transfer_scores(seeds: Sequence[Transfer], test: str) -> tuple[float, float] | None:
    """Mean PSNR and SSIM of a test; each seed has all volumes, so that the plain mean weighs all alike."""
    volumes = [v for seed in seeds for t in seed.tests if t.test == test for v in t.volumes]
    if not volumes:
        return None
    return sum(v.psnr for v in volumes) / len(volumes), sum(v.ssim for v in volumes) / len(volumes)


def _mean_scores(row: Row, names: Iterable[str]) -> tuple[float, float]:
    """Mean PSNR and SSIM over the seeds and some of the volumes."""
    psnr, ssim = ([row.per_volume(metric)[name] for name in names] for metric in ("psnr", "ssim"))
    return sum(psnr) / len(psnr), sum(ssim) / len(ssim)


def _both_notes(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What the cells of :func:`_transfer_cell` hold, and their mark where one has it."""
    marked = any(BELOW in cell for line in lines for cell in line)
    return ("PSNR in dB / SSIM, means over volumes and seeds.", *[f"{BELOW} below zero-filled in PSNR."] * marked)


def _transfer_cell(score: tuple[float, float] | None, floor: tuple[float, float] | None) -> str:
    if score is None:
        return NOT_RUN
    mark = BELOW if floor is not None and score[0] < floor[0] else ""
    return f"{score[0]:.2f}{mark} / {score[1]:.3f}"
