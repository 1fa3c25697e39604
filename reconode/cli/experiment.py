"""The commands ``reconode experiment search, run, cost, transfer, ship``: the trainings behind the book's tables."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconode.cli.console import (
    Batch,
    Commands,
    answer,
    find_device,
    make_table,
    notes,
    parse_budget,
    print_json,
    run_batch,
    training_bar,
)
from reconode.errors import DataError, UsageError

if TYPE_CHECKING:
    from reconode.experiment.plan import Job, Plan

experiment = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="The experiment: train, validate and test every row of the tables, in as many sessions as it takes.",
)


class Size(StrEnum):
    """The names of :data:`reconode.experiment.benchmark.SIZES`."""

    small = "small"
    full = "full"


def write_benchmark(folder: Path, size: Size, train_slices: int, json_output: bool) -> None:
    """What ``reconode simulate --benchmark`` does: the benchmark's splits as files, for anyone's code."""
    from reconode.experiment import benchmark

    data = benchmark.find(size.value)
    jobs = [("test", number) for number in range(data.volumes)]
    jobs += [("val", number) for number in range(data.validation)]
    jobs += [("train", number) for number in range(train_slices)]

    def work(job: tuple[str, int]) -> str:
        split, number = job
        where = folder / split
        return str(data.write_test(where, number) if split == "test" else data.write_slice(where, split, number))

    batch = run_batch("Simulating", jobs, work, name=lambda job: f"{job[0]} {job[1]}")
    if json_output:
        about = {"benchmark": data.name, "recipe": data.recipe, "fingerprint": data.fingerprint}
        print_json({**about, "files": batch.done, "failed": batch.failed})
    else:
        answer.print(f"{len(batch.done)} files in {folder}, benchmark {data.name}, fingerprint {data.fingerprint}")
    batch.finish()


AccelerationOption = Annotated[list[float] | None, typer.Option(min=1, help="Repeat for several.", show_default="4")]
BudgetOption = Annotated[str | None, typer.Option(help="Stop cleanly after so long: 90s, 25m, 8h.")]
ModelsArgument = Annotated[list[str] | None, typer.Argument(help="Names of models; see `reconode models`.")]
Table1Option = Annotated[bool, typer.Option("--table1", help="Every row of the paper's Table 1, and the classical.")]
SeedOption = Annotated[list[int] | None, typer.Option(min=0, help="Repeat for several.", show_default="0")]
MixedOption = Annotated[
    bool,
    typer.Option("--mixed", help="With --variant: one training on masks of all the accelerations, tested at each."),
]
VariantOption = Annotated[str, typer.Option(help="A word for the files' names when --steps is not the table's.")]


def make_plan(
    size: Annotated[
        Size | None, typer.Option(help="Of the benchmark.", show_default="full on a GPU, else small")
    ] = None,
    data: Annotated[str, typer.Option(help="'simulated', or a folder of volumes, fastMRI's.")] = "simulated",
    out: Annotated[Path, typer.Option(help="Folder of the trainings.")] = Path("runs/experiment"),
    results: Annotated[Path, typer.Option(help="Folder of the results files.")] = Path("results"),
    device: Annotated[str | None, typer.Option(help="Where to compute.", show_default="the GPU, if any")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of each training.", show_default="20000; small: 2000")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Slices or slabs a step.", show_default="4; small: 1")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=0, help="Height of the slabs; 0 for whole slices.", show_default="0; small: 48")
    ] = None,
    precision: Annotated[str, typer.Option(help="Of the convolutions: no, bf16 or fp16.")] = "no",
) -> Plan:
    """The options as a plan; small is made for a CPU."""
    import torch

    from reconode.experiment import benchmark
    from reconode.experiment.plan import Plan

    if data != "simulated" and not Path(data).exists():
        raise DataError(f"--data {data}: no such folder, and not 'simulated'")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    find_device(device)
    chosen = size or (Size.small if device == "cpu" and data == "simulated" else Size.full)
    small = chosen is Size.small
    rows = (48 if small else 0) if rows is None else rows
    where = chosen.value if data == "simulated" else "fastmri"
    return Plan(
        benchmark.find(chosen.value),
        out / where,
        results,
        steps or (2000 if small else 20_000),
        data,
        batch_size or (1 if small else 4),
        rows or None,
        precision,
        device,
    )


TRAINING = ("steps", "batch_size", "rows", "precision")
"""The options of a plan that only trainings need."""


def planned(*, trains: bool = True, **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command that takes a plan as its first argument gets the options of :func:`make_plan` in its place.

    Typer reads a command's options from its signature, so the six commands that share them would list them six times.

    Args:
        trains: whether the command needs the options of a training.
        **defaults: other defaults than :func:`make_plan`'s.
    """
    shared = [
        option.replace(default=defaults.get(option.name, option.default), kind=inspect.Parameter.KEYWORD_ONLY)
        for option in inspect.signature(make_plan, eval_str=True, locals={"Plan": None}).parameters.values()
        if trains or option.name not in TRAINING
    ]

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True, locals={"Plan": None}).parameters.values())[1:]

        def run(**given: Any) -> None:
            command(make_plan(**{option.name: given.pop(option.name) for option in shared}), **given)

        options = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own] + shared
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        run.__annotations__ = {option.name: option.annotation for option in options}
        return run

    return wrap


