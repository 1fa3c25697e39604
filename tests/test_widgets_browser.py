"""The widgets in a browser: controls are moved by pointer and by keys, and what they show is compared with Python.

Any Chromium will do: one that is installed, else the one that Playwright downloaded. Where there is neither these
tests skip and say so, or fail with RECONODE_BROWSER=required.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_widgets import MAKE, every_widget, example_states, made

from reconode import masks, metrics
from reconode.physics import HYBRID, center_crop, ifft, to_kspace
from reconode.solvers import TABLEAUS
from reconode.teach import widgets
from reconode.teach.widgets import bundle
from reconode.teach.widgets.flow_plane import descend, exact, lipschitz
from reconode.teach.widgets.pack import Packed, unpack
from reconode.teach.widgets.solver_race import exact as solution
from reconode.teach.widgets.solver_race import run
from reconode.teach.widgets.widget import Widget

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'reconode[test]'")

AXE = Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = next(filter(None, map(shutil.which, NAMES)), None) or started.chromium.executable_path
        if not Path(found).exists():
            words = "no Chromium here: install one, or run .venv/bin/playwright install chromium"
            (pytest.fail if os.environ.get("RECONODE_BROWSER") == "required" else pytest.skip)(words)
        opened = started.chromium.launch(executable_path=found, args=QUIET)
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
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()
    assert not wrong


@pytest.fixture
def show(page: Any, tmp_path: Path) -> Any:
    """Open a widget's own page from the disk, as a reader would by hand."""

    def opened(widget: Widget) -> Any:
        widget.save(tmp_path / "page.html")
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
        return page

    return opened


def call(page: Any, module: str, code: str, argument: Any = None) -> Any:
    """Run code that sees a module as $name."""
    return page.evaluate(f"(argument) => {{ {bundle.script(module)} {code} }}", argument)


def number(page: Any, key: str) -> float:
    return float(page.locator(f'dd[data-key="{key}"]').get_attribute("data-value").replace("Infinity", "inf"))


def text(page: Any, key: str) -> str:
    return page.locator(f'dd[data-key="{key}"]').inner_text()


def slide(page: Any, name: str, value: float) -> None:
    page.locator(f'input[name="{name}"]').fill(f"{value:g}")


def grids(packed: Packed) -> torch.Tensor:
    """What a page makes of packed complex pictures, ``(pictures, rows, columns)``."""
    return torch.view_as_complex(torch.from_numpy(unpack(packed)).contiguous()).transpose(1, 2)


# The modules


@pytest.mark.parametrize("inverse", [False, True])
def test_transform_is_numpys(page, inverse):
    code = """return argument.map(([re, im, inverse]) => {
        const parts = [Float64Array.from(re), Float64Array.from(im)];
        $fft.transform(...parts, inverse); return parts.map((v) => [...v]) })"""
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=n) + 1j * rng.normal(size=n) for n in (1, 2, 3, 7, 16, 96, 97, 112, 128, 320)]
    outputs = call(page, "fft", code, [[x.real.tolist(), x.imag.tolist(), inverse] for x in inputs])
    for x, (re, im) in zip(inputs, outputs, strict=True):
        shifted = np.fft.ifftshift(x)
        expected = np.fft.fftshift((np.fft.ifft if inverse else np.fft.fft)(shifted, norm="ortho"))
        assert np.allclose(np.array(re) + 1j * np.array(im), expected, atol=1e-12, rtol=0), len(x)


