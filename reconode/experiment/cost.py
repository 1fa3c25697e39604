"""What a training costs: seconds a step on this machine, or operations counted for one that is not here."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from reconode import zoo
from reconode.data.slices import slab
from reconode.data.sources import Simulated
from reconode.experiment.plan import Job, Plan
from reconode.optimizers import LookaheadRAdam
from reconode.train import loss

COUNTED = (96, 112)
"""Size on which :func:`operations` counts."""


def seconds(plan: Plan, job: Job, repeats: int = 3) -> float:
    """Seconds a training step of a job takes here: forward, backward, optimizer; the fastest of a few."""
    settings = plan.with_rate(job, 1e-3)
    model = zoo.untrained(job.model).to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = LookaheadRAdam(model.parameters())
    made = Simulated(settings.acceleration, settings.mask, settings.batch_size, 0, settings.size, settings.mix)
    batch = next(made.batches(0)).to(plan.device)
    batch = batch if settings.rows is None else slab(batch, settings.rows, 0)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        with torch.autocast(plan.processor or "cuda", torch.bfloat16, enabled=settings.precision == "bf16"):
            x = model(batch.y, batch.E)
        loss(x, batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        if plan.device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def operations(plan: Plan, job: Job) -> float:
    """Floating-point operations of a training step of a job, forward and backward, two for a multiply-add.

    Counted on one slice of :data:`COUNTED`, in proportion to the area: convolutions and matrix products, which are
    nearly all. An adaptive solver's depend on the image; an untrained network needs few evaluations.
    """
    settings = plan.with_rate(job, 1e-3)
    model = zoo.untrained(job.model)
    batch = next(Simulated(settings.acceleration, settings.mask, 1, 0, COUNTED, settings.mix).batches(0))
    with _Counter() as counter:
        loss(model(batch.y, batch.E), batch).backward()
    rows, columns = settings.rows or settings.size[0], settings.size[1]
    return counter.total * settings.batch_size * (rows * columns) / math.prod(COUNTED)


class _Counter(TorchDispatchMode):
    """Counts as torch's FlopCounterMode does, whose tracking of modules does not bear torchdiffeq's adjoint."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out
