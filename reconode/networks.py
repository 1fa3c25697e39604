"""The paper's networks: time-dependent convolution, the dynamics f, the stages G_i and the attention G (Fig. 2).

Complex images end at their border: inside, an image is two real channels, ``(batch, 2, rows, columns)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reconode.errors import UsageError

CHANNELS = 32
LAYERS = 5
"""Width and depth of every network in the paper."""


def to_channels(x: Tensor) -> Tensor:
    """Complex ``(batch, rows, columns)`` to real ``(batch, 2, rows, columns)``."""
    return torch.view_as_real(x).movedim(-1, 1)


def to_complex(channels: Tensor) -> Tensor:
    """Inverse of :func:`to_channels`; in single precision at least, since FFTs have no half-precision complex."""
    real = channels if channels.dtype == torch.float64 else channels.float()
    return torch.view_as_complex(real.movedim(1, -1).contiguous())


class TimeConv2d(nn.Conv2d):
    r"""Convolution of an image and the time: scaled time is one more input channel, the same at each pixel (Fig. 2A–B).

    The scaled time is :math:`\tau = \alpha t + \beta` with a learned α and β for each layer. The paper concatenates a
    map full of τ to the input. Convolving a constant map gives a constant, :math:`\tau \sum w`, except within the
    kernel's reach of the border, where taps fall on padded zeros: a small matrix product says which, and
    :meth:`forward` needs no wider input copied to new memory. :meth:`concatenated` is the paper's form.

    Args:
        inputs: image channels; the weight has one more, the last, for the time.
        outputs: channels out.
        dilation: of the 3 × 3 kernel.
    """

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(inputs + 1, outputs, kernel_size=3, padding=dilation, dilation=dilation)
        self.alpha = nn.Parameter(torch.ones(()))
        self.beta = nn.Parameter(torch.zeros(()))

    def forward(self, t: float | Tensor, x: Tensor, seen: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """`x` ``(batch, inputs, rows, columns)`` at time `t` to ``(batch, outputs, rows, columns)``.

        `seen` is what :func:`inside` says of the size, for layers in a row that share it.
        """
        image, clock = self.weight[:, :-1], self.weight[:, -1]
        tau = self.alpha * t + self.beta
        height, width = x.shape[-2:]
        seen = inside(height, width, self.dilation[0], x) if seen is None else seen
        taps = (tau * clock).flatten(1).T.to(x.dtype).expand(x.shape[0], -1, -1)
        out = F.conv2d(x, image, self.bias, padding=self.padding, dilation=self.dilation)
        # One product for each image of the batch: a broadcast sum would be added up over the batch on the way back.
        timed = torch.baddbmm(out.flatten(2).mT, seen.expand(x.shape[0], -1, -1), taps)
        return timed.mT.unflatten(2, (height, width))

    def concatenated(self, t: float | Tensor, x: Tensor) -> Tensor:
        """The same by the paper's words: concatenate a map of the scaled time, then convolve."""
        tau = (self.alpha * t + self.beta).to(x.dtype).expand(x.shape[0], 1, *x.shape[-2:])
        return super().forward(torch.cat([x, tau], dim=1))


def inside(height: int, width: int, dilation: int, like: Tensor) -> Tensor:
    """Which of a 3 × 3 kernel's nine taps fall inside the image: zeros and ones ``(height · width, 9)``.

    Args:
        height: rows of the image.
        width: its columns.
        dilation: of the kernel.
        like: gives device and precision.
    """
    taps = torch.arange(-dilation, dilation + 1, dilation, device=like.device)

    def axis(size: int) -> Tensor:
        reached = torch.arange(size, device=like.device)[:, None] + taps
        return ((reached >= 0) & (reached < size)).to(like.dtype)

    return (axis(height)[:, None, :, None] * axis(width)[None, :, None, :]).reshape(height * width, 9)


class Dynamics(nn.Module):
    """Five time-dependent convolutions: f of Eq. 5 (Fig. 2A–B), and each stage G_i of Eq. 12.

    30,110 parameters for an image alone: 3 → 32, three times 33 → 32, 33 → 2 channels, and two numbers a layer that
    scale the time.

    Args:
        inputs: images that it looks at: x, and for a stage the slopes before it.
        dilation: of each convolution.
        channels: width.
        timed: False leaves the time out (an ablation): the flow is then autonomous.
    """

    def __init__(self, inputs: int = 1, dilation: int = 1, channels: int = CHANNELS, timed: bool = True) -> None:
        super().__init__()
        widths = [2 * inputs, *[channels] * (LAYERS - 1), 2]
        self.layers = nn.ModuleList(TimeConv2d(i, o, dilation) for i, o in pairwise(widths))
        self.dilation, self.timed = dilation, timed

    def forward(self, t: float | Tensor, x: Tensor) -> Tensor:
        """Time and image channels ``(batch, 2 · inputs, rows, columns)`` to a slope ``(batch, 2, rows, columns)``."""
        t = t if self.timed else 0.0
        # Once for all layers: kept for each, it would be a fourth of what autograd saves.
        seen = inside(x.shape[-2], x.shape[-1], self.dilation, x)
        for layer in self.layers[:-1]:
            x = F.relu(layer(t, x, seen))
        return self.layers[-1](t, x, seen)


class Attention(nn.Module):
    """G of Eq. 11 and 13: a weight in (0, 1) for each slope at each pixel, where a tableau has one number a stage.

    Our reading of the paper, which names an attention module and not its form: a five-layer network looks at all
    slopes and gives one map for each; a softmax over the slopes makes the maps weights.

    Args:
        stages: how many slopes.
        channels: width.
    """

    def __init__(self, stages: int, channels: int = CHANNELS) -> None:
        super().__init__()
        widths = [2 * stages, *[channels] * (LAYERS - 1), stages]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, kernel_size=3, padding=1) for i, o in pairwise(widths))

    def weights(self, slopes: Sequence[Tensor]) -> Tensor:
        """``(batch, stages, rows, columns)``, positive, summing to one at each pixel."""
        z = torch.cat(list(slopes), dim=1)
        for layer in self.layers[:-1]:
            z = F.relu(layer(z))
        return self.layers[-1](z).softmax(dim=1)

    def forward(self, slopes: Sequence[Tensor]) -> Tensor:
        """The slopes' weighted sum, ``(batch, 2, rows, columns)``."""
        weights = self.weights(slopes)
        return torch.stack([weights[:, i : i + 1] * slope for i, slope in enumerate(slopes)]).sum(0)


class Scalars(nn.Module):
    """One learned number a stage in the attention's place: the a_i of a learned tableau (an ablation)."""

    def __init__(self, stages: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.full((stages,), 1 / stages))

    def forward(self, slopes: Sequence[Tensor]) -> Tensor:
        """Σ aᵢ Fᵢ."""
        return torch.stack([a * slope for a, slope in zip(self.a, slopes, strict=True)]).sum(0)


def falling_dilations(stages: int) -> tuple[int, ...]:
    """s, s − 1, …, 1: wide first, then finer, as the paper says; its numbers are not given."""
    if stages < 1:
        raise UsageError(f"a solver has at least one stage, not {stages}")
    return tuple(range(stages, 0, -1))


def count_parameters(model: object) -> int:
    """Trainable numbers of a model; 0 for one that is not learned."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad) if isinstance(model, nn.Module) else 0
