"""Every page in a browser: nothing from elsewhere, nothing wrong for axe, no sideways scrolling, a search that finds.

Any Chromium will do: one that is installed, else the one that Playwright downloaded. Where there is neither these
tests skip and say so; ``.ci/run`` installs one and sets RECONODE_BROWSER=required, with which they fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import serve

ROOT = Path(__file__).parents[1]
SITE = ROOT / os.environ.get("RECONODE_SITE", "_build/html")
NO_PAGES = {"_static", "_sources", "slides"}
PAGES = sorted(p for p in SITE.rglob("*.html") if not NO_PAGES & set(p.relative_to(SITE).parts))
AXE = ROOT / "node_modules/axe-core/axe.min.js"
SUBFOLDER = "some/folder"
HEAVIEST = 3_000_000
LANDING = 1_000_000
PRESS = 1_000_000
"""Bytes of the first press on the landing page."""
KEYS = ("zero", "model0")
WIDTHS = (1280, 390)

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(SITE).as_posix())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site served from a subfolder, as a forge's pages serve it."""
    if not PAGES:
        pytest.skip("the site is not built; run: make book")
    root = tmp_path_factory.mktemp("served")
    place = root / SUBFOLDER
    place.parent.mkdir(parents=True)
    place.symlink_to(SITE.resolve())

    with serve(root) as address:
        yield f"{address}{SUBFOLDER}/"


class Visit:
    """A page and all that went on while it was open: requests to other hosts are refused and kept, as errors are."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page(viewport={"width": WIDTHS[0], "height": 900}, color_scheme="light")
        self.address = address
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.bytes = 0
        self.page.route(lambda url: not url.startswith((address, "data:", "blob:")), self._refuse)
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._weigh)

    def _refuse(self, route: Any) -> None:
        self.outside.append(route.request.url)
        route.abort()

    def _weigh(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")
        # Scripts, styles and fonts are the same for every page: they are fetched once.
        elif response.request.resource_type in {"document", "image", "media", "fetch", "xhr"}:
            self.bytes += int(response.headers.get("content-length", 0))

    def open(self, name: str) -> Any:
        self.page.goto(self.address + name)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("window.MathJax?.startup?.promise")
        return self.page

    def look(self, width: int, scheme: str) -> None:
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if self.page.viewport_size["width"] != width:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(500)  # the theme gives wide blocks a tab stop a moment after a change of width
        self.page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.page.close()


def describe(violation: dict[str, Any]) -> str:
    node = violation["nodes"][0]
    more = f" and {len(violation['nodes']) - 1} more" if len(violation["nodes"]) > 1 else ""
    return f"{violation['id']}: {violation['help']}: {node['html'][:160]}{more}; {node['failureSummary'][:200]}"


COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}
LOOKS = ((1280, "light", {}), (1280, "dark", COLORS), (390, "dark", {}))
"""Width, theme and what axe looks for there: a theme changes colours alone, and they are half of axe's time."""


def looks(path: Path) -> tuple[tuple[int, str, dict[str, Any]], ...]:
    """Source listings are one template: each is looked at once, every other one on a phone in the dark."""
    return (LOOKS[-(PAGES.index(path) % 2)],) if "_modules" in path.parts else LOOKS


@every_page
def test_page(visit: Visit, path: Path) -> None:
    """One visit for all: alone, light enough, without errors, and right for axe at both widths and in both themes."""
    if not AXE.is_file():
        pytest.skip("no axe-core: run make book, or npm ci")
    name = path.relative_to(SITE).as_posix()
    page = visit.open(name)
    if name == "index.html":
        page.wait_for_url("**/book/index.html")
    page.add_script_tag(path=str(AXE))
    found = []
    for width, scheme, rules in looks(path):
        visit.look(width, scheme)
        if name != "404.html" and name != "index.html":
            assert page.evaluate("document.documentElement.dataset.theme") == scheme
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 0:
            found.append(f"{scheme}, {width}: the page scrolls sideways by {wide} px")
        result = page.evaluate("rules => axe.run(document, {resultTypes: ['violations'], ...rules})", rules)
        found += [f"{scheme}, {width}: {describe(v)}" for v in result["violations"]]
    assert not found, "\n".join(found)
    assert not visit.outside, "the page asks other hosts"
    assert not visit.errors
    assert visit.bytes <= HEAVIEST, f"{visit.bytes / 1e6:.1f} MB"


def test_search_finds_a_page(visit: Visit) -> None:
    page = visit.open("book/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("calibrate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=calibrate*")
    hit = page.locator("#search-results li a").first
    hit.wait_for()
    hit.click()
    page.wait_for_url("**/notebooks/09_full_training.html*")
    assert not visit.outside
    assert not visit.errors


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Visit) -> None:
    page = visit.open("book/index.html")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
                let e = document.activeElement;
                while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
                if (!e || e === document.body) return null;
                const parts = [e, ...e.children].map(part => [getComputedStyle(part), part.getBoundingClientRect()]);
                const shown = parts.some(([style, box]) => box.width > 0 && box.height > 0
                    && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
                return { what: e.outerHTML.slice(0, 90), shown };
            }"""
        )
        if focus is None:
            break
        seen.append(focus)
    assert "skip" in seen[0]["what"].lower(), "the first stop leads past the menu"
    assert len(seen) > 20
    assert not [f["what"] for f in seen if not f["shown"]]


def test_mathematics_is_typeset(visit: Visit) -> None:
    page = visit.open("book/notation.html")
    assert page.locator("mjx-container").count() > 10
    assert page.locator("mjx-merror").count() == 0


def test_a_chapters_mathematics_fits_a_phone(visit: Visit) -> None:
    """Each display is typeset, and none must be scrolled sideways."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    chapters = [p for p in PAGES if p.parent.name == "notebooks" and '<div class="math' in p.read_text("utf-8")]
    assert len(chapters) > 5
    for path in chapters:
        page = visit.open(path.relative_to(SITE).as_posix())
        displays = page.locator("mjx-container[display]")
        displays.first.wait_for()
        assert page.locator("mjx-merror").count() == 0, path.stem
        wide = displays.evaluate_all(
            "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => [e.scrollWidth, e.innerText])"
        )
        assert not wide, path.stem


