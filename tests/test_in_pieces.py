"""A GPU's half-hour in pieces: what comes back is enough to go on from, and the pieces make one training."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reconode.errors import DataError
from reconode.experiment import benchmark, queue, results
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.plan import Job, Plan
from reconode.runs import BEST, LAST
from reconode.storage import weights
from reconode.train import simulated, train

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "experiment"))
import in_pieces

TINY = Benchmark("tiny", (64, 72), volumes=2, slices=1, validation=2)


@pytest.fixture
def call(tmp_path, monkeypatch):
    """One call: the state of the last in, a folder of files out."""
    monkeypatch.setitem(benchmark.SIZES, "tiny", TINY)
    monkeypatch.setattr(in_pieces, "PACKING", 0.0)

    def one(state, out, *more):
        words = ["--size", "tiny", "--models", "d5c5", "--rows", "24", "--batch-size", "2", "--precision", "no"]
        words += ["--device", "cpu", "--makers", "0", "--total", "0", "--skip", "tests", "table2"]
        monkeypatch.setattr(sys, "argv", ["in_pieces.py", "--state", str(state), "--out", str(out), *words, *more])
        in_pieces.main()
        return json.loads((out / "report.json").read_text())

    return one


def test_pieces_make_one_training(call, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr(queue, "train", lambda *given, **named: train(*given, **named | {"budget": 1e-9}))
    assert call(tmp_path / "nothing", first)["state"] != {"d5c5": "done"}
    in_pieces.unpack(first, tmp_path / "look")
    last = next((tmp_path / "look").rglob(LAST))
    assert weights.read(last)[1]["progress"]["step"] == 1
    monkeypatch.setattr(queue, "train", train)
    report = call(first, second)
    assert report["state"] == {"d5c5": "done"} and len(report["calls"]) == 2 and report["steps"] == 8

    in_pieces.collect(second, tmp_path / "results", tmp_path / "runs")
    out = tmp_path / "at-once"
    plan = Plan(TINY, out, out, 8, batch_size=2, rows=24, rate=in_pieces.RATE, keeps=True)
    assert queue.run(plan, Job("d5c5"))
    at_once, _ = weights.read(out / "d5c5_4x_seed0" / BEST)
    pieces, _ = weights.read(tmp_path / "runs" / "d5c5_4x_seed0" / BEST)
    assert all(torch.equal(pieces[key], tensor) for key, tensor in at_once.items())
    said = results.read(tmp_path / "results" / "tiny" / "d5c5_4x_seed0.json")
    assert said.volumes == results.read(out / "tiny" / "d5c5_4x_seed0.json").volumes
    assert not list((tmp_path / "runs").rglob("last*")), "checkpoints are not for keeping"


def test_an_archive_comes_back_in_parts_that_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(in_pieces, "PART", 4096)
    work = tmp_path / "work"
    (work / "runs").mkdir(parents=True)
    (work / "report.json").write_text("{}")
    (work / "runs" / "last").write_bytes(bytes(range(256)) * 40)
    (work / "runs" / "lock").write_bytes(b"")
    in_pieces.pack(work, tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("state.*"))
    assert len(parts) > 2 and max(path.stat().st_size for path in parts) <= 4096
    in_pieces.unpack(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back" / "runs" / "last").read_bytes() == bytes(range(256)) * 40
    parts[1].rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="parts are missing"):
        in_pieces.unpack(tmp_path / "out", tmp_path / "again")
    for path in parts[2:]:
        path.unlink()
    parts[0].write_bytes(b"no archive")
    with pytest.raises(DataError, match="do not make an archive"):
        in_pieces.unpack(tmp_path / "out", tmp_path / "again")


def test_every_row_gets_the_steps_that_fit_together(tmp_path):
    plan = Plan(benchmark.find("full"), tmp_path, tmp_path, 1, rows=48, rate=4e-3)
    jobs = [Job("d5c5"), Job("unet")]
    assert in_pieces.steps_within(plan, jobs, {"d5c5": 0.1, "unet": 0.5}, 1000) == 5700  # 0.5 s · 48 / 320 of a step
    assert replace(plan, steps=5700).with_rate(jobs[1], 4e-3).steps == 5700 * 48 // 320
    assert in_pieces.steps_within(plan, jobs, {"d5c5": 10.0, "unet": 10.0}, 1) == 8, "never fewer than can be watched"


def test_slices_made_ahead_are_the_trainings_own(tmp_path):
    plan = Plan(TINY, tmp_path, tmp_path, 3, batch_size=2, rows=24, rate=4e-3, keeps=True)
    in_pieces.make(plan, Job("d5c5"), 1, 2)
    kept = sorted(plan.kept.rglob("*.safetensors"))
    assert len(kept) == 1, "step 1 alone: every second from there"
    settings = plan.with_rate(Job("d5c5"), in_pieces.RATE)
    ours = next(simulated(replace(settings, keep=None), "cpu").batches(1))
    theirs = next(simulated(settings, "cpu").batches(1))
    assert torch.equal(ours.y, theirs.y) and torch.equal(ours.target, theirs.target)
    kept[0].unlink()
