r"""How to differentiate a solve: the ways back, and what each costs.

==========================  =======================================  ========================  ======================
\                           gradient of                              memory for N steps        evaluations of f back
==========================  =======================================  ========================  ======================
:class:`Backprop` (FT)      the discrete solve, exactly              every activation: O(N)    none
:class:`Checkpoint` (FA)    the discrete solve, exactly              the input, a state each,  one solve; with
                                                                     or as many as you say     few states, more
:class:`Reversible`         its own discrete solve, exactly          two states                one solve (of 2 s N)
:class:`ContinuousAdjoint`  the flow, then discretised: approximate  the last state            one solve, backwards
==========================  =======================================  ========================  ======================

Use ``Backprop`` while it fits, ``Checkpoint`` when it doesn't: its gradients are the same to the last bit.
``Reversible`` needs no memory for the steps either, but it is another solve: alone among these its forward values are
not those of the tableau, and its coupling decides how fast a flow may contract. ``ContinuousAdjoint`` (Chen et al.
2018) is what "neural ODE" first meant. It solves the flow backwards to find the states again, which explicit methods
don't retrace exactly: its error falls with the solver's order and step. A trained flow contracts forward and so expands
backward; at N = 5 the error is tenths of the gradient there, whatever the method (chapter 5's table).

Memory is what lies between forward and back. While a solve runs it also holds the N states that it hands over.
"""

from __future__ import annotations

import math
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
    r"""The discrete adjoint: keep little, compute again on the way back (ANODE, Gholami et al. 2019; ReconODE-FA).

    Gradients equal :class:`Backprop`'s bit for bit, to everything that f uses: its parameters, the start, the data.
    Alone, it keeps the block's input only, as ANODE does, and holds one whole solve while going back.

    Args:
        each_step: keep the state at each step, and hold one step while going back: less at the peak for N > 2.
        slots: keep at most this many states at a time, the start among them, and hold one step while going back:
            Griewank and Walther's binomial schedule (revolve, 2000). No step is computed again more than r times,
            where r is the least number with :math:`\binom{s + r}{s} \ge N` for s slots.

    Raises:
        UsageError: for no slots, or for both at once.
    """

    each_step: bool = False
    slots: int | None = None

    def __post_init__(self) -> None:
        if self.slots is not None and self.each_step:
            raise UsageError("each_step keeps a state at each step: give either it or slots")
        if self.slots is not None and self.slots < 1:
            raise UsageError(f"checkpointing needs at least one slot, for the start, not {self.slots}")

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...] = ()) -> list[Tensor]:
        if self.slots is not None:
            return _revolve(f, x0, tableau, steps, self.slots)
        if not self.each_step:
            # A tuple of states, so that a trajectory can be asked for here too.
            states = checkpoint(lambda x: tuple(Backprop().solve(f, x, tableau, steps)[1:]), x0, use_reentrant=False)
            return [x0, *states]
        states = [x0]
        for n in range(steps):
            states.append(checkpoint(step, f, n / steps, states[-1], 1 / steps, tableau, use_reentrant=False))
        return states


def _revolve(f: Flow, x0: Tensor, tableau: Tableau, steps: int, slots: int) -> list[Tensor]:
    """The states of a solve of which at most `slots` are kept; the schedule is that of nested checkpoints."""
    # A recomputation must not hold its states together, so they are noted down on the way forward only.
    noted: list[Tensor] | None = [x0]

    def run(x: Tensor, first: int, count: int, slots: int) -> Tensor:
        if count == 1:
            x = step(f, first / steps, x, 1 / steps, tableau)
            if noted is not None:
                noted.append(x)
            return x
        head = revolve_split(count, slots)
        x = checkpoint(run, x, first, head, slots, use_reentrant=False)
        return run(x, first + head, count - head, slots - 1)

    run(x0, 0, steps, slots)
    states, noted = noted, None
    assert states is not None
    return states


def revolve_split(count: int, slots: int) -> int:
    """How many of `count` > 1 steps lie before the next kept state, with `slots` states to keep, the start among them.

    Any number that leaves both parts within their binomial bounds makes the fewest evaluations (Griewank and Walther
    2000, Proposition 1); this is the smallest.
    """
    repeats = 0
    while math.comb(slots + repeats, slots) < count:
        repeats += 1
    least = math.comb(slots + repeats - 2, slots) if repeats > 1 else 1
    return max(least, count - math.comb(slots - 1 + repeats, slots - 1))


