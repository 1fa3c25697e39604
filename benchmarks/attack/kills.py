"""Kill trainings at random moments, in a checkpoint's write too, and compare their end with one that was left alone.

    python benchmarks/attack/kills.py [--kills 100] [--minutes 8] [--json results/kills.json]

Each training is a process of its own that writes a checkpoint after every step; SIGKILL comes at a random moment, the
next process resumes. When its steps are done, its weights must be those of the undisturbed training, bit for bit. Of
the queue three processes share two trainings; any of them dies, and the results files must say the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _common import machine, write_json

from reconode import phantoms, zoo
from reconode.data import fastmri
from reconode.errors import DataError
from reconode.experiment import queue, results
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.plan import Job, Plan
from reconode.physics import fft
from reconode.runs import BEST, LAST, Settings
from reconode.storage import weights
from reconode.train import train

SIMULATED = Settings("lt-euler", steps=8, batch_size=1, size=(64, 64), mix="knees", validate_every=4, validation=1)
TINY = Benchmark("small", (64, 72), volumes=1, slices=1, validation=1)
JOBS = (Job("lt-euler"), Job("lt-euler", seed=1))
FORK = multiprocessing.get_context("fork")
PAUSE = 0.2
"""Seconds that a slow disk takes in the middle of a file."""


def quiet() -> None:
    torch.set_num_threads(1)
    for descriptor in (1, 2):  # what a killed process's loader says is nobody's concern
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def work(settings: Settings, folder: Path, writing: Connection | None = None) -> None:
    """A training, or the rest of it; with `writing`, on a disk so slow that its middle of a checkpoint can be hit."""
    quiet()
    if writing is not None:

        def slowly(path: Path, data: bytes) -> int:
            with path.open("wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
                with contextlib.suppress(OSError):
                    writing.send(path.name)
                time.sleep(PAUSE)
                return file.write(data[len(data) // 2 :])

        Path.write_bytes = slowly  # type: ignore[assignment, method-assign]
    resume = (folder / LAST).exists()
    train(zoo.untrained(settings.model), settings, folder, device="cpu", resume=resume, save_every=0)


def share(plan: Plan) -> None:
    """One of the queue's processes, as ``reconode experiment run`` works."""
    quiet()
    while not all(plan.done(job) for job in JOBS):
        for job in JOBS:
            queue.run(plan, job)
        time.sleep(0.05)


