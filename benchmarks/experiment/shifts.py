"""One thing changed at a time, on a dial: where does each trained model leave total variation and zero-filled?

The weights that come with the library, trained at 4x on the small benchmark, on the first slices of its first test
knees, the middle half of their rows (a mask acts on columns, so that rows can be measured apart). Each position of a
dial changes how the data are measured or what is measured, and leaves the rest as it was:

- acceleration, mask: fastMRI's masks, by file name.
- noise: added to noise-free data, as a share of the brightest pixel; scored against the noise-free image. (On all other
  dials the target is the fully sampled image with its own noise, as in fastMRI.)
- phase: turns of smooth phase more across the image.
- resolution: the same field of view on other grids.
- anatomy: other layouts of the training; then knees whose spectrum keeps its magnitudes and loses its phases, so that
  nothing is left of edges and tissue. No training has seen these.

Writes results/small/shifts.json, position by position; a run that was stopped goes on.

    OMP_NUM_THREADS=1 python benchmarks/experiment/shifts.py
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reconode import masks, metrics, zoo
from reconode.data.fastmri import Volume
from reconode.experiment import benchmark, changes, record, schema, transfer
from reconode.experiment.benchmark import Benchmark
from reconode.physics import HYBRID, center_crop, fft, ifft
from reconode.storage.whole import write_whole

KNEES, ACCELERATION = 10, 4
SMALL = benchmark.find("small")
CLASSICAL = ("zero-filled", "tv", "wavelet")
NETWORKS = ("d5c5", "ft-euler", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow")
LONG = tuple(f"{name}_long" for name in NETWORKS)
RESULTS = Path(__file__).parents[2] / "results" / "small"


@dataclass(frozen=True)
class Position:
    """A place on a dial: its label, its number, whether training covers it, and how to make and measure the volumes."""

    label: str
    value: float
    trained: bool
    volumes: Callable[[], list[Volume]]
    mask: Callable[[Volume], Tensor] = lambda volume: masks.random(volume.width, ACCELERATION, seed=volume.name)


def first_slice(volume: Volume) -> Volume:
    """A volume of one slice."""
    assert volume.target is not None
    info = replace(volume.info, shape=(1, *volume.info.shape[1:]))
    return Volume(info, volume.kspace[:1], volume.target[:1], volume.mask)


@cache
def knees(size: Benchmark = SMALL, noise: float | None = None) -> list[Volume]:
    """The first slices of the first test knees."""
    return [first_slice(benchmark.in_memory(size, number, noise)) for number in range(KNEES)]


def noisy(level: float) -> list[Volume]:
    """Knees with that noise, and the noise-free image for a target."""
    pairs = zip(knees(noise=level), knees(noise=0.0), strict=True)
    return [Volume(volume.info, volume.kspace, clean.target, None) for volume, clean in pairs]


def turned(turns: float) -> list[Volume]:
    """Knees with so many turns of phase more."""
    return [changes.with_phase(volume, turns) for volume in knees()]


def sized(rows: int, columns: int) -> list[Volume]:
    """The same knees on another grid."""
    return knees(Benchmark(SMALL.name, (rows, columns), SMALL.volumes, SMALL.slices))


def other(kind: str) -> list[Volume]:
    """Another layout of the training's mix, from a series that no training sees."""
    return transfer.other(SMALL, kind, KNEES)


def scrambled(share: float) -> list[Volume]:
    """Knees whose magnitude image has its spectrum's phases moved by `share` of a random phase; its own phase stays."""
    made = []
    for number, volume in enumerate(knees()):
        x = ifft(volume.hybrid, HYBRID)
        size = x.abs()
        noise = torch.randn(size.shape, generator=torch.Generator().manual_seed(number))
        chance = torch.fft.fft2(noise).angle()  # of a real image, so that phases come in pairs
        moved = torch.fft.fft2(size) * torch.polar(torch.ones_like(chance), share * chance)
        image = torch.fft.ifft2(moved).real * x / size.clamp_min(1e-20)
        kspace = benchmark.oversampled(fft(image, HYBRID))
        about = volume.info
        padding = (0, volume.width)
        made.append(benchmark.as_read(kspace, volume.name, about.acquisition, about.recon, padding))
    return made


def masked(kind: str, acceleration: float = ACCELERATION, **options: Any) -> Callable[[Volume], Tensor]:
    """How to draw a volume's mask."""
    return lambda volume: masks.KINDS[kind](volume.width, acceleration, seed=volume.name, **options)


