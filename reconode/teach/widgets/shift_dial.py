"""Chapter 11: a dial for each shift, and what every model scores at each of its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconode import zoo
from reconode.errors import DataError
from reconode.figures.colors import style
from reconode.teach.plots.shifts import dials_picture
from reconode.teach.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODELS, POSITIONS = 12, 9
REFERENCE, FLOOR = "tv", "zero-filled"
"""What gains are counted over, and what nothing should fall below."""

SHORT = {"zero-filled": "Zero-filled", "tv": "TV", "lt-euler-26": "LT-Euler, 26"}
"""Labels that are not the title of the zoo's entry."""

Dials = Mapping[str, Sequence[Mapping[str, Any]]]
"""Positions by a dial's name: ``label``, ``trained``, and ``scores``, a list of ``psnr`` for each model."""


def shift_dial(dials: Dials) -> Widget:
    """Turn a dial: every model's PSNR there, mean and worst over the knees, beside total variation and zero-filled.

    Args:
        dials: as ``benchmarks/experiment/shifts.py`` writes them.

    Raises:
        DataError: for a dial of fewer than two positions or too many, unlike models, or no total variation.
    """
    names = _check(dials)
    payload = {
        "models": [
            {"key": name, "label": label(name), "color": style(bare(name)).color, "dash": _dash(name)} for name in names
        ],
        "reference": names.index(REFERENCE),
        "floor": names.index(FLOOR),
        "dials": [
            {
                "name": dial,
                "positions": [
                    {"label": p["label"], "trained": bool(p["trained"]), **summary(p["scores"], names)}
                    for p in positions
                ],
            }
            for dial, positions in dials.items()
        ],
    }
    return Widget(
        kind="shift_dial",
        title="What each shift costs",
        alt="For each shift a plot of how far every model is ahead of total variation, from one end of the dial to the "
        "other; most curves fall toward zero, and some end below it.",
        payload=payload,
        draw=lambda: _picture(dials),
    )


def bare(name: str) -> str:
    """A row's model."""
    return name.partition("_")[0]


def label(name: str) -> str:
    """What a row is called where there is little room."""
    model = bare(name)
    return SHORT.get(model, zoo.find(model).title.removeprefix("ReconODE-"))


def summary(scores: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> dict[str, list[float]]:
    """Of each model: mean and worst over knees, of its PSNR and of its difference to total variation."""
    reference = scores[REFERENCE]["psnr"]
    found: dict[str, list[float]] = {"mean": [], "worst": [], "gain": [], "least": []}
    for name in names:
        psnr = scores[name]["psnr"]
        gains = [a - b for a, b in zip(psnr, reference, strict=True)]
        for key, value in (
            ("mean", sum(psnr) / len(psnr)),
            ("worst", min(psnr)),
            ("gain", sum(gains) / len(gains)),
            ("least", min(gains)),
        ):
            found[key].append(round(value, 3))
    return found


def _dash(name: str) -> list[int]:
    line = style(bare(name)).line
    return [2 * n for n in line[1]] if isinstance(line, tuple) else []


def _check(dials: Dials) -> list[str]:
    names: list[str] = []
    for dial, positions in dials.items():
        if not 2 <= len(positions) <= POSITIONS:
            raise DataError(f"the shift dial shows 2 to {POSITIONS} positions, and {dial} has {len(positions)}")
        for position in positions:
            here = list(position["scores"])
            names = names or here
            if sorted(here) != sorted(names):
                raise DataError(f"{dial}, {position['label']}: scores of {here}, where others have {names}")
            counts = {len(position["scores"][name]["psnr"]) for name in here}
            if len(counts) != 1 or counts == {0}:
                raise DataError(f"{dial}, {position['label']}: the models were not scored on the same volumes")
    if not {REFERENCE, FLOOR} <= set(names) or len(names) > MODELS:
        raise DataError(f"the shift dial shows {REFERENCE}, {FLOOR} and up to {MODELS} models in all, not {names}")
    return names


def _picture(dials: Dials) -> Figure:
    return dials_picture({dial: list(positions) for dial, positions in dials.items()})
