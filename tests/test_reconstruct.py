"""The bench in a browser: paint, pick, share, load a picture, at both widths; its numbers are Python's."""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from serving import serve
from test_parity import knee, python
from torch import Tensor

from reconode import masks, metrics
from reconode.physics import HYBRID, center_crop, fft, ifft
from reconode.teach.widgets import engine
from reconode.teach.widgets.reconstruct import reconstruct, rounded

WIDTHS = (390, 1280)
CROP = (64, 60)
SIZE = (64, 72)
DECIBELS = 0.01


class Bench:
    """Pages with the bench in both forms, served, and what goes on while one is open."""

    def __init__(self, browser: Any, address: str, data: Tensor) -> None:
        self.browser, self.address, self.data = browser, address, data
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page: Any = None

    def open(self, name: str, width: int = 1280, script: str = "", **context: Any) -> Any:
        """A page that has not been visited: nothing is kept from another."""
        self.close()
        self.wrong, self.requests = [], []
        context = self.browser.new_context(viewport={"width": width, "height": 900}, **context)
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if script:
            self.page.add_init_script(script)
        self.page.goto(self.address + name)
        self.page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
        return self.page

    def close(self) -> None:
        if self.page is not None:
            self.page.context.close()
            self.page = None

    def finish(self) -> None:
        """Wait for the answer to the last request."""
        self.page.wait_for_function(
            """() => {
                const { asked, done } = document.querySelector('.reconode-widget').shadowRoot
                    .querySelector('.card').dataset;
                return asked !== undefined && asked === done;
            }"""
        )

    def start(self) -> None:
        self.page.get_by_role("button", name="Reconstruct").click()
        self.finish()

    def number(self, key: str) -> float:
        return float(self.page.locator(f'[data-key="{key}"]').get_attribute("data-value"))

    def pick(self, model: str, group: str = "Model") -> None:
        self.page.locator("fieldset", has_text=re.compile(f"^{group}")).get_by_label(model, exact=True).check()

    def columns(self) -> tuple[list[float], float]:
        """Where the columns of k-space are on the screen, and a height at which to touch them."""
        brush = self.page.get_by_role("slider", name="Line of k-space")
        brush.scroll_into_view_if_needed()
        box = brush.bounding_box()
        columns = int(brush.get_attribute("aria-valuemax")) + 1
        return [box["x"] + (c + 0.5) * box["width"] / columns for c in range(columns)], box["y"] + box["height"] / 2

    def agrees(self, mask: Tensor, models: dict[str, int], hybrid: Tensor | None = None, target: Any = None) -> None:
        """The scores shown are Python's, for the zero-filled image and for each model at its acceleration."""
        data = self.data if hybrid is None else hybrid
        goal = center_crop(ifft(self.data, HYBRID), *CROP).abs() if target is None else target
        self.finish()
        for n, (model, acceleration) in enumerate(models.items()):
            states = python(model, acceleration, data, mask)
            for key, state in (("zero", states[0]), (f"model{n}", states[-1])):
                expected = metrics.scores(center_crop(state, *goal.shape)[None], goal[None])
                assert self.number(f"{key}-psnr") == pytest.approx(expected.psnr, abs=DECIBELS), (model, key)
                assert self.number(f"{key}-ssim") == pytest.approx(expected.ssim, abs=1e-4), (model, key)


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    about = engine.write(folder / "engine", "engine/")
    for name, full in (("light", False), ("full", True)):
        widget = reconstruct(knee(SIZE, seed=5), CROP, about, full=full, more="full.html")
        widget.save(folder / f"{name}.html")

    with serve(folder) as address:
        yield Bench(browser, address, rounded(widget.payload["hybrid"])[0])


@pytest.fixture
def bench(served: Bench) -> Iterator[Bench]:
    yield served
    served.close()
    assert not served.wrong
    assert all(url.startswith((served.address, "data:", "blob:")) for url in served.requests), "a request left the site"


