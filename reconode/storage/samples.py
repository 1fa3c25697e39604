"""An array's slices without what HDF5 does on the way, where a file keeps its samples as memory does.

fastMRI's arrays are contiguous: a slice is one stretch of the file. Read by the operating system it takes two thirds of
the time that HDF5 takes, which clears memory and looks for conversions first; what the checks of a file cost is won
back here.
"""

from __future__ import annotations

import math
import os

import h5py
import numpy as np


class Slices:
    """The slices of an open array, ``slices[index]``.

    Args:
        item: open, at least of two axes.
        plain: whether :func:`reconode.storage.probe.check` said that all samples are there, stored as they are. Else,
            and wherever the file has other types or layouts than memory, HDF5 reads.
    """

    def __init__(self, item: h5py.Dataset, plain: bool) -> None:
        self.item = item
        self._shape, self._kind = item.shape[1:], item.dtype
        self._bytes = math.prod(self._shape) * self._kind.itemsize
        self._place: int | None = None
        self._whole = False
        if plain and item.id.get_type() == h5py.h5t.py_create(self._kind):
            file = item.file
            if item.chunks is None and file.driver == "sec2" and file.userblock_size == 0 and hasattr(os, "preadv"):
                self._place = item.id.get_offset()
            self._whole = item.chunks == (1, *self._shape)
        self._file: int = -1 if self._place is None else item.file.id.get_vfd_handle()

    def __len__(self) -> int:
        return int(self.item.shape[0])

    def __getitem__(self, index: int) -> np.ndarray:
        if self._place is None:
            return np.asarray(self.item[index])
        if not self.item:  # its number may be another file's by now
            raise ValueError("the file is closed")
        data = np.empty(self._shape, self._kind)
        rest, place = data.data.cast("B"), self._place + index * self._bytes
        while rest:
            count = os.preadv(self._file, [rest], place)
            if count == 0:
                raise OSError("the file ends before its samples do")
            rest, place = rest[count:], place + count
        return data

    def unchecked(self, index: int) -> np.ndarray:
        """A slice for a first look: a chunk's checksum is left to whoever reads it for use."""
        if not self._whole:
            return self[index]
        chunk = self.item.id.read_direct_chunk((index,) + (0,) * len(self._shape))[1]
        return np.frombuffer(chunk, self._kind, self._bytes // self._kind.itemsize).reshape(self._shape)
