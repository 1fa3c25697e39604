r"""Training with the path supervised: each state of an unrolled network is held to a straight line, not the last alone.

After FLAT (flow-aligned training, arXiv 2512.03020). A network of N steps passes x₀, x₁, …, x_N, from the zero-filled
image to the reconstruction; trained on x_N alone, it may take any way there. Here the states between are compared with
the straight line from x₀ to the target x*, by the very loss of the last one,

.. math::
    \mathcal{L} = \ell(x_N, x^*) + w\, \frac{1}{N - 1} \sum_{n=1}^{N-1}
        \ell\bigl(x_n,\, (1 - t_n)\, |x_0| + t_n\, x^*\bigr), \qquad t_n = n / N ,

with ℓ the paper's L1 + 0.5 (1 − SSIM). fastMRI's target is a magnitude and has no phase, so the line is one of
magnitudes. A flow along a straight line at constant speed is solved exactly by any explicit method with any number of
steps, so a network that keeps to the line ought to stand another N and another solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from reconode.data.slices import Batch
from reconode.errors import UsageError
from reconode.metrics import magnitude
from reconode.physics import MRIOperator, center_crop


class Watched(nn.Module):
    """A network that says which way it went: ``(image, states)`` in place of the image, by the same weights.

    Args:
        model: with ``trajectory(y, E)``, the complex images after 0, 1, …, N steps.

    Raises:
        UsageError: for a network that has no states to watch.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        if not hasattr(model, "trajectory"):
            raise UsageError(
                f"{type(model).__name__} has no states between its start and its image, so no path to supervise: "
                "--path is for the solvers (ft-…, fa-…, lt-…) and pc-flow"
            )
        self.model = model

    def forward(self, y: Tensor, E: MRIOperator) -> tuple[Tensor, list[Tensor]]:
        """The image ``(batch, rows, columns)``, which is the network's own, and the N + 1 states of that shape."""
        states = list(self.model.trajectory(y, E))  # type: ignore[operator]
        return E.enforce(states[-1], y), states


def watched(model: nn.Module, weight: float) -> nn.Module:
    """The network to call in training: itself where the path has no weight, else :class:`Watched`.

    Raises:
        UsageError: for a weight that is negative or no number, or a network that has no states to watch.
    """
    if not 0 <= weight < math.inf:
        raise UsageError(f"the weight of the path is a number from 0 on, not {weight}")
    return Watched(model) if weight else model


def line(batch: Batch, start: Tensor, t: float) -> Tensor:
    """The point at t on the straight line of magnitudes from `start` to the target, in the target's shape and unit."""
    assert batch.target is not None
    return torch.lerp(magnitude(center_crop(start.detach(), *batch.target.shape[-2:])), batch.target, t)


def loss(states: Sequence[Tensor], batch: Batch, of: Callable[[Tensor, Batch], Tensor]) -> Tensor:
    """The path's term without its weight: the mean over the states between of their loss against the line.

    Args:
        states: x₀ … x_N, complex ``(batch, rows, columns)``.
        batch: whose data they came from; its target is the line's end.
        of: the loss of an image against a batch's target, :func:`reconode.train.loss`.

    Raises:
        UsageError: for a single step, which has no states between.
    """
    count = len(states) - 1
    if count < 2:
        raise UsageError(f"a path of {count} step has no states between to supervise: use more steps, or no --path")
    each = [of(states[n], batch._replace(target=line(batch, states[0], n / count))) for n in range(1, count)]
    return torch.stack(each).mean()
