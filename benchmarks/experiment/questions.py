"""The book's questions that trained weights answer, in minutes on a CPU.

How wrong are the continuous adjoint's gradients? Is FA by the discrete adjoint FT? What is a solver worth once the
network is trained? Writes gradients.json, copies.json and steps.json into
results/small/.

    python benchmarks/experiment/questions.py gradients steps
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reconode import zoo
from reconode.data import sources
from reconode.data.slices import slab
from reconode.experiment import benchmark, record
from reconode.experiment.plan import Job, Plan
from reconode.gradients import Checkpoint, ContinuousAdjoint
from reconode.models import AdaptiveSolver, FixedSolver
from reconode.runs import LAST
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, Backprop, Tableau
from reconode.storage import weights
from reconode.storage.whole import write_whole
from reconode.train import loss, train

TABLEAUS: dict[str, Tableau] = {"euler": EULER, "midpoint": MIDPOINT, "rk2": HEUN, "rk4": RK4}
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20)
TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
COPY_STEPS = 100
KNEES = 6
"""Test volumes for the sweep over solvers."""


def gradients() -> dict[str, Any]:
    """Relative error and cosine of gradients to θ against backpropagation, in float64, on f of a trained FT-Euler."""
    trained = zoo.load("ft-euler_table")
    assert isinstance(trained, FixedSolver)
    f = trained.f.double()
    batch = slab(next(sources.Simulated(4, "random", 2, 12345, (96, 112)).batches(0)), 48, 24)
    y, E = batch.y.to(torch.complex128), batch.E

    def gradient(tableau: Tableau, steps: int, how: Any) -> Tensor:
        model = FixedSolver(tableau, steps, how, f=f)
        model.zero_grad()
        assert batch.target is not None
        loss(model(y, E), batch._replace(target=batch.target.double())).backward()
        return torch.cat([p.grad.flatten() for p in f.parameters() if p.grad is not None])

    rows = []
    for name, tableau in TABLEAUS.items():
        for steps in (2, 5, 10, 20):
            exact = gradient(tableau, steps, Backprop())
            for how in (Checkpoint(), ContinuousAdjoint()):
                other = gradient(tableau, steps, how)
                rows.append(
                    {
                        "tableau": name,
                        "steps": steps,
                        "gradient": "discrete" if isinstance(how, Checkpoint) else "continuous",
                        "relative_error": float((other - exact).norm() / exact.norm()),
                        "cosine": float(torch.cosine_similarity(other, exact, dim=0)),
                    }
                )
    return {
        "model": "ft-euler",
        "slices": len(y),
        "precision": "float64",
        "rows": rows,
        "machine": asdict(record.hardware("cpu")),
    }


def copies() -> dict[str, Any]:
    """FT-Euler, and FA-Euler by the discrete adjoint, trained from the same seed: how far their weights part."""
    plan = Plan(benchmark.find("small"), Path("runs"), Path(), COPY_STEPS, batch_size=1, rows=48)
    ended = []
    for name in ("ft-euler", "fa-euler"):
        with tempfile.TemporaryDirectory() as folder:
            progress = train(zoo.untrained(name), plan.with_rate(Job(name), 4e-3), folder, device="cpu")
            tensors, _ = weights.read(Path(folder) / LAST)
            ended.append((progress.best, {k: v for k, v in tensors.items() if k.startswith("model.")}))
    (psnr_ft, ft), (psnr_fa, fa) = ended
    apart = max(float((ft[key] - fa[key]).abs().max()) for key in ft)
    return {"steps": COPY_STEPS, "largest_weight_difference": apart, "psnr": {"ft-euler": psnr_ft, "fa-euler": psnr_fa}}


def steps() -> dict[str, Any]:
    """Scores of networks trained with N = 5 when another solver or another N uses them, with evaluations of f."""
    knees = [benchmark.in_memory(benchmark.find("small"), number) for number in range(KNEES)]
    rows = []
    for name in ("ft-euler", "ft-rk4"):
        trained = zoo.load(f"{name}_table")
        assert isinstance(trained, FixedSolver)
        counted = Counter(trained.f)
        for how, tableau in TABLEAUS.items():
            for count in STEPS:
                model = FixedSolver(tableau, count, f=counted)
                rows.append({"model": name, "solver": how, "steps": count, **measure(model, counted, knees)})
        for tolerance in TOLERANCES:
            adaptive = AdaptiveSolver(tolerance, f=counted)
            rows.append(
                {"model": name, "solver": "dopri5", "tolerance": tolerance, **measure(adaptive, counted, knees)}
            )
    return {"trained_steps": 5, "volumes": KNEES, "rows": rows, "machine": asdict(record.hardware("cpu"))}


def measure(model: Any, counted: Counter, knees: list[Any]) -> dict[str, Any]:
    """Mean scores over the volumes, and evaluations of f a batch."""
    counted.calls = 0
    scored = record.score(model, knees, 4)
    mean = {key: sum(getattr(volume, key) for volume in scored) / len(scored) for key in ("psnr", "ssim")}
    return {**mean, "evaluations": counted.calls / len(knees), "psnr_by_volume": [v.psnr for v in scored]}


class Counter(torch.nn.Module):
    """f, counting its evaluations."""

    def __init__(self, f: torch.nn.Module) -> None:
        super().__init__()
        self.f, self.calls = f, 0

    def forward(self, t: float | Tensor, x: Tensor) -> Tensor:
        self.calls += 1
        return self.f(t, x)  # type: ignore[no-any-return]


QUESTIONS: dict[str, Callable[[], dict[str, Any]]] = {"gradients": gradients, "copies": copies, "steps": steps}


def main() -> None:
    """Answer the questions named."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("questions", nargs="*", choices=[*QUESTIONS, []], default=list(QUESTIONS))
    options.add_argument("--results", type=Path, default=Path("results"))
    given = options.parse_args()
    for question in given.questions:
        said = QUESTIONS[question]()
        write_whole(given.results / "small" / f"{question}.json", json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
