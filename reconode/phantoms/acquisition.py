"""What the scanner adds to the anatomy: phase, shading, coils, the band it measures, noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reconode import physics
from reconode.phantoms.draws import Draws
from reconode.phantoms.plane import Plane, enlarge_smoothly
from reconode.phantoms.shapes import Points

COARSE = 8
"""Phase, shading and coils are smooth: they are computed at every eighth pixel and interpolated with cubics."""


def coarse_shape(plane: Plane) -> tuple[int, int]:
    """Rows and columns of the grid for smooth maps."""
    return max(8, plane.shape[0] // COARSE), max(8, plane.shape[1] // COARSE)


def phase(draws: Draws, plane: Plane, device: torch.device) -> Tensor:
    """Phase of the image on the fine grid, radians: a random polynomial plus a smooth random field.

    Its range over the picture is drawn log-uniformly from 0.2 radians (nearly flat) to 25 (four wraps): B0 not quite
    uniform, the receiver's phase, a readout not quite centered.
    """
    rows, columns = plane.grid(coarse_shape(plane), device)
    scale = 2 / (plane.pixel * max(plane.shape))
    r, c = rows * scale, columns * scale
    depth = float(plane.origin @ torch.linalg.cross(plane.u, plane.v)) * scale  # neighboring slices differ a little
    a = draws.normal(11).tolist()
    slow = (a[0] + a[9] * depth) * r + (a[1] + a[10] * depth) * c
    slow = slow + 0.7 * (a[2] * r * c + a[3] * r.square() + a[4] * c.square())
    slow = slow + 0.4 * (a[5] * r * r * c + a[6] * r * c * c + a[7] * r**3 + a[8] * c**3)
    bumps = torch.zeros_like(slow)
    for _ in range(6):
        kr, kc, start = draws.uniform(-5, 5), draws.uniform(-5, 5), draws.uniform(0, 2 * math.pi)
        bumps = bumps + torch.sin(kr * r + kc * c + start) * draws.uniform()
    field = _unit_range(slow) + draws.uniform(0, 0.6) * _unit_range(bumps)
    field = _unit_range(field) * draws.log_uniform(0.2, 25.0) + draws.uniform(-math.pi, math.pi)
    return enlarge_smoothly(field, plane.fine_shape)


def _unit_range(field: Tensor) -> Tensor:
    low, high = field.min(), field.max()
    return (field - (low + high) / 2) / (high - low).clamp_min(1e-6)


def receive(draws: Draws, points: Points, coils: int, radius: float) -> Tensor:
    """Complex receive fields of loops around the leg, ``(coils, *shape)``, not normalized.

    A small loop seen from afar is a magnetic dipole; a softened one (its moment spread over the loop's radius) is close
    to the Biot-Savart field of the loop and has no pole. What the scanner receives is the part of the field across B0,
    which runs along the leg: the sensitivity is B_x - i B_y.

    Args:
        draws: random numbers.
        points: positions in mm, tensors of equal shape.
        coils: loops, on one ring, or on two when there are six or more.
        radius: mm from the axis of the leg to the loops.
    """
    x, y, z = points
    rings = 2 if coils >= 6 else 1
    fields = []
    start, softness = draws.uniform(0, 2 * math.pi), (radius * draws.uniform(0.5, 0.9)) ** 2
    for coil in range(coils):
        ring, place = coil % rings, coil // rings
        on_ring = (coils - ring + rings - 1) // rings
        angle = start + 2 * math.pi * (place + 0.5 * ring) / on_ring + draws.uniform(-0.15, 0.15)
        away = radius * draws.uniform(0.9, 1.15)
        height = ((ring - (rings - 1) / 2) * 0.9 + draws.uniform(-0.1, 0.1)) * radius
        nx, ny = math.cos(angle), math.sin(angle)
        dx, dy, dz = x - away * nx, y - away * ny, z - height
        along, distance2 = dx * nx + dy * ny, dx.square() + dy.square() + dz.square() + softness
        spread = distance2.pow(-2.5) * radius**3
        bx, by = (3 * along * dx - nx * distance2) * spread, (3 * along * dy - ny * distance2) * spread
        cable = draws.uniform(0, 2 * math.pi)
        fields.append(torch.complex(bx, -by) * complex(math.cos(cable), math.sin(cable)))
    return torch.stack(fields)


def shading(fields: Tensor, strength: float) -> Tensor:
    """Intensity shading ``(rows, columns)`` of all coils together: their root sum of squares to a power.

    Scanners correct some of it: strength 0 is all, 1 is none. About 1 in the middle of the picture.
    """
    power = fields.abs().square().sum(0).sqrt()
    return (power / power.mean()).pow(strength)


def rolloff(plane: Plane, share: float, device: torch.device) -> Tensor:
    """Fade-out at the border of the picture, over a `share` of its size, on the fine grid.

    The leg goes on beyond the picture; the receiver's filter (readout) and saturation bands (phase) keep it from
    folding back. Without the fade the two ends of the periodic picture would meet in an edge that rings.
    """
    fades = []
    for size in plane.fine_shape:
        index = torch.arange(size, device=device)
        border = (torch.minimum(index, size - 1 - index) + 0.5) / (share * size)
        fades.append(torch.sin(border.clamp_max(1) * (math.pi / 2)).square())
    return fades[0][:, None] * fades[1]


def sensitivities(fields: Tensor, shape: tuple[int, int]) -> Tensor:
    """Coil sensitivities ``(coils, *shape)`` from coarse receive fields, normalized: sum over coils |S|² = 1."""
    maps = torch.complex(*(enlarge_smoothly(part, shape) for part in (fields.real, fields.imag)))
    return maps / maps.abs().square().sum(0).sqrt().clamp_min(1e-12)


def acquired_columns(draws: Draws, width: int) -> tuple[int, int]:
    """First and one past the last phase-encode line that is measured; the others stay zero, as in fastMRI's files.

    fastMRI's scanners measured about 320 to 330 lines of 368 or 372; a fifth of the time all lines are measured.
    """
    lines = width if draws.chance(0.2) else round(width * draws.uniform(0.86, 0.98))
    left = width // 2 - lines // 2
    return left, left + lines


def band(magnitude: Tensor, phase_map: Tensor, plane: Plane, columns: tuple[int, int], window: float = 0.0) -> Tensor:
    """Hybrid-space data ``shape`` of one fine image: what the scanner's band of k-space holds of it.

    Edges are sharp on the fine grid and ring here as they do on a scanner; nothing folds back.

    Args:
        magnitude: the anatomy on the fine grid, shaded.
        phase_map: radians, same grid.
        plane: says how much finer the grid is.
        columns: the acquired phase-encode lines, first and one past the last.
        window: how much the k-space filter takes off at the edge of the band, 0 (none) to 1.
    """
    rows, width = plane.shape
    fine = torch.polar(magnitude, phase_map)
    kspace = physics.center_crop(physics.fft(fine), rows, width) / plane.factor
    if window:
        r = torch.linspace(-1, 1, rows, device=fine.device)[:, None].abs()
        c = ((torch.arange(width, device=fine.device) - width // 2) / (width / 2))[None, :].abs()
        kspace = kspace * ((1 - window * r**4) * (1 - window * c**4))
    kspace[:, : columns[0]] = 0
    kspace[:, columns[1] :] = 0
    return physics.ifft(kspace, dims=(-2,))


def noise(draws: Draws, shape: tuple[int, int, int], columns: tuple[int, int], device: torch.device) -> Tensor:
    """Complex Gaussian noise ``(coils, rows, columns)`` in hybrid space whose *image* has unit standard deviation.

    E|n|² = 1 in the image, half in each part. Unmeasured columns have none, so the measured ones have a little more.
    """
    white = draws.normal(*shape, complex_values=True)
    white[..., : columns[0]] = 0
    white[..., columns[1] :] = 0
    return (white * math.sqrt(shape[-1] / (columns[1] - columns[0]))).to(device)
