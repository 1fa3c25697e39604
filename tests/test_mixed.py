"""One training on masks of several accelerations: each example's is drawn by its seed, and one alone is as before."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

import pytest
import torch
from test_train import final, interrupted, same, train
from typer.testing import CliRunner

from reconode import masks, zoo
from reconode import train as training
from reconode.cli.__main__ import app
from reconode.data.sources import Folder, Simulated
from reconode.errors import DataError, UsageError
from reconode.experiment import plan as plans
from reconode.experiment import queue, results
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.plan import Job, Plan
from reconode.runs import Settings, read_log
from reconode.storage import weights

SMALL = Settings(
    "lt-euler", steps=6, batch_size=1, size=(64, 64), mix="knees", validate_every=3, validation=2, warmup=0, also=(8,)
)


class TestDraw:
    def test_each_is_as_likely_and_the_seed_decides(self):
        drawn = [masks.one_of((4, 8, 6), (7, n)) for n in range(900)]
        assert drawn == [masks.one_of((4, 8, 6), (7, n)) for n in range(900)]
        assert drawn != [masks.one_of((4, 8, 6), (8, n)) for n in range(900)]
        for acceleration in (4, 8, 6):
            assert abs(drawn.count(acceleration) - 300) < 5 * (900 * 2 / 9) ** 0.5, "five standard deviations"

    def test_it_says_nothing_of_the_mask(self):
        """Examples of 8x have, by the same seeds, no other 4x masks than the rest."""
        lines = {4: [], 8: []}
        for n in range(600):
            lines[masks.one_of((4, 8), (3, n))].append(int(masks.random(112, 4, seed=(3, n)).sum()))
        mean = {a: sum(found) / len(found) for a, found in lines.items()}
        assert abs(mean[4] - mean[8]) < 5 * 2 * (112 * 0.2 * 0.8 / 600) ** 0.5

    def test_one_alone(self):
        assert [masks.one_of((6,), (0, n)) for n in range(5)] == [6] * 5

    @pytest.mark.parametrize("accelerations", [(), (4, 4), (4, 8, 4.0)])
    def test_none_or_one_twice(self, accelerations):
        with pytest.raises(UsageError, match="each once"):
            masks.one_of(accelerations, (0, 0))


class TestSources:
    def test_simulated_masks_are_those_of_one_or_the_other(self):
        """The same slices; each mask is the one that a training at its acceleration alone would have drawn."""
        whole = next(Simulated(4, "random", 12, 5, (64, 72), also=(8,)).batches(0))
        counts = []
        for n, mask in enumerate(whole.E.mask):
            acceleration = masks.one_of((4, 8), (5, n))
            counts.append(acceleration)
            assert torch.equal(mask.flatten(), masks.random(72, acceleration, seed=(5, n)))
        assert set(counts) == {4, 8}
        again = Simulated(4, "random", 3, 5, (64, 72), also=(8,)).batches(2)
        assert torch.equal(next(again).y, whole.y[6:9]), "whatever batch a slice comes in"
        alone = next(Simulated(4, "random", 12, 5, (64, 72)).batches(0))
        at4 = torch.tensor(counts) == 4
        assert torch.equal(alone.y[at4], whole.y[at4]) and not torch.equal(alone.y[~at4], whole.y[~at4])

    def test_a_folder_draws_anew_each_epoch(self, knees):
        def kept(also, start):
            source = Folder(knees, 2, "random", 9, 3, also=also)
            batch = next(source.batches(start))
            return {m[:2]: int(mask.sum()) for m, mask in zip(batch.meta, batch.E.mask, strict=True)}

        both = [kept((8,), epoch) for epoch in range(2)]
        assert both[0] == kept((8,), 0) and both[0] != both[1]
        assert min(both[0].values()) < 14 < max(both[0].values()), "of 48 columns about 6 and about 24"
        assert min(kept((), 0).values()) > 14

    @pytest.mark.parametrize("kind", ["simulated", "folder"])
    def test_validation_is_at_each(self, kind, knees):
        source = Folder(knees, 4, "random", 1, 0, also=(8,))
        if kind == "simulated":
            source = Simulated(4, "random", 1, 0, (64, 72), also=(8,), validation_slices=3)
        assert source.accelerations == (4, 8)
        found = {a: torch.cat([batch.E.mask.flatten(1) for batch in source.validation(a)]) for a in (4, 8)}
        assert (found[8].float().mean(1) < found[4].float().mean(1)).all()
        assert torch.equal(torch.cat([batch.E.mask.flatten(1) for batch in source.validation()]), found[4])


class TestTraining:
    def test_resumes_to_the_same_bits(self, tmp_path):
        train(SMALL, tmp_path / "whole")
        interrupted(SMALL, tmp_path / "broken")
        train(SMALL, tmp_path / "broken", resume=True)
        assert same(final(tmp_path / "whole"), final(tmp_path / "broken"))
        train(replace(SMALL, also=()), tmp_path / "alone")
        assert not same(final(tmp_path / "whole"), final(tmp_path / "alone"))

    def test_the_best_has_the_best_mean(self, tmp_path):
        progress = train(replace(SMALL, learning_rate=2e-2, steps=9), tmp_path)
        logged = [entry for entry in read_log(tmp_path) if "psnr" in entry]
        assert len(logged) == 3
        for entry in logged:
            assert entry["psnr"] == pytest.approx((entry["psnr_4x"] + entry["psnr_8x"]) / 2)
            assert entry["psnr_4x"] > entry["psnr_8x"] + 1
        assert progress.best == max(entry["psnr"] for entry in logged)
        # At 8x the very score that a training at 8x alone would have noted for these weights.
        model = zoo.load("lt-euler", file=tmp_path / "best.safetensors")
        alone = Simulated(8, "random", 1, 0, (64, 64), "knees", 2)
        here = training.Accelerator(cpu=True)
        assert training.validate(model, alone, here)[0]["psnr"] == max(logged, key=lambda e: e["psnr"])["psnr_8x"]

    def test_a_checkpoint_of_before_goes_on_alone(self, tmp_path):
        """One that says nothing of other accelerations had none."""
        settings = replace(SMALL, also=())
        train(settings, tmp_path / "whole")
        train(settings, tmp_path / "old", budget=0)
        path = tmp_path / "old" / "last.safetensors"
        tensors, about = weights.read(path)
        assert about["settings"].pop("also") == []
        weights.write(path, tensors, about)
        with pytest.raises(DataError, match=r"was trained with also = \[\], not \[8\]"):
            train(SMALL, tmp_path / "old", resume=True)
        train(settings, tmp_path / "old", resume=True)
        assert same(final(tmp_path / "whole"), final(tmp_path / "old"))

    def test_the_command(self, tmp_path):
        given = ["train", "lt-euler", "--size", "64", "64", "--steps", "1", "--validation", "1", "--device", "cpu"]
        done = CliRunner().invoke(app, [*given, "--out", str(tmp_path), "--acceleration", "6", "--acceleration", "3"])
        assert done.exit_code == 0, done.output
        assert "6x and 3x" in done.stderr
        said = weights.read(tmp_path / "best.safetensors")[1]["settings"]
        assert (said["acceleration"], said["also"]) == (6, [3])


class TestExperiment:
    @pytest.fixture
    def plan(self, tmp_path):
        tiny = Benchmark("small", (64, 72), volumes=2, slices=1, validation=2)
        plan = Plan(tiny, tmp_path / "runs" / "small", tmp_path / "results", 2, batch_size=1, rows=32, rate=4e-3)
        return replace(plan, mixed=(4.0, 8.0))

    def test_one_training_is_tested_at_each(self, plan):
        jobs = plans.jobs(["lt-euler"], plan.mixed, [0], "both")
        assert len({plan.folder(job) for job in jobs}) == 1 and len({plan.result(job) for job in jobs}) == 2
        steps = []
        assert queue.run(plan, jobs[0])
        assert queue.run(plan, jobs[1], watch=lambda step, values: steps.append(step)) and not steps, "trained once"
        found = [results.read(plan.result(job)) for job in jobs]
        assert [r.acceleration for r in found] == [4, 8]
        assert [r.training.settings["also"] for r in found] == [[8.0], [8.0]]
        assert found[0].training.best == found[1].training.best
        mean = [sum(v.psnr for v in r.volumes) for r in found]
        assert mean[0] > mean[1]

    def test_the_command_wants_several_and_a_variant(self, plan, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules["reconode.experiment.benchmark"].SIZES, "small", plan.benchmark)
        given = ["experiment", "run", "lt-euler", "--size", "small", "--device", "cpu", "--steps", "1", "--mixed"]
        given += ["--rows", "32", "--out", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
        given += ["--acceleration", "4"]
        for more in ([], ["--variant", "both"], ["--acceleration", "8"]):
            refused = CliRunner().invoke(app, [*given, *more])
            assert refused.exit_code == 1 and "repeat --acceleration, and give a --variant" in refused.stderr
        good = [*given, "--acceleration", "8", "--variant", "both", "--learning-rate", "4e-3"]
        done = CliRunner().invoke(app, good)
        assert done.exit_code == 0, done.output
        assert plan.done(Job("lt-euler", 8, 0, "both")) and plan.done(Job("lt-euler", 4, 0, "both"))


def test_results_and_weights_of_before_load():
    """Files that were written before there was `also`."""
    said = json.loads((plans.Path(__file__).parents[1] / "results/small/d5c5_8x_seed0_fine.json").read_text())
    assert "also" not in said["training"]["settings"] and results.parse(said).training.settings["acceleration"] == 8
    path = zoo.shipped("d5c5_table", 4)
    assert path is not None and "also" not in weights.read(path)[1]["settings"]
    assert asdict(Settings("d5c5"))["also"] == ()
