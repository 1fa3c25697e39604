"""Chapter 10's widgets: their numbers are Python's, by pointer, touch and keys; they refuse what does not fit."""

from __future__ import annotations

import base64
import functools
import io

import pytest
import torch
from conftest import smooth_images
from matplotlib import colormaps
from PIL import Image
from test_widgets import OPERATIONS, example_runs, made
from widget_pages import slide

from reconode import metrics
from reconode.errors import DataError
from reconode.experiment import claims, paper
from reconode.experiment.rows import compare, make_row, rows
from reconode.metrics import Interval
from reconode.teach import widgets
from reconode.teach.widgets.pack import unpack
from reconode.teach.widgets.results_table import pairwise

RUNS = example_runs()


def of(name, variant="", acceleration=4.0, seeds=range(3)):
    return make_row([r for r in RUNS if (*r.row, r.acceleration) == (name, variant, acceleration) and r.seed in seeds])


# The table


def cell(page, model, key):
    return page.locator(f'tr[data-model="{model}"] td[data-key="{key}"]')


def value(page, model, key):
    return float(cell(page, model, key).get_attribute("data-value"))


def models(page):
    return page.locator("tbody tr").evaluate_all("all => all.map((row) => row.dataset.model)")


def agrees(page, model, row, base):
    d = compare(row, base).difference
    assert value(page, model, "ours") == pytest.approx(row.interval("psnr").mean, abs=1e-3)
    assert value(page, model, "difference") == pytest.approx(d.mean, abs=1e-3)
    text = cell(page, model, "difference").inner_text().replace("−", "-")
    means = [r.seed_means("psnr") for r in (row, base)]
    least, most = min(means[0]) - max(means[1]), max(means[0]) - min(means[1])
    assert claims.judge(d, least, most) in text
    low, high = (float(v) for v in text.split("[")[1].rstrip("]").split(", "))
    assert (low, high) == pytest.approx((d.low, d.high), abs=0.0061)


def test_all_pairs_at_once_are_the_bootstraps():
    three = [of(name) for name in ("d5c5", "lt-rk4", "pc-flow")]
    found = pairwise(three, "psnr").T
    pairs = [(0, 1), (0, 2), (1, 2)]
    for (a, b), (mean, low, high) in zip(pairs, found, strict=True):
        d = compare(three[a], three[b]).difference
        assert (mean, low, high) == pytest.approx((d.mean, d.low, d.high), abs=1e-9)


def test_the_table_is_pythons(show):
    page = show(made("results_table"))
    agrees(page, "D5C5", of("d5c5"), of("wavelet"))
    agrees(page, "LT-RK4", of("lt-rk4"), of("wavelet"))
    assert value(page, "LT-RK4", "paper") == paper.TABLE1["lt-rk4"].psnr[4]
    page.locator("select").select_option(label="LT-RK4")
    agrees(page, "D5C5", of("d5c5"), of("lt-rk4"))
    agrees(page, "Wavelet", of("wavelet"), of("lt-rk4"))
    assert cell(page, "D5C5", "paper").inner_text().split() == ["32.11", "(−0.28)"]
    assert cell(page, "LT-RK4", "difference").inner_text() == "–"
    page.get_by_label("2", exact=True).check()
    page.locator("select").select_option(label="Wavelet")
    agrees(page, "LT-RK4", of("lt-rk4", seeds=[2]), of("wavelet"))
    assert "D5C5" not in models(page), "it has no such seed"


def test_lengths_never_meet(show):
    page = show(made("results_table"))
    lengths = page.locator("fieldset", has_text="Training").locator("label").all_inner_texts()
    assert lengths == ["1,000 steps", "3,000 steps", "equal compute"]
    broken = page.locator("tr", has_text="†")
    assert broken.count() == 1 and "300 steps" in broken.inner_text()
    assert cell(page, "FA-Euler, continuous", "difference").inner_text() == "–", "fewer examples: not compared"
    page.get_by_label("3,000 steps").check()
    agrees(page, "D5C5", of("d5c5", "long"), of("wavelet"))
    assert "Not run: U-Net; LT-RK4" in page.locator(".message").inner_text()
    page.get_by_label("8×").check()
    assert page.locator("fieldset", has_text="Training").locator("label").all_inner_texts() == ["1,000 steps"]
    agrees(page, "PC-Flow", of("pc-flow", acceleration=8), of("wavelet", acceleration=8))


