"""Chapter 10 says nothing that the results files or its own outputs contradict."""

from __future__ import annotations

import json
import re

import pytest
from claims import ROOT, SMALL, TIE, chapter, compare, everything, gap, row, seeds, tie
from claims import said as said_in

from reconode.experiment import paper, rows
from reconode.experiment.claims import AHEAD, CLAIMS, FLOOR, settings, verdict
from reconode.metrics import Interval, bootstrap

NUMBER = 10
PAGE = chapter(NUMBER)
TABLE, LONG = (4, ""), (4, "long")
MEASURED, PADDED, MAGNITUDE = "as measured", ("padded by 1.5", "padded by 2"), "magnitude only"


def said(sentence: str) -> None:
    said_in(PAGE, sentence)


def order(a: str, b: str, length: tuple[float, str]) -> str:
    """The chapter's own word for a pair, by its own rule."""
    (found,) = [
        d.order
        for claim in CLAIMS.values()
        for d in verdict(claim, everything(), *length).differences
        if d.pair == (a, b)
    ][:1]
    return found


def crimes(one: tuple[str, str], other: tuple[str, str], metric: str = "psnr") -> Interval:
    """Scores of one model and way less those of another, knee by knee."""
    content = json.loads((SMALL / "crimes.json").read_text())["rows"]
    found = {(r["model"], r["way"]): [v[metric] for v in r["volumes"]] for r in content}
    return bootstrap([a - b for a, b in zip(found[one], found[other], strict=True)])


def test_the_first_picture():
    said("after a short training LT-RK4 is ahead of FT-Euler. After three times the training most of that is gone")
    short = rows.compare(seeds("lt-rk4"), seeds("ft-euler")).difference
    long = rows.compare(seeds("lt-rk4_long"), seeds("ft-euler_long")).difference
    assert short.low > TIE and abs(long.mean) < short.mean / 2
    scores = {name: r.psnr[4] for name, r in paper.TABLE1.items()}
    assert scores["lt-rk4"] == max(scores.values()), "the mark farthest to the right"


def test_two_trainings_of_one_function_pass_the_papers_test():
    said("**two trainings of one function pass it**")
    c = rows.compare(row("lt-euler"), row("ft-euler"))
    assert c.p < 1e-5 and abs(c.difference.mean) <= FLOOR == TIE
    said(f"LT-Euler - FT-Euler: {c.difference.mean:+.2f} dB")


def test_what_was_found():
    said("LT-Euler and FT-Euler tie, as they must. FT-Euler and FT-RK2 tie as well")
    for length in (TABLE, LONG):
        assert order("lt-euler", "ft-euler", length) == order("ft-rk2", "ft-euler", length) == "tie"
    said("FA-Euler, by the continuous adjoint, is below FT-Euler at the one length at which it was run")
    assert order("ft-euler", "fa-euler-continuous", TABLE) == AHEAD
    said("the other FA rows and the neural ODE broke off early, and are not compared")
    assert len(verdict(CLAIMS["adjoint"], everything(), *TABLE).differences) == 1
    assert not verdict(CLAIMS["ode"], everything(), *TABLE).differences
    assert not [r for r in everything() if r.family == "FA" and (r.acceleration, r.variant) == LONG]


def leads(pair):
    """The lengths at which a claim's pair is ahead, and whether it was run at that of the long trainings."""
    found = {
        length: d.order
        for length in settings(everything())
        for claim in CLAIMS.values()
        for d in verdict(claim, everything(), *length).differences
        if d.pair == pair
    }
    return {length for length, way in found.items() if way == AHEAD}, LONG in found


def test_what_was_found_at_one_length():
    said("RK4 ahead of RK2 in the learned solver, after 20,000 steps, one training each, by hardly more than the floor")
    said("At every shorter length it is a tie")
    pair = ("lt-rk4", "lt-rk2")
    assert leads(pair) == ({(4, "20k")}, True)
    assert all(len(seeds(f"{name}_20k").runs) == 1 for name in pair)
    assert all(order(*pair, length) == "tie" for length in (TABLE, LONG))
    assert FLOOR < gap("lt-rk4_20k", "lt-rk2_20k") < FLOOR + 0.05


