"""What a training is and leaves behind: its settings, how far it is, and a folder of files that are always whole."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode.data.sources import SIMULATED
from reconode.errors import DataError, UsageError
from reconode.optimizers import LookaheadRAdam
from reconode.storage import weights
from reconode.storage.whole import write_whole

LAST, BEST, LOG = "last.safetensors", "best.safetensors", "metrics.jsonl"
"""All that resuming needs, the best weights, and lines of JSON: of every few steps, and of each validation."""

HOW_NOT_WHAT = (
    "workers",
    "log_every",
    "validation",
    "validate_every",
    "compile",
    "checkpointing",
    "channels_last",
    "data",
    "keep",
)
"""Settings that may change when a training goes on: how it is computed and watched, and where the data are now."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training does; written into each checkpoint.

    The paper fixes the loss, the optimiser, the width and N; the rest is ours. `model` is the name that the files
    carry; `init` says where its first weights came from, None that they were drawn from the seed. `rows` trains on
    slabs of so many rows of each slice (:func:`reconode.data.slices.slab`); the log gets a line each `log_every` steps,
    of their means; `keep` is a folder where simulated slices
    stay for the next training.
    """

    model: str
    acceleration: float = 4
    data: str = SIMULATED
    mask: str = "random"
    steps: int = 20_000
    batch_size: int = 4
    learning_rate: float = 4e-3
    warmup: int = 100
    clip: float = 1.0
    seed: int = 0
    size: tuple[int, int] = (320, 368)
    mix: str = "broad"
    rows: int | None = None
    precision: str = "no"
    channels_last: bool = True
    checkpointing: bool = False
    compile: bool = False
    workers: int = 0
    log_every: int = 10
    validate_every: int = 500
    validation: int = 16
    keep: str | None = None
    init: str | None = None


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0
    best: float = -math.inf
    seconds: float = 0.0


class Run:
    """A training's folder. Only one process writes; the others' calls do nothing.

    Args:
        folder: where.
        settings: of the training.
        writes: whether this process is the one.
    """

    def __init__(self, folder: Path, settings: Settings, writes: bool = True) -> None:
        self.folder, self.settings, self.writes = folder, settings, writes
        self._board: Any = None

    def start(self) -> Progress:
        """A new training.

        Raises:
            UsageError: when the folder holds one already.
        """
        if (self.folder / LAST).exists():
            raise UsageError(f"{self.folder}: holds a training already; go on with --resume, or choose another folder")
        if self.writes:
            write_whole(self.folder / LOG, "")
        return Progress()

    def resume(self, model: nn.Module, optimizer: LookaheadRAdam) -> Progress:
        """Put the last checkpoint into the model and its optimiser; the random numbers go on from there too.

        Raises:
            DataError: for a checkpoint that cannot be read, or of a training with other settings.
        """
        path = self.folder / LAST
        tensors, said = weights.read(path)
        if "random" not in tensors:
            raise DataError(f"{path}: weights only; a training resumes from the {LAST} that it wrote")
        now = json.loads(json.dumps(asdict(self.settings)))
        for key, was in said["settings"].items():
            if key not in HOW_NOT_WHAT and now.get(key) != was:
                raise DataError(f"{path}: was trained with {key} = {was}, not {now.get(key)}; resume it as it was")
        model.load_state_dict(_part(tensors, "model."))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _part(tensors, "optimizer.").items():
            index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        torch.set_rng_state(tensors["random"])
        progress = Progress(**said["progress"])
        if self.writes:
            self._forget_after(progress.step)
        return progress

    def save(self, model: nn.Module, optimizer: Any, progress: Progress, name: str = LAST) -> Path:
        """All that resuming needs, in one file: weights, the optimiser's state, random numbers, settings, progress."""
        state = optimizer.state_dict()["state"]
        tensors = {f"model.{key}": tensor for key, tensor in model.state_dict().items()}
        tensors |= {
            f"optimizer.{i}.{key}": torch.as_tensor(v) for i, entry in state.items() for key, v in entry.items()
        }
        tensors["random"] = torch.get_rng_state()
        if self.writes:
            weights.write(self.folder / name, tensors, self._about(progress))
        return self.folder / name

    def save_best(self, model: nn.Module, progress: Progress) -> None:
        """The weights alone, for :func:`reconode.zoo.load`."""
        if self.writes:
            weights.write(self.folder / BEST, model.state_dict(), self._about(progress))

    def log(self, progress: Progress, values: dict[str, float]) -> None:
        """Append a line to the metrics file, and to TensorBoard's where that is installed."""
        if not self.writes:
            return
        with open(self.folder / LOG, "a") as file:
            file.write(json.dumps({"step": progress.step, "seconds": round(progress.seconds, 3), **values}) + "\n")
        if self._board is None:
            self._board = _tensorboard(self.folder)
        for key, value in values.items() if self._board else ():
            self._board.add_scalar(key, value, progress.step)

    def _about(self, progress: Progress) -> dict[str, Any]:
        return {"model": self.settings.model, "settings": asdict(self.settings), "progress": asdict(progress)}

    def _forget_after(self, step: int) -> None:
        """Drop the lines after a step, and half a line that a killed writer left: they will be written again."""
        path = self.folder / LOG
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        write_whole(path, "".join(line + "\n" for line in kept))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _tensorboard(folder: Path) -> Any:
    """A writer; False where tensorboard, an optional package, is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return False
    return SummaryWriter(str(folder), flush_secs=10)
