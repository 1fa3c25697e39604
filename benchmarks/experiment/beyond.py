"""The search for a better model of at most 0.15M parameters: ideas one by one, then those that help together.

Each candidate is trained as the small benchmark trains its rows, for a part of the steps, and judged on the validation
slices. Writes results/small/beyond_search.json; a search that was stopped goes on.

    python benchmarks/experiment/beyond.py --steps 1000 --out runs/experiment/small
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode.experiment import benchmark
from reconode.experiment.plan import Job, Plan
from reconode.networks import CHANNELS, count_parameters, to_channels, to_complex
from reconode.physics import MRIOperator
from reconode.runs import LAST
from reconode.storage.whole import write_whole
from reconode.train import train

LIMIT = 154_999
"""What still prints as 0.15M, as the paper's LT-RK4 does."""

IDEAS: dict[str, dict[str, Any]] = {
    "nothing: D5C5 as a flow": {},
    "two steps a piece": {"repeats": 2},
    "sees what DC changed": {"correction": True},
    "six memory channels": {"memory": 6, "channels": 30},
    "SiLU": {"activation": nn.SiLU},
    "dilations 1-2-4-2-1": {"dilations": (1, 2, 4, 2, 1)},
}
"""Each on top of the first."""

GAIN = 0.05
"""An idea is kept when it brings so many dB."""

RATE = 4e-3


class Candidate(nn.Module):
    """Euler steps of an image with memory, parameters piecewise constant in time: every idea as an argument.

    Args:
        pieces: of [0, 1], each with parameters of its own.
        repeats: Euler steps a piece.
        memory: real channels that flow along with the image.
        correction: whether a step sees what data consistency changed after the last.
        dilations: of a step's five convolutions.
        activation: between them.
        channels: width.
    """

    def __init__(
        self,
        pieces: int = 5,
        repeats: int = 1,
        memory: int = 0,
        correction: bool = False,
        dilations: tuple[int, ...] = (1, 1, 1, 1, 1),
        activation: Callable[[], nn.Module] = nn.ReLU,
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        self.repeats, self.memory, self.correction = repeats, memory, correction
        seen = 2 + memory + 2 * correction
        self.pieces = nn.ModuleList(
            network([seen, *[channels] * (len(dilations) - 1), 2 + memory], dilations, activation)
            for _ in range(pieces)
        )

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return self.trajectory(y, E)[-1]

    def trajectory(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """The images after 0, 1, … steps."""
        x = E.H(y)
        states, image = [x], to_channels(x)
        memory = image.new_zeros(len(image), self.memory, *image.shape[-2:])
        changed = torch.zeros_like(image)
        for g in self.pieces:
            for _ in range(self.repeats):
                step = g(torch.cat([image, memory, changed] if self.correction else [image, memory], dim=1))
                proposed = image + step[:, :2]
                memory = memory + step[:, 2:]
                states.append(E.enforce(to_complex(proposed), y))
                image = to_channels(states[-1])
                changed = image - proposed
        return states


def network(
    widths: list[int],
    dilations: Sequence[int | tuple[int, int]],
    activation: Callable[[], nn.Module],
    kernel: tuple[int, int] = (3, 3),
) -> nn.Sequential:
    """Convolutions of one kernel, rows × columns, that keep the image's size, with an activation between each two."""
    layers: list[nn.Module] = []
    for (inputs, outputs), dilation in zip(pairwise(widths), dilations, strict=True):
        convolution = nn.Conv2d(inputs, outputs, kernel, padding="same", dilation=dilation)
        layers += [convolution, activation()]
    return nn.Sequential(*layers[:-1])


def main() -> None:
    """Train what is not trained yet, and write what is known."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--out", type=Path, default=Path("runs/experiment/small"))
    options.add_argument("--results", type=Path, default=Path("results"))
    given = options.parse_args()
    plan = Plan(benchmark.find("small"), given.out, given.results, given.steps, batch_size=1, rows=48)
    found = {name: candidate(plan, name, idea) for name, idea in IDEAS.items()}
    base = found[next(iter(IDEAS))]["psnr"]
    helpful = {name: idea for name, idea in IDEAS.items() if found[name]["psnr"] > base + GAIN}
    together: dict[str, Any] = {key: value for idea in helpful.values() for key, value in idea.items()}
    if len(helpful) > 1:
        found[" + ".join(helpful)] = candidate(plan, "together", together)
        more = {**together, "repeats": 3}
        found[" + ".join(helpful) + ", three steps"] = candidate(plan, "three", more)
    said = {"steps": given.steps, "rows": plan.rows, "learning_rate": RATE, "gain": GAIN, "candidates": found}
    write_whole(given.results / "small" / "beyond_search.json", json.dumps(said, indent=1) + "\n")


def candidate(plan: Plan, name: str, idea: dict[str, Any]) -> dict[str, Any]:
    """A candidate's parameters, validation score and time."""
    torch.manual_seed(0)
    model = Candidate(**idea)
    key = "search-" + "".join(c if c.isalnum() else "-" for c in name)
    count = count_parameters(model)
    if count > LIMIT:
        raise SystemExit(f"{name}: {count} parameters, over {LIMIT}")
    settings = replace(plan.with_rate(Job(key), RATE), validate_every=plan.steps)
    folder = plan.out / "search" / key
    start = time.perf_counter()
    progress = train(model, settings, folder, resume=(folder / LAST).exists(), device="cpu")
    print(f"{name}: {count} parameters, {progress.best:.3f} dB, {time.perf_counter() - start:.0f} s", flush=True)
    return {"parameters": count, "psnr": progress.best, "seconds": progress.seconds, "arguments": repr(idea)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
