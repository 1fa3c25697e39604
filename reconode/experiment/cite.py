"""A number with all that makes it one: what was trained, how long, on which data, against what, and in which file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reconode import zoo
from reconode.errors import DataError
from reconode.experiment.rows import Row, compare
from reconode.metrics import Interval


def citation(row: Row, against: Sequence[Row] = ()) -> str:
    """What must stand beside a row's mean PSNR for another to find it, check it and weigh it; lines of text.

    Args:
        row: of one or more seeds.
        against: rows that it should be read beside, on the same knees.

    Raises:
        DataError: for rows that cannot be compared.
    """
    first, training = row.first, row.first.training
    seeds = ", ".join(str(run.seed) for run in row.runs)
    trained = f", {training.steps:,} steps, seed {seeds}" if training else ""
    volumes = f"{first.benchmark.volumes} {first.benchmark.split} volumes"
    lines = [f"{row.label}, {first.acceleration:g}x{trained}", f"PSNR {_words(row.interval('psnr'))} dB, {volumes}"]
    lines += [f"  less {other.label}: {_words(compare(row, other).difference, '+')}" for other in against]
    lines.append(f"data: benchmark {first.benchmark.name}, {first.benchmark.fingerprint}")
    commits = ", ".join(dict.fromkeys(run.commit for run in row.runs))
    lines.append(f"code: {commits}, torch {first.hardware.torch}")
    lines += [f"file: results/{first.benchmark.name}/{run.file_name}" for run in row.runs]
    return "\n".join(lines)


def provenance(name: str, acceleration: float) -> str:
    """The file of the shipped weights that made an image, and the beginning of its SHA-256.

    Args:
        name: as :func:`reconode.zoo.load` takes it.
        acceleration: of its weights.

    Raises:
        DataError: where no weights of it come with the library.
    """
    path = zoo.shipped(name, acceleration)
    if path is None:
        raise DataError(f"no weights of {name} at {acceleration:g}x come with the library")
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def _words(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.2f} [{interval.low:{sign}.2f}, {interval.high:{sign}.2f}]"
