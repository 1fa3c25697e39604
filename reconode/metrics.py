"""PSNR, SSIM and NMSE by fastMRI's convention, and the loss of the paper.

fastMRI scores a *volume*: magnitude images, data range the maximum of the whole target volume, one error over all
slices (PSNR, NMSE) or the mean of the slices' SSIM. A score per slice, with each slice's own maximum, is another
number: PSNR differs by about 5 dB. A data set's score is the unweighted mean over its volumes.

Images and targets: ``(slices, rows, columns)``, torch or NumPy, complex (their magnitude counts) or real, in any unit.
An image larger than its target is centre-cropped to it, as fastMRI crops columns at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reconode.errors import DataError
from reconode.physics import center_crop

Images = Tensor | np.ndarray

WINDOW, K1, K2 = 7, 0.01, 0.03
"""SSIM's uniform window and constants (Wang et al. 2004), the defaults of scikit-image and fastMRI."""


@dataclass(frozen=True)
class Scores:
    """PSNR in dB, SSIM and NMSE of one volume."""

    psnr: float
    ssim: float
    nmse: float

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB  SSIM {self.ssim:.4f}  NMSE {self.nmse:.4f}"

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def scores(image: Images, target: Images) -> Scores:
    """All three scores of a reconstructed volume against its target, computed in float64.

    Raises:
        DataError: shapes that do not fit, NaN or Inf, or a target that is zero everywhere.
    """
    x, t = _pair(image, target)
    return Scores(_psnr(x, t), float(structural_similarity(x, t, t.max()).mean()), _nmse(x, t))


def psnr(image: Images, target: Images) -> float:
    """Peak signal-to-noise ratio in dB: 10 log₁₀(max(target)² / MSE) over the volume; infinite for equal volumes."""
    return _psnr(*_pair(image, target))


def nmse(image: Images, target: Images) -> float:
    """Normalised mean squared error: ‖image − target‖² / ‖target‖² over the volume."""
    return _nmse(*_pair(image, target))


def ssim(image: Images, target: Images) -> float:
    """Structural similarity: mean over slices, data range max(target) of the volume."""
    x, t = _pair(image, target)
    return float(structural_similarity(x, t, t.max()).mean())


def structural_similarity(image: Tensor, target: Tensor, data_range: Tensor | float) -> Tensor:
    """SSIM of each slice, differentiable: what evaluation reports and what training maximises.

    Uniform 7 × 7 window, sample covariance (49/48), only windows that lie inside the image: equal to scikit-image's
    ``structural_similarity`` with its defaults.

    Args:
        image: real ``(slices, rows, columns)``, at least 7 pixels each way.
        target: the same shape.
        data_range: a number, or one a slice ``(slices,)``, in the unit of the images.

    Returns:
        ``(slices,)`` in [-1, 1].
    """
    if min(target.shape[-2:]) < WINDOW:
        raise DataError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, not {tuple(target.shape[-2:])}")
    data_range = torch.as_tensor(data_range, dtype=target.dtype, device=target.device).reshape(-1, 1, 1)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    n = WINDOW**2

    def mean(z: Tensor) -> Tensor:
        return F.avg_pool2d(z.unsqueeze(1), WINDOW, stride=1).squeeze(1)

    mx, mt = mean(image), mean(target)
    unbiased = n / (n - 1)
    vx = unbiased * (mean(image * image) - mx * mx)
    vt = unbiased * (mean(target * target) - mt * mt)
    cov = unbiased * (mean(image * target) - mx * mt)
    similarity = (2 * mx * mt + c1) * (2 * cov + c2) / ((mx * mx + mt * mt + c1) * (vx + vt + c2))
    return similarity.mean(dim=(-2, -1))


def loss(image: Tensor, target: Tensor, data_range: Tensor | float, ssim_weight: float = 0.5) -> Tensor:
    """The paper's training loss, L1 + 0.5 SSIM, which must mean L1 + 0.5 (1 − SSIM): SSIM is to grow.

    Args:
        image: magnitude ``(batch, rows, columns)``, scaled as the target.
        target: the same shape.
        data_range: the volume's maximum in the scaled unit, a number or ``(batch,)``.
        ssim_weight: the paper's 0.5.
    """
    similarity = structural_similarity(image, target, data_range).mean()
    return F.l1_loss(image, target) + ssim_weight * (1 - similarity)


