"""Dead ReLUs: channels that are off at every pixel of every slice, and layers in which all are.

A ReLU that is never on passes no gradient, so a channel that has died stays dead while its inputs stay what they are.
Some in each layer are common and harmless. A layer in which *all* are off cuts the network: what follows it sees a
constant. Scores don't say so, so training looks at each validation (:func:`reconode.train.validate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

RELUS = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)


@dataclass
class Rectifier:
    """A ReLU of a network: the module that calls it, and which of that module's ReLUs it is, from 1.

    `on` says of each channel whether it was ever on.
    """

    module: str
    number: int
    on: Tensor

    @property
    def name(self) -> str:
        """For a message."""
        return f"{self.module or 'the network'}, ReLU {self.number}"

    @property
    def dead(self) -> int:
        """How many of its channels were never on."""
        return int((~self.on).sum())

    @property
    def silent(self) -> bool:
        """Whether none was."""
        return not bool(self.on.any())


@dataclass
class Found:
    """Every ReLU that :func:`watch` saw, in the order of the network."""

    rectifiers: dict[tuple[str, int], Rectifier] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Rectifier]:
        return iter(self.rectifiers.values())

    @property
    def dead(self) -> int:
        """Dead channels, of all ReLUs together."""
        return sum(r.dead for r in self)

    @property
    def silent(self) -> list[str]:
        """Names of the ReLUs none of whose channels was ever on."""
        return [r.name for r in self if r.silent]


def warning(silent: Sequence[str]) -> str:
    """One sentence for whoever trained a network with such ReLUs."""
    return (
        f"dead: {'; '.join(silent)}: none of the channels is ever on, so what follows sees a constant, and training "
        "does not bring it back; try another seed or a lower learning rate"
    )


@contextmanager
def watch(model: nn.Module, found: Found | None = None) -> Iterator[Found]:
    """Note, of every ReLU that the network computes in this block, which channels are on.

    Looks at the middle half of the rows and columns of each map: padding makes a border where a channel can be on that
    is off everywhere else. ``nn.ReLU``, ``F.relu`` and ``Tensor.relu`` are seen alike; not what `torch.compile` made.

    Args:
        model: a network whose ReLUs have maps ``(batch, channels, rows, columns)`` or vectors ``(batch, channels)``.
        found: goes on with what an earlier block noted; None begins anew.
    """
    noted = Found() if found is None else found
    inside, counts = [""], {"": 0}

    def enter(name: str) -> Any:
        def hook(module: nn.Module, seen: Any) -> None:
            inside.append(name)
            counts[name] = 0

        return hook

    def leave(module: nn.Module, seen: Any, out: Any) -> None:
        inside.pop()

    class Look(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if func in RELUS:
                name = inside[-1]
                counts[name] += 1
                note(noted, name, counts[name], out.detach())
            return out

    named = [(name, module) for name, module in model.named_modules() if name]
    hooks = [module.register_forward_pre_hook(enter(name)) for name, module in named]
    hooks += [module.register_forward_hook(leave, always_call=True) for _, module in named]
    try:
        with Look():
            yield noted
    finally:
        for hook in hooks:
            hook.remove()


def note(found: Found, module: str, number: int, out: Tensor) -> None:
    """Add what one call of a ReLU returned."""
    if out.ndim == 4:
        rows, columns = out.shape[-2:]
        out = out[..., rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    on = (out > 0).movedim(1, 0).flatten(1).any(1)
    known = found.rectifiers.setdefault((module, number), Rectifier(module, number, on))
    known.on = known.on | on
