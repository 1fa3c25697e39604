"""Volumes as others write them, and damage to their bytes: samples, HDF5's own structure, its checksums repaired."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import h5py
import numpy as np

from reconode import masks
from reconode.data import fastmri
from reconode.physics import fft

SLICES, ROWS, COLUMNS, RECON = 3, 32, 24, (16, 16)
SIGNATURES = (
    b"OHDR",
    b"OCHK",
    b"FAHD",
    b"FADB",
    b"EAHD",
    b"EAIB",
    b"BTHD",
    b"BTLF",
    b"BTIN",
    b"FRHP",
    b"FHDB",
    b"\x89HDF",
)

Rng = np.random.Generator


def originals(folder: Path) -> dict[str, bytes]:
    """One volume in nine kinds of file: ours, six of others with a target (one of two coils), two of others without."""
    import torch

    generator = torch.Generator().manual_seed(0)
    images = 1e-4 * torch.rand(SLICES, ROWS, COLUMNS, generator=generator).to(torch.complex64)
    fastmri.write(folder / "ours.h5", fft(images), acquisition="CORPD_FBK", recon=RECON)
    fastmri.write(folder / "test.h5", fft(images), acquisition="X", recon=RECON, mask=masks.random(COLUMNS, 2, seed=0))
    coils = torch.stack([images, images.flip(-1)], dim=1)
    fastmri.write(folder / "coils.h5", fft(coils), acquisition="AXT1", recon=RECON)
    made = {"ours": (folder / "ours.h5").read_bytes()}
    ways: dict[str, tuple[str, str, dict[str, object]]] = {
        "contiguous": ("ours", "earliest", {}),
        "chunked": ("ours", "earliest", {"chunks": True}),
        "packed": ("ours", "earliest", {"chunks": True, "compression": "gzip", "shuffle": True}),
        "new chunked": ("ours", "latest", {"chunks": True}),
        "new packed": ("ours", "latest", {"chunks": True, "compression": "gzip"}),
        "two coils": ("coils", "earliest", {"chunks": True}),
        "no target": ("test", "earliest", {"chunks": True}),
        "new packed, no target": ("test", "latest", {"chunks": True, "compression": "gzip", "fletcher32": True}),
    }
    for name, (source, version, options) in ways.items():
        buffer = io.BytesIO()
        with h5py.File(folder / f"{source}.h5") as a, h5py.File(buffer, "w", libver=version) as b:
            for key in a:
                data = a[key][()]
                large = isinstance(data, np.ndarray) and data.ndim > 2
                more = {**options, "chunks": (1, *data.shape[1:])} if large and options else {}
                b.create_dataset(key, data=data, **more)
            b.attrs.update({key: value for key, value in a.attrs.items() if key != "text_crc32"})
        made[name] = buffer.getvalue()
    return made


def structure(data: bytes) -> np.ndarray:
    """The places of a file that hold no samples."""
    free = np.ones(len(data), bool)
    with h5py.File(io.BytesIO(data)) as file:
        for item in file.values():
            if item.chunks:
                for n in range(item.id.get_num_chunks()):
                    chunk = item.id.get_chunk_info(n)
                    free[chunk.byte_offset : chunk.byte_offset + chunk.size] = False
            elif item.id.get_offset() is not None:
                free[item.id.get_offset() : item.id.get_offset() + item.id.get_storage_size()] = False
    return np.flatnonzero(free)


def lookup3(data: bytes) -> int:
    """HDF5's checksum of metadata: Jenkins' lookup3, little-endian."""
    size, full = len(data), 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + size) & full

    def rot(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & full

    at = 0
    while size - at > 12:
        x, y, z = struct.unpack_from("<III", data, at)
        a, b, c = (a + x) & full, (b + y) & full, (c + z) & full
        a = ((a - c) & full) ^ rot(c, 4)
        c = (c + b) & full
        b = ((b - a) & full) ^ rot(a, 6)
        a = (a + c) & full
        c = ((c - b) & full) ^ rot(b, 8)
        b = (b + a) & full
        a = ((a - c) & full) ^ rot(c, 16)
        c = (c + b) & full
        b = ((b - a) & full) ^ rot(a, 19)
        a = (a + c) & full
        c = ((c - b) & full) ^ rot(b, 4)
        b = (b + a) & full
        at += 12
    if size == at:
        return c
    x, y, z = struct.unpack("<III", data[at:].ljust(12, b"\0"))
    a, b, c = (a + x) & full, (b + y) & full, (c + z) & full
    for k, (p, q) in zip((14, 11, 25, 16, 4, 14, 24), ("cb", "ac", "ba", "cb", "ac", "ba", "cb"), strict=True):
        values = {"a": a, "b": b, "c": c}
        values[p] = ((values[p] ^ values[q]) - rot(values[q], k)) & full
        a, b, c = values["a"], values["b"], values["c"]
    return c


def checksummed(data: bytes) -> list[tuple[int, int]]:
    """Stretches ``[first, last)`` of metadata that are followed by their checksum."""
    found = []
    for signature in SIGNATURES:
        at = data.find(signature)
        while at >= 0:
            for end in range(at + 8, min(at + 700, len(data) - 4)):
                if lookup3(data[at:end]) == struct.unpack_from("<I", data, end)[0]:
                    found.append((at, end))
                    break
            at = data.find(signature, at + 4)
    return found


class Bytes:
    """Damage to bytes; in `repaired` mode the checksums of metadata are made right again afterwards."""

    def __init__(self, data: bytes) -> None:
        self.data, self.places, self.sums = data, structure(data), checksummed(data)

    def __call__(self, rng: Rng) -> bytes:
        damaged = bytearray(self.data)
        how = rng.choice(["structure", "structure", "structure", "word", "anywhere", "cut", "zeros", "swap"])
        if how == "structure":
            for at in rng.choice(self.places, rng.integers(1, 4)):
                damaged[at] = int(rng.integers(256)) if rng.random() < 0.5 else damaged[at] ^ (1 << rng.integers(8))
        elif how == "word":  # an address, a size: small, huge, or another one of this file
            at = int(rng.choice(self.places)) & ~7
            other = int(rng.choice(self.places)) & ~7
            numbers = (0, 1, 2**31, 2**63, 2**64 - 1)
            values = [struct.pack("<Q", numbers[rng.integers(5)]), damaged[other : other + 8]]
            damaged[at : at + 8] = values[int(rng.integers(2))]
        elif how == "anywhere":
            for at in rng.integers(len(damaged), size=rng.integers(1, 9)):
                damaged[at] ^= 1 << rng.integers(8)
        elif how == "cut":
            del damaged[rng.integers(len(damaged)) :]
        elif how == "zeros":
            at = int(rng.integers(len(damaged)))
            damaged[at : at + 512] = bytes(len(damaged[at : at + 512]))
        else:
            a, b = (int(at) for at in rng.choice(self.places, 2))
            damaged[a : a + 16], damaged[b : b + 16] = self.data[b : b + 16], self.data[a : a + 16]
        for first, last in self.sums if rng.random() < 0.8 else []:
            if last + 4 <= len(damaged) and damaged[first:last] != self.data[first:last]:
                damaged[last : last + 4] = struct.pack("<I", lookup3(bytes(damaged[first:last])))
        return bytes(damaged)
