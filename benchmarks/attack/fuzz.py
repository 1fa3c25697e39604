"""Attack the library with damaged files, each read as the commands read it; counts go to a results file.

    python benchmarks/attack/fuzz.py [--files 10000] [--minutes 20] [--json results/fuzz.json]

Each kind gets its share of the minutes, or its number of files, whichever ends first. A child process does the reading,
so that a crash or a hang is counted and the next file taken. `silent` are files that were read without a complaint and
gave other samples, by more than a thousandth of an image, or other weights.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mutate_hdf5
import mutate_weights
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _common import machine, write_json

from reconode import train as training
from reconode import zoo
from reconode.data import fastmri
from reconode.data.slices import SliceDataset
from reconode.errors import DataError
from reconode.experiment import results, rows, tables
from reconode.runs import Run, Settings
from reconode.storage import weights

KINDS = {  # with their share of the time
    "volumes, bytes": 0.33,
    "volumes, structure": 0.33,
    "weights": 0.12,
    "checkpoints": 0.12,
    "results": 0.10,
}
PATIENCE = 120.0
"""Seconds until a file counts as a hang: longer than the library's own patience."""
SETTINGS = Settings("lt-euler", steps=4, batch_size=1, size=(64, 64), mix="knees", validate_every=4, validation=1)
SHOWN = 0.001
"""A relative difference that counts."""

Attempt = Callable[[int], str]


