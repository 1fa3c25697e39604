"""Dead ReLUs are found where they were put, by whatever call, and nowhere else; training says when it has them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from test_train import SMALL
from torch import nn
from typer.testing import CliRunner

from reconode import dead_relus, masks, zoo
from reconode import train as training
from reconode.cli.__main__ import app
from reconode.models import LearnedSolver
from reconode.physics import MRIOperator
from reconode.storage import weights


def look(model, *inputs):
    with torch.no_grad(), dead_relus.watch(model) as found:
        model(*inputs)
    return found


def knee(rows=32, columns=32):
    E = MRIOperator(masks.random(columns, 4, seed=1))
    generator = torch.Generator().manual_seed(0)
    return E.measure(torch.randn(1, 1, rows, columns, dtype=torch.complex64, generator=generator)), E


def killed(model, stage=2, layer=3, channels=slice(None)):
    """A learned solver whose stage has channels that no input turns on."""
    last = model.stages[stage].layers[layer]
    with torch.no_grad():
        last.weight[channels] = 0
        last.bias[channels] = -1
    return model


class TestWatch:
    def test_counts_what_a_hand_would(self):
        """Channels of a 1 × 1 convolution: x, −x, always on, never on; x is positive in the middle."""
        layer = nn.Conv2d(1, 4, 1)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, -1, 0, 0]).view(4, 1, 1, 1))
            layer.bias.copy_(torch.tensor([0.0, 0, 1, -1]))
        x = -torch.ones(1, 1, 8, 8)
        x[..., 2:6, 2:6] = 1
        (relu,) = look(nn.Sequential(layer, nn.ReLU()), x)
        assert relu.on.tolist() == [True, False, True, False], "what is on in the border only is not on"
        assert (relu.module, relu.number, relu.dead, relu.silent) == ("1", 1, 2, False)

    @pytest.mark.parametrize("call", [F.relu, torch.relu, torch.Tensor.relu, torch.relu_, nn.ReLU(inplace=True)])
    def test_every_way_to_call_it(self, call):
        class Net(nn.Module):
            def forward(self, x):
                return call(x.clone())

        x = torch.stack([torch.ones(8, 8), -torch.ones(8, 8)])[None]
        (relu,) = look(Net(), x)
        assert relu.on.tolist() == [True, False]

    def test_a_channel_is_alive_if_it_is_on_in_any_call(self):
        relu = nn.ReLU()
        with dead_relus.watch(nn.Sequential(relu)) as found:
            relu(torch.tensor([[1.0, -1, -1]]))
            relu(torch.tensor([[-1.0, 1, -1]]))
        assert [r.on.tolist() for r in found] == [[True, True, False]]
        with dead_relus.watch(nn.Sequential(relu), found):
            relu(torch.tensor([[-1.0, -1, 1]]))
        assert found.dead == 0

    def test_a_learned_solver(self):
        y, E = knee()
        model = LearnedSolver(4, steps=2)
        assert look(model, y, E).silent == []
        assert look(killed(model), y, E).silent == ["stages.2, ReLU 4"]
        found = {(r.module, r.number): r for r in look(model, y, E)}
        assert len(found) == 4 * 4 + 4, "four stages and the attention, whatever the steps"
        assert found["stages.2", 4].dead == len(found["stages.2", 4].on) == 32
        few = look(killed(LearnedSolver(4, steps=2), channels=[0, 7]), y, E)
        assert few.silent == [] and not next(r for r in few if r.name == "stages.2, ReLU 4").on[[0, 7]].any()

    @pytest.mark.parametrize("name", ["unet", "d5c5", "kiki-net", "ft-rk2", "pc-flow"])
    def test_models_of_the_zoo(self, name):
        y, E = knee()
        model = zoo.untrained(name)
        want = model(y, E)
        with torch.no_grad(), dead_relus.watch(model) as found:
            torch.testing.assert_close(model(y, E), want)
        relus = sum(isinstance(m, nn.ReLU) for m in model.modules())
        assert len(list(found)) == (relus or len(list(found))) > 0 and not found.silent
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules()), "no hook stays"

    def test_hooks_go_when_the_network_fails(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        with pytest.raises(RuntimeError), dead_relus.watch(model):
            model(torch.ones(1, 3))
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())

    def test_no_relu(self):
        found = look(nn.Linear(2, 2), torch.ones(1, 2))
        assert (list(found), found.dead, found.silent) == ([], 0, [])


class TestTraining:
    def test_a_stage_that_is_dead_is_said(self, tmp_path, monkeypatch):
        real = zoo.untrained
        monkeypatch.setattr(zoo, "untrained", lambda name, seed=0: killed(real(name, seed)))
        said = "lt-rk4 --steps 1 --batch-size 1 --size 64 64 --validation 1 --validate-every 1 --device cpu --seed 1"
        result = CliRunner().invoke(app, ["train", *said.split(), "--out", str(tmp_path), "--json"])
        assert result.exit_code == 0, result.output
        assert "stages.2, ReLU 4: none of the channels is ever on" in result.stderr.replace("\n", " ")
        assert json.loads(result.stdout)["silent"] == ["stages.2, ReLU 4"]
        assert weights.read(tmp_path / "best.safetensors")[1]["progress"]["silent"] == ["stages.2, ReLU 4"]

    def test_the_log_counts_dead_channels_and_old_checkpoints_resume(self, tmp_path):
        settings = replace(SMALL, steps=2, validate_every=2, validation=1)
        progress = training.train(zoo.untrained("lt-euler"), settings, tmp_path, device="cpu")
        assert progress.silent == []
        logged = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
        (checked,) = [line for line in logged if "psnr" in line]
        assert 0 <= checked["dead"] < 128
        tensors, about = weights.read(tmp_path / "last.safetensors")
        del about["progress"]["silent"]  # as a checkpoint from before
        weights.write(tmp_path / "last.safetensors", tensors, about)
        again = training.train(zoo.untrained("lt-euler"), settings, tmp_path, device="cpu", resume=True)
        assert again.step == 2 and again.silent == []
