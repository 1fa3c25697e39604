"""Does training mend low signal? Short fine-tunings that differ in one thing, from the weights of the library.

Each starts from the same weights (``_long`` at 4x, ``_fine`` at 8x) and sees the same anatomy in the same order; what
differs is how it was scanned, or what the target is:

- control: the slices as every training of the benchmark sees them. What more of the same brings.
- noise: heavier noise, half of it as before, half evenly from 3 to 12 % of the brightest pixel.
- phase: half of the slices get up to 20 turns of phase along the readout, half up to three across both axes.
- clean: the target is the image without noise.
- all: the three together.

Writes the weights to FOLDER, ``MODEL_ACCELERATIONx_VARIANT/best.safetensors``; what is there is left alone.

    OMP_NUM_THREADS=1 python benchmarks/experiment/low_signal_train.py FOLDER --models d5c5 pc-flow --accelerations 4 8
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch

from reconode import phantoms, zoo
from reconode.data.sources import SIMULATED
from reconode.experiment import benchmark, changes
from reconode.phantoms.scan import root_sum_of_squares
from reconode.physics import HYBRID, fft
from reconode.runs import BEST, Settings
from reconode.storage import weights
from reconode.train import train

SMALL = benchmark.find("small")
SEED, STEPS, RATE, ROWS, MIX = 77, 600, 2e-3, 48, "broad"
VARIANTS = ("control", "noise", "phase", "clean", "all")
START = {4: "long", 8: "fine"}


def make(folder: Path) -> None:
    """Write the slices of every variant where a training of the variant looks for kept ones."""
    for number in range(STEPS):
        paths = {
            v: folder / v / f"{MIX}-{SMALL.shape[0]}x{SMALL.shape[1]}-{SEED}" / f"{number}-1.safetensors"
            for v in VARIANTS
        }
        if all(path.exists() for path in paths.values()):
            continue
        made = phantoms.slices(1, SMALL.shape, seed=SEED, start=number, mix=MIX)
        clean = fft(made.clean, HYBRID)[:, None]
        unit = (made.hybrid - clean) / made.noise
        chance = random.Random(number)
        heavy = float(made.noise) if chance.random() < 0.5 else chance.uniform(0.03, 0.12)
        readout = chance.uniform(-20, 20) * (chance.random() < 0.5)
        across = chance.uniform(-3, 3) * (chance.random() < 0.5)
        for variant, path in paths.items():
            level = heavy if variant in ("noise", "all") else float(made.noise)
            hybrid = clean + level * unit
            if variant in ("phase", "all"):
                hybrid = changes.turned(hybrid, across, readout)
            target = made.clean.abs() if variant in ("clean", "all") else root_sum_of_squares(hybrid)
            weights.write(path, {"hybrid": hybrid, "target": target}, {"model": SIMULATED, "contrast": made.contrast})


def tune(folder: Path, model: str, acceleration: int, variant: str) -> None:
    """One fine-tuning; the weights are its last."""
    settings = Settings(
        model,
        acceleration=acceleration,
        steps=STEPS,
        batch_size=1,
        learning_rate=RATE,
        warmup=20,
        seed=SEED,
        size=SMALL.shape,
        rows=ROWS,
        mix=MIX,
        validate_every=STEPS,
        keep=str(folder / "slices" / variant),
        init=f"{model}_{START[acceleration]}",
    )
    where = folder / f"{model}_{acceleration}x_{variant}"
    if (where / BEST).exists():
        return
    network = zoo.load(f"{model}_{START[acceleration]}", acceleration)
    assert isinstance(network, torch.nn.Module)
    progress = train(network, settings, where, device="cpu", resume=(where / "last.safetensors").exists())
    print(where.name, f"{progress.best:.2f} dB, {progress.seconds:.0f} s", flush=True)


def main() -> None:
    """Make the slices, then train what is not there."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--models", nargs="+", default=["d5c5", "pc-flow"])
    options.add_argument("--accelerations", nargs="+", type=int, default=[4, 8])
    options.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    given = options.parse_args()
    torch.set_num_threads(1)
    make(given.folder / "slices")
    for model in given.models:
        for variant in given.variants:
            for acceleration in given.accelerations:
                tune(given.folder, model, acceleration, variant)


if __name__ == "__main__":
    main()