def test_what_was_not_found():
    said("LT-RK2 and LT-RK4 ahead of FT with the same order")
    said("LT-RK2 or LT-RK4 ahead of D5C5")
    said("LT-RK4 is ahead of one of D5C5's two trainings by more than the floor, and not of the other")
    others = [rows.make_row([run]) for run in seeds("d5c5_20k").runs]
    found = [rows.compare(row("lt-rk4_20k"), one).difference.mean for one in others]
    assert len(found) == 2 and min(found) < FLOOR < max(found)
    for pair in (("lt-rk2", "ft-rk2"), ("lt-rk4", "ft-rk4"), ("lt-rk4", "d5c5")):
        assert leads(pair) == (set(), True)
    c = rows.two_way(seeds("lt-rk2"), seeds("d5c5"))
    assert c.low < 0 < c.high and tie("lt-rk2_long", "d5c5_long") and tie("lt-rk2_20k", "d5c5_20k")


def test_what_came_out_otherwise():
    said("at 4× FT-RK4 is *ahead* of FT-Euler, where the paper has a tie")
    said("FT-Euler is far ahead of U-Net and KIKI-Net, where the paper has ties")
    for length in (TABLE, LONG):
        assert order("ft-rk4", "ft-euler", length) == AHEAD
    for name in ("unet", "kiki-net"):
        assert gap("ft-euler", name) > 2 * TIE and gap("ft-euler_long", f"{name}_long") > 2 * TIE
    of_paper = {name: paper.TABLE1[name].psnr[4] for name in ("ft-rk4", "ft-euler", "unet", "kiki-net")}
    assert max(of_paper.values()) - min(of_paper.values()) <= 0.02
    said("half the updates for the same examples")
    d5c5 = row("d5c5").first.training
    for name in ("unet", "kiki-net"):
        training = row(name).first.training
        assert d5c5 and training and 2 * training.steps == d5c5.steps and training.examples == d5c5.examples
    said("a tie after 300 steps. At the table's length it was not run")
    assert verdict(CLAIMS["attention"], everything(), 4, "short").differences[0].order == "tie"
    assert not verdict(CLAIMS["attention"], everything(), *TABLE).differences


def test_the_matrix_on_the_page_is_of_these_results():
    columns = settings(everything())
    for key, claim in CLAIMS.items():
        cells = [str(verdict(claim, everything(), *length)) for length in columns]
        assert re.search(rf"^{key} +" + " +".join(map(re.escape, cells)) + "$", PAGE, re.MULTILINE), (
            f"{key}: run the chapter again, its results have changed"
        )


def test_table_2():
    said("Found: a fraction of the memory, at the peak, for some more time")
    ours = json.loads((ROOT / "results/bench/models.json").read_text())["checkpointing"]
    off, on = paper.TABLE2["keep all"], paper.TABLE2["checkpointing"]
    assert ours["peak_ratio"] < 0.5 and on.gigabytes / off.gigabytes < 0.5
    assert 1 < ours["time_ratio"] < 1.5 and 1 < on.seconds / off.seconds < 1.5


def test_equal_slices_and_equal_arithmetic():
    said("By slices, LT-Euler with 26 steps and PC-Flow (both beyond the paper) are ahead")
    others = ("d5c5", "ft-rk4", "lt-euler", "lt-rk4")
    for name in ("lt-euler-26", "pc-flow"):
        assert all(gap(f"{name}_long", f"{other}_long") > TIE for other in others)
    said("D5C5 and LT-Euler lie to the left: they reach what LT-RK4 reaches for a fifth of it")
    counted = json.loads((SMALL / "cost_counted.json").read_text())["rows_measured"]
    price = {r["model"]: r["tflop_a_step"] for r in counted}
    for name in ("d5c5", "lt-euler"):
        assert price[name] / price["lt-rk4"] == pytest.approx(0.2, abs=0.02)
        assert gap(f"{name}_long", "lt-rk4_long") > -TIE


