"""One network, five trainings: three losses, and what becomes of a validation that is trained on.

LT-Euler at 4x on the small benchmark, seed 0, by the experiment's recipe (slabs of 48 rows, its learning rate, RAdam
with Lookahead, a cosine to zero), from the same weights:

- l1, ssim, both: L1 alone, 1 − SSIM alone, the paper's sum; the same slices, masks and slabs in the same order.
- leak: the paper's sum, but every second step sees one of the 16 validation slices, under its own mask.
- others: as leak, with 16 other knees of the same kind; without it, knees among the examples could pass for a leak.

The last weights count, not the best, so that the validation chooses nothing. Scored on the 40 test knees and on the 16
validation slices. Some minutes a training on one core. Writes results/small/losses.json, and for one test slice the
target and the five images in half precision to results/small/losses.safetensors.

    OMP_NUM_THREADS=1 python benchmarks/experiment/losses.py --processes 2
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reconode import evaluate, masks, metrics, zoo
from reconode.data.slices import Batch, slab
from reconode.data.sources import VALIDATION_SEED, Simulated
from reconode.experiment import benchmark, record
from reconode.optimizers import LookaheadRAdam, cosine
from reconode.physics import center_crop
from reconode.runs import Settings
from reconode.storage import weights
from reconode.storage.whole import write_whole
from reconode.train import place

MODEL, ACCELERATION, SEED, ROWS, CLIP = "lt-euler", 4, 0, 48, 1.0
VALIDATION, OTHERS_SEED = 16, VALIDATION_SEED + 1
SHOWN, WIDTH = 32, 25
"""The test knee whose first slice is stored; steps that a point of the loss curve is the mean of."""

RESULTS = Path(__file__).parents[2] / "results" / "small"


def l1(image: Tensor, target: Tensor, data_range: Tensor) -> Tensor:
    """Mean absolute error."""
    return F.l1_loss(image, target)


def ssim(image: Tensor, target: Tensor, data_range: Tensor) -> Tensor:
    """One minus the structural similarity."""
    return 1 - metrics.structural_similarity(image, target, data_range).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"l1": l1, "ssim": ssim}
TRAININGS = ("l1", "ssim", "both", "leak", "others")


def source(seed: int, mix: str, keep: str | None) -> Simulated:
    """Single slices of a series."""
    shape = benchmark.find("small").shape
    return Simulated(ACCELERATION, "random", 1, seed, shape, mix, VALIDATION, keep=keep)


def examples(name: str, keep: str | None) -> Iterator[Batch]:
    """The slices that a training sees."""
    fresh = source(SEED, "broad", keep).batches(0)
    if name not in ("leak", "others"):
        return fresh
    seed = VALIDATION_SEED if name == "leak" else OTHERS_SEED
    knees = itertools.cycle(itertools.islice(source(seed, "knees", keep).batches(0), VALIDATION))
    return (next(knees) if step % 2 else next(fresh) for step in itertools.count())


def train(name: str, steps: int, rate: float, keep: str | None) -> tuple[nn.Module, list[list[float]]]:
    """The experiment's loop with a loss of one's choice: the network, and the loss in means of a few steps."""
    model, settings = zoo.untrained(MODEL, SEED), Settings(MODEL, seed=SEED, rows=ROWS)
    optimizer = LookaheadRAdam(model.parameters(), lr=rate)
    values = []
    for step, batch in zip(range(steps), examples(name, keep), strict=False):
        batch = slab(batch, ROWS, place(settings, step, batch.y.shape[-2]))
        assert batch.target is not None
        for group in optimizer.param_groups:
            group["lr"] = rate * cosine(step, steps)
        image = metrics.magnitude(center_crop(model(batch.y, batch.E), *batch.target.shape[-2:]))
        data_range = torch.tensor([meta.data_range for meta in batch.meta])
        value = LOSSES.get(name, metrics.loss)(image, batch.target, data_range)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(value.detach()))
    means = [[i + WIDTH, sum(values[i : i + WIDTH]) / WIDTH] for i in range(0, steps - WIDTH + 1, WIDTH)]
    return model, means


@torch.no_grad()
def validation(model: nn.Module, keep: str | None) -> list[dict[str, float]]:
    """Scores of the validation slices, each a volume of one slice."""
    found = []
    for batch in source(SEED, "broad", keep).validation():
        assert batch.target is not None
        images = center_crop(model(batch.y, batch.E).abs(), *batch.target.shape[-2:])
        found += [metrics.scores(x[None], t[None]).as_dict() for x, t in zip(images, batch.target, strict=True)]
    return found


def run(name: str, steps: int, rate: float, keep: str | None) -> tuple[dict[str, Any], Tensor]:
    """One training's scores, and its image of the slice that is stored."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    model, curve = train(name, steps, rate, keep)
    seconds = time.perf_counter() - start
    small = benchmark.find("small")
    volumes = record.score(model, small.test(), ACCELERATION)
    knee = benchmark.in_memory(small, SHOWN)
    image = evaluate.reconstruct(model, knee, masks.random(knee.width, ACCELERATION, seed=knee.name))[0]
    return {
        "seconds": seconds,
        "curve": curve,
        "volumes": list(map(asdict, volumes)),
        "validation": validation(model, keep),
    }, image


def main() -> None:
    """Run all and write what they scored."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--keep", help="folder of simulated slices, kept for the next training")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    rate = json.loads((RESULTS / "learning_rates.json").read_text())["chosen"]["learned solver"]
    job = partial(run, steps=args.steps, rate=rate, keep=args.keep)
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        done = dict(zip(TRAININGS, pool.map(job, TRAININGS), strict=True))
    small = benchmark.find("small")
    knee = benchmark.in_memory(small, SHOWN)
    assert knee.target is not None
    said = {
        "model": MODEL,
        "acceleration": ACCELERATION,
        "seed": SEED,
        "steps": args.steps,
        "rows": ROWS,
        "learning_rate": rate,
        "clip": CLIP,
        "benchmark": {"name": small.name, "fingerprint": small.fingerprint},
        "commit": record.commit(),
        "hardware": {**asdict(record.hardware("cpu")), "threads": 1},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "shown": knee.name,
        "trainings": {name: scored for name, (scored, _) in done.items()},
    }
    scale = float(knee.target[0].max())
    images = {"target": knee.target[0], **{name: image for name, (_, image) in done.items()}}
    tensors = {name: (image / scale).half() for name, image in images.items()}
    weights.write(RESULTS / "losses.safetensors", tensors, {"model": MODEL, "shown": knee.name, "scale": scale})
    write_whole(RESULTS / "losses.json", json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
