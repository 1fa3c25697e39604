"""The figures of the page *What it promises*: tables made of what the attacks wrote, ``results/fuzz.json`` and more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from reconode_book.evidence import NOT_RUN, plain_table
from reconode_book.markdown import MarkdownDirective
from reconode_book.results_page import RESULTS

OUTCOMES = {
    "files": "files",
    "refused": "refused in a sentence",
    "unharmed": "read, unharmed",
    "check_only": "found by the whole check only",
    "fits": "other content that fits",
    "silent": "silently wrong",
    "silent_without_target": "wrong, no target to tell",
    "crashes_caught": "crashes of the other process",
    "hangs_caught": "hangs of the other process",
    "crashes": "crashes",
    "hangs": "hangs",
    "tracebacks": "tracebacks",
}
KILLS = {
    "kills": "kills",
    "trainings": "trainings",
    "same": "ended with the same weights",
    "unreadable_checkpoints": "unreadable checkpoints",
    "failed": "failed",
}


def read(path: Path) -> Any:
    """The content of a file of results, or None where nothing was run."""
    return json.loads(path.read_text()) if path.exists() else None


def table(caption: str, counted: dict[str, dict[str, int]], words: dict[str, str], first: str) -> str:
    """A line for each outcome, a column for each kind."""
    lines = [[said, *(f"{counts[key]:,}" for counts in counted.values())] for key, said in words.items()]
    return plain_table(caption, [first, *counted], lines)


def fuzz() -> str:
    """What became of damaged files."""
    said = read(RESULTS / "fuzz.json")
    if said is None:
        return f"Damaged files: {NOT_RUN}."
    caption = f"Damaged files, on {said['machine']['cpu']}; the goal is {said['goal']:,} of each kind"
    return table(caption, said["kinds"], OUTCOMES, "")


def kills() -> str:
    """What became of killed trainings."""
    said = read(RESULTS / "kills.json")
    if said is None:
        return f"Killed trainings: {NOT_RUN}."
    return table(f"Killed trainings; the goal is {said['goal']} kills", said["trainings"], KILLS, "data")


def reading() -> str:
    """How fast the checked reader is."""
    said = read(RESULTS / "bench/loading.json")
    if said is None:
        return f"The reader's speed: {NOT_RUN}."
    lines: dict[str, list[str]] = {}
    ends = []
    for layout, found in said["layouts"].items():
        rates = found["slices_per_second"]
        bare = rates["bare h5py loop"]
        for name, rate in rates.items():
            lines.setdefault(name, [name]).append(f"{rate:.0f} ({rate / bare:.2f})")
        made_of_it = found["transform_milliseconds"] / 1e3
        first = (1 / bare + made_of_it) / (1 / rates["SliceDataset, first pass with all checks"] + made_of_it)
        passes = found["passes_to_0.8"]
        when = f"from {passes} passes on" if passes else "never"
        ends.append(
            f"- {layout}: the first pass at {first:.2f} where both are followed by mask and transform; without, the "
            f"average of all passes is at 0.8 {when}."
        )
    caption = "Slices of 640 × 368 a second, one process, and in brackets the ratio to the bare loop"
    made = plain_table(caption, ["files", *said["layouts"]], [*lines.values()])
    return f"{made}\n\nAgainst the bare loop:\n\n" + "\n".join(ends)


TABLES: dict[str, Callable[[], str]] = {"fuzz": fuzz, "kills": kills, "reading": reading}


class Attack(MarkdownDirective):
    """A table by its name in :data:`TABLES`."""

    required_arguments = 1

    def markdown(self) -> str:
        """The directive's content."""
        for name in ("fuzz.json", "kills.json", "bench/loading.json"):
            self.env.note_dependency(str(RESULTS / name))
        return TABLES[self.arguments[0]]()


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("attack", Attack)
