"""The course in a box: exercises, handout and key, slides, schedules; made from the notebooks and from book/teach/."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this when it loads the extension."""
    from reconode_course import pages

    pages.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
