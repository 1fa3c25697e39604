"""Pictures of the reader's own in the bench: reconstructed as Python does, and a sentence for what is no picture."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import torch
from benches import WIDTHS, Bench

from reconode import masks
from reconode.physics import HYBRID, fft


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def load(page: Any, name: str, content: bytes) -> str:
    """Choose a file and return what the bench says of it."""
    message = page.locator(".message").first
    message.evaluate("e => e.textContent = ''")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})
    page.wait_for_function(
        "() => document.querySelector('.reconode-widget').shadowRoot.querySelector('.message').textContent"
    )
    return str(message.inner_text())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_of_ones_own(bench: Bench, width: int) -> None:
    from PIL import Image

    page = bench.open("full.html#models=lt-euler", width)
    bench.start()
    rng = np.random.RandomState(0)
    smooth = np.cumsum(np.cumsum(rng.normal(size=(70, 90)), 0), 1)
    values = np.abs(smooth) * np.exp(0.3j)
    assert "90 × 70 pixels" in load(page, "mine.npy", npy(np.asfortranarray(values.astype(">c16"))))
    image = torch.from_numpy(values / np.abs(values).max())
    mask = masks.random(90, 4, center_fraction=7 / 90, seed=0)
    hybrid = fft(image, HYBRID).to(torch.complex64)
    bench.agrees(mask, {"lt-euler": 4}, hybrid, image.abs().float())

    grey = (255 * np.abs(values) / np.abs(values).max()).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    assert "stays on this machine" in load(page, "mine.png", file.getvalue())
    image = torch.from_numpy(grey / grey.max())
    bench.agrees(mask, {"lt-euler": 4}, fft(image, HYBRID).to(torch.complex64), image.float())
    page.get_by_role("button", name="Back to the knee").click()
    bench.agrees(masks.random(72, 4, center_fraction=6 / 72, seed=0), {"lt-euler": 4})


def png_header(columns: int, rows: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", columns, rows) + bytes(9)


def npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(100)


HOSTILE = {
    "hundred megapixels": (png_header(10_000, 10_000), "10000 × 10000 pixels"),
    "broken.png": (png_header(64, 64) + b"nothing", "damaged"),
    "pickles.npy": (npy(np.array([{"a": 1}], dtype=object)), "pickled"),
    "ten gigabytes": (
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (40000, 40000), }\n"),
        "12.8 GB",
    ),
    "nan.npy": (npy(np.full((64, 64), np.nan)), "NaN"),
    "infinite.npy": (npy(np.where(np.eye(64) > 0, np.inf, 1.0)), "infinite"),
    "black.npy": (npy(np.zeros((64, 64))), "black everywhere"),
    "volume.npy": (npy(np.ones((3, 64, 64))), "3 axes"),
    "text.npy": (npy(np.full((64, 64), "a")), "no plain numbers"),
    "short.npy": (npy(np.ones((64, 64)))[:-8], "cut off"),
    "strip.npy": (npy(np.ones((4000, 40))), "not a strip"),
    "notes.txt": (b"hello", "neither PNG, JPEG nor .npy"),
    "empty": (b"", "neither"),
}


def test_hostile_pictures(bench: Bench) -> None:
    """A sentence each, and the page goes on as it was."""
    page = bench.open("full.html#models=lt-euler")
    bench.start()
    before = bench.number("model0-psnr")
    for name, (content, words) in HOSTILE.items():
        said = load(page, name, content)
        assert words in said and said.endswith("."), (name, said)
    bench.pick("FT-Euler")
    bench.finish()
    bench.pick("LT-Euler")
    bench.finish()
    assert bench.number("model0-psnr") == before
