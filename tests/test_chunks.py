"""What HDF5 reads without a word: chunks of another size than theirs, and numbers of a type that no machine has."""

from __future__ import annotations

import zlib

import h5py
import numpy as np
import pytest
import torch

from reconode import evaluate
from reconode.data import fastmri
from reconode.data.slices import SliceDataset
from reconode.errors import DataError
from reconode.storage import probe

OTHER = r"has a chunk of another size than it must have; copy or download it again: slice 1"
PACKED = {
    "plain": {},
    "checksum": {"fletcher32": True},
    "gzip": {"compression": "gzip"},
    "gzip, shuffled, checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
}


def stored(array, **packed):
    """An array's one chunk as HDF5 stores it."""
    with h5py.File("stored", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("a", data=array, chunks=array.shape, **packed)
        return data.id.read_direct_chunk((0,) * array.ndim)[1]


def put(path, key, array, rows, **packed):
    """Write an array in chunks of a slice each, the second one cut to some rows; what is stored is whole in itself."""
    with h5py.File(path, "a") as file:
        del file[key]
        data = file.create_dataset(key, data=array, chunks=(1, *array.shape[1:]), **packed)
        if rows != array.shape[1]:
            data.id.write_direct_chunk((1, 0, 0), stored(array[1:2, :rows].copy(), **packed))


@pytest.fixture
def submission(tmp_path):
    """A reconstruction as others write it: ``submission(rows, packed)``."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 16, 20, generator=generator)

    def make(rows, packed):
        path = tmp_path / "submission.h5"
        with h5py.File(path, "w") as file:
            file["reconstruction"] = image.numpy()
        put(path, "reconstruction", image.numpy(), rows, **PACKED[packed])
        return path, image

    return make


@pytest.mark.parametrize("packed", PACKED)
class TestChunksOfAnotherSize:
    def test_whole_ones_are_read(self, submission, packed):
        path, image = submission(16, packed)
        torch.testing.assert_close(evaluate.read(path).image, image, rtol=0, atol=0)

    @pytest.mark.parametrize("rows", [1, 15])
    def test_a_reconstruction(self, submission, packed, rows):
        path, _ = submission(rows, packed)
        with pytest.raises(DataError, match=OTHER):
            evaluate.read(path)

    def test_a_volume(self, make_volume, packed):
        path = make_volume("a.h5")
        with h5py.File(path) as file:
            kspace = file["kspace"][()]
        put(path, "kspace", kspace, 5, **PACKED[packed])
        with pytest.raises(DataError, match=OTHER):
            fastmri.read(path)
        with pytest.raises(DataError, match=OTHER):
            _ = [SliceDataset(path)[n] for n in range(3)]


def test_a_mask(make_volume):
    """One-dimensional, and read with the structure: its chunk is looked at there."""
    path = make_volume("a.h5")
    with h5py.File(path, "a") as file:
        mask = np.ones(file["kspace"].shape[-1], dtype=np.float32)
        data = file.create_dataset("mask", data=mask, chunks=mask.shape, compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(mask[:5].tobytes()))
    with pytest.raises(DataError, match="'mask' has a chunk of another size"):
        fastmri.inspect(path)


def test_a_packed_chunk_that_unpacks_without_end_takes_no_memory():
    """Unpacking stops behind the size that the chunk must have."""
    with h5py.File("bomb", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("reconstruction", shape=(1, 4, 4), dtype="f4", chunks=(1, 4, 4), compression="gzip")
        data.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(10**8)))
        with pytest.raises(probe._RefusedError, match="another size"):
            probe._unpacks(data, 0)


def test_chunks_at_the_edge_may_be_whole(tmp_path):
    """A chunk that reaches beyond the array is stored in full: an array in halves of five is read."""
    image = np.random.default_rng(0).random((1, 9, 9), dtype=np.float32)
    for number, packed in enumerate(PACKED.values()):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("reconstruction", data=image, chunks=(1, 5, 5), **packed)
        np.testing.assert_array_equal(evaluate.read(path).image.numpy(), image)


class TestNumbersOfNoStandardType:
    def odd(self, change):
        kind = h5py.h5t.IEEE_F32LE.copy()
        change(kind)
        return kind

    @pytest.mark.parametrize(
        "change",
        [lambda kind: kind.set_ebias(64), lambda kind: kind.set_fields(31, 24, 7, 0, 24)],
        ids=["another exponent", "other fields"],
    )
    def test_a_reconstruction(self, tmp_path, change):
        path, kind = tmp_path / "a.h5", self.odd(change)
        with h5py.File(path, "w") as file:
            space = h5py.h5s.create_simple((1, 8, 8))
            h5py.h5d.create(file.id, b"reconstruction", kind, space).write(
                h5py.h5s.ALL, h5py.h5s.ALL, np.ones((1, 8, 8), np.float32)
            )
        with pytest.raises(DataError, match="reconstruction's numbers are of no standard type"):
            evaluate.read(path)

    def test_a_volume(self, make_volume):
        path, kind = make_volume("a.h5"), self.odd(lambda kind: kind.set_ebias(64))
        with h5py.File(path, "a") as file:
            shape = file["kspace"].shape
            del file["kspace"]
            both = h5py.h5t.create(h5py.h5t.COMPOUND, 8)
            both.insert(b"r", 0, kind)
            both.insert(b"i", 4, kind)
            h5py.h5d.create(file.id, b"kspace", both, h5py.h5s.create_simple(shape))
            file["kspace"][...] = 1 + 1j
        with pytest.raises(DataError, match="kspace's numbers are of no standard type"):
            fastmri.inspect(path)

    @pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", np.longdouble])
    def test_what_machines_have_is_read(self, tmp_path, dtype):
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["reconstruction"] = np.full((1, 8, 8), 1.5).astype(dtype)
            file["mask"] = np.array([True, False] * 4)
        read = evaluate.read(path)
        assert (read.image == 1.5).all() and read.mask.tolist() == [True, False] * 4
