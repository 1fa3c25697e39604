"""The lecture's slides in a browser, from a disk: nothing from elsewhere, keyboard, nothing cut off, a phone, paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from reconode_book.frame import bring_mathjax
from reconode_book.markdown import chapters
from reconode_course import slides
from reconode_course.places import REVEAL

pytestmark = pytest.mark.skipif(not (REVEAL / "reveal.js").is_file(), reason="reveal.js is not there; run: npm ci")
CUT = """() => [...document.querySelectorAll("section.present .part, section.present .body")]
  .filter(e => e.scrollHeight > e.clientHeight + 3).map(e => e.className)"""


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> str:
    site = tmp_path_factory.mktemp("site")
    slides.write(site / "slides", chapters())
    bring_mathjax(site / "_static/vendor/mathjax")
    return Path(site / "slides/lecture.html").as_uri()


def opened(page: Any, address: str, width: int, height: int) -> Any:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate("MathJax.startup.promise")
    return page


def test_on_a_projector(page: Any, lecture: str) -> None:
    """By keyboard from the first to the last; nothing is cut off; the widget gives the keyboard back."""
    opened(page, lecture, 1280, 720)
    total = page.evaluate("Reveal.getTotalSlides()")
    for n in range(total):
        assert page.evaluate("Reveal.getIndices().h") == n
        assert not page.evaluate(CUT), f"slide {n + 1} is cut off"
        if n < total - 1:
            page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelectorAll('mjx-container').length") > 10
    page.evaluate("Reveal.slide(6)")
    frame = page.frame_locator("section.present iframe.live")
    frame.locator("button").first.click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 6, "the arrow key is the widget's"
    page.keyboard.press("Escape")
    page.wait_for_function("document.hasFocus() && document.activeElement.tagName !== 'IFRAME'")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("Reveal.getIndices().h === 7")


def test_on_a_phone(page: Any, lecture: str) -> None:
    """Readable type, no sideways scrolling of the page."""
    opened(page, lecture, 390, 844)
    for n in (0, 1, 8, 20):
        page.evaluate(f"Reveal.slide({n})")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        size = (
            "parseFloat(getComputedStyle(document.querySelector('section.present .part')).fontSize) * Reveal.getScale()"
        )
        assert page.evaluate(size) >= 14


def test_on_paper(page: Any, lecture: str, tmp_path: Path) -> None:
    """One page a slide, widgets as stills."""
    opened(page, f"{lecture}?print-pdf", 1280, 720)
    total = page.evaluate("document.querySelectorAll('.slides section').length")
    page.wait_for_function("document.querySelectorAll('.pdf-page').length > 0")
    assert page.evaluate("getComputedStyle(document.querySelector('iframe.live')).display") == "none"
    assert page.evaluate("getComputedStyle(document.querySelector('img.still')).display") != "none"
    paper = page.pdf(path=str(tmp_path / "l.pdf"), prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) == total
