"""Slides as pages of the site: reveal.js from npm, MathJax from the site, pictures and widgets from the notebooks.

``make slides`` writes them to _build/html/slides; a build of the book does so by itself. Nothing is executed: what a
slide shows is the notebook's stored output. The pages open from a disk, without a network.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from reconode_book.frame import bring_mathjax
from reconode_book.markdown import Chapter, chapters, source

from reconode_course import deck
from reconode_course.deck import Deck, Shown, Slide
from reconode_course.places import OUT, REVEAL, ROOT, TEACH

FILES = ("reveal.js", "reveal.css", "reset.css", "plugin/notes.js")
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title} (slides)</title>
<link rel="stylesheet" href="reveal/reset.css">
<link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="slides.css">
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/reveal.js"></script>
<script src="reveal/plugin/notes.js"></script>
<script src="slides.js"></script>
{mathjax}
</body>
</html>
"""
MATHJAX_TAGS = """<script>window.MathJax = {options: {enableMenu: false}, chtml: {matchFontHeight: false}};</script>
<script src="../_static/vendor/mathjax/tex-chtml-full.js" defer></script>"""
WIDGET = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; background: light-dark(#fff, #121212); }}
body {{ margin: 0; padding: 4px; font-family: system-ui, sans-serif; }}
</style>
</head>
<body>
{widget}
<script>
// On a wide screen the whole widget is in sight: it shrinks to the frame, as far as it stays readable.
function fit() {{
  const root = document.documentElement;
  root.style.zoom = 1;
  if (innerWidth > 600) root.style.zoom = Math.max(0.72, Math.min(1, innerHeight / (document.body.scrollHeight + 8)));
}}
addEventListener("load", () => setTimeout(fit, 150));
addEventListener("resize", fit);
// Escape hands the keyboard back to the slides.
addEventListener("keydown", (event) => {{
  if (event.key !== "Escape") return;
  document.activeElement.blur();
  parent.focus();
}});
</script>
</body>
</html>
"""
INDEX_TITLE = "Slides"


def _math(text: str, options: dict[str, bool]) -> str:
    """A formula as MathJax looks for it."""
    left, right = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return f"{left}{html.escape(text)}{right}"


def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": True}).enable("table")
    return made.use(dollarmath_plugin, double_inline=True, renderer=_math)


MARKDOWN = _markdown()


def rendered(text: str) -> str:
    """Markdown as HTML; links into the book lead to its pages, since a slide has no notebook beside it."""
    made = MARKDOWN.render(text)
    made = re.sub(r'href="(\d\d_[a-z0-9_]+)\.ipynb(#[^"]*)?"', r'href="../notebooks/\1.html\2"', made)
    return re.sub(r"<(/?)h[1-6]\b", r"<\1h3", made)


def code(text: str) -> str:
    """Python with its colours."""
    return str(highlight(text, PythonLexer(), HtmlFormatter(cssclass="code")))


def write_shown(shown: Shown, out: Path, place: str) -> str:
    """What a slide shows of a cell, as HTML; pictures and widgets become files beside the deck."""
    cell, parts = shown.cell, []
    alt = cell.get("metadata", {}).get("mystnb", {}).get("image", {}).get("alt", "")
    if "code" in shown.show:
        parts.append(f'<div class="part wide">{code(source(cell))}</div>')
    right = []
    if "picture" in shown.show or "widget" in shown.show:
        still = f"figures/{shown.name}.png"
        (out / still).write_bytes(base64.b64decode(deck.picture(cell)))
    if "picture" in shown.show:
        right.append(f'<img src="{still}" alt="{html.escape(alt or place)}">')
    if "widget" in shown.show:
        live = f"widgets/{shown.name}.html"
        page = WIDGET.format(title=html.escape(place), widget=deck.widget(cell))
        (out / live).write_text(page, encoding="utf-8")
        label = html.escape(f"{place}: interactive", quote=True)
        right.append(f'<iframe class="live" data-src="{live}" title="{label}"></iframe>')
        right.append(f'<img class="still" src="{still}" alt="{html.escape(place)}: a still of the widget">')
    if "output" in shown.show:
        right.append(f'<pre class="printed" tabindex="0">{html.escape(deck.printed(cell).rstrip())}</pre>')
    kind = "part live" if "widget" in shown.show else "part"
    return "\n".join([*parts, f'<div class="{kind}">{"".join(right)}</div>' if right else ""])


def write_slide(slide: Slide, out: Path, clock: str, number: int) -> str:
    """A slide as reveal.js wants it."""
    level = "h1" if number == 1 else "h2"
    body = [f'<div class="part text">{rendered(slide.text)}</div>'] if slide.text else []
    if slide.shown:
        body.append(write_shown(slide.shown, out, slide.title))
    many = "" if len(body) + (slide.shown is not None and len(slide.shown.show) > 1) > 1 else " single"
    spoken = rendered("\n\n".join(filter(None, [f"*{clock}*" if clock else "", slide.say])))
    notes = f'<aside class="notes">{spoken}</aside>' if spoken else ""
    heading = MARKDOWN.renderInline(slide.title)
    return (
        f'<section>\n<{level}>{heading}</{level}>\n<div class="body{many}">{"".join(body)}</div>\n{notes}\n</section>'
    )


def write_deck(made: Deck, out: Path) -> Path:
    """A deck's page."""
    at, slides = 0.0, []
    for n, slide in enumerate(made.slides, start=1):
        clock = f"{minute(at)} to {minute(at + slide.minutes)}" if slide.minutes else ""
        at += slide.minutes
        slides.append(write_slide(slide, out, clock, n))
    text = "\n".join(slides)
    mathjax = MATHJAX_TAGS if r"\(" in text or r"\[" in text else ""
    path = out / f"{made.name}.html"
    path.write_text(PAGE.format(title=html.escape(made.title), slides=text, mathjax=mathjax), encoding="utf-8")
    return path


def minute(at: float) -> str:
    """Minutes since the start as a clock shows them: 1:05."""
    return f"{int(at) // 60}:{int(at) % 60:02d}"


def decks(every: Iterable[Chapter]) -> list[Deck]:
    """Those that are chosen by hand, then one for each chapter."""
    numbered = {chapter.number: chapter for chapter in every}
    by_hand = [deck.chosen(path, numbered) for path in sorted((TEACH / "decks").glob("*.toml"))]
    return by_hand + [deck.whole(chapter) for chapter in numbered.values()]


def write(out: Path, every: Iterable[Chapter]) -> list[Path]:
    """All decks with what they need, into the site's folder `slides`.

    Raises:
        FileNotFoundError: npm's files are not there.
    """
    if not (REVEAL / "reveal.js").is_file():
        raise FileNotFoundError(f"{REVEAL} has no reveal.js: run `make book`, or `npm ci` in {ROOT} first")
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("figures", "widgets", "reveal/plugin"):
        (out / folder).mkdir(parents=True)
    for name in FILES:
        shutil.copy2(REVEAL / name, out / "reveal" / name)
    for name in ("slides.css", "slides.js"):
        shutil.copy2(TEACH / "decks" / name, out / name)
    with (out / "slides.css").open("a", encoding="utf-8") as file:
        file.write(HtmlFormatter(style="default").get_style_defs(".code") + "\n")
    return [write_deck(made, out) for made in decks(every)]


if __name__ == "__main__":
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT / "html"
    pages = write(site / "slides", chapters())
    bring_mathjax(site / "_static/vendor/mathjax")
    print(f"{len(pages)} decks are in {site / 'slides'}: open {pages[0]}")