def started(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    child = FORK.Process(target=target, args=arguments)
    child.start()
    return child


def kill(child: BaseProcess) -> None:
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()


def same(a: Path, b: Path) -> bool:
    one, two = weights.read(a / LAST)[0], weights.read(b / LAST)[0]
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def at_a_moment(settings: Settings, run: Path, length: float, rng: random.Random) -> BaseProcess:
    """A training that goes on for a while, from a little of its way to half of it."""
    child = started(work, settings, run)
    child.join(rng.uniform(0.02, 0.5) * length)
    return child


def in_the_write(settings: Settings, run: Path, length: float, rng: random.Random) -> BaseProcess:
    """A training that is in the middle of writing a file, its first or a later one."""
    ours, its = FORK.Pipe(duplex=False)
    child = started(work, settings, run, its)
    its.close()
    with contextlib.suppress(EOFError):
        for _ in range(rng.randint(1, 4)):
            ours.recv()
        time.sleep(rng.uniform(0, 0.8) * PAUSE)
    return child


def attack(
    settings: Settings, folder: Path, kills: int, until: float, rng: random.Random, moment: Callable[..., BaseProcess]
) -> dict[str, int]:
    """Kill and resume until a training is done, then begin another."""
    for _ in range(2):  # the second is as warm as those to come
        start = time.monotonic()
        started(work, settings, folder / f"whole{_}").join()
        length = time.monotonic() - start
    said = {"kills": 0, "trainings": 0, "same": 0, "unreadable_checkpoints": 0, "failed": 0}
    while said["kills"] < kills and time.monotonic() < until:
        run = folder / f"run{said['trainings']}"
        while True:
            more = said["kills"] < kills and time.monotonic() < until
            child = moment(settings, run, length, rng) if more else started(work, settings, run)
            if not more:
                child.join()
            if child.is_alive():
                kill(child)
                said["kills"] += 1
            elif child.exitcode:
                said["failed"] += 1
                break
            if (run / LAST).exists():
                try:
                    if weights.read(run / LAST)[1]["progress"]["step"] == settings.steps:
                        break
                except DataError:
                    said["unreadable_checkpoints"] += 1
                    break
        said["trainings"] += 1
        said["same"] += (run / LAST).exists() and same(run, folder / "whole0")
    return said


def attack_queue(folder: Path, kills: int, until: float, rng: random.Random) -> dict[str, int]:
    """Three processes work off the jobs; one after the other is killed, and another takes its place."""

    def plan(name: str) -> Plan:
        made = Plan(TINY, folder / name / "runs", folder / name / "results", steps=8, batch_size=1, rate=4e-3)
        made.folder(JOBS[0]).mkdir(parents=True)
        return made

    whole = plan("whole")
    start = time.monotonic()
    started(share, whole).join()
    length = time.monotonic() - start
    said = {"kills": 0, "trainings": 0, "same": 0, "unreadable_checkpoints": 0, "failed": 0}
    while said["kills"] < kills and time.monotonic() < until:
        now = plan(f"queue{said['trainings']}")
        children = [started(share, now) for _ in range(3)]
        while any(child.is_alive() for child in children):
            time.sleep(rng.uniform(0.02, 0.3) * length)
            victim = rng.randrange(3)
            if children[victim].is_alive() and said["kills"] < kills:
                kill(children[victim])
                said["kills"] += 1
                children[victim] = started(share, now)
        said["failed"] += sum(child.exitcode != 0 for child in children)
        for job in JOBS:
            said["trainings"] += 1
            try:
                said["same"] += end(now, job) == end(whole, job) and same(now.folder(job), whole.folder(job))
            except DataError:
                said["unreadable_checkpoints"] += 1
    return said


def end(plan: Plan, job: Job) -> Any:
    """What a results file says that is not of the clock: scores, curve, best weights."""
    read = results.read(plan.result(job))
    assert read.training is not None
    best = {key: tensor.tolist() for key, tensor in weights.read(plan.folder(job) / BEST)[0].items()}
    return json.dumps([read.volumes, read.training.validation, read.training.curve, best], default=vars)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--way", action="append", help="all by default")
    parser.add_argument("--more", action="store_true", help="add to what the results file has, up to --kills")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng, said = random.Random(0), dict[str, Any]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number in range(4):
            images = 1e-4 * phantoms.slices(3, (64, 64), seed=number).target.to(torch.complex64)
            fastmri.write(folder / f"knees/{number}.h5", fft(images), acquisition="CORPD_FBK")
        on_disk = replace(SIMULATED, data=str(folder / "knees"), acceleration=2)
        ways: dict[str, Callable[[int, float], dict[str, int]]] = {
            "simulated": lambda n, t: attack(SIMULATED, folder / "a", n, t, rng, at_a_moment),
            "folder": lambda n, t: attack(on_disk, folder / "b", n, t, rng, at_a_moment),
            "folder, a worker": lambda n, t: attack(replace(on_disk, workers=1), folder / "c", n, t, rng, at_a_moment),
            "in a file's write": lambda n, t: attack(SIMULATED, folder / "d", n, t, rng, in_the_write),
            "queue, three processes": lambda n, t: attack_queue(folder / "e", n, t, rng),
        }
        if arguments.more and arguments.json is not None and arguments.json.exists():
            said = json.loads(arguments.json.read_text())["trainings"]
        chosen = arguments.way or list(ways)
        for name in chosen:
            before = said.get(name, {}) if arguments.more else {}
            wanted = -(-arguments.kills // len(ways)) - before.get("kills", 0)
            until = time.monotonic() + 60 * arguments.minutes / len(chosen)
            now = ways[name](wanted, until) if wanted > 0 else {}
            said[name] = {key: now.get(key, 0) + before.get(key, 0) for key in now or before}
            print(f"{name}: {said[name]}", flush=True)
            write_json(arguments.json, {"goal": 100, "trainings": said, "machine": machine()})


if __name__ == "__main__":
    main()
