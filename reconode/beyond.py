r"""Beyond the paper: one model of at most 0.15M parameters, put together from ideas that a search tried one by one.

The flow of the paper with two changes. The parameters θ(t) are constant on pieces of [0, 1], several small Euler steps
each, where LT-RK4 spends its parameters on stages and attention. And the state is more than the image: memory channels
flow along (an *augmented* neural ODE, Dupont et al. 2019), and each step sees what data consistency had to change after
the last, so that later steps know what earlier ones found out,

.. math:: (x, a) \leftarrow (x, a) + g_p(x, a, c), \quad x \leftarrow \mathrm{DC}(x, y), \quad
          c \leftarrow \text{what DC changed}.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from reconode.networks import CHANNELS, to_channels, to_complex
from reconode.physics import MRIOperator


class AugmentedFlow(nn.Module):
    """Euler steps of an image with memory, parameters piecewise constant in time.

    Args:
        pieces: of [0, 1], each with parameters of its own.
        repeats: Euler steps a piece.
        memory: real channels that flow along with the image.
        correction: whether a step sees what data consistency changed after the last.
        dilations: of a step's five convolutions.
        activation: between them.
        channels: width.
    """

    def __init__(
        self,
        pieces: int = 5,
        repeats: int = 1,
        memory: int = 0,
        correction: bool = False,
        dilations: tuple[int, ...] = (1, 1, 1, 1, 1),
        activation: Callable[[], nn.Module] = nn.ReLU,
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        self.repeats, self.memory, self.correction = repeats, memory, correction
        seen = 2 + memory + 2 * correction
        self.pieces = nn.ModuleList(
            network([seen, *[channels] * (len(dilations) - 1), 2 + memory], dilations, activation)
            for _ in range(pieces)
        )

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return self.trajectory(y, E)[-1]

    def trajectory(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """The images after 0, 1, … steps."""
        x = E.H(y)
        states, image = [x], to_channels(x)
        memory = image.new_zeros(len(image), self.memory, *image.shape[-2:])
        changed = torch.zeros_like(image)
        for g in self.pieces:
            for _ in range(self.repeats):
                step = g(torch.cat([image, memory, changed] if self.correction else [image, memory], dim=1))
                proposed = image + step[:, :2]
                memory = memory + step[:, 2:]
                states.append(E.enforce(to_complex(proposed), y))
                image = to_channels(states[-1])
                changed = image - proposed
        return states


def network(widths: list[int], dilations: tuple[int, ...], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """3 × 3 convolutions with an activation between each two."""
    layers: list[nn.Module] = []
    for (inputs, outputs), dilation in zip(pairwise(widths), dilations, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), activation()]
    return nn.Sequential(*layers[:-1])
