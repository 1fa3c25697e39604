"""What a page runs the models with in the reader's browser: a worker's script, weights, a manifest.

On the site they are a folder beside the pages (:func:`write`), found by its address. A notebook whose cells a person
runs has no such folder beside it: there the output carries them (:func:`find`), with the weights for 4x alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import tempfile
import zlib
from pathlib import Path
from typing import NotRequired, TypedDict

from reconode import export, zoo
from reconode.storage.whole import write_whole
from reconode.teach.widgets import bundle

LOOSE = ("worker.*.js", "*.safetensors")
"""What an earlier version may have left in the folder."""

FORMAT = 1
"""Of the messages between a page and the worker."""

CARRIED = (4,)
"""Accelerations whose weights an output carries: with those for 8x it is larger than JupyterLab takes in one piece."""


class Engine(TypedDict):
    """What a page must know of its engine.

    Attributes:
        format: of the messages that the page sends.
        folder: its address, relative to the page.
        worker: the script's name; empty where ``engine.json`` in the folder says it.
        sha256: of the manifest that the page was built with; empty where ``engine.json`` says it.
        files: what the page itself carries, by name: zlib's, in base64.
    """

    format: int
    folder: str
    worker: str
    sha256: str
    files: NotRequired[dict[str, str]]


BESIDE: Engine = {"format": FORMAT, "folder": "../_static/engine/", "worker": "", "sha256": ""}
"""The site's, seen from a page of ``notebooks/`` or ``book/``, whichever version of it is there."""


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
    return _write(folder, address, tuple(zoo.BEST))


def _write(folder: Path, address: str, accelerations: tuple[float, ...]) -> Engine:
    export.export(folder, accelerations=accelerations)
    code = script()
    worker = f"worker.{hashlib.sha256(code.encode()).hexdigest()[:8]}.js"
    write_whole(folder / worker, code)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    about: Engine = {"format": FORMAT, "folder": address, "worker": worker, "sha256": digest}
    write_whole(folder / "engine.json", json.dumps({k: v for k, v in about.items() if k != "folder"}) + "\n")
    return about


def carry() -> Engine:
    """An engine within the output, with the weights for :data:`CARRIED`: about 2.5 MB."""
    with tempfile.TemporaryDirectory() as place:
        about = _write(Path(place), "./", CARRIED)
        files = [path for path in sorted(Path(place).iterdir()) if path.suffix in (".js", ".safetensors", ".json")]
        about["files"] = {path.name: _packed(path) for path in files}
    return about


def _packed(path: Path) -> str:
    return base64.b64encode(zlib.compress(path.read_bytes(), 9)).decode()


def live() -> bool:
    """Whether a person runs this cell, on Colab or from a Jupyter server; a build that executes notebooks is none."""
    return "google.colab" in sys.modules or "JPY_SESSION_NAME" in os.environ


def find() -> Engine:
    """What a chapter's output is given: an engine of its own where a person runs the cell, else the site's address."""
    return carry() if live() else BESIDE


def accelerations(about: Engine) -> list[float]:
    """What there are weights for."""
    return list(CARRIED if "files" in about else zoo.BEST)
