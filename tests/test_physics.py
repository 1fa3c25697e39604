"""The measurement operator: against NumPy, against the plain 2-D form, and by the properties that define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import coil_maps, smooth_images

from reconode import masks
from reconode.errors import DataError, UsageError
from reconode.physics import (
    HYBRID,
    KSPACE,
    MRIOperator,
    center_crop,
    estimate_sensitivities,
    fft,
    ifft,
    to_hybrid,
    to_kspace,
)

PRECISIONS = [(torch.complex64, 1e-5), (torch.complex128, 1e-12)]
SHAPES = [(16, 12), (15, 13), (16, 13)]


def random_complex(*shape: int, dtype: torch.dtype = torch.complex128, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def operators(rows: int, columns: int, dtype: torch.dtype) -> dict[str, MRIOperator]:
    """Every kind of operator, by name."""
    generator = torch.Generator().manual_seed(1)
    one = torch.rand(columns, generator=generator) < 0.4
    one[columns // 2] = True
    two = torch.rand(rows, columns, generator=generator) < 0.4
    batch = torch.stack([one, ~one])
    maps = coil_maps(3, rows, columns).to(dtype)
    return {
        "hybrid": MRIOperator(one),
        "mask each": MRIOperator(batch),
        "coils": MRIOperator(one, maps),
        "coils, map each": MRIOperator(batch, torch.stack([maps, maps.flip(-1)])),
        "2-D mask": MRIOperator(two, None, KSPACE),
        "2-D mask, coils": MRIOperator(two, maps, KSPACE),
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dims", [HYBRID, (-2,), KSPACE])
def test_fft_is_numpy_centred_orthonormal(shape, dims):
    x = random_complex(2, *shape)
    expected = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(x.numpy(), axes=dims), axes=dims, norm="ortho"), axes=dims)
    np.testing.assert_allclose(fft(x, dims).numpy(), expected, atol=1e-12)
    torch.testing.assert_close(ifft(fft(x, dims), dims), x, atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.vector_norm(fft(x, dims)), torch.linalg.vector_norm(x))


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adjointness(shape, dtype, tolerance):
    for name, E in operators(*shape, dtype).items():
        x = random_complex(2, *shape, dtype=dtype, seed=2)
        y = random_complex(2, E.coils, *shape, dtype=dtype, seed=3)
        left, right = torch.vdot(E(x).flatten(), y.flatten()), torch.vdot(x.flatten(), E.H(y).flatten())
        scale = torch.linalg.vector_norm(x) * torch.linalg.vector_norm(y)
        assert abs(left - right) / scale < tolerance, name
        assert E(x).dtype == dtype and E.H(y).dtype == dtype


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_normal_operator_is_the_composition_and_a_contraction(dtype, tolerance):
    for name, E in operators(16, 12, dtype).items():
        x = random_complex(2, 16, 12, dtype=dtype)
        torch.testing.assert_close(E.normal(x), E.H(E(x)), atol=10 * tolerance, rtol=0)
        assert torch.linalg.vector_norm(E.normal(x)) <= torch.linalg.vector_norm(x) * (1 + tolerance), name
        if E.coils == 1:  # a projection: twice is once
            torch.testing.assert_close(E.normal(E.normal(x)), E.normal(x), atol=10 * tolerance, rtol=0)


def test_hybrid_space_equals_the_two_dimensional_form():
    """Mask, 2-D inverse FFT and crop, fastMRI's order, is what hybrid space with a cropped readout computes."""
    kspace = random_complex(2, 3, 40, 18, dtype=torch.complex128)
    mask = masks.random(18, 2, seed=0)
    slow = center_crop(ifft(kspace * mask), 20, 10)
    maps = torch.eye(3, dtype=torch.complex128)
    hybrid = to_hybrid(kspace, rows=20)
    for coil in range(3):
        E = MRIOperator(mask)
        fast = center_crop(E.H(E.measure(hybrid[:, coil : coil + 1])), 20, 10)
        torch.testing.assert_close(fast, slow[:, coil], atol=1e-12, rtol=0)
    # the same with an operator of several coils, each seeing everything in turn
    everywhere = maps[:, :, None, None].expand(3, 3, 20, 18)
    combined = MRIOperator(mask, everywhere[0]).H(hybrid * mask)
    torch.testing.assert_close(center_crop(combined, 20, 10), slow[:, 0], atol=1e-12, rtol=0)


