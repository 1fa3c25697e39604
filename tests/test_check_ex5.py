"""Chapter 5's checks accept what is right and reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch

from reconode.gradients import revolve_split
from reconode.teach import check


def test_there_and_back():
    assert check.ex5_1(lambda rate, N: (1 - (rate / N) ** 2) ** N).right
    assert check.ex5_1(lambda rate, N: (1 + rate / N) ** N * (1 - rate / N) ** N).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda rate, N: 1, "comes home"),
        (lambda rate, N: 1 - (rate / N) ** 2, "N of each"),
        (lambda rate, N: (1 + rate / N) ** N, "way there only"),
        (lambda rate, N: (1 - rate / N) ** N, "way back only"),
        (lambda rate, N: (1 + rate / N) ** (2 * N), "same sign"),
        (lambda rate, N: (1 - rate**2) ** N, "h is 1/N"),
        (lambda rate, N: math.exp(rate), "makes"),
        (lambda rate, N: None, "nothing"),
        (3, "function"),
    ],
)
def test_not_there_and_back(answer, reason):
    verdict = check.ex5_1(answer)
    assert not verdict.right
    assert reason in verdict.text


def longest(slots, repeats):
    """The longest solve that the library's own schedule runs with no step computed again more often than that."""

    def repeated(count, slots):
        """How often the most often recomputed step of a part is computed again, when the part has been run once."""
        if count == 1:
            return 0
        head = revolve_split(count, slots)
        return max(1 + repeated(head, slots), repeated(count - head, slots - 1))

    steps = 1
    while steps < 200 and repeated(steps + 1, slots) <= repeats:
        steps += 1
    return steps


def test_slots_are_what_the_librarys_schedule_reaches():
    assert check.ex5_2(longest).right
    assert check.ex5_2(lambda slots, repeats: math.comb(slots + repeats, slots)).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda s, r: s * r, "more than the product"),
        (lambda s, r: max(2, s**r), "fewer steps than the first"),
        (lambda s, r: math.comb(s + r, s) - 1 if s > 1 else math.comb(s + r, s), "nearly"),
        (lambda s, r: 2**r if (s, r) != (1, 1) else 2, "starts over"),
        (lambda s, r: "ten", "number"),
    ],
)
def test_not_the_slots(answer, reason):
    verdict = check.ex5_2(answer)
    assert not verdict.right
    assert reason in verdict.text


def undo(y1, z1, psi, t, h, kappa):
    z = z1 + psi(t + h, y1, -h)
    return (y1 - (1 - kappa) * z - psi(t, z, h)) / kappa, z


def test_undone():
    assert check.ex5_3(undo).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda y1, z1, psi, t, h, k: undo(y1, z1, psi, t, h, k)[::-1], "order"),
        (lambda y1, z1, psi, t, h, k: (y1, z1 - psi(t + h, y1, -h)), "add"),
        (lambda y1, z1, psi, t, h, k: (y1, z1 + psi(t + h, y1, h)), "−h"),
        (lambda y1, z1, psi, t, h, k: (y1, z1 + psi(t, y1, -h)), "later time"),
        (lambda y1, z1, psi, t, h, k: (y1, z1), "solve the second line"),
        (lambda y1, z1, psi, t, h, k: (k * undo(y1, z1, psi, t, h, k)[0], undo(y1, z1, psi, t, h, k)[1]), "division"),
        (
            lambda y1, z1, psi, t, h, k: ((y1 - (1 - k) * z1 - psi(t, z1, h)) / k, undo(y1, z1, psi, t, h, k)[1]),
            "not the new one",
        ),
        (
            lambda y1, z1, psi, t, h, k: (
                (y1 - psi(t, undo(y1, z1, psi, t, h, k)[1], h)) / k,
                undo(y1, z1, psi, t, h, k)[1],
            ),
            "missing",
        ),
        (lambda y1, z1, psi, t, h, k: (y1, undo(y1, z1, psi, t, h, k)[1]), "solve the first line"),
        (lambda y1, z1, psi, t, h, k: y1, "two states"),
        (lambda y1, z1, psi, t, h: (y1, z1), "TypeError"),
    ],
)
def test_not_undone(answer, reason):
    verdict = check.ex5_3(answer)
    assert not verdict.right
    assert reason in verdict.text


def heun(A, h, p):
    M = torch.eye(len(p), dtype=A.dtype) + h * A + h * h / 2 * A @ A
    return M.T @ p


def test_heuns_adjoint():
    assert check.ex5_4(heun).right
    assert check.ex5_4(lambda A, h, p: heun(A, h, p).numpy()).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda A, h, p: heun(A.T, h, p), "transposed"),
        (lambda A, h, p: p + h * A.T @ p, "Euler"),
        (lambda A, h, p: p + h * A.T @ p + h * h * A.T @ A.T @ p, "h²/2"),
        (lambda A, h, p: heun(A, h, p) - p, "p itself"),
        (lambda A, h, p: heun(A, -h, p), "sign"),
        (lambda A, h, p: p, "differs"),
        (lambda A, h, p: A, "shape"),
    ],
)
def test_not_heuns_adjoint(answer, reason):
    verdict = check.ex5_4(answer)
    assert not verdict.right
    assert reason in verdict.text
