"""What the answers say of 20,000 steps, of bf16 and of learning rates at length is what the results files say."""

from __future__ import annotations

from claims import ROOT, TIE, everything, gap, row, said, tie

from reconode.experiment import lengths

ANSWERS = (ROOT / "book" / "answers.md").read_text(encoding="utf-8")
LONGEST = ("d5c5", "lt-euler", "lt-rk2", "pc-flow")


def doubling(name, skip=()):
    """What the last doubling brought a row, without some of the lengths."""
    runs = [r for r in everything() if r.variant not in skip]
    (found,) = (one for one in lengths.progress(runs) if one.last.row.first.model == name)
    return found.brought


def test_a_doubling_brings_less_than_the_one_before_and_more_than_the_floor():
    said(ANSWERS, "From 6,000 to 20,000 a doubling brought each of them less than the one before, and still more than")
    for name in LONGEST:
        assert row(f"{name}_20k").first.training.steps == 20000
        assert TIE < doubling(name) < doubling(name, skip=("20k",))


def test_the_order_after_20000_steps():
    said(ANSWERS, "D5C5, LT-Euler and LT-RK2 tie again. PC-Flow grew most")
    said(ANSWERS, "a wider lead than after 6,000 steps")
    assert tie("d5c5_20k", "lt-euler_20k") and tie("lt-rk2_20k", "d5c5_20k") and tie("lt-rk2_20k", "lt-euler_20k")
    grown = {name: gap(f"{name}_20k", f"{name}_long") for name in LONGEST}
    assert max(grown, key=lambda name: grown[name]) == "pc-flow"
    assert gap("pc-flow_20k", "d5c5_20k") > gap("pc-flow_long", "d5c5_long") + TIE


def test_bf16_costs_nothing_that_can_be_seen():
    said(ANSWERS, "D5C5 trained from one seed for 6,000 steps in bf16 ties with itself in single precision")
    single, half = row("d5c5_long").first, row("d5c5_bf16").first
    assert (single.training.steps, half.training.steps) == (6000, 6000) and single.seed == half.seed == 0
    assert (single.training.settings["precision"], half.training.settings["precision"]) == ("no", "bf16")
    assert tie("d5c5_bf16", "d5c5_long")
    assert all(row(f"{name}_20k").first.training.settings["precision"] == "bf16" for name in LONGEST)


def test_no_rate_lies_at_an_edge_at_length():
    said(ANSWERS, "D5C5 ties between 2e-3 and its own 4e-3 and loses above")
    said(ANSWERS, "LT-Euler ties between 4e-3 and its own 8e-3 and loses at twice that")
    rates = {name: row(name).first.training.settings["learning_rate"] for name in ("d5c5_long", "lt-euler_long")}
    assert rates == {"d5c5_long": 4e-3, "lt-euler_long": 8e-3}
    assert tie("d5c5_rate2", "d5c5_bf16") and gap("d5c5_bf16", "d5c5_rate8") > TIE
    assert gap("d5c5_rate8", "d5c5_rate16") > TIE
    assert tie("lt-euler_rate4", "lt-euler_rate8") and gap("lt-euler_rate8", "lt-euler_rate16") > TIE
