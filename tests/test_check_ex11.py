"""Chapter 11's checks accept the worked solutions and reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch
from worked_solutions import stored_output, verdict

from reconode.physics import ifft
from reconode.teach import check
from reconode.teach.check.ex11 import DIAL

EXERCISES = ["ex11_1", "ex11_2", "ex11_3", "ex11_4", "ex11_5"]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_worked_solution(exercise):
    said = verdict(11, exercise)
    assert said.right, said.text
    assert stored_output(11, exercise) == "", "unanswered, it prints nothing"


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("answer", [None, "seven", [1], lambda *a: None, torch.full((4,), torch.nan)])
def test_nonsense_is_not_right(exercise, answer):
    assert not getattr(check, exercise)(answer).right


@pytest.mark.parametrize("exercise", EXERCISES)
def test_dots_are_silent(exercise):
    assert getattr(check, exercise)(...) is None
    assert getattr(check, exercise)(lambda *a: ...) is None


@pytest.mark.parametrize(
    "split, reason",
    [
        (lambda x, E: (x - E.H(E(x)), E.H(E(x))), "other order"),
        (lambda x, E: (E.H(E(x)), x), "add up"),
        (lambda x, E: (0 * x, x), "still sees"),
        (lambda x, E: x, "two images"),
    ],
)
def test_not_the_split(split, reason):
    assert reason in check.ex11_1(split).text


@pytest.mark.parametrize(
    "share, reason",
    [
        (lambda m: m.float().mean().sqrt(), "norm"),
        (lambda m: 1 - m.float().mean(), "never"),
        (lambda m: m.sum(), "of how many"),
        (lambda m: 0.25, "one pixel"),
    ],
)
def test_not_the_share(share, reason):
    assert reason in check.ex11_2(share).text


def test_a_pixels_share_is_what_a_transform_says():
    def share(mask):
        k = torch.zeros(1, len(mask), dtype=torch.complex128)
        k[0, 7] = 1
        return ifft(k, (-1,))[0][mask].abs().square().sum()

    assert check.ex11_2(share).right


def settle(step, x, tolerance, limit, relative=True, patience=0):
    for n in range(1, limit + 1):
        after = step(x)
        moved = (after - x).norm() / (x.norm() if relative else 1)
        x = after
        if moved < tolerance and n > patience:
            break
    return x, n


def test_settling():
    assert check.ex11_3(settle).right
    assert "should need" in check.ex11_3(lambda *a: settle(*a, patience=60)).text
    assert "not the last" in check.ex11_3(lambda s, x, *a: (x, settle(s, x, *a)[1])).text
    assert "the image and the number" in check.ex11_3(lambda *a: settle(*a)[0]).text

    def stubborn(step, x, tolerance, limit):
        image, n = settle(step, x, tolerance, limit)
        return image, n if n < limit else -1

    assert "never settles" in check.ex11_3(stubborn).text


def first(below):
    return lambda dial, name: next((p["label"] for p in dial if below(p["scores"], name)), None)


def test_where_a_model_leaves():
    assert check.ex11_4(first(lambda s, n: sum(s[n]) < sum(s["tv"]))).right
    assert "one knee is below" in check.ex11_4(first(lambda s, n: min(s[n]) < min(s["tv"]))).text
    assert "far ahead" in check.ex11_4(first(lambda s, n: n == "net" and sum(s[n]) < sum(s["tv"]))).text
    assert "never falls" in check.ex11_4(first(lambda s, n: sum(s[n]) <= sum(s["tv"]))).text
    assert [p["label"] for p in DIAL] == ["a", "b", "c"]


def arc(x0, x1, t, scale=math.pi / 2):
    a = math.pi / 2 * t
    return scale * (math.cos(a) * x1 - math.sin(a) * x0)


@pytest.mark.parametrize(
    "velocity, reason",
    [
        (lambda a, b, t: b - a, "straight"),
        (lambda a, b, t: arc(a, b, t, 1), "chain rule"),
        (lambda a, b, t: math.cos(math.pi / 2 * t) * a + math.sin(math.pi / 2 * t) * b, "the place"),
        (lambda a, b, t: a + b, "differentiate"),
    ],
)
def test_not_the_velocity(velocity, reason):
    assert check.ex11_5(arc).right
    assert reason in check.ex11_5(velocity).text
