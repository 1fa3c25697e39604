"""Checks of chapter 4's exercises."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from reconode.networks import LAYERS, Dynamics, TimeConv2d, count_parameters
from reconode.physics import MRIOperator
from reconode.teach.check.verdict import NotYet, check, function, number, returned, something

__all__ = ["ex4_1", "ex4_2", "ex4_3", "ex4_4"]

DILATION = 4
"""Of ex4_2's network."""


@check
def ex4_1(answer: Any) -> str:
    """A function that says how many trainable numbers f has when it is `channels` wide."""
    count = function(answer)
    for channels in (32, 8, 74):
        said, want = something(count(channels)), count_parameters(Dynamics(channels=channels))
        got = number(said)
        if got == want:
            continue
        if got == want - 2 * LAYERS:
            raise NotYet("all weights and biases are there; each layer also learns two numbers that scale its time.")
        if got == want - 4 * channels - 2:
            raise NotYet("the weights are counted, the biases are not: one for each channel out.")
        if got == want - 9 * (4 * channels + 2):
            raise NotYet("every convolution has one more channel in than it seems: the time.")
        raise NotYet(f"with {channels} channels f has {want:,} trainable numbers; your function says {got:,.0f}.")
    return f"{count_parameters(Dynamics()):,} at 32 channels, the 0.03M that Table 1 prints."


@check
def ex4_2(answer: Any) -> str:
    """How many pixels wide f would look with dilation 4 in each layer."""
    got, want = number(answer), 2 * DILATION * LAYERS + 1
    if got == want:
        return "41 pixels, with not one weight more. Chapter 8 gives such eyes to the stages of a learned solver."
    if got == 2 * LAYERS + 1:
        raise NotYet("that is without dilation.")
    if got == DILATION * (2 * LAYERS + 1):
        raise NotYet("the dilation widens the reach to each side, not the pixel in the middle.")
    if got == want - 1:
        raise NotYet("nearly: count the pixel in the middle too.")
    if got == DILATION * LAYERS + 1:
        raise NotYet("a 3 × 3 kernel reaches out to both sides.")
    raise NotYet("each layer adds its dilation to the reach, on both sides.")


@check
def ex4_3(answer: Any) -> str:
    """The velocity with noisy data: a function ``(slope, x, y, E, v)``."""
    velocity = function(answer)
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.complex128, generator=generator)

    E = MRIOperator(torch.tensor([True, False, True, True, False, False, True, False]))
    x, slope = random(1, 4, 8), random(1, 4, 8)
    y = E.measure(random(1, 1, 4, 8))
    for v in (0.5, 4.0):
        got, proposed = returned(velocity(slope, x, y, E, v), (1, 4, 8)), x + slope
        want = E.enforce(proposed, y, v) - x
        if torch.allclose(got.to(want.dtype), want, atol=1e-8):
            continue
        near = {
            "that is the image after the proposal; the velocity is how far it is from x.": want + x,
            "that is the hard one: v has no effect on it.": E.enforce(proposed, y) - x,
            "that corrects x itself; correct what the network proposes, x + slope.": E.enforce(x, y, v) - x + slope,
            "that corrects the slope as if it were an image; correct x + slope.": E.enforce(slope, y, v) - x,
            "the share of the measurement is v / (1 + v), and what is left of the proposal 1 / (1 + v).": E.enforce(
                proposed, y, 1 / v
            )
            - x,
        }
        for message, wrong in near.items():
            if torch.allclose(got.to(want.dtype), wrong, atol=1e-8):
                raise NotYet(message)
        raise NotYet(f"for v = {v:g} the velocity differs by up to {float((got - want).abs().max()):.2g}.")
    return "with v → ∞ it is the hard one. Small v: the flow may leave noisy samples, by as much as they deserve."


@check
def ex4_4(answer: Any) -> str:
    """The bias that a time-dependent convolution has inside the image at time t: a function ``(layer, t)``."""
    bias = function(answer)
    generator = torch.Generator().manual_seed(4)
    layer = TimeConv2d(3, 5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        for t in (0.7, 0.0):
            got = returned(bias(layer, t), (5,)).float()
            want = layer(t, torch.zeros(1, 3, 5, 5))[0, :, 2, 2]
            if torch.allclose(got, want, atol=1e-4):
                continue
            assert layer.bias is not None
            clock = layer.weight[:, -1].sum((-2, -1))
            for message, wrong in _near(layer, layer.bias, clock, t).items():
                if torch.allclose(got, wrong, atol=1e-4):
                    raise NotYet(message)
            raise NotYet(f"at t = {t:g} the first channel's bias is {float(want[0]):.3f}, not {float(got[0]):.3f}.")
    return "a time channel is a bias that moves along a straight line; the ReLUs' thresholds move with it."


def _near(layer: TimeConv2d, bias: Tensor, clock: Tensor, t: float) -> dict[str, Tensor]:
    """What a wrong answer may have forgotten."""
    scaled = layer.alpha * t + layer.beta
    return {
        "the layer has a bias of its own, which comes on top.": scaled * clock,
        "the layer sees the scaled time αt + β, not t.": bias + t * clock,
        "β is missing: the layer sees αt + β.": bias + layer.alpha * t * clock,
        "that sums over every channel in; only the last one is the time.": bias + scaled * layer.weight.sum((1, 2, 3)),
        "that takes the kernel's middle only; a constant map passes through all nine taps.": bias
        + scaled * layer.weight[:, -1, 1, 1],
    }
