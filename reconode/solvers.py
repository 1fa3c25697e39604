r"""Explicit Runge-Kutta methods on a fixed grid: a solver is a table of numbers, and one function runs them all.

The flow :math:`\dot x = f(t, x)` (Eq. 5) from t = 0 to 1 in N steps of h = 1 / N (Eq. 7–10, the paper's letters):

.. math::
    F_i = h\, f\bigl(t_n + c_i h,\; x_n + \textstyle\sum_{j<i} b_{ij} F_j\bigr), \qquad
    x_{n+1} = x_n + \textstyle\sum_i a_i F_i

(Most textbooks call the weights b and the matrix a.) How the solve is differentiated is another matter and another
object: see :mod:`reconode.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from reconode.errors import UsageError

Flow = Callable[[float | Tensor, Tensor], Tensor]
"""The right-hand side f(t, x); real or complex x of any shape."""

State = TypeVar("State", Tensor, list[Tensor])
"""What a step moves: a tensor, or a list of tensors of any shapes and dtypes that move together."""


@dataclass(frozen=True)
class Tableau:
    """A Butcher tableau of an explicit method.

    Attributes:
        name: what the method is called.
        a: weights of the stages, s numbers.
        b: row i holds the coefficients of the stages before stage i; the first row is empty.
        c: times of the stages within a step, s numbers.
        order: the global error falls as h to this power.
    """

    name: str
    a: tuple[float, ...]
    b: tuple[tuple[float, ...], ...]
    c: tuple[float, ...]
    order: int

    @property
    def stages(self) -> int:
        """Evaluations of f a step."""
        return len(self.a)


EULER = Tableau("Euler", a=(1,), b=((),), c=(0,), order=1)
"""Eq. 7. Also known as: a residual network, read as a flow."""

HEUN = Tableau("Heun", a=(1 / 2, 1 / 2), b=((), (1,)), c=(0, 1), order=2)
"""The paper's RK2. torchdiffeq's ``heun2``. Not to be confused with the midpoint rule, ANODE's RK2."""

MIDPOINT = Tableau("midpoint", a=(0, 1), b=((), (1 / 2,)), c=(0, 1 / 2), order=2)
"""torchdiffeq's ``midpoint``."""

RK4 = Tableau(
    "classical RK4",
    a=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
    b=((), (1 / 2,), (0, 1 / 2), (0, 0, 1)),
    c=(0, 1 / 2, 1 / 2, 1),
    order=4,
)
"""The paper's RK4, Kutta's first. Not to be confused with torchdiffeq's ``rk4``, which is :data:`RK38`."""

RK38 = Tableau(
    "3/8 rule",
    a=(1 / 8, 3 / 8, 3 / 8, 1 / 8),
    b=((), (1 / 3,), (-1 / 3, 1), (1, -1, 1)),
    c=(0, 1 / 3, 2 / 3, 1),
    order=4,
)
"""Kutta's second of order four. torchdiffeq's ``rk4``."""

TABLEAUS = {"euler": EULER, "rk2": HEUN, "midpoint": MIDPOINT, "rk4": RK4, "rk38": RK38}
"""By the short names that models carry; ``rk2`` and ``rk4`` are the paper's."""


def step(f: Callable[[float, State], State], t: float, x: State, h: float, tableau: Tableau) -> State:
    """One step of Eq. 8–10 from (t, x): the state at t + h. A list of tensors moves as one state."""
    slopes: list[State] = []
    for row, c in zip(tableau.b, tableau.c, strict=True):
        slopes.append(f(t + c * h, _advance(x, h, row, slopes)))
    return _advance(x, h, tableau.a, slopes)


def _advance(x: State, h: float, weights: tuple[float, ...], slopes: list[State]) -> State:
    """x + h Σ wᵢ fᵢ; a zero weight costs nothing."""
    for weight, slope in zip(weights, slopes, strict=True):
        if not weight:
            continue
        if isinstance(x, Tensor):
            x = torch.add(x, slope, alpha=h * weight)
        else:
            x = [torch.add(part, along, alpha=h * weight) for part, along in zip(x, slope, strict=True)]
    return x


class Gradient(Protocol):
    """How a solve is differentiated: what :func:`integrate` needs. Others are in :mod:`reconode.gradients`."""

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...]) -> list[Tensor]:
        """The states at t = 0, 1/N, …, 1, connected to the graph in this gradient's way.

        `uses` are the tensors that f depends on and that want gradients, for those gradients that must be told.
        """
        ...


