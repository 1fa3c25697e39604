"""Checks of what callers ask for: one sentence says what was expected and what came."""

from __future__ import annotations

import math
from numbers import Integral

from reconode.errors import UsageError
from reconode.phantoms.plane import VIEWS
from reconode.phantoms.tissues import PD, PDFS


def check_whole(value: int, what: str, least: int) -> None:
    """A whole number, not less than `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"{what} must be a whole number of at least {least}, not {value!r}")


def check_shape(shape: tuple[int, int]) -> None:
    """Rows and columns that all of this works for."""
    if len(shape) != 2 or any(isinstance(n, bool) or not isinstance(n, Integral) or n < 64 or n % 2 for n in shape):
        raise UsageError(f"simulated slices have even numbers of rows and columns, 64 or more, not {tuple(shape)}")


def check_scan(seed: int, coils: int, contrast: str | None, noise: float | None) -> None:
    """What slices and volumes have in common."""
    check_whole(seed, "the seed of simulated anatomy", 0)
    check_whole(coils, "the number of coils", 1)
    if contrast not in (None, PD, PDFS):
        raise UsageError(f"the contrast must be {PD} or {PDFS}, not {contrast!r}")
    if noise is not None and not (math.isfinite(noise) and noise >= 0):
        raise UsageError(f"noise is a share of the brightest pixel, 0 or more (0.02 is 2 %), not {noise!r}")


def check_choice(value: str, what: str, choices: tuple[str, ...]) -> None:
    """One of a few names."""
    if value not in choices:
        raise UsageError(f"{what} must be one of {', '.join(choices)}, not {value!r}")


def check_readout(rows: int) -> None:
    """A readout that is twice an even number of rows."""
    check_whole(rows, "the number of readout samples", 128)
    if rows % 4:
        raise UsageError(f"the readout is twice the image's rows, which are even: a multiple of 4, not {rows}")


def check_view(name: str) -> None:
    """The name of a plane."""
    check_choice(name, "the plane of a simulated volume", tuple(VIEWS))
