"""What becomes of a small lesion, and what is there that was never: trained models beside total variation.

Four lesions at a time are put into each of ten test knees (first slices, the middle 48 rows), a quarter of the
maximum bright, in tissue. Each model reconstructs the knee with and without them, from the same mask and noise;
what differs is what it makes of the lesions.

- kept: the mean of that difference over a lesion, as a share of the true one.
- false: in the knee without lesions, the largest spot (mean over a disc of radius 2) by which the image is brighter
  than the target, as a share of the maximum; and for the largest that is missing, "lost".
- adversary: a perturbation of the data, a fiftieth of their norm, found by gradient ascent for one model to make a spot
  brighter; what it does in each model, beside random perturbations of that norm.

Writes results/small/lesions.json. A few minutes on one core.

    OMP_NUM_THREADS=1 python benchmarks/experiment/lesions.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reconode import masks, zoo
from reconode.experiment import benchmark, record, schema
from reconode.physics import MRIOperator, center_crop
from reconode.storage.whole import write_whole

KNEES, ACCELERATION, EACH = 10, 4, 4
BRIGHT = 0.25
"""Of a lesion, as a share of the target's maximum."""

RADII = (1, 2, 3, 4)
LINE = 9
"""Pixels that a line is long; it is one wide."""

MODELS = (
    "zero-filled",
    "tv",
    "wavelet",
    "d5c5_long",
    "ft-euler_long",
    "lt-rk2_long",
    "lt-rk4_long",
    "lt-euler-26_long",
)
MODELS += ("pc-flow_long",)
ATTACKED = ("d5c5_long", "lt-euler-26_long")
STRENGTH, ASCENT, RANDOM = 0.02, 5, 3
"""Norm of a perturbation over the data's, steps of the ascent, random ones."""

MARGIN, SPOT = 10, 2
ROWS = slice(24, 72)
RESULTS = Path(__file__).parents[2] / "results" / "small"


def disc(shape: tuple[int, int], row: int, column: int, radius: float) -> Tensor:
    """One inside, zero outside, a pixel of edge."""
    r, c = torch.meshgrid(torch.arange(shape[0]), torch.arange(shape[1]), indexing="ij")
    return (radius + 0.5 - torch.hypot((r - row).float(), (c - column).float())).clamp(0, 1)


def line(shape: tuple[int, int], row: int, column: int, upright: bool) -> Tensor:
    """A line of single pixels."""
    drawn, half = torch.zeros(shape), LINE // 2
    if upright:
        drawn[row - half : row + half + 1, column] = 1
    else:
        drawn[row, column - half : column + half + 1] = 1
    return drawn


def places(size: Tensor, seed: int) -> list[tuple[int, int]]:
    """Where tissue is: pixels of middling brightness whose neighbourhood is not dark, far from each other."""
    smooth = F.avg_pool2d(size[None, None], 7, stride=1, padding=3)[0, 0] / size.max()
    fits = (smooth > 0.15) & (smooth < 0.6)
    fits[:MARGIN] = fits[-MARGIN:] = False
    fits[:, : 2 * MARGIN] = fits[:, -2 * MARGIN :] = False
    where = torch.nonzero(fits)
    where = where[torch.randperm(len(where), generator=torch.Generator().manual_seed(seed))]
    found: list[tuple[int, int]] = []
    for row, column in where.tolist():
        if all(abs(row - r) + abs(column - c) > 16 for r, c in found):
            found.append((row, column))
        if len(found) == EACH:
            break
    return found


def shapes(size: tuple[int, int], at: list[tuple[int, int]]) -> dict[str, list[Tensor]]:
    """The lesions of each kind."""
    kinds = {f"disc {radius}": [disc(size, *place, radius) for place in at] for radius in RADII}
    kinds["line across"] = [line(size, *place, False) for place in at]
    kinds["line upright"] = [line(size, *place, True) for place in at]
    return kinds


def spots(image: Tensor) -> Tensor:
    """Means over discs, of the part that is scored."""
    kernel = disc((2 * SPOT + 1, 2 * SPOT + 1), SPOT, SPOT, SPOT)
    return F.conv2d(image[None, None], kernel[None, None] / kernel.sum(), padding=SPOT)[0, 0]


