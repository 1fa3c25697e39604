"""Tables of what a model was trained on: mixes of anatomy by source, and one model for two accelerations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconode.experiment.claims import FLOOR, judge
from reconode.experiment.rows import compare
from reconode.metrics import Interval
from reconode_book.evidence import NOT_RUN, Answers, dB, plain_table

SOURCES = {
    "knees": "test knees",
    "heads": "heads",
    "shapes": "shapes",
    "pictures": "photographs",
    "knee_mese_te1": "real knee, echo 1",
    "knee_mese_te4": "real knee, echo 4",
    "brain_t1w": "real head",
    "acr_phantom_2coil": "resolution phantom",
}
"""By the names of ``results/small/mixes.json``: what it is in a table's head."""

REAL = ("knee_mese_te1", "knee_mese_te4", "brain_t1w")
"""Real anatomy among them."""

BOTH = ("pc-flow", "d5c5", "lt-rk2")
"""Models that were trained on both accelerations."""


def trainings(measured: Any, model: str, mix: str) -> list[dict[str, float]]:
    """PSNR by source of each training of a model on a mix."""
    return [one["psnr"] for one in measured["trainings"] if (one["model"], one["mix"]) == (model, mix)]


def gain(measured: Any, model: str, mix: str, source: str) -> tuple[float, str] | None:
    """What a mix gains over the mean of broad's trainings, dB, and the word for it; None where one was not run.

    An order wants each training of the mix farther from each of broad's than the noise floor.
    """
    ours, broad = (
        [psnr[source] for psnr in trainings(measured, model, name) if source in psnr] for name in (mix, "broad")
    )
    if not ours or not broad:
        return None
    mean = sum(ours) / len(ours) - sum(broad) / len(broad)
    word = judge(Interval(mean, mean, mean, 1), min(ours) - max(broad), max(ours) - min(broad))
    return mean, word


def mixes(it: Answers) -> str:
    """Scores by source after training on each mix."""
    measured = it.other("mixes")
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    steps = " or ".join(f"{n:,}" for n in sorted({one["steps"] for one in measured["trainings"]}))
    made = []
    for model in dict.fromkeys(one["model"] for one in measured["trainings"] if one["mix"] != "broad"):
        there = list(dict.fromkeys(one["mix"] for one in measured["trainings"] if one["model"] == model))
        header = ["tested on", *(f"{mix} ({len(trainings(measured, model, mix))})" for mix in there)]
        lines = [[words, *(_cell(measured, model, mix, source) for mix in there)] for source, words in SOURCES.items()]
        caption = f"{it.title(model)}: PSNR in dB at 4× after {steps} steps from random weights, by mix (trainings)"
        made.append(plain_table(caption, header, lines))
    note = (
        "Broad: mean, and lowest to highest training where there are several. Other mixes: the difference from broad's "
        f"mean, and a word: ahead or behind when farther than {FLOOR:g} dB from each of broad's trainings, else a tie."
    )
    return "\n\n".join([*made, note])


def _cell(measured: Any, model: str, mix: str, source: str) -> str:
    """A mean; with the range of broad's trainings, or with the gain over them."""
    values = [psnr[source] for psnr in trainings(measured, model, mix) if source in psnr]
    if not values:
        return NOT_RUN
    mean = f"{sum(values) / len(values):.2f}"
    if mix == "broad":
        return f"{mean} ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else mean
    found = gain(measured, model, mix, source)
    return mean if found is None else f"{mean} ({found[0]:+.2f}, {found[1]})"


def both(it: Answers, models: Sequence[str] = BOTH) -> str:
    """One model for both accelerations beside one for each."""
    lines = []
    for model in models:
        cells = []
        for acceleration, other in ((4, "long"), (8, "fine")):
            names = [f"{model}_{variant}" for variant in ("both", other)]
            if 0 not in it.shared_seeds(names[0], names[1], acceleration):
                cells += [NOT_RUN, "", ""]
                continue
            rows = [it.one_seed(name, acceleration, 0) for name in names]
            c, (ours, theirs) = compare(*rows), (row.interval("psnr").mean for row in rows)
            word = judge(c.difference, c.difference.mean, c.difference.mean)
            cells += [f"{theirs:.2f}", f"{ours:.2f}", f"{dB(c)}, {word}"]
        lines.append([it.title(model), *cells])
    header = ["model", "4×: its own", "both", "difference, dB", "8×: its own", "both", "difference, dB"]
    caption = "One model for both accelerations against one for each, PSNR in dB over the 40 test knees, seed 0"
    return plain_table(caption, header, lines)
