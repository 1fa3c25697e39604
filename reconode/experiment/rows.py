"""A table's rows: the runs of one model from several seeds, and the paired comparison of two rows.

Two sources of chance stay apart. Volumes differ, and the interval and the p-value over volumes speak of that. Trainings
differ too, and the spread over seeds speaks of that. Several seeds of one row are averaged volume by volume first, so
that a volume never counts more than once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reconode.errors import DataError
from reconode.experiment.results import Data, Head, Result
from reconode.metrics import Interval, bootstrap
from reconode.statistics import wilcoxon


@dataclass(frozen=True)
class Row:
    """The runs of one table's row: one model, acceleration and variant, from one or more seeds."""

    runs: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """The run that speaks for what all share."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """The title, with the variant where there is one."""
        return label(self.first)

    def per_volume(self, metric: str) -> dict[str, float]:
        """Each volume's score, averaged over the seeds."""
        scores: dict[str, list[float]] = {}
        for run in self.runs:
            for volume in run.volumes:
                scores.setdefault(volume.name, []).append(float(getattr(volume, metric)))
        return {name: sum(values) / len(values) for name, values in scores.items()}

    def interval(self, metric: str) -> Interval:
        """Mean over volumes and its 95 % bootstrap interval."""
        return bootstrap(list(self.per_volume(metric).values()))

    def seed_means(self, metric: str) -> list[float]:
        """Each seed's mean over volumes."""
        return [sum(getattr(v, metric) for v in run.volumes) / len(run.volumes) for run in self.runs]

    def spread(self, metric: str) -> float | None:
        """Sample standard deviation of the seeds' means; None for one seed."""
        means = self.seed_means(metric)
        return float(np.std(means, ddof=1)) if len(means) > 1 else None


def make_row(runs: Iterable[Result]) -> Row:
    """Runs that differ in nothing but their seed, as a row.

    Raises:
        DataError: for none, the same seed twice, another model or acceleration among them, or other data.
    """
    found = tuple(sorted(runs, key=lambda run: run.seed))
    same_data(found)
    first = found[0]
    for run in found:
        if (run.row, run.acceleration) != (first.row, first.acceleration):
            raise DataError(f"one row cannot hold {first.file_name} and {run.file_name}: they differ in more than seed")
        _same_volumes(first, run)
    if len({run.seed for run in found}) < len(found):
        raise DataError(f"{first.file_name}: the same seed is there twice; give each run once")
    return Row(found)


def rows(results: Iterable[Result]) -> dict[tuple[str, str, float], Row]:
    """All rows by model, variant and acceleration."""
    grouped: dict[tuple[str, str, float], list[Result]] = {}
    for result in results:
        grouped.setdefault((*result.row, result.acceleration), []).append(result)
    return {key: make_row(runs) for key, runs in grouped.items()}


def same_data(results: Sequence[Head]) -> Data:
    """The benchmark that all results are of.

    Raises:
        DataError: for no results, or when two are of different data.
    """
    if not results:
        raise DataError("no results to compare: expected at least one run; `reconode experiment run` makes them")
    first = results[0]
    for other in results:
        if other.benchmark != first.benchmark:
            raise DataError(
                f"{other.file_name} is of benchmark {describe(other.benchmark)}, but {first.file_name} of "
                f"{describe(first.benchmark)}: results of different data never stand in one table"
            )
    return first.benchmark


def label(result: Head) -> str:
    """A result's title, with its variant where it has one."""
    return result.title + (f" ({result.variant})" if result.variant else "")


def describe(data: Data) -> str:
    """A benchmark in a few words."""
    return f"{data.name} ({data.shape[0]} x {data.shape[1]}, {data.fingerprint})"


@dataclass(frozen=True)
class Comparison:
    """A against B on the same volumes.

    Attributes:
        metric: "psnr", "ssim" or "nmse".
        difference: mean of A − B over volumes with its 95 % bootstrap interval.
        p: two-sided, of :func:`~reconode.statistics.wilcoxon`.
        higher: volumes where A's score is the higher number.
        volumes: that both were scored on.
    """

    metric: str
    difference: Interval
    p: float
    higher: int
    volumes: int


def compare(a: Row, b: Row, metric: str = "psnr") -> Comparison:
    """Paired comparison of two rows, volume by volume.

    Raises:
        DataError: when they are of different data, accelerations or masks, or not of the same volumes.
    """
    same_data((a.first, b.first))
    for what in ("acceleration", "mask"):
        one, other = getattr(a.first, what), getattr(b.first, what)
        if one != other:
            raise DataError(
                f"{a.first.file_name} and {b.first.file_name} cannot be compared: their {what} is {one} and {other}"
            )
    _same_volumes(a.first, b.first)
    scores_a, scores_b = a.per_volume(metric), b.per_volume(metric)
    differences = [scores_a[name] - scores_b[name] for name in sorted(scores_a)]
    higher = sum(d > 0 for d in differences)
    return Comparison(metric, bootstrap(differences), wilcoxon(differences), higher, len(differences))


def two_way(a: Row, b: Row, draws: int = 2000, seed: int = 0) -> Interval:
    """Mean PSNR of A − B with a 95 % interval over trainings and volumes, both drawn again (a two-way bootstrap).

    Seeds that both rows have are paired. Three seeds make a rough interval; it is there to show what an interval over
    volumes alone leaves out.

    Raises:
        DataError: when the rows share fewer than two seeds, or are of different volumes.
    """
    same_data((a.first, b.first))
    _same_volumes(a.first, b.first)
    runs = [{run.seed: {v.name: v.psnr for v in run.volumes} for run in row.runs} for row in (a, b)]
    seeds = sorted(runs[0].keys() & runs[1].keys())
    if len(seeds) < 2:
        raise DataError(f"{a.label} and {b.label} share {len(seeds)} seeds: expected two or more")
    names = sorted(runs[0][seeds[0]])
    d = np.array([[runs[0][s][name] - runs[1][s][name] for name in names] for s in seeds])
    chance = np.random.default_rng(seed)
    over_seeds = chance.integers(len(seeds), size=(draws, len(seeds)))
    over_names = chance.integers(len(names), size=(draws, len(names)))
    means = [d[np.ix_(s, n)].mean() for s, n in zip(over_seeds, over_names, strict=True)]
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(d.mean()), float(low), float(high), len(names))


def _same_volumes(a: Result, b: Result) -> None:
    names_a, names_b = ({volume.name for volume in run.volumes} for run in (a, b))
    if names_a != names_b:
        only = sorted(names_a ^ names_b)[0]
        raise DataError(f"{a.file_name} and {b.file_name} are not of the same volumes: only one has {only}")
