"""ReconODE and the baselines: the contract, the counts, and what each must do with the data."""

from __future__ import annotations

import pytest
import torch
from conftest import coil_maps, smooth_images
from torchdiffeq import odeint

from reconode import masks
from reconode.baselines import D5C5, KIKINet, UNet
from reconode.errors import UsageError
from reconode.gradients import Checkpoint, ContinuousAdjoint, saved_bytes
from reconode.models import AdaptiveSolver, FixedSolver, LearnedSolver
from reconode.networks import count_parameters, to_channels, to_complex
from reconode.physics import HYBRID, MRIOperator, fft
from reconode.solvers import EULER, HEUN, RK4, TABLEAUS, Backprop, step

BUILDERS = {
    "ft-euler": lambda: FixedSolver(EULER),
    "ft-rk2": lambda: FixedSolver(HEUN),
    "ft-rk4": lambda: FixedSolver(RK4),
    "fa": lambda: FixedSolver(HEUN, gradient=Checkpoint()),
    "adjoint": lambda: FixedSolver(HEUN, gradient=ContinuousAdjoint()),
    "ft, end": lambda: FixedSolver(EULER, consistency="end"),
    "lt-euler": lambda: LearnedSolver(1),
    "lt-rk2": lambda: LearnedSolver(2),
    "lt-rk4": lambda: LearnedSolver(4),
    "lt-rk4, checkpointing": lambda: LearnedSolver(4, checkpointing=True),
    "lt-rk4, plain": lambda: LearnedSolver(4, attention=False, dilation=False, consistency="end"),
    "d5c5": D5C5,
    "kiki": KIKINet,
    "unet": lambda: UNet(channels=4),
}
every_model = pytest.mark.parametrize("name", BUILDERS)
SIZES = [(1, 1, 64, 48), (2, 4, 80, 72)]


def measured(batch=1, coils=1, rows=64, columns=48, dtype=torch.complex64):
    image = smooth_images(batch, rows, columns).to(dtype)
    maps = coil_maps(coils, rows, columns).to(dtype) if coils > 1 else None
    E = MRIOperator(masks.random(columns, 4, seed=1), maps)
    return E(image), E, image


def build(name):
    torch.manual_seed(0)
    return BUILDERS[name]()


@pytest.mark.parametrize(
    "model, count",
    [
        (FixedSolver(), 30_110),
        (FixedSolver(RK4), 30_110),
        (LearnedSolver(1), 30_110),
        (LearnedSolver(2), 90_302),
        (LearnedSolver(4), 153_404),
        (D5C5(), 144_650),
        (KIKINet(), 300_680),
        (UNet(), 3_348_536),
    ],
    ids=lambda v: str(v) if isinstance(v, int) else type(v).__name__,
)
def test_parameters(model, count):
    assert count_parameters(model) == count


@every_model
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_contract_forward_and_back(name, size):
    model = build(name)
    y, E, _ = measured(*size)
    x = model(y, E)
    assert x.shape == (size[0], *size[2:]) and x.dtype == torch.complex64
    x.abs().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), parameter_name
    moved = [p for p in model.parameters() if p.grad.abs().max() > 0]
    assert len(moved) > 0.8 * len(list(model.parameters()))


@every_model
def test_output_agrees_with_the_data(name):
    y, E, _ = measured()
    torch.testing.assert_close(E(build(name)(y, E)), y, atol=2e-5, rtol=0)


@every_model
def test_batch_entries_do_not_see_each_other(name):
    model = build(name).eval()
    y, E, _ = measured(2)
    torch.testing.assert_close(model(y, E)[1:], model(y[1:], E), atol=1e-5, rtol=1e-4)


