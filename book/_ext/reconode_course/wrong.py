"""Wrong answers to the exercises: what a student types, what the check says of it, what it shows of the student."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reconode_book.markdown import Chapter, source

from reconode_course.exercises import Exercise
from reconode_course.places import TEACH

FILE = TEACH / "wrong_answers.toml"


@dataclass(frozen=True)
class Mistake:
    """One wrong answer.

    Attributes:
        shows: what it tells of the student who gives it, and what to ask then.
        code: as typed into the answer's cell; empty for an exercise that is talked about.
        said: a wrong answer in words, for such exercises.
    """

    shows: str
    code: str = ""
    said: str = ""


class MistakeError(ValueError):
    """A wrong answer that is not one, or not well described."""


def read(path: Path = FILE) -> dict[str, list[Mistake]]:
    """By exercise, 7.2, in the file's order."""
    with path.open("rb") as file:
        found = tomllib.load(file)
    found.pop("pending", None)
    made: dict[str, list[Mistake]] = {}
    for name, entries in found.items():
        if not re.fullmatch(r"\d+\.\d+", name):
            raise MistakeError(f'{path.name}: expected an exercise such as "7.2", got {name!r}')
        made[name] = [Mistake(**entry) for entry in entries]
        for mistake in made[name]:
            if bool(mistake.code) == bool(mistake.said):
                raise MistakeError(f"{path.name}: {name} needs either code or said in each entry")
    return made


def pending(path: Path = FILE) -> list[int]:
    """The chapters whose wrong answers are still to be written."""
    with path.open("rb") as file:
        return list(tomllib.load(file).get("pending", []))


def verdict(mistake: Mistake, exercise: Exercise, chapter: Chapter) -> Any:
    """What the check says of it: the chapter's imports, the wrong code, the last line of the answer's cell."""
    return judged(mistake.code, exercise, setup(chapter))


def judged(code: str, exercise: Exercise, imports: str) -> Any:
    """What the check says of an answer."""
    if not exercise.check:
        raise MistakeError(f"exercise {exercise.name} has no check")
    names: dict[str, Any] = {}
    exec(f"{imports}\n{code}", names)
    return eval(exercise.answer.strip().splitlines()[-1], names)


def told(mistake: Mistake, exercise: Exercise, chapter: Chapter) -> str:
    """A wrong answer as Markdown, with what the check says of it today."""
    if mistake.said:
        return f"“{mistake.said}”\n\n{mistake.shows}"
    says = str(verdict(mistake, exercise, chapter)).removeprefix("Not yet: ")
    return f"```python\n{mistake.code.strip()}\n```\n\n*The check:* {says}\n\n*It shows:* {mistake.shows}"


@cache
def _imports(path: Path, text: str) -> str:
    lines = [line for line in text.splitlines() if re.match(r"(import|from) ", line)]
    return "\n".join(lines)


def setup(chapter: Chapter) -> str:
    """The import lines of a chapter's first code cell."""
    return _imports(chapter.path, next(source(c) for c in chapter.cells if c["cell_type"] == "code"))
