"""Chapter 8's checks accept the worked solutions and reject plausible mistakes, each with its reason."""

from __future__ import annotations

import pytest
import torch
from worked_solutions import stored_output, verdict

from reconode import zoo
from reconode.models import LearnedSolver
from reconode.networks import Dynamics
from reconode.teach import check
from reconode.teach.check import ex8


@pytest.mark.parametrize("exercise", ["ex8_1", "ex8_2", "ex8_3", "ex8_4"])
def test_worked_solution(exercise):
    said = verdict(8, exercise)
    assert said.right, said.text
    assert stored_output(8, exercise) == "", "unanswered, it prints nothing"


@pytest.mark.parametrize("exercise", ["ex8_1", "ex8_2", "ex8_3", "ex8_4"])
@pytest.mark.parametrize("answer", [None, "seven", [1], lambda *a: None, torch.full((4,), torch.nan)])
def test_nonsense_is_not_right(exercise, answer):
    assert not getattr(check, exercise)(answer).right


def reach(dilations, layers=5, middle=1, sides=2, summed=True):
    found, total = [], 0
    for d in dilations:
        total = total + layers * d if summed else layers * d
        found.append(sides * total + middle)
    return found


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"summed": False}, "by itself"),
        ({"middle": 0}, "middle"),
        ({"sides": 1}, "both sides"),
        ({"layers": 1}, "five"),
        ({"layers": 4}, "41 pixels"),
    ],
)
def test_not_the_widths(wrong, reason):
    assert check.ex8_1(reach).right
    assert reason in check.ex8_1(lambda d: reach(d, **wrong)).text
    assert not check.ex8_1(lambda d: 41).right


def test_widths_are_what_a_gradient_says():
    """Stages with other dilations, chained by hand."""
    torch.manual_seed(0)
    first, second = Dynamics(1, 3), Dynamics(2, 1)
    x = torch.randn(1, 2, 1, 61, requires_grad=True)
    F1 = first(0.2, x)
    F2 = second(0.2, torch.cat([x, F1], dim=1))
    for out, wide in zip((F1, F2), reach([3, 1]), strict=True):
        (g,) = torch.autograd.grad(out[0, :, 0, 30].sum(), x, retain_graph=True)
        seen = g.abs().sum((0, 1, 2)).nonzero().flatten()
        assert int(seen[-1] - seen[0]) + 1 == wide


@torch.no_grad()
def doubled(model, bias=True, weight=True, second=True):
    last = model.stages[0].layers[-1]
    last.weight *= 2
    if bias:
        last.bias *= 2
    if second:
        model.stages[1].layers[0].weight[:, 2:4] /= 2
    if weight:
        model.combine.a[0] /= 2


@pytest.mark.parametrize(
    "wrong, reason",
    [({"bias": False}, "biases"), ({"weight": False}, "make up"), ({"second": False}, "who else")],
)
def test_not_the_same_solver(wrong, reason):
    assert check.ex8_2(doubled).right, "whether it returns the model or not"
    assert reason in check.ex8_2(lambda m: doubled(m, **wrong)).text
    assert "is what it was" in check.ex8_2(lambda m: m).text


def off(before, largest=True, over=(0, 2, 3), strictly=False, images=slice(None)):
    found = before[images].amax(over) if largest else before[images].mean(over)
    return torch.nonzero(found < 0 if strictly else found <= 0).flatten().tolist()


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"largest": False}, "mean"),
        ({"strictly": True}, "zero"),
        ({"images": slice(1)}, "first image"),
    ],
)
def test_not_the_dead(wrong, reason):
    assert check.ex8_3(off).right
    assert check.ex8_3(lambda before: torch.tensor(off(before))).right, "a tensor is a list too"
    assert reason in check.ex8_3(lambda before: off(before, **wrong)).text
    assert "alive" in check.ex8_3(lambda before: [c for c in range(6) if c not in off(before)]).text


@pytest.mark.parametrize("answer, reason", [(20, "attention"), (5, "five"), (25.7, "whole"), (104, "channels")])
def test_not_the_steps(answer, reason):
    assert check.ex8_4(26).right
    assert reason in check.ex8_4(answer).text


def test_the_zoos_control_has_these_steps():
    control = zoo.untrained("lt-euler-26")
    assert isinstance(control, LearnedSolver) and check.ex8_4(control.steps).right


def test_multiply_adds_are_the_networks():
    from torch.utils.flop_counter import FlopCounterMode

    def counted(run):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            run()
        convolved = counter.get_flop_counts()["Global"]
        return sum(n for op, n in convolved.items() if "convolution" in str(op)) / 2 / (8 * 8)

    solver, x = LearnedSolver(4), torch.zeros(1, 2, 8, 8)
    assert counted(lambda: solver.stages[0](0.0, x)) == ex8.EULER
    assert counted(lambda: solver.stages[1](0.0, torch.cat([x, x], dim=1))) == ex8.LATER
    assert counted(lambda: solver.combine([x] * 4)) == ex8.COMBINE
