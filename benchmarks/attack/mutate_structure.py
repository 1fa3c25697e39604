"""Damage that HDF5 writes itself: a file that is sound, and wrong."""

from __future__ import annotations

import io
from collections.abc import Callable

import h5py
import numpy as np

KEYS = ("kspace", "reconstruction_esc", "reconstruction_rss")

Rng = np.random.Generator


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


def _filters(file: h5py.File, key: str, rng: Rng) -> None:
    """Filters that lose digits, that need a parameter, that nobody has; chunks of other sizes; room to grow."""
    data = file[key][()]
    number = int(rng.integers(7))
    whole = (1, *data.shape[1:])
    ways: list[Callable[[], object]] = [
        lambda: _replace(file, key, data, chunks=whole, scaleoffset=3),
        lambda: _replace(file, key, data, chunks=(1,) * data.ndim),
        lambda: _replace(file, key, data, chunks=data.shape, shuffle=True, compression="gzip"),
        lambda: _replace(file, key, data, chunks=tuple(max(1, n - 1) for n in data.shape), fletcher32=True),
        lambda: _replace(file, key, data, chunks=whole, maxshape=(None,) * data.ndim, fillvalue=7),
        lambda: _unknown(file, key, data),
        lambda: _grown(file, key, data),
    ]
    ways[number]()


def _unknown(file: h5py.File, key: str, data: np.ndarray) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((1, *data.shape[1:]))
    creation.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple(data.shape)
    del file[key]
    made = h5py.h5d.create(file.id, key.encode(), h5py.h5t.py_create(data.dtype), space, creation)
    for n in range(len(data)):
        made.write_direct_chunk((n, *(0,) * (data.ndim - 1)), data[n].tobytes(), filter_mask=n % 2)


def _grown(file: h5py.File, key: str, data: np.ndarray) -> None:
    """Slices that were promised and never written."""
    _replace(file, key, data, chunks=(1, *data.shape[1:]), maxshape=(None, *data.shape[1:]))
    file[key].resize(len(data) + 2, axis=0)


def _swapped(file: h5py.File, key: str, rng: Rng) -> None:
    """Slices in another order, rows or columns moved by one, two pixels exchanged: nothing that sums would tell."""
    data = file[key][()]
    axis = int(rng.integers(data.ndim))
    moved = np.roll(data, 1, axis) if rng.random() < 0.5 else np.flip(data, axis).copy()
    _replace(file, key, moved)


def _noise(file: h5py.File, key: str, rng: Rng) -> None:
    """A little of it, from what cannot be told to what can be seen, in one slice."""
    data = file[key][()]
    if data.dtype.kind not in "fc":
        return
    n = int(rng.integers(len(data)))
    level = float(10.0 ** rng.uniform(-7, 0))
    with np.errstate(invalid="ignore"):  # another change may have put infinities there
        data[n] += (level * np.abs(data[n]).max() * rng.standard_normal(data[n].shape)).astype(data.dtype)
    _replace(file, key, data)


def _clutter(file: h5py.File, _: str, rng: Rng) -> None:
    """More in the file than the library reads: attributes by the thousand, groups in circles, types with names."""
    number = int(rng.integers(4))
    if number == 0:
        for n in range(200):
            file.attrs[f"more {n}"] = "x" * int(rng.integers(1, 400))
    elif number == 1:
        file.require_group("more")["circle"] = file["/"]
    elif number == 2 and "type" not in file:
        file["type"] = np.dtype([("a", "f4"), ("b", "S5")])
    else:
        file.attrs["reference"] = file.ref


CHANGES = (
    *(_type, _shape, _link, _elsewhere, _chunks, _chunks, _values, _attribute, _header),
    *(_filters, _swapped, _noise, _clutter),
)
WITHOUT_ARRAY = (_attribute, _header, _clutter)


RAW = (_chunks, _filters, _elsewhere)
"""They come last: HDF5 crashes by itself where it reads, for another change, what they write past it."""


def through_h5py(data: bytes, rng: Rng) -> bytes:
    """One or two changes of structure, written by the HDF5 library itself, so that the file is sound and wrong."""
    buffer = io.BytesIO(data)
    chosen = [CHANGES[int(n)] for n in rng.integers(len(CHANGES), size=rng.integers(1, 3))]
    raw: set[str] = set()
    with h5py.File(buffer, "a") as file:
        for change in sorted(chosen, key=lambda c: c in RAW):
            arrays = [key for key in KEYS if isinstance(file.get(key, getlink=True), h5py.HardLink) and key not in raw]
            key = str(rng.choice(arrays)) if arrays else ""
            if key and (change in WITHOUT_ARRAY or getattr(file[key], "ndim", 0) > 2):
                change(file, key, rng)
                raw |= {key} if change in RAW else set()
    return buffer.getvalue()
