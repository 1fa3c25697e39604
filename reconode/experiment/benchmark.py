"""The public benchmark: simulated knees by recipe, the same for everyone, since the paper's data cannot be shipped.

Training, validation and test slices come from seeds that do not meet. A fingerprint says which data a result is of.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from reconode import phantoms
from reconode.data import fastmri
from reconode.data.fastmri import Volume
from reconode.data.info import FileInfo
from reconode.data.sources import VALIDATION_SEED
from reconode.errors import UsageError
from reconode.physics import center_crop, ifft, to_kspace

TEST_SEED = 2_000_003
"""Number of the first test knee."""

PLANES = ("coronal", "coronal", "sagittal", "coronal", "coronal", "axial")
"""Of the pairs of test volumes in turn: mostly coronal, as fastMRI's knees are."""


@dataclass(frozen=True)
class Benchmark:
    """One size of the benchmark; the anatomy and the physics are the same for all.

    Training slices are the series of ``phantoms.slices(mix="broad")`` that a training's seed names, each seen once;
    validation slices the series :data:`reconode.data.sources.VALIDATION_SEED` of knees; test volumes are whole knees.

    Attributes:
        name: of the size.
        shape: rows and columns of the hybrid grid.
        volumes: test knees, half of each contrast.
        slices: of each test knee.
        validation: slices.
    """

    name: str
    shape: tuple[int, int]
    volumes: int = 40
    slices: int = 2
    validation: int = 16

    @property
    def recon(self) -> tuple[int, int]:
        """Rows and columns of the image that is scored: a square, as fastMRI's."""
        return self.shape[0], self.shape[0]

    @property
    def recipe(self) -> str:
        """Everything that decides the data, in a line."""
        rows, columns = self.shape
        return (
            f"reconode benchmark 1: {rows} x {columns}; train broad, seeds 0 to {VALIDATION_SEED - 1}; validation "
            f"{self.validation} knees, seed {VALIDATION_SEED}; test {self.volumes} x {self.slices} from knee "
            f"{TEST_SEED}; fastMRI masks, by file name"
        )

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits of the recipe and of what it makes: another phantom is another benchmark.

        Images count by the means of sixteen blocks in steps of a hundredth, so that rounding on another machine does
        not matter.
        """
        probes = [
            phantoms.slices(2, self.shape, seed=0, mix="broad").target,
            phantoms.slices(2, self.shape, seed=VALIDATION_SEED, mix="knees").target,
            *(_target(self.volume(n).kspace, self.recon) for n in (0, self.volumes - 1)),
        ]
        digest = hashlib.sha256(self.recipe.encode())
        for target in probes:
            blocks = F.adaptive_avg_pool2d((target / target.amax()).double(), 4)
            digest.update((100 * blocks).round().to(torch.int16).numpy().tobytes())
        return digest.hexdigest()[:16]

    def volume(self, number: int, noise: float | None = None) -> phantoms.SimulatedVolume:
        """Test knee `number`; with another noise where one is given (a share of the brightest pixel)."""
        rows, columns = self.shape
        contrast = ("CORPD_FBK", "CORPDFS_FBK")[number % 2]
        return phantoms.volume(
            TEST_SEED + number,
            slices=self.slices,
            width=columns,
            contrast=contrast,
            plane=PLANES[number // 2 % len(PLANES)],
            rows=2 * rows,
            noise=noise,
        )

    def test(self) -> list[Volume]:
        """The test volumes in memory: what reading their files gives."""
        return [in_memory(self, number) for number in range(self.volumes)]

    def write_test(self, folder: Path, number: int) -> Path:
        """Write a test knee as a fastMRI file, unless it is there."""
        path = folder / file_name(number)
        if not path.exists():
            made = self.volume(number)
            about = {"simulated": f"{self.recipe}; knee {number}"}
            fastmri.write(
                path,
                made.kspace[:, 0],
                acquisition=made.acquisition,
                recon=self.recon,
                padding=made.padding,
                attributes=about,
            )
        return path

    def write_slice(self, folder: Path, split: str, number: int) -> Path:
        """Write training or validation slice `number` as a fastMRI file of one slice, unless it is there."""
        path = folder / f"{split}{number:06d}.h5"
        if not path.exists():
            seed, mix = {"train": (0, "broad"), "val": (VALIDATION_SEED, "knees")}[split]
            made = phantoms.slices(1, self.shape, seed=seed, start=number, mix=mix)
            acquired = torch.nonzero(made.acquired[0]).flatten()
            fastmri.write(
                path,
                oversampled(made.hybrid)[:, 0],
                acquisition=made.contrast[0],
                recon=self.recon,
                padding=(int(acquired[0]), int(acquired[-1]) + 1),
                attributes={"simulated": f"{self.recipe}; {split} {number}"},
            )
        return path


SIZES = {
    "small": Benchmark("small", (96, 112)),
    "full": Benchmark("full", (320, 368), slices=8),
}
"""Small is for training on a CPU; the book never mixes the two in one table."""


def find(name: str) -> Benchmark:
    """A size by its name.

    Raises:
        UsageError: for an unknown one.
    """
    if name not in SIZES:
        raise UsageError(f"unknown benchmark size {name!r}: choose one of {', '.join(SIZES)}")
    return SIZES[name]


def in_memory(benchmark: Benchmark, number: int, noise: float | None = None) -> Volume:
    """Test knee `number` as reading its file gives it."""
    made = benchmark.volume(number, noise)
    return as_read(made.kspace, file_name(number), made.acquisition, benchmark.recon, made.padding)


def as_read(kspace: Tensor, name: str, acquisition: str, recon: tuple[int, int], padding: tuple[int, int]) -> Volume:
    """Fully sampled k-space ``(slices, 1, rows, columns)`` as reading a file of it gives it."""
    slices, coils, rows, columns = kspace.shape
    about = {"acquisition": acquisition}
    shape = (slices, coils, rows, columns)
    info = FileInfo(Path(name), shape, recon, fastmri.SINGLECOIL, padding, None, about)
    return Volume(info, kspace, _target(kspace, recon), None)


def file_name(number: int) -> str:
    """Of a test volume; it seeds the volume's mask, as fastMRI's file names do."""
    return f"test{number:03d}.h5"


def oversampled(hybrid: Tensor) -> Tensor:
    """K-space ``(…, 2 · rows, columns)`` whose cropped readout is these data, ``(…, rows, columns)``."""
    rows = hybrid.shape[-2]
    full = hybrid.new_zeros(*hybrid.shape[:-2], 2 * rows, hybrid.shape[-1])
    full[..., rows // 2 : rows // 2 + rows, :] = hybrid
    return to_kspace(full)


def _target(kspace: Tensor, recon: tuple[int, int]) -> Tensor:
    return torch.stack([center_crop(ifft(one), *recon).abs() for one in kspace[:, 0]])
