"""Data made ready in ways that flatter: what Shimron et al. (PNAS 2022) call implicit data crimes, to be measured.

Each takes a volume as a scanner gives it and returns one as a careless database would hand it on. The reference is made
anew from the changed data, as someone who never saw the originals would make it.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from reconode.data.fastmri import Volume
from reconode.errors import MissingExtraError, UsageError
from reconode.experiment.benchmark import as_read, oversampled
from reconode.physics import HYBRID, center_crop, fft, ifft, to_hybrid

LARGEST, BEST = 4, 95
"""Factor of padding, and quality of a JPEG."""


def zero_padded(volume: Volume, factor: float) -> Volume:
    """Rows and columns of zeros around the measured k-space, as a scanner's console puts them: smaller pixels, no news.

    Args:
        volume: fully sampled, single coil.
        factor: by which rows and columns grow, 1 to 4; rounded to even numbers.

    Raises:
        UsageError: for another factor.
    """
    if not 1 <= factor <= LARGEST:
        raise UsageError(f"k-space is padded by a factor of 1 to {LARGEST}, not {factor}")
    rows, columns = (2 * round(n * factor / 2) for n in volume.hybrid.shape[-2:])
    kspace = _padded(fft(ifft(volume.hybrid, HYBRID)), rows, columns)
    left, right = ((columns - volume.width) // 2 + edge for edge in volume.info.padding)
    return _remade(volume, to_hybrid(kspace), (rows, rows), (left, right))


def magnitude_only(volume: Volume, quality: int | None = None) -> Volume:
    """k-space computed from the magnitude images, as a database of pictures allows; noise and all, but without a phase.

    Args:
        volume: fully sampled, single coil.
        quality: of a JPEG, 1 to 95, that the pictures were stored as; None keeps them as they are.

    Raises:
        MissingExtraError: without Pillow, for a JPEG.
        UsageError: for another quality.
    """
    image = ifft(volume.hybrid, HYBRID)[:, 0].abs()
    if quality is not None:
        image = torch.stack([_jpeg(one, quality) for one in image])
    hybrid = fft(image[:, None].to(torch.complex64), HYBRID)
    return _remade(volume, hybrid, volume.info.recon, (0, volume.width))


def _jpeg(image: Tensor, quality: int) -> Tensor:
    """An image through a JPEG of eight bits, brightest pixel white, back in its own unit."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("PIL", "figures", "a JPEG") from error
    if not 1 <= quality <= BEST:
        raise UsageError(f"a JPEG has a quality of 1 to {BEST}, not {quality}")
    top = float(image.max()) or 1.0
    file = io.BytesIO()
    Image.fromarray((255 * image / top).round().to(torch.uint8).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file), np.float32)) * (top / 255)


def _padded(kspace: Tensor, rows: int, columns: int) -> Tensor:
    out = kspace.new_zeros(*kspace.shape[:-2], rows, columns)
    center_crop(out, *kspace.shape[-2:]).copy_(kspace)
    return out


WAYS: dict[str, Callable[[Volume], Volume]] = {
    "as measured": lambda volume: volume,
    "padded by 1.5": lambda volume: zero_padded(volume, 1.5),
    "padded by 2": lambda volume: zero_padded(volume, 2),
    "magnitude only": magnitude_only,
    "JPEG, quality 75": lambda volume: magnitude_only(volume, 75),
    "JPEG, quality 20": lambda volume: magnitude_only(volume, 20),
}
"""By the names that the chapter uses."""


def _remade(volume: Volume, hybrid: Tensor, recon: tuple[int, int], padding: tuple[int, int]) -> Volume:
    return as_read(oversampled(hybrid), volume.name, volume.info.acquisition, recon, padding)
