"""Commands on volumes: ``reconode simulate / info / reconstruct / evaluate``."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from reconode._version import __version__
from reconode.cli.console import (
    answer,
    find_device,
    interval,
    make_table,
    notes,
    plural,
    print_json,
    run_batch,
)
from reconode.cli.experiment import Size, write_benchmark
from reconode.cli.train import JsonOption, MaskKind
from reconode.errors import DataError, OutputError, UsageError


class Contrast(StrEnum):
    """What is simulated."""

    pd = "pd"
    fs = "fs"
    both = "both"


ACQUISITIONS = {Contrast.pd: ("CORPD_FBK",), Contrast.fs: ("CORPDFS_FBK",), Contrast.both: ("CORPD_FBK", "CORPDFS_FBK")}


def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made when missing.")],
    volumes: Annotated[int, typer.Option(min=1, help="How many knees.")] = 4,
    slices: Annotated[int, typer.Option(min=1, help="Slices a knee; fastMRI has about 36.")] = 12,
    width: Annotated[int, typer.Option(min=330, help="Columns of k-space; fastMRI has 368, 372 and others.")] = 368,
    coils: Annotated[int, typer.Option(min=1, help="Receive coils; 1 writes single-coil files.")] = 1,
    contrast: Annotated[
        Contrast, typer.Option(help="Proton density, fat-suppressed, or both in turn.")
    ] = Contrast.both,
    test: Annotated[
        bool, typer.Option("--test", help="Write test files: undersampled, with a mask, without target.")
    ] = False,
    acceleration: Annotated[float, typer.Option(min=1, help="Acceleration of the masks of test files.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same knees.")] = 0,
    benchmark: Annotated[
        Size | None, typer.Option(help="Write the public benchmark of this size instead: train/, val/ and test/.")
    ] = None,
    train_slices: Annotated[int, typer.Option(min=0, help="The benchmark's training slices to write.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Write simulated knees as fastMRI files (HDF5, 640 x WIDTH k-space). Files that are there already are kept."""
    from reconode import masks, phantoms
    from reconode.data import fastmri

    if benchmark is not None:
        write_benchmark(folder, benchmark, train_slices, json_output)
        return

    acquisitions = ACQUISITIONS[contrast]
    jobs = []
    for number in range(volumes):
        path = folder / f"knee{seed:03d}{number:04d}.h5"
        jobs.append((path, 1_000_000 * seed + number, acquisitions[number % len(acquisitions)]))

    def work(job: tuple[Path, int, str]) -> dict[str, Any]:
        path, knee, acquisition = job
        recipe = (
            f"reconode knee={knee} slices={slices} width={width} coils={coils} test={acceleration if test else 0:g}"
        )
        if path.exists():
            if fastmri.inspect(path).attributes.get("simulated") != recipe:
                raise OutputError(
                    f"{path}: another file of this name is there already; choose another folder or --seed"
                )
            return {"file": str(path), "acquisition": acquisition, "kept": True}
        volume = phantoms.volume(knee, slices=slices, width=width, contrast=acquisition, coils=coils)
        attributes: dict[str, Any] = {"simulated": recipe}
        mask = None
        if test:
            mask = masks.random(width, acceleration, seed=path.name)
            attributes |= {"acceleration": acceleration, "num_low_frequency": round(width * 0.32 / acceleration)}
        kspace = volume.kspace[:, 0] if coils == 1 else volume.kspace
        fastmri.write(
            path, kspace, acquisition=volume.acquisition, padding=volume.padding, mask=mask, attributes=attributes
        )
        return {"file": str(path), "acquisition": acquisition, "kept": False}

    batch = run_batch("Simulating", jobs, work, name=lambda job: str(job[0]))
    if json_output:
        print_json({"files": batch.done, "failed": batch.failed})
    else:
        kept = sum(entry["kept"] for entry in batch.done)
        was = f", {kept} of them there already" if kept else ""
        count = f"{plural(len(batch.done), 'volume')} of {plural(slices, 'slice')}"
        answer.print(f"{count} in {escape(str(folder))}{was}")
    batch.finish()


