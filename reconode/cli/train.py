"""The command ``reconode train``: its options are :class:`reconode.runs.Settings`, a line each."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reconode.cli.console import (
    INTERRUPTED,
    answer,
    find_device,
    notes,
    parse_budget,
    plain,
    print_json,
    training_bar,
)
from reconode.errors import DataError

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for a program to read.")]


class MaskKind(StrEnum):
    """The names of :data:`reconode.masks.KINDS`."""

    random = "random"
    equispaced = "equispaced"
    equispaced_fraction = "equispaced-fraction"


class Precision(StrEnum):
    """Accelerate's names."""

    no = "no"
    bf16 = "bf16"
    fp16 = "fp16"


def train(
    model: Annotated[str, typer.Argument(help="Its name; a wrong one lists those there are.")],
    data: Annotated[
        str, typer.Option(help="'simulated', or a folder: fastMRI's, or what `simulate` wrote.")
    ] = "simulated",
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/MODEL_4x")] = None,
    acceleration: Annotated[
        list[float] | None, typer.Option(min=1, help="Of the masks; repeat to mix several.", show_default="4")
    ] = None,
    mask: Annotated[MaskKind, typer.Option(help="The sampling pattern.")] = MaskKind.random,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimiser.")] = 20_000,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Slices a step, over all processes.", show_default="4; 2 on a CPU")
    ] = None,
    learning_rate: Annotated[float, typer.Option(min=0, help="At the start; falls to zero along a cosine.")] = 4e-3,
    clip: Annotated[float, typer.Option(min=0, help="Longest gradient.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**48, help="Of weights, data and masks.")] = 0,
    init: Annotated[
        Path | None, typer.Option(help="Weights to start from.", show_default="random ones, by the seed")
    ] = None,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Rows and columns of simulated slices.", show_default="320 368; 96 112 on a CPU"),
    ] = None,
    mix: Annotated[str, typer.Option(help="Simulated anatomy: broad, knees, natural, sizes or wide.")] = "broad",
    path: Annotated[
        float, typer.Option(min=0, help="Weight of the states on the way, held to a straight line; 0 leaves them free.")
    ] = 0.0,
    budget: Annotated[str | None, typer.Option(help="Stop cleanly after so long: 90s, 25m, 8h.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    precision: Annotated[Precision, typer.Option(help="Of the convolutions.")] = Precision.no,
    channels_last: Annotated[bool, typer.Option(help="Memory layout of the convolutions.")] = True,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory, a third more time.")] = False,
    compile_: Annotated[bool, typer.Option("--compile", help="torch.compile: slow to start, then faster.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read files.")] = 0,
    log_every: Annotated[int, typer.Option(min=1, help="Steps from one line of the log to the next.")] = 10,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps from one validation to the next.")] = 500,
    validation: Annotated[int, typer.Option(min=1, help="Validation slices (simulated) or volumes (folder).")] = 16,
    device: Annotated[str | None, typer.Option(help="'cpu' to keep off a GPU.", show_default="the GPU, if any")] = None,
    json_output: JsonOption = False,
) -> None:
    """Train a network: the paper's loss and optimiser, on simulated anatomy or on fastMRI's files."""
    import torch

    from reconode import dead_relus, zoo
    from reconode import train as training
    from reconode.runs import LAST, Settings
    from reconode.storage import weights

    seconds = parse_budget(budget)
    if device is not None:
        find_device(device)
    if data != "simulated" and not Path(data).exists():
        raise DataError(f"--data {data}: no such folder, and not 'simulated'")
    on_cpu = device == "cpu" or not torch.cuda.is_available()  # where a step at fastMRI's size takes half a minute
    first, *others = dict.fromkeys(acceleration or [4.0])
    settings = Settings(
        model=model,
        acceleration=first,
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
        log_every=log_every,
        validate_every=validate_every,
        validation=validation,
        init=None if init is None else init.name,
        also=tuple(others),
        path=path,
    )
    folder = out or Path("runs") / f"{model}_{''.join(f'{a:g}x' for a in settings.accelerations)}"
    network = zoo.untrained(model, seed)
    if init is not None:
        weights.load(network, model, init)
    notes.print(training.describe(network, settings))
    try:
        with training_bar(steps) as watch:
            progress = training.train(
                network, settings, folder, budget=seconds, resume=resume, device=device, watch=watch
            )
    except KeyboardInterrupt as error:
        again = shlex.join(["reconode", *(word for word in sys.argv[1:] if word != "--resume")])
        saved = (folder / LAST).exists()
        notes.print(
            f"{plain(error) or 'stopped'}; "
            + (
                f"go on with: {plain(again)} --resume"
                if saved
                else f"nothing is saved, begin again with: {plain(again)}"
            )
        )
        raise typer.Exit(getattr(error, "status", INTERRUPTED)) from None
    if progress.silent:
        notes.print(f"[bold yellow]warning:[/] {dead_relus.warning(progress.silent)}")
    if json_output:
        print_json({"folder": str(folder), **vars(progress), "done": progress.step >= steps})
    elif progress.step < steps:
        answer.print(f"stopped at step {progress.step} of {steps} in {folder}; go on with --resume")
    else:
        answer.print(
            f"{steps} steps in {progress.seconds:.0f} s, best validation PSNR {progress.best:.2f} dB, {folder}"
        )
