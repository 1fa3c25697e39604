"""Chapter 7's widget: its numbers are Python's, by pointer and by keys, and it refuses what does not fit."""

from __future__ import annotations

import pytest
import torch
from conftest import smooth_images
from test_widgets import made
from widget_pages import grids, number, slide, text

from reconode import masks
from reconode.errors import DataError
from reconode.physics import HYBRID, ifft
from reconode.teach import widgets
from reconode.teach.widgets.rings import WIDTH, errors, numbers

pytest.importorskip("matplotlib")


def python(widget) -> list[torch.Tensor]:
    """The relative errors of the data that the page has."""
    truth, *both = ifft(grids(widget.payload["images"]), HYBRID)
    missing = torch.tensor([letter == "0" for letter in widget.payload["mask"]])
    return [errors(image, truth, missing) for image in both]


def test_rings_cover_k_space():
    ring = numbers(96, 112)
    assert ring.shape == (96, 112) and int(ring[48, 56]) == 0 and int(ring.max()) == round(2**0.5 / WIDTH)
    assert int(ring[48, 111]) == 9 and int(ring[95, 56]) == 9, "the ends of both axes lie in one ring"


def test_errors_are_relative_and_of_what_is_missing():
    truth, mask = smooth_images(1, 32, 40)[0], masks.random(40, 4, seed=2)
    missing = ~mask.bool()
    assert float(errors(truth, truth, missing).max()) == 0
    assert float(errors(0 * truth, truth, missing)[0]) == 0, "the middle of k-space was measured, all of it"
    assert torch.allclose(errors(0 * truth, truth, missing)[1:8], torch.ones(7))
    assert torch.allclose(errors(1.5 * truth, truth, missing)[1:8], torch.full((7,), 0.5), atol=1e-5)
    assert torch.equal(
        errors(0 * truth, truth, torch.zeros(40).bool()), torch.zeros(errors(truth, truth, missing).shape)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"truth": torch.ones(32, 40)},
        {"fixed": torch.ones(32, 39, dtype=torch.complex64)},
        {"mask": torch.ones(40)},
        {"mask": torch.zeros(39)},
        {"learned": torch.full((32, 40), torch.nan, dtype=torch.complex64)},
        dict.fromkeys(("truth", "fixed", "learned"), torch.ones(320, 40, dtype=torch.complex64)),
    ],
    ids=["real", "shape", "nothing missing", "mask", "nan", "large"],
)
def test_refuses(change):
    image = smooth_images(1, 32, 40)[0]
    given = {"truth": image, "fixed": image, "learned": image, "mask": masks.random(40, 4, seed=1), **change}
    with pytest.raises(DataError):
        widgets.rings(given["truth"], given["fixed"], given["learned"], given["mask"], names=("a", "b"))


def test_page_shows_pythons_numbers(show):
    widget = made("rings")
    page, expected = show(widget), python(widget)
    for ring in (2, 0, 7, 13):
        slide(page, "ring", ring)
        for key, line in zip(("fixed", "learned"), expected, strict=True):
            assert number(page, key) == pytest.approx(float(line[ring]), rel=1e-6, abs=1e-9)
            assert text(page, key) == f"{float(line[ring]):.3f}"
        assert text(page, "frequency") == f"{ring / 10:.1f} to {(ring + 1) / 10:.1f}"


def test_pointer_and_keys_choose_a_ring(show):
    page = show(made("rings"))
    canvas = page.locator("canvas").first
    box = canvas.bounding_box()
    ring = numbers(96, 112)
    for row, column in ((48, 56), (48, 90), (5, 56), (2, 3)):
        page.mouse.move(box["x"] + (column + 0.5) * box["width"] / 112, box["y"] + (row + 0.5) * box["height"] / 96)
        assert number(page, "frequency") == pytest.approx((int(ring[row, column]) + 0.5) * WIDTH)
    page.locator("input[name=ring]").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert number(page, "frequency") == pytest.approx(1.5 * WIDTH)


def test_all_up_to_a_ring_shows_more(show):
    page = show(made("rings"))
    slide(page, "ring", 4)
    kspace = page.locator("canvas").first
    alone = kspace.screenshot()
    page.get_by_label("all up to it").check()
    assert kspace.screenshot() != alone
    page.get_by_label("this ring").check()
    assert kspace.screenshot() == alone