@experiment.command(epilog="Example:  reconode experiment search --size small --steps 500")
@planned(steps=500)
def search(
    plan: Plan,
    budget: BudgetOption = None,
) -> None:
    """Find a learning rate for each family of models on the validation data, the same effort for each."""
    from reconode.experiment import plan as table_rows
    from reconode.experiment import queue

    if queue.search(plan, parse_budget(budget)):
        answer.print(f"{plan.results / plan.name / table_rows.RATES_FILE}")
    else:
        answer.print("not all rates are tried yet; run the command again to go on")


@experiment.command(epilog="Example:  reconode experiment run --table1 --acceleration 4 --acceleration 8 --budget 25m")
@planned()
def run(
    plan: Plan,
    models: ModelsArgument = None,
    table1: Table1Option = False,
    ablations: Annotated[bool, typer.Option("--ablations", help="Every ablation.")] = False,
    acceleration: AccelerationOption = None,
    seed: SeedOption = None,
    budget: BudgetOption = None,
    variant: VariantOption = "",
    learning_rate: Annotated[
        float | None, typer.Option(help="With --variant: in place of the search's.", show_default="the search's")
    ] = None,
    from_variant: Annotated[
        str | None,
        typer.Option(
            help="With --variant: start from this variant's 4x weights, seed by seed; '' is the table's.",
            show_default="random weights",
        ),
    ] = None,
    mix: Annotated[
        str | None, typer.Option(help="With --variant: train on this simulated anatomy.", show_default="broad")
    ] = None,
    mixed: MixedOption = False,
    path: Annotated[
        float, typer.Option(min=0, help="With --variant: weight of the states on the way, held to a straight line.")
    ] = 0.0,
    dry: Annotated[bool, typer.Option("--list", help="Only say what is done and what is not.")] = False,
) -> None:
    """Work off the jobs that have no results file yet; what is not finished in time goes on the next time."""
    from reconode import zoo
    from reconode.experiment import plan as table_rows
    from reconode.experiment import queue
    from reconode.train import TrainingError

    names = list(models or [])
    names += table_rows.TABLE1 if table1 else []
    names += [name for name, entry in zoo.MODELS.items() if entry.family == "ablation"] if ablations else []
    if not names:
        raise UsageError("which models? name some, or give --table1 or --ablations")
    if learning_rate is not None and not variant:
        raise UsageError("--learning-rate: a table's rows have the rates of the search; give the runs a --variant")
    if from_variant is not None and not variant:
        raise UsageError("--from-variant: a table's rows start from random weights; give the runs a --variant")
    if mix is not None and not variant:
        raise UsageError("--mix: a table's rows are all trained on one mix; give the runs a --variant")
    if path and not variant:
        raise UsageError("--path: a table's rows are all trained on their last state; give the runs a --variant")
    plan = replace(plan, rate=learning_rate, start=from_variant, mix=mix, path=path)
    plan = replace(plan, mixed=_mixed(mixed, acceleration, variant))
    jobs = table_rows.jobs(names, acceleration or [4.0], seed or [0], variant)
    until = time.monotonic() + parse_budget(budget)
    failed = []
    for job in [] if dry else jobs:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            _work(plan, job, left)
        except TrainingError as error:
            failed.append({"file": job.name, "error": f"{job.name}: {error}"})
    table = make_table("job", "state")
    for job in jobs:
        table.add_row(job.name, queue.state(plan, job))
    answer.print(table)
    if not dry and any(not plan.done(job) for job in jobs):
        answer.print("not all are done; run the command again to go on")
    Batch([job for job in jobs if plan.done(job)], failed).finish()


