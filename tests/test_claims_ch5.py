"""Chapter 5 says nothing that the results files, its own outputs or a short computation contradict."""

from __future__ import annotations

import json
import re

import pytest
import torch
from claims import SMALL, chapter, gap, noise_floor, row
from claims import said as said_in

from reconode.gradients import Reversible
from reconode.solvers import HEUN, RK4, TABLEAUS
from reconode.teach import plots
from reconode.teach.widgets.there_and_back import angle, exact, run


def said(sentence: str) -> None:
    said_in(chapter(5), sentence)


def found(pattern: str) -> dict[str, float]:
    """Numbers that the chapter's cells print, by what stands before them."""
    pairs = re.findall(pattern, chapter(5), re.MULTILINE)
    values = {" ".join(key.split()): float(value.replace(",", "")) for key, value in pairs}
    assert values, "the chapter prints no such line"
    return values


def test_the_way_back_ends_farther_away_than_the_way_there_led():
    said(
        "With Euler the image ends farther from home than it ever was on the way. RK4 with enough steps does come back"
    )
    means = found(r"^(\w[\w ]+ \d+): ([\d.]+), worst")
    worst = found(r"^(\w[\w ]+ \d+): [\d.]+, worst ([\d.]+)")
    assert means["Euler 5"] > 1.5
    assert worst["classical RK4 20"] < 0.25


def test_by_hand_is_the_librarys_to_the_last_bit():
    said("`torch.equal`: not close, equal")
    told = re.findall(r"^(Euler|Heun|classical RK4) +(True|False)$", chapter(5), re.MULTILINE)
    assert dict(told) == dict.fromkeys(("Euler", "Heun", "classical RK4"), "True")


def test_training_makes_the_continuous_adjoint_worse():
    said("on the trained one no method is within a fifth")
    said("Euler's is of first order, and as wrong before as after")
    errors = found(r"^((?:un)?trained +[\w ]+?) +N = 5: ([\d.]+)$")
    assert len(errors) == 6
    assert max(errors["untrained Heun"], errors["untrained classical RK4"]) < 0.01
    assert min(value for key, value in errors.items() if key.startswith("trained")) > 0.2
    assert errors["untrained Euler"] > 0.5 * errors["trained Euler"]


def test_the_results_file_agrees_that_five_steps_are_too_few():
    for case in json.loads((SMALL / "gradients.json").read_text())["rows"]:
        if case["steps"] == 5:
            exactly = case["gradient"] == "discrete"
            assert case["relative_error"] == 0 if exactly else case["relative_error"] > 0.2


def test_the_flow_contracts_and_expands_backwards():
    said("Once $|h\\lambda|$ exceeds $\\sqrt 2$, as the line above says it does")
    grows = found(r"^(forward|back), it grows ([\d.,]+) times")
    assert grows["back"] > 1000 * grows["forward"]
    assert float(re.findall(r"fastest decay times h = 1/5: (-[\d.]+)", chapter(5))[0]) < -(2**0.5)


def test_things_to_try_show_what_they_promise():
    said("at which $hk$ does the angle pass 90°")
    start = (1.4, 0.0)

    def apart(rate: float, steps: int, method: str) -> float:
        way = run(start, rate, steps, method, "continuous")
        return angle(way["right"], way["found"])

    for method in TABLEAUS.keys() & {"euler", "rk2", "rk4"}:
        assert any(apart(k / 2, 5, method) > 90 for k in range(2, 33)), "no method is immune"
    assert apart(8, 5, "euler") > 90 and apart(8, 20, "euler") < 10, "more steps help"

    def off(rate: float, coupling: float) -> float:
        way = run(start, rate, 10, "euler", "reversible", coupling)
        assert angle(way["right"], way["found"]) < 1e-3, "the angle stays zero"
        return float((way["there"][-1] - exact(start, rate)).norm())

    said("Push $k$ until its own way there fails, then lower κ")
    assert off(12, 0.99) > 50 * off(12, 0.5)


def test_the_order_of_reversible_solves():
    said("Its order is that of its base")
    rate = torch.tensor(-1 + 3j * torch.pi, dtype=torch.complex128)
    for tableau in (HEUN, RK4):
        ends = (Reversible(0.9).solve(lambda t, x: rate * x, torch.ones_like(rate), tableau, n)[-1] for n in (64, 128))
        coarse, fine = (float((x - rate.exp()).abs()) for x in ends)
        assert coarse / fine == pytest.approx(2**tableau.order, rel=0.15)


