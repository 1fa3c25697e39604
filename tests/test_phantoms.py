"""Simulated anatomy: reproducible and physically consistent (test_phantom_statistics: and like the real thing)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import j1
from torch import Tensor

from reconode import phantoms, physics
from reconode.errors import UsageError
from reconode.phantoms import acquisition
from reconode.phantoms.draws import Draws
from reconode.phantoms.knee import Knee
from reconode.phantoms.paint import Layer, paint
from reconode.phantoms.plane import Plane, enlarge_smoothly, view
from reconode.phantoms.shapes import Waves, capsule, ellipsoid, sparsely
from reconode.phantoms.textures import Textures
from reconode.phantoms.tissues import VALUES, knee_layers

SMALL = (64, 80)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[("knees", 1), ("knees", 4), ("broad", 1)], ids=lambda p: f"{p[0]}-{p[1]}")
def batch(request: pytest.FixtureRequest) -> phantoms.Simulated:
    mix, coils = request.param
    return phantoms.slices(12, SMALL, seed=5, mix=mix, coils=coils)


# Reproducible ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", phantoms.MIXES)
def test_slice_is_the_same_in_any_batch(mix: str) -> None:
    together = phantoms.slices(6, SMALL, seed=3, mix=mix, coils=2)
    apart = [phantoms.slices(n, SMALL, seed=3, start=s, mix=mix, coils=2) for s, n in ((0, 2), (2, 3), (5, 1))]
    for name in ("hybrid", "target", "clean", "sensitivities", "noise", "acquired"):
        assert torch.equal(getattr(together, name), torch.cat([getattr(part, name) for part in apart])), name
    assert together.kind == [kind for part in apart for kind in part.kind]
    assert together.contrast == [name for part in apart for name in part.contrast]


def test_global_random_state_is_neither_used_nor_changed() -> None:
    torch.manual_seed(0)
    first, expected = phantoms.slices(1, SMALL).hybrid, torch.rand(1)
    torch.manual_seed(0)
    assert torch.rand(1) == expected
    assert torch.equal(phantoms.slices(1, SMALL).hybrid, first)


def test_threads_change_nothing() -> None:
    one = phantoms.slices(3, SMALL, seed=9, coils=2)
    torch.set_num_threads(2)
    try:
        two = phantoms.slices(3, SMALL, seed=9, coils=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one.hybrid, two.hybrid) and one.kind == two.kind


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mix", phantoms.MIXES)
def test_same_on_a_gpu(mix: str) -> None:
    here = phantoms.slices(8, SMALL, mix=mix, coils=2)
    there = phantoms.slices(8, SMALL, mix=mix, coils=2, device="cuda")
    assert (here.target - there.target.cpu()).abs().mean() < 1e-3


def test_seeds_and_slices_differ() -> None:
    images = torch.cat([phantoms.slices(4, SMALL, seed=s, noise=0.0).target for s in (0, 1, 2)]).flatten(1)
    assert torch.corrcoef(images).fill_diagonal_(0).max() < 0.97


def test_noise_and_coils_leave_the_anatomy_alone() -> None:
    quiet, loud = (phantoms.slices(2, SMALL, noise=level).clean for level in (0.0, 0.06))
    assert torch.equal(quiet, loud)
    one, four = (phantoms.slices(2, SMALL, coils=coils).clean.angle() for coils in (1, 4))
    assert (torch.exp(1j * (one - four)) - 1).abs().median() < 0.05  # same phase; shading and so magnitude differ


# Shapes and physics ---------------------------------------------------------------------------------------------------


def test_shapes_and_types(batch: phantoms.Simulated) -> None:
    coils = batch.hybrid.shape[1]
    assert batch.hybrid.shape == (12, coils, *SMALL) and batch.hybrid.dtype == torch.complex64
    assert batch.target.shape == (12, *SMALL) and batch.target.dtype == torch.float32
    assert batch.clean.shape == (12, *SMALL) and batch.clean.dtype == torch.complex64
    assert batch.acquired.shape == (12, SMALL[1]) and batch.acquired.dtype == torch.bool
    assert batch.noise.shape == (12,) and len(batch.contrast) == len(batch.kind) == 12
    assert (batch.sensitivities is None) == (coils == 1)
    assert all(torch.isfinite(t).all() for t in (batch.hybrid, batch.target, batch.clean))
    assert torch.allclose(batch.clean.abs().amax((1, 2)), torch.ones(12), atol=1e-5)
    assert ((batch.noise >= phantoms.NOISE[0]) & (batch.noise <= phantoms.NOISE[1])).all()


@pytest.mark.parametrize("shape", [(64, 64), (64, 400), (130, 66), (320, 400)])
@pytest.mark.parametrize("mix", phantoms.MIXES)
def test_other_grids(shape: tuple[int, int], mix: str) -> None:
    made = phantoms.slices(2, shape, mix=mix, seed=1)
    assert made.target.shape == (2, *shape) and torch.isfinite(made.target).all()


def test_target_is_the_transform_of_the_data(batch: phantoms.Simulated) -> None:
    coil_images = np.fft.fftshift(
        np.fft.ifft(np.fft.ifftshift(batch.hybrid.numpy(), axes=-1), axis=-1, norm="ortho"), axes=-1
    )
    expected = np.sqrt((np.abs(coil_images) ** 2).sum(1))
    assert np.allclose(batch.target.numpy(), expected, atol=1e-5)


def test_no_energy_outside_the_acquired_columns(batch: phantoms.Simulated) -> None:
    outside = ~batch.acquired[:, None, None].expand_as(batch.hybrid)
    assert (batch.hybrid[outside] == 0).all()
    assert (batch.acquired.float().mean(1) >= 0.85).all()
    clean = physics.fft(batch.clean, physics.HYBRID)
    assert clean[~batch.acquired[:, None].expand_as(clean)].abs().max() < 1e-5


def test_clean_data_obey_the_measurement_operator() -> None:
    made = phantoms.slices(4, SMALL, coils=6, noise=0.0, seed=2)
    E = physics.MRIOperator(made.acquired, made.sensitivities)
    y = made.hybrid
    assert torch.allclose(E(made.clean), y, atol=1e-5)
    # The band's edge takes a little of what coils spread beyond it, no more.
    error = (E.H(y) - made.clean).flatten(1).norm(dim=1) / made.clean.flatten(1).norm(dim=1)
    assert error.max() < 0.02
    assert torch.allclose(made.target, made.clean.abs(), atol=0.05)


def test_sensitivities_are_normalized_and_smooth() -> None:
    maps = phantoms.slices(3, SMALL, coils=8, seed=1).sensitivities
    assert maps is not None
    assert torch.allclose(maps.abs().square().sum(1), torch.ones(3, *SMALL), atol=1e-5)
    steps = (maps[..., 1:] - maps[..., :-1]).abs()
    assert steps.mean() < 0.03 and steps.max() < 0.25  # from pixel to pixel of 2 mm; steepest in the air, at a loop
    assert maps.abs().mean((0, 2, 3)).min() > 0.05  # every coil sees something


@pytest.mark.parametrize("level", [0.003, 0.06])
@pytest.mark.parametrize("coils", [1, 3])
def test_noise_is_what_was_asked_for(level: float, coils: int) -> None:
    loud = phantoms.slices(6, SMALL, coils=coils, noise=level, seed=4)
    quiet = phantoms.slices(6, SMALL, coils=coils, noise=0.0, seed=4)
    noise = physics.ifft(loud.hybrid - quiet.hybrid, physics.HYBRID)
    assert noise.abs().square().mean().sqrt() == pytest.approx(level, rel=0.02)
    assert noise.real.std() == pytest.approx(level / 2**0.5, rel=0.03)
    # And as one would measure it, in the air of a magnitude image.
    air = quiet.target < 0.3 * level
    assert air.float().mean() > 0.02
    assert loud.target[air].square().mean().sqrt() == pytest.approx(level * coils**0.5, rel=0.06)


def test_band_of_a_disc_is_its_analytic_transform() -> None:
    """Painting finer and cutting in k-space gives what the continuous object's transform has there: no aliasing."""
    plane = Plane((64, 80), torch.zeros(3), torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]), 1.0, 3.0)
    radius = 17.3
    x, y, _ = plane.middle_points(CPU)
    depth = (radius - (x[0].square() + y[0].square()).sqrt()) / plane.edge
    image = paint([Layer(1.0, depth)], plane.fine_shape, CPU)
    hybrid = acquisition.band(image, torch.zeros_like(image), plane, (0, 80))
    kspace = physics.to_kspace(hybrid)
    kr, kc = (np.fft.fftshift(np.fft.fftfreq(n)) for n in plane.shape)
    k = np.hypot(kr[:, None], kc[None]) + 1e-9
    expected = radius * j1(2 * np.pi * radius * k) / k / np.sqrt(64 * 80)
    # The finest ripples are damped a little by the ramp that anti-aliases the fine grid.
    assert np.abs(kspace.numpy() - expected).max() < 2e-3 * expected.max()
    high = k > 0.4
    assert np.abs(kspace.numpy() - expected)[high].std() < 0.25 * expected[high].std()


