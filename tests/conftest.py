"""Fixtures that every test may use: small volumes, and the shared real data when it is there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from reconode import fastmri
from reconode.physics import fft

torch.set_num_threads(1)  # small images on few cores: more threads only wait for each other

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real MR data beside the checkout; a test that asks for it is skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data here")
    return SHARED


def smooth_images(count: int, rows: int, columns: int, seed: int = 0) -> Tensor:
    """Complex images with an object in the middle: low-pass noise times a soft ellipse, at most about 1."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, rows, columns, dtype=torch.complex64, generator=generator)
    v = torch.linspace(-1, 1, rows)[:, None]
    u = torch.linspace(-1, 1, columns)
    window = torch.exp(-((v / 0.15) ** 2) - (u / 0.15) ** 2)
    texture = fft(noise) * window
    texture = fft(texture).abs() / 4 + 0.4
    return (texture * torch.sigmoid(20 * (0.8 - (v**2 / 0.6 + u**2).sqrt()))).to(torch.complex64)


def coil_maps(coils: int, rows: int, columns: int) -> Tensor:
    """Smooth complex sensitivities, sum of squares 1: ``(coils, rows, columns)``."""
    v = torch.linspace(-1, 1, rows)[:, None]
    u = torch.linspace(-1, 1, columns)
    angles = [2 * torch.pi * c / coils for c in range(coils)]
    maps = torch.stack(
        [
            torch.exp(-((v - 1.2 * torch.sin(torch.tensor(a))) ** 2 + (u - 1.2 * torch.cos(torch.tensor(a))) ** 2) / 2)
            * torch.exp(1j * (a + 0.5 * u * v))
            for a in angles
        ]
    )
    return (maps / maps.abs().square().sum(0).sqrt()).to(torch.complex64)


@pytest.fixture
def make_volume(tmp_path: Path) -> Callable[..., Path]:
    """Write a small valid volume: ``make_volume("a.h5", slices=3, coils=1, rows=64, columns=36, recon=(32, 32))``."""

    def make(
        name: str = "a.h5",
        slices: int = 3,
        coils: int = 1,
        rows: int = 64,
        columns: int = 36,
        recon: tuple[int, int] = (32, 32),
        seed: int = 0,
        mask: Tensor | None = None,
        acquisition: str = "CORPD_FBK",
    ) -> Path:
        images = 1e-4 * smooth_images(slices, rows, columns, seed)
        if coils > 1:
            images = images[:, None] * coil_maps(coils, rows, columns)
        path = tmp_path / name
        fastmri.write(path, fft(images), acquisition=acquisition, recon=recon, mask=mask)
        return path

    return make


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB; skipped where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", folder], check=True)
