"""One look for each model through the whole book: a color, a line and a marker that only it has.

Color says the family, the line says it again, the marker says the solver: what a color-blind reader, a grey print or a
legend in a corner cannot tell by one, the others tell. All colors have a luminance from 0.13 to 0.31, a contrast of at
least 2.9 both to white paper and to the book's dark pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconode import zoo

Line = str | tuple[int, tuple[int, ...]]

INK, FAINT = "#333333", "#d9d9d9"
"""Of text and axes, and of grids, on the white that figures are drawn on."""


@dataclass(frozen=True)
class Style:
    """How a model is drawn: a hexadecimal color, matplotlib's line style and its marker."""

    color: str
    line: Line
    marker: str


DOTTED, DASHED, DASH_DOT, SOLID = (0, (1, 2)), (0, (5, 2)), (0, (5, 2, 1, 2)), "-"
SPARSE = (0, (3, 4))

LINES: dict[str, Line] = {
    "classical": SPARSE,
    "baseline": DASH_DOT,
    "FA": DOTTED,
    "FT": DASHED,
    "LT": SOLID,
    "ODE": DASH_DOT,
    "beyond": SOLID,
    "ablation": SPARSE,
}
"""By the families of the zoo; ablations have markers of their own."""

SOLVERS: dict[str, Style] = {
    "euler": Style("#e44623", SOLID, "o"),
    "midpoint": Style("#a45a01", DASH_DOT, "D"),
    "rk2": Style("#007e3f", DASHED, "s"),
    "rk4": Style("#0072b5", DOTTED, "^"),
    "dopri5": Style("#a15de6", SPARSE, "X"),
}
"""For figures of one model under several solvers; the markers are those of the models."""

OTHER = Style("#6d6d6d", SPARSE, ".")


def style(model: str) -> Style:
    """A model's look, from its entry in the zoo; what the zoo does not know is grey."""
    entry = zoo.MODELS.get(model)
    if entry is None or not entry.look:
        return OTHER
    color, marker = entry.look.split()
    return Style(color, LINES[entry.family], marker)
