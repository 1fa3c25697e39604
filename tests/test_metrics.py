"""Scores by fastMRI's convention: equal to scikit-image, and to their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reconode import metrics
from reconode.errors import DataError


def volumes(seed: int = 0, shape=(3, 40, 33), scale: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.random(shape) * np.linspace(0.2, 1, shape[0])[:, None, None]
    return scale * np.abs(target + 0.05 * rng.normal(size=shape)), scale * target


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_equal_to_scikit_image_over_the_volume(scale):
    image, target = volumes(scale=scale)
    data_range = target.max()
    ssim = np.mean([structural_similarity(t, x, data_range=data_range) for x, t in zip(image, target, strict=True)])
    assert metrics.ssim(image, target) == pytest.approx(ssim, abs=1e-12)
    assert metrics.psnr(image, target) == pytest.approx(
        peak_signal_noise_ratio(target, image, data_range=data_range), abs=1e-9
    )
    assert metrics.nmse(image, target) == pytest.approx(np.sum((image - target) ** 2) / np.sum(target**2), rel=1e-12)


def test_single_precision_input_is_scored_in_double():
    image, target = (z.astype(np.float32) for z in volumes())
    pairs = [tuple(map(np.float64, pair)) for pair in zip(target, image, strict=True)]
    expected = [structural_similarity(*pair, data_range=float(target.max())) for pair in pairs]
    assert metrics.ssim(torch.from_numpy(image), torch.from_numpy(target)) == pytest.approx(np.mean(expected), abs=1e-9)


def test_equal_to_fastmri():
    evaluate = pytest.importorskip("fastmri.evaluate")
    image, target = volumes()
    scores = metrics.scores(image, target)
    assert scores.psnr == pytest.approx(float(evaluate.psnr(target, image)), abs=1e-9)
    assert scores.nmse == pytest.approx(float(evaluate.nmse(target, image)), abs=1e-12)
    assert scores.ssim == pytest.approx(np.asarray(evaluate.ssim(target, image)).item(), abs=1e-9)


def test_volume_convention_is_not_the_mean_of_slices():
    image, target = volumes()
    slices = np.mean([metrics.psnr(x[None], t[None]) for x, t in zip(image, target, strict=True)])
    assert abs(metrics.psnr(image, target) - slices) > 1


def test_magnitude_and_crop_are_taken_for_the_caller():
    image, target = volumes(shape=(2, 20, 20))
    phase = np.exp(1j * np.linspace(0, 9, image.size).reshape(image.shape))
    padded = np.pad(image * phase, ((0, 0), (2, 2), (4, 4)))
    assert metrics.psnr(padded, target) == pytest.approx(metrics.psnr(image, target))


def test_perfect_reconstruction():
    _, target = volumes()
    assert metrics.scores(target, target) == metrics.Scores(math.inf, pytest.approx(1.0), 0.0)


class TestDifferentiable:
    def test_ssim_with_a_range_for_each_slice_equals_scikit_image(self):
        image, target = volumes()
        ranges = target.max(axis=(1, 2)) * [1.0, 1.5, 2.0]
        ours = metrics.structural_similarity(*map(torch.from_numpy, (image, target)), torch.from_numpy(ranges))
        theirs = [structural_similarity(t, x, data_range=r) for x, t, r in zip(image, target, ranges, strict=True)]
        np.testing.assert_allclose(ours, theirs, atol=1e-12)

    def test_gradients(self):
        image, target = (torch.from_numpy(z[:1, :9, :9]).requires_grad_() for z in volumes(scale=1.0))
        assert torch.autograd.gradcheck(
            lambda x: metrics.structural_similarity(x, target, 1.0), (image,), fast_mode=True
        )
        assert torch.autograd.gradcheck(lambda x: metrics.loss(x, target, 1.0), (image,), fast_mode=True)

    def test_loss_is_l1_plus_half_of_one_minus_ssim(self):
        image, target = (torch.from_numpy(z) for z in volumes(scale=1.0))
        ssim = metrics.structural_similarity(image, target, 1.0).mean()
        assert metrics.loss(image, target, 1.0) == pytest.approx(
            float((image - target).abs().mean() + 0.5 * (1 - ssim))
        )
        assert float(metrics.loss(target, target, 1.0)) == pytest.approx(0, abs=1e-12)

    def test_loss_in_single_precision_stays_close_to_double(self):
        image, target = (torch.from_numpy(z) for z in volumes(scale=1.0))
        single, double = metrics.loss(image.float(), target.float(), 1.0), metrics.loss(image, target, 1.0)
        assert float(single) == pytest.approx(float(double), abs=1e-5)

    def test_magnitude_has_a_finite_gradient_at_zero(self):
        x = torch.zeros(1, 3, 3, dtype=torch.complex64, requires_grad=True)
        metrics.magnitude(x).sum().backward()
        assert torch.isfinite(torch.view_as_real(x.grad)).all()

    def test_window_must_fit(self):
        with pytest.raises(DataError, match="at least 7 x 7"):
            metrics.structural_similarity(torch.ones(1, 6, 9), torch.ones(1, 6, 9), 1.0)


class TestBootstrap:
    def test_covers_the_normal_interval(self):
        values = np.random.default_rng(0).normal(30, 2, size=200)
        interval = metrics.bootstrap(values)
        half = 1.96 * values.std() / np.sqrt(200)
        assert interval.mean == pytest.approx(values.mean())
        assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
        assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)
        assert interval.volumes == 200

    @pytest.mark.parametrize("confidence", [0.8, 0.95])
    def test_is_scipys_percentile_interval(self, confidence):
        """Of other draws: they agree to the draws' own spread."""
        values = np.random.default_rng(3).gamma(2.0, size=40)
        ours = metrics.bootstrap(values, confidence)
        theirs = scipy.stats.bootstrap(
            (values,), np.mean, confidence_level=confidence, method="percentile", random_state=4
        ).confidence_interval
        width = theirs.high - theirs.low
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)

    def test_coverage(self):
        """A 90 % interval of the mean of 40 values holds the truth in about 90 % of repetitions."""
        rng = np.random.default_rng(1)
        intervals = [metrics.bootstrap(rng.normal(0, 1, 40), confidence=0.9, resamples=400) for _ in range(300)]
        assert 0.83 < np.mean([i.low <= 0 <= i.high for i in intervals]) < 0.95

    def test_one_volume_has_no_interval(self):
        interval = metrics.bootstrap([31.0])
        assert interval.mean == 31.0 and math.isnan(interval.low) and math.isnan(interval.high)

    def test_is_reproducible_and_refuses_nothing(self):
        assert metrics.bootstrap([1, 2, 4]) == metrics.bootstrap([1, 2, 4])
        with pytest.raises(DataError, match="no volumes"):
            metrics.bootstrap([])


