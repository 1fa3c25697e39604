"""Training with the path supervised: the term, its gradient, what it refuses, and that without it nothing changes."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from test_train import final, interrupted, same, train
from typer.testing import CliRunner

from reconode import path, zoo
from reconode import train as training
from reconode.cli.__main__ import app
from reconode.data.slices import Batch, Meta
from reconode.data.sources import Simulated
from reconode.errors import DataError, UsageError
from reconode.experiment import results
from reconode.experiment.benchmark import SIZES, Benchmark
from reconode.models import FixedSolver, LearnedSolver
from reconode.optimizers import LookaheadRAdam
from reconode.physics import MRIOperator
from reconode.runs import Settings
from reconode.storage import weights

SMALL = Settings(
    "lt-euler", steps=6, batch_size=1, size=(64, 64), mix="knees", validate_every=3, validation=2, warmup=0, path=0.5
)
WATCHED = [name for name, entry in zoo.MODELS.items() if entry.learned and hasattr(entry.build(), "trajectory")]


@pytest.fixture(scope="module")
def batch():
    return next(Simulated(4, "random", 2, 0, (64, 72)).batches(0))


def on_the_line(batch, steps, phase=0.7):
    """States whose magnitudes lie on the line, whatever their phase."""
    start = batch.E.H(batch.y)
    ends = [(1 - n / steps) * start.abs() + n / steps * batch.target for n in range(1, steps + 1)]
    return [start, *(torch.polar(each, torch.full_like(each, phase * n)) for n, each in enumerate(ends))]


class TestTerm:
    def test_a_path_on_the_line_costs_nothing(self, batch):
        states = on_the_line(batch, 5)
        assert abs(path.loss(states, batch, training.loss)) < 1e-6
        for n in (1, 4):
            bent = [*states]
            bent[n] = bent[n] * 1.1
            assert path.loss(bent, batch, training.loss) > 1e-3
        states[-1] = states[-1] * 2
        assert abs(path.loss(states, batch, training.loss)) < 1e-6, "the last state has a loss of its own"

    def test_by_hand(self, batch):
        """NumPy and scikit-image, on a target with fewer columns than the data."""
        cut = batch._replace(target=batch.target[..., 4:-4])
        torch.manual_seed(0)
        states = [batch.E.H(batch.y), *(torch.randn(2, 64, 72, dtype=torch.complex64) for _ in range(3))]
        found = []
        for n in (1, 2):
            for i, meta in enumerate(batch.meta):
                x, start = (np.abs(state[i].numpy()[:, 4:-4]) for state in (states[n], states[0]))
                aim = start + n / 3 * (cut.target[i].numpy() - start)
                alike = structural_similarity(aim, x, data_range=meta.data_range)
                found.append(np.abs(x - aim).mean() + 0.5 * (1 - alike))
        assert float(path.loss(states, cut, training.loss)) == pytest.approx(np.mean(found), rel=1e-4)

    def test_gradient_against_finite_differences(self):
        torch.manual_seed(1)
        model = path.Watched(LearnedSolver(1, steps=3).double())
        mask = torch.arange(16) % 3 == 0
        E = MRIOperator(mask)
        y = torch.randn(1, 1, 12, 16, dtype=torch.complex128) * mask
        batch = Batch(y, E, torch.rand(1, 12, 16, dtype=torch.double) + 0.5, [Meta("a", 0, "", 1.0, 1.5)])

        def value():
            return path.loss(model(y, E)[1], batch, training.loss)

        parameters = list(model.parameters())
        slopes = torch.autograd.grad(value(), parameters)
        along = [torch.randn_like(p) for p in parameters]
        expected = sum(float((g * d).sum()) for g, d in zip(slopes, along, strict=True))
        ends = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                for p, d in zip(parameters, along, strict=True):
                    p.add_(d, alpha=step)
                ends.append(float(value()))
                for p, d in zip(parameters, along, strict=True):
                    p.sub_(d, alpha=step)
        assert abs(expected) > 1e-3 and (ends[0] - ends[1]) / 2e-6 == pytest.approx(expected, rel=1e-4)

    def test_the_line_pulls_nothing_along(self, batch):
        """It is a target: a start that learns would otherwise be taught to spoil the line."""
        start = batch.E.H(batch.y).requires_grad_()
        assert not path.line(batch, start, 0.5).requires_grad


class TestWatched:
    @pytest.mark.parametrize("name", WATCHED)
    def test_the_image_is_the_networks_own(self, name, batch):
        torch.manual_seed(0)
        model = zoo.find(name).build()
        if name.startswith("lt-euler-26"):
            model.steps = 4
        with torch.no_grad():
            image, states = path.Watched(model)(batch.y, batch.E)
            torch.testing.assert_close(image, model(batch.y, batch.E), atol=1e-6, rtol=1e-5)
        assert torch.equal(states[0], batch.E.H(batch.y)) and all(x.shape == image.shape for x in states)

    def test_they_are_the_solvers(self):
        others = {"unet", "kiki-net", "d5c5", "lt-rk4-unshared"}
        assert {name for name, entry in zoo.MODELS.items() if entry.learned} - set(WATCHED) == others

    @pytest.mark.parametrize("name", ["unet", "d5c5", "lt-rk4-unshared"])
    def test_without_states_refused_in_one_sentence(self, name, tmp_path):
        with pytest.raises(UsageError, match=r"has no states between .* --path is for the solvers") as refused:
            train(replace(SMALL, model=name), tmp_path)
        assert ". " not in str(refused.value) and "\n" not in str(refused.value)
        assert not (tmp_path / "last.safetensors").exists()

    @pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
    def test_weights_that_are_none(self, weight):
        with pytest.raises(UsageError, match="number from 0 on"):
            path.watched(FixedSolver(), weight)

    def test_one_step_has_no_path(self, batch):
        with pytest.raises(UsageError, match="path of 1 step has no states between"):
            path.loss(path.Watched(FixedSolver(steps=1))(batch.y, batch.E)[1], batch, training.loss)


class TestTraining:
    @pytest.mark.parametrize("weight", [0.0, 0.5])
    def test_the_weights_are_those_of_the_loop_by_hand(self, weight, tmp_path):
        """The same bits; without a weight nothing is added, and the network is called as it always was."""
        settings = replace(SMALL, steps=3, path=weight)
        train(settings, tmp_path)
        torch.manual_seed(0)
        model = zoo.find("lt-euler").build().to(memory_format=torch.channels_last)
        optimizer = LookaheadRAdam(model.parameters())
        batches = Simulated(4, "random", 1, 0, (64, 64), "knees").batches(0)
        for step, batch in zip(range(3), batches, strict=False):
            optimizer.param_groups[0]["lr"] = 4e-3 * 0.5 * (1 + math.cos(math.pi * step / 3))
            if weight:
                x0, *between, last = model.trajectory(batch.y, batch.E)
                points = [torch.lerp(x0.abs(), batch.target, n / 5) for n in range(1, 5)]
                terms = [training.loss(x, batch._replace(target=p)) for x, p in zip(between, points, strict=True)]
                total = training.loss(batch.E.enforce(last, batch.y), batch) + weight * torch.stack(terms).mean()
            else:
                total = training.loss(model(batch.y, batch.E), batch)
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        trained = final(tmp_path)
        for key, value in model.state_dict().items():
            torch.testing.assert_close(trained[f"model.{key}"], value, rtol=0, atol=1e-6 if weight else 0)

    def test_resumes_to_the_same_bits(self, tmp_path):
        train(SMALL, tmp_path / "whole")
        interrupted(SMALL, tmp_path / "broken")
        with pytest.raises(DataError, match=r"was trained with path = 0\.5, not 0\.0"):
            train(replace(SMALL, path=0.0), tmp_path / "broken", resume=True)
        train(SMALL, tmp_path / "broken", resume=True)
        assert same(final(tmp_path / "whole"), final(tmp_path / "broken"))

    def test_a_checkpoint_of_before_was_free(self, tmp_path):
        free = replace(SMALL, path=0.0, steps=2)
        train(free, tmp_path / "whole")
        train(free, tmp_path / "old", budget=0)
        file = tmp_path / "old" / "last.safetensors"
        tensors, about = weights.read(file)
        assert about["settings"].pop("path") == 0
        weights.write(file, tensors, about)
        with pytest.raises(DataError, match=r"was trained with path = 0\.0, not 0\.5"):
            train(replace(SMALL, steps=2), tmp_path / "old", resume=True)
        train(free, tmp_path / "old", resume=True)
        assert same(final(tmp_path / "whole"), final(tmp_path / "old"))

    @pytest.mark.parametrize("model", ["ft-rk2", "fa-euler-continuous", "pc-flow"])
    def test_others_train_too(self, model, tmp_path):
        progress = train(replace(SMALL, model=model, steps=1, validation=1), tmp_path)
        assert progress.step == 1 and math.isfinite(progress.best)


class TestCommands:
    def test_train(self, tmp_path):
        given = ["train", "lt-euler", "--size", "64", "64", "--steps", "1", "--validation", "1", "--device", "cpu"]
        done = CliRunner().invoke(app, [*given, "--out", str(tmp_path), "--path", "0.25"])
        assert done.exit_code == 0, done.output
        assert "path x 0.25" in done.stderr
        assert weights.read(tmp_path / "best.safetensors")[1]["settings"]["path"] == 0.25

    def test_the_experiment_wants_a_variant_and_the_results_say_it(self, tmp_path, monkeypatch):
        monkeypatch.setitem(SIZES, "small", Benchmark("small", (64, 72), volumes=2, slices=1, validation=2))
        given = ["experiment", "run", "lt-euler", "--size", "small", "--device", "cpu", "--steps", "1", "--rows", "32"]
        given += ["--out", str(tmp_path / "runs"), "--results", str(tmp_path / "results"), "--path", "2"]
        refused = CliRunner().invoke(app, given)
        assert refused.exit_code == 1 and "--path: a table's rows" in refused.stderr
        done = CliRunner().invoke(app, [*given, "--variant", "path2", "--learning-rate", "4e-3"])
        assert done.exit_code == 0, done.output
        said = results.read(tmp_path / "results" / "small" / "lt-euler_4x_seed0_path2.json").training
        assert said is not None and said.settings["path"] == 2


def test_results_and_weights_of_before_load():
    """Files that were written before there was a path."""
    file = zoo.shipped("lt-euler_table", 4)
    assert file is not None and "path" not in weights.read(file)[1]["settings"]
    assert isinstance(zoo.load("lt-euler_table"), LearnedSolver)


def test_the_script_solves_the_network_itself(batch):
    """N Euler steps of the slope are the network's N steps; the exact flow is at no distance from itself."""
    file = Path(__file__).parents[1] / "benchmarks" / "experiment" / "path.py"
    spec = importlib.util.spec_from_file_location("path_script", file)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    model = zoo.load("lt-euler_table")
    with torch.no_grad():
        solved = FixedSolver(steps=5, f=script.Slope(model))(batch.y, batch.E)
        torch.testing.assert_close(solved, model(batch.y, batch.E), atol=1e-4, rtol=1e-4)
    start = batch.E.H(batch.y)
    assert script.relative(solved, solved, start) == 0 and script.relative(start, solved, start) == pytest.approx(1)
