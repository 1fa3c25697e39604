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


def check_slice(
    kspace: np.ndarray | Tensor, target: np.ndarray | Tensor | None, info: FileInfo, index: int, whole: bool = False
) -> None:
    """One slice against itself, at the cost of one pass: finite, not empty, and its target the image of its k-space.

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
    row = check_kspace(kspace, info, index)
    if target is None:
        return
    stated = np.asarray(target)
    check_image(stated, row, info, index)
    if whole and _comparable(stated, info):
        coils = center_crop(ifft(torch.from_numpy(kspace)), *stated.shape).numpy()
        _compare(stated, np.linalg.norm(coils.astype(np.complex128), axis=0), info, index)


@np.errstate(all="ignore")  # what damaged numbers come to is looked at, and said in words
def check_kspace(kspace: np.ndarray, info: FileInfo, index: int) -> np.ndarray:
    """A slice of k-space: finite and not empty. Best called while it is in the processor's cache.

    Every sample of k-space is in every row of the image, so the middle row stands for all; NaN and Inf show in it too.

    Args:
        kspace: ``(coils, rows, columns)``.
        info: of the file.
        index: the slice's number.

    Returns:
        The middle row of its magnitude image, for :func:`check_image`.

    Raises:
        DataError: for NaN or Inf, and a slice of zeros.
    """
    height, rows = kspace.shape[-2], info.recon[0]
    row = row_of_image(kspace, (height - rows) // 2 + rows // 2)
    largest = float(row.max())
    if not math.isfinite(largest):
        check_finite(kspace[None], info.path, "kspace", index)
    if largest == 0 and not kspace.any():
        raise DataError(f"{info.path}: slice {index} of kspace is zero everywhere; damaged, or never written")
    return row


@np.errstate(all="ignore")
def check_image(target: np.ndarray, row: np.ndarray, info: FileInfo, index: int) -> None:
    """A slice of the target: a magnitude image, and that of its k-space.

    Args:
        target: ``(rows, columns)`` as the file holds it.
        row: from :func:`check_kspace`.
        info: of the file.
        index: the slice's number.

    Raises:
        DataError: for NaN or Inf, negative values, nothing but zeros, and a row that is another.
    """
    check_magnitude(target, info.path, str(info.target), index)
    if _comparable(target, info):
        width = target.shape[-1]
        left = (info.width - width) // 2
        _compare(target[info.recon[0] // 2], row[left : left + width], info, index)


def _comparable(target: np.ndarray, info: FileInfo) -> bool:
    """Whether a target should be its k-space's image: a few of fastMRI's are wider, and the user may have others."""
    return target.shape[-1] <= info.width and not any_target()


def _compare(stated: np.ndarray, image: np.ndarray, info: FileInfo, index: int) -> None:
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
    """One row of a slice's magnitude image, float64 ``(columns,)``: root sum of squares over coils.

    A sum over k-space's rows, then one short transform. Where the transform's input begins turns phases only, so that
    the shift before it is left out: this is done for every slice that is read, in some ten microseconds.

    Args:
        kspace: complex ``(coils, rows, columns)``.
        row: of the image.
    """
    height, width = kspace.shape[-2:]
    image = np.fft.ifft(_weights(height, row, kspace.dtype) @ kspace).astype(np.complex128, copy=False)
    squares = np.square(image.real) + np.square(image.imag)
    magnitude: np.ndarray = np.sqrt(squares.sum(0) * width)
    return np.concatenate((magnitude[-(width // 2) :], magnitude[: -(width // 2)]))


@cache
def _weights(height: int, row: int, kind: np.dtype) -> np.ndarray:
    """Of k-space's rows in a row of the image: complex ``(height,)``."""
    turns = np.arange(height) - height // 2
    weights: np.ndarray = np.exp(1j * turns * (2 * math.pi * (row - height // 2) / height)) / math.sqrt(height)
    return weights.astype(kind)


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