def test_phase_runs_from_nearly_flat_to_wraps() -> None:
    plane = view("coronal", SMALL, 160.0, Draws(0))
    ranges = []
    for seed in range(40):
        phase = acquisition.phase(Draws(seed), plane, CPU)
        ranges.append(float(phase.max() - phase.min()))
    assert min(ranges) < 1 and max(ranges) > 12 and max(ranges) < 40


def test_shading_is_there_for_one_coil() -> None:
    fields = acquisition.receive(Draws(1), view("axial", SMALL, 160.0, Draws(0)).points(SMALL, CPU), 8, 90.0)[:, 0]
    shade = acquisition.shading(fields, 1.0)
    assert shade.mean() == pytest.approx(1, abs=1e-4) and shade.max() / shade.min() > 1.5
    assert torch.allclose(acquisition.shading(fields, 0.0), torch.ones(SMALL))


# Anatomy --------------------------------------------------------------------------------------------------------------


def test_fat_is_dark_when_suppressed_and_fluid_is_not() -> None:
    """The same knee painted twice: marrow and fat lose their signal, cartilage and fluid do not."""
    plane = replace(view("coronal", (96, 96), 160.0, Draws(0), tilt=0.0), thickness=2.0)
    images = {
        name: paint(knee_layers(Knee(Draws(7)), plane, VALUES[name], Draws(8), CPU), plane.fine_shape, CPU)
        for name in (phantoms.PD, phantoms.PDFS)
    }
    d = Knee(Draws(7)).distances(plane.middle_points(CPU), plane.pixel / 2)
    bare = (d.bones[0] > 0.5) & (d.meniscus[0] > 0.5)
    places = {
        "fat": (d.skin[0] < -4) & (d.deep[0] > 1.5),
        "marrow": d.marrow[0] < -2,
        "cartilage": bare & (d.cartilage[0] < -0.7),
        "muscle": (d.muscle[0] < -2) & (d.bones[0] > 2),
    }
    ratio = {}
    for name, where in places.items():
        assert where.sum() > 20, name
        where = where.repeat_interleave(2, 0).repeat_interleave(2, 1)
        ratio[name] = float(images[phantoms.PDFS][where].median() / images[phantoms.PD][where].median())
    assert ratio["fat"] < 0.3 and ratio["marrow"] < 0.3
    assert ratio["cartilage"] > 0.9 and ratio["muscle"] > 0.9


