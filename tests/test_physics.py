"""The measurement operator: against NumPy, against the plain 2-D form, and by the properties that define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import coil_maps, smooth_images

from reconode import masks
from reconode.data import fastmri
from reconode.errors import DataError, UsageError
from reconode.gradients import saved_bytes
from reconode.physics import (
    HYBRID,
    KSPACE,
    TOLERANCE,
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


def coil_operators() -> dict[str, MRIOperator]:
    """Random sensitivities, which make the equations as well conditioned as their counts allow."""
    kinds = operators(16, 12, torch.complex128)
    maps = random_complex(2, 3, 16, 12, seed=6)
    maps = maps / torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    return {
        "more data than pixels": MRIOperator(kinds["mask each"].mask[:1, 0, 0], maps[0]),
        "a mask and maps each": MRIOperator(kinds["mask each"].mask[:, 0, 0], maps),
        "fewer data than pixels": MRIOperator(kinds["hybrid"].mask[0, 0, 0], maps[0, :2]),
        "2-D mask": MRIOperator(kinds["2-D mask"].mask[0, 0], maps[0], KSPACE),
    }


every_coils = pytest.mark.parametrize("name", coil_operators())


def exactly(E, tolerance=1e-13):
    """The same operator, solving as well as double precision can."""
    return MRIOperator(
        E.mask.flatten(0, 2) if E.dims == HYBRID else E.mask[:, 0], E.sensitivities, E.dims, tolerance=tolerance
    )


@every_coils
class TestDataConsistencyWithCoils:
    """The projection onto the images that fit the data best, and its weighted form."""

    x = random_complex(2, 16, 12, seed=7)

    @staticmethod
    def matrix(E):
        """E as a dense matrix, for each image of a batch of two: ``(2, coils · rows · columns, rows · columns)``."""
        basis = torch.eye(16 * 12, dtype=torch.complex128).reshape(-1, 16, 12)
        each = [torch.cat([E.select(torch.tensor([i]))(e[None]) for e in basis]).flatten(1).T for i in range(2)]
        return torch.stack(each)

    def test_equals_the_pseudoinverse(self, name):
        """Data that no image fits: the least-squares image nearest to x, by singular values."""
        E = exactly(coil_operators()[name])
        y = E.measure(random_complex(2, E.coils, 16, 12, seed=9))
        dense = self.matrix(E)
        left = (y.flatten(1) - (dense @ self.x.flatten(1)[..., None])[..., 0])[..., None]
        expected = self.x + (torch.linalg.pinv(dense) @ left)[..., 0].reshape(2, 16, 12)
        torch.testing.assert_close(E.enforce(self.x, y), expected, atol=1e-9, rtol=0)

    @pytest.mark.parametrize("v", [0.5, 20.0, torch.tensor([0.5, 20.0], dtype=torch.float64)[:, None, None]], ids=str)
    def test_weighted_is_the_minimum_of_its_sum(self, name, v):
        E = exactly(coil_operators()[name])
        y = E.measure(random_complex(2, E.coils, 16, 12, seed=9))
        found = E.enforce(self.x, y, v)
        torch.testing.assert_close(
            found - self.x + v * E.residual(found, y), torch.zeros_like(found), atol=1e-10, rtol=0
        )

    def test_weighted_tends_to_the_projection_and_to_nothing(self, name):
        E = exactly(coil_operators()[name])
        y = E(random_complex(2, 16, 12, seed=3))
        hard = E.enforce(self.x, y)
        misfits = [float(torch.linalg.vector_norm(E.enforce(self.x, y, v) - hard)) for v in (1e2, 1e4, 1e6)]
        assert misfits[0] > misfits[1] > misfits[2]
        torch.testing.assert_close(E.enforce(self.x, y, 0.0), self.x, atol=1e-12, rtol=0)

    def test_it_is_a_projection(self, name):
        """Idempotent, nonexpansive, and x − P x orthogonal to what the data leave free."""
        E = exactly(coil_operators()[name])
        y = E(random_complex(2, 16, 12, seed=3))
        other = random_complex(2, 16, 12, seed=4)
        a, b = E.enforce(self.x, y), E.enforce(other, y)
        torch.testing.assert_close(E.enforce(a, y), a, atol=1e-9, rtol=0)
        assert torch.linalg.vector_norm(a - b) <= torch.linalg.vector_norm(self.x - other) * (1 + 1e-9)
        assert abs(torch.vdot((self.x - a).flatten(), (a - b).flatten())) < 1e-8

    def test_an_image_that_fits_stays_as_it_is(self, name):
        E = exactly(coil_operators()[name])
        assert torch.equal(E.enforce(self.x, E(self.x)), self.x)

    @pytest.mark.parametrize("v", [None, 2.0])
    def test_batch_entries_do_not_see_each_other(self, name, v):
        E = exactly(coil_operators()[name])
        y = E.measure(random_complex(2, E.coils, 16, 12, seed=9))
        y[0] *= 1e-3
        E.tolerance = 0.01
        together = E.enforce(self.x, y, v)
        for i in (0, 1):
            one = E.select(torch.tensor([i])).enforce(self.x[i : i + 1], y[i : i + 1], v)
            torch.testing.assert_close(together[i : i + 1], one, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("acceleration", [2, 4])
@pytest.mark.parametrize("coils", [2, 4, 8])
def test_measured_samples_of_several_coils_are_met(coils, acceleration):
    """Simulated anatomy in single precision: from a guess to the data, where one gradient step stops far away."""

    def size(x):
        return float(torch.linalg.vector_norm(x))

    image, maps = smooth_images(2, 80, 72), coil_maps(coils, 80, 72)
    E = MRIOperator(masks.random(72, acceleration, seed=1), maps)
    y, guess = E(image), image + random_complex(2, 80, 72, dtype=torch.complex64) / 10
    found, one_step = E.enforce(guess, y), guess - E.residual(guess, y)
    assert size(E.residual(found, y)) <= 1.1 * TOLERANCE * size(E.H(y))
    assert size(E(found) - y) < size(E(one_step) - y) < size(E(guess) - y)
    E.tolerance = 1e-4
    closer = E.enforce(guess, y)
    assert size(E(closer) - y) < 2e-3 * size(y) < 0.1 * size(E(one_step) - y)
    assert size(closer - image) < size(guess - image)


def test_eight_raw_coils(shared_data):
    """A scanner's data with its noise, eight coils, undersampled 8 times in two directions."""
    y, E = fastmri.read(shared_data / "brain_8coil_undersampled.h5").measure()
    y = y / E.H(y).abs().max()
    start = E.H(y)
    found = E.enforce(start, y)
    before, after = (torch.linalg.vector_norm(E(x) - y) for x in (start, found))
    assert torch.linalg.vector_norm(E.residual(found, y)) <= 1.1 * TOLERANCE * torch.linalg.vector_norm(start)
    assert after < before
    torch.testing.assert_close(E.enforce(found, y), found, atol=1e-6 * float(found.abs().max()), rtol=0)


def test_the_conjugate_gradients_keep_nothing_for_the_way_back():
    maps = coil_maps(4, 16, 12).to(torch.complex128).requires_grad_()
    E = MRIOperator(masks.random(12, 2, seed=0), maps)
    x, y = random_complex(1, 16, 12).requires_grad_(), random_complex(1, 4, 16, 12)
    kept = []
    for E.tolerance in (0.5, 1e-10):
        kept.append(saved_bytes(lambda: E.enforce(x * 1, y)))
    assert kept[0] == kept[1]


@pytest.mark.parametrize("v", [None, 2.0])
def test_gradients_reach_image_data_and_sensitivities(v):
    maps = coil_maps(2, 6, 5).to(torch.complex128).requires_grad_()
    mask = torch.tensor([True, False, True, True, False])
    x = random_complex(1, 6, 5).requires_grad_()
    y = random_complex(1, 2, 6, 5).requires_grad_()

    def consistent(x, y, maps):
        return torch.view_as_real(MRIOperator(mask, maps, tolerance=1e-13).enforce(x, y, v))

    assert torch.autograd.gradcheck(consistent, (x, y, maps))


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
