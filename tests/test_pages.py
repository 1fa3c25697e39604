"""The built site, page by page: headings, titles, alternative texts, links that lead somewhere, nothing that failed.

`make test` builds the site first and says where it is; run alone, these tests skip when there is none.
"""

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
SITE = ROOT / os.environ.get("RECONODE_SITE", "_build/html")
PAGES = sorted(p for p in SITE.rglob("*.html") if not {"_static", "_sources"} & set(p.relative_to(SITE).parts))
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src", "iframe": "src"}

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(SITE).as_posix())


@cache
def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def main_text(page: BeautifulSoup) -> Tag:
    return page.find("main") or page


def on_screen(tag: Tag) -> bool:
    """Not in the theme's second copy of the title and contents, which is there for print only."""
    return tag.find_parent(id="jb-print-docs-body") is None and tag.find_parent(class_="onlyprint") is None


@cache
def anchors(path: Path) -> frozenset[str]:
    named = read(path).find_all(lambda tag: tag.has_attr("id") or (tag.name == "a" and tag.has_attr("name")))
    return frozenset(str(tag.get("id") or tag.get("name")) for tag in named)


def test_the_site_is_there() -> None:
    if not PAGES and "RECONODE_SITE" not in os.environ:
        pytest.skip("the site is not built; run: make book")
    assert (SITE / "index.html").is_file(), f"{SITE} has no index.html"
    assert len(PAGES) >= 3, f"{SITE} has hardly a page"


@every_page
def test_one_heading_a_title_and_a_language(path: Path) -> None:
    page = read(path)
    headings = [h.get_text(" ", strip=True) for h in page.find_all("h1") if on_screen(h)]
    assert len(headings) == 1, f"{len(headings)} h1: {headings}"
    assert headings[0]
    assert page.title is not None
    assert page.title.get_text(strip=True)
    assert page.html is not None
    assert page.html.get("lang") == "en"


@every_page
def test_every_image_has_alternative_text(path: Path) -> None:
    bare = [str(image)[:120] for image in read(path).find_all("img") if not str(image.get("alt", "")).strip()]
    assert not bare
    names = [str(image.get("alt")) for image in main_text(read(path)).find_all("img")]
    file_names = [name for name in names if re.fullmatch(r"\S+\.(png|svg|jpe?g|gif)", name)]
    assert not file_names, "a file's name is no description"


@every_page
def test_every_internal_link_leads_somewhere(path: Path) -> None:
    broken = []
    for tag in read(path).find_all(list(LINKS)):
        target = urlsplit(str(tag.get(LINKS[tag.name], "")))
        if target.scheme or target.netloc or not (target.path or target.fragment):
            continue
        assert not target.path.startswith("/"), f"{target.path} breaks when the site stands in a subfolder"
        place = (path.parent / unquote(target.path)).resolve() if target.path else path
        place = place / "index.html" if place.is_dir() else place
        if not place.is_file() or not place.is_relative_to(SITE.resolve()):
            broken.append(f"{target.geturl()}: no such file")
        elif target.fragment and tag.name == "a" and unquote(target.fragment) not in anchors(place) | {"top"}:
            broken.append(f"{target.geturl()}: no such place on that page")
    assert not broken


@every_page
def test_no_page_shows_an_error(path: Path) -> None:
    page = main_text(read(path))
    stderr = page.select(".output.stderr, .output.traceback, .cell_output .traceback, .system-message")
    assert not [tag.get_text(" ", strip=True)[:200] for tag in stderr]
    text = page.get_text(" ")
    shown = re.findall(r"Traceback \(most recent call last\).{0,80}|\b\w+Warning: .{0,80}", text, re.DOTALL)
    assert not shown


@every_page
def test_no_markup_is_left_over(path: Path) -> None:
    """Roles and directives that nobody interpreted, and mathematics without its delimiters."""
    page = BeautifulSoup(str(main_text(read(path))), "html.parser")
    for code in page.find_all(["pre", "code", "script", "style"]):
        code.decompose()
    left = re.findall(r"\{[a-z]+\}`[^`]*`|^:{3,}\{?\w*|^```.*|\$\$", page.get_text(), re.MULTILINE)
    assert not left


def test_meta_redirects_lead_somewhere() -> None:
    for path in PAGES:
        for tag in read(path).find_all("meta", attrs={"http-equiv": re.compile("^refresh$", re.IGNORECASE)}):
            target = re.split(r"url=", str(tag["content"]), flags=re.IGNORECASE)[-1]
            assert (path.parent / target).is_file(), f"{path}: redirects to {target}, which is not there"
