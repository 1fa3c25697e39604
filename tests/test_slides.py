"""Decks: cells that are there, minutes that add up, pages that load nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from reconode_book.markdown import chapters
from reconode_course import deck, slides
from reconode_course.deck import DeckError
from reconode_course.places import REVEAL, TEACH

CHAPTERS = {chapter.number: chapter for chapter in chapters()}
LECTURE = TEACH / "decks/lecture.toml"
ENTRY = """title = "T"
minutes = {minutes}
[[slide]]
title = "S"
minutes = 2
cell = "{cell}"
has = "{has}"
show = ["{show}"]
"""

needs_reveal = pytest.mark.skipif(not (REVEAL / "reveal.js").is_file(), reason="reveal.js is not there; run: npm ci")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "slides"
    slides.write(out, CHAPTERS.values())
    return out


def test_the_site_knows_the_course() -> None:
    """Its extension is in _config.yml (once a stale copy of that file took it out), its pages are in _toc.yml."""
    root = TEACH.parents[1]
    assert re.search(r"^    reconode_course: book/_ext$", (root / "_config.yml").read_text(), re.MULTILINE)
    contents = (root / "_toc.yml").read_text()
    assert all(f"file: book/teach/{path.stem}\n" in contents for path in TEACH.glob("*.md"))


def entry(tmp_path: Path, **changed: object) -> Path:
    told = {"minutes": 2, "cell": "01/cell-03", "has": "masks.random", "show": "picture", **changed}
    path = tmp_path / "d.toml"
    path.write_text(ENTRY.format(**told))
    return path


def test_the_lecture_is_what_it_names_and_takes_its_time() -> None:
    made = deck.chosen(LECTURE, CHAPTERS)
    assert made.minutes == 90
    assert all(slide.say.strip() for slide in made.slides), "a slide without a word for the speaker"
    asked = [slide for slide in made.slides if "ask" in slide.entry]
    assert len(asked) >= 12 and all("hear" in s.entry for s in asked if s.shown and "Who would" not in s.entry["ask"])
    live = sum(slide.shown is not None and "widget" in slide.shown.show for slide in made.slides)
    assert live >= 3, "the widgets live in the slides"


@pytest.mark.parametrize(
    "changed, says",
    [
        ({"cell": "01/gone"}, "slide 1: '01/gone' names a cell that 01_what_the_scanner_measures.ipynb does not have"),
        ({"cell": "99/cell-03"}, "names a chapter that is not there"),
        ({"has": "plots.nothing"}, "no longer has 'plots.nothing'"),
        ({"show": "widget"}, "has no widget to show"),
        ({"show": "film"}, "expected one of"),
        ({"minutes": 3}, "the slides take 2 minutes, not 3"),
    ],
)
def test_a_deck_says_what_is_wrong_with_it(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    with pytest.raises(DeckError, match=re.escape(says)):
        deck.chosen(entry(tmp_path, **changed), CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.path.stem)
def test_a_chapters_deck_has_its_pictures_equations_and_exercises_and_no_solution(chapter) -> None:
    made = deck.whole(chapter)
    shown = [slide.shown.cell["id"] for slide in made.slides if slide.shown]
    drawn = [c["id"] for c in chapter.cells if deck.picture(c) and not deck.HIDDEN & set(c["metadata"].get("tags", []))]
    assert set(drawn) <= set(shown)
    text = "\n".join(slide.text for slide in made.slides)
    for tag in re.findall(r"\\tag\{\d+\}", "\n".join(chapter.prose)):
        assert tag in text
    assert sum(slide.title.startswith("Exercise ") for slide in made.slides) == chapter.exercises
    assert "<details" not in text + "".join(slide.say for slide in made.slides)
    first = made.slides[0]
    assert first.title == chapter.title and first.shown and "picture" in first.shown.show


def test_formulas_reach_mathjax_and_links_reach_the_book() -> None:
    made = slides.rendered("$a < b$ and $$\nx \\tag{1}\n$$\n\n[Chapter 2](02_reconstruction_as_a_flow.ipynb)")
    assert r"\(a &lt; b\)" in made and r"\[" in made and r"\tag{1}" in made
    assert 'href="../notebooks/02_reconstruction_as_a_flow.html"' in made


@needs_reveal
def test_every_deck_is_whole(site: Path) -> None:
    """Files that are named are there, nothing comes from elsewhere, every picture has its text."""
    pages = sorted(site.glob("*.html"))
    assert [p.stem for p in pages] == sorted([f"chapter{n:02d}" for n in CHAPTERS] + ["lecture"])
    for path in pages:
        page = BeautifulSoup(path.read_text(), "html.parser")
        assert len(page.find_all("h1")) == 1 and page.html["lang"] == "en"
        for tag, attribute in (("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "data-src")):
            for found in page.find_all(tag, attrs={attribute: True}):
                target = found[attribute]
                if target.startswith("data:"):
                    continue
                assert "//" not in target, target
                assert target.startswith("../_static/") or (site / target).is_file(), target
        assert all(len(image.get("alt", "")) > 8 for image in page.find_all("img"))
        assert all(frame.get("title") for frame in page.find_all("iframe"))


@needs_reveal
def test_widgets_live_in_the_slides(site: Path) -> None:
    live = {p.stem for p in site.glob("widgets/*.html")}
    there = {f"{n:02d}-{cell['id']}" for n, chapter in CHAPTERS.items() for cell in chapter.cells if deck.widget(cell)}
    assert live == there and len(live) >= len(CHAPTERS) - 1
    for path in site.glob("widgets/*.html"):
        text = path.read_text()
        assert "<script>" in text and not re.search(r"""(src|href)=["']https?:""", text)


def test_without_npm_it_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slides, "REVEAL", tmp_path)
    with pytest.raises(FileNotFoundError, match="npm ci"):
        slides.write(tmp_path / "out", [])
    assert not (tmp_path / "out").exists()


@needs_reveal
def test_slides_that_are_gone_do_not_survive(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "slides"
    shutil.copytree(site, out)
    (out / "chapter99.html").write_text("old")
    slides.write(out, [CHAPTERS[1], *[CHAPTERS[n] for n in (2, 3, 4, 8)]])
    assert not (out / "chapter99.html").exists()


def told(text: str) -> list[str]:
    return [slide.text for slide in deck._told("T", text)]


def test_prose_becomes_whole_sentences_never_their_bold_words_alone() -> None:
    text = "A flow has a way back. Above order one, **training makes it worse**, see 3.5 there. The end."
    assert told(text) == ["A flow has a way back.\n\nAbove order one, **training makes it worse**, see 3.5 there."]
    assert told("Nothing is bold here. It is for the speaker.") == []
    head, items = "**3. A volume.** Scores by slice (Ramzi et al. say so) are others.", "- One.\n- Two."
    assert told(f"{head} **Things to try**\n\n{items}\n") == [f"{head}\n\n**Things to try**\n\n{items}"]


def test_what_is_longer_than_a_slide_goes_on_whole_and_once() -> None:
    items = [f"- item {n}, " + "many words " * 12 for n in range(12)]
    made = told("Look:\n\n" + "\n".join(items) + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert len(made) > 2 and all(deck._lines(piece) < deck.ROOM for piece in made)
    assert [line for text in made for line in text.splitlines() if line.startswith("- ")] == [i.rstrip() for i in items]
    assert "\n".join(made).count("| a | b |") == 1