def measured(number: int) -> tuple[Tensor, Tensor, MRIOperator]:
    """The complex image of all data, scaled, ``(rows, columns)``, the masked data, and E."""
    knee = benchmark.in_memory(benchmark.find("small"), number)
    y, E, scale = knee.scaled(masks.random(knee.width, ACCELERATION, seed=knee.name), slice(0, 1))
    whole = MRIOperator(torch.ones(knee.width))
    return whole.H(knee.hybrid[:1] / scale)[0][ROWS], y[:, :, ROWS], E


@torch.no_grad()
def knee(number: int) -> dict[str, Any]:
    """Everything about one knee."""
    x, y, E = measured(number)
    size = x.abs()
    top, turn = float(size.max()), x / size.clamp_min(1e-12)
    at = places(size, number)
    kinds = shapes(tuple(x.shape), at)  # type: ignore[arg-type]
    changed = torch.stack([x + BRIGHT * top * sum(drawn) * turn for drawn in kinds.values()])
    truth = changed.abs() - size
    batch = torch.cat([y, y + E(changed - x)])
    target = center_crop(size, size.shape[0], 2 * size.shape[0])
    found: dict[str, Any] = {"kept": {}, "false": {}, "lost": {}}
    for name in MODELS:
        model = zoo.load(name, ACCELERATION)
        images = torch.cat([model(one[None], E) for one in batch]).abs()
        difference = images[1:] - images[0]
        found["kept"][name] = {
            kind: [round(float((difference[n] * drawn).sum() / (truth[n] * drawn).sum()), 4) for drawn in lesions]
            for n, (kind, lesions) in enumerate(kinds.items())
        }
        off = spots(center_crop(images[0], *target.shape) - target) / top
        found["false"][name], found["lost"][name] = (round(float(v), 4) for v in (off.max(), -off.min()))
    found["places"] = at
    found["adversary"] = adversary(x, y, E, at[0])
    return found


def adversary(x: Tensor, y: Tensor, E: MRIOperator, place: tuple[int, int]) -> dict[str, Any]:
    """By how much a spot of radius 3 brightens, as a share of the maximum, in each model, for each perturbation."""
    where = disc(tuple(x.shape), *place, 3)  # type: ignore[arg-type]
    where = where / where.sum()
    top, length = x.abs().max(), STRENGTH * y.norm()
    models = {name: zoo.load(name, ACCELERATION) for name in MODELS if name != "wavelet"}

    def spot(name: str, data: Tensor) -> Tensor:
        return (models[name](data, E).abs()[0] * where).sum() / top

    def effect(push: Tensor) -> dict[str, float]:
        with torch.no_grad():
            return {name: round(float(spot(name, y + push) - before[name]), 4) for name in models}

    with torch.no_grad():
        before = {name: float(spot(name, y)) for name in models}
    found: dict[str, Any] = {}
    for name in ATTACKED:
        push = torch.zeros_like(y)
        with torch.enable_grad():
            for _ in range(ASCENT):
                moved = (y + push).detach().requires_grad_()
                (slope,) = torch.autograd.grad(spot(name, moved), moved)
                push = push + slope * E.mask * (length / 2 / slope.norm())
                push = push * min(1.0, float(length / push.norm()))
        found[name] = effect(push.detach())
    chance = torch.Generator().manual_seed(0)
    noise = [torch.randn(y.shape, dtype=y.dtype, generator=chance) * E.mask for _ in range(RANDOM)]
    each = [effect(n / n.norm() * length) for n in noise]
    found["random"] = {name: max(abs(e[name]) for e in each) for name in models}
    return found


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--knees", type=int, default=KNEES)
    options.add_argument("--out", type=Path, default=RESULTS / "lesions.json")
    given = options.parse_args()
    torch.set_num_threads(1)
    small = benchmark.find("small")
    found = []
    for number in range(given.knees):
        found.append(knee(number))
        print(number, flush=True)
    said = {
        "bright": BRIGHT,
        "strength": STRENGTH,
        "acceleration": ACCELERATION,
        "benchmark": {"name": small.name, "fingerprint": small.fingerprint},
        **schema.plain(record.provenance()),
        "knees": found,
    }
    write_whole(given.out, json.dumps(said, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
