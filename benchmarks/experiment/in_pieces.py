"""Everything that is wanted of a GPU that is lent for half an hour, in pieces of at most ten minutes.

    PYTHONPATH=. python benchmarks/experiment/in_pieces.py --state runs/card --out "$OUT" --minutes 9

Each call goes on where the last one's files end, and ends by itself:

1. the tests on the card (tests/test_card.py), once;
2. LT-RK4's step, memory and reconstruction beside the paper's Table 2, once (benchmarks/models.py --card);
3. seconds of a training step of each row, once; they decide one number of steps for all, so that the whole takes
   --total minutes;
4. the trainings in turn (full size, 4x, slabs of 48 rows, bf16), each tested when it is done.

Slices are simulated by the processor's other cores ahead of the training, and stay on that machine's disk for the next
row. What comes back is report.json, and the state as state.00, state.01, … of at most 15 MiB, which the next call reads
in --state: checkpoints, best weights, results files. When all is done:

    PYTHONPATH=. python benchmarks/experiment/in_pieces.py --state FOLDER --collect results runs/experiment/full
    reconode experiment ship --size full

Needs torch, torchdiffeq, h5py, safetensors, accelerate, scikit-image, scipy, typer and rich; pytest for the tests.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from reconode.errors import DataError
from reconode.experiment import benchmark, cost, queue, record, schema
from reconode.experiment.plan import Job, Plan
from reconode.runs import BEST, LAST
from reconode.storage.whole import read_json, write_whole
from reconode.train import TrainingError, simulated

ROOT = Path(__file__).parents[2]
ROWS = ("d5c5", "pc-flow", "lt-euler-26", "lt-rk4", "unet")
RATE = 4e-3
"""For all rows: what the search at small found for D5C5, and half of what it found for the others."""
PART = 15 << 20
PACKING = 25.0
"""Seconds kept for writing what comes back."""


def main() -> None:
    """One piece, or the collection of all."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="folder with the last call's files; may be empty")
    options.add_argument("--out", type=Path, help="folder for this call's files")
    options.add_argument("--collect", type=Path, nargs=2, metavar=("RESULTS", "RUNS"), help="unpack what is done")
    options.add_argument("--minutes", type=float, default=9, help="of this call")
    options.add_argument("--total", type=float, default=18, help="minutes of training, of all calls together")
    options.add_argument("--models", nargs="+", default=ROWS, help="rows, in the order of their training")
    options.add_argument("--size", default="full", choices=benchmark.SIZES)
    options.add_argument("--rows", type=int, default=48, help="height of the slabs")
    options.add_argument("--batch-size", type=int, default=4)
    options.add_argument("--precision", default="bf16")
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--makers", type=int, default=max(0, (os.cpu_count() or 1) - 2), help="processes for slices")
    options.add_argument("--skip", nargs="*", default=[], choices=("tests", "table2"), help="parts that are not wanted")
    given = options.parse_args()
    if given.collect:
        collect(given.state, *given.collect)
        return
    if given.out is None:
        options.error("--out: where to?")
    piece(given)


def piece(given: argparse.Namespace) -> None:
    """One call."""
    until = time.monotonic() + 60 * given.minutes - PACKING
    work = given.out.parent / f".{given.out.name}-work"  # never in what comes back
    shutil.rmtree(work, ignore_errors=True)
    unpack(given.state, work)
    path = work / "report.json"
    report: dict[str, Any] = read_json(path) if path.exists() else {"calls": []}
    began = time.monotonic()
    if "tests" not in report and "tests" not in given.skip:
        report["tests"] = run_tests(given.device, (until - time.monotonic()) / 2)
    if "table2" not in report and "table2" not in given.skip:
        report["table2"] = table2(given.device, (until - time.monotonic()) / 2)
    plan = Plan(
        benchmark.find(given.size),
        out=work / "runs",
        results=work / "results",
        steps=1,
        batch_size=given.batch_size,
        rows=given.rows,
        precision=given.precision,
        device=given.device,
        rate=RATE,
        keeps=True,
    )
    jobs = [Job(model) for model in given.models]
    if "steps" not in report:
        report["cost"] = {job.model: cost.seconds(plan, job) for job in jobs}
        report["slice_seconds"] = slice_seconds(plan)
        report["steps"] = steps_within(plan, jobs, report["cost"], 60 * given.total)
    plan = replace(plan, steps=report["steps"])
    unfinished = [job for job in jobs if not plan.done(job)]
    first = min((queue.reached(plan, job) for job in unfinished), default=0)
    with makers(plan, jobs[0], first, given.makers if unfinished else 0):
        for job in unfinished:
            if time.monotonic() >= until:
                break
            try:
                queue.run(plan, job, until - time.monotonic())
            except TrainingError as error:
                report.setdefault("failed", {})[job.model] = str(error)
    for job in jobs:  # only the best weights of a training that is done come back
        if plan.done(job):
            (plan.folder(job) / LAST).unlink(missing_ok=True)
    shutil.rmtree(plan.kept, ignore_errors=True)
    report["state"] = {job.model: queue.state(plan, job) for job in jobs}
    seconds = round(time.monotonic() - began, 1)
    report["calls"].append({"seconds": seconds, **schema.plain(record.provenance(given.device))})
    write_whole(path, json.dumps(report, indent=1) + "\n")
    pack(work, given.out)
    shutil.rmtree(work)
    print(json.dumps({key: report.get(key) for key in ("steps", "state", "failed", "cost", "slice_seconds")}, indent=1))