def test_reversible_solves_on_the_trained_flow():
    said("a coupling of 0.99 suits a flow that oscillates and is a poor one here")
    away = found(r"^((?:reversible, [\d.]+|Heun itself) +\d+): +([\d.]+)% off")
    for steps in (5, 10, 20):
        assert away[f"reversible, 0.99 {steps}"] > 5 * away[f"Heun itself {steps}"]
    said("ten steps are as good, for twice the evaluations")
    assert away["reversible, 0.5 10"] < 1.5 * away["Heun itself 10"]


@pytest.mark.parametrize("coupling", [0.99, 0.95, 0.9])
def test_the_reversible_limit_on_the_real_axis(coupling):
    said("For κ near 1 the limit on the real axis is $h k \\approx 1 - \\kappa$")
    inside, outside = (torch.tensor(-f * (1 - coupling), dtype=torch.complex128) for f in (0.9, 1.3))
    assert float(plots.growth(HEUN, inside, coupling)) <= 1 + 1e-9 < float(plots.growth(HEUN, outside, coupling))


@pytest.mark.parametrize("z", [-0.6, -0.99, -1.01, -1.5, -2.0])
def test_half_coupling_holds_along_the_axis(z):
    said("At κ = 0.5 Heun's version holds along the axis as far as Heun itself (at $hk = 1$ only just)")
    assert float(plots.growth(HEUN, torch.tensor(z, dtype=torch.complex128), 0.5)) <= 1 + 1e-9


def ways() -> tuple[dict[str, float], dict[str, int]]:
    """Peak megabytes and evaluations of f by way back, as the chapter prints them."""
    line = r"^(\S[^,]*?) +[\d.]+ kept, *([\d.]+) peak, (\d+) calls"
    lines = re.findall(line, chapter(5), re.MULTILINE)
    assert len(lines) == 6
    return {name: float(value) for name, value, _ in lines}, {name: int(value) for name, _, value in lines}


def test_the_front():
    peak, calls = ways()
    said("while it goes back it holds the entire solve")
    assert peak["whole block"] >= peak["store all"]
    said("the exact per-step checkpoint needs no more evaluations than the inexact continuous adjoint")
    assert calls["each step"] <= calls["continuous"]
    said("keeping each state costs little more than keeping none")
    assert max(peak["each step"], peak["3 slots"]) < min(1.5 * min(peak.values()), peak["store all"] / 10)
    assert calls["store all"] == min(calls.values()) and calls["reversible"] == 4 * calls["store all"]


def test_fa_by_the_discrete_adjoint_is_ft():
    said("The experiment did so over a hundred steps, with the same result")
    copies = json.loads((SMALL / "copies.json").read_text())
    assert copies["steps"] == 100 and copies["largest_weight_difference"] == 0
    assert "FA by the discrete adjoint is FT: True" in chapter(5)
    assert "and by the continuous one: False" in chapter(5)


def test_what_the_continuous_adjoint_costs():
    said("FA-Euler is behind FT-Euler by more than the two trainings of one function differ")
    said("an FT-Euler trained at that rate ties with it")
    floor = noise_floor()
    assert gap("ft-euler", "fa-euler-continuous") > floor
    assert abs(gap("ft-euler_slow", "fa-euler-continuous")) < floor
    said("the best weights on the way are far behind")
    for solver in ("rk2", "rk4"):
        assert gap(f"ft-{solver}", f"fa-{solver}-continuous") > 3 * floor
    said("FA diverged at FT's learning rate and was trained at a quarter of it")

    def rate(name: str) -> float:
        training = row(name).first.training
        assert training
        return float(training.settings["learning_rate"])

    assert rate("fa-euler-continuous") == rate("ft-euler_slow") == rate("ft-euler") / 4


def test_total_variation_stands_beside_both():
    means = found(r"^(ft-euler|fa-euler-continuous|tv) +([\d.]+), [\d.]+ dB")
    assert means["fa-euler-continuous"] < means["ft-euler"] < means["tv"]
    said("total variation, which was trained on nothing, is ahead of both")
    assert gap("tv", "ft-euler") > noise_floor()


def test_anodes_defaults():
    said("in short trainings these cost about what leaving $y$ out of $f$ costs")
    end = gap("ft-euler_short", "ft-euler-end_short")
    for name in ("fa-euler-anode_short", "fa-rk2-anode_short"):
        assert abs(gap("ft-euler_short", name) - end) < noise_floor()
