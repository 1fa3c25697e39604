"""Results as files: one JSON for each run of the experiment, checked when written and when read.

Every number of the book's tables and figures comes from such a file. A later version of the library may add keys to a
schema, so unknown keys are ignored; what a key means never changes without a new schema number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reconode.errors import DataError
from reconode.experiment.schema import GROUPS as GROUPS
from reconode.experiment.schema import METRICS as METRICS
from reconode.experiment.schema import SCHEMA as SCHEMA
from reconode.experiment.schema import check as check
from reconode.storage.whole import write_whole

H = TypeVar("H", bound="Head")

TRANSFER = "transfer"
"""The folder of a benchmark's transfer results."""

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Scored:
    """One volume's (or slice's) scores: PSNR in dB, SSIM, NMSE."""

    name: str
    acquisition: str
    psnr: float
    ssim: float
    nmse: float


@dataclass(frozen=True)
class Data:
    """The benchmark that a model was trained and tested on.

    Attributes:
        name: "small", "full" or "fastmri".
        fingerprint: 16 hexadecimal digits, the hash of the data's recipe.
        shape: rows and columns of the k-space grid.
        split: of the volumes that were scored.
    """

    name: str
    fingerprint: str
    shape: tuple[int, int]
    split: str = "test"


@dataclass(frozen=True)
class Hardware:
    """What computed."""

    device: str
    name: str
    threads: int
    torch: str


@dataclass(frozen=True)
class Training:
    """How a network came to its weights.

    Attributes:
        settings: of the training, by the names of :class:`reconode.runs.Settings`.
        steps: that were done.
        examples: that were seen.
        examples_unit: what an example is.
        seconds: of training.
        finished: False when it stopped before its last step.
        failed: why it stopped, or "".
        best: step and validation PSNR of the weights that were tested.
        curve: (step, loss relative to the zero-filled image's).
        validation: (step, PSNR, SSIM, NMSE).
    """

    settings: Mapping[str, Any]
    steps: int
    examples: int
    examples_unit: str
    seconds: float
    finished: bool
    failed: str
    best: tuple[int, float]
    curve: tuple[tuple[float, ...], ...]
    validation: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Head:
    """What every results file says: which model, which data, which code, which machine.

    Attributes:
        model: its name in the zoo.
        title: as tables print it.
        family: of the zoo.
        parameters: trainable numbers.
        acceleration: of the masks it was trained and tested with.
        mask: their kind.
        seed: of the training.
        variant: "" for the row as it is in the zoo, else how its training differed.
        data: the benchmark.
        commit: of the code.
        hardware: what computed.
        written: when, ISO 8601.
    """

    model: str
    title: str
    family: str
    parameters: int
    acceleration: float
    mask: str
    seed: int
    variant: str
    data: Data
    commit: str
    hardware: Hardware
    written: str

    @property
    def file_name(self) -> str:
        """The name its file must have."""
        return file_name(self.model, self.acceleration, self.seed, self.variant)

    @property
    def row(self) -> tuple[str, str]:
        """The table's row it belongs to; its seeds share it."""
        return self.model, self.variant

    @property
    def row_name(self) -> str:
        """The row in a word: the model, followed by ``_variant`` where there is one."""
        return "_".join(filter(None, self.row))


@dataclass(frozen=True)
class Result(Head):
    """A run's scores on the benchmark's test volumes.

    Attributes:
        training: None for a classical method.
        volumes: one entry for each.
        slices: of all volumes.
        seconds_per_slice: of reconstruction.
        peak_memory_bytes: on the GPU; None on a CPU.
    """

    training: Training | None
    volumes: tuple[Scored, ...]
    slices: int
    seconds_per_slice: float
    peak_memory_bytes: int | None


@dataclass(frozen=True)
class Trial:
    """One test of a trained model on data unlike its training's.

    Attributes:
        name: of the test.
        group: one of ``GROUPS``.
        label: for a table.
        volumes: scores of each.
        slices: scores of a real volume's slices, in their order; empty for other tests.
    """

    name: str
    group: str
    label: str
    volumes: tuple[Scored, ...]
    slices: tuple[Scored, ...] = ()


@dataclass(frozen=True)
class Transfer(Head):
    """A run's scores on data it was not trained for; `data` is the benchmark it was trained on."""

    tests: tuple[Trial, ...]


