r"""How to differentiate a solve: one forward pass, three ways back.

==========================  =======================================  ==========================  =====================
\                           gradient of                              memory for N steps          evaluations of f back
==========================  =======================================  ==========================  =====================
:class:`Backprop` (FT)      the discrete solve, exactly              every activation: O(N)      none
:class:`Checkpoint` (FA)    the discrete solve, exactly              the input, or a state each  one solve
:class:`ContinuousAdjoint`  the flow, then discretised: approximate  the last state              one solve, backwards
==========================  =======================================  ==========================  =====================

Use ``Backprop`` while it fits, ``Checkpoint`` when it doesn't: its gradients are the same to the last bit.
``ContinuousAdjoint`` (Chen et al. 2018) is what "neural ODE" first meant. It solves the flow backwards to find the
states again, which explicit methods don't retrace exactly: its error falls with the solver's order and step, and with
Euler it is large enough to spoil a training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from reconode.solvers import Backprop, Flow, Tableau, step


@dataclass(frozen=True)
class Checkpoint:
    """The discrete adjoint: keep little, compute again on the way back (ANODE, Gholami et al. 2019; ReconODE-FA).

    Gradients equal :class:`Backprop`'s bit for bit, to everything that f uses: its parameters, the start, the data.

    Args:
        each_step: False keeps the block's input only, as ANODE does, and holds one whole solve while going back.
            True keeps the state at each step and holds one step while going back: less at the peak for N > 2.
    """

    each_step: bool = False

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int) -> list[Tensor]:
        if not self.each_step:
            # A tuple of states, so that a trajectory can be asked for here too.
            states = checkpoint(lambda x: tuple(Backprop().solve(f, x, tableau, steps)[1:]), x0, use_reentrant=False)
            return [x0, *states]
        states = [x0]
        for n in range(steps):
            states.append(checkpoint(step, f, n / steps, states[-1], 1 / steps, tableau, use_reentrant=False))
        return states


@dataclass(frozen=True)
class ContinuousAdjoint:
    r"""The adjoint flow of the neural ODE (Chen et al. 2018), solved backwards with the same method and grid.

    :math:`\dot\lambda = -\lambda^T \partial f / \partial x` and :math:`\dot g = -\lambda^T \partial f / \partial\theta`
    run from t = 1 to 0 together with x itself, of which only the last value was kept. Equal to torchdiffeq's
    ``odeint_adjoint`` between two times, for the methods that it has.

    Args:
        parameters: every tensor that f uses and that wants a gradient; others get none.
    """

    parameters: tuple[Tensor, ...] = field(default=())

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        object.__setattr__(self, "parameters", tuple(p for p in parameters if p.requires_grad))

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int) -> list[Tensor]:
        return list(_AdjointFlow.apply(f, tableau, steps, x0, *self.parameters))


class _AdjointFlow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, f: Flow, tableau: Tableau, steps: int, x0: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        states = Backprop().solve(f, x0, tableau, steps)
        ctx.f, ctx.tableau, ctx.steps = f, tableau, steps
        ctx.save_for_backward(states[-1], *parameters)
        return (x0.clone(), *states[1:])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        x, *parameters = ctx.saved_tensors
        f, steps, tableau = ctx.f, ctx.steps, ctx.tableau

        def augmented(t: float | Tensor, state: list[Tensor]) -> list[Tensor]:
            """Time derivative of (x, λ, g); x and λ get it from one evaluation of f and its vector-Jacobian product."""
            with torch.enable_grad():
                x = state[0].detach().requires_grad_()
                slope = f(t, x)
                wanted = (x, *parameters)
                products = torch.autograd.grad(slope, wanted, -state[1], allow_unused=True)
            filled = [torch.zeros_like(w) if p is None else p for w, p in zip(wanted, products, strict=True)]
            return [slope.detach(), *filled]

        state = [x, upstream[-1], *(torch.zeros_like(p) for p in parameters)]
        for n in range(steps, 0, -1):
            state = _step_together(augmented, n / steps, state, -1 / steps, tableau)
            state[1] = state[1] + upstream[n - 1]
        return (None, None, None, state[1], *state[2:])


def _step_together(f: Any, t: float, state: list[Tensor], h: float, tableau: Tableau) -> list[Tensor]:
    """:func:`reconode.solvers.step` for a list of tensors of different shapes and dtypes."""
    slopes: list[list[Tensor]] = []

    def at(weights: tuple[float, ...]) -> list[Tensor]:
        point = state
        for weight, slope in zip(weights, slopes, strict=True):
            if weight:
                point = [torch.add(p, s, alpha=h * weight) for p, s in zip(point, slope, strict=True)]
        return point

    for row, c in zip(tableau.b, tableau.c, strict=True):
        slopes.append(f(t + c * h, at(row)))
    return at(tableau.a)


def saved_bytes(run: Any) -> int:
    """Bytes that autograd keeps for the backward pass of ``run()``, each storage counted once.

    What a gradient mode costs in memory, measured in the same way on any device. Parameters and other leaves, which
    live anyway, are not counted.
    """
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            storage = tensor.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(seen.values())
