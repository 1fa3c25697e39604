"""The training loop: data → E → model → loss → optimiser → validation → checkpoint, from top to bottom.

Devices, mixed precision and several processes come from Accelerate (``accelerate launch -m reconode.cli train …``);
everything else that decides the result is on this page.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from reconode import dead_relus, metrics, path
from reconode.data.slices import Batch, slab
from reconode.data.sources import SIMULATED, Folder, Simulated, Source, check_share
from reconode.errors import ReconodeError, StoppedError, UsageError, out_of_memory
from reconode.networks import count_parameters
from reconode.optimizers import LookaheadRAdam, cosine
from reconode.physics import center_crop
from reconode.runs import Progress, Run, Settings, Wish


class TrainingError(ReconodeError):
    """A training that cannot go on: the loss is not a number, or the memory is not enough."""


def train(
    model: nn.Module,
    settings: Settings,
    folder: str | Path,
    *,
    budget: float = math.inf,
    resume: bool = False,
    device: str | None = None,
    save_every: float = 60.0,
    watch: Callable[[int, dict[str, float]], object] = lambda step, values: None,
) -> Progress:
    """Train a network until its steps are done or the budget is spent; either way its folder holds whole files.

    Args:
        model: any network with ``model(y, E)``: masked data y ``(batch, coils, rows, columns)``, complex64, and the
            operator E that measured them in, the complex image ``(batch, rows, columns)`` out. It is trained in place,
            from the weights that it has, and ends with the last ones; the folder has the best.
        settings: what to do; `settings.model` is only the name that the files carry.
        folder: where checkpoints and metrics go.
        budget: seconds; a training that stops here goes on with `resume`.
        resume: go on from the folder's last checkpoint, to the very weights that an undisturbed run would have had.
        device: "cpu" keeps off a GPU that is there; None takes what Accelerate finds.
        save_every: seconds from one checkpoint to the next, where no validation comes before.
        watch: called after each step with its number and, each `settings.log_every` steps, the log's line of means
            since the last one: {"loss", "relative", "gradient", "learning_rate"}, where loss is without the path's term
            and relative is it over the zero-filled images' loss; else with {}. At each validation with {"psnr", "ssim",
            "nmse", "dead"}, where dead is how many channels of the network's ReLUs are never on
            (:mod:`reconode.dead_relus`).

    Raises:
        UsageError: for a model or settings that cannot work.
        DataError: for data or a checkpoint that cannot be used.
        OutputError: when the folder cannot be written, or the disk is full; the last checkpoint stays.
        TrainingError: when the loss stops being a number, or memory runs out; the last checkpoint stays.
        StoppedError: after Ctrl-C or SIGTERM, once the step is done and a checkpoint written.
    """
    started = time.monotonic()
    AcceleratorState._reset_state()  # or a notebook's second training could not have another precision
    accelerator = Accelerator(mixed_precision=settings.precision, cpu=device == "cpu")
    torch.manual_seed(settings.seed)  # whatever was drawn before, for the model's first weights say
    model = prepared(model, settings).to(accelerator.device)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # After the move: a resumed optimiser's state goes where the parameters are.
    optimizer = LookaheadRAdam(model.parameters(), lr=settings.learning_rate)
    run = Run(Path(folder), settings, writes=accelerator.is_main_process)
    with contextlib.ExitStack() as held:
        held.enter_context(run.alone())
        progress = run.resume(model, optimizer) if resume else run.start()
        earlier = progress.seconds
        data = source(settings, accelerator)
        network, fast = accelerator.prepare(path.watched(model, settings.path), optimizer)
        network = torch.compile(network, dynamic=False) if settings.compile else network

        batches, saved, stop = data.batches(progress.step), time.monotonic(), budget <= 0
        wish = held.enter_context(Wish())
        while progress.step < settings.steps and not stop:
            batch = next(batches).to(accelerator.device)
            if settings.rows is not None:
                batch = slab(batch, settings.rows, place(settings, progress.step, batch.y.shape[-2]))
            rate = settings.learning_rate * cosine(progress.step, settings.steps, settings.warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            try:
                with accelerator.autocast():
                    found = network(batch.y, batch.E)
                x, states = found if settings.path else (found, ())
                value = loss(x, batch)
                whole = value + settings.path * path.loss(states, batch, loss) if settings.path else value
                accelerator.backward(whole)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                raise TrainingError(
                    f"out of memory on {accelerator.device} with batches of {settings.batch_size}: use a smaller "
                    "--batch-size, --checkpointing, or --precision bf16"
                ) from error
            # Slices differ so much in difficulty that the loss alone hides the progress of a short training.
            with torch.no_grad():
                start = loss(batch.E.H(batch.y), batch)
            norm = accelerator.clip_grad_norm_(model.parameters(), settings.clip)
            # All processes stop after the same step, whichever of them was told to.
            wanted = value.new_tensor(float(bool(wish.signal) or time.monotonic() - started > budget))
            means = accelerator.reduce(torch.stack([value.detach(), start, wanted]), "mean")
            numbers = torch.cat([means, norm.reshape(1)]).tolist()  # the step's one wait for a GPU
            number, zero_filled, asked, gradient = numbers
            stop = asked > 0
            # With fp16 an infinite gradient is the loss scale's search, and the step is left out.
            if not math.isfinite(number) or (settings.precision != "fp16" and not math.isfinite(gradient)):
                kept = run.save(model, optimizer, progress, "stopped.safetensors")
                raise TrainingError(
                    f"step {progress.step + 1}: the loss is {number}, its gradient {gradient}; the state before it is "
                    f"in {kept}; try a lower --learning-rate or --clip, or --precision no"
                )
            fast.step()
            fast.zero_grad()

            progress.step += 1
            progress.seconds = earlier + time.monotonic() - started
            run.since.append((number, number / zero_filled, gradient))
            checked = progress.step % settings.validate_every == 0 or progress.step == settings.steps
            values: dict[str, float] = {}
            if checked or progress.step % settings.log_every == 0:
                mean = [sum(each) / len(run.since) for each in zip(*run.since, strict=True)]
                values = dict(zip(("loss", "relative", "gradient"), mean, strict=True)) | {"learning_rate": rate}
                run.log(progress, values)
                run.since.clear()
            watch(progress.step, values)
            if checked:
                scores, silent = validate(model, data, accelerator)
                run.log(progress, scores)
                watch(progress.step, scores)
                if scores["psnr"] > progress.best:
                    progress.best, progress.silent = scores["psnr"], silent
                    run.save_best(model, progress)
            if checked or time.monotonic() - saved > save_every:
                run.save(model, optimizer, progress)
                saved = time.monotonic()
        run.save(model, optimizer, progress)
        if wish.signal:
            raise StoppedError(wish.signal, f"stopped at step {progress.step} of {settings.steps}")
        accelerator.wait_for_everyone()
        accelerator.end_training()
        return progress


def place(settings: Settings, step: int, height: int) -> int:
    """First row of a step's slab."""
    assert settings.rows is not None
    return random.Random(f"{settings.seed} {step}").randint(0, max(0, height - settings.rows))


