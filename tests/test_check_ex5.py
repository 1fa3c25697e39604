"""Chapter 5's checks accept what is right and reject plausible mistakes, each with its reason."""

from __future__ import annotations

import math

import pytest
import torch

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


def undo(x1, z1, psi, t, h, kappa):
    z = z1 + psi(t + h, x1, -h)
    return (x1 - (1 - kappa) * z - psi(t, z, h)) / kappa, z


def test_undone():
    assert check.ex5_2(undo).right


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda x1, z1, psi, t, h, k: undo(x1, z1, psi, t, h, k)[::-1], "order"),
        (lambda x1, z1, psi, t, h, k: (x1, z1 - psi(t + h, x1, -h)), "add"),
        (lambda x1, z1, psi, t, h, k: (x1, z1 + psi(t + h, x1, h)), "−h"),
        (lambda x1, z1, psi, t, h, k: (x1, z1 + psi(t, x1, -h)), "later time"),
        (lambda x1, z1, psi, t, h, k: (x1, z1), "solve the second line"),
        (lambda x1, z1, psi, t, h, k: (k * undo(x1, z1, psi, t, h, k)[0], undo(x1, z1, psi, t, h, k)[1]), "division"),
        (
            lambda x1, z1, psi, t, h, k: ((x1 - (1 - k) * z1 - psi(t, z1, h)) / k, undo(x1, z1, psi, t, h, k)[1]),
            "not the new one",
        ),
        (
            lambda x1, z1, psi, t, h, k: (
                (x1 - psi(t, undo(x1, z1, psi, t, h, k)[1], h)) / k,
                undo(x1, z1, psi, t, h, k)[1],
            ),
            "missing",
        ),
        (lambda x1, z1, psi, t, h, k: (x1, undo(x1, z1, psi, t, h, k)[1]), "solve the first line"),
        (lambda x1, z1, psi, t, h, k: x1, "two states"),
        (lambda x1, z1, psi, t, h: (x1, z1), "TypeError"),
    ],
)
def test_not_undone(answer, reason):
    verdict = check.ex5_2(answer)
    assert not verdict.right
    assert reason in verdict.text


def heun(A, h, p):
    M = torch.eye(len(p), dtype=A.dtype) + h * A + h * h / 2 * A @ A
    return M.T @ p


def test_heuns_adjoint():
    assert check.ex5_3(heun).right
    assert check.ex5_3(lambda A, h, p: heun(A, h, p).numpy()).right


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
    verdict = check.ex5_3(answer)
    assert not verdict.right
    assert reason in verdict.text
