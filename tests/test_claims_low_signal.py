"""The page on dark stripes claims nothing that its results contradict; each test names its sentence."""

from __future__ import annotations

import json
import re
import statistics

import pytest
import torch
from claims import ROOT, SMALL, TIE, said

from reconode import evaluate, masks, metrics, zoo
from reconode.data import echo
from reconode.experiment.benchmark import Benchmark, find, in_memory
from reconode.experiment.low_signal import ECHO, NOISES, Knee

PAGE = (ROOT / "book" / "low_signal.md").read_text(encoding="utf-8")
NETWORKS = ("d5c5", "lt-rk4", "lt-euler-26", "pc-flow")
SHARES = [f"{noise:g}" for noise in NOISES]


@pytest.fixture
def measured():
    return json.loads((SMALL / "low_signal.json").read_text())


def mean(measured, cell, row, against="own"):
    return statistics.mean(measured["low"][cell][row][against])


def lead(measured, cell, network, other, acceleration, against="own"):
    """How far a network is above a method that is not trained, whose row is always plain."""
    plain = re.sub("centered|weighted", "plain", cell)
    rows = (f"{name} {acceleration}x" for name in (network, other))
    return mean(measured, cell, next(rows), against) - mean(measured, plain, next(rows), against)


def test_the_class_is_what_the_page_says(measured):
    said(PAGE, "noise of 3, 5 or 8 % of the brightest pixel")
    said(PAGE, "an echo that is 8 to 20 samples off the middle of the readout")
    said(PAGE, "nine knees, the test series")
    assert NOISES == (0.03, 0.05, 0.08) and ECHO == (8, 20) and measured["knees"] == 9


def test_it_is_not_the_noise(measured):
    said(PAGE, "With the noise alone every network is above the wavelet at 4×")
    assert all(lead(measured, "noise 0.05 plain", n, "wavelet", 4) > TIE for n in NETWORKS)


def test_it_is_the_echo(measured):
    said(PAGE, "there every network is below total variation and the wavelet at 4×")
    for network in NETWORKS:
        assert all(lead(measured, "echo 0.05 plain", network, other, 4) < -TIE for other in ("tv", "wavelet"))
    said(PAGE, "at 8× three of four are below zero-filled")
    assert sum(lead(measured, "echo 0.05 plain", n, "zero-filled", 8) < 0 for n in NETWORKS) == 3


def test_smooth_phase_is_another_matter(measured):
    said(PAGE, "all methods come together, and at 8× every network is a little below zero-filled")
    cell = "smooth 0.05 plain"
    assert all(-0.4 < lead(measured, cell, n, "zero-filled", 8) < 0 for n in NETWORKS)
    spread = [lead(measured, c, n, "wavelet", 4) for c in (cell, "noise 0.05 plain") for n in NETWORKS]
    assert max(spread[:4]) < min(spread[4:]), "closer than with the noise alone"


def test_the_mend(measured):
    said(PAGE, "Every network then is above zero-filled at both accelerations and every level of noise")
    said(PAGE, "the best is above the wavelet")
    for acceleration in (4, 8):
        for share in SHARES:
            cell = f"echo {share} centered"
            assert all(lead(measured, cell, n, "zero-filled", acceleration) > 0 for n in NETWORKS), (cell, acceleration)
            assert max(lead(measured, cell, n, "wavelet", acceleration) for n in NETWORKS) > 0, (cell, acceleration)
    said(PAGE, "networks gain more than against the noisy one")
    for network in NETWORKS:
        row = f"{network} 4x"
        gains = [
            mean(measured, "echo 0.05 centered", row, against) - mean(measured, "echo 0.05 plain", row, against)
            for against in ("clean", "own")
        ]
        assert gains[0] > gains[1] > TIE


def test_the_mend_is_exact_and_leaves_the_rest_alone():
    said(PAGE, "Data within what training has (four turns) pass as they are, to the last bit")
    said(PAGE, "so no number elsewhere in this book changes")
    assert echo.TRAINED == 4
    small = find("small")
    for number in range(small.volumes):
        knee = in_memory(small, number)
        for acceleration in (4, 8):
            y, _ = knee.measure(masks.random(knee.width, acceleration, seed=knee.name))
            assert float(echo.turns(y).abs().max()) < echo.TRAINED, number


def test_the_mend_with_the_weights_that_ship():
    """On a knee of the validation series, which nothing on the page was scored on."""
    torch.set_num_threads(1)
    knee = Knee(Benchmark("tiny", (96, 112)), 0, 0.05, seed=3_500_003).scan()
    mask, model = masks.random(knee.width, 8, seed=knee.name), zoo.load("pc-flow_fine", 8)
    plain, centered = (evaluate.reconstruct(model, knee, mask, center=c) for c in (False, True))
    before, after = (metrics.psnr(image, knee.target) for image in (plain, centered))
    zero_filled = metrics.psnr(evaluate.reconstruct(zoo.load("zero-filled"), knee, mask), knee.target)
    assert after > max(before, zero_filled) + 0.5


