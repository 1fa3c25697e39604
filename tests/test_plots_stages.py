"""Chapter 8's figures show the numbers that they are given."""

from __future__ import annotations

import pytest
import torch

from reconode.metrics import Interval
from reconode.networks import falling_dilations

pytest.importorskip("matplotlib")
from reconode.teach import plots
from reconode.teach.plots.stages import RED


def test_contributions_have_one_window_and_name_their_means():
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(4, 1, 1).expand(4, 6, 8)
    brought = torch.tensor([1.0, 2.0, 0.0, 4.0]).view(4, 1, 1).expand(4, 6, 8).to(torch.complex64)
    figure = plots.contributions(weights, brought)
    tops, bottoms = figure.axes[:4], figure.axes[4:]
    assert [ax.get_title().split()[-1] for ax in tops] == ["0.10", "0.20", "0.30", "0.40"]
    assert {ax.images[0].get_clim() for ax in tops} == {(0, 0.5)}
    assert len({ax.images[0].get_clim() for ax in bottoms}) == 1
    assert [float(ax.images[0].get_array().max()) for ax in bottoms] == [1, 2, 0, 4]


def test_deviations_are_from_each_maps_mean():
    maps = torch.tensor([[0.2, 0.4], [0.5, 0.5]]).view(2, 1, 2)
    figure = plots.deviations(maps, 0.05)
    first = figure.axes[0].images[0]
    assert first.get_array().flatten().tolist() == pytest.approx([-0.1, 0.1])
    assert first.get_clim() == (-0.05, 0.05)
    assert "0.300" in figure.axes[0].get_title() and "spread 0.000" in figure.axes[1].get_title()


def test_the_diagram_has_the_models_dilations_and_taps():
    figure = plots.four_stages()
    texts = [text.get_text() for text in figure.axes[0].texts]
    for dilation in falling_dilations(4):
        assert any(f"dilation {dilation}" in text for text in texts)
    squares = [p for p in figure.axes[0].patches if type(p).__name__ == "Rectangle"]
    assert len(squares) == 4 * 81
    filled = [p.get_facecolor()[0] < 0.99 for p in squares]
    assert [sum(filled[81 * n : 81 * n + 81]) for n in range(4)] == [9] * 4


def test_the_attentions_diagram_counts_channels():
    texts = [text.get_text() for text in plots.attention(3).axes[0].texts]
    assert any("6 channels in, 3 maps out" in text for text in texts)


def test_differences_are_marked_only_when_their_interval_clears_the_floor():
    found = {"out": Interval(1.0, 0.5, 1.5, 9), "edge": Interval(0.3, 0.1, 0.5, 9), "in": Interval(-0.1, -0.2, 0.1, 9)}
    ax = plots.differences(found, 0.2).axes[0]
    colors = [line.get_color() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2]
    assert [color == RED for color in colors] == [True, False, False]
    assert [text.get_text() for text in ax.texts] == ["out: +1.00", "edge: +0.30", "in: −0.10"]
    low, high = ax.get_xlim()
    assert low < -0.2 and high > 1.5