def test_the_knee_is_chosen_by_rule():
    leads = {
        name: psnr - row("wavelet").per_volume("psnr")[name]
        for name, psnr in row("lt-rk4_long").per_volume("psnr").items()
    }
    chosen = re.findall(r"^chosen: (\S+), ([+-][\d.]+) dB", PAGE, re.MULTILINE)
    ((name, lead),) = chosen
    assert sorted(leads, key=leads.get).index(name) == len(leads) // 2 and float(lead) == pytest.approx(
        leads[name], abs=0.006
    )
    said("on single knees either is ahead by more than half a decibel")
    d = [a - row("d5c5_long").per_volume("psnr")[n] for n, a in row("lt-rk4_long").per_volume("psnr").items()]
    assert abs(sum(d) / len(d)) < TIE and min(d) < -0.5 and max(d) > 0.5


def test_padding_is_worth_more_than_any_solver():
    said("**Padding k-space by two is worth more decibels than any choice of solver in our tables**")
    said("two to three and a half (by a half, one to two)")
    models = ("tv", "wavelet", "d5c5_long", "lt-rk4_long", "pc-flow_long")
    gained = {way: [crimes((name, way), (name, MEASURED)) for name in models] for way in PADDED}
    assert all(1 < i.mean < 2.25 for i in gained[PADDED[0]]) and all(1.9 < i.mean < 3.55 for i in gained[PADDED[1]])
    solvers = ("ft-euler", "ft-rk2", "ft-rk4", "lt-euler", "lt-rk2", "lt-rk4", "lt-euler-26")
    for end in ("", "_long"):
        means = [row(f"{name}{end}").interval("psnr").mean for name in solvers]
        assert max(means) - min(means) < min(i.mean for i in gained[PADDED[1]])
    said("most to methods without training, so that the networks' lead over the wavelet shrinks")
    for name in models[2:]:
        before, after = (crimes((name, way), ("wavelet", way)).mean for way in (MEASURED, PADDED[1]))
        assert 0 < after < before


def test_the_gain_of_padding_is_the_masks():
    said("yet the second column gains more than three times the training brought D5C5")
    said("there the mask is drawn first, as a scanner does, and the zeros come after; the gain is gone")
    live = re.findall(r"^(\S+) +([\d.]+) +([\d.]+) +([\d.]+)$", PAGE, re.MULTILINE)
    assert [name for name, *_ in live] == ["zero-filled", "tv", "d5c5_long"]
    for measured, padded, after in ([float(v) for v in scores] for _, *scores in live):
        assert padded - measured > gap("d5c5_long", "d5c5") and abs(after - measured) < 0.3


def test_magnitudes_make_an_order():
    said(
        "as measured D5C5 and LT-RK4 tie, on magnitude images D5C5 is ahead by more than the floor, "
        "with the same weights"
    )
    before, after = (crimes(("d5c5_long", way), ("lt-rk4_long", way)) for way in (MEASURED, MAGNITUDE))
    assert abs(before.mean) < TIE and after.mean > TIE and after.low > 0
    said("worth up to a decibel, to each method something else")
    models = ("tv", "wavelet", "d5c5_long", "lt-rk4_long", "pc-flow_long")
    gains = [crimes((name, MAGNITUDE), (name, MEASURED)).mean for name in models]
    assert min(gains) > 0 and max(gains) < 1.1 and max(gains) - min(gains) > 2 * TIE


def test_jpeg_adds_to_ssim_only():
    said("JPEG on top adds nothing to PSNR, and a hundredth or two to SSIM")
    for way in ("JPEG, quality 75", "JPEG, quality 20"):
        for name in ("tv", "wavelet", "d5c5_long", "lt-rk4_long", "pc-flow_long"):
            assert abs(crimes((name, way), (name, MAGNITUDE)).mean) < TIE
            assert 0.004 < crimes((name, way), (name, MAGNITUDE), "ssim").mean < 0.03


def test_the_recap():
    said("Padding k-space by two is worth more decibels than any choice of solver in our tables.")
    said("stays below the quarter of a decibel by which trainings of one model differ at 6,000")
    assert order("lt-rk4", "d5c5", LONG) == "tie" and abs(compare("lt-rk4_long", "d5c5_long").mean) < TIE
    said("the difference changes sign between seeds at 2,000 steps")
    each = [rows.compare(row("lt-rk4", seed=s), row("d5c5", seed=s)).difference.mean for s in range(3)]
    assert min(each) < 0 < max(each)


def test_nothing_was_run_on_fastmri():
    said("On fastMRI itself we have run nothing")
    assert not (ROOT / "results" / "fastmri").exists()
