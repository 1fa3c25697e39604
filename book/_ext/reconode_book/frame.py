"""The frame of every page: the library, MathJax, no thebe; front door, 404 page, site map, social card."""

from __future__ import annotations

import html
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[3]
MADE = ROOT / "_build/static"
"""Files that the build makes or brings from npm, beside book/_static's; part of html_static_path."""

ABOUT = (
    "A book that runs: MR images from a quarter of the measurements, by neural ordinary differential equations, "
    "from k-space to solvers that are learned."
)
HEAD = """<meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="data:,">
    <title>{title}</title>"""
FRONT_DOOR = """<!doctype html>
<html lang="{language}">
  <head>
    {head}
    <meta http-equiv="refresh" content="0; url={url}">
    <link rel="canonical" href="{base}{url}">
    {card}
  </head>
  <body>
    <main>
      <h1>{title}</h1>
      <p><a href="{url}">Go to the first page</a></p>
    </main>
  </body>
</html>
"""
LOST = """<!doctype html>
<html lang="{language}">
  <head>
    {head}
    <meta name="robots" content="noindex">
    <style>
      :root {{ color-scheme: light dark; background: light-dark(#fff, #121212); color: light-dark(#23303c, #ced6dd); }}
      body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem; }}
      a {{ color: light-dark(#00629b, #6cbdf5); }}
      svg {{ width: 3.5rem; }}
    </style>
  </head>
  <body>
    <main>
      {logo}
      <h1>This line was not measured</h1>
      <p>There is no page at this address. Perhaps it was renamed, perhaps a link is wrong.</p>
      <p><a href="{base}{url}">Go to the first page of {project}</a></p>
    </main>
  </body>
</html>
"""
CARD = """<meta name="description" content="{about}">
    <meta property="og:type" content="website">
    <meta property="og:site_name" content="{project}">
    <meta property="og:title" content="{title}">
    <meta property="og:description" content="{about}">
    <meta property="og:url" content="{base}{url}">
    <meta property="og:image" content="{base}_static/social-card.png">
    <meta property="og:image:alt" content="{alt}">
    <meta name="twitter:card" content="summary_large_image">"""
BARE_TITLE = re.compile(r"<[^>]+>")
CARD_ALT = "The word ReconODE, and a knee that sharpens in four steps while the lines of its k-space fill in."


def find_library() -> None:
    """Let autodoc and every notebook's kernel import `reconode` from this checkout, installed or not."""
    sys.path.insert(0, str(ROOT))
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def site_address(repository: str) -> str:
    """Where a GitHub repository's pages are: https://OWNER.github.io/NAME/."""
    owner, name = urlsplit(repository).path.strip("/").split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def prepare(app: Sphinx, config: Config) -> None:
    """The site's own address from the repository's, and MathJax from npm's folder."""
    if not config.html_baseurl:
        config.html_baseurl = site_address(config.html_theme_options["repository_url"])
    bring_mathjax(MADE / "vendor/mathjax")


def bring_mathjax(target: Path) -> None:
    """MathJax and its fonts from npm's folder."""
    source = ROOT / "node_modules/mathjax/es5"
    if not (source / "tex-chtml-full.js").is_file():
        raise ExtensionError(f"{source} has no MathJax: run `make book`, or `npm ci` in {ROOT} first")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / "tex-chtml-full.js", target)
    fonts = "output/chtml/fonts/woff-v2"
    shutil.copytree(source / fonts, target / fonts, dirs_exist_ok=True)


def silence_thebe(app: Sphinx) -> None:
    """Keep sphinx-thebe's scripts off the pages: they are for Binder, which the book does not use, and log an error.

    Jupyter Book always loads the extension. Its static-path listener stays, because its style sheet is linked anyway.
    """
    for event in ("env-before-read-docs", "doctree-resolved"):
        for listener in list(app.events.listeners.get(event, [])):
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)


def card(app: Sphinx, title: str, url: str) -> str:
    """The meta tags that other sites show a link with."""
    texts = {"about": ABOUT, "project": app.config.project, "title": title, "alt": CARD_ALT}
    return CARD.format(base=app.config.html_baseurl, url=url, **{k: html.escape(v) for k, v in texts.items()})


def add_card(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The social card of each page."""
    title = BARE_TITLE.sub("", context.get("title") or app.config.project)
    context["metatags"] = context.get("metatags", "") + card(app, html.unescape(title), f"{pagename}.html")


def write_site_files(app: Sphinx, exception: Exception | None) -> None:
    """The site's index.html, a redirect to the landing page that is itself a valid page; 404.html; sitemap.xml.

    Runs before sphinx-external-toc's listener, which would write a bare redirect if there were no index.html. The 404
    page may be shown at any depth, so it carries its style and links to the full address.
    """
    if exception is not None or app.builder.format != "html":
        return
    out, project, first = Path(app.outdir), app.config.project, f"{app.config.master_doc}.html"
    base, language = app.config.html_baseurl, app.config.language
    filled = {"language": language, "base": base, "url": first, "project": project}
    front = FRONT_DOOR.format(head=HEAD.format(title=project), title=project, card=card(app, project, first), **filled)
    out.joinpath("index.html").write_text(front, encoding="utf-8")
    logo = ROOT.joinpath("book/_static/logo.svg").read_text(encoding="utf-8")
    lost = LOST.format(head=HEAD.format(title=f"No such page: {project}"), logo=logo, **filled)
    out.joinpath("404.html").write_text(lost, encoding="utf-8")
    pages = "".join(f"  <url><loc>{base}{name}.html</loc></url>\n" for name in sorted(app.env.found_docs))
    opening = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    out.joinpath("sitemap.xml").write_text(f"{opening}{pages}</urlset>\n", encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    MADE.mkdir(parents=True, exist_ok=True)
    app.add_config_value("reconode_tag", "", "html", str)
    app.connect("config-inited", prepare)
    app.connect("builder-inited", silence_thebe)
    app.connect("html-page-context", add_card)
    app.connect("build-finished", write_site_files, priority=100)
