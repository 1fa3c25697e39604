"""Solving and differentiating: `integrate` against torchdiffeq on the same grid, and the three ways back.

    python benchmarks/solvers.py [--json FILE] [--size ROWSxCOLUMNS] [--rounds N]

Everything in one run. In a round each way runs once; a ratio is the median over rounds of one way's time to the other's
in the same round, so that a busy machine slows both. Two right-hand sides: the paper's network, and a nearly free one
that leaves the solver's own cost. Saved bytes are what autograd keeps for the backward pass.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _common import machine, write_json
from torch import Tensor
from torchdiffeq import odeint

from reconode import masks
from reconode.gradients import Checkpoint, ContinuousAdjoint, saved_bytes
from reconode.models import FixedSolver
from reconode.networks import Dynamics
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, MIDPOINT, RK38, Backprop, Flow, Gradient, integrate

SAME_METHOD = {"euler": EULER, "midpoint": MIDPOINT, "heun2": HEUN, "rk4": RK38}
"""torchdiffeq's name and our tableau."""

GRADIENTS: dict[str, Gradient] = {
    "Backprop": Backprop(),
    "Checkpoint, whole block": Checkpoint(),
    "Checkpoint, each step": Checkpoint(each_step=True),
    "ContinuousAdjoint": ContinuousAdjoint(),
}


def rounds_of_seconds(
    ways: dict[str, Callable[[], Any]], rounds: int, at_least: float = 0.02
) -> dict[str, list[float]]:
    """Seconds a call of each way, one number a round, rounds interleaved and in turn reversed, after a warm-up.

    A way that is done sooner than `at_least` seconds is repeated within its round.
    """
    repeats = {}
    for name, way in ways.items():
        way()
        repeats[name] = max(1, round(at_least / _seconds(way, 1)))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            seconds[name].append(_seconds(ways[name], repeats[name]))
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, to: str) -> float:
    """Median over rounds of one way's time relative to another's."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=True))


def _seconds(way: Callable[[], Any], repeats: int) -> float:
    _synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        way()
    _synchronize()
    return (time.perf_counter() - start) / repeats


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def against_torchdiffeq(size: tuple[int, int], steps: int, rounds: int) -> list[dict[str, Any]]:
    """Time and saved bytes of `integrate` relative to torchdiffeq's, forward alone and with the way back."""
    torch.manual_seed(0)
    network = Dynamics()
    x0 = torch.randn(1, 2, *size, requires_grad=True)
    times = torch.linspace(0, 1, steps + 1)

    def nearly_free(t: float | Tensor, x: Tensor) -> Tensor:
        return x * -0.5

    flows: dict[str, Flow] = {"network": network, "nearly free": nearly_free}
    cases = []
    for name, f in flows.items():
        for method, tableau in SAME_METHOD.items():

            def ours(f: Flow = f, tableau: Any = tableau) -> Tensor:
                return integrate(f, x0, tableau, steps)

            def theirs(f: Flow = f, method: str = method) -> Tensor:
                return odeint(f, x0, times, method=method)[-1]

            torch.testing.assert_close(ours(), theirs(), atol=1e-5, rtol=1e-5)
            seconds = rounds_of_seconds(
                {
                    "ours": torch.no_grad()(ours),
                    "theirs": torch.no_grad()(theirs),
                    "ours, back": lambda ours=ours: ours().square().sum().backward(),
                    "theirs, back": lambda theirs=theirs: theirs().square().sum().backward(),
                },
                rounds,
            )
            cases.append(
                {
                    "f": name,
                    "method": method,
                    "steps": steps,
                    "time_ratio_forward": ratio(seconds, "ours", "theirs"),
                    "time_ratio_forward_and_back": ratio(seconds, "ours, back", "theirs, back"),
                    "saved_bytes_ours": saved_bytes(ours),
                    "saved_bytes_torchdiffeq": saved_bytes(theirs),
                    "seconds_forward": statistics.median(seconds["ours"]),
                }
            )
    return cases


def ways_back(size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """Time of forward and back, and bytes held, of each gradient relative to Backprop: RK2, data in the velocity.

    ``saved_bytes`` lie between forward and backward; the start is not a leaf (x0 · 1), so that keeping it counts. On
    the way back a recomputation holds its own, a solve, one step, or one evaluation of f: ``peak_bytes`` adds it.
    """
    torch.manual_seed(0)
    E = MRIOperator(masks.random(size[1], 4, seed=0))
    y = E(torch.randn(1, *size, dtype=torch.complex64))
    model = FixedSolver(HEUN)
    f, x0 = model.flow(y, E), E.H(y)
    x0.requires_grad_()
    one_evaluation = saved_bytes(lambda: f(0.0, x0 * 1))
    one_step = saved_bytes(lambda: integrate(f, x0 * 1, HEUN, 1))
    cases = []
    for steps in (5, 10, 20):

        def solve(name: str, steps: int = steps) -> Tensor:
            return integrate(f, x0 * 1, HEUN, steps, GRADIENTS[name], uses=model.parameters())

        seconds = rounds_of_seconds(
            {name: lambda name=name, solve=solve: solve(name).abs().sum().backward() for name in GRADIENTS}, rounds
        )
        whole = saved_bytes(lambda solve=solve: solve("Backprop"))
        recomputed = {"Backprop": 0, "Checkpoint, whole block": whole, "Checkpoint, each step": one_step}
        for name in GRADIENTS:
            saved = saved_bytes(lambda solve=solve, name=name: solve(name))
            peak = saved + recomputed.get(name, one_evaluation)
            cases.append(
                {
                    "gradient": name,
                    "steps": steps,
                    "time_ratio": ratio(seconds, name, "Backprop"),
                    "seconds": statistics.median(seconds[name]),
                    "saved_bytes": saved,
                    "saved_ratio": saved / whole,
                    "peak_bytes": peak,
                    "peak_ratio": peak / whole,
                }
            )
    return cases


def size_of(text: str) -> tuple[int, int]:
    """Rows and columns of "160x184"."""
    rows, columns = text.lower().split("x")
    return int(rows), int(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--size", type=size_of, default=(64, 64), help="rows x columns (default: 64x64)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each comparison (default: 15)")
    options = parser.parse_args()
    odeints = against_torchdiffeq(options.size, 5, options.rounds)
    print("integrate / odeint, N = 5     time        time      saved")
    print("f            method        forward  with back      bytes")
    for case in odeints:
        saved = case["saved_bytes_ours"] / max(case["saved_bytes_torchdiffeq"], 1)
        print(
            f"{case['f']:11}  {case['method']:8}  {case['time_ratio_forward']:11.2f}"
            f"{case['time_ratio_forward_and_back']:11.2f}{saved:11.2f}"
        )
    network = [c for c in odeints if c["f"] == "network"]
    kinds = ("time_ratio_forward", "time_ratio_forward_and_back")
    overall = statistics.median(c[kind] for c in network for kind in kinds)
    print(f"network, median of all        {overall:.2f}  (at most 1.0)")
    gradients = ways_back(options.size, options.rounds)
    print("\nto Backprop, RK2             N   time  saved   peak")
    for case in gradients:
        print(
            f"{case['gradient']:25} {case['steps']:4d} {case['time_ratio']:6.2f}"
            f" {case['saved_ratio']:6.3f} {case['peak_ratio']:6.3f}"
        )
    content = {"benchmark": "solvers", "size": options.size, "rounds": options.rounds, "machine": machine()}
    write_json(options.json, {**content, "odeint": odeints, "network_time_ratio": overall, "gradients": gradients})


if __name__ == "__main__":
    main()
