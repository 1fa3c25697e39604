"""The checks of chapter 1 see what is wrong with plausible answers."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from reconode import masks, physics
from reconode.teach import check

COLUMNS = torch.arange(320)
HYBRID = (-1,)


@pytest.mark.parametrize("step", [0, 3, 7])
@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.int64])
def test_any_offset_of_the_comb_will_do(step: int, dtype: torch.dtype) -> None:
    comb = step == COLUMNS % 8
    assert check.ex1_1(comb.to(dtype)).right


@pytest.mark.parametrize(
    "mask, hint",
    [
        (COLUMNS % 40 == 0, "8 pixels apart"),
        (COLUMNS % 4 == 0, "80 pixels apart"),
        ((COLUMNS % 8 == 0) | ((COLUMNS - 160).abs() < 13), "middle block"),
        (COLUMNS % 8 < 2, "many heights"),
        (masks.random(320, 8, seed=0), "many heights"),
        (torch.ones(320), "no copies"),
        (torch.zeros(320), "samples nothing"),
        (2 * (COLUMNS % 8 == 0), "True and False"),
        (torch.arange(368) % 8 == 0, "shape"),
    ],
)
def test_other_combs_are_seen(mask: Tensor, hint: str) -> None:
    said = check.ex1_1(mask)
    assert not said.right
    assert hint in said.text


def weighted(y: Tensor, mask: Tensor, S: Tensor) -> Tensor:
    return (S.conj() * physics.ifft(mask * y, HYBRID)).sum(0)


@pytest.mark.parametrize(
    "adjoint, hint",
    [
        (lambda y, mask, S: (S * physics.ifft(mask * y, HYBRID)).sum(0), "conjugate"),
        (lambda y, mask, S: (S.conj() * physics.ifft(y, HYBRID)).sum(0), "outside the mask"),
        (lambda y, mask, S: weighted(y, mask, S) / S.abs().square().sum(0), "division"),
        (lambda y, mask, S: weighted(y, mask, S) / len(S), "mean"),
        (lambda y, mask, S: S.conj() * physics.ifft(mask * y, HYBRID), "sum over coils"),
        (lambda y, mask, S: physics.ifft(mask * y, HYBRID).sum(0), "weighted"),
        (lambda y, mask, S: (S.conj() * physics.fft(mask * y, HYBRID)).sum(0), "go back"),
        (lambda y, mask, S: (S.conj() * physics.ifft(mask * y)).sum(0), "differs"),
        (lambda y, mask, S: weighted(y, mask, S).abs(), "differs"),
        (lambda y, mask, S: None, "returns nothing"),
        (lambda y: y, "TypeError"),
        (lambda y, mask, S: y[7], "IndexError"),
    ],
)
def test_what_is_not_the_adjoint_is_seen(adjoint: Callable[..., Any], hint: str) -> None:
    said = check.ex1_2(adjoint)
    assert not said.right
    assert hint in said.text


def test_another_spelling_of_the_adjoint_is_right() -> None:
    def by_loop(y: Tensor, mask: Tensor, S: Tensor) -> Tensor:
        image = torch.zeros(y.shape[1:], dtype=y.dtype)
        for data, sensitivity in zip(y, S, strict=True):
            image += sensitivity.conj() * physics.ifft(data * mask, HYBRID)
        return image

    assert check.ex1_2(by_loop).right


def partner(half: Tensor) -> Tensor:
    n = half.shape[-1]
    return half[:, (n - torch.arange(n)) % n]


def beyond(half: Tensor) -> Tensor:
    return torch.arange(half.shape[-1]) > half.shape[-1] // 2


@pytest.mark.parametrize(
    "fill, hint",
    [
        (lambda half: half, "still empty"),
        (lambda half: torch.where(beyond(half), partner(half), half), "conjugates"),
        (lambda half: torch.where(beyond(half), half.flip(-1).conj(), half), "off by one"),
        (lambda half: half + partner(half).conj(), "changed"),
        (lambda half: torch.where(beyond(half), -partner(half).conj(), half), "frequency"),
        (lambda half: physics.ifft(half, HYBRID).real[:, 1:], "shape"),
        (lambda half: torch.full_like(half, float("nan")), "NaN"),
        (lambda half: None, "returns nothing"),
    ],
)
def test_what_is_not_the_other_half_is_seen(fill: Callable[[Tensor], Any], hint: str) -> None:
    said = check.ex1_3(fill)
    assert not said.right
    assert hint in said.text


def test_filling_in_place_is_right() -> None:
    def fill(half: Tensor) -> Tensor:
        n = half.shape[-1]
        for i in range(n // 2 + 1, n):
            half[:, i] = half[:, n - i].conj()
        return half

    assert check.ex1_3(fill).right


@pytest.mark.parametrize("gain", [20 * math.log10(2), 6.02, 6.0, torch.tensor(6.0206)])
def test_the_gain_in_decibels(gain: Any) -> None:
    assert check.ex1_4(gain).right


@pytest.mark.parametrize("gain, hint", [(3.01, "quarter"), (-6.02, "higher"), (2, "becomes"), (0.5, "becomes")])
def test_other_gains_are_seen(gain: float, hint: str) -> None:
    said = check.ex1_4(gain)
    assert not said.right
    assert hint in said.text
