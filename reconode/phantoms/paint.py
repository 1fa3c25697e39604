"""Painting: tissues, one over the other, each as deep as its distance says and with its own texture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from reconode.phantoms.plane import enlarge


@dataclass(frozen=True)
class Layer:
    """One tissue of one slice.

    value: magnitude, or a map of it at the distance grid.
    depth: from :meth:`Plane.coverage`, ``(rows, columns)``; None covers everything.
    texture: a map on the fine grid, relative to the value: 0.1 makes it 10 % brighter there.
    opacity: 1 hides what is beneath.
    """

    value: float | Tensor
    depth: Tensor | None
    texture: Tensor | None = None
    opacity: float | Tensor = 1.0


def paint(layers: Iterable[Layer], shape: tuple[int, int], device: torch.device) -> Tensor:
    """Magnitude image ``shape`` of the layers, the first at the bottom."""
    image = torch.zeros(shape, device=device)
    for layer in layers:
        value = enlarge(layer.value, shape) if isinstance(layer.value, Tensor) else layer.value
        if layer.texture is not None:
            value = (layer.texture * value).add_(value)
        value = torch.as_tensor(value, device=device, dtype=image.dtype)
        if layer.depth is None:
            cover = torch.ones((), device=device)
        else:
            cover = enlarge(layer.depth, shape).add_(0.5).clamp_(0, 1)
        if isinstance(layer.opacity, Tensor) or layer.opacity != 1:
            cover = cover * layer.opacity
        image.lerp_(value.expand(shape), cover.expand(shape))
    return image.clamp_min_(0)
