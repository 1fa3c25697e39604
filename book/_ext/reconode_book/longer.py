"""What longer trainings brought: the order after 6,000 and 20,000 steps, rates, fine-tuning at 8x, the real knee."""

from __future__ import annotations

import math

from reconode.experiment.lengths import LENGTHS
from reconode_book.evidence import NOT_RUN, Answers, plain_table

LEARNED = [("lt-rk4", "lt-rk2"), ("lt-rk4", "d5c5"), ("lt-rk2", "d5c5")]
FLOOR = [("lt-euler", "ft-euler")]

KNEE, AIMS = "knee_mese_te1", {"lt-rk4": 32.0, "pc-flow": 33.5}
"""The real knee's first echo, and what was aimed at there at 4x, in dB."""

ENDS = tuple(f"_{length}" if length else "" for length in LENGTHS)
"""Of the names of rows of 2,000, 6,000 and 20,000 steps."""


def long(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same rows after the longer trainings."""
    return [(f"{a}_long", f"{b}_long") for a, b in pairs]


def order_long(it: Answers) -> str:
    """The same after the longer trainings."""
    pairs = [
        *FLOOR,
        *LEARNED,
        ("lt-rk2", "lt-euler"),
        ("lt-rk4", "lt-euler"),
        ("d5c5", "lt-euler"),
        ("ft-rk2", "ft-euler"),
        ("ft-rk4", "ft-euler"),
        ("ft-rk4", "lt-rk4"),
    ]
    more = [("lt-euler-26", "lt-rk4"), ("pc-flow", "lt-rk4"), ("pc-flow", "lt-euler-26")]
    caption = "After the longer trainings, seed 0 of each; the first line is the noise floor"
    return it.versus_seed(long([*pairs, *more]), caption)


def longest(it: Answers) -> str:
    """The order after ten times the table's steps, and what these brought."""
    pairs = [*FLOOR, ("d5c5", "lt-euler"), ("lt-rk2", "d5c5"), ("lt-rk2", "lt-euler"), ("lt-rk4", "d5c5")]
    pairs += [
        ("lt-rk4", "lt-rk2"),
        ("ft-rk2", "lt-rk2"),
        ("lt-rk4", "ft-rk4"),
        ("lt-euler-26", "lt-rk4"),
        ("pc-flow", "d5c5"),
        ("pc-flow", "lt-euler-26"),
    ]
    of = [(f"{a}_20k", f"{b}_20k") for a, b in pairs]
    grown = ["d5c5", "ft-euler", "lt-euler", "ft-rk2", "ft-rk4", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow"]
    of += [(f"{name}_20k", f"{name}_long") for name in grown]
    of += [("lt-euler-26_20k", "lt-euler-26_20krate8")]
    caption = "After 20,000 steps, seed 0 of each; the first line is the noise floor"
    return it.versus_seed([*of, ("d5c5_bf16", "d5c5_long")], caption)


def rates_long(it: Answers) -> str:
    """Other learning rates at the length of the long trainings."""
    pairs = [("d5c5_rate2", "d5c5_bf16"), ("d5c5_rate8", "d5c5_bf16"), ("d5c5_rate16", "d5c5_bf16")]
    pairs += [("lt-euler_rate4", "lt-euler_rate8"), ("lt-euler_rate16", "lt-euler_rate8")]
    return it.versus_seed(pairs, "6,000 steps at other rates (in 1e-3), seed 0; D5C5 (bf16) is at 4e-3")


def fine(it: Answers) -> str:
    """What was fine-tuned at 8x against the wavelet, and the pairs that tell the order."""
    names = ["d5c5", "ft-euler", "lt-euler", "ft-rk2", "ft-rk4", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow"]
    pairs = [*FLOOR, ("lt-rk4", "d5c5"), ("lt-euler-26", "lt-rk4"), ("pc-flow", "lt-euler-26")]
    tuned = [(f"{a}_fine", f"{b}_fine") for a, b in pairs]
    return it.versus([*((f"{name}_fine", "wavelet") for name in names), *tuned], "Fine-tuned, seed 0", 8)


def fine_longest(it: Answers) -> str:
    """The same of the 20,000 steps' weights, and what the longer way brought at 8x."""
    names = ["d5c5", "ft-euler", "lt-euler", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow"]
    pairs = [*FLOOR, ("lt-rk4", "d5c5"), ("pc-flow", "lt-rk4"), ("pc-flow", "lt-euler-26")]
    tuned = [(f"{a}_fine20k", f"{b}_fine20k") for a, b in pairs]
    brought = [(f"{name}_fine20k", f"{name}_fine") for name in names]
    against = [(f"{name}_fine20k", "wavelet") for name in names]
    return it.versus([*against, *tuned, *brought], "Fine-tuned for 3,000 steps from 20,000, seed 0", 8)


def real_knee(it: Answers) -> str:
    """What was aimed at on the real knee, what there is, and how many doublings of the training lie between."""
    rows = []
    for name, aim in AIMS.items():
        scores = [it.one_test(KNEE, f"{name}{end}") for end in ENDS]
        there = [(psnr, it.steps(f"{name}{end}")) for psnr, end in zip(scores, ENDS, strict=True) if psnr is not None]
        if len(there) < 2:
            return f"{NOT_RUN.capitalize()}."
        (short, few), (long, many) = there[-2:]
        pace = (long - short) / math.log2(many / few)
        missing = f"{(aim - long) / pace:.1f}" if aim > long else "none"
        each = [NOT_RUN if psnr is None else f"{psnr:.2f}" for psnr in scores]
        rows.append([it.title(name), *each, f"{pace:+.2f}", f"{aim:.1f}", missing])
    lengths = ("2,000", "6,000", "20,000")
    header = ["model", *(f"{n} steps" for n in lengths), "a doubling brought", "aim", "doublings missing at this pace"]
    return plain_table("The real knee, first echo, 4×, PSNR in dB, seed 0", header, rows)


def real_fine(it: Answers, variant: str = "fine") -> str:
    """Fine-tuned rows and the wavelet against total variation on each real file, at 8x."""
    files = [
        t.test for r in it.moved if r.row_name == "tv" and r.acceleration == 8 for t in r.tests if t.group == "real"
    ]
    psnr = {test: it.moved_psnr(test, 8) for test in files}
    names = sorted({name for found in psnr.values() for name in found if name.endswith(f"_{variant}")})
    if not names:
        return f"{NOT_RUN.capitalize()}."
    names += ["wavelet"] if all("wavelet" in found for found in psnr.values()) else []
    rows = [
        [
            it.title(name),
            *(f"{found[name] - found['tv']:+.2f}" if name in found else NOT_RUN for found in psnr.values()),
        ]
        for name in names
    ]
    return plain_table(f"Fine-tuned ({variant}), seed 0, minus total variation, dB, 8×", ["model", *files], rows)
