"""Markdown made by code, put into a page by a directive; and the chapters, read as the notebooks that they are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from mdit_py_plugins.anchors.index import slugify
from sphinx.util.docutils import SphinxDirective

from reconode_book.frame import ROOT

HEADING = re.compile(r"^(#{1,3})\s+(.+?)\s*#*$")
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
MATHEMATICS = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
NOT_WORDS = re.compile(r"<[^>]+>|\]\([^)]*\)|https?://\S+")
APPENDIX = ("Recap", "Exercises", "Where this is in the paper")
"""How each chapter ends."""


class MarkdownDirective(SphinxDirective):
    """A directive without content that stands for Markdown, headings included."""

    def markdown(self) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """What Sphinx asks of a directive."""
        holder = nodes.section()
        holder.document = self.state.document
        lines = StringList(self.markdown().splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, holder, match_titles=1)
        return holder.children


@dataclass(frozen=True)
class Section:
    """A stretch of a chapter under one heading."""

    title: str
    anchor: str
    text: str


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book.

    Attributes:
        path: of the notebook.
        cells: as nbformat has them.
        metadata: of the notebook.
    """

    path: Path
    cells: list[dict[str, Any]] = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)

    @property
    def docname(self) -> str:
        """As Sphinx calls the page."""
        return self.path.relative_to(ROOT).with_suffix("").as_posix()

    @property
    def number(self) -> int:
        """1 for the first chapter: its file's name begins so."""
        return int(self.path.name[:2])

    @property
    def title(self) -> str:
        return self.sections[0].title

    @property
    def seconds(self) -> float:
        """The time budget, for two CPU cores and quick mode."""
        return float(self.metadata.get("reconode", {}).get("seconds", 0))

    @cached_property
    def prose(self) -> list[str]:
        """The Markdown cells, without code blocks."""
        return [FENCE.sub("", source(cell)) for cell in self.cells if cell["cell_type"] == "markdown"]

    @cached_property
    def sections(self) -> list[Section]:
        """By their headings, in order; the first has the chapter's title and no anchor."""
        found: list[tuple[str, list[str]]] = []
        for line in "\n\n".join(self.prose).splitlines():
            heading = HEADING.match(line)
            if heading:
                found.append((heading[2], []))
            elif found:
                found[-1][1].append(line)
        used: dict[str, int] = {}
        made = []
        for n, (title, lines) in enumerate(found):
            slug = slugify(re.sub(r"\$[^$]*\$|[*`]", "", title))
            used[slug] = used.get(slug, 0) + 1
            unique = slug if used[slug] == 1 else f"{slug}-{used[slug] - 1}"
            made.append(Section(title, unique if n else "", "\n".join(lines)))
        return made

    @cached_property
    def words(self) -> int:
        """Of prose; a formula counts as one."""
        text = NOT_WORDS.sub(" ", MATHEMATICS.sub(" formula ", "\n".join(self.prose)))
        return len(re.findall(r"\b[\w’'-]+\b", text))

    @cached_property
    def figures(self) -> int:
        """Stored pictures and widgets."""
        outputs = [o for cell in self.cells for o in cell.get("outputs", [])]
        return sum("image/png" in o.get("data", {}) for o in outputs)

    @cached_property
    def exercises(self) -> int:
        """Exercises: a bold or numbered opening each, in the section of that name."""
        text = "\n".join(s.text for s in self.sections if s.title == "Exercises")
        asked = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        return len(set(re.findall(r"^(?:\*\*)?(\d+)\.\s", asked, re.MULTILINE)))

    @cached_property
    def checks(self) -> int:
        """Exercises whose answers code checks."""
        return len(set(re.findall(r"\bex\d+_\d+\b", "\n".join(source(cell) for cell in self.cells))))


def source(cell: dict[str, Any]) -> str:
    """A cell's text, which a notebook may store as lines."""
    return "".join(cell["source"])


def read_chapter(path: Path) -> Chapter:
    """A notebook as a chapter."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Chapter(path, content["cells"], content["metadata"])


def chapters(root: Path = ROOT) -> list[Chapter]:
    """The notebooks that _toc.yml names, in order."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    return [read_chapter(root / f"{page}.ipynb") for page in pages if page.startswith("notebooks/")]


def table(header: list[str], rows: list[list[str]], alignment: str = "") -> str:
    """A Markdown table; `alignment` has l or r for each column."""
    rules = ["--:" if a == "r" else ":--" for a in alignment.ljust(len(header), "l")]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in [header, rules, *rows]
    )
