"""Writes book/answers.md and book/pc_flow.md from the results files: the experiment's questions, with what was not run.

    python benchmarks/experiment/answers.py

Every number comes from a file under results/. The words around a comparison follow its interval: nobody has to remember
to change "better" when a run is added.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import beyond_page
import sections
from evidence import ROOT, Answers, minus

from reconode.storage.whole import write_whole


def page(small: Answers) -> str:
    """The whole page."""
    parts = [
        "# What the experiment answers",
        INTRODUCTION.format(**budget(small)),
        "## In short",
        short(small),
        "## 1. Does the order of Table 1 hold?",
        sections.first(small),
        "## 2. What explains the paper's FA rows?",
        sections.second(small),
        "## 3. What does each part of LT-RK4 bring?",
        sections.third(small),
        "## 4. What does checkpointing cost?",
        sections.fourth(),
        "## 5. What is a solver worth once the network is trained?",
        sections.fifth(small),
        "## 6. Does it transfer?",
        sections.sixth(small),
        "## 7. Beyond the paper",
        sections.seventh(small),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


INTRODUCTION = """\
The paper's data cannot be shipped, so these answers come from the simulated benchmark of size `{name}` ({rows} × {columns}),
whose fingerprint is `{fingerprint}`. Every network of the tables saw {examples} slices' worth of examples, each once. That is
little: fastMRI has 34,742 training slices, and published trainings see each many times. None of these networks has converged,
and an order among them is an order after this training, not at its end. What was not run is shown as not run. The page is
written by `benchmarks/experiment/answers.py` from the files under `results/`; [the tables themselves](results.md) are made from the same
files.

How to read the comparisons: differences are paired over the same knees, with a 95 % bootstrap interval over knees; p is Wilcoxon's
signed-rank test, two-sided, corrected for the lines of its table by Holm's method. Scores are means over volumes, PSNR / SSIM."""


def short(small: Answers) -> str:
    """An answer each in a sentence."""
    seeds = {
        pair: small.seed_differences(*pair)
        for pair in (("lt-rk4", "d5c5"), ("lt-rk4", "lt-rk2"), ("pc-flow", "lt-rk4"))
    }
    order = [means for pair, means in seeds.items() if pair[0] == "lt-rk4" and len(means) > 1]
    steady = all(min(means) > 0 for means in order)
    checkpoint = json.loads((ROOT / "results" / "bench" / "models.json").read_text())["checkpointing"]
    led = seeds["pc-flow", "lt-rk4"]
    leads = "from every seed" if led and min(led) > 0 else "not from every seed"
    return minus(f"""\
1. LT-RK4 is {small.gap("lt-rk4", "d5c5")} against D5C5 and {small.gap("lt-rk4", "lt-rk2")} against LT-RK2, means over the seeds;
   the paper's order {"holds from each seed" if steady else "changes from one seed to the next"}. After longer trainings LT-RK4 is {small.gap("lt-rk4_long", "d5c5_long")}
   against D5C5 and {small.gap("lt-rk4_long", "lt-rk2_long")} against LT-RK2. LT against FT, whose rows have one seed:
   {small.gap("lt-euler", "ft-euler")} (Euler), {small.gap("lt-rk2", "ft-rk2")} (RK2), {small.gap("lt-rk4", "ft-rk4")} (RK4).
2. The discrete adjoint is FT to the last bit. The continuous one costs {small.gap("fa-euler-continuous", "ft-euler")} with Euler:
   {small.gap("ft-euler_slow", "ft-euler")} by the low learning rate that it forces, {small.gap("fa-euler-continuous", "ft-euler_slow")} by its gradients.
3. Where y enters matters most: only at the end is {small.gap("lt-rk4-end_short", "lt-rk4_short")} for LT-RK4. Attention
   ({small.gap("lt-rk4-no-attention_short", "lt-rk4_short")} without) and dilation ({small.gap("lt-rk4-no-dilation_short", "lt-rk4_short")}) are ties after short trainings.
   {compute_or_solver(small)} One shared Euler stage of 30,110 parameters, taken 26 times, which are LT-RK4's
   multiply-adds, is {small.gap("lt-euler-26", "lt-rk4")} against LT-RK4 (one seed against {len(small.shared_seeds("lt-rk4", "lt-rk4", 4))}).
4. Checkpointing keeps {checkpoint["peak_ratio"]:.0%} of the saved bytes at the peak, for {checkpoint["time_ratio"]:.2f} times the time, on a CPU.
5. A trained FT keeps its score with a finer or an adaptive solver, and gains a little: what it has learned is close to a flow.
6. {small.say_transfer()}
7. PC-Flow, with fewer parameters than LT-RK4, is {small.gap("pc-flow", "lt-rk4")} ahead of it, {leads}; after longer
   trainings {small.gap("pc-flow_long", "lt-rk4_long")}.""")


def compute_or_solver(small: Answers) -> str:
    """What a small stage that spends as much compute as LT-RK4 says of LT-RK4."""
    c = small.against("lt-euler-26", "lt-rk4")
    if c is None:
        return "Is it the solver or the compute?"
    if c.difference.low > 0:
        return "Spending LT-RK4's compute on more steps of one small stage does more than its stages and attention."
    return "LT-RK4's stages do more than its compute." if c.difference.high < 0 else "Solver or compute is a tie."


def budget(small: Answers) -> dict[str, Any]:
    """What all rows of the table share, in words."""
    trained = [r for r in small.runs if r.training is not None and not r.variant]
    seen = sorted({r.training.examples for r in trained if r.training is not None})
    first_run = small.runs[0]
    return {
        "name": first_run.data.name,
        "rows": first_run.data.shape[0],
        "columns": first_run.data.shape[1],
        "fingerprint": first_run.data.fingerprint,
        "examples": " to ".join(f"{n:,}" for n in dict.fromkeys((seen[0], seen[-1]))),
    }


PAGES = {"answers.md": page, "pc_flow.md": beyond_page.page}
"""Makers of the pages, by their names in book/."""


def main() -> None:
    """Write the pages."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--results", type=Path, default=ROOT / "results" / "small")
    options.add_argument("--book", type=Path, default=ROOT / "book")
    given = options.parse_args()
    small = Answers(given.results)
    for name, make in PAGES.items():
        write_whole(given.book / name, make(small))


if __name__ == "__main__":
    main()
