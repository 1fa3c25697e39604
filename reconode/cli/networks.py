"""Which weights ``reconode reconstruct`` takes for a file, and a warning when they were trained for other sampling."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from reconode import zoo
from reconode.errors import UsageError
from reconode.storage import weights
from reconode.zoo import Model

UNLIKE = 1.2
"""The ratio of two accelerations that is worth a warning: two standard deviations of random masks of 368 columns."""
TOO_FAR = 1.5
"""From here, weights are not taken for masks that are still to be drawn."""


@dataclass
class Networks:
    """A model with the weights that fit each file's sampling, loaded once each.

    Attributes:
        model: its name, with its variant.
        file: weights of the user's own, for every file.
        asked: the acceleration that the user gave, or None.
        device: where the networks go.
    """

    model: str
    file: Path | None
    asked: float | None
    device: Any
    _loaded: dict[float, tuple[Model, dict[str, Any]]] = field(default_factory=dict)

    @property
    def drawn(self) -> float:
        """The acceleration of the masks that are drawn for fully sampled volumes."""
        return 4 if self.asked is None else self.asked

    def check(self) -> None:
        """Load what the fully sampled volumes need, before any work.

        Raises:
            UsageError: for an unknown name, or weights that there are none of near enough.
            DataError: for a file that is not this network's.
        """
        near = zoo.nearest(self.model, self.drawn) if self._shipped else self.drawn
        too_far = self.asked is not None and _ratio(near, self.drawn) > TOO_FAR
        self._load(self.drawn if too_far else near)  # too far: the error says which weights there are

    def choose(self, sampled: float | None) -> tuple[Model, dict[str, Any], str]:
        """The network for a file, what the output says of its weights, and a warning or "".

        Args:
            sampled: the acceleration of a file that is undersampled already; None draws a mask.
        """
        data = self.drawn if sampled is None else sampled
        wanted = data if self.asked is None else self.asked
        network, about = self._load(zoo.nearest(self.model, wanted) if self._shipped else wanted)
        trained = about.get("weights_acceleration")
        if trained is None or _ratio(trained, data) < (UNLIKE if sampled is not None else 1 + 1e-9):
            return network, about, ""
        state = "undersampled already, " if sampled is not None else "sampled at "
        return network, about, f"{state}{data:.3g}x, and {about['weights']} was trained for {trained:g}x"

    @property
    def _shipped(self) -> bool:
        name = self.model.partition("_")[0]
        return self.file is None and name in zoo.MODELS and zoo.MODELS[name].learned

    def _load(self, acceleration: float) -> tuple[Model, dict[str, Any]]:
        if acceleration not in self._loaded:
            network = zoo.load(self.model, acceleration, file=self.file)
            about: dict[str, Any] = {}
            if isinstance(network, torch.nn.Module):
                network = network.to(self.device)
                path = self.file or zoo.shipped(self.model, acceleration)
                assert path is not None
                about = {"weights": path.name, "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
                stated = acceleration if self.file is None else _trained_for(weights.read(path)[1], acceleration)
                if stated is not None:
                    about["weights_acceleration"] = float(stated)
            self._loaded[acceleration] = network, about
        return self._loaded[acceleration]


def _trained_for(about: dict[str, Any], wanted: float) -> float | None:
    """The acceleration in a weights file's header, if it says one; of several that were mixed the nearest."""
    settings = about.get("settings")
    for said in (about, settings if isinstance(settings, dict) else {}):
        also = said.get("also")
        each = [said.get("acceleration"), *(also if isinstance(also, list) else [])]
        stated = [float(a) for a in each if isinstance(a, int | float) and a >= 1]
        if stated:
            return min(stated, key=lambda a: _ratio(a, wanted))
    return None


def _ratio(a: float, b: float) -> float:
    return max(a / b, b / a)


def parse_slices(text: str | None) -> slice:
    """Slices of '5', '3:7' (3 to 6, as Python counts), '3:' or ':7'; all for None.

    Raises:
        UsageError: for anything else.
    """
    if text is None:
        return slice(None)
    first, colon, last = text.partition(":")
    if not all(part.isascii() and (part.isdigit() or not part) for part in (first, last)) or not (first or last):
        raise UsageError(f"--slices {text}: expected one slice like 5, or a range like 3:7, which is 3 to 6")
    start, stop = int(first or 0), int(last) if last else None
    stop = start + 1 if not colon else stop
    if stop is not None and stop <= start:
        raise UsageError(f"--slices {text}: a range that holds no slice; 3:7 is 3 to 6")
    return slice(start, stop)


def destinations(output: Path, files: list[Path]) -> dict[Path, Path]:
    """Where each volume's reconstruction goes: into a folder, or to one file where OUT ends in .h5.

    Raises:
        UsageError: for one file and several volumes, or when a reconstruction would replace a volume.
    """
    single = output.suffix.lower() == ".h5" and not output.is_dir()
    if single and len(files) > 1:
        raise UsageError(f"{output}: one file for {len(files)} volumes; give a folder's name, without .h5")
    places = {path: output if single else output / path.name for path in files}
    if {place.resolve() for place in places.values()} & {path.resolve() for path in files}:
        raise UsageError(
            f"{output}: reconstructions would replace the volumes they are made from; choose another folder"
        )
    return places
