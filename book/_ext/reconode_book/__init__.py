"""What the book's build needs beyond Jupyter Book: a Sphinx extension, a module for each thing it adds."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from reconode_book import (
    answers,
    api,
    attack,
    chapters,
    frame,
    in_browser,
    landing,
    low_signal,
    mending,
    paper_index,
    pictures,
    results_page,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this when it loads the extension."""
    frame.find_library()
    shown = (pictures, paper_index, chapters, landing, results_page, answers, low_signal, attack, in_browser)
    parts = (frame, api, mending, *shown)
    for part in parts:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
