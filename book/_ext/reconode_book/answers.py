"""The pages of answers: a role for a difference, and a directive for each table, made of the files under results/.

The pages' sentences are written by hand; tests/test_claims_answers.py holds each of them against the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from reconode_book import low_signal
from reconode_book.evidence import NOT_RUN, Answers, dB, minus, plain_table
from reconode_book.longer import (
    FLOOR,
    LEARNED,
    fine,
    fine_longest,
    long,
    longest,
    order_long,
    rates_long,
    real_fine,
    real_knee,
)
from reconode_book.markdown import MarkdownDirective
from reconode_book.mixes import both, mixes
from reconode_book.results_page import RESULTS
from reconode_book.straight import straight

SOLVERS = {"euler": "Euler", "midpoint": "midpoint", "rk2": "RK2 (Heun)", "rk4": "RK4 (classical)"}


@cache
def small() -> Answers:
    """The results of the small benchmark; read once a build."""
    return Answers(RESULTS / "small")


def short(names: list[str], against: str) -> list[tuple[str, str]]:
    """Rows against another, short trainings of both."""
    return [(f"{name}_short", f"{against}_short") for name in names]


def order(it: Answers) -> str:
    """The paper's order, pair by pair, of seed 0 in each row."""
    between = [("lt-rk2", "ft-rk2"), ("lt-rk4", "ft-rk4")]
    orders = [("ft-rk2", "ft-euler"), ("ft-rk4", "ft-euler"), ("ft-rk4", "ft-rk2")]
    return it.versus_seed([*FLOOR, *LEARNED, *between, *orders], "Seed 0 of each; the first line is the noise floor")


def classical(it: Answers, acceleration: float = 4) -> str:
    """Networks against the better of the two classical methods."""
    names = ["lt-rk4", "lt-rk2", "d5c5", "ft-euler", "pc-flow"]
    if acceleration == 4:
        names += ["lt-rk4_long", "d5c5_long", "ft-euler_long", "pc-flow_long"]
    return it.versus([(name, "wavelet") for name in names], "Against the wavelet", acceleration)


def gradients(it: Answers) -> str:
    """Gradient errors of the continuous adjoint on the trained FT-Euler."""
    measured = it.other("gradients")
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    chosen = [r for r in measured["rows"] if r["gradient"] == "continuous"]
    counts = sorted({r["steps"] for r in chosen})
    rows = []
    for key, name in SOLVERS.items():
        found = {r["steps"]: r for r in chosen if r["tableau"] == key}
        rows.append([name, *(f"{100 * found[n]['relative_error']:.1f} % ({found[n]['cosine']:.3f})" for n in counts)])
    caption = "Relative gradient error (and cosine) of the continuous adjoint, f of the trained FT-Euler"
    return plain_table(caption, ["solver", *(f"N = {n}" for n in counts)], rows)


def adjoint(it: Answers) -> str:
    """Rows trained with the continuous adjoint against backpropagation's."""
    pairs = [(f"fa-{s}-continuous", f"ft-{s}") for s in ("euler", "rk2", "rk4")]
    return it.versus([*pairs, ("neural-ode", "ft-rk4")], "Continuous adjoint against backpropagation")


def rates(it: Answers) -> str:
    """Backpropagation and the continuous adjoint at the same learning rates, short trainings."""
    searched = it.other("learning_rates")
    if searched is None or "continuous adjoint" not in searched["validation_psnr"]:
        return f"{NOT_RUN.capitalize()}."
    found = searched["validation_psnr"]
    rows = [
        [title, *("diverged" if psnr is None else f"{psnr:.2f}" for psnr in found[family].values())]
        for title, family in (("backpropagation", "fixed solver"), ("continuous adjoint", "continuous adjoint"))
    ]
    caption = f"Euler, N = 5: validation PSNR in dB after {searched['steps']} steps, by learning rate"
    return plain_table(caption, ["gradient", *found["fixed solver"]], rows)


def diverged(it: Answers) -> str:
    """Which trainings by the continuous adjoint diverged, and where they ended."""
    said = []
    for name in ("fa-euler", "fa-rk2", "fa-rk4", "neural-ode"):
        key = name if name == "neural-ode" else f"{name}-continuous"
        path = it.folder / f"{key}_4x_seed0.json"
        if not path.exists():
            continue
        training = json.loads(path.read_text())["training"]
        rates = [f"{rate:g}" for rate in training.get("diverged_at", [])]
        rate = f"{training['settings']['learning_rate']:g}"
        best, last = training["best"], training["validation"][-1]
        if training["finished"]:
            words = f"diverged at {' and '.join(rates)}, and " if rates else ""
            words += f"was trained at {rate} for {training['steps']:,} steps"
        else:
            words = f"diverged at {', '.join([*rates, rate])}, at the last after {training['steps']:,} steps"
        if best["psnr"] - last[1] > 1:
            words += f" (from {best['psnr']:.1f} to {last[1]:.1f} dB after step {best['step']:,})"
        said.append(f"{it.title(key)} {words}")
    if not said:
        return ""
    return f"By learning rate, in the table: {'; '.join(said)}. The weights tested are those of the best validation."


