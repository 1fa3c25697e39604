"""One classic script from our JavaScript modules, by Python, when a widget is shown: no build step for readers.

Modules that load each other by address work neither from a file opened by hand nor in a notebook's output. Ours keep to
``import { a, b } from "./name.js"`` and ``export function | const | class``, so that putting them together is a few
lines: each becomes a function that runs once and returns what it exports, after those that it imports.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
INDENT = re.compile(r"^\s+", re.MULTILINE)


@cache
def read(name: str) -> str:
    """The text of a file in ``js/``."""
    return (files(__package__) / "js" / name).read_text(encoding="utf-8")


def modules(entry: str) -> list[str]:
    """The names of a module and of all that it needs, each after those that it imports."""
    order: list[str] = []

    def visit(name: str) -> None:
        for needed in IMPORT.finditer(read(f"{name}.js")):
            visit(needed[2])
        if name not in order:
            order.append(name)

    visit(entry)
    return order


@cache
def wrapped(name: str) -> str:
    """A module as a constant of its name after a $. Comments and indentation stay in the source."""
    source = read(f"{name}.js")
    exported = ", ".join(match[2] for match in EXPORT.finditer(source))
    source = IMPORT.sub(lambda match: f"const {{{' '.join(match[1].split())}}} = ${match[2]};\n", source)
    body = INDENT.sub("", COMMENT.sub("", EXPORT.sub(r"\1", source)))
    return f"const ${name} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def script(entry: str) -> str:
    """Everything that a module needs, and itself, in an order in which it runs."""
    return "".join(map(wrapped, modules(entry)))


def style() -> str:
    """The widgets' style sheet, without comments and indentation."""
    return INDENT.sub("", re.sub(r"/\*.*?\*/", "", read("widget.css"), flags=re.DOTALL)).strip()
