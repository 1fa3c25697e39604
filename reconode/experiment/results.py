"""Results as files: one JSON for each run of the experiment, checked when written and when read.

Every number of the book's tables and figures comes from such a file. The dataclasses here are its definition: fields
are its keys, hints what a key must hold (:mod:`reconode.experiment.schema` reads them). A later version of the library
may add keys, so unknown keys are ignored; what a key means never changes without a new schema number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from reconode.errors import DataError
from reconode.experiment.schema import (
    Count,
    Date,
    Factor,
    Flag,
    Kind,
    Least,
    Name,
    Names,
    Number,
    Numbers,
    Open,
    Positive,
    Said,
    Share,
    Size,
    Text,
    Whole,
    Wrong,
    build,
    check_finite,
    check_unlike,
    matches,
    plain,
    points,
    short,
)
from reconode.experiment.seal import SEAL, seal, unbroken
from reconode.storage.whole import write_whole

SCHEMA = 2
"""The number of the schema that this version writes. Files of number 1, from before there was a hash, are read too."""

METRICS = ("psnr", "ssim", "nmse")
"""Of a volume: PSNR in dB, SSIM, NMSE."""

GROUPS = ("real", "noise", "phase", "anatomy", "mask", "acceleration", "resolution", "low signal")
"""What a transfer test changes against the data of the training, in the order of the tables."""

TRANSFER = "transfer"
"""The folder of a benchmark's transfer results."""

H = TypeVar("H", bound="Head")
PathLike = str | os.PathLike[str]
Points = tuple[tuple[float, ...], ...]
Fingerprint = Annotated[str, Kind("16 hexadecimal digits", matches("[0-9a-f]{16}"))]
Variant = Annotated[str, Kind("'' or a name of letters, digits, '.', '+' and '-'", matches(r"[A-Za-z0-9.+-]*"))]
Group = Annotated[str, Kind(f"one of {', '.join(GROUPS)}", lambda v: v in GROUPS)]


@dataclass(frozen=True)
class Scored:
    """One volume's scores: PSNR in dB, SSIM, NMSE."""

    name: Said
    acquisition: Text
    psnr: Number
    ssim: Share
    nmse: Positive


@dataclass(frozen=True)
class ScoredSlice:
    """One slice's scores: PSNR in dB, SSIM, NMSE."""

    psnr: Number
    ssim: Share
    nmse: Positive


@dataclass(frozen=True)
class Data:
    """The benchmark that a model was trained on.

    Attributes:
        name: "small", "full" or "fastmri".
        fingerprint: 16 hexadecimal digits, the hash of the data's recipe.
        shape: rows and columns of the k-space grid.
    """

    name: Name
    fingerprint: Fingerprint
    shape: Size


@dataclass(frozen=True)
class TestData(Data):
    """The benchmark that a model was trained and tested on.

    Attributes:
        split: of the volumes that were scored.
        volumes: how many.
        slices: of all volumes.
    """

    split: Said
    volumes: Count
    slices: Count


@dataclass(frozen=True)
class Hardware:
    """What computed."""

    device: Said
    name: Text
    threads: Count
    torch: Said


