"""Training: the loss falls, a killed run resumes to the same bits."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from reconode import train as training
from reconode import zoo
from reconode.cli.__main__ import app
from reconode.cli.console import parse_budget
from reconode.data.slices import slab
from reconode.data.sources import Folder, Simulated, check_share, split
from reconode.errors import DataError, UsageError
from reconode.optimizers import LookaheadRAdam
from reconode.runs import Settings
from reconode.storage import weights
from reconode.train import TrainingError

SMALL = Settings(
    "lt-euler",
    steps=6,
    batch_size=2,
    size=(64, 64),
    mix="knees",
    validate_every=3,
    validation=2,
    acceleration=4,
    warmup=0,
    log_every=1,
)
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def train(settings, folder, device="cpu", **options):
    """The zoo's network of the settings' name, from the settings' seed."""
    return training.train(zoo.untrained(settings.model, settings.seed), settings, folder, device=device, **options)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def final(folder):
    return weights.read(folder / "last.safetensors")[0]


def interrupted(settings, folder, at=4):
    """A training that Ctrl-C ends after a step."""

    def stop(step, values):
        if step == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, folder, watch=stop)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


class TestRun:
    def test_loss_falls_and_the_folder_tells_the_story(self, tmp_path):
        watched = []
        settings = replace(SMALL, steps=40, validate_every=20, learning_rate=4e-3)
        progress = train(settings, tmp_path, device="cpu", watch=lambda step, values: watched.append((step, values)))
        entries = [e for e in lines(tmp_path) if "loss" in e]
        losses = [e["loss"] for e in entries]
        assert progress.step == 40 and len(losses) == 40
        assert all(math.isfinite(value) for value in losses)
        scores = [e for e in lines(tmp_path) if "psnr" in e]
        assert [e["step"] for e in scores] == [20, 40] and progress.best == max(e["psnr"] for e in scores)
        assert [v["loss"] for _, v in watched if "loss" in v] == losses
        assert entries[0]["learning_rate"] > entries[-1]["learning_rate"] > 0

    def test_the_log_has_means_of_every_few_steps(self, tmp_path):
        settings = replace(SMALL, steps=10, validate_every=5)
        for name, every in (("each", 1), ("few", 3)):
            train(replace(settings, log_every=every), tmp_path / name, device="cpu")
        each, few = ([e for e in lines(tmp_path / name) if "loss" in e] for name in ("each", "few"))
        assert [e["step"] for e in few] == [3, 5, 6, 9, 10], "at each validation too, so that a resumed log is the same"
        begin = 0
        for entry in few:
            part = each[begin : entry["step"]]
            for key in ("loss", "relative", "gradient"):
                assert entry[key] == pytest.approx(sum(e[key] for e in part) / len(part))
            begin = entry["step"]
        assert same(final(tmp_path / "each"), final(tmp_path / "few"))

    def test_best_weights_load_by_name(self, tmp_path):
        train(SMALL, tmp_path, device="cpu")
        model = zoo.load("lt-euler", file=tmp_path / "best.safetensors")
        assert not model.training
        about = weights.read(tmp_path / "best.safetensors")[1]
        assert about["model"] == "lt-euler" and about["settings"]["steps"] == 6

    def test_on_a_folder(self, knees, tmp_path):
        settings = replace(SMALL, data=str(knees), acceleration=2)
        train(settings, tmp_path / "run", device="cpu")
        assert len([e for e in lines(tmp_path / "run") if "loss" in e]) == 6

    def test_same_settings_same_bits(self, tmp_path):
        for name in ("a", "b"):
            train(SMALL, tmp_path / name, device="cpu")
        assert same(final(tmp_path / "a"), final(tmp_path / "b"))
        train(replace(SMALL, seed=1), tmp_path / "c", device="cpu")
        assert not same(final(tmp_path / "a"), final(tmp_path / "c"))

    def test_checkpointing_and_memory_format_change_no_result(self, tmp_path):
        settings = replace(SMALL, model="lt-rk2", steps=2)
        train(settings, tmp_path / "a", device="cpu")
        train(replace(settings, checkpointing=True), tmp_path / "b", device="cpu")
        assert same(final(tmp_path / "a"), final(tmp_path / "b"))

    def test_bf16(self, tmp_path):
        train(replace(SMALL, precision="bf16", steps=2), tmp_path, device="cpu")
        assert all(math.isfinite(e["loss"]) for e in lines(tmp_path) if "loss" in e)
        assert all(t.dtype != torch.bfloat16 for t in final(tmp_path).values())