def magnitude(image: Tensor) -> Tensor:
    """|x| with a gradient that stays finite where x = 0."""
    if not image.is_complex():
        return image
    tiny = torch.finfo(image.real.dtype).tiny
    return (image.real.square() + image.imag.square() + tiny).sqrt()


@dataclass(frozen=True)
class Interval:
    """A mean over volumes with its bootstrap interval; the bounds are NaN where there is none."""

    mean: float
    low: float
    high: float
    volumes: int


def bootstrap(values: Sequence[float], confidence: float = 0.95, resamples: int = 9999, seed: int = 0) -> Interval:
    """Mean of per-volume scores and its percentile bootstrap interval.

    Volumes are resampled, not slices: the slices of one knee depend on each other.

    Raises:
        DataError: without values.
    """
    v = np.asarray(values, dtype=float)
    if v.size == 0:
        raise DataError("no volumes to average: expected at least one score")
    if v.size == 1 or not np.isfinite(v).all():
        return Interval(float(v.mean()), float("nan"), float("nan"), v.size)
    drawn = np.random.default_rng(seed).integers(v.size, size=(resamples, v.size))
    low, high = np.quantile(v[drawn].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(v.mean()), float(low), float(high), v.size)


FEWEST = 8
"""Volumes that an interval wants: of three unlike scans the bootstrap gives little but the lowest and highest score."""


def summarize(per_volume: Sequence[Scores], acquisitions: Sequence[str]) -> dict[str, dict[str, Interval]]:
    """Means over all volumes (``"all"``) and for each acquisition type, for each score.

    With intervals from :data:`FEWEST` volumes on; below, their bounds are NaN.
    """

    def mean(values: list[float]) -> Interval:
        if len(values) < FEWEST:
            return Interval(float(np.mean(values)), float("nan"), float("nan"), len(values))
        return bootstrap(values)

    groups: dict[str, list[Scores]] = {"all": list(per_volume)}
    for score, acquisition in zip(per_volume, acquisitions, strict=True):
        groups.setdefault(acquisition or "unknown", []).append(score)
    if len(groups) == 2:  # one acquisition type: the same volumes twice
        groups = {"all": groups["all"]}
    return {
        name: {key: mean([getattr(s, key) for s in members]) for key in ("psnr", "ssim", "nmse")}
        for name, members in groups.items()
    }


def _pair(image: Images, target: Images) -> tuple[Tensor, Tensor]:
    """Both as float64 magnitudes of the same shape."""
    x, t = (torch.as_tensor(z).detach().cpu() for z in (image, target))
    x, t = ((z.abs() if z.is_complex() else z).double() for z in (x, t))
    if x.ndim != 3 or t.ndim != 3 or x.shape[0] != t.shape[0]:
        raise DataError(
            f"expected image and target of shape (slices, rows, columns), got {tuple(x.shape)} and {tuple(t.shape)}"
        )
    if x.shape[-2] < t.shape[-2] or x.shape[-1] < t.shape[-1]:
        raise DataError(f"the image, {tuple(x.shape[-2:])} pixels, is smaller than its target, {tuple(t.shape[-2:])}")
    x = center_crop(x, t.shape[-2], t.shape[-1])
    for name, z in (("image", x), ("target", t)):
        if not bool(torch.isfinite(z).all()):
            raise DataError(f"the {name} has NaN or Inf in {int((~torch.isfinite(z)).sum())} pixels")
    if float(t.max()) <= 0:
        raise DataError("the target is zero everywhere: its scores are not defined")
    return x, t


def _psnr(x: Tensor, t: Tensor) -> float:
    error = float((x - t).square().mean())
    return float("inf") if error == 0 else float(10 * torch.log10(t.max() ** 2 / error))


def _nmse(x: Tensor, t: Tensor) -> float:
    return float((x - t).square().sum() / t.square().sum())
