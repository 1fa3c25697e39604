"""Overlapping random shapes, many small and few large: the "dead leaves" model of natural images.

Shapes that hide one another, with sizes drawn from a power law, give edges, corners and a power spectrum close to those
of natural images (Lee, Mumford and Huang 2001), whatever the shapes are. It knows nothing of anatomy, on purpose.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.plane import Plane
from reconode.phantoms.textures import Textures


def leaves(plane: Plane, draws: Draws, textures: Textures, device: torch.device) -> Tensor:
    """A magnitude image of random shapes on the fine grid, with or without air around."""
    rows, columns = plane.fine_shape
    short = min(rows, columns)
    pixel = plane.pixel
    maps = [
        textures.draw(
            draws.log_uniform(1, 40) * pixel, draws.uniform(1.0, 2.6), across=draws.log_uniform(1, 40) * pixel
        )
        for _ in range(3)
    ]
    image = torch.full((rows, columns), draws.uniform(0.1, 0.9), device=device)
    image += image * maps[0] * draws.uniform(0, 0.12)
    smallest, largest = draws.log_uniform(0.006, 0.02), draws.uniform(0.2, 0.45)
    power = draws.uniform(1.4, 2.4)  # of the cumulative size distribution; 2 is scale-invariant
    r = torch.arange(rows, device=device)[:, None].float()
    c = torch.arange(columns, device=device)[None, :].float()
    # Sizes in order, large ones first, would never hide small ones; in random order they do, as in life.
    for _ in range(draws.integer(120, 400)):
        u = draws.uniform()
        size = (smallest**-power + u * (largest**-power - smallest**-power)) ** (-1 / power)
        if draws.chance(0.04):
            size = draws.uniform(0.1, largest)
        radius = size * short
        middle = draws.uniform(0, rows), draws.uniform(0, columns)
        reach = int(radius * 1.6) + 2
        top, bottom = max(0, int(middle[0]) - reach), min(rows, int(middle[0]) + reach)
        left, right = max(0, int(middle[1]) - reach), min(columns, int(middle[1]) + reach)
        distance = random_shape(draws, r[top:bottom] - middle[0], c[:, left:right] - middle[1], radius)
        soft = 1.2 if draws.chance(0.8) else draws.uniform(1.2, 0.3 * radius + 1.3)
        cover = (0.5 - distance / soft).clamp_(0, 1) * draws.pick([1.0, 1.0, 1.0, draws.uniform(0.2, 0.8)])
        texture = draws.pick(maps)[top:bottom, left:right]
        value = draws.uniform(0.02, 1.0) * (1 + draws.log_uniform(0.01, 0.2) * texture)
        image[top:bottom, left:right].lerp_(value, cover)
    if draws.chance(0.75):
        y, x = (r - rows / 2) / short, (c - columns / 2) / short
        outline = random_shape(draws, y, x, draws.uniform(0.33, 0.5), kinds=("oval", "blob"))
        image *= (0.5 - outline * short / 1.4).clamp_(0, 1)
    return image.clamp_min_(0)


def random_shape(
    draws: Draws,
    y: Tensor,
    x: Tensor,
    radius: float,
    kinds: tuple[str, ...] = ("oval", "box", "polygon", "blob", "bar"),
) -> Tensor:
    """Signed distance, about, to a random shape of a radius around the origin."""
    kind = draws.pick(kinds)
    turn = draws.uniform(0, math.pi)
    a = x * math.cos(turn) + y * math.sin(turn)
    b = y * math.cos(turn) - x * math.sin(turn)
    ratio = draws.uniform(0.35, 1.0)
    if kind == "oval":
        norm = (a.square() + (b / ratio).square()).sqrt()
        return (norm - radius) * ratio
    if kind == "box":
        return torch.maximum(a.abs() - radius, b.abs() - radius * ratio)
    if kind == "bar":
        return torch.maximum(a.abs() - 1.5 * radius, (b + 0.15 * a.square() / radius).abs() - radius * 0.08)
    if kind == "polygon":
        sides = draws.integer(3, 7)
        angles = [2 * math.pi * (i + draws.uniform(-0.3, 0.3)) / sides for i in range(sides)]
        return torch.stack(
            [a * math.cos(t) + b * math.sin(t) - radius * draws.uniform(0.45, 0.9) for t in angles]
        ).amax(0)
    angle = torch.atan2(b, a)
    wobble = sum(draws.uniform(0, 0.3 / k) * torch.cos(k * angle + draws.uniform(0, 2 * math.pi)) for k in range(2, 6))
    return (a.square() + b.square()).sqrt() - radius * (1 + wobble) * 0.8
