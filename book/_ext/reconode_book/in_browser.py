"""What was measured in a browser, as tables for *Paint k-space*: what benchmarks/browser.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from reconode import zoo
from reconode_book.evidence import NOT_RUN, plain_table
from reconode_book.markdown import MarkdownDirective
from reconode_book.results_page import RESULTS

FILE = RESULTS / "bench/browser.json"

NAMES = {
    "own": "ours, WebAssembly",
    "onnxruntime": "onnxruntime-web, WebAssembly",
    "tfjs": "TensorFlow.js, WebAssembly",
    "onnxruntime webgpu": "onnxruntime-web, WebGPU",
    "tfjs webgl": "TensorFlow.js, WebGL",
    "tfjs webgpu": "TensorFlow.js, WebGPU",
}


def megabytes(kilobytes: float) -> str:
    """kB or MB, whichever is shorter."""
    return f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.0f} kB"


def runtimes(measured: dict[str, Any]) -> str:
    """One evaluation of f by each runtime, as a multiple of ours on the same page."""
    cases = [*measured.get("runtimes", []), *measured.get("cards", [])]
    if not cases:
        return f"{NOT_RUN.capitalize()}."
    own = next(c for c in cases if c["runtime"] == "own")["milliseconds"]
    lines = []
    for c in cases:
        name = NAMES[c["runtime"]] + (" †" if c.get("device") else "")
        if "failed" in c:
            lines.append((name, "does not run here", "", ""))
            continue
        times = c.get("times_ours", c["milliseconds"] / own)
        size = f"{megabytes(c['kilobytes'])} ({megabytes(c['kilobytes_gzipped'])})"
        lines.append((name, "over 100 ×" if times > 100 else f"{times:.1f} ×", size, f"{c['relative_error']:.0e}"))
    caption = "One evaluation of f, 96 × 112; † on a card that Chromium plays on the processor"
    header = ("runtime", "time, ours = 1", "to load (gzipped)", "off PyTorch by")
    return plain_table(caption, header, lines)


def speed(measured: dict[str, Any]) -> str:
    """Seconds a reconstruction, by model and size."""
    cases = measured.get("cases")
    if not cases:
        return f"{NOT_RUN.capitalize()}."
    sizes = list(dict.fromkeys(c["size"] for c in cases))
    seconds = {(c["model"], c["size"]): c["seconds"] for c in cases}
    names = list(dict.fromkeys(c["model"] for c in cases))
    lines = [
        (zoo.find(name).title.removeprefix("ReconODE-"), *(f"{seconds[name, size]:.2f} s" for size in sizes))
        for name in names
    ]
    machine = measured["machine"]
    caption = f"A reconstruction, median; {machine['cpu']}, one thread, {measured['browser']} without a window"
    return plain_table(caption, ("model", *(size.replace("x", "×") for size in sizes)), lines)


TABLES = {"runtimes": runtimes, "speed": speed}


class InBrowser(MarkdownDirective):
    """A table by its name in :data:`TABLES`."""

    required_arguments = 1

    def markdown(self) -> str:
        """The directive's content."""
        self.env.note_dependency(str(FILE))
        return TABLES[self.arguments[0]](read(FILE))


def read(file: Path) -> dict[str, Any]:
    """What was measured; nothing where nothing was."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("in-browser", InBrowser)
