"""What to train on: one length of training on three mixes, and where each helps. Writes results/small/mixes.json.

Reads the results and transfer files of the trainings, and scores their weights on photographs that none of them saw:

    for mix in natural sizes wide; do
      reconode experiment run d5c5 pc-flow --size small --mix $mix --variant $mix
      reconode experiment transfer d5c5 pc-flow --size small --variant $mix --real FOLDER
    done
    python benchmarks/experiment/mixes.py

The mix "broad" is the table's own, with all of its seeds. A training that has no transfer file yet is left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from reconode import phantoms, zoo
from reconode.data.fastmri import Volume
from reconode.experiment import benchmark, record, results, schema
from reconode.experiment.benchmark import TEST_SEED
from reconode.experiment.claims import FLOOR
from reconode.experiment.results import Scored
from reconode.runs import BEST
from reconode.storage.whole import write_whole

MODELS = ("d5c5", "pc-flow", "lt-rk2")
MIXES = ("broad", "natural", "sizes", "wide")
ACCELERATION = 4
PICTURES = 24
"""Crops of photographs to score on."""

KNEES, REAL, OTHER = "knees", "real", ("heads", "shapes")


def pictures(data: benchmark.Benchmark) -> list[Volume]:
    """Volumes of one slice each: photographs that no mix to train on has."""
    found = []
    for number in range(PICTURES):
        made = phantoms.slices(1, data.shape, seed=TEST_SEED, start=number, mix="pictures")
        kspace = benchmark.oversampled(made.hybrid)
        whole = (0, kspace.shape[-1])
        found.append(benchmark.as_read(kspace, f"picture{number:03d}.h5", made.contrast[0], data.recon, whole))
    return found


def mean(scored: Iterable[Scored]) -> float:
    """PSNR over volumes."""
    found = [volume.psnr for volume in scored]
    return sum(found) / len(found)


def training(folder: Path, runs: Path, model: str, mix: str, seed: int, unseen: list[Volume]) -> dict[str, Any] | None:
    """One training's scores by source; None where it was not run or not tested."""
    name = results.file_name(model, ACCELERATION, seed, "" if mix == "broad" else mix)
    paths = folder / name, folder / "transfer" / name
    if not all(path.exists() for path in paths):
        return None
    run, moved = results.read(paths[0]), results.read_transfer(paths[1])
    assert run.training is not None
    scores: dict[str, Any] = {KNEES: mean(run.volumes)}
    scores |= {t.test: mean(t.volumes) for t in moved.tests if t.group == REAL or t.test in OTHER}
    slices = {t.test: [s.psnr for s in t.slices] for t in moved.tests if t.group == REAL}
    best = runs / name.removesuffix(".json") / BEST
    kept = zoo.shipped(f"{model}_table", ACCELERATION) if mix == "broad" and seed == 0 else None
    file = best if best.exists() else kept
    if file is not None:
        network = zoo.load(model, ACCELERATION, file=file)
        assert isinstance(network, nn.Module)
        scores["pictures"] = mean(record.score(network, unseen, ACCELERATION))
    return {
        "model": model,
        "mix": mix,
        "seed": seed,
        "steps": run.training.steps,
        "psnr": scores,
        "slices": slices,
    }


def main() -> None:
    """Measure, and write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--results", type=Path, default=Path("results/small"))
    options.add_argument("--runs", type=Path, default=Path("runs/experiment/small"))
    given = options.parse_args()
    unseen = pictures(benchmark.find("small"))
    jobs = [(model, mix, seed) for model in MODELS for mix in MIXES for seed in range(3)]
    found = [training(given.results, given.runs, *job, unseen) for job in jobs]
    said = {
        **schema.plain(record.provenance()),
        "acceleration": ACCELERATION,
        "floor": FLOOR,
        "pictures": PICTURES,
        "zero_filled": {"pictures": mean(record.score(zoo.load("zero-filled"), unseen, ACCELERATION))},
        "trainings": [one for one in found if one is not None],
    }
    write_whole(given.results / "mixes.json", json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
