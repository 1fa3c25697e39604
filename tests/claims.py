"""What tests of the pages' claims share: the page's words, differences between rows, and the noise floor."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
from reconode_book.landing import TIE as TIE

from reconode.experiment import results, rows
from reconode.metrics import Interval

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "results" / "small"


def chapter(number: int) -> str:
    """The prose and the stored text outputs of a chapter."""
    (path,) = (ROOT / "notebooks").glob(f"{number:02d}_*.ipynb")
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        parts += [output.get("text", "") for output in cell.get("outputs", [])]
    return "\n".join(parts)


def said(text: str, sentence: str) -> None:
    """The claim is still on the page; line breaks do not count."""
    flat = re.sub(r"\s+", " ", text)
    assert sentence in flat, f"the sentence is gone, and its test with it: {sentence}"


def row(name: str, acceleration: float = 4, seed: int = 0) -> rows.Row:
    """One training of a row: a model of the zoo, followed by _variant."""
    model, _, variant = name.partition("_")
    return rows.make_row([results.read(SMALL / results.file_name(model, acceleration, seed, variant))])


@cache
def everything() -> list[results.Result]:
    """All runs; read once."""
    return results.read_all(SMALL)


def seeds(name: str) -> rows.Row:
    """All trainings of a row at 4x."""
    model, _, variant = name.partition("_")
    found = [r for r in everything() if r.row == (model, variant) and r.acceleration == 4]
    return rows.make_row(found)


def compare(a: str, b: str, acceleration: float = 4) -> Interval:
    """PSNR of A − B over the same knees, seed 0."""
    pair = (row(name, acceleration) for name in (a, b))
    return rows.compare(*pair).difference


def gap(a: str, b: str, acceleration: float = 4) -> float:
    """Its mean, dB."""
    return compare(a, b, acceleration).mean


def tie(a: str, b: str, acceleration: float = 4) -> bool:
    """Whether one training of each says nothing about an order."""
    return abs(gap(a, b, acceleration)) <= TIE


def noise_floor() -> float:
    """What the table's trainings of LT-Euler and FT-Euler, one function, differ by."""
    return abs(gap("lt-euler", "ft-euler"))
