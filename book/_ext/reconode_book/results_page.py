"""The results page, from the files under results/: the tables that `reconode table` prints, and figures of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.application import Sphinx

from reconode_book.evidence import transfers
from reconode_book.frame import MADE, ROOT
from reconode_book.markdown import MarkdownDirective, table

if TYPE_CHECKING:
    from reconode.experiment.results import Result
    from reconode.experiment.typeset import Table

RESULTS = ROOT / "results"
NOT_RUN = "not run"
BENCHMARKS = {
    "small": "**small**: simulated knees of 96 × 112, for training on a CPU",
    "full": "**full**: simulated knees on fastMRI's grid, for a GPU",
    "fastmri": "**fastmri**: the paper's data, for whoever has signed the [agreement](/book/data.md)",
}


class ResultsPage(MarkdownDirective):
    """Every benchmark that has results, and what has not been run."""

    def markdown(self) -> str:
        """Benchmarks one after the other, never in one table."""
        from reconode.experiment import results

        there = [f for f in sorted(RESULTS.glob("*")) if f.is_dir() and results.files(f)]
        for path in RESULTS.rglob("*.json"):
            self.env.note_dependency(str(path))
        names = {folder.name for folder in there}
        parts = [benchmark(folder) for folder in there]
        if rest := [f"- {words}" for name, words in BENCHMARKS.items() if name not in names]:
            parts += ["## Not run", "No results of these are in `results/`:", "\n".join(rest)]
        return "\n\n".join(parts if there else [*parts, paper_only()])


def paper_only() -> str:
    """The paper's rows, where none of ours has been run."""
    from reconode import zoo
    from reconode.experiment import paper

    rows = []
    for model, row in paper.TABLE1.items():
        scores = [cell for a in (4, 8) for cell in (NOT_RUN, paper.printed(model, "psnr", a))]
        rows.append([zoo.find(model).title, row.parameters, *scores])
    header = ["Model", "Parameters, paper", "PSNR 4×, ours", "paper", "PSNR 8×, ours", "paper"]
    return f"The paper's numbers, of fastMRI's validation set:\n\n{table(header, rows, 'lrrrrr')}"


def benchmark(folder: Path) -> str:
    """Its Table 1, ablations and transfer, each as far as it was run."""
    from reconode.experiment import claims, results, tables
    from reconode.experiment.lengths import FINE, LENGTHS

    runs, moved = results.read_all(folder), transfers(folder)
    speeds = sorted({r.acceleration for r in runs})
    parts = [f"## Benchmark {folder.name}"]
    for variant in (*reversed(LENGTHS[1:]), *reversed(FINE), LENGTHS[0]):
        # One acceleration a table: two are wider than a page.
        there = sorted({r.acceleration for r in runs if r.variant == variant and (r.training or not variant)})
        parts += [shown(tables.table1(runs, folder.name, [a], variant)) for a in there]
    parts += trained(folder, runs)
    parts += ["### The paper's claims", shown(claims.claims_table(runs))]
    if folder.name == "small":
        parts += pictures(folder)
    parts += curves(folder, runs, speeds)
    kinds = sorted({(r.variant, r.acceleration) for r in runs if r.family == "ablation"})
    baselines = {(r.variant, r.acceleration) for r in runs if r.model == "lt-rk4"}
    parts += ["### Ablations"] if kinds else []
    for variant, a in (kind for kind in kinds if kind in baselines):
        parts += fold(tables.ablation_table(runs, f"lt-rk4_{variant}" if variant else "lt-rk4", a))
    parts.append("### By contrast")
    for a in speeds:
        parts += fold(tables.contrast_table(runs, a))
    parts.append("### Does it transfer?")
    found = {(t.group, r.acceleration) for r in moved for t in r.tests}
    pairs = sorted(found, key=lambda pair: (results.GROUPS.index(pair[0]), pair[1]))
    folded = [part for pair in pairs for one in tables.transfer_tables(moved, *pair) for part in fold(one)]
    parts += folded or [NOT_RUN.capitalize() + "."]
    return "\n\n".join(parts)


def shown(made: Table) -> str:
    """A table under its caption, which stands out from the notes of the table before."""
    caption, _, rest = made.markdown().partition("\n\n")
    return f"**{caption}**\n\n{rest}"


def fold(made: Table) -> list[str]:
    """A table below its caption, to be opened: whoever looks for one need not scroll past all."""
    caption, _, rest = made.markdown().partition("\n\n")
    return [f"<details class='fold'><summary>{escape(caption)}</summary>", rest, "</details>"]