class TestFixedSolver:
    def test_a_step_of_euler_is_a_step_of_the_network_then_data_consistency(self):
        """For one coil, from a consistent image: the docstring's claim."""
        model = FixedSolver(EULER, steps=4).double()
        y, E, _ = measured(dtype=torch.complex128)
        x = E.H(y)
        by_hand = E.enforce(x + to_complex(model.f(0.0, to_channels(x))) / 4, y)
        torch.testing.assert_close(step(model.flow(y, E), 0.0, x, 1 / 4, EULER), by_hand, atol=1e-12, rtol=0)

    @pytest.mark.parametrize("tableau", TABLEAUS.values(), ids=TABLEAUS)
    def test_the_flow_never_leaves_the_data(self, tableau):
        model = FixedSolver(tableau).double()
        y, E, _ = measured(dtype=torch.complex128)
        for x in model.trajectory(y, E):
            torch.testing.assert_close(E(x), y, atol=1e-12, rtol=0)

    def test_with_consistency_at_the_end_the_trajectory_does_leave_them(self):
        torch.manual_seed(0)
        model = FixedSolver(EULER, consistency="end")
        y, E, _ = measured()
        assert (E(model.trajectory(y, E)[-1]) - y).abs().max() > 1e-3

    def test_solvers_of_high_order_agree_on_the_flow(self):
        torch.manual_seed(0)
        model = FixedSolver(RK4, steps=20).double()
        y, E, _ = measured(dtype=torch.complex128)
        fine = model(y, E)
        model.steps, model.tableau = 40, HEUN
        torch.testing.assert_close(model(y, E), fine, atol=1e-5, rtol=0)
        model.steps, model.tableau = 2, EULER
        assert (model(y, E) - fine).abs().max() > 1e-4

    def test_discrete_adjoint_is_ft_to_the_last_bit(self):
        def gradients(mode):
            torch.manual_seed(0)
            model = FixedSolver(HEUN, gradient=mode).double()
            y, E, image = measured(dtype=torch.complex128)
            (model(y, E) - image).abs().square().sum().backward()
            return [p.grad for p in model.parameters()]

        expected = gradients(Backprop())
        for mode in (Checkpoint(), Checkpoint(each_step=True)):
            assert all(torch.equal(a, b) for a, b in zip(gradients(mode), expected, strict=True))
        adjoint = gradients(ContinuousAdjoint())
        assert all(not torch.equal(a, b) for a, b in zip(adjoint, expected, strict=True) if b.abs().max() > 0)
        error = sum(float((a - b).square().sum()) for a, b in zip(adjoint, expected, strict=True)) ** 0.5
        assert error < 0.1 * sum(float(b.square().sum()) for b in expected) ** 0.5

    def test_a_class_is_not_a_gradient(self):
        for wrong in (Checkpoint, ContinuousAdjoint, Backprop):
            with pytest.raises(UsageError, match=rf"an object, not a class: write {wrong.__name__}\(\)"):
                FixedSolver(gradient=wrong)

    def test_data_and_sensitivities_get_gradients_by_the_continuous_adjoint_too(self):
        def gradients(mode):
            torch.manual_seed(0)
            model = FixedSolver(RK4, steps=4, gradient=mode).double()
            y, E, image = measured(coils=2, rows=16, columns=24, dtype=torch.complex128)
            y.requires_grad_()
            E.sensitivities.requires_grad_()
            (model(y, E) - image).abs().square().sum().backward()
            return [y.grad, E.sensitivities.grad]

        for actual, expected in zip(gradients(ContinuousAdjoint()), gradients(Backprop()), strict=True):
            assert torch.linalg.vector_norm(actual - expected) < 1e-2 * torch.linalg.vector_norm(expected)


