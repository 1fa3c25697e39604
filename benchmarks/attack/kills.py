"""Kill trainings at random moments, in a checkpoint's write too, and compare their end with one that was left alone.

    python benchmarks/attack/kills.py [--kills 100] [--minutes 8] [--json results/kills.json]

Each training is a process of its own that writes a checkpoint after every step; SIGKILL comes at a random moment, the
next process resumes. When its steps are done, its weights must be those of the undisturbed training, bit for bit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _common import machine, write_json

from reconode import phantoms, zoo
from reconode.data import fastmri
from reconode.errors import DataError
from reconode.physics import fft
from reconode.runs import LAST, Settings
from reconode.storage import weights
from reconode.train import train

SIMULATED = Settings("lt-euler", steps=8, batch_size=1, size=(64, 64), mix="knees", validate_every=4, validation=1)


def work(settings: Settings, folder: Path) -> None:
    torch.set_num_threads(1)
    for descriptor in (1, 2):  # what a killed process's loader says is nobody's concern
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    resume = (folder / LAST).exists()
    train(zoo.untrained(settings.model), settings, folder, device="cpu", resume=resume, save_every=0)


def process(settings: Settings, folder: Path) -> multiprocessing.Process:
    child = multiprocessing.get_context("fork").Process(target=work, args=(settings, folder))
    child.start()
    return child


def same(a: Path, b: Path) -> bool:
    one, two = weights.read(a / LAST)[0], weights.read(b / LAST)[0]
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def attack(settings: Settings, folder: Path, kills: int, until: float, rng: random.Random) -> dict[str, int]:
    """Kill and resume until a training is done, then begin another."""
    start = time.monotonic()
    process(settings, folder / "whole").join()
    length = time.monotonic() - start
    said = {"kills": 0, "trainings": 0, "same": 0, "unreadable_checkpoints": 0, "failed": 0}
    while said["kills"] < kills and time.monotonic() < until:
        run = folder / f"run{said['trainings']}"
        while True:
            child = process(settings, run)
            more = said["kills"] < kills and time.monotonic() < until
            child.join(rng.uniform(0.02, 0.4) * length if more else None)
            if child.is_alive():
                os.kill(child.pid or 0, signal.SIGKILL)
                child.join()
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
        said["same"] += (run / LAST).exists() and same(run, folder / "whole")
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.nice(10)
    torch.set_num_threads(1)
    rng, said = random.Random(0), dict[str, Any]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number in range(4):
            images = 1e-4 * phantoms.slices(3, (64, 64), seed=number).target.to(torch.complex64)
            fastmri.write(folder / f"knees/{number}.h5", fft(images), acquisition="CORPD_FBK")
        on_disk = replace(SIMULATED, data=str(folder / "knees"), acceleration=2)
        ways = {"simulated": SIMULATED, "folder": on_disk, "folder, a worker": replace(on_disk, workers=1)}
        for name, settings in ways.items():
            until = time.monotonic() + 60 * arguments.minutes / len(ways)
            said[name] = attack(settings, folder / name, -(-arguments.kills // len(ways)), until, rng)
            print(f"{name}: {said[name]}", flush=True)
            write_json(arguments.json, {"goal": 100, "trainings": said, "machine": machine()})


if __name__ == "__main__":
    main()
