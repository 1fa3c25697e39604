"""Phase that a volume did not have: what transfer tests and low signal do to data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reconode.data.fastmri import Volume
from reconode.experiment.benchmark import oversampled
from reconode.physics import HYBRID, fft, ifft


def with_phase(volume: Volume, turns: float, readout: float = 0.0) -> Volume:
    """The volume with so many turns of phase more, smooth and along the readout; magnitudes stay as they are."""
    return Volume(volume.info, oversampled(turned(volume.hybrid, turns, readout)), volume.target, None)


def turned(hybrid: Tensor, turns: float, readout: float = 0.0) -> Tensor:
    """Data ``(…, rows, columns)`` in hybrid space, their image with more phase.

    Args:
        hybrid: the data.
        turns: of smooth phase, from edge to edge.
        readout: turns of a ramp from the first row to the last: by how many samples the echo is off the middle of the
            readout.
    """
    rows, columns = hybrid.shape[-2:]
    r, c = torch.meshgrid(torch.linspace(-0.5, 0.5, rows), torch.linspace(-0.5, 0.5, columns), indexing="ij")
    phase = 2 * math.pi * turns * (c + 0.7 * r + 1.5 * (c.square() - r * c)) + 2 * math.pi * readout * r
    return fft(ifft(hybrid, HYBRID) * torch.polar(torch.ones_like(phase), phase), HYBRID)
