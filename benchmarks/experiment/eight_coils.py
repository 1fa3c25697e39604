"""A raw head from eight coils, eight times undersampled in both phase directions, with no reference: who predicts it?

Nobody knows the image, so the data judge themselves: a tenth of the measured samples outside the calibration square is
hidden, each method reconstructs from the rest, and what it says of the hidden samples is compared with them. The error
is relative, ‖prediction − measurement‖ / ‖measurement‖ over the hidden samples of all coils; noise alone keeps it from
zero. Networks were trained on one coil, simulated anatomy and column masks; E brings coils and mask.

Needs brain_8coil_undersampled.h5 (BSD-3, mikgroup/sigpy-mri-tutorial) in a folder; the file stays there. Writes
results/small/eight_coils.json.

    OMP_NUM_THREADS=1 python benchmarks/experiment/eight_coils.py FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from reconode import zoo
from reconode.data import fastmri
from reconode.experiment import record, schema
from reconode.physics import KSPACE, MRIOperator, estimate_sensitivities, max_zero_filled
from reconode.storage.whole import write_whole

FILE = "brain_8coil_undersampled.h5"
HIDDEN, SPLITS = 0.1, 2
NETWORKS = ("d5c5", "ft-euler", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow")
WEIGHTS = {"long": 4, "fine": 8}
"""Variants and the acceleration that they were trained for."""

CENTER = 12
"""Half of the calibration square that is never hidden."""

RESULTS = Path(__file__).parents[2] / "results" / "small"


class Sense:
    """Least squares from zero, no prior: what eight coils say by themselves (conjugate-gradient SENSE)."""

    def __call__(self, y: Tensor, E: MRIOperator) -> Tensor:
        return E.enforce(torch.zeros_like(E.H(y)), y)


def hidden(mask: Tensor, seed: int) -> Tensor:
    """The samples that are kept back."""
    chance = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed))
    free = torch.ones_like(mask)
    row, column = (size // 2 for size in mask.shape)
    free[row - CENTER : row + CENTER, column - CENTER : column + CENTER] = False
    return mask & free & (chance < HIDDEN)


@torch.no_grad()
def errors(folder: Path, seed: int) -> dict[str, float]:
    """Of every method on one split."""
    volume = fastmri.read(folder / FILE)
    y = volume.kspace
    mask = (y.abs() > 0).any(1)[0]
    secret = hidden(mask, seed)
    E = MRIOperator(mask & ~secret, estimate_sensitivities(y * (mask & ~secret), mask & ~secret, KSPACE), KSPACE)
    known = E.measure(y)
    scale = max_zero_filled(known, E)
    probe = MRIOperator(secret, E.sensitivities, KSPACE)
    wanted = probe.measure(y / scale)
    named = {name: zoo.load(name, 8) for name in ("zero-filled", "tv", "wavelet")}
    named["sense"] = Sense()
    for variant, acceleration in WEIGHTS.items():
        named |= {f"{name}_{variant}": zoo.load(f"{name}_{variant}", acceleration) for name in NETWORKS}
    found = {}
    for name, model in named.items():
        x = model(known / scale, E)
        found[name] = round(float((probe(x) - wanted).norm() / wanted.norm()), 4)
        print(seed, name, found[name], flush=True)
    found["samples"] = int(secret.sum())
    return found


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--out", type=Path, default=RESULTS / "eight_coils.json")
    given = options.parse_args()
    torch.set_num_threads(1)
    said = {
        "file": FILE,
        "hidden": HIDDEN,
        **schema.plain(record.provenance()),
        "splits": [errors(given.folder, seed) for seed in range(SPLITS)],
    }
    write_whole(given.out, json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
