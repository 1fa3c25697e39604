"""Chapter 10: reconstructions of one slice in one window and at one zoom, and their scores in the part that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from reconode import metrics
from reconode.errors import DataError
from reconode.figures import panels
from reconode.teach.widgets.pack import color_table, pack_within, unpack
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST, MOST = 160, 8
"""Pixels each way; images besides the target."""

BUDGET = 38_000
"""Characters of the packed images; a page has more widgets than this one."""

TARGET = "Target"


def image_comparer(
    target: Tensor, images: Mapping[str, Tensor], *, shown: tuple[str, ...] = (), about: str = ""
) -> Widget:
    """Magnitudes of one slice by several methods: pick some, zoom and move all at once, and read the PSNR of the view.

    The PSNR of a view has the whole target's maximum for its peak, so that views can be compared. All numbers are of
    the images as the page has them, rounded.

    Args:
        target: magnitude ``(rows, columns)``.
        images: magnitudes of the same shape, in the same unit, by the method's name, the worst first.
        shown: the methods that are open at first; none takes the first and the last.
        about: which slice this is and whose weights, for the caption.

    Raises:
        DataError: for images that are complex, too many or too large, of another shape than the target, for NaN or
            Inf, for a zero target, or for an unknown name in `shown`.
    """
    target, images = target.detach().cpu(), {name: image.detach().cpu() for name, image in images.items()}
    opened = shown or (*dict.fromkeys((next(iter(images), ""), next(reversed(images), ""))),)
    _check(target, images, opened)
    top = float(target.max())
    # Only differences from one to the next are stored, and the best are nearest to the target.
    stack = torch.stack([target, *reversed(list(images.values()))])
    packed = pack_within((stack.double() / top).numpy(), BUDGET)
    rounded = torch.from_numpy(unpack(packed))
    payload = {
        "images": packed,
        "names": list(images),
        "ssim": [round(metrics.ssim(image[None], rounded[:1]), 4) for image in rounded[1:].flip(0)],
        "shown": [list(images).index(name) for name in opened],
        "colors": color_table(panels.ERROR_MAP),
        "about": about,
    }
    return Widget(
        kind="image_comparer",
        title="One slice, several methods",
        alt=f"A slice: the target, and reconstructions by {', '.join(images)}.",
        payload=payload,
        draw=lambda: _picture(target, images),
    )


def _check(target: Tensor, images: Mapping[str, Tensor], shown: tuple[str, ...]) -> None:
    shape = tuple(target.shape)
    if target.ndim != 2 or not metrics.WINDOW <= min(shape) <= max(shape) <= LARGEST:
        raise DataError(
            f"the comparer shows a target of {metrics.WINDOW} to {LARGEST} rows and columns, not one of shape {shape}"
        )
    if not 1 <= len(images) <= MOST:
        raise DataError(f"the comparer shows 1 to {MOST} images beside the target, not {len(images)}")
    for name, image in {TARGET: target, **images}.items():
        if image.is_complex() or tuple(image.shape) != shape:
            raise DataError(
                f"{name}: expected a magnitude of shape {shape}, got {image.dtype} of shape {tuple(image.shape)}"
            )
    if not float(target.max()) > 0:
        raise DataError("the target is zero everywhere: nothing can be a share of its maximum")
    if unknown := [name for name in shown if name not in images]:
        raise DataError(f"no image is called {unknown[0]!r}; there are {', '.join(images)}")


def _picture(target: Tensor, images: Mapping[str, Tensor]) -> Figure:
    return panels.side_by_side({TARGET: target, **images}, columns=3, size=11)
