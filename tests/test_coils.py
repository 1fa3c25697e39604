"""Data consistency with several coils: against the pseudoinverse, by what a projection does, and on raw data."""

from __future__ import annotations

import pytest
import torch
from conftest import coil_maps, smooth_images
from test_physics import operators, random_complex

from reconode import masks
from reconode.data import fastmri
from reconode.gradients import saved_bytes
from reconode.physics import HYBRID, KSPACE, TOLERANCE, MRIOperator


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