def test_loss_falls_on_one_batch(tmp_path, monkeypatch):
    """The optimiser and the gradients do what they should: the same slices again and again are learned."""
    once = next(Simulated(4, "random", 2, 0, (64, 64), "knees").batches(0))
    monkeypatch.setattr(Simulated, "batches", lambda self, start: itertools.repeat(once))
    train(replace(SMALL, steps=60, learning_rate=1e-2, validate_every=60, validation=1), tmp_path, device="cpu")
    losses = [e["loss"] for e in lines(tmp_path) if "loss" in e]
    assert losses[-1] < 0.75 * losses[0]


def test_the_weights_are_those_of_the_loop_by_hand(tmp_path):
    """The same seed, slices, slabs, loss, clipping and rates, in ten lines: the same bits."""
    settings = replace(SMALL, steps=4, batch_size=1, rows=32, mix="broad")
    train(settings, tmp_path, device="cpu")
    torch.manual_seed(0)
    model = zoo.find("lt-euler").build().to(memory_format=torch.channels_last)
    optimizer = LookaheadRAdam(model.parameters())
    for step, batch in zip(range(4), Simulated(4, "random", 1, 0, (64, 64)).batches(0), strict=False):
        batch = slab(batch, 32, training.place(settings, step, 64))
        optimizer.param_groups[0]["lr"] = 4e-3 * 0.5 * (1 + math.cos(math.pi * step / 4))
        training.loss(model(batch.y, batch.E), batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    trained = final(tmp_path)
    assert all(torch.equal(trained[f"model.{key}"], value) for key, value in model.state_dict().items())


class InterruptedTrainingError(Exception):
    pass


class TestResume:
    def interrupt(self, settings, folder, at):
        def watch(step, values):
            if step == at:
                raise InterruptedTrainingError

        with pytest.raises(InterruptedTrainingError):
            train(settings, folder, device="cpu", watch=watch)

    @pytest.mark.parametrize("at", [4, 5])
    def test_simulated_to_the_same_bits(self, tmp_path, at):
        train(SMALL, tmp_path / "whole", device="cpu")
        self.interrupt(SMALL, tmp_path / "broken", at)
        progress = train(SMALL, tmp_path / "broken", resume=True, device="cpu")
        assert progress.step == 6 and same(final(tmp_path / "whole"), final(tmp_path / "broken"))
        keys = ("step", "loss", "psnr")
        story = lambda name: [{k: e.get(k) for k in keys} for e in lines(tmp_path / name)]  # noqa: E731
        assert story("whole") == story("broken")

    @pytest.mark.parametrize("at", [5, 8])
    def test_in_the_middle_of_an_epoch(self, knees, tmp_path, at):
        """Nine training slices in batches of two: four whole batches an epoch, checkpoints at its third and second.

        Random numbers too, which a network with dropout draws: the readers draw none of torch's own.
        """
        settings = replace(SMALL, data=str(knees), steps=12, acceleration=2, validate_every=3)
        train(settings, tmp_path / "whole", device="cpu")
        self.interrupt(settings, tmp_path / "broken", at)
        train(settings, tmp_path / "broken", resume=True, device="cpu")
        assert same(final(tmp_path / "whole"), final(tmp_path / "broken"))

    def test_after_kill_9(self, tmp_path):
        command = [sys.executable, "-m", "reconode.cli", "train", "lt-euler", "--size", "64", "64", "--steps", "30"]
        command += [
            "--batch-size",
            "2",
            "--mix",
            "knees",
            "--validate-every",
            "3",
            "--log-every",
            "1",
            "--validation",
            "1",
            "--device",
            "cpu",
        ]
        log = tmp_path / "broken" / "metrics.jsonl"
        with subprocess.Popen(
            [*command, "--out", str(tmp_path / "broken")], stderr=subprocess.DEVNULL, env=ONE_THREAD
        ) as p:
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline and not (log.exists() and '"step": 7' in log.read_text()):
                time.sleep(0.02)
            p.send_signal(signal.SIGKILL)
        assert p.returncode == -signal.SIGKILL
        for name, extra in (("broken", ["--resume"]), ("whole", [])):
            subprocess.run(
                [*command, "--out", str(tmp_path / name), *extra], check=True, capture_output=True, env=ONE_THREAD
            )
        assert same(final(tmp_path / "whole"), final(tmp_path / "broken"))

    def test_budget_stops_cleanly(self, tmp_path):
        progress = train(replace(SMALL, steps=10**6), tmp_path, budget=1.0, device="cpu")
        assert 0 < progress.step < 10**6
        assert weights.read(tmp_path / "last.safetensors")[1]["progress"]["step"] == progress.step
        assert train(replace(SMALL, steps=10**6), tmp_path, budget=0.5, resume=True, device="cpu").step > progress.step

    def test_other_settings_are_refused(self, tmp_path):
        train(replace(SMALL, steps=3), tmp_path, device="cpu")
        with pytest.raises(DataError, match="was trained with seed = 0, not 1"):
            train(replace(SMALL, steps=3, seed=1), tmp_path, resume=True, device="cpu")
        with pytest.raises(UsageError, match="holds a training already"):
            train(SMALL, tmp_path, device="cpu")
        os.replace(tmp_path / "best.safetensors", tmp_path / "last.safetensors")
        with pytest.raises(DataError, match="weights only"):
            train(replace(SMALL, steps=3), tmp_path, resume=True, device="cpu")
        with pytest.raises(DataError, match="no such file of weights"):
            train(SMALL, tmp_path / "nothing", resume=True, device="cpu")

    def test_half_a_checkpoint_is_named(self, tmp_path):
        train(replace(SMALL, steps=3), tmp_path, device="cpu")
        path = tmp_path / "last.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(DataError, match="not a whole safetensors file"):
            train(replace(SMALL, steps=3), tmp_path, resume=True, device="cpu")


class TestFailures:
    def test_a_loss_that_is_not_a_number_stops_with_the_state_before_it(self, tmp_path, monkeypatch):
        good = training.loss
        calls = []

        def poisoned(x, batch):
            calls.extend([1] if x.requires_grad else [])  # the network's image, not the zero-filled one
            return good(x, batch) * (float("nan") if len(calls) == 4 and x.requires_grad else 1)

        monkeypatch.setattr(training, "loss", poisoned)
        with pytest.raises(TrainingError, match=r"step 4: the loss is nan.*try a lower --learning-rate"):
            train(SMALL, tmp_path, device="cpu")
        tensors, about = weights.read(tmp_path / "stopped.safetensors")
        assert about["progress"]["step"] == 3
        assert all(torch.isfinite(t).all() for key, t in tensors.items() if key.startswith("model."))

    def test_out_of_memory_says_what_to_try(self, tmp_path, monkeypatch):
        def full(x, batch):
            raise torch.OutOfMemoryError("no room")

        monkeypatch.setattr(training, "loss", full)
        with pytest.raises(TrainingError, match="smaller --batch-size, --checkpointing, or --precision bf16"):
            train(SMALL, tmp_path, device="cpu")

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (["lt-rk5"], "did you mean lt-rk4"),
            (["tv"], "nothing to train"),
            (["lt-rk4", "--data", "nowhere"], "--data nowhere: no such folder"),
            (["lt-rk4", "--budget", "soon"], "expected a time like"),
            (["lt-rk4", "--device", "cuda:7"], "--device cuda:7 is not here"),
            (["ft-euler", "--checkpointing"], "has no checkpointing"),
            (["lt-euler", "--size", "64", "64", "--acceleration", "60"], "keeps 0 of 64 columns"),
        ],
    )
    def test_what_cannot_work_is_named(self, arguments, message, tmp_path):
        result = CliRunner().invoke(app, ["train", *arguments, "--out", str(tmp_path / "run")])
        assert result.exit_code == 1 and message in result.stderr and "Traceback" not in result.stderr

    def test_folders_that_cannot_train(self, tmp_path, make_volume):
        with pytest.raises(DataError, match="no volumes here"):
            train(replace(SMALL, data=str(tmp_path)), tmp_path / "run", device="cpu")
        path = make_volume("one/a.h5")
        with pytest.raises(DataError, match="cannot both train and validate"):
            train(replace(SMALL, data=str(path.parent)), tmp_path / "run", device="cpu")
        make_volume("one/b.h5", mask=torch.arange(36) % 2 == 0)
        with pytest.raises(DataError, match="no target in it"):
            train(replace(SMALL, data=str(path.parent)), tmp_path / "run", device="cpu")

    def test_weights_of_another_model(self, tmp_path):
        train(replace(SMALL, steps=1), tmp_path, device="cpu")
        with pytest.raises(DataError, match="weights of lt-euler, not of lt-rk4"):
            zoo.load("lt-rk4", file=tmp_path / "best.safetensors")
        with pytest.raises(UsageError, match="no weights for neural-ode at 99x"):
            zoo.load("neural-ode", 99)
        with pytest.raises(UsageError, match="takes no weights"):
            zoo.load("tv", file=tmp_path / "best.safetensors")
        tensors, about = weights.read(tmp_path / "best.safetensors")
        key = "stages.0.layers.0.weight"
        weights.write(tmp_path / "w", {**tensors, key: tensors[key][:1]}, about)
        with pytest.raises(DataError, match=f"doesn't fit lt-euler: {key}"):
            zoo.load("lt-euler", file=tmp_path / "w")
        weights.write(tmp_path / "w", {**tensors, key: tensors[key] * float("nan")}, about)
        with pytest.raises(DataError, match="NaN or Inf"):
            zoo.load("lt-euler", file=tmp_path / "w")


