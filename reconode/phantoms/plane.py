"""Where a slice lies: a plane through the anatomy, and the grids on which it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.shapes import Points

# Rows run along the first vector, columns along the second, as one looks at such images: head up, front up or left.
VIEWS = {
    "coronal": ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0)),
    "sagittal": ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0)),
    "axial": ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0)),
}


@dataclass(frozen=True)
class Plane:
    """A slice of given thickness.

    Three grids share it. The image has `shape` pixels. Tissue is painted on a *fine* grid with `factor` times as many
    pixels in each direction, from which the scanner's band is cut in k-space. The distances that bound the tissue are
    computed on a grid half as fine as that and interpolated: a distance is smooth even where the image has an edge, so
    this loses nothing that can be seen and saves three quarters of the geometry.
    """

    shape: tuple[int, int]
    origin: Tensor  # (3,), mm, the center of the image
    u: Tensor  # (3,), unit vector down the rows
    v: Tensor  # (3,), unit vector along the columns
    pixel: float  # mm
    thickness: float  # mm

    @property
    def factor(self) -> int:
        """Twice finer, or four times when pixels are so coarse that thin layers would slip between the points."""
        return 2 if self.pixel < 0.9 else 4

    @property
    def fine_shape(self) -> tuple[int, int]:
        return self.shape[0] * self.factor, self.shape[1] * self.factor

    @property
    def edge(self) -> float:
        """Width in mm of the ramp that anti-aliases an edge on the fine grid."""
        return 1.2 * self.pixel / self.factor

    def grid(self, shape: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Positions in mm down the rows ``(rows, 1)`` and along the columns ``(1, columns)`` of another grid."""
        axes = []
        for size, pixels in zip(shape, self.shape, strict=True):
            # Pixel i of the image is at i, the zero at pixels // 2, as for the Fourier transform; fine pixel f is at
            # f / factor, so the band cut in k-space keeps it in place; other grids are centered on the fine pixels.
            index = (torch.arange(size, device=device) + 0.5) * (pixels / size) - 0.5 / self.factor
            axes.append((index - pixels // 2) * self.pixel)
        return axes[0][:, None], axes[1][None, :]

    def points(self, shape: tuple[int, int], device: torch.device, offsets: tuple[float, ...] = (0.0,)) -> Points:
        """World coordinates ``(offsets, *shape)`` on a grid, in planes `offsets` mm in front of the slice's middle."""
        rows, columns = self.grid(shape, device)
        normal = torch.linalg.cross(self.u, self.v)
        away = torch.tensor(offsets, device=device)[:, None, None]
        x, y, z = (
            away * float(normal[i]) + rows * float(self.u[i]) + columns * float(self.v[i]) + float(self.origin[i])
            for i in range(3)
        )
        return x, y, z

    def middle_points(self, device: torch.device) -> Points:
        """Points for distances, ``(1, rows, columns)``, in the middle of the slice."""
        step = 2
        while self.pixel / self.factor * step < 0.3:  # in a small field of view, half a millimeter is fine enough
            step *= 2
        return self.points((self.fine_shape[0] // step, self.fine_shape[1] // step), device)

    def side_points(self, device: torch.device) -> Points:
        """A few points ``(2, rows, columns)`` in two planes, a quarter of the thickness off the middle."""
        shape = max(16, self.fine_shape[0] // 8), max(16, self.fine_shape[1] // 8)
        return self.points(shape, device, (-self.thickness / 4, self.thickness / 4))

    def coverage(self, middle: Tensor, sides: Tensor) -> Tensor:
        """How deep inside a shape each point is, in widths of its edge: the share of the slice that is in it, less ½.

        An edge is as wide as the slice is thick times the distance's slope through the slice (partial volume: an
        oblique surface is blurred, a perpendicular one is sharp), and never narrower than the fine grid can carry.
        The slope changes slowly, so few points at the sides of the slice are enough.

        Args:
            middle: distance in mm at :meth:`middle_points`.
            sides: distance in mm at :meth:`side_points`.
        """
        width = (sides[0] - sides[1]).abs_().mul_(2).add_(self.edge)
        return middle[0].neg().div_(enlarge(width, (middle.shape[-2], middle.shape[-1])))


def enlarge(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A map, or a stack ``(..., rows, columns)`` of them, interpolated linearly to `shape` points over its area."""
    if tuple(values.shape[-2:]) == tuple(shape):
        return values.clone()
    stack = values.reshape(1, -1, *values.shape[-2:])
    return torch.nn.functional.interpolate(stack, size=shape, mode="bilinear").reshape(*values.shape[:-2], *shape)


def enlarge_smoothly(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """The same with cubics, for smooth maps on a coarse grid: two small matrix products, R values Cᵀ."""
    rows, columns = (_cubic(old, new, values.device) for old, new in zip(values.shape[-2:], shape, strict=True))
    return rows @ values @ columns.T


def _cubic(old: int, new: int, device: torch.device) -> Tensor:
    """The matrix ``(new, old)`` that interpolates `old` points to `new` ones with cubics."""
    identity = torch.eye(old, device=device)[None, None]
    return torch.nn.functional.interpolate(identity, size=(new, old), mode="bicubic")[0, 0]


def view(
    name: str, shape: tuple[int, int], field_of_view: float, draws: Draws, *, tilt: float = 0.1, free: bool = False
) -> Plane:
    """A plane of the named view through the middle of the anatomy, tilted at random.

    Args:
        name: coronal, sagittal or axial.
        shape: image pixels.
        field_of_view: mm along the longer side; pixels are square.
        draws: random numbers.
        tilt: radians by which the plane may be off.
        free: any of the eight ways to lay an image down (transposed, flipped), and any rotation in plane.
    """
    u, v = (torch.tensor(vector) for vector in VIEWS[name])
    turn = draws.rotation(tilt)
    u, v = turn @ u, turn @ v
    if free:
        angle = torch.tensor(draws.pick([0.0, 0.0, draws.uniform(-3.2, 3.2)]))
        u, v = torch.cos(angle) * u + torch.sin(angle) * v, torch.cos(angle) * v - torch.sin(angle) * u
        if draws.chance(0.5):
            u, v = v, u
        u, v = (u if draws.chance(0.5) else -u), (v if draws.chance(0.5) else -v)
    return Plane(shape, torch.zeros(3), u, v, field_of_view / max(shape), draws.uniform(1.5, 4.0))
