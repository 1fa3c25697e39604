"""The search for a better model than PC-Flow at PC-Flow's compute: ideas one by one, then those that help together.

Every candidate spends about PC-Flow's multiply-adds a pixel (its width or its number of steps gives way), is trained
from one seed as the small benchmark trains its rows, for a part of the steps, and is judged on the validation slices.
Writes results/small/beyond_pc_flow.json; a search that was stopped goes on.

    python benchmarks/experiment/beyond_pc_flow.py --steps 2000 --precision bf16 --out runs/experiment/small
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from beyond import network
from torch import Tensor, nn

from reconode.experiment import benchmark, record, schema
from reconode.experiment.plan import Job, Plan
from reconode.networks import CHANNELS, count_parameters, to_channels, to_complex
from reconode.physics import MRIOperator
from reconode.runs import LAST
from reconode.storage.whole import write_whole
from reconode.train import train

RATE = 4e-3
"""PC-Flow's own."""

GAIN = 0.15
"""An idea is kept when it brings so many dB: two trainings of one network differ by as much."""

WITHIN = 0.07
"""Of PC-Flow's multiply-adds, how far a candidate's may be from them."""

IDEAS: dict[str, dict[str, Any]] = {
    "PC-Flow": {},
    "sees the step before": {"history": True},
    "a coarse branch at half resolution": {"coarse": 7},
    "dilations 1-2-4-2-1 along the columns": {"dilations": ((1, 1), (1, 2), (1, 4), (1, 2), (1, 1))},
    "fifteen pieces, one step each": {"pieces": 15, "repeats": 1},
    "a coarse branch, two pieces": {"coarse": 7, "pieces": 2, "repeats": 8},
    "twenty-five steps, narrower": {"repeats": 5, "channels": 24},
    "eight memory channels": {"memory": 8, "channels": 30},
    "last layer starts at zero": {"still": True},
    "kernels 3 x 5": {"kernel": (3, 5), "channels": 24},
    "leaky ReLU": {"activation": lambda: nn.LeakyReLU(0.1)},
    "three pieces, five steps each": {"pieces": 3, "repeats": 5},
    "dilations 1-2-4-2-1 in both directions": {"dilations": ((1, 1), (2, 2), (4, 4), (2, 2), (1, 1))},
    "path supervised, weight 0.3": {"path": 0.3},
}
"""Each in place of one thing of the first."""


