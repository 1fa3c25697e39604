"""The page on raw scans of low signal: its tables, from results/small/low_signal.json, and its figure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sphinx.application import Sphinx

from reconode_book.evidence import NOT_RUN, Answers, plain_table
from reconode_book.markdown import MarkdownDirective
from reconode_book.results_page import RESULTS, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = RESULTS / "small" / "low_signal.json"
SHARES = {"0.03": "3 %", "0.05": "5 %", "0.08": "8 %"}
TUNED = {
    "": "as shipped",
    "+control": "more of the same",
    "+noise": "heavier noise",
    "+phase": "faster phase",
    "+clean": "clean targets",
    "+all": "all three",
}
"""The fine-tunings of low_signal_train.py, in words."""

Scores = Mapping[str, Mapping[str, list[float]]]


class Measured:
    """What the script measured: mean PSNR by cell, row and target."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.cells: Mapping[str, Scores] = said["low"]
        self.elsewhere: Scores = said["elsewhere"]
        self.knees: int = said["knees"]

    def psnr(self, cell: str, row: str, against: str = "own") -> float | None:
        """The mean over knees; None where it was not run."""
        scores = self.cells.get(cell, {}).get(row)
        return None if scores is None else statistics.mean(scores[against])

    def rows(self, acceleration: int) -> list[str]:
        """The methods without training and the networks as shipped, in the file's order."""
        there = self.cells.get("echo 0.05 plain", {})
        return [row for row in there if row.endswith(f" {acceleration}x") and "+" not in row]


def number(value: float | None, floor: float | None = None) -> str:
    """A score, with an arrow where it is below a floor."""
    if value is None:
        return NOT_RUN
    return f"{value:.2f}" + (" ↓" if floor is not None and value < floor else "")


def title(it: Answers, row: str) -> str:
    """A row's name as tables print it."""
    return it.title(row.split(" ")[0].split("+")[0])


def causes(it: Answers, m: Measured, acceleration: int) -> str:
    """Noise alone, with a smooth phase, with the echo off the middle: the networks as they are."""
    columns = {"noise 0.05 plain": "noise", "smooth 0.05 plain": "smooth phase", "echo 0.05 plain": "echo off"}
    zero = {c: m.psnr(c, f"zero-filled {acceleration}x") for c in columns}
    rows = [[title(it, r), *(number(m.psnr(c, r), zero[c]) for c in columns)] for r in m.rows(acceleration)]
    caption = f"{acceleration}×, 5 % of noise, PSNR in dB against the noisy image; ↓ is below zero-filled"
    return plain_table(caption, ["", *columns.values()], rows)


def mended(it: Answers, m: Measured, acceleration: int, against: str) -> str:
    """The class by its noise: as the data are, and with the echo in the middle."""
    rows = []
    for row in m.rows(acceleration):
        cells = []
        for share in SHARES:
            plain, floor = (m.psnr(f"echo {share} plain", r, against) for r in (row, f"zero-filled {acceleration}x"))
            better = m.psnr(f"echo {share} centered", row, against)
            cells.append(number(plain, floor) + ("" if better is None else f" → {number(better, floor)}"))
        rows.append([title(it, row), *cells])
    words = {"own": "the noisy image, as fastMRI scores", "clean": "the image without noise"}[against]
    return plain_table(f"{acceleration}×, PSNR in dB against {words}", ["noise", *SHARES.values()], rows)


def weighted(it: Answers, m: Measured) -> str:
    """Data consistency weighted by the noise against hard data consistency, both centered."""
    rows = []
    for acceleration in (4, 8):
        for row in m.rows(acceleration):
            cells = []
            for share in ("0.03", "0.08"):
                for against in ("own", "clean"):
                    a, b = (m.psnr(f"echo {share} {how}", row, against) for how in ("weighted", "centered"))
                    cells.append(NOT_RUN if a is None or b is None else f"{a - b:+.2f}".replace("-0.00", "0.00"))
            if any(cell != NOT_RUN for cell in cells):
                rows.append([f"{title(it, row)}, {acceleration}×", *cells])
    header = ["", *(f"{SHARES[s]}, {w}" for s in ("0.03", "0.08") for w in ("noisy", "clean"))]
    return plain_table("Weighted less hard data consistency, dB, against the noisy and the clean image", header, rows)


