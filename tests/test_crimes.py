"""Data made ready in ways that flatter are what they say, and nothing else."""

from __future__ import annotations

import json

import pytest
import torch
from claims import SMALL

from reconode import masks
from reconode.errors import UsageError
from reconode.experiment import benchmark
from reconode.physics import HYBRID, center_crop, fft, ifft, to_kspace
from reconode.teach import crimes


@pytest.fixture(scope="module")
def knee():
    return benchmark.in_memory(benchmark.find("small"), 3).part(slice(0, 1))


def kspace(volume):
    return to_kspace(volume.hybrid)[0, 0]


@pytest.mark.parametrize("factor", [1, 1.5, 2])
def test_padding_adds_zeros_and_nothing_else(knee, factor):
    padded = crimes.zero_padded(knee, factor)
    k, was = kspace(padded), kspace(knee)
    rows, columns = (round(factor * n) for n in was.shape)
    assert k.shape == (rows, columns) and padded.target.shape[-2:] == (rows, rows)
    assert torch.allclose(center_crop(k, *was.shape), was, atol=1e-6 * float(was.abs().max()))
    outside = k.clone()
    center_crop(outside, *was.shape).zero_()
    assert float(outside.abs().max()) < 1e-6 * float(was.abs().max())
    assert padded.name == knee.name and padded.info.acquisition == knee.info.acquisition
    left, right = padded.info.padding
    assert right - left == knee.info.padding[1] - knee.info.padding[0]


def test_padded_by_two_the_old_pixels_are_still_there(knee):
    """Zeros in k-space interpolate: every second pixel is the old one."""
    image, old = (ifft(v.hybrid, HYBRID)[0, 0].abs() for v in (crimes.zero_padded(knee, 2), knee))
    assert torch.allclose(2 * image[::2, ::2], old, atol=1e-5 * float(old.max()))


def test_the_target_is_the_changed_datas_own(knee):
    for process in crimes.WAYS.values():
        volume = process(knee)
        image = center_crop(ifft(volume.hybrid, HYBRID)[0, 0].abs(), *volume.info.recon)
        assert torch.allclose(image, volume.target[0], atol=1e-5 * float(image.max()))


def test_magnitudes_have_no_phase_and_a_symmetric_k_space(knee):
    plain = crimes.magnitude_only(knee)
    image = ifft(plain.hybrid, HYBRID)[0, 0]
    old = ifft(knee.hybrid, HYBRID)[0, 0].abs()
    assert torch.allclose(image.real, old, atol=1e-5 * float(old.max()))
    k = fft(image)[1:, 1:]  # an even size has no partner for its first line
    assert torch.allclose(k, k.flip(0, 1).conj(), atol=1e-4 * float(k.abs().max()))
    assert torch.allclose(plain.target, knee.target, atol=1e-5 * float(old.max())), "the reference is the same"


def test_a_jpeg_is_near_and_nearer_with_quality(knee):
    errors = [float((crimes.magnitude_only(knee, q).target - knee.target).norm()) for q in (20, 75, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert errors[0] < 0.2 * float(knee.target.norm())


@pytest.mark.parametrize(
    "call",
    [lambda v: crimes.zero_padded(v, 0.5), lambda v: crimes.zero_padded(v, 9), lambda v: crimes.magnitude_only(v, 0)],
)
def test_refuses(knee, call):
    with pytest.raises(UsageError):
        call(knee)


def test_a_padded_grid_is_sampled_more_densely_where_it_was_measured():
    shares = []
    for factor in (1, 2):
        width = 112 * factor
        drawn = torch.stack([masks.random(width, 4, seed=s) for s in range(200)]).float()
        shares.append(float(center_crop(drawn, 200, 112).mean()))
    assert shares[0] == pytest.approx(1 / 4, abs=0.01) and shares[1] == pytest.approx(1 / 3.17, abs=0.01)


def test_the_results_file_is_of_this_benchmark_and_these_ways():
    found = json.loads((SMALL / "crimes.json").read_text())
    assert found["fingerprint"] == benchmark.find("small").fingerprint
    assert {r["way"] for r in found["rows"]} == set(crimes.WAYS)
    assert all(len(r["volumes"]) == 20 for r in found["rows"])
