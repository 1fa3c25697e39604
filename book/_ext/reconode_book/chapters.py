"""What a chapter's page says of itself (how long it runs), and the table of chapters for teachers."""

from __future__ import annotations

import json
import os
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from reconode_book.frame import ROOT
from reconode_book.markdown import MarkdownDirective, chapters, read_chapter, table

PROMISES = {
    "What the scanner measures": "throw away three lines of four, and say exactly what that did",
    "Reconstruction as a flow": "see why walking downhill on the data leads nowhere, and what must be added",
    "Euler, RK2, RK4": "spend the same work on three solvers, and watch what it buys",
    "A network as the right-hand side": "let thirty thousand numbers say where to go",
    "Gradients through the solver or around it": "compare the ways to a gradient, in memory, time and error",
    "Training it properly": "build loss and optimizer by hand, and make a comparison fair",
    "Learning the solver I: Euler and RK2": "turn a method's table into a network",
    "Learning the solver II: RK4, attention, dilation, checkpointing": "build the paper's whole model",
    "Full training on fastMRI with a GPU": "run the paper's experiment on the paper's data",
    "Does it reproduce?": "set our table beside the paper's, row by row",
    "When it breaks, and beyond the paper": "change one thing at a time until it fails",
}
"""Each chapter, and what it promises, in one line."""
PLAN = tuple(PROMISES)
MODES = {"quick": "quick mode", "cpu": "cpu mode", "full": "full mode"}


def note(seconds: float | None, budget: float) -> nodes.container:
    """How long the chapter ran, and how long it may."""
    mode = os.environ.get("RECONODE_MODE") or "quick"
    cores = os.cpu_count() or 1
    text = nodes.paragraph()
    if seconds is not None:
        text += nodes.Text(
            f"Run for this page in {max(1, round(seconds))} s ({MODES.get(mode, mode)}, {cores} CPU cores). "
        )
    text += nodes.Text(f"Time budget: {budget:g} s on two cores with ")
    text += nodes.literal(text="RECONODE_MODE=quick")
    text += nodes.Text("; without a GPU that is the default.")
    return nodes.container("", text, classes=["run-note"])


def add_note(app: Sphinx, doctree: nodes.document) -> None:
    """Put the note at the end of each notebook's page: above, it would push the first picture off the screen."""
    path = ROOT / f"{app.env.docname}.ipynb"
    title = next(iter(doctree.findall(nodes.title)), None)
    if not path.is_file() or title is None:
        return
    ran = NbMetadataCollector.get_exec_data(app.env, app.env.docname)
    title.parent.append(note(ran["runtime"] if ran else None, read_chapter(path).seconds))


def write_times(app: Sphinx, exception: Exception | None) -> None:
    """Leave the notebooks' times for the tests, beside the site: ``times.json``."""
    if exception is not None or app.builder.format != "html":
        return
    times = {}
    for name in sorted(app.env.found_docs):
        ran, path = NbMetadataCollector.get_exec_data(app.env, name), ROOT / f"{name}.ipynb"
        if ran is not None and path.is_file():
            times[name] = {"seconds": ran["runtime"], "budget": read_chapter(path).seconds}
    Path(app.outdir).parent.joinpath("times.json").write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


class ChapterTable(MarkdownDirective):
    """The chapters that exist: words, cells, time budget, figures, exercises, checks."""

    def markdown(self) -> str:
        """One row a chapter."""
        found = chapters()
        if not found:
            raise ExtensionError("_toc.yml names no notebook")
        rows = [
            [
                f"{c.number}",
                f"[{c.title}](/{c.docname}.ipynb)",
                *(f"{n:,}" for n in (c.words, len(c.cells), c.figures, c.exercises, c.checks)),
                f"{c.seconds:g} s",
            ]
            for c in found
        ]
        header = ["No.", "Chapter", "Words", "Cells", "Figures", "Exercises", "Checked by code", "Time budget"]
        return table(header, rows, "rlrrrrrr")


class ChapterPlan(MarkdownDirective):
    """All chapters of the book and what each promises; those that exist are links."""

    def markdown(self) -> str:
        """A numbered list and how much of it is there."""
        written = {c.number: c for c in chapters()}
        lines = []
        for n in range(1, max(len(PLAN), *written) + 1):
            there, title = n in written, PLAN[n - 1] if n <= len(PLAN) else written[n].title
            name = f"[{title}](/{written[n].docname}.ipynb)" if there else title
            promise = f": {PROMISES[title]}." if title in PROMISES else ""
            lines.append(f"{n}. {name}{promise}" + ("" if there else " *Coming.*"))
        count = f"{len(PLAN)} chapters, of which {len(written)} can be read today." if len(written) < len(PLAN) else ""
        return "\n\n".join(filter(None, [count, "\n".join(lines)]))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("chapter-table", ChapterTable)
    app.add_directive("chapter-plan", ChapterPlan)
    app.connect("doctree-read", add_note)
    app.connect("build-finished", write_times)
