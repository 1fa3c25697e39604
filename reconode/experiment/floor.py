"""The noise floor: what two trainings of one function differ by, and how far seeds of a row lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconode import zoo
from reconode.experiment.notes import count
from reconode.experiment.results import Result, Transfer
from reconode.experiment.rows import Row, rows

FLOOR = ("lt-euler", "ft-euler")
"""Two rows that are one function."""


def seed_mean(row: Row, seed: int) -> float:
    """A seed's mean PSNR."""
    return row.seed_means("psnr")[[run.seed for run in row.runs].index(seed)]


def floor_notes(results: Iterable[Result], acceleration: float, variants: Sequence[str] = ("",)) -> list[str]:
    """The noise floor of each length: what two trainings of one function differ by, and how far seeds lie apart."""
    return [_floor([r for r in results if r.acceleration == acceleration], acceleration, v) for v in variants]


def _floor(results: Sequence[Result], acceleration: float, variant: str) -> str:
    found = rows(r for r in results if r.variant == variant and r.training is not None and r.family != "ablation")
    names = {
        model: found[model, variant, acceleration] for model in zoo.MODELS if (model, variant, acceleration) in found
    }
    parts = []
    if all(name in names for name in FLOOR):
        a, b = (names[name] for name in FLOOR)
        shared = sorted({r.seed for r in a.runs} & {r.seed for r in b.runs})
        apart = [abs(seed_mean(a, seed) - seed_mean(b, seed)) for seed in shared]
        if apart:
            said = " and ".join(f"{one:.2f}" for one in apart)
            parts.append(f"{a.first.title} and {b.first.title}, one function in two scales, differ by {said} dB")
    for row in names.values():
        means = row.seed_means("psnr")
        if len(means) > 1:
            parts.append(f"{count(len(means), 'seed')} of {row.first.title} lie {max(means) - min(means):.2f} dB apart")
    where = f"{acceleration:g}×" + (f", {variant}" if variant else "")
    return f"Noise floor at {where}: " + ("; ".join(parts) if parts else "not measured") + "."


def transfer_floor(results: Sequence[Transfer], tests: Iterable[str], variant: str = "") -> list[str]:
    """How far the seeds of each row lie apart on some transfer tests, at most."""
    wanted, parts = set(tests), []
    for model in zoo.MODELS:
        found: dict[str, list[float]] = {}
        for result in (r for r in results if r.row == (model, variant)):
            for t in (t for t in result.tests if t.test in wanted):
                found.setdefault(t.test, []).append(sum(v.psnr for v in t.volumes) / len(t.volumes))
        several = {test: means for test, means in found.items() if len(means) > 1}
        if several:
            seeds = count(max(map(len, several.values())), "seed")
            apart = max(max(means) - min(means) for means in several.values())
            parts.append(f"{seeds} of {zoo.find(model).title} lie up to {apart:.2f} dB apart")
    return [f"Noise floor: {'; '.join(parts)}." if parts else "Noise floor: not measured, one seed of each."]
