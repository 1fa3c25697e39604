"""What *Paint k-space* says of its knee, recomputed: a middle line, twenty steps, every eighth line."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from reconode import export, masks, metrics, zoo
from reconode.experiment import benchmark
from reconode.physics import HYBRID, MRIOperator, center_crop, ifft, max_zero_filled

KNEE = 14
"""Of the page, book/_ext/reconode_book/pictures.py."""


@cache
def knee() -> Tensor:
    return benchmark.in_memory(benchmark.find("small"), KNEE).hybrid[0, 0]


def score(name: str, mask: Tensor, acceleration: int = 4, steps: int | None = None) -> float:
    """PSNR on the page's knee; "" is zero-filled."""
    E = MRIOperator(mask)
    y = E.measure(knee()[None, None])
    scale = max_zero_filled(y, E)
    file = export.source(name, acceleration) if name not in ("tv", "zero-filled") else None
    model: Any = zoo.load(name, acceleration, file=file)
    if steps is not None and name == "pc-flow":
        model.repeats = steps // len(model.pieces)
    elif steps is not None:
        model.steps = steps
    with torch.no_grad():
        image = model(y / scale, E) * scale[:, 0]
    return metrics.psnr(center_crop(image, 96, 96), center_crop(ifft(knee(), HYBRID), 96, 96)[None])


MASK = masks.random(112, 4, seed=0)
"""The page's first."""


@pytest.mark.parametrize("name", export.MODELS)
def test_without_the_middle_line_none_is_as_good_as_zero_filled_with_it(name):
    without = MASK.clone()
    without[56] = False
    assert score(name, without) < score("zero-filled", MASK) - 1


def test_what_twenty_steps_do():
    assert score("ft-euler", MASK, steps=20) >= score("ft-euler", MASK)
    assert score("lt-rk2", MASK, steps=20) < score("zero-filled", MASK) - 0.5


def test_what_pc_flow_bears():
    """One step a piece costs more than 3 dB, four cost nothing, eight about one."""
    trained = score("pc-flow", MASK)
    one, three, four, eight = (score("pc-flow", MASK, steps=5 * n) for n in (1, 3, 4, 8))
    assert three == trained
    assert one < trained - 3
    assert four > trained - 0.1
    assert 0.5 < trained - eight < 1.5


@pytest.mark.parametrize("name", export.MODELS)
def test_no_model_unfolds_every_eighth_line(name):
    eighth = torch.arange(112) % 8 == 0
    assert score(name, eighth, 8) == pytest.approx(score("zero-filled", eighth), abs=0.25)


def test_what_the_first_press_loads():
    """The landing page says 0.6 MB."""
    file = Path(__file__).parents[1] / "results/bench/browser.json"
    measured = json.loads(file.read_text())["first_press_bytes"]
    assert round(measured["gzipped"] / 1e6, 1) == 0.6
