"""LT-RK4 on one card: time and memory beside the paper's Table 2, and the fraction reached of what the card can do.

Part of ``benchmarks/models.py``.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from reconode import masks, metrics
from reconode.experiment.paper import TABLE2
from reconode.models import LearnedSolver
from reconode.physics import MRIOperator

Size = tuple[int, int]

PAPER_TABLE_2 = {
    name: asdict(TABLE2[row])
    for name, row in {
        "train, no checkpointing": "keep all",
        "train, checkpointing": "checkpointing",
        "test": "testing",
    }.items()
}
"""LT-RK4 as published; neither the batch size nor the card is stated there."""


def problem(size: Size, batch: int = 1, device: str = "cpu") -> tuple[Tensor, MRIOperator, Tensor]:
    """Masked data, their operator and a target magnitude: random numbers, which no operation can shortcut."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(batch, *size, dtype=torch.complex64, generator=generator)
    image = (image / image.abs().max()).to(device)
    E = MRIOperator(masks.random(size[1], 4, seed=0)).to(device)
    return E(image), E, image.abs()


class Traffic(TorchDispatchMode):
    """Counts the bytes that eager operations must move: each operation reads its inputs and writes its outputs once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view and not func._schema.name.startswith(("aten::detach", "aten::empty", "aten::_unsafe_view")):
            for tensor in tree_leaves((args, kwargs, out)):
                if isinstance(tensor, Tensor):  # an expanded tensor is no larger than its storage
                    self.bytes += min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
        return out


def synchronized_seconds(run: Callable[[], Any], device: str, repeats: int) -> list[float]:
    """Seconds of each of `repeats` calls, after two to warm up."""
    times = []
    for number in range(repeats + 2):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        if number > 1:
            times.append(time.perf_counter() - start)
    return times


def limits(device: str, matrix: int) -> dict[str, float]:
    """What the card reaches at best: FLOP/s of a square matrix product, bytes/s (read plus written) of a large copy.

    float32 convolutions run in TF32 on CUDA by PyTorch's default, so theirs is measured as a TF32 product.
    """
    measured = {}
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b = (torch.randn(matrix, matrix, device=device, dtype=dtype) for _ in range(2))
        times = synchronized_seconds(lambda a=a, b=b: a @ b, device, 20)
        measured[f"{name}_flops_per_second"] = 2 * matrix**3 / statistics.median(times)
    torch.set_float32_matmul_precision(before)
    source = torch.randn(16 * matrix**2 // 4, device=device)  # 1 GiB for a matrix of 8192: far more than any cache
    target = torch.empty_like(source)
    times = synchronized_seconds(lambda: target.copy_(source), device, 20)
    measured["bytes_per_second"] = 2 * source.nbytes / statistics.median(times)
    return measured


def card(size: Size, batches: list[int], device: str, repeats: int, matrix: int) -> dict[str, Any]:
    """LT-RK4's step and reconstruction: absolute time, peak memory, and the fraction reached of the card's limits.

    The floor of an eager step is the larger of its arithmetic over the matrix product's rate and its operations'
    traffic over the copy's bandwidth; ``fraction_of_floor`` is that time over the measured one.
    """
    best = limits(device, matrix)
    cases = []
    for batch in batches:
        for precision in ("float32", "bfloat16"):
            for name in PAPER_TABLE_2:
                try:
                    case = card_case(name, precision, size, batch, device, repeats)
                except torch.OutOfMemoryError:
                    cases.append({"name": name, "precision": precision, "batch": batch, "not run": "out of memory"})
                    continue
                arithmetic = case["flops"] / best[f"{precision}_flops_per_second"]
                moving = case["traffic_bytes"] / best["bytes_per_second"]
                case |= {
                    "fraction_of_arithmetic": arithmetic / case["seconds"],
                    "fraction_of_bandwidth": moving / case["seconds"],
                    "fraction_of_floor": max(arithmetic, moving) / case["seconds"],
                }
                cases.append(case)
    return {"size": size, "device": device, "limits": best, "paper_table_2": PAPER_TABLE_2, "cases": cases}


def card_case(name: str, precision: str, size: Size, batch: int, device: str, repeats: int) -> dict[str, Any]:
    """One row: LT-RK4 in training or testing, at one precision."""
    torch.manual_seed(0)
    model = LearnedSolver(4, checkpointing=name == "train, checkpointing").to(device)
    y, E, target = problem(size, batch, device)

    def run() -> None:
        with torch.set_grad_enabled(name != "test"):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                x = model(y, E)
            if name != "test":
                metrics.loss(metrics.magnitude(x), target, 1.0).backward()

    gc.collect()
    times = synchronized_seconds(run, device, repeats)
    peak = None
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        run()
        peak = torch.cuda.max_memory_allocated()
    with FlopCounterMode(display=False) as counter:
        run()
    with Traffic() as traffic:
        run()
    return {
        "name": name,
        "precision": precision,
        "batch": batch,
        "seconds": statistics.median(times),
        "seconds_range": [min(times), max(times)],
        "peak_bytes": peak,
        "flops": counter.get_total_flops(),
        "traffic_bytes": traffic.bytes,
    }
