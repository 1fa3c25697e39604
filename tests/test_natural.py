"""Photographs through the phantoms' scanner: seeded, consistent, with the noise asked for, none on both sides."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from reconode import phantoms
from reconode.data.sources import MIXES, SCALES, VALIDATION_SEED, VARIED, Simulated
from reconode.errors import DataError, MissingExtraError, UsageError
from reconode.phantoms import natural
from reconode.phantoms.draws import Draws
from reconode.phantoms.plane import view

SHAPE = (64, 80)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made() -> phantoms.Simulated:
    return phantoms.slices(24, SHAPE, seed=11, mix="natural")


def test_half_are_pictures_and_the_rest_are_the_broad_mix(made: phantoms.Simulated) -> None:
    broad = phantoms.slices(24, SHAPE, seed=11, mix="broad")
    pictures = [kind == natural.KIND for kind in made.kind]
    assert 5 <= sum(pictures) <= 19, "half, to three standard deviations"
    for number, picture in enumerate(pictures):
        assert torch.equal(made.hybrid[number], broad.hybrid[number]) != picture
        assert (made.kind[number] == broad.kind[number]) != picture
    assert {made.contrast[n] for n, picture in enumerate(pictures) if picture} == {"OTHER"}


def test_data_are_the_transform_of_the_target(made: phantoms.Simulated) -> None:
    """By numpy: the target is the magnitude of the inverse transform, and nothing lies outside the acquired columns."""
    data = made.hybrid.numpy()[:, 0]
    shifted = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(data, axes=-1), axis=-1, norm="ortho"), axes=-1)
    assert np.allclose(np.abs(shifted), made.target.numpy(), atol=1e-5)
    assert not data[~np.broadcast_to(made.acquired.numpy()[:, None], data.shape)].any()
    assert torch.allclose(made.clean.abs().amax((1, 2)), torch.ones(24), atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.01, 0.05])
def test_noise_is_as_asked(level: float) -> None:
    made = phantoms.slices(8, SHAPE, seed=2, mix="pictures", noise=level)
    image = np.fft.fftshift(
        np.fft.ifft(np.fft.ifftshift(made.hybrid.numpy()[:, 0], axes=-1), axis=-1, norm="ortho"), axes=-1
    )
    difference = image - made.clean.numpy()
    assert np.sqrt((np.abs(difference) ** 2).mean()) == pytest.approx(level, rel=0.03, abs=1e-6)


def test_the_phase_turns() -> None:
    """Several of them wind by more than a turn; a magnitude alone would not."""
    made = phantoms.slices(24, SHAPE, seed=4, mix="pictures", noise=0.0).clean
    steps = (made[..., 1:] * made[..., :-1].conj()).angle()
    bright = (made[..., 1:].abs() > 0.1) & (made[..., :-1].abs() > 0.1)
    turns = (steps * bright).abs().sum(-1).amax(-1) / (2 * np.pi)
    assert (turns > 1).sum() >= 4 and (turns < 0.5).sum() >= 2


def test_no_picture_is_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a training loads, what it validates on and what "pictures" shows."""
    assert not set(natural.TRAINING) & set(natural.HELD_OUT)
    loaded: list[str] = []
    monkeypatch.setattr(natural, "load", lambda name: loaded.append(name) or torch.rand(3, 200, 200))
    for mix in ("natural", "wide"):
        source = Simulated(4, "random", 1, 0, SHAPE, mix, 4)
        list(itertools.islice(source.batches(0), 40))
        trained, loaded[:] = set(loaded), []
        assert trained <= set(natural.TRAINING) and len(trained) > 6
        list(source.validation())
        assert not loaded, "validation is on knees"
    phantoms.slices(24, SHAPE, seed=VALIDATION_SEED, mix="pictures")
    assert set(loaded) == set(natural.HELD_OUT)
    with pytest.raises(UsageError, match="must be one of knees, broad, natural, sizes, wide, not 'pictures'"):
        Simulated(4, "random", 1, 0, SHAPE, "pictures")


def test_crops_differ_and_keep_to_the_range() -> None:
    plane = view("axial", SHAPE, 200.0, Draws(0), tilt=0.0)
    crops = torch.stack([natural.picture(plane, Draws(1, n), ("brick.png",), CPU) for n in range(12)])
    assert crops.shape[1:] == plane.fine_shape
    assert crops.min() >= 0 and crops.max() <= 1 and (crops.flatten(1).std(1) > 0.02).all()
    assert torch.corrcoef(crops.flatten(1)).fill_diagonal_(0).abs().max() < 0.9


@pytest.mark.parametrize("name", [*natural.TRAINING, *natural.HELD_OUT])
def test_every_picture_is_in_the_package(name: str) -> None:
    image = natural.load(name)
    assert image.ndim == 3 and len(image) in (1, 3) and min(image.shape[1:]) >= 300
    assert image.min() >= 0 and image.max() <= 1 and image.std() > 0.02


def test_without_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    natural.load.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"natural pictures needs scikit-image.*reconode\[pictures\]"):
        phantoms.slices(12, SHAPE, mix="natural")
    phantoms.slices(1, SHAPE, mix="broad")


def test_a_package_without_the_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    natural.load.cache_clear()
    spec = importlib.util.spec_from_loader("skimage", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match=r"brick\.png: no such picture in this installation of scikit-image"):
        natural.load("brick.png")


class TestWide:
    def test_every_batch_has_its_matrix(self) -> None:
        source = Simulated(4, "random", 2, 3, (96, 112), "wide")
        grids = [source.grid(n) for n in range(300)]
        assert grids == [source.grid(n) for n in range(300)]
        expected = [(64, 74), (80, 94), (96, 112), (112, 130), (128, 150), (160, 186)]
        counts = [grids.count(grid) for grid in expected]
        assert sum(counts) == 300 and len(expected) == len(SCALES)
        assert all(abs(count - 50) < 5 * (300 * 5 / 36) ** 0.5 for count in counts)

    @pytest.mark.parametrize("mix, of", VARIED.items())
    def test_slices_are_those_of_the_matrix(self, mix: str, of: str) -> None:
        """The same anatomy on another grid: what the mix that it is made of makes in that shape."""
        source = Simulated(4, "random", 2, 3, (96, 112), mix)
        number = next(n for n in range(20) if source.grid(n) == (64, 74))
        batch = next(source.batches(number))
        assert batch.y.shape == (2, 1, 64, 74) and batch.target is not None
        alone = phantoms.slices(2, (64, 74), seed=3, start=2 * number, mix=of)
        scale = torch.tensor([m.scale for m in batch.meta])[:, None, None]
        assert torch.allclose(batch.target * scale, alone.target, atol=1e-6)
        assert next(source.validation()).y.shape[-2:] == (96, 112)

    def test_others_keep_theirs(self) -> None:
        for mix in MIXES:
            grids = {Simulated(4, "random", 1, 0, (70, 86), mix).grid(n) for n in range(30)}
            assert (grids == {(70, 86)}) == (mix not in VARIED)
            assert all(rows >= 64 and columns >= 64 and not rows % 2 and not columns % 2 for rows, columns in grids)