def test_summary_by_acquisition():
    scores = [metrics.Scores(p, 0.5, 0.1) for p in (30.0, 32.0, 20.0)]
    summary = metrics.summarize(scores, ["CORPD_FBK", "CORPD_FBK", "CORPDFS_FBK"])
    assert {k: (v["psnr"].mean, v["psnr"].volumes) for k, v in summary.items()} == {
        "all": (pytest.approx(82 / 3), 3),
        "CORPD_FBK": (31.0, 2),
        "CORPDFS_FBK": (20.0, 1),
    }
    assert list(metrics.summarize(scores, ["CORPD_FBK"] * 3)) == ["all"]


def test_no_interval_over_a_few_volumes():
    scores = [metrics.Scores(30.0 + n, 0.5, 0.1) for n in range(8)]
    few, enough = (metrics.summarize(scores[:n], [""] * n)["all"]["psnr"] for n in (7, 8))
    assert few.mean == 33 and few.volumes == 7 and np.isnan(few.low) and np.isnan(few.high)
    assert enough == metrics.bootstrap([s.psnr for s in scores]) and enough.low < enough.mean < enough.high


@pytest.mark.parametrize(
    "image, target, message",
    [
        (np.ones((2, 9, 9)), np.ones((3, 9, 9)), "shape"),
        (np.ones((9, 9)), np.ones((9, 9)), "slices, rows, columns"),
        (np.ones((2, 8, 9)), np.ones((2, 9, 9)), "smaller than its target"),
        (np.full((2, 9, 9), np.nan), np.ones((2, 9, 9)), "image has NaN or Inf in 162 pixels"),
        (np.ones((2, 9, 9)), np.zeros((2, 9, 9)), "zero everywhere"),
    ],
)
def test_what_cannot_be_scored_is_named(image, target, message):
    with pytest.raises(DataError, match=message):
        metrics.scores(image, target)
