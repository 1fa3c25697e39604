"""What a deck of slides is: chosen cells with words of their own (a TOML file), or a whole chapter as it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconode_book.markdown import Chapter, source

from reconode_course.exercises import exercises, zone

SHOWS = ("code", "output", "picture", "widget")
DISPLAY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
LIST = re.compile(r"(?:^(?:- |\d+\. ).*\n?(?:^[ ]{2,}.*\n?)*)+", re.MULTILINE)
TABLE = re.compile(r"(?:^\|.*\n?)+", re.MULTILINE)
LEAD = re.compile(r"\*\*[^*]+\*\*[.,:;]?")
BADGE = re.compile(r"\[!\[.*?\]\(.*?\)\]\(.*?\)")
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
HIDDEN = {"hide-cell", "remove-cell", "setup"}


class DeckError(ValueError):
    """A deck that names a cell which is not there, or is not what it was."""


@dataclass(frozen=True)
class Shown:
    """What a slide shows of one cell."""

    chapter: Chapter
    cell: dict[str, Any] = field(repr=False)
    show: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of files made for it."""
        return f"{self.chapter.number:02d}-{re.sub(r'[^a-zA-Z0-9]+', '-', str(self.cell['id']))}"


@dataclass(frozen=True)
class Slide:
    """One slide.

    Attributes:
        title: its heading.
        text: Markdown beside what is shown.
        shown: of a cell.
        say: the speaker's notes, Markdown.
        minutes: how long it stays; 0 where the deck has no clock.
        entry: all that the deck's file says of it.
    """

    title: str
    text: str = ""
    shown: Shown | None = None
    say: str = ""
    minutes: float = 0
    entry: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Deck:
    """Slides under one title; `name` is the file's."""

    name: str
    title: str
    slides: list[Slide] = field(repr=False)

    @property
    def minutes(self) -> float:
        return sum(slide.minutes for slide in self.slides)


def find(address: str, every: dict[int, Chapter]) -> tuple[Chapter, dict[str, Any]]:
    """The cell that "01/cell-03" names."""
    number, _, name = address.partition("/")
    chapter = every.get(int(number)) if number.isdigit() else None
    if chapter is None:
        raise DeckError(
            f"{address!r} names a chapter that is not there; expected one of {sorted(every)}, as in 01/cell-03"
        )
    cells = [cell for cell in chapter.cells if cell.get("id") == name]
    if len(cells) != 1:
        raise DeckError(f"{address!r} names a cell that {chapter.path.name} does not have")
    return chapter, cells[0]


def chosen(path: Path, every: dict[int, Chapter]) -> Deck:
    """The deck of a TOML file.

    Raises:
        DeckError: a cell that is gone, that no longer holds what the deck says it `has`, or that shows no such thing.
    """
    with path.open("rb") as file:
        content = tomllib.load(file)
    slides = []
    for n, entry in enumerate(content["slide"], start=1):
        where = f"{path.name}, slide {n}"
        if unknown := set(entry) - {
            "title",
            "minutes",
            "text",
            "cell",
            "has",
            "show",
            "say",
            "ask",
            "hear",
            "asked",
            "wrong",
            "short",
        }:
            raise DeckError(f"{where}: no slide has {', '.join(sorted(unknown))}")
        shown = None
        if "cell" in entry:
            try:
                chapter, cell = find(entry["cell"], every)
            except DeckError as error:
                raise DeckError(f"{where}: {error}") from error
            if entry["has"] not in source(cell):
                raise DeckError(f"{where}: {entry['cell']} no longer has {entry['has']!r}; look at what it shows now")
            shown = Shown(chapter, cell, tuple(entry["show"]))
            for what in shown.show:
                if not there(cell, what):
                    raise DeckError(f"{where}: {entry['cell']} has no {what} to show")
        slides.append(Slide(entry["title"], entry.get("text", ""), shown, notes(entry), entry["minutes"], entry))
    deck = Deck(path.stem, content["title"], slides)
    if deck.minutes != content["minutes"]:
        raise DeckError(f"{path.name}: the slides take {deck.minutes:g} minutes, not {content['minutes']:g}")
    return deck


