"""Does the ODE view help? LT-Euler trained freely and with its path supervised. Writes results/small/path.json.

    for w in 0.1 1; do
      reconode experiment run lt-euler --size small --path $w --variant path${w/./}
    done
    reconode experiment run lt-euler --size small --seed 1 --variant free
    reconode experiment run lt-euler --size small --seed 1 --path 1 --variant path1
    python benchmarks/experiment/path.py

Each network is read as a flow, N times its increment, and solved at other N and by other methods with the weights that
it has: scores on the test knees, how far the solution moves, and how straight its way is. The free network of seed 0 is
the table's own. A training that is not there is left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode import masks, metrics, zoo
from reconode.data.fastmri import Volume
from reconode.experiment import benchmark, record, results, schema
from reconode.experiment.claims import FLOOR
from reconode.models import FixedSolver, LearnedSolver
from reconode.runs import BEST
from reconode.solvers import TABLEAUS
from reconode.storage.whole import write_whole

MODEL, ACCELERATION = "lt-euler", 4
TRAININGS = {("", 0): 0.0, ("path01", 0): 0.1, ("path1", 0): 1.0, ("free", 1): 0.0, ("path1", 1): 1.0}
"""Variant and seed of each training, and the weight of its path."""

SOLVES = [("euler", 2), ("euler", 5), ("euler", 10), ("euler", 20), ("rk2", 5), ("rk4", 5)]
FINE = ("rk4", 10)
"""Stands for the exact solution."""

KNEES = 8
"""Of the test knees; a solve at twenty steps takes a second a knee."""


class Slope(nn.Module):
    """A learned Euler step's increment as the slope of a flow: N times it, so that N Euler steps are the network."""

    def __init__(self, model: LearnedSolver) -> None:
        super().__init__()
        self.stage, self.steps = model.stages[0], model.steps

    def forward(self, t: float | Tensor, x: Tensor) -> Tensor:
        """Image channels ``(batch, 2, rows, columns)`` to their slope."""
        return self.steps * self.stage(t, x)  # type: ignore[no-any-return]


def relative(x: Tensor, other: Tensor, start: Tensor) -> float:
    """How far two images are apart, over the whole way from the start to the second."""
    return float((x - other).norm() / (other - start).norm())


@torch.no_grad()
def solved(model: LearnedSolver, volume: Volume) -> dict[str, Any]:
    """One volume: PSNR and the distance to the fine solution by solve, and how straight the trained way is."""
    y, E, scale = volume.scaled(masks.draw("random", volume.width, ACCELERATION, seed=volume.name))
    assert volume.target is not None
    f, start = Slope(model), E.H(y)
    found: dict[str, Any] = {"psnr": {}, "apart": {}}
    fine = FixedSolver(TABLEAUS[FINE[0]], FINE[1], f=f)(y, E)
    for how, steps in [*SOLVES, FINE]:
        states = FixedSolver(TABLEAUS[how], steps, f=f).trajectory(y, E)
        image = E.enforce(states[-1], y)
        name = f"{how} {steps}"
        found["psnr"][name] = metrics.psnr(image.abs() * scale[:, 0], volume.target)
        found["apart"][name] = relative(image, fine, start)
        if (how, steps) == ("euler", model.steps):
            moves = (states[1:] - states[:-1]).flatten(1).norm(dim=1)
            found["straight"] = float((states[-1] - start).norm() / moves.sum())
            chord = [torch.lerp(start, states[-1], n / steps) for n in range(1, steps)]
            whole = (states[-1] - start).norm()
            off = [float((x - c).norm() / whole) for x, c in zip(states[1:-1], chord, strict=True)]
            found["off"] = sum(off) / len(off)
    return found


def training(folder: Path, runs: Path, variant: str, seed: int, test: list[Volume]) -> dict[str, Any] | None:
    """One training's numbers; None where it was not run."""
    name = results.file_name(MODEL, ACCELERATION, seed, variant)
    best = runs / name.removesuffix(".json") / BEST if variant else zoo.shipped(f"{MODEL}_table", ACCELERATION)
    if not (folder / name).exists() or best is None or not best.exists():
        return None
    run, model = results.read(folder / name).training, zoo.load(MODEL, ACCELERATION, file=best)
    assert run is not None and isinstance(model, LearnedSolver)
    each = [solved(model, volume) for volume in test]

    def mean(key: str, name: str) -> float:
        return sum(one[key][name] for one in each) / len(each)

    return {
        "seed": seed,
        "variant": variant,
        "path": TRAININGS[variant, seed],
        "steps": run.steps,
        "psnr": {name: mean("psnr", name) for name in each[0]["psnr"]},
        "apart": {name: mean("apart", name) for name in each[0]["apart"]},
        **{key: sum(one[key] for one in each) / len(each) for key in ("straight", "off")},
    }


def main() -> None:
    """Measure, and write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--results", type=Path, default=Path("results/small"))
    options.add_argument("--runs", type=Path, default=Path("runs/experiment/small"))
    given = options.parse_args()
    test = [benchmark.in_memory(benchmark.find("small"), number) for number in range(KNEES)]
    found = [training(given.results, given.runs, *job, test) for job in TRAININGS]
    said = {
        **schema.plain(record.provenance()),
        "model": MODEL,
        "acceleration": ACCELERATION,
        "volumes": len(test),
        "floor": FLOOR,
        "fine": " ".join(map(str, FINE)),
        "trainings": [one for one in found if one is not None],
    }
    write_whole(given.results / "path.json", json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
