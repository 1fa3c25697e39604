"""Read an HDF5 file in another process first, so that a damaged or hostile one cannot take this one along.

The HDF5 library was written for files that it wrote itself: some damaged ones end it with a segmentation fault, others
keep it in a loop forever, others name files elsewhere that it opens and reads. None of it can be caught in the process
where it happens. One child process, started at the first file and kept, looks at each file before this process does:
without a right to open any other file, with a limit on its memory, and within a time.

Run as a script this module *is* that child, so it imports nothing of the package at the top.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

NAMES = ("kspace", "reconstruction_esc", "reconstruction_rss", "mask", "ismrmrd_header", "reconstruction")
"""All that the library reads of a file. What else it holds is looked at by nobody."""
SMALL = ("mask", "ismrmrd_header")
"""Read whole with a file's structure; the others are samples."""

PATIENCE = 20.0
"""Seconds that the child may take for a file, plus one for every 5 MB of it."""
SPARE = 5.0
"""Seconds after which it ends by itself, where the parent that waits for it is gone."""
START = 120.0
"""Seconds that the child may take to start, on a machine that is busy."""
GIB = 2**30
LARGEST = float(os.environ.get("RECONODE_LARGEST_GIB", "4"))
"""The largest array that is read, in GiB; fastMRI's has 1.5. ``RECONODE_LARGEST_GIB`` allows more."""
EXPANDS = 64
"""How many times larger than its file an array may be. Noise hardly packs, and masked k-space is mostly zeros."""
UNPACKED = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
"""Filters whose chunks are unpacked to see whether they have their size; what h5py writes when asked for gzip."""
OTHER_SIZE = "has a chunk of another size than it must have; copy or download it again: slice"
TARGETS = "targets"
"""Whole arrays, but the k-space: what a reader needs whose slices of k-space are looked at one by one."""
TEXT = 2**24
"""The longest header or attribute, in bytes; fastMRI's headers have 20,000."""

Samples = bool | int | str


class _Child:
    """The reading process, and a thread for its answers: on Windows a pipe cannot be read with a timeout."""

    def __init__(self) -> None:
        # -P: a script's own folder comes first on its path, and a module there would replace Python's of that name.
        command = [sys.executable, "-P", str(Path(__file__).resolve())]
        pipe = subprocess.PIPE
        # Freed and fresh memory is filled with a pattern, so that what would be read by mistake is not zero by chance.
        environment = {**os.environ, "MALLOC_PERTURB_": "165", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.owner = os.getpid()
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.started = self._next(START) == "ready\n"

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self.process.stdout:
                self.answers.put(line)
        self.answers.put("")  # the child is gone

    def _next(self, seconds: float) -> str | None:
        try:
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def ask(self, path: Path, samples: Samples, seconds: float) -> str | None:
        """The child's answer; '' when it died, None when it took too long."""
        assert self.process.stdin is not None
        try:
            request = {"path": os.fsencode(path.resolve()).hex(), "samples": samples, "largest": LARGEST}
            request["seconds"] = math.ceil(seconds + SPARE)
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except OSError:
            return ""
        return self._next(seconds)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


_lock = threading.Lock()
_child: _Child | None = None
_plain: dict[Path, tuple[float, ...]] = {}
"""Files that need no second look while they are what they were: their samples are stored plainly."""


def check(path: Path, samples: Samples = False) -> bool:
    """Look at a file in the child process; what the library reports as an error is left for the caller to meet.

    Args:
        path: a regular file.
        samples: which samples the caller will read: none, all, one slice by its number, or :data:`TARGETS`.

    Returns:
        Whether its samples are stored so plainly that reading them can do no harm; else have each slice looked at.

    Raises:
        DataError: when the library crashes or does not come to an end, when the file would have other files read or
            too much memory taken, or when a part of an array is not there.
    """
    from reconode.errors import DataError

    global _child
    about = path.stat()
    now = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns, LARGEST)
    with _lock:
        if _plain.get(path) == now:
            return True
        if _child is None or _child.owner != os.getpid() or _child.process.poll() is not None:
            _child = _Child()
        if not _child.started:
            _child.stop()
            _child = None
            raise DataError(f"{path}: not read: the process that looks at files first did not start; try again")
        answer = _child.ask(path, samples, PATIENCE + about.st_size / 5e6)
        if not answer:
            _child.stop()
            _child = None
    if not answer:
        what = "does not come to an end" if answer is None else "crashes"
        raise DataError(f"{path}: damaged (reading it {what}); copy or download it again")
    said = json.loads(answer)
    if said["refused"]:
        raise DataError(f"{path}: {said['refused']}")
    if said["plain"]:
        _plain[path] = now
    return bool(said["plain"])


