"""Chapter 7: two reconstructions of the same data, and the error of each in one ring of k-space after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from reconode.errors import DataError
from reconode.figures import panels
from reconode.physics import HYBRID, fft, to_kspace
from reconode.teach.widgets.pack import color_table, pack_within
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 128
WIDTH = 0.1
"""Of a ring, as a share of the highest frequency along an axis."""

BUDGET = 32_000
"""Characters of the packed images; a page has many widgets."""


def numbers(rows: int, columns: int) -> Tensor:
    """Which ring each sample of k-space lies in, ``(rows, columns)``: 0 is the middle, each is :data:`WIDTH` wide."""
    down = (torch.arange(rows, dtype=torch.float64) - rows // 2) / (rows / 2)
    across = (torch.arange(columns, dtype=torch.float64) - columns // 2) / (columns / 2)
    return (torch.hypot(down[:, None], across) / WIDTH + 1e-9).floor().long()


def errors(image: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Relative error in each ring, of the columns that were not measured.

    Args:
        image: complex ``(rows, columns)``.
        truth: what it should be, complex ``(rows, columns)``.
        missing: True for a column that was not measured, ``(columns,)``.

    Returns:
        ``(rings,)``: the norm of the difference over the norm of the truth; 0 where nothing is missing.
    """
    off, whole = (fft(x).abs().square() * missing for x in (image - truth, truth))
    ring = numbers(*truth.shape).flatten()
    sums = [torch.zeros(int(ring.max()) + 1, dtype=x.dtype).index_add_(0, ring, x.flatten()) for x in (off, whole)]
    return torch.where(sums[1] > 0, sums[0] / sums[1].clamp_min(1e-30), 0).sqrt()


def rings(truth: Tensor, fixed: Tensor, learned: Tensor, mask: Tensor, *, names: tuple[str, str]) -> Widget:
    """Choose a ring of k-space by pointer or slider: what two reconstructions still get wrong in it.

    Args:
        truth: the image from all data, complex ``(rows, columns)``, at most 128 each way.
        fixed: a reconstruction, complex, of the same shape.
        learned: another.
        mask: the measured columns, bool ``(columns,)``.
        names: of the two reconstructions.

    Raises:
        DataError: for shapes that do not fit each other, too large images, nothing missing, NaN or Inf.
    """
    images = [x.detach().cpu() for x in (truth, fixed, learned)]
    mask = mask.detach().cpu().bool()
    shapes = {tuple(x.shape) for x in images}
    if len(shapes) > 1 or truth.ndim != 2 or not all(x.is_complex() for x in images):
        raise DataError(f"the rings widget needs three complex images (rows, columns) of one shape, not {shapes}")
    rows, columns = truth.shape
    if not 16 <= min(rows, columns) <= max(rows, columns) <= LARGEST:
        raise DataError(f"the rings widget shows images of 16 to {LARGEST} rows and columns, not {rows} x {columns}")
    if mask.shape != (columns,) or bool(mask.all()):
        raise DataError(
            f"a mask of {columns} columns with some of them not measured is needed, not {tuple(mask.shape)}"
        )
    scale = float(images[0].abs().max()) or 1.0
    # Columns outermost: those that were measured are the same in both and take next to nothing.
    hybrid = fft(torch.stack(images).to(torch.complex128) / scale, HYBRID).transpose(1, 2).contiguous()
    return Widget(
        kind="rings",
        title=f"Error by frequency: {names[0]} and {names[1]}",
        alt="K-space of the knee, and the relative error of two reconstructions over the distance from its middle.",
        payload={
            "images": pack_within(torch.view_as_real(hybrid).numpy(), BUDGET),
            "mask": "".join("1" if kept else "0" for kept in mask.tolist()),
            "names": list(names),
            "width": WIDTH,
            "magma": color_table(panels.ERROR_MAP),
        },
        draw=lambda: _picture(images, ~mask, names),
    )


def _picture(images: list[Tensor], missing: Tensor, names: tuple[str, str]) -> Figure:
    """K-space with what is missing, and the error of both reconstructions in all rings at once."""
    figure, axes = panels.new_figure(1, 3, panel=2.0)
    spectrum = panels.log_magnitude(to_kspace(fft(images[0], HYBRID))) * (0.35 + 0.65 * missing)
    panels.show(axes[0][0], spectrum, vmax=1, title="k-space, what is missing bright")
    off = [(image - images[0]).abs() for image in images[1:]]
    window = float(torch.quantile(off[0], 0.998)) or 1.0
    for ax, name, error in zip(axes[0][1:], names, off, strict=True):
        panels.show(ax, error, vmax=window, title=f"error of {name}", cmap=panels.ERROR_MAP)
    return figure