@dataclass(frozen=True)
class Backprop:
    """Plain backpropagation through the solver's steps (the paper's ReconODE-FT)."""

    def solve(self, f: Flow, x0: Tensor, tableau: Tableau, steps: int, uses: tuple[Tensor, ...] = ()) -> list[Tensor]:
        states = [x0]
        for n in range(steps):
            states.append(step(f, n / steps, states[-1], 1 / steps, tableau))
        return states


BACKPROP = Backprop()
"""The gradient where none is chosen."""


def check_gradient(gradient: Gradient) -> Gradient:
    """The argument if it is an object that can differentiate a solve.

    Raises:
        UsageError: for a class, or anything else without ``solve``.
    """
    if isinstance(gradient, type):
        raise UsageError(f"gradient is an object, not a class: write {gradient.__name__}()")
    if not hasattr(gradient, "solve"):
        raise UsageError(f"gradient is an object with a method solve, such as Backprop(), not {gradient!r}")
    return gradient


def integrate(
    f: Flow,
    x0: Tensor,
    tableau: Tableau,
    steps: int,
    gradient: Gradient = BACKPROP,
    *,
    uses: Iterable[Tensor] = (),
    trajectory: bool = False,
) -> Tensor:
    """Solve the flow from t = 0 to t = 1.

    Args:
        f: the right-hand side, f(t, x).
        x0: the state at t = 0, real or complex, any shape.
        tableau: the method.
        steps: N.
        gradient: how to differentiate the solve. The values are the same for each but
            :class:`~reconode.gradients.Reversible`, which is a solve of its own.
        uses: the tensors that f depends on and that want gradients: parameters, data. Backpropagation and
            checkpointing find them themselves; the reversible solve and the continuous adjoint have to be told.
        trajectory: return the states at all N + 1 times, stacked in front, instead of the last.

    Returns:
        The state at t = 1, shaped as `x0`; or ``(N + 1, *x0.shape)``.

    Raises:
        UsageError: for fewer than one step, a class in place of a gradient, or a tensor that f depends on, that
            requires a gradient, and that this gradient would miss because `uses` does not name it.
    """
    if steps < 1:
        raise UsageError(f"a solve needs at least one step, not {steps}")
    states = check_gradient(gradient).solve(f, x0, tableau, steps, tuple(uses))
    return torch.stack(states) if trajectory else states[-1]


def integrate_adaptive(
    f: Flow,
    x0: Tensor,
    *,
    tolerance: float = 1e-3,
    method: str = "dopri5",
    adjoint: tuple[Tensor, ...] | None = None,
    steps: int | None = None,
) -> Tensor:
    """Solve the flow from t = 0 to 1 with torchdiffeq's adaptive steps: the original neural ODE (Chen et al. 2018).

    Args:
        f: the right-hand side, f(t, x).
        x0: the state at t = 0, real or complex, any shape.
        tolerance: relative and absolute error allowed a step.
        method: an adaptive method of torchdiffeq.
        adjoint: the tensors that f uses and that want a gradient, by the continuous adjoint; None backpropagates
            through the accepted steps.
        steps: return the states at t = 0, 1/N, …, 1 for this N, stacked in front. They are read off between the
            accepted steps, which do not depend on N.

    Returns:
        The state at t = 1, shaped as `x0`; or ``(N + 1, *x0.shape)``.
    """
    from torchdiffeq import odeint, odeint_adjoint

    # torchdiffeq stacks state, adjoint and real parameters into one tensor, so the state has to be real.
    def real(t: Tensor, state: Tensor) -> Tensor:
        if not x0.is_complex():
            return f(t, state)
        # Not view_as_complex: the state is a piece of that one tensor and may start at an odd place in it.
        return torch.view_as_real(f(t, torch.complex(state[..., 0], state[..., 1])).contiguous())

    start = torch.view_as_real(x0.contiguous()) if x0.is_complex() else x0
    times = torch.linspace(0, 1, (steps or 1) + 1, device=x0.device, dtype=start.dtype)
    options = {"rtol": tolerance, "atol": tolerance, "method": method}
    if adjoint is None:
        states = odeint(real, start, times, **options)
    else:
        wanted = tuple(p for p in adjoint if p.requires_grad)
        states = odeint_adjoint(real, start, times, adjoint_params=wanted, **options)
    found = states[-1] if steps is None else states
    return torch.complex(found[..., 0], found[..., 1]) if x0.is_complex() else found