def table2(it: Answers) -> str:
    """Table 2: memory and time of checkpointing, the paper's beside ours."""
    path = RESULTS / "bench" / "models.json"
    if not path.exists():
        return f"{NOT_RUN.capitalize()}."
    measured = json.loads(path.read_text())
    c, size = measured["checkpointing"], measured["size"]
    saved = {key: f"{value / 2**20:,.1f} MiB" for key, value in c["saved_bytes"].items()}
    rows = [
        ["without", "13.6 GB", "0.88 s", saved["off"], f"{c['seconds']['off']:.2f} s"],
        ["with", "3.7 GB", "1.01 s", saved["on"], f"{c['seconds']['on']:.2f} s"],
        [
            "ratio",
            "0.27",
            "1.15",
            f"{c['saved_ratio']:.4f}, at the peak {c['peak_ratio']:.2f}",
            f"{c['time_ratio']:.2f}",
        ],
    ]
    header = ["checkpointing", "memory, paper", "a step, paper", "saved tensors, ours", "a step, ours"]
    return plain_table(f"Table 2, training LT-RK4. Ours: {size[0]} × {size[1]}, CPU", header, rows)


def steps(it: Answers) -> str:
    """Other solvers and other N with the same weights."""
    measured = it.other("steps")
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    made = []
    for model in dict.fromkeys(r["model"] for r in measured["rows"]):
        mine = [r for r in measured["rows"] if r["model"] == model]
        counts = sorted({r["steps"] for r in mine if "steps" in r})
        rows = []
        for key, name in SOLVERS.items():
            found = {r["steps"]: r["psnr"] for r in mine if r["solver"] == key}
            rows.append([name, *(f"{found[n]:.2f}" for n in counts)])
        made.append(plain_table(f"{it.title(model)}: PSNR in dB by solver and N", ["", *map(str, counts)], rows))
        cells = [
            [f"{r['tolerance']:g}", f"{r['evaluations']:.0f}", f"{r['psnr']:.2f}"]
            for r in mine
            if r["solver"] == "dopri5"
        ]
        header = ["tolerance", "evaluations of f", "PSNR, dB"]
        made.append(plain_table(f"{it.title(model)}, dopri5", header, cells))
    return "\n\n".join(made)


def without(it: Answers) -> str:
    """PC-Flow with one of its ideas taken away after the training, and with other numbers of steps."""
    measured = it.other("pc_flow")
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    trained = measured["without"]["as trained"]
    made = []
    for caption, first, found in (
        ("The trained network, changed", "", measured["without"]),
        ("Steps a piece, the same weights", "steps", measured["repeats"]),
    ):
        rows = [[name, f"{psnr:.2f}", f"{psnr - trained:+.2f}"] for name, psnr in found.items()]
        made.append(plain_table(caption, [first, "PSNR, dB", "difference, dB"], rows))
    return "\n\n".join(made)


def way(measured: Any) -> str:
    """What happens from step to step of PC-Flow."""
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    psnr, taken = measured["trajectories"]["pc-flow"], measured["taken_back"]
    ends = psnr[:: measured["trained_repeats"]]
    gains = ", ".join(f"{after - before:+.2f}" for before, after in pairwise(ends))
    return (
        f"Over {measured['volumes']} test knees at {measured['acceleration']}×, "
        "with the weights that `reconode.load` takes, "
        f"the five pieces gain {gains} dB, one after the other. Of what a network proposes, data consistency takes "
        f"back {min(taken):.0%} to {max(taken):.0%} of the norm."
    )


def search(it: Answers, file: str = "beyond_search") -> str:
    """A search for a better model: the one that found PC-Flow, or the one that went on from it."""
    searched = it.other(file)
    if searched is None:
        return f"{NOT_RUN.capitalize()}."
    base = next(iter(searched["candidates"].values()))["psnr"]
    rows = [
        [name, f"{c['parameters']:,}", f"{c['psnr']:.2f}", f"{c['psnr'] - base:+.2f}"]
        for name, c in searched["candidates"].items()
    ]
    caption = f"The search: {searched['steps']:,} steps each, one seed, PSNR over the validation knees"
    return plain_table(caption, ["idea", "parameters", "PSNR, dB", "gain, dB"], rows)


PARTS = ["lt-rk4-no-attention", "lt-rk4-no-dilation", "lt-rk4-unshared", "lt-rk4-end", "lt-rk4-untimed"]
CONTROLS = ["ft-euler-wide", "lt-euler-26", "d5c5", "pc-flow"]
EULER = [("ft-euler-end", "ft-euler"), ("ft-euler-untimed", "ft-euler")]
BEYOND = [("pc-flow", "lt-euler-26"), ("pc-flow", "lt-rk4"), ("pc-flow", "d5c5"), ("pc-flow", "lt-rk2")]
HEADLINE = [("pc-flow", "lt-rk4"), *LEARNED]

