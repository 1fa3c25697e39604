"""Chapter 9: one slice of a fastMRI file; point at a sample, a pixel or a field of the header to read what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from reconode import masks
from reconode.data.fastmri import Volume
from reconode.errors import DataError, UsageError
from reconode.figures import panels
from reconode.physics import center_crop, ifft
from reconode.teach.widgets.pack import pack_within
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS, LARGEST = 160, 1024
"""Rows of cells that the page is given, and of samples that a file may have."""

BUDGET = 10_500
"""Characters of each packed picture; a page has many widgets."""

CONTRASTS = {
    "CORPD_FBK": "Coronal, proton density, fat not suppressed.",
    "CORPDFS_FBK": "Coronal, proton density, fat suppressed: darker, so noisier, and about a decibel or more harder.",
}

Box = tuple[float, float, float, float]
"""Top, left, height, width, as shares of the picture."""

WHOLE: Box = (0, 0, 1, 1)


@dataclass(frozen=True)
class Slice:
    """What the widget shows: everything in samples of the file.

    Attributes:
        kspace: complex ``(rows, columns)``, as stored.
        mask: bool ``(columns,)``.
        low: columns in the fully sampled centre.
        padding: the acquired columns.
        recon: rows and columns of the target.
    """

    kspace: Tensor
    mask: Tensor
    low: int
    padding: tuple[int, int]
    recon: tuple[int, int]


def file_explorer(volume: Volume, index: int | None = None, *, acceleration: float = 4) -> Widget:
    """A slice's k-space, its mask and its image, with the header's fields; each says what it means.

    The mask is the random one that fastMRI's convention draws from the file's name.

    Args:
        volume: single coil, fully sampled, with a target.
        index: which slice; the middle one by default.
        acceleration: of the mask.

    Raises:
        DataError: for a volume of several coils, without a target, larger than 1024 each way, or with a slice of zeros.
        UsageError: for a slice that is not there.
    """
    info = volume.info
    rows, columns = info.shape[2:]
    if info.coils != 1 or volume.target is None or max(rows, columns) > LARGEST:
        raise DataError(
            f"{info.path}: the file explorer shows single-coil volumes with a target, at most {LARGEST} samples each "
            f"way, not {info.coils} coils of {rows} x {columns}{'' if volume.target is not None else ', no target'}"
        )
    index = info.slices // 2 if index is None else index
    if index not in range(info.slices):
        raise UsageError(f"{info.path}: slice {index} is not there; it has {info.slices}, from 0")
    mask = masks.random(columns, acceleration, seed=info.name)
    shown = Slice(volume.kspace[index, 0], mask, round(0.32 / acceleration * columns), info.padding, info.recon)
    if not bool(shown.kspace.any()):
        raise DataError(f"{info.path}: slice {index} is zero everywhere; choose another")
    peak = float(volume.target.max())
    cell = -(-rows // ROWS)
    payload = {
        "rows": rows,
        "columns": columns,
        "cell": cell,
        "slice": index,
        "name": info.name,
        "mask": "".join("1" if kept else "0" for kept in mask.tolist()),
        "padding": list(info.padding),
        "crop": list(crop(shown)),
        "kspace": pack_within(strength(shown.kspace, cell).numpy(), BUDGET),
        "image": pack_within(magnitude(shown.kspace, cell, peak).numpy(), BUDGET),
        "filled": pack_within(magnitude(shown.kspace * mask, cell, peak).numpy(), BUDGET),
        "fields": fields(volume, shown, index, acceleration),
    }
    return Widget(
        kind="file_explorer",
        title=f"Inside a file: {info.name}, slice {index}",
        alt="K-space of one slice, tall and brightest in the middle, its mask as a strip of columns below, and its "
        "image, of which a square in the middle is the target.",
        payload=payload,
        draw=lambda: _picture(shown, peak),
    )


def strength(kspace: Tensor, cell: int) -> Tensor:
    """Mean |k| of each cell, log10 over four decades below the largest, from 0 to 1: ``(rows, columns)`` of cells."""
    size = cells(kspace.abs(), cell)
    return (1 + torch.log10((size / size.max()).clamp_min(1e-4)) / 4).clamp_min(0)


def magnitude(kspace: Tensor, cell: int, peak: float) -> Tensor:
    """Mean magnitude of each cell of the image, over the largest value of the volume's target."""
    return cells(ifft(kspace).abs(), cell) / peak


def cells(values: Tensor, cell: int) -> Tensor:
    """Means over squares of samples, in double precision; those at the border may be smaller."""
    return avg_pool2d(values.double()[None, None], cell, ceil_mode=True)[0, 0]