@atexit.register
def _stop() -> None:
    if _child is not None and _child.owner == os.getpid():
        _child.stop()


# What follows runs in the child.


class _RefusedError(Exception):
    """A file that the parent must not read."""


def _look(path: str, samples: Samples, largest: float) -> bool:
    """Do with a file what a reader will do, and refuse what it must not do; whether all samples are stored plainly."""
    plain = True
    with h5py.File(path, "r") as file, _no_other_file():
        names = _arrays(file)
        with _item():
            _attributes(file)
        for name in names:
            with _item():
                # What raises here raises in the parent too, which says so; the next array is looked at all the same.
                item = file[name]
                if not isinstance(item, h5py.Dataset):
                    continue
                _size(item, name, os.path.getsize(path), largest)
                within = _within(item, name)
                if name in SMALL:
                    for index in range(0, item.shape[0], item.chunks[0]) if item.chunks else ():
                        _unpacks(item, index)
                    item[()]
                elif not within:
                    plain = False
                    if samples is not False:
                        _read(item, samples)
    return plain


@contextlib.contextmanager
def _item() -> Iterator[None]:
    try:
        yield
    except (_RefusedError, MemoryError):
        raise
    except Exception as error:
        if "alloc" in str(error).lower() and "memory" in str(error).lower():
            raise MemoryError from error


@contextlib.contextmanager
def _no_other_file() -> Iterator[None]:
    """The process has as many files open as it may have. Where there is no such limit (Windows) the checks must do."""
    try:
        import resource
    except ImportError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _arrays(file: h5py.File) -> list[str]:
    """Which of :data:`NAMES` are there, each in this file."""
    links, found = file.id.links, []
    for name in (name.encode() for name in NAMES):
        if not links.exists(name):
            continue
        kind, at = links.get_info(name).type, name
        if kind == h5py.h5l.TYPE_SOFT:  # within the file, if what it names is a plain entry beside it
            at = bytes(links.get_val(name)).lstrip(b"/")
            kind = links.get_info(at).type if b"/" not in at and links.exists(at) else None
        if kind != h5py.h5l.TYPE_HARD:
            raise _RefusedError(f"'{name.decode()}' is a link out of the file; only what is in the file itself is read")
        found.append(name.decode())
    return found


def _attributes(file: h5py.File) -> None:
    for name in list(file.attrs):
        with _item():
            stored = h5py.h5a.open(file.id, name.encode("utf-8", "surrogateescape"))
            if stored.get_storage_size() > TEXT:
                raise _RefusedError(f"the attribute '{name}' has {stored.get_storage_size()} bytes; damaged or hostile")
            _ = file.attrs[name]


