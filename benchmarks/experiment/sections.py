"""The seven answers, each a function of the evidence; their words follow the numbers."""

from __future__ import annotations

import json
from typing import Any

from evidence import NOT_RUN, ROOT, Answers, minus, plain_table

from reconode import zoo


def first(small: Answers) -> str:
    """The order of the rows."""
    learned = [("lt-rk4", "lt-rk2"), ("lt-rk4", "d5c5"), ("lt-rk2", "d5c5")]
    between = [("lt-euler", "ft-euler"), ("lt-rk2", "ft-rk2"), ("lt-rk4", "ft-rk4")]
    orders = [("ft-rk2", "ft-euler"), ("ft-rk4", "ft-euler"), ("ft-rk4", "ft-rk2")]
    adjoint = [(f"fa-{s}-continuous", f"ft-{s}") for s in ("euler", "rk2", "rk4")]
    four = small.versus([*learned, *between, *orders, *adjoint], "The paper's order, pair by pair")
    eight = small.versus([*learned, ("lt-euler", "ft-euler")], "The same for the headline rows", 8)
    said = "; ".join(small.say(a, b) for a, b in learned)
    headline = [("pc-flow", "lt-rk4"), *learned]
    seeds = small.by_seed(headline, "The headline rows, training by training")
    later = [(f"{a}_long", f"{b}_long") for a, b in headline]
    longer = small.versus(later, "The headline rows after longer trainings")
    gained = small.gains(("d5c5", "lt-rk2", "lt-rk4", "pc-flow"), "long", "What the longer training brought, seed 0")
    return f"""\
The paper reports LT-RK4 > LT-RK2 > D5C5, LT above FT, and fixed solvers of any order alike. It leaves open where the data y
enter. Ours enter in the same way everywhere, as data consistency in each step, so that a difference between rows is a
difference between solvers.

{four}

{eight}

At 4× {said}.

The intervals above are over knees: they say what other knees would change, not what another training would. Trained again from
another seed (weights, order of examples and masks):

{seeds}

Three trainings cannot give an interval of their own. A difference that changes its sign from seed to seed, or is smaller
than its spread, is a tie; where a row has one seed, take less than 0.2 dB, the spread that a prototype of this project saw, as one too.

**After longer trainings** ({long_examples(small)}; one seed):

{longer}

{gained}"""


def long_examples(small: Answers) -> str:
    """How much the longer trainings saw, in words."""
    seen = {r.training.examples for r in small.runs if r.training is not None and r.variant == "long"}
    return f"{' and '.join(f'{n:,}' for n in sorted(seen))} slices' worth" if seen else NOT_RUN


def second(small: Answers) -> str:
    """The adjoint."""
    measured = small.other("gradients")
    table = NOT_RUN.capitalize() + "."
    if measured is not None:
        chosen = [r for r in measured["rows"] if r["gradient"] == "continuous"]
        names = {"euler": "Euler", "midpoint": "midpoint", "rk2": "RK2 (Heun)", "rk4": "RK4 (classical)"}
        counts = sorted({r["steps"] for r in chosen})
        rows = []
        for key, name in names.items():
            found = {r["steps"]: r for r in chosen if r["tableau"] == key}
            rows.append(
                [name, *(f"{100 * found[n]['relative_error']:.1f} % ({found[n]['cosine']:.3f})" for n in counts)]
            )
        header = ["solver", *(f"N = {n}" for n in counts)]
        caption = "Relative gradient error (and cosine) of the continuous adjoint, f of the trained FT-Euler"
        table = plain_table(caption, header, rows)
        worst = max(r["relative_error"] for r in measured["rows"] if r["gradient"] == "discrete")
        table += f"\nThe discrete adjoint on the same solves: largest relative error {worst:.1g}."
    copies = small.other("copies")
    same = NOT_RUN.capitalize() + "."
    if copies is not None:
        apart = copies["largest_weight_difference"]
        equal = "are equal to the last bit" if apart == 0 else f"differ by at most {apart:.1g}"
        same = f"One run to show it: after {copies['steps']} steps from the same seed the weights of FA-Euler and FT-Euler {equal}."
    pairs = [(f"fa-{s}-continuous", f"ft-{s}") for s in ("euler", "rk2", "rk4")]
    pairs += [("neural-ode", "ft-rk4")]
    anode = [("fa-euler-anode_short", "ft-euler_short"), ("fa-rk2-anode_short", "ft-euler_short")]
    anode += [("ft-euler-end_short", "ft-euler_short")]
    rates = same_rates(small)
    return f"""\
The paper's FA rows are 0.5 to 0.6 dB below its FT rows. ANODE's adjoint differentiates the discrete solve exactly, so FA trained
with it is FT, gradient for gradient. {same} So the table's FA rows are the continuous adjoint's. Two suspects are left.

**The continuous adjoint.** It solves the flow backwards and does not retrace its own steps. How wrong that is depends on how
stiff f has become in training:

{table}

{small.versus(pairs, "Trained with the continuous adjoint, against backpropagation through the same solver")}

A trained flow contracts: it takes different aliased images to nearly the same knee. Run backwards, what contracted expands, and
the small errors of each backward step with it; more steps help, five are too few. The discrete adjoint never runs backwards. At
first f is smooth and the continuous adjoint is as good; the better f gets, the worse are its gradients:

{rates}

{blown_up(small)} So the continuous adjoint costs twice: by its gradients, and by the low rate that it forces. How much is the
rate's alone? FT-Euler trained at the rate that FA-Euler ended with says it. {small.say("ft-euler_slow", "ft-euler")}; {small.say("fa-euler-continuous", "ft-euler_slow")}.

**ANODE's defaults**: two steps in place of five, the midpoint rule as RK2, and no y inside f.

{small.versus(anode, "ANODE's defaults and y at the end only; short trainings")}"""


