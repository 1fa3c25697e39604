"""Slices read past HDF5 are HDF5's to the last bit, and what is not stored as memory has it is left to HDF5."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from reconode.data import fastmri
from reconode.data.slices import SliceDataset
from reconode.errors import DataError
from reconode.storage import samples
from reconode.storage.samples import Slices

SHAPE = (3, 2, 10, 7)
LAYOUTS = {
    "contiguous": {},
    "a slice a chunk": {"chunks": (1, *SHAPE[1:])},
    "a slice a chunk, checksum": {"chunks": (1, *SHAPE[1:]), "fletcher32": True},
    "two slices a chunk": {"chunks": (2, *SHAPE[1:])},
}
KINDS = ("<c8", ">c8", "<c16", "<f4", ">f4", "<f8", "<i2")


def numbers(kind):
    generator = np.random.default_rng(0)
    made = generator.integers(-100, 100, SHAPE) + (1j * generator.integers(-100, 100, SHAPE) if "c" in kind else 0)
    return made.astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_numbers_as_hdf5s(tmp_path, layout, kind):
    array = numbers(kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("before", data=np.arange(5))
        file.create_dataset("a", data=array, **LAYOUTS[layout])
    with h5py.File(tmp_path / "a.h5") as file:
        for plain in (True, False):
            slices = Slices(file["a"], plain)
            assert len(slices) == 3
            for index in range(3):
                for found in (slices[index], slices.unchecked(index)):
                    assert found.dtype == array.dtype
                    np.testing.assert_array_equal(found, array[index])


def test_which_are_read_by_the_operating_system(tmp_path, monkeypatch):
    """The fast way is taken, and only there."""
    calls = []
    read = os.preadv
    monkeypatch.setattr(samples.os, "preadv", lambda *given: calls.append(given) or read(*given))
    for layout, options in LAYOUTS.items():
        for userblock in (0, 512):
            with h5py.File(tmp_path / "a.h5", "w", userblock_size=userblock) as file:
                file.create_dataset("a", data=numbers("<c8"), **options)
            with h5py.File(tmp_path / "a.h5") as file:
                for plain in (True, False):
                    calls.clear()
                    np.testing.assert_array_equal(Slices(file["a"], plain)[2], numbers("<c8")[2])
                    assert bool(calls) == (layout == "contiguous" and plain and not userblock)


def test_a_read_that_comes_in_parts(tmp_path, monkeypatch):
    """One call gives two GiB at most."""
    read = os.preadv
    monkeypatch.setattr(samples.os, "preadv", lambda file, to, at: read(file, [to[0][:100]], at))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = numbers("<c8")
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(Slices(file["a"], True)[1], numbers("<c8")[1])


def test_a_file_cut_while_it_is_open(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = numbers("<c8")
    with h5py.File(tmp_path / "a.h5") as file:
        slices = Slices(file["a"], True)
        os.truncate(tmp_path / "a.h5", os.path.getsize(tmp_path / "a.h5") - 100)
        np.testing.assert_array_equal(slices[0], numbers("<c8")[0])
        with pytest.raises(OSError, match="ends before its samples do"):
            _ = slices[2]


def test_a_closed_file_is_no_other_ones(tmp_path):
    """Its number is given to the next file that is opened."""
    for name in "ab":
        with h5py.File(tmp_path / name, "w") as file:
            file["a"] = numbers("<c8")
    with h5py.File(tmp_path / "a") as file:
        slices = Slices(file["a"], True)
    with h5py.File(tmp_path / "b"), pytest.raises(ValueError, match="closed"):
        _ = slices[0]


def test_a_damaged_chunk_is_found_when_it_is_used(make_volume):
    """The first look at a volume leaves checksums to the reading of each slice."""
    path = make_volume()
    with h5py.File(path) as file:
        target = file["reconstruction_esc"]
        assert target.fletcher32
        place = target.id.get_chunk_info(1).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    dataset = SliceDataset(path)
    assert dataset[0].index == 0
    with pytest.raises(DataError, match="damaged"):
        _ = dataset[1]
    with pytest.raises(DataError, match="damaged"):
        fastmri.read(path)
