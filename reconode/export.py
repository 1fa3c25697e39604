"""What a page needs to run the models: one solver step each, as weights and a plan, and a manifest that fits them.

The weights are the library's files of float32, unchanged: a browser reads safetensors in twenty lines. The plan says
what one step is made of and how many there are; ``reconode/teach/widgets/js/models.js`` carries it out. The manifest
has each file's name, bytes, SHA-256 and shapes, so that a page refuses what does not belong together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconode import zoo
from reconode._version import __version__
from reconode.classical import TotalVariation
from reconode.errors import UsageError
from reconode.models import FixedSolver, LearnedSolver
from reconode.pc_flow import PCFlow
from reconode.solvers import EULER
from reconode.storage import weights
from reconode.storage.whole import write_whole

FORMAT = 1
"""Of the manifest; a page reads its own."""

MODELS = ("ft-euler", "lt-euler", "lt-rk2", "lt-rk4", "pc-flow", "tv")
"""What a browser can run."""

NOTICE = f"""Weights of ReconODE {__version__}, trained on simulated knees; the folder also holds the page's script.

Code and weights are under the MIT licence:

"""


def plan(name: str) -> dict[str, Any]:
    """What one step of a model is made of, and how many steps it takes.

    Raises:
        UsageError: for a model that a browser cannot run.
    """
    model = zoo.find(name).build()
    if isinstance(model, TotalVariation):
        return {"kind": "tv", "weight": model.weight, "iterations": model.iterations, "tolerance": model.tolerance}
    if isinstance(model, PCFlow):
        return {"kind": "pieces", "steps": len(model.pieces) * model.repeats, "repeats": model.repeats}
    if name in MODELS and isinstance(model, FixedSolver) and model.tableau is EULER:
        return {"kind": "fixed", "steps": model.steps}
    if name in MODELS and isinstance(model, LearnedSolver):
        return {"kind": "learned", "steps": model.steps, "stages": len(model.stages)}
    raise UsageError(f"a browser cannot run {name}: choose from {', '.join(MODELS)}")


def source(name: str, acceleration: float) -> Path:
    """The library's weights that a page gets for a model: those that :func:`reconode.zoo.load` takes."""
    found = zoo.shipped(name, acceleration)
    if found is None:
        raise UsageError(f"no weights for {name} at {acceleration:g}x come with the library")
    return found


def export(
    folder: str | Path, models: Sequence[str] = MODELS, accelerations: Sequence[float] = tuple(zoo.BEST)
) -> dict[str, Any]:
    """Write the weights of some models, a manifest and the licence into a folder; the same input makes the same bytes.

    Args:
        folder: made when it is not there; files of other names in it stay.
        models: of :data:`MODELS`.
        accelerations: of :data:`reconode.zoo.BEST`.

    Returns:
        The manifest.

    Raises:
        UsageError: for a model that a browser cannot run.
        OutputError: when a file cannot be written.
    """
    folder = Path(folder)
    entries: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name in models:
        entry, steps = zoo.find(name), plan(name)
        kept: dict[str, Any] = {}
        for acceleration in accelerations if entry.learned else ():
            path = source(name, acceleration)
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            # The name changes with the content: a file that a browser kept from another version is never taken.
            file = f"{name}_{acceleration:g}x.{digest[:8]}.safetensors"
            files[file] = content
            kept[f"{acceleration:g}"] = {
                "file": file,
                "source": path.name,
                "bytes": len(content),
                "sha256": digest,
                "tensors": {key: list(value.shape) for key, value in sorted(weights.read(path)[0].items())},
            }
        entries[name] = {
            "title": entry.title.removeprefix("ReconODE-"),
            "parameters": entry.parameters,
            "plan": steps,
            "weights": kept,
        }
    manifest = {"format": FORMAT, "reconode": __version__, "models": entries}
    licence = Path(__file__).parents[1] / "LICENSE"
    text = licence.read_text(encoding="utf-8") if licence.is_file() else "see the project's LICENSE\n"
    for file, content in files.items():
        write_whole(folder / file, content)
    write_whole(folder / "LICENSE.txt", NOTICE + text)
    write_whole(folder / "manifest.json", json.dumps(manifest, separators=(",", ":"), sort_keys=True) + "\n")
    return manifest
