"""Chapter 7's checks reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest

from reconode.solvers import RK4
from reconode.teach import check


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_biases(shift):
    assert check.ex7_1([math.log(a) + shift for a in RK4.a]).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (list(RK4.a), "softmax stands between"),
        ([-math.log(a) for a in RK4.a], "sign"),
        ([0.0, 0.0, 0.0, 0.0], "0.250"),
        ([1.0, 2.0], "shape"),
        ([0.0, math.nan, 0.0, 0.0], "NaN"),
    ],
)
def test_not_the_biases(answer, reason):
    verdict = check.ex7_1(answer)
    assert not verdict.right
    assert reason in verdict.text


def count(s, attention=True, sees=2, bias=1):
    """Trainable numbers from widths alone."""

    def conv(i, o):
        return 9 * i * o + bias * o

    first = conv(3, 32) + 3 * conv(33, 32) + conv(33, 2) + 10
    rest = (s - 1) * (first + 9 * 2 * (sees - 1) * 32)
    more = conv(2 * s, 32) + 3 * conv(32, 32) + conv(32, s)
    return first + rest + (more if attention and s > 1 else 0)


def test_learned_parameters():
    assert (count(1), count(2), count(4)) == (30_110, 90_302, 153_404)
    assert check.ex7_2(count).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda s: count(s, attention=False), "attention is a network"),
        (lambda s: 30_110 * s, "sees two images"),
        (lambda s: count(s, sees=1), "2 stages"),
        (lambda s: count(s) if s > 1 else 60_000, "nothing to weigh"),
        (lambda s: None, "returns nothing"),
        (90_302, "function"),
    ],
)
def test_not_the_learned_parameters(answer, reason):
    verdict = check.ex7_2(answer)
    assert not verdict.right
    assert reason in verdict.text


def residual(x, rate, h):
    return (math.exp(h * rate) - 1 - h * rate) / h**2 * x


def test_residual():
    assert check.ex7_3(residual).right
    small = 1e-3
    assert residual(1.0, -1.5, small) == pytest.approx(1.5**2 / 2, rel=1e-2), "half the second derivative"


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda x, rate, h: rate**2 / 2 * x, "limit"),
        (lambda x, rate, h: residual(x, rate, h) * h**2, "divide"),
        (lambda x, rate, h: residual(x, rate, h) * h, "over h"),
        (lambda x, rate, h: -residual(x, rate, h), "sign"),
        (lambda x, rate, h: x, "first entry"),
        (lambda x, rate, h: 1.0, "shape"),
    ],
)
def test_not_the_residual(answer, reason):
    verdict = check.ex7_3(answer)
    assert not verdict.right
    assert reason in verdict.text
