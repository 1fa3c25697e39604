"""Chapter 11's widget, as Python makes it and in a browser: its numbers are Python's, by mouse and by keys."""

from __future__ import annotations

import copy

import pytest
from test_widgets import example_dials, made
from widget_pages import slide

from reconode.errors import DataError
from reconode.teach import widgets
from reconode.teach.widgets.shift_dial import summary

KIND = "shift_dial"
NAMES = list(example_dials()["noise"][0]["scores"])


def shown(page, model, key):
    cell = page.locator(f'tr[data-model="{model}"] td[data-key="{key}"]')
    return float(cell.get_attribute("data-value"))


def agrees(page, dial, number):
    """Every cell is what the scores say, and the rows stand in the order of the means."""
    scores = example_dials()[dial][number]["scores"]
    means = {}
    for name in NAMES:
        psnr, tv = scores[name]["psnr"], scores["tv"]["psnr"]
        gains = [a - b for a, b in zip(psnr, tv, strict=True)]
        means[name] = sum(psnr) / len(psnr)
        assert shown(page, name, "mean") == pytest.approx(means[name], abs=6e-4)
        assert shown(page, name, "worst") == pytest.approx(min(psnr), abs=6e-4)
        assert shown(page, name, "gain") == pytest.approx(sum(gains) / len(gains), abs=6e-4)
        assert shown(page, name, "least") == pytest.approx(min(gains), abs=6e-4)
    rows = [row.get_attribute("data-model") for row in page.locator("tr[data-model]").all()]
    assert rows == sorted(NAMES, key=lambda name: -means[name])


def test_the_summary_is_paired():
    scores = {"tv": {"psnr": [20.0, 30.0]}, "x": {"psnr": [21.0, 28.0]}}
    found = summary(scores, ["tv", "x"])
    assert found["gain"] == [0, -0.5] and found["least"] == [0, -2] and found["worst"] == [20, 21]


def test_starts_where_training_reaches_and_follows_the_dial(show):
    page = show(made(KIND))
    agrees(page, "noise", 1)
    slide(page, "position", 2)
    agrees(page, "noise", 2)
    assert "did not reach" in page.locator(".message").inner_text()
    page.get_by_label("phase", exact=True).check()
    agrees(page, "phase", 0)
    page.locator("input[name=position]").focus()
    page.keyboard.press("End")
    agrees(page, "phase", 3)


def test_says_who_is_below(show):
    page = show(made(KIND))
    assert "Below TV: Zero-filled." in page.locator(".message").inner_text()
    assert "Nobody is below zero-filled" in page.locator(".message").inner_text()
    slide(page, "position", 2)
    assert "Below zero-filled: D5C5." in page.locator(".message").inner_text()


def test_the_plot_follows_its_choice(show):
    page = show(made(KIND))
    draw = "document.querySelector('.reconode-widget').shadowRoot.querySelector('canvas').toDataURL()"
    seen = {page.evaluate(draw)}
    for name in ("least gain", "PSNR"):
        page.get_by_label(name, exact=True).check()
        page.wait_for_timeout(50)
        seen.add(page.evaluate(draw))
    assert len(seen) == 3


def without_tv(dials):
    for position in dials["noise"]:
        del position["scores"]["tv"]


def unlike(dials):
    del dials["phase"][1]["scores"]["d5c5_long"]


def uneven(dials):
    dials["phase"][1]["scores"]["d5c5_long"]["psnr"].pop()


def one_position(dials):
    del dials["noise"][1:]


@pytest.mark.parametrize("change", [without_tv, unlike, uneven, one_position])
def test_wrong_data_are_refused(change):
    dials = copy.deepcopy(example_dials())
    change(dials)
    if change is without_tv:
        del dials["phase"]
    with pytest.raises(DataError):
        widgets.shift_dial(dials)