def crop(shown: Slice) -> Box:
    """Where the target lies in the image."""
    (rows, columns), (height, width) = shown.kspace.shape, shown.recon
    top, left = (rows - height) // 2, (columns - width) // 2
    return top / rows, left / columns, height / rows, width / columns


def fields(volume: Volume, shown: Slice, index: int, acceleration: float) -> list[dict[str, Any]]:
    """The file's fields: their names and values, what they mean, and the places that they speak of."""
    info, (rows, columns), (left, right) = volume.info, shown.kspace.shape, shown.padding
    height, width = shown.recon
    assert volume.target is not None
    peak = float(volume.target.max())
    pad = (columns - shown.low + 1) // 2
    top, side = crop(shown)[:2]
    best = int(volume.target[index].argmax())
    spot = (top + (best // width - 6) / rows, side + (best % width - 6) / columns, 12 / rows, 12 / columns)
    kept = int(shown.mask.sum())
    made: list[tuple[str, str, str, list[tuple[str, Box]]]] = [
        (
            "kspace",
            f"{info.slices} × {rows} × {columns}, complex64",
            f"Slices, rows, columns. Rows are the readout, columns the phase encodes; zero frequency is at row "
            f"{rows // 2}, column {columns // 2}, counted from 0.",
            [("kspace", WHOLE)],
        ),
        (
            "encodedSpace",
            f"{rows} × {columns}",
            "Header, matrixSize: what was encoded. The readout is sampled twice as densely as the image needs, so the "
            "image is twice as tall.",
            [("kspace", WHOLE), ("image", WHOLE)],
        ),
        (
            "reconSpace",
            f"{height} × {width}",
            f"Header, matrixSize: the picture that is scored, the middle {height} × {width}. Rows may be cropped "
            "before reconstruction, columns only after it.",
            [("image", crop(shown))],
        ),
        (
            "encodingLimits",
            f"center {columns // 2 - left}, maximum {right - left - 1}",
            f"Header, kspace_encoding_step_1: encodes 0 to {right - left - 1} were acquired, and number "
            f"{columns // 2 - left} is the middle of k-space. Columns {left} to {right - 1} hold data; the others are "
            "zeros in the file, whatever a mask says.",
            [("kspace", (0, left / columns, 1, (right - left) / columns))],
        ),
        (
            "mask",
            f"{kept} of {columns} columns",
            f"Not in this file: drawn at {acceleration:g}× from the file's name, {info.name}. The {shown.low} columns "
            "in the middle are always kept. A test file brings its own, and no target.",
            [("mask", (0, pad / columns, 1, shown.low / columns))],
        ),
        (
            str(info.target),
            f"{info.slices} × {height} × {width}, float32",
            "The target: the magnitude of the inverse Fourier transform of all of k-space, cropped. "
            "(reconstruction_rss is there too, and is not the single-coil target.)",
            [("image", crop(shown))],
        ),
        (
            "max",
            f"{peak:.3g}",
            "Attribute: the largest value of the volume's target, the data range of its PSNR and SSIM. The ring is on "
            "this slice's.",
            [("image", spot)],
        ),
        (
            "acquisition",
            info.acquisition or "not stated",
            "Attribute: the contrast. " + CONTRASTS.get(info.acquisition, "Not one of fastMRI's knees."),
            [],
        ),
        (
            "patient_id",
            str(info.attributes.get("patient_id", "not stated"))[:16],
            "Attribute: a code for the patient. All scans of one patient belong into one split.",
            [],
        ),
    ]
    return [
        {"name": name, "value": value, "means": means, "boxes": [{"on": on, "box": list(box)} for on, box in boxes]}
        for name, value, means, boxes in made
    ]


def _picture(shown: Slice, peak: float) -> Figure:
    """The widget as it starts."""
    rows, columns = shown.kspace.shape
    figure, axes = panels.new_figure(1, 3, panel=2.4, aspect=rows / columns)
    panels.show(axes[0][0], panels.log_magnitude(shown.kspace), vmax=1, title="k-space")
    bars = shown.mask.float().expand(rows, columns)
    panels.show(axes[0][1], bars, vmax=1, title=f"{int(shown.mask.sum())} of {columns} columns")
    image = ifft(shown.kspace).abs() / peak
    target = center_crop(image, *shown.recon)
    panels.show(axes[0][2], image, vmax=float(torch.quantile(target, 0.998)), title="Image")
    top, left, height, width = crop(shown)
    x, y = [left * columns, (left + width) * columns], [top * rows, (top + height) * rows]
    axes[0][2].plot([x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]], color="#ffb454", linewidth=1.6)
    return figure
