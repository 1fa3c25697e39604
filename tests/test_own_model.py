"""A training starts from the model that it is given, whoever made it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_train import SMALL, final, lines, train
from typer.testing import CliRunner

from reconode import train as training
from reconode import zoo
from reconode.cli.__main__ import app
from reconode.errors import UsageError
from reconode.storage import weights


class TestOwnModel:
    def test_the_readme_trains_one(self, tmp_path, monkeypatch):
        section = (Path(__file__).parents[1] / "README.md").read_text().split("## Train\n")[1].split("\n## ")[0]
        snippet = section.split("```python\n")[1].split("```")[0]
        monkeypatch.chdir(tmp_path)
        space = {"__name__": "snippet"}
        exec(snippet, space)
        folder = tmp_path / "runs" / "mine"
        assert space["progress"].step == 20 and [e["step"] for e in lines(folder) if "psnr" in e] == [20]
        model = space["Mine"]()
        about = weights.load(model, "mine", folder / "best.safetensors")
        assert about["model"] == "mine" and about["settings"]["steps"] == 20

    def test_it_starts_from_the_weights_it_has(self, tmp_path):
        model = zoo.untrained("lt-euler", 3)
        first = {key: value.clone() for key, value in model.state_dict().items()}
        training.train(model, replace(SMALL, steps=1, learning_rate=0.0), tmp_path, device="cpu")
        assert all(torch.equal(final(tmp_path)[f"model.{key}"], value) for key, value in first.items())

    @pytest.mark.parametrize("model", [zoo.find("tv").build(), torch.nn.ReLU()])
    def test_without_weights_there_is_nothing_to_train(self, tmp_path, model):
        with pytest.raises(UsageError, match="mine has no weights that want gradients"):
            training.train(model, replace(SMALL, model="mine"), tmp_path, device="cpu")

    def test_the_command_starts_from_a_file(self, tmp_path):
        train(SMALL, tmp_path / "first", device="cpu")
        best = str(tmp_path / "first" / "best.safetensors")
        arguments = ["lt-euler", "--init", best, "--steps", "1", "--learning-rate", "0", "--size", "64", "64"]
        arguments += ["--validation", "1", "--device", "cpu", "--out", str(tmp_path / "next")]
        result = CliRunner().invoke(app, ["train", *arguments])
        assert result.exit_code == 0, result.output
        first, now = weights.read(best)[0], final(tmp_path / "next")
        assert all(torch.equal(now[f"model.{key}"], value) for key, value in first.items())
