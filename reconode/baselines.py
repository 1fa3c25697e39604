"""The paper's baselines: U-Net, D5C5 and KIKI-Net, each with data consistency, each a ``model(y, E)``."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reconode.networks import CHANNELS, to_channels, to_complex
from reconode.physics import KSPACE, MRIOperator, fft, ifft


def plain_cnn(layers: int, channels: int = CHANNELS, inputs: int = 2) -> nn.Sequential:
    """3 × 3 convolutions with ReLU between, two channels out."""
    widths = [inputs, *[channels] * (layers - 1), 2]
    modules: list[nn.Module] = []
    for i, o in pairwise(widths):
        modules += [nn.Conv2d(i, o, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class D5C5(nn.Module):
    """Deep cascade of CNNs (Schlemper et al. 2018): five times a five-layer residual CNN and data consistency.

    144,650 parameters; the cascades share none.
    """

    def __init__(self, cascades: int = 5, layers: int = 5) -> None:
        super().__init__()
        self.cascades = nn.ModuleList(plain_cnn(layers) for _ in range(cascades))

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        x = E.H(y)
        for cnn in self.cascades:
            x = E.enforce(x + to_complex(cnn(to_channels(x))), y)
        return x


class KIKINet(nn.Module):
    """KIKI-Net (Eo et al. 2018): networks in k-space and image space in turn, data consistency after each.

    K-I-K-I with ten layers each: 300,680 parameters, as Table 1 prints them; the paper doesn't state the depth. Both
    kinds of network are residual.
    """

    def __init__(self, blocks: int = 2, layers: int = 10) -> None:
        super().__init__()
        self.k_networks = nn.ModuleList(plain_cnn(layers) for _ in range(blocks))
        self.i_networks = nn.ModuleList(plain_cnn(layers) for _ in range(blocks))

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        x = E.H(y)
        for in_kspace, in_image in zip(self.k_networks, self.i_networks, strict=True):
            change = to_complex(in_kspace(to_channels(fft(x, KSPACE))))
            x = E.enforce(x + ifft(change, KSPACE), y)
            x = E.enforce(x + to_complex(in_image(to_channels(x))), y)
        return x


class UNet(nn.Module):
    """fastMRI's first U-Net (Zbontar et al. 2018) on real and imaginary channels, then data consistency.

    3,348,536 parameters: instance norm without affine, bilinear upsampling, a head of three 1 × 1 convolutions. Not
    today's fastMRI U-Net, which has transposed convolutions and 7,756,418. It predicts what is missing: its output is
    added to the zero-filled image.

    Args:
        channels: of the first level; doubled three times.
        dropout: probability that a channel is dropped in training.
    """

    def __init__(self, channels: int = CHANNELS, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [channels, 2 * channels, 4 * channels, 8 * channels]
        self.down = nn.ModuleList(_unet_block(i, o, dropout) for i, o in zip([2, *widths], widths, strict=False))
        self.bottleneck = _unet_block(widths[-1], widths[-1], dropout)
        outs = [*widths[-2::-1], channels]
        self.up = nn.ModuleList(_unet_block(2 * i, o, dropout) for i, o in zip(widths[::-1], outs, strict=True))
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels // 2, 2, 1), nn.Conv2d(2, 2, 1)
        )

    def network(self, x: Tensor) -> Tensor:
        """Image channels ``(batch, 2, rows, columns)`` in and out, any size: padded to a multiple of 16."""
        rows, columns = x.shape[-2:]
        x = F.pad(x, (0, -columns % 16, 0, -rows % 16), mode="replicate")
        skips: list[Tensor] = []
        for block in self.down:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.bottleneck(x)
        for block in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skips.pop()], dim=1))
        return self.head(x)[..., :rows, :columns]

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        """Masked data and their operator to the complex image ``(batch, rows, columns)``."""
        x = E.H(y)
        return E.enforce(x + to_complex(self.network(to_channels(x))), y)


def _unet_block(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Twice: 3 × 3 convolution, instance norm, ReLU, dropout."""
    modules: list[nn.Module] = []
    for i in (inputs, outputs):
        modules += [
            nn.Conv2d(i, outputs, kernel_size=3, padding=1),
            nn.InstanceNorm2d(outputs),
            nn.ReLU(),
            nn.Dropout2d(dropout),
        ]
    return nn.Sequential(*modules)