def prepared(model: nn.Module, settings: Settings) -> nn.Module:
    """The network, set to train as the settings say."""
    if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
        raise UsageError(f"{settings.model} has no weights that want gradients: there is nothing to train")
    if settings.checkpointing:
        if not hasattr(model, "checkpointing"):
            raise UsageError(f"{settings.model} has no checkpointing: it is for the learned solvers (lt-…)")
        model.checkpointing = True  # type: ignore[assignment]
    return model.train()


def source(settings: Settings, accelerator: Accelerator) -> Source:
    """The data that the settings name, this process's share of it."""
    rank, processes = accelerator.process_index, accelerator.num_processes
    check_share(settings.batch_size, processes)
    if settings.data == SIMULATED:
        return simulated(settings, accelerator.device, rank, processes)
    return Folder(
        settings.data,
        acceleration=settings.acceleration,
        kind=settings.mask,
        batch_size=settings.batch_size,
        seed=settings.seed,
        workers=settings.workers,
        validation_volumes=settings.validation,
        rank=rank,
        processes=processes,
        also=settings.also,
    )


def simulated(settings: Settings, device: torch.device | str, rank: int = 0, processes: int = 1) -> Simulated:
    """The simulated slices that the settings name, a process's share of them."""
    return Simulated(
        acceleration=settings.acceleration,
        kind=settings.mask,
        batch_size=settings.batch_size,
        seed=settings.seed,
        shape=settings.size,
        mix=settings.mix,
        validation_slices=settings.validation,
        device=device,
        rank=rank,
        processes=processes,
        keep=settings.keep,
        also=settings.also,
    )


def loss(x: Tensor, batch: Batch) -> Tensor:
    """L1 + 0.5 (1 − SSIM) of the magnitude on the target's columns, each slice with its volume's data range."""
    assert batch.target is not None
    image = metrics.magnitude(center_crop(x, *batch.target.shape[-2:]))
    data_range = torch.tensor([meta.data_range for meta in batch.meta], device=image.device)
    return metrics.loss(image, batch.target, data_range)


@torch.no_grad()
def validate(model: nn.Module, data: Source, accelerator: Accelerator) -> tuple[dict[str, float], list[str]]:
    """Mean scores over the validation volumes by fastMRI's convention, in the files' own unit, and the dead ReLUs.

    With several accelerations the mean of theirs, and each one's PSNR as "psnr_4x". With the scores, how many channels
    are never on; beside them the names of the ReLUs of which none ever is.
    """
    model.eval()
    found = dead_relus.Found()
    each: dict[float, dict[str, float]] = {}
    for acceleration in data.accelerations:
        volumes: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for batch in data.validation(acceleration):
            batch = batch.to(accelerator.device)
            assert batch.target is not None
            with accelerator.autocast(), dead_relus.watch(model, found):
                x = model(batch.y, batch.E)
            for image, target, meta in zip(x.abs().cpu(), batch.target.cpu(), batch.meta, strict=True):
                volumes.setdefault(meta.file, []).append((image * meta.scale, target * meta.scale))
        per_volume = [metrics.scores(*map(torch.stack, zip(*pairs, strict=True))) for pairs in volumes.values()]
        each[acceleration] = {
            key: sum(getattr(s, key) for s in per_volume) / len(per_volume) for key in ("psnr", "ssim", "nmse")
        }
    model.train()
    scores = {key: sum(one[key] for one in each.values()) / len(each) for key in ("psnr", "ssim", "nmse")}
    apart = {f"psnr_{a:g}x": one["psnr"] for a, one in each.items()} if len(each) > 1 else {}
    return {**scores, **apart, "dead": found.dead}, found.silent


def describe(model: nn.Module, settings: Settings) -> str:
    """One line on what will be trained."""
    count = count_parameters(model)
    made = f"simulated {settings.mix}, {settings.size[0]} x {settings.size[1]}"
    data = made if settings.data == SIMULATED else settings.data
    job = f"{settings.steps} steps of {settings.batch_size}"
    masks = " and ".join(f"{a:g}x" for a in settings.accelerations)
    along = f", path x {settings.path:g}" if settings.path else ""
    return f"{settings.model}, {count:,} parameters, {masks}, {job}, {data}{along}"