@dataclass(frozen=True)
class Best:
    """The weights that were tested: the step, and their validation PSNR in dB."""

    step: Whole
    psnr: Number


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
        best: step and validation PSNR of the weights that were tested.
        curve: (step, loss relative to the zero-filled image's).
        validation: (step, PSNR, SSIM, NMSE).
        diverged_at: learning rates at which it diverged before.
        failed: why it stopped, or "".
        silent: ReLUs of the tested weights that were never on in validation; None where nobody looked, as before 0.1.
    """

    settings: Open
    steps: Whole
    examples: Whole
    examples_unit: Said
    seconds: Positive
    finished: Flag
    best: Best
    curve: Annotated[Points, points("step", "relative loss")]
    validation: Annotated[Points, points("step", "psnr", "ssim", "nmse")]
    diverged_at: Numbers = ()
    failed: Said = ""
    silent: Names | None = None


@dataclass(frozen=True)
class Head:
    """What every results file says: which model, which data, which code, which machine.

    Attributes:
        model: its name in the zoo.
        title: as tables print it.
        family: of the zoo.
        parameters: trainable numbers.
        acceleration: of the masks it was tested with, and trained with unless the settings say also others.
        mask: their kind.
        seed: of the training.
        variant: "" for the row as it is in the zoo, else how its training differed.
        benchmark: the data.
        commit: of the code.
        hardware: what computed.
        written: when, ISO 8601.
    """

    model: Name
    title: Said
    family: Said
    parameters: Whole
    acceleration: Factor
    mask: Said
    seed: Whole
    variant: Variant
    benchmark: Data
    commit: Said
    hardware: Hardware
    written: Date

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
        seconds_per_slice: of reconstruction.
        peak_memory_bytes: on the GPU; None on a CPU.
    """

    benchmark: TestData
    training: Training | None
    volumes: Annotated[tuple[Scored, ...], Least(1)]
    seconds_per_slice: Positive
    peak_memory_bytes: Whole | None

    def agree(self) -> None:
        """What the keys say together.

        Raises:
            Wrong: for the first that contradicts another.
        """
        classical, training = self.family == "classical", self.training
        if classical != (training is None):
            raise Wrong("training", *(("null", "an object") if classical else ("an object", "null")))
        said, there = self.benchmark.volumes, len(self.volumes)
        if said != there:
            raise Wrong("volumes", f"{said} entries, as benchmark.volumes says", str(there))
        check_unlike([volume.name for volume in self.volumes], "volumes")
        if training is not None and training.settings.get("model", self.model) != self.model:
            raise Wrong("training.settings.model", repr(self.model), repr(training.settings["model"]))


@dataclass(frozen=True)
class Trial:
    """One test of a trained model on data unlike its training's.

    Attributes:
        test: its name.
        group: one of ``GROUPS``.
        label: for a table.
        volumes: scores of each.
        acceleration: of the test's masks.
        mask: their kind.
        slices: scores of a real volume's slices, in their order; empty for other tests.
    """

    test: Said
    group: Group
    label: Said
    volumes: Annotated[tuple[Scored, ...], Least(1)]
    acceleration: Factor | None = None
    mask: Text = ""
    slices: tuple[ScoredSlice, ...] = ()


@dataclass(frozen=True)
class Transfer(Head):
    """A run's scores on data it was not trained for; `benchmark` is the data it was trained on."""

    tests: Annotated[tuple[Trial, ...], Least(1)]

    def agree(self) -> None:
        """What the keys say together.

        Raises:
            Wrong: for the first that contradicts another.
        """
        check_unlike([t.test for t in self.tests], "tests")
        for number, t in enumerate(self.tests):
            check_unlike([volume.name for volume in t.volumes], f"tests[{number}].volumes")


def file_name(model: str, acceleration: float, seed: int, variant: str = "") -> str:
    """``lt-rk4_4x_seed0.json``, ``fa-rk4_4x_seed0_continuous-adjoint.json``."""
    return f"{model}_{acceleration:g}x_seed{seed}" + (f"_{variant}" if variant else "") + ".json"


def parse(content: Any, path: PathLike = "the result") -> Result | Transfer:
    """A run's result, or a transfer result, from the content of a file's JSON; the path is for messages.

    Raises:
        DataError: one sentence with the file, the key and what was expected there.
    """
    try:
        if not isinstance(content, Mapping):
            raise Wrong("its content", "a JSON object", short(content))
        number = content.get("schema", "nothing")
        if type(number) is not int or not 1 <= number <= SCHEMA:
            raise Wrong("schema", f"{SCHEMA} or 1, the numbers that this version of reconode reads", short(number))
        result: Result | Transfer = build(Transfer if "tests" in content else Result, content)
        check_finite(content)
        result.agree()
        if (number == SCHEMA or SEAL in content) and not unbroken(content):
            raise Wrong(SEAL, "the hash of all that it says", "another; restore it, or run `reconode experiment` again")
    except RecursionError:
        raise DataError(f"{path}: lists within lists without end; damaged") from None
    except Wrong as wrong:
        raise DataError(f"{path}: {wrong.key}: expected {wrong.expected}, not {wrong.came}") from None
    return result


def write(path: PathLike, result: Result | Transfer) -> None:
    """Check a result or a transfer result and write it, whole or not at all.

    Raises:
        DataError: when something in it is of another type, or not finite; nothing is written then.
        OutputError: when the file cannot be written.
    """
    content = {"schema": SCHEMA, **plain(result)}
    parse({**content, "schema": 1}, path)  # all but the hash
    try:
        text = json.dumps(seal(content), indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a result must hold what JSON can say: {error}") from error
    write_whole(path, text + "\n")


def read(path: PathLike) -> Result:
    """One run's result.

    Raises:
        DataError: for whatever is wrong with the file.
    """
    result = _parse(path)
    if not isinstance(result, Result):
        raise DataError(f"{path}: volumes: expected a run's scores; a transfer result is read with read_transfer")
    return result


def read_transfer(path: PathLike) -> Transfer:
    """One run's transfer result.

    Raises:
        DataError: for whatever is wrong with the file.
    """
    result = _parse(path)
    if not isinstance(result, Transfer):
        raise DataError(f"{path}: tests: expected a transfer result; a run's scores are read with read")
    return result


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


def _parse(path: PathLike) -> Result | Transfer:
    """What a results file holds, checked."""
    if not Path(path).is_file():  # a pipe would never come to an end
        raise DataError(f"{path}: no such results file")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error}); delete it and run `reconode experiment run` again") from error
    return parse(content, path)


def _named(path: Path, result: H) -> H:
    """The result, if its file has its name: else one run could count as two seeds."""
    if path.name != result.file_name:
        raise DataError(f"{path}: holds another run than its name says: expected the name {result.file_name}")
    return result
