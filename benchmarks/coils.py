"""How far should data consistency with several coils go? Scores by the tolerance of its conjugate gradients.

Simulated anatomy seen by six coils, with their noise; sensitivities estimated from the data, as for real ones. Networks
were trained on one coil. Writes ``results/coils.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from reconode import masks, metrics, phantoms, zoo
from reconode.experiment import record, schema
from reconode.physics import MRIOperator, center_crop, estimate_sensitivities, max_zero_filled

ROOT = Path(__file__).parents[1]
MODELS = ("d5c5_long", "ft-euler_long", "lt-rk4_long", "pc-flow_long")
TOLERANCES = (0.3, 0.1, 0.05, 0.03, 0.01, 0.003, 0.001)
COILS, SHAPE, SEED = 6, (96, 112), 77


@torch.no_grad()
def measure(tolerance: float, acceleration: float, slices: int) -> dict[str, float]:
    """Mean PSNR of each model, and the mean of ‖E x − y‖ / ‖y‖ over models and slices."""
    made = phantoms.slices(slices, SHAPE, seed=SEED, coils=COILS)
    scores: dict[str, list[float]] = {name: [] for name in MODELS}
    misfits = []
    for number in range(slices):
        mask = masks.random(SHAPE[1], acceleration, seed=number)
        y = made.hybrid[number : number + 1] * mask
        E = MRIOperator(mask, estimate_sensitivities(y, mask), tolerance=tolerance)
        scale = max_zero_filled(y, E)
        y, target = y / scale, made.target[number : number + 1] / scale[:, 0]
        side = min(SHAPE)
        for name in MODELS:
            x = zoo.load(name, 4)(y, E)
            scores[name].append(metrics.psnr(center_crop(x.abs(), side, side), center_crop(target, side, side)))
            misfits.append(float((E(x) - y).norm() / y.norm()))
    return {**{name: sum(s) / slices for name, s in scores.items()}, "misfit": sum(misfits) / len(misfits)}


def main() -> None:
    """Run all and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "coils.json")
    args = parser.parse_args()
    rows = [
        {"acceleration": acceleration, "tolerance": tolerance, **measure(tolerance, acceleration, args.slices)}
        for acceleration in (4, 8)
        for tolerance in TOLERANCES
    ]
    said = {
        "slices": args.slices,
        "coils": COILS,
        "shape": SHAPE,
        "seed": SEED,
        "weights": "those of 4x, 6,000 steps, one coil",
        "rows": rows,
        **schema.plain(record.provenance()),
    }
    args.out.write_text(json.dumps(said, indent=1) + "\n")
    for row in rows:
        print("  ".join(f"{key} {value:.4g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
