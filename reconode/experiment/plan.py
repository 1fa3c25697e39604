"""What the experiment trains: jobs, one for each row of a table and seed, and the plan that all of them share."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from reconode import zoo
from reconode.data import fastmri
from reconode.data.fastmri import Volume
from reconode.data.sources import SIMULATED, split
from reconode.errors import DataError, UsageError
from reconode.experiment.benchmark import Benchmark
from reconode.runs import BEST, Settings
from reconode.storage.whole import read_json

RATES = (2e-3, 4e-3, 8e-3)
"""The learning rates that the search tries for each family."""

REPRESENTATIVES = {
    "U-Net": "unet",
    "KIKI-Net": "kiki-net",
    "D5C5": "d5c5",
    "fixed solver": "ft-euler",
    "learned solver": "lt-rk2",
    "continuous adjoint": "fa-euler-continuous",
}
"""Whose search decides for a family; wrong gradients want a rate of their own."""


TABLE = "table"
"""What the library's weights of Table 1's own trainings, which have no variant, have in their name."""


@dataclass(frozen=True)
class Job:
    """One row of a table: a model at an acceleration, from one seed.

    Attributes:
        model: its name in the zoo.
        acceleration: of the masks.
        seed: of weights, data and masks.
        variant: "" for a table's row; else a word for what is different, such as "short" for fewer steps.
    """

    model: str
    acceleration: float = 4
    seed: int = 0
    variant: str = ""

    @property
    def name(self) -> str:
        """Of its files and its folder."""
        end = f"_{self.variant}" if self.variant else ""
        return f"{self.model}_{self.acceleration:g}x_seed{self.seed}{end}"

    @property
    def weights(self) -> str:
        """The name by which :func:`reconode.zoo.load` knows its weights: "table" where there is no variant."""
        return f"{self.model}_{self.variant or TABLE}"


@dataclass(frozen=True)
class Plan:
    """What all jobs of a table share.

    Attributes:
        benchmark: the data's size; its name is "fastmri" for a folder of real data.
        out: folder of the trainings.
        results: folder of the results files.
        steps: of each training; with the batch size, what every row sees.
        data: "simulated", or a folder of volumes, fastMRI's.
        batch_size: slices, or slabs of slices, a step.
        rows: height of the slabs; None trains on whole slices.
        precision: of the convolutions, as Accelerate names it.
        device: "cpu", "cuda", ...
        rate: learning rate; None takes what the search found.
        start: variant of the 4x trainings whose weights each of these trainings starts from, seed by seed; "" are the
            table's own, None starts from random weights.
        mix: of simulated anatomy to train on; None is the table's.
        keeps: whether simulated slices stay on the disk for the next training on the same ones; None is on a CPU only,
            since a long training at full size would fill a disk (1.4 MB a slice).
        mixed: accelerations whose masks are mixed in training: one training, tested at each of them; () trains one for
            each.
        path: weight of the states before the last in the loss (:mod:`reconode.path`); 0 leaves them free.
    """

    benchmark: Benchmark
    out: Path
    results: Path
    steps: int
    data: str = SIMULATED
    batch_size: int = 4
    rows: int | None = None
    precision: str = "no"
    device: str = "cpu"
    rate: float | None = None
    start: str | None = None
    mix: str | None = None
    keeps: bool | None = None
    mixed: tuple[float, ...] = ()
    path: float = 0.0

    @property
    def name(self) -> str:
        """Of the table that the results belong to."""
        return self.benchmark.name if self.data == SIMULATED else "fastmri"

    def folder(self, job: Job) -> Path:
        """Where a job's training is; jobs that differ only in one of the mixed accelerations share one."""
        return self.out / (replace(job, acceleration=self.mixed[0]) if self.mixed else job).name

    def best(self, job: Job) -> Path:
        """A job's best weights; where its training is not here, of seed 0 those that come with the library."""
        file = self.folder(job) / BEST
        there = zoo.shipped(job.weights, job.acceleration) if job.seed == 0 and not file.exists() else None
        return there or file

    def result(self, job: Job) -> Path:
        """A job's results file."""
        return self.results / self.name / f"{job.name}.json"

    def done(self, job: Job) -> bool:
        """Whether a job has its results file; an empty one is what a crashed machine leaves."""
        return self.result(job).is_file() and self.result(job).stat().st_size > 0

    def origin(self, job: Job) -> Job | None:
        """The training whose weights a job starts from."""
        return None if self.start is None else Job(job.model, 4, job.seed, self.start)

    def settings(self, job: Job) -> Settings:
        """Of a job's training."""
        found = self.learning_rate(job.model) if self.rate is None else self.rate
        lower = [rate for rate in (found, *RATES) if rate < min(self.diverged(job), default=math.inf)]
        return self.with_rate(job, max((rate for rate in lower if rate <= found), default=min(RATES)))

    def diverged(self, job: Job) -> list[float]:
        """Learning rates at which this very training diverged."""
        path = self.folder(job) / DIVERGED
        rates = read_json(path) if path.exists() else []
        if not isinstance(rates, list) or not all(isinstance(rate, float) for rate in rates):
            raise DataError(f"{path}: expected a list of learning rates; remove it, or restore it")
        return rates

    def with_rate(self, job: Job, rate: float) -> Settings:
        """Of a job's training with a learning rate of one's choice."""
        rows = None if job.model in WHOLE else self.rows
        keeps = self.device == "cpu" if self.keeps is None else self.keeps
        # As many rows for each model: slabs are lower, so there are more of them.
        steps = self.steps if rows or not self.rows else self.steps * self.rows // self.benchmark.shape[0]
        return Settings(
            job.model,
            acceleration=self.mixed[0] if self.mixed else job.acceleration,
            also=self.mixed[1:],
            data=self.data,
            steps=steps,
            batch_size=self.batch_size,
            learning_rate=rate,
            warmup=0,  # RAdam starts slowly by itself
            seed=job.seed,
            size=self.benchmark.shape,
            mix=self.mix or "broad",
            rows=rows,
            precision=self.precision,
            validation=self.benchmark.validation,
            validate_every=max(1, steps // 8),
            keep=str(self.kept) if self.data == SIMULATED and keeps else None,
            init=None if (origin := self.origin(job)) is None else origin.name,
            path=self.path,
        )

    @property
    def kept(self) -> Path:
        """Where simulated slices stay."""
        return self.out / "slices"

    @property
    def processor(self) -> str | None:
        """For :func:`reconode.train.train`: None is the GPU."""
        return "cpu" if self.device == "cpu" else None

    @property
    def fingerprint(self) -> str:
        """Of the test data."""
        if self.data == SIMULATED:
            return self.benchmark.fingerprint
        names = ",".join(path.name for path in split(Path(self.data))[1])
        return hashlib.sha256(names.encode()).hexdigest()[:16]

    def test(self) -> Iterator[Volume]:
        """The test volumes one after the other; of real data the validation set, as in the paper."""
        if self.data == SIMULATED:
            yield from _test_volumes(self.benchmark)
        else:  # fastMRI's do not fit into memory together
            yield from map(fastmri.read, split(Path(self.data))[1])

    def learning_rate(self, model: str) -> float:
        """What the search found for the model's family.

        Raises:
            UsageError: before the search.
        """
        path = self.results / self.name / RATES_FILE
        if not path.exists():
            raise UsageError(f"{path}: no learning rates there yet; run `reconode experiment search` first")
        said = read_json(path)
        rate = (
            said["chosen"].get(family(model)) if isinstance(said, dict) and isinstance(said.get("chosen"), dict) else 0
        )
        if not isinstance(rate, int | float) or not 0 < rate < math.inf:
            raise DataError(f"{path}: no rate for {family(model)!r} under 'chosen'; remove it, and search again")
        return float(rate)


@lru_cache(maxsize=1)
def _test_volumes(benchmark: Benchmark) -> list[Volume]:
    """Made once, however many rows are scored on them."""
    return benchmark.test()


WHOLE = ("unet", "kiki-net")
"""Trained on whole slices always: one normalizes over the image, the other convolves k-space."""

TIE = 0.1
"""Rates whose scores differ by less, in dB, are tied; the lower is taken, which bears a longer training better."""

RATES_FILE, DIVERGED = "learning_rates.json", "diverged.json"

TABLE1 = [
    "zero-filled",
    "tv",
    "wavelet",
    "unet",
    "kiki-net",
    "d5c5",
    *(f"fa-{solver}-continuous" for solver in ("euler", "rk2", "rk4")),
    *(f"{how}-{solver}" for how in ("ft", "lt") for solver in ("euler", "rk2", "rk4")),
    "neural-ode",
]
"""The rows. FA by the discrete adjoint is FT, gradient for gradient; FA's rows are the continuous adjoint's."""


def jobs(models: Sequence[str], accelerations: Sequence[float], seeds: Sequence[int], variant: str = "") -> list[Job]:
    """All combinations, each once; a classical method has no seeds."""
    found = [
        Job(model, acceleration, seed if zoo.find(model).learned else 0, variant)
        for acceleration in accelerations
        for seed in seeds
        for model in models
    ]
    return list(dict.fromkeys(found))


def family(model: str) -> str:
    """Which search decides for a model: the one of :data:`REPRESENTATIVES` that its zoo's entry names."""
    searched = zoo.find(model).searched_with or model
    return next(name for name, representative in REPRESENTATIVES.items() if representative == searched)
