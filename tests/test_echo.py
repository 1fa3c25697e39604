"""The echo in the middle of the readout: exact for every network, and nothing where nothing is wrong."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reconode import masks, zoo
from reconode.data import echo
from reconode.data.echo import Centered, ramp, turns
from reconode.physics import KSPACE, MRIOperator, ifft

ROWS, COLUMNS = 32, 40


def image(seed=0, batch=2):
    """Smooth bumps with a little phase, so that neighbouring rows are alike."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 1, 6, 6, generator=g)
    size = nn.functional.interpolate(coarse, (ROWS, COLUMNS), mode="bicubic")[:, 0]
    return torch.polar(size.abs() + 0.05, 0.5 * size)


def measured(x, seed=0, noise=0.0):
    E = MRIOperator(masks.random(COLUMNS, 2, seed=seed))
    y = E(x)
    n = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(seed))
    return E.measure(y + noise * n), E


class Filter(nn.Module):
    """A network in small: what it makes of an image depends on the image's phase."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, y, E):
        x = E.H(y)
        return x + torch.complex(*self.conv(torch.stack([x.real, x.imag], 1)).unbind(1))


@pytest.mark.parametrize("count", [-11.0, -4.25, 0.0, 6.5, 15.0])
def test_turns_are_counted_whatever_the_mask_and_through_noise(count):
    x = image()
    y, _ = measured(x, noise=0.0)
    turned, _ = measured(ramp(torch.full((2,), count), ROWS) * x, noise=0.05)
    assert turns(turned) - turns(y) == pytest.approx(torch.full((2,), count), abs=0.15)


def test_turns_are_samples_of_the_readout():
    """A k-space whose one sample is k rows off the middle is a ramp of k turns."""
    kspace = torch.zeros(1, 1, ROWS, COLUMNS, dtype=torch.complex64)
    kspace[..., ROWS // 2 + 5, COLUMNS // 2] = 1
    assert float(turns(ifft(kspace, (-2,)))) == pytest.approx(5, abs=1e-4)


def test_a_ramp_commutes_with_the_operator_and_its_adjoint():
    x = image()
    y, E = measured(x)
    P = ramp(torch.tensor([7.0, -3.3]), ROWS)
    torch.testing.assert_close(E(P * x), P[:, None] * y)
    torch.testing.assert_close(E.H(P[:, None] * y), P * E.H(y))


@pytest.mark.parametrize("trained", [0.0, 2.0])
def test_any_network_becomes_equivariant(trained):
    torch.manual_seed(0)
    model = Centered(Filter(), trained)
    x = image()
    y, E = measured(x)
    P, Q = ramp(torch.tensor([9.0, 12.0]), ROWS), ramp(torch.tensor([-8.0, 10.0]), ROWS)
    one, other = model(P[:, None] * y, E), model(Q[:, None] * y, E)
    torch.testing.assert_close(one.abs(), other.abs(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(P.conj() * one, Q.conj() * other, atol=1e-5, rtol=1e-4)
    bare = model.model
    assert not torch.allclose(bare(P[:, None] * y, E).abs(), bare(Q[:, None] * y, E).abs(), atol=1e-2)


def test_within_training_the_data_pass_to_the_last_bit():
    torch.manual_seed(0)
    y, E = measured(ramp(torch.tensor([1.0, -3.0]), ROWS) * image())
    bare = Filter()
    assert torch.equal(Centered(bare)(y, E), bare(y, E))


def test_slices_are_centered_one_by_one():
    torch.manual_seed(0)
    y, E = measured(ramp(torch.tensor([0.0, 9.0]), ROWS) * image())
    bare = Filter()
    both = Centered(bare)(y, E)
    torch.testing.assert_close(both[:1], bare(y[:1], E))
    assert not torch.allclose(both[1:].abs(), bare(y[1:], E).abs(), atol=1e-2)


def test_data_consistency_survives_it():
    y, E = measured(ramp(torch.tensor([9.0, -14.0]), ROWS) * image(), noise=0.02)
    torch.manual_seed(0)
    model = Centered(zoo.untrained("d5c5"))
    with torch.no_grad():
        torch.testing.assert_close(E(model(y, E)), y, atol=1e-5, rtol=1e-4)


def test_several_coils_share_the_ramp():
    x, maps = image(), torch.polar(torch.rand(2, 3, ROWS, COLUMNS) + 0.2, torch.rand(2, 3, ROWS, COLUMNS))
    E = MRIOperator(masks.random(COLUMNS, 2, seed=0), maps)
    P = ramp(torch.tensor([8.0, 8.0]), ROWS)
    model = Centered(Filter(), 2.0)
    # Each coil's own phase shifts what is found a little, the same with the ramp and without.
    torch.testing.assert_close(turns(E(P * x)) - turns(E(x)), torch.full((2,), 8.0), atol=1e-3, rtol=0)
    assert model(E(P * x), E).shape == x.shape


def test_masks_in_both_axes_leave_the_data_alone():
    mask = torch.rand(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)) < 0.5
    E = MRIOperator(mask, dims=KSPACE)
    y = E(ramp(torch.tensor([9.0, 9.0]), ROWS) * image())
    bare = Filter()
    assert torch.equal(Centered(bare)(y, E), bare(y, E))


def test_gradients_reach_the_data():
    y, E = measured(ramp(torch.tensor([9.0, 9.0]), ROWS) * image())
    y = y.clone().requires_grad_()
    Centered(Filter())(y, E).abs().sum().backward()
    assert y.grad is not None and bool(torch.isfinite(torch.view_as_real(y.grad)).all()) and y.grad.abs().sum() > 0


def test_silence_is_no_echo():
    y, E = measured(image())
    assert bool(torch.isfinite(torch.view_as_real(Centered(Filter())(0 * y, E))).all())
    assert echo.TRAINED > 0
