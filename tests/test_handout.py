"""Student notebooks have no solution left, the key has each; wrong answers are wrong, and the checks say why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from reconode_book.markdown import Chapter, chapters, source
from reconode_course import handout, wrong
from reconode_course.exercises import ExerciseError, exercises, solved, without_solutions

CHAPTERS = chapters()
KNOWN, PENDING = wrong.read(), wrong.pending()
DETAILS = re.compile(r"<details.*?</details>", re.DOTALL)
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.path.stem)


def lines(text: str) -> set[str]:
    """Lines of some length, without what decorates them."""
    return {line.strip() for line in text.splitlines() if len(re.findall(r"\w", line)) >= 6}


def text_of(notebook: dict[str, Any]) -> str:
    return "\n".join(source(cell) for cell in notebook["cells"])


@every_chapter
def test_no_solution_survives_in_the_handout(chapter: Chapter) -> None:
    """An oracle of its own: every line of what a chapter folds and does not say in the open as well."""
    whole = text_of({"cells": chapter.cells})
    folded = "\n".join(DETAILS.findall(whole[whole.index("## Exercises") :]))
    secret = lines(folded) - lines(DETAILS.sub("", whole))
    assert len(secret) >= 4
    given = handout.student(chapter)
    text = text_of(given)
    assert not secret & lines(text)
    exercise_part = text[text.index("## Exercises") :]
    assert not re.search(r"</?(details|summary)\b|\bSolution\b|good answer", exercise_part)
    assert "colab" not in source(given["cells"][0]), "the badge leads to the chapter with its solutions"
    shown = [o for cell in given["cells"] for o in cell.get("outputs", []) if "check.ex" in source(cell)]
    assert not shown, "an answer's cell comes with an output"


@every_chapter
def test_a_student_gets_all_the_rest(chapter: Chapter) -> None:
    """Every code cell, every statement and every heading, in a valid notebook."""
    given = handout.student(chapter)
    nbformat.validate(nbformat.from_dict(given))
    code = [source(cell) for cell in chapter.cells if cell["cell_type"] == "code"]
    assert [source(cell) for cell in given["cells"] if cell["cell_type"] == "code"] == code
    told = "\n\n".join(source(cell) for cell in given["cells"] if cell["cell_type"] == "markdown")
    for exercise in exercises(chapter):
        assert f"**{exercise.number}. {exercise.title}" in told
        assert lines(exercise.asked) <= lines(told) | {line for line in lines(exercise.asked) if line in told}
    headings = re.findall(r"^#+ .+$", text_of({"cells": chapter.cells}), re.MULTILINE)
    assert re.findall(r"^#+ .+$", text_of(given), re.MULTILINE) == headings


@every_chapter
def test_each_exercise_has_a_solution_in_the_key(chapter: Chapter) -> None:
    printed = handout.key([chapter])
    found = exercises(chapter)
    assert len(found) == chapter.exercises >= 4
    for exercise in found:
        part = printed.split(f"### {exercise.name} ")[1].split("\n### ")[0]
        assert "**Solution.**" in part and exercise.solution in part


@every_chapter
def test_the_keys_solutions_are_right(chapter: Chapter) -> None:
    imports = wrong.setup(chapter)
    checked = [exercise for exercise in exercises(chapter) if exercise.check]
    assert len(checked) == chapter.checks
    for exercise in checked:
        verdict = wrong.judged(exercise.code, exercise, imports)
        assert verdict is not None and verdict.right, f"{exercise.name}: {verdict}"


@every_chapter
def test_wrong_answers_are_wrong_and_the_check_says_why(chapter: Chapter) -> None:
    """Two at least for each exercise; none that merely stops, and no two that are told the same."""
    if chapter.number in PENDING:
        assert not [e.name for e in exercises(chapter) if e.name in KNOWN], "not pending any more: mend `pending`"
        return
    for exercise in exercises(chapter):
        mistakes = KNOWN.get(exercise.name, [])
        assert len(mistakes) >= 2, f"book/teach/wrong_answers.toml has fewer than two for {exercise.name}"
        said = []
        for mistake in mistakes:
            assert bool(mistake.code) == bool(exercise.check), (
                f"{exercise.name}: code where there is a check, else said"
            )
            assert len(mistake.shows.split()) >= 5
            if mistake.code:
                verdict = wrong.verdict(mistake, exercise, chapter)
                assert verdict is not None and not verdict.right, f"{exercise.name}: {mistake.code} is right"
                assert "stopped with" not in str(verdict), f"{exercise.name}: {verdict}"
                said.append(mistake.code)
        assert len(set(said)) == len(said)


def test_no_wrong_answer_is_without_an_exercise() -> None:
    there = {exercise.name for chapter in CHAPTERS for exercise in exercises(chapter)}
    assert set(KNOWN) <= there, f"no such exercise: {set(KNOWN) - there}"


def test_the_whole_handout(tmp_path: Path) -> None:
    """Written twice, the second time over a chapter that has gone."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/99_gone.ipynb").write_text("{}")
    written = handout.write(tmp_path, CHAPTERS[:2])
    assert sorted(p.name for p in (tmp_path / "notebooks").glob("*")) == [c.path.name for c in CHAPTERS[:2]]
    assert all(path.is_file() for path in written)
    json.loads(written[0].read_text())


def made(tmp_path: Path, *cells: tuple[str, str]) -> Chapter:
    kinds = {"m": "markdown", "c": "code"}
    content = [
        {"cell_type": kinds[kind], "source": text, "metadata": {}, "id": str(n)} for n, (kind, text) in enumerate(cells)
    ]
    return Chapter(tmp_path / "03_made.ipynb", content, {})


def test_exercises_are_read_in_either_layout(tmp_path: Path) -> None:
    """A fold in a cell of its own, or at the head of the next exercise's cell, or below its own statement."""
    chapter = made(
        tmp_path,
        ("m", "# T\n\n<details><summary>Aside</summary>stays</details>"),
        ("m", "## Exercises\n\nFill in.\n\n**1. One.** Ask."),
        ("c", "a = ...\n\ncheck.ex3_1(a)"),
        (
            "m",
            "<details><summary>Solution</summary>\n\n```python\na = 1\n```\n\n</details>\n\n**2. Two.** Think?\n\n"
            "<details><summary>One good answer</summary>\n\nSo.\n\n</details>\n\n## Where this is\n\nEq. 1",
        ),
    )
    one, two = exercises(chapter)
    assert (one.name, one.title, one.asked, one.check, one.code) == ("3.1", "One", "Ask.", "ex3_1", "a = 1\n")
    assert (two.asked, two.answer, two.solution, two.check) == ("Think?", "", "So.", "")


def test_an_exercise_without_a_solution_is_an_error(tmp_path: Path) -> None:
    chapter = made(tmp_path, ("m", "## Exercises\n\n**1. One.** Ask."))
    with pytest.raises(ExerciseError, match=r"no folded solution below exercise 3\.1"):
        solved(chapter)


def test_a_fold_that_does_not_close_is_an_error() -> None:
    with pytest.raises(ExerciseError, match="does not close"):
        without_solutions("**1. One.** Ask.\n\n<details><summary>Solution</summary>\n\nthe answer")


def test_an_entry_is_code_or_words(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('[["1.1"]]\nshows = "x"\n')
    with pytest.raises(wrong.MistakeError, match="either code or said"):
        wrong.read(path)
    path.write_text('[["one"]]\nshows = "x"\ncode = "y"\n')
    with pytest.raises(wrong.MistakeError, match="expected an exercise"):
        wrong.read(path)
