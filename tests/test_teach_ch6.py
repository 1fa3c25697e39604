"""What chapter 6 reads and draws."""

from __future__ import annotations

import pytest
import torch

from reconode.teach import evidence, plots

pytest.importorskip("matplotlib")


def test_signed_maps_are_white_at_zero():
    figure = plots.signed({"one": torch.tensor([[0.0, 2.0], [-1.0, 0.5]]), "two": torch.eye(2)})
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    for image in (ax.images[0] for ax in figure.axes):
        low, high = image.get_clim()
        assert low == -high < 0


def test_accountings_print_the_means():
    figure = plots.accountings({"a": ["d5c5", "ft-euler-wide"], "b": ["d5c5_long"]}, len, evidence.row("tv"))
    first, second = figure.axes
    assert [t.get_text() for t in first.get_yticklabels()] == ["FT-Euler, 74 channels (13.00)", "D5C5 (4.00)"]
    assert [t.get_text() for t in second.get_yticklabels()] == ["D5C5 (9.00)"]
    shown = [t.get_text() for t in first.texts]
    assert shown == [f"{evidence.row(name).interval('psnr').mean:.2f}" for name in ("ft-euler-wide", "d5c5")]
    ticks = [list(line.get_xdata()) for line in first.lines if line.get_marker() == "|"]
    assert ticks == [evidence.row(name, seed=None).seed_means("psnr")[1:] for name in ("ft-euler-wide", "d5c5")]
    assert "total variation" in second.get_xlabel()


def test_contrast_is_the_windows_variance():
    image = torch.rand(9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = plots.contrast(image)
    assert float(found[4, 5]) == pytest.approx(float(image[1:8, 2:9].var(correction=0)))
    assert float(found[0, 0]) == pytest.approx(float(image[:4, :4].var(correction=0))), "nothing beyond the border"


def test_validations_count_examples():
    rows = [evidence.row("d5c5"), evidence.row("d5c5_long")]
    (ax,) = plots.validations(rows).axes
    ends = [float(line.get_xdata()[-1]) for line in ax.lines]
    assert ends == [row.first.training.examples for row in rows]
    assert ax.lines[0].get_alpha() < ax.lines[1].get_alpha()


def test_falling_shows_the_running_mean():
    (ax,) = plots.falling([4.0, 2.0, 3.0, 1.0], width=2).axes
    assert [int(v) for v in ax.lines[1].get_xdata()] == [2, 3, 4]
    assert [float(v) for v in ax.lines[1].get_ydata()] == [3.0, 2.5, 2.0]


def test_rectifiers_draws_what_it_is_given():
    (ax,) = plots.rectifiers(lambda n, b2: n * b2, steps=3).axes
    for line, b2 in zip(ax.lines, (0.999, 0.99), strict=True):
        assert list(line.get_xdata()) == [1, 2, 3]
        assert [float(v) for v in line.get_ydata()] == pytest.approx([b2, 2 * b2, 3 * b2])
