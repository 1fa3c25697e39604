"""The widgets' modules and pages in a browser: the modules compute what Python does, and every page is sound.

Any Chromium will do: one that is installed, else the one that Playwright downloaded. Where there is neither these
tests skip and say so, or fail with RECONODE_BROWSER=required.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_widgets import MAKE, every_widget, made
from widget_pages import call

from reconode import masks
from reconode.physics import HYBRID, ifft, to_kspace
from reconode.teach.widgets.pack import unpack

AXE = Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"


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
            # Canvases follow the new width a frame later; a page that stays too wide runs into the time limit.
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
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
