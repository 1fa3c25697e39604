"""Chapter 5's widget: its mathematics, and in a browser the library's numbers after each move of a control."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from test_widgets import made
from widget_pages import call, number, slide, text

from reconode.solvers import RK4, integrate
from reconode.teach import widgets
from reconode.teach.widgets.there_and_back import TARGET, angle, exact, flow, run

pytest.importorskip("matplotlib")
START = (1.4, 0.0)


@pytest.mark.parametrize("start", [(1.4, 0.0), (0.4, -0.3), (-1.0, 0.0)])
def test_the_exact_flow_is_what_many_steps_reach(start):
    x0 = torch.tensor(start, dtype=torch.float64)
    for rate in (0, 3, 12):
        assert torch.allclose(integrate(flow(rate), x0, RK4, 400), exact(start, rate), atol=1e-7)


def test_differences_shrink_at_the_rate():
    near, far = (exact((r, 0.0), 5).norm() for r in (1.2, 1.4))
    assert float(far - near) == pytest.approx(0.2 * math.exp(-5))


@pytest.mark.parametrize("method", ["euler", "rk2", "rk4"])
def test_kept_or_undone_the_gradient_is_that_of_the_solve(method):
    for gradient in ("discrete", "reversible"):
        way = run(START, 4, 10, method, gradient)
        assert torch.allclose(way["found"], way["right"], rtol=1e-9)
        assert torch.allclose(way["back"], way["there"], atol=1e-9)


def test_the_gradient_of_the_solve_is_a_difference_quotient():
    target, step = torch.tensor(TARGET, dtype=torch.float64), 1e-6

    def loss(u: float, v: float) -> float:
        end = run((u, v), 4, 8, "rk2", "discrete")["there"][-1]
        return float((end - target).square().sum()) / 2

    u, v = START
    found = [loss(u + step, v) - loss(u - step, v), loss(u, v + step) - loss(u, v - step)]
    right = run(START, 4, 8, "rk2", "discrete")["right"]
    assert [d / 2 / step for d in found] == pytest.approx(right.tolist(), abs=1e-6)


def test_the_continuous_adjoint_needs_short_steps():
    apart = [angle(w["right"], w["found"]) for w in (run(START, 8, n, "rk4", "continuous") for n in (5, 10, 20, 40))]
    assert apart[0] > 5 and apart == sorted(apart, reverse=True) and apart[-1] < 0.01


# In a browser

CASES: list[tuple[float, int, str, str, float]] = [
    (4, 10, "euler", "continuous", 0.99),
    (2, 7, "rk2", "continuous", 0.99),
    (5, 12, "rk4", "continuous", 0.99),
    (3, 9, "rk4", "discrete", 0.99),
    (16, 40, "euler", "discrete", 0.99),
    (0, 2, "euler", "continuous", 0.99),
    (3, 20, "rk2", "reversible", 0.99),
    (4, 10, "euler", "reversible", 0.5),
    (2, 8, "rk4", "reversible", 1.0),
]


@pytest.mark.parametrize("start", [START, (0.4, -0.3)])
def test_the_module_computes_what_the_library_does(page, start):
    tableaus = made("there_and_back").payload["methods"]
    code = """return argument.cases.map(([rate, steps, method, gradient, kappa]) => {
        const flow = $there_and_back.spiral(rate, argument.omega);
        const table = argument.tableaus[method];
        return $there_and_back.travel(flow, argument.start, argument.target, table, steps, gradient, kappa)
    })"""
    given = {"cases": CASES, "omega": 2.0, "tableaus": tableaus, "start": start, "target": TARGET}
    for case, way in zip(CASES, call(page, "there_and_back", code, given), strict=True):
        expected = run(start, *case)
        assert way.keys() == expected.keys()
        for name, values in way.items():
            shown = torch.tensor(values, dtype=torch.float64)
            assert torch.allclose(shown, expected[name], rtol=1e-6, atol=1e-8), (case, name)


def pair(page: Any, key: str) -> list[float]:
    return [float(v) for v in page.locator(f'dd[data-key="{key}"]').get_attribute("data-value").split()]


def test_the_page_follows_its_controls(show):
    page = show(made("there_and_back"))

    def agrees(start, rate, steps, method, gradient, coupling=0.99):
        way = run(start, rate, steps, method, gradient, coupling)
        assert pair(page, "right") == pytest.approx(way["right"].tolist(), rel=1e-5, abs=1e-8)
        assert pair(page, "found") == pytest.approx(way["found"].tolist(), rel=1e-5, abs=1e-8)
        assert number(page, "product") == pytest.approx(rate / steps)
        assert number(page, "off") == pytest.approx(float((way["there"][-1] - exact(start, rate)).norm()), rel=1e-5)
        home = float((way["back"][0] - torch.tensor(start)).norm())
        assert number(page, "home") == pytest.approx(home, rel=1e-5, abs=1e-6)
        assert number(page, "angle") == pytest.approx(angle(way["right"], way["found"]), abs=1e-3)

    agrees(START, 4, 10, "euler", "continuous")
    slide(page, "rate", 6)
    slide(page, "steps", 5)
    agrees(START, 6, 5, "euler", "continuous")
    page.get_by_label("RK4").check()
    agrees(START, 6, 5, "rk4", "continuous")
    assert not page.locator('input[name="coupling"]').is_visible()
    page.get_by_label("reversible").check()
    slide(page, "coupling", 0.6)
    agrees(START, 6, 5, "rk4", "reversible", 0.6)
    page.get_by_label("discrete").check()
    agrees(START, 6, 5, "rk4", "discrete")
    assert text(page, "angle") == "0.0°" and "agree" in page.locator(".message").inner_text()

    handle = page.get_by_role("slider", name="Start of the flow")
    handle.focus()
    for key in ("ArrowLeft", "Shift+ArrowUp"):
        page.keyboard.press(key)
    agrees((1.35, 0.25), 6, 5, "rk4", "discrete")


def test_the_page_says_when_descent_turns_into_ascent(show):
    page = show(widgets.there_and_back(rate=8, steps=5))
    assert number(page, "angle") > 90
    assert "raises the loss" in page.locator(".message").inner_text()


def test_numbers_beyond_all_bounds(show):
    page = show(widgets.there_and_back(rate=16, steps=2, gradient="reversible", coupling=0.5))
    for n in (2, 40):
        slide(page, "steps", n)
        assert page.locator(".message").inner_text()
    page.get_by_label("Euler").check()
    assert page.locator(".message").inner_text()