def differs(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape != b.shape or not float((a - b).norm()) <= SHOWN * float(b.norm())


def one_sentence(error: Exception) -> bool:
    if "\n" in str(error):
        raise RuntimeError(f"more than a sentence: {error}")
    return True


def volumes(folder: Path, structural: bool) -> Attempt:
    """Each reader of the library on a damaged volume; what they return is compared with the original's."""
    originals = mutate_hdf5.originals(folder)
    names, whole, mutators = list(originals), {}, {}
    for name, data in originals.items():
        (folder / "whole.h5").write_bytes(data)
        whole[name], mutators[name] = fastmri.read(folder / "whole.h5"), mutate_hdf5.Bytes(data)
    path = folder / "damaged.h5"

    def attempt(seed: int) -> str:
        rng, name = np.random.default_rng(seed), names[seed % len(names)]
        try:
            data = mutate_hdf5.through_h5py(originals[name], rng) if structural else mutators[name](rng)
        except (OSError, ValueError, TypeError):
            return "not made"
        path.write_bytes(data)
        found, refused, said = whole[name], 0, "silent" if whole[name].target is not None else "silent without target"
        readers: list[Callable[[], Any]] = [
            lambda: fastmri.inspect(path),
            lambda: fastmri.read(path, thorough=True),
            lambda: fastmri.read_target(path),
            lambda: SliceDataset(path),
        ]
        wrong = False
        for reader in readers:
            try:
                read = reader()
                if isinstance(read, fastmri.Volume):
                    gone = read.target is None and found.target is not None
                    wrong |= differs(read.kspace, found.kspace) or read.info.recon != found.info.recon
                    wrong |= not gone and found.target is not None and differs(read.target, found.target)
                    said = "silent without target" if gone else said
                elif isinstance(read, SliceDataset):
                    for n in range(len(read)):
                        raw = read[n]
                        wrong |= differs(torch.from_numpy(raw.kspace), found.kspace[min(n, len(found.kspace) - 1)])
            except DataError as error:
                refused += one_sentence(error)
        return f"{said}, {name}" if wrong else "refused" if refused else "unharmed"

    return attempt


def files_of_weights(folder: Path, checkpoints: bool) -> Attempt:
    training.train(zoo.untrained("lt-euler"), SETTINGS, folder / "run", device="cpu")
    whole = folder / "run" / ("last.safetensors" if checkpoints else "best.safetensors")
    data, expected, path = whole.read_bytes(), weights.read(whole)[0], folder / "last.safetensors"
    model = zoo.untrained("lt-euler", 1)
    fresh = {key: value.clone() for key, value in model.state_dict().items()}

    def attempt(seed: int) -> str:
        changed = mutate_weights.safetensors(data, np.random.default_rng(seed))
        path.write_bytes(changed)
        model.load_state_dict(fresh)
        try:
            if checkpoints:
                Run(folder, SETTINGS).resume(model, training.LookaheadRAdam(model.parameters()))
                loaded = {f"model.{key}": value for key, value in model.state_dict().items()}
            else:
                loaded = dict(zoo.load("lt-euler", file=path).state_dict())  # type: ignore[attr-defined]
        except DataError as error:
            return "refused" if one_sentence(error) else ""
        return "unharmed" if all(torch.equal(loaded[key], expected[key]) for key in loaded) else "silent"

    return attempt


def results_files(folder: Path) -> Attempt:
    path = folder / "d5c5_4x_seed0.json"
    data = (Path(__file__).parents[2] / "results/small/d5c5_4x_seed0.json").read_bytes()
    whole = results.parse(json.loads(data))

    def attempt(seed: int) -> str:
        path.write_bytes(mutate_weights.results(data, np.random.default_rng(seed)))
        try:
            run = results.read(path)
            tables.compare_table(rows.make_row([run]), rows.make_row([run])).csv()
        except DataError as error:
            return "refused" if one_sentence(error) else ""
        return "unharmed" if run == whole else "other numbers"

    return attempt


def attempts(kind: str, folder: Path) -> Attempt:
    if kind.startswith("volumes"):
        return volumes(folder, kind.endswith("structure"))
    return results_files(folder) if kind == "results" else files_of_weights(folder, kind == "checkpoints")


def victim(kind: str, first: int) -> None:
    """Read file after file; the number of each before it is read, what became of it after."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        attempt, seed = attempts(kind, Path(folder)), first
        while True:
            print(f"at {seed}", flush=True)
            try:
                print(f"was {attempt(seed)}", flush=True)
            except Exception as error:  # what must not be: anything but a DataError
                print(f"was traceback: {type(error).__name__} {' '.join(str(error).split())[:160]}", flush=True)
            seed += 1


def lines(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """The child's lines; None when it is silent for too long."""
    assert process.stdout is not None
    while True:
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            yield None
            return
        line = process.stdout.readline()
        if not line:
            return
        yield line.strip()


def attack(kind: str, files: int, until: float) -> tuple[int, collections.Counter[str], dict[str, list[int]]]:
    """How many files were tried, what became of them, and the numbers of those that matter."""
    counts: collections.Counter[str] = collections.Counter()
    noted: dict[str, list[int]] = {}
    seed = done = 0

    def note(what: str) -> None:
        counts[what] += 1
        if what not in ("refused", "unharmed", "not made", "other numbers"):
            noted.setdefault(what, []).append(seed)

    while done < files and time.monotonic() < until:
        command = [sys.executable, __file__, "--victim", kind, str(seed)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        ended = "crash"
        for line in lines(process):
            if line is None:
                ended = "hang"
                break
            word, _, rest = line.partition(" ")
            if word == "at":
                seed = int(rest)
                if done >= files or time.monotonic() > until:
                    ended = ""
                    break
            elif word == "was":
                done += rest != "not made"
                note(rest)
        process.kill()
        process.wait()
        if ended:
            done += 1
            note(ended)
            seed += 1
    return done, counts, noted


def main() -> None:
    if "--victim" in sys.argv:
        return victim(sys.argv[-2], int(sys.argv[-1]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="of each kind, at most")
    parser.add_argument("--minutes", type=float, default=20.0, help="for all kinds together")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="all by default")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.nice(10)
    kinds = arguments.kind or list(KINDS)
    there = arguments.kind and arguments.json is not None and arguments.json.exists()
    said: dict[str, Any] = json.loads(arguments.json.read_text())["kinds"] if there else {}
    for kind in kinds:
        start = time.monotonic()
        share = KINDS[kind] / sum(KINDS[k] for k in kinds)
        done, counts, noted = attack(kind, arguments.files, start + 60 * arguments.minutes * share)
        total = {
            word: sum(n for what, n in counts.items() if what.startswith(word))
            for word in ("crash", "hang", "traceback")
        }
        silent = sum(n for what, n in counts.items() if what.startswith("silent") and "without target" not in what)
        untold = sum(n for what, n in counts.items() if what.startswith("silent without target"))
        said[kind] = {
            "files": done,
            **{word + ("es" if word == "crash" else "s"): n for word, n in total.items()},
            "refused": counts["refused"],
            "unharmed": counts["unharmed"],
            "silent": silent,
            "silent_without_target": untold,
            "other_numbers": counts["other numbers"],
            "seconds": round(time.monotonic() - start),
        }
        print(f"{kind}: {said[kind]}", flush=True)
        for what, seeds in noted.items():
            print(f"  {what}: {len(seeds)}, seeds {seeds[:8]}", flush=True)
        write_json(arguments.json, {"goal": 10_000, "kinds": said, "machine": machine()})


if __name__ == "__main__":
    main()
