"""Photographs as anatomy: crops of the pictures in scikit-image's wheel, for training on what no phantom has.

Knoll et al. (arXiv:1902.10815) trained an unrolled network on natural images with synthetic phase and applied it to
knees. Here a picture takes the place of the painted tissue, and the scanner is the phantoms' own: shading, up to four
turns of phase, the band, the noise. Nothing is downloaded: only files that lie in the installed package are read.

The pictures, with what scikit-image says of their rights: CC0 (brick, camera, cell, chelsea, coffee, grass, gravel,
retina), released into the public domain (astronaut, clock, rocket), NASA's for free use (hubble_deep_field), no known
restrictions (coins, ihc). Left out: those whose rights are not stated (moon, page, the motorcycle, the faces), and what
is no photograph (text, logos, chessboards, silhouettes, the Shepp-Logan phantom).
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reconode.errors import DataError, MissingExtraError
from reconode.phantoms.draws import Draws
from reconode.phantoms.leaves import random_shape
from reconode.phantoms.plane import Plane

TRAINING = (
    "astronaut.png",
    "brick.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "rocket.jpg",
)
"""What the mix "natural" draws from."""

HELD_OUT = ("camera.png", "coffee.png", "retina.jpg")
"""What the mix "pictures" draws from: nothing is ever trained on these."""

KIND = "picture"

PLAIN = 0.12
"""Standard deviation, of values from 0 to 1, below which a crop is drawn again, up to three times."""


def picture(plane: Plane, draws: Draws, names: tuple[str, ...], device: torch.device) -> Tensor:
    """Magnitude ``plane.fine_shape`` of a random crop of one of some pictures.

    Colors are weighed at random; the crop is turned by quarters and flipped, from the largest that fits down to one as
    fine as the image's own pixels; contrast is bent, at times reversed; half of them lie in air, cut out by a shape.

    Raises:
        MissingExtraError: without scikit-image.
        DataError: when its installation lacks the picture.
    """
    colors = load(draws.pick(names)).to(device)
    weights = draws.uniforms(len(colors)) + 0.05
    gray = torch.einsum("c,chw->hw", (weights / weights.sum()).to(device), colors)
    gray = torch.rot90(gray, draws.integer(0, 3))
    gray = gray.flip(1) if draws.chance(0.5) else gray
    rows, columns = plane.fine_shape
    image = _crop(gray, (rows, columns), plane.factor, draws)
    for _ in range(3):  # a clear sky teaches little
        image = image if image.std() > PLAIN else _crop(gray, (rows, columns), plane.factor, draws)
    image = (1 - image if draws.chance(0.3) else image).clamp_(0, 1).pow(draws.log_uniform(0.6, 1.7))
    if draws.chance(0.5):
        short = min(rows, columns)
        y = torch.arange(rows, device=device)[:, None] / short - 0.5 * rows / short
        x = torch.arange(columns, device=device)[None, :] / short - 0.5 * columns / short
        cut = random_shape(draws, y, x, draws.uniform(0.33, 0.5), kinds=("oval", "blob"))
        image = image * (0.5 - cut * short / 1.4).clamp_(0, 1)
    return image


def _crop(gray: Tensor, shape: tuple[int, int], factor: int, draws: Draws) -> Tensor:
    """Some of a picture ``(rows, columns)``, interpolated to `shape`."""
    largest = min(old / new for old, new in zip(gray.shape, shape, strict=True))  # the picture's pixels to one of ours
    scale = draws.log_uniform(min(largest, 1 / factor), largest)
    height, width = (min(old, max(1, round(scale * new))) for old, new in zip(gray.shape, shape, strict=True))
    top, left = draws.integer(0, gray.shape[0] - height), draws.integer(0, gray.shape[1] - width)
    crop = gray[None, None, top : top + height, left : left + width]
    return torch.nn.functional.interpolate(crop, size=shape, mode="bilinear", antialias=True)[0, 0]


@lru_cache(maxsize=len(TRAINING) + len(HELD_OUT))
def load(name: str) -> Tensor:
    """A picture ``(colors, rows, columns)``, from 0 to 1, on the CPU.

    Raises:
        MissingExtraError: without scikit-image.
        DataError: when its installation lacks the picture.
    """
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise MissingExtraError("scikit-image", "pictures", "a mix with natural pictures")
    path = Path(found.origin).parent / "data" / name
    if not path.is_file():
        raise DataError(f"{path}: no such picture in this installation of scikit-image; use another mix, or reinstall")
    from skimage import io

    pixels = np.asarray(io.imread(path), dtype=np.float32) / 255
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)[..., :3]).permute(2, 0, 1).contiguous()
