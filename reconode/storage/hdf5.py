"""HDF5 files that can be trusted: damage is a clear error when reading, and every byte written has a checksum.

:class:`~reconode.errors.DataError` is all that a caller has to expect, whatever bytes a file holds.
"""

from __future__ import annotations

import contextlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reconode.errors import DataError
from reconode.storage import probe


@contextlib.contextmanager
def open_file(path: str | Path, samples: bool = False) -> Iterator[h5py.File]:
    """Open a file to read; whatever goes wrong inside the ``with`` because of the file is a :class:`DataError`.

    Damage can crash or hang the HDF5 library itself, so another process (:mod:`~reconode.storage.probe`) reads the file
    first: its structure, and with `samples`, for a caller that will read them all, the arrays too.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; expected one HDF5 file")
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty (0 bytes); copy or download it again")
        if not h5py.is_hdf5(path):
            raise DataError(f"{path}: not an HDF5 file; expected a volume or a reconstruction")
        probe.check(path, samples)
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it") from error
    # The HDF5 library reports damage with almost any exception type, from KeyError to MemoryError.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: damaged or truncated ({reason}); copy or download it again") from error


def array(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """A non-empty array of an open file, its samples not read yet.

    Raises:
        DataError: when it is missing, empty, not an array, or larger than the file can hold.
    """
    if key not in file:
        found = ", ".join(sorted(file)) or "nothing"
        raise DataError(f"{path}: no '{key}' in it (found: {found}); expected a volume or a reconstruction")
    data = file[key]
    if not isinstance(data, h5py.Dataset):
        raise DataError(f"{path}: '{key}' is a {type(data).__name__.lower()}; expected an array")
    if data.size is None or data.size == 0:
        raise DataError(f"{path}: {key} is empty, shape {data.shape}")
    if probe.claims_too_much(data, path):
        raise DataError(f"{path}: {key} claims {data.shape}, more than a file of {path.stat().st_size} bytes can hold")
    return data


def plain_attributes(file: h5py.File, path: Path, header: bytes | None = None) -> dict[str, Any]:
    """A file's attributes as plain Python values, checked against their checksum where the file has one.

    Raises:
        DataError: when attributes or header are not what was written.
    """
    attributes = {key: _plain(value) for key, value in file.attrs.items()}
    expected = attributes.pop("text_crc32", None)
    if expected is not None and expected != _text_crc(attributes, header):
        raise DataError(f"{path}: its header or attributes don't match their checksum; copy or download it again")
    return attributes


def encode(datasets: Mapping[str, np.ndarray], attributes: Mapping[str, Any], header: bytes | None = None) -> bytes:
    """An HDF5 file as bytes: one checksummed chunk a slice, checksummed metadata.

    Built in memory because the HDF5 library does not recover from a disk that fills while it writes.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("v110", "v110")) as file:
        for name, data in datasets.items():
            chunks = (1, *data.shape[1:]) if data.ndim > 1 else data.shape
            file.create_dataset(name, data=data, chunks=chunks, fletcher32=True)
        if header is not None:
            file.create_dataset("ismrmrd_header", data=header)
        file.attrs.update(attributes)
        plain = {key: _plain(value) for key, value in file.attrs.items()}
        # HDF5 keeps text on a heap that has no checksum of its own.
        file.attrs["text_crc32"] = _text_crc(plain, header)
    return buffer.getvalue()


def _text_crc(attributes: Mapping[str, Any], header: bytes | None) -> int:
    return zlib.crc32(json.dumps(sorted(attributes.items()), default=str).encode() + (header or b""))


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a plain Python value."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value
