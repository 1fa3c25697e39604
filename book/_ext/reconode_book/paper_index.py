"""The paper's equations, figures and tables: where the book explains each, and which part of the library does it.

Sections come from the chapters' text and symbols from the library's docstrings, so that the index cannot go stale.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx

from reconode_book.frame import ROOT
from reconode_book.markdown import APPENDIX, Chapter, MarkdownDirective, Section, chapters, table


@dataclass(frozen=True)
class Item:
    """An equation, figure or table of the paper, or a run of equations that make one statement.

    Attributes:
        kind: "Eq.", "Fig." or "Table".
        numbers: its own, as texts: "7", "2A".
        words: what it says.
        chapter: of the book, whose subject it is.
        also: symbols that belong here though their docstrings do not say so.
    """

    kind: str
    numbers: tuple[str, ...]
    words: str
    chapter: int
    also: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``Eq. 8–10``."""
        first, last = self.numbers[0], self.numbers[-1]
        return f"{self.kind} {first}" + ("" if first == last else f"–{last.lstrip('0123456789') or last}")


ITEMS = (
    Item("Eq.", ("1",), "$y = E x + \\varepsilon$: what the scanner measures", 1),
    Item("Eq.", ("2",), "$\\min_x \\tfrac12\\lVert y - E x\\rVert^2 + R(x)$: reconstruction as a minimum", 2),
    Item("Eq.", ("3",), "one step of gradient descent, of size $\\eta$", 2),
    Item("Eq.", ("4",), "$x^{(n+1)} - x^{(n)} = f(x^{(n)}, y, \\theta)$: a step whose direction is left open", 2),
    Item("Eq.", ("5",), "$dx/dt = f(x(t), t, y, \\theta)$: the flow, with a network as its right-hand side", 4),
    Item("Eq.", ("6",), "the flow's end as an integral from its start", 2),
    Item("Eq.", ("7",), "Euler's method", 3),
    Item("Eq.", ("8", "9", "10"), "explicit Runge–Kutta methods of $s$ stages", 3),
    Item("Eq.", ("11", "12", "13"), "the learned solver: stages $G_i$, combined by $G$", 7),
    Item("Fig.", ("2A", "2B"), "time-dependent convolution, and the network $f$ made of five", 4),
    Item(
        "Fig.",
        ("2C", "2D"),
        "the learned steps of Euler and RK2",
        7,
        ("py:class reconode.models.LearnedSolver",),
    ),
    Item(
        "Fig.",
        ("2E",),
        "the learned step of RK4: dilated stages and the attention",
        8,
        ("py:class reconode.models.LearnedSolver", "py:class reconode.networks.Attention"),
    ),
    Item("Fig.", ("3",), "reconstructions and their error maps", 10, ("py:func reconode.figures.panels.comparison",)),
    Item("Table", ("1",), "PSNR, SSIM and parameters of every model", 10),
    Item(
        "Table",
        ("2",),
        "memory and time with and without checkpointing",
        8,
        ("py:func reconode.gradients.saved_bytes", "py:class reconode.experiment.paper.PaperCost"),
    ),
)

# Not "(Schlemper et al. 2018, Eq. 6)", which is of another paper.
REFERENCE = re.compile(
    r"(?<!\d{4}, )\b(Eqs?\.|Equations?|Figs?\.|Figures?|Tables?)[ ~\u00a0]"
    r"(\d+[A-E]?(?:(?:[–-]|, | and | or )(?:Eq\. )?\d*[A-E]?(?<=[\dA-E]))*)"
)
TAG = re.compile(r"\\tag\{(\d+)\}")
KINDS = {"E": "Eq.", "F": "Fig.", "T": "Table"}
DIRECTIVE = re.compile(r"^\s*\.\. automodule:: (\S+)", re.MULTILINE)


def references(text: str) -> set[tuple[str, str]]:
    """What a text refers to, ranges spelled out: "Eq. 7–9 and 11", "Fig. 2A–B"."""
    found = {("Eq.", number) for number in TAG.findall(text)}
    for match in REFERENCE.finditer(text):
        kind = KINDS[match[1][0]]
        for part in re.split(r", | and | or ", match[2].replace("Eq. ", "")):
            found |= {(kind, number) for number in _spread(part)}
    return found


