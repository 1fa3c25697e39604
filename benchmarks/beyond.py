"""The search for a better model of at most 0.15M parameters: ideas one by one, then those that help together.

Each candidate is trained as the small benchmark trains its rows, for a part of the steps, and judged on the validation
slices. Writes results/small/beyond_search.json; a search that was stopped goes on.

    python benchmarks/beyond.py --steps 1000 --out runs/bench/small
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from reconode import benchmark, zoo
from reconode.beyond import AugmentedFlow
from reconode.files import write_whole
from reconode.jobs import Job, Plan
from reconode.runs import LAST
from reconode.train import train

LIMIT = 154_999
"""What still prints as 0.15M, as the paper's LT-RK4 does."""

IDEAS = {
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


def main() -> None:
    """Train what is not trained yet, and write what is known."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--out", type=Path, default=Path("runs/bench/small"))
    options.add_argument("--results", type=Path, default=Path("results"))
    given = options.parse_args()
    plan = Plan(benchmark.find("small"), given.out, given.results, given.steps, batch_size=1, rows=48)
    found = {name: candidate(plan, name, idea) for name, idea in IDEAS.items()}
    base = found[next(iter(IDEAS))]["psnr"]
    helpful = {name: idea for name, idea in IDEAS.items() if found[name]["psnr"] > base + GAIN}
    together: dict[str, object] = {key: value for idea in helpful.values() for key, value in idea.items()}
    if len(helpful) > 1:
        found[" + ".join(helpful)] = candidate(plan, "together", together)
        more = {**together, "repeats": 3}
        found[" + ".join(helpful) + ", three steps"] = candidate(plan, "three", more)
    said = {"steps": given.steps, "rows": plan.rows, "learning_rate": RATE, "gain": GAIN, "candidates": found}
    write_whole(given.results / "small" / "beyond_search.json", json.dumps(said, indent=1) + "\n")


def candidate(plan: Plan, name: str, idea: dict[str, object]) -> dict[str, object]:
    """A candidate's parameters, validation score and time."""
    model = AugmentedFlow(**idea)  # type: ignore[arg-type]
    key = "search-" + "".join(c if c.isalnum() else "-" for c in name)
    zoo.MODELS[key] = zoo.Entry(name, lambda: AugmentedFlow(**idea), name, "search")  # type: ignore[arg-type]
    count = zoo.count_parameters(model)
    if count > LIMIT:
        raise SystemExit(f"{name}: {count} parameters, over {LIMIT}")
    settings = replace(plan.with_rate(Job(key), RATE), validate_every=plan.steps)
    folder = plan.out / "search" / key
    start = time.perf_counter()
    progress = train(settings, folder, resume=(folder / LAST).exists(), device="cpu")
    print(f"{name}: {count} parameters, {progress.best:.3f} dB, {time.perf_counter() - start:.0f} s", flush=True)
    return {"parameters": count, "psnr": progress.best, "seconds": progress.seconds, "arguments": repr(idea)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
