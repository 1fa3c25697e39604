"""The command line: ``reconode simulate / info / reconstruct / evaluate``.

Thin on purpose: each command checks its arguments, calls the library, shows progress on standard error and its answer
on standard output. A batch goes on past a bad file, lists the failures at the end and exits with 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from reconode._version import __version__
from reconode.console import (
    Commands,
    answer,
    find_device,
    interval,
    make_table,
    notes,
    parse_budget,
    print_json,
    run_batch,
    training_bar,
)
from reconode.errors import DataError, OutputError, UsageError

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="MR image reconstruction with neural ODEs: simulate data, reconstruct, evaluate.",
)


class MaskKind(StrEnum):
    """The names of :data:`reconode.masks.KINDS`."""

    random = "random"
    equispaced = "equispaced"
    equispaced_fraction = "equispaced-fraction"


class Contrast(StrEnum):
    """What is simulated."""

    pd = "pd"
    fs = "fs"
    both = "both"


ACQUISITIONS = {Contrast.pd: ("CORPD_FBK",), Contrast.fs: ("CORPDFS_FBK",), Contrast.both: ("CORPD_FBK", "CORPDFS_FBK")}

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for a program to read.")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        answer.print(f"reconode {__version__}")
        raise typer.Exit


@app.command(epilog="Example:  reconode simulate knees/ --volumes 4 --slices 8")
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
    json_output: JsonOption = False,
) -> None:
    """Write simulated knees as fastMRI files (HDF5, 640 x WIDTH k-space). Files that are there already are kept."""
    from reconode import fastmri, masks, phantoms

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
        answer.print(f"{len(batch.done)} volumes of {slices} slices in {folder}{was}")
    batch.finish()


@app.command(epilog="Example:  reconode info knees/knee0000000.h5")
def info(
    paths: Annotated[list[Path], typer.Argument(help="Volumes, or folders of them.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read all samples too, and look for damage, NaN and Inf.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Say what volumes hold, and whether anything is wrong with them."""
    from reconode import fastmri

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

    batch = run_batch("Reading", find_all(paths), work)
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
            table.add_row(*map(str, row))
        if batch.done:
            answer.print(table)
        if len(batch.done) == 1:
            for key, value in batch.done[0]["attributes"].items():
                answer.print(f"  {key}: {escape(str(value))}")
    batch.finish()


@app.command(epilog="Example:  reconode reconstruct knees/ out/ --model tv --acceleration 4")
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
    from reconode import fastmri, masks, zoo

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
        answer.print(f"{len(batch.done)} volumes, {slices} slices by {model} in {output}, {rate:.2f} s a slice")
    batch.finish()


@app.command(epilog="Example:  reconode evaluate knees/ out/ --figure scores.png")
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
    from reconode import fastmri, metrics
    from reconode.teach import scores as drawing

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
            table.add_row(s.name, s.acquisition, *values)
        table.add_section()
        for group, scores in summary.items():
            cells = [interval(scores[key], digits) for key, digits in (("psnr", 2), ("ssim", 4), ("nmse", 4))]
            table.add_row(f"mean of {scores['psnr'].volumes}", group, *cells)
        answer.print(table)
        if figure is not None:
            answer.print(f"figure: {figure}")
    batch.finish()


class Precision(StrEnum):
    """Accelerate's names."""

    no = "no"
    bf16 = "bf16"
    fp16 = "fp16"


@app.command(epilog="Example:  reconode train lt-rk4 --acceleration 4 --data simulated --steps 50")
def train(
    model: Annotated[str, typer.Argument(help="Its name; a wrong one lists those there are.")],
    data: Annotated[
        str, typer.Option(help="'simulated', or a folder: fastMRI's, or what `simulate` wrote.")
    ] = "simulated",
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/MODEL_4x")] = None,
    acceleration: Annotated[float, typer.Option(min=1, help="Of the masks.")] = 4,
    mask: Annotated[MaskKind, typer.Option(help="The sampling pattern.")] = MaskKind.random,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimiser.")] = 20_000,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Slices a step, over all processes.", show_default="4; 2 on a CPU")
    ] = None,
    learning_rate: Annotated[float, typer.Option(min=0, help="At the start; falls to zero along a cosine.")] = 4e-3,
    clip: Annotated[float, typer.Option(min=0, help="Longest gradient.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, data and masks.")] = 0,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Rows and columns of simulated slices.", show_default="320 368; 96 112 on a CPU"),
    ] = None,
    mix: Annotated[str, typer.Option(help="Simulated anatomy: broad or knees.")] = "broad",
    budget: Annotated[str | None, typer.Option(help="Stop cleanly after so long: 90s, 25m, 8h.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    precision: Annotated[Precision, typer.Option(help="Of the convolutions.")] = Precision.no,
    channels_last: Annotated[bool, typer.Option(help="Memory layout of the convolutions.")] = True,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory, a third more time.")] = False,
    compile_: Annotated[bool, typer.Option("--compile", help="torch.compile: slow to start, then faster.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read files.")] = 0,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps from one validation to the next.")] = 500,
    validation: Annotated[int, typer.Option(min=1, help="Validation slices (simulated) or volumes (folder).")] = 16,
    device: Annotated[str | None, typer.Option(help="'cpu' to keep off a GPU.", show_default="the GPU, if any")] = None,
    json_output: JsonOption = False,
) -> None:
    """Train a network: the paper's loss and optimiser, on simulated anatomy or on fastMRI's files."""
    import torch

    from reconode import train as training
    from reconode.runs import Settings

    seconds = parse_budget(budget)
    if device is not None:
        find_device(device)
    if data != "simulated" and not Path(data).exists():
        raise DataError(f"--data {data}: no such folder, and not 'simulated'")
    on_cpu = device == "cpu" or not torch.cuda.is_available()  # where a step at fastMRI's size takes half a minute
    settings = Settings(
        model=model,
        acceleration=acceleration,
        data=data,
        mask=mask.value,
        steps=steps,
        batch_size=batch_size or (2 if on_cpu else 4),
        learning_rate=learning_rate,
        clip=clip,
        seed=seed,
        size=size or ((96, 112) if on_cpu else (320, 368)),
        mix=mix,
        precision=precision.value,
        channels_last=channels_last,
        checkpointing=checkpointing,
        compile=compile_,
        workers=workers,
        validate_every=validate_every,
        validation=validation,
    )
    folder = out or Path("runs") / f"{model}_{acceleration:g}x"
    notes.print(training.describe(settings))
    with training_bar(steps) as watch:
        progress = training.train(settings, folder, budget=seconds, resume=resume, device=device, watch=watch)
    if json_output:
        print_json({"folder": str(folder), **vars(progress), "done": progress.step >= steps})
    elif progress.step < steps:
        answer.print(f"stopped at step {progress.step} of {steps} in {folder}; go on with --resume")
    else:
        answer.print(
            f"{steps} steps in {progress.seconds:.0f} s, best validation PSNR {progress.best:.2f} dB, {folder}"
        )


def find_all(paths: Iterable[Path]) -> list[Path]:
    """The volumes of several files and folders."""
    from reconode import fastmri

    return [volume for path in paths for volume in fastmri.volumes(path)]


def main() -> None:
    """Entry point of the ``reconode`` command."""
    app()


if __name__ == "__main__":
    main()