def notes(entry: dict[str, Any]) -> str:
    """The speaker's notes of an entry: what to say, ask, expect, and leave out."""
    labels = {
        "ask": "Ask",
        "hear": "Expect",
        "asked": "You may be asked",
        "wrong": "What goes wrong",
        "short": "Short of time",
    }
    told = [f"**{label}.** {entry[part]}" for part, label in labels.items() if part in entry]
    return "\n\n".join(filter(None, [entry.get("say", ""), *told]))


def there(cell: dict[str, Any], what: str) -> bool:
    """Whether a cell has that to show."""
    if what not in SHOWS:
        raise DeckError(f"expected one of {', '.join(SHOWS)}, got {what!r}")
    if what == "code":
        return cell["cell_type"] == "code" and bool(source(cell).strip())
    return bool({"output": printed, "picture": picture, "widget": widget}[what](cell))


def printed(cell: dict[str, Any]) -> str:
    """What a cell printed."""
    return "".join("".join(o["text"]) for o in cell.get("outputs", []) if o["output_type"] == "stream")


def _of_kind(cell: dict[str, Any], kind: str) -> str:
    for output in cell.get("outputs", []):
        if kind in output.get("data", {}):
            return "".join(output["data"][kind])
    return ""


def picture(cell: dict[str, Any]) -> str:
    """A cell's picture, base64; a widget's still too."""
    return _of_kind(cell, "image/png")


def widget(cell: dict[str, Any]) -> str:
    """A cell's widget, HTML."""
    html = _of_kind(cell, "text/html")
    return html if "reconode-widget" in html else ""


def whole(chapter: Chapter) -> Deck:
    """A chapter as slides: displays, lists, code and pictures in the open, its prose in the speaker's notes."""
    first, _ = zone(chapter)
    slides = list(_sections(chapter, chapter.cells[: first + 1]))
    for exercise in exercises(chapter):
        title = f"Exercise {exercise.name}. {exercise.title}"
        slides.append(Slide(title, exercise.asked, say="The solution is in the answer key (`make handout`)."))
    return Deck(f"chapter{chapter.number:02d}", chapter.title, slides)


def _sections(chapter: Chapter, cells: list[dict[str, Any]]) -> Iterator[Slide]:
    """Slides of a chapter up to its exercises.

    Prose that has nothing to show goes with what is next to it: the opening of a section to the slide after it, the
    rest to the slide before, of which it speaks.
    """
    title, made, opening = chapter.title, [], ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for heading, text in _split(source(cell)):
                title = heading or title
                if title == "Exercises":
                    break
                text = BADGE.sub("", text).strip()
                if told := list(_told(title, text)):
                    made += told
                elif heading or not made:
                    opening = "\n\n".join(filter(None, [opening, text]))
                elif text:
                    made[-1] = replace(made[-1], say="\n\n".join(filter(None, [made[-1].say, text])))
        elif not HIDDEN & set(cell.get("metadata", {}).get("tags", [])):
            folded = "hide-input" in cell["metadata"].get("tags", [])
            show = [what for what in SHOWS if there(cell, what) and not (what == "code" and folded)]
            show = ["widget"] if "widget" in show else show
            if show:
                hook = "" if made else opening
                made.append(Slide(title, hook, Shown(chapter, cell, tuple(show)), opening))
                opening = ""
    yield from made


def _split(text: str) -> Iterator[tuple[str, str]]:
    """A Markdown cell by its headings; the first part may have none."""
    at, heading = 0, ""
    for match in HEADING.finditer(text):
        if text[at : match.start()].strip() or heading:
            yield heading, text[at : match.start()]
        at, heading = match.end(), match[2]
    yield heading, text[at:]


def _told(title: str, text: str) -> Iterator[Slide]:
    """Prose as a slide: what of it can stand alone; the whole of it below, for the speaker."""
    marks = sorted(
        (m.start(), m[0].strip()) for pattern in (DISPLAY, LIST, TABLE, LEAD) for m in pattern.finditer(text)
    )
    taken: list[str] = []
    for _, piece in marks:
        if not any(piece in other for other in taken):
            taken.append(piece)
    if not taken:
        return
    opening = re.split(r"(?<=[.?!:])\s", DISPLAY.sub("", text).strip())[0]
    if not LIST.match(taken[0]):
        taken = [opening, *(piece for piece in taken if piece not in opening)]
    for n in range(0, len(taken), 5):
        more = " (more)" if n else ""
        yield Slide(title + more, "\n\n".join(taken[n : n + 5]), say=text if not n else "")
