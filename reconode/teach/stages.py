"""A solve taken apart: what each stage of each step proposes, and what the step makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from reconode.models import FixedSolver, LearnedSolver
from reconode.networks import to_channels, to_complex
from reconode.physics import MRIOperator


class Taken(NamedTuple):
    """One step, complex images ``(batch, rows, columns)``.

    ``x`` is where it starts. ``stages`` are F₁ … F_s without what data consistency takes away; ``parts`` the same, each
    with its weight: what the step adds. ``weights`` are those of the stages at each pixel,
    ``(batch, s, rows, columns)``.
    """

    x: Tensor
    stages: list[Tensor]
    parts: list[Tensor]
    weights: Tensor


def agreement(steps: Iterable[Taken]) -> list[float]:
    """The cosine between the first two stages of each step: 1 where both point one way, −1 where they are opposed."""
    pairs = ([F.flatten() for F in taken.stages[:2]] for taken in steps)
    return [float(torch.vdot(a, b).real / a.norm() / b.norm()) for a, b in pairs]


@torch.no_grad()
def fixed(model: FixedSolver, y: Tensor, E: MRIOperator) -> Iterator[Taken]:
    """Eq. 8–10, step by step; the flow has data consistency in its velocity."""
    flow, x, h, table = model.flow(y, E), E.H(y), 1 / model.steps, model.tableau
    for n in range(model.steps):
        stages: list[Tensor] = []
        for row, c in zip(table.b, table.c, strict=True):
            at = x + sum(b * F for b, F in zip(row, stages, strict=True))
            stages.append(h * flow((n + c) * h, at))
        parts = [a * F for a, F in zip(table.a, stages, strict=True)]
        weights = torch.tensor(table.a)[None, :, None, None].expand(len(x), -1, *x.shape[1:])
        yield Taken(x, stages, parts, weights)
        x = x + torch.stack(parts).sum(0)


@torch.no_grad()
def learned(model: LearnedSolver, y: Tensor, E: MRIOperator) -> Iterator[Taken]:
    """Eq. 11–13, step by step, for a learned solver with attention; single coil, where data consistency projects."""
    x = E.H(y)
    for n in range(model.steps):
        slopes: list[Tensor] = []
        for stage in model.stages:
            slopes.append(stage(n / model.steps, torch.cat([to_channels(x), *slopes[-1:]], dim=1)))
        weights = model.combine.weights(slopes)  # type: ignore[operator]
        stages = [to_complex(F) for F in slopes]
        parts = [weights[:, i] * F for i, F in enumerate(stages)]
        free, added = ([u - E.normal(u) for u in images] for images in (stages, parts))
        yield Taken(x, free, added, weights)
        x = E.enforce(x + torch.stack(parts).sum(0), y)
