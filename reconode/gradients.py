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

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from reconode.errors import UsageError
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

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...] = ()) -> list[Tensor]:
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

    It cannot see what f depends on: ``integrate(…, uses=…)`` names every tensor that f uses and that wants a gradient.
    """

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...] = ()) -> list[Tensor]:
        if not torch.is_grad_enabled():
            return Backprop().solve(f, x0, tableau, steps)
        wanted = tuple(tensor for tensor in uses if tensor.requires_grad)
        return list(_AdjointFlow.apply(f, tableau, steps, x0, *wanted))


class _AdjointFlow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, f: Flow, tableau: Tableau, steps: int, x0: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        states = Backprop().solve(_named(f, parameters), x0, tableau, steps)
        ctx.f, ctx.tableau, ctx.steps = f, tableau, steps
        ctx.save_for_backward(states[-1], *parameters)
        return (x0.clone(), *states[1:])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        x, *parameters = ctx.saved_tensors
        f, steps, tableau = ctx.f, ctx.steps, ctx.tableau

        def augmented(t: float, state: list[Tensor]) -> list[Tensor]:
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
            state = step(augmented, n / steps, state, -1 / steps, tableau)
            state[1] = state[1] + upstream[n - 1]
        return (None, None, None, state[1], *state[2:])


def _named(f: Flow, uses: tuple[Tensor, ...]) -> Flow:
    """f, which at its first evaluation says if it depends on a tensor that wants a gradient and is not in `uses`."""
    seen = False

    def watched(t: float | Tensor, x: Tensor) -> Tensor:
        nonlocal seen
        if seen:
            return f(t, x)
        seen = True
        with torch.enable_grad():
            # Nodes are numbered as they are made: one with a smaller number was there before f was called.
            mark = torch.zeros((), requires_grad=True).clone().grad_fn
            slope = f(t, x.detach())
        missing = _missing(slope, uses, mark._sequence_nr())  # type: ignore[union-attr]
        if missing:
            raise UsageError(
                f"f depends on {missing} that requires a gradient and that integrate was not told of: name it in `uses`"
            )
        return slope.detach()

    return watched


def _missing(slope: Tensor, uses: tuple[Tensor, ...], mark: int) -> str:
    """In words, a tensor outside `uses` on which the slope depends; nothing if there is none."""
    named = {tensor.grad_fn for tensor in uses if tensor.grad_fn is not None}
    leaves = {id(tensor) for tensor in uses}
    todo, seen = [slope.grad_fn], {None, *named}
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:  # a leaf
            if id(variable) not in leaves:
                return f"a tensor of shape {tuple(variable.shape)}"
        elif node._sequence_nr() < mark:
            return f"the result of an earlier computation ({node.name()})"
        else:
            todo += [other for other, _ in node.next_functions]
    return ""


class _Kept:
    """What autograd keeps of one tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()  # without its graph, which would hold this in turn


def saved_bytes(run: Any) -> int:
    """Bytes that autograd keeps for the backward pass of ``run()`` when it returns, each storage counted once.

    What a gradient mode costs in memory, measured in the same way on any device. Parameters and other leaves, which
    live anyway, are not counted.
    """
    kept: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def pack(tensor: Tensor) -> Tensor | _Kept:
        if tensor.is_leaf and tensor.requires_grad:
            return tensor
        holder = _Kept(tensor)
        kept.add(holder)
        return holder

    def unpack(packed: Tensor | _Kept) -> Tensor:
        return packed.tensor if isinstance(packed, _Kept) else packed

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        result = run()
    storages = [holder.tensor.untyped_storage() for holder in kept]
    del result
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
