"""Chapter 7's figures show what they are given."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("matplotlib")
from reconode.figures.colors import style
from reconode.teach import plots


def test_blocks_of_both_steps():
    fixed, learned = plots.learned_step().axes
    assert [ax.get_title() for ax in (fixed, learned)] == ["Heun", "LT-RK2"]
    words = [" ".join(text.get_text() for text in ax.texts) for ax in (fixed, learned)]
    assert "h f(t + h, x + F_1)" in words[0] and "dilation" not in words[0]
    assert "dilation 2" in words[1] and "attention" in words[1] and "DC" in words[1]


def test_added_has_one_scale_around_zero():
    figure = plots.added({"a": torch.eye(4), "b": -3 * torch.eye(4), "c": torch.zeros(4, 4)}, ["one"])
    shown = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(shown) == 3
    assert len({picture.get_clim() for picture in shown}) == 1
    low, high = shown[0].get_clim()
    assert low == -high and high == pytest.approx(3, abs=0.1)
    assert [text.get_text() for text in figure.axes[0].texts] == ["one"]


def test_by_frequency_wears_the_models_looks():
    edges = torch.tensor([0, 0.2, 1.0])
    errors = {"ft-rk2_long": torch.tensor([0.2, 0.6]), "lt-rk2": torch.tensor([0.1, 0.7])}
    figure = plots.by_frequency(errors, edges, {"ft-rk2_long": "fixed", "lt-rk2": "learned"})
    first, second = figure.axes[0].lines[:2]
    assert (first.get_color(), second.get_color()) == (style("ft-rk2").color, style("lt-rk2").color)
    assert first.get_xdata().tolist() == pytest.approx([0.1, 0.6])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fixed", "learned"]
