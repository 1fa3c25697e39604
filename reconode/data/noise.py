"""How noisy data are, told from themselves: the outer corners of what was measured hold little else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reconode.data.echo import ramp, turns
from reconode.errors import UsageError
from reconode.physics import HYBRID, MRIOperator, fft


def level(y: Tensor, E: MRIOperator) -> Tensor:
    """Standard deviation of the complex noise of a measured sample, ``(batch,)``: the square root of E|n|².

    From the samples in the outer half of the readout's frequencies (around the echo, wherever it is) and in the outer
    quarter of the measured columns, all coils together. Their median energy is ln 2 of the mean's where it is noise,
    and detail there, which is rare and strong, moves a median little. With little noise it is an upper bound: fine
    texture counts as noise. Columns that hold nothing but zeros, beyond what a scanner acquires, do not count.

    Args:
        y: measured data in hybrid space ``(batch, coils, rows, columns)``.
        E: the operator that measured them.

    Raises:
        UsageError: for masks in both axes.
    """
    if E.dims != HYBRID:
        raise UsageError("the noise is told from whole columns: it needs data in hybrid space, masked along columns")
    rows, columns = y.shape[-2:]
    measured = E.measure(y)
    k = fft(ramp(-turns(measured), rows)[:, None] * measured, (-2,))
    outer = (torch.arange(rows, device=y.device) - rows // 2).abs() >= rows / 4
    found = []
    for one in k:
        there = torch.nonzero(one.abs().amax((0, 1)) > 0).flatten()
        if not len(there):
            found.append(one.real.new_zeros(()))
            continue
        away = (there - columns // 2).abs()
        far = there[away >= away.double().quantile(0.75)]
        found.append((one[:, outer][..., far].abs().square().median() / math.log(2)).sqrt())
    return torch.stack(found)
