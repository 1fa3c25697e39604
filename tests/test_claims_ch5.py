"""Chapter 5 says nothing that the results files, its own outputs or a short computation contradict."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from claims import SMALL, chapter, gap, noise_floor, row
from claims import said as said_in
from torch import Tensor

from reconode import masks, zoo
from reconode.experiment import benchmark
from reconode.gradients import ContinuousAdjoint, Reversible
from reconode.models import FixedSolver
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, RK4, TABLEAUS, Backprop, Tableau, integrate, step
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


@torch.no_grad()
def test_the_longer_training_finds_its_way_back_worse():
    said("Trained for 6,000 steps the flow contracts faster still, and the way back is worse")
    y, E, _ = first_slice(9)
    y, missed = y[:, :, 44:52], []
    for name in ("ft-euler_table", "ft-euler_long"):
        flow, start = zoo.load(name).flow(y, E), E.H(y)
        home = end = integrate(flow, start, RK4, 20)
        for n in range(20, 0, -1):
            home = step(flow, n / 20, home, -1 / 20, RK4)
        missed.append(float((home - start).norm() / (end - start).norm()))
    assert missed[1] > 2 * missed[0]


def test_by_hand_is_the_librarys_to_the_last_bit():
    said("`torch.equal`: not close, equal")
    told = re.findall(r"^(Euler|Heun|classical RK4) +(True|False)$", chapter(5), re.MULTILINE)
    assert dict(told) == dict.fromkeys(("Euler", "Heun", "classical RK4"), "True")


def test_training_makes_the_continuous_adjoint_worse():
    """On ten knees trained (from the file), on three untrained networks."""
    said("Euler's is of first order, and as wrong before as after")
    said("Heun's and RK4's are within a hundredth at the paper's $N = 5$ on the untrained flow")
    said("on the trained one they are wrong by tenths, as on ten knees in the table below")
    trained = {method: way_back("continuous", method, 5) for method in METHODS}
    for seed in range(3):
        torch.manual_seed(seed)
        untrained = {tableau.name: continuous_error(FixedSolver().double(), tableau) for tableau in (EULER, HEUN, RK4)}
        assert untrained["Euler"] > 0.5 * trained["Euler"]["mean_error"]
        for method in ("Heun", "classical RK4"):
            assert untrained[method] < 0.01 < trained[method]["least_error"]
            assert 0.1 < trained[method]["mean_error"] < 1


def continuous_error(net: FixedSolver, tableau: Tableau) -> float:
    """Of the gradient by the continuous adjoint, N = 5, a slab of a test knee."""
    y, E, target = first_slice(9)
    y, target = y[:, :, 45:51].to(torch.complex128), target[:, 45:51]
    uses, f, x0 = list(net.parameters()), net.flow(y, E), E.H(y)
    found = []
    for way in (Backprop(), ContinuousAdjoint()):
        loss = (integrate(f, x0, tableau, 5, way, uses=uses) - target).abs().square().sum()
        found.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, uses)]))
    return float((found[1] - found[0]).norm() / found[0].norm())


def first_slice(number: int) -> tuple[Tensor, MRIOperator, Tensor]:
    """First slice of a test knee: masked data, their operator, the image."""
    knee = benchmark.in_memory(benchmark.find("small"), number)
    y, E, scale = knee.scaled(masks.random(knee.width, 4, seed=knee.name), slice(0, 1))
    full, F = knee.measure(torch.ones(knee.width), slice(0, 1))
    return y, E, F.H(full / scale)


@torch.no_grad()
def test_the_air_comes_home_least_and_what_was_measured_does():
    said("The measured columns of k-space came home, because they never left")
    said("The rest did not, least of all in the air beside the knee")
    y, E, target = first_slice(32)
    flow, start = zoo.load("ft-euler_table", acceleration=4).flow(y, E), E.H(y)
    home = integrate(flow, start, EULER, 5)
    for n in range(5, 0, -1):
        home = step(flow, n / 5, home, -1 / 5, EULER)
    assert (E(home) - y).norm() < 1e-5 * y.norm()
    missed, air = (home - start).abs().square(), target.abs() < 0.05 * target.abs().max()
    assert missed[air].mean() > 5 * missed[~air].mean()


def test_the_results_file_agrees_that_five_steps_are_too_few():
    for case in json.loads((SMALL / "gradients.json").read_text())["rows"]:
        if case["steps"] == 5:
            exactly = case["gradient"] == "discrete"
            assert case["relative_error"] == 0 if exactly else case["relative_error"] > 0.2


def test_the_flow_contracts_and_expands_backwards():
    said("Beyond $|h\\lambda| = \\sqrt 2$ that exceeds one in size, five times over")
    said("the fastest $h\\mu$ above is far beyond")
    said("Back, a difference may grow tens of thousands of times")
    grows = found(r"^(forward|back), at most ([\d.,]+) times")
    assert grows["forward"] < 10 < 1e4 < grows["back"] < 1e5
    assert float(re.findall(r"fastest decay times h = 1/5: (-[\d.]+)", chapter(5))[0]) < -1.5 * 2**0.5


def test_the_flow_forgets_the_air_most():
    said("The trained flow *forgets*, in the air most of all; the untrained one hands on what it was given")
    times = found(r"^((?:un)?trained +(?:air|knee)) +([\d.]+) times")
    assert times["trained air"] < times["trained knee"] - 0.1 < 0.9
    assert min(times["untrained air"], times["untrained knee"]) > 0.98


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
    said("Its order is that of its base; a test measures it")
    rate = torch.tensor(-1 + 3j * torch.pi, dtype=torch.complex128)
    for tableau in (HEUN, RK4):
        ends = (Reversible(0.9).solve(lambda t, x: rate * x, torch.ones_like(rate), tableau, n)[-1] for n in (64, 128))
        coarse, fine = (float((x - rate.exp()).abs()) for x in ends)
        assert coarse / fine == pytest.approx(2**tableau.order, rel=0.15)


def test_reversible_solves_on_the_trained_flow():
    said("a coupling of 0.99 suits a flow that oscillates and is a poor one here")
    away = found(r"^((?:reversible, [\d.]+|Heun itself) +\d+): +([\d.]+)% off")
    for steps in (5, 10):
        assert away[f"reversible, 0.99 {steps}"] > 5 * away[f"Heun itself {steps}"]
    said("ten steps are as good, for twice the evaluations")
    assert away["reversible, 0.5 10"] < 1.5 * away["Heun itself 10"]


@pytest.mark.parametrize("coupling", [0.99, 0.95, 0.9])
def test_the_reversible_limit_on_the_real_axis(coupling):
    said("For κ near 1 the limit on the real axis is $h k \\approx 1 - \\kappa$, with $k = -\\lambda$")
    inside, outside = (torch.tensor(-f * (1 - coupling), dtype=torch.complex128) for f in (0.9, 1.3))
    assert float(plots.growth(HEUN, inside, coupling)) <= 1 + 1e-9 < float(plots.growth(HEUN, outside, coupling))


@pytest.mark.parametrize("z", [-0.6, -0.99, -1.01, -1.5, -2.0])
def test_half_coupling_holds_along_the_axis(z):
    said("At κ = 0.5 Heun's version holds along the axis as far as Heun itself (at $hk = 1$ only just)")
    assert float(plots.growth(HEUN, torch.tensor(z, dtype=torch.complex128), 0.5)) <= 1 + 1e-9


METHODS = ("Euler", "Heun", "classical RK4")
MEASURED = json.loads((SMALL.parent / "bench" / "ways_back.json").read_text())["cases"]


def way_back(way: str, method: str, steps: int) -> dict[str, Any]:
    """One measured case."""
    (case,) = (c for c in MEASURED if (c["way"], c["tableau"], c["steps"]) == (way, method, steps))
    return case


@pytest.mark.parametrize("method", METHODS)
def test_who_is_exact(method):
    said("Checkpoints are exact to the bit. A reversible solve's gradient is exact to rounding, for its *own* solve")
    for way in ("store all", "each step", "√N slots", "whole block"):
        assert way_back(way, method, 5)["worst_error"] == 0
    assert 0 < way_back("reversible", method, 5)["worst_error"] < 1e-10
    assert way_back("continuous", method, 5)["least_error"] > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_what_is_held(method):
    said("while it goes back it holds the entire solve")
    for steps in (5, 20, 80):
        held = {way: way_back(way, method, steps)["peak_bytes"] for way in ("store all", "each step", "whole block")}
        assert held["whole block"] > 0.95 * held["store all"]
        assert held["each step"] < held["store all"] / (2 if steps == 5 else 5)
    said("slots, which spare states, have little left to spare")
    assert way_back("√N slots", method, 20)["peak_bytes"] > 0.8 * way_back("each step", method, 20)["peak_bytes"]
    for way in ("reversible", "continuous"):
        few, many = (way_back(way, method, steps) for steps in (5, 80))
        assert many["saved_bytes"] == few["saved_bytes"], "memory independent of N"
        assert many["peak_bytes"] < 1.2 * few["peak_bytes"]


@pytest.mark.parametrize("method", METHODS)
def test_what_it_takes(method):
    said("the exact per-step checkpoint needs no more evaluations than the inexact continuous adjoint")
    assert way_back("each step", method, 5)["evaluations"] <= way_back("continuous", method, 5)["evaluations"]
    timed = {way: way_back(way, method, 5)["time_ratio"] for way in ("each step", "continuous", "reversible")}
    assert timed["reversible"] > 1.3 * max(timed["each step"], timed["continuous"])


def test_the_continuous_adjoint_tapes_an_evaluation():
    said("That one tapes an evaluation of $f$ at a time and not a step, and so holds least with RK4")
    held = {c["way"]: c["peak_bytes"] for c in MEASURED if (c["tableau"], c["steps"]) == ("classical RK4", 5)}
    assert held.pop("continuous") < 0.7 * min(held.values())


def test_fa_by_the_discrete_adjoint_is_ft():
    said("the experiment trained both from the same weights for a hundred steps")
    said("The weights are the same, to the bit")
    copies = json.loads((SMALL / "copies.json").read_text())
    assert copies["steps"] == 100 and copies["largest_weight_difference"] == 0
    assert "largest difference of a weight: 0.0" in chapter(5)


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
    said("which in short trainings cost about what leaving $y$ out of $f$ costs")
    end = gap("ft-euler_short", "ft-euler-end_short")
    for name in ("fa-euler-anode_short", "fa-rk2-anode_short"):
        assert abs(gap("ft-euler_short", name) - end) < noise_floor()
