"""The ways back through a solve: exact to the bit, exact for a solve of its own, approximate as theory says."""

from __future__ import annotations

import functools
import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchdiffeq import odeint_adjoint

from reconode.errors import UsageError
from reconode.gradients import Checkpoint, ContinuousAdjoint, Reversible, revolve_split, saved_bytes
from reconode.physics import MRIOperator
from reconode.solvers import EULER, HEUN, MIDPOINT, RK4, RK38, TABLEAUS, Backprop, integrate, step

every_tableau = pytest.mark.parametrize("tableau", TABLEAUS.values(), ids=TABLEAUS)
MODES = {"whole block": Checkpoint(), "each step": Checkpoint(each_step=True)}
MODES |= {f"{slots} slots": Checkpoint(slots=slots) for slots in (1, 2, 3)}


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


def by_hand(f, x0, tableau, steps, coupling):
    """McCallum and Foster's two lines, differentiated by plain backpropagation."""
    h, y, z, states = 1 / steps, x0, x0, [x0]
    for n in range(steps):
        y = coupling * y + (1 - coupling) * z + step(f, n * h, z, h, tableau) - z
        z = z - (step(f, (n + 1) * h, y, -h, tableau) - y)
        states.append(y)
    return torch.stack(states)


class TestReversible:
    @every_tableau
    @pytest.mark.parametrize("coupling", [1.0, 0.99, 0.5])
    def test_its_order_is_the_base_methods(self, tableau, coupling):
        """Near 1 the error of the second state fades first, and faster than the order: a bound from below there."""
        x0 = torch.tensor([0.2, 3.0], dtype=torch.float64)
        exact, errors = 1 / (1 + (1 / x0 - 1) / math.e), []
        for steps in (80, 160, 320):
            end = integrate(lambda t, x: x * (1 - x), x0, tableau, steps, Reversible(coupling))
            errors.append(float((end - exact).abs().max()))
        orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
        if coupling == 0.5:
            assert orders == pytest.approx([tableau.order] * 2, abs=0.15)
        assert errors[-1] < 1e-9 or min(orders) > tableau.order - 0.15

    @every_tableau
    @pytest.mark.parametrize("coupling", [1.0, 0.99, 0.7])
    @pytest.mark.parametrize("trajectory", [False, True])
    def test_gradients_are_those_of_its_own_solve(self, tableau, coupling, trajectory):
        """Start, parameters, data, sensitivities; complex states."""
        flow = Reconstruction()
        actual = flow.gradients(tableau, 8, Reversible(coupling), trajectory)
        states = by_hand(flow, flow.x0, tableau, 8, coupling)
        found = integrate(flow, flow.x0, tableau, 8, Reversible(coupling), uses=flow.inputs, trajectory=True)
        torch.testing.assert_close(found, states, atol=1e-13, rtol=0)
        result = states if trajectory else states[-1]
        expected = torch.autograd.grad(result.abs().square().sum(), [flow.x0, *flow.inputs])
        assert relative_error(actual, expected) < 1e-10
        for a, e in zip(actual, expected, strict=True):
            assert relative_error([a], [e]) < 1e-10

    def test_real_states_too(self):
        x0 = torch.tensor([0.2, 3.0], dtype=torch.float64, requires_grad=True)
        run = lambda x: integrate(lambda t, x: x * (1 - x), x, HEUN, 5, Reversible())  # noqa: E731
        assert torch.autograd.gradcheck(run, (x0,))

    @pytest.mark.parametrize("tableau", [EULER, HEUN, RK4], ids=["euler", "rk2", "rk4"])
    def test_round_trip(self, tableau):
        """What backward computes: from the last pair alone to the start, which the tableau itself does not find."""
        flow, coupling, h = Reconstruction(), 0.9, 1 / 20
        with torch.no_grad():
            states, z = Reversible(coupling).forward(flow, flow.x0, tableau, 20)
            y, back = states[-1], integrate(flow, flow.x0, tableau, 20)
            for n in range(20, 0, -1):
                z = z + step(flow, n * h, y, -h, tableau) - y
                y = (y - (1 - coupling) * z - (step(flow, (n - 1) * h, z, h, tableau) - z)) / coupling
                back = step(flow, n * h, back, -h, tableau)
        assert (y - flow.x0).abs().max() < 1e-10 and (z - flow.x0).abs().max() < 1e-10
        assert (back - flow.x0).abs().max() > 1e-9

    @pytest.mark.parametrize("tableau", [EULER, HEUN, RK4], ids=["euler", "rk2", "rk4"])
    def test_a_stiff_flow_that_the_tableau_can_solve_it_cannot(self, tableau):
        """x' = -25 x in 50 steps, h k = 1/2: the base decays, the reversible solve grows as its matrix says it must."""
        x0, k, steps, coupling = torch.ones(1, dtype=torch.float64), 25.0, 50, 0.99
        flow = lambda t, x: -k * x  # noqa: E731
        assert float(integrate(flow, x0, tableau, steps)) < 1e-9
        states = integrate(flow, x0, tableau, steps, Reversible(coupling), trajectory=True)[:, 0]
        forth, back = (float(step(flow, 0.0, x0, h, tableau)) - 1 for h in (1 / steps, -1 / steps))
        a = 1 - coupling + forth
        matrix = torch.tensor([[coupling, a], [-back * coupling, 1 - back * a]], dtype=torch.float64)
        assert float(torch.linalg.det(matrix)) == pytest.approx(coupling)
        growth = float(torch.linalg.eigvals(matrix).abs().max())
        assert growth > 1.2 and float(states[-1] / states[-2]) == pytest.approx(growth, rel=1e-6)
        assert float(states[-1].abs()) > 1e3

    def test_within_its_limit_it_is_stable(self):
        """h k below 1 - coupling: both amplification factors lie within the unit circle, and it decays."""
        x0 = torch.ones(1, dtype=torch.float64)
        end = {k: float(integrate(lambda t, x, k=k: -k * x, x0, HEUN, 400, Reversible(0.9))) for k in (20.0, 60.0)}
        assert end[20.0] == pytest.approx(math.exp(-20), rel=0.1) and abs(end[60.0]) > 1

    def test_coupling_is_checked(self):
        for wrong in (0, -0.5, 1.5):
            with pytest.raises(UsageError, match=r"lies in \(0, 1\]"):
                Reversible(wrong)


