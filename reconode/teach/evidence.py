"""The experiment's results, where a chapter quotes them: in the library's own checkout, or in a clone beside it.

Weights come with the library, results files only with its repository; on Colab a chapter's first cell clones that
(:func:`fetch`).
"""

from __future__ import annotations

import html
import json
import math
import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from reconode import zoo
from reconode._version import __version__
from reconode.errors import DataError
from reconode.experiment import results
from reconode.experiment.results import Result
from reconode.experiment.rows import Row, make_row
from reconode.physics import MRIOperator

HOME = "https://github.com/reconode/reconode"
CLONE = Path("reconode")
"""The repository, and its clone in the folder where a notebook runs."""


def fetch() -> None:
    """Clone the repository, at this version, where there are no results files; else nothing.

    Raises:
        DataError: when git cannot.
    """
    try:
        folder()
    except DataError as missing:
        tag = "v" + __version__.partition(".dev")[0]
        command = ["git", "clone", "--quiet", "--depth", "1", "--branch", tag, HOME, str(CLONE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = str(getattr(error, "stderr", "") or error).strip()
            raise DataError(f"{missing}; tried `{' '.join(command)}`: {said}") from error


def folder(benchmark: str = "small") -> Path:
    """Folder of a benchmark's results files.

    Raises:
        DataError: where there is neither a checkout nor a clone.
    """
    places = [Path(__file__).parents[2], CLONE, *Path.cwd().parents, Path.cwd()]
    for place in places:
        if (place / "results" / benchmark).is_dir():
            return place / "results" / benchmark
    raise DataError(
        f"no results of benchmark {benchmark} here: they are in the repository, not in the installed library; "
        "clone it where the notebook runs"
    )


@cache
def runs(benchmark: str = "small") -> tuple[Result, ...]:
    """All runs of a benchmark."""
    return tuple(results.read_all(folder(benchmark)))


def row(name: str, *, seed: int | None = 0, acceleration: float = 4, benchmark: str = "small") -> Row:
    """A row by its name: one seed's run, so that rows with one and with three compare alike; None takes all seeds.

    Raises:
        DataError: when no run of it is there.
    """
    zoo.find(name.partition("_")[0])
    chosen = [
        r for r in runs(benchmark) if r.row_name == name and r.acceleration == acceleration and seed in (None, r.seed)
    ]
    if not chosen:
        raise DataError(f"no run of {name} at {acceleration:g}x among the results of {benchmark}")
    return make_row(chosen)


def seed_means(name: str, *, acceleration: float = 4, benchmark: str = "small") -> dict[int, float]:
    """Mean PSNR in dB of each seed's run, by its seed; empty where none is there."""
    if not any(r.row_name == name and r.acceleration == acceleration for r in runs(benchmark)):
        return {}
    found = row(name, seed=None, acceleration=acceleration, benchmark=benchmark)
    return dict(zip((r.seed for r in found.runs), found.seed_means("psnr"), strict=True))


@cache
def work(name: str) -> int:
    """Operations of a row's network on one slice, counted on 16 × 112 samples, two for a multiply-add."""
    E = MRIOperator(torch.arange(112) % 2 == 0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        zoo.untrained(name.partition("_")[0])(torch.zeros(1, 1, 16, 112, dtype=torch.complex64), E)
    return int(counter.get_total_flops())


def has(name: str, *, seed: int = 0, acceleration: float = 4, benchmark: str = "small") -> bool:
    """Whether a row's run is there: trainings come in one by one, and a page says "not run" until then."""
    return any(r.row_name == name and (r.acceleration, r.seed) == (acceleration, seed) for r in runs(benchmark))


@dataclass(frozen=True)
class Table:
    """A table of measured cases: Markdown where there is only text, else HTML, which a page sets as its own tables."""

    markdown: str
    cases: tuple[dict[str, Any], ...]

    def _repr_html_(self) -> str:
        return "\n".join(map(_html, self.markdown.split("\n\n")))

    def __repr__(self) -> str:
        return self.markdown


def ways_back() -> Table:
    """Ways to differentiate a solve, measured by ``benchmarks/ways_back.py``: a table for each method.

    Columns that a phone holds: the gradient's relative error over ten knees, mean and worst; megabytes at the peak for
    each N; the time over that of storing all.

    Raises:
        DataError: where there is neither a checkout nor a clone.
    """
    cases = json.loads((folder("bench") / "ways_back.json").read_text(encoding="utf-8"))["cases"]
    parts = []
    for method, of_method in groupby(cases, key=lambda case: case["tableau"]):
        rows: dict[str, list[dict[str, Any]]] = {}
        for case in of_method:
            rows.setdefault(case["way"], []).append(case)
        counts = [f"{case['steps']}" for case in next(iter(rows.values()))]
        head = [method, "error", *(f"MB, {n}" for n in counts), "time"]
        lines = [head, ["---", *["--:"] * (len(head) - 1)]]
        for way, found in rows.items():
            judged = next(case for case in found if "mean_error" in case)
            held = [f"{case['peak_bytes'] / 1e6:.3g}" for case in found]
            lines.append(
                [way, _error(judged["mean_error"], judged["worst_error"]), *held, f"{judged['time_ratio']:.1f}"]
            )
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return Table("\n\n".join(parts), tuple(cases))


def _error(mean: float, worst: float) -> str:
    """A mean and the worst, or that there is nothing but rounding."""
    if worst == 0:
        return "0"
    return f"{mean:.2f}, {worst:.2f}" if worst > 1e-3 else f"< 1e{math.ceil(math.log10(worst))}"


def _html(markdown: str) -> str:
    """One Markdown table; the first column is text, the others are numbers."""
    head, _, *rows = ([html.escape(cell) for cell in line.strip("| ").split(" | ")] for line in markdown.splitlines())

    def line(cells: list[str], tag: str) -> str:
        first, *others = cells
        numbers = "".join(f'<{tag} style="text-align: right">{cell}</{tag}>' for cell in others)
        return f'<tr><{tag} style="text-align: left">{first}</{tag}>{numbers}</tr>'

    body = "\n".join(line(row, "td") for row in rows)
    table = f'<table class="table">\n<thead>{line(head, "th")}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    return f'<div class="pst-scrollable-table-container">\n{table}\n</div>'