def info(
    paths: Annotated[list[Path], typer.Argument(help="Volumes, or folders of them.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read all samples too, and look for damage, NaN and Inf.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Say what volumes hold, and whether anything is wrong with them."""
    from reconode.data import fastmri

    def work(path: Path) -> dict[str, Any]:
        volume = fastmri.read(path) if check else None
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
            table.add_row(*(escape(str(cell)) for cell in row))
        if batch.done:
            answer.print(table)
        if len(batch.done) == 1:
            for key, value in batch.done[0]["attributes"].items():
                answer.print(f"  {escape(str(key))}: {escape(str(value))}")
    batch.finish()


def reconstruct(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A volume, or a folder of volumes.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the reconstructions, one file a volume.")],
    model: Annotated[str, typer.Option(help="Its name; a wrong one lists those there are.")] = "tv",
    weights: Annotated[Path | None, typer.Option(help="Weights of your own, from `reconode train`.")] = None,
    acceleration: Annotated[float, typer.Option(min=1, help="Undersample fully sampled volumes so much first.")] = 4,
    mask: Annotated[MaskKind, typer.Option(help="The sampling pattern, seeded by the file's name.")] = MaskKind.random,
    batch_size: Annotated[int, typer.Option(min=1, help="Slices at once.")] = 4,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1.")] = "cpu",
    json_output: JsonOption = False,
) -> None:
    """Undersample volumes as fastMRI does and reconstruct them with any model. What is in OUT already is redone."""
    import torch

    from reconode import evaluate as evaluation
    from reconode import masks, zoo
    from reconode.data import fastmri

    target_device = find_device(device)
    network = zoo.load(model, acceleration, file=weights)
    if isinstance(network, torch.nn.Module):
        network = network.to(target_device)
    files = fastmri.volumes(source)
    if any((output / path.name).resolve() == path.resolve() for path in files):
        raise UsageError(
            f"{output}: reconstructions would replace the volumes they are made from; choose another folder"
        )

    def work(path: Path, progress: Callable[[float], None]) -> dict[str, Any]:
        volume = fastmri.read(path)
        drawn = None if volume.mask is not None else masks.draw(mask.value, volume.width, acceleration, seed=path.name)
        start = time.perf_counter()
        image = evaluation.reconstruct(
            network,
            volume,
            drawn,
            batch_size=batch_size,
            device=target_device,
            progress=lambda slices: progress(slices / volume.info.slices),
        )
        seconds = time.perf_counter() - start
        used = volume.mask if drawn is None else drawn
        assert used is not None
        attributes = {
            "model": model,
            "acceleration": acceleration if drawn is not None else 1 / float(used.float().mean()),
            "mask_kind": mask.value if drawn is not None else "file",
            "seconds": seconds,
            "reconode": __version__,
            "acquisition": volume.info.acquisition,
        }
        evaluation.write(output / path.name, evaluation.Reconstruction(image, used, attributes))
        return {"file": str(output / path.name), "slices": volume.info.slices, **attributes}

    batch = run_batch("Reconstructing", files, work, fractions=True)
    if json_output:
        print_json({"files": batch.done, "failed": batch.failed})
    elif batch.done:
        slices = sum(e["slices"] for e in batch.done)
        rate = sum(e["seconds"] for e in batch.done) / slices
        count = f"{plural(len(batch.done), 'volume')}, {plural(slices, 'slice')}"
        answer.print(f"{count} by {escape(model)} in {escape(str(output))}, {rate:.2f} s a slice")
    batch.finish()


def evaluate(
    reference: Annotated[Path, typer.Argument(help="Volumes with targets: a folder, or one file.")],
    reconstructions: Annotated[Path, typer.Argument(help="What `reconstruct` wrote: a folder, or one file.")],
    figure: Annotated[
        Path | None, typer.Option(help="Draw target, zero-filled, reconstruction and error maps here.")
    ] = None,
    show: Annotated[str | None, typer.Option(help="File to draw; the first by default.")] = None,
    slice_: Annotated[int | None, typer.Option("--slice", min=0, help="Slice to draw; the middle by default.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Score reconstructions by fastMRI's convention: PSNR, SSIM, NMSE a volume; means with 95 % bootstrap intervals."""
    from reconode import evaluate as evaluation
    from reconode import metrics
    from reconode.data import fastmri
    from reconode.figures import evaluation as drawing
    from reconode.figures import panels

    refused = None
    if figure is not None:
        try:
            panels.check_ending(figure)
        except UsageError as error:  # the scores are worth printing all the same
            refused, figure = error, None
    references = {path.name: path for path in fastmri.volumes(reference)}
    results = fastmri.volumes(reconstructions)

    def paired(path: Path) -> Path:
        if reference.is_file() and len(results) == 1:
            return reference
        if path.name not in references:
            raise DataError(f"{path}: no volume of that name in {reference} to score it against")
        return references[path.name]

    batch = run_batch("Scoring", results, lambda path: evaluation.score(paired(path), path))
    summary = (
        metrics.summarize([s.scores for s in batch.done], [s.acquisition for s in batch.done]) if batch.done else {}
    )
    if figure is not None and batch.done:
        names = [s.file.name for s in batch.done]
        if show is not None and show not in names:
            raise UsageError(f"--show {show}: not among the scored files ({', '.join(names[:5])} ...)")
        chosen = batch.done[names.index(show) if show else 0]
        drawing.draw(chosen, paired(chosen.file), figure, slice_)
    if json_output:
        means = {group: {key: vars(value) for key, value in scores.items()} for group, scores in summary.items()}
        print_json({"volumes": [s.as_dict() for s in batch.done], "summary": means, "failed": batch.failed})
    elif batch.done:
        table = make_table("volume", "acquisition", "PSNR dB", "SSIM", "NMSE")
        for s in batch.done:
            values = (f"{s.scores.psnr:.2f}", f"{s.scores.ssim:.4f}", f"{s.scores.nmse:.4f}")
            table.add_row(escape(s.name), escape(s.acquisition), *values)
        table.add_section()
        for group, scores in summary.items():
            cells = [interval(scores[key], digits) for key, digits in (("psnr", 2), ("ssim", 4), ("nmse", 4))]
            table.add_row(f"mean of {scores['psnr'].volumes}", escape(group), *cells)
        answer.print(table)
        if figure is not None:
            answer.print(f"figure: {escape(str(figure))}")
    if refused is not None:
        notes.print(f"[bold red]no figure:[/] {escape(str(refused))}")
    batch.finish()
    if refused is not None:
        raise typer.Exit(1)