def blown_up(small: Answers) -> str:
    """Which trainings by the continuous adjoint diverged, and where they ended."""
    said = []
    for name in ("fa-euler", "fa-rk2", "fa-rk4", "neural-ode"):
        key = name if name == "neural-ode" else f"{name}-continuous"
        path = small.folder / f"{key}_4x_seed0.json"
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
        said.append(f"{small.title(key)} {words}")
    if not said:
        return ""
    return f"By learning rate, in the table: {'; '.join(said)}. The weights tested are those of the best validation."


def same_rates(small: Answers) -> str:
    """Backpropagation and the continuous adjoint at the same learning rates, short trainings."""
    searched = small.other("learning_rates")
    if searched is None or "continuous adjoint" not in searched["validation_psnr"]:
        return f"{NOT_RUN.capitalize()}."
    found = searched["validation_psnr"]
    rows = [
        [title, *("diverged" if psnr is None else f"{psnr:.2f}" for psnr in found[family].values())]
        for title, family in (("backpropagation", "fixed solver"), ("continuous adjoint", "continuous adjoint"))
    ]
    caption = f"Euler, N = 5: validation PSNR in dB after {searched['steps']} steps, by learning rate"
    return plain_table(caption, ["gradient", *found["fixed solver"]], rows)


def short_steps(small: Answers) -> str:
    """How long the short trainings are, in words."""
    steps = sorted({r.training.steps for r in small.runs if r.training is not None and r.variant == "short"})
    table = max((r.training.steps for r in small.runs if r.training is not None and not r.variant), default=0)
    return f"{' and '.join(map(str, steps))} of the table's {table:,} steps" if steps else NOT_RUN


def third(small: Answers) -> str:
    """The ablations."""
    parts = ["lt-rk4-no-attention", "lt-rk4-no-dilation", "lt-rk4-unshared", "lt-rk4-end", "lt-rk4-untimed"]
    controls = ["ft-euler-wide", "lt-euler-26", "d5c5", "pc-flow"]
    others = [("ft-euler-end", "ft-euler"), ("ft-euler-untimed", "ft-euler")]
    short = [(f"{name}_short", "lt-rk4_short") for name in parts]
    control = [(f"{name}_short", "lt-rk4_short") for name in controls]
    euler = [(f"{a}_short", f"{b}_short") for a, b in others]
    at_length = small.versus_seed(
        [*((name, "lt-rk4") for name in ("lt-euler-26", "ft-euler-wide", *parts)), *others],
        "Parts and controls, as long as the table's rows",
    )
    return f"""\
These trainings are short ({short_steps(small)}), each beside an LT-RK4 of the same length; what they cannot show is how a part
pays at the end of a long training.

{small.versus(short, "LT-RK4 without one of its parts, against LT-RK4; short trainings")}

{small.versus(euler, "The same questions to FT-Euler; short trainings")}

Is it the solver, the parameters or the compute? FT-Euler with f widened to LT-RK4's count of parameters, and one shared Euler
stage unrolled to LT-RK4's multiply-adds:

{small.versus(control, "Controls, against LT-RK4; short trainings")}

**After the table's own training** (seed 0 of each; what is not in this table was not run so long):

{at_length}"""


def fourth() -> str:
    """Table 2."""
    path = ROOT / "results" / "bench" / "models.json"
    measured = json.loads(path.read_text())
    c, machine, size = (measured[key] for key in ("checkpointing", "machine", "size"))
    rows = [
        ["without", "13.6 GB", "0.88 s", f"{c['saved_bytes']['off'] / 2**20:,.0f} MiB", f"{c['seconds']['off']:.2f} s"],
        ["with", "3.7 GB", "1.01 s", f"{c['saved_bytes']['on'] / 2**20:,.1f} MiB", f"{c['seconds']['on']:.2f} s"],
        [
            "ratio",
            "0.27",
            "1.15",
            f"{c['saved_ratio']:.4f}, at the peak {c['peak_ratio']:.2f}",
            f"{c['time_ratio']:.2f}",
        ],
    ]
    header = ["checkpointing", "memory, paper", "a step, paper", "saved tensors, ours", "a step, ours"]
    table = plain_table(f"Table 2, training LT-RK4. Ours: {size[0]} × {size[1]}, CPU", header, rows)
    return f"""\
The paper measured on a GPU, at fastMRI's size. No GPU has run ours yet: these are bytes of tensors that autograd saves, and time
on {machine["threads"]} CPU threads.

{table}

What is saved between steps nearly vanishes; at the peak, while one step is computed again on the way back, that step's tensors
are there. Computing each step twice costs {c["time_ratio"] - 1:.0%} more time here, where arithmetic is the limit; the paper's smaller price
points to a training limited by something else, such as launching kernels."""


