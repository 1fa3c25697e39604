"""What a deck of slides is: chosen cells with words of their own (a TOML file), or a whole chapter as it stands."""

from __future__ import annotations

import math
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
ITEM = re.compile(r"(?:- |\d+\. ).*\n(?:[ ]{2,}.*\n)*", re.MULTILINE)
SHORT = re.compile(r"(?:^\s*\**\d+|\b(?:al|cf|vs|Eq|Fig|No))\.$")
"""A full stop that ends no sentence."""
ROOM, ACROSS = 14.5, 72
"""Lines that a slide of text holds, and letters in one."""
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
    """Prose as slides: what of it can stand alone; the whole of it below, for the speaker.

    That is displays, lists and tables as they are, and of the prose the sentence that opens it and those with something
    in bold; a sentence that is all bold is a heading, and takes the next one along.
    """
    bare = text
    for pattern in (DISPLAY, TABLE, LIST):
        bare = pattern.sub(lambda match: "\0" + "\n" * len(match[0][1:]), bare)  # as long, and the end of a sentence
    said = list(_sentences(bare))
    bold = [n for n, (_, sentence) in enumerate(said) if LEAD.search(sentence)]
    wholes = [(m.start(), m[0].strip()) for pattern in (DISPLAY, LIST, TABLE) for m in pattern.finditer(text)]
    wholes = [(at, piece) for at, piece in wholes if not any(piece != other and piece in other for _, other in wholes)]
    if not wholes and not bold:
        return
    heads = {n for n in bold if LEAD.fullmatch(said[n][1]) and _adjoin(text, said[n : n + 2])}
    kept = {*bold, *(n + 1 for n in heads)}
    kept |= set() if not said or (wholes and min(wholes)[0] < said[0][0]) else {0}
    joined = [
        (said[n][0], f"{said[n][1]} {said[n + 1][1]}" if n in heads else said[n][1]) for n in kept if n - 1 not in heads
    ]
    pieces = [piece for _, piece in sorted([*wholes, *joined])]
    for n, slide in enumerate(_packed(pieces)):
        yield Slide(title + (" (more)" if n else ""), slide, say="" if n else text)


def _adjoin(text: str, two: list[tuple[int, str]]) -> bool:
    """Whether there are two sentences, and nothing but a blank between them."""
    if len(two) < 2:
        return False
    (at, first), (then, _) = two
    return not text[at + len(first) : then].strip() and "\n\n" not in text[at + len(first) : then]


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of prose, with their places; none ends inside bold, a formula or code, or after a number alone."""
    for paragraph in re.finditer(r"[^\0]+?(?=\n\s*\n|\0|\Z)", text):
        start = paragraph.start()
        ends = [m.end() for m in re.finditer(r"[.?!][*)”\"]*(?=\s)", paragraph[0])]
        for end in [*ends, len(paragraph[0])]:
            sentence = text[start : paragraph.start() + end]
            whole = all(sentence.count(mark) % 2 == 0 for mark in ("**", "$", "`")) and not SHORT.search(sentence)
            if (whole or end == len(paragraph[0])) and sentence.strip():
                yield start + len(sentence) - len(sentence.lstrip()), sentence.strip()
                start = paragraph.start() + end


def _packed(pieces: list[str]) -> Iterator[str]:
    """Pieces together as long as they fit a slide; a list that doesn't goes on with its next items."""
    items = [
        item.rstrip() for piece in pieces for item in (ITEM.findall(piece + "\n") if LIST.fullmatch(piece) else [piece])
    ]
    total = sum(map(_lines, items))
    height = max(total / max(1, math.ceil(total / ROOM)), *map(_lines, items), 0)  # as full as one another
    slide, room = "", height
    for item in items:
        lines = _lines(item)
        if slide and lines > room + 0.5:
            yield slide
            slide, room = "", height
        within = LIST.match(item) and LIST.match(slide.rpartition("\n\n")[2])
        slide += ("\n" if within else "\n\n" if slide else "") + item
        room -= lines
    if slide:
        yield slide


def _lines(piece: str) -> float:
    """How much of a slide's height a piece takes, in lines of text."""
    if DISPLAY.fullmatch(piece):
        return 0.8 + 1.3 * (1 + piece.count(r"\\"))
    if TABLE.fullmatch(piece):
        return sum(math.ceil(len(row) / 100) for row in piece.splitlines())
    return 0.4 + math.ceil(len(re.sub(r"\]\([^)]*\)|[*`$\\]", "", piece)) / ACROSS)
