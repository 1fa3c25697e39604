"""The library's docstrings on its API pages: a magnitude |x| in running text is no substitution of reStructuredText."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

MARKED = re.compile(r"``.*?``|:\w+:`[^`]*`|`[^`]*`")
MAGNITUDE = re.compile(r"(?<![\\|])\|(?=[^|\s])([^|]*[^|\s\\])\|(?!\|)")


def escape(line: str) -> str:
    """A line of running text with its magnitudes escaped; what stands in backticks stays as it is."""
    parts, last = [], 0
    for match in [*MARKED.finditer(line), None]:
        end = match.start() if match else len(line)
        parts.append(MAGNITUDE.sub(r"\\|\1\\|", line[last:end]))
        if match:
            parts.append(match[0])
            last = match.end()
    return "".join(parts)


def mend(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape every line outside displayed mathematics."""
    formula: int | None = None
    for n, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if formula is not None and line.strip() and indent <= formula:
            formula = None
        if line.lstrip().startswith(".. math::"):
            formula = indent
        if formula is None:
            lines[n] = escape(line)


def shield(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep napoleon, which reads the first line, from taking a constant's description up to a colon for its type."""
    if what in {"data", "attribute"}:
        lines[:0] = ["..", ""]  # an empty comment; napoleon steps over empty lines


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.connect("autodoc-process-docstring", shield, priority=400)  # before napoleon's
    app.connect("autodoc-process-docstring", mend)