def _spread(part: str) -> list[str]:
    """``7–10`` to 7, 8, 9, 10; ``2A–B`` and ``2A–2B`` to 2A, 2B."""
    ends = re.split(r"[–-]", part)
    if len(ends) != 2:
        return [part]
    number = ends[0].rstrip("ABCDE")
    if number != ends[0]:
        return [f"{number}{chr(c)}" for c in range(ord(ends[0][-1]), ord(ends[1][-1]) + 1)]
    return [str(n) for n in range(int(ends[0]), int(ends[1]) + 1)]


def fits(item: Item, found: set[tuple[str, str]]) -> bool:
    """Whether any of the references is to the item; "Fig. 2" alone is to all of its parts."""
    bare = {(item.kind, number.rstrip("ABCDE")) for number in item.numbers if item.kind == "Fig."}
    return bool(found & ({(item.kind, number) for number in item.numbers} | bare))


def sections(item: Item, book: list[Chapter]) -> list[tuple[Chapter, Section]]:
    """Where the book speaks of it; a chapter's appendices count only where its text does not."""
    found = []
    for chapter in book:
        hits = [s for s in chapter.sections if fits(item, references(s.text))]
        found += [(chapter, s) for s in [h for h in hits if h.title not in APPENDIX] or hits]
    return found


def documented(root: Path = ROOT) -> list[str]:
    """The modules that the API pages show."""
    pages = sorted((root / "book/api").glob("*.md"))
    return [name for page in pages for name in DIRECTIVE.findall(page.read_text(encoding="utf-8"))]


def docstrings(module: str, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """A module's public symbols as ``py:func reconode.solvers.step``, each with its docstring."""
    base = root / Path(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield f"py:mod {module}", ast.get_docstring(tree) or ""
    yield from _members(tree.body, module, "func")


def _members(body: list[ast.stmt], prefix: str, function: str) -> Iterator[tuple[str, str]]:
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            role = "class" if isinstance(node, ast.ClassDef) else function
            yield f"py:{role} {prefix}.{node.name}", ast.get_docstring(node) or ""
            if isinstance(node, ast.ClassDef):
                yield from _members(node.body, f"{prefix}.{node.name}", "meth")
        name = _assigned(node)
        if name and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield f"py:data {prefix}.{name}", str(after.value.value)


def _assigned(node: ast.stmt) -> str | None:
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    return target.id if isinstance(target, ast.Name) and not target.id.startswith("_") else None


def symbols(item: Item, root: Path = ROOT) -> list[str]:
    """The library's parts whose docstrings name it, and those that belong to it."""
    named = [s for module in documented(root) for s, doc in docstrings(module, root) if fits(item, references(doc))]
    return list(dict.fromkeys([*named, *item.also]))


def missing(item: Item, book: list[Chapter], root: Path = ROOT) -> list[str]:
    """What the index lacks for an item whose chapter exists."""
    gaps = []
    if item.chapter in {c.number for c in book}:
        if item.chapter not in {c.number for c, _ in sections(item, book)}:
            gaps.append(f"{item.label}: chapter {item.chapter} never mentions it")
        if not symbols(item, root):
            gaps.append(f"{item.label}: no docstring of the library mentions it")
    return gaps


class PaperIndex(MarkdownDirective):
    """The index as a table."""

    def markdown(self) -> str:
        """One row an item."""
        book = chapters()
        for path in {*(c.path for c in book), *(ROOT / "reconode").rglob("*.py")}:
            self.env.note_dependency(str(path))
        rows = []
        for item in ITEMS:
            places = [_link(c, s) for c, s in sections(item, book)]
            if not places:
                places = [f"chapter {item.chapter}, to come"]
            rows.append(
                [
                    item.label.replace(" ", "\u00a0"),
                    item.words,
                    "<br>".join(places),
                    "<br>".join(map(_role, symbols(item))) or "none",
                ]
            )
        return table(["In the paper", "What it says", "In the book", "In the library"], rows)


def _link(chapter: Chapter, section: Section) -> str:
    target = f"/{chapter.docname}.ipynb" + (f"#{section.anchor}" if section.anchor else "")
    return f"[{chapter.number}: {section.title}]({target})"


def _role(symbol: str) -> str:
    role, name = symbol.split()
    return f"{{{role}}}`{name.removeprefix('reconode.')} <{name}>`"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("paper-index", PaperIndex)
