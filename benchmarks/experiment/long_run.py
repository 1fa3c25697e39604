"""What happens to a trained solver that is given more steps, or fewer, than it was trained with? Does it settle?

Weights of the long trainings at 4x, on the first slices of ten test knees, the middle 48 rows.

- beyond: the trained steps, then more of the same. The clock is held at the last step's time ("held"), or runs on
  ("runs"). Scores after each step, and how far a step still moves the image, ‖x_{n+1} − x_n‖ / ‖x_n‖.
- from the truth: the held step from the fully sampled image on; and how far its path is from that of the
  reconstruction. One that settles on an image of its own forgets where it began.
- budget: as many steps as are asked for, the clock stretched to them: t = n / N. A fixed solver's h is 1 / N; a learned
  step is what it is.

Writes results/small/long_run.json, in a few minutes on one core.

    OMP_NUM_THREADS=1 python benchmarks/experiment/long_run.py
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reconode import masks, metrics, zoo
from reconode.experiment import benchmark, record, schema
from reconode.models import FixedSolver, LearnedSolver
from reconode.networks import to_channels, to_complex
from reconode.pc_flow import PCFlow
from reconode.physics import MRIOperator, center_crop
from reconode.storage.whole import write_whole

KNEES, ACCELERATION = 10, 4
ROWS = slice(24, 72)
STEPS = 60
MODELS = ("ft-euler_long", "lt-euler-26_long", "lt-rk4_long", "pc-flow_long")
BUDGETS = {"ft-euler_long": (2, 3, 5, 8, 12, 20, 40), "lt-euler-26_long": (6, 13, 20, 26, 39, 52)}
RESULTS = Path(__file__).parents[2] / "results" / "small"

Step = Callable[[int, Tensor], Tensor]
"""The number of the step and the image to the next image."""


class Knee:
    """A knee's data, its target, and the image of all its data."""

    def __init__(self, number: int) -> None:
        knee = benchmark.in_memory(benchmark.find("small"), number)
        y, self.E, scale = knee.scaled(masks.random(knee.width, ACCELERATION, seed=knee.name), slice(0, 1))
        self.y = y[:, :, ROWS]
        self.truth = MRIOperator(torch.ones(knee.width)).H(knee.hybrid[:1] / scale)[:, ROWS]
        assert knee.target is not None
        self.target = knee.target[:1, ROWS] / float(scale)

    def psnr(self, x: Tensor) -> float:
        return round(metrics.psnr(center_crop(x.abs(), *self.target.shape[-2:]), self.target), 4)


def stepper(model: Any, knee: Knee, held: bool, count: int | None = None) -> tuple[Step, int]:
    """The model's step for these data, and how many it was trained with; `count` stretches the clock."""
    y, E = knee.y, knee.E
    if isinstance(model, PCFlow):
        correction = torch.zeros_like(to_channels(E.H(y)))

        def predict(n: int, x: Tensor) -> Tensor:
            nonlocal correction
            piece = model.pieces[min(n // model.repeats, len(model.pieces) - 1)]
            seen = to_channels(x)
            proposed = seen + piece(torch.cat([seen, correction if n else 0 * seen], dim=1))
            after = E.enforce(to_complex(proposed), y)
            correction = to_channels(after) - proposed
            return after

        return predict, len(model.pieces) * model.repeats
    assert isinstance(model, FixedSolver | LearnedSolver)
    trained = model.steps
    whole = count or trained

    def clock(n: int) -> float:
        return (min(n, whole - 1) if held else n) / whole

    if isinstance(model, LearnedSolver):
        return lambda n, x: model.step(clock(n), x, y, E), trained
    flow = model.flow(y, E)
    return lambda n, x: x + flow(clock(n), x) / whole, trained


@torch.no_grad()
def beyond(name: str, held: bool) -> dict[str, Any]:
    """Scores, moves, and the path from the truth."""
    model = zoo.load(name, ACCELERATION)
    found: dict[str, Any] = {"psnr": [], "move": [], "truth": [], "apart": []}
    trained = 0
    for knee in knees():
        step, trained = stepper(model, knee, held)
        x = knee.E.H(knee.y)
        path = [x]
        for n in range(STEPS):
            path.append(step(n, path[-1]))
        found["psnr"].append([knee.psnr(x) for x in path])
        found["move"].append([float((b - a).norm() / a.norm()) for a, b in pairwise(path)])
        if held:
            step, _ = stepper(model, knee, held)
            other = [knee.truth]
            for n in range(trained - 1, STEPS):
                other.append(step(n, other[-1]))
            found["truth"].append([knee.psnr(x) for x in other[1:]])
            found["apart"].append(
                [float((a - b).norm() / b.norm()) for a, b in zip(other, path[trained - 1 :], strict=True)]
            )
    rounded = {key: [[float(f"{v:.5g}") for v in line] for line in lines] for key, lines in found.items()}
    return {"trained": trained, **rounded}


@torch.no_grad()
def budget(name: str, count: int) -> list[float]:
    """Scores of `count` steps on a stretched clock."""
    model = zoo.load(name, ACCELERATION)
    scores = []
    for knee in knees():
        step, _ = stepper(model, knee, False, count)
        x = knee.E.H(knee.y)
        for n in range(count):
            x = step(n, x)
        scores.append(knee.psnr(knee.E.enforce(x, knee.y)))
    return scores


def knees() -> list[Knee]:
    """All of them."""
    return [Knee(number) for number in range(KNEES)]


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=RESULTS / "long_run.json")
    given = options.parse_args()
    torch.set_num_threads(1)
    small = benchmark.find("small")
    tv = zoo.load("tv", ACCELERATION)
    said = {
        "acceleration": ACCELERATION,
        "steps": STEPS,
        "benchmark": {"name": small.name, "fingerprint": small.fingerprint},
        **schema.plain(record.provenance()),
        "tv": [knee.psnr(tv(knee.y, knee.E)) for knee in knees()],
        "held": {name: beyond(name, True) for name in MODELS},
        "runs": {name: beyond(name, False) for name in MODELS if name != "pc-flow_long"},
        "budget": {name: {str(n): budget(name, n) for n in counts} for name, counts in BUDGETS.items()},
    }
    write_whole(given.out, json.dumps(said, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
