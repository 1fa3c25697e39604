"""Chapter 6's widget in a browser: its numbers are the library's optimisers' and torch's own."""

from __future__ import annotations

import math

import pytest
import torch
from widget_pages import call, slide

from reconode.errors import UsageError
from reconode.teach import widgets
from reconode.teach.check.ex6 import rectifier
from reconode.teach.widgets.optimizer_race import RUNNERS, TURN, K, draws, height, run, valley

pytest.importorskip("matplotlib")


def table(page):
    """Gradients, and the mean of J over the last quarter, by runner."""
    return {
        kind: [float(cell.get_attribute("data-value")) for cell in page.locator(f"tr[data-runner={kind}] td").all()]
        for kind in RUNNERS
    }


def python(spent, count="gradients", condition=10.0, turn=0.0, **options):
    found = {}
    for kind in RUNNERS:
        done = spent * (K if kind == "lookahead" and count == "steps" else 1)
        H, _ = valley(condition, turn)
        heights = height(run(kind, done, condition=condition, turn=turn, **options), H)
        last = heights[-max(1, math.ceil(len(heights) / 4)) :]
        found[kind] = [done, float(last.mean())]
    return found


def same(page, **options):
    for kind, values in python(**options).items():
        assert table(page)[kind] == pytest.approx(values, rel=1e-6, abs=1e-12), kind


def test_it_starts_with_the_librarys_numbers(show):
    same(show(widgets.optimizer_race()), spent=120)


def test_it_follows_its_controls(show):
    page = show(widgets.optimizer_race(budget=60))
    slide(page, "rate", 0.1)
    slide(page, "noise", 0.7)
    slide(page, "condition", 50)
    slide(page, "draw", 3)
    same(page, spent=60, rate=0.1, noise=0.7, condition=50.0, draw=2)
    page.get_by_label("steps").check()
    same(page, spent=60, count="steps", rate=0.1, noise=0.7, condition=50.0, draw=2)
    page.get_by_label("turned").check()
    slide(page, "spent", 31)
    same(page, spent=31, count="steps", rate=0.1, noise=0.7, condition=50.0, draw=2, turn=TURN)
    slide(page, "budget", 120)
    same(page, spent=120, count="steps", rate=0.1, noise=0.7, condition=50.0, draw=2, turn=TURN)


def test_it_says_who_lies_lowest(show):
    page = show(widgets.optimizer_race())
    lowest = min(RUNNERS, key=lambda kind: table(page)[kind][1])
    assert RUNNERS[lowest][0] in page.locator(".message").inner_text()
    assert page.locator(f"tr[data-runner={lowest}] td.best").count() == 1


def test_the_chapter_is_right_about_what_to_try():
    """With the rate as it starts Lookahead lies lowest; at 0.05 it is last by gradients and first by steps."""

    def last(**options):
        return {kind: values[1] for kind, values in python(**options).items()}

    start = last(spent=120)
    assert min(start, key=start.get) == "lookahead"
    slow = last(spent=120, rate=0.05)
    assert max(slow, key=slow.get) == "lookahead"
    steps = last(spent=120, count="steps", rate=0.05)
    assert min(steps, key=steps.get) == "lookahead"
    quiet = {"spent": 120, "noise": 0.0}
    assert last(**quiet, rate=0.2)["lookahead"] > 10 * last(**quiet, rate=0.2)["radam"], "nobody needed it"
    along, turned = (last(**quiet, condition=100.0, rate=0.05, turn=turn) for turn in (0.0, TURN))
    assert along["adam"] < along["sgd"] / 50, "far ahead"
    assert turned["adam"] > turned["sgd"] / 2, "most of it gone"


def test_rectifier(page):
    for t, beta2 in ((1, 0.999), (5, 0.999), (6, 0.999), (100, 0.99), (2000, 0.999)):
        said = call(page, "optimizer_race", "return $optimizer_race.rectifier(...argument);", [t, beta2])
        assert said == pytest.approx(rectifier(t, beta2), rel=1e-12)


def test_noise_fits_a_slow_race():
    assert draws(0).shape == (720, 2)
    assert not torch.equal(draws(0), draws(1))


@pytest.mark.parametrize("options", [{"count": "hours"}, {"budget": 7}, {"budget": 126}, {"noise": 3}, {"rate": 0}])
def test_what_it_refuses(options):
    with pytest.raises(UsageError):
        widgets.optimizer_race(**options)
