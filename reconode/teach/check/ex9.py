"""Checks of chapter 9's exercises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reconode import metrics
from reconode.teach.check.verdict import NotYet, check, function, number, something

__all__ = ["ex9_1", "ex9_2", "ex9_3", "ex9_4"]


@check
def ex9_1(answer: Any) -> str:
    """Acquired columns [left, right): a function of the header's center and maximum, and of the width."""
    acquired = function(answer)
    for center, maximum, columns in ((166, 331, 368), (184, 367, 368), (162, 324, 371), (150, 331, 372)):
        said = something(acquired(center, maximum, columns))
        if not isinstance(said, Sequence) or len(said) != 2:
            raise NotYet("expected two numbers: the first acquired column, and one past the last.")
        got = [number(v) for v in said]
        left = columns // 2 - center
        right = left + maximum + 1
        if got == [left, right]:
            continue
        where = f"for center {center}, maximum {maximum} and {columns} columns"
        if got == [left, right - 1]:
            raise NotYet("maximum is the number of the last encode, counted from 0: there is one more of them.")
        if got == [center, center + maximum + 1] or got[0] == center:
            raise NotYet("center is counted from the first acquired column, not from the first of the file.")
        if got == [(columns - maximum - 1) // 2, (columns - maximum - 1) // 2 + maximum + 1]:
            raise NotYet(f"that puts the zeros evenly on both sides; {where}, they are not.")
        raise NotYet(f"{where}, columns {left} to {right - 1} were acquired; you say {got[0]:g} and {got[1]:g}.")
    return "the middle of k-space is encode number center, and lies at column columns // 2."


@check
def ex9_2(answer: Any) -> str:
    """fastMRI's PSNR of a data set: a function of a list of (reconstruction, target) volumes."""
    score = function(answer)
    generator = torch.Generator().manual_seed(9)
    sizes, levels = (3, 5, 2), (1.0, 0.2, 3.0)
    targets = [
        level * torch.rand(n, 24, 24, generator=generator).square() * torch.linspace(0.3, 1, n).view(n, 1, 1)
        for n, level in zip(sizes, levels, strict=True)
    ]
    pairs = [(t + 0.05 * level * torch.randn(t.shape, generator=generator), t) for t, level in zip(targets, levels)]  # noqa: B905
    want = sum(metrics.psnr(x, t) for x, t in pairs) / len(pairs)
    got = number(something(score([(x.clone(), t.clone()) for x, t in pairs])))
    if math.isclose(got, want, abs_tol=1e-3):
        return "one peak and one error a volume, then the plain mean over volumes."
    for mistake, why in _wrong_scores(pairs).items():
        if math.isclose(got, mistake, abs_tol=1e-3):
            raise NotYet(why)
    raise NotYet(f"{got:.2f} dB; by fastMRI's convention it is {want:.2f} dB.")


def _wrong_scores(pairs: list[tuple[Tensor, Tensor]]) -> dict[float, str]:
    """What the usual mistakes give, and a word on each."""

    def psnr(x: Tensor, t: Tensor, peak: Tensor | float) -> float:
        return float(10 * torch.log10(torch.as_tensor(peak) ** 2 / (x - t).square().mean()))

    slices = [[psnr(x, t, t.max()) for x, t in zip(*pair, strict=True)] for pair in pairs]
    ranged = [[psnr(x, t, volume[1].max()) for x, t in zip(*volume, strict=True)] for volume in pairs]
    every = [value for volume in slices for value in volume]
    everything = torch.cat([(x - t).flatten() for x, t in pairs])
    top = max(float(t.max()) for _, t in pairs)
    weights = [len(t) for _, t in pairs]
    volumes = [metrics.psnr(x, t) for x, t in pairs]
    weighted = sum(w * v for w, v in zip(weights, volumes, strict=True)) / sum(weights)
    return {
        sum(every) / len(every): "that is a mean over slices, each with its own peak; a volume has one.",
        sum(sum(s) / len(s) for s in slices) / len(slices): "that gives each slice its own peak; a volume has one.",
        sum(sum(s) / len(s) for s in ranged) / len(ranged): "the peak is right; the error is the whole volume's too.",
        float(10 * torch.log10(top**2 / everything.square().mean())): "that pools all volumes into one; score each, "
        "then take the mean.",
        weighted: "that weighs volumes by their slices; fastMRI's mean doesn't.",
        sum(psnr(x, t, 1.0) for x, t in pairs) / len(pairs): "the peak is the target's largest value, not 1.",
        sum(psnr(x, t, x.max()) for x, t in pairs) / len(pairs): "the peak is the target's, not the reconstruction's.",
    }


SLICES, EPOCHS, BATCH, TFLOP, RATE = 34_742, 50, 4, 2.135, 20.0
"""What exercise 3 asks about: fifty epochs of LT-RK4."""


@check
def ex9_3(answer: Any) -> str:
    """Hours of a training, of which one counts operations."""
    got = number(answer)
    hours = SLICES * EPOCHS / BATCH * TFLOP / RATE / 3600
    if math.isclose(got, hours, rel_tol=0.02):
        return f"{hours:.1f} hours for one row, one acceleration, one seed, besides reading and validating."
    if math.isclose(got, hours * BATCH, rel_tol=0.02):
        raise NotYet(f"the count is for a step of {BATCH} slices, not for a slice.")
    if math.isclose(got, hours / EPOCHS, rel_tol=0.02):
        raise NotYet(f"that is one epoch of {EPOCHS}.")
    if math.isclose(got, hours * 3600, rel_tol=0.02):
        raise NotYet("that is in seconds.")
    raise NotYet("steps = slices × epochs / batch; seconds = steps × TFLOP a step / TFLOP/s.")


@check
def ex9_4(answer: Any) -> str:
    """Split files so that no patient is on both sides: a function of (file, patient) pairs and a share to hold out."""
    split = function(answer)
    generator = torch.Generator().manual_seed(4)
    patients = torch.randint(0, 40, (100,), generator=generator).tolist()
    files = [(f"file{n}.h5", f"patient {p}") for n, p in enumerate(patients)]
    owner = dict(files)
    said = something(split(list(files), 0.2))
    if not isinstance(said, Sequence) or len(said) != 2:
        raise NotYet("expected two lists of file names: to train, and to validate.")
    train, val = ([str(name) for name in part] for part in said)
    if set(train + val) - set(owner):
        raise NotYet("expected the names of files, as they came in the pairs.")
    if len(train) + len(val) != len(files) or set(train) & set(val):
        raise NotYet(f"{len(files)} files went in, {len(set(train + val))} came out; each belongs on one side, once.")
    both = {owner[name] for name in train} & {owner[name] for name in val}
    if both:
        raise NotYet(f"{len(both)} patients are on both sides: hold out patients, and their files follow.")
    if not 0.08 <= len(val) / len(files) <= 0.35:
        raise NotYet(f"{len(val)} of {len(files)} files validate; about a fifth was asked for.")
    return f"{len(train)} files train, {len(val)} validate, and nobody does both."
