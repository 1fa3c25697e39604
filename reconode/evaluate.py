"""Volumes in, reconstructions and per-volume scores out: the same few lines for every model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reconode import metrics
from reconode.data import fastmri
from reconode.data.echo import Centered
from reconode.data.fastmri import Volume
from reconode.errors import DataError
from reconode.physics import center_crop
from reconode.storage import hdf5
from reconode.storage.whole import write_whole
from reconode.zoo import Model

IMAGE = "reconstruction"
"""The data set that holds the image in a reconstruction's file, as in fastMRI's submissions."""


@dataclass(frozen=True)
class Reconstruction:
    """A reconstructed volume.

    Attributes:
        image: magnitude, float32 ``(slices, rows, columns)``, in the data's unit.
        mask: what was sampled, bool ``(columns,)`` or ``(rows, columns)``.
        attributes: how it was made: model, acceleration, mask, seconds.
    """

    image: Tensor
    mask: Tensor
    attributes: dict[str, Any]

    @property
    def slices(self) -> slice:
        """Which of the volume's slices these are: all, or those that its attribute ``first_slice`` says."""
        first = self.attributes.get("first_slice")
        return slice(None) if not isinstance(first, int) else slice(first, first + len(self.image))


@torch.no_grad()
def reconstruct(
    model: Model,
    volume: Volume,
    mask: Tensor | None = None,
    *,
    batch_size: int = 4,
    device: torch.device | str = "cpu",
    progress: Callable[[int], object] = lambda slices: None,
    center: bool = True,
) -> Tensor:
    """Magnitude of a volume's reconstruction, float32 ``(slices, rows, columns)``, cropped as the volume's target.

    Each slice is scaled by its max |zero-filled| for the model, and the result scaled back.

    Args:
        model: keeps the contract ``model(y, E)``.
        volume: the data.
        mask: bool ``(columns,)`` to undersample a fully sampled volume with; none for one that is undersampled already.
        batch_size: slices at once.
        device: where the model lives.
        progress: called with the number of slices done since the last call.
        center: networks see an echo that is far off the middle of the readout where it should be
            (:mod:`reconode.data.echo`); False gives them the data as they are.

    Raises:
        DataError: a mask that does not fit the volume, or a reconstruction that is not finite.
    """
    images = []
    seen = Centered(model) if center and isinstance(model, nn.Module) else model
    for start in range(0, volume.info.slices, batch_size):
        y, E, scale = volume.scaled(mask, slice(start, start + batch_size))
        x = seen(y.to(device), E.to(device)) * scale[:, 0].to(device)
        images.append(center_crop(x.abs(), *volume.info.recon).cpu())
        progress(len(y))
    image = torch.cat(images)
    if not bool(torch.isfinite(image).all()):
        raise DataError(f"{volume.info.path}: the reconstruction has NaN or Inf; the model failed on these data")
    return image


def reconstruct_and_score(
    model: Model,
    volume: Volume,
    mask: Tensor | None = None,
    *,
    device: torch.device | str = "cpu",
    center: bool = True,
) -> tuple[Tensor, metrics.Scores]:
    """A volume's reconstruction by :func:`reconstruct`, and its scores against the volume's target.

    Raises:
        DataError: as :func:`reconstruct`, and for a volume without a target, as the files of a test set.
    """
    if volume.target is None:
        raise DataError(f"{volume.info.path}: no target in it, so nothing can be scored; expected one with targets")
    image = reconstruct(model, volume, mask, device=device, center=center)
    return image, metrics.scores(image, volume.target)


def write(path: str | Path, reconstruction: Reconstruction) -> None:
    """Write a reconstruction as HDF5, whole or not at all: fastMRI's ``reconstruction`` and its mask."""
    data = {IMAGE: reconstruction.image.numpy(), "mask": reconstruction.mask.numpy().astype(np.float32)}
    write_whole(path, hdf5.encode(data, reconstruction.attributes))


def read(path: str | Path) -> Reconstruction:
    """Read a reconstruction back, or any file in fastMRI's submission format (its mask is then empty).

    Raises:
        DataError: for whatever is wrong with the file.
    """
    path = Path(path)
    with hdf5.open_file(path, samples=True) as file:
        data = hdf5.array(file, IMAGE, path)
        if data.ndim != 3 or data.dtype.kind != "f":
            raise DataError(
                f"{path}: {IMAGE} is {data.dtype} of shape {data.shape}; expected float32 (slices, rows, columns)"
            )
        image = torch.from_numpy(np.asarray(data[()], dtype=np.float32))
        mask = np.asarray(hdf5.array(file, "mask", path)[()]) if "mask" in file else np.zeros(0)
        if mask.dtype.kind not in "bfiu":
            raise DataError(f"{path}: mask is {mask.dtype}; expected numbers, one a column")
        attributes = hdf5.plain_attributes(file, path)
    if not bool(torch.isfinite(image).all()):
        raise DataError(f"{path}: {IMAGE} has NaN or Inf")
    return Reconstruction(image, torch.from_numpy(mask.astype(bool)), attributes)


@dataclass(frozen=True)
class VolumeScores:
    """One volume's scores and what they are of: the volume's name and contrast, the reconstruction's file and model."""

    name: str
    file: Path
    acquisition: str
    scores: metrics.Scores
    model: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "file": str(self.file),
            "acquisition": self.acquisition,
            "model": self.model,
            **self.scores.as_dict(),
        }


def score(reference: str | Path, reconstruction: str | Path) -> VolumeScores:
    """Scores of a reconstruction's file against the target in a volume's file.

    Raises:
        DataError: for files that cannot be read or do not fit each other, or a reference without a target.
    """
    info, target = fastmri.read_target(reference)
    result = read(reconstruction)
    try:
        scores = metrics.scores(result.image, target[result.slices])
    except DataError as error:
        raise DataError(f"{reconstruction} against {reference}: {error}") from error
    return VolumeScores(
        info.name, Path(reconstruction), info.acquisition, scores, str(result.attributes.get("model", ""))
    )
