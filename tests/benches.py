"""Pages with the bench in both forms, served, and what tests do with one: paint, pick, and compare with Python."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import serve
from test_parity import knee, python
from torch import Tensor

from reconode import metrics
from reconode.physics import HYBRID, center_crop, ifft
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
        self.allowed = ""  # of an error in the console
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

    def memory(self) -> dict[str, float]:
        """Bytes: WebAssembly's memory, as the last answer says, and the heaps of the page and of its worker."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        found = {"engine": float(self.page.locator(".card").get_attribute("data-memory"))}
        found["page"] = session.send("Runtime.getHeapUsage")["usedSize"]
        workers: list[str] = []
        said: dict[int, Any] = {}
        session.on("Target.attachedToTarget", lambda event: workers.append(event["sessionId"]))
        session.on("Target.receivedMessageFromTarget", lambda event: said.update(answered(event)))
        session.send("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False})
        for number, method in enumerate(("HeapProfiler.collectGarbage", "Runtime.getHeapUsage")):
            message = json.dumps({"id": number, "method": method})
            session.send("Target.sendMessageToTarget", {"sessionId": workers[0], "message": message})
        while 1 not in said:
            self.page.wait_for_timeout(10)
        session.detach()
        return {**found, "worker": said[1]["usedSize"] + said[1]["backingStorageSize"]}

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

    def agrees(
        self,
        mask: Tensor,
        models: dict[str, int],
        hybrid: Tensor | None = None,
        target: Tensor | None = None,
        steps: int | None = None,
    ) -> None:
        """The scores shown are Python's, for the zero-filled image and for each model at its acceleration."""
        data = self.data if hybrid is None else hybrid
        goal = center_crop(ifft(self.data, HYBRID), *CROP).abs() if target is None else target
        self.finish()
        for n, (model, acceleration) in enumerate(models.items()):
            states = python(model, acceleration, data, mask, steps)
            for key, state in (("zero", states[0]), (f"model{n}", states[-1])):
                expected = metrics.scores(center_crop(state, *goal.shape)[None], goal[None])
                assert self.number(f"{key}-psnr") == pytest.approx(expected.psnr, abs=DECIBELS), (model, key)
                assert self.number(f"{key}-ssim") == pytest.approx(expected.ssim, abs=1e-4), (model, key)

    @contextlib.contextmanager
    def visits(self) -> Iterator[Bench]:
        """For one test: nothing was wrong in the end, and nothing was asked of another site."""
        try:
            yield self
        finally:
            self.close()
        assert not [text for text in self.wrong if not self.allowed or self.allowed not in text]
        assert all(url.startswith((self.address, "data:", "blob:")) for url in self.requests), "a request left the site"


def answered(event: dict[str, Any]) -> dict[int, Any]:
    """What a worker's debugger said to a numbered question."""
    message = json.loads(event["message"])
    return {message["id"]: message["result"]} if "id" in message else {}


@contextlib.contextmanager
def site(browser: Any, folder: Path) -> Iterator[Bench]:
    """``light.html`` and ``full.html`` with their engine; ``carried.html`` with its own inside; two more without.

    ``book/notebooks/page.html`` is as a built book has it; beside ``elsewhere/deep/page.html`` there is no engine.
    """
    about = engine.write(folder / "engine", "engine/")
    data = knee(SIZE, seed=5)
    light = reconstruct(data, CROP, about, full=False, more="full.html")
    light.save(folder / "light.html")
    for name, chosen in {"full": about, "carried": engine.carry(), "alone": engine.BESIDE}.items():
        reconstruct(data, CROP, chosen).save(folder / f"{name}.html")
    (folder / "book/notebooks").mkdir(parents=True)
    (folder / "book/_static").mkdir()
    (folder / "book/_static/engine").symlink_to(folder / "engine")
    (folder / "book/notebooks/page.html").symlink_to(folder / "alone.html")
    (folder / "elsewhere/deep").mkdir(parents=True)
    (folder / "elsewhere/deep/page.html").symlink_to(folder / "alone.html")
    with serve(folder) as address:
        yield Bench(browser, address, rounded(light.payload["hybrid"])[0])
