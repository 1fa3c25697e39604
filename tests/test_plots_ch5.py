"""Chapter 5's figures show what they are given, and the growth of a reversible step is the library's."""

from __future__ import annotations

import pytest
import torch

from reconode.gradients import Reversible
from reconode.solvers import EULER, HEUN, RK4

pytest.importorskip("matplotlib")
from reconode.teach import plots
from reconode.teach.plots import basics


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_round_trip():
    start, end = torch.ones(4, 6, dtype=torch.complex64), 2 * torch.ones(4, 6)
    figure = plots.round_trip(start, end, start + 0.5j * torch.eye(4, 6))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["there: t = 0", "t = 1", "and back: t = 0", "misses home by"]
    missed = figure.axes[3].images[0].get_array()
    assert torch.allclose(torch.as_tensor(missed), 0.5 * torch.eye(4, 6))
    assert [text.get_text() for text in figure.axes[3].texts] == ["white: 50% of the maximum"]


def test_ways_back_names_five():
    assert len(plots.ways_back().axes[0].texts) >= 5


def test_gradient_errors():
    found = {"fresh": {"Heun": ([2, 5], [0.1, 0.01])}, "old": {"Heun": ([2, 5], [3, 0.5]), "Euler": ([2], [4])}}
    figure = plots.gradient_errors(found)
    (ax,) = figure.axes
    assert labels(figure) == ["Heun, fresh", "Heun, old", "Euler, old"]
    assert [line.get_markerfacecolor() for line in ax.lines[:3]] == [
        "white",
        *(basics.METHODS[name].color for name in ("Heun", "Euler")),
    ]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "5"]


def test_spread():
    figure = plots.spread({"a": ([0, 1], [-3, -4], [1, 2]), "b": ([0, 1], [-1, -1], [0, 0])})
    assert labels(figure) == ["a", "b"]
    assert [list(line.get_ydata()) for line in figure.axes[0].lines[:2]] == [[-3, -4], [1, 2]]


def test_front_has_round_ticks():
    euler, rk4 = ({"tableau": name} for name in ("Euler", "classical RK4"))
    untimed = {"way": "three", "peak_bytes": 1, **euler}
    cases = [{"way": "one", "time_ratio": 1, "peak_bytes": 47.9e6, **euler}, untimed]
    figure = plots.front([*cases, {"way": "two", "time_ratio": 2, "peak_bytes": 3.2e6, **rk4}])
    assert labels(figure) == ["one", "two", "Euler", "classical RK4"]
    assert [tuple(line.get_xydata()[0]) for line in figure.axes[0].lines] == [(1, 47.9), (2, 3.2)]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["2", "5", "10", "20", "50", "100"]


def test_regions_have_a_line_each():
    figure = plots.reversible_regions(HEUN, (0.9, 0.5), {"here": -1.0})
    assert labels(figure) == ["Heun", "reversible, κ = 0.9", "reversible, κ = 0.5"]


@pytest.mark.parametrize("coupling", [0.99, 0.5])
@pytest.mark.parametrize("z", [-0.6 + 0j, -0.3 + 0.8j, 0.9j])
def test_growth_is_that_of_the_librarys_solve(coupling, z):
    """Over the last 40 of 100 steps of h = 1/100 the larger factor has won."""
    one, steps = torch.ones((), dtype=torch.complex128), 100
    states, _ = Reversible(coupling).forward(lambda t, x: steps * z * x, one, HEUN, steps)
    measured = float((states[-1].abs() / states[-41].abs()) ** (1 / 40))
    expected = float(plots.growth(HEUN, torch.tensor(z), coupling))
    if expected > 1.01:
        assert measured == pytest.approx(expected, rel=0.02)
    else:
        assert measured < 1.02


def test_without_coupling_it_is_the_tableaus_own_step():
    z = torch.tensor(-0.7 + 0.2j, dtype=torch.complex128)
    assert float(plots.growth(HEUN, z, None)) == pytest.approx(abs(1 + z + z * z / 2))


@pytest.mark.parametrize(
    "tableau, coupling, limit", [(EULER, 0.5, 0.5), (RK4, 0.5, 0.696), (HEUN, 0.5, 2.157), (EULER, 0.99, 0.01)]
)
def test_the_limits_that_the_docstring_names(tableau, coupling, limit):
    def grown(k):
        return float(plots.growth(tableau, torch.tensor(-k, dtype=torch.complex128), coupling))

    assert grown(0.99 * limit) <= 1 + 1e-9 < grown(1.01 * limit)