def _within(item: h5py.Dataset, name: str) -> bool:
    """Refuse samples that are kept in other files, or not at all; whether the rest are stored as they are."""
    creation = item.id.get_create_plist()
    layout = creation.get_layout()
    if layout == h5py.h5d.VIRTUAL or creation.get_external_count():
        raise _RefusedError(f"'{name}' keeps its samples in other files; only what is in the file itself is read")
    if item.size is None or item.size == 0 or layout == h5py.h5d.COMPACT:
        return True
    bytes_of = item.size * item.id.get_type().get_size()
    if layout == h5py.h5d.CONTIGUOUS:
        if item.id.get_storage_size() < bytes_of or item.id.get_offset() is None:
            raise _RefusedError(f"'{name}' has no samples: they would read as zeros; copy or download it again")
        return True
    expected = 1
    for length, part in zip(item.shape, item.chunks, strict=True):
        expected *= -(-length // part)
    chunks: list[Any] = []
    if hasattr(item.id, "chunk_iter"):
        item.id.chunk_iter(chunks.append)
    else:  # HDF5 before 1.12.3, which takes the square of their number
        chunks += [item.id.get_chunk_info(number) for number in range(item.id.get_num_chunks())]
    found = len({chunk.chunk_offset for chunk in chunks if _belongs(chunk.chunk_offset, item)})
    if found < expected or len(chunks) > expected:
        raise _RefusedError(
            f"'{name}' has {found} of its {expected} chunks: the others would read as zeros; copy or download it again"
        )
    return _plain_chunks(item, chunks, name)


def _belongs(place: tuple[int, ...], item: h5py.Dataset) -> bool:
    """Whether a chunk begins where one must: what is elsewhere, HDF5 looks for until it crashes."""
    return all(at < length and at % part == 0 for at, length, part in zip(place, item.shape, item.chunks, strict=True))


def _plain_chunks(item: h5py.Dataset, chunks: list[Any], name: str) -> bool:
    """Whether chunks are stored as they are, with a checksum at most; refuse short ones: HDF5 reads on behind them."""
    filters = _filters(item)
    if filters not in ([], [h5py.h5z.FILTER_FLETCHER32]):
        return False
    size = _chunk_bytes(item)
    for chunk in chunks:
        wanted = size + (4 * len(filters) if chunk.filter_mask == 0 else 0)
        if chunk.size != wanted and not (chunk.size == size and _at_edge(chunk.chunk_offset, item)):
            raise _RefusedError(f"'{name}' {OTHER_SIZE} {chunk.chunk_offset[0]}")
    return all(chunk.filter_mask == 0 and chunk.size == size + 4 * len(filters) for chunk in chunks)


def _filters(item: h5py.Dataset) -> list[int]:
    creation = item.id.get_create_plist()
    return [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]


def _chunk_bytes(item: h5py.Dataset) -> int:
    """Of a chunk's numbers."""
    return int(math.prod(item.chunks) * item.id.get_type().get_size())


def _at_edge(place: tuple[int, ...], item: h5py.Dataset) -> bool:
    """Whether a chunk reaches beyond the array: such may be stored without filters, whatever the others are."""
    return any(at + part > length for at, length, part in zip(place, item.shape, item.chunks, strict=True))


def _unpacks(item: h5py.Dataset, index: int) -> None:
    """Refuse a slice whose deflated chunks unpack to another size than theirs: HDF5 would read on behind them."""
    filters = _filters(item) if item.chunks else []
    if h5py.h5z.FILTER_DEFLATE not in filters or not set(filters) <= UNPACKED:
        return
    size, first = _chunk_bytes(item), index - index % item.chunks[0]
    others = [range(0, length, part) for length, part in zip(item.shape[1:], item.chunks[1:], strict=True)]
    for place in itertools.product((first,), *others):
        mask, packed = item.id.read_direct_chunk(place)
        for kind in reversed([kind for position, kind in enumerate(filters) if not mask & 1 << position]):
            packed = packed[:-4] if kind == h5py.h5z.FILTER_FLETCHER32 else packed
            if kind == h5py.h5z.FILTER_DEFLATE:
                packed = zlib.decompressobj().decompress(packed, size + 5)
        if len(packed) != size:
            raise _RefusedError(f"'{item.name[1:]}' {OTHER_SIZE} {first}")


def _size(item: h5py.Dataset, name: str, file_size: int, largest: float) -> None:
    """Refuse what claims more than the file can hold, or than is ever read."""
    if item.size is None:
        return
    element = item.id.get_type().get_size()
    claimed = item.size * element
    if name == "ismrmrd_header" and claimed > TEXT:
        raise _RefusedError(f"'{name}' claims {claimed} bytes of text; damaged or hostile")
    if claimed > max(EXPANDS * file_size, 2**26):
        raise _RefusedError(f"{name} claims {item.shape}, more than a file of {file_size} bytes can hold")
    for part in item.chunks or ():
        element *= part
    if max(claimed, element if item.chunks else 0) > largest * GIB:
        raise _RefusedError(
            f"{name} has {claimed / GIB:.1f} GiB, more than the {largest:g} GiB that are read; if the file is right, "
            "set RECONODE_LARGEST_GIB to allow more"
        )


def _read(item: h5py.Dataset, samples: Samples) -> None:
    """Read what the parent will, slice by slice; one that fails keeps none of the others from being read."""
    if item.ndim < 2:
        item[()]
        return
    if samples == TARGETS and item.name == "/kspace":
        return
    for index in range(item.shape[0]) if isinstance(samples, bool | str) else [samples]:
        with _item():
            _unpacks(item, index)
        with _item():
            item[index]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    refused, plain = "", False
    try:
        plain = _look(os.fsdecode(bytes.fromhex(request["path"])), request["samples"], request["largest"])
    except _RefusedError as error:
        refused = str(error)
    except MemoryError:
        refused = "reading it takes more memory than its size explains; damaged or hostile"
    except Exception:  # the library doing its work: the parent will meet the same error
        plain = False
    return {"refused": refused, "plain": plain}


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; when that ends, so does the input here
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = int((LARGEST + 2) * GIB)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with h5py.File("warm", "w", driver="core", backing_store=False) as file:  # later imports find no file to open
        file["text"], file["numbers"] = "text", [1.0]
        file.attrs["text"] = "text"
        _look_at = file["text"][()], file["numbers"][()], file.attrs["text"]
    print("ready", flush=True)
    alarm = getattr(signal, "alarm", lambda seconds: None)  # Windows has none
    for line in sys.stdin:
        request = json.loads(line)
        alarm(request["seconds"])  # the end of a file without end, where the parent was killed and doesn't see to it
        print(json.dumps(_answer(request)), flush=True)
        alarm(0)


if __name__ == "__main__":
    _serve()
