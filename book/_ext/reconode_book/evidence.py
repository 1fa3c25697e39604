"""What the pages of answers read: runs, transfer tests and other measurements, as comparisons, clauses and tables."""

from __future__ import annotations

import copy
import json
import math
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconode import zoo
from reconode.errors import ReconodeError
from reconode.experiment import results, tables
from reconode.experiment.lengths import FINE, LENGTHS
from reconode.experiment.results import Result, Transfer
from reconode.experiment.rows import Comparison, Row, compare, make_row, two_way
from reconode.experiment.tables import find_row
from reconode.experiment.typeset import Table
from reconode.statistics import holm

NOT_RUN = "not run"


class Answers:
    """The files of one benchmark, and the sentences and tables made of them.

    Args:
        folder: results/small, for one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Result] = results.read_all(folder)
        self.moved: list[Transfer] = transfers(folder)

    def other(self, name: str) -> Any:
        """A measurement that is no run: its JSON, or None."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def against(self, a: str, b: str, acceleration: float = 4, metric: str = "psnr") -> Comparison | None:
        """A paired comparison; None when one of the two was not run."""
        try:
            return compare(find_row(self.runs, a, acceleration), find_row(self.runs, b, acceleration), metric)
        except ReconodeError:
            return None

    def versus(self, pairs: Sequence[tuple[str, str]], caption: str, acceleration: float = 4) -> str:
        """A table of paired comparisons, one a line."""
        compared = [self.against(*pair, acceleration) for pair in pairs]
        corrected = iter(holm([c.p for c in compared if c is not None]))
        lines, unequal = [], False
        for (a, b), c in zip(pairs, compared, strict=True):
            names = tuple(self.title(name) for name in (a, b))
            if c is None:
                lines.append((*names, NOT_RUN, "", "", "", ""))
                continue
            seen = [self.examples(name, acceleration) for name in (a, b)]
            if None not in seen and seen[0] != seen[1]:
                names, unequal = (f"{names[0]} †", names[1]), True
            ssim = self.against(a, b, acceleration, "ssim")
            seeds = " and ".join(str(len(find_row(self.runs, n, acceleration).runs)) for n in (a, b))
            assert ssim is not None
            cells = (dB(c), p(next(corrected)), f"{c.higher} of {c.volumes}", f"{ssim.difference.mean:+.4f}", seeds)
            lines.append((*names, *(minus(cell) for cell in cells)))
        header = ("A", "B", "A − B, dB", "p", "knees won by A", "A − B, SSIM", "seeds")
        notes = ("† The two did not see as many examples: not a fair comparison; the results page says how many.",)
        return Table(f"{caption}, {acceleration:g}×", header, tuple(lines), notes * unequal).markdown()

    def versus_seed(self, pairs: Sequence[tuple[str, str]], caption: str, acceleration: float = 4) -> str:
        """The same for those pairs of which both ran from seed 0, and of that seed alone."""
        only = copy.copy(self)
        only.runs = [r for r in self.runs if r.seed == 0]
        run = [pair for pair in pairs if only.against(*pair, acceleration) is not None]
        return only.versus(run, caption, acceleration) if run else f"{NOT_RUN.capitalize()}."

    def by_seed(self, pairs: Sequence[tuple[str, str]], caption: str, acceleration: float = 4) -> str:
        """A table of the differences from one training to the next, for pairs of which both ran with several seeds."""
        lines, holds, breaks = [], [], []
        for a, b in pairs:
            means = self.seed_differences(a, b, acceleration)
            if len(means) < 2:
                continue
            each = ", ".join(f"{mean:+.2f}" for mean in means)
            overall = f"{statistics.mean(means):+.2f} ± {statistics.stdev(means):.2f}"
            lines.append([self.title(a), self.title(b), each, overall])
            same = min(means) > 0 or max(means) < 0
            (holds if same else breaks).append(f"{self.title(a)} − {self.title(b)}")
        if not lines:
            return f"{caption}: {NOT_RUN}."
        header = ["A", "B", "A − B by seed, dB", "mean ± standard deviation"]
        said = [
            f"{words}: {'; '.join(found)}." for words, found in (("Of one sign", holds), ("Of both", breaks)) if found
        ]
        return plain_table(f"{caption}, {acceleration:g}×", header, lines) + "\n" + " ".join(said)

    def both_ways(self, pairs: Sequence[tuple[str, str]], caption: str, acceleration: float = 4) -> str:
        """A table of differences with intervals over trainings and knees together, for rows of several seeds."""
        lines = []
        for a, b in pairs:
            seeds = self.shared_seeds(a, b, acceleration)
            if len(seeds) < 2:
                lines.append([self.title(a), self.title(b), NOT_RUN, str(len(seeds))])
                continue
            found = two_way(*(find_row(self.runs, name, acceleration) for name in (a, b)))
            words = f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
            lines.append([self.title(a), self.title(b), words, str(len(seeds))])
        header = ["A", "B", "A − B, dB, over seeds and knees", "seeds"]
        return plain_table(f"{caption}, {acceleration:g}×", header, lines)

    def seed_differences(self, a: str, b: str, acceleration: float = 4) -> list[float]:
        """Mean PSNR of A minus B for each seed with which both were trained."""
        found = [
            compare(*(self.one_seed(name, acceleration, seed) for name in (a, b)))
            for seed in self.shared_seeds(a, b, acceleration)
        ]
        return [c.difference.mean for c in found]

    def gains(self, names: Sequence[str], variant: str, caption: str, acceleration: float = 4) -> str:
        """What trainings of a variant gained over the table's, from the same seeds."""
        lines = []
        for name in names:
            varied = f"{name}_{variant}"
            seeds = self.shared_seeds(name, varied, acceleration)
            if not seeds:
                lines.append([self.title(name), NOT_RUN, "", "", ""])
                continue
            a, b = self.one_seed(varied, acceleration, seeds[0]), self.one_seed(name, acceleration, seeds[0])
            scores = [f"{row.interval('psnr').mean:.2f} / {row.interval('ssim').mean:.4f}" for row in (b, a)]
            ssim = f"{compare(a, b, 'ssim').difference.mean:+.4f}"
            lines.append([self.title(name), *scores, dB(compare(a, b)), ssim])
        header = ["model", "the table's, PSNR / SSIM", f"{variant}, PSNR / SSIM", "gain, dB", "gain, SSIM"]
        return plain_table(f"{caption}, {acceleration:g}×", header, lines)

    def shared_seeds(self, a: str, b: str, acceleration: float) -> list[int]:
        """Seeds with which both rows were trained."""
        one, other = (
            {r.seed for r in self.runs if r.row_name == name and r.acceleration == acceleration} for name in (a, b)
        )
        return sorted(one & other)

    def one_seed(self, name: str, acceleration: float, seed: int) -> Row:
        """A row of a single training."""
        return make_row([r for r in find_row(self.runs, name, acceleration).runs if r.seed == seed])

    def examples(self, name: str, acceleration: float) -> int | None:
        """What a row's training saw; None for one that needs none."""
        training = find_row(self.runs, name, acceleration).first.training
        return None if training is None else training.examples

    def title(self, name: str) -> str:
        """A row's name as tables print it; what is short is said in captions."""
        model, _, variant = name.partition("_")
        said = zoo.find(model).title.removeprefix("ReconODE-")
        shown = (*LENGTHS, *FINE)
        return said + {"slow": " at FA's rate"}.get(variant, f", {variant}" if variant and variant in shown else "")

    def moved_psnr(self, test: str, acceleration: float = 4) -> dict[str, float]:
        """Each row's PSNR on a transfer test, mean over its volumes and seeds, by its name."""
        found: dict[str, list[float]] = {}
        for r in self.moved:
            for trial in r.tests:
                if trial.test == test and r.acceleration == acceleration:
                    found.setdefault(r.row_name, []).append(statistics.mean(v.psnr for v in trial.volumes))
        return {name: statistics.mean(scores) for name, scores in found.items()}

    def one_test(self, test: str, name: str, acceleration: float = 4, seed: int = 0) -> float | None:
        """A training's PSNR on a transfer test, mean over its volumes; None where it was not run."""
        for r in self.moved:
            if (r.row_name, r.acceleration, r.seed) == (name, acceleration, seed):
                for trial in (t for t in r.tests if t.test == test):
                    return statistics.mean(v.psnr for v in trial.volumes)
        return None

    def steps(self, name: str, acceleration: float = 4) -> int:
        """Of a row's training."""
        training = find_row(self.runs, name, acceleration).first.training
        return training.steps if training else 0

    def tests(self, acceleration: float = 4) -> dict[str, str]:
        """Name and label of every transfer test at an acceleration."""
        return {t.test: t.label for r in self.moved if r.acceleration == acceleration for t in r.tests}

    def say_below(self, acceleration: float = 4) -> str:
        """Which rows fall below zero-filled on which transfer tests."""
        below = []
        for test, label in self.tests(acceleration).items():
            psnr = self.moved_psnr(test, acceleration)
            floor = psnr.get("zero-filled", -math.inf)
            lost = [f"{self.title(name)} by {floor - score:.2f} dB" for name, score in psnr.items() if score < floor]
            below += [f"{label}: {', '.join(lost)}"] if lost else []
        return (
            f"Below zero-filled fall: {'; '.join(below)}." if below else "Nothing falls below zero-filled on any test."
        )

    def contrast(self, acceleration: float = 4) -> str:
        """The table of the two contrasts."""
        return tables.contrast_table(self.runs, acceleration).markdown()

    def transfer(self, group: str, acceleration: float = 4) -> str:
        """The table of a group of transfer tests."""
        try:
            return "\n".join(one.markdown() for one in tables.transfer_tables(self.moved, group, acceleration))
        except ReconodeError:
            return f"{NOT_RUN.capitalize()}.\n"


def transfers(folder: Path) -> list[Transfer]:
    """The transfer tests that pages show by length of training; other mixes and the like have tables of their own."""
    return [r for r in results.read_all_transfer(folder) if r.variant in ("", *zoo.VARIANTS)]


def dB(c: Comparison) -> str:  # noqa: N802 - the unit's name
    """A difference with its interval."""
    d = c.difference
    return f"{d.mean:+.2f} [{d.low:+.2f}, {d.high:+.2f}]"


def p(value: float) -> str:
    """A p value as people write it."""
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def minus(text: str) -> str:
    """Hyphens that begin a number as minus signs."""
    return re.sub(r"(?<![\w-])-(?=\d)|(?<=\de)-(?=\d)", "−", text)


def plain_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are text already."""
    return Table(caption, tuple(header), tuple(tuple(map(minus, row)) for row in rows)).markdown()