def test_weighted_data_consistency_is_a_tie(measured):
    found = {
        against: [
            mean(measured, f"echo {share} weighted", f"{n} {a}x", against)
            - mean(measured, f"echo {share} centered", f"{n} {a}x", against)
            for share in SHARES
            for n in NETWORKS
            for a in (4, 8)
        ]
        for against in ("own", "clean")
    }
    said(PAGE, "which contains the very samples that it doubts, every difference is within the noise floor")
    assert max(map(abs, found["own"])) <= TIE
    said(PAGE, "and most are losses")
    assert sum(d < 0 for d in found["own"]) > len(found["own"]) / 2
    said(PAGE, "against the clean one PC-Flow gains about as much as the floor at 4× and 8 % of noise")
    row = "pc-flow 4x"
    gain = mean(measured, "echo 0.08 weighted", row, "clean") - mean(measured, "echo 0.08 centered", row, "clean")
    assert 0.15 < gain < 0.35 and gain == max(found["clean"])


VARIANTS = ("control", "noise", "phase", "clean", "all")


def tuned(measured, cell, acceleration=4):
    """D5C5's fine-tunings."""
    return {v: mean(measured, cell, f"d5c5+{v} {acceleration}x") for v in VARIANTS}


def test_training_does_not_mend_it(measured):
    said(PAGE, "faster phase gains most, about a tenth of what centering brings")
    plain, centered = (tuned(measured, f"echo 0.05 {how}") for how in ("plain", "centered"))
    gains = {v: plain[v] - plain["control"] for v in VARIANTS}
    assert max(gains, key=gains.get) == "phase"
    assert gains["phase"] < 0.15 * (centered["control"] - plain["control"])
    said(PAGE, "the rest are ties with more of the same")
    assert all(abs(gains[v]) <= TIE for v in VARIANTS if v != "phase")
    said(PAGE, "Once the echo is centered all are ties, heavier noise included")
    assert all(abs(centered[v] - centered["control"]) <= TIE for v in VARIANTS)
    said(PAGE, "At 8× D5C5's are ties")
    for how in ("plain", "centered"):
        at_8x = tuned(measured, f"echo 0.05 {how}", 8)
        assert all(abs(at_8x[v] - at_8x["control"]) <= TIE for v in VARIANTS)
    said(PAGE, "PC-Flow, of which only two were run, gets from faster phase about a third of what centering brings")
    flow = {
        (how, v): mean(measured, f"echo 0.05 {how}", f"pc-flow+{v} 8x")
        for how in ("plain", "centered")
        for v in ("control", "phase")
    }
    gain, whole = (flow[cell] - flow["plain", "control"] for cell in (("plain", "phase"), ("centered", "control")))
    assert gain > TIE and gain / whole == pytest.approx(1 / 3, abs=0.08)
    assert abs(flow["centered", "phase"] - flow["centered", "control"]) <= TIE


def test_faster_phase_on_the_real_head(measured):
    said(PAGE, "it is worth more than the noise floor to D5C5 and to PC-Flow against more of the same")
    for name in ("d5c5", "pc-flow"):
        phase, control = (measured["elsewhere"][f"{name}+{v} 8x"]["brain_t1w"][0] for v in ("phase", "control"))
        assert phase - control > TIE


def test_what_training_costs_elsewhere(measured):
    said(PAGE, "Clean targets and all three together cost the benchmark's own knees a little")
    test = {v: statistics.mean(measured["elsewhere"][f"d5c5+{v} 4x"]["test"]) for v in VARIANTS}
    for variant in ("clean", "all"):
        assert 0.1 < test["control"] - test[variant] <= 0.3
    assert all(abs(test[v] - test["control"]) < 0.1 for v in ("noise", "phase"))


@pytest.mark.parametrize(
    "claim, cell, row, decibels",
    [
        (test_it_is_not_the_noise, "noise 0.05 plain", "d5c5 4x", -2),
        (test_it_is_the_echo, "echo 0.05 plain", "pc-flow 4x", +2),
        (test_it_is_the_echo, "echo 0.05 plain", "pc-flow 8x", +1),
        (test_smooth_phase_is_another_matter, "smooth 0.05 plain", "d5c5 8x", +1),
        (test_the_mend, "echo 0.08 centered", "lt-rk4 8x", -1),
        (test_the_mend, "echo 0.03 plain", "wavelet 8x", +1),
        (test_weighted_data_consistency_is_a_tie, "echo 0.05 weighted", "d5c5 8x", +1),
        (test_training_does_not_mend_it, "echo 0.05 plain", "d5c5+noise 4x", +1),
        (test_training_does_not_mend_it, "echo 0.05 centered", "d5c5+all 4x", +1),
    ],
)
def test_a_turned_row_fails_the_claim(measured, claim, cell, row, decibels):
    claim(measured)
    for scores in measured["low"][cell][row].values():
        scores[:] = [score + decibels for score in scores]
    with pytest.raises(AssertionError):
        claim(measured)
