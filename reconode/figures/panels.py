"""Figures with one look: grey images in one window, one scale for all error maps, scores on the panels."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from reconode.errors import MissingExtraError, UsageError
from reconode.storage.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ERROR_MAP = "magma"
"""Perceptually uniform, dark where nothing is wrong."""


def new_figure(rows: int, columns: int, *, panel: float = 2.2, aspect: float = 1.0) -> tuple[Figure, list[list[Axes]]]:
    """A grid of image panels without axes; `panel` is a panel's width in inches, `aspect` its height over width."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "figures", "drawing a figure") from error

    class Drawing(Figure):
        """A figure that a notebook shows when a cell ends in it, without pyplot's global state."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", facecolor="white", dpi=110)
            return buffer.getvalue()

    figure = Drawing(figsize=(panel * columns, (panel * aspect + 0.25) * rows), layout="constrained", dpi=150)
    axes = figure.subplots(rows, columns, squeeze=False).tolist()
    for ax in (ax for row in axes for ax in row):
        ax.set_axis_off()
    return figure, axes


def plain(text: str) -> str:
    """Text from a file as matplotlib draws it, whatever is in it: no formulas, nothing unprintable."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text).replace("$", r"\$")


ENDINGS = ("png", "pdf", "svg", "svgz", "jpg", "jpeg", "tif", "tiff", "webp", "eps", "ps")
"""The pictures that matplotlib writes, by their files' endings."""


def check_ending(path: str | Path) -> str:
    """The format that a figure's ending says; PNG when it has none.

    Raises:
        UsageError: for an ending that no picture has.
    """
    suffix = Path(path).suffix.lstrip(".").lower() or "png"
    if suffix not in ENDINGS:
        raise UsageError(f"{path}: no picture ends in .{suffix}; take one of .{', .'.join(ENDINGS[:3])}")
    return suffix


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure whole or not at all, in the format that the name's ending says; PNG when it has none."""
    path, suffix = Path(path), check_ending(path)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=suffix, facecolor="white")


def show(
    ax: Axes, image: Tensor, *, vmax: float, title: str = "", note: str = "", cmap: str = "gray", size: float = 9
) -> Any:
    """One image panel: magnitude from 0 to `vmax`, a title of `size` points, a note (its scores) clear below."""
    picture = ax.imshow(image.detach().abs().cpu().numpy(), cmap=cmap, vmin=0, vmax=vmax, interpolation="nearest")
    ax.set_title(title, fontsize=size)
    if note:
        ax.text(0.5, -0.02, note, transform=ax.transAxes, fontsize=size - 1.5, ha="center", va="top")
    return picture


def side_by_side(
    images: Mapping[str, Tensor],
    *,
    vmax: float | None = None,
    notes: Sequence[str] = (),
    columns: int | None = None,
    size: float = 9,
) -> Figure:
    """Images side by side in one window.

    Args:
        images: ``(rows, columns)`` by title, all of one shape.
        vmax: the window's upper end; None is the first image's 99.8 % quantile.
        notes: a text for each panel.
        columns: how many stand side by side before the next row begins; None is all. Two can be read on a phone.
        size: of the titles, in points.
    """
    first = next(iter(images.values()))
    across = columns or len(images)
    figure, axes = new_figure(-(-len(images) // across), across, aspect=first.shape[-2] / first.shape[-1])
    top = float(torch.quantile(first.abs().float(), 0.998)) if vmax is None else vmax
    for number, (title, image) in enumerate(images.items()):
        note = notes[number] if number < len(notes) else ""
        ax = axes[number // across][number % across]
        show(ax, image, vmax=top, title=title, note=note, size=size)
    return figure


def log_magnitude(kspace: Tensor, decades: float = 4) -> Tensor:
    """K-space as a picture: log₁₀ |k| over the strongest `decades`, scaled to [0, 1]; black where it is zero."""
    k = kspace.abs()
    return (1 + (k / k.max()).clamp_min(10**-decades).log10() / decades).clamp(0, 1)


def comparison(
    target: Tensor, mask: Tensor, images: Mapping[str, Tensor], notes: Sequence[str] = (), heading: str = ""
) -> Figure:
    """Target and reconstructions of one slice, error maps below; one window for all images, one error scale.

    Args:
        target: magnitude ``(rows, columns)``.
        mask: what was sampled, ``(columns,)`` or ``(rows, columns)``.
        images: reconstructions by title, each ``(rows, columns)``, the worst first: it sets the error scale.
        notes: a text for each reconstruction's panel, its scores.
        heading: what slice this is.
    """
    rows, columns = target.shape[-2:]
    figure, axes = new_figure(2, 1 + len(images), aspect=rows / columns)
    window = float(torch.quantile(target.float(), 0.99))
    errors = {title: (image - target).abs() for title, image in images.items()}
    scale = max(float(torch.quantile(next(iter(errors.values())).float(), 0.998)), 1e-12)
    show(axes[0][0], target, vmax=window, title="Target (fully sampled)")
    grid = mask.float().expand(mask.shape[-1] if mask.ndim == 1 else mask.shape[0], mask.shape[-1])
    show(axes[1][0], grid, vmax=1, title=f"Sampled k-space, {100 * float(mask.float().mean()):.0f} %")
    for column, (title, image) in enumerate(images.items(), start=1):
        note = notes[column - 1] if column <= len(notes) else ""
        show(axes[0][column], image, vmax=window, title=title, note=note)
        picture = show(axes[1][column], errors[title], vmax=scale, title=f"Error of {title}", cmap=ERROR_MAP)
    bar = figure.colorbar(picture, ax=axes[1], location="right", shrink=0.85, pad=0.01, ticks=[0, scale / 2, scale])
    bar.ax.set_yticklabels([f"{100 * t / float(target.max()):.0f} %" for t in (0, scale / 2, scale)], fontsize=7.5)
    bar.set_label("share of the target's maximum", fontsize=7.5)
    figure.suptitle(heading, fontsize=9)
    return figure
