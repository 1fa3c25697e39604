"""Every exercise's check: right for its worked solution, silent on the stored page, a sentence for any other answer."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from worked_solutions import stored_output, verdict

from reconode.teach import check

EXERCISES = sorted(name for name in dir(check) if re.fullmatch(r"ex\d+_\d+", name))
NOTHING = [None, "40", 3.5j, object(), [], [1, "a"], {}, {"Euler": None}, float("nan"), float("inf"), math]
NOTHING += [torch.ones(3, 3), lambda: 1, lambda: 1 / 0]

every_exercise = pytest.mark.parametrize("exercise", EXERCISES)


def chapter(exercise: str) -> int:
    return int(exercise[2:].partition("_")[0])


def test_each_chapter_has_three_to_five() -> None:
    for number in {chapter(exercise) for exercise in EXERCISES}:
        assert 3 <= sum(chapter(exercise) == number for exercise in EXERCISES) <= 5
    assert {chapter(exercise) for exercise in EXERCISES} >= {1, 2, 3, 4}


@every_exercise
def test_the_worked_solution_is_right(exercise: str) -> None:
    said = verdict(chapter(exercise), exercise)
    assert said.right, said
    assert repr(said).startswith("Right: ")


@every_exercise
def test_the_stored_page_gives_nothing_away(exercise: str) -> None:
    assert not stored_output(chapter(exercise), exercise), "an exercise that nobody has answered prints nothing"


@every_exercise
def test_dots_are_no_answer(exercise: str) -> None:
    assert getattr(check, exercise)(...) is None


@every_exercise
@pytest.mark.parametrize("answer", NOTHING, ids=[f"{a!r:.12}" for a in NOTHING])
def test_any_answer_gets_a_sentence(exercise: str, answer: Any) -> None:
    said = getattr(check, exercise)(answer)
    assert not said.right
    assert repr(said).startswith("Not yet: ")
    assert repr(said).endswith((".", "?"))
    assert len(repr(said)) < 250
