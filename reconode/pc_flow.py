r"""Beyond the paper: PC-Flow, fewer parameters than LT-RK4, found by a small search.

The search is ``benchmarks/experiment/beyond.py``. The paper spends its parameters on stages and on attention between
them, the same in each of N steps. PC-Flow takes plain Euler steps and spends them on time: θ(t) is constant on five
pieces of [0, 1], three steps each. And each step is a predictor and a corrector that know of each other: the network
proposes, data consistency corrects, and the next step sees the correction c, which says where, and by how much, the
last proposal disagreed with the data,

.. math:: \tilde x = x + g_p(x, c), \qquad x = \mathrm{DC}(\tilde x, y), \qquad c = x - \tilde x .

With hard data consistency the residual Eᴴ(E x − y) is zero after each step: c is what is left of it.

With `history` a step also sees where the last one led, x − x₋₁, as a method with momentum does, or a linear multistep
method, which an ODE's solver would be called that looks back:

.. math:: \tilde x = x + g_p(x, c, x - x_{-1}) .
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reconode.baselines import plain_cnn
from reconode.networks import to_channels, to_complex
from reconode.physics import MRIOperator

LAYERS = 5


class PCFlow(nn.Module):
    """Euler steps with parameters piecewise constant in time, each fed the data's correction of the last.

    147,530 parameters. One piece more or less changes the parameters; more steps a piece only the compute.

    Args:
        pieces: of [0, 1], each with a network of its own.
        repeats: Euler steps a piece.
        history: whether a step sees where the last one led; 150,410 parameters then.
    """

    def __init__(self, pieces: int = 5, repeats: int = 3, history: bool = False) -> None:
        super().__init__()
        self.repeats, self.history = repeats, history
        self.pieces = nn.ModuleList(plain_cnn(LAYERS, inputs=6 if history else 4) for _ in range(pieces))

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        return self.trajectory(y, E)[-1]

    def trajectory(self, y: Tensor, E: MRIOperator) -> list[Tensor]:
        """The images after 0, 1, …, pieces × repeats steps."""
        states = [E.H(y)]
        x = to_channels(states[0])
        before, correction = x, torch.zeros_like(x)
        for g in self.pieces:
            for _ in range(self.repeats):
                seen = (x, correction, x - before) if self.history else (x, correction)
                proposed = x + g(torch.cat(seen, dim=1))
                states.append(E.enforce(to_complex(proposed), y))
                before, x = x, to_channels(states[-1])
                correction = x - proposed
        return states
