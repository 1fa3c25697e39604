"""Commands on volumes: ``reconode simulate / reconstruct / evaluate``; ``info`` is :mod:`reconode.cli.info`."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from reconode._version import __version__
from reconode.cli.console import (
    answer,
    find_device,
    interval,
    make_table,
    notes,
    plain,
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
    seed: Annotated[int, typer.Option(min=0, max=2**32, help="The same seed gives the same knees.")] = 0,
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
        answer.print(f"{count} in {plain(folder)}{was}")
    batch.finish()


def reconstruct(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A volume, or a folder of volumes.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the reconstructions, or for one volume a file, NAME.h5.")
    ],
    model: Annotated[str, typer.Option(help="Its name; a wrong one lists those there are.")] = "tv",
    weights: Annotated[Path | None, typer.Option(help="Weights of your own, from `reconode train`.")] = None,
    acceleration: Annotated[
        float | None,
        typer.Option(
            min=1, help="Undersample fully sampled volumes so much first.", show_default="4, or what the file has"
        ),
    ] = None,
    mask: Annotated[MaskKind, typer.Option(help="The sampling pattern, seeded by the file's name.")] = MaskKind.random,
    mask_seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Seed all masks with this number instead.")
    ] = None,
    slices: Annotated[str | None, typer.Option(help="Only these: 5, or 3:7, which is 3 to 6.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Slices at once.")] = 4,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1.")] = "cpu",
    json_output: JsonOption = False,
) -> None:
    """Undersample volumes as fastMRI does and reconstruct them with any model. What is in OUT already is redone."""
    from reconode import evaluate as evaluation
    from reconode import masks
    from reconode.cli.networks import Networks, destinations, parse_slices
    from reconode.data import fastmri

    target_device, chosen = find_device(device), parse_slices(slices)
    networks = Networks(model, weights, acceleration, target_device)
    networks.check()
    files = fastmri.volumes(source)
    places = destinations(output, files)

    def work(path: Path, progress: Callable[[float], None]) -> dict[str, Any]:
        volume = fastmri.read(path).part(chosen)
        drawn, sampled = None, None
        if volume.mask is not None:
            sampled = 1 / float(volume.mask.float().mean())
        else:
            seed = path.name if mask_seed is None else mask_seed
            drawn = masks.draw(mask.value, volume.width, networks.drawn, seed=seed)
        network, about, warning = networks.choose(sampled)
        if warning:
            notes.print(f"[bold yellow]warning:[/] {plain(path.name)}: {plain(warning)}")
        start = time.perf_counter()
        image = evaluation.reconstruct(
            network,
            volume,
            drawn,
            batch_size=batch_size,
            device=target_device,
            progress=lambda done: progress(done / volume.info.slices),
        )
        seconds = time.perf_counter() - start
        used = volume.mask if drawn is None else drawn
        assert used is not None
        attributes = {
            "model": model,
            "acceleration": networks.drawn if sampled is None else sampled,
            "mask_kind": mask.value if drawn is not None else "file",
            "seconds": seconds,
            "reconode": __version__,
            "acquisition": volume.info.acquisition,
            **about,
        }
        if mask_seed is not None and drawn is not None:
            attributes["mask_seed"] = mask_seed
        if slices is not None:
            attributes["first_slice"] = chosen.start
        evaluation.write(places[path], evaluation.Reconstruction(image, used, attributes))
        entry = {"file": str(places[path]), "slices": volume.info.slices, **attributes}
        return entry | ({"warning": warning} if warning else {})

    batch = run_batch("Reconstructing", files, work, fractions=True)
    if json_output:
        print_json({"files": batch.done, "failed": batch.failed})
    elif batch.done:
        total = sum(e["slices"] for e in batch.done)
        rate = sum(e["seconds"] for e in batch.done) / total
        count = f"{plural(len(batch.done), 'volume')}, {plural(total, 'slice')}"
        answer.print(f"{count} by {plain(model)} in {plain(output)}, {rate:.2f} s a slice")
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
    """Score reconstructions by fastMRI's convention: PSNR, SSIM, NMSE a volume.

    Means come with 95 % bootstrap intervals from eight volumes on.
    """
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
            table.add_row(plain(s.name), plain(s.acquisition), *values)
        table.add_section()
        for group, scores in summary.items():
            cells = [interval(scores[key], digits) for key, digits in (("psnr", 2), ("ssim", 4), ("nmse", 4))]
            table.add_row(f"mean of {scores['psnr'].volumes}", plain(group), *cells)
        answer.print(table)
        if any(scores["psnr"].volumes < metrics.FEWEST for scores in summary.values()):
            answer.print(
                f"no interval below {metrics.FEWEST} volumes: it would be little but their lowest and highest score"
            )
        if figure is not None:
            answer.print(f"figure: {plain(figure)}")
    if refused is not None:
        notes.print(f"[bold red]no figure:[/] {plain(refused)}")
    batch.finish()
    if refused is not None:
        raise typer.Exit(1)
