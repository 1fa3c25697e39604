"""One look for each model through the whole book: a color, a line and a marker that only it has.

Color says the family, the line says it again, the marker says the solver: what a color-blind reader, a grey print or a
legend in a corner cannot tell by one, the others tell. All colors have a luminance from 0.13 to 0.31, a contrast of at
least 2.9 both to white paper and to the book's dark pages.
"""

from __future__ import annotations

from dataclasses import dataclass

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

STYLES: dict[str, Style] = {
    "zero-filled": Style("#8f8f8f", SPARSE, "|"),
    "gradient-descent": Style("#8f8f8f", SPARSE, "1"),
    "tv": Style("#7d7d7d", SPARSE, "_"),
    "wavelet": Style("#6d6d6d", SPARSE, "2"),
    "unet": Style("#9a7b00", DASH_DOT, "D"),
    "kiki-net": Style("#008e8c", DASH_DOT, "v"),
    "d5c5": Style("#007e3f", DASH_DOT, "P"),
    "fa-euler": Style("#b56ffb", DOTTED, "o"),
    "fa-rk2": Style("#a15de6", DOTTED, "s"),
    "fa-rk4": Style("#8d4ad2", DOTTED, "^"),
    "ft-euler": Style("#0097ee", DASHED, "o"),
    "ft-rk2": Style("#0084d1", DASHED, "s"),
    "ft-rk4": Style("#0072b5", DASHED, "^"),
    "lt-euler": Style("#fb5a34", SOLID, "o"),
    "lt-rk2": Style("#e44623", SOLID, "s"),
    "lt-rk4": Style("#ce3111", SOLID, "^"),
    "neural-ode": Style("#ef1b8d", DASH_DOT, "X"),
    "pc-flow": Style("#a45a01", SOLID, "*"),
    "lt-rk4-no-attention": Style("#a45a01", SPARSE, "x"),
    "lt-rk4-no-dilation": Style("#008e8c", SPARSE, "+"),
    "lt-rk4-end": Style("#8d4ad2", SPARSE, "<"),
    "lt-rk4-untimed": Style("#0084d1", SPARSE, ">"),
    "lt-rk4-unshared": Style("#007e3f", SPARSE, "p"),
    "lt-euler-26": Style("#d3007a", SPARSE, "o"),
    "ft-euler-end": Style("#b08d00", SPARSE, "s"),
    "ft-euler-untimed": Style("#0097ee", SPARSE, "d"),
    "ft-euler-wide": Style("#0072b5", SPARSE, "h"),
    "fa-euler-anode": Style("#b56ffb", SPARSE, "3"),
    "fa-rk2-anode": Style("#a15de6", SPARSE, "4"),
}
"""By the names of the zoo; ablations have sparse lines and markers of their own."""

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
    """A model's look; one trained by the continuous adjoint looks as its row of the paper's table, others are grey."""
    return STYLES.get(model) or STYLES.get(model.removesuffix("-continuous")) or OTHER