@pytest.mark.parametrize("width", WIDTHS)
def test_paint_pick_and_share(bench: Bench, width: int) -> None:
    page = bench.open("light.html", width, has_touch=width == 390, is_mobile=width == 390)
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    assert bench.number("lines") == int(mask.sum())
    assert not [url for url in bench.requests if "engine" in url], "nothing of the models before a press"
    bench.start()
    bench.agrees(mask, {"pc-flow": 4})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    at, y = bench.columns()
    scrolled = page.evaluate("scrollY")
    if width == 390:  # by a finger that strays up and down
        touch = page.context.new_cdp_session(page)
        for kind, c in [("touchStart", 10), *[("touchMove", c) for c in range(11, 21)]]:
            point = {"x": at[c], "y": y - 3 * (c - 10)}
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    else:
        page.mouse.move(at[10], y)
        page.mouse.down()
        page.mouse.move(at[20], y - 30, steps=6)
        page.mouse.up()
    mask[10:21] = not mask[10]
    assert page.evaluate("scrollY") == scrolled
    assert bench.number("lines") == int(mask.sum())
    bench.agrees(mask, {"pc-flow": 4})
    bench.pick("LT-RK2")
    bench.agrees(mask, {"lt-rk2": 4})

    page.wait_for_function("location.hash.includes('lt-rk2')")
    link = page.get_by_role("link", name="All knobs").get_attribute("href")
    assert link.split("#")[1] == page.url.split("#")[1]
    bench.open(link.split("/")[-1], width)
    assert bench.number("lines") == int(mask.sum())
    bench.start()
    bench.agrees(mask, {"lt-rk2": 4})


@pytest.mark.parametrize("width", WIDTHS)
def test_all_knobs(bench: Bench, width: int) -> None:
    page = bench.open("full.html#mask=random.8.3.7&models=ft-euler.tv", width)
    bench.start()
    bench.agrees(masks.random(72, 8, center_fraction=3 / 72, seed=7), {"ft-euler": 8, "tv": 8})
    page.get_by_label("equispaced").check()
    page.locator("input[name=acceleration]").fill("4")
    mask = masks.equispaced(72, 4, center_fraction=6 / 72, seed=7)
    bench.agrees(mask, {"ft-euler": 4, "tv": 4})
    page.locator("input[name=steps]").fill("9")
    bench.finish()
    goal = center_crop(ifft(bench.data, HYBRID), *CROP).abs()
    state = python("ft-euler", 4, bench.data, mask, steps=9)[-1]
    expected = metrics.psnr(center_crop(state, *CROP)[None], goal[None])
    assert bench.number("model0-psnr") == pytest.approx(expected, abs=DECIBELS)
    assert "9 of 9" in page.locator("table.scores").inner_text()
    page.locator("input[name=step]").fill("0")
    assert bench.number("model0-psnr") == pytest.approx(bench.number("zero-psnr"), abs=1e-6)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_too_far(bench: Bench) -> None:
    """Noise and lesion are in what is measured; the lesion is in the truth too, the noise is not."""
    page = bench.open("full.html#models=lt-euler")
    bench.start()
    page.get_by_role("button", name="Only the centre").click()
    mask = (torch.arange(72) - 36).abs() < 0.04 * 72
    bench.agrees(mask, {"lt-euler": 8})
    page.get_by_role("button", name="Every 8th line").click()
    mask = (torch.arange(72) - 36) % 8 == 0
    bench.agrees(mask, {"lt-euler": 8})

    page.get_by_role("button", name="Noise").click()
    image = ifft(bench.data, HYBRID)
    draws = np.random.RandomState(1).uniform(size=2 * image.numel()).reshape(-1, 2)
    length = 0.1 * float(image.abs().max()) / np.sqrt(2) * np.sqrt(-2 * np.log(1 - draws[:, 0]))
    noise = torch.from_numpy(length * np.exp(2j * np.pi * draws[:, 1])).reshape(SIZE).to(torch.complex64)
    bench.agrees(mask, {"lt-euler": 8}, bench.data + noise)
    page.get_by_role("button", name="Noise").click()
    bench.agrees(mask, {"lt-euler": 8})

    before = bench.number("zero-psnr")
    page.get_by_role("button", name="Add a lesion").click()
    bench.finish()
    assert page.get_by_role("button", name="Add a lesion").get_attribute("aria-pressed") == "true"
    assert bench.number("zero-psnr") != before
    page.wait_for_function("location.hash.endsWith('lesion=1')")


