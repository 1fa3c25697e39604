"""The default weights of the classical methods, chosen on simulated validation knees; then what they gain.

    python benchmarks/tune_classical.py [--slices 4] [--threads 2] [--json results/classical_tuning.json]

Slices of both contrasts, half each, at 256 x 256, random masks at 4x and 8x, a mask of its own each. A cell is one
contrast at one acceleration; its score is the mean PSNR of its slices, each scored as a volume of its own, since
simulated slices are not of one knee. The weight chosen is the one with the best mean over the four cells;
``reconode/classical.py`` has it as default, and a test compares the two. Nothing here looks at real data until the
choice is made: the last part measures what was chosen on the real knee, where ``../shared/data`` is there.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _common import machine, write_json
from torch import Tensor

from reconode import evaluate, masks, metrics, phantoms
from reconode.classical import GradientDescent, TotalVariation, WaveletFISTA, ZeroFilled
from reconode.data import fastmri
from reconode.physics import MRIOperator
from reconode.zoo import Model

ROOT = Path(__file__).resolve().parents[1]
KNEE = ROOT.parent / "shared" / "data" / "knee_mese_te1.h5"
SEED = 20_001  # of the validation knees
SHAPE = (256, 256)
CONTRASTS = {"PD": "CORPD_FBK", "PDFS": "CORPDFS_FBK"}
ACCELERATIONS = (4, 8)

WEIGHTS = {
    "gradient-descent": (0.0, 0.003, 0.01, 0.1),
    "tv": (0.001, 0.002, 0.004, 0.008, 0.016),
    "wavelet": (0.0005, 0.001, 0.002, 0.004),
}
TRANSFORMS = (("haar", 3), ("haar", 4), ("db2", 3))

Cells = dict[str, tuple[Tensor, MRIOperator, Tensor]]


def cells(count: int, shape: tuple[int, int] = SHAPE, seed: int = SEED) -> Cells:
    """Masked data, operator and target of each contrast at each acceleration."""
    out: Cells = {}
    for name, contrast in CONTRASTS.items():
        knees = phantoms.slices(count, shape, seed=seed, contrast=contrast)
        for acceleration in ACCELERATIONS:
            drawn = [masks.random(shape[1], acceleration, seed=[seed, acceleration, i]) for i in range(count)]
            E = MRIOperator(torch.stack(drawn))
            out[f"{name} {acceleration}x"] = E.measure(knees.hybrid), E, knees.target
    return out


def per_slice(image: Tensor, target: Tensor) -> list[float]:
    return [metrics.psnr(x[None], t[None]) for x, t in zip(image, target, strict=True)]


def score(model: Model, data: Cells) -> dict[str, float]:
    """Mean PSNR of each cell, and their mean."""
    psnr = {name: statistics.fmean(per_slice(model(y, E), target)) for name, (y, E, target) in data.items()}
    return {**psnr, "mean": statistics.fmean(psnr.values())}


def tune(build: Callable[[float], Model], weights: tuple[float, ...], data: Cells) -> dict[str, Any]:
    """Scores over a grid of weights, the weight with the best mean, and what each cell would gain by its own."""
    grid = {str(weight): score(build(weight), data) for weight in weights}
    chosen = max(grid, key=lambda weight: grid[weight]["mean"])
    lost = {cell: max(row[cell] for row in grid.values()) - grid[chosen][cell] for cell in data}
    return {"grid": grid, "chosen": float(chosen), "lost_to_one_weight_db": lost}


def convergence(data: Cells, tv: TotalVariation, wavelet: WaveletFISTA) -> dict[str, Any]:
    """What the default stopping rules cost against many iterations, in dB a slice, and the iterations they take."""
    pairs: dict[str, tuple[TotalVariation | WaveletFISTA, Model]] = {
        "tv": (tv, replace(tv, iterations=2000, tolerance=0)),
        "wavelet": (wavelet, replace(wavelet, iterations=600, tolerance=0)),
    }
    out: dict[str, Any] = {}
    for name, (method, longer) in pairs.items():
        difference: list[float] = []
        iterations: list[int] = []
        for y, E, target in data.values():
            solution = method.solve(y, E)
            psnr = zip(per_slice(solution.image, target), per_slice(longer(y, E), target), strict=True)
            difference += [stopped - converged for stopped, converged in psnr]
            iterations += solution.iterations.tolist()
        out[name] = {"stopped_minus_converged_db": difference, "iterations": iterations}
    return out


def speed(models: dict[str, Model]) -> dict[str, float]:
    """Seconds for one slice of fastMRI's size with the chosen methods, 4x, mean of a clean and a noisy one."""
    knees = [phantoms.slices(1, (320, 368), seed=SEED, noise=noise) for noise in (0.005, 0.04)]
    E = MRIOperator(masks.random(368, 4, seed=SEED))
    out = {}
    for name, model in models.items():
        start = time.perf_counter()
        for knee in knees:
            model(E.measure(knee.hybrid), E)
        out[name] = (time.perf_counter() - start) / len(knees)
    return out


