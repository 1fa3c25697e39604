"""Files written whole or not at all: a temporary name in the same folder, then one rename."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconode.errors import DataError, OutputError

OLD = 3600.0
"""Seconds after which a temporary file is nobody's any more."""


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path; on success rename it to `path`, on any error (Ctrl-C too) remove it.

    Two writers on one path never mix: each writes a file of its own, and the last rename wins. A reader sees the
    old file or a whole new one.

    Raises:
        OutputError: when the folder cannot be made or written, or the disk is full; nothing is left behind.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with errors_of_output(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_parts(path.parent, path.name, OLD)
            # A name may have 255 bytes; what is added must not make a good one too long.
            start = os.fsdecode(os.fsencode(path.name)[:200])
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{start}.", suffix=".part")
            os.close(handle)
            temporary = Path(name)
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
            temporary = None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write bytes or text to `path`, whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Add a line to a file. A full disk may leave a part of it, which a reader of lines leaves out.

    Raises:
        OutputError: when it cannot be written.
    """
    with errors_of_output(path), open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a file of JSON.

    Raises:
        DataError: for a file that is missing, not a regular one, or not JSON.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not JSON, or damaged ({error}); remove it, or restore it") from error


def remove_parts(folder: Path, name: str = "", older: float = 0.0) -> None:
    """Remove what writers that were killed left of files of that name, or of all; younger files may be in use."""
    for path in folder.glob(f".{glob.escape(name)}*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= older:
                path.unlink()


@contextlib.contextmanager
def errors_of_output(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever the operating system objects to while writing as an OutputError that says what to do."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    reasons = {
        errno.ENOSPC: "the disk is full; free some space and run the command again",
        errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
        errno.EACCES: "no permission; choose another folder",
        errno.EPERM: "no permission; choose another folder",
        errno.EROFS: "the file system is read-only; choose another folder",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
        errno.EEXIST: "a part of the path is a file, not a folder",
        errno.EISDIR: "that path is a folder",
        errno.ELOOP: "the path is a circle of links",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    }
    return reasons.get(error.errno or 0, str(error))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