def test_readout_crop_commutes_with_everything_that_acts_on_columns():
    """Cropping first or last gives the same image, data consistency included."""
    kspace = random_complex(2, 1, 40, 18)
    mask = masks.random(18, 2, seed=0)
    E = MRIOperator(mask)
    guess = random_complex(2, 40, 18, seed=5)
    full = to_hybrid(kspace) * mask
    late = center_crop(E.enforce(guess, full), 20, 18)
    early = E.enforce(center_crop(guess, 20, 18), to_hybrid(kspace, rows=20) * mask)
    torch.testing.assert_close(early, late, atol=1e-12, rtol=0)


def test_to_kspace_inverts_to_hybrid():
    kspace = random_complex(2, 1, 17, 12)
    torch.testing.assert_close(to_kspace(to_hybrid(kspace)), kspace, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "size, crop, first",
    [(640, 320, 160), (368, 320, 24), (372, 320, 26), (369, 320, 24), (7, 4, 1), (8, 3, 2), (5, 5, 0)],
)
def test_center_crop_golden(size, crop, first):
    """fastMRI's convention: from (size - crop) // 2."""
    ramp = torch.arange(size).expand(2, size)
    assert center_crop(ramp, 2, crop)[0].tolist() == list(range(first, first + crop))


def test_center_crop_larger_than_the_image_is_an_error():
    with pytest.raises(DataError, match="cannot crop 320 x 320 from an image of 160 x 160"):
        center_crop(torch.zeros(160, 160), 320, 320)


class TestDataConsistency:
    x = random_complex(2, 16, 12, seed=7)
    y = random_complex(2, 1, 16, 12, seed=8)

    def test_hard_replaces_exactly_the_measured_samples(self):
        E = operators(16, 12, torch.complex128)["mask each"]
        k, mask = fft(self.x, HYBRID), E.mask[:, 0]
        expected = torch.where(mask, self.y[:, 0], k)
        torch.testing.assert_close(fft(E.enforce(self.x, self.y * E.mask), HYBRID), expected, atol=1e-12, rtol=0)

    def test_hard_is_idempotent_and_keeps_a_consistent_image(self):
        for name in ("hybrid", "mask each", "2-D mask"):
            E = operators(16, 12, torch.complex128)[name]
            once = E.enforce(self.x, self.y)
            torch.testing.assert_close(E.enforce(once, self.y), once, atol=1e-12, rtol=0)
            torch.testing.assert_close(E.enforce(self.x, E(self.x)), self.x, atol=1e-12, rtol=0)

    def test_weighted_is_the_weighted_mean(self):
        E, v = operators(16, 12, torch.complex128)["hybrid"], 3.0
        k = fft(self.x, HYBRID)
        expected = torch.where(E.mask[:, 0], (k + v * self.y[:, 0]) / (1 + v), k)
        torch.testing.assert_close(fft(E.enforce(self.x, self.y, v), HYBRID), expected, atol=1e-12, rtol=0)

    def test_weighted_tends_to_hard_and_to_nothing(self):
        E = operators(16, 12, torch.complex128)["hybrid"]
        torch.testing.assert_close(E.enforce(self.x, self.y, 1e14), E.enforce(self.x, self.y), atol=1e-11, rtol=0)
        torch.testing.assert_close(E.enforce(self.x, self.y, 0.0), self.x, atol=1e-12, rtol=0)

    def test_zero_filled_start_has_no_data_gradient(self):
        """E^H (E x0 - y) = 0 at x0 = E^H y for one coil."""
        E = operators(16, 12, torch.complex128)["hybrid"]
        y = E.measure(self.y)
        assert E.residual(E.H(y), y).abs().max() < 1e-14


def test_operator_moves_as_a_whole():
    E = operators(16, 12, torch.complex64)["coils"]
    moved = E.to("meta")
    assert moved.device.type == "meta" and moved.sensitivities.device.type == "meta" and moved.dims == E.dims
    assert E.device.type == "cpu"


def test_select_takes_entries_of_a_batch():
    for name in ("hybrid", "mask each", "coils, map each"):
        E = operators(16, 12, torch.complex128)[name]
        x = random_complex(2, 16, 12)
        torch.testing.assert_close(E.select(torch.tensor([False, True]))(x[1:]), E(x)[1:])