def curves(folder: Path, runs: Sequence[Result], accelerations: Sequence[float]) -> list[str]:
    """PSNR against parameters, and over the training."""
    from reconode.experiment.lengths import LENGTHS
    from reconode.figures import results as drawing

    name, parts = folder.name, []
    for a in accelerations:
        of = f"benchmark {name}, {a:g}×."
        parts += figure(
            f"{name}-parameters-{a:g}x",
            f"PSNR against the number of parameters, one mark a model, {of}",
            partial(drawing.psnr_against_parameters, runs, a),
        )
        parts += figure(
            f"{name}-training-{a:g}x",
            f"Validation PSNR over the slices seen in training, one curve a model, {of}",
            partial(drawing.training_curves, runs, acceleration=a),
        )
        for variant in LENGTHS[1:]:
            parts += figure(
                f"{name}-training-{variant}-{a:g}x",
                f"The same for the trainings {variant}, {of}",
                partial(drawing.training_curves, runs, acceleration=a, variant=variant),
            )
    return parts


def trained(folder: Path, runs: Sequence[Result]) -> list[str]:
    """Rows at equal compute, and how far from flat each is; nothing where that was not run or not counted."""
    from reconode.errors import DataError
    from reconode.experiment import lengths
    from reconode.figures import results as drawing

    try:
        costs = lengths.read_costs(folder)
        equal, far = [lengths.compute_table(runs, costs)], lengths.progress_table(runs)
        if any(r.variant == lengths.LENGTHS[-1] for r in runs):
            equal.append(lengths.compute_table(runs, costs, f"lt-rk4_{lengths.LENGTHS[1]}"))
    except DataError:
        return []
    picture = figure(
        f"{folder.name}-lengths",
        "PSNR over the operations of the training, a line for each row from its table training to its longest; "
        "all lines rise, and those of PC-Flow and of LT-Euler with 26 steps end highest.",
        partial(drawing.gains_of_length, runs, costs),
    )
    return ["### Equal compute", *map(shown, equal), "### How far from flat", shown(far), *picture]


def pictures(folder: Path) -> list[str]:
    """The paper's Fig. 3 with the weights that come with the library, and solvers swapped in a trained network."""
    from reconode.experiment import benchmark as recipe
    from reconode.figures import results as drawing
    from reconode.figures.reconstructions import reconstructions

    knee = recipe.in_memory(recipe.find(folder.name), 3)
    parts = figure(
        f"{folder.name}-reconstructions",
        "A test knee: the target, reconstructions by several models from a quarter of k-space, and their error maps.",
        partial(reconstructions, knee, 1),
    )
    measured = folder / "steps.json"
    if measured.exists():
        rows = json.loads(measured.read_text())["rows"]
        parts += figure(
            f"{folder.name}-steps",
            "PSNR of a trained FT-Euler against evaluations of f, one curve a solver.",
            partial(drawing.steps_curve, rows),
        )
    return parts


def figure(name: str, alt: str, draw: Callable[[], Any]) -> list[str]:
    """A figure as an image with alternative text; none where there is nothing to draw."""
    from reconode.errors import DataError

    try:
        drawn = draw()
    except DataError:
        return []
    path = MADE / f"{name}.png"
    drawn.savefig(path, facecolor="white", dpi=160, metadata={"Software": None})
    return [f"```{{image}} /{path.relative_to(ROOT).as_posix()}\n:alt: {alt}\n:class: on-paper\n```"]


class FlowCurves(MarkdownDirective):
    """PC-Flow's way, drawn from what benchmarks/experiment/pc_flow.py measured."""

    def markdown(self) -> str:
        """A figure; words where nothing was measured."""
        from reconode.figures import results as drawing

        path = RESULTS / "small" / "pc_flow.json"
        if not path.exists():
            return NOT_RUN.capitalize() + "."
        self.env.note_dependency(str(path))
        alt = (
            "Two plots over t. Above, PSNR of PC-Flow, LT-RK4 and FT-Euler from the zero-filled image to the end. "
            "Below, the share of each of PC-Flow's proposals that data consistency takes back."
        )
        measured = json.loads(path.read_text())
        return "\n".join(figure("small-pc-flow", alt, partial(drawing.flow_curves, measured)))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.add_directive("results", ResultsPage)
    app.add_directive("pc-flow-curves", FlowCurves)
