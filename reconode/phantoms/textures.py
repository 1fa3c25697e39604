"""Textures: random images with a chosen spectrum, made in k-space up to the scanner's resolution and no further."""

from __future__ import annotations

import torch
from torch import Tensor

from reconode.phantoms.draws import Draws
from reconode.phantoms.plane import Plane


class Textures:
    """Draws textures for the fine grid of one slice; each has zero mean and unit variance.

    A texture's spectrum is 1 / (1 + (L k)^2)^(s / 2) for a length L (mm) along and another across the leg's axis, so
    muscle is streaked along its fibers in a sagittal slice and mottled in an axial one, as it should be.
    """

    def __init__(self, draws: Draws, plane: Plane, device: torch.device) -> None:
        self.draws, self.plane, self.device = draws, plane, device
        rows, columns = plane.shape
        ku = torch.fft.fftfreq(rows, plane.pixel)[:, None].to(device) * 2 * torch.pi
        kv = torch.fft.rfftfreq(columns, plane.pixel)[None, :].to(device) * 2 * torch.pi
        axis = draws.rotation(0.35)[2]  # of the fibers, roughly the leg's
        along = ku * float(axis @ plane.u) + kv * float(axis @ plane.v)
        self._along2 = along.square()
        self._across2 = (ku.square() + kv.square() - self._along2).clamp_min_(0)
        nyquist = torch.pi / plane.pixel
        # A circle in k-space, a little inside the band: the corners would look like a checkerboard.
        self._disc = ((ku.square() + kv.square()).sqrt() < nyquist).float()

    def draw(self, length: float, slope: float, across: float | None = None, shortest: float = 0.0) -> Tensor:
        """A texture on the fine grid.

        Args:
            length: mm (per radian) above which the spectrum is flat, along the leg.
            slope: how fast amplitude falls with frequency beyond that.
            across: the length across the leg; None is the same, an isotropic texture.
            shortest: mm (per radian) of detail below which it is smoothed.
        """
        across = length if across is None else across
        spectrum = (1 + self._along2 * length**2 + self._across2 * across**2) ** (-slope / 2) * self._disc
        if shortest:
            spectrum = spectrum * torch.exp(-0.5 * shortest**2 * (self._along2 + self._across2))
        spectrum[0, 0] = 0
        rows, half = spectrum.shape
        white = self.draws.normal(rows, half, complex_values=True).to(self.device)
        # The variance of the inverse transform: columns other than the first and last stand for two frequencies each.
        power = 2 * spectrum.square().sum() - spectrum[:, 0].square().sum()
        white *= spectrum / power.sqrt().clamp_min(1e-12)
        factor = self.plane.factor
        fine = white.new_zeros(rows * factor, rows and (self.plane.shape[1] * factor) // 2 + 1)
        fine[: rows // 2, :half] = white[: rows // 2]
        fine[-(rows // 2) :, :half] = white[-(rows // 2) :]
        return torch.fft.irfft2(fine, s=self.plane.fine_shape, norm="forward")
