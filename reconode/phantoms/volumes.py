"""Whole volumes: one knee, parallel slices, as a fastMRI file holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reconode import physics
from reconode.phantoms import acquisition
from reconode.phantoms.arguments import check_readout, check_scan, check_shape, check_view, check_whole
from reconode.phantoms.draws import Draws
from reconode.phantoms.knee import Knee
from reconode.phantoms.paint import paint
from reconode.phantoms.parallel import one_thread_each
from reconode.phantoms.plane import Plane, view
from reconode.phantoms.scan import Scan, noise_level, scan
from reconode.phantoms.tissues import PD, PDFS, contrast_values, knee_layers

BRIGHTEST = (3e-5, 1e-4)
"""Magnitude of the brightest pixel of a volume: fastMRI's are of this order."""


@dataclass(frozen=True)
class SimulatedVolume:
    """One simulated knee as fastMRI stores a volume.

    Attributes:
        kspace: complex64 ``(slices, coils, rows, width)``. Rows are the readout, twice oversampled: in image space the
            object is in the middle half of them, noise is in all. Columns outside `padding` are exactly zero.
        acquisition: 'CORPD_FBK' or 'CORPDFS_FBK'.
        padding: first and one past the last measured column.
        noise: standard deviation of the complex noise in each coil's image, in the units of `kspace`.
        pixel: mm.
        spacing: mm from slice to slice.
        seed: the number that makes this volume again.
    """

    kspace: Tensor
    acquisition: str
    padding: tuple[int, int]
    noise: float
    pixel: float
    spacing: float
    seed: int


def volume(
    seed: int,
    *,
    slices: int = 30,
    width: int = 368,
    contrast: str | None = None,
    coils: int = 1,
    noise: float | None = None,
    plane: str = "coronal",
    rows: int = 640,
    device: torch.device | str = "cpu",
) -> SimulatedVolume:
    """One knee in parallel slices: k-space with the readout twice oversampled and zeros beyond the measured columns.

    Args:
        seed: names the knee and everything about its scan.
        slices: how many; they share the way through the knee, so few are far apart.
        width: phase-encode columns, even.
        contrast: 'CORPD_FBK' or 'CORPDFS_FBK'; None draws it.
        coils: receive coils.
        noise: standard deviation as a share of the brightest pixel of the volume; None draws it.
        plane: coronal, sagittal or axial.
        rows: readout samples, twice the rows of the image.
        device: where the tensors are to be.

    Raises:
        UsageError: for an argument out of its range.
    """
    check_whole(slices, "the number of slices", 1)
    check_scan(seed, coils, contrast, noise)
    check_readout(rows)
    check_shape((rows // 2, width))
    check_view(plane)
    where = torch.device(device)
    anatomy, scanner = Draws(seed, 0), Draws(seed, 1)
    middle = view(plane, (rows // 2, width), anatomy.uniform(155, 190), anatomy, tilt=0.08)
    name = anatomy.pick((PD, PDFS))
    name = name if contrast is None else contrast
    values, knee = contrast_values(anatomy, name), Knee(anatomy)
    columns = acquisition.acquired_columns(scanner, width)
    level = noise_level(scanner, name)
    level = level if noise is None else noise
    brightest = scanner.log_uniform(*BRIGHTEST)

    places = list(_places(middle, plane, slices))

    def measure(number: int) -> Scan:
        layers = knee_layers(knee, places[number], values, Draws(seed, 3, number), where)
        image = paint(layers, places[number].fine_shape, where)
        # Phase, filters and coils are drawn anew from the same numbers for each slice: one scanner, one array.
        return scan(image, places[number], coils, columns, Draws(seed, 4), Draws(seed, 5))

    scans = one_thread_each(measure, range(slices), where)
    peak = max(physics.ifft(one.hybrid, physics.HYBRID).abs().amax() for one in scans)
    kspace = torch.empty(slices, coils, rows, width, dtype=torch.complex64, device=where)

    def finish(number: int) -> None:
        full = level * acquisition.noise(Draws(seed, 6, number), (coils, rows, width), columns, where)
        # The middle half of the readout, as fastMRI's center crop takes it.
        full[:, rows // 4 : rows // 4 + rows // 2] += scans[number].data(columns) / peak
        kspace[number] = physics.to_kspace(full) * brightest

    one_thread_each(finish, range(slices), where)
    spacing = _depth(plane) / slices
    return SimulatedVolume(kspace, name, columns, level * brightest, middle.pixel, spacing, seed)


def _depth(name: str) -> float:
    """How far, in mm, the slices of a volume reach from the first to the last."""
    return {"coronal": 92.0, "sagittal": 92.0, "axial": 110.0}[name]


def _places(middle: Plane, name: str, count: int) -> Iterator[Plane]:
    """Parallel planes through the knee, front to back, side to side, or top to bottom."""
    normal = torch.linalg.cross(middle.u, middle.v)
    center = torch.tensor({"coronal": (0.0, -5.0, 4.0), "sagittal": (0.0, -8.0, 4.0), "axial": (0.0, -8.0, 4.0)}[name])
    step = _depth(name) / count
    for number in range(count):
        away = (number - (count - 1) / 2) * step
        yield replace(middle, origin=center + away * normal, thickness=min(0.9 * step, 3.0))
