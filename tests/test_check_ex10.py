"""Chapter 10's checks reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d

from reconode import masks
from reconode.teach import check


def word(low, high, least, most, floor=0.25, seeds=True, zero=True, behind=True):
    first = (low > 0 or not zero) and (least if seeds else (least + most) / 2) > floor
    second = (high < 0 or not zero) and (most if seeds else (least + most) / 2) < -floor
    return "ahead" if first else "behind" if second and behind else "tie"


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"floor": 0.0}, "two trainings of one function"),
        ({"zero": False}, "zero is in the interval"),
        ({"seeds": False}, "one training of A"),
        ({"behind": False}, "other way round"),
    ],
)
def test_not_the_rule(wrong, reason):
    assert check.ex10_1(word).right
    assert reason in check.ex10_1(lambda *a: word(*a, **wrong)).text
    assert "expected one of" in check.ex10_1(lambda *a: "better").text


def window(a, b, target, size, sign=1, by="sum"):
    d = sign * ((b - target).square() - (a - target).square())
    if by == "pixel":
        return divmod(int(d[: 1 - size, : 1 - size].argmax()), d.shape[1] - size + 1)
    means = avg_pool2d(d[None, None], size, 1)[0, 0]
    return divmod(int(means.argmax()), means.shape[1])


def test_the_window():
    assert check.ex10_2(window).right
    assert "swap" in check.ex10_2(lambda *a: window(*a, sign=-1)).text
    assert "there is a window" in check.ex10_2(lambda *a: window(*a, by="pixel")).text
    assert "leaves the image" in check.ex10_2(lambda a, b, t, n: (t.shape[0] - 1, 0)).text
    assert "two numbers" in check.ex10_2(lambda *a: 7).text


def test_the_window_by_brute_force():
    generator = torch.Generator().manual_seed(0)
    t, a, b = torch.rand(3, 11, 9, generator=generator)
    best = max(
        ((r, c) for r in range(8) for c in range(6)),
        key=lambda p: float(
            sum((b - t)[p[0] + i, p[1] + j] ** 2 - (a - t)[p[0] + i, p[1] + j] ** 2 for i in range(4) for j in range(4))
        ),
    )
    assert window(a, b, t, 4) == best


def effective(width, factor):
    padded = factor * width
    p = (padded / 4 - 0.08 * padded) / (0.92 * padded)
    return width / (0.08 * padded + p * (width - 0.08 * padded))


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda w, f: 4, "nominal"),
        (lambda w, f: 4 / f, "zeros too"),
        (lambda w, f: 1 / effective(w, f), "inverse"),
        (lambda w, f: 7 + f, "one probability"),
    ],
)
def test_not_the_acceleration(wrong, reason):
    assert check.ex10_3(effective).right
    assert reason in check.ex10_3(wrong).text


def test_the_acceleration_is_what_masks_do():
    drawn = [masks.random(224, 4, seed=s)[56:168].float().mean() for s in range(400)]
    assert 1 / float(sum(drawn) / len(drawn)) == pytest.approx(effective(112, 2), rel=0.02)


@pytest.mark.parametrize("answer, reason", [(0.846, "spread"), (0, "best of three"), (0.15, "luck"), (0.3, "draw")])
def test_not_the_lead(answer, reason):
    assert check.ex10_4(0.15 * 1.5 / math.sqrt(math.pi)).right
    assert reason in check.ex10_4(answer).text