def dials() -> dict[str, list[Position]]:
    """Every dial; the first position that training covers is where it starts."""
    rows, columns = SMALL.shape
    as_trained: dict[str, Any] = {"trained": True, "volumes": knees}
    return {
        "acceleration": [Position(f"{a}x", a, a == ACCELERATION, knees, masked("random", a)) for a in (2, 3, 4, 6, 8)],
        "mask": [
            Position("random", 0, **as_trained),
            Position("equispaced", 1, False, knees, masked("equispaced-fraction")),
            Position("centre 3 %", 2, False, knees, masked("random", center_fraction=0.03)),
            Position("one line", 3, False, knees, masked("random", center_fraction=1 / columns)),
        ],
        "noise": [
            Position(f"{100 * s:g} %", 100 * s, 0.003 <= s <= 0.06, lambda s=s: noisy(s))
            for s in (0.0, 0.02, 0.06, 0.12, 0.25)
        ],
        "phase": [
            Position(f"{t:g} turns", t, t == 0, (lambda t=t: turned(t)) if t else knees) for t in (0, 1, 2, 4, 8)
        ],
        "resolution": [
            Position(f"{r} x {c}", r / rows, r == rows, lambda r=r, c=c: sized(r, c) if r != rows else knees())
            for r, c in ((72, 84), (96, 112), (144, 168))
        ],
        "anatomy": [
            Position("knees", 0, **as_trained),
            Position("heads", 1, True, lambda: other("head")),
            Position("shapes", 2, True, lambda: other("shapes")),
            Position("half scrambled", 3, False, lambda: scrambled(0.5)),
            Position("scrambled", 4, False, lambda: scrambled(1.0)),
        ],
    }


@torch.no_grad()
def score(name: str, volumes: list[Volume], mask: Callable[[Volume], Tensor]) -> dict[str, list[float]]:
    """PSNR and SSIM of a model, knee by knee."""
    model = zoo.load(name, ACCELERATION)
    found: dict[str, list[float]] = {"psnr": [], "ssim": []}
    for volume in volumes:
        y, E, scale = volume.scaled(mask(volume))
        rows = middle(y.shape[-2])
        image = model(y[..., rows, :], E).abs() * scale[:, 0]
        assert volume.target is not None
        image = center_crop(image, image.shape[-2], volume.info.recon[1])
        scores = metrics.scores(image, volume.target[:, rows])
        found["psnr"].append(round(scores.psnr, 4))
        found["ssim"].append(round(scores.ssim, 4))
    return found


def middle(rows: int) -> slice:
    """The middle half."""
    return slice(rows // 4, rows // 4 + rows // 2)


def measure(models: tuple[str, ...], path: Path) -> None:
    """Measure what the file lacks."""
    done = json.loads(path.read_text()) if path.exists() else {"dials": {}}
    for name, positions in dials().items():
        old = {p["label"]: p["scores"] for p in done["dials"].get(name, [])}
        new = [
            {"label": p.label, "value": p.value, "trained": p.trained, "scores": old.get(p.label, {})}
            for p in positions
        ]
        done["dials"][name] = new
        for position, entry in zip(positions, new, strict=True):
            lacking = [model for model in models if model not in entry["scores"]]
            if lacking:
                volumes = position.volumes()
                entry["scores"].update({model: score(model, volumes, position.mask) for model in lacking})
                write(done, path)
                print(name, position.label, flush=True)
    write(done, path)


def write(done: dict[str, Any], path: Path) -> None:
    """The file, with who measured what on which machine."""
    said = {
        "knees": KNEES,
        "acceleration": ACCELERATION,
        "benchmark": {"name": SMALL.name, "fingerprint": SMALL.fingerprint, "shape": list(SMALL.shape)},
        **schema.plain(record.provenance()),
        "dials": done["dials"],
    }
    assert all(
        math.isfinite(v) for d in done["dials"].values() for p in d for s in p["scores"].values() for v in s["psnr"]
    )
    write_whole(path, json.dumps(said, separators=(",", ":")) + "\n")


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", nargs="+", default=[*CLASSICAL, *LONG])
    options.add_argument("--out", type=Path, default=RESULTS / "shifts.json")
    given = options.parse_args()
    torch.set_num_threads(1)
    measure(tuple(given.models), given.out)


if __name__ == "__main__":
    main()
