"""Low signal: knees as a raw scan of one coil may have them, with much noise and a phase that turns fast.

Fat is suppressed, so that there is little but muscle and fluid; noise is 3, 5 or 8 per cent of the brightest pixel; the
echo is 8 to 20 samples off the middle of the readout, which turns the phase as often along the rows, and a smooth phase
of up to a turn is on top of the phantoms' own. The noise and the suppressed fat are within what training has; the
readout's phase is not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

from reconode import phantoms
from reconode.data.fastmri import Volume
from reconode.experiment import changes
from reconode.experiment.benchmark import Benchmark, as_read, oversampled
from reconode.physics import to_hybrid

NOISES = (0.03, 0.05, 0.08)
"""Standard deviations as shares of the brightest pixel."""

SEED, VALIDATION_SEED = 3_000_003, 3_500_003
"""Numbers of the first test knee and of the first for validation; no other series has them."""

ECHO, SMOOTH = (8.0, 20.0), (0.0, 1.0)
"""Turns along the readout, and across the image."""

PLANES = ("coronal", "sagittal", "axial")


@dataclass(frozen=True)
class Knee:
    """One knee of low signal, a volume of one slice.

    Attributes:
        benchmark: the size.
        number: of the knee.
        noise: standard deviation as a share of the brightest pixel.
        seed: number of the series' first knee.
        echo: turns along the readout; None draws them.
        smooth: turns of smooth phase across the image; None draws them.
    """

    benchmark: Benchmark
    number: int
    noise: float
    seed: int = SEED
    echo: float | None = None
    smooth: float | None = None

    @cached_property
    def turns(self) -> tuple[float, float]:
        """Of smooth phase, and along the readout."""
        chance = random.Random(self.seed + self.number)
        echo = chance.choice((-1, 1)) * chance.uniform(*ECHO)
        smooth = chance.choice((-1, 1)) * chance.uniform(*SMOOTH)
        return (smooth if self.smooth is None else self.smooth), (echo if self.echo is None else self.echo)

    def scan(self) -> Volume:
        """As a scanner gives it: its target is the magnitude of all its data, noise and all, as fastMRI's."""
        return self._measured(self.noise)

    def against_clean(self) -> Volume:
        """The same data with the image without noise for a target."""
        noisy, clean = self.scan(), self._measured(0.0)
        return Volume(noisy.info, noisy.kspace, clean.target, None)

    def _measured(self, noise: float) -> Volume:
        quiet = self._quiet
        loud = self._made(noise) if noise else quiet
        first, past = quiet.padding
        hybrid = changes.turned(to_hybrid(quiet.kspace, self.benchmark.shape[0]), *self.turns)
        hybrid[..., :first] = 0  # the phase is the object's, and the scanner measures a band of it
        hybrid[..., past:] = 0
        kspace = oversampled(hybrid) + (loud.kspace - quiet.kspace)
        name = f"low{self.number:03d}.h5"
        return as_read(kspace, name, quiet.acquisition, self.benchmark.recon, quiet.padding)

    @cached_property
    def _quiet(self) -> phantoms.SimulatedVolume:
        return self._made(0.0)

    def _made(self, noise: float) -> phantoms.SimulatedVolume:
        rows, columns = self.benchmark.shape
        return phantoms.volume(
            self.seed + self.number,
            slices=1,
            width=columns,
            contrast=phantoms.PDFS,
            plane=PLANES[self.number % len(PLANES)],
            rows=2 * rows,
            noise=noise,
        )


def knees(benchmark: Benchmark, noise: float, count: int, seed: int = SEED) -> list[Knee]:
    """The first of a series; with :data:`VALIDATION_SEED` those to choose by."""
    return [Knee(benchmark, number, noise, seed) for number in range(count)]
