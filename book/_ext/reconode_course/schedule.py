"""Schedules of courses: blocks of minutes with what is done, said, expected and left out, from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reconode_book.chapters import PLAN
from reconode_book.markdown import Chapter

from reconode_course.deck import Deck
from reconode_course.exercises import exercises
from reconode_course.slides import minute


class ScheduleError(ValueError):
    """A schedule whose minutes don't add up, or that names what is not there."""


@dataclass(frozen=True)
class Block:
    """A stretch of a session.

    Attributes:
        minutes: how long.
        what: in a few words.
        do: what the teacher says and does.
        wrong: what goes wrong, and what to do then.
        skip: what to leave out when time is short.
        chapter: the chapter that it is about; 0 for none.
        exercises: names such as 1.2.
    """

    minutes: int
    what: str
    do: str
    wrong: str = ""
    skip: str = ""
    chapter: int = 0
    exercises: tuple[str, ...] = ()

    def markdown(self, at: float) -> str:
        """With its clock."""
        told = [f"**{minute(at)} to {minute(at + self.minutes)}. {self.what}.**", self.do.strip()]
        told += [f"*Goes wrong:* {self.wrong.strip()}"] if self.wrong else []
        told += [f"*Short of time:* {self.skip.strip()}"] if self.skip else []
        return " ".join(" ".join(told).split())


@dataclass(frozen=True)
class Session:
    """One meeting.

    Attributes:
        title: of the meeting.
        minutes: how long it is.
        aims: what a student can do afterwards.
        before: what is prepared.
        after: homework.
        blocks: in order.
    """

    title: str
    minutes: int
    aims: tuple[str, ...]
    before: str
    after: str = ""
    blocks: tuple[Block, ...] = field(default=(), repr=False)

    def markdown(self) -> str:
        """A section of the page."""
        parts = [f"## {self.title}", f"{self.minutes} minutes. Afterwards a student can"]
        parts.append("\n".join(f"- {aim}" for aim in self.aims))
        parts.append(f"**Before.** {' '.join(self.before.split())}")
        at, lines = 0, []
        for block in self.blocks:
            lines.append(f"- {block.markdown(at)}")
            at += block.minutes
        parts.append("\n".join(lines))
        parts += [f"**Homework.** {' '.join(self.after.split())}"] if self.after else []
        return "\n\n".join(parts)


def read(path: Path, every: Iterable[Chapter]) -> list[Session]:
    """The sessions of a file, checked against the chapters that are there.

    Raises:
        ScheduleError: minutes that don't add up; a chapter or an exercise that is not there.
    """
    known = {exercise.name for chapter in every for exercise in exercises(chapter)}
    numbers = range(len(PLAN) + 1)
    with path.open("rb") as file:
        content = tomllib.load(file)
    made = []
    for entry in content["session"]:
        told = [Block(**{**b, "exercises": tuple(b.get("exercises", ()))}) for b in entry.pop("block")]
        session = Session(**{**entry, "aims": tuple(entry["aims"]), "blocks": tuple(told)})
        where = f"{path.name}, {session.title}"
        if (total := sum(b.minutes for b in told)) != session.minutes:
            raise ScheduleError(f"{where}: the blocks take {total} minutes, not {session.minutes}")
        for block in told:
            if block.chapter not in numbers:
                raise ScheduleError(f"{where}, {block.what}: there is no chapter {block.chapter}")
            if missing := set(block.exercises) - known:
                raise ScheduleError(f"{where}, {block.what}: there is no exercise {', '.join(sorted(missing))}")
        made.append(session)
    return made


def plan(deck: Deck) -> str:
    """The minute-by-minute plan of a deck that has a clock, as Markdown."""
    at, lines = 0.0, []
    for n, slide in enumerate(deck.slides, start=1):
        end = at + slide.minutes
        title = f"### {minute(at)} to {minute(end)}. Slide {n}: {slide.title}"
        shown = (
            f"*On the slide:* {', '.join(slide.shown.show)} of chapter {slide.shown.chapter.number}."
            if slide.shown
            else ""
        )
        lines += [title, *filter(None, [shown, slide.say.strip()])]
        at = end
    return "\n\n".join(lines)
