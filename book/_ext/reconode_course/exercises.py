"""A chapter's exercises: what is asked, where the answer goes, the solution that lies folded below."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from reconode_book.markdown import Chapter, source

SECTION = re.compile(r"^## Exercises\s*$", re.MULTILINE)
NEXT_SECTION = re.compile(r"^## (?!Exercises\b).+$", re.MULTILINE)
OPENING = re.compile(r"^\*\*(\d+)\. (.+?)\*\*[ ]*", re.MULTILINE)
FOLDED = re.compile(r"<details[^>]*>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL | re.IGNORECASE)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CHECK = re.compile(r"\bcheck\.(ex\d+_\d+)\(")


class ExerciseError(ValueError):
    """A notebook whose exercises cannot be told from their solutions."""


@dataclass
class Exercise:
    """One exercise.

    Attributes:
        chapter: its chapter's number.
        number: within the chapter.
        title: the bold words that it opens with.
        asked: the rest of its statement, Markdown.
        answer: the cell in which a student answers; empty where nothing is computed.
        solution: the folded text, Markdown.
    """

    chapter: int
    number: int
    title: str
    asked: str = ""
    answer: str = ""
    solution: str = ""
    check: str = field(default="", init=False)

    @property
    def name(self) -> str:
        """As pages call it: 7.2."""
        return f"{self.chapter}.{self.number}"

    @property
    def code(self) -> str:
        """The solution's Python."""
        return "\n".join(PYTHON.findall(self.solution))


def zone(chapter: Chapter) -> tuple[int, int]:
    """The first cell that holds exercises, and the first after the last."""
    starts = [n for n, cell in enumerate(chapter.cells) if _markdown(cell) and SECTION.search(source(cell))]
    if len(starts) != 1:
        raise ExerciseError(f"{chapter.path.name}: expected one section 'Exercises', found {len(starts)}")
    for n in range(starts[0], len(chapter.cells)):
        cell = chapter.cells[n]
        text = source(cell) if _markdown(cell) else ""
        after = SECTION.search(text).end() if n == starts[0] else 0  # type: ignore[union-attr]
        if NEXT_SECTION.search(text, after):
            return starts[0], n + 1
    return starts[0], len(chapter.cells)


def split(text: str, first: bool) -> tuple[str, str, str]:
    """A Markdown cell of the zone: before the exercises, of them, after them."""
    start = 0
    if first:
        heading = SECTION.search(text)
        start = heading.end() if heading else 0
    ending = NEXT_SECTION.search(text, start)
    stop = ending.start() if ending else len(text)
    return text[:start], text[start:stop], text[stop:]


def exercises(chapter: Chapter) -> list[Exercise]:
    """All of a chapter's, in order."""
    first, last = zone(chapter)
    found: list[Exercise] = []
    for n in range(first, last):
        cell = chapter.cells[n]
        if not _markdown(cell):
            if found:
                found[-1].answer = "\n\n".join(filter(None, [found[-1].answer, source(cell)]))
                found[-1].check = next(iter(CHECK.findall(found[-1].answer)), "")
            continue
        _, text, _ = split(source(cell), first=n == first)
        openings = list(OPENING.finditer(text))
        stops = [opening.start() for opening in openings] + [len(text)]
        if found:
            _take(found[-1], text[: stops[0]])
        for opening, stop in zip(openings, stops[1:], strict=True):
            found.append(Exercise(chapter.number, int(opening[1]), opening[2].rstrip(".?")))
            _take(found[-1], text[opening.end() : stop])
    wanted = list(range(1, len(found) + 1))
    if not found or [exercise.number for exercise in found] != wanted:
        raise ExerciseError(f"{chapter.path.name}: exercises are numbered {[e.number for e in found]}, not 1, 2, 3, …")
    return found


def solved(chapter: Chapter) -> list[Exercise]:
    """All of a chapter's, each with its solution."""
    found = exercises(chapter)
    if without := [e.name for e in found if not e.solution]:
        raise ExerciseError(f"{chapter.path.name}: no folded solution below exercise {', '.join(without)}")
    return found


def without_solutions(text: str) -> str:
    """Markdown of the zone as a student gets it."""
    bare = FOLDED.sub("", text)
    if re.search(r"</?(details|summary)\b", bare, re.IGNORECASE):
        raise ExerciseError(f"a fold that does not close, or has no summary: {bare.strip()[:80]!r}")
    return re.sub(r"\n{3,}", "\n\n", bare).strip("\n")


def _take(exercise: Exercise, text: str) -> None:
    """Split what follows an opening into what is asked and what is folded."""
    folded = [match[2].strip() for match in FOLDED.finditer(text)]
    exercise.solution = "\n\n".join(filter(None, [exercise.solution, *folded]))
    exercise.asked = "\n\n".join(filter(None, [exercise.asked, without_solutions(text).strip()]))


def _markdown(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "markdown"
