"""A table as text cells, and the three ways to write it down: Markdown, LaTeX, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # after a row's \\ it would begin an argument
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
"""What LaTeX reads otherwise, and what its text fonts may lack."""

PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "±": "+-", "Δ": "difference of ", "†": "*", "‡": "**"})
"""For spreadsheets, whose readers may take a file for Latin-1."""


NUMBER = re.compile(r"^Table \d+(: |, )")
"""How a caption begins that LaTeX would number once more."""


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows; all cells are text.

    Attributes:
        caption: one line on what it is of.
        header: a heading for each column.
        rows: each as long as the header.
        notes: what a reader must know to read the numbers rightly, a sentence or two each.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.header) for row in self.rows), "a row is not as long as the header"

    def markdown(self) -> str:
        """Caption, table and notes for GitHub, Jupyter Book and the like; columns padded to read as text too."""
        cells = [[_markdown(cell) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
        rule = ["-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
        lines = [
            "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(pairs)) + " |"
            for pairs in (list(zip(row, widths, strict=True)) for row in (cells[0], rule, *cells[1:]))
        ]
        return "\n\n".join([_markdown(self.caption), "\n".join(lines), *map(_markdown, self.notes)]) + "\n"

    def latex(self) -> str:
        """A floating table with booktabs' rules; the notes stand below it in small print. LaTeX numbers it itself."""
        alignment = "l" + "r" * (len(self.header) - 1)
        lines = [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{_latex(NUMBER.sub('', self.caption))}}}",
            f"\\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            _latex_row(self.header),
            r"\midrule",
            *map(_latex_row, self.rows),
            r"\bottomrule",
            r"\end{tabular}",
            *(f"\n\\smallskip\\footnotesize {_latex(note)}" for note in self.notes),
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Header and rows for a spreadsheet; caption and notes follow as comments that begin with #."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([_cell(cell.translate(PLAIN)) for cell in row] for row in (self.header, *self.rows))
        writer.writerows([f"# {line.translate(PLAIN)}"] for line in (self.caption, *self.notes))
        return out.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula; numbers keep their sign."""
    return f"'{text}" if text[:1] in ("=", "@", "\t", "\r") else text


def _markdown(text: str) -> str:
    return re.sub(r"([\\|*_`<])", r"\\\1", text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"
