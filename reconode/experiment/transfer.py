"""Does it transfer? Trained models on what they were not trained for: real anatomy, and one thing changed at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from reconode import evaluate, masks, metrics, phantoms, zoo
from reconode.data import fastmri
from reconode.data.fastmri import Volume
from reconode.experiment import record, results
from reconode.experiment.benchmark import TEST_SEED, Benchmark, as_read, in_memory, oversampled
from reconode.experiment.plan import Job, Plan
from reconode.experiment.results import Scored, ScoredSlice, Transfer, Trial
from reconode.physics import HYBRID, fft, ifft
from reconode.runs import BEST

KNEES = 8
"""Simulated volumes a test: the first ones of the benchmark's test set, changed."""

NOISES = (0.0, 0.01, 0.03, 0.06)
"""Standard deviation as a share of the brightest pixel; training has from 0.003 to 0.06."""

WRAPS = (1.0, 3.0)
"""Turns of extra phase from one edge of the image to the other."""


@dataclass(frozen=True)
class Test:
    """One test: what it changes, in words, its volumes and how they are undersampled."""

    name: str
    group: str
    label: str
    volumes: list[Volume]
    acceleration: float
    mask: str = "random"


def tests(benchmark: Benchmark, acceleration: float, real: Path | None) -> Iterator[Test]:
    """Every test in order; real volumes without a target are left out, since nothing can be scored there."""
    for path in fastmri.volumes(real) if real is not None else []:
        volume = fastmri.read(path)
        if volume.target is not None and volume.mask is None:
            yield Test(path.stem, "real", path.stem, [volume], acceleration)
    knees = [in_memory(benchmark, number) for number in range(KNEES)]
    yield Test("as-trained", "noise", "noise as trained", knees, acceleration)
    for noise in NOISES:
        noisy = [in_memory(benchmark, number, noise=noise) for number in range(KNEES)]
        yield Test(f"noise-{noise:g}", "noise", f"noise {100 * noise:g} %", noisy, acceleration)
    for turns in WRAPS:
        turned = [with_phase(volume, turns) for volume in knees]
        yield Test(f"phase-{turns:g}", "phase", f"phase, {turns:g} turn{'s' * (turns > 1)} more", turned, acceleration)
    yield Test("heads", "anatomy", "heads", other(benchmark, "head"), acceleration)
    yield Test("shapes", "anatomy", "overlapping shapes", other(benchmark, "shapes"), acceleration)
    yield Test("equispaced", "mask", "equispaced mask", knees, acceleration, "equispaced")
    for factor in (2.0, 4.0, 6.0, 8.0):
        if factor != acceleration:
            yield Test(f"{factor:g}x", "acceleration", f"{factor:g}x", knees, factor)
    rows, columns = benchmark.shape
    finer = Benchmark(benchmark.name, (rows * 3 // 2, columns * 3 // 2), benchmark.volumes, benchmark.slices)
    fine = [in_memory(finer, number) for number in range(KNEES)]
    yield Test("finer", "resolution", "pixels two thirds as wide", fine, acceleration)


def run(plan: Plan, job: Job, real: Path | None) -> bool:
    """Test a trained model and write its transfer file; False when it is there already."""
    if path(plan, job).exists():
        return False
    file = plan.folder(job) / BEST if zoo.find(job.model).learned else None
    model = zoo.load(job.model, job.acceleration, file=file)
    if isinstance(model, nn.Module):
        model = model.to(plan.device)
    trials = [trial(model, test, plan.device) for test in tests(plan.benchmark, job.acceleration, real)]
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


def with_phase(volume: Volume, turns: float, readout: float = 0.0) -> Volume:
    """The volume with so many turns of phase more, smooth and along the readout; magnitudes stay as they are."""
    return Volume(volume.info, oversampled(turned(volume.hybrid, turns, readout)), volume.target, None)


def turned(hybrid: Tensor, turns: float, readout: float = 0.0) -> Tensor:
    """Data ``(…, rows, columns)`` in hybrid space, their image with more phase.

    Args:
        hybrid: the data.
        turns: of smooth phase, from edge to edge.
        readout: turns of a ramp from the first row to the last: by how many samples the echo is off the middle of the
            readout.
    """
    rows, columns = hybrid.shape[-2:]
    r, c = torch.meshgrid(torch.linspace(-0.5, 0.5, rows), torch.linspace(-0.5, 0.5, columns), indexing="ij")
    phase = 2 * math.pi * turns * (c + 0.7 * r + 1.5 * (c.square() - r * c)) + 2 * math.pi * readout * r
    return fft(ifft(hybrid, HYBRID) * torch.polar(torch.ones_like(phase), phase), HYBRID)


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