def real_knee(models: dict[str, Model]) -> dict[str, Any]:
    """Scores of the chosen methods on the real knee, by fastMRI's convention, the mask seeded with its name."""
    if not KNEE.is_file():
        return {"not run": f"no {KNEE.name} beside this checkout"}
    volume = fastmri.read(KNEE)
    target = volume.target
    assert target is not None
    out: dict[str, Any] = {}
    for acceleration in ACCELERATIONS:
        mask = masks.random(volume.info.width, acceleration, seed=KNEE.name)
        row = {}
        for name, model in models.items():
            row[name] = metrics.scores(evaluate.reconstruct(model, volume, mask), target).as_dict()
            row[name]["psnr_gain"] = row[name]["psnr"] - row["zero-filled"]["psnr"]
        out[f"{acceleration}x"] = row
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=4, help="of each contrast")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=ROOT / "results" / "classical_tuning.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    data = cells(arguments.slices)
    few = {name: (y[:1], MRIOperator(E.mask[:1, 0, 0]), target[:1]) for name, (y, E, target) in data.items()}

    transforms = {
        f"{f} {n}": tune(partial(WaveletFISTA, wavelet=f, levels=n), (0.002, 0.006), few) for f, n in TRANSFORMS
    }
    best = max(transforms, key=lambda name: max(row["mean"] for row in transforms[name]["grid"].values()))
    wavelet, levels = best.split()
    tuned = {
        "gradient-descent": tune(GradientDescent, WEIGHTS["gradient-descent"], data),
        "tv": tune(TotalVariation, WEIGHTS["tv"], data),
        "wavelet": tune(partial(WaveletFISTA, wavelet=wavelet, levels=int(levels)), WEIGHTS["wavelet"], data),
    }
    tv = TotalVariation(tuned["tv"]["chosen"])
    fista = WaveletFISTA(tuned["wavelet"]["chosen"], wavelet, int(levels))
    models: dict[str, Model] = {
        "zero-filled": ZeroFilled(),
        "gradient-descent": GradientDescent(),  # no weight gains anything: the default is to be looked at
        "tv": tv,
        "wavelet": fista,
    }
    result = {
        "command": f"python benchmarks/tune_classical.py --slices {arguments.slices} --threads {arguments.threads}",
        "machine": machine(),
        "settings": {
            "seed": SEED,
            "slices_of_each_contrast": arguments.slices,
            "shape": SHAPE,
            "contrasts": CONTRASTS,
            "accelerations": ACCELERATIONS,
            "mask": "random",
            "score": "PSNR, each slice a volume of its own",
        },
        "zero_filled": score(ZeroFilled(), data),
        "transforms": {"slices_of_each_contrast": 1, "scores": transforms, "chosen": best},
        "weights": tuned,
        "chosen": {name: repr(model) for name, model in models.items()},
        "convergence": convergence(few, tv, fista),
        "seconds_a_slice_320x368": speed(models),
        "real_knee": real_knee(models),
        "seconds": time.perf_counter() - start,
    }
    write_json(arguments.json, result)
    print(f"{arguments.json}: {best}, " + ", ".join(f"{name} {row['chosen']:g}" for name, row in tuned.items()))


if __name__ == "__main__":
    main()
