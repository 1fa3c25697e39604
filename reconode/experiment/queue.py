"""The experiment: a queue of trainings that many short sessions work off, one results file and one weights file each.

Every row of a table gets the same examples, the same validation and test data, and a learning rate found by the same
search. A training stops when the time is up and goes on from its checkpoint in the next session; several processes may
work on one folder.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from reconode import zoo
from reconode.errors import DataError, UsageError
from reconode.experiment import record, results
from reconode.experiment.plan import DIVERGED, RATES, RATES_FILE, REPRESENTATIVES, TIE, Job, Plan
from reconode.runs import BEST, LAST, Settings, read_log
from reconode.storage import weights
from reconode.storage.lock import claim
from reconode.storage.whole import write_whole
from reconode.train import TrainingError, train


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
    if plan.done(job):
        return True
    folder, until = plan.folder(job), time.monotonic() + budget
    with claim(folder) as ours:
        if not ours:
            return False
        if not zoo.find(job.model).learned:
            record.write_result(plan, job, zoo.load(job.model), None)
            return True
        while True:
            settings, resume = plan.settings(job), (folder / LAST).exists()
            failed, left = None, until - time.monotonic()
            try:
                model = first_weights(plan, job, settings, resume)
                progress = train(
                    model, settings, folder, budget=left, resume=resume, device=plan.processor, watch=watch
                )
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
            best = zoo.load(job.model, job.acceleration, file=folder / BEST)
            record.write_result(plan, job, best, record.training(plan, job, failed))
            return True


def first_weights(plan: Plan, job: Job, settings: Settings, resume: bool) -> nn.Module:
    """The network that a job trains: its weights drawn from the seed, or those of the training that it starts from.

    Raises:
        UsageError: when that training is not there.
    """
    model, origin = zoo.untrained(job.model, settings.seed), plan.origin(job)
    if origin is None or resume:
        return model
    file = plan.best(origin)
    if not file.exists() or ((file.parent / LAST).exists() and not plan.done(origin)):
        raise UsageError(f"{job.name} starts from {origin.name}, which is not trained: {file} isn't there or not done")
    weights.load(model, job.model, file)
    return model


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
                    network = zoo.untrained(model, settings.seed)
                    progress = train(network, settings, folder, budget=left, resume=resume, device=plan.processor)
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


def reached(plan: Plan, job: Job) -> int:
    """The last step that a job's log has."""
    return max((entry["step"] for entry in read_log(plan.folder(job))), default=0)


def state(plan: Plan, job: Job) -> str:
    """Where a job is, in words."""
    if plan.done(job):
        return "done"
    steps = reached(plan, job)
    return f"{steps} of {plan.with_rate(job, 0.0).steps} steps" if steps else "not begun"


def ship(plan: Plan, half: set[str]) -> list[Path]:
    """Copy seed 0's best weights of every finished training to where :func:`reconode.zoo.load` looks.

    Of the variants, those of :data:`reconode.zoo.VARIANTS`; the table's own in half precision, where no score changes
    by 0.01 dB. The hashes of all files there are written anew.

    Args:
        plan: whose trainings.
        half: models whose weights are all kept in half precision.

    Raises:
        DataError: for a results file that is damaged, or of a model that there isn't.
    """
    copied = []
    for path in sorted((plan.results / plan.name).glob("*_seed0*.json")):
        said = results.read(path)
        job = Job(said.model, said.acceleration, variant=said.variant)
        if said.model not in zoo.MODELS or path.name != said.file_name:
            raise DataError(f"{path}: of {said.model!r}, which is no model here or not what the file's name says")
        best = plan.folder(job) / BEST
        if said.training is None or not best.exists() or job.weights.partition("_")[2] not in zoo.VARIANTS:
            continue
        tensors, about = weights.read(best)
        if job.model in half or not job.variant:
            tensors = {key: tensor.half() for key, tensor in tensors.items()}
        about = {**about, "benchmark": said.benchmark.name, "fingerprint": said.benchmark.fingerprint}
        about["settings"] = {key: value for key, value in about["settings"].items() if key != "keep"}
        copied.append(weights.SHIPPED / f"{job.weights}_{job.acceleration:g}x.safetensors")
        weights.write(copied[-1], tensors, about)
    weights.write_sums(weights.SHIPPED)
    return copied
