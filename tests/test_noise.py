"""The noise that data tell of themselves, against the noise that was put in."""

from __future__ import annotations

import pytest
import torch

from reconode import masks
from reconode.data import noise
from reconode.data.echo import ramp
from reconode.errors import UsageError
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.low_signal import Knee
from reconode.physics import KSPACE, MRIOperator

SIZE = Benchmark("size", (96, 112), 4, 1, 2)


def white(batch, coils, rows, columns, seed=0):
    return torch.randn(
        batch, coils, rows, columns, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed)
    )


@pytest.mark.parametrize("acceleration", [4, 8])
def test_white_noise_alone(acceleration):
    sigma = torch.tensor([0.1, 2.0])
    E = MRIOperator(masks.random(112, acceleration, seed=1))
    y = E.measure(sigma[:, None, None, None] * white(2, 1, 96, 112))
    assert noise.level(y, E) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("level", [0.05, 0.12])
def test_knees_whose_noise_is_known(number, level):
    knee, quiet = Knee(SIZE, number, level).scan(), Knee(SIZE, number, 0.0).scan()
    added = (knee.hybrid - quiet.hybrid).flatten()
    true = added[added.abs() > 1e-4 * added.abs().max()].abs().square().mean().sqrt()
    for acceleration in (4, 8):
        y, E = knee.measure(masks.random(knee.width, acceleration, seed=knee.name))
        assert float(noise.level(y, E) / true) == pytest.approx(1, abs=0.3 if level < 0.1 else 0.15)


def test_more_noise_says_more():
    knees = [Knee(SIZE, 1, level).scan() for level in (0.0, 0.03, 0.08)]
    E = MRIOperator(masks.random(112, 4, seed=1))
    found = [float(noise.level(E.measure(k.hybrid), E)) for k in knees]
    assert found[0] < found[1] < found[2]


def test_neither_scale_nor_phase_nor_empty_columns_nor_what_was_not_measured_matter():
    y = white(1, 2, 64, 80)
    E = MRIOperator(masks.random(80, 2, seed=3), torch.ones(2, 64, 80, dtype=torch.complex64))
    y = E.measure(y)
    one = noise.level(y, E)
    torch.testing.assert_close(noise.level(3 * y, E), 3 * one)
    torch.testing.assert_close(noise.level(y + 5 * ~E.mask, E), one)
    padded = y.clone()
    padded[..., :8] = 0
    padded[..., -8:] = 0
    assert float(noise.level(padded, E)) == pytest.approx(float(one), rel=0.15)
    turned = ramp(torch.tensor([9.0]), 64)[:, None] * y
    assert float(noise.level(turned, E)) == pytest.approx(float(one), rel=0.15)


def test_silence_is_no_noise_and_masks_in_both_axes_are_refused():
    E = MRIOperator(masks.random(80, 2, seed=3))
    assert float(noise.level(torch.zeros(1, 1, 64, 80, dtype=torch.complex64), E)) == 0
    both = MRIOperator(torch.ones(64, 80), dims=KSPACE)
    with pytest.raises(UsageError, match="hybrid space"):
        noise.level(white(1, 1, 64, 80), both)
