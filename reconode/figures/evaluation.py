"""The picture of an evaluation: what ``reconode evaluate --figure`` draws."""

from __future__ import annotations

from pathlib import Path

from reconode import evaluate, metrics
from reconode.classical import ZeroFilled
from reconode.data import fastmri
from reconode.errors import DataError, UsageError
from reconode.evaluate import VolumeScores
from reconode.figures import panels
from reconode.physics import center_crop


def draw(chosen: VolumeScores, reference: Path, figure: Path, number: int | None = None) -> None:
    """Target, zero-filled, reconstruction and error maps of one slice, with the volumes' scores.

    Args:
        chosen: the scored reconstruction.
        reference: the volume's file.
        figure: where the picture goes; its ending says the format.
        number: the slice of the volume; the middle one of the reconstruction when None.

    Raises:
        UsageError: for a slice that isn't there.
        DataError: for files that cannot be read, or a reconstruction that doesn't say its mask.
    """
    volume, result = fastmri.read(reference), evaluate.read(chosen.file)
    there_are = volume.info.slices
    assert volume.target is not None
    first = result.slices.start or 0
    number = first + len(result.image) // 2 if number is None else number
    if not first <= number < first + len(result.image):
        there = f"slices {first} to {first + len(result.image) - 1}"
        raise UsageError(f"--slice {number}: {volume.name} has {there}")
    volume, index = volume.part(result.slices), number - first
    assert volume.target is not None
    if not result.mask.numel():
        raise DataError(f"{chosen.file}: no mask in it, so its zero-filled image cannot be drawn")
    rows, columns = volume.target.shape[-2:]
    model = panels.plain(str(result.attributes.get("model") or "reconstruction"))
    zero_filled = evaluate.reconstruct(ZeroFilled(), volume, result.mask if volume.mask is None else None)
    images = {"zero-filled": zero_filled[index]}
    scores = [metrics.scores(zero_filled, volume.target)]
    if model != "zero-filled":
        images[model] = center_crop(result.image[index], rows, columns)
        scores.append(chosen.scores)
    texts = [str(s).replace("  ", "\n", 1).replace("  ", ", ") for s in scores]
    whose = "the whole volume's" if first == 0 and len(result.image) == there_are else "over the slices reconstructed"
    heading = panels.plain(f"{volume.name}, slice {number}; scores are {whose}")
    panels.save(panels.comparison(volume.target[index], result.mask, images, texts, heading), figure)
