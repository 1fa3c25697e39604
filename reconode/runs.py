"""What a training is and leaves behind: its settings, how far it is, and a folder of files that are always whole."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from reconode.data.sources import SIMULATED
from reconode.errors import DataError, StoppedError, UsageError
from reconode.optimizers import LookaheadRAdam
from reconode.storage import checkpoint, weights
from reconode.storage.lock import claim
from reconode.storage.whole import append_line, remove_parts, write_whole

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

_BEFORE: dict[str, Any] = {"also": [], "path": 0.0}
"""What a checkpoint was trained with that does not say so, because there was nothing else yet."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training does; written into each checkpoint.

    The paper fixes the loss, the optimiser, the width and N; the rest is ours. `model` is the name that the files
    carry; `init` says where its first weights came from, None that they were drawn from the seed. `rows` trains on
    slabs of so many rows of each slice (:func:`reconode.data.slices.slab`); the log gets a line each `log_every` steps,
    of their means; `keep` is a folder where simulated slices
    stay for the next training. With other accelerations in `also` each example's is drawn from all of them, and the
    best weights are those of the best mean over the validations at each. `path` weighs the states before the last
    (:mod:`reconode.path`); 0 leaves them free.
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
    also: tuple[float, ...] = ()
    path: float = 0.0

    @property
    def accelerations(self) -> tuple[float, ...]:
        """Of the masks, all of them."""
        return (self.acceleration, *self.also)


@dataclass
class Progress:
    """How far a training is.

    `best` is the validation PSNR of the best weights; `silent` names their ReLUs that are never on, in any channel, on
    any validation slice (:mod:`reconode.dead_relus`): what follows one of them sees a constant.
    """

    step: int = 0
    best: float = -math.inf
    seconds: float = 0.0
    silent: list[str] = field(default_factory=list)


class Run:
    """A training's folder. Only one process writes; the others' calls do nothing.

    Args:
        folder: where.
        settings: of the training.
        writes: whether this process is the one.
    """

    def __init__(self, folder: Path, settings: Settings, writes: bool = True) -> None:
        self.folder, self.settings, self.writes = folder, settings, writes
        self.since: list[tuple[float, float, float]] = []
        """Loss, relative loss and gradient of each step since the log's last line; a checkpoint keeps them."""
        self._board: Any = None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other training works in the folder meanwhile.

        Raises:
            UsageError: when one does.
        """
        if not self.writes:
            yield
            return
        with claim(self.folder) as ours:
            if not ours:
                raise UsageError(
                    f"{self.folder}: another training is at work in it; wait for it, or choose another folder"
                )
            yield

    def start(self) -> Progress:
        """A new training.

        Raises:
            UsageError: when the folder holds one already.
        """
        if (self.folder / LAST).exists():
            raise UsageError(f"{self.folder}: holds a training already; go on with --resume, or choose another folder")
        if self.writes:
            remove_parts(self.folder)
            write_whole(self.folder / LOG, "")
        return Progress()

    def resume(self, model: nn.Module, optimizer: LookaheadRAdam) -> Progress:
        """Put the last checkpoint into the model and its optimiser; the random numbers go on from there too.

        Raises:
            DataError: for a checkpoint that cannot be read, or of a training with other settings.
        """
        path = self.folder / LAST
        if not path.exists():
            raise DataError(f"{path}: no such file of weights, so there is nothing to go on from; leave out --resume")
        tensors, said = weights.read(path)
        if checkpoint.RANDOM not in tensors:
            raise DataError(f"{path}: weights only; a training resumes from the {LAST} that it wrote")
        progress, since = _progress(said, path)
        now = json.loads(json.dumps(asdict(self.settings)))
        for key, was in {**_BEFORE, **said["settings"]}.items():
            if key not in HOW_NOT_WHAT and now.get(key) != was:
                raise DataError(f"{path}: was trained with {key} = {was}, not {now.get(key)}; resume it as it was")
        if progress.step > self.settings.steps:
            raise DataError(f"{path}: is at step {progress.step} of {self.settings.steps}; damaged")
        checkpoint.unpack(tensors, model, optimizer, progress.step > 0, path)
        self.since = since
        if self.writes:
            remove_parts(self.folder)
            kept = [entry for entry in read_log(self.folder) if entry["step"] <= progress.step]
            write_whole(self.folder / LOG, "".join(json.dumps(entry) + "\n" for entry in kept))
        return progress

    def save(self, model: nn.Module, optimizer: Any, progress: Progress, name: str = LAST) -> Path:
        """All that resuming needs, in one file: weights, the optimiser's state, random numbers, settings, progress."""
        if self.writes:
            about = self._about(progress) | {"since": self.since}
            weights.write(self.folder / name, checkpoint.pack(model, optimizer), about)
        return self.folder / name

    def save_best(self, model: nn.Module, progress: Progress) -> None:
        """The weights alone, for :func:`reconode.zoo.load`."""
        if self.writes:
            weights.write(self.folder / BEST, model.state_dict(), self._about(progress))

    def log(self, progress: Progress, values: dict[str, float]) -> None:
        """Append a line to the metrics file, and to TensorBoard's where that is installed."""
        if not self.writes:
            return
        line = {"step": progress.step, "seconds": round(progress.seconds, 3), **values}
        append_line(self.folder / LOG, json.dumps(line))
        try:
            if self._board is None:
                self._board = _tensorboard(self.folder)
            for key, value in values.items() if self._board else ():
                self._board.add_scalar(key, value, progress.step)
        except OSError:  # no room for its files: a training does not end for a second log
            self._board = False

    def _about(self, progress: Progress) -> dict[str, Any]:
        return {"model": self.settings.model, "settings": asdict(self.settings), "progress": asdict(progress)}


