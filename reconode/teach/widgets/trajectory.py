"""Chapter 4, the book's signature: a reconstruction on its way from the zero-filled image to t = 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from reconode import metrics
from reconode.errors import DataError
from reconode.figures import panels
from reconode.physics import HYBRID, center_crop, fft, to_kspace
from reconode.teach.widgets.pack import color_table, pack_within
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 128
STATES = 12

BUDGET, TARGET_BUDGET = 32_000, 8_500
"""Characters of the packed states and of the packed target; a page has many widgets."""


def trajectory(states: Tensor | Sequence[Tensor], target: Tensor, mask: Tensor, *, title: str = "") -> Widget:
    """Scrub t over a trajectory: image, error, k-space filling in, and PSNR along the way.

    Between two states the widget goes straight, which is what Euler's method does; other solvers and learned step maps
    have no states there.

    Args:
        states: the images at t = 0, 1/N, …, 1, complex ``(N + 1, rows, columns)``, or each with a batch axis of length
            1, as ``model.trajectory(y, E)`` returns them; the full grid on which the mask acts, at most 128 each way.
        target: the magnitude to compare with, ``(rows, columns)`` or smaller, then its centre, as fastMRI crops.
        mask: the measured columns, bool ``(columns,)``.
        title: what model this is, for the caption.

    Raises:
        DataError: for shapes that do not fit each other, too many or too large states, NaN or Inf, or a zero target.
    """
    images = torch.stack(list(states)) if not isinstance(states, Tensor) else states
    images = images.detach().cpu()
    images = images.squeeze(1) if images.ndim == 4 and images.shape[1] == 1 else images
    target = target.detach().cpu().double()
    target = target.squeeze(0) if target.ndim == 3 else target
    mask = mask.detach().cpu().bool()
    _check(images, target, mask)
    scale = float(target.max())
    # Columns outermost: those that are measured, and so never change, then take next to nothing.
    hybrid = fft(images.to(torch.complex128) / scale, HYBRID).transpose(1, 2).contiguous()
    payload = {
        "states": pack_within(torch.view_as_real(hybrid).numpy(), BUDGET),
        "target": pack_within((target / scale).numpy(), TARGET_BUDGET),
        "mask": "".join("1" if kept else "0" for kept in mask.tolist()),
        "name": title,
        "magma": color_table(panels.ERROR_MAP),
    }
    return Widget(
        kind="trajectory",
        title="A reconstruction on its way" + (f": {title}" if title else ""),
        alt="The image at t = 0 with gaps in its k-space, and the image at t = 1, where they are filled.",
        payload=payload,
        draw=lambda: _picture(images / scale, target / scale),
    )


def _check(images: Tensor, target: Tensor, mask: Tensor) -> None:
    if images.ndim != 3 or not images.is_complex():
        raise DataError(
            "the trajectory widget needs complex states (N + 1, rows, columns), "
            f"not {tuple(images.shape)} of {images.dtype}"
        )
    count, rows, columns = images.shape
    if not 2 <= count <= STATES or not 16 <= min(rows, columns) <= max(rows, columns) <= LARGEST:
        raise DataError(
            f"the trajectory widget shows 2 to {STATES} states of 16 to {LARGEST} rows and columns, "
            f"not {tuple(images.shape)}: take fewer steps or a smaller slice"
        )
    if target.ndim != 2 or target.shape[0] > rows or target.shape[1] > columns:
        raise DataError(f"a target of {tuple(target.shape)} does not fit states of {rows} x {columns} pixels")
    if mask.shape != (columns,):
        raise DataError(f"a mask of shape {tuple(mask.shape)} does not fit states of {columns} columns")
    if not float(target.max()) > 0:
        raise DataError("the target is zero everywhere: its scores are not defined")


def _picture(images: Tensor, target: Tensor) -> Figure:
    """The first and the last image, and k-space of each."""
    rows, columns = target.shape
    window = float(torch.quantile(target, 0.99))
    figure, axes = panels.new_figure(1, 4, panel=1.5)
    for place, state in enumerate((images[0], images[-1])):
        image = center_crop(state, rows, columns)
        score = metrics.psnr(image[None], target[None])
        panels.show(axes[0][2 * place], image, vmax=window, title=f"t = {place}", note=f"{score:.2f} dB")
        spectrum = panels.log_magnitude(to_kspace(fft(state, HYBRID)))
        panels.show(axes[0][2 * place + 1], spectrum, vmax=1, title="its k-space")
    return figure