class TestAdaptiveSolver:
    def test_its_trajectory_is_dopri5s(self):
        """At every time as torchdiffeq solves it, and at the last what ``forward`` makes consistent."""
        torch.manual_seed(0)
        model = AdaptiveSolver(1e-6).double()
        y, E, _ = measured(dtype=torch.complex128)
        flow = model.flow(y, E)
        real = lambda t, x: torch.view_as_real(flow(t, torch.view_as_complex(x.contiguous())))  # noqa: E731
        with torch.no_grad():
            states = model.trajectory(y, E)
            times = torch.linspace(0, 1, 6, dtype=torch.float64)
            theirs = odeint(real, torch.view_as_real(E.H(y)), times, rtol=1e-6, atol=1e-6, method="dopri5")
            torch.testing.assert_close(states, torch.view_as_complex(theirs), atol=1e-12, rtol=0)
            assert torch.equal(E.enforce(states[-1], y), model(y, E))
            euler = FixedSolver(f=model.f).trajectory(y, E)
        assert states.shape == euler.shape and (states[-1] - euler[-1]).abs().max() > 1e-4

    def test_its_trajectory_can_be_trained_on(self):
        torch.manual_seed(0)
        model = AdaptiveSolver(1e-6).double()
        y, E, _ = measured(rows=16, columns=16, dtype=torch.complex128)
        gradients = []
        for states in (model.trajectory(y, E), FixedSolver(RK4, 20, f=model.f).trajectory(y, E)[::4]):
            model.zero_grad()
            states.abs().square().sum().backward()
            gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        assert (gradients[0] - gradients[1]).norm() < 1e-2 * gradients[1].norm()


class TestLearnedSolver:
    def test_checkpointing_gives_the_same_gradients_from_less_memory(self):
        def run(checkpointing):
            torch.manual_seed(0)
            model = LearnedSolver(4, checkpointing=checkpointing)
            y, E, _ = measured()
            saved = saved_bytes(lambda: model(y, E))
            model(y, E).abs().sum().backward()
            return saved, [p.grad for p in model.parameters()]

        (full, expected), (less, actual) = run(False), run(True)
        assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))
        assert less < 0.3 * full

    def test_one_stage_is_euler_without_the_step_size(self):
        torch.manual_seed(0)
        learned, fixed = LearnedSolver(1, steps=1), FixedSolver(EULER, steps=1)
        fixed.f.load_state_dict(learned.stages[0].state_dict())
        y, E, _ = measured()
        torch.testing.assert_close(learned(y, E), fixed(y, E), atol=1e-6, rtol=0)

    def test_stages_see_the_image_and_the_slope_before(self):
        assert [stage.layers[0].in_channels for stage in LearnedSolver(4).stages] == [3, 5, 5, 5]
        assert [stage.layers[0].dilation[0] for stage in LearnedSolver(4).stages] == [4, 3, 2, 1]
        assert {stage.layers[0].dilation[0] for stage in LearnedSolver(4, dilation=False).stages} == {1}

    def test_every_stage_matters(self):
        torch.manual_seed(0)
        model = LearnedSolver(4)
        y, E, _ = measured()
        before = model(y, E)
        for stage in model.stages:
            bias = stage.layers[-1].bias.data
            bias += 0.1
            assert not torch.allclose(model(y, E), before)
            bias -= 0.1


def test_kiki_works_in_kspace():
    """With its image networks silent, a change in k-space stays local there."""
    torch.manual_seed(0)
    model = KIKINet(blocks=1)
    for parameter in model.i_networks[0][-1].parameters():
        torch.nn.init.zeros_(parameter)
    y, E, _ = measured()
    x = model(y, E)
    k = E.H(y)
    change = to_complex(model.k_networks[0](to_channels(fft(k))))
    torch.testing.assert_close(
        fft(x, HYBRID),
        fft(
            E.enforce(
                k
                + torch.fft.fftshift(
                    torch.fft.ifft2(torch.fft.ifftshift(change, dim=(-2, -1)), norm="ortho"), dim=(-2, -1)
                ),
                y,
            ),
            HYBRID,
        ),
        atol=1e-5,
        rtol=0,
    )


def test_wrong_place_for_consistency_is_named():
    for model in (FixedSolver, LearnedSolver):
        with pytest.raises(UsageError, match='consistency is "step" or "end"'):
            model(consistency="often")