class Wish:
    """Ctrl-C and SIGTERM as a wish to stop when the step is done; a second one stops at once.

    Attributes:
        signal: the number of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Wish:
        if threading.current_thread() is threading.main_thread():  # no other may
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        if self.signal:
            raise StoppedError(number, "stopped in the middle of a step")
        self.signal = number


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a training's log, without what a killed writer or a full disk left of one."""
    path = folder / LOG
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and type(entry.get("step")) is int:
            entries.append(entry)
    return entries


def _progress(said: dict[str, Any], path: Path) -> tuple[Progress, list[tuple[float, float, float]]]:
    """What a checkpoint says of its training, checked.

    Raises:
        DataError: for fields that are missing or of another type.
    """
    since = said.get("since", [])
    progress: dict[str, Any] = said["progress"] if isinstance(said.get("progress"), dict) else {}
    silent = progress.get("silent", [])  # absent from checkpoints of before
    numbers = {key: value for key, value in progress.items() if key != "silent"}
    fine = (
        isinstance(said.get("settings"), dict)
        and numbers.keys() == {"step", "best", "seconds"}
        and all(isinstance(n, int | float) and not isinstance(n, bool) and n == n for n in numbers.values())
        and isinstance(silent, list)
        and all(isinstance(name, str) for name in silent)
        and type(progress["step"]) is int
        and progress["step"] >= 0
        and 0 <= progress["seconds"] < math.inf
        and isinstance(since, list)
        and all(isinstance(t, list) and len(t) == 3 and all(isinstance(n, float) for n in t) for t in since)
    )
    if not fine:
        raise DataError(f"{path}: does not say how far its training is, or says what cannot be; damaged")
    return Progress(**progress), [(t[0], t[1], t[2]) for t in since]


def _tensorboard(folder: Path) -> Any:
    """A writer; False where tensorboard, an optional package, is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return False
    threading.excepthook = _quiet
    return SummaryWriter(str(folder), flush_secs=10)


def _quiet(about: threading.ExceptHookArgs, usual: Any = threading.excepthook) -> None:
    """TensorBoard's thread prints a traceback when the disk is full, besides the error that :meth:`Run.log` meets."""
    if not (isinstance(about.exc_value, OSError) and "AsyncWriter" in type(about.thread).__name__):
        usual(about)
