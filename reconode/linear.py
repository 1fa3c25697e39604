"""Linear systems on batches of images: conjugate gradients, and the gradient of a solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def conjugate_gradients(system: Callable[[Tensor], Tensor], right: Tensor, goal: Tensor, iterations: int) -> Tensor:
    """Solve A d = b for each image of a batch, from d = 0 (Hestenes and Stiefel 1952).

    Where A is singular and b in its range, as in least squares, this is the solution of least norm.

    Args:
        system: A, Hermitian and positive semidefinite, on images ``(batch, rows, columns)``.
        right: b.
        goal: an image is done when ‖b − A d‖ is at most this, ``(batch, 1, 1)``.
        iterations: at most so many evaluations of A.
    """
    d, residual, direction = torch.zeros_like(right), right, right
    now = norms(residual).square()
    for _ in range(iterations):
        if not bool((now > goal.square()).any()):
            break
        ahead = system(direction)
        curvature = (direction.conj() * ahead).real.sum((-2, -1), keepdim=True)
        going = (now > goal.square()) & (curvature > 0)  # not so in the null space, where rounding ends
        # An image that is done stays as it is, whatever the others of its batch still need.
        length = torch.where(going, now / curvature, 0)
        d, residual = d + length * direction, residual - length * ahead
        before, now = now, torch.where(going, norms(residual).square(), now)
        direction = torch.where(going, residual + now / before * direction, direction)
    return d


def norms(x: Tensor) -> Tensor:
    """‖x‖ of each image: ``(batch, rows, columns)`` → ``(batch, 1, 1)``."""
    return torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True)


class Solution(torch.autograd.Function):
    """The solution d of A d = b as a function of all that A and b are made of, by the implicit function theorem.

    b − A d, which is zero, carries the graph: a gradient g at d is one of A⁻¹ g at b − A d, for Hermitian A.
    """

    @staticmethod
    def forward(ctx: Any, back: Callable[[Tensor], Tensor], d: Tensor, remainder: Tensor) -> Tensor:
        """The solution, as it is; `back` solves for a gradient, and `remainder` is b − A d with its graph."""
        ctx.back = back
        return d.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        """A gradient for the remainder."""
        return None, None, ctx.back(upstream[0])
