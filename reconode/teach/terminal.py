"""Commands as a reader types them, run in the notebook's folder: ``terminal.run("reconode info .")``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap

from reconode.errors import UsageError

COLORED = ("FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
WIDTH = 200
"""Columns: a table is not broken into lines."""
PAGE = 80
"""Columns that a page shows without scrolling on a laptop: longer commands and notes are broken between words."""


def command(line: str) -> list[str]:
    """The words of a command line; ``reconode`` is the one of this Python, whatever the path says.

    Raises:
        UsageError: for another program.
    """
    words = shlex.split(line)
    if not words or words[0] != "reconode":
        raise UsageError(f"{line!r}: only `reconode …` is run from here")
    return [sys.executable, "-m", "reconode.cli", *words[1:]]


def environment() -> dict[str, str]:
    """The notebook's own, with this library first on the path; a kernel's asks for color, this doesn't."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    mine = {key: value for key, value in os.environ.items() if key not in COLORED}
    return {**mine, "PYTHONPATH": path, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}


def broken(line: str, by: str) -> str:
    """A line in pieces of :data:`PAGE` columns at most, between words; `by` goes between them."""
    room = PAGE - len(by.strip("\n"))
    return by.join(textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)) or line


def run(line: str) -> None:
    """Print a command after a $, run it, and print its answer, its notes, and its exit status when that isn't 0.

    Raises:
        UsageError: for another program than ``reconode``.
    """
    done = subprocess.run(command(line), env=environment(), capture_output=True, text=True, check=False)
    notes = "\n".join(broken(note, "\n  ") for note in done.stderr.rstrip().splitlines())
    said = [broken(f"$ {line}", " \\\n    "), done.stdout.rstrip(), notes]
    said += [f"(exit status {done.returncode})"] if done.returncode else []
    print("\n".join(text for text in said if text))


def start(line: str) -> subprocess.Popen[str]:
    """The same in the background, silent: for a process to be killed."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command(line), env=environment(), stdout=quiet, stderr=quiet, text=True)
