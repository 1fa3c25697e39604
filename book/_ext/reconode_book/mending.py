"""Small mendings of the theme's HTML: for what axe finds, and for the promise that nothing comes from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from reconode_book import sheets, weight

BADGE = "colab-badge.svg"
Replacement = str | Callable[[re.Match[str]], str]


LINK = '<a class="(?:current )?reference internal" href="[^"]*">'
ITEM = 'class="sidebar-primary-item" role="region" aria-label="Book"'


def _under(match: re.Match[str]) -> str:
    title = html.escape(re.sub(r"<[^>]+>", "", match[2]).strip(), quote=True)
    return f'{match[1]}{match[2]}{match[3]}<summary aria-label="Pages under {title}">'


MENDINGS: list[tuple[str, Replacement]] = [
    # A control's name has to contain the words it shows; these show their own.
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    (r'(<summary) aria-label="Toggle hidden content"', r"\1"),
    (r'(<i class="theme-switch[^>]*?) title="[^"]*"', r"\1"),
    # The arrow that unfolds a page's subpages has no words at all.
    (rf"({LINK})((?:(?!</a>).)*)(</a>\s*<details[^>]*>)<summary>", _under),
    # Docutils gives the list of references a role, its entries another one that is out of use.
    (r'(<div class="citation"[^>]*?) role="doc-biblioentry"', r'\1 role="listitem"'),
    # A table's corner heads nothing.
    (r"<th class=\"head[^>]*>(<p></p>|\s)*</th>", "<td></td>"),
    # The index of source listings names Python's own module, which has none.
    (r'<li><a href="builtins\.html">builtins</a></li>\s*', ""),
    # The book's name stands in no landmark.
    (r'<div class="sidebar-primary-item"(>\s*<a class="navbar-brand)', rf"<div {ITEM}\1"),
]  # fmt: skip


def use_words_for_badges(app: Sphinx, doctree: nodes.document) -> None:
    """Colab's badge is an image on Colab's server: on the page it becomes a link in words."""
    for image in list(doctree.findall(nodes.image)):
        if image["uri"].endswith(BADGE) and isinstance(image.parent, nodes.reference):
            image.parent["classes"].append("badge")
            image.replace_self(nodes.Text("Open in Colab"))


def mend(text: str) -> str:
    """A page's HTML, mended."""
    for pattern, replacement in MENDINGS:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


def mend_pages(app: Sphinx, exception: Exception | None) -> None:
    """Mend every page once it is written, and take off what it does not use."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {p: p.read_text(encoding="utf-8") for p in out.rglob("*.html") if "_static" not in p.parts}
    weight.write_sheet(out, list(pages.values()))
    for path, before in pages.items():
        after = sheets.mark_charts(weight.lighten(mend(before)), path)
        if after != before:
            path.write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.connect("doctree-read", use_words_for_badges)
    app.connect("build-finished", mend_pages, priority=900)
