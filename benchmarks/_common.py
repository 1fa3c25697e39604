"""What every benchmark states of the machine it ran on, and how it writes its result."""

from __future__ import annotations

import json
import os
import platform
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
