"""HDF5 files that can be trusted: damage is a clear error when reading, and every byte written has a checksum.

:class:`~reconode.errors.DataError` is all that a caller has to expect, whatever bytes a file holds.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reconode.errors import DataError
from reconode.storage import probe

STANDARD = [
    *(getattr(h5py.h5t, f"IEEE_F{bits}{order}") for bits in (16, 32, 64) for order in ("LE", "BE")),
    *(
        getattr(h5py.h5t, f"STD_{sign}{bits}{order}")
        for sign in "IU"
        for bits in (8, 16, 32, 64)
        for order in ("LE", "BE")
    ),
    h5py.h5t.NATIVE_LDOUBLE,
]
"""The types of numbers that are read."""
ARRAYS = "reconode_arrays"
"""The attribute that names all arrays of a file of ours: one that went, or is called otherwise, is missed."""


@contextlib.contextmanager
def open_file(path: str | Path, samples: bool = False) -> Iterator[h5py.File]:
    """Open a file to read; whatever goes wrong inside the ``with`` because of the file is a :class:`DataError`.

    Damage can crash or hang the HDF5 library itself, and a file can name others that the library would read. So another
    process (:mod:`~reconode.storage.probe`) looks at the file first: its structure, and with `samples`, for a caller
    that will read them, the arrays too.
    """
    path = Path(path)
    look(path, samples)
    with errors_of(path), h5py.File(path, "r") as file:
        yield file


def look(path: Path, samples: probe.Samples = False) -> bool:
    """:func:`reconode.storage.probe.check`, for a path that may be anything.

    Raises:
        DataError: for what is not there, not a file, not HDF5, or must not be read.
    """
    with errors_of(path):
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise DataError(f"{path}: this is a folder; expected one HDF5 file")
        if not stat.S_ISREG(about.st_mode):
            raise DataError(f"{path}: not a regular file (a pipe or a device); expected one HDF5 file")
        if about.st_size == 0:
            raise DataError(f"{path}: the file is empty (0 bytes); copy or download it again")
        if not _signed(path, about.st_size):
            raise DataError(f"{path}: not an HDF5 file; expected a volume or a reconstruction")
        return probe.check(path, samples)


@contextlib.contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Whatever a file makes the HDF5 library or the operating system raise, as a :class:`DataError` that names it."""
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: not enough memory to read it; close other programs, or read fewer slices") from error
    # The HDF5 library reports damage with almost any exception type, from KeyError to RuntimeError.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        number = getattr(error, "errno", None)
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{path}: no such file") from error
        if isinstance(error, PermissionError):
            raise DataError(f"{path}: no permission to read it") from error
        if number in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR):
            raise DataError(f"{path}: not a path that can be read ({os.strerror(number)})") from error
        if "lock file" in reason or number in (errno.EAGAIN, errno.EWOULDBLOCK):
            raise DataError(f"{path}: open in a program that writes it; wait for it to end, then try again") from error
        raise DataError(f"{path}: damaged or truncated ({reason}); copy or download it again") from error


def _signed(path: Path, size: int) -> bool:
    """Whether HDF5's signature is at one of the places where it may be: 0, 512, 1024, 2048 and so on."""
    with open(path, "rb") as file:
        place = 0
        while place < size:
            file.seek(place)
            if file.read(8) == b"\x89HDF\r\n\x1a\n":
                return True
            place = max(512, 2 * place)
    return False


def array(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """A non-empty array of an open file, its samples not read yet.

    Raises:
        DataError: when it is missing, empty, or not an array.
    """
    assert key in probe.NAMES, "only what the probe has looked at is read"
    if key not in file:
        found = ", ".join(sorted(file)) or "nothing"
        raise DataError(f"{path}: no '{key}' in it (found: {found}); expected a volume or a reconstruction")
    data = file[key]
    if not isinstance(data, h5py.Dataset):
        raise DataError(f"{path}: '{key}' is a {type(data).__name__.lower()}; expected an array")
    if data.size is None or data.size == 0:
        raise DataError(f"{path}: {key} is empty, shape {data.shape}")
    if not _standard(data.id.get_type()):
        raise DataError(f"{path}: {key}'s numbers are of no standard type; damaged, copy or download it again")
    return data


def _standard(kind: h5py.h5t.TypeID) -> bool:
    """Whether numbers are stored as machines have them: h5py converts any other exponent or width without a word."""
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        return all(_standard(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if isinstance(kind, h5py.h5t.TypeEnumID):  # h5py's booleans
        return _standard(kind.get_super())
    return not isinstance(kind, h5py.h5t.TypeFloatID | h5py.h5t.TypeIntegerID) or any(map(kind.equal, STANDARD))


def plain_attributes(file: h5py.File, path: Path, header: bytes | None = None) -> dict[str, Any]:
    """A file's attributes as plain Python values, checked against their checksum where the file has one.

    Raises:
        DataError: when attributes or header are not what was written.
    """
    attributes = {key: _plain(value) for key, value in file.attrs.items()}
    expected = attributes.pop("text_crc32", None)
    if expected is not None and expected != _text_crc(attributes, header):
        raise DataError(f"{path}: its header or attributes don't match their checksum; copy or download it again")
    missing = set(str(attributes.pop(ARRAYS, "")).split()) - set(file)
    if missing and expected is not None:
        raise DataError(f"{path}: '{min(missing)}' is missing, which was written; copy or download it again")
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
        file.attrs[ARRAYS] = " ".join(sorted(file))
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
    if isinstance(value, str):  # h5py keeps bytes that are no UTF-8 as half characters, which nothing can write
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value
