"""The page on PC-Flow: what it is, what it gains, what happens on its way, how it was found."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from evidence import NOT_RUN, Answers, minus, plain_table


def page(small: Answers) -> str:
    """The whole page."""
    pairs = [("pc-flow", "lt-rk4"), ("pc-flow", "d5c5"), ("pc-flow", "lt-rk2"), ("pc-flow", "lt-euler-26")]
    parts = [
        "# PC-Flow, beyond the paper",
        INTRODUCTION,
        "## What it gains",
        small.versus(pairs, "PC-Flow against others"),
        small.by_seed(pairs[:2], "Training by training"),
        small.versus([(f"{a}_long", f"{b}_long") for a, b in pairs[:3]], "After longer trainings"),
        small.versus(pairs[:2], "PC-Flow against others", 8),
        GAINS,
        steps(small),
        "## On the way",
        way(small.other("pc_flow")),
        "## Without one of its ideas",
        without(small.other("pc_flow")),
        "## How it was found",
        found(small.other("beyond_search")),
        "## What nobody knows yet",
        UNKNOWN,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


INTRODUCTION = """\
`reconode.load("pc-flow")` is a model of our own. It has 147,530 parameters, fewer than LT-RK4's 153,404, and keeps the paper's
picture: a flow from the zero-filled image, by a network, under data consistency. It spends its parameters elsewhere.

- **θ(t) is piecewise constant.** LT-RK4 has one set of stages for all of time and tells them the time. PC-Flow has five small
  networks, one for each fifth of [0, 1], and tells them nothing.
- **Three Euler steps a piece.** A finer grid with the same parameters, and so fifteen data consistencies in place of five. Its
  forward pass needs about 44 G multiply-adds for a 320 × 320 image; LT-RK4's needs 77 G.
- **Predictor and corrector know of each other.** The network proposes, data consistency corrects, and the next step sees the
  correction $c$:

$$\\begin{aligned} \\tilde x &= x + g_p(x, c), \\\\ x &\\leftarrow \\mathrm{DC}(\\tilde x, y), \\\\ c &= x - \\tilde x . \\end{aligned}$$

With hard data consistency the residual $E^H (E x - y)$ is zero after every step, so feeding it back tells nothing. What
consistency *changed* is what is left of it: where, and by how much, the last proposal disagreed with the data. The two channels
cost 2,880 parameters. The code is fifty lines: {py:class}`reconode.pc_flow.PCFlow`."""

GAINS = """\
Each row saw the same examples as the others, with a learning rate found by the same search (PC-Flow takes D5C5's: it is made of the
same networks). [How to read the tables](answers.md) is on the page of answers; both pages are written by
`benchmarks/experiment/answers.py` from the files under `results/`."""


def steps(small: Answers) -> str:
    """How much of the gain more steps alone bring."""
    c = small.against("lt-euler-26", "lt-rk4")
    if c is None:
        return ""
    share = "so much of PC-Flow's lead is in its steps" if c.difference.low > 0 else "so steps alone are not it"
    return (
        "How much do more steps bring by themselves? The paper's own LT-Euler, one shared stage of 30,110 parameters, taken 26 "
        f"times and so with LT-RK4's compute, is {small.gap('lt-euler-26', 'lt-rk4')} against LT-RK4, {share}; PC-Flow, with "
        f"little more than half of that compute, is {small.gap('pc-flow', 'lt-euler-26')} against it."
    )


UNKNOWN = """\
Whether the lead lasts: no training here has converged, and all are at 96 × 112, on simulated anatomy. Whether it holds on fastMRI,
at full size, where LT-RK4's wide stages may pay. And whether sharing the pieces' first layers, or another number of pieces, would do
better: the search was small."""


def way(measured: Any) -> str:
    """What happens from step to step."""
    if measured is None:
        return NOT_RUN.capitalize() + "."
    psnr, taken = measured["trajectories"]["pc-flow"], measured["taken_back"]
    ends = psnr[:: measured["trained_repeats"]]
    each = [after - before for before, after in pairwise(ends)]
    gains = ", ".join(f"{gain:+.2f}" for gain in each)
    return minus(f"""\
Means over {measured["volumes"]} test knees at {measured["acceleration"]}×, with the weights that come with the library:

```{{pc-flow-curves}}
```

The five pieces gain {gains} dB, one after the other. Of what a network proposes, data consistency takes back {min(taken):.0%} to
{max(taken):.0%} of the norm. That is the part in the measured columns, where nothing that a network says can last; it says much
there, and what is taken back is not lost: it is the next step's input.""")


def without(measured: Any) -> str:
    """What is left when an idea is taken from the trained network."""
    if measured is None:
        return NOT_RUN.capitalize() + "."
    trained = measured["without"]["as trained"]
    rows = [[name, f"{psnr:.2f}", f"{psnr - trained:+.2f}"] for name, psnr in measured["without"].items()]
    first = plain_table("The trained network, changed", ["", "PSNR, dB", "difference, dB"], rows)
    steps = [[n, f"{psnr:.2f}", f"{psnr - trained:+.2f}"] for n, psnr in measured["repeats"].items()]
    second = plain_table("Steps a piece, the same weights", ["steps", "PSNR, dB", "difference, dB"], steps)
    best = max(measured["repeats"], key=measured["repeats"].__getitem__)
    gain = measured["repeats"][best] - trained
    more = (
        f"With {best} steps a piece in place of the {measured['trained_repeats']} that it was trained with, the same weights gain "
        f"{gain:+.2f} dB: a little more compute, and no training. Far from what it was trained with, the score falls."
        if gain > 0
        else f"No other number of steps is better than the {measured['trained_repeats']} that it was trained with."
    )
    return f"""\
Trained with it, an idea is used. These take one away after the training, which is harder on the network than never having had it:

{first}

{second}

{minus(more)}"""


def found(searched: Any) -> str:
    """The search."""
    if searched is None:
        return NOT_RUN.capitalize() + "."
    base = next(iter(searched["candidates"].values()))["psnr"]
    rows = [
        [name, f"{c['parameters']:,}", f"{c['psnr']:.2f}", f"{c['psnr'] - base:+.2f}"]
        for name, c in searched["candidates"].items()
    ]
    caption = f"The search: {searched['steps']:,} steps each, one seed, PSNR over the validation knees"
    table = plain_table(caption, ["idea", "parameters", "PSNR, dB", "gain, dB"], rows)
    return f"""\
Each idea was added alone to the same start, D5C5 read as a flow with parameters piecewise constant in time; those that gained more
than 0.05 dB were put together, then the steps were made finer.

{table}

The search saw the validation knees, never the test knees. Ideas that lost in a short search with one learning rate may still win
elsewhere: SiLU's training failed at a rate that suits ReLU, and wide dilations may need longer. The script is
`benchmarks/experiment/beyond.py`."""
