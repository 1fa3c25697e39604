"""Chapter 11's figures show the numbers that they are given."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")
from test_widgets import example_dials

from reconode.teach import plots
from reconode.teach.plots.shifts import title


def test_dials_are_over_total_variation_and_tint_what_training_reaches():
    figure = plots.dials_picture(example_dials())
    noise, phase = figure.axes[:2]
    lines = {line.get_label(): list(line.get_ydata()) for line in noise.lines}
    assert lines["zero-filled"] == pytest.approx([-3, -3, -3])
    assert lines["D5C5"] == pytest.approx([0.44, 1.1, -3.85])
    assert [len(ax.patches) for ax in (noise, phase)] == [1, 1]
    assert [label.get_text() for label in noise.get_xticklabels()] == ["0 %", "3 %", "20 %"]


def test_kept_shows_means_and_all_but_the_outer_tenths():
    values = [n / 20 for n in range(21)]
    figure = plots.kept({"tv": {"disc 1": values, "line across": [0.5] * 21}}, ["tv"])
    ax = figure.axes[0]
    spans, dots = ax.lines[0:4:2], ax.lines[1:4:2]
    assert list(spans[0].get_ydata()) == pytest.approx([0.1, 0.9])
    assert [float(dot.get_ydata()[0]) for dot in dots] == pytest.approx([0.5, 0.5])


def test_a_long_run_marks_the_trained_number():
    run = {"trained": 2, "psnr": [[20, 22, 24, 23], [10, 12, 14, 13]], "truth": [[30, 28], [28, 26]]}
    ax = plots.long_run({"lt-rk4_long": run}, 19.5).axes[0]
    whole, mark, back, tv = ax.lines
    assert list(whole.get_ydata()) == [15, 17, 19, 18]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, 19)
    assert list(back.get_xdata()) == [2, 3] and list(back.get_ydata()) == [29, 27]
    assert tv.get_ydata()[0] == 19.5


def test_titles_leave_the_variant_out():
    assert title("lt-rk4_long") == "LT-RK4" and title("tv") == "total variation"
