"""Checks of chapter 1, *What the scanner measures*."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from reconode.physics import HYBRID, fft, ifft
from reconode.teach.check.verdict import NotYet, check, function, number, returned, tensor

__all__ = ["ex1_1", "ex1_2", "ex1_3", "ex1_4"]

WIDTH, APART = 320, 40


@check
def ex1_1(answer: Any) -> str:
    """A mask whose zero-filled image is made of copies 40 pixels apart."""
    values = tensor(answer, (WIDTH,))
    mask = values.bool()
    if not torch.equal(mask.to(values.dtype), values):
        raise NotYet("a mask holds True and False, or 1 and 0; yours has other values.")
    if not bool(mask.any()):
        raise NotYet("this mask samples nothing.")
    spread = ifft(mask.to(torch.complex128), HYBRID).abs()
    distance = (torch.arange(WIDTH) - WIDTH // 2).abs()
    copies = spread > 1e-6 * spread.max()
    if int(copies.sum()) == 1:
        raise NotYet("every column is sampled, so there are no copies at all.")
    apart = int(distance[copies & (distance > 0)].min())
    equal = torch.allclose(spread[copies], spread.max(), rtol=1e-6)
    if not equal:
        raise NotYet(
            "the point-spread function has values of many heights, not equal copies; "
            "leave out the middle block and anything else that breaks the regular pattern."
        )
    if apart != APART:
        raise NotYet(f"the copies are {apart} pixels apart, not {APART}; a comb in k-space is a comb in image space.")
    return f"every {WIDTH // APART}th column, and so {WIDTH // APART} copies of the image, {APART} pixels apart."


@check
def ex1_2(answer: Any) -> str:
    """The adjoint of y = M F (S x) for several coils, by the dot-product test."""
    adjoint = function(answer)
    random = torch.Generator().manual_seed(0)
    coils, rows, columns = 3, 6, 10

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.complex128, generator=random)

    S, x, y = draw(coils, rows, columns), draw(rows, columns), draw(coils, rows, columns)
    mask = torch.tensor([1, 0, 1, 1, 0, 1, 0, 0, 1, 0], dtype=torch.bool)
    images = ifft(mask * y, HYBRID)
    result = adjoint(y.clone(), mask.clone(), S.clone())
    if isinstance(result, Tensor) and result.shape == (coils, rows, columns):
        raise NotYet(
            "your function returns one image a coil; copying the image to every coil is part of E, "
            "so its adjoint, a sum over coils, is part of the answer."
        )
    image = returned(result, (rows, columns)).to(torch.complex128)
    left = torch.vdot(y.flatten(), (mask * fft(S * x, HYBRID)).flatten())
    right = torch.vdot(image.flatten(), x.flatten())
    if abs(left - right) < 1e-4 * abs(left):
        return "⟨E x, y⟩ = ⟨x, Eᴴ y⟩ for random x and y."
    near = {
        "the sensitivities need their conjugate": (S * images).sum(0),
        "samples outside the mask must not count": (S.conj() * ifft(y, HYBRID)).sum(0),
        "no division by Σ |S|² belongs here: that makes a better picture and another operator": (
            (S.conj() * images).sum(0) / S.abs().square().sum(0)
        ),
        "it is the sum over coils, not their mean": (S.conj() * images).mean(0),
        "each coil's image must be weighted by its conjugate sensitivity": images.sum(0),
        "the transform must go back, from k-space to the image": (S.conj() * fft(mask * y, HYBRID)).sum(0),
    }
    for hint, wrong in near.items():
        if torch.allclose(image, wrong, rtol=1e-4, atol=1e-6):
            raise NotYet(f"{hint}.")
    raise NotYet("⟨E x, y⟩ differs from ⟨x, Eᴴ y⟩; reverse the order of the factors and take the adjoint of each.")


@check
def ex1_3(answer: Any) -> str:
    """Fill the second half of a real image's k-space by symmetry."""
    fill = function(answer)
    random = torch.Generator().manual_seed(0)
    for columns in (10, 16):
        image = torch.randn(4, columns, dtype=torch.float64, generator=random)
        full = fft(image.to(torch.complex128), HYBRID)
        half = full * (torch.arange(columns) <= columns // 2)
        filled = returned(fill(half.clone()), (4, columns)).to(torch.complex128)
        if torch.allclose(filled, full, rtol=1e-4, atol=1e-6):
            continue
        if torch.allclose(filled, half, rtol=1e-4, atol=1e-6):
            raise NotYet("the second half is still empty.")
        upper = torch.arange(columns) > columns // 2
        if torch.allclose(filled[:, upper], full[:, upper].conj(), rtol=1e-4, atol=1e-6):
            raise NotYet("the right columns, but not their conjugates.")
        if torch.allclose(filled[:, upper], half.flip(-1).conj()[:, upper], rtol=1e-4, atol=1e-6):
            raise NotYet(
                f"off by one: with {columns} columns the zero frequency is column {columns // 2}, "
                f"so column {columns // 2 + 1} pairs with column {columns // 2 - 1}; a plain flip does not."
            )
        if not torch.allclose(filled[:, ~upper], half[:, ~upper], rtol=1e-4, atol=1e-6):
            raise NotYet("measured columns were changed; only those beyond the middle are to be filled in.")
        raise NotYet("the filled columns are not those of the real image; which column holds frequency −k?")
    return "half the samples give a real image exactly. With a phase they wouldn't, and scanners' images have one."


@check
def ex1_4(answer: Any) -> str:
    """The rise of PSNR when all errors halve."""
    gain = number(answer)
    right = 20 * math.log10(2)
    if abs(gain - right) < 0.03:
        return "PSNR counts squared errors, and a quarter of them is 10 log₁₀ 4 more."
    if abs(gain - right / 2) < 0.03:
        raise NotYet("that is for half the *squared* error; half the error is a quarter of it.")
    if abs(gain + right) < 0.03:
        raise NotYet("smaller errors make a higher PSNR.")
    raise NotYet("PSNR is 10 log₁₀ (peak² / mean squared error); what becomes of the mean squared error?")
