"""The experiment: a queue of trainings that many short sessions work off, one results file and one weights file each.

Every row of a table gets the same examples, the same validation and test data, and a learning rate found by the same
search. A training stops when the time is up and goes on from its checkpoint in the next session; several processes may
work on one folder.
"""

from __future__ import annotations

import contextlib
import json
import math
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from reconode import evaluate, masks, metrics, results, weights, zoo
from reconode.data import slab
from reconode.fastmri import Volume
from reconode.files import write_whole
from reconode.jobs import DIVERGED, RATES, RATES_FILE, REPRESENTATIVES, TIE, Job, Plan
from reconode.optimizers import LookaheadRAdam
from reconode.runs import BEST, LAST, LOG
from reconode.sources import Simulated
from reconode.train import TrainingError, build, loss, train
from reconode.zoo import Model

COUNTED = (96, 112)
"""Size on which :func:`operations` counts."""


def run(
    plan: Plan,
    job: Job,
    budget: float = math.inf,
    watch: Callable[[int, dict[str, float]], object] = lambda step, values: None,
) -> bool:
    """Train, validate, test and write the results file; whether it is done.

    A job that is done already, or that another process is at, is left alone. A training that diverges starts again at
    the next lower rate of the search, and the results file says so. One that diverges at the lowest is a result too:
    its file has the curve, the error, and the scores of its best weights.

    Raises:
        UsageError: for settings that cannot work.
        DataError: for data or a checkpoint that cannot be used.
    """
    if plan.result(job).exists():
        return True
    folder, until = plan.folder(job), time.monotonic() + budget
    with claim(folder) as ours:
        if not ours:
            return False
        if not zoo.find(job.model).learned:
            write_result(plan, job, zoo.load(job.model), None)
            return True
        while True:
            settings, resume = plan.settings(job), (folder / LAST).exists()
            failed, left = None, until - time.monotonic()
            try:
                progress = train(settings, folder, budget=left, resume=resume, device=plan.processor, watch=watch)
                if progress.step < settings.steps:
                    return False
            except TrainingError as error:
                failed = str(error).split(";")[0]  # not the path and the advice after it
                if settings.learning_rate > min(RATES):
                    rates = [*plan.diverged(job), settings.learning_rate]
                    for name in (LAST, BEST):
                        (folder / name).unlink(missing_ok=True)
                    write_whole(folder / DIVERGED, json.dumps(rates))
                    continue
                if not (folder / BEST).exists():
                    raise
            model = zoo.load(job.model, job.acceleration, file=folder / BEST)
            write_result(plan, job, model, training(plan, job, failed))
            return True


def search(plan: Plan, budget: float = math.inf) -> bool:
    """Find each family's learning rate on the validation slices, at 4x; whether all are found.

    The same effort for each: one model, the rates of :data:`RATES`, `plan.steps` steps.
    """
    until = time.monotonic() + budget
    tried = [(name, model, rate) for name, model in REPRESENTATIVES.items() for rate in RATES]
    found: dict[str, dict[str, float | None]] = {}
    for name, model, rate in tried:
        folder = plan.out / "search" / f"{model}_{rate:g}"
        settings = plan.with_rate(Job(model), rate)
        with claim(folder) as ours:
            if ours:
                resume = (folder / LAST).exists()
                left = until - time.monotonic()
                try:
                    progress = train(settings, folder, budget=left, resume=resume, device=plan.processor)
                except TrainingError:  # diverged: tried, and out
                    found.setdefault(name, {})[f"{rate:g}"] = None
                    continue
                if progress.step == settings.steps:
                    found.setdefault(name, {})[f"{rate:g}"] = progress.best
    if sum(map(len, found.values())) < len(tried):
        return False
    chosen = {name: lowest_tied(scores) for name, scores in found.items()}
    said = {
        "steps": plan.steps,
        "batch_size": plan.batch_size,
        "rows": plan.rows,
        "representatives": REPRESENTATIVES,
        "validation_psnr": found,
        "chosen": chosen,
    }
    write_whole(plan.results / plan.name / RATES_FILE, json.dumps(said, indent=1) + "\n")
    return True


def lowest_tied(scores: Mapping[str, float | None]) -> float:
    """The lowest rate whose score is tied with the best; where all diverged, the lowest."""
    kept = {float(rate): psnr for rate, psnr in scores.items() if psnr is not None}
    if not kept:
        return min(map(float, scores))
    return min(rate for rate, psnr in kept.items() if psnr > max(kept.values()) - TIE)


def state(plan: Plan, job: Job) -> str:
    """Where a job is, in words."""
    if plan.result(job).exists():
        return "done"
    log = plan.folder(job) / LOG
    steps = sum('"relative"' in line for line in log.read_text().splitlines()) if log.exists() else 0
    return f"{steps} of {plan.with_rate(job, 0.0).steps} steps" if steps else "not begun"


def ship(plan: Plan, half: set[str]) -> list[Path]:
    """Copy seed 0's best weights of every finished training to where :func:`reconode.zoo.load` looks.

    Of the variants, those of :data:`reconode.zoo.VARIANTS`.
    """
    shipped = []
    for result in sorted((plan.results / plan.name).glob("*_seed0*.json")):
        said = json.loads(result.read_text())
        job = Job(said["model"], said["acceleration"], variant=said["variant"])
        best = plan.folder(job) / BEST
        if not said["training"] or not best.exists() or job.variant not in zoo.VARIANTS:
            continue
        tensors, about = weights.read(best)
        if job.model in half:
            tensors = {key: tensor.half() for key, tensor in tensors.items()}
        about = {**about, "benchmark": said["benchmark"]["name"], "fingerprint": said["benchmark"]["fingerprint"]}
        about["settings"] = {key: value for key, value in about["settings"].items() if key != "keep"}
        name = f"{job.model}_{job.variant}".rstrip("_")
        path = weights.SHIPPED / f"{name}_{job.acceleration:g}x.safetensors"
        weights.write(path, tensors, about)
        shipped.append(path)
    return shipped


