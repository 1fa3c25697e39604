"""What data say of themselves: damage that no checksum covers is found by comparing k-space, target and attributes.

fastMRI's files have no checksums, and a lost chunk reads as zeros. But a target *is* the inverse transform of its
k-space, to seven digits, and the attributes ``max`` and ``norm`` are the target's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reconode.data.info import FileInfo
from reconode.errors import DataError
from reconode.physics import center_crop, ifft

CLOSE = 1e-4
"""Relative difference from which a target is not the image of its k-space; float32 leaves 1e-6."""
ANYHOW = "RECONODE_TARGETS"
"""The environment variable that says "any" when targets were made by other means than the inverse transform."""


def check_slice(
    kspace: np.ndarray | Tensor, target: np.ndarray | Tensor | None, info: FileInfo, index: int, whole: bool = False
) -> None:
    """One slice against itself, at the cost of one pass: finite, not empty, and its target the image of its k-space.

    Every sample of k-space is in every row of the image, so the middle row stands for all; NaN and Inf show in it too.

    Args:
        kspace: ``(coils, rows, columns)``.
        target: ``(rows, columns)`` as the file holds it, or None.
        info: of the file.
        index: the slice's number.
        whole: compare all rows, at ten times the cost.

    Raises:
        DataError: for NaN or Inf, a slice of zeros, and a target that is not the image of the k-space.
    """
    kspace = torch.as_tensor(kspace)
    height, width = kspace.shape[-2:]
    rows = info.recon[0]
    row = row_of_image(kspace, (height - rows) // 2 + rows // 2)
    if not bool(torch.isfinite(row).all()):
        check_finite(kspace[None], info.path, "kspace", index)
    if not bool(row.any()) and not bool(kspace.any()):
        raise DataError(f"{info.path}: slice {index} of kspace is zero everywhere; damaged, or never written")
    if target is None:
        return
    target = torch.as_tensor(target)
    low, high = (float(value) for value in torch.aminmax(target))
    if not math.isfinite(low + high):
        check_finite(target[None], info.path, str(info.target), index)
    if low < 0 or high <= 0:
        what = "is zero everywhere" if low == high == 0 else "has negative values"
        raise DataError(f"{info.path}: slice {index} of {info.target} {what}; it is no magnitude image")
    if any_target() or target.shape[-1] > width:
        return
    coils, target = (ifft(kspace), target) if whole else (row[:, None], target[rows // 2][None])
    image = center_crop(coils, *target.shape).abs().square().sum(0).sqrt().double()
    target = target.double()
    difference = float((image - target).norm() / target.norm().clamp_min(1e-300))
    if not difference <= CLOSE:
        raise DataError(
            f"{info.path}: slice {index} of {info.target} is not the image of its k-space (they differ by "
            f"{100 * difference:.2g} %): damaged, or made by other means; in that case set {ANYHOW}=any"
        )


def row_of_image(kspace: Tensor, row: int) -> Tensor:
    """One row of a slice's image, complex ``(coils, columns)``: a sum over k-space's rows, then one short transform."""
    height = kspace.shape[-2]
    turns = torch.arange(height, dtype=torch.float64) - height // 2
    weights = torch.polar(torch.ones(height, dtype=torch.float64), turns * (2 * math.pi * (row - height // 2) / height))
    hybrid = (weights / math.sqrt(height)).to(kspace.dtype) @ kspace
    return ifft(hybrid, dims=(-1,))


def check_stated(target: Tensor, info: FileInfo, other: Callable[[], Tensor | None]) -> None:
    """The attributes ``max`` and ``norm`` against the target, where the file has them.

    Args:
        target: all slices, as the file holds them.
        info: of the file.
        other: reads another reconstruction in the file, which they may be of.

    Raises:
        DataError: when they are of neither.
    """
    for key, measure in (("max", torch.max), ("norm", torch.linalg.vector_norm)):
        stated = info.attributes.get(key)
        if not isinstance(stated, float | int) or isinstance(stated, bool):
            continue
        found = float(measure(target.double()))
        if math.isclose(found, stated, rel_tol=CLOSE):
            continue
        if (spare := other()) is None or not math.isclose(float(measure(spare.double())), stated, rel_tol=CLOSE):
            raise DataError(
                f"{info.path}: the attribute '{key}' says {stated:.6g}, {info.target} has {found:.6g}; "
                "one of them is damaged"
            )


def any_target() -> bool:
    """Whether the user said that targets may be anything."""
    return os.environ.get(ANYHOW) == "any"


def check_finite(data: Tensor, path: Path, key: str, first: int = 0) -> None:
    """Raise a DataError that names the first slice with NaN or Inf; `first` is the number of the data's first slice."""
    bad = ~torch.isfinite(torch.view_as_real(data) if data.is_complex() else data)
    if bool(bad.any()):
        index = first + int(bad.flatten(1).any(1).nonzero()[0])
        raise DataError(f"{path}: {key} has {int(bad.sum())} NaN or Inf values, the first in slice {index}")
