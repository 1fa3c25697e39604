"""Arrays small enough for a page: quantized by a step, differenced, deflated, in base64; `js/unpack.js` undoes it.

A picture in a notebook is stored with it, in git, so bytes matter. Rounding to a step δ costs δ / √12 a number; the
widgets choose δ far below the noise of the data they show, and every number that they print is of the rounded data.
"""

from __future__ import annotations

import base64
import zlib
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from reconode.errors import DataError

LARGEST = 32_767
"""The numbers are int16."""

STEPS = (1 / 1023, 1 / 511, 1 / 255, 1 / 180, 1 / 127, 1 / 90, 1 / 64, 1 / 45, 1 / 32)
"""From fine to coarse, for data with maximum 1 in the image."""


class Packed(TypedDict):
    """What goes into the page: `data` holds the low bytes of all numbers, then the high ones."""

    shape: list[int]
    step: float
    data: str


def pack(values: NDArray[np.floating], step: float) -> Packed:
    """Round to multiples of `step` and pack.

    Args:
        values: real, any shape; along the first axis only differences are stored, so make it the time.
        step: δ.

    Raises:
        DataError: for NaN or Inf, or numbers too large for the step.
    """
    if not np.isfinite(values).all():
        raise DataError("a widget's data must be finite numbers, and these have NaN or Inf: mend them first")
    rounded = np.rint(np.asarray(values, np.float64) / step).astype(np.int64)
    change = np.diff(rounded, axis=0, prepend=0)
    if np.abs(change).max() > LARGEST:
        raise DataError(f"a widget's data must stay below {LARGEST * step:g} in steps of {step:g}: scale them first")
    # Small numbers of either sign become small numbers: 0, -1, 1, -2 … are 0, 1, 2, 3 …; the high bytes are mostly 0.
    folded = np.where(change < 0, -2 * change - 1, 2 * change).astype("<u2")
    planes = folded.reshape(-1).view(np.uint8).reshape(-1, 2).T.tobytes()
    return {
        "shape": list(values.shape),
        "step": step,
        "data": base64.b64encode(zlib.compress(planes, 9)).decode(),
    }


def pack_within(values: NDArray[np.floating], characters: int) -> Packed:
    """The finest of :data:`STEPS` with which the data take no more than so many characters; the coarsest if none does.

    Quiet data pack well and get a fine step, noisy data a coarser one, far below their noise either way.
    """
    packed = pack(values, STEPS[0])
    for step in STEPS[1:]:
        if len(packed["data"]) <= characters:
            break
        packed = pack(values, step)
    return packed


def unpack(packed: Packed) -> NDArray[np.float64]:
    """What the page works with: the rounded numbers."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8).astype(np.int64)
    low, high = planes.reshape(2, -1)
    folded = low + 256 * high
    change = np.where(folded % 2, -(folded + 1) // 2, folded // 2).reshape(packed["shape"])
    return np.cumsum(change, axis=0) * packed["step"]


def color_table(name: str) -> str:
    """256 colors of a matplotlib map, three bytes each, in base64."""
    from matplotlib import colormaps

    colors = colormaps[name](np.arange(256), bytes=True)[:, :3]
    return base64.b64encode(np.ascontiguousarray(colors, np.uint8).tobytes()).decode()
