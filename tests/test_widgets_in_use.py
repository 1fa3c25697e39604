"""Each widget in a browser: controls are moved by pointer and by keys, and what is shown is compared with Python."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from test_widgets import MAKE, example_states, made
from widget_pages import grids, number, slide, text

from reconode import masks, metrics
from reconode.physics import HYBRID, center_crop, ifft
from reconode.solvers import TABLEAUS
from reconode.teach import widgets
from reconode.teach.widgets.flow_plane import descend, exact, lipschitz
from reconode.teach.widgets.pack import unpack
from reconode.teach.widgets.solver_race import exact as solution
from reconode.teach.widgets.solver_race import run
from reconode.teach.widgets.widget import Widget

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
        ("decay", 10, 24),
        ("decay", 60, 40),
        ("decay", 3, 96),
        ("pendulum", 10, 64),
        ("pendulum", 10, 96),
    ],
)
def test_race_ends_where_the_library_does(show, problem, rate, evaluations):
    page = show(made("solver_race"))
    page.get_by_label(problem).check()
    slide(page, "evaluations", evaluations)
    if problem == "decay":
        slide(page, "rate", rate)
    name, found = {"decay": "dahlquist"}.get(problem, problem), race(page)
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
