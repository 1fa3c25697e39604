"""Does it transfer? Trained models on what they were not trained for: real anatomy, and one thing changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from torch import nn

from reconode import evaluate, masks, metrics, phantoms, zoo
from reconode.data import fastmri
from reconode.data.fastmri import Volume
from reconode.experiment import low_signal, record, results
from reconode.experiment.benchmark import TEST_SEED, Benchmark, as_read, in_memory, oversampled
from reconode.experiment.changes import with_phase
from reconode.experiment.plan import Job, Plan
from reconode.experiment.results import Scored, ScoredSlice, Transfer, Trial

KNEES = 8
"""Simulated volumes a test: the first ones of the benchmark's test set, changed."""

NOISES = (0.0, 0.01, 0.03, 0.06)
"""Standard deviation as a share of the brightest pixel; training has from 0.003 to 0.06."""

WRAPS = (1.0, 3.0)
"""Turns of extra phase from one edge of the image to the other."""


@dataclass(frozen=True)
class Test:
    """One test: what it changes, in words, how its volumes are made, and how they are undersampled."""

    name: str
    group: str
    label: str
    make: Callable[[], list[Volume]]
    acceleration: float
    mask: str = "random"

    @cached_property
    def volumes(self) -> list[Volume]:
        """Made when they are asked for."""
        return self.make()


def tests(benchmark: Benchmark, acceleration: float, real: Path | None) -> Iterator[Test]:
    """Every test in order; real volumes without a target are left out, since nothing can be scored there."""
    for path in fastmri.volumes(real) if real is not None else []:
        info = fastmri.inspect(path)
        if info.target is not None and info.mask is None:
            yield Test(path.stem, "real", path.stem, partial(file, path), acceleration)

    @cache
    def knees() -> list[Volume]:
        return [in_memory(benchmark, number) for number in range(KNEES)]

    def turned(turns: float) -> list[Volume]:
        return [with_phase(volume, turns) for volume in knees()]

    def noisy(noise: float) -> list[Volume]:
        return [in_memory(benchmark, number, noise=noise) for number in range(KNEES)]

    yield Test("as-trained", "noise", "noise as trained", knees, acceleration)
    for noise in NOISES:
        yield Test(f"noise-{noise:g}", "noise", f"noise {100 * noise:g} %", partial(noisy, noise), acceleration)
    for turns in WRAPS:
        label = f"phase, {turns:g} turn{'s' * (turns > 1)} more"
        yield Test(f"phase-{turns:g}", "phase", label, partial(turned, turns), acceleration)
    yield Test("heads", "anatomy", "heads", lambda: other(benchmark, "head"), acceleration)
    yield Test("shapes", "anatomy", "overlapping shapes", lambda: other(benchmark, "shapes"), acceleration)
    yield Test("equispaced", "mask", "equispaced mask", knees, acceleration, "equispaced")
    for factor in (2.0, 4.0, 6.0, 8.0):
        if factor != acceleration:
            yield Test(f"{factor:g}x", "acceleration", f"{factor:g}x", knees, factor)
    rows, columns = benchmark.shape
    finer = Benchmark(benchmark.name, (rows * 3 // 2, columns * 3 // 2), benchmark.volumes, benchmark.slices)
    yield Test(
        "finer",
        "resolution",
        "pixels two thirds as wide",
        lambda: [in_memory(finer, number) for number in range(KNEES)],
        acceleration,
    )
    for noise in low_signal.NOISES:
        for name, label, against in LOW:
            made = partial(low, benchmark, noise, against)
            yield Test(f"low-{noise:g}{name}", "low signal", f"{100 * noise:g} %, {label}", made, acceleration)


def file(path: Path) -> list[Volume]:
    """A file's volume."""
    return [fastmri.read(path)]


LOW = (("", "as scanned", low_signal.Knee.scan), ("-clean", "clean", low_signal.Knee.against_clean))
"""What low signal is scored against: the image of all data with its noise, as fastMRI does, or the image without."""


def low(benchmark: Benchmark, noise: float, against: Callable[[low_signal.Knee], Volume]) -> list[Volume]:
    """Knees of low signal."""
    return [against(knee) for knee in low_signal.knees(benchmark, noise, KNEES)]


def run(plan: Plan, job: Job, real: Path | None) -> bool:
    """Do the tests that a model's transfer file lacks; False when it lacks none. What it has already is kept."""
    found = results.read_transfer(path(plan, job)).tests if path(plan, job).exists() else ()
    done = {trial.test for trial in found}
    order = list(tests(plan.benchmark, job.acceleration, real))
    lacking = [test for test in order if test.name not in done]
    if not lacking:
        return False
    model = zoo.load(job.model, job.acceleration, file=plan.best(job) if zoo.find(job.model).learned else None)
    if isinstance(model, nn.Module):
        model = model.to(plan.device)
    trials = [*found, *(trial(model, test, plan.device) for test in lacking)]
    place = [test.name for test in order]
    trials.sort(key=lambda t: place.index(t.test) if t.test in place else -1)
    results.write(path(plan, job), Transfer(**record.head(plan, job), tests=tuple(trials)))
    return True


def trial(model: zoo.Model, test: Test, device: str) -> Trial:
    """A test's scores; of real volumes their slices' too."""
    volumes: list[Scored] = []
    slices: list[ScoredSlice] = []
    for volume in test.volumes:
        mask = masks.draw(test.mask, volume.width, test.acceleration, seed=volume.name)
        image, scores = evaluate.reconstruct_and_score(model, volume, mask, device=device)
        volumes.append(Scored(volume.name, volume.info.acquisition, **scores.as_dict()))
        if test.group == "real":
            assert volume.target is not None
            pairs = ((x[None], t[None]) for x, t in zip(image, volume.target, strict=True) if t.max() > 0)
            slices += [ScoredSlice(**metrics.scores(x, t).as_dict()) for x, t in pairs]
    return Trial(test.name, test.group, test.label, tuple(volumes), test.acceleration, test.mask, tuple(slices))


def path(plan: Plan, job: Job) -> Path:
    """Where a job's transfer file is."""
    return plan.results / plan.name / "transfer" / f"{job.name}.json"


def other(benchmark: Benchmark, kind: str, count: int = KNEES) -> list[Volume]:
    """Slices of another anatomy, each a volume of one, from a series that no training sees."""
    found: list[Volume] = []
    start = 0
    while len(found) < count:
        made = phantoms.slices(1, benchmark.shape, seed=TEST_SEED, start=start, mix="broad")
        if kind in made.kind[0]:
            kspace = oversampled(made.hybrid)
            name, whole = f"{kind}{start:04d}.h5", (0, kspace.shape[-1])
            found.append(as_read(kspace, name, made.contrast[0], benchmark.recon, whole))
        start += 1
    return found
