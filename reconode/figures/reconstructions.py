"""The paper's Fig. 3: one slice by several models, error maps below, all in one window and on one error scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconode import evaluate, masks, metrics, zoo
from reconode.data.fastmri import Volume
from reconode.errors import DataError
from reconode.figures import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = ("zero-filled", "d5c5", "lt-rk4", "pc-flow")


def reconstructions(volume: Volume, number: int = 0, acceleration: float = 4, models: Sequence[str] = SHOWN) -> Figure:
    """Target, reconstructions and error maps of a slice, each panel with the slice's scores.

    Args:
        volume: fully sampled, with a target.
        number: the slice.
        acceleration: of the mask, and of the weights.
        models: names of the zoo, the worst first: it sets the error scale. Those without weights are left out.

    Raises:
        DataError: for a volume without a target, or when no model is left.
    """
    if volume.target is None:
        raise DataError(f"{volume.info.path}: no target in it to compare reconstructions with")
    mask = masks.random(volume.width, acceleration, seed=volume.name)
    target = volume.target[number]
    images, notes = {}, []
    for name in models:
        entry = zoo.find(name)
        if entry.learned and zoo.shipped(name, acceleration) is None:
            continue
        image = evaluate.reconstruct(zoo.load(name, acceleration), volume, mask)[number]
        images[entry.title.removeprefix("ReconODE-")] = image
        score = metrics.scores(image[None], target[None])
        notes.append(f"{score.psnr:.2f} dB\nSSIM {score.ssim:.3f}")
    if not images:
        raise DataError(f"no weights at {acceleration:g}x come with the library for {', '.join(models)}")
    heading = f"{volume.name}, slice {number}, {acceleration:g}×; scores of this slice"
    return panels.comparison(target, mask, images, notes, heading)
