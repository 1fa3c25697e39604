"""No measured score is typed into prose: it comes from the cell that computes it, or from a results file.

What may be typed: the paper's own scores (:mod:`reconode.experiment.paper`), published anchors, and decibels that
are arithmetic and no measurement. Code and outputs are no prose.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from reconode.experiment import paper

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WRITTEN_BY_A_COMMAND = "written by `benchmarks/"
PAGES = [
    p for p in sorted((ROOT / "book").rglob("*.md")) if WRITTEN_BY_A_COMMAND not in " ".join(p.read_text().split())
]

NUMBER = r"(?<![\w.])(\d+(?:\.\d+)?)"
DECIBELS = re.compile(
    NUMBER + r"(?:\s*[–-]\s*\d+(?:\.\d+)?)?(?:[\s\u00a0~]|\\[,;]|\\text\{|\\mathrm\{)*(?:dB\b|decibels?\b)"
)
SIMILARITY = re.compile(r"SSIM\D{0,40}?(?<![\d.])(0?\.\d{2,}|[01]\.\d{2,})|(?<![\d.])(0?\.\d{3,})\D{0,20}?SSIM")
CODE = re.compile(r"^(`{3,}|~{3,})(?!\{(?:image|figure|note|glossary)).*?^\1\s*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)

PUBLISHED = {29.62, 0.6579, 31.97, 31.78}
"""fastMRI's zero-filled score at 4x, with which a calibration begins; and two networks' (Ramzi et al. 2020)."""

ARITHMETIC = {
    3.0: "a factor of two in power, rounded",
    6.0: "a factor of two in amplitude, rounded",
    10.0: "a factor of ten in power",
    20.0: "a factor of ten in amplitude",
    40.0: "a factor of a hundred in amplitude",
}
"""Decibels that follow from the definition; allowed where the same sentence says of which factor."""
FACTOR = re.compile(r"\b(factor|times|twice|half|halv\w+|doubl\w+|ten|tenth|hundred\w*)\b|×", re.IGNORECASE)


def papers() -> set[float]:
    rows = paper.TABLE1.values()
    return {v for row in rows for v in (*row.psnr.values(), *row.ssim.values())} | set(paper.SSIM_4X_IN_TEXT.values())


def typed_scores(text: str) -> list[str]:
    """The scores in a text that nobody may type, each with the words around it."""
    prose = CODE.sub(" ", text)
    allowed = papers() | PUBLISHED
    found = []
    for pattern in (DECIBELS, SIMILARITY):
        for match in pattern.finditer(prose):
            value = float(next(filter(None, match.groups())))
            sentence = (
                re.split(r"(?<=[.!?:])\s", prose[: match.start()])[-1] + re.split(r"[.!?]\s", prose[match.start() :])[0]
            )
            if value in allowed or (pattern is DECIBELS and value in ARITHMETIC and FACTOR.search(sentence)):
                continue
            found.append(" ".join(sentence.split())[:160])
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_score_is_typed_in_a_chapter(path: Path) -> None:
    cells = enumerate(nbformat.read(path, as_version=4).cells, start=1)
    found = {n: typed_scores(cell.source) for n, cell in cells if cell.cell_type == "markdown"}
    assert not {n: scores for n, scores in found.items() if scores}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_score_is_typed_on_a_page(path: Path) -> None:
    assert not typed_scores(path.read_text(encoding="utf-8"))


def test_the_search_finds_what_it_should() -> None:
    for bad in (
        "It gains 0.4 dB over D5C5.",
        "from 24.1 to 26.3 dB",
        "PSNR rises by 2\u00a0dB on this slice.",
        "an SSIM of 0.743",
        "$26.3\\,\\text{dB}$",
        "about 5 decibels apart",
        "It reaches .812 in SSIM.",
    ):
        assert typed_scores(bad), bad
    for good in (
        "The paper prints 32.39 dB and SSIM 0.7333.",
        "Ten times less error is 20 dB more.",
        "Halving the error brings 6 dB.",
        "`24.1 dB`",
        "```\n24.1 dB\n```",
        "SSIM uses windows of 7 × 7 pixels; 1 is perfect.",
        "centre fraction 0.08",
        "zero-filled must score 29.62 dB PSNR and 0.6579 SSIM",
    ):
        assert not typed_scores(good), good