def test_transform_along_both_axes(page):
    rng = np.random.default_rng(0)
    x = torch.complex(*torch.from_numpy(rng.normal(size=(2, 6, 10))))
    code = """const [re, im] = argument.map((v) => Float64Array.from(v));
        const grid = {rows: 6, columns: 10, re, im};
        const k = $fft.along($fft.along(grid, "columns", true), "rows"); return [[...k.re], [...k.im]]"""
    re, im = call(page, "fft", code, [x.real.flatten().tolist(), x.imag.flatten().tolist()])
    expected = to_kspace(ifft(x, HYBRID)).flatten()
    assert np.allclose(np.array(re) + 1j * np.array(im), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("kind", ["random", "equispaced"])
def test_masks_are_the_librarys(page, kind):
    cases = [(a, c, seed) for a in (1, 2, 4, 7, 10) for c in (1, 5, 8, 9) for seed in (0, 1, 5, 12345, 2**32 - 1)]
    code = """return argument.cases.map(([a, c, s]) => [...$random.drawMask(argument.kind, 112, a, c, s)])"""
    drawn = call(page, "random", code, {"cases": cases, "kind": kind})
    for (acceleration, center, seed), mask in zip(cases, drawn, strict=True):
        expected = masks.KINDS[kind](112, acceleration, center_fraction=center / 112, seed=seed)
        assert mask == expected.int().tolist(), (acceleration, center, seed)


def test_unpacking_is_pythons(page):
    packed = MAKE["trajectory"]().payload["states"]
    values = call(page, "unpack", "return $unpack.unpack(argument).then((v) => [...v])", packed)
    assert np.allclose(np.reshape(values, packed["shape"]), unpack(packed), atol=1e-12)


def test_short_numbers(page):
    words = {0: "0", 0.0123456: "0.0123", -4.5678e-7: "−4.57 × 10⁻⁷", 123.456: "123", 2.3e11: "2.30 × 10¹¹"}
    assert call(page, "dom", "return argument.map($dom.short)", list(words)) == list(words.values())


# Every widget


@every_widget
def test_nothing_is_wrong_for_axe(show, kind):
    if not AXE.is_file():
        pytest.skip("no axe-core: run make book, or npm ci")
    page = show(made(kind))
    page.add_script_tag(content=AXE.read_text())
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            found += [f"{v['id']} at {width}, {scheme}: {v['nodes'][0]['html'][:120]}" for v in result["violations"]]
    assert not found, "\n".join(found)


@every_widget
def test_touch_targets_and_type_are_large_enough(show, kind):
    page = show(made(kind))
    page.set_viewport_size({"width": 390, "height": 900})
    code = """() => {
        const all = [...document.querySelector('.reconode-widget').shadowRoot.querySelectorAll('.card *')];
        const seen = all.filter((e) => e.checkVisibility());
        const small = seen.filter((e) => e.matches('button, input, .handle') && e.getBoundingClientRect().height < 44);
        const told = seen.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3));
        const tiny = told.filter((e) => parseFloat(getComputedStyle(e).fontSize) < 14);
        return [...small, ...tiny].map((e) => e.outerHTML.slice(0, 100));
    }"""
    assert not page.evaluate(code)


@every_widget
def test_works_where_a_notebook_inserts_it(page, kind):
    """JupyterLab sets innerHTML and then replaces each script by a copy; here twice, as on a page with twins."""
    page.set_content('<body data-jp-theme-light="false"><div class="a"></div><div class="b"></div></body>')
    insert = """([where, html]) => {
        const place = document.querySelector(where);
        place.innerHTML = html;
        for (const old of place.querySelectorAll('script')) {
            const copy = document.createElement('script');
            copy.textContent = old.textContent;
            old.replaceWith(copy);
        }
    }"""
    for where in (".a", ".b"):
        page.evaluate(insert, [where, made(kind).html])
        page.wait_for_selector(f"{where} .reconode-widget[data-ready]", state="attached")
    assert page.locator(".card").count() == 2
    assert page.locator(".card[data-theme=dark]").count() == 2, "as JupyterLab says"
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    page.wait_for_selector(".b .card[data-theme=light]")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")  # as Jupyter Book says
    page.wait_for_selector(".b .card[data-theme=dark]")
    assert not page.locator(".a img").is_visible(), "the picture gives way"


@every_widget
def test_the_picture_stays_where_a_widget_cannot_start(page, kind):
    page.evaluate("delete window.DecompressionStream; delete window.ResizeObserver; console.error = () => {};")
    page.set_content(made(kind).html)
    page.wait_for_timeout(200)
    assert page.locator(".reconode-widget img").is_visible()
    assert page.locator(".card").count() == 0


@every_widget
def test_nothing_moves_by_itself(show, kind):
    page = show(made(kind))
    page.wait_for_timeout(200)
    code = (
        "[...document.querySelector('.reconode-widget').shadowRoot.querySelectorAll('canvas')].map(c => c.toDataURL())"
    )
    before = page.evaluate(code)
    page.wait_for_timeout(400)
    assert page.evaluate(code) == before


# Sampling


class Sampled:
    """What Python makes of the data that the page has."""

    def __init__(self, widget: Widget) -> None:
        self.hybrid = grids(widget.payload["hybrid"])[0]
        self.columns = self.hybrid.shape[1]

    def psnr(self, mask: torch.Tensor) -> float:
        return metrics.psnr(ifft(self.hybrid * mask, HYBRID)[None], ifft(self.hybrid, HYBRID)[None])


def test_sampling_follows_its_controls(show):
    widget = made("sampling")
    python, page = Sampled(widget), show(widget)

    def agrees(mask: torch.Tensor) -> None:
        assert number(page, "lines") == int(mask.sum())
        assert number(page, "psnr") == pytest.approx(python.psnr(mask), abs=1e-6)
        assert text(page, "psnr") == f"{python.psnr(mask):.2f} dB"

    agrees(masks.random(112, 4, seed=0))
    slide(page, "acceleration", 8)
    slide(page, "center", 6)
    agrees(masks.random(112, 8, center_fraction=6 / 112, seed=0))
    page.get_by_role("button", name="New mask").click()
    agrees(masks.random(112, 8, center_fraction=6 / 112, seed=1))
    assert page.locator(".message code").inner_text() == "masks.random(112, 8, center_fraction=6 / 112, seed=1)"
    page.get_by_label("equispaced").check()
    agrees(masks.equispaced(112, 8, center_fraction=6 / 112, seed=1))
    slide(page, "center", 30)
    page.get_by_label("random").check()
    assert "over the budget" in page.locator(".message").inner_text()
    page.get_by_role("button", name="Measure all").click()
    assert number(page, "lines") == 112 and math.isinf(number(page, "psnr")) and number(page, "ghost") < 1e-9
    page.get_by_role("button", name="Drop all").click()
    assert number(page, "lines") == 0


def test_sampling_paints_by_pointer_and_by_keys(show):
    widget = made("sampling")
    python, page = Sampled(widget), show(widget)
    page.get_by_role("button", name="Drop all").click()
    brush = page.get_by_role("slider", name="Column of k-space")
    box = brush.bounding_box()
    at = [box["x"] + (c + 0.5) * box["width"] / 112 for c in range(112)]
    page.mouse.move(at[50], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(at[60], box["y"] + 30)
    page.mouse.up()
    mask = torch.zeros(112)
    mask[50:61] = 1
    assert number(page, "lines") == 11
    assert number(page, "psnr") == pytest.approx(python.psnr(mask), abs=1e-6)
    page.mouse.click(at[55], box["y"] + 20)
    mask[55] = 0
    assert number(page, "psnr") == pytest.approx(python.psnr(mask), abs=1e-6)

    brush.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", " ", "Shift+ArrowRight", "Shift+ArrowRight", "End", "Enter"):
        page.keyboard.press(key)
    mask[[2, 3, 4, 111]] = 1
    assert brush.get_attribute("aria-valuetext") == "column 111, frequency 55, measured"
    assert number(page, "lines") == int(mask.sum())
    assert number(page, "psnr") == pytest.approx(python.psnr(mask), abs=1e-6)
    page.locator("[role=status]", has_text="14 of 112").wait_for(state="attached")  # screen readers hear it


def test_the_ghosts_of_an_equispaced_mask(show):
    """Every fourth column alone makes three ghosts as bright as the pixel: the image folds over itself fourfold."""
    page = show(made("sampling"))
    page.get_by_role("button", name="Drop all").click()
    page.get_by_role("slider", name="Column of k-space").focus()
    page.keyboard.press("Home")
    for _ in range(28):
        page.keyboard.press(" ")
        for _ in range(4):
            page.keyboard.press("ArrowRight")
    assert number(page, "lines") == 28
    assert number(page, "ghost") == pytest.approx(1)


def test_the_ghosts_of_a_random_mask(show):
    page = show(made("sampling"))
    spread = ifft(masks.random(112, 4, seed=0).to(torch.complex128), HYBRID).abs()[56:]
    end = next(d for d in range(1, 56) if spread[d] >= spread[d - 1])
    assert number(page, "ghost") == pytest.approx(float(spread[end:].max() / spread[0]), abs=1e-9)


# The flow in the plane


def pair(page: Any, key: str) -> list[float]:
    return [float(v) for v in page.locator(f'dd[data-key="{key}"]').get_attribute("data-value").split()]


@pytest.mark.parametrize(
    "step, weight, steps", [(0.4, 1, 12), (0.05, 0.25, 40), (0.9, 1, 7), (0.31, 3.95, 23), (2, 4, 1)]
)
def test_flow_and_steps(show, step, weight, steps):
    page = show(made("flow_plane"))
    slide(page, "step", step)
    slide(page, "weight", weight)
    slide(page, "steps", steps)
    path, goal = descend((1, 0), step, weight, steps)[-1], exact((1, 0), step * steps, weight)
    assert pair(page, "euler") == pytest.approx(path.tolist(), abs=1e-9)
    assert pair(page, "exact") == pytest.approx(goal.tolist(), abs=1e-9)
    assert number(page, "distance") == pytest.approx(float((path - goal).norm()), abs=1e-9)
    assert number(page, "stability") == pytest.approx(step * lipschitz(weight))
    assert ("diverges" in page.locator(".message").inner_text()) == (step * lipschitz(weight) > 2)
    shown = text(page, "euler").replace("−", "-").strip("()").split(", ")
    if path.abs().max() < 1000:
        assert [float(v) for v in shown] == pytest.approx(path.tolist(), abs=1e-3)


def test_flow_starts_where_it_is_dragged(show):
    page = show(widgets.flow_plane(start=(0.2, 0.4)))
    handle = page.get_by_role("slider", name="Start of the flow")

    def agrees(a: float, b: float) -> None:
        assert pair(page, "euler") == pytest.approx(descend((a, b), 0.4, 1, 12)[-1].tolist(), abs=1e-9)
        assert number(page, "dataSlope") == pytest.approx(a - 1)
        assert number(page, "priorSlope") == pytest.approx(b - a)

    agrees(0.2, 0.4)
    handle.focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    agrees(0.15, 0.6)
    assert handle.get_attribute("aria-valuetext") == "a 0.15, b 0.60"
    page.get_by_role("button", name="Start at the zero-filled image").click()
    agrees(1, 0)
    assert text(page, "dataSlope") == "(0.000, 0)"

    page.wait_for_timeout(100)  # the handle follows with the next drawing
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 30, steps=3)
    page.mouse.up()
    a, b = (float(v) for v in handle.get_attribute("aria-valuetext").replace("−", "-")[2:].split(", b "))
    assert a < 0.9 and b < -0.05
    moved = handle.bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(-60, abs=1)
    assert moved["y"] - box["y"] == pytest.approx(30, abs=1)


# The race


def race(page: Any) -> dict[str, list[float]]:
    rows = page.locator("tr[data-runner]")
    return {
        row.get_attribute("data-runner"): [float(td.get_attribute("data-value")) for td in row.locator("td").all()]
        for row in rows.all()
    }


@pytest.mark.parametrize(
    "problem, rate, evaluations",
    [
        ("spiral", 10, 40),
        ("spiral", 10, 4),
        ("Dahlquist", 10, 24),
        ("Dahlquist", 60, 40),
        ("Dahlquist", 3, 96),
        ("pendulum", 10, 64),
        ("pendulum", 10, 96),
    ],
)
def test_race_ends_where_the_library_does(show, problem, rate, evaluations):
    page = show(made("solver_race"))
    page.get_by_label(problem).check()
    slide(page, "evaluations", evaluations)
    if problem == "Dahlquist":
        slide(page, "rate", rate)
    name, found = problem.lower(), race(page)
    goal = solution(name, rate)[-1]
    for runner, label in (("euler", "Euler"), ("rk2", "RK2"), ("rk4", "RK4")):
        steps = evaluations // TABLEAUS[runner].stages
        error = float((run(name, runner, evaluations, rate)[-1] - goal).norm())
        assert found[label] == pytest.approx([steps, 1 / steps, error], rel=1e-6, abs=1e-13)
    closest = min(found, key=lambda label: found[label][2])
    assert f"{closest} is closest" in page.locator(".message").inner_text()


@pytest.mark.parametrize("problem", ["spiral", "pendulum"])
def test_race_under_way(show, problem):
    page = show(widgets.solver_race(problem, evaluations=48))
    slide(page, "spent", 26)
    found = race(page)
    grid = solution(problem, points=4097)
    for runner, label in (("euler", "Euler"), ("rk2", "RK2"), ("rk4", "RK4")):
        stages = TABLEAUS[runner].stages
        steps = 26 // stages
        where = steps * stages / 48 * 4096
        goal = (
            grid[round(where)]
            if problem == "pendulum"
            else torch.view_as_real(
                (complex(-1, 3 * math.pi) * torch.tensor(steps * stages / 48, dtype=torch.float64)).exp()
            )
        )
        error = float((run(problem, runner, 48)[steps] - goal).norm())
        near = (
            {"rel": 1e-6} if problem == "spiral" or where.is_integer() else {"abs": 2e-3}
        )  # between points of the grid
        assert found[label][0] == steps
        assert found[label][2] == pytest.approx(error, **near)


def test_race_plays(show):
    page = show(widgets.solver_race(evaluations=8))
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Pause").click()
    spent = float(page.locator("input[name=spent]").input_value())
    assert 0 < spent < 8
    page.wait_for_timeout(300)
    assert float(page.locator("input[name=spent]").input_value()) == spent


# The trajectory


def test_trajectory_shows_the_scores_of_its_states(show):
    widget = made("trajectory")
    page = show(widget)
    states = grids(widget.payload["states"])
    target = torch.from_numpy(unpack(widget.payload["target"]))[None]
    missing = torch.tensor([letter == "0" for letter in widget.payload["mask"]])
    for position in (0, 20, 60, 73, 100):
        n, share = min(position // 20, 4), position / 20 - min(position // 20, 4)
        hybrid = states[n] + share * (states[n + 1] - states[n])
        image = center_crop(ifft(hybrid, HYBRID), 96, 96)
        slide(page, "time", position)
        score = metrics.psnr(image[None], target)
        assert number(page, "t") == position / 100
        assert number(page, "psnr") == pytest.approx(score, abs=1e-6)
        assert text(page, "psnr") == f"{score:.2f} dB"
        energy = hybrid.abs().square()
        filled = float(energy[:, missing].sum() / energy.sum())
        assert number(page, "filled") == pytest.approx(filled, abs=1e-9)


def test_rounding_hardly_changes_the_scores():
    """What the page shows and what the notebook prints agree, even for data as noisy as these."""
    states, target, _ = example_states()
    widget = made("trajectory")
    for state, rounded in zip(states, grids(widget.payload["states"]), strict=True):
        exact_score = metrics.psnr(center_crop(state, 96, 96), target[None])
        image = center_crop(ifft(rounded, HYBRID), 96, 96)[None]
        assert metrics.psnr(image, unpack(widget.payload["target"])[None]) == pytest.approx(exact_score, abs=0.05)


def test_trajectory_by_keys_and_without_motion(show):
    page = show(made("trajectory"))
    page.locator("input[name=time]").focus()
    page.keyboard.press("End")
    assert number(page, "step") == 5
    page.keyboard.press("ArrowLeft")
    assert number(page, "t") == 0.99

    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("Home")
    button = page.get_by_role("button", name="Next step")
    for expected in (1, 2, 3, 4, 5, 0):
        button.press("Enter")
        assert number(page, "step") == expected


def test_trajectory_pixels(show):
    """The picture itself: the grey of each pixel is the magnitude in the window."""
    widget = made("trajectory")
    page = show(widget)
    code = """() => {
        const canvas = document.querySelector('.reconode-widget').shadowRoot.querySelector('canvas');
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    pixels = np.array(page.evaluate(code)).reshape(96, 96, 4)
    image = center_crop(ifft(grids(widget.payload["states"])[0], HYBRID), 96, 96).abs().numpy()
    target = np.sort(unpack(widget.payload["target"]).ravel())
    window = target[int(0.99 * (target.size - 1))]
    assert (pixels[..., 3] == 255).all()
    assert np.abs(pixels[..., 0] - np.clip(256 * image / window, 0, 255)).max() <= 1.5


def test_payload_is_json():
    for widget in map(made, MAKE):
        assert json.loads(json.dumps(widget.payload))
