"""The fastMRI file: one volume of raw k-space with its reference image, read with checks and written whole.

HDF5 with ``kspace`` complex64 ``(slices, H, W)`` or ``(slices, coils, H, W)``; the target ``reconstruction_esc``
(single coil) or ``reconstruction_rss`` (multi-coil), float32 ``(slices, rows, columns)``; ``ismrmrd_header``, XML; the
attributes ``max``, ``norm``, ``acquisition``, ``patient_id``. Undersampled files have ``mask`` ``(W,)`` and no target.

Nothing in a file is believed before it is checked: a problem is a :class:`~reconode.errors.DataError` that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from reconode.data import header, verify
from reconode.data.info import FileInfo
from reconode.errors import DataError
from reconode.physics import (
    HYBRID,
    KSPACE,
    MRIOperator,
    center_crop,
    estimate_sensitivities,
    ifft,
    max_zero_filled,
    to_hybrid,
)
from reconode.storage import hdf5
from reconode.storage.samples import Slices
from reconode.storage.whole import write_whole

KNEE = (320, 320)
"""fastMRI's reconstructed image, rows × columns."""
SINGLECOIL, MULTICOIL = "reconstruction_esc", "reconstruction_rss"


@dataclass(frozen=True)
class Volume:
    """A whole volume in memory.

    Attributes:
        info: what the file says of itself.
        kspace: complex64 ``(slices, coils, rows, columns)``.
        target: float32 ``(slices, rows, columns)``, or None.
        mask: what was sampled, bool ``(columns,)`` or ``(rows, columns)``, for data that are undersampled already.
    """

    info: FileInfo
    kspace: Tensor
    target: Tensor | None
    mask: Tensor | None

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def width(self) -> int:
        return self.info.width

    @cached_property
    def hybrid(self) -> Tensor:
        """The data in hybrid space ``(slices, coils, recon rows, columns)``, the readout cropped (exactly)."""
        return to_hybrid(self.kspace, self.info.recon[0])

    def measure(self, mask: Tensor | None = None, slices: slice = slice(None)) -> tuple[Tensor, MRIOperator]:
        """Masked data y and the operator E that measured them, ready for ``model(y, E)``.

        Several coils get the sensitivities estimated from the fully sampled centre.

        Args:
            mask: bool ``(columns,)``; for a file that is undersampled already, leave it out.
            slices: which slices, all by default.

        Raises:
            DataError: a mask of the wrong width, a mask for data that are undersampled already, or none for full data.
        """
        if (mask is None) == (self.mask is None):
            state = "fully sampled: give a mask" if mask is None else "undersampled already: it takes no other mask"
            raise DataError(f"{self.info.path}: this volume is {state}")
        used = self.mask if mask is None else mask
        assert used is not None
        two_dimensional = used.ndim == 2
        data, dims = (self.kspace[slices], KSPACE) if two_dimensional else (self.hybrid[slices], HYBRID)
        E = MRIOperator(used, None, dims)
        if E.mask.shape[-1] != self.width:
            raise DataError(f"{self.info.path}: the mask has {E.mask.shape[-1]} columns, the k-space {self.width}")
        y = data * E.mask
        if self.info.coils > 1:
            E = MRIOperator(used, estimate_sensitivities(y, used, dims), dims)
        return y, E

    def scaled(self, mask: Tensor | None = None, slices: slice = slice(None)) -> tuple[Tensor, MRIOperator, Tensor]:
        """:meth:`measure`, with y in the unit that networks are trained in: the largest |zero-filled| of a slice is 1.

        Args:
            mask: as for :meth:`measure`.
            slices: which slices, all by default.

        Returns:
            Masked data y, ``(slices, coils, rows, columns)``; the operator E; the scale that y was divided by,
            ``(slices, 1, 1, 1)``: multiply a reconstruction by ``scale[:, 0]`` for the data's own unit.

        Raises:
            DataError: as :meth:`measure`.
        """
        y, E = self.measure(mask, slices)
        scale = max_zero_filled(y, E)
        return y / scale, E, scale

    def part(self, slices: slice) -> Volume:
        """Some of its slices as a volume of their own; its mask and its file's name stay.

        Raises:
            DataError: when it has none of them.
        """
        kspace = self.kspace[slices]
        if not len(kspace):
            raise DataError(f"{self.info.path}: none of the slices asked for are there; it has {self.info.slices}")
        info = replace(self.info, shape=(len(kspace), *self.info.shape[1:]))
        return Volume(info, kspace, None if self.target is None else self.target[slices], self.mask)


def volumes(folder: str | Path) -> list[Path]:
    """The ``.h5`` files of a folder in order; a single file is a list of one.

    Raises:
        DataError: for a path that isn't there, or a folder without volumes.
    """
    folder = Path(folder)
    with hdf5.errors_of(folder):
        if folder.is_file():
            return [folder]
        if not folder.is_dir():
            raise DataError(f"{folder}: no such file or folder")
        found = sorted(p for p in folder.iterdir() if p.suffix == ".h5" and not p.name.startswith("."))
    if not found:
        raise DataError(f"{folder}: no volumes here: expected files that end in .h5")
    return found


