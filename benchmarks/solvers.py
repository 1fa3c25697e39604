"""Solving: `integrate` against torchdiffeq on the same grid. Ways to differentiate a solve are in `ways_back.py`.

    python benchmarks/solvers.py [--json FILE] [--size ROWSxCOLUMNS] [--rounds N]

In a round each way runs once; a ratio is the median over rounds of one way's time to the other's in the same round, so
that a busy machine slows both. Two right-hand sides: the paper's network, and a nearly free one that leaves the
solver's own cost. Saved bytes are what autograd keeps for the backward pass.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
from _common import machine, ratio, rounds_of_seconds, size_of, write_json
from torch import Tensor
from torchdiffeq import odeint

from reconode.gradients import saved_bytes
from reconode.networks import Dynamics
from reconode.solvers import EULER, HEUN, MIDPOINT, RK38, Flow, integrate

SAME_METHOD = {"euler": EULER, "midpoint": MIDPOINT, "heun2": HEUN, "rk4": RK38}
"""torchdiffeq's name and our tableau."""


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
    content = {"benchmark": "solvers", "size": options.size, "rounds": options.rounds, "machine": machine()}
    write_json(options.json, {**content, "odeint": odeints, "network_time_ratio": overall})


if __name__ == "__main__":
    main()
