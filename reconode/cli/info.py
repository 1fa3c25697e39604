"""The command ``reconode info``: what volumes hold; of a download with its splits, whether it is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reconode.cli.console import (
    answer,
    make_table,
    notes,
    plain,
    plural,
    print_json,
    progress_bar,
    run_batch,
)
from reconode.cli.train import JsonOption

SHOWN = 12
"""Problems of a download that are printed; all of them are in the JSON."""


def info(
    paths: Annotated[list[Path], typer.Argument(help="Volumes, or folders of them, or a download with its splits.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read all samples too, and look for damage, NaN and Inf.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Say what volumes hold, and whether anything is wrong with them.

    Of a folder with fastMRI's splits (names with train, val or test in them), or of one of these: whether it is
    complete, what is damaged, what lies in the wrong split, and what is in two.
    """
    from reconode.data import census

    folders = census.split_folders(paths[0]) if len(paths) == 1 else {}
    if folders:
        _download(paths[0], folders, check, json_output)
    else:
        _files(paths, check, json_output)


def _files(paths: list[Path], check: bool, json_output: bool) -> None:
    """A line for each volume."""
    from reconode.data import fastmri

    def work(path: Path) -> dict[str, Any]:
        volume = fastmri.read(path, thorough=True) if check else None
        about = volume.info if volume is not None else fastmri.inspect(path)
        mask = about.mask if volume is None else volume.mask
        return {
            "file": str(path),
            "slices": about.slices,
            "coils": about.coils,
            "kspace": list(about.shape[2:]),
            "image": list(about.recon),
            "acquisition": about.acquisition,
            "acquired_columns": list(about.padding),
            "target": about.target,
            "sampled": None if mask is None else float(mask.float().mean()),
            "checked": check,
            "attributes": dict(about.attributes),
        }

    batch = run_batch("Reading", [volume for path in paths for volume in fastmri.volumes(path)], work)
    if json_output:
        print_json({"files": batch.done, "failed": batch.failed})
    else:
        table = make_table("file", "slices", "coils", "k-space", "image", "acquisition", "target", "sampled")
        for e in batch.done:
            sampled = "fully" if e["sampled"] is None else f"{e['sampled']:.1%}"
            if e["target"] is None and e["sampled"] is None and not check:
                sampled = "not stated"
            size = [f"{e[key][0]} x {e[key][1]}" for key in ("kspace", "image")]
            row = (
                Path(e["file"]).name,
                e["slices"],
                e["coils"],
                *size,
                e["acquisition"],
                e["target"] or "none",
                sampled,
            )
            table.add_row(*(plain(cell) for cell in row))
        if batch.done:
            answer.print(table)
        if len(batch.done) == 1:
            for key, value in batch.done[0]["attributes"].items():
                answer.print(f"  {plain(key)}: {plain(value)}")
    batch.finish()


def _download(root: Path, folders: dict[str, Path], check: bool, json_output: bool) -> None:
    """The census of a download: a line for each split, a sentence for each problem; exit status 1 with any."""
    from reconode.data import census, fastmri

    describe = (lambda path: fastmri.read(path, thorough=True).info) if check else fastmri.inspect
    with progress_bar("Reading", len(census.paths(folders))) as advance:
        taken = census.take(folders, describe=describe, seen=lambda path: advance(1))
    problems, patients = taken.problems(), taken.patients()
    if json_output:
        splits = {split.name: split.as_dict() for split in taken.splits}
        found = {"folder": str(root), "checked": check, "splits": splits, "shared_patients": patients}
        print_json({**found, "problems": problems})
    else:
        _print(taken, problems, patients, check)
    if problems:
        raise typer.Exit(1)


def _print(taken: Any, problems: list[str], patients: int, check: bool) -> None:
    table = make_table("split", "volumes", "slices", "complete", "widths", "contrasts")
    for split in taken.splits:
        counts = [split.volumes, split.slices]
        cells = [
            f"{n:,}" if split.expected is None else f"{n:,} of {m:,}"
            for n, m in zip(counts, split.expected or counts, strict=True)
        ]
        complete = {None: "not fastMRI's" if split.files else "empty", True: "yes", False: "no"}[split.complete]
        groups = [
            ", ".join(f"{key} ({n})" for key, n in group.items()) or "none" for group in (split.widths, split.contrasts)
        ]
        table.add_row(*(plain(cell) for cell in (split.name, *cells, complete, *groups)))
    answer.print(table)
    if patients:
        answer.print(f"{plural(patients, 'patient')} in more than one split; fastMRI has such, by other scans")
    if not check:
        answer.print("headers, shapes and counts were read, samples not; --check reads those too")
    for problem in problems[:SHOWN]:
        notes.print(f"[bold red]wrong:[/] {plain(problem)}")
    if len(problems) > SHOWN:
        notes.print(f"{len(problems) - SHOWN} more; --json lists all")
