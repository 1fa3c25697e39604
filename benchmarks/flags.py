"""What each flag of ``reconode train`` buys: a training step of LT-RK4 with it and without, in one run.

    python benchmarks/flags.py [--json FILE] [--size 96x112] [--rounds 3] [--device cuda] [--compile]

Forward, loss, backward. Rounds alternate between the ways and the fastest of each counts. On a CPU the clock is that of
the process, which a busy machine disturbs least; on a card it is the wall's, and peak memory is measured too. `bytes
kept` is what autograd keeps from forward to backward.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from _card import problem
from _common import machine, write_json

from reconode import metrics, zoo

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "channels-last": {"channels_last": True},
    "bf16": {"bf16": True},
    "bf16 and channels-last": {"bf16": True, "channels_last": True},
    "checkpointing": {"checkpointing": True},
    "batch of 4": {"batch": 4},
}
COMPILED = {"compile": {"compile": True}}


class Step:
    """A training step done one way."""

    def __init__(self, size: tuple[int, int], device: str, **flags: Any) -> None:
        self.flags, self.device = flags, device
        torch.manual_seed(0)
        model = zoo.untrained("lt-rk4").to(device)
        model.checkpointing = flags.get("checkpointing", False)  # type: ignore[assignment]
        if flags.get("channels_last"):
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = torch.compile(model, dynamic=False) if flags.get("compile") else model
        self.batch = flags.get("batch", 1)
        self.data = problem(size, self.batch, device)

    def __call__(self) -> None:
        y, E, target = self.data
        with torch.autocast(self.device, torch.bfloat16, enabled=self.flags.get("bf16", False)):
            x = self.model(y, E)
        metrics.loss(metrics.magnitude(x), target, 1.0).backward()

    def seconds(self) -> float:
        """A slice's."""
        if self.device == "cpu":
            start = time.process_time()
            self()
            return (time.process_time() - start) / self.batch
        torch.cuda.synchronize()
        start = time.perf_counter()
        self()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / self.batch

    def kept(self) -> float:
        """Bytes that autograd keeps for a slice, each storage once."""
        storages: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y, E, target = self.data
            with torch.autocast(self.device, torch.bfloat16, enabled=self.flags.get("bf16", False)):
                loss = metrics.loss(metrics.magnitude(self.model(y, E)), target, 1.0)
        del loss
        return sum(storages.values()) / self.batch

    def peak(self) -> int | None:
        """Bytes, on a card."""
        if self.device == "cpu":
            return None
        torch.cuda.reset_peak_memory_stats()
        self()
        return torch.cuda.max_memory_allocated()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", default="96x112")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="compiled too, which takes minutes")
    options = parser.parse_args()
    rows, columns = map(int, options.size.split("x"))
    ways = WAYS | (COMPILED if options.compile else {})
    steps = {name: Step((rows, columns), options.device, **flags) for name, flags in ways.items()}
    kept = {name: step.kept() for name, step in steps.items() if name != "compile"}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(options.rounds + 1):
        for name, step in steps.items():
            seconds = step.seconds()
            if number:  # the first round warms up
                times[name].append(seconds)
    best = {name: min(values) for name, values in times.items()}
    found = {
        name: {
            "seconds_a_slice": best[name],
            "time_ratio": best[name] / best["plain"],
            "bytes_kept_a_slice": kept.get(name),
            "kept_ratio": kept[name] / kept["plain"] if name in kept else None,
            "peak_bytes": steps[name].peak(),
        }
        for name in steps
    }
    for name, entry in found.items():
        print(f"{name:24} {entry['time_ratio']:.2f} of the time, {entry['kept_ratio'] or float('nan'):.2f} kept")
    about = {"benchmark": "flags", "model": "lt-rk4", "size": [rows, columns], "rounds": options.rounds}
    write_json(options.json, {**about, "machine": machine(), "ways": found})


if __name__ == "__main__":
    main()
