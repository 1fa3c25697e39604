"""Six ways to differentiate a solve, with three tableaus: error, bytes kept and held at the peak, evaluations, time.

    OMP_NUM_THREADS=1 python benchmarks/ways_back.py [--json FILE] [--size ROWSxCOLUMNS] [--rounds N]

The flow is the trained FT-Euler's, with the data in its velocity. Errors are those of the gradient to θ in float64,
against backpropagation through the same forward values, N = 5, over the first ten test knees. Kept is what autograd
holds when the forward pass is over; the peak is what tensors made since the start hold at most, there or on the way
back, weights' gradients and working memory included. Times are the process's own seconds of CPU, N = 5, relative to
backpropagation's in the same round.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import weakref
from pathlib import Path
from typing import Any

import torch
from _common import machine, ratio, rounds_of_seconds, size_of, write_json
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from reconode import masks, zoo
from reconode.experiment import benchmark, record
from reconode.gradients import Checkpoint, ContinuousAdjoint, Reversible, saved_bytes
from reconode.models import FixedSolver
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, RK4, Backprop, Flow, Gradient, Tableau, integrate

TABLEAUS = (EULER, HEUN, RK4)
STEPS, N, KNEES, ROWS = (5, 20, 80), 5, 10, 6
"""N for which bytes are counted; N, knees and a slab's rows for errors and times."""


def ways(steps: int) -> dict[str, Gradient]:
    """Each way back by its name, for a solve of so many steps."""
    return {
        "store all": Backprop(),
        "each step": Checkpoint(each_step=True),
        "√N slots": Checkpoint(slots=math.ceil(math.sqrt(steps))),
        "whole block": Checkpoint(),
        "reversible": Reversible(0.5),
        "continuous": ContinuousAdjoint(),
    }


class Live(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside and still live; ``peak`` is the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.sizes:
                    self.sizes[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self._gone, storage._cdata)
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
        return out

    def _gone(self, key: int) -> None:
        self.now -= self.sizes.pop(key, 0)


def trained(double: bool = False) -> FixedSolver:
    """The flow's network."""
    model = zoo.load("ft-euler_table", acceleration=4)
    assert isinstance(model, FixedSolver)
    return model.double() if double else model


def costs(size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """Bytes, evaluations of f and time of each way, by tableau and N."""
    generator = torch.Generator().manual_seed(0)
    E = MRIOperator(masks.random(size[1], 4, seed=0))
    y = E(torch.randn(1, *size, dtype=torch.complex64, generator=generator))
    model = trained()
    uses, flow, start = list(model.parameters()), model.flow(y, E), E.H(y).requires_grad_()
    calls = 0

    def f(t: float | Tensor, x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return flow(t, x)

    def solve(way: Gradient, tableau: Tableau, steps: int) -> Tensor:
        # The start is no leaf, so that keeping it counts.
        return integrate(f, start * 1, tableau, steps, way, uses=uses)

    def there_and_back(way: Gradient, tableau: Tableau, steps: int) -> None:
        torch.autograd.grad(solve(way, tableau, steps).abs().sum(), (start, *uses))

    cases = []
    for tableau in TABLEAUS:
        runs = {name: lambda w=way, t=tableau: there_and_back(w, t, N) for name, way in ways(N).items()}
        seconds = rounds_of_seconds(runs, rounds, clock=time.process_time)
        for steps in STEPS:
            for name, way in ways(steps).items():
                case: dict[str, Any] = {"way": name, "tableau": tableau.name, "steps": steps}
                case["saved_bytes"] = saved_bytes(lambda w=way, t=tableau, n=steps: solve(w, t, n))
                calls = 0
                with Live() as live:
                    there_and_back(way, tableau, steps)
                case |= {"peak_bytes": live.peak, "evaluations": calls}
                if steps == N:
                    case["time_ratio"] = ratio(seconds, name, "store all")
                    case["cpu_seconds"] = statistics.median(seconds[name])
                cases.append(case)
                print(*case.values(), flush=True)
    return cases


def errors() -> dict[tuple[str, str], list[float]]:
    """Relative error of each way, a number a knee, by tableau; the loss is the squared distance to the knee."""
    small, model = benchmark.find("small"), trained(double=True)
    uses = list(model.parameters())
    found: dict[tuple[str, str], list[float]] = {}
    for knee in (benchmark.in_memory(small, n) for n in range(KNEES)):
        measured, E, scale = knee.scaled(masks.random(knee.width, 4, seed=knee.name), slice(0, 1))
        full, F = knee.measure(torch.ones(knee.width), slice(0, 1))
        first = (measured.shape[-2] - ROWS) // 2
        rows = slice(first, first + ROWS)
        y, target = (part[..., rows, :].to(torch.complex128) for part in (measured, F.H(full / scale)))
        f, x0 = model.flow(y, E), E.H(y)
        for tableau in TABLEAUS:
            for name, error in knee_errors(f, x0, target, tableau, uses).items():
                found.setdefault((tableau.name, name), []).append(error)
    return found


def knee_errors(f: Flow, x0: Tensor, target: Tensor, tableau: Tableau, uses: list[Any]) -> dict[str, float]:
    """Of one knee and tableau, by way. A reversible solve is compared with backpropagation through itself."""

    def slope(end: Tensor) -> Tensor:
        parts = torch.autograd.grad((end - target).abs().square().sum(), uses)
        return torch.cat([part.flatten() for part in parts])

    plain, off = slope(integrate(f, x0, tableau, N)), {}
    for name, way in ways(N).items():
        right = slope(way.forward(f, x0, tableau, N)[0][-1]) if isinstance(way, Reversible) else plain
        found = slope(integrate(f, x0, tableau, N, way, uses=uses))
        off[name] = float((found - right).norm() / right.norm())
    return off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--size", type=size_of, default=(32, 32), help="rows x columns (default: 32x32)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each comparison (default: 9)")
    options = parser.parse_args()
    off, cases = errors(), costs(options.size, options.rounds)
    for case in cases:
        if case["steps"] == N:
            values = off[case["tableau"], case["way"]]
            case |= {"mean_error": statistics.fmean(values), "worst_error": max(values), "least_error": min(values)}
            print(f"{case['tableau']:13} {case['way']:12} {case['mean_error']:.1e} {case['time_ratio']:.2f}")
    head = {"benchmark": "ways_back", "size": options.size, "rounds": options.rounds, "knees": KNEES}
    write_json(options.json, {**head, "commit": record.commit(), "machine": machine(), "cases": cases})


if __name__ == "__main__":
    main()
