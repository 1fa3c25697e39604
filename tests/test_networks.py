"""Time-dependent convolution, attention, and the parameter counts of Table 1."""

from __future__ import annotations

import pytest
import torch

from reconode.errors import UsageError
from reconode.networks import (
    Attention,
    Dynamics,
    Scalars,
    TimeConv2d,
    count_parameters,
    falling_dilations,
    to_channels,
    to_complex,
)


def test_channels_are_real_and_imaginary_part():
    x = torch.randn(2, 5, 4, dtype=torch.complex64)
    channels = to_channels(x)
    assert torch.equal(channels[:, 0], x.real) and torch.equal(channels[:, 1], x.imag)
    assert torch.equal(to_complex(channels), x)
    assert to_complex(channels.bfloat16()).dtype == torch.complex64
    assert to_complex(channels.double()).dtype == torch.complex128


class TestTimeConv:
    @staticmethod
    def layer(dilation, dtype=torch.float32):
        torch.manual_seed(0)
        layer = TimeConv2d(3, 4, dilation).to(dtype)
        torch.nn.init.normal_(layer.alpha)
        torch.nn.init.normal_(layer.beta)
        return layer

    @pytest.mark.parametrize("dilation", [1, 2, 4])
    @pytest.mark.parametrize("size", [(12, 9), (5, 20), (3, 3)])
    @pytest.mark.parametrize("t", [0.0, 0.37, torch.tensor(1.0)])
    def test_equals_the_papers_concatenation(self, dilation, size, t):
        layer, x = self.layer(dilation), torch.randn(2, 3, *size)
        torch.testing.assert_close(layer(t, x), layer.concatenated(t, x), atol=1e-6, rtol=1e-6)

    def test_equals_the_papers_concatenation_in_its_gradients(self):
        layer, x = self.layer(2, torch.float64), torch.randn(2, 3, 8, 7, dtype=torch.float64, requires_grad=True)
        t = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        inputs = [x, t, *layer.parameters()]
        ours, papers = (
            torch.autograd.grad(out.square().sum(), inputs) for out in (layer(t, x), layer.concatenated(t, x))
        )
        for a, b in zip(ours, papers, strict=True):
            torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)

    def test_time_matters(self):
        layer, x = self.layer(1), torch.randn(1, 3, 8, 8)
        assert not torch.allclose(layer(0.0, x), layer(1.0, x))


class TestDynamics:
    def test_parameters_as_counted_in_the_paper(self):
        convolutions = sum(layer.weight.numel() + layer.bias.numel() for layer in Dynamics().layers)
        assert convolutions == 30_100
        assert count_parameters(Dynamics()) == 30_110  # and a linear map of t for each of five layers
        assert count_parameters(Dynamics(inputs=2)) == 30_686

    def test_receptive_field_grows_with_the_dilation(self):
        for dilation in (1, 2, 4):
            f = Dynamics(dilation=dilation).double()
            x = torch.zeros(1, 2, 61, 61, dtype=torch.float64, requires_grad=True)
            f(0.5, x)[0, 0, 30, 30].backward()
            reached = x.grad[0].abs().sum(0).nonzero()
            assert int((reached - 30).abs().max()) <= 5 * dilation
        bumped = torch.randn(1, 2, 61, 61, dtype=torch.float64)
        other = bumped.clone()
        other[..., 30, 50] += 1
        assert not torch.equal(f(0.5, bumped)[..., 30, 30], f(0.5, other)[..., 30, 30])  # 20 = 5 · 4 pixels away

    def test_untimed_is_autonomous(self):
        torch.manual_seed(0)
        f, x = Dynamics(timed=False), torch.randn(1, 2, 9, 9)
        assert torch.equal(f(0.0, x), f(1.0, x))
        assert not torch.equal(Dynamics()(0.0, x), Dynamics()(1.0, x))


class TestAttention:
    def test_weights_lie_between_zero_and_one_and_sum_to_one(self):
        weights = Attention(4).weights([torch.randn(2, 2, 8, 7) for _ in range(4)])
        assert weights.shape == (2, 4, 8, 7)
        assert bool(((weights > 0) & (weights < 1)).all())
        torch.testing.assert_close(weights.sum(1), torch.ones(2, 8, 7))

    def test_combines_as_eq_13(self):
        module, slopes = Attention(3), [torch.randn(1, 2, 6, 6) for _ in range(3)]
        weights = module.weights(slopes)
        expected = sum(weights[:, i, None] * slope for i, slope in enumerate(slopes))
        torch.testing.assert_close(module(slopes), expected)
        same = [slopes[0]] * 3
        torch.testing.assert_close(module(same), slopes[0])  # a mean of equal slopes is that slope

    def test_scalars_start_as_the_mean(self):
        slopes = [torch.randn(1, 2, 6, 6) for _ in range(4)]
        torch.testing.assert_close(Scalars(4)(slopes), torch.stack(slopes).mean(0))


def test_falling_dilations():
    assert [falling_dilations(s) for s in (1, 2, 4)] == [(1,), (2, 1), (4, 3, 2, 1)]
    with pytest.raises(UsageError, match="at least one stage"):
        falling_dilations(0)
