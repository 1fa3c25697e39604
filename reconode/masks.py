"""fastMRI's sampling masks, bit for bit: which phase-encode columns the scanner keeps.

Every mask keeps a block of low frequencies in the centre and some columns outside it. The number of columns is about
``columns / acceleration``. The random numbers are drawn in the order that fastMRI's code draws them, so that a mask
seeded with a file's name is the mask that everyone evaluates that file with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from reconode.errors import UsageError

Seed = str | int | Sequence[int] | None
"""A file's name with its extension (that file's mask), integers (a reproducible mask), or None (a fresh one)."""


def random(columns: int, acceleration: float = 4, *, center_fraction: float | None = None, seed: Seed = None) -> Tensor:
    """Columns kept independently with one probability, plus the centre: fastMRI's ``RandomMaskFunc``, its knee default.

    Args:
        columns: width of k-space.
        acceleration: the expected share of columns kept is ``1 / acceleration``.
        center_fraction: share of columns in the fully sampled centre; None is fastMRI's, 0.08 at 4× and 0.04 at 8×.
        seed: see :data:`Seed`.

    Returns:
        bool ``(columns,)``, True where sampled.

    Raises:
        UsageError: when the acceleration leaves no lines, or fewer than the centre alone takes.

    >>> int(random(368, 4, seed="file1000000.h5").sum())
    88
    """
    rng, n_low, pad = _start(columns, acceleration, center_fraction, seed)
    _check_budget(columns, acceleration, n_low)
    probability = (columns / acceleration - n_low) / (columns - n_low) if n_low < columns else 0.0
    mask = rng.uniform(size=columns) < probability
    return _with_center(mask, n_low, pad)


def equispaced(
    columns: int, acceleration: float = 4, *, center_fraction: float | None = None, seed: Seed = None
) -> Tensor:
    """Every ``acceleration``-th column from a random offset, plus the centre, which comes on top.

    fastMRI's ``EquiSpacedMaskFunc``. Keeps more than ``columns / acceleration`` lines. Arguments, result and errors as
    :func:`random`.
    """
    rng, n_low, pad = _start(columns, acceleration, center_fraction, seed)
    offset = rng.randint(0, round(acceleration))
    mask = np.zeros(columns, dtype=bool)
    mask[offset :: round(acceleration)] = True
    return _with_center(mask, n_low, pad)


def equispaced_fraction(
    columns: int, acceleration: float = 4, *, center_fraction: float | None = None, seed: Seed = None
) -> Tensor:
    """Equally spaced columns that make ``columns / acceleration`` with the centre: fastMRI's default for brains.

    fastMRI's ``EquispacedMaskFractionFunc``. Arguments, result and errors as :func:`random`.
    """
    rng, n_low, pad = _start(columns, acceleration, center_fraction, seed)
    _check_budget(columns, acceleration, n_low)
    if n_low * acceleration == columns:
        return _with_center(np.zeros(columns, dtype=bool), n_low, pad)
    adjusted = acceleration * (n_low - columns) / (n_low * acceleration - columns)
    offset = rng.randint(0, round(adjusted))
    mask = np.zeros(columns, dtype=bool)
    mask[np.around(np.arange(offset, columns - 1, adjusted)).astype(int)] = True
    return _with_center(mask, n_low, pad)


KINDS: dict[str, Callable[..., Tensor]] = {
    "random": random,
    "equispaced": equispaced,
    "equispaced-fraction": equispaced_fraction,
}
"""The kinds of mask by the name that the command line and the results files use."""


def draw(kind: str, columns: int, acceleration: float = 4, *, seed: Seed = None) -> Tensor:
    """A mask of a named kind (:data:`KINDS`) with fastMRI's centre fraction.

    Raises:
        UsageError: for an unknown kind, and as :func:`random` does.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown mask {kind!r}: choose one of {', '.join(KINDS)}")
    return KINDS[kind](columns, acceleration, seed=seed)


def one_of(accelerations: Sequence[float], seed: Sequence[int]) -> float:
    """Which of several accelerations an example has, each as likely: by what seeds its mask, and apart from the mask.

    Raises:
        UsageError: for none, or for one that is there twice.
    """
    if not accelerations or len(set(accelerations)) < len(accelerations):
        raise UsageError(
            f"expected accelerations, each once, not {', '.join(f'{a:g}' for a in accelerations) or 'none'}"
        )
    if len(accelerations) == 1:
        return accelerations[0]
    return accelerations[np.random.RandomState((len(accelerations), *seed)).randint(len(accelerations))]


def _start(
    columns: int, acceleration: float, center_fraction: float | None, seed: Seed
) -> tuple[np.random.RandomState, int, int]:
    """The seeded generator, after fastMRI's first draw, and the centre block [pad, pad + n_low)."""
    if columns < 1:
        raise UsageError(f"a mask needs at least one column, not {columns}")
    if not 1 <= acceleration <= columns:
        raise UsageError(f"acceleration {acceleration:g} leaves no lines of {columns}: choose one from 1 to {columns}")
    fraction = 0.32 / acceleration if center_fraction is None else center_fraction
    n_low = round(columns * fraction)  # banker's rounding, as in fastMRI
    if not 0 < n_low <= columns:
        raise UsageError(
            f"a centre fraction of {fraction:g} keeps {n_low} of {columns} columns: "
            "the centre must hold at least one line and fit into k-space"
        )
    rng = np.random.RandomState(_numpy_seed(seed))
    rng.randint(1)  # fastMRI chooses one of its (here single) accelerations first
    return rng, n_low, (columns - n_low + 1) // 2


def _numpy_seed(seed: Seed) -> int | tuple[int, ...] | None:
    if isinstance(seed, str):
        return tuple(map(ord, seed))
    return seed if seed is None or isinstance(seed, int) else tuple(seed)


def _check_budget(columns: int, acceleration: float, n_low: int) -> None:
    if n_low * acceleration > columns:
        raise UsageError(
            f"acceleration {acceleration:g} allows {columns / acceleration:.1f} of {columns} lines and the centre "
            f"alone takes {n_low}: lower the acceleration or the centre fraction"
        )


def _with_center(mask: np.ndarray, n_low: int, pad: int) -> Tensor:
    mask[pad : pad + n_low] = True
    return torch.from_numpy(mask)