class TestSources:
    def test_batches_are_numbered(self):
        data = Simulated(4, "random", 2, 7, (64, 64), validation_slices=5)
        first, second = (b for b, _ in zip(data.batches(0), range(2), strict=False))
        again = next(data.batches(1))
        assert torch.equal(second.y, again.y) and not torch.equal(first.y, second.y)
        assert [len(b.y) for b in data.validation()] == [4, 1]
        trained = {m.file for b in (first, second) for m in b.meta}
        assert not trained & {m.file for b in data.validation() for m in b.meta}

    def test_processes_share_each_batch(self, knees):
        def parts(make):
            whole = make(0, 1)
            shares = [make(rank, 2) for rank in range(2)]
            return whole, shares

        whole, shares = parts(lambda r, p: next(Simulated(4, "random", 4, 7, (64, 64), rank=r, processes=p).batches(3)))
        assert [m.file for m in whole.meta] == [m.file for s in shares for m in s.meta]
        whole, shares = parts(
            lambda r, p: next(Folder(knees, 2, "random", 4, 0, rank=r, processes=p).batches(1))
        )  # the second of two
        assert sorted(m[:2] for m in whole.meta) == sorted(m[:2] for s in shares for m in s.meta)
        with pytest.raises(UsageError, match="batch of 3 cannot be shared by 2"):
            check_share(3, 2)

    def test_fastmri_folders_are_found(self, make_volume, tmp_path):
        for name in ("singlecoil_train/a.h5", "singlecoil_val/b.h5", "singlecoil_test/c.h5"):
            make_volume(name)
        train_files, val_files = split(tmp_path)
        assert [p.name for p in train_files] == ["a.h5"] and [p.name for p in val_files] == ["b.h5"]

    def test_scaled_as_files_are(self):
        batch = next(Simulated(4, "random", 2, 7, (64, 64)).batches(0))
        assert batch.E.H(batch.y).abs().amax((-2, -1)).tolist() == pytest.approx([1, 1], abs=1e-5)
        assert [m.data_range for m in batch.meta] == pytest.approx(batch.target.amax((-2, -1)).tolist())
        full = Simulated(1, "random", 2, 7, (64, 64))
        batch = next(full.batches(0))
        torch.testing.assert_close(batch.E.H(batch.y).abs(), batch.target, atol=1e-5, rtol=0)


def test_budgets():
    assert [parse_budget(t) for t in ("90s", "25m", "1.5h", "7")] == [90, 1500, 5400, 7]
    assert parse_budget(None) == math.inf