def test_the_first_page_is_light_and_loads_no_more_than_it_uses(visit: Visit) -> None:
    """Every byte before a click: scripts, styles and fonts too."""
    bodies: dict[str, int] = {}
    visit.page.on("response", lambda r: bodies.update({r.url: len(r.body())}))
    page = visit.open("book/index.html")
    page.locator(".reconode-widget[data-ready]").wait_for(state="attached")
    assert sum(bodies.values()) <= LANDING, sorted(bodies.items(), key=lambda item: -item[1])[:5]
    assert not [url for url in bodies if re.search("mathjax|fontawesome", url, re.IGNORECASE)]
    before = {*bodies}
    assert not [url for url in before if "/engine/" in url]
    page.get_by_role("button", name="Reconstruct").click()
    page.locator(".card[data-done]").wait_for()
    loaded = [url.split("/_static/engine/")[1].split(".")[0] for url in bodies if url not in before]
    assert loaded == ["worker", "manifest", "pc-flow_4x"]
    assert sum(size for url, size in bodies.items() if url not in before) < PRESS
    assert not visit.outside


def test_chapter_11_runs_the_models(visit: Visit) -> None:
    """All knobs in a notebook's page, by the site's engine, and the answer stays when the phone is turned."""
    page = visit.open("notebooks/11_when_it_breaks.html")
    bench = page.locator('.reconode-widget[data-widget="reconstruct"]')
    bench.get_by_role("button", name="Reconstruct").click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        bench.locator(".card[data-done]").wait_for()
        zero, model = (bench.locator(f'[data-key="{key}-psnr"]').get_attribute("data-value") for key in KEYS)
        assert float(model) > float(zero) + 5
        assert bench.get_by_label("Your own picture").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not visit.outside
    assert not visit.errors


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_screen_has_two_buttons_and_a_live_picture(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open("book/index.html")
    for text in ("Start chapter 1", "Open in Colab"):
        box = page.get_by_role("link", name=text).first.bounding_box()
        assert box["y"] + box["height"] < 400, text
    assert page.locator(".reconode-widget").bounding_box()["y"] < 400


@pytest.mark.parametrize("width", WIDTHS)
def test_a_chapter_opens_with_its_picture(visit: Visit, width: int) -> None:
    """Where its cells carry the tags; the code that draws lies below what it draws."""
    visit.page.set_viewport_size({"width": width, "height": 844})
    tagged = [p for p in PAGES if p.parent.name == "notebooks" and "tag_first-picture" in p.read_text(encoding="utf-8")]
    if not tagged:
        pytest.skip("no chapter has a cell with the tag first-picture")
    for path in tagged:
        page = visit.open(path.relative_to(SITE).as_posix())
        picture = page.locator(".tag_first-picture .cell_output img, .tag_first-picture .reconode-widget").first
        top = picture.bounding_box()["y"]
        assert top < 600, f"{path.stem}: the first picture begins at {top:.0f} px"
        assert page.locator(".tag_first-picture .cell_input").bounding_box()["y"] > top


def test_every_icon_is_drawn(visit: Visit) -> None:
    page = visit.open("book/index.html")
    bare = """[...document.querySelectorAll('.fas, .fab, .far, .fa-solid, .fa-brands')]
        .filter(e => !getComputedStyle(e).getPropertyValue('--icon')).map(e => e.className)"""
    assert page.evaluate(bare) == []
    assert page.locator(".fa-solid").count() > 5


def test_what_is_wider_than_its_box_says_so(visit: Visit) -> None:
    """A table that scrolls lies under shadows that a cover of the page's colour lifts at its ends."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page = visit.open("book/results.html")
    found = page.evaluate(
        """[...document.querySelectorAll('.bd-article .pst-scrollable-table-container')]
            .filter(e => e.scrollWidth > e.clientWidth)
            .map(e => [e, e.querySelector('td')].map(part => getComputedStyle(part)))
            .map(([box, cell]) => [box.backgroundAttachment, cell.backgroundColor])"""
    )
    assert found
    assert {tuple(f) for f in found} == {("local, local, scroll, scroll, scroll", "rgba(0, 0, 0, 0)")}


def test_the_look_is_the_readers_choice(visit: Visit) -> None:
    page = visit.open("book/index.html")
    shown = "document.querySelector('.reconode-widget').shadowRoot.querySelector('.card').dataset.theme"
    assert page.evaluate(shown) == "light"
    visit.look(WIDTHS[0], "dark")
    assert page.evaluate(shown) == "dark"
    button = page.locator(".theme-switch-button:visible").first
    before = page.evaluate("document.documentElement.dataset.mode")
    button.click()
    assert page.evaluate("document.documentElement.dataset.mode") != before


def test_print_shows_the_text_alone(visit: Visit) -> None:
    page = visit.open("book/run.html")
    page.emulate_media(media="print")
    hidden = (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer")
    assert not [h for h in hidden if page.evaluate(f"document.querySelector('{h}')?.checkVisibility() ?? false")]
    assert page.evaluate("document.querySelector('.bd-article').checkVisibility()")


def test_a_lost_reader_finds_home(visit: Visit) -> None:
    page = visit.open("404.html")
    assert page.locator("main a").get_attribute("href").endswith("/book/index.html")