def fifth(small: Answers) -> str:
    """Other solvers, the same weights."""
    measured = small.other("steps")
    if measured is None:
        return NOT_RUN.capitalize() + "."
    names = {"euler": "Euler", "midpoint": "midpoint", "rk2": "RK2 (Heun)", "rk4": "RK4"}
    tables_made = []
    for model in dict.fromkeys(r["model"] for r in measured["rows"]):
        mine = [r for r in measured["rows"] if r["model"] == model]
        counts = sorted({r["steps"] for r in mine if "steps" in r})
        rows = []
        for key, name in names.items():
            found = {r["steps"]: r["psnr"] for r in mine if r["solver"] == key}
            rows.append([name, *(f"{found[n]:.2f}" for n in counts)])
        trained = small.title(model)
        tables_made.append(plain_table(f"{trained}: PSNR in dB by solver and N", ["", *map(str, counts)], rows))
        adaptive = [r for r in mine if r["solver"] == "dopri5"]
        cells = [[f"{r['tolerance']:g}", f"{r['evaluations']:.0f}", f"{r['psnr']:.2f}"] for r in adaptive]
        tables_made.append(plain_table(f"{trained}, dopri5", ["tolerance", "evaluations of f", "PSNR, dB"], cells))
    joined = "\n\n".join(tables_made)
    return f"""\
Trained with N = {measured["trained_steps"]} steps, used with another solver or another N, on {measured["volumes"]} of the test
knees. A network that had learned a flow would not mind a better solver; one that has learned its own five steps does.

{swapped(measured)} The results page draws the same against evaluations of f.

{joined}"""


def swapped(measured: Any) -> str:
    """What another solver than the trained one did, in words."""
    said = []
    for model, own in (("ft-euler", "euler"), ("ft-rk4", "rk4")):
        rows = {(r["solver"], r.get("steps", r.get("tolerance"))): r for r in measured["rows"] if r["model"] == model}
        start, fine, worse = rows[own, 5]["psnr"], rows["rk4", 20]["psnr"], rows["euler", 2]["psnr"]
        said.append(
            f"{zoo.find(model).title.removeprefix('ReconODE-')}: {start:.2f} dB with the solver that it was trained with, "
            f"{fine:.2f} with twenty steps of RK4, {rows['dopri5', 1e-4]['psnr']:.2f} with dopri5 at 1e-4, {worse:.2f} with "
            "two steps of Euler."
        )
    return " ".join(said)


def sixth(small: Answers) -> str:
    """Transfer."""
    groups = {
        "real": "Real anatomy, never trained on: one knee (two echoes), one head, one resolution phantom",
        "noise": "Noise",
        "phase": "Phase",
        "anatomy": "Anatomy",
        "mask": "Mask",
        "acceleration": "Acceleration",
        "resolution": "Resolution",
    }
    parts = [f"### {title}\n\n{small.transfer(group)}" for group, title in groups.items()]
    at_eight = small.transfer("real", 8)
    contrasts = "; ".join(small.say_contrasts("lt-rk4", other) for other in ("tv", "d5c5"))
    joined = "\n\n".join(parts)
    return f"""\
Trained on simulated anatomy at 96 × 112: a third whole knees, a third zoomed and tilted ones, a third other layouts; noise from
0.3 to 6 %, phase of several turns. One knee and one head are enough to see whether a model holds on real anatomy, never enough
for a test over patients: these are scores, without intervals.

{small.say_transfer()}

{joined}

### Contrast

Proton density without (CORPD) and with fat suppression (CORPDFS); both are in the training. {contrasts}.

{small.contrast()}

### Real anatomy at 8×

{minus(small.say_below(8)) if small.tests(8) else ""}

{at_eight}"""


def seventh(small: Answers) -> str:
    """The model beyond the paper; its page says more."""
    pairs = [("pc-flow", "lt-rk4"), ("pc-flow", "d5c5"), ("pc-flow", "lt-rk2")]
    return f"""\
`pc-flow` has 147,530 parameters, fewer than LT-RK4's 153,404, and was found by a small search on the validation knees. What it is,
how it was found and why it works has [a page of its own](pc_flow.md).

{small.versus(pairs, "PC-Flow against the paper's best")}

{small.versus(pairs[:1], "PC-Flow against LT-RK4", 8)}"""
