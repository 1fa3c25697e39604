"""Chapter 9's widget in a browser: what it says of a sample, a pixel and a field is what the file holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import smooth_images
from test_widgets import example_volume, made
from widget_pages import number, text

from reconode import masks
from reconode.data import fastmri, header
from reconode.data.info import FileInfo
from reconode.errors import DataError, UsageError
from reconode.physics import center_crop, fft, ifft
from reconode.teach import widgets

KIND = "file_explorer"
ROWS, COLUMNS = 80, 46
MASK = masks.random(COLUMNS, 4, seed="knee.h5")


def middle(box, row, column):
    """Of a sample on a picture, in pixels of the page."""
    return box["x"] + (column + 0.5) / COLUMNS * box["width"], box["y"] + (row + 0.5) / ROWS * box["height"]


def field(page):
    """The field that is chosen, and what is said of it."""
    chosen, said = page.locator(".choice.list input:checked + span"), page.locator('[data-key="meaning"]')
    return chosen.inner_text(), said.inner_text()


def agrees(page, row, column):
    """Numbers of a sample of k-space, from the file's own array."""
    size = example_volume().kspace[1, 0].abs().double()
    assert number(page, "sample") == row * COLUMNS + column and text(page, "sample") == f"{row}, {column}"
    strength = max(1e-4, float(size[row, column] / size.max()))
    assert number(page, "strength") == pytest.approx(strength, rel=0.1), "four decades in steps of a grey level"
    fate = "never acquired" if not 3 <= column < 43 else "kept" if MASK[column] else "dropped"
    assert text(page, "column") == fate


def test_starts_in_the_middle_and_follows_keys(show):
    page = show(made(KIND))
    agrees(page, 40, 23)
    assert field(page)[0] == "kspace"
    page.get_by_role("slider", name="Sample of k-space").focus()
    for key in ("ArrowUp", "Shift+ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    agrees(page, 39, 17)
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    agrees(page, 39, 42)
    page.keyboard.press("ArrowRight")
    agrees(page, 39, 43)
    assert field(page)[0] == "encodingLimits", "a column that was never acquired"


@pytest.mark.parametrize("place", [(0, 0), (39, 22), (79, 45), (12, 30)])
def test_follows_the_pointer_on_kspace(show, place):
    page = show(made(KIND))
    page.mouse.move(*middle(page.locator("figure canvas").nth(0).bounding_box(), *place))
    agrees(page, *place)


def test_the_strip_is_the_files_mask(show):
    page = show(made(KIND))
    box = page.locator("figure canvas").nth(1).bounding_box()
    for column in range(3, 43):
        page.mouse.move(box["x"] + (column + 0.5) / COLUMNS * box["width"], box["y"] + box["height"] / 2)
        assert text(page, "column") == ("kept" if MASK[column] else "dropped")
    name, said = field(page)
    assert name == "mask" and f"{int(MASK.sum())} of 46 columns" in said


def test_pixels_of_both_images(show):
    page, volume = show(made(KIND)), example_volume()
    peak = float(volume.target.max())
    box = page.locator("figure canvas").nth(2).bounding_box()
    kspace = volume.kspace[1, 0].to(torch.complex128)
    for label, kept in (("all columns", torch.ones(46)), ("the mask’s", MASK)):
        page.get_by_label(label).check()
        image = ifft(kspace * kept).abs() / peak
        for row, column in ((40, 23), (30, 12), (50, 33)):
            page.mouse.move(*middle(box, row, column))
            assert number(page, "pixel") == pytest.approx(float(image[row, column]), abs=0.02)
            assert field(page)[0] == "reconstruction_esc"
    page.mouse.move(*middle(box, 3, 20))
    assert field(page)[0] == "reconSpace", "oversampling, cropped away"
    assert "outside, cropped away" in page.locator(".message").nth(0).inner_text()


def test_fields_by_mouse_and_by_keys_frame_what_they_speak_of(show):
    page = show(made(KIND))
    page.get_by_label("encodingLimits").hover()
    assert field(page)[0] == "encodingLimits"
    frame = page.locator('.frame[data-on="kspace"]').bounding_box()
    box = page.locator("figure canvas").nth(0).bounding_box()
    assert frame["x"] - box["x"] == pytest.approx(3 / 46 * box["width"], abs=1)
    assert frame["width"] == pytest.approx(40 / 46 * box["width"], abs=1)
    page.get_by_label("encodingLimits").focus()
    page.keyboard.press("ArrowLeft")
    assert field(page)[0] == "reconSpace"
    frame = page.locator('.frame[data-on="image"]').bounding_box()
    box = page.locator("figure canvas").nth(2).bounding_box()
    assert frame["y"] - box["y"] == pytest.approx(20 / 80 * box["height"], abs=1)
    assert frame["height"] == pytest.approx(40 / 80 * box["height"], abs=1)


def test_follows_a_finger(browser, tmp_path):
    made(KIND).save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 1200}, has_touch=True)
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    page.touchscreen.tap(*middle(page.locator("figure canvas").nth(0).bounding_box(), 9, 7))
    agrees(page, 9, 7)
    page.get_by_label("patient_id").tap()
    assert field(page)[0] == "patient_id" and "nobody" in field(page)[1]
    page.close()


def test_the_headers_numbers_are_the_headers():
    """Through XML and back, the limits that the widget prints give the acquired columns."""
    said = {entry["name"]: entry["value"] for entry in made(KIND).payload["fields"]}
    xml = header.encode((ROWS, COLUMNS), (40, 40), (3, 43)).decode()
    center, maximum = (int(word) for word in said["encodingLimits"].replace(",", "").split() if word.isdigit())
    assert f"<maximum>{maximum}</maximum><center>{center}</center>" in xml
    assert said["reconSpace"] == "40 × 40" and said["encodedSpace"] == "80 × 46"


def test_the_ring_of_the_maximum_is_on_it():
    (entry,) = (entry for entry in made(KIND).payload["fields"] if entry["name"] == "max")
    top, left, height, width = entry["boxes"][0]["box"]
    target = example_volume().target[1]
    row, column = divmod(int(target.argmax()), 40)
    assert top * ROWS + 6 - 20 == pytest.approx(row) and left * COLUMNS + 6 - 3 == pytest.approx(column)
    assert height * ROWS == pytest.approx(12) and width * COLUMNS == pytest.approx(12)


def test_widths_that_no_cell_divides():
    """All of fastMRI's: the last cells are smaller."""
    kspace = fft(smooth_images(1, 640, 374))
    info = FileInfo(Path("k.h5"), (1, 1, 640, 374), (320, 320), fastmri.SINGLECOIL, (0, 374))
    volume = fastmri.Volume(info, kspace[:, None], center_crop(ifft(kspace).abs(), 320, 320), None)
    payload = widgets.file_explorer(volume).payload
    assert payload["cell"] == 4 and payload["kspace"]["shape"] == [160, 94]


def test_wrong_data_are_refused():
    volume = example_volume()
    with pytest.raises(UsageError):
        widgets.file_explorer(volume, 2)
    for change in (
        {"target": None},
        {"kspace": 0 * volume.kspace},
        {"info": dataclasses.replace(volume.info, shape=(2, 2, 80, 46))},
        {"info": dataclasses.replace(volume.info, shape=(2, 1, 2000, 46))},
    ):
        with pytest.raises(DataError):
            widgets.file_explorer(dataclasses.replace(volume, **change))