class Coarse(nn.Module):
    """A piece's network that looks farther: most of its convolutions at half resolution, added to what went past them.

    Args:
        inputs: channels in.
        outputs: channels out.
        channels: width.
        depth: convolutions at half resolution.
        activation: between them.
    """

    def __init__(
        self, inputs: int, outputs: int, channels: int, depth: int, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.activation = activation()
        self.first = nn.Conv2d(inputs, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.join = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.activation(self.first(x))
        deep = self.activation(self.down(fine))
        for layer in self.deep:
            deep = self.activation(layer(deep))
        up = F.interpolate(deep, fine.shape[-2:], mode="bilinear", align_corners=False)
        out: Tensor = self.last(self.activation(self.join(fine + up)))
        return out


class Candidate(nn.Module):
    """PC-Flow with every idea as an argument; without any it is PC-Flow.

    Args:
        pieces: of [0, 1], each with parameters of its own.
        repeats: Euler steps a piece.
        channels: width.
        history: whether a step sees where the last one led.
        memory: real channels that flow along with the image.
        coarse: convolutions at half resolution; 0 has none.
        kernel: rows x columns.
        dilations: of the five convolutions.
        activation: between them.
        still: whether the last layer starts at zero, so that each piece begins as data consistency alone.
    """

    def __init__(
        self,
        pieces: int = 5,
        repeats: int = 3,
        channels: int = CHANNELS,
        history: bool = False,
        memory: int = 0,
        coarse: int = 0,
        kernel: tuple[int, int] = (3, 3),
        dilations: tuple[tuple[int, int], ...] = ((1, 1),) * 5,
        activation: Callable[[], nn.Module] = nn.ReLU,
        still: bool = False,
    ) -> None:
        super().__init__()
        self.repeats, self.history, self.memory = repeats, history, memory
        inputs, outputs = 4 + 2 * history + memory, 2 + memory

        widths = [inputs, *[channels] * (len(dilations) - 1), outputs]

        def piece() -> nn.Module:
            if coarse:
                return Coarse(inputs, outputs, channels, coarse, activation)
            return network(widths, dilations, activation, kernel)

        self.pieces = nn.ModuleList(piece() for _ in range(pieces))
        for g in self.pieces if still else ():
            for parameter in list(g.children())[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return self.trajectory(y, E)[-1]

    def trajectory(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """The images after 0, 1, … steps."""
        states = [E.H(y)]
        image = to_channels(states[0])
        before, correction = image, torch.zeros_like(image)
        memory = image.new_zeros(len(image), self.memory, *image.shape[-2:])
        for g in self.pieces:
            for _ in range(self.repeats):
                seen = [image, correction, *([image - before] if self.history else []), memory]
                step = g(torch.cat(seen, dim=1))
                proposed, memory = image + step[:, :2], memory + step[:, 2:]
                states.append(E.enforce(to_complex(proposed), y))
                before, image = image, to_channels(states[-1])
                correction = image - proposed
        return states


def multiply_adds(model: Candidate) -> float:
    """Of the convolutions, a pixel of the image."""
    total = 0.0
    for g in model.pieces:
        for name, layer in g.named_modules():
            if isinstance(layer, nn.Conv2d):
                half = name == "down" or name.startswith("deep.")
                total += layer.weight.numel() / (4 if half else 1)
    return total * model.repeats


def main() -> None:
    """Train what is not trained yet, and write what is known."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--precision", default="no")
    options.add_argument("--out", type=Path, default=Path("runs/experiment/small"))
    options.add_argument("--results", type=Path, default=Path("results"))
    given = options.parse_args()
    plan = Plan(
        benchmark.find("small"), given.out, given.results, given.steps, batch_size=1, rows=48, precision=given.precision
    )
    found: dict[str, Any] = {}

    def write() -> None:
        said = {"steps": given.steps, "rows": plan.rows, "precision": given.precision, "learning_rate": RATE}
        said |= {"gain": GAIN, "candidates": found, **record.provenance()}
        write_whole(given.results / "small" / "beyond_pc_flow.json", json.dumps(schema.plain(said), indent=1) + "\n")

    for name, idea in IDEAS.items():
        found[name] = candidate(plan, name, idea)
        write()
    base = found["PC-Flow"]["psnr"]
    helpful = sorted(
        (name for name in IDEAS if found[name]["psnr"] > base + GAIN), key=lambda name: -found[name]["psnr"]
    )
    together: dict[str, Any] = {}
    for name in helpful:  # the best first; what would undo a better one is left out
        together |= {key: value for key, value in IDEAS[name].items() if key not in together}
    if len(helpful) > 1 and abs(multiply_adds(Candidate(**network_of(together))) / budget() - 1) <= WITHIN:
        found[" + ".join(helpful)] = candidate(plan, "together", together)
        write()


def network_of(idea: dict[str, Any]) -> dict[str, Any]:
    """An idea's arguments of the network; the others are of its training."""
    return {key: value for key, value in idea.items() if key != "path"}


def budget() -> float:
    """PC-Flow's own multiply-adds a pixel."""
    return multiply_adds(Candidate())


def candidate(plan: Plan, name: str, idea: dict[str, Any]) -> dict[str, Any]:
    """A candidate's size, cost, validation score and time."""
    torch.manual_seed(0)
    model = Candidate(**network_of(idea))
    cost = multiply_adds(model) / budget()
    if abs(cost - 1) > WITHIN:
        raise SystemExit(f"{name}: {cost:.2f} of PC-Flow's multiply-adds")
    key = "beyond-" + "".join(c if c.isalnum() else "-" for c in name)
    settings = replace(plan.with_rate(Job(key), RATE), validate_every=plan.steps, path=idea.get("path", 0.0))
    folder = plan.out / "search" / key
    start = time.perf_counter()
    progress = train(model, settings, folder, resume=(folder / LAST).exists(), device="cpu")
    seconds = time.perf_counter() - start
    count = count_parameters(model)
    print(f"{name}: {count} parameters, {cost:.2f} of the compute, {progress.best:.3f} dB, {seconds:.0f} s", flush=True)
    arguments = {key: "leaky" if key == "activation" else value for key, value in idea.items()}
    return {
        "parameters": count,
        "cost": cost,
        "psnr": progress.best,
        "seconds": progress.seconds,
        "arguments": arguments,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
