"""What the book's build needs beyond Jupyter Book: kernels that find the library, quiet pages, a proper front door."""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
FRONT_DOOR = """<!doctype html>
<html lang="{language}">
  <head>
    <meta charset="utf-8">
    <title>{title}</title>
    <meta http-equiv="refresh" content="0; url={url}">
    <link rel="canonical" href="{url}">
  </head>
  <body>
    <h1>{title}</h1>
    <p><a href="{url}">Go to the first page</a></p>
  </body>
</html>
"""


def find_library() -> None:
    """Let autodoc and every notebook's kernel import `reconode` from this checkout, installed or not."""
    sys.path.insert(0, str(ROOT))
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def silence_thebe(app: Sphinx) -> None:
    """Keep sphinx-thebe's scripts off the pages: they are for Binder, which the book does not use, and log an error.

    Jupyter Book always loads the extension. Its static-path listener stays, because its style sheet is linked anyway.
    """
    for event in ("env-before-read-docs", "doctree-resolved"):
        for listener in list(app.events.listeners.get(event, [])):
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)


def write_front_door(app: Sphinx, exception: Exception | None) -> None:
    """Write the site's index.html, a redirect to the landing page that is itself a valid page with a title and a link.

    Runs before sphinx-external-toc's listener, which would write a bare redirect if there were no file.
    """
    if exception is None and app.builder.format == "html" and app.config.master_doc != "index":
        text = FRONT_DOOR.format(
            language=app.config.language, title=html.escape(app.config.project), url=f"{app.config.master_doc}.html"
        )
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this when it loads the extension."""
    find_library()
    app.connect("builder-inited", silence_thebe)
    app.connect("build-finished", write_front_door, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
