"""Fig. 3: the panels' scores are the slices' scores, and models without weights are left out."""

from __future__ import annotations

import pytest

from reconode import evaluate, masks, metrics, zoo
from reconode.errors import DataError
from reconode.experiment import benchmark
from reconode.figures.reconstructions import reconstructions
from reconode.storage import weights

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def volume():
    return benchmark.in_memory(benchmark.find("small"), 0)


def test_scores_on_panels_are_the_slices(volume):
    figure = reconstructions(volume, 1, models=("zero-filled", "tv"))
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    mask = masks.random(volume.width, 4, seed=volume.name)
    for name, shown in zip(("zero-filled", "tv"), texts, strict=True):
        image = evaluate.reconstruct(zoo.load(name), volume, mask)
        assert shown.startswith(f"{metrics.scores(image[1:2], volume.target[1:2]).psnr:.2f} dB")


def test_a_model_without_weights_is_left_out(volume, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    figure = reconstructions(volume, models=("zero-filled", "lt-rk4"))
    assert not any("RK4" in ax.get_title() for ax in figure.axes)
    with pytest.raises(DataError, match="no weights at 4x"):
        reconstructions(volume, models=("lt-rk4",))
