"""Why networks draw dark stripes on raw scans of low signal, what mends it, and what doesn't.

Knees of `reconode.experiment.low_signal` at 4x and 8x, reconstructed without learning and by the weights that come
with the library. Each is scored against the magnitude of all its own data, noise and all ("own", as fastMRI scores),
and against the image without noise ("clean"). The class as it is ("echo": several per cent of noise, the echo off the
middle of the readout), and taken apart: the same knees with the noise alone ("noise"), and with three turns of
smooth phase across the image in place of the echo's ("smooth"). By how the network is used:

- plain: it gets the data as they are.
- centered: with the echo in the middle, exactly, and put back (`reconode.data.echo`).
- weighted: centered, and measured samples count v = (0.2 / sigma)^2 against the network's, with the noise's sigma told
  from the data (`reconode.data.noise`), in place of infinitely (Schlemper et al. 2018, Eq. 6). A fifth of the largest
  pixel of the zero-filled image loses least, of 0.05, 0.1 and 0.2, against the own image of validation knees.

With --tuned, also the short fine-tunings of low_signal_train.py, and what they do to the benchmark's 40 test knees;
with --real, to real files. Writes results/small/low_signal.json, cell by cell; a run that was stopped goes on.

    OMP_NUM_THREADS=1 python benchmarks/experiment/low_signal.py --tuned FOLDER --real FOLDER
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode import evaluate, masks, metrics, zoo
from reconode.data import fastmri, noise
from reconode.data.echo import Centered
from reconode.data.fastmri import Volume
from reconode.experiment import benchmark, record, schema
from reconode.experiment.low_signal import NOISES, Knee
from reconode.physics import MRIOperator
from reconode.runs import BEST
from reconode.storage.whole import write_whole

KNEES = 9
SMALL = benchmark.find("small")
RESULTS = Path(__file__).parents[2] / "results" / "small"
CLASSICAL = ("zero-filled", "tv", "wavelet")
NETWORKS = ("d5c5", "lt-rk4", "lt-euler-26", "pc-flow")
SHIPPED = {4: "long", 8: "fine"}
PHASES: dict[str, dict[str, float]] = {
    "echo": {},
    "noise": {"echo": 0, "smooth": 0},
    "smooth": {"echo": 0, "smooth": 3},
}
CELLS = [*(("echo", level) for level in NOISES), ("noise", 0.05), ("smooth", 0.05)]
TUNED = [("echo", 0.05), ("echo", 0.08), ("smooth", 0.05)]
TRUST = 0.2


class Trusting(MRIOperator):
    """An operator whose data consistency weighs the data by their noise."""

    v: Tensor

    def enforce(self, x: Tensor, y: Tensor, v: float | Tensor | None = None) -> Tensor:
        return super().enforce(x, y, self.v if v is None else v)


class Weighted(nn.Module):
    """A network under weighted data consistency, in each of its steps and at the end."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        softer = Trusting(E.mask[:, 0, 0], E.sensitivities)
        softer.v = (TRUST / noise.level(y, E).clamp_min(1e-6)).square()[:, None, None]
        return self.model(y, softer)


HOW: dict[str, Callable[[Any], Any]] = {
    "plain": lambda model: model,
    "centered": Centered,
    "weighted": lambda model: Centered(Weighted(model)),
}


@cache
def knees(phase: str, level: float) -> list[tuple[Volume, Volume]]:
    """Volumes with their own image and with the clean one for a target."""
    made = [Knee(SMALL, number, level, **PHASES[phase]) for number in range(KNEES)]
    return [(knee.scan(), knee.against_clean()) for knee in made]


def scores(model: Any, phase: str, level: float, acceleration: int) -> dict[str, list[float]]:
    """PSNR of each knee, against its own image and the clean one."""
    found: dict[str, list[float]] = {"own": [], "clean": []}
    for own, clean in knees(phase, level):
        mask = masks.random(own.width, acceleration, seed=own.name)
        image = evaluate.reconstruct(model, own, mask, center=False)
        for name, volume in (("own", own), ("clean", clean)):
            assert volume.target is not None
            found[name].append(round(metrics.psnr(image, volume.target), 4))
    return found


