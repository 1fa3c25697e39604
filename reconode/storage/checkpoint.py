"""A training's state as tensors by name: weights, the optimiser's state, random numbers; checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reconode.errors import DataError
from reconode.storage import weights

MODEL, OPTIMIZER, RANDOM = "model.", "optimizer.", "random"


def pack(model: nn.Module, optimizer: Any) -> dict[str, Tensor]:
    """All tensors that resuming needs."""
    tensors = {f"{MODEL}{key}": tensor for key, tensor in model.state_dict().items()}
    for number, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{number}.{key}": torch.as_tensor(value) for key, value in entry.items()}
    return tensors | {RANDOM: torch.get_rng_state()}


def unpack(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: Any, begun: bool, path: Path) -> None:
    """Put a checkpoint's tensors into a model, its optimiser and the random numbers; nothing is changed on an error.

    Args:
        tensors: of :func:`pack`.
        model: of the same architecture.
        optimizer: of the model's parameters, new.
        begun: whether a step was taken, so that there must be a state of the optimiser.
        path: of the file, for the messages.

    Raises:
        DataError: for tensors that are missing, of another shape or type, or not finite.
    """
    weights.check_fit(model, "this training's model", _part(tensors, MODEL), path)
    state = _optimizer_state(_part(tensors, OPTIMIZER), [p for g in optimizer.param_groups for p in g["params"]], path)
    if begun and not state:
        raise DataError(f"{path}: no state of the optimiser in it; a training cannot go on from it to the same numbers")
    random, now = tensors[RANDOM], torch.get_rng_state()
    if random.dtype != now.dtype or random.shape != now.shape:
        raise DataError(f"{path}: its random numbers are {tuple(random.shape)} of {random.dtype}; damaged")
    try:
        torch.set_rng_state(random)
    except RuntimeError as error:
        raise DataError(f"{path}: its random numbers are damaged ({error})") from error
    model.load_state_dict(_part(tensors, MODEL))
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _optimizer_state(
    tensors: Mapping[str, Tensor], parameters: list[Tensor], path: Path
) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        if not number.isdecimal() or int(number) >= len(parameters) or not name:
            raise DataError(f"{path}: {OPTIMIZER}{key} is of no parameter of this model")
        if value.ndim and value.shape != parameters[int(number)].shape:
            raise DataError(f"{path}: {OPTIMIZER}{key} has the shape {tuple(value.shape)}; its parameter has another")
        state.setdefault(int(number), {})[name] = value
    weights.check_numbers({OPTIMIZER + key: value for key, value in tensors.items()}, path)
    for index, entry in state.items():
        if entry.keys() != state[min(state)].keys() or "step" not in entry:
            raise DataError(f"{path}: the optimiser's state of parameter {index} is not whole")
    return state


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
