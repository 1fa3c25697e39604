"""Classical methods: closed forms, other people's solvers, and the certificates they give."""

from __future__ import annotations

import builtins
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import smooth_images
from torch import Tensor

from reconode import classical, masks, metrics
from reconode.classical import GradientDescent, TotalVariation, WaveletFISTA, ZeroFilled
from reconode.data import fastmri
from reconode.errors import MissingExtraError, UsageError
from reconode.physics import KSPACE, MRIOperator, fft

METHODS = [
    ZeroFilled(),
    GradientDescent(iterations=30),
    TotalVariation(iterations=60),
    WaveletFISTA(iterations=40),
]
SOLVERS: list[Any] = METHODS[1:]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Problems this small run slower on two threads, and far slower on two that others want too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def measured(
    batch: int = 2, rows: int = 45, columns: int = 50, noise: float = 0.02, seed: int = 0
) -> tuple[Tensor, MRIOperator]:
    """Noisy 2x data of smooth images, of a size that no power of two divides."""
    generator = torch.Generator().manual_seed(seed)
    x = smooth_images(batch, rows, columns, seed)
    x = x + noise * torch.randn(x.shape, dtype=x.dtype, generator=generator)
    E = MRIOperator(masks.random(columns, 2, seed=seed))
    return E(x), E


def full(x: Tensor) -> tuple[Tensor, MRIOperator]:
    """Fully sampled data of an image: the methods then only denoise it."""
    E = MRIOperator(torch.ones(x.shape[-1], dtype=torch.bool))
    return E(x), E


def total_variation(x: Tensor) -> Tensor:
    """Written anew: the isotropic total variation with differences that stop at the border, ``(batch,)``."""
    down = torch.zeros_like(x)
    right = torch.zeros_like(x)
    down[:, :-1] = x[:, 1:] - x[:, :-1]
    right[..., :-1] = x[..., 1:] - x[..., :-1]
    return (down.abs() ** 2 + right.abs() ** 2).sqrt().sum((1, 2))


def tv_objective(x: Tensor, y: Tensor, E: MRIOperator, weight: float) -> Tensor:
    return (E(x) - y).abs().square().sum((1, 2, 3)) / 2 + weight * total_variation(x)


def scaled(y: Tensor, E: MRIOperator) -> Tensor:
    """Data whose zero-filled image has maximum 1, so that a method's own scaling changes nothing."""
    return y / E.H(y).abs().amax((1, 2)).reshape(-1, 1, 1, 1)


# Every method ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
class TestEveryMethod:
    def test_keeps_the_contract(self, method: Any) -> None:
        y, E = measured()
        x = method(y, E)
        assert x.shape == (2, 45, 50) and x.dtype == torch.complex64
        double = method(y.to(torch.complex128), E)
        assert double.dtype == torch.complex128
        torch.testing.assert_close(x.to(torch.complex128), double, rtol=0, atol=2e-3)

    def test_a_zero_slice_stays_zero_beside_others(self, method: Any) -> None:
        y, E = measured()
        y[1] = 0
        x = method(y, E)
        assert torch.isfinite(torch.view_as_real(x)).all() and x[0].abs().max() > 0
        assert torch.equal(x[1], torch.zeros_like(x[1]))

    def test_entries_do_not_depend_on_their_neighbours(self, method: Any) -> None:
        y, E = measured(3)
        y[1] *= 1e-3
        y[2] = (
            y[2] + 0.3 * torch.randn(y[2].shape, dtype=y.dtype, generator=torch.Generator().manual_seed(3)) * E.mask[0]
        )
        together = method(y, E)
        for i in range(3):
            alone = method(y[i : i + 1], E)
            torch.testing.assert_close(together[i], alone[0], rtol=0, atol=1e-5 * float(alone.abs().max()))

    def test_a_mask_each(self, method: Any) -> None:
        x = smooth_images(2, 20, 24)
        drawn = torch.stack([masks.random(24, 2, seed=i) for i in range(2)])
        together = method(MRIOperator(drawn)(x), MRIOperator(drawn))
        for i in range(2):
            E = MRIOperator(drawn[i])
            torch.testing.assert_close(together[i], method(E(x[i : i + 1]), E)[0], rtol=0, atol=1e-5)

    def test_scales_with_the_data(self, method: Any) -> None:
        y, E = measured()
        torch.testing.assert_close(method(2**-20 * y, E), 2**-20 * method(y, E), rtol=1e-6, atol=0)

    def test_one_coil_is_one_unit_sensitivity(self, method: Any) -> None:
        y, E = measured()
        one = MRIOperator(E.mask.flatten(), torch.ones(1, 45, 50, dtype=y.dtype))
        torch.testing.assert_close(method(y, E), method(y, one), rtol=0, atol=1e-5)

    def test_hybrid_space_is_two_dimensional_k_space(self, method: Any) -> None:
        y, E = measured()
        plane = MRIOperator(E.mask.reshape(1, -1).expand(45, 50), dims=KSPACE)
        torch.testing.assert_close(method(y, E), method(fft(y, (-2,)), plane), rtol=0, atol=1e-4)

    def test_samples_outside_the_mask_do_not_count(self, method: Any) -> None:
        y, E = measured()
        assert torch.equal(method(y, E), method(torch.where(E.mask, y, torch.full_like(y, 7)), E))


