"""Why PC-Flow works, in a minute on a CPU: what happens from step to step, and what is left without one of its ideas.

Uses the weights that come with the library, on some test knees of the small benchmark, at 4x. Writes
results/small/pc_flow.json.

    python benchmarks/experiment/pc_flow.py
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode import masks, zoo
from reconode.data.fastmri import Volume
from reconode.experiment import benchmark, record
from reconode.pc_flow import PCFlow
from reconode.physics import MRIOperator
from reconode.storage.whole import write_whole

KNEES = 6
"""Test volumes."""

ACCELERATION = 4
FLOWS = {"pc-flow": 15, "lt-rk4": 5, "ft-euler": 5}
"""Models that show their way, and how many steps they take."""

REPEATS = (1, 2, 3, 4, 6)
"""Steps a piece; three is what it was trained with."""


class At(nn.Module):
    """A model that stops after some of its steps."""

    def __init__(self, model: Any, step: int) -> None:
        super().__init__()
        self.model, self.step = model, step

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        return E.enforce(self.model.trajectory(y, E)[self.step], y)


def psnr(model: Any, knees: Sequence[Volume]) -> float:
    """Mean over volumes."""
    scored = record.score(model, knees, ACCELERATION)
    return float(sum(volume.psnr for volume in scored) / len(scored))


@torch.no_grad()
def taken_back(model: PCFlow, knees: Sequence[Volume]) -> list[float]:
    """For each step, how much of the network's proposal the data take back: ‖c‖ over ‖g‖, mean over volumes."""
    proposed: list[Tensor] = []
    inputs: list[Tensor] = []

    def keep(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        inputs.append(given[0][:, :2])
        proposed.append(out)

    hooks = [piece.register_forward_hook(keep) for piece in model.pieces]
    shares = []
    for knee in knees:
        proposed.clear()
        inputs.clear()
        y, E, _ = knee.scaled(masks.random(knee.width, ACCELERATION, seed=knee.name))
        states = model.trajectory(y, E)
        steps = zip(states[1:], inputs, proposed, strict=True)
        shares.append([float((torch.stack([s.real, s.imag], 1) - x - g).norm() / g.norm()) for s, x, g in steps])
    for hook in hooks:
        hook.remove()
    return [sum(each) / len(each) for each in zip(*shares, strict=True)]


def changed(model: PCFlow, change: Callable[[PCFlow], object]) -> PCFlow:
    """A copy with something changed."""
    other = copy.deepcopy(model)
    change(other)
    return other


def blind(model: PCFlow) -> None:
    """Hide what consistency changed from every step."""
    for piece in model.pieces:
        piece.register_forward_pre_hook(lambda _, given: (torch.cat([given[0][:, :2], 0 * given[0][:, 2:]], 1),))


def measure() -> dict[str, Any]:
    """Everything that the file says."""
    small = benchmark.find("small")
    knees = [benchmark.in_memory(small, number) for number in range(KNEES)]
    model = zoo.load("pc-flow", ACCELERATION)
    assert isinstance(model, PCFlow)
    count = len(model.pieces)

    def throughout(piece: int) -> Callable[[PCFlow], object]:
        return lambda m: setattr(m, "pieces", nn.ModuleList([m.pieces[piece]] * count))

    def repeated(steps: int) -> Callable[[PCFlow], object]:
        return lambda m: setattr(m, "repeats", steps)

    return {
        "model": "pc-flow",
        "acceleration": ACCELERATION,
        "volumes": KNEES,
        "trained_repeats": model.repeats,
        "trajectories": {
            name: [psnr(At(zoo.load(name, ACCELERATION), step), knees) for step in range(steps + 1)]
            for name, steps in FLOWS.items()
        },
        "taken_back": taken_back(model, knees),
        "without": {
            "as trained": psnr(model, knees),
            "blind to what consistency changed": psnr(changed(model, blind), knees),
            "the first piece throughout": psnr(changed(model, throughout(0)), knees),
            "the last piece throughout": psnr(changed(model, throughout(count - 1)), knees),
        },
        "repeats": {str(n): psnr(changed(model, repeated(n)), knees) for n in REPEATS},
        "machine": asdict(record.hardware("cpu")),
    }


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--results", type=Path, default=Path("results"))
    given = options.parse_args()
    write_whole(given.results / "small" / "pc_flow.json", json.dumps(measure(), indent=1) + "\n")


if __name__ == "__main__":
    main()
