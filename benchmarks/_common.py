"""What every benchmark states of the machine it ran on, how it times, and how it writes its result."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from reconode.storage.whole import write_whole


def machine() -> dict[str, Any]:
    """The hardware and versions that a measured number depends on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0] if models else name
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write a result, whole or not at all; nothing without a path."""
    if path is not None:
        write_whole(path, json.dumps(content, indent=2) + "\n")


def rounds_of_seconds(
    ways: Mapping[str, Callable[..., Any]],
    rounds: int,
    at_least: float = 0.02,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds a call of each way, one number a round, rounds interleaved and in turn reversed, after a warm-up.

    A way that is done sooner than `at_least` seconds is repeated within its round. With ``time.process_time`` for a
    clock, a busy machine's other work is not counted.
    """
    repeats = {}
    for name, way in ways.items():
        way()
        repeats[name] = max(1, round(at_least / _seconds(way, 1, clock)))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            seconds[name].append(_seconds(ways[name], repeats[name], clock))
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, to: str) -> float:
    """Median over rounds of one way's time relative to another's."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=True))


def _seconds(way: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    _synchronize()
    start = clock()
    for _ in range(repeats):
        way()
    _synchronize()
    return (clock() - start) / repeats


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def size_of(text: str) -> tuple[int, int]:
    """Rows and columns of "160x184"."""
    rows, columns = text.lower().split("x")
    return int(rows), int(columns)