def test_equal_compute_takes_the_longest_within_the_budget(show):
    page = show(made("results_table"))
    page.get_by_label("equal compute").check()
    assert set(models(page)) == {"Zero-filled", "Wavelet", "U-Net", "D5C5", "FT-Euler", "LT-Euler", "LT-RK4", "PC-Flow"}
    agrees(page, "D5C5", of("d5c5", "long"), of("wavelet"))
    agrees(page, "PC-Flow", of("pc-flow"), of("wavelet"))
    for model, row in {"D5C5": of("d5c5", "long"), "PC-Flow": of("pc-flow"), "LT-RK4": of("lt-rk4")}.items():
        spent = OPERATIONS[row.first.model] * row.first.training.steps / (5.0 * 1000)
        assert value(page, model, "cost") == pytest.approx(spent, abs=1e-3) and spent <= 1


def test_sorting_by_mouse_and_by_keys(show):
    page = show(made("results_table"))
    as_the_paper = models(page)
    assert as_the_paper[:3] == ["Zero-filled", "Wavelet", "U-Net"]
    page.get_by_role("button", name="Ours", exact=True).click()
    scores = [value(page, m, "ours") for m in models(page)]
    assert scores == sorted(scores, reverse=True)
    head = page.locator('th[data-column="ours"]')
    assert head.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [value(page, m, "ours") for m in models(page)] == sorted(scores)
    page.get_by_role("button", name="Model", exact=True).click()
    assert models(page) == as_the_paper
    page.get_by_label("4×").focus()
    page.keyboard.press("ArrowRight")
    assert "8×" in page.locator("caption").inner_text()


def test_ssim_and_what_screen_readers_hear(show):
    page = show(made("results_table"))
    page.get_by_label("SSIM").check()
    d = compare(of("pc-flow"), of("wavelet"), "ssim").difference
    assert value(page, "PC-Flow", "difference") == pytest.approx(d.mean, abs=2e-5)
    assert value(page, "D5C5", "paper") == 0.7252
    page.locator("[role=status]", has_text="Against Wavelet: ").wait_for(state="attached")


def test_the_keyboard_keeps_its_place(show):
    page = show(made("results_table"))
    page.get_by_label("1,000 steps").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "equal compute" in page.locator("caption").inner_text()


def test_the_table_refuses():
    with pytest.raises(DataError, match="no run of tv"):
        widgets.results_table(RUNS, OPERATIONS, reference="tv")
    with pytest.raises(DataError, match="no results"):
        widgets.results_table([], OPERATIONS)
    assert not [s for s in widgets.results_table(RUNS, {}).payload["sets"] if s["length"] == "equal compute"]


# The comparer

NAMES = ["poor", "fair", "good"]


@functools.cache
def pictures():
    """What the page has: the target, and the images in the order of their names."""
    found = torch.from_numpy(unpack(made("image_comparer").payload["images"]))
    return found[0], found[1:].flip(0)


def shown(page, key):
    return float(page.locator(f'td[data-key="{key}"]').get_attribute("data-value"))


def check_view(page, top, bottom, left, right):
    target, images = pictures()
    for n, image in enumerate(images, 1):
        error = (image - target)[top:bottom, left:right].square().mean()
        part = float(10 * torch.log10(target.max() ** 2 / error))
        assert shown(page, f"part{n}") == pytest.approx(part, abs=1e-9)
        assert shown(page, f"whole{n}") == pytest.approx(metrics.psnr(image[None], target[None]), abs=1e-9)
        assert shown(page, f"ssim{n}") == pytest.approx(metrics.ssim(image[None], target[None]), abs=1e-4)


def view(page):
    return page.get_by_role("slider", name="View of all pictures")


def test_images_are_near_what_was_given():
    target = smooth_images(1, 48, 56)[0].abs()
    assert float((pictures()[0] - target / target.max()).abs().max()) < 1 / 32
    scores = [metrics.psnr(image[None], pictures()[0][None]) for image in pictures()[1]]
    assert scores == sorted(scores), "each under its own name"


