"""The aims that each chapter states, and what assesses them: book/teach/aims.toml."""

from __future__ import annotations

import re
import tomllib

from reconode_book.markdown import Chapter

from reconode_course.places import TEACH

FILE = TEACH / "aims.toml"
STATED = re.compile(r"\*\*After this chapter you can\*\*\s*\n+((?:- .+\n?(?:[ ]{2,}.+\n?)*)+)")


def of(chapter: Chapter) -> list[str]:
    """What a chapter says that its reader can do afterwards, in its order."""
    found = STATED.search("\n\n".join(chapter.prose))
    items = re.split(r"^- ", found[1], flags=re.MULTILINE)[1:] if found else []
    return [" ".join(item.split()).rstrip(";.") for item in items]


def read() -> dict[int, list[str]]:
    """By chapter, for each aim in order: exercises, or what stands in for one."""
    with FILE.open("rb") as file:
        return {int(number): entries for number, entries in tomllib.load(file).items()}
