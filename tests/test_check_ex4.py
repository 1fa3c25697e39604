"""Chapter 4's checks reject plausible mistakes, each with its reason."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from reconode.teach import check
from reconode.teach.check import ex4


def layers(channels, time=1, bias=1, clock=2):
    """Trainable numbers from widths alone."""
    widths = [2, *[channels] * 4, 2]
    return sum(9 * (i + time) * o + bias * o + clock for i, o in pairwise(widths))


def test_parameters():
    assert layers(32) == 30_110
    assert check.ex4_1(layers).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda c: layers(c, clock=0), "scale its time"),
        (lambda c: layers(c, bias=0), "biases"),
        (lambda c: layers(c, time=0), "one more channel"),
        (lambda c: 30_110, "8 channels"),
        (lambda c: 5 * (9 * (c + 1) * c + c + 2), "32 channels"),
        (30_110, "function"),
    ],
)
def test_not_the_parameters(answer, reason):
    verdict = check.ex4_1(answer)
    assert not verdict.right
    assert reason in verdict.text


def test_reach_is_what_a_gradient_says():
    """How far an output pixel depends on its input, measured on a network with dilation 4."""
    from reconode.networks import Dynamics

    torch.manual_seed(0)
    f = Dynamics(dilation=ex4.DILATION)
    x = torch.randn(1, 2, 1, 101, requires_grad=True)
    f(0.3, x)[0, :, 0, 50].sum().backward()
    seen = x.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    wide = int(seen[-1] - seen[0]) + 1
    assert check.ex4_2(wide).right
    assert check.ex4_2(torch.tensor(float(wide))).right


@pytest.mark.parametrize(
    "answer, reason",
    [(11, "without dilation"), (44, "middle"), (40, "middle"), (21, "both sides"), (13, "on both sides")],
)
def test_not_the_reach(answer, reason):
    verdict = check.ex4_2(answer)
    assert not verdict.right
    assert reason in verdict.text


def soft(slope, x, y, E, v):
    """The velocity written out, sample by sample."""
    from reconode.physics import fft, ifft

    k = fft((x + slope).unsqueeze(1), (-1,))
    k = torch.where(E.mask, (k + v * y) / (1 + v), k)
    return ifft(k, (-1,)).squeeze(1) - x


def test_soft_velocity():
    assert check.ex4_3(soft).right
    assert check.ex4_3(lambda slope, x, y, E, v: E.enforce(x + slope, y, v) - x).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda slope, x, y, E, v: E.enforce(x + slope, y) - x, "hard"),
        (lambda slope, x, y, E, v: E.enforce(x + slope, y, v), "how far"),
        (lambda slope, x, y, E, v: E.enforce(x, y, v) - x + slope, "proposes"),
        (lambda slope, x, y, E, v: E.enforce(slope, y, v) - x, "as if it were an image"),
        (lambda slope, x, y, E, v: E.enforce(x + slope, y, 1 / v) - x, "v / (1 + v)"),
        (lambda slope, x, y, E, v: slope, "differs"),
        (lambda slope, x, y, E, v: y, "shape"),
    ],
)
def test_not_the_soft_velocity(answer, reason):
    verdict = check.ex4_3(answer)
    assert not verdict.right
    assert reason in verdict.text


def moving(layer, t):
    return layer.bias + (layer.alpha * t + layer.beta) * layer.weight[:, -1].sum((1, 2))


def test_moving_bias():
    assert check.ex4_4(moving).right
    assert check.ex4_4(lambda layer, t: moving(layer, t).detach().numpy()).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda layer, t: moving(layer, t) - layer.bias, "on top"),
        (lambda layer, t: layer.bias + t * layer.weight[:, -1].sum((1, 2)), "scaled time"),
        (lambda layer, t: layer.bias + layer.alpha * t * layer.weight[:, -1].sum((1, 2)), "β"),
        (lambda layer, t: layer.bias + (layer.alpha * t + layer.beta) * layer.weight.sum((1, 2, 3)), "last one"),
        (lambda layer, t: layer.bias + (layer.alpha * t + layer.beta) * layer.weight[:, -1, 1, 1], "nine taps"),
        (lambda layer, t: layer.bias, "first channel"),
        (lambda layer, t: layer.weight[:, -1], "shape"),
        (lambda layer, t: layer.clock, "AttributeError"),
    ],
)
def test_not_the_moving_bias(answer, reason):
    verdict = check.ex4_4(answer)
    assert not verdict.right
    assert reason in verdict.text