def cost(plan: Plan, job: Job, repeats: int = 3) -> float:
    """Seconds a training step of a job takes here: forward, backward, optimizer; the fastest of a few."""
    settings = plan.with_rate(job, 1e-3)
    model = build(settings).to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = LookaheadRAdam(model.parameters())
    made = Simulated(settings.acceleration, settings.mask, settings.batch_size, 0, settings.size, settings.mix)
    batch = next(made.batches(0)).to(plan.device)
    batch = batch if settings.rows is None else slab(batch, settings.rows, 0)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        with torch.autocast(plan.processor or "cuda", torch.bfloat16, enabled=settings.precision == "bf16"):
            x = model(batch.y, batch.E)
        loss(x, batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        if plan.device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def operations(plan: Plan, job: Job) -> float:
    """Floating-point operations of a training step of a job, forward and backward, two for a multiply-add.

    Counted on one slice of :data:`COUNTED`, in proportion to the area: convolutions and matrix products, which are
    nearly all. An adaptive solver's depend on the image; an untrained network needs few evaluations.
    """
    settings = plan.with_rate(job, 1e-3)
    model = build(settings)
    batch = next(Simulated(settings.acceleration, settings.mask, 1, 0, COUNTED, settings.mix).batches(0))
    with _Counter() as counter:
        loss(model(batch.y, batch.E), batch).backward()
    rows, columns = settings.rows or settings.size[0], settings.size[1]
    return counter.total * settings.batch_size * (rows * columns) / math.prod(COUNTED)


class _Counter(TorchDispatchMode):
    """Counts as torch's FlopCounterMode does, whose tracking of modules does not bear torchdiffeq's adjoint."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def write_result(plan: Plan, job: Job, model: Model, trained: dict[str, Any] | None) -> None:
    """Score a model on the test volumes and write the results file."""
    if isinstance(model, nn.Module):
        model = model.to(plan.device)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    slices = 0

    def counted() -> Iterator[Volume]:
        nonlocal slices
        for volume in plan.test():
            slices += volume.info.slices
            yield volume

    scored = score(model, counted(), job.acceleration, device=plan.device)
    result = {
        **head(plan, job),
        "training": trained,
        "volumes": scored,
        "seconds_per_slice": (time.perf_counter() - start) / slices,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if plan.device != "cpu" else None,
    }
    result["benchmark"] |= {"split": "test", "volumes": len(scored), "slices": slices}
    results.write(plan.result(job), result)


def head(plan: Plan, job: Job) -> dict[str, Any]:
    """What every results file says first: which model, which data, which code, which machine."""
    entry = zoo.find(job.model)
    return {
        "schema": results.SCHEMA,
        "model": job.model,
        "title": entry.title,
        "family": entry.family,
        "parameters": entry.parameters,
        "acceleration": float(job.acceleration),
        "mask": "random",
        "seed": job.seed,
        "variant": job.variant,
        "benchmark": {
            "name": plan.name,
            "fingerprint": plan.fingerprint,
            "shape": list(plan.benchmark.shape),
        },
        "commit": commit(),
        "hardware": hardware(plan.device),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def score(
    model: Model, volumes: Iterable[Volume], acceleration: float, mask: str = "random", device: str = "cpu"
) -> list[dict[str, Any]]:
    """Each volume's name, contrast and scores by fastMRI's convention; its name seeds the mask."""
    scored = []
    for volume in volumes:
        drawn = masks.draw(mask, volume.width, acceleration, seed=volume.name)
        assert volume.target is not None
        image = evaluate.reconstruct(model, volume, drawn, device=device)
        values = metrics.scores(image, volume.target).as_dict()
        scored.append({"name": volume.name, "acquisition": volume.info.acquisition, **values})
    return scored


def training(plan: Plan, job: Job, failed: str | None) -> dict[str, Any]:
    """What a results file says of a training: settings, examples, time, and its curves."""
    settings, height = plan.settings(job), plan.benchmark.shape[0]
    lines = [json.loads(line) for line in (plan.folder(job) / LOG).read_text().splitlines()]
    steps = [line for line in lines if "relative" in line]
    validated = [line for line in lines if "psnr" in line]
    best = max(validated, key=lambda line: line["psnr"])
    width = max(1, len(steps) // 60)
    bins = [steps[i : i + width] for i in range(0, len(steps), width)]
    told = {key: value for key, value in asdict(settings).items() if key not in ("keep", "workers", "data")}
    return {
        "settings": told,
        "steps": len(steps),
        "examples": len(steps) * settings.batch_size * (settings.rows or height) // height,
        "examples_unit": "slices" if settings.rows is None else f"slices' worth, in slabs of {settings.rows} rows",
        "seconds": lines[-1]["seconds"],
        "finished": failed is None,
        "diverged_at": plan.diverged(job),
        **({} if failed is None else {"failed": failed}),
        "best": {"step": best["step"], "psnr": best["psnr"]},
        "curve": [[b[-1]["step"], round(sum(x["relative"] for x in b) / len(b), 5)] for b in bins],
        "validation": [[v["step"], v["psnr"], v["ssim"], v["nmse"]] for v in validated],
    }


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Whether this process may work in a folder now; a lock that ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows: one process at a time is the user's to see to
        yield True
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def commit() -> str:
    """The code's short commit, with a + when files differ from it; "unknown" outside a clone."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def hardware(device: str) -> dict[str, Any]:
    """What computed."""
    name = torch.cuda.get_device_name() if device != "cpu" else _processor()
    return {"device": device, "name": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
