"""From files to batches: what is measured, how it is scaled, and which slices share a batch."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import torch

from reconode import masks, metrics
from reconode.data import fastmri
from reconode.data.slices import ShapeBatches, SliceDataset, Undersample, loader
from reconode.errors import DataError
from reconode.physics import MRIOperator, center_crop, max_zero_filled


@pytest.fixture
def folder(make_volume):
    """Two volumes of one width, one of another, one with two coils."""
    make_volume("a.h5", slices=3, seed=0)
    make_volume("b.h5", slices=2, columns=40, seed=1, acquisition="CORPDFS_FBK")
    make_volume("c.h5", slices=4, seed=2)
    return make_volume("d.h5", slices=2, coils=2, seed=3).parent


def test_raw_slices_are_the_files(folder):
    dataset = SliceDataset(folder)
    assert len(dataset) == 11
    raw = dataset[4]
    with h5py.File(folder / "b.h5") as file:
        assert np.array_equal(raw.kspace[0], file["kspace"][1])
        assert np.array_equal(raw.target, file["reconstruction_esc"][1])
    assert raw.info.name == "b.h5" and raw.index == 1
    assert raw.maximum == pytest.approx(float(fastmri.read(folder / "b.h5").target.max()))


def test_evaluation_uses_the_masks_of_the_files(folder):
    for batch in loader(folder, acceleration=2, batch_size=2):
        for mask, meta in zip(batch.E.mask, batch.meta, strict=True):
            assert torch.equal(mask.flatten(), masks.random(mask.numel(), 2, seed=meta.file))


def test_a_batch_is_ready_for_a_model(folder):
    seen = []
    for batch in loader(folder, acceleration=2, batch_size=2):
        x = batch.E.H(batch.y)
        assert batch.y.dtype == torch.complex64 and batch.target.dtype == torch.float32
        assert x.abs().amax(dim=(-2, -1)) == pytest.approx(torch.ones(len(x)), abs=1e-5)  # scaled by max |zero-filled|
        for image, target, meta in zip(x, batch.target, batch.meta, strict=True):
            volume = fastmri.read(folder / meta.file)
            torch.testing.assert_close(target * meta.scale, volume.target[meta.slice])
            y, E = volume.measure(masks.random(volume.width, 2, seed=meta.file))
            torch.testing.assert_close(image * meta.scale, E.H(y)[meta.slice], atol=1e-9, rtol=1e-4)
            assert meta.data_range * meta.scale == pytest.approx(float(volume.target.max()))
            seen.append((meta.file, meta.slice))
    assert seen == [
        *(("a.h5", i) for i in range(3)),
        *(("c.h5", i) for i in range(4)),
        ("b.h5", 0),
        ("b.h5", 1),
        ("d.h5", 0),
        ("d.h5", 1),
    ]


def test_a_fully_sampled_batch_gives_the_target_back(folder):
    for batch in loader(folder, acceleration=1):
        x = center_crop(batch.E.H(batch.y), *batch.target.shape[-2:])
        assert metrics.psnr(x, batch.target) > (35 if batch.y.shape[1] > 1 else 100)


def test_training_order_and_masks(folder):
    def epoch(seed, number):
        batches = loader(folder, acceleration=2, batch_size=1, train=True, seed=seed)
        batches.batch_sampler.set_epoch(number)
        return [
            (m.file, m.slice, tuple(k.flatten().tolist()))
            for b in batches
            for m, k in zip(b.meta, b.E.mask, strict=True)
        ]

    first = epoch(0, 0)
    assert first == epoch(0, 0)
    slices = lambda entries: [e[:2] for e in entries]  # noqa: E731
    assert sorted(slices(first)) == sorted(slices(epoch(0, 1))) == sorted(slices(epoch(1, 0)))
    assert slices(first) != slices(epoch(0, 1)) and slices(first) != slices(epoch(1, 0))
    masks_of = lambda entries: {e[:2]: e[2] for e in entries}  # noqa: E731
    assert masks_of(first)[("a.h5", 0)] != masks_of(first)[("a.h5", 1)]  # a fresh mask a slice
    assert masks_of(first)[("a.h5", 0)] != masks_of(epoch(0, 1))[("a.h5", 0)]  # and an epoch


def test_workers_change_nothing(folder):
    def run(workers):
        batches = loader(folder, acceleration=2, batch_size=2, train=True, workers=workers)
        return [(b.y, [tuple(m[:2]) for m in b.meta]) for _ in range(2) for b in batches]

    for (y0, meta0), (y2, meta2) in zip(run(0), run(2), strict=True):
        assert meta0 == meta2 and torch.equal(y0, y2)


def test_batches_hold_one_shape_and_no_slice_twice(folder):
    dataset = SliceDataset(folder)
    for seed in (None, 0, 1):
        batches = ShapeBatches(dataset, 2, seed)
        keys = list(batches)
        numbers = [number for batch in keys for number, _ in batch]
        assert len(keys) == len(batches) == (6 if seed is None else 5)
        assert sorted(numbers) == list(range(11)) if seed is None else len(set(numbers)) == len(numbers) == 10
        assert all(len({dataset.shape(number) for number, _ in batch}) == 1 for batch in keys)


def test_test_files_have_no_target(make_volume):
    mask = masks.random(36, 2, seed=5)
    path = make_volume("t.h5", mask=mask)
    batch = next(iter(loader(path, batch_size=3)))
    assert batch.target is None and np.isnan(batch.meta[0].data_range)
    assert torch.equal(batch.E.mask[0].flatten(), mask)


def test_max_zero_filled_is_per_entry():
    mask = masks.random(12, 2, seed=0)
    y = torch.randn(3, 1, 8, 12, dtype=torch.complex64) * torch.tensor([1.0, 2.0, 0.0]).reshape(3, 1, 1, 1)
    E = MRIOperator(mask)
    expected = E.H(y).abs().flatten(1).max(1).values
    assert max_zero_filled(y, E).flatten().tolist() == [*expected[:2].tolist(), 1.0]


def test_a_volume_and_its_slices_come_to_the_same_data(folder):
    """One function leads from a volume and a mask to (y, E, scale), whoever asks."""
    for batch in loader(folder, acceleration=2, batch_size=3):
        info = fastmri.inspect(folder / batch.meta[0].file)
        whole = fastmri.read(info.path)
        mask = masks.random(whole.width, 2, seed=whole.name) if whole.mask is None else None
        first, count = batch.meta[0].slice, len(batch.meta)
        y, E, scale = whole.scaled(mask, slice(first, first + count))
        same = [meta.file == info.name for meta in batch.meta]
        number = sum(same)
        torch.testing.assert_close(batch.y[:number], y[:number])
        assert scale.flatten()[:number].tolist() == pytest.approx([m.scale for m in batch.meta[:number]])
        assert E.H(y).abs().flatten(1).amax(1).tolist() == pytest.approx([1.0] * len(y))
        unscaled, _ = whole.measure(mask, slice(first, first + count))
        torch.testing.assert_close(y * scale, unscaled)


def test_files_are_reopened_in_another_process_and_closed_when_many(folder):
    dataset = SliceDataset(folder, Undersample(2), keep_open=2)
    expected = [dataset[i].y for i in range(11)]
    assert len(dataset._files) == 2
    copy = pickle.loads(pickle.dumps(dataset))
    assert all(torch.equal(copy[i].y, e) for i, e in enumerate(expected))
    # forked workers inherit a parent's open files and must not use them
    workers = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=2)
    assert all(torch.equal(sample.y, e) for sample, e in zip(workers, expected, strict=True))


def test_batch_moves_as_a_whole(folder):
    batch = next(iter(loader(folder, acceleration=2))).to("meta")
    assert batch.y.device.type == batch.E.device.type == batch.target.device.type == "meta"


def test_bad_files_are_named(folder, make_volume):
    (folder / "e.h5").write_bytes(b"no")
    with pytest.raises(DataError, match=r"e\.h5: not an HDF5 file"):
        loader(folder)
    path = make_volume("a.h5")
    with h5py.File(path, "a") as file:
        kspace = file["kspace"][()]
        kspace[1, 3, 3] = np.nan
        file["kspace"][...] = kspace
    dataset = SliceDataset(path, Undersample(2))
    dataset[0]
    with pytest.raises(DataError, match=r"a\.h5: kspace has 1 NaN or Inf values, the first in slice 1"):
        dataset[1]


def test_file_that_breaks_after_it_was_checked(make_volume):
    path = make_volume()
    dataset = SliceDataset(path, Undersample(2))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(DataError, match=r"a\.h5: damaged or truncated"):
        dataset[0]
