"""Which ReLUs of trained weights are never on: a minute on a CPU. Writes results/small/dead_relus.json.

Looks at the weights that come with the library, and at the best weights of every training below a folder, on some test
knees of the small benchmark at each one's own acceleration. What the file holds and nobody looks at again stays.

    python benchmarks/experiment/dead_relus.py lt-rk4 lt-rk4_long
    python benchmarks/experiment/dead_relus.py --runs runs/experiment/small
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from reconode import dead_relus, masks, zoo
from reconode.experiment import benchmark, results
from reconode.runs import BEST
from reconode.storage import weights
from reconode.storage.whole import write_whole
from reconode.zoo import Model

KNEES = 10
"""Test volumes; the first slice of each."""

NAMES = re.compile(r"(?P<model>[^_]+)_(?P<times>\d+)x_seed(?P<seed>\d+)(?:_(?P<variant>.+))?")


def shipped() -> Iterator[tuple[str, Model]]:
    """Of seed 0, by the names of results files."""
    for file in sorted(weights.SHIPPED.glob("*.safetensors")):
        row, times = file.stem[:-1].rsplit("_", 1)
        model, _, variant = row.removesuffix("_table").partition("_")
        yield results.file_name(model, float(times), 0, variant), zoo.load(row, float(times))


def of_runs(folder: Path) -> Iterator[tuple[str, Model]]:
    """Of every training in a folder."""
    for file in sorted(folder.glob(f"*/{BEST}")):
        found = NAMES.fullmatch(file.parent.name)
        if found:
            model, times = found["model"], float(found["times"])
            name = results.file_name(model, times, int(found["seed"]), found["variant"] or "")
            yield name, zoo.load(model, times, file=file)


@torch.no_grad()
def look(model: Any, acceleration: float) -> list[dict[str, Any]]:
    """Each ReLU's name, channels, and how many of them are never on."""
    small = benchmark.find("small")
    with dead_relus.watch(model) as found:
        for number in range(KNEES):
            knee = benchmark.in_memory(small, number)
            mask = masks.random(knee.width, acceleration, seed=knee.name)
            y, E, _ = knee.scaled(mask, slice(0, 1))
            model(y, E)
    return [{"relu": r.name, "channels": len(r.on), "dead": r.dead} for r in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="models of the zoo, with their variant; all when none is named")
    parser.add_argument("--runs", type=Path, help="a folder of trainings, in place of the library's weights")
    parser.add_argument("--out", type=Path, default=Path("results/small/dead_relus.json"))
    given = parser.parse_args()
    said = json.loads(given.out.read_text()) if given.out.exists() else {"knees": KNEES, "relus": {}}
    for file, model in of_runs(given.runs) if given.runs else shipped():
        name = file.removesuffix(".json")
        found = NAMES.fullmatch(name)
        assert found
        row = "_".join(filter(None, (found["model"], found["variant"])))
        if given.rows and row not in given.rows:
            continue
        said["relus"][name] = look(model, float(found["times"]))
        silent = [r["relu"] for r in said["relus"][name] if r["dead"] == r["channels"]]
        print(name, sum(r["dead"] for r in said["relus"][name]), silent, flush=True)
    said["relus"] = dict(sorted(said["relus"].items()))
    write_whole(given.out, json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
