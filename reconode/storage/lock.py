"""One process at a time in a folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from reconode.storage.whole import errors_of_output

LOCK = "lock"
"""The name of the lock's file, which stays; what counts is who holds it."""


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Whether this process may work in a folder now. The folder is made; who has claimed it may claim it again.

    On a file system that has no locks (some network ones) everyone may.

    Raises:
        OutputError: when the folder cannot be made or written.
    """
    with errors_of_output(folder / LOCK):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, is_singleton=True)
        try:
            lock.acquire(timeout=0)
            ours = True
        except Timeout:
            ours = False
        except NotImplementedError:
            yield True
            return
    if not ours:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