def inspect(path: str | Path) -> FileInfo:
    """Read and check everything about a volume's file but its samples.

    Raises:
        DataError: for whatever is wrong with the file.
    """
    with hdf5.open_file(path) as file:
        return describe(file, Path(path))


def read(path: str | Path, thorough: bool = False) -> Volume:
    """Read and check a whole volume: its samples are compared with one another by ``reconode.data.verify``.

    Args:
        path: the file.
        thorough: compare every pixel of the target with the k-space, not one row a slice.

    Raises:
        DataError: for whatever is wrong with the file, NaN and Inf in the samples included.
    """
    path = Path(path)
    with hdf5.open_file(path, samples=True) as file:
        info = describe(file, path)
        kspace = torch.from_numpy(np.asarray(file["kspace"][()], dtype=np.complex64)).reshape(info.shape)
        target = None if info.target is None else _read_target(file, info)
    for index, data in enumerate(kspace):
        verify.check_slice(data, None if target is None else target[index], info, index, thorough)
    if target is not None:
        target = center_crop(target, *info.recon)
    mask = info.mask if info.mask is not None or target is not None else _sampled(kspace, info)
    return Volume(info, kspace, target, mask)


def read_target(path: str | Path) -> tuple[FileInfo, Tensor]:
    """Only the target of a volume, float32 ``(slices, rows, columns)``: what a reconstruction is scored against.

    Raises:
        DataError: for whatever is wrong with the file, and for one without a target.
    """
    path = Path(path)
    with hdf5.open_file(path, samples=True) as file:
        info = describe(file, path)
        if info.target is None:
            wanted = SINGLECOIL if info.coils == 1 else MULTICOIL
            raise DataError(f"{path}: no '{wanted}' in it, so there is nothing to score against (a test file?)")
        return info, center_crop(_read_target(file, info), *info.recon)


def describe(file: h5py.File, path: Path) -> FileInfo:
    """Check an open file and say what it holds; the part of :func:`inspect` that a caller with an open file needs."""
    kspace = hdf5.array(file, "kspace", path)
    if kspace.dtype.kind != "c":
        raise DataError(f"{path}: kspace is {kspace.dtype}; expected complex64")
    if kspace.ndim not in (3, 4):
        raise DataError(
            f"{path}: kspace has shape {kspace.shape}; expected (slices, rows, columns), "
            "or (slices, coils, rows, columns) for several coils"
        )
    shape = (kspace.shape[0], 1 if kspace.ndim == 3 else kspace.shape[1], kspace.shape[-2], kspace.shape[-1])
    xml = bytes(file["ismrmrd_header"][()]) if "ismrmrd_header" in file else None
    attributes = hdf5.plain_attributes(file, path, xml)
    mask = _read_mask(file, shape, path)
    encoded = header.parse(xml, shape, path) if xml is not None else None
    wanted = SINGLECOIL if kspace.ndim == 3 else MULTICOIL
    target = wanted if wanted in file else None
    if target is not None:
        recon = _target_size(file, target, shape, path)
        if encoded is not None and encoded.recon != recon:
            raise DataError(
                f"{path}: the header asks for an image of {encoded.recon[0]} x {encoded.recon[1]}, {target} has "
                f"{recon[0]} x {recon[1]}; one of them is wrong"
            )
    else:
        recon = encoded.recon if encoded else (shape[2], shape[3])
    padding = encoded.padding if encoded else (0, shape[3])
    return FileInfo(path, shape, recon, target, padding, mask, attributes)