def run_tests(device: str, seconds: float) -> dict[str, Any]:
    """tests/test_card.py, with nothing of the project's own settings: they want plug-ins that are not there."""
    start = time.monotonic()
    bare = ["--noconftest", "-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rfEs", *bare, str(ROOT / "tests" / "test_card.py")],
            env={**os.environ, "PYTHONPATH": str(ROOT), "RECONODE_CARD": device},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        return {"timed_out": round(seconds), "end": (error.stdout or b"").decode()[-6000:]}
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", done.stdout)}
    took = round(time.monotonic() - start, 1)
    return {"returned": done.returncode, **counts, "seconds": took, "end": done.stdout[-6000:]}


def table2(device: str, seconds: float) -> dict[str, Any]:
    """Absolute time and memory beside the paper's; a CPU rehearses it at a size that means nothing."""
    small = [] if device != "cpu" else ["--card-size", "32x40", "--card-matrix", "64", "--card-batch", "1"]
    measured = ROOT / f".table2-{os.getpid()}.json"
    try:
        subprocess.run(
            [sys.executable, "benchmarks/models.py", "--only", "card", "--rounds", "5", "--json", measured, *small],
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"},
            check=True,
            cwd=ROOT,
            timeout=seconds,
        )
        return dict(read_json(measured))
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        return {"not run": str(error)[-500:]}
    finally:
        measured.unlink(missing_ok=True)


def slice_seconds(plan: Plan) -> float:
    """Of making one slice where the training is."""
    made = simulated(replace(plan.with_rate(Job("d5c5"), RATE), keep=None), plan.device)
    next(made.batches(0))
    start = time.perf_counter()
    next(made.batches(1))
    return (time.perf_counter() - start) / plan.batch_size


def steps_within(plan: Plan, jobs: list[Job], seconds: dict[str, float], total: float) -> int:
    """The number of steps, the same for all rows, that takes so long; two digits, since no more are known."""
    whole = replace(plan, steps=1000)  # a row of whole slices has fewer steps
    each = sum(seconds[job.model] * whole.with_rate(job, RATE).steps / 1000 for job in jobs)
    steps = max(8.0, total / each)
    digits = 10 ** max(0, len(str(int(steps))) - 2)
    return int(steps / digits) * digits


@contextmanager
def makers(plan: Plan, job: Job, first: int, count: int) -> Iterator[None]:
    """Processes that make the slices of coming steps meanwhile; the training makes what is not there in time."""
    fresh = multiprocessing.get_context("spawn")  # a fork would share the card
    working = [fresh.Process(target=make, args=(plan, job, first + k, count), daemon=True) for k in range(count)]
    for process in working:
        process.start()
    try:
        yield
    finally:
        for process in working:
            process.terminate()
        for process in working:
            process.join()


def make(plan: Plan, job: Job, first: int, stride: int) -> None:
    """Every so many steps' slices."""
    torch.set_num_threads(1)
    made = simulated(plan.with_rate(job, RATE), "cpu")
    for step in range(first, plan.steps, stride):
        next(made.batches(step))


def pack(work: Path, out: Path) -> None:
    """The report, and everything as an archive in parts that each may come back."""
    out.mkdir(parents=True, exist_ok=True)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.add(work, arcname=".", filter=lambda entry: None if entry.name.endswith((".lock", ".part")) else entry)
    content = whole.getvalue()
    for number, start in enumerate(range(0, len(content), PART)):
        write_whole(out / f"state.{number:02d}", content[start : start + PART])
    shutil.copy(work / "report.json", out / "report.json")


def unpack(state: Path, into: Path) -> None:
    """The opposite of :func:`pack`; an empty folder is a beginning.

    Raises:
        DataError: for parts that do not make an archive.
    """
    into.mkdir(parents=True, exist_ok=True)
    parts = sorted(state.glob("state.[0-9][0-9]")) if state.is_dir() else []
    if not parts:
        return
    if [path.name for path in parts] != [f"state.{number:02d}" for number in range(len(parts))]:
        raise DataError(f"{state}: parts are missing: {', '.join(path.name for path in parts)} are there")
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(path.read_bytes() for path in parts))) as archive:
            archive.extractall(into, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"{state}: its parts do not make an archive ({error}); fetch the files again") from error


def collect(state: Path, results: Path, runs: Path) -> None:
    """Results files and best weights of what is done to where the experiment looks for them."""
    work = state / ".collected"
    shutil.rmtree(work, ignore_errors=True)
    unpack(state, work)
    try:
        for path in sorted((work / "results").rglob("*.json")):
            there = results / path.relative_to(work / "results")
            write_whole(there, path.read_bytes())
            best = work / "runs" / path.stem / BEST
            write_whole(runs / path.stem / BEST, best.read_bytes())
            print(f"{there}, {runs / path.stem / BEST}")
        if (work / "report.json").exists():
            write_whole(results / "card.json", (work / "report.json").read_bytes())
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
