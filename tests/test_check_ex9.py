"""Chapter 9's checks accept the worked solutions and reject plausible mistakes, each with its reason."""

from __future__ import annotations

import pytest
import torch
from worked_solutions import stored_output, verdict

from reconode.data import header
from reconode.teach import check

EXERCISES = ["ex9_1", "ex9_2", "ex9_3", "ex9_4"]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_worked_solution(exercise):
    said = verdict(9, exercise)
    assert said.right, said.text
    assert stored_output(9, exercise) == "", "unanswered, it prints nothing"


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("answer", [None, "seven", [1], lambda *a: None, torch.full((4,), torch.nan)])
def test_nonsense_is_not_right(exercise, answer):
    assert not getattr(check, exercise)(answer).right


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda c, m, w: (w // 2 - c, w // 2 - c + m), "one more of them"),
        (lambda c, m, w: (c, c + m + 1), "counted from the first acquired"),
        (lambda c, m, w: ((w - m - 1) // 2, (w - m - 1) // 2 + m + 1), "evenly"),
        (lambda c, m, w: (0, w), "were acquired"),
        (lambda c, m, w: 0, "two numbers"),
    ],
)
def test_not_the_acquired_columns(wrong, reason):
    assert reason in check.ex9_1(wrong).text


def test_the_acquired_columns_are_the_librarys(tmp_path):
    def acquired(center, maximum, columns):
        xml = header.encode((640, columns), (320, 320), (columns // 2 - center, columns // 2 - center + maximum + 1))
        return header.parse(xml, (1, 1, 640, columns), tmp_path).padding

    assert check.ex9_1(acquired).right


def psnr(x, t, peak):
    return float(10 * torch.log10(peak**2 / (x - t).square().mean()))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def each(pairs):
    return [[psnr(a, b, b.max()) for a, b in zip(x, t, strict=True)] for x, t in pairs]


def pooled(pairs):
    error = torch.cat([(x - t).flatten() for x, t in pairs])
    return float(10 * torch.log10(max(t.max() for _, t in pairs) ** 2 / error.square().mean()))


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda pairs: mean(v for volume in each(pairs) for v in volume), "mean over slices"),
        (lambda pairs: mean(mean(volume) for volume in each(pairs)), "each slice its own peak"),
        (pooled, "pools all volumes"),
        (lambda pairs: mean(psnr(x, t, torch.tensor(1.0)) for x, t in pairs), "not 1"),
        (lambda pairs: mean(psnr(x, t, x.max()) for x, t in pairs), "not the reconstruction's"),
        (lambda pairs: sum(len(t) * psnr(x, t, t.max()) for x, t in pairs) / 10, "by their slices"),
        (lambda pairs: mean(mean(psnr(a, b, t.max()) for a, b in zip(x, t)) for x, t in pairs), "whole volume's"),  # noqa: B905
        (lambda pairs: 30.0, "convention"),
    ],
)
def test_not_the_score(wrong, reason):
    assert check.ex9_2(lambda pairs: mean(psnr(x, t, t.max()) for x, t in pairs)).right
    assert reason in check.ex9_2(wrong).text


@pytest.mark.parametrize(
    "answer, reason", [(51.5, "not for a slice"), (0.2576, "one epoch"), (46_370, "seconds"), (7, "TFLOP a step")]
)
def test_not_the_hours(answer, reason):
    assert check.ex9_3(12.88).right
    assert reason in check.ex9_3(answer).text


def names(files):
    return [name for name, _ in files]


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda files, share: (names(files[20:]), names(files[:20])), "on both sides"),
        (lambda files, share: (names(files), names(files[:20])), "on one side, once"),
        (lambda files, share: (names(files[30:]), names(files[:20])), "on one side, once"),
        (lambda files, share: (names(files), []), "about a fifth"),
        (lambda files, share: ({"patient 1"}, {"patient 2"}), "names of files"),
        (lambda files, share: names(files), "two lists"),
    ],
)
def test_not_a_split(wrong, reason):
    assert reason in check.ex9_4(wrong).text
