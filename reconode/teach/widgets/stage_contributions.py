"""Chapter 8: what each stage of a learned solver weighs and brings, at the pixel that the reader points at."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from reconode.errors import DataError
from reconode.teach.plots.stages import contributions as picture
from reconode.teach.widgets.pack import pack_within
from reconode.teach.widgets.widget import Widget

LARGEST, STEPS, STAGES = 128, 12, 4
SQUARE = 2
"""Pixels each way that become one."""

WEIGHTS_BUDGET, PARTS_BUDGET, IMAGE_BUDGET = 32_000, 64_000, 8_500
"""Characters of the packed weights, contributions and image; a page has many widgets."""


def stage_contributions(weights: Tensor, contributions: Tensor, image: Tensor, *, title: str = "") -> Widget:
    """Point at a pixel: the weight of each stage there, and how much of the step's increment it brings, step by step.

    A contribution is the part of weight times slope along the increment, the sum of all four: contributions add up to
    the increment's length, and are negative where a stage pulls back. In per cent of the image's maximum. Squares of
    2 × 2 pixels are averaged first.

    Args:
        weights: of each step and stage, ``(steps, stages, rows, columns)``, between 0 and 1.
        contributions: weight times slope, complex, of the same shape.
        image: a magnitude to point at, ``(rows, columns)``.
        title: what model this is, for the caption.

    Raises:
        DataError: for shapes that do not fit each other, too many or too large pictures, NaN or Inf, weights outside
            [0, 1], or a zero image.
    """
    weights, contributions, image = (tensor.detach().cpu() for tensor in (weights, contributions, image))
    _check(weights, contributions, image)
    maximum = float(image.max())
    payload = {
        "weights": pack_within(_squares(weights).numpy(), WEIGHTS_BUDGET),
        "parts": pack_within(along_the_increment(_squares(contributions) / maximum).numpy(), PARTS_BUDGET),
        "image": pack_within((image.double() / maximum).numpy(), IMAGE_BUDGET),
        "name": title,
    }
    return Widget(
        kind="stage_contributions",
        title="What each stage brings" + (f": {title}" if title else ""),
        alt="In the first step, the weight of each stage at every pixel, and below it the size of what it brings.",
        payload=payload,
        draw=lambda: picture(weights[0], contributions[0]),
    )


def along_the_increment(contributions: Tensor) -> Tensor:
    """The part of each stage's contribution along their sum: real ``(steps, stages, rows, columns)``."""
    increment = contributions.sum(1, keepdim=True)
    direction = increment / increment.abs().clamp_min(1e-12)
    return (contributions * direction.conj()).real


def _squares(maps: Tensor) -> Tensor:
    """Means over squares of pixels, in double precision."""
    if maps.is_complex():
        return torch.complex(_squares(maps.real), _squares(maps.imag))
    return avg_pool2d(maps.double(), SQUARE)


def _check(weights: Tensor, contributions: Tensor, image: Tensor) -> None:
    if weights.ndim != 4 or contributions.shape != weights.shape or not contributions.is_complex():
        raise DataError(
            "the stages widget needs weights (steps, stages, rows, columns) and complex contributions of that shape, "
            f"not {tuple(weights.shape)} and {tuple(contributions.shape)} of {contributions.dtype}"
        )
    steps, stages, rows, columns = weights.shape
    fits = 1 <= steps <= STEPS and 2 <= stages <= STAGES
    if not fits or not 16 <= min(rows, columns) <= max(rows, columns) <= LARGEST or rows % SQUARE or columns % SQUARE:
        raise DataError(
            f"the stages widget shows up to {STEPS} steps of 2 to {STAGES} stages on 16 to {LARGEST} rows and columns, "
            f"even numbers, not {tuple(weights.shape)}"
        )
    if image.shape != (rows, columns):
        raise DataError(f"an image of {tuple(image.shape)} does not fit maps of {rows} x {columns} pixels")
    if not 0 <= float(weights.min()) <= float(weights.max()) <= 1:
        raise DataError("the stages' weights must lie between 0 and 1")
    if not float(image.max()) > 0:
        raise DataError("the image is zero everywhere: nothing can be a share of its maximum")
