"""The command ``reconode table``: the experiment's tables from its results files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from reconode.cli.console import answer, make_table
from reconode.errors import DataError, UsageError

if TYPE_CHECKING:
    from reconode.experiment.results import Head
    from reconode.experiment.typeset import Table


BASELINE = "lt-rk4"
"""What ablations are compared with, and whose training is the budget of equal compute."""


class Which(StrEnum):
    """The tables there are."""

    all = "all"
    table1 = "table1"
    contrast = "contrast"
    transfer = "transfer"
    ablations = "ablations"
    compare = "compare"
    claims = "claims"
    compute = "compute"
    lengths = "lengths"


class Format(StrEnum):
    """How a table is written."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


def print_table(
    which: Annotated[Which, typer.Argument(help="Which table.", show_default="all of the main ones")] = Which.all,
    names: Annotated[
        list[str] | None, typer.Argument(help="compare: two models, or two results files. ablations: rows to show.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Whose.", show_default="all for all and table1")] = None,
    results: Annotated[Path, typer.Option(help="Folder of the results files.")] = Path("results"),
    format_: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.text,
    acceleration: Annotated[
        list[float] | None, typer.Option(min=1, help="Repeat for several.", show_default="all that were run")
    ] = None,
    baseline: Annotated[
        str, typer.Option(help="ablations: what all are compared with; compute: the budget.")
    ] = BASELINE,
    variant: Annotated[str, typer.Option(help="table1: of the trainings, such as long.", show_default="none")] = "",
    group: Annotated[list[str] | None, typer.Option(help="transfer: groups of tests.", show_default="all")] = None,
) -> None:
    """Print Table 1 beside the paper's, of each length of training; equal compute, what length brought; real anatomy.

    Others by name: claims, contrast, ablations, transfer to anything else, one model against another.
    """
    rows = list(names or [])
    if which is Which.compare and len(rows) != 2:
        raise UsageError(f"compare needs two models, or two results files, not {len(rows)}: reconode table compare A B")
    if rows and which not in (Which.ablations, Which.compare):
        raise UsageError(f"table {which.value} takes no names, but {' '.join(rows)} came")
    given = sum(Path(name).is_file() for name in rows) if which is Which.compare else 0
    if given == 1:
        raise UsageError(f"compare needs two models, or two results files, not one of each: {' '.join(rows)}")
    if given:
        made = [_compare_files(*map(Path, rows))]
    else:
        folders, narrow = find_folders(results, benchmark), format_ in (Format.text, Format.latex)
        if len(folders) > 1 and which not in (Which.all, Which.table1):
            several = ", ".join(folder.name for folder in folders)
            raise UsageError(f"{results} has results of {several}, which are never compared: choose with --benchmark")
        chosen = (rows, acceleration or [], baseline, variant, group or [], narrow)
        made = [one for folder in folders for one in _make(which, folder, *chosen)]
    for number, one in enumerate(made):
        if number:
            sys.stdout.write("\n")
        _write(one, format_)


def find_folders(results: Path, benchmark: str | None) -> list[Path]:
    """The folders of the benchmarks that have results; the one that is named.

    Raises:
        DataError: when there are no results.
        UsageError: when there are none of that name.
    """
    from reconode.experiment.results import files

    there = [folder for folder in sorted(results.glob("*")) if folder.is_dir() and files(folder)]
    if not there:
        raise DataError(
            f"{results}: no results files there; run this in a clone of the repository, whose results/ has them, "
            "give --results FOLDER, or make some with `reconode experiment run`"
        )
    chosen = [folder for folder in there if benchmark in (None, folder.name)]
    if not chosen:
        names = ", ".join(folder.name for folder in there)
        raise UsageError(f"--benchmark {benchmark}: {results} has results of {names} only")
    return chosen


