"""Weights as safetensors: loaded without executing anything, only whole, and only into the network of their training.

The file's header has a hash over everything that :func:`write` was given, which :func:`read` checks. The weights that
come with the library were written before there was one; ``trained/SHA256SUMS`` has the hashes of those files.
"""

from __future__ import annotations

import hashlib
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
"""Where the weights are that come with the library, ``NAME_VARIANT_4x.safetensors``.

:meta hide-value:
"""
SUMS = "SHA256SUMS"
"""The hashes of a folder's files of weights, as ``sha256sum`` writes and checks them."""

ABOUT, HASH = "reconode", "sha256"
"""The keys of the header: what the tensors are, as JSON, and the hash over that and them."""
HASHED = "hashed"
"""A key of that JSON, which says that there must be a hash."""
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def shipped(name: str, acceleration: float) -> Path | None:
    """The library's own weights for a model and acceleration, if there are any."""
    path = SHIPPED / f"{name}_{acceleration:g}x.safetensors"
    return path if path.is_file() else None


def write(path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and what they are, whole or not at all, with a hash over all of it.

    Args:
        path: the file.
        tensors: by name; on any device.
        about: plain values, kept as JSON in the file's header; ``model`` names the network.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, HASHED: True}, sort_keys=True)
    write_whole(path, save(plain, {ABOUT: text, HASH: digest(plain, text)}))


def digest(tensors: Mapping[str, Tensor], about: str) -> str:
    """SHA-256 over what a file says and over each tensor: its name, type, shape and bytes, in the order of names."""
    sha = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


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
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            about = json.loads(metadata.get(ABOUT, "null"))
    except (SafetensorError, ValueError, OSError, RecursionError, AttributeError, TypeError, RuntimeError) as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}); copy it again, or train again") from error
    if not isinstance(about, dict) or not isinstance(about.get("model"), str):
        raise DataError(f"{path}: safetensors, but not from reconode: it does not say which model it is of")
    hashed = about.pop(HASHED, False) or HASH in metadata
    if not metadata.keys() <= {ABOUT, HASH} or (hashed and metadata.get(HASH) != digest(tensors, metadata[ABOUT])):
        raise DataError(f"{path}: damaged: its content doesn't match its checksum; copy it again, or train again")
    if path.parent == SHIPPED:
        _check_sum(path)
    return tensors, about


def load(model: nn.Module, name: str, path: str | Path) -> dict[str, Any]:
    """Put a file's weights into a network and return what the file says of itself.

    Raises:
        DataError: for a file that cannot be read, or is of another network; nothing is changed then.
    """
    tensors, about = read(path)
    if about["model"] != name:
        raise DataError(f"{path}: weights of {about['model']}, not of {name}; load them as what they are")
    check_fit(model, name, tensors, path)
    model.load_state_dict(tensors)
    return about


def check_fit(model: nn.Module, name: str, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Whether tensors can be a network's: the same names and shapes, floating-point numbers, all finite.

    Raises:
        DataError: naming the first that cannot.
    """
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if expected != found:
        wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))[0]
        raise DataError(
            f"{path}: doesn't fit {name}: {wrong} is {found.get(wrong, 'missing')} there, "
            f"{expected.get(wrong, 'unknown')} here"
        )
    check_numbers(tensors, path)


def check_numbers(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Whether tensors are floating-point numbers, all finite.

    Raises:
        DataError: naming the first that is not.
    """
    for key, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            raise DataError(f"{path}: {key} is {str(tensor.dtype).removeprefix('torch.')}; expected float32")
        if not bool(torch.isfinite(tensor).all()):
            raise DataError(f"{path}: {key} has NaN or Inf; the training that wrote it failed")


def write_sums(folder: Path) -> Path:
    """Write :data:`SUMS` for a folder's files of weights."""
    lines = [f"{_sum(path)}  {path.name}\n" for path in sorted(folder.glob("*.safetensors"))]
    write_whole(folder / SUMS, "".join(lines))
    return folder / SUMS


def read_sums(folder: Path) -> dict[str, str]:
    """The hash of each file that :data:`SUMS` names."""
    lines = (folder / SUMS).read_text().splitlines() if (folder / SUMS).is_file() else []
    return {name: value for value, _, name in (line.partition("  ") for line in lines)}


def _check_sum(path: Path) -> None:
    expected = read_sums(path.parent).get(path.name)
    if expected is not None and expected != _sum(path):
        raise DataError(
            f"{path}: damaged: these weights came with the library, and {SUMS} has another hash; install it again"
        )


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
