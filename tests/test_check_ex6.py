"""Chapter 6's checks reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch

from reconode.teach import check
from reconode.teach.check.ex6 import rectifier


def joint(gradients):
    return math.sqrt(sum(float((g * g).sum()) for g in gradients))


def clipped(gradients, most):
    factor = min(1.0, most / joint(gradients))
    return [factor * g for g in gradients]


def test_clip():
    assert check.ex6_1(clipped).right
    assert check.ex6_1(lambda gradients, most: tuple(g.numpy() for g in clipped(gradients, most))).right


def test_clip_is_torchs():
    def torchs(gradients, most):
        parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        torch.nn.utils.clip_grad_norm_(parameters, most)
        return [p.grad for p in parameters]

    assert check.ex6_1(torchs).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda g, most: [x * most / joint(g) for x in g], "stretched"),
        (lambda g, most: [x * min(1, most / float(x.norm())) for x in g], "its own norm"),
        (lambda g, most: [x.clamp(-most, most) for x in g], "turns the gradient"),
        (lambda g, most: [x / joint(g) for x in g], "forgets the limit"),
        (lambda g, most: [x * most / joint(g) ** 2 for x in g], "root"),
        (lambda g, most: g, "norm 13"),
        (lambda g, most: None, "nothing yet"),
        (lambda g, most: g[:1], "ValueError"),
        (lambda g, most: [x.sum() for x in g], "shape"),
    ],
)
def test_not_the_clip(answer, reason):
    verdict = check.ex6_1(answer)
    assert not verdict.right
    assert reason in verdict.text


def first_adaptive_step(beta2):
    """From torch: a step adapts when it depends on the second moment."""
    x, other = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    plain, big = (torch.optim.RAdam([p], lr=1.0, betas=(0.0, beta2)) for p in (x, other))
    for n in range(1, 100):
        before = x.detach().clone(), other.detach().clone()
        x.grad, other.grad = torch.ones(1, dtype=torch.float64), torch.full((1,), 10.0, dtype=torch.float64)
        plain.step()
        big.step()
        steps = [float(b - p.detach()) for p, b in zip((x, other), before, strict=True)]
        if steps[1] == pytest.approx(steps[0], rel=1e-3):
            return n
    raise AssertionError


def test_the_first_adaptive_step_is_torchs():
    assert check.ex6_2(first_adaptive_step(0.99)).right


@pytest.mark.parametrize("answer, reason", [(5, "last"), (20, "earlier"), (2, "at most 5"), (80, "much earlier")])
def test_not_the_first_adaptive_step(answer, reason):
    verdict = check.ex6_2(answer)
    assert not verdict.right
    assert reason in verdict.text


def test_rectifier_is_torchs():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.RAdam([x], lr=1.0, betas=(0.0, 0.999), eps=0)
    for n in range(1, 40):
        before = x.detach().clone()
        x.grad = torch.full((1,), 3.0, dtype=torch.float64)
        optimizer.step()
        if rectifier(n, 0.999):
            assert float(before - x.detach()) == pytest.approx(rectifier(n, 0.999), rel=1e-9)
        else:
            assert float(before - x.detach()) == pytest.approx(3.0)


def schedule(step, steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return math.cos(math.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def test_schedule():
    from reconode.optimizers import cosine

    assert check.ex6_3(schedule).right
    assert check.ex6_3(cosine).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda s, n, w: s / w if s < w else schedule(s, n, w), "count steps from one"),
        (lambda s, n, w: (s + 1) / w if s < w else 0.5 * (1 + math.cos(math.pi * s / n)), "begins when"),
        (lambda s, n, w: (s + 1) / w if s < w else math.cos(math.pi / 2 * (s - w) / (n - w)), "quarter"),
        (lambda s, n, w: 1.0, "step 0 of 100"),
        (lambda s, n, w: None, "nothing yet"),
    ],
)
def test_not_the_schedule(answer, reason):
    verdict = check.ex6_3(answer)
    assert not verdict.right
    assert reason in verdict.text
