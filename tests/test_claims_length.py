"""What the answers say of 20,000 steps, of bf16 and of rates at length, and PC-Flow's page, is what the results say."""

from __future__ import annotations

import json

import pytest
from claims import ROOT, SMALL, TIE, compare, everything, gap, row, said, seeds, tie

from reconode import zoo
from reconode.experiment import lengths, rows

ANSWERS = (ROOT / "book" / "answers.md").read_text(encoding="utf-8")
LONGEST = ("d5c5", "ft-euler", "lt-euler", "ft-rk2", "ft-rk4", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow")
TUNED = ("d5c5", "ft-euler", "lt-euler", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow")
PC_FLOW = (ROOT / "book" / "pc_flow.md").read_text(encoding="utf-8")


def doubling(name, skip=()):
    """What the last doubling brought a row, without some of the lengths."""
    runs = [r for r in everything() if r.variant not in skip]
    (found,) = (one for one in lengths.progress(runs) if one.last.row.first.model == name)
    return found.brought


def test_a_doubling_brings_less_than_the_one_before_and_more_than_the_floor():
    said(ANSWERS, "From 6,000 to 20,000 a doubling brought each row on slabs less than the one before, and still more")
    for name in LONGEST:
        assert row(f"{name}_20k").first.training.steps == 20000
        assert TIE < doubling(name) < doubling(name, skip=("20k",))


def test_the_order_after_20000_steps():
    said(ANSWERS, "The two Euler rows, D5C5 and LT-RK2 tie among themselves again")
    said(
        ANSWERS,
        "LT-RK4, which tied with each of them after 6,000 steps, is ahead of each by more than the floor at one seed",
    )
    said(ANSWERS, "D5C5's second training ends three tenths of a decibel above its first, within the floor of LT-RK4")
    first, second = seeds("d5c5_20k").seed_means("psnr")
    assert second - first == pytest.approx(0.3, abs=0.05)
    (learned,) = seeds("lt-rk4_20k").seed_means("psnr")
    assert abs(learned - second) < TIE
    others = ("d5c5", "ft-euler", "lt-euler", "lt-rk2")
    assert all(tie(f"{a}_20k", f"{b}_20k") for a in others for b in others)
    assert all(tie("lt-rk4_long", f"{name}_long") for name in others)
    assert all(
        gap("lt-rk4_20k", f"{name}_20k") > TIE and compare("lt-rk4_20k", f"{name}_20k").low > 0 for name in others
    )
    said(ANSWERS, "over LT-RK2 it is hardly more than the floor")
    assert gap("lt-rk4_20k", "lt-rk2_20k") < TIE + 0.05
    said(ANSWERS, "Three of LT-RK4's layers are silent")
    assert len(row("lt-rk4_20k").first.training.silent) == 3
    said(ANSWERS, "a step of LT-RK4 costs several of D5C5's, whose training five times as long was not run")
    costs = lengths.read_costs(SMALL)
    assert costs["lt-rk4"] / costs["d5c5"] == pytest.approx(5, abs=0.7)
    assert not any(run.training.steps > 20000 for run in everything() if run.training)
    said(ANSWERS, "**After 20,000 steps it is not there either:**")
    said(ANSWERS, "and FT-RK2 with LT-RK2")
    assert tie("ft-rk2_20k", "lt-rk2_20k")
    said(ANSWERS, "and FT-RK4, the fixed solver with as many evaluations, ties with it")
    assert tie("lt-rk4_20k", "ft-rk4_20k")
    said(ANSWERS, "All freely trained rows of Table 1, LT-Euler-26 and PC-Flow have 20,000 steps")
    freely = {name for name, entry in zoo.MODELS.items() if entry.family in ("baseline", "FT", "LT")}
    assert {run.model for run in everything() if run.variant == "20k"} == freely | {"lt-euler-26", "pc-flow"}
    said(ANSWERS, "LT-RK4 has 8e-3, where half of it brought LT-Euler-26 a decibel; at 4e-3 it was not run so long")
    assert row("lt-rk4_20k").first.training.settings["learning_rate"] == 8e-3
    assert not any(r.model == "lt-rk4" and r.variant.startswith("20krate") for r in everything())
    said(ANSWERS, "wider leads than after 6,000 steps, and still within the floor of LT-Euler-26")
    said(ANSWERS, "after the long trainings, and after 20,000 steps, the two are within the floor of each other")
    assert tie("pc-flow_20k", "lt-euler-26_20k")
    for name in ("d5c5", "lt-rk4"):
        assert gap("pc-flow_20k", f"{name}_20k") > gap("pc-flow_long", f"{name}_long") + 0.1


def test_the_training_of_lt_euler_26_that_went_wrong():
    said(ANSWERS, "at 8e-3 its training went wrong")
    said(PC_FLOW, "its validation score fell by half a decibel between step 2,500 and 7,500")
    said(PC_FLOW, "over half of its ReLUs are silent at the end, twice as many as after the shorter training")
    said(PC_FLOW, "and it ended where that one had")
    relus = json.loads((SMALL / "dead_relus.json").read_text())["relus"]
    dead, shorter = (sum(one["dead"] for one in relus[f"lt-euler-26_4x_seed0_{end}"]) for end in ("20krate8", "long"))
    assert dead > 64 and dead == pytest.approx(2 * shorter, rel=0.1)
    training, chosen = (row(f"lt-euler-26_{end}").first.training for end in ("20krate8", "20k"))
    assert training.settings["learning_rate"] == 8e-3 and chosen.settings["learning_rate"] == 4e-3
    said(ANSWERS, "the validation knees prefer 4e-3 by a decibel")
    assert chosen.best.psnr - training.best.psnr == pytest.approx(1.1, abs=0.2)
    said(PC_FLOW, "Both are at a rate of 4e-3 there")
    assert row("pc-flow_20k").first.training.settings["learning_rate"] == 4e-3
    said(PC_FLOW, "a lead of more than a decibel over it, which stood here for a day, was the learning rate's")
    assert gap("pc-flow_20k", "lt-euler-26_20krate8") > 1 and tie("pc-flow_20k", "lt-euler-26_20k")
    scores = {int(step): psnr for step, psnr, *_ in training.validation}
    assert scores[2500] - scores[7500] == pytest.approx(0.5, abs=0.1)
    assert tie("lt-euler-26_20krate8", "lt-euler-26_long")


def test_fine_tuned_from_20000_steps():
    said(ANSWERS, "all are above the wavelet by more than twice the floor")
    said(ANSWERS, "tie with each other or nearly, with LT-RK4 and LT-RK2 at their head")
    said(ANSWERS, "FT-RK2 and FT-RK4 were not run so")
    tuned = [run for run in everything() if run.variant == "fine20k"]
    assert {run.training.steps for run in tuned} == {3000} and {run.model for run in tuned} == set(TUNED)
    assert all(str(run.training.settings["init"]).endswith("_20k") for run in tuned)
    ahead = {run.model: gap(run.row_name, "wavelet", 8) for run in tuned}
    assert min(ahead.values()) > 2 * TIE
    assert all(gap(f"{name}_fine20k", f"{name}_fine", 8) > TIE for name in TUNED)
    five = sorted((name for name in TUNED if name not in ("pc-flow", "lt-euler-26")), key=lambda name: ahead[name])
    assert set(five[-2:]) == {"lt-rk4", "lt-rk2"} and ahead[five[-1]] - ahead[five[0]] < TIE + 0.05
    assert ahead["pc-flow"] - ahead["lt-rk4"] > 2 * TIE
    said(ANSWERS, "and ties with LT-Euler-26, which has 4e-3 here too")
    assert tie("pc-flow_fine20k", "lt-euler-26_fine20k", 8)
    assert row("lt-euler-26_fine20k", 8).first.training.settings["learning_rate"] == 4e-3


def test_pc_flow_without_its_ideas():
    said(
        PC_FLOW, "With one step a piece the score falls by decibels; with twice as many as it was trained with, hardly"
    )
    measured = json.loads((SMALL / "pc_flow.json").read_text())
    repeats = {int(n): psnr for n, psnr in measured["repeats"].items()}
    assert repeats[1] < repeats[3] - 2 and abs(repeats[6] - repeats[3]) < TIE and measured["trained_repeats"] == 3


def test_a_second_search_from_pc_flow():
    said(PC_FLOW, "was half a decibel ahead after 2,000 steps")
    found = json.loads((SMALL / "beyond_pc_flow.json").read_text())
    gain = {name: one["psnr"] - found["candidates"]["PC-Flow"]["psnr"] for name, one in found["candidates"].items()}
    assert found["steps"] == 2000 and gain["sees the step before"] == pytest.approx(0.5, abs=0.1)
    said(PC_FLOW, "dilations lost, a coarse branch gained within the floor")
    assert gain["dilations 1-2-4-2-1 along the columns"] < 0 < gain["a coarse branch at half resolution"] < TIE
    said(PC_FLOW, "with three times the parameters, gained a third of a decibel")
    assert gain["fifteen pieces, one step each"] == pytest.approx(0.33, abs=0.05)
    said(PC_FLOW, "It is a tie")
    said(PC_FLOW, "over the three, and one is behind")
    both = rows.two_way(seeds("pc-flow-history_long"), seeds("pc-flow_long"))
    assert both.low < 0 < both.high and abs(both.mean) < TIE
    pairs = [(row("pc-flow-history_long", seed=seed), row("pc-flow_long", seed=seed)) for seed in range(3)]
    assert sum(rows.compare(a, b).difference.mean < 0 for a, b in pairs) == 1


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
