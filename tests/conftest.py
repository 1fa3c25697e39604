"""Fixtures that every test may use: small volumes, the shared real data when it is there, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from reconode.data import fastmri
from reconode.physics import fft

torch.set_num_threads(1)  # small images on few cores: more threads only wait for each other

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function that makes a file system of so many KiB; skips where this user may not mount one."""
    mount, made = shutil.which("mount"), list[Path]()

    def make(size: int) -> Path:
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        command = [str(mount), "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
        if mount is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("cannot mount a tmpfs here")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def knees(make_volume: Callable[..., Path]) -> Path:
    """A folder of four small knees of three slices each."""
    for n in range(4):
        path = make_volume(f"knees/k{n}.h5", slices=3, seed=n, rows=64, columns=48, recon=(40, 40))
    return path.parent


@pytest.fixture
def small_disk(disk: Callable[[int], Path]) -> Path:
    """A file system of 256 KiB."""
    return disk(256)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium: one that is installed, else Playwright's; without one the test skips, or fails if it is required."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'reconode[test]'")
    with playwright.sync_playwright() as started:
        found = next(filter(None, map(shutil.which, CHROMIUMS)), None) or started.chromium.executable_path
        if not Path(found).exists():
            words = "no Chromium here: install one, or run .venv/bin/playwright install chromium"
            (pytest.fail if os.environ.get("RECONODE_BROWSER") == "required" else pytest.skip)(words)
        opened = started.chromium.launch(executable_path=str(found), args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must stay without errors and ask nobody for anything but the file that it shows."""
    opened = browser.new_page(viewport={"width": 1000, "height": 1000}, color_scheme="light")
    wrong: list[str] = []
    opened.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda r: None if r.url.startswith(("file:", "data:", "about:")) else wrong.append(r.url))
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()
    assert not wrong


@pytest.fixture
def show(page: Any, tmp_path: Path) -> Any:
    """Open a widget's own page from the disk, as a reader would by hand."""

    def opened(widget: Any) -> Any:
        widget.save(tmp_path / "page.html")
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
        return page

    return opened


@pytest.fixture(scope="module")
def benches_served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The site of :mod:`benches`."""
    from benches import site

    with site(browser, tmp_path_factory.mktemp("bench")) as served:
        yield served


@pytest.fixture
def bench(benches_served: Any) -> Iterator[Any]:
    """A :class:`benches.Bench` on that site."""
    with benches_served.visits() as bench:
        yield bench