def test_contrast_is_kept() -> None:
    for name in (phantoms.PD, phantoms.PDFS):
        assert phantoms.slices(3, SMALL, contrast=name).contrast == [name] * 3
    drawn = phantoms.slices(16, (64, 64)).contrast
    assert set(drawn) == {phantoms.PD, phantoms.PDFS}


def test_broad_mix_is_broad() -> None:
    kinds = phantoms.slices(60, (64, 64), mix="broad", seed=1).kind
    whole = sum(kind.startswith("knee ") and kind != "knee detail" for kind in kinds)
    detail, other = kinds.count("knee detail"), sum(not kind.startswith("knee") for kind in kinds)
    assert min(whole, detail, other) >= 10
    assert {"shapes", "head", "limb", "trunk"} <= set(kinds)


def test_parts_of_a_knee_lie_where_they_should() -> None:
    """Bone within skin, menisci between the bones and outside them, the fibula on the lateral side."""
    axis = torch.arange(-70.0, 70.0, 2.0)
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    for seed in range(3):
        d = Knee(Draws(seed)).distances((x, y, z), 2.0)
        inner = z.abs() < 60
        assert (d.skin[inner & (d.bones < 0)] < 0).float().mean() > 0.99
        assert (d.marrow >= d.bones).all()
        assert (d.meniscus < 0).any() and (d.bones[d.meniscus < 0] > 0).all()
        assert (d.cartilage < 0).sum() > (d.meniscus < 0).sum()
        share = float((d.bones < 0)[inner].sum() / (d.skin < 0)[inner].sum())
        assert 0.1 < share < 0.5


def test_distances_to_primitives() -> None:
    p = (torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 3.0]]), torch.tensor([[0.0, 12.0, 5.0]]))
    assert torch.allclose(ellipsoid(p, (0, 0, 0), (4, 4, 4)), torch.tensor([[1.0, 8.0, 34**0.5 - 4]]), atol=1e-4)
    rod = capsule(p, (0, 0, 0), (0, 0, 10), 1.0)
    assert torch.allclose(rod, torch.tensor([[4.0, 1.0, 2.0]]), atol=1e-5)


def test_sparse_evaluation_equals_the_plain_form() -> None:
    plane = view("sagittal", (96, 100), 90.0, Draws(1))
    p = plane.middle_points(CPU)
    waves = Waves.draw(Draws(2), 2, 30, 90)
    assert (sparsely(waves, p, 0.47, 1.6) - waves(p)).abs().max() < 0.05
    field = waves(p)
    assert field.var() < 4 and field.var() > 0.05