def test_predict_before_you_look(bench: Bench) -> None:
    page = bench.open("full.html#models=pc-flow.tv")
    page.get_by_label("Predict before you look").check()
    bench.start()
    note = page.locator("figure .note").first
    assert note.inner_text() == "your guess?"
    assert page.locator('[data-key="model0-psnr"]').inner_text() == "…"
    page.locator(".prediction").get_by_label("PC-Flow").check()
    bench.finish()
    verdict = page.locator(".prediction [role=status]")
    assert re.fullmatch(r"PC-Flow leads by \d+\.\d\d dB: you were right \(1 of 1\)\.", verdict.inner_text())
    lead = bench.number("model0-psnr") - bench.number("model1-psnr")
    assert f"{lead:.2f} dB" in verdict.inner_text()
    page.get_by_role("button", name="New mask").click()
    assert note.inner_text() == "your guess?"


def test_two_hundred_strokes(bench: Bench) -> None:
    """The last stroke's image is what is shown, and memory ends about where it was after the first strokes."""
    page = bench.open("light.html#models=lt-euler")
    bench.start()
    at, y = bench.columns()
    session = page.context.new_cdp_session(page)

    def heap() -> float:
        session.send("HeapProfiler.collectGarbage")
        return float(page.evaluate("performance.memory.usedJSHeapSize"))

    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    used = []
    for n in range(200):
        c = (7 * n) % 72
        page.mouse.click(at[c], y)
        mask[c] = not mask[c]
        if n in (50, 199):
            bench.finish()
            used.append(heap())
    share = int(mask.sum()) / 72
    nearest = min((4, 8), key=lambda a: abs(math.log(a * share)))
    bench.agrees(mask, {"lt-euler": nearest})
    assert used[1] < 1.3 * used[0] + 1e6


def test_keyboard_and_screen_reader(bench: Bench) -> None:
    page = bench.open("light.html", reduced_motion="reduce")
    assert "0 of" not in page.locator("table.scores").inner_text(), "nothing plays for readers who want no motion"
    brush = page.get_by_role("slider", name="Line of k-space")
    brush.focus()
    for key in ("Home", " ", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert brush.get_attribute("aria-valuetext") == "line 1, frequency -35, measured"
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    mask[:2] = ~mask[:2]
    bench.agrees(mask, {"pc-flow": 4})
    page.locator("[role=status]", has_text="PC-Flow").wait_for(state="attached")


def test_data_saver_waits_for_a_press(bench: Bench) -> None:
    saver = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"
    page = bench.open("light.html", script=saver)
    at, y = bench.columns()
    page.mouse.click(at[3], y)
    page.wait_for_timeout(300)
    assert not [url for url in bench.requests if "engine" in url]
    bench.start()
    assert bench.number("model0-psnr") > bench.number("zero-psnr")


def test_links_that_say_nonsense(bench: Bench) -> None:
    bench.open("full.html#mask=own.zz&models=unet.tv&steps=999&noise=<b>")
    assert bench.number("lines") == int(masks.random(72, 4, center_fraction=6 / 72, seed=0).sum())
    bench.open("full.html#mask=random.99999.1.1&models=tv.tv.tv")
    assert bench.number("lines") == int(masks.random(72, 4, center_fraction=6 / 72, seed=0).sum())


def test_without_scripts_there_is_a_picture(bench: Bench) -> None:
    context = bench.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(bench.address + "light.html")
    picture = page.locator(".reconode-widget img")
    assert picture.is_visible() and "knee" in picture.get_attribute("alt")
    context.close()


def test_the_first_visit(bench: Bench) -> None:
    """What a press loads: the worker, the manifest, one file of weights."""
    page = bench.open("light.html")
    before = len(bench.requests)
    bench.start()
    loaded = [url.split("/engine/")[1] for url in bench.requests[before:]]
    kinds = [re.sub(r"\.[0-9a-f]{8}|\?.*", "", name) for name in loaded]
    assert kinds == ["worker.js", "manifest.json", "pc-flow_4x.safetensors"]
    sizes = page.evaluate(
        """async (names) => Promise.all(names.map(async (n) => (await (await fetch('engine/' + n)).blob()).size))""",
        loaded,
    )
    assert sum(sizes) < 1_000_000


# Pictures of the reader's own


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