def test_adjoint_of_the_adjoint_is_the_operator():
    E = operators(16, 12, torch.complex64)["hybrid"]
    assert E.H.H is E


@pytest.mark.parametrize(
    "x, message",
    [
        (torch.zeros(2, 16, 12), "complex, not"),
        (torch.zeros(16, 12, dtype=torch.complex64), r"shape \(batch, rows, columns\)"),
        (torch.zeros(2, 16, 13, dtype=torch.complex64), "mask has 12 columns, the data 13"),
        (torch.zeros(3, 16, 12, dtype=torch.complex64), "2 masks for a batch of 3"),
    ],
)
def test_wrong_images_are_named(x, message):
    with pytest.raises(DataError, match=message):
        operators(16, 12, torch.complex64)["mask each"](x)


def test_wrong_data_and_operators_are_named():
    E = operators(16, 12, torch.complex64)["hybrid"]
    with pytest.raises(DataError, match="8 coils, the measurement operator 1; give E their sensitivities"):
        E.H(torch.zeros(1, 8, 16, 12, dtype=torch.complex64))
    with pytest.raises(DataError, match="mask has 16 rows, the data 17"):
        operators(16, 12, torch.complex64)["2-D mask"](torch.zeros(1, 17, 12, dtype=torch.complex64))
    with pytest.raises(DataError, match="samples nothing"):
        MRIOperator(torch.zeros(12))
    with pytest.raises(UsageError, match=r"\(columns,\)"):
        MRIOperator(torch.ones(1, 1, 12))
    with pytest.raises(UsageError, match="dims must be"):
        MRIOperator(torch.ones(12), dims=(0,))
    with pytest.raises(DataError, match="do not fit a mask"):
        MRIOperator(torch.ones(12), torch.zeros(2, 16, 13, dtype=torch.complex64))
    with pytest.raises(DataError, match="complex"):
        MRIOperator(torch.ones(12), torch.zeros(2, 16, 12))


class TestSensitivities:
    rows, columns, coils = 64, 60, 4
    truth = coil_maps(coils, rows, columns)
    image = smooth_images(2, rows, columns)
    object_ = image.abs() > 0.2

    def overlap(self, maps: torch.Tensor) -> torch.Tensor:
        """|<S, truth>| a pixel: 1 where the maps agree up to the phase that no data can tell."""
        return (maps.conj() * self.truth).sum(1).abs()[self.object_]

    @pytest.mark.parametrize("dims", [HYBRID, KSPACE])
    def test_match_the_true_maps_up_to_phase(self, dims):
        data = fft(self.truth * self.image[:, None], dims)
        if dims == HYBRID:
            mask = masks.random(self.columns, 3, center_fraction=0.25, seed=0)
        else:
            mask = torch.rand(self.rows, self.columns, generator=torch.Generator().manual_seed(0)) < 0.2
            mask[24:40, 22:38] = True
        maps = estimate_sensitivities(data * mask, mask, dims)
        torch.testing.assert_close(maps.abs().square().sum(1), torch.ones(2, self.rows, self.columns))
        assert self.overlap(maps).mean() > 0.995
        assert self.overlap(maps).min() > 0.9

    def test_make_the_combined_image_a_root_sum_of_squares(self):
        data = fft(self.truth * self.image[:, None], HYBRID)
        full = torch.ones(self.columns, dtype=torch.bool)
        maps = estimate_sensitivities(
            data * masks.random(self.columns, 3, center_fraction=0.25, seed=0),
            masks.random(self.columns, 3, center_fraction=0.25, seed=0),
        )
        combined = MRIOperator(full, maps).H(data).abs()
        rss = ifft(data, HYBRID).abs().square().sum(1).sqrt()
        assert ((combined - rss).abs()[self.object_] / rss[self.object_]).mean() < 0.01

    def test_need_a_sampled_centre(self):
        mask = torch.zeros(60, dtype=torch.bool)
        mask[::4] = True
        with pytest.raises(DataError, match="at least four lines"):
            estimate_sensitivities(torch.zeros(1, 2, 64, 60, dtype=torch.complex64), mask)
        with pytest.raises(DataError, match="does not fit"):
            estimate_sensitivities(torch.zeros(1, 2, 64, 60, dtype=torch.complex64), mask[:-1])
