"""Chapter 10's figures draw what the rows hold: differences over the paper's scores, curves over costs, bars."""

from __future__ import annotations

import pytest
from test_widgets import OPERATIONS, example_runs

from reconode.experiment import paper
from reconode.experiment.rows import compare, make_row
from reconode.figures.colors import style
from reconode.teach import plots

RUNS = example_runs()


def row(name, variant=""):
    return make_row([r for r in RUNS if (*r.row, r.acceleration) == (name, variant, 4.0)])


def test_marks_stand_over_the_papers_scores():
    base, shown = row("wavelet"), [row(name) for name in ("d5c5", "lt-rk4", "pc-flow")]
    (ax,) = plots.against_the_paper({"a length": shown}, base).axes
    marks = {line.get_marker(): line for line in ax.lines if line.get_marker() not in ("None", "", None)}
    for one in shown[:2]:
        (x,), (y,) = marks[style(one.first.model).marker].get_data()
        assert x == paper.TABLE1[one.first.model].psnr[4]
        assert y == pytest.approx(compare(one, base).difference.mean)
    assert len(marks) == 2, "the paper has no PC-Flow"
    floor = ax.lines[-1].get_ydata()
    assert floor[1] - floor[0] == pytest.approx(0.25), "the bar is as high as the noise floor"


def test_curves_are_counted_twice():
    shown = [row("d5c5", "long"), row("ft-euler")]
    cost = lambda r: OPERATIONS[r.first.model] * r.first.training.steps / 5000  # noqa: E731
    above, below = plots.curves_by_cost(shown, cost).axes
    for one, slices, spent in zip(shown, above.lines, below.lines, strict=True):
        training = one.first.training
        assert list(slices.get_ydata()) == list(spent.get_ydata()) == [v[1] for v in training.validation]
        whole = training.validation[-1][0] / training.steps
        assert slices.get_xdata()[-1] == pytest.approx(training.examples * whole)
        assert spent.get_xdata()[-1] == pytest.approx(cost(one) * whole)


def test_bars_are_gains():
    gained = {"tv": {"a": 1.0, "b": -0.5}, "d5c5_long": {"a": 0.2, "b": 2.0}}
    (ax,) = plots.crimes(gained).axes
    for bars, by_way in zip(ax.containers, gained.values(), strict=True):
        assert [bar.get_width() for bar in bars] == list(by_way.values())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
