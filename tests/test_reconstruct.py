"""The bench in a browser: paint, pick, share, at both widths; its numbers are Python's."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from benches import CROP, SIZE, WIDTHS, Bench
from test_parity import python

from reconode import masks, metrics
from reconode.physics import HYBRID, center_crop, fft, ifft


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
    page.locator("input[name=step]").fill("0")
    assert bench.number("model0-psnr") == pytest.approx(bench.number("zero-psnr"), abs=1e-6)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_number_of_steps(bench: Bench) -> None:
    """A knob for what bears another number, PC-Flow's by the piece, and why where there is none; in the link too."""
    page = bench.open("full.html#models=ft-euler.pc-flow")
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    bench.start()
    bench.agrees(mask, {"ft-euler": 4, "pc-flow": 4})
    assert page.get_by_text("Steps of FT-Euler (trained with 5)").is_visible()
    page.locator("input[name=repeats]").fill("2")
    page.locator("input[name=steps]").fill("10")
    bench.agrees(mask, {"ft-euler": 4, "pc-flow": 4}, steps=10)
    assert page.locator("table.scores").inner_text().count("10 of 10") == 2
    bench.pick("Total variation")
    bench.finish()
    assert page.get_by_text("Total variation iterates until").is_visible()
    assert not page.locator("input[name=steps]").is_visible()
    page.wait_for_function("location.hash.endsWith('models=tv.pc-flow&steps=10&repeats=2')")
    bench.open(page.url.split("/")[-1])
    bench.start()
    assert "10 of 10" in bench.page.locator("table.scores").inner_text()


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

    page.get_by_role("button", name="Add a lesion").click()
    assert page.get_by_role("button", name="Add a lesion").get_attribute("aria-pressed") == "true"
    away = torch.hypot(
        (torch.arange(SIZE[0]) - round(0.46 * SIZE[0]))[:, None].double(),
        (torch.arange(SIZE[1]) - round(0.56 * SIZE[1])).double(),
    )
    lesion = 0.5 * image.abs().max() * (2 + 0.5 - away).clamp(0, 1) * image / image.abs()
    marked = fft(image + lesion, HYBRID).to(torch.complex64)
    truth = center_crop(image + lesion, *CROP).abs().float()
    bench.agrees(mask, {"lt-euler": 8}, marked, truth)
    page.get_by_role("button", name="Noise").click()
    bench.agrees(mask, {"lt-euler": 8}, marked + noise, truth)
    page.get_by_role("button", name="Noise").click()
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
    """The last stroke's image is what is shown; page, worker and engine need no more than after the first strokes."""
    page = bench.open("light.html#models=lt-euler")
    bench.start()
    at, y = bench.columns()
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    used = []
    for n in range(200):
        c = (7 * n) % 72
        page.mouse.click(at[c], y)
        mask[c] = not mask[c]
        if n in (50, 199):
            bench.finish()
            used.append(bench.memory())
    share = int(mask.sum()) / 72
    nearest = min((4, 8), key=lambda a: abs(math.log(a * share)))
    bench.agrees(mask, {"lt-euler": nearest})
    before, after = used
    assert after["engine"] == before["engine"] < 16e6
    for place in ("page", "worker"):
        assert after[place] < 1.3 * before[place] + 1e6, place


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
    assert picture.is_visible() and "that PC-Flow makes of it" in picture.get_attribute("alt")
    said = page.locator(".reconode-widget p").inner_text()
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    goal = center_crop(ifft(bench.data, HYBRID), *CROP).abs()[None]
    states = python("pc-flow", 4, bench.data, mask)
    start, end = (metrics.psnr(center_crop(x, *CROP)[None], goal) for x in (states[0], states[-1]))
    assert said.startswith(
        f"From {int(mask.sum())} of 72 lines of k-space: zero-filled {start:.2f} dB, and after 15 steps of PC-Flow "
        f"{end:.2f} dB."
    )
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


def test_the_second_visit(bench: Bench) -> None:
    """What has its content's fingerprint in its name is kept: the weights do not travel twice."""
    bench.open("light.html")
    bench.start()
    page = bench.page.context.new_page()
    travelled: dict[str, int] = {}
    page.on("requestfinished", lambda r: travelled.update({r.url: r.sizes()["responseBodySize"]}))
    page.goto(bench.address + "light.html")
    page.get_by_role("button", name="Reconstruct").click()
    page.locator(".card[data-done]").wait_for()
    kept = [size for url, size in travelled.items() if "/engine/" in url]
    assert len(kept) == 3 and sum(kept) < 1000


# Where the engine lies


@pytest.mark.parametrize("name", ["carried.html", "book/notebooks/page.html"])
def test_an_engine_in_the_output_and_beside_the_page(bench: Bench, name: str) -> None:
    """A notebook's output that a person made has all inside; on the site it asks the folder which engine is there."""
    bench.open(name)
    before = len(bench.requests)
    bench.start()
    bench.agrees(masks.random(72, 4, center_fraction=6 / 72, seed=0), {"pc-flow": 4})
    loaded = [re.sub(r"\.[0-9a-f]{8}|\?.*", "", url.split("/")[-1]) for url in bench.requests[before:]]
    names = ["engine.json", "worker.js", "manifest.json", "pc-flow_4x.safetensors"]
    assert loaded == names if name.startswith("book") else not {*loaded} & {*names}
    if name.startswith("book"):
        bench.open(f"{name}#a-heading")
        bench.page.wait_for_timeout(500)
        assert bench.page.url.endswith("#a-heading"), "a link to a heading stays as long as nothing is changed"
    else:  # the weights for 8x did not come along: those for 4x serve
        bench.page.get_by_role("button", name="8 ×").click()
        bench.agrees(masks.random(72, 8, center_fraction=3 / 72, seed=0), {"pc-flow": 4})


def test_no_engine_at_all(bench: Bench) -> None:
    """A sentence says where the models run, and zero-filled goes on following the painting."""
    page = bench.open("elsewhere/deep/page.html")
    bench.allowed = "404"
    page.get_by_role("button", name="Reconstruct").click()
    page.get_by_text("The models are not beside this page").wait_for()
    at, y = bench.columns()
    page.mouse.click(at[3], y)
    mask = masks.random(72, 4, center_fraction=6 / 72, seed=0)
    mask[3] = not mask[3]
    assert bench.number("lines") == int(mask.sum())