def write(
    path: str | Path,
    kspace: Tensor,
    *,
    acquisition: str,
    recon: tuple[int, int] | None = None,
    padding: tuple[int, int] | None = None,
    mask: Tensor | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume as fastMRI does, whole or not at all.

    The targets are made from the k-space: the magnitude of the reconstruction, root sum of squares over coils, cropped
    to `recon`. Every byte of the file is covered by a checksum, so that damage on disk is an error and not an image.

    Args:
        path: the file to write; its folder is made.
        kspace: complex64, fully sampled, ``(slices, rows, columns)`` or ``(slices, coils, rows, columns)``; complex128
            is stored as complex64.
        acquisition: the contrast, 'CORPD_FBK' or 'CORPDFS_FBK' for knees.
        recon: rows and columns of the reconstructed image; None takes 320 x 320, or what smaller k-space has.
        padding: the acquired columns ``[left, right)``; all of them when None.
        mask: bool ``(columns,)`` writes a test file instead: masked k-space, the mask, no target.
        attributes: more attributes.

    Raises:
        DataError: for k-space of another dtype or rank.
        OutputError: when it cannot be written; nothing is left behind.
    """
    path = Path(path)
    if kspace.dtype not in (torch.complex64, torch.complex128) or kspace.ndim not in (3, 4) or 0 in kspace.shape:
        raise DataError(
            f"{path}: cannot write k-space of {kspace.dtype} and shape {tuple(kspace.shape)}; expected complex64 "
            "or complex128, (slices, rows, columns) or (slices, coils, rows, columns)"
        )
    kspace = kspace.cpu().to(torch.complex64)
    if recon is None:
        recon = (min(KNEE[0], kspace.shape[-2]), min(KNEE[1], kspace.shape[-1]))
    datasets: dict[str, np.ndarray] = {}
    attrs: dict[str, Any] = {"acquisition": acquisition, "patient_id": path.stem, **(attributes or {})}
    if mask is None:
        images = torch.stack([center_crop(ifft(s), *recon).abs() for s in kspace])
        target = images if kspace.ndim == 3 else images.square().sum(1).sqrt()
        attrs |= {"max": float(target.max()), "norm": float(torch.linalg.vector_norm(target.double()))}
        datasets["kspace"] = kspace.numpy()
        if kspace.ndim == 3:
            datasets[SINGLECOIL] = target.numpy()
        datasets[MULTICOIL] = target.numpy()
    else:
        datasets["kspace"] = (kspace * mask).numpy()
        datasets["mask"] = mask.numpy().astype(np.float32)
    about = header.encode((kspace.shape[-2], kspace.shape[-1]), recon, padding or (0, kspace.shape[-1]))
    write_whole(path, hdf5.encode(datasets, attrs, about))


def _read_mask(file: h5py.File, shape: tuple[int, int, int, int], path: Path) -> Tensor | None:
    if "mask" not in file:
        return None
    data = hdf5.array(file, "mask", path)
    if data.shape != (shape[3],):
        raise DataError(f"{path}: mask has shape {data.shape}; expected ({shape[3]},), one entry a k-space column")
    values = np.asarray(data[()])
    if values.dtype.kind not in "bfiu" or not np.isin(values, (0, 1)).all():
        raise DataError(f"{path}: mask holds values other than 0 and 1")
    if not values.any():
        raise DataError(f"{path}: mask samples no column at all")
    return torch.from_numpy(values.astype(bool))


def _sampled(kspace: Tensor, info: FileInfo) -> Tensor | None:
    """What was sampled in a file that doesn't say: wherever any slice and coil is not zero; None when it is everything.

    Only for files without a target. Columns if whole columns are missing, else both axes.
    """
    nonzero = (kspace != 0).flatten(0, 1).any(0)
    columns = nonzero.any(0)
    if not bool(columns.any()):
        raise DataError(f"{info.path}: kspace is zero everywhere")
    left, right = info.padding
    if bool(nonzero[:, columns].all()):
        return None if bool(columns[left:right].all()) else columns
    return nonzero


def _target_size(file: h5py.File, key: str, shape: tuple[int, int, int, int], path: Path) -> tuple[int, int]:
    """Rows and columns of the target that the k-space can give."""
    data = hdf5.array(file, key, path)
    if data.dtype.kind != "f":
        raise DataError(f"{path}: {key} is {data.dtype}; expected float32")
    if data.ndim != 3 or data.shape[0] != shape[0]:
        raise DataError(
            f"{path}: {key} has shape {data.shape}; expected ({shape[0]}, rows, columns), one image a slice"
        )
    if data.shape[1] > shape[2]:
        raise DataError(f"{path}: {key} has {data.shape[1]} rows, more than the k-space's {shape[2]}")
    # A few of fastMRI's brains are stored with a target wider than their k-space; both are compared on its width.
    return data.shape[1], min(data.shape[2], shape[3])


def _read_target(file: h5py.File, info: FileInfo) -> Tensor:
    """All slices of the target as the file holds it; its stated maximum and norm are compared with it."""
    assert info.target is not None
    target = torch.from_numpy(np.asarray(hdf5.array(file, info.target, info.path)[()], dtype=np.float32))
    check_target(file, info, target)
    return target


def check_target(
    file: h5py.File, info: FileInfo, target: np.ndarray | Tensor | None = None, plain: bool = False
) -> float:
    """Compare a file's whole target with what the file states of it.

    Args:
        file: open.
        info: of it.
        target: all slices, where they are in memory; else they are read one after the other.
        plain: what the probe said of the file's samples.

    Returns:
        The largest value.

    Raises:
        DataError: for slices that are no magnitude image, and a maximum or a norm that is another.
    """

    def measured(key: str) -> dict[str, float] | None:
        data = hdf5.array(file, key, info.path)
        if data.dtype.kind != "f" or data.ndim != 3:
            return None
        slices = Slices(data, plain)
        one_by_one = (np.asarray(slices.unchecked(index), dtype=np.float32) for index in range(len(slices)))
        return verify.measure(one_by_one, info.path, key)

    assert info.target is not None
    found = measured(info.target) if target is None else verify.measure(target, info.path, info.target)
    assert found is not None, "described as images of floating-point numbers"
    verify.check_stated(found, info, lambda: measured(MULTICOIL) if MULTICOIL in file else None)
    return found["max"]
