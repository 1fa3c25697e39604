"""Student notebooks without solutions, and the answer key: ``make handout``.

A student's notebook is the chapter without its folded solutions and without its badge, which leads to them. The key is
one Markdown file: of each exercise what is asked, the solution, and the wrong answers of book/teach/wrong_answers.toml
with what the check says of them.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

from reconode_book.markdown import Chapter, chapters, source

from reconode_course import wrong
from reconode_course.exercises import solved, split, without_solutions, zone
from reconode_course.places import OUT

BADGE = re.compile(r"^\[!\[[^\]]*\]\([^)]*colab[^)]*\)\]\([^)]*\)\s*$\n?", re.MULTILINE | re.IGNORECASE)
KEY = "answer_key.md"
READ_ME = """Student notebooks of ReconODE, made by `make handout`
====================================================

notebooks/     one notebook a chapter, without solutions: for students
answer_key.md  what is asked, the solutions, frequent wrong answers and what the check says of them: for teachers

The notebooks install the library where it is missing; book/teach/setup.md says how to prepare a room. The checks of
the exercises are code of the library, and the book's own pages have the solutions folded: the handout keeps solutions
out of sight, it does not make an examination.

Text and figures: CC BY 4.0. Code: MIT.
"""


def student(chapter: Chapter) -> dict[str, Any]:
    """The notebook that students get."""
    content = json.loads(chapter.path.read_text(encoding="utf-8"))
    first, last = zone(chapter)
    kept = []
    for n, cell in enumerate(copy.deepcopy(content["cells"])):
        if cell["cell_type"] == "markdown":
            text = source(cell)
            if first <= n < last:
                before, zone_text, after = split(text, first=n == first)
                parts = [before.strip("\n"), without_solutions(zone_text), after.strip("\n")]
                text = "\n\n".join(filter(None, parts))
            text = BADGE.sub("", text).strip("\n") if n < 2 else text
            if not text.strip():
                continue
            cell["source"] = text.splitlines(keepends=True)
        elif first <= n < last:
            cell["outputs"], cell["execution_count"] = [], None
        cell.get("metadata", {}).pop("execution", None)
        kept.append(cell)
    return {**content, "cells": kept}


def key(every: list[Chapter]) -> str:
    """The answer key of these chapters."""
    parts = [
        "# Answer key",
        "For teachers. Made from the notebooks and from `book/teach/wrong_answers.toml` by `make handout`.",
    ]
    known = wrong.read()
    for chapter in every:
        parts.append(f"## Chapter {chapter.number}. {chapter.title}")
        for exercise in solved(chapter):
            parts += [f"### {exercise.name} {exercise.title}", exercise.asked]
            if exercise.answer:
                parts.append(f"```python\n{exercise.answer}\n```")
            parts += ["**Solution.**", exercise.solution]
            if mistakes := known.get(exercise.name, []):
                parts += ["**Wrong answers.**", *(wrong.told(m, exercise, chapter) for m in mistakes)]
    return "\n\n".join(parts) + "\n"


def write(out: Path, every: list[Chapter]) -> list[Path]:
    """The whole handout into a folder; what was there of an earlier one is replaced."""
    folder = out / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.ipynb"):
        old.unlink()
    written = []
    for chapter in every:
        path = folder / chapter.path.name
        path.write_text(json.dumps(student(chapter), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    for name, text in {KEY: key(every), "README.txt": READ_ME}.items():
        (out / name).write_text(text, encoding="utf-8")
        written.append(out / name)
    return written


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT / "handout"
    written = write(out, chapters())
    print(f"{len(written) - 2} student notebooks and {KEY} are in {out}")
