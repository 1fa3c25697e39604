"""The paper's optimiser: RAdam with Lookahead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class LookaheadRAdam(torch.optim.RAdam):
    """RAdam (Liu et al. 2020) with Lookahead (Zhang et al. 2019): every k steps, slow weights move towards the fast.

    The slow weights start at the fast ones' start; every `k` steps slow += alpha · (fast − slow), and the fast weights
    restart from there.

    Args:
        parameters: what is trained.
        lr: learning rate.
        k: fast steps a slow one.
        alpha: how far the slow weights move.
        **radam: other arguments of RAdam.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-3, *, k: int = 6, alpha: float = 0.5, **radam: Any
    ) -> None:
        super().__init__(parameters, lr=lr, **radam)
        self.k, self.alpha = k, alpha

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One fast step, and a slow one when it is due."""
        trained = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        # RAdam fills an empty state at a parameter's first step, so the slow weights join it afterwards.
        fresh = {p: p.detach().clone() for p in trained if not self.state[p]}
        loss = super().step(closure)
        for p, start in fresh.items():
            self.state[p]["slow"] = start
        for p in trained:
            slow = self.state[p]["slow"]
            if int(self.state[p]["step"]) % self.k == 0:
                slow.lerp_(p, self.alpha)
                p.copy_(slow)
        return loss


def cosine(step: int, steps: int, warmup: int = 0) -> float:
    """Learning-rate factor at a step: a linear rise over `warmup` steps (a tenth at most), then half a cosine to 0."""
    warmup = min(warmup, steps // 10)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