class Alive(TorchDispatchMode):
    """The most tensors of `size` elements that were alive at one time."""

    def __init__(self, size):
        super().__init__()
        self.size, self.storages, self.peak = size, {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.numel() == self.size:
                storage = tensor.untyped_storage()
                self.storages[storage.data_ptr()] = StorageWeakRef(storage)
        self.storages = {key: ref for key, ref in self.storages.items() if not ref.expired()}
        self.peak = max(self.peak, len(self.storages))
        return out


class TestBinomialCheckpoints:
    """Griewank and Walther 2000: N steps in s slots, at most r repetitions where C(s + r, s) >= N."""

    SIZES = ((1, 1), (5, 1), (12, 2), (20, 3), (21, 3), (10, 10), (4, 9), (80, 4))

    @staticmethod
    def evaluations(count, slots):
        """What the schedule must cost: every step once with its tape, and r N - C(s + r, s + 1) without."""
        r = next(r for r in range(count + 1) if math.comb(slots + r, slots) >= count)
        return count + r * count - math.comb(slots + r, slots + 1)

    @pytest.mark.parametrize("count, slots", SIZES)
    def test_evaluations_are_the_least_that_there_are(self, count, slots):
        calls, weight = [], torch.tensor(0.9, requires_grad=True)
        x0 = torch.ones(2, requires_grad=True)
        result = integrate(
            lambda t, x: calls.append(t) or torch.sin(weight * x), x0, EULER, count, Checkpoint(slots=slots)
        )
        assert len(calls) == count
        result.sum().backward()
        assert len(calls) == self.evaluations(count, slots)
        repeats = max(calls.count(t) for t in calls)
        assert math.comb(slots + repeats - 1, slots) >= count
        assert repeats == 1 or math.comb(slots + repeats - 3, slots) < count

    def test_no_split_is_cheaper(self):
        """Against every schedule of this kind, by dynamic programming."""

        @functools.cache
        def least(count, slots):
            if count == 1:
                return 0
            if slots == 0:
                return math.inf
            return min(m + least(count - m, slots - 1) + least(m, slots) for m in range(1, count))

        for count in range(2, 40):
            for slots in range(1, 8):
                m = revolve_split(count, slots)
                assert m + least(count - m, slots - 1) + least(m, slots) == least(count, slots)
                assert least(count, slots) + count == self.evaluations(count, slots)

    @pytest.mark.parametrize("slots", [2, 4, 8])
    def test_states_alive_do_not_grow_with_the_steps(self, slots):
        """On the way back: the slots, one step's tape, gradients in flight; for N = 80 what it is for N = 40."""
        peaks = {}
        for count in (40, 80):
            x0 = torch.ones(1000, requires_grad=True)
            result = integrate(lambda t, x: torch.sin(x), x0, EULER, count, Checkpoint(slots=slots))
            with Alive(1000) as alive:
                result.sum().backward()
            peaks[count] = alive.peak
        assert max(peaks.values()) <= slots + 6

    def test_wrong_arguments_are_named(self):
        with pytest.raises(UsageError, match="at least one slot"):
            Checkpoint(slots=0)
        with pytest.raises(UsageError, match="either it or slots"):
            Checkpoint(each_step=True, slots=3)


NEED_NAMES = {"continuous adjoint": ContinuousAdjoint(), "reversible": Reversible(0.9)}
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
        asked = len(calls)
        with torch.no_grad():
            integrate(lambda t, x: calls.append(t) or a * x, torch.ones(2), HEUN, 3, mode, uses=[a])
        assert len(calls) == 2 * asked


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

    def test_slots_are_slots(self):
        """With N = 16, 81: one step's tape and as many states as were allowed."""
        state = Reconstruction().x0.untyped_storage().nbytes()
        costs = {(s, n): self.cost(Checkpoint(slots=s), n) for s in (2, 5) for n in (16, 81)}
        assert costs[2, 16] == costs[2, 81] and costs[5, 16] == costs[5, 81]
        assert costs[5, 16] - costs[2, 16] == 3 * state

    @pytest.mark.parametrize("tableau", [EULER, HEUN, RK4], ids=["euler", "rk2", "rk4"])
    def test_reversible_is_constant(self, tableau):
        flow = Reconstruction()
        state = flow.x0.untyped_storage().nbytes()
        solve = lambda n: integrate(flow, flow.x0, tableau, n, Reversible(), uses=flow.inputs)  # noqa: E731
        assert [saved_bytes(lambda n=n: solve(n)) for n in (5, 20, 80)] == [2 * state] * 3

    def test_continuous_adjoint_is_constant(self):
        flow = Reconstruction()
        mode, uses = ContinuousAdjoint(), flow.inputs
        costs = [saved_bytes(lambda n=n: integrate(flow, flow.x0, RK4, n, mode, uses=uses)) for n in (4, 16)]
        assert costs[0] == costs[1] < 0.05 * self.cost(Backprop(), 4)