def test_whole_slice_then_keys(show):
    page = show(made("image_comparer"))
    check_view(page, 0, 48, 0, 56)
    assert page.locator("figure:visible figcaption").all_inner_texts() == ["Target", "poor", "good"]
    view(page).focus()
    for key in ("+", "+", "ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    # At 4x the view is 12 × 14; a step is an eighth of it.
    check_view(page, 15, 27, 19, 33)
    assert view(page).get_attribute("aria-valuetext") == "4.0×, middle at row 21, column 26"
    page.keyboard.press("-")
    assert view(page).get_attribute("aria-valuenow") == "2"
    page.keyboard.press("Home")
    check_view(page, 0, 48, 0, 56)


def test_drag_moves_all_and_stays_inside(show):
    page = show(made("image_comparer"))
    slide(page, "zoom", 2)
    check_view(page, 12, 36, 14, 42)
    box = page.locator("figure:visible .view").nth(2).bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + box["width"] / 4, at[1] + box["height"] / 4, steps=4)
    page.mouse.up()
    check_view(page, 6, 30, 7, 35)
    page.mouse.down()
    page.mouse.move(at[0] + 5 * box["width"], at[1] + 5 * box["height"], steps=4)
    page.mouse.up()
    check_view(page, 0, 24, 0, 28)
    page.get_by_role("button", name="Whole slice").click()
    check_view(page, 0, 48, 0, 56)


def test_double_click_and_a_trackpads_pinch_keep_the_pixel(show):
    page = show(made("image_comparer"))
    box = page.locator("figure:visible .view").nth(1).bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    check_view(page, 6, 30, 7, 35)
    page.locator("figure:visible .view").nth(1).evaluate(
        """pad => { const b = pad.getBoundingClientRect(); pad.dispatchEvent(new WheelEvent("wheel", {ctrlKey: true,
        deltaY: -100, clientX: b.left, clientY: b.top, cancelable: true})); }"""
    )
    check_view(page, 6, 18, 7, 21)


def test_two_fingers(browser, tmp_path):
    made("image_comparer").save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 1200}, has_touch=True)
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    pad = page.locator("figure:visible .view").nth(1)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 40)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert float(view(page).get_attribute("aria-valuenow")) == pytest.approx(2, rel=0.05)
    page.close()


def test_methods_windows_and_errors(show):
    page = show(made("image_comparer"))
    page.get_by_role("checkbox", name="fair").check()
    page.get_by_role("checkbox", name="good").uncheck()
    assert page.locator("figure:visible figcaption").all_inner_texts() == ["Target", "poor", "fair"]
    assert "whole slice: fair" in page.locator(".message").inner_text()
    page.get_by_role("checkbox", name="poor").uncheck()
    page.get_by_role("checkbox", name="fair").uncheck()
    assert page.locator(".message").inner_text() == "No method is open."
    page.get_by_role("checkbox", name="good").check()
    target, images = (x / pictures()[0].max() for x in pictures())
    slide(page, "white", 1)
    assert middle(page, 1) == (min(255, int(256 * float(images[2, 24, 28]))),) * 3
    slide(page, "white", 0.5)
    assert middle(page, 0) == (min(255, int(256 * float(target[24, 28]) / 0.5)),) * 3, "one window for all"
    page.get_by_label("errors", exact=True).check()
    slide(page, "most", 0.05)
    index = min(255, int(256 * float((images[2] - target)[24, 28].abs()) / 0.05))
    assert middle(page, 1) == colormaps["magma"](index, bytes=True)[:3]
    assert len(set(middle(page, 0))) == 1, "the target stays grey"


def middle(page, number):
    """The color of the pixel in row 24, column 28 of a picture that is shown whole."""
    data = page.locator("figure:visible canvas").nth(number).evaluate("canvas => canvas.toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")
    return picture.getpixel((int(28.5 / 56 * picture.width), int(24.5 / 48 * picture.height)))


@pytest.mark.parametrize(
    "change",
    [
        {"target": torch.ones(3, 32, 32)},
        {"target": torch.ones(200, 200)},
        {"target": torch.zeros(32, 32)},
        {"images": {}},
        {"images": {"a": torch.ones(32, 31)}},
        {"images": {"a": torch.ones(32, 32, dtype=torch.complex64)}},
        {"images": {"a": torch.full((32, 32), torch.nan)}},
        {"images": {str(n): torch.ones(32, 32) for n in range(9)}},
        {"shown": ("b",)},
    ],
    ids=["volume", "large", "zero", "none", "shape", "complex", "nan", "many", "name"],
)
def test_the_comparer_refuses(change):
    given = {"target": torch.ones(32, 32), "images": {"a": torch.ones(32, 32)}, **change}
    with pytest.raises(DataError):
        widgets.image_comparer(**given)


def test_an_order_needs_every_training():
    """The page's rule and the library's are one; here on the library's."""
    assert claims.judge(Interval(0.4, 0.2, 0.6, 40), 0.1, 0.7) == "tie"
    assert len(rows(RUNS)) > 10
