"""The paper's numbers: Tables 1 and 2 of Chen, Chen, Sun (MICCAI 2020, arXiv 2006.13825), as printed there.

fastMRI single-coil knee, validation set, 4x and 8x. Scores of other data may stand beside these, never in place of
them: the order of the rows can be compared, the numbers cannot.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 1.

    Attributes:
        parameters: as printed, in millions.
        psnr: in dB, by acceleration.
        ssim: by acceleration.
    """

    parameters: str
    psnr: dict[float, float]
    ssim: dict[float, float]


def _row(parameters: str, psnr4: float, psnr8: float, ssim4: float, ssim8: float) -> PaperRow:
    return PaperRow(parameters, {4.0: psnr4, 8.0: psnr8}, {4.0: ssim4, 8.0: ssim8})


TABLE1: dict[str, PaperRow] = {
    "unet": _row("3.35M", 31.84, 29.87, 0.7177, 0.6514),
    "kiki-net": _row("0.30M", 31.83, 29.38, 0.7178, 0.6417),
    "d5c5": _row("0.14M", 32.11, 29.45, 0.7252, 0.6425),
    "fa-euler": _row("0.03M", 31.21, 28.48, 0.7035, 0.6172),
    "fa-rk2": _row("0.03M", 31.25, 28.50, 0.7045, 0.6175),
    "fa-rk4": _row("0.03M", 31.22, 28.57, 0.7027, 0.6183),
    "ft-euler": _row("0.03M", 31.83, 29.09, 0.7188, 0.6355),
    "ft-rk2": _row("0.03M", 31.77, 29.04, 0.7193, 0.6345),
    "ft-rk4": _row("0.03M", 31.82, 29.16, 0.7204, 0.6388),
    "lt-euler": _row("0.03M", 31.86, 29.11, 0.7194, 0.6363),
    "lt-rk2": _row("0.09M", 32.19, 29.77, 0.7292, 0.6498),
    "lt-rk4": _row("0.15M", 32.39, 30.27, 0.7333, 0.6617),
}
"""By the names of :data:`reconode.zoo.MODELS`, in the paper's order."""


@dataclass(frozen=True)
class PaperCost:
    """A row of Table 2: LT-RK4 on a card and at a batch size that the paper does not state.

    Attributes:
        gigabytes: memory.
        seconds: of a step in training, of a reconstruction in testing.
    """

    gigabytes: float
    seconds: float


TABLE2: dict[str, PaperCost] = {
    "keep all": PaperCost(13.6, 0.88),
    "checkpointing": PaperCost(3.7, 1.01),
    "testing": PaperCost(1.4, 0.15),
}
"""Training without and with gradient checkpointing, and testing."""

SSIM_4X_IN_TEXT: dict[str, float] = {"neural-ode": 0.687, "lt-rk4-no-attention": 0.726}
"""Said in the text alone, to three digits: the original neural ODE (adaptive solver, continuous adjoint), and LT-RK4
without attention, which the text calls FT-RK4 by a slip."""


def row_of(model: str) -> str | None:
    """The row of Table 1 that a model of the zoo stands for: ``fa-rk4-continuous`` is one way to train ``fa-rk4``."""
    name = model.removesuffix("-continuous")
    return name if name in TABLE1 else None


def score(model: str, metric: str, acceleration: float) -> float | None:
    """The paper's score of a model, None where it gives none.

    Args:
        model: a name of the zoo.
        metric: "psnr" or "ssim".
        acceleration: 4 or 8.
    """
    if metric == "ssim" and acceleration == 4 and model in SSIM_4X_IN_TEXT:
        return SSIM_4X_IN_TEXT[model]
    name = row_of(model)
    row = TABLE1[name] if name is not None else None
    values = {"psnr": row.psnr, "ssim": row.ssim}.get(metric, {}) if row is not None else {}
    return values.get(float(acceleration))


def printed(model: str, metric: str, acceleration: float) -> str:
    """The same with the digits that the paper prints; "" where it gives none."""
    value = score(model, metric, acceleration)
    digits = 2 if metric == "psnr" else 3 if model in SSIM_4X_IN_TEXT else 4
    return "" if value is None else f"{value:.{digits}f}"