def _make(
    which: Which,
    folder: Path,
    names: Sequence[str],
    accelerations: Sequence[float],
    baseline: str,
    variant: str,
    groups: Sequence[str],
    narrow: bool,
) -> list[Table]:
    """The tables that were asked for; without accelerations, those that were run.

    Narrow tables, for a terminal or a page of paper, are of one acceleration each.
    """
    from reconode.experiment import claims, lengths, results, tables

    if which is Which.all:
        return _all(folder, accelerations, variant, groups, narrow)
    if which is Which.transfer:
        tested = results.read_all_transfer(folder)
        if not tested:
            raise DataError(
                f"{folder / results.TRANSFER}: no transfer results there; run `reconode experiment transfer`"
            )
        there = {(t.group, r.acceleration) for r in tested for t in r.tests}
        pairs = [(g, a) for a in accelerations or _accelerations(tested) for g in groups or results.GROUPS]
        wanted = [pair for pair in pairs if groups or pair in there]
        return [one for pair in wanted for one in tables.transfer_tables(tested, *pair)]
    runs = results.read_all(folder)
    if which is Which.table1:
        of_variant = [r for r in runs if r.variant == variant] if variant else runs
        if not of_variant:
            raise UsageError(f"--variant {variant}: {folder} has no such runs")
        shown = accelerations or _accelerations(of_variant)
        columns = [[a] for a in shown] if narrow else [shown]
        return [tables.table1(runs, folder.name, some, variant) for some in columns]
    if which is Which.compute:
        costs = lengths.read_costs(folder)
        return [lengths.compute_table(runs, costs, baseline, a) for a in accelerations or [4.0]]
    if which is Which.lengths:
        return [lengths.progress_table(runs, a) for a in accelerations or [4.0]]
    if which is Which.claims:
        return [claims.claims_table(runs)]
    if which is Which.contrast:
        return [tables.contrast_table(runs, a) for a in accelerations or _accelerations(runs)]
    if which is Which.ablations:
        changed = [r for r in runs if r.model in names or (not names and tables.is_ablation(r))]
        if not changed:
            what = " or ".join(names) or "an ablation"
            raise DataError(f"{folder}: no run of {what} there yet; `reconode experiment run --ablations` makes them")
        chosen = accelerations or _accelerations(changed)
        return [tables.ablation_table(runs, baseline, a, names) for a in chosen]
    chosen = accelerations or _accelerations(runs, names)
    return [tables.compare_table(*(tables.find_row(runs, name, a) for name in names)) for a in chosen]


def _all(
    folder: Path, accelerations: Sequence[float], variant: str, groups: Sequence[str], narrow: bool
) -> list[Table]:
    """The main tables as far as they were run; those of one variant, where it is named."""
    from reconode.errors import DataError
    from reconode.experiment import results
    from reconode.experiment.lengths import FINE, LENGTHS

    runs = results.read_all(folder)
    there = [v for v in (*LENGTHS, *FINE) if any(r.variant == v and r.training for r in runs)]
    variants = [variant] if variant else there
    made = [
        one
        for v in variants or [""]
        for one in _make(Which.table1, folder, (), accelerations, BASELINE, v, groups, narrow)
    ]
    budgets = [BASELINE, f"{BASELINE}_long"] if LENGTHS[-1] in variants else [BASELINE]
    others = [*((Which.compute, base) for base in budgets), (Which.lengths, BASELINE), (Which.transfer, BASELINE)]
    for which, base in () if variant else others:
        try:
            made += _make(which, folder, (), accelerations, base, "", ["real"], narrow)
        except DataError:
            continue  # not run, or not counted
    return made


def _accelerations(runs: Sequence[Head], names: Sequence[str] = ()) -> list[float]:
    """Those at which all of the named rows were run; the lowest of all when there is none, for the error to name."""
    found = {r.acceleration for r in runs}
    shared = found.intersection(*({r.acceleration for r in runs if r.row_name == name} for name in names))
    return sorted(shared or {min(found)})


def _compare_files(a: Path, b: Path) -> Table:
    from reconode.experiment import results, tables
    from reconode.experiment.rows import make_row

    return tables.compare_table(make_row([results.read(a)]), make_row([results.read(b)]))


def _write(made: Table, how: Format) -> None:
    if how is not Format.text:
        sys.stdout.write({"markdown": made.markdown, "latex": made.latex, "csv": made.csv}[how.value]())
        return
    answer.print(Text(made.caption, style="bold"), soft_wrap=False)
    answer.print()
    shown = make_table(*(heading.replace(", ", ",\n") for heading in made.header))
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in made.rows:
        shown.add_row(*map(Text, row))
    answer.print(shown)
    answer.print()
    for note in made.notes:
        answer.print(Text(note, style="dim"), soft_wrap=False)
