"""Volumes as others write them, and ways to damage them: bytes, HDF5's own structure, and the file through h5py."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
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
KEYS = ("kspace", "reconstruction_esc", "reconstruction_rss", "ismrmrd_header")

Rng = np.random.Generator


def originals(folder: Path) -> dict[str, bytes]:
    """One volume in seven kinds of file: ours, five of others with a target, one of others without."""
    import torch

    generator = torch.Generator().manual_seed(0)
    images = 1e-4 * torch.rand(SLICES, ROWS, COLUMNS, generator=generator).to(torch.complex64)
    fastmri.write(folder / "ours.h5", fft(images), acquisition="CORPD_FBK", recon=RECON)
    fastmri.write(folder / "test.h5", fft(images), acquisition="X", recon=RECON, mask=masks.random(COLUMNS, 2, seed=0))
    made = {"ours": (folder / "ours.h5").read_bytes()}
    ways: dict[str, tuple[str, str, dict[str, object]]] = {
        "contiguous": ("ours", "earliest", {}),
        "chunked": ("ours", "earliest", {"chunks": True}),
        "packed": ("ours", "earliest", {"chunks": True, "compression": "gzip", "shuffle": True}),
        "new chunked": ("ours", "latest", {"chunks": True}),
        "new packed": ("ours", "latest", {"chunks": True, "compression": "gzip"}),
        "no target": ("test", "earliest", {"chunks": True}),
    }
    for name, (source, version, options) in ways.items():
        buffer = io.BytesIO()
        with h5py.File(folder / f"{source}.h5") as a, h5py.File(buffer, "w", libver=version) as b:
            for key in a:
                data = a[key][()]
                large = isinstance(data, np.ndarray) and data.ndim == 3
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


def _replace(file: h5py.File, key: str, data: object = None, **options: object) -> None:
    del file[key]
    file.create_dataset(key, data=data, **options)


def _type(file: h5py.File, key: str, rng: Rng) -> None:
    data = file[key][()]
    kinds = ["c16", ">c8", "f4", "i4", "S5", "O", "b1", "enum", "ref", "halves", "array"]
    kind = str(rng.choice(kinds))
    if kind == "O":
        _replace(file, key, np.array(["x", "yy"], object), dtype=h5py.string_dtype())
    elif kind == "ref":
        _replace(file, key, np.array([file.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)
    elif kind == "enum":
        _replace(file, key, np.zeros(data.shape, "i1"), dtype=h5py.enum_dtype({"A": 0}))
    elif kind == "halves":
        _replace(file, key, np.zeros(data.shape, [("r", "f2"), ("i", "f2")]))
    elif kind == "array":
        _replace(file, key, np.zeros(data.shape[:1], [("r", "f4", (3,)), ("i", "f4")]))
    else:
        _replace(file, key, np.zeros(data.shape, kind) if kind == "S5" else np.real(data).astype(kind))


def _shape(file: h5py.File, key: str, rng: Rng) -> None:
    data = file[key][()]
    ways: list[Callable[[], object]] = [
        lambda: data[:-1],
        lambda: data.swapaxes(-1, -2).copy(),
        lambda: data.reshape(-1),
        lambda: data[None],
        lambda: data[..., ::-1].copy(),
        lambda: np.roll(data, 1, 0),
        lambda: data[:0],
        lambda: h5py.Empty(data.dtype),
        lambda: data[..., :1],
        lambda: np.concatenate([data, data]),
    ]
    _replace(file, key, ways[int(rng.integers(len(ways)))]())


def _link(file: h5py.File, key: str, rng: Rng) -> None:
    other = str(rng.choice([k for k in file if k != key]))
    del file[key]
    links = [
        h5py.ExternalLink("other.h5", f"/{key}"),
        h5py.ExternalLink("/dev/zero", f"/{key}"),
        h5py.SoftLink(f"/{key}"),
        h5py.SoftLink("/nowhere/at/all"),
        h5py.SoftLink(f"/{other}"),
        file[other],
        file["/"],
    ]
    file[key] = links[int(rng.integers(len(links)))]


def _elsewhere(file: h5py.File, key: str, rng: Rng) -> None:
    data = file[key][()]
    if rng.random() < 0.5:
        layout = h5py.VirtualLayout(data.shape, data.dtype)
        layout[...] = h5py.VirtualSource(str(rng.choice(["other.h5", ".", "/dev/zero"])), key, data.shape)
        del file[key]
        file.create_virtual_dataset(key, layout)
    else:
        name = str(rng.choice(["other.bin", "/dev/zero", "/etc/passwd", "pipe"]))
        _replace(file, key, shape=data.shape, dtype=data.dtype, external=[(name, 0, data.nbytes)])


def _chunks(file: h5py.File, key: str, rng: Rng) -> None:
    """Chunks that are missing, short, long, of noise, or marked as not filtered."""
    data = file[key][()]
    filters = [{}, {"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True}, {"shuffle": True}]
    _replace(file, key, shape=data.shape, dtype=data.dtype, chunks=(1, *data.shape[1:]), **filters[rng.integers(5)])
    item = file[key]
    for n in range(len(data)):
        how = rng.choice(["right", "right", "missing", "noise", "short", "long", "marked"])
        place = (n, *(0,) * (data.ndim - 1))
        size = data[n].nbytes
        if how == "right":
            item[n] = data[n]
        elif how == "noise":
            item.id.write_direct_chunk(place, rng.bytes(size))
        elif how in ("short", "long"):
            item.id.write_direct_chunk(place, rng.bytes(int(size * rng.random() * (1 if how == "short" else 3)) + 1))
        elif how == "marked":
            item.id.write_direct_chunk(place, data[n].tobytes(), filter_mask=int(rng.integers(8)))


def _values(file: h5py.File, key: str, rng: Rng) -> None:
    data = file[key][()]
    at = tuple(rng.integers(n) for n in data.shape)
    if data.dtype.kind not in "fc":  # an earlier change of type
        return
    ways = {"zero": 0, "nan": np.nan, "inf": np.inf, "large": 1e38, "twice": 2 * data[at], "minus": -data[at]}
    data[at if rng.random() < 0.5 else at[0]] = ways[str(rng.choice(list(ways)))]
    _replace(file, key, data)


def _attribute(file: h5py.File, _: str, rng: Rng) -> None:
    key = str(rng.choice(["max", "norm", "acquisition", "patient_id", "new"]))
    values = [
        float("nan"), -1.0, 0.0, 1e300,
        "[/red]", "\x1b[2J$\\frac$", "=1+1", np.zeros(1000), h5py.Empty("f4"), 2**63, True,
        np.array(["a", "bb"], object), b"\xff\xfe", np.bytes_(b"x" * 60_000), np.void(b"abc"), 1 + 2j,
    ]  # fmt: skip
    value = values[int(rng.integers(len(values)))]
    if isinstance(value, np.ndarray) and value.dtype == object:
        file.attrs.create(key, value, dtype=h5py.string_dtype())
    else:
        file.attrs[key] = value


def _header(file: h5py.File, _: str, rng: Rng) -> None:
    if "ismrmrd_header" not in file:
        return
    text = file["ismrmrd_header"][()]
    digits = [n for n, byte in enumerate(text) if 48 <= byte < 58]
    changed = bytearray(text)
    changed[int(rng.choice(digits))] = int(rng.integers(48, 58))
    ways = [bytes(changed), b"", b"<a/>", text[: len(text) // 2], rng.bytes(400), 5, np.zeros((3, 3)), text * 50]
    _replace(file, "ismrmrd_header", ways[int(rng.integers(len(ways)))])


CHANGES = (_type, _shape, _link, _elsewhere, _chunks, _chunks, _values, _attribute, _header)


def through_h5py(data: bytes, rng: Rng) -> bytes:
    """One or two changes of structure, written by the HDF5 library itself, so that the file is sound and wrong."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "a") as file:
        for _ in range(rng.integers(1, 3)):
            arrays = [key for key in KEYS[:3] if isinstance(file.get(key, getlink=True), h5py.HardLink)]
            change = CHANGES[int(rng.integers(len(CHANGES)))]
            key = str(rng.choice(arrays)) if arrays else ""
            if key and (change in (_attribute, _header) or getattr(file[key], "ndim", 0) == 3):
                change(file, key, rng)
    return buffer.getvalue()
