"""Read an HDF5 file in another process first, so that a damaged one cannot take this one along.

The HDF5 library was written for files that it wrote itself: some damaged ones end it with a segmentation fault, others
keep it in a loop forever (both were found by ``tests/test_fuzz.py``), and neither can be caught in the process where it
happens. One child process, started at the first file and kept, reads each file before this process does.

Run as a script this module *is* that child, so it imports nothing of the package at the top.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import h5py

PATIENCE = 20.0
"""Seconds that the child may take for a file, plus one for every 5 MB of it."""


class _Child:
    """The reading process, and a thread for its answers: on Windows a pipe cannot be read with a timeout."""

    def __init__(self) -> None:
        # -P: a script's own folder comes first on its path, and a module there would replace Python's of that name.
        command = [sys.executable, "-P", str(Path(__file__).resolve())]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self.owner = os.getpid()
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")  # the child is gone

    def ask(self, path: Path, samples: bool, seconds: float) -> str | None:
        """The child's answer; '' when it died, None when it took too long."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{int(samples)}{os.fsencode(path.resolve()).hex()}\n")
            self.process.stdin.flush()
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            return None
        except OSError:
            return ""

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


_lock = threading.Lock()
_child: _Child | None = None


def check(path: Path, samples: bool) -> None:
    """Read a file in the child process; what the library reports as an error is left for the caller to meet.

    Raises:
        DataError: when the library crashes or does not come to an end.
    """
    from reconode.errors import DataError

    global _child
    with _lock:
        if _child is None or _child.owner != os.getpid() or _child.process.poll() is not None:
            _child = _Child()
        answer = _child.ask(path, samples, PATIENCE + path.stat().st_size / 5e6)
        if answer:
            return
        _child.stop()
        _child = None
    what = "does not come to an end" if answer is None else "crashes"
    raise DataError(f"{path}: damaged (reading it {what}); copy or download it again")


def claims_too_much(data: h5py.Dataset, path: str | Path) -> bool:
    """Whether an array claims more samples than its file can hold: damage, and no reason to ask for the memory.

    No HDF5 filter in use packs tighter than deflate's 1032 : 1.
    """
    return bool(data.size * data.dtype.itemsize > 1100 * os.path.getsize(path))


@atexit.register
def _stop() -> None:
    if _child is not None and _child.owner == os.getpid():
        _child.stop()


def _touch(path: str, samples: bool) -> None:
    """Do with a file what a reader will do: attributes, shapes, text, and the samples slice by slice."""
    with h5py.File(path, "r") as file:
        list(file.attrs.items())
        for item in file.values():
            if not isinstance(item, h5py.Dataset) or not item.size or claims_too_much(item, path):
                continue
            if item.ndim == 0:
                item[()]
            elif samples:
                for index in range(item.shape[0]):
                    item[index]


def _serve() -> None:
    for line in sys.stdin:
        # Errors are the library doing its work; the caller will meet the same one.
        with contextlib.suppress(Exception):
            _touch(os.fsdecode(bytes.fromhex(line[1:].strip())), line[0] == "1")
        print("read", flush=True)


if __name__ == "__main__":
    _serve()
