"""Chapter 1: drop or paint columns of k-space and see image, aliasing and PSNR at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from reconode import masks, metrics, phantoms
from reconode.errors import DataError, UsageError
from reconode.figures import panels
from reconode.physics import HYBRID, ifft, to_kspace
from reconode.teach.widgets.pack import color_table, pack_within
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("random", "equispaced")
LARGEST = 128
"""Rows or columns."""

BUDGET = 30_000
"""Characters of the packed data; a page has many widgets."""


def sampling(
    hybrid: Tensor | None = None,
    *,
    kind: str = "random",
    acceleration: int = 4,
    center: int | None = None,
    seed: int = 0,
) -> Widget:
    """The sampling laboratory.

    Its masks are fastMRI's, bit for bit: it prints the call of :mod:`reconode.masks` that gives the mask it shows.

    Args:
        hybrid: fully sampled data in hybrid space, complex ``(rows, columns)`` or with axes of length 1 in front, at
            most 128 each way; None is a simulated knee of 96 x 112.
        kind: 'random' or 'equispaced', the mask at the start.
        acceleration: 1 to 10, at the start.
        center: columns in the fully sampled centre, at the start; None is fastMRI's share.
        seed: of the mask at the start.

    Raises:
        DataError: for data of another shape, too large, or zero everywhere.
        UsageError: for a kind, an acceleration or a centre that is not offered.
    """
    data = _default() if hybrid is None else hybrid
    data = data.detach().cpu()
    while data.ndim > 2 and len(data) == 1:
        data = data[0]
    if data.ndim != 2 or not data.is_complex() or not 16 <= min(data.shape) <= max(data.shape) <= LARGEST:
        raise DataError(
            f"the sampling widget needs one complex slice (rows, columns) of 16 to {LARGEST} each way in hybrid "
            f"space, not {tuple(data.shape)} of {data.dtype}: pass hybrid[0, 0], or simulate a smaller one"
        )
    columns = data.shape[1]
    middle = round(0.32 / max(1, acceleration) * columns) if center is None else center
    if kind not in KINDS or acceleration not in range(1, 11) or middle not in range(1, columns // 2 + 1):
        raise UsageError(
            f"the sampling widget offers {' and '.join(KINDS)} masks, accelerations 1 to 10 and 1 to {columns // 2} "
            f"centre columns, not {kind!r}, {acceleration} and {middle}"
        )
    if not 0 <= seed < 2**32:
        raise UsageError(f"a mask's seed is a whole number from 0 to 4294967295, not {seed}")
    scale = ifft(data, HYBRID).abs().max()
    if not 0 < float(scale) < math.inf:
        raise DataError("the sampling widget needs finite data that are not zero everywhere")
    packed = pack_within(torch.view_as_real((data / scale).T.contiguous())[None].double().numpy(), BUDGET)
    payload = {
        "hybrid": packed,
        "kind": kind,
        "acceleration": acceleration,
        "center": middle,
        "seed": seed,
        "magma": color_table(panels.ERROR_MAP),
    }
    return Widget(
        kind="sampling",
        title="What missing columns of k-space do to an image",
        alt="K-space with some columns measured, the image from them with aliasing left and right, and its error.",
        payload=payload,
        draw=lambda: _picture(data / scale, kind, acceleration, middle, seed),
    )


def _default() -> Tensor:
    return phantoms.slices(1, (96, 112), seed=16, contrast="CORPD_FBK", noise=0.01).hybrid[0, 0]


def _picture(hybrid: Tensor, kind: str, acceleration: int, center: int, seed: int) -> Figure:
    """The widget as it starts."""
    columns = hybrid.shape[1]
    try:
        mask = masks.KINDS[kind](columns, acceleration, center_fraction=center / columns, seed=seed)
    except UsageError:  # the centre alone is over the budget, which the widget shows too
        mask = torch.from_numpy(np.abs(np.arange(columns) - columns // 2) < center / 2)
    image, target = ifft(hybrid * mask, HYBRID), ifft(hybrid, HYBRID).abs()
    figure, axes = panels.new_figure(1, 3, panel=2.5, aspect=hybrid.shape[0] / columns)
    score = metrics.psnr(image[None], target[None])
    spectrum = panels.log_magnitude(to_kspace(hybrid)) * mask
    panels.show(axes[0][0], spectrum, vmax=1, title=f"{int(mask.sum())} of {columns} columns")
    window = float(torch.quantile(target, 0.99))
    panels.show(axes[0][1], image, vmax=window, title="Image", note=f"{score:.2f} dB")
    error = (image.abs() - target).abs()
    panels.show(axes[0][2], error, vmax=0.3 * window, title="Error", cmap=panels.ERROR_MAP)
    return figure