def _mixed(mixed: bool, acceleration: list[float] | None, variant: str) -> tuple[float, ...]:
    """The accelerations of one training on all of them; () trains one for each."""
    if not mixed:
        return ()
    several = tuple(dict.fromkeys(acceleration or []))
    if len(several) < 2 or not variant:
        raise UsageError("--mixed trains once on several accelerations: repeat --acceleration, and give a --variant")
    return several


def _work(plan: Plan, job: Job, left: float) -> None:
    from reconode import dead_relus
    from reconode.experiment import queue, results

    if plan.done(job):
        return
    notes.print(f"{job.name}, {plan.name}" + ("" if math.isinf(left) else f", {left / 60:.0f} minutes left"))
    with training_bar(plan.steps) as watch:
        done = queue.run(plan, job, left, watch)
    training = results.read(plan.result(job)).training if done else None
    if training and training.silent:
        notes.print(f"[bold yellow]warning:[/] {dead_relus.warning(training.silent)}")


@experiment.command(epilog="Example:  reconode experiment cost --table1 --size full --precision bf16")
@planned()
def cost(
    plan: Plan,
    models: ModelsArgument = None,
    table1: Table1Option = False,
    tflops: Annotated[
        float | None,
        typer.Option(min=0, help="Time nothing: count operations, for a machine that does so many TFLOP/s."),
    ] = None,
) -> None:
    """Time a training step of each model on this machine, and say what its training would take."""
    import json

    from reconode import zoo
    from reconode.experiment import cost as cost_of
    from reconode.experiment import plan as table_rows
    from reconode.experiment import record
    from reconode.storage.whole import write_whole

    names = [*(models or []), *(table_rows.TABLE1 if table1 else [])]
    jobs = [job for job in table_rows.jobs(names, [4.0], [0]) if zoo.find(job.model).learned]
    if not jobs:
        raise UsageError("which models? name some networks, or give --table1")
    measured, total = [], 0.0
    table = make_table("model", "TFLOP a step", "seconds a step", "steps", "hours")
    for job in jobs:
        count, tera = plan.with_rate(job, 0.0).steps, cost_of.operations(plan, job) / 1e12
        seconds = tera / tflops if tflops else cost_of.seconds(plan, job)
        hours = seconds * count / 3600
        total += hours
        row = {"model": job.model, "tflop_a_step": tera, "seconds_a_step": seconds, "steps": count, "hours": hours}
        measured.append(row)
        table.add_row(job.model, f"{tera:.3g}", f"{seconds:.3g}", str(count), f"{hours:.1f}")
    answer.print(table)
    how = {"assumed_tflops": tflops} if tflops else {"hardware": asdict(record.hardware(plan.device))}
    said = {"batch_size": plan.batch_size, "rows": plan.rows, "precision": plan.precision, **how}
    path = plan.results / plan.name / f"cost_{'counted' if tflops else plan.device}.json"
    write_whole(path, json.dumps({**said, "rows_measured": measured, "hours": total}, indent=1) + "\n")
    answer.print(f"{total:.1f} hours together, for one acceleration and one seed; written to {path}")


@experiment.command(epilog="Example:  reconode experiment transfer --real ../shared/data")
@planned(trains=False)
def transfer(
    plan: Plan,
    models: Annotated[
        list[str] | None, typer.Argument(help="Names of models; all that are trained by default.")
    ] = None,
    real: Annotated[Path | None, typer.Option(help="Folder of real volumes with targets.")] = None,
    acceleration: AccelerationOption = None,
    seed: SeedOption = None,
    variant: VariantOption = "",
    mixed: MixedOption = False,
) -> None:
    """Test trained models on what they were not trained for: real anatomy, other noise, masks, accelerations."""
    from reconode.experiment import plan as table_rows
    from reconode.experiment import transfer as tests

    plan = replace(plan, mixed=_mixed(mixed, acceleration, variant))
    for job in table_rows.jobs(list(models or table_rows.TABLE1), acceleration or [4.0], seed or [0], variant):
        if not plan.done(job):
            notes.print(f"{job.name}: not trained, so not tested")
        elif tests.run(plan, job, real):
            answer.print(str(tests.path(plan, job)))


@experiment.command(epilog="Example:  reconode experiment ship --size small")
@planned(trains=False)
def ship(
    plan: Plan,
    half: Annotated[
        list[str] | None, typer.Option(help="Models to keep in half precision.", show_default="unet, kiki-net")
    ] = None,
) -> None:
    """Copy the best weights of seed 0 to where `reconode.load` finds them, and say in each what it was trained on."""
    from reconode.experiment import queue

    for path in queue.ship(plan, set(half or ["unet", "kiki-net"])):
        answer.print(str(path))
