"""Random numbers of one slice: drawn on the CPU from a key, so that every device and every batch sees the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Item = TypeVar("Item")


class Draws:
    """A stream of random numbers named by a key of integers, e.g. ``Draws(seed, slice, purpose)``.

    Keys are hashed (numpy's SeedSequence), so neighboring seeds and slices share nothing. Each purpose (anatomy,
    texture, acquisition, noise) has its own stream: asking for another noise level leaves the anatomy as it was.
    """

    def __init__(self, *key: int) -> None:
        state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
        self.generator = torch.Generator().manual_seed(int(state) >> 1)  # torch wants 63 bits

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def log_uniform(self, low: float, high: float) -> float:
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def near(self, value: float, spread: float) -> float:
        """`value` times a factor drawn uniformly from 1 - spread to 1 + spread."""
        return value * self.uniform(1 - spread, 1 + spread)

    def chance(self, probability: float) -> bool:
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.integer(0, len(items) - 1)]

    def normal(self, *shape: int, complex_values: bool = False) -> Tensor:
        """Standard normal numbers on the CPU; complex ones have unit variance in all, half in each part."""
        dtype = torch.complex64 if complex_values else torch.float32
        return torch.randn(*shape, generator=self.generator, dtype=dtype)

    def uniforms(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def rotation(self, angle: float) -> Tensor:
        """A rotation matrix ``(3, 3)`` about a random axis, by up to `angle` radians."""
        axis = self.normal(3)
        axis = axis / axis.norm() * self.uniform(-angle, angle)
        cross = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        return torch.linalg.matrix_exp(cross)
