"""What a table of results must say besides its numbers: the data, the budget, the machine, what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconode.experiment.results import Result, Training
from reconode.experiment.rows import Row
from reconode.statistics import EXACT_UP_TO

INTERVALS = (
    "Brackets: 95 % bootstrap interval of the mean over test volumes, after averaging each volume over the seeds. "
    "±: standard deviation of the seeds' mean PSNR. One seed says nothing about the spread of trainings."
)


def title(what: str, results: Sequence[Result]) -> str:
    """The caption: what the table is of, and on which data."""
    first = results[0]
    data = first.benchmark
    volumes = count(len(first.volumes), f"{data.split} volume")
    return (
        f"{what}: benchmark {data.name} (fingerprint {data.fingerprint}), "
        f"k-space of {data.shape[0]} × {data.shape[1]}, "
        f"{volumes} ({count(data.slices, 'slice')}), {first.mask} masks."
    )


def papers(benchmark: str, accelerations: Sequence[float], models: Sequence[str]) -> list[str]:
    """What the paper's columns are of, and what they can be compared with."""
    notes = ["Paper: Table 1 of arXiv 2006.13825, fastMRI's single-coil knees, validation set."]
    if benchmark != "fastmri":
        notes[0] += " Other data than ours: compare the order of the rows, not the numbers."
    if 4 in accelerations and "neural-ode" in models:
        notes.append("The paper gives the original neural ODE's score in its text only: SSIM at 4×.")
    return notes


def budgets(shown: Iterable[Row]) -> list[str]:
    """How many examples the networks saw; each that saw another number than most, and each unfinished, by name."""
    trained = [(_name(row, run), run.training) for row in shown for run in row.runs if run.training is not None]
    if not trained:
        return []
    seen = [_examples(training) for _, training in trained if training.finished]
    notes = []
    if seen:
        usual = max(dict.fromkeys(seen), key=seen.count)
        others: dict[str, list[str]] = {}
        for name, training in trained:
            if training.finished and _examples(training) != usual:
                others.setdefault(_examples(training), []).append(name)
        except_for = "; ".join(f"{', '.join(names)}: {examples}" for examples, names in others.items())
        notes.append(f"Each network saw {usual}" + (f", except {except_for}." if others else "."))
    stopped = [
        f"{name} after {_examples(t)}, step {t.steps:,}{_planned(t)}" + (f" ({t.failed})" if t.failed else "")
        for name, t in trained
        if not t.finished
    ]
    if stopped:
        notes.append(f"† training stopped early: {'; '.join(stopped)}.")
    return notes


def precisions(shown: Iterable[Row]) -> list[str]:
    """Which rows were trained with convolutions in less than single precision; nothing where none was."""
    found: dict[str, list[str]] = {}
    for row in shown:
        for run in row.runs:
            how = str(run.training.settings.get("precision", "no")) if run.training is not None else "no"
            if how != "no":
                found.setdefault(how, []).append(_name(row, run))
    said = [f"with convolutions in {how}: {', '.join(dict.fromkeys(names))}" for how, names in found.items()]
    return [f"Trained {'; '.join(said)}. All are tested in single precision."] if said else []


def adjoints(shown: Iterable[Row]) -> list[str]:
    """By which adjoint each FA row was trained: the discrete one gives FT's gradients, so it is FT."""
    said = dict.fromkeys(f"{row.label}: {_adjoint(row.first)}" for row in shown if row.first.family == "FA")
    return [f"Gradients of FA. {'; '.join(said)}."] if said else []


def tests(baseline: str, comparisons: int) -> str:
    """Which test the p-values are of."""
    many = f" Corrected for the table's {comparisons} comparisons by Holm's method." if comparisons > 1 else ""
    return (
        f"Differences are paired by volume, row minus {baseline}; p: Wilcoxon's signed-rank test, two-sided, "
        f"zeros dropped, exact up to {EXACT_UP_TO} volumes.{many}"
    )


def hardware(shown: Iterable[Row]) -> list[str]:
    """What computed, each machine once."""
    machines = {run.hardware for row in shown for run in row.runs}
    said = sorted(f"{m.name or m.device} ({count(m.threads, 'thread')}, torch {m.torch})" for m in machines)
    return [f"Computed on {'; '.join(said)}."] if said else []


def count(number: int, noun: str) -> str:
    """``1 volume``, ``40 volumes``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _name(row: Row, run: Result) -> str:
    seed = f", seed {run.seed}" if len(row.runs) > 1 else ""
    return f"{row.label} at {run.acceleration:g}×{seed}"


def _examples(training: Training) -> str:
    return f"{training.examples:,} {training.examples_unit}"


def _planned(training: Training) -> str:
    """Of how many steps, where the settings say."""
    steps = training.settings.get("steps")
    return f" of {steps:,}" if isinstance(steps, int) else ""


def _adjoint(run: Result) -> str:
    if "continuous" in f"{run.model} {run.variant}":
        return "continuous adjoint"
    return run.variant or "discrete adjoint, the same gradients as FT's"
