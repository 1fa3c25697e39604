"""Attack the library with damaged files, each read as the commands read it; counts go to a results file.

    python benchmarks/attack/fuzz.py [--files 10000] [--minutes 60] [--kind results] [--json results/fuzz.json]

Each kind gets its share of the minutes, or its number of files, whichever ends first. A child process does the reading,
forked from this one once everything is imported, with a limit on its memory and a time for each file: what crashes or
hangs it is counted, and another takes the next file. For seven of eight files it does itself, with the same code, what
the library leaves to a process of its own; one that it does not survive is read again as the library would.

`silent` are files that were read without a complaint and gave other samples, by more than a thousandth of a slice, or
anything else that is not what was written.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import multiprocessing
import resource
import select
import sys
import tempfile
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import readers
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _common import machine, write_json

KINDS = {  # with their share of the time
    "volumes, bytes": 0.35,
    "volumes, structure": 0.35,
    "reconstructions": 0.07,
    "weights": 0.07,
    "checkpoints": 0.08,
    "results": 0.08,
}
PATIENCE = 60.0
"""Seconds until a file counts as a hang: longer than the library's own patience, for each of its readers."""
START = 600.0
"""Seconds until the reading process has made what it damages, trained a network for example."""
HERE = 4.0
"""Seconds until a file that the reading process looks at itself is given to another, which has the library's own."""
MEMORY = 8 * 2**30
"""Bytes that the reading process may have mapped; PyTorch by itself maps 3 GiB."""
FITS, CHECK = "other content that fits", "only --check tells"
FINE = ("refused", "refused, a crash caught", "refused, a hang caught", "unharmed", "not made", FITS)


def victim(kind: str, first: int, again: bool, pipe: Connection) -> None:
    """Read file after file; the number of each before it is read, what became of it after.

    The first one is looked at by the library's own other process, if it is read again; else one in a few is.
    """
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with tempfile.TemporaryDirectory() as folder:
        attempt, seed = readers.attempts(kind, Path(folder)), first
        warnings.simplefilter("error")  # what a user would see is the sentence and nothing else
        with contextlib.suppress(BrokenPipeError):
            while True:
                here = not (again and seed == first) and seed % readers.ALONE != 0
                readers.look(here)
                pipe.send((seed, here))
                try:
                    pipe.send(attempt(seed))
                except Exception as error:  # what must not be: anything but a DataError
                    pipe.send(f"traceback: {type(error).__name__} {' '.join(str(error).split())[:160]}")
                seed += 1


def attack(
    kind: str, files: int, until: float, first: int = 0
) -> tuple[int, collections.Counter[str], dict[str, list[int]], int]:
    """How many files were tried, what became of them, the numbers of those that matter, and the next file's number."""
    counts: collections.Counter[str] = collections.Counter()
    noted: dict[str, list[int]] = {}
    seed, done, again = first, 0, False

    def note(what: str) -> None:
        counts[what] += 1
        if what not in FINE:
            noted.setdefault(what, []).append(seed)

    while done < files and time.monotonic() < until:
        ours, its = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=victim, args=(kind, seed, again, its))
        process.start()
        its.close()
        ended, here, again, patience = "crash", False, False, START
        while True:
            if not select.select([ours], [], [], patience)[0]:
                ended = "hang"
                break
            try:
                said = ours.recv()
            except EOFError:
                break
            if isinstance(said, str):
                done += said != "not made"
                note(said)
                continue
            seed, here = said
            patience = HERE if here else PATIENCE
            if done >= files or time.monotonic() > until:
                ended = ""
                break
        ours.close()
        process.kill()
        process.join()
        again = here and bool(ended)
        if ended and not again:
            done += 1
            note(ended)
            seed += 1
    return done, counts, noted, seed


def summary(done: int, counts: collections.Counter[str], seconds: float) -> dict[str, int]:
    """What the page shows of a kind."""

    def total(word: str, but: str = "-") -> int:
        return sum(n for what, n in counts.items() if what.startswith(word) and not what.startswith(but))

    return {
        "files": done,
        "crashes": total("crash"),
        "hangs": total("hang"),
        "tracebacks": total("traceback"),
        "refused": total("refused"),
        "crashes_caught": counts["refused, a crash caught"],
        "hangs_caught": counts["refused, a hang caught"],
        "unharmed": counts["unharmed"],
        "check_only": counts[CHECK],
        "fits": counts[FITS],
        "silent": total("silent", "silent without target"),
        "silent_without_target": total("silent without target"),
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="of each kind, at most")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all kinds together")
    parser.add_argument("--first", type=int, default=0, help="number of the first file: other numbers, other damage")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="all by default")
    parser.add_argument("--more", action="store_true", help="add to what the results file has, up to --files")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kinds = arguments.kind or list(KINDS)
    there = (arguments.kind or arguments.more) and arguments.json is not None and arguments.json.exists()
    said: dict[str, dict[str, int]] = json.loads(arguments.json.read_text())["kinds"] if there else {}
    for kind in kinds:
        start = time.monotonic()
        share = KINDS[kind] / sum(KINDS[k] for k in kinds)
        before = said.get(kind, {}) if arguments.more else {}
        files, first = arguments.files - before.get("files", 0), before.get("next", arguments.first)
        done, counts, noted, last = attack(kind, files, start + 60 * arguments.minutes * share, first)
        now = summary(done, counts, time.monotonic() - start)
        said[kind] = {key: value + before.get(key, 0) for key, value in now.items()} | {"next": last}
        print(f"{kind}: {said[kind]}", flush=True)
        for what, seeds in noted.items():
            print(f"  {what}: {len(seeds)}, seeds {seeds[:8]}", flush=True)
        write_json(arguments.json, {"goal": 10_000, "kinds": said, "machine": machine()})


if __name__ == "__main__":
    main()
