r"""ReconODE: reconstruction as a flow with a fixed solver (FT, FA) or a learned one (LT). Each is a ``model(y, E)``.

**Where the data enter.** The paper writes f(x, t, y) and does not say how y gets in; it decides more than the solver
does. Ours, the same for all: the network proposes a slope, and the velocity leads to the data-consistent image nearest
to that proposal,

.. math:: \dot x = \mathrm{DC}\bigl(x + f(x, t; \theta),\, y\bigr) - x .

For one coil this is the network's slope with its measured frequencies removed, so that the flow never leaves the images
that agree with the data, whatever method solves it; a step of Euler is a step of the network followed by hard data
consistency. ``consistency="end"`` is the other reading: y enters in the last layer only (Fig. 2A–B).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from reconode.errors import UsageError
from reconode.gradients import ContinuousAdjoint
from reconode.networks import Attention, Dynamics, Scalars, falling_dilations, to_channels, to_complex
from reconode.physics import MRIOperator
from reconode.solvers import BACKPROP, EULER, Flow, Gradient, Tableau, check_gradient, integrate, integrate_adaptive

Consistency = Literal["step", "end"]
"""Where y enters: at each step (in the velocity), or only at the end."""

STEPS = 5
"""The paper's N."""


class FixedSolver(nn.Module):
    """ReconODE-FT and -FA: dx/dt = f(x(t), t, y, θ) solved to t = 1 (Eq. 4–6), then data consistency.

    Args:
        tableau: the method (Eq. 7–10).
        steps: N; may differ between training and use.
        gradient: how training differentiates the solve: ``Backprop()`` is FT, ``Checkpoint()`` FA by the discrete
            adjoint, which has the same gradients; others are in :mod:`reconode.gradients`.
        consistency: "step" or "end".
        f: the dynamics; the paper's network when None.
    """

    def __init__(
        self,
        tableau: Tableau = EULER,
        steps: int = STEPS,
        gradient: Gradient = BACKPROP,
        consistency: Consistency = "step",
        f: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.tableau, self.steps, self.consistency = tableau, steps, check_consistency(consistency)
        self.gradient = check_gradient(gradient)
        self.f = Dynamics() if f is None else f

    def flow(self, y: Tensor, E: MRIOperator) -> Flow:
        """The right-hand side (t, x) → dx/dt for these data, x complex ``(batch, rows, columns)``."""

        def velocity(t: float | Tensor, x: Tensor) -> Tensor:
            slope = to_complex(self.f(t, to_channels(x)))
            return slope if self.consistency == "end" else E.enforce(x + slope, y) - x

        return velocity

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return E.enforce(self._solve(y, E), y)

    def trajectory(self, y: Tensor, E: MRIOperator) -> Tensor:
        """The images at t = 0, 1/N, …, 1 before the last data consistency: ``(N + 1, batch, rows, columns)``."""
        return self._solve(y, E, trajectory=True)

    def _solve(self, y: Tensor, E: MRIOperator, trajectory: bool = False) -> Tensor:
        uses = self._used(y, E)
        return integrate(
            self.flow(y, E), E.H(y), self.tableau, self.steps, self.gradient, uses=uses, trajectory=trajectory
        )

    def _used(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """Every tensor that the flow depends on, besides the state."""
        return [*self.f.parameters(), y, *([] if E.sensitivities is None else [E.sensitivities])]


class AdaptiveSolver(FixedSolver):
    """The original neural ODE: the same flow solved to a tolerance by dopri5, differentiated by the continuous adjoint.

    dopri5 chooses its steps; ``steps`` is only how finely :meth:`trajectory` looks at what they found.

    Args:
        tolerance: relative and absolute error allowed a step.
        consistency: "step" or "end".
        f: the dynamics; the paper's network when None.
    """

    def __init__(self, tolerance: float = 1e-3, consistency: Consistency = "step", f: nn.Module | None = None) -> None:
        super().__init__(gradient=ContinuousAdjoint(), consistency=consistency, f=f)
        self.tolerance = tolerance

    def _solve(self, y: Tensor, E: MRIOperator, trajectory: bool = False) -> Tensor:
        uses = tuple(self._used(y, E)) if torch.is_grad_enabled() else None
        steps = self.steps if trajectory else None
        return integrate_adaptive(self.flow(y, E), E.H(y), tolerance=self.tolerance, adjoint=uses, steps=steps)


class LearnedSolver(nn.Module):
    """ReconODE-LT: the solver is a network too, x ← DC(x + G(F₁ … F_s)), the same in each of N steps (Eq. 11–13).

    F₁ = G₁(x, t) and F_i = G_i(x, F_{i−1}, t): each stage sees the image and the slope before it. Stages have falling
    dilation, so the first looks widest. LT-Euler is one stage, without attention. Parameters, as Table 1 prints them:
    30,110 (0.03M), 90,302 (0.09M) and 153,404 (0.15M) for 1, 2 and 4 stages.

    Args:
        stages: s.
        steps: N.
        attention: False puts one learned number a stage in its place.
        dilation: False gives every stage dilation 1.
        timed: False leaves the time out.
        consistency: "step" or "end".
        checkpointing: compute each step again on the way back; the same gradients from less memory.
    """

    def __init__(
        self,
        stages: int = 4,
        steps: int = STEPS,
        *,
        attention: bool = True,
        dilation: bool = True,
        timed: bool = True,
        consistency: Consistency = "step",
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.steps, self.consistency, self.checkpointing = steps, check_consistency(consistency), checkpointing
        dilations: Sequence[int] = falling_dilations(stages) if dilation else [1] * stages
        self.stages = nn.ModuleList(Dynamics(1 if i == 0 else 2, d, timed=timed) for i, d in enumerate(dilations))
        self.combine = nn.Identity() if stages == 1 else Attention(stages) if attention else Scalars(stages)

    def increment(self, t: float | Tensor, x: Tensor) -> Tensor:
        """G(F₁ … F_s) of Eq. 11, image channels ``(batch, 2, rows, columns)`` in and out."""
        slopes: list[Tensor] = []
        for stage in self.stages:
            seen = torch.cat([x, slopes[-1]], dim=1) if slopes else x
            slopes.append(stage(t, seen))
        return self.combine(slopes) if len(slopes) > 1 else slopes[0]

    def step(self, t: float, x: Tensor, y: Tensor, E: MRIOperator) -> Tensor:
        """One step: the increment, then data consistency."""
        x = x + to_complex(self.increment(t, to_channels(x)))
        return x if self.consistency == "end" else E.enforce(x, y)

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return E.enforce(self.trajectory(y, E)[-1], y)

    def trajectory(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """The images after 0, 1, …, N steps."""
        states = [E.H(y)]
        for n in range(self.steps):
            if self.checkpointing and torch.is_grad_enabled():
                states.append(checkpoint(self.step, n / self.steps, states[-1], y, E, use_reentrant=False))
            else:
                states.append(self.step(n / self.steps, states[-1], y, E))
        return states


class UnsharedSolver(nn.Module):
    """A learned solver whose steps share nothing (an ablation): N times the parameters for the same compute.

    Args:
        stages: s.
        steps: N.
    """

    def __init__(self, stages: int = 4, steps: int = STEPS) -> None:
        super().__init__()
        self.solvers = nn.ModuleList(LearnedSolver(stages, steps=1) for _ in range(steps))

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        x = E.H(y)
        for n, solver in enumerate(self.solvers):
            assert isinstance(solver, LearnedSolver)
            x = solver.step(n / len(self.solvers), x, y, E)
        return E.enforce(x, y)


def check_consistency(consistency: str) -> Consistency:
    """The argument if it is one of the two places.

    Raises:
        UsageError: if it isn't.
    """
    if consistency not in ("step", "end"):
        raise UsageError(f'consistency is "step" or "end", not {consistency!r}')
    return consistency  # type: ignore[return-value]