def elsewhere(model: Any, acceleration: int, real: Path | None) -> Iterator[tuple[str, list[float]]]:
    """PSNR of the benchmark's test knees, and of real volumes."""

    def psnr(volume: Volume) -> float:
        mask = masks.random(volume.width, acceleration, seed=volume.name)
        return round(evaluate.reconstruct_and_score(model, volume, mask)[1].psnr, 4)

    yield "test", [psnr(benchmark.in_memory(SMALL, number)) for number in range(SMALL.volumes)]
    for path in fastmri.volumes(real) if real is not None else []:
        volume = fastmri.read(path)
        if volume.target is not None and volume.mask is None:
            yield path.stem, [psnr(volume)]


def ways(network: bool, tuning: bool, phase: str) -> tuple[str, ...]:
    """How a method is used on a cell: only networks feel an echo that is off."""
    if not network or phase != "echo":
        return ("plain",)
    return ("plain", "centered") if tuning else tuple(HOW)


def models(acceleration: int, tuned: Path | None, names: tuple[str, ...]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names and how to load them; a fine-tuned network is "d5c5+noise"."""
    for name in (n for n in CLASSICAL if n in names):
        yield name, lambda name=name: zoo.load(name, acceleration)  # type: ignore[misc]
    for name in (n for n in NETWORKS if n in names):
        yield name, lambda name=name: zoo.load(f"{name}_{SHIPPED[acceleration]}", acceleration)  # type: ignore[misc]
    for path in sorted(tuned.glob(f"*_{acceleration}x_*/{BEST}")) if tuned is not None else []:
        name, _, variant = path.parent.name.split("_")
        yield f"{name}+{variant}", lambda n=name, p=path: zoo.load(n, acceleration, file=p)  # type: ignore[misc]


def measure(path: Path, names: tuple[str, ...], tuned: Path | None, real: Path | None) -> None:
    """Measure what the file lacks."""
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"low": {}, "elsewhere": {}}
    for acceleration in (4, 8):
        for name, load in models(acceleration, tuned, names):
            network, tuning = name not in CLASSICAL, "+" in name
            row = f"{name} {acceleration}x"
            for phase, level in TUNED if tuning else CELLS:
                for how in ways(network, tuning, phase):
                    cells = done["low"].setdefault(f"{phase} {level:g} {how}", {})
                    if row not in cells:
                        cells[row] = scores(HOW[how](load()), phase, level, acceleration)
                        write(done, path)
            if tuning or (tuned is not None and name in ("d5c5", "pc-flow")):
                there = done["elsewhere"].setdefault(row, {})
                if not there:
                    there.update(elsewhere(load(), acceleration, real))
                    write(done, path)
            print(row, flush=True)


def write(done: dict[str, Any], path: Path) -> None:
    """The file, with who measured what on which machine."""
    said = {
        "knees": KNEES,
        "benchmark": {"name": SMALL.name, "fingerprint": SMALL.fingerprint, "shape": list(SMALL.shape)},
        **schema.plain(record.provenance()),
        "low": done["low"],
        "elsewhere": done["elsewhere"],
    }
    write_whole(path, json.dumps(said, separators=(",", ":"), allow_nan=False) + "\n")


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", nargs="+", default=[*CLASSICAL, *NETWORKS])
    options.add_argument("--tuned", type=Path)
    options.add_argument("--real", type=Path)
    options.add_argument("--out", type=Path, default=RESULTS / "low_signal.json")
    given = options.parse_args()
    torch.set_num_threads(1)
    measure(given.out, tuple(given.models), given.tuned, given.real)


if __name__ == "__main__":
    main()
