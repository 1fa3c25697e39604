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
        number: the slice; the middle one when None.

    Raises:
        UsageError: for a slice that isn't there.
        DataError: for files that cannot be read, or a reconstruction that doesn't say its mask.
    """
    volume, result = fastmri.read(reference), evaluate.read(chosen.file)
    assert volume.target is not None
    number = volume.info.slices // 2 if number is None else number
    if number >= volume.info.slices:
        raise UsageError(f"--slice {number}: {volume.name} has slices 0 to {volume.info.slices - 1}")
    if not result.mask.numel():
        raise DataError(f"{chosen.file}: no mask in it, so its zero-filled image cannot be drawn")
    rows, columns = volume.target.shape[-2:]
    model = str(result.attributes.get("model") or "reconstruction")
    zero_filled = evaluate.reconstruct(ZeroFilled(), volume, result.mask if volume.mask is None else None)
    images = {"zero-filled": zero_filled[number]}
    scores = [metrics.scores(zero_filled, volume.target)]
    if model != "zero-filled":
        images[model] = center_crop(result.image[number], rows, columns)
        scores.append(chosen.scores)
    texts = [str(s).replace("  ", "\n") for s in scores]
    heading = f"{volume.name}, slice {number}; scores are the whole volume's"
    panels.save(panels.comparison(volume.target[number], result.mask, images, texts, heading), figure)
