"""Three ways back through one solve: two exact and equal to the bit, one approximate by as much as theory says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torchdiffeq import odeint_adjoint

from reconode.errors import UsageError
from reconode.gradients import Checkpoint, ContinuousAdjoint, saved_bytes
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, RK38, TABLEAUS, Backprop, integrate

every_tableau = pytest.mark.parametrize("tableau", TABLEAUS.values(), ids=TABLEAUS)
MODES = {"whole block": Checkpoint(), "each step": Checkpoint(each_step=True)}


class Reconstruction:
    """A small flow with everything that f may use: parameters, complex data y, sensitivities, the operator E."""

    def __init__(self, dtype: torch.dtype = torch.complex128) -> None:
        generator = torch.Generator().manual_seed(0)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, dtype=dtype, generator=generator)

        real = dtype.to_real()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 2, 3, padding=1)).to(real)
        self.mask = torch.tensor([True, False, True, True, False, True])
        self.maps = (draw(2, 8, 6) / 2).requires_grad_()
        self.y = draw(1, 2, 8, 6).requires_grad_()
        self.x0 = draw(1, 8, 6).requires_grad_()

    def __call__(self, t, x):
        E = MRIOperator(self.mask, self.maps)
        pull = E.residual(x, self.y)
        channels = torch.cat([x.real, x.imag, torch.full_like(x.real, float(t))]).unsqueeze(0)
        out = self.net(channels)
        return torch.complex(out[:, 0], out[:, 1]) - pull

    @property
    def inputs(self) -> list[torch.Tensor]:
        return [*self.net.parameters(), self.maps, self.y]

    def gradients(self, tableau, steps, gradient, trajectory=False):
        result = integrate(self, self.x0, tableau, steps, gradient, uses=self.inputs, trajectory=trajectory)
        return torch.autograd.grad(result.abs().square().sum(), [self.x0, *self.inputs])


def relative_error(actual, expected):
    difference = math.sqrt(sum(float((a - e).abs().square().sum()) for a, e in zip(actual, expected, strict=True)))
    return difference / math.sqrt(sum(float(e.abs().square().sum()) for e in expected))


@every_tableau
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("trajectory", [False, True])
def test_discrete_adjoint_equals_backpropagation_to_the_last_bit(tableau, mode, trajectory):
    flow = Reconstruction()
    expected = flow.gradients(tableau, 3, Backprop(), trajectory)
    actual = flow.gradients(tableau, 3, MODES[mode], trajectory)
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@every_tableau
def test_values_do_not_depend_on_the_gradient(tableau):
    flow = Reconstruction()
    expected = integrate(flow, flow.x0, tableau, 3, Backprop())
    for mode in (*MODES.values(), ContinuousAdjoint()):
        assert torch.equal(integrate(flow, flow.x0, tableau, 3, mode, uses=flow.inputs), expected)


def test_backpropagation_is_right():
    """Against finite differences, through data consistency, coils and all."""
    flow = Reconstruction()
    run = lambda x0, y, maps: torch.view_as_real(integrate(flow, x0, HEUN, 2))  # noqa: E731
    assert torch.autograd.gradcheck(run, (flow.x0, flow.y, flow.maps), fast_mode=True)


class TestContinuousAdjoint:
    def test_error_falls_with_the_order_of_the_solver(self):
        flow = Reconstruction()
        errors = {}
        for name, tableau in TABLEAUS.items():
            for steps in (16, 32):
                exact = flow.gradients(tableau, steps, Backprop())
                errors[name, steps] = relative_error(flow.gradients(tableau, steps, ContinuousAdjoint()), exact)
        for name, tableau in TABLEAUS.items():
            assert math.log2(errors[name, 16] / errors[name, 32]) > tableau.order - 0.4, name
        assert errors["euler", 16] > 10 * errors["rk2", 16] > 100 * errors["rk4", 16]

    @pytest.mark.parametrize(
        "method, tableau", [("euler", EULER), ("midpoint", MIDPOINT), ("heun2", HEUN), ("rk4", RK38)]
    )
    def test_equal_to_torchdiffeq(self, method, tableau):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)).double()

        class Flow(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, t, x):
                return self.net(x) * torch.cos(torch.as_tensor(t, dtype=x.dtype))

        flow, x0 = Flow(), torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        parameters = list(net.parameters())
        # Only the end is asked for: with more times, torchdiffeq keeps those states and restarts from each.
        times, grid = torch.tensor([0.0, 1.0], dtype=torch.float64), {"step_size": 1 / 8}
        theirs = odeint_adjoint(flow, x0, times, method=method, options=grid, adjoint_options=grid)[-1]
        ours = integrate(flow, x0, tableau, 8, ContinuousAdjoint(), uses=parameters)
        expected = torch.autograd.grad(theirs.square().sum(), [x0, *parameters])
        actual = torch.autograd.grad(ours.square().sum(), [x0, *parameters])
        for a, e in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, e, atol=1e-13, rtol=1e-12)

    def test_a_trajectory_is_differentiated_at_every_time(self):
        """The sum of the gradients that each state alone would give."""
        flow = Reconstruction()
        gradients = []
        for mode in (ContinuousAdjoint(), Backprop()):
            states = integrate(flow, flow.x0, RK4, 64, mode, uses=flow.inputs, trajectory=True)
            gradients.append(torch.autograd.grad(states[[8, 32, 64]].abs().square().sum(), [flow.x0, *flow.inputs]))
        assert relative_error(*gradients) < 1e-4


NEED_NAMES = {"continuous adjoint": ContinuousAdjoint()}
"""The gradients that must be told what f uses."""


@pytest.mark.parametrize("mode", NEED_NAMES.values(), ids=NEED_NAMES)
class TestWhatFUses:
    def test_a_parameter_that_is_not_named_is_an_error(self, mode):
        flow = Reconstruction()
        weight, *others = flow.inputs
        with pytest.raises(UsageError, match=r"a tensor of shape \(8, 3, 3, 3\) that requires a gradient .* in `uses`"):
            integrate(flow, flow.x0, HEUN, 2, mode, uses=others)
        weight.requires_grad_(False)
        integrate(flow, flow.x0, HEUN, 2, mode, uses=others)

    def test_data_that_are_not_named_are_an_error(self, mode):
        flow = Reconstruction()
        with pytest.raises(UsageError, match=r"a tensor of shape \(1, 2, 8, 6\)"):
            integrate(flow, flow.x0, HEUN, 2, mode, uses=[*flow.net.parameters(), flow.maps])

    def test_what_was_computed_before_is_one_tensor(self, mode):
        """y = 2 z outside f: the solve must be told of y, and z then gets its gradient through it."""
        flow = Reconstruction()
        z, others = flow.y, [*flow.net.parameters(), flow.maps]
        flow.y = 2 * z
        with pytest.raises(UsageError, match=r"an earlier computation \(MulBackward0\)"):
            integrate(flow, flow.x0, RK4, 2, mode, uses=[*others, z])
        gradients = []
        for how in (mode, Backprop()):
            flow.y = 2 * z
            result = integrate(flow, flow.x0, RK4, 32, how, uses=[*others, flow.y])
            gradients.append(torch.autograd.grad(result.abs().square().sum(), [z]))
        assert relative_error(*gradients) < 1e-4

    def test_the_start_needs_no_name(self, mode):
        x0 = torch.ones(3, dtype=torch.float64, requires_grad=True)
        integrate(lambda t, x: -x, x0, RK4, 16, mode).sum().backward()
        torch.testing.assert_close(x0.grad, torch.full_like(x0, math.exp(-1)), atol=1e-5, rtol=0)

    def test_without_gradients_nothing_is_asked(self, mode):
        flow = Reconstruction()
        with torch.no_grad():
            assert torch.isfinite(integrate(flow, flow.x0, HEUN, 2, mode).abs()).all()

    def test_asking_costs_no_evaluation_of_f(self, mode):
        calls, a = [], torch.ones((), requires_grad=True)
        integrate(lambda t, x: calls.append(t) or a * x, torch.ones(2), HEUN, 3, mode, uses=[a])
        assert len(calls) == 3 * HEUN.stages


class TestMemory:
    """Saved bytes against N: linear, constant, and a state a step."""

    @staticmethod
    def cost(gradient, steps):
        flow = Reconstruction()
        return saved_bytes(lambda: integrate(flow, flow.x0, HEUN, steps, gradient))

    def test_backpropagation_grows_linearly(self):
        a, b, c = (self.cost(Backprop(), n) for n in (4, 8, 16))
        assert (c - b) == pytest.approx(2 * (b - a), rel=0.05) and b > 1.5 * a

    def test_checkpoint_of_the_block_is_constant(self):
        costs = [self.cost(Checkpoint(), n) for n in (4, 8, 16)]
        assert costs[0] == costs[1] == costs[2]
        assert costs[0] < 0.05 * self.cost(Backprop(), 4)

    def test_checkpoint_of_each_step_is_a_state_a_step(self):
        state = Reconstruction().x0.untyped_storage().nbytes()
        costs = [self.cost(Checkpoint(each_step=True), n) for n in (4, 8, 16)]
        assert costs[1] - costs[0] == 4 * state and costs[2] - costs[1] == 8 * state

    def test_continuous_adjoint_is_constant(self):
        flow = Reconstruction()
        mode, uses = ContinuousAdjoint(), flow.inputs
        costs = [saved_bytes(lambda n=n: integrate(flow, flow.x0, RK4, n, mode, uses=uses)) for n in (4, 16)]
        assert costs[0] == costs[1] < 0.05 * self.cost(Backprop(), 4)
