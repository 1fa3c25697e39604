"""How long a notebook may take and where it computes: ``RECONODE_MODE`` and the device."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from reconode.errors import OutputError, UsageError

MODES = ("quick", "cpu", "full")


@dataclass(frozen=True)
class Mode:
    """What :func:`start` found: the mode's name, the device, and fastMRI's folder in full mode."""

    name: str
    device: torch.device
    fastmri: Path | None = None

    def __str__(self) -> str:
        gpu = f" ({torch.cuda.get_device_name(self.device)})" if self.device.type == "cuda" else ""
        return f"ReconODE in {self.name} mode on {self.device.type}{gpu}"


def start() -> Mode:
    """The mode that ``RECONODE_MODE`` names: quick (the default on a CPU), cpu, or full (the default on a GPU).

    Raises:
        UsageError: for another name.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = os.environ.get("RECONODE_MODE") or ("full" if device.type == "cuda" else "quick")
    if name not in MODES:
        raise UsageError(f"RECONODE_MODE is {name!r}: choose one of {', '.join(MODES)}")
    root = os.environ.get("FASTMRI_ROOT")
    if name != "full":
        return Mode(name, torch.device("cpu"))
    return Mode(name, device, Path(root).resolve() if root else None)


def work() -> Path:
    """The folder that a chapter may fill: what ``RECONODE_WORK`` names, a mounted Drive say; else one that is lost.

    Raises:
        OutputError: when it cannot be made.
    """
    named = os.environ.get("RECONODE_WORK")
    if not named:
        return Path(tempfile.mkdtemp(prefix="reconode-"))
    try:
        Path(named).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"RECONODE_WORK is {named}: cannot make that folder ({error.strerror})") from error
    return Path(named)
