"""The built site, page by page: headings, titles, alternative texts, links that lead somewhere, nothing that failed.

`make test` builds the site first and says where it is; run alone, these tests skip when there is none.
"""

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
SITE = ROOT / os.environ.get("RECONODE_SITE", "_build/html")
# Slides are pages of another kind: tests/test_slides.py and tests/test_slides_browser.py.
NO_PAGES = {"_static", "_sources", "slides"}
PAGES = sorted(p for p in SITE.rglob("*.html") if not NO_PAGES & set(p.relative_to(SITE).parts))
HEAVIEST = 3_000_000
SLACK = 1.5
TOGETHER = 10 * 60
"""Seconds that all notebooks may take, on two cores."""
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
    images = [
        i for i in read(path).find_all("img") if not (i.find_parent("a") and i.find_parent("a").get_text(strip=True))
    ]
    assert not [str(i)[:120] for i in images if not str(i.get("alt", "")).strip()]  # a link's words describe its mark
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


@every_page
def test_headings_skip_no_level(path: Path) -> None:
    levels = [int(h.name[1]) for h in main_text(read(path)).find_all(re.compile("^h[1-6]$")) if on_screen(h)]
    jumps = [(a, b) for a, b in pairwise(levels) if b > a + 1]
    assert not jumps, f"headings {levels}"


@every_page
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    """The browser's test sees what really happens; this one sees it without a browser."""
    page = read(path)
    loaded = [tag.get("src") for tag in page.find_all(["script", "img", "iframe", "source", "video", "audio", "embed"])]
    loaded += [tag.get("href") for tag in page.find_all("link") if set(tag["rel"]) & {"stylesheet", "icon", "preload"}]
    assert not [str(url) for url in loaded if url and urlsplit(str(url)).netloc]


@every_page
def test_no_page_is_heavy(path: Path) -> None:
    """Its HTML and its own pictures; styles, scripts and fonts are every page's."""
    pictures = {str(tag["src"]) for tag in read(path).find_all("img") if not str(tag["src"]).startswith("data:")}
    weight = path.stat().st_size + sum((path.parent / unquote(p)).stat().st_size for p in pictures)
    assert weight <= HEAVIEST, f"{weight / 1e6:.1f} MB"


@every_page
def test_mathematics_and_its_script_come_together(path: Path) -> None:
    page = read(path)
    formulas = page.select(".math.notranslate")
    scripts = [tag for tag in page.find_all("script", src=True) if "mathjax" in str(tag["src"])]
    assert bool(formulas) == bool(scripts)


@every_page
def test_other_sites_can_show_a_card(path: Path) -> None:
    if path.name == "404.html":
        pytest.skip("nobody links to it")
    tags = {str(t["property"]): str(t["content"]) for t in read(path).find_all("meta", property=True)}
    base = tags["og:image"].removesuffix("_static/social-card.png")
    assert base.startswith("https://")
    assert base.endswith("/")
    assert (SITE / "_static/social-card.png").is_file()
    assert (SITE / tags["og:url"].removeprefix(base)).is_file()
    assert tags["og:title"].strip()
    assert "<" not in tags["og:title"]


def test_the_site_map_has_every_page() -> None:
    if not PAGES:
        pytest.skip("the site is not built; run: make book")
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    places = [str(e.text) for e in ElementTree.parse(SITE / "sitemap.xml").iter(f"{space}loc")]
    base = places[0][: places[0].index("book/")]
    mapped = {place.removeprefix(base) for place in places}
    written = {p.relative_to(SITE).as_posix() for p in PAGES if p.relative_to(SITE).parts[0] in {"book", "notebooks"}}
    assert mapped == written


def test_chapters_keep_to_their_time() -> None:
    """As this build ran them; each page prints both numbers."""
    path = SITE.parent / "times.json"
    if not path.is_file():
        pytest.skip("the site is not built; run: make book")
    times = json.loads(path.read_text())
    assert set(times) == {p.relative_to(SITE).with_suffix("").as_posix() for p in (SITE / "notebooks").glob("*.html")}
    late = {name: t for name, t in times.items() if t["seconds"] > SLACK * t["budget"]}
    assert not late, f"over {SLACK} times their budget"
    assert sum(t["seconds"] for t in times.values()) < TOGETHER


@every_page
def test_a_chapter_says_how_long_it_runs(path: Path) -> None:
    if path.parent.name != "notebooks":
        pytest.skip("no chapter")
    note = read(path).select_one(".run-note")
    assert note is not None
    assert re.search(r"Run for this page in \d+ s .* Time budget: \d+ s", note.get_text(" ", strip=True))


def test_meta_redirects_lead_somewhere() -> None:
    for path in PAGES:
        for tag in read(path).find_all("meta", attrs={"http-equiv": re.compile("^refresh$", re.IGNORECASE)}):
            target = re.split(r"url=", str(tag["content"]), flags=re.IGNORECASE)[-1]
            assert (path.parent / target).is_file(), f"{path}: redirects to {target}, which is not there"