def file_name(model: str, acceleration: float, seed: int, variant: str = "") -> str:
    """``lt-rk4_4x_seed0.json``, ``fa-rk4_4x_seed0_continuous-adjoint.json``."""
    return f"{model}_{acceleration:g}x_seed{seed}" + (f"_{variant}" if variant else "") + ".json"


def write(path: PathLike, result: Mapping[str, Any]) -> None:
    """Check a result or a transfer result and write it, whole or not at all.

    Raises:
        DataError: when something in it is missing, of another type, or not finite; nothing is written then.
        OutputError: when the file cannot be written.
    """
    check(result, path)
    try:
        text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a result must hold what JSON can say: {error}") from error
    write_whole(path, text + "\n")


def read(path: PathLike) -> Result:
    """One run's result.

    Raises:
        DataError: for whatever is wrong with the file.
    """
    content = _parse(path)
    if "volumes" not in content:
        raise DataError(f"{path}: volumes: expected a run's scores; a transfer result is read with read_transfer")
    training = content["training"]
    return Result(
        **_head(content),
        training=None if training is None else _training(training),
        volumes=_scored(content["volumes"]),
        slices=content["benchmark"]["slices"],
        seconds_per_slice=float(content["seconds_per_slice"]),
        peak_memory_bytes=content["peak_memory_bytes"],
    )


def read_transfer(path: PathLike) -> Transfer:
    """One run's transfer result.

    Raises:
        DataError: for whatever is wrong with the file.
    """
    content = _parse(path)
    if "tests" not in content:
        raise DataError(f"{path}: tests: expected a transfer result; a run's scores are read with read")
    tests = tuple(
        Trial(t["test"], t["group"], t["label"], _scored(t["volumes"]), _scored(t.get("slices") or []))
        for t in content["tests"]
    )
    return Transfer(**_head(content), tests=tests)


def read_all(folder: PathLike) -> list[Result]:
    """All runs of a benchmark's folder, by file name; empty for a folder without any.

    Raises:
        DataError: for a file that is wrong, or that is named as another run would be.
    """
    return [_named(path, read(path)) for path in files(folder)]


def read_all_transfer(folder: PathLike) -> list[Transfer]:
    """All transfer results of a benchmark's folder (they are in its folder "transfer").

    Raises:
        DataError: as :func:`read_all`.
    """
    return [_named(path, read_transfer(path)) for path in files(Path(folder) / TRANSFER)]


def files(folder: PathLike) -> list[Path]:
    """The results files right in a folder; other JSON there (learning rates) is not one."""
    return sorted(Path(folder).glob("*_seed*.json"))


def _parse(path: PathLike) -> dict[str, Any]:
    """A results file's content, checked."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no such results file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error}); delete it and run `reconode experiment run` again") from error
    check(content, path)
    return dict(content)


def _named(path: Path, result: H) -> H:
    """The result, if its file has its name: else one run could count as two seeds."""
    if path.name != result.file_name:
        raise DataError(f"{path}: holds another run than its name says: expected the name {result.file_name}")
    return result


def _head(content: Mapping[str, Any]) -> dict[str, Any]:
    data, machine = content["benchmark"], content["hardware"]
    rows, columns = data["shape"]
    plain = ("model", "title", "family", "parameters", "seed", "variant", "commit", "written")
    return {
        **{key: content[key] for key in plain},
        "acceleration": float(content["acceleration"]),
        "mask": content.get("mask", ""),
        "data": Data(data["name"], data["fingerprint"], (rows, columns), data.get("split", "test")),
        "hardware": Hardware(machine["device"], machine["name"], machine["threads"], machine["torch"]),
    }


def _training(content: Mapping[str, Any]) -> Training:
    plain = ("settings", "steps", "examples", "examples_unit", "seconds", "finished")
    return Training(
        **{key: content[key] for key in plain},
        failed=content.get("failed", ""),
        best=(content["best"]["step"], content["best"]["psnr"]),
        curve=tuple(map(tuple, content["curve"])),
        validation=tuple(map(tuple, content["validation"])),
    )


def _scored(entries: Iterable[Mapping[str, Any]]) -> tuple[Scored, ...]:
    return tuple(
        Scored(e.get("name", str(n)), e.get("acquisition", ""), *(float(e[key]) for key in METRICS))
        for n, e in enumerate(entries)
    )
