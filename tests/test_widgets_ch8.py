"""Chapter 8's widget, as Python makes it and in a browser: its numbers are Python's, by mouse, by touch and by keys."""

from __future__ import annotations

import functools

import pytest
import torch
from test_widgets import example_stages, made
from widget_pages import slide

from reconode.errors import DataError
from reconode.teach import widgets
from reconode.teach.widgets.pack import unpack
from reconode.teach.widgets.stage_contributions import along_the_increment

KIND = "stage_contributions"


def shown(page, key):
    return float(page.locator(f'td[data-key="{key}"]').get_attribute("data-value"))


@functools.cache
def python():
    """What the page was given, ``(steps, stages, rows, columns)``."""
    payload = made(KIND).payload
    return torch.from_numpy(unpack(payload["weights"])), 100 * torch.from_numpy(unpack(payload["parts"]))


def agrees(page, step, row, column):
    weights, parts = (values[step, :, row, column] for values in python())
    for i in range(4):
        assert shown(page, f"a{i + 1}") == pytest.approx(float(weights[i]), abs=1e-9)
        assert shown(page, f"c{i + 1}") == pytest.approx(float(parts[i]), abs=1e-9)
    assert shown(page, "total") == pytest.approx(float(parts.sum()), abs=1e-9)


def middle(box, row, column):
    """Of one of the 24 × 28 squares on a picture, in pixels of the page."""
    return box["x"] + (column + 0.5) / 28 * box["width"], box["y"] + (row + 0.5) / 24 * box["height"]


def test_contributions_add_up_to_the_increment():
    _, contributions, _ = example_stages()
    parts = along_the_increment(contributions)
    torch.testing.assert_close(parts.sum(1), contributions.sum(1).abs(), atol=1e-5, rtol=1e-4)
    against = torch.tensor([2.0 + 0j, -1.0]).view(1, 2, 1, 1)
    assert along_the_increment(against).flatten().tolist() == [2.0, -1.0], "one that pulls back is negative"
    assert not along_the_increment(torch.zeros(1, 2, 1, 1, dtype=torch.complex64)).any(), "and none where nothing moves"


def test_payload_is_near_what_it_was_given():
    weights, contributions, image = example_stages()
    squares = torch.nn.functional.avg_pool2d(weights.double(), 2)
    assert float((python()[0] - squares).abs().max()) < 0.02
    mean = torch.complex(
        *(torch.nn.functional.avg_pool2d(v.double(), 2) for v in (contributions.real, contributions.imag))
    )
    parts = 100 * along_the_increment(mean / image.max())
    assert float((python()[1] - parts).abs().max()) < 1.6


@pytest.mark.parametrize(
    "change",
    [
        lambda a, c, x: (a[0], c[0], x),
        lambda a, c, x: (a, c.real, x),
        lambda a, c, x: (a[:, :3], c, x),
        lambda a, c, x: (a[..., :-1], c[..., :-1], x[:, :-1]),
        lambda a, c, x: (a[..., :8], c[..., :8], x[:, :8]),
        lambda a, c, x: (a, c, x[:-2]),
        lambda a, c, x: (9 * a, c, x),
        lambda a, c, x: (a, c, 0 * x),
        lambda a, c, x: (a, c * torch.nan, x),
    ],
    ids=["one step", "real", "stages", "odd", "small", "image", "weights", "zero", "nan"],
)
def test_wrong_data_are_refused(change):
    with pytest.raises(DataError):
        widgets.stage_contributions(*change(*example_stages()))


def test_starts_in_the_middle_and_follows_keys_and_steps(show):
    page = show(made(KIND))
    agrees(page, 0, 12, 14)
    ring = page.get_by_role("slider", name="Pixel")
    ring.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "Shift+ArrowRight"):
        page.keyboard.press(key)
    agrees(page, 0, 10, 18)
    slide(page, "step", 2)
    agrees(page, 1, 10, 18)
    ring.focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowDown")
    agrees(page, 1, 23, 18)
    assert ring.get_attribute("aria-valuetext") == "row 24, column 19"


def test_follows_the_pointer_on_every_picture(show):
    page = show(made(KIND))
    page.get_by_label("contributions", exact=True).check()
    canvases = page.locator("figure canvas")
    assert canvases.count() == 5
    for n, (row, column) in enumerate([(0, 0), (23, 27), (2, 14), (19, 8), (8, 20)]):
        at = middle(canvases.nth(n).bounding_box(), row, column)
        page.mouse.click(*at)
        agrees(page, 0, row, column)


def test_follows_a_finger(browser, tmp_path):
    made(KIND).save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 900}, has_touch=True)
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    box = page.locator("figure canvas").nth(2).bounding_box()
    page.touchscreen.tap(*middle(box, 9, 7))
    agrees(page, 0, 9, 7)
    page.close()
