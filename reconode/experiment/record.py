"""What a run leaves: its scores on the test volumes, its training, and who computed it, as a results file."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reconode import evaluate, masks, zoo
from reconode.data.fastmri import Volume
from reconode.errors import DataError
from reconode.experiment import results
from reconode.experiment.plan import Job, Plan
from reconode.experiment.results import Best, Data, Hardware, Result, Scored, TestData, Training
from reconode.runs import BEST, LOG, read_log
from reconode.storage import weights
from reconode.zoo import Model


def write_result(plan: Plan, job: Job, model: Model, trained: Training | None) -> None:
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
    seconds = (time.perf_counter() - start) / slices
    about = head(plan, job)
    data = about.pop("benchmark")
    result = Result(
        **about,
        benchmark=TestData(**vars(data), split="test", volumes=len(scored), slices=slices),
        training=trained,
        volumes=tuple(scored),
        seconds_per_slice=seconds,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if plan.device != "cpu" else None,
    )
    results.write(plan.result(job), result)


def head(plan: Plan, job: Job) -> dict[str, Any]:
    """The fields of :class:`reconode.experiment.results.Head`: which model, which data, which code, which machine."""
    entry = zoo.find(job.model)
    return {
        "model": job.model,
        "title": entry.title,
        "family": entry.family,
        "parameters": entry.parameters,
        "acceleration": float(job.acceleration),
        "mask": "random",
        "seed": job.seed,
        "variant": job.variant,
        "benchmark": Data(plan.name, plan.fingerprint, plan.benchmark.shape),
        **provenance(plan.device),
    }


def score(
    model: Model, volumes: Iterable[Volume], acceleration: float, mask: str = "random", device: str = "cpu"
) -> list[Scored]:
    """Each volume's name, contrast and scores by fastMRI's convention; its name seeds the mask.

    Raises:
        DataError: for a volume without a target.
    """
    scored = []
    for volume in volumes:
        drawn = masks.draw(mask, volume.width, acceleration, seed=volume.name)
        _, scores = evaluate.reconstruct_and_score(model, volume, drawn, device=device)
        scored.append(Scored(volume.name, volume.info.acquisition, **scores.as_dict()))
    return scored


def training(plan: Plan, job: Job, failed: str | None) -> Training:
    """What a results file says of a training: settings, examples, time, and its curves."""
    settings, height = plan.settings(job), plan.benchmark.shape[0]
    log = read_log(plan.folder(job))
    steps = [line for line in log if "relative" in line]
    validated = [line for line in log if "psnr" in line]
    if not steps or not validated:
        raise DataError(
            f"{plan.folder(job) / LOG}: no steps or no validation in it; remove the folder, and train again"
        )
    best = max(validated, key=lambda line: line["psnr"])
    width = max(1, len(steps) // 60)
    done = steps[-1]["step"]
    bins = [steps[i : i + width] for i in range(0, len(steps), width)]
    silent = weights.read(plan.folder(job) / BEST)[1]["progress"].get("silent")  # an older version did not look
    told = {key: value for key, value in asdict(settings).items() if key not in ("keep", "workers", "data")}
    return Training(
        settings=told,
        steps=done,
        examples=done * settings.batch_size * (settings.rows or height) // height,
        examples_unit="slices" if settings.rows is None else f"slices' worth, in slabs of {settings.rows} rows",
        seconds=log[-1]["seconds"],
        finished=failed is None,
        best=Best(best["step"], best["psnr"]),
        curve=tuple((b[-1]["step"], round(sum(x["relative"] for x in b) / len(b), 5)) for b in bins),
        validation=tuple((v["step"], v["psnr"], v["ssim"], v["nmse"]) for v in validated),
        diverged_at=tuple(plan.diverged(job)),
        failed=failed or "",
        silent=None if silent is None else tuple(silent),
    )


def provenance(device: str = "cpu") -> dict[str, Any]:
    """Of which code, on which machine and when: what every file of results says of itself."""
    written = datetime.now(UTC).isoformat(timespec="seconds")
    return {"commit": commit(), "hardware": hardware(device), "written": written}


def commit() -> str:
    """The code's short commit, with a + when files differ from it; "unknown" outside a clone."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def hardware(device: str) -> Hardware:
    """What computed."""
    name = torch.cuda.get_device_name() if device != "cpu" else _processor()
    return Hardware(device, name, torch.get_num_threads(), str(torch.__version__))


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
