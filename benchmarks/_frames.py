"""A short screen recording of the built site as numbered frames, to be looked at: every state of the two benches.

    python benchmarks/_frames.py FOLDER [--site _build/html] [--only 390-light]

Phone and desktop, light and dark; the landing page and *Paint k-space*, from the first picture over play, painting and
two models to each way of going too far. Frames are not kept in the repository.
"""

from __future__ import annotations

import argparse
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _serve import ARGUMENTS, served

LOOKS = {f"{width}-{scheme}": (width, scheme) for width in (390, 1280) for scheme in ("light", "dark")}
DONE = """() => { const { asked, done } = document.querySelector('.reconode-widget').shadowRoot
    .querySelector('.card').dataset; return asked !== undefined && asked === done; }"""


def record(page: Any, address: str, snap: Callable[[str], None]) -> None:
    """Walk through what a visitor does, and take a picture after each."""

    def finish() -> None:
        page.wait_for_function(DONE)
        page.wait_for_timeout(60)

    def press(name: str) -> None:
        page.get_by_role("button", name=name).first.click()

    def stroke(start: float, end: float, count: int, name: str) -> None:
        brush = page.get_by_role("slider", name="Line of k-space")
        brush.scroll_into_view_if_needed()
        box = brush.bounding_box()
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + start * box["width"], y)
        page.mouse.down()
        for n in range(count):
            page.mouse.move(box["x"] + (start + (end - start) * (n + 1) / count) * box["width"], y)
            page.wait_for_timeout(120)
            snap(f"{name}-{n}")
        page.mouse.up()

    page.goto(f"{address}book/index.html")
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    snap("landing")
    page.locator(".reconode-widget").first.scroll_into_view_if_needed()
    for n in range(4):
        page.wait_for_timeout(500)
        snap(f"landing-plays-{n}")
    page.wait_for_timeout(1500)
    press("Reconstruct")
    snap("landing-pressed")
    finish()
    snap("landing-done")
    stroke(0.55, 0.75, 6, "landing-paint")
    finish()
    snap("landing-painted")

    page.goto(f"{address}book/reconstruct.html")
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    page.wait_for_timeout(3000)
    snap("bench")
    press("Reconstruct")
    finish()
    page.goto(f"{address}book/reconstruct.html#mask=random.4.9.0&models=ft-euler.lt-rk2&steps=20")
    page.reload()
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    press("Reconstruct")
    finish()
    snap("bench-two-models-20-steps")
    page.get_by_label("Predict before you look").check()
    press("New mask")
    page.wait_for_timeout(800)
    snap("bench-guess")
    page.locator(".prediction").get_by_label("FT-Euler").check()
    finish()
    snap("bench-judged")
    page.get_by_label("Predict before you look").uncheck()
    for name in ("Only the centre", "Every 8th line", "8 ×", "Noise of 10 %", "Noise of 10 %", "Add a lesion"):
        press(name)
        finish()
        snap(f"bench-{name}")

    page.goto(f"{address}notebooks/11_when_it_breaks.html")
    bench = page.locator('.reconode-widget[data-widget="reconstruct"][data-ready]')
    bench.get_by_role("button", name="Reconstruct").click()
    bench.locator(".card[data-done]").wait_for()
    bench.scroll_into_view_if_needed()
    snap("chapter-11")


def still(page: Any, address: str, snap: Callable[[str], None]) -> None:
    """What a visitor without JavaScript sees."""
    page.goto(f"{address}book/index.html")
    snap("landing-no-script")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the frames go")
    parser.add_argument("--site", type=Path, default=Path("_build/html"), help="the built site")
    parser.add_argument("--only", choices=LOOKS, help="one width and theme")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        server = served(options.site)
        found = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        for look, (width, scheme) in LOOKS.items():
            if options.only not in (None, look):
                continue
            phone = width == 390
            context = browser.new_context(
                viewport={"width": width, "height": 844 if phone else 900}, color_scheme=scheme, has_touch=phone
            )
            page = context.new_page()
            count = 0

            def snap(name: str, page: Any = page, look: str = look) -> None:
                nonlocal count
                tall = name in ("landing", "landing-done") or name.startswith("bench")
                page.screenshot(path=options.folder / f"{look}-{count:02}-{name}.png", full_page=tall)
                count += 1

            address = f"http://127.0.0.1:{server.server_port}/"
            record(page, address, snap)
            context.close()
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=False
            )
            page = context.new_page()
            still(page, address, functools.partial(snap, page=page))
            context.close()
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
