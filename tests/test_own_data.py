"""The page *Your own data* does what it says: its code and its commands run in order on a small synthetic array."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import coil_maps, smooth_images
from typer.testing import CliRunner

from reconode import evaluate, masks
from reconode.cli.__main__ import app
from reconode.data import fastmri
from reconode.physics import fft

PAGE = (Path(__file__).parents[1] / "book" / "own_data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)
NOISE = 0.02


def walk(folder: Path) -> tuple[dict[str, Any], str]:
    """Run the page's blocks in order; the names that its Python made, and all that was printed."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    for kind, text in BLOCKS:
        if kind == "python":
            with contextlib.redirect_stdout(printed):
                exec(compile(text, "own_data.md", "exec"), names)
            continue
        assert kind == "console", f"a block of {kind}, which this test does not run"
        for line in text.splitlines():
            assert line.startswith("$ reconode "), line
            result = CliRunner().invoke(app, shlex.split(line)[2:])
            assert result.exit_code == 0, line + "\n" + result.output
            printed.write(result.stdout)
    return names, printed.getvalue()


@pytest.fixture
def images() -> torch.Tensor:
    noise = torch.randn(3, 64, 48, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    clean = smooth_images(3, 64, 48)
    # The real part of a complex unit normal has variance 1/2.
    return clean + noise * NOISE * 2**0.5 * float(clean.abs().max())


def test_every_block_runs(tmp_path, monkeypatch, images):
    monkeypatch.chdir(tmp_path)
    np.save("kspace.npy", fft(images).numpy())
    _, printed = walk(tmp_path)
    assert "k-space peaks at (32, 24) of (64, 48)" in printed
    assert "ft-euler ft-euler_20k_4x.safetensors" in printed
    assert "1 volume, 2 slices by tv" in printed
    share = float(re.search(r"noise: ([\d.]+)% of it", printed)[1]) / 100
    assert share == pytest.approx(NOISE, rel=0.3)
    for name in ("look.png", "scores.png", "part.png"):
        assert Path(name).read_bytes().startswith(b"\x89PNG")
    assert evaluate.read("part.h5").image.shape == (2, 64, 48)


def test_the_mends_mend(tmp_path, monkeypatch, images):
    monkeypatch.chdir(tmp_path)
    kspace = fft(images).numpy()
    np.save("kspace.npy", kspace)
    mends = {}
    code = next(text for kind, text in BLOCKS if "def centred" in text)
    exec(code, {"np": np}, mends)
    np.testing.assert_array_equal(mends["centred"](np.fft.ifftshift(kspace, axes=(-2, -1))), kspace)
    rolled = fft(torch.roll(images, (32, 24), (-2, -1))).numpy()
    scale = np.abs(kspace).max()
    np.testing.assert_allclose(
        np.abs(np.fft.ifft2(mends["unrolled"](rolled))), np.abs(np.fft.ifft2(kspace)), atol=1e-5 * scale
    )


def test_the_readouts_oversampling_is_cropped_exactly(tmp_path, images):
    tall = torch.nn.functional.pad(images, (0, 0, 32, 32))
    fastmri.write(tmp_path / "a.h5", fft(tall), acquisition="MINE", recon=(64, 48))
    torch.testing.assert_close(fastmri.read(tmp_path / "a.h5").target, images.abs(), atol=1e-5, rtol=0)


def test_several_coils_and_undersampled_data(tmp_path, images):
    """The page's other forms of a file: coils without maps, and a mask of one's own."""
    coils = images[:, None] * coil_maps(4, 64, 48)
    mask = masks.random(48, 4, seed=1)
    fastmri.write(tmp_path / "coils.h5", fft(coils), acquisition="MINE")
    fastmri.write(tmp_path / "under.h5", fft(images), acquisition="MINE", mask=mask)
    for name in ("coils", "under"):
        words = [
            "reconstruct",
            str(tmp_path / f"{name}.h5"),
            str(tmp_path / f"{name}_out.h5"),
            "--model",
            "zero-filled",
        ]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert evaluate.read(tmp_path / f"{name}_out.h5").image.shape == (3, 64, 48)
    assert torch.equal(evaluate.read(tmp_path / "under_out.h5").mask, mask)
    assert fastmri.read(tmp_path / "under.h5").target is None