def trained(it: Answers, m: Measured, acceleration: int) -> str:
    """Short fine-tunings that differ in one thing: on the class, plain and centered, and elsewhere."""
    rows = []
    cells = ("echo 0.05 plain", "echo 0.05 centered", "smooth 0.05 plain")
    for name in ("d5c5", "pc-flow"):
        for variant, words in TUNED.items():
            row = f"{name}{variant} {acceleration}x"
            if m.psnr(cells[0], row) is None:
                continue
            there = m.elsewhere.get(row, {})
            scores = [m.psnr(cell, row) for cell in cells] + [m.psnr("echo 0.08 centered", row, "clean")]
            scores += [
                statistics.mean(there[k]) if k in there else None for k in ("test", "knee_mese_te4", "brain_t1w")
            ]
            rows.append([f"{title(it, row)}, {words}", *map(number, scores)])
    header = ["", "5 %", "centered", "smooth phase", "8 %, centered, clean", "test knees", "real knee", "real head"]
    return plain_table(f"{acceleration}×, fine-tuned for 600 steps, PSNR in dB", header, rows)


def table(make: Callable[..., str], *arguments: Any) -> Callable[[Answers], str]:
    """A table of :data:`EVIDENCE`; words where nothing was measured."""

    def made(it: Answers) -> str:
        said = it.other("low_signal")
        return f"{NOT_RUN.capitalize()}." if said is None else make(it, Measured(said), *arguments)

    return made


EVIDENCE = {
    "low-causes": table(causes, 4),
    "low-causes-8x": table(causes, 8),
    "low-mended": table(mended, 4, "own"),
    "low-mended-8x": table(mended, 8, "own"),
    "low-clean": table(mended, 4, "clean"),
    "low-weighted": table(weighted),
    "low-trained": table(trained, 4),
    "low-trained-8x": table(trained, 8),
}
"""The page's tables by name."""


def stripes() -> Figure:
    """PC-Flow on one knee of low signal at 8x, as the data are and with the echo in the middle, on a finer grid."""
    from reconode import evaluate, masks, metrics, zoo
    from reconode.experiment.benchmark import Benchmark
    from reconode.experiment.low_signal import Knee
    from reconode.teach import plots

    knee = Knee(Benchmark("figure", (192, 224)), 0, 0.05).scan()
    assert knee.target is not None
    mask, model = masks.random(knee.width, 8, seed=knee.name), zoo.load("pc-flow_fine", 8)
    images, notes = {"all data": knee.target[0]}, [""]
    shown = {"wavelet": (zoo.load("wavelet"), False), "PC-Flow": (model, False), "echo centered": (model, True)}
    for name, (used, center) in shown.items():
        image = evaluate.reconstruct(used, knee, mask, center=center)
        images[name] = image[0]
        notes.append(f"{metrics.psnr(image, knee.target):.1f} dB")
    return plots.pairs(images, vmax=0.7 * float(knee.target.max()), notes=notes)


class Stripes(MarkdownDirective):
    """The figure."""

    def markdown(self) -> str:
        """Images two abreast."""
        if FILE.exists():
            self.env.note_dependency(str(FILE))
        alt = (
            "A noisy simulated knee from an eighth of its data. With the echo off the middle of the readout PC-Flow "
            "draws dark bands across muscle and bone that no data ask for; with the echo in the middle they are gone."
        )
        return "\n".join(figure("low-signal", alt, partial(stripes)))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("low-signal-figure", Stripes)


def read() -> Measured:
    """The file."""
    return Measured(json.loads(FILE.read_text()))
