r"""The echo in the middle of the readout: a phase of raw data that is taken off before a network and put back.

A gradient echo that comes k samples before or after the middle of its readout leaves a ramp of k turns of phase along
the image's rows. The magnitude doesn't show it, zero-filling doesn't feel it, and a file of raw data may well have it.
A network does feel it: it is made of small filters on real and imaginary parts, and learns those phases that its
training has. Where a ramp turns much faster, they draw dark stripes (``benchmarks/experiment/low_signal.py``).

Nothing needs to be learned about it. A phase that depends on the row alone is a diagonal unitary matrix P, which
commutes with E and its adjoint, whose Fourier transform and mask act on columns:

.. math:: E P x = P E x, \qquad E^H P y = P E^H y .

So Pᴴ y are data of the image Pᴴ x, measured with the same operator: reconstruct that, and P times the result is the
image. With masks in both axes P does not commute, and nothing is done.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from reconode.physics import HYBRID, MRIOperator

TRAINED = 4.0
"""Turns along the rows up to which data are left as they are: the phantoms' phase has up to four wraps."""


def turns(y: Tensor) -> Tensor:
    """Turns of phase from the first row to the last, ``(batch,)``; by so many samples the echo is off the middle.

    The mean phase from each row to the next, weighted by their energy: the angle of the correlation at lag one, which
    is the echo's centre of mass. Independent noise has no such correlation. Up to half a turn from row to row.

    Args:
        y: data in hybrid space ``(batch, coils, rows, columns)``, masked or not; every sample counts.
    """
    lag = (y[..., :-1, :].conj() * y[..., 1:, :]).sum((1, 2, 3))
    return lag.angle() * (y.shape[-2] / (2 * math.pi))


def ramp(count: Tensor, rows: int) -> Tensor:
    """The phase factors of so many turns: ``(batch,)`` to complex ``(batch, rows, 1)``, 1 in the middle row."""
    row = torch.arange(rows, device=count.device, dtype=count.dtype) - rows // 2
    angle = (count / rows * 2 * math.pi)[:, None, None] * row[:, None]
    return torch.polar(torch.ones_like(angle), angle)


class Centered(nn.Module):
    """A network that sees data with the echo in the middle of the readout; it keeps the contract ``model(y, E)``.

    For hybrid space. Data whose ramp is within what training has pass as they are, to the last bit.

    Args:
        model: any network.
        trained: turns along the rows up to which nothing is done; 0 centers every slice.
    """

    def __init__(self, model: nn.Module, trained: float = TRAINED) -> None:
        super().__init__()
        self.model, self.trained = model, trained

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        if E.dims != HYBRID:
            return self.model(y, E)
        found = turns(E.measure(y))
        far = found.abs() > self.trained
        if not bool(far.any()):
            return self.model(y, E)
        phase = ramp(torch.where(far, found, torch.zeros_like(found)), y.shape[-2])
        return phase * self.model(phase.conj()[:, None] * y, E)
