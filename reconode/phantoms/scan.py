"""One slice through the scanner: painted anatomy in, hybrid-space data out. What slices and volumes share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reconode import physics
from reconode.phantoms import acquisition
from reconode.phantoms.draws import Draws
from reconode.phantoms.plane import Plane, enlarge_smoothly
from reconode.phantoms.tissues import PD, PDFS

NOISE = (0.003, 0.06)
"""From a good scan to low field: standard deviation in the image as a share of the brightest pixel."""


@dataclass(frozen=True)
class Scan:
    """A slice without noise.

    Attributes:
        hybrid: one image as one ideal coil would measure it (shading and phase included), ``(rows, columns)``.
        sensitivities: ``(coils, rows, columns)``, None for one coil.
    """

    hybrid: Tensor
    sensitivities: Tensor | None

    def data(self, columns: tuple[int, int]) -> Tensor:
        """Each coil's data ``(coils, rows, columns)``."""
        if self.sensitivities is None:
            return self.hybrid[None]
        data = physics.fft(self.sensitivities * physics.ifft(self.hybrid, physics.HYBRID), physics.HYBRID)
        # A coil image spills a little over the band's edges, where the scanner doesn't measure.
        data[..., : columns[0]] = 0
        data[..., columns[1] :] = 0
        return data


def scan(image: Tensor, plane: Plane, coils: int, columns: tuple[int, int], scanner: Draws, array: Draws) -> Scan:
    """Shade, add phase, and keep the band of k-space that the scanner measures.

    Args:
        image: magnitude on the fine grid.
        plane: where it lies.
        coils: receive coils; a single one is shaded as an array of eight is, since single-coil data sets are.
        columns: first and one past the last measured column.
        scanner: random numbers for phase and filters.
        array: random numbers for the coils. A volume gives every slice the same ones of both.
    """
    points = plane.points(acquisition.coarse_shape(plane), image.device)
    fields = acquisition.receive(array, points, coils if coils > 1 else 8, array.uniform(75, 130))[:, 0]
    shade = enlarge_smoothly(acquisition.shading(fields, array.uniform(0.4, 1.8)), plane.fine_shape).clamp_min_(0)
    window = scanner.uniform(0.2, 0.8) if scanner.chance(0.4) else 0.0
    shade *= acquisition.rolloff(plane, scanner.uniform(0.004, 0.02), image.device)
    hybrid = acquisition.band(image * shade, acquisition.phase(scanner, plane, image.device), plane, columns, window)
    return Scan(hybrid, acquisition.sensitivities(fields, plane.shape) if coils > 1 else None)


def noise_level(draws: Draws, contrast: str) -> float:
    """Standard deviation as a share of the brightest pixel, log-uniform; fat suppression leaves less signal."""
    low = 0.008 if contrast == PDFS else NOISE[0]
    high = 0.04 if contrast == PD else NOISE[1]
    return draws.log_uniform(low, high)


def root_sum_of_squares(hybrid: Tensor) -> Tensor:
    """Magnitude image ``(..., rows, columns)`` of hybrid-space data ``(..., coils, rows, columns)``."""
    return physics.ifft(hybrid, physics.HYBRID).abs().square().sum(-3).sqrt()


def column_mask(columns: tuple[int, int], width: int, device: torch.device) -> Tensor:
    """True for the measured columns."""
    index = torch.arange(width, device=device)
    return (index >= columns[0]) & (index < columns[1])
