"""Every reconstruction by its name: one list for the command line, the tables and the book.

A model is anything that keeps the contract ``model(y, E)``: masked data y ``(batch, coils, rows, columns)`` and the
operator E that measured them in, the complex image ``(batch, rows, columns)`` out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from reconode import classical
from reconode.errors import UsageError
from reconode.physics import MRIOperator


class Model(Protocol):
    """The contract that every reconstruction keeps."""

    def __call__(self, y: Tensor, E: MRIOperator) -> Tensor: ...


@dataclass(frozen=True)
class Entry:
    """A name's model.

    Attributes:
        title: as tables print it.
        build: makes the model for an acceleration.
        summary: one line on what it is.
    """

    title: str
    build: Callable[[float], Model]
    summary: str


MODELS: dict[str, Entry] = {
    "zero-filled": Entry("Zero-filled", lambda _: classical.ZeroFilled(), "what was not measured is zero"),
    "gradient-descent": Entry(
        "Gradient descent", lambda _: classical.GradientDescent(), "Eq. 3 with a quadratic smoothness term"
    ),
    "tv": Entry(
        "Total variation",
        lambda _: classical.TotalVariation(),
        "sparse gradients, a convex problem solved to a certificate",
    ),
    "wavelet": Entry("Wavelet", lambda _: classical.WaveletFISTA(), "sparse wavelet coefficients, FISTA"),
}


def load(name: str, acceleration: float = 4) -> Model:
    """A ready reconstruction by name.

    Args:
        name: a key of :data:`MODELS`.
        acceleration: of the masks that the data come with.

    Raises:
        UsageError: for an unknown name, with the nearest ones.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name.lower(), MODELS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the models are {', '.join(MODELS)}"
        raise UsageError(f"unknown model {name!r}: {hint}")
    return MODELS[name].build(acceleration)
