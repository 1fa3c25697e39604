"""What data say of themselves: damage that no checksum covers is found by comparing k-space, target and attributes.

fastMRI's files have no checksums, and a lost chunk reads as zeros. But a target *is* the inverse transform of its
k-space, to seven digits, and the attributes ``max`` and ``norm`` are the target's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
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


@np.errstate(all="ignore")  # what damaged numbers come to is looked at, and said in words
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
    kspace = np.asarray(kspace)
    height, width = kspace.shape[-2:]
    rows = info.recon[0]
    row = row_of_image(kspace, (height - rows) // 2 + rows // 2)
    total = complex(row.sum())
    if not (math.isfinite(total.real) and math.isfinite(total.imag)):
        check_finite(kspace[None], info.path, "kspace", index)
    if total == 0 and not row.any() and not kspace.any():
        raise DataError(f"{info.path}: slice {index} of kspace is zero everywhere; damaged, or never written")
    if target is None:
        return
    stated = np.asarray(target)
    check_magnitude(stated, info.path, str(info.target), index)
    if any_target() or stated.shape[-1] > width:
        return
    if whole:
        coils = ifft(torch.from_numpy(kspace)).numpy()
    else:
        coils, stated = row[:, None], stated[rows // 2][None]
    image = np.linalg.norm(center_crop(torch.from_numpy(coils), *stated.shape).numpy().astype(np.complex128), axis=0)
    stated = stated.astype(np.float64)
    difference = float(np.linalg.norm(image - stated) / max(float(np.linalg.norm(stated)), 1e-300))
    if not difference <= CLOSE:
        raise DataError(
            f"{info.path}: slice {index} of {info.target} is not the image of its k-space (they differ by "
            f"{100 * difference:.2g} %): damaged, or made by other means; in that case set {ANYHOW}=any"
        )


@np.errstate(all="ignore")
def check_magnitude(image: np.ndarray | Tensor, path: Path, key: str, index: int) -> float:
    """The largest value of a slice's magnitude image.

    Raises:
        DataError: for NaN or Inf, negative values, and nothing but zeros.
    """
    image = np.asarray(image)
    low, high = float(image.min()), float(image.max())
    if not math.isfinite(low + high):
        check_finite(image[None], path, key, index)
    if low < 0 or high <= 0:
        what = "is zero everywhere" if low == high == 0 else "has negative values"
        raise DataError(f"{path}: slice {index} of {key} {what}; it is no magnitude image")
    return high


def row_of_image(kspace: np.ndarray, row: int) -> np.ndarray:
    """One row of a slice's image, complex ``(coils, columns)``: a sum over k-space's rows, then one short transform.

    In NumPy: a tenth of a millisecond a slice, where a tensor's operators cost that much in calls alone.
    """
    line = _weights(kspace.shape[-2], row).astype(kspace.dtype) @ kspace
    return np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(line, axes=-1), norm="ortho"), axes=-1)


@cache
def _weights(height: int, row: int) -> np.ndarray:
    """Of k-space's rows in a row of the image: complex128 ``(height,)``."""
    turns = np.arange(height) - height // 2
    return np.exp(1j * turns * (2 * math.pi * (row - height // 2) / height)) / math.sqrt(height)


@np.errstate(all="ignore")
def measure(slices: Iterable[np.ndarray | Tensor], path: Path, key: str) -> dict[str, float]:
    """What the attributes ``max`` and ``norm`` should say of an array, slice by slice: all of it need not be in memory.

    Raises:
        DataError: for a slice that is no magnitude image.
    """
    largest, squares = -math.inf, 0.0
    for index, values in enumerate(slices):
        data = np.asarray(values)
        high = check_magnitude(data, path, key, index)
        largest = max(largest, high)
        # Single precision's sum of squares is right to 1e-6 where none of them leaves its range.
        data = data.ravel() if 1e-12 < high < 1e12 else data.ravel().astype(np.float64)
        squares += float(np.vdot(data, data))
    return {"max": largest, "norm": math.sqrt(squares)}


def check_stated(found: Mapping[str, float], info: FileInfo, other: Callable[[], Mapping[str, float] | None]) -> None:
    """The attributes ``max`` and ``norm`` against the target, where the file has them.

    Args:
        found: of the target, by :func:`measure`.
        info: of the file.
        other: the same of another reconstruction in the file, which they may be of.

    Raises:
        DataError: when they are of neither.
    """
    for key, value in found.items():
        stated = info.attributes.get(key)
        if not isinstance(stated, float | int) or isinstance(stated, bool):
            continue
        if math.isclose(value, stated, rel_tol=CLOSE):
            continue
        if (spare := other()) is None or not math.isclose(spare[key], stated, rel_tol=CLOSE):
            raise DataError(
                f"{info.path}: the attribute '{key}' says {stated:.6g}, {info.target} has {value:.6g}; "
                "one of them is damaged"
            )


def any_target() -> bool:
    """Whether the user said that targets may be anything."""
    return os.environ.get(ANYHOW) == "any"


def check_finite(data: np.ndarray, path: Path, key: str, first: int = 0) -> None:
    """Raise a DataError that names the first slice with NaN or Inf; `first` is the number of the data's first slice."""
    bad = ~np.isfinite(data)
    if bad.any():
        index = first + int(np.flatnonzero(bad.reshape(len(bad), -1).any(1))[0])
        raise DataError(f"{path}: {key} has {int(bad.sum())} NaN or Inf values, the first in slice {index}")
