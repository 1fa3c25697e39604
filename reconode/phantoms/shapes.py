"""Signed distances in millimeters: negative inside, positive outside. What anatomy is cut from.

Coordinates: x to the patient's side (lateral positive), y forward (anterior), z up along the leg (superior). A point
set is a tuple (x, y, z) of equal tensors, and every function here is elementwise, so any shape will do.

The primitives and the smooth blends follow the well-known formulas of implicit modeling (I. Quilez, "distance
functions", iquilezles.org); those of ellipsoid and flat capsule are approximations, exact near the surface to first
order, which is where they are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws

Points = tuple[Tensor, Tensor, Tensor]
Vector = tuple[float, float, float]


def ellipsoid(p: Points, center: Vector, radii: Vector) -> Tensor:
    """Distance to an ellipsoid with axes along x, y, z."""
    x, y, z = ((c - m).div_(r) for c, m, r in zip(p, center, radii, strict=True))
    norm = x.square().addcmul_(y, y).addcmul_(z, z).sqrt_()
    rx, ry, rz = (1 / r**2 for r in radii)
    slope = x.square_().mul_(rx).addcmul_(y, y, value=ry).addcmul_(z, z, value=rz).sqrt_().clamp_min_(1e-6)
    return (norm - 1).mul_(norm).div_(slope)


def capsule(p: Points, a: Vector, b: Vector, radius: float, end: float | None = None, flat: float = 1.0) -> Tensor:
    """Distance to a rod from a to b, its radius going from `radius` to `end`.

    ``flat`` makes it a band: the rod is `flat` times as wide in x, or for flat < 1 times 1/flat as wide in y.

    Most of the time that a knee takes goes into this function, hence the operations in place.
    """
    stretch = (1 / flat, 1.0, 1.0) if flat >= 1 else (1.0, flat, 1.0)
    end = radius if end is None else end
    axis = [(q - o) * s for o, q, s in zip(a, b, stretch, strict=True)]
    length2 = sum(c * c for c in axis)
    x, y, z = ((c - o).mul_(s) if s != 1 else c - o for c, o, s in zip(p, a, stretch, strict=True))
    u, v, w = (c / length2 for c in axis)
    t = (x * u).add_(y, alpha=v).add_(z, alpha=w).clamp_(0, 1)  # where along the rod the nearest point is
    for away, along in zip((x, y, z), axis, strict=True):
        away.sub_(t, alpha=along)
    distance = x.square_().addcmul_(y, y).addcmul_(z, z).sqrt_()
    return distance.sub_(t, alpha=end - radius).sub_(radius) if end != radius else distance.sub_(radius)


def path(p: Points, points: list[Vector], radius: float, end: float | None = None, flat: float = 1.0) -> Tensor:
    """Distance to a bent rod through `points`."""
    end = radius if end is None else end
    pieces = len(points) - 1
    radii = [radius + (end - radius) * i / pieces for i in range(pieces + 1)]
    distance = capsule(p, points[0], points[1], radii[0], radii[1], flat)
    for i in range(1, pieces):
        distance = torch.minimum(distance, capsule(p, points[i], points[i + 1], radii[i], radii[i + 1], flat))
    return distance


def union(a: Tensor, b: Tensor, blend: float = 0.0) -> Tensor:
    """Both shapes, their seam filled over `blend` mm."""
    if blend == 0:
        return torch.minimum(a, b)
    h = ((a - b).abs_().neg_().add_(blend)).clamp_min_(0)
    return torch.minimum(a, b) - h.square_().mul_(0.25 / blend)


def intersect(a: Tensor, b: Tensor, blend: float = 0.0) -> Tensor:
    """What is in both, the edge rounded over `blend` mm."""
    if blend == 0:
        return torch.maximum(a, b)
    h = ((a - b).abs_().neg_().add_(blend)).clamp_min_(0)
    return torch.maximum(a, b) + h.square_().mul_(0.25 / blend)


def subtract(a: Tensor, b: Tensor, blend: float = 0.0) -> Tensor:
    """What is in a but not in b."""
    return intersect(a, -b, blend)


def sparsely(function: Callable[[Points], Tensor], p: Points, spacing: float, wanted: float) -> Tensor:
    """A smooth function of points ``(..., rows, columns)``, computed about every `wanted` mm and interpolated between.

    Args:
        function: points to ``(channels, ..., rows, columns)``.
        p: points on a regular grid.
        spacing: mm between them.
        wanted: mm over which the function is as good as linear.
    """
    step = int(wanted / spacing)
    if step < 2:
        return function(p)
    rows, columns = p[0].shape[-2:]
    few = ((rows - 1) // step + 1, (columns - 1) // step + 1)
    x, y, z = (_resample(c, few) for c in p)
    return _resample(function((x, y, z)), (rows, columns))


def _resample(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bilinear, corner points kept."""
    stack = maps.reshape(1, -1, *maps.shape[-2:])
    stack = torch.nn.functional.interpolate(stack, size=shape, mode="bilinear", align_corners=True)
    return stack.reshape(*maps.shape[:-2], *shape)


@dataclass(frozen=True)
class Waves:
    """A smooth random field in space: a sum of plane waves with random directions and lengths.

    Unlike noise on a grid it can be evaluated anywhere at any resolution, so neighboring slices of a volume agree.
    """

    vectors: Tensor  # (3, waves), radians per mm
    phases: Tensor  # (waves,)
    weights: Tensor  # (waves, channels)

    @staticmethod
    def draw(
        draws: Draws, channels: int, shortest: float, longest: float, waves: int = 20, slope: float = 1.0
    ) -> Waves:
        """Wavelengths log-uniform from `shortest` to `longest` mm, amplitude growing as wavelength to the `slope`.

        Each channel has unit variance.
        """
        lengths = shortest * (longest / shortest) ** draws.uniforms(waves)
        directions = draws.normal(3, waves)
        vectors = directions / directions.norm(dim=0) * (2 * math.pi / lengths)
        weights = draws.normal(waves, channels) * (lengths**slope)[:, None]
        weights = weights / weights.square().sum(0).mul(0.5).sqrt()
        return Waves(vectors, 2 * math.pi * draws.uniforms(waves), weights)

    def __call__(self, p: Points) -> Tensor:
        """The field at `p`, ``(channels, *shape)``."""
        device = p[0].device
        vectors, phases, weights = (t.to(device) for t in (self.vectors, self.phases, self.weights))
        angles = torch.stack(p, -1).reshape(-1, 3) @ vectors + phases
        return (angles.sin_() @ weights).T.reshape(-1, *p[0].shape)
