"""What the course adds to the site: its slides, and directives for its pages."""

from __future__ import annotations

import html
from pathlib import Path

from docutils import nodes
from reconode_book.markdown import MarkdownDirective, chapters, table
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from reconode_course import aims, deck, schedule, slides, wrong
from reconode_course.exercises import exercises
from reconode_course.places import REVEAL, TEACH

logger = logging.getLogger(__name__)


class LecturePlan(MarkdownDirective):
    """The lecture, minute by minute, from its deck."""

    required_arguments = 1

    def markdown(self) -> str:
        """A section for each slide."""
        path = TEACH / "decks" / f"{self.arguments[0]}.toml"
        self.env.note_dependency(str(path))
        return schedule.plan(deck.chosen(path, {c.number: c for c in chapters()}))


class Schedule(MarkdownDirective):
    """The sessions of a course."""

    required_arguments = 1

    def markdown(self) -> str:
        """A section for each session."""
        path = TEACH / f"{self.arguments[0]}.toml"
        self.env.note_dependency(str(path))
        return "\n\n".join(session.markdown() for session in schedule.read(path, chapters()))


class WrongAnswers(MarkdownDirective):
    """Of each exercise: its wrong answers, what the check says of them, what they show."""

    def markdown(self) -> str:
        """A section for each chapter, a subsection for each exercise."""
        self.env.note_dependency(str(wrong.FILE))
        known, parts = wrong.read(), []
        for chapter in chapters():
            parts.append(f"## Chapter {chapter.number}: {chapter.title}")
            if chapter.number in wrong.pending():
                parts.append("Not written yet.")
                continue
            for exercise in exercises(chapter):
                parts.append(f"### {exercise.name} {exercise.title}")
                parts += [wrong.told(mistake, exercise, chapter) for mistake in known.get(exercise.name, [])]
        return "\n\n".join(parts)


class AimsTable(MarkdownDirective):
    """Which exercise assesses which aim of each chapter."""

    def markdown(self) -> str:
        """A table; aims without an exercise say what stands in for one."""
        self.env.note_dependency(str(aims.FILE))
        assessed, rows = aims.read(), []
        for chapter in chapters():
            told = assessed.get(chapter.number, ["not mapped yet"] * len(aims.of(chapter)))
            rows += [[f"{chapter.number}", *pair] for pair in zip(aims.of(chapter), told, strict=True)]
        return table(["Chapter", "A student can", "Assessed by"], rows)


class DeckList(SphinxDirective):
    """Links to all decks of slides."""

    def run(self) -> list[nodes.Node]:
        """What Sphinx asks of a directive."""
        up = "../" * self.env.docname.count("/")
        items = "".join(
            f'<li><a href="{up}slides/{made.name}.html">{html.escape(made.title)}</a>, {len(made.slides)} slides</li>'
            for made in slides.decks(chapters())
        )
        return [nodes.raw("", f"<ul>{items}</ul>", format="html")]


def write_slides(app: Sphinx, exception: Exception | None) -> None:
    """The slides, into the site's folder of that name."""
    if exception is not None or app.builder.format != "html":
        return
    if not (REVEAL / "reveal.js").is_file():
        # Not a warning: someone who builds a page with an older node_modules should still get it; tests/test_slides.py
        # fails for a site without slides.
        logger.info("no slides: %s has no reveal.js; run `make book`, or `npm ci`", REVEAL)
        return
    slides.write(Path(app.outdir) / "slides", chapters())


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("lecture-plan", LecturePlan)
    app.add_directive("schedule", Schedule)
    app.add_directive("wrong-answers", WrongAnswers)
    app.add_directive("aims-table", AimsTable)
    app.add_directive("deck-list", DeckList)
    app.connect("build-finished", write_slides)
