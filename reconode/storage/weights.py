"""Weights as safetensors: loaded without executing anything, and only into the network that they were trained for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from reconode.errors import DataError
from reconode.storage.whole import write_whole

SHIPPED = Path(__file__).parent.parent / "trained"
"""Where the weights are that come with the library, ``NAME_4x.safetensors``.

:meta hide-value:
"""


def shipped(name: str, acceleration: float) -> Path | None:
    """The library's own weights for a model and acceleration, if there are any."""
    path = SHIPPED / f"{name}_{acceleration:g}x.safetensors"
    return path if path.is_file() else None


def write(path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and what they are, whole or not at all.

    Args:
        path: the file.
        tensors: by name; on any device.
        about: plain values, kept as JSON in the file's header; ``model`` names the network.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, save(plain, {"reconode": json.dumps(dict(about), sort_keys=True)}))


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and what they are.

    Raises:
        DataError: for a file that is missing, damaged, or not written by :func:`write`.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file of weights")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            about = json.loads((file.metadata() or {}).get("reconode", "null"))
    except (SafetensorError, ValueError, OSError) as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}); copy it again, or train again") from error
    if not isinstance(about, dict) or "model" not in about:
        raise DataError(f"{path}: safetensors, but not from reconode: it does not say which model it is of")
    return tensors, about


def load(model: nn.Module, name: str, path: str | Path) -> dict[str, Any]:
    """Put a file's weights into a network and return what the file says of itself.

    Raises:
        DataError: for a file that cannot be read, or is of another network; nothing is changed then.
    """
    tensors, about = read(path)
    if about["model"] != name:
        raise DataError(f"{path}: weights of {about['model']}, not of {name}; load them as what they are")
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if expected != found:
        wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))[0]
        raise DataError(
            f"{path}: doesn't fit {name}: {wrong} is {found.get(wrong, 'missing')} there, "
            f"{expected.get(wrong, 'unknown')} here"
        )
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise DataError(f"{path}: the weights have NaN or Inf; the training that wrote them failed")
    model.load_state_dict(tensors)
    return about
