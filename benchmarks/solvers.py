"""Solving and differentiating: `integrate` against torchdiffeq on the same grid, and the ways back.

    python benchmarks/solvers.py [--json FILE] [--size ROWSxCOLUMNS] [--rounds N]

Everything in one run. In a round each way runs once; a ratio is the median over rounds of one way's time to the other's
in the same round, so that a busy machine slows both. Two right-hand sides: the paper's network, and a nearly free one
that leaves the solver's own cost. Saved bytes are what autograd keeps for the backward pass. The ways back are compared
for three tableaus: error, bytes held, time.
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

from reconode import masks, zoo
from reconode.experiment import benchmark
from reconode.gradients import Checkpoint, ContinuousAdjoint, Reversible, saved_bytes
from reconode.models import FixedSolver
from reconode.networks import Dynamics
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, RK38, Backprop, Flow, Gradient, Tableau, integrate

SAME_METHOD = {"euler": EULER, "midpoint": MIDPOINT, "heun2": HEUN, "rk4": RK38}
"""torchdiffeq's name and our tableau."""

GRADIENTS: dict[str, Gradient] = {
    "Backprop": Backprop(),
    "Checkpoint, whole block": Checkpoint(),
    "Checkpoint, each step": Checkpoint(each_step=True),
    "Reversible(0.5)": Reversible(0.5),
    "ContinuousAdjoint": ContinuousAdjoint(),
}
BACK = (EULER, HEUN, RK4)
STEPS, TIMED, JUDGED = (5, 20, 80), 5, (5, 20)
"""N for which bytes are counted, times are taken and errors are measured."""


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
    """Each gradient of a trained flow with data in the velocity: its error, what it holds, its time beside Backprop's.

    ``saved_bytes`` lie between forward and backward; the start is not a leaf (x0 · 1), so that keeping it counts. On
    the way back a recomputation holds its own, a solve, one step, or one evaluation of f: ``peak_bytes`` adds it.
    """
    generator = torch.Generator().manual_seed(0)
    E = MRIOperator(masks.random(size[1], 4, seed=0))
    y = E(torch.randn(1, *size, dtype=torch.complex64, generator=generator))
    model = zoo.load("ft-euler", acceleration=4)
    assert isinstance(model, FixedSolver)
    uses, f, x0 = list(model.parameters()), model.flow(y, E), E.H(y)
    x0.requires_grad_()
    one_evaluation = saved_bytes(lambda: f(0.0, x0 * 1))
    cases = []
    for tableau in BACK:
        errors = gradient_errors(tableau)
        one_step = saved_bytes(lambda tableau=tableau: integrate(f, x0 * 1, tableau, 1))

        def solve(name: str, steps: int, tableau: Tableau = tableau) -> Tensor:
            return integrate(f, x0 * 1, tableau, steps, GRADIENTS[name], uses=uses)

        seconds = rounds_of_seconds(
            {name: lambda name=name, solve=solve: solve(name, TIMED).abs().sum().backward() for name in GRADIENTS},
            rounds,
        )
        for steps in STEPS:
            saved = {name: saved_bytes(lambda name=name, n=steps, solve=solve: solve(name, n)) for name in GRADIENTS}
            whole = saved["Backprop"]
            # A reversible step is pulled back in two halves, each a step of the tableau.
            again = {"Backprop": 0, "Checkpoint, whole block": whole, "ContinuousAdjoint": one_evaluation}
            for name, kept in saved.items():
                peak = kept + again.get(name, one_step)
                case = {"gradient": name, "tableau": tableau.name, "steps": steps}
                case |= {"saved_bytes": kept, "saved_ratio": kept / whole}
                case |= {"peak_bytes": peak, "peak_ratio": peak / whole}
                if steps in JUDGED:
                    case["relative_error"] = errors[name, steps]
                if steps == TIMED:
                    case["time_ratio"] = ratio(seconds, name, "Backprop")
                    case["seconds"] = statistics.median(seconds[name])
                cases.append(case)
    return cases


def gradient_errors(tableau: Tableau) -> dict[tuple[str, int], float]:
    """Relative error, in float64, of each gradient to θ against backpropagation through its own forward values.

    The flow is the trained one on a test knee, a slab of eight rows; the loss is the squared distance to the knee.
    """
    small = benchmark.find("small")
    knee = benchmark.in_memory(small, 32)
    measured, E, scale = knee.scaled(masks.random(knee.width, 4, seed=knee.name), slice(0, 1))
    full, F = knee.measure(torch.ones(knee.width), slice(0, 1))
    middle = measured.shape[-2] // 2
    rows = slice(middle - 4, middle + 4)
    y, target = (part[..., rows, :].to(torch.complex128) for part in (measured, F.H(full / scale)))
    model = zoo.load("ft-euler", acceleration=4).double()
    assert isinstance(model, FixedSolver)
    uses, f, x0 = list(model.parameters()), model.flow(y, E), E.H(y)

    def slope(end: Tensor) -> Tensor:
        parts = torch.autograd.grad((end - target).abs().square().sum(), uses)
        return torch.cat([part.flatten() for part in parts])

    errors = {}
    for steps in JUDGED:
        plain = slope(integrate(f, x0, tableau, steps))
        for name, gradient in GRADIENTS.items():
            right = plain
            if isinstance(gradient, Reversible):
                right = slope(gradient.forward(f, x0, tableau, steps)[0][-1])
            found = slope(integrate(f, x0, tableau, steps, gradient, uses=uses))
            errors[name, steps] = float((found - right).norm() / right.norm())
    return errors


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
    print("\nway back                  tableau           N    error     saved      peak   time")
    for case in gradients:
        error = f"{case['relative_error']:8.1e}" if "relative_error" in case else 8 * " "
        ratios = f"{case['time_ratio']:6.2f}" if "time_ratio" in case else ""
        megabytes = "".join(f"{case[kind] / 1e6:7.1f} MB" for kind in ("saved_bytes", "peak_bytes"))
        print(f"{case['gradient']:25} {case['tableau']:13} {case['steps']:4d} {error}{megabytes} {ratios}")
    content = {"benchmark": "solvers", "size": options.size, "rounds": options.rounds, "machine": machine()}
    write_json(options.json, {**content, "odeint": odeints, "network_time_ratio": overall, "gradients": gradients})


if __name__ == "__main__":
    main()