@dataclass(frozen=True)
class Reversible:
    r"""An algebraically reversible solve from any tableau (McCallum and Foster 2024): exact gradients, two states kept.

    With the tableau's increment :math:`\Psi_h(t, x)`, a second state z goes along, from x = z:

    .. math::
        x_{n+1} = \kappa x_n + (1 - \kappa) z_n + \Psi_h(t_n, z_n), \qquad
        z_{n+1} = z_n - \Psi_{-h}(t_{n+1}, x_{n+1}) .

    Both lines can be solved for the older state, so the way back finds every state again, to rounding, and the
    gradient is that of this very solve. x is the result; its order is the tableau's, but **its values are not**: where
    the other gradients differentiate one solve in their ways, this is another solve, of twice the evaluations.

    What it costs is stability. The product of the two amplification factors of a mode is κ, whatever h: where the flow
    contracts a mode at rate k, one factor is small and the other makes up for it. With κ near 1 it exceeds one from
    h k of about 1 − κ on, whatever the tableau. Smaller κ have limits of their own: with κ = 0.5 Euler's is 0.5, the
    classical RK4's 0.7, and Heun's 2.16, which is more than Heun's own. For a few contractions over the whole time the
    growth is harmless; a stiff flow needs a smaller κ or another gradient. A smaller κ amplifies rounding by 1/κ a
    step on the way back.

    It cannot see what f depends on: ``integrate(…, uses=…)`` names every tensor that f uses and that wants a gradient.

    Args:
        coupling: κ, in (0, 1]; λ in the paper, which here is a rate.

    Raises:
        UsageError: for a coupling outside.
    """

    coupling: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.coupling <= 1:
            raise UsageError(f"the coupling of a reversible solve lies in (0, 1], not {self.coupling}")

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...] = ()) -> list[Tensor]:
        if not torch.is_grad_enabled():
            return self.forward(f, x0, tableau, steps)[0]
        wanted = tuple(tensor for tensor in uses if tensor.requires_grad)
        return list(_ReversibleSolve.apply(f, tableau, steps, self, x0, *wanted))

    def forward(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int) -> tuple[list[Tensor], Tensor]:
        """The states x at t = 0, 1/N, …, 1 and the last z, with whatever graph f has."""
        h, kept = 1 / steps, self.coupling
        states, z = [x0], x0
        for n in range(steps):
            x = kept * states[-1] + (1 - kept) * z + _increment(f, n / steps, z, h, tableau)
            z = z - _increment(f, (n + 1) / steps, x, -h, tableau)
            states.append(x)
        return states, z


def _increment(f: Flow, t: float, x: Tensor, h: float, tableau: Tableau) -> Tensor:
    """Ψ_h(t, x): what a step adds."""
    return step(f, t, x, h, tableau) - x


class _ReversibleSolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, f: Flow, tableau: Tableau, steps: int, way: Reversible, x0: Tensor, *used: Tensor
    ) -> tuple[Tensor, ...]:
        states, z = way.forward(_named(f, used), x0, tableau, steps)
        ctx.f, ctx.tableau, ctx.steps, ctx.kept = f, tableau, steps, way.coupling
        ctx.save_for_backward(states[-1], z, *used)
        ctx.set_materialize_grads(False)
        return (x0.clone(), *states[1:])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        x, z, *used = ctx.saved_tensors
        h, kept = 1 / ctx.steps, ctx.kept
        totals = [torch.zeros_like(tensor) for tensor in used]

        def pull(t: float, at: Tensor, h: float, gradient: Tensor) -> tuple[Tensor, Tensor]:
            """The increment there, and what `gradient` of it is as the state's; that of `used` is added up."""
            with torch.enable_grad():
                at = at.detach().requires_grad_()
                increment = _increment(ctx.f, t, at, h, ctx.tableau)
                products = torch.autograd.grad(increment, (at, *used), gradient, allow_unused=True)
            for i, product in enumerate(products[1:]):
                if product is not None:
                    totals[i] = totals[i] + product
            return increment.detach(), torch.zeros_like(at) if products[0] is None else products[0]

        to_x = torch.zeros_like(x) if upstream[-1] is None else upstream[-1]
        to_z = torch.zeros_like(z)
        for n in range(ctx.steps, 0, -1):
            increment, product = pull(n / ctx.steps, x, -h, -to_z)
            z, to_x = z + increment, to_x + product
            increment, product = pull((n - 1) / ctx.steps, z, h, to_x)
            x = (x - (1 - kept) * z - increment) / kept
            to_x, to_z = kept * to_x, to_z + (1 - kept) * to_x + product
            earlier = upstream[n - 1]
            to_x = to_x if earlier is None else to_x + earlier
        return (None, None, None, None, to_x + to_z, *totals)


@dataclass(frozen=True)
class ContinuousAdjoint:
    r"""The adjoint flow of the neural ODE (Chen et al. 2018), solved backwards with the same method and grid.

    :math:`\dot p = -(\partial f / \partial x)^T p` and :math:`\dot g = -(\partial f / \partial\theta)^T p`
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
        ctx.set_materialize_grads(False)
        return (x0.clone(), *states[1:])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        x, *parameters = ctx.saved_tensors
        f, steps, tableau = ctx.f, ctx.steps, ctx.tableau

        def augmented(t: float, state: list[Tensor]) -> list[Tensor]:
            """Time derivative of (x, p, g); x and p get it from one evaluation of f and its vector-Jacobian product."""
            with torch.enable_grad():
                x = state[0].detach().requires_grad_()
                slope = f(t, x)
                wanted = (x, *parameters)
                products = torch.autograd.grad(slope, wanted, -state[1], allow_unused=True)
            filled = [torch.zeros_like(w) if p is None else p for w, p in zip(wanted, products, strict=True)]
            return [slope.detach(), *filled]

        end = torch.zeros_like(x) if upstream[-1] is None else upstream[-1]
        state = [x, end, *(torch.zeros_like(p) for p in parameters)]
        for n in range(steps, 0, -1):
            state = step(augmented, n / steps, state, -1 / steps, tableau)
            earlier = upstream[n - 1]
            state[1] = state[1] if earlier is None else state[1] + earlier
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