SEVERAL = [("pc-flow", "d5c5"), ("pc-flow", "lt-euler-26")]

EVIDENCE: dict[str, Callable[[Answers], str]] = {
    "order": order,
    "order-8x": lambda it: it.versus([*FLOOR, *LEARNED], "Seed 0 of each; the first line is the noise floor", 8),
    "order-long": order_long,
    "order-20k": longest,
    "rates-long": rates_long,
    "seeds": lambda it: it.by_seed(HEADLINE, "Training by training"),
    "both-ways": lambda it: it.both_ways(HEADLINE, "Over trainings and knees together"),
    "seeds-long": lambda it: it.by_seed(long([*HEADLINE, *SEVERAL]), "Training by training, after the longer ones"),
    "gains": lambda it: it.gains(
        ("ft-euler", "lt-euler", "d5c5", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow", "unet", "kiki-net"),
        "long",
        "What three times the training brought, seed 0",
    ),
    "classical": classical,
    "classical-8x": lambda it: classical(it, 8),
    "fine-8x": fine,
    "fine-20k": fine_longest,
    "both": both,
    "mixes": mixes,
    "gradients": gradients,
    "adjoint": adjoint,
    "rates": rates,
    "diverged": diverged,
    "anode": lambda it: it.versus(
        short(["fa-euler-anode", "fa-rk2-anode", "ft-euler-end"], "ft-euler"), "ANODE's defaults; short trainings"
    ),
    "parts": lambda it: it.versus(short(PARTS, "lt-rk4"), "LT-RK4 without one of its parts; short trainings"),
    "parts-euler": lambda it: it.versus(
        short(["ft-euler-end", "ft-euler-untimed"], "ft-euler"), "The same of FT-Euler; short trainings"
    ),
    "controls": lambda it: it.versus(short(CONTROLS, "lt-rk4"), "Controls; short trainings"),
    "at-length": lambda it: it.versus_seed(
        [("lt-euler-26", "lt-rk4"), ("ft-euler-wide", "lt-rk4"), *((part, "lt-rk4") for part in PARTS), *EULER],
        "Parts and controls, as long as the table's rows, seed 0",
    ),
    "table2": table2,
    "steps": steps,
    "path": straight,
    "below": lambda it: it.say_below(),
    "below-8x": lambda it: it.say_below(8),
    **{
        f"transfer-{group}": lambda it, group=group: it.transfer(group)
        for group in ("real", "noise", "phase", "anatomy", "mask", "acceleration", "resolution")
    },
    "transfer-low": lambda it: it.transfer("low signal"),
    "transfer-real-8x": lambda it: it.transfer("real", 8),
    "real-knee": real_knee,
    "real-fine": real_fine,
    "real-fine20k": lambda it: real_fine(it, "fine20k"),
    "contrast": lambda it: it.contrast(),
    "pc-flow": lambda it: it.versus(BEYOND, "PC-Flow against others"),
    "pc-flow-long": lambda it: it.versus_seed(long(BEYOND), "PC-Flow against others, longer trainings, seed 0"),
    "pc-flow-20k": lambda it: it.versus_seed(
        [(f"{a}_20k", f"{b}_20k") for a, b in BEYOND], "PC-Flow against others, 20,000 steps, seed 0"
    ),
    "pc-flow-8x": lambda it: it.versus(BEYOND[1:3], "PC-Flow against others", 8),
    "pc-flow-way": lambda it: way(it.other("pc_flow")),
    "pc-flow-without": without,
    "pc-flow-search": search,
    "pc-flow-beyond": lambda it: search(it, "beyond_pc_flow"),
    "pc-flow-history": lambda it: it.by_seed(
        long([("pc-flow-history", "pc-flow")]), "Training by training, 6,000 steps"
    ),
    **low_signal.EVIDENCE,
}
"""By the names that the pages use."""


class Evidence(MarkdownDirective):
    """A table, or the words that follow from one, by its name in :data:`EVIDENCE`."""

    required_arguments = 1

    def markdown(self) -> str:
        """The directive's content."""
        for path in RESULTS.rglob("*.json"):
            self.env.note_dependency(str(path))
        return minus(EVIDENCE[self.arguments[0]](small()))


def difference(text: str, it: Answers) -> str:
    """``lt-rk4, d5c5`` or ``lt-rk4, d5c5, 8``: A − B in dB, with an interval over knees; of seed 0 after ``seed 0``."""
    a, b, *rest = (part.strip() for part in text.split(","))
    c = it.against(a, b, float(rest[0]) if rest else 4)
    return NOT_RUN if c is None else minus(f"{dB(c)} dB")


class Difference(SphinxRole):
    """The role ``{gap}`A, B```."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """What Sphinx asks of a role."""
        return [nodes.Text(difference(self.text, small()))], []


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    small.cache_clear()
    app.add_directive("evidence", Evidence)
    app.add_role("gap", Difference())