def test_smooth_enlargement_is_bicubic_interpolation() -> None:
    maps = torch.randn(3, 9, 11, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(maps[None], size=(72, 80), mode="bicubic")[0]
    assert torch.allclose(enlarge_smoothly(maps, (72, 80)), expected, atol=1e-5)


def test_textures_have_unit_variance_and_their_spectrum() -> None:
    plane = view("axial", (128, 160), 160.0, Draws(1), tilt=0.0)
    texture = Textures(Draws(3), plane, CPU).draw(4.0, 2.0)
    assert texture.shape == plane.fine_shape
    assert texture.mean().abs() < 1e-4 and texture.std() == pytest.approx(1, abs=0.15)
    power = physics.fft(texture.to(torch.complex64)).abs().square()
    rows, columns = plane.fine_shape
    middle = physics.center_crop(power, *plane.shape)
    assert middle.sum() / power.sum() > 0.9999  # nothing finer than the scanner sees
    assert physics.center_crop(power, rows // 8, columns // 8).sum() / power.sum() > 0.5


# Volumes --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_volume() -> phantoms.SimulatedVolume:
    return phantoms.volume(3, slices=5, width=96, rows=160, noise=0.01, contrast=phantoms.PD)


def test_volume_layout(small_volume: phantoms.SimulatedVolume) -> None:
    k = small_volume.kspace
    assert k.shape == (5, 1, 160, 96) and k.dtype == torch.complex64
    left, right = small_volume.padding
    assert 0 <= left < right <= 96 and right - left >= 80
    assert (k[..., :left] == 0).all() and (k[..., right:] == 0).all()
    assert (k[..., left:right].abs() > 0).all()
    again = phantoms.volume(3, slices=5, width=96, rows=160, noise=0.01, contrast=phantoms.PD)
    assert torch.equal(again.kspace, k)
    assert not torch.equal(phantoms.volume(4, slices=5, width=96, rows=160, noise=0.01).kspace, k)


def test_object_is_in_the_central_half_of_the_readout() -> None:
    volume = phantoms.volume(3, slices=4, width=96, rows=160, noise=0.0)
    image = physics.ifft(volume.kspace).abs()
    outer = torch.cat([image[..., :40, :], image[..., 120:, :]], -2)
    assert outer.max() < 1e-4 * image.max()
    assert 2e-5 < image.max() <= 1.0001e-4


def test_volume_noise_fills_the_readout(small_volume: phantoms.SimulatedVolume) -> None:
    outer = physics.ifft(small_volume.kspace)[..., :40, :]
    assert outer.abs().square().mean().sqrt() == pytest.approx(small_volume.noise, rel=0.03)
    assert small_volume.noise == pytest.approx(0.01 * float(_quiet_peak()), rel=1e-3)


def _quiet_peak() -> Tensor:
    quiet = phantoms.volume(3, slices=5, width=96, rows=160, noise=0.0, contrast=phantoms.PD)
    return physics.ifft(quiet.kspace).abs().max()


def test_neighboring_slices_of_a_volume_are_alike() -> None:
    image = physics.ifft(phantoms.volume(2, slices=24, width=80, rows=128, noise=0.0).kspace)[:, 0].abs().flatten(1)
    near = torch.corrcoef(image)
    assert near.diagonal(1).mean() > 0.8 and near.diagonal(1).mean() > near.diagonal(10).mean() + 0.1


@pytest.mark.parametrize("plane", ["sagittal", "axial"])
def test_other_planes_and_coils(plane: str) -> None:
    volume = phantoms.volume(1, slices=2, width=80, rows=128, plane=plane, coils=3)
    assert volume.kspace.shape == (2, 3, 128, 80)


# Bad arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"count": 0}, "number of slices"),
        ({"count": 1, "shape": (63, 64)}, "even numbers"),
        ({"count": 1, "shape": (320, 65)}, "even numbers"),
        ({"count": 1, "shape": (64,)}, "even numbers"),
        ({"count": 1, "seed": -1}, "seed"),
        ({"count": 1, "seed": 0.5}, "seed"),
        ({"count": 1, "start": -1}, "first slice"),
        ({"count": 1, "mix": "brains"}, "knees, broad"),
        ({"count": 1, "coils": 0}, "coils"),
        ({"count": 1, "contrast": "T1"}, "CORPD_FBK"),
        ({"count": 1, "noise": -0.1}, "noise"),
        ({"count": 1, "noise": float("nan")}, "noise"),
    ],
)
def test_bad_slices(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        phantoms.slices(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0, "slices": 0}, "number of slices"),
        ({"seed": 0, "width": 367}, "even numbers"),
        ({"seed": 0, "rows": 642}, "multiple of 4"),
        ({"seed": 0, "rows": 64}, "readout"),
        ({"seed": 0, "plane": "oblique"}, "coronal"),
        ({"seed": 0, "contrast": "PD"}, "CORPD_FBK"),
    ],
)
def test_bad_volumes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        phantoms.volume(**arguments)  # type: ignore[arg-type]
