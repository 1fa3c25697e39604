"""Line plots say what they are given: curves where the numbers are, guides with the slope they name, one legend."""

from __future__ import annotations

import math

import pytest
import torch

from reconode.solvers import EULER, HEUN, RK4

pytest.importorskip("matplotlib")
from reconode.teach import plots
from reconode.teach.plots import basics


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_curves():
    figure = plots.curves(None, {"Euler": ([1, 2], [3, 4]), "mine": ([1, 2], torch.tensor([5.0, 6.0]))}, "x", "y")
    (ax,) = figure.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 4], [5, 6]]
    assert ax.lines[0].get_color() == basics.METHODS["Euler"].color
    assert labels(figure) == ["Euler", "mine"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_no_curve_wears_a_solvers_color():
    assert not {style.color for style in basics.METHODS.values()} & {style.color for style in basics.CYCLE}


def test_pairs_stand_two_abreast():
    images = {name: torch.full((4, 6), float(n)) for n, name in enumerate("abc")}
    figure = plots.pairs(images, vmax=2, notes=["one", "two"])
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]
    assert figure.axes[0].get_subplotspec().get_geometry()[:2] == (2, 2)
    assert [text.get_text() for ax in figure.axes for text in ax.texts] == ["one", "two"]
    assert float(figure.axes[2].images[0].get_array().max()) == 2


def test_curves_in_given_axes():
    figure, (left, right) = plots.axes(2)
    assert plots.curves(left, {"a": ([1], [1]), "b": ([1], [2])}, "x", "y") is figure
    plots.curves(right, {"a": ([1], [1])}, "x", "y", (True, False))
    assert not figure.legends
    assert left.get_legend() is not None
    assert right.get_xscale() == "log"


def test_few_points_are_the_ticks():
    figure = plots.curves(None, {"a": ([4, 8, 16], [1, 2, 3])}, "x", "y", (True, True))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["4", "8", "16"]


@pytest.mark.parametrize("slope", [1, 2, 4])
def test_a_guide_has_its_slope(slope):
    steps = [4, 8, 16, 32]
    figure = plots.order(None, {"one": (steps, [1 / n**slope for n in steps])}, slopes=[slope])
    x, y = figure.axes[0].lines[-1].get_data()
    assert math.log(y[0] / y[1]) / math.log(x[1] / x[0]) == pytest.approx(slope)
    assert f"order {slope}" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    "tableau, left", [(EULER, -2), (HEUN, -2), (RK4, -2.7853)], ids=lambda value: getattr(value, "name", None)
)
def test_a_region_ends_where_the_textbook_says(tableau, left):
    figure = plots.regions(None, [tableau])
    contour = figure.axes[0].collections[-1]
    points = torch.cat([torch.as_tensor(path.vertices) for path in contour.get_paths()])
    near_axis = points[points[:, 1].abs() < 0.05]
    assert float(near_axis[:, 0].min()) == pytest.approx(left, abs=0.02)


def test_the_exact_path_lies_below_the_others():
    turn = torch.exp(2j * math.pi * torch.linspace(0, 1, 50, dtype=torch.float64))
    figure = plots.plane(None, {"Euler, 49 steps": turn}, turn, "real", "imaginary")
    assert labels(figure) == ["exact", "Euler, 49 steps"]
