"""The folder from which a page runs the models in the reader's browser: a worker's script, weights, a manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict

from reconode.export import export
from reconode.storage.whole import write_whole
from reconode.teach.widgets import bundle

LOOSE = ("worker.*.js", "*.safetensors")
"""What an earlier version may have left in the folder."""


class Engine(TypedDict):
    """What a page must know of its engine: where it is, relative to the page, and which one it was built with."""

    folder: str
    worker: str
    sha256: str


def script() -> str:
    """The worker's script: all modules that it needs, and its start."""
    return f'"use strict";\n{bundle.script("worker")}$worker.start();\n'


def write(folder: Path, address: str) -> Engine:
    """Write the engine into a folder of the site.

    Args:
        folder: on the disk; what other versions left there is removed.
        address: of that folder as a page sees it, with a slash at its end.

    Raises:
        OutputError: when a file cannot be written.
    """
    for old in (path for pattern in LOOSE for path in folder.glob(pattern)):
        old.unlink()
    export(folder)
    code = script()
    worker = f"worker.{hashlib.sha256(code.encode()).hexdigest()[:8]}.js"
    write_whole(folder / worker, code)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    return {"folder": address, "worker": worker, "sha256": digest}