@pytest.mark.parametrize("method", SOLVERS, ids=lambda m: type(m).__name__)
def test_several_coils_converge(method: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    x = smooth_images(2, 32, 36)
    maps = torch.stack([fft(m) for m in torch.randn(4, 32, 36, dtype=x.dtype, generator=generator)])
    maps = 3 * maps / maps.abs().square().sum(0).sqrt()  # not normalised: ‖EᴴE‖ is 9
    E = MRIOperator(masks.random(36, 3, seed=1), maps)
    solution = type(method)(weight=0.003, iterations=2000).solve(E(x), E)
    assert solution.converged.all()
    torch.testing.assert_close(solution.image, x, rtol=0, atol=0.2)


@pytest.mark.parametrize("method", SOLVERS, ids=lambda m: type(m).__name__)
def test_a_solution_says_how_it_ended(method: Any) -> None:
    y, E = measured()
    short = type(method)(iterations=3, tolerance=0).solve(y, E)
    assert short.iterations.tolist() == [3, 3] and not short.converged.any()
    long = type(method)(iterations=4000).solve(y, E)
    assert long.converged.all() and (long.iterations < 4000).all()
    assert (long.residual < short.residual).all()


@pytest.mark.parametrize("method", [GradientDescent, TotalVariation, WaveletFISTA])
@pytest.mark.parametrize(
    "bad", [{"weight": -1.0}, {"weight": math.nan}, {"weight": math.inf}, {"iterations": 0}, {"tolerance": -1e-3}]
)
def test_numbers_that_cannot_work(method: Any, bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        method(**bad)


# Gradient descent -----------------------------------------------------------------------------------------------------


def test_gradient_descent_reaches_the_closed_form() -> None:
    y, E = measured(1, 6, 10)
    y = scaled(y.to(torch.complex128), E)
    weight = 0.05
    units = torch.eye(60, dtype=y.dtype).reshape(60, 6, 10)
    normal = E.normal(units).reshape(60, 60).T
    differences = classical.gradient(units).reshape(60, -1).T
    x = torch.linalg.solve(normal + weight * differences.mH @ differences, E.H(y).reshape(60))
    solution = GradientDescent(weight, 5000, tolerance=1e-6).solve(y, E)
    assert solution.converged.all()
    torch.testing.assert_close(solution.image.reshape(60), x, rtol=0, atol=1e-4)


def test_the_data_alone_never_leave_the_zero_filled_image() -> None:
    y, E = measured()
    y = y.to(torch.complex128)
    solution = GradientDescent(weight=0, iterations=50, tolerance=0).solve(y, E)
    torch.testing.assert_close(solution.image, E.H(y), rtol=0, atol=1e-12)


def test_a_step_that_diverges() -> None:
    y, E = measured()
    assert torch.isfinite(GradientDescent(0.1, 20, step=1.0)(y, E).abs()).all()
    with pytest.raises(UsageError, match="diverges"):
        GradientDescent(0.1, 20, step=1.2)(y, E)
    with pytest.raises(UsageError, match="positive"):
        GradientDescent(step=0.0)


# Total variation ------------------------------------------------------------------------------------------------------


def test_the_gradient_has_its_adjoint() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 7, dtype=torch.complex128, generator=generator)
    p = torch.randn(2, 2, 5, 7, dtype=torch.complex128, generator=generator)
    torch.testing.assert_close(
        (p.conj() * classical.gradient(x)).sum(), (classical.gradient_adjoint(p).conj() * x).sum()
    )


@pytest.mark.parametrize("phase", [1, 1j])
def test_total_variation_of_a_step(phase: complex) -> None:
    """Fully sampled, each side of a step moves towards the other by weight / its width."""
    x = torch.ones(1, 8, 20, dtype=torch.complex128)
    x[..., :15] = 0.2
    weight = 0.3
    result = TotalVariation(weight, 1500, tolerance=1e-6)(*full(phase * x))
    expected = x.clone()
    expected[..., :15] += weight / 15
    expected[..., 15:] -= weight / 5
    torch.testing.assert_close(result, phase * expected, rtol=0, atol=1e-4)


def test_total_variation_of_a_large_weight_is_the_mean() -> None:
    x = smooth_images(1, 12, 14)
    result = TotalVariation(10.0, 3000, tolerance=1e-6)(*full(x))
    torch.testing.assert_close(result, x.mean().expand_as(x), rtol=0, atol=1e-3)


def test_total_variation_against_scikit_image() -> None:
    """Chambolle's dual algorithm minimises ‖x − f‖² / 2 + weight TV(x) on real images; differences as ours."""
    restoration = pytest.importorskip("skimage.restoration")
    generator = np.random.default_rng(0)
    noisy = np.kron(generator.random((4, 5)), np.ones((6, 6))) + 0.1 * generator.standard_normal((24, 30))
    noisy /= np.abs(noisy).max()
    theirs = torch.from_numpy(restoration.denoise_tv_chambolle(noisy, weight=0.1, eps=1e-12, max_num_iter=20_000))
    y, E = full(torch.from_numpy(noisy).to(torch.complex128)[None])
    ours = TotalVariation(0.1, 5000, tolerance=1e-8)(y, E)
    torch.testing.assert_close(ours[0].real, theirs, rtol=0, atol=2e-3)
    assert float(tv_objective(ours, y, E, 0.1)) <= float(tv_objective(theirs.to(ours.dtype)[None], y, E, 0.1)) + 1e-6


def test_the_certificate_bounds_the_objective_and_shrinks() -> None:
    """P(x) − P(x*) ≤ c + ‖r‖ ‖x − x*‖, with x* from a long run; the bound holds for any point in its place."""
    y, E = measured(2, 24, 30)
    y, weight = scaled(y.to(torch.complex128), E), 0.01
    best = TotalVariation(weight, 3000, tolerance=0).solve(y, E)
    lowest = tv_objective(best.image, y, E, weight)
    zero_filled = E.H(y).flatten(1).norm(dim=1)
    bounds = []
    for iterations in (1, 5, 20, 80, 320):
        s = TotalVariation(weight, iterations, tolerance=0).solve(y, E)
        objective = tv_objective(s.image, y, E, weight)
        distance = (s.image - best.image).flatten(1).norm(dim=1)
        bound = s.gap * objective + s.residual * zero_filled * distance
        assert (s.gap >= -1e-12).all()
        assert (objective - lowest >= -1e-6).all()
        assert (objective - lowest <= bound + 1e-9).all()
        bounds.append(bound)
    assert (bounds[-1] < 1e-3 * bounds[0]).all()


def test_total_variation_without_weight_fits_the_data() -> None:
    y, E = measured()
    solution = TotalVariation(weight=0).solve(y, E)
    assert solution.converged.all()
    torch.testing.assert_close(solution.image, E.H(y), rtol=0, atol=1e-5)


# Wavelets -------------------------------------------------------------------------------------------------------------


def cycle_spun(x: np.ndarray, wavelet: str, levels: int, weight: float) -> np.ndarray:
    """Soft thresholding in PyWavelets' orthonormal basis, averaged over every shift."""
    pywt = pytest.importorskip("pywt")
    out = np.zeros_like(x)
    shifts = [(i, j) for i in range(2**levels) for j in range(2**levels)]
    for shift in shifts:
        coarse, *details = pywt.wavedec2(np.roll(x, shift, (0, 1)), wavelet, "periodization", levels)
        details = [tuple(pywt.threshold(d, weight, "soft") for d in level) for level in details]
        image = pywt.waverec2([coarse, *details], wavelet, "periodization")
        out += np.roll(image, (-shift[0], -shift[1]), (0, 1)) / len(shifts)
    return out


@pytest.mark.parametrize("wavelet,levels", [("haar", 3), ("db2", 2), ("sym4", 1)])
def test_fully_sampled_wavelets_are_cycle_spun_soft_thresholds(wavelet: str, levels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 24, 32, dtype=torch.complex128, generator=generator)
    y, E = full(x / x.abs().max())
    result = WaveletFISTA(0.15, wavelet, levels, iterations=3)(y, E)
    expected = cycle_spun(E.H(y)[0].numpy(), wavelet, levels, 0.15)
    torch.testing.assert_close(result[0], torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("wavelet,levels", [("haar", 4), ("db4", 3)])
def test_the_transform_is_a_parseval_frame_at_any_size(wavelet: str, levels: int) -> None:
    x = torch.randn(2, 21, 37, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    none = torch.zeros(2, 1, 1, dtype=torch.float64)
    kept = classical._shrink(x, classical.wavelet_taps(wavelet), none, levels)
    torch.testing.assert_close(kept, x, rtol=0, atol=1e-12)


def test_the_wavelet_solution_is_a_fixed_point() -> None:
    """One more step from the solution, written anew from PyWavelets, leads nowhere."""
    y, E = measured(1, 32, 40)
    y = scaled(y.to(torch.complex128), E)
    solution = WaveletFISTA(0.01, "haar", 2, iterations=2000, tolerance=1e-7).solve(y, E)
    assert solution.converged.all() and (solution.residual <= 1e-7).all()
    x = solution.image
    step = cycle_spun((x - E.residual(x, y))[0].numpy(), "haar", 2, 0.01)
    torch.testing.assert_close(torch.from_numpy(step), x[0], rtol=0, atol=1e-6)


def test_the_residual_bounds_that_of_the_image() -> None:
    y, E = measured(1, 32, 40)
    y = scaled(y.to(torch.complex128), E)
    for iterations in (1, 10, 50):
        solution = WaveletFISTA(0.01, "haar", 2, iterations, tolerance=0).solve(y, E)
        x = solution.image
        step = cycle_spun((x - E.residual(x, y))[0].numpy(), "haar", 2, 0.01)
        assert float((torch.from_numpy(step) - x[0]).norm() / x.norm()) <= float(solution.residual) + 1e-12


def test_wavelets_that_cannot_work() -> None:
    y, E = measured()
    for name in ("nonsense", "bior2.2", "morl"):
        with pytest.raises(UsageError, match="orthogonal wavelet"):
            WaveletFISTA(wavelet=name)(y, E)
    with pytest.raises(UsageError, match="levels"):
        WaveletFISTA(levels=0)


def test_without_pywavelets(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pywt":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"reconode\[wavelets\]"):
        WaveletFISTA()(*measured())


# Real anatomy ---------------------------------------------------------------------------------------------------------


def test_total_variation_gains_on_the_real_knee(shared_data: Any) -> None:
    """At least 1.2 dB over zero-filled at 4x; three slices of the volume here, all of them in results/."""
    volume = fastmri.read(shared_data / "knee_mese_te1.h5")
    assert volume.target is not None
    mask = masks.random(volume.width, 4, seed=volume.name)
    few = slice(6, 24, 6)
    y, E = volume.measure(mask, few)
    target = volume.target[few]
    gain = metrics.psnr(TotalVariation()(y, E), target) - metrics.psnr(ZeroFilled()(y, E), target)
    assert gain >= 1.2


def test_the_defaults_are_the_tuned_ones() -> None:
    """What benchmarks/tune_classical.py chose on simulated validation knees."""
    results = Path(__file__).resolve().parents[1] / "results" / "classical_tuning.json"
    chosen = json.loads(results.read_text())["chosen"]
    methods = {"tv": TotalVariation(), "wavelet": WaveletFISTA()}
    for name, method in methods.items():
        assert repr(method) == chosen[name]
