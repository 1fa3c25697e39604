"""Nothing gets lost: weights and checkpoints with a hash, one training a folder, checkpoints by time and on signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_train import final, same, train

from reconode import train as training
from reconode import zoo
from reconode.errors import DataError, OutputError, StoppedError, UsageError
from reconode.experiment import plan as plans
from reconode.experiment import queue, results
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.plan import Job, Plan
from reconode.runs import Run, Settings, read_log
from reconode.storage import weights
from reconode.storage.lock import claim
from reconode.storage.whole import read_json, whole_file, write_whole

SMALL = Settings(
    "lt-euler", steps=6, batch_size=1, size=(64, 64), mix="knees", validate_every=100, validation=1, warmup=0
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a short training that is done; copy what you change."""
    folder = tmp_path_factory.mktemp("trained")
    train(SMALL, folder)
    return folder


class TestWeights:
    def test_every_damage_is_found(self, trained, tmp_path):
        """Any bit, and any block of zeros, anywhere in the file."""
        whole, rng, path = (trained / "best.safetensors").read_bytes(), np.random.default_rng(0), tmp_path / "w"
        for number in range(120):
            damaged = np.frombuffer(whole, np.uint8).copy()
            if number % 4:
                damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
            else:
                start = rng.integers(len(damaged))
                damaged[start : start + 4096] = 0 if damaged[start : start + 4096].any() else 1
            damaged.tofile(path)
            with pytest.raises(DataError, match=r"whole safetensors|checksum|from reconode"):
                weights.read(path)

    def test_the_hash_covers_names_types_and_shapes(self):
        tensor = torch.arange(6.0)
        variants = [{"a": tensor}, {"b": tensor}, {"a": tensor.reshape(2, 3)}, {"a": tensor.view(torch.int32)}]
        assert len({weights.digest(tensors, "{}") for tensors in variants} | {weights.digest(variants[0], "[]")}) == 5

    def test_a_hash_that_went_is_missed(self, trained, tmp_path):
        with safe_open(trained / "best.safetensors", "pt") as file:
            about = file.metadata()["reconode"]
            digest = file.metadata()["sha256"]
        denied = {"reconode": about.replace('"hashed": true', '"hashed": false'), "sha256": digest}
        assert denied["reconode"] != about
        save_file(load_file(trained / "best.safetensors"), tmp_path / "w", denied)
        with pytest.raises(DataError, match="doesn't match its checksum"):
            weights.read(tmp_path / "w")
        save_file(load_file(trained / "best.safetensors"), tmp_path / "w", {"reconode": about})
        with pytest.raises(DataError, match="doesn't match its checksum"):
            weights.read(tmp_path / "w")

    def test_files_from_before_there_was_a_hash_load(self, trained, tmp_path):
        tensors = load_file(trained / "best.safetensors")
        save_file(tensors, tmp_path / "old", {"reconode": json.dumps({"model": "lt-euler"})})
        assert same(weights.read(tmp_path / "old")[0], tensors)

    @pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.float8_e4m3fn])
    def test_other_numbers_than_floats(self, trained, tmp_path, dtype):
        tensors, about = weights.read(trained / "best.safetensors")
        weights.write(tmp_path / "w", {key: tensor.to(dtype) for key, tensor in tensors.items()}, about)
        with pytest.raises(DataError, match=r"is \w+; expected float32"):
            zoo.load("lt-euler", file=tmp_path / "w")

    def test_deep_json(self, tmp_path):
        save_file({"a": torch.zeros(1)}, tmp_path / "w", {"reconode": "[" * 100_000})
        with pytest.raises(DataError, match="not a whole safetensors file"):
            weights.read(tmp_path / "w")

    def test_shipped_weights_are_those_of_their_list(self):
        sums = weights.read_sums(weights.SHIPPED)
        assert sums.keys() == {path.name for path in weights.SHIPPED.glob("*.safetensors")}
        for name, value in sums.items():
            assert weights._sum(weights.SHIPPED / name) == value, f"{name}: ship it, or weights.write_sums(SHIPPED)"

    def test_one_flipped_bit_in_shipped_weights(self, tmp_path, monkeypatch):
        data = bytearray((weights.SHIPPED / "ft-euler_long_4x.safetensors").read_bytes())
        (tmp_path / weights.SUMS).write_text((weights.SHIPPED / weights.SUMS).read_text())
        start = 8 + struct.unpack("<Q", data[:8])[0]
        data[start + 1003] ^= 1
        (tmp_path / "ft-euler_long_4x.safetensors").write_bytes(data)
        monkeypatch.setattr(weights, "SHIPPED", tmp_path)
        with pytest.raises(DataError, match="these weights came with the library"):
            zoo.load("ft-euler_long", 4)


def alter(change):
    """A checkpoint rewritten, hash and all, as another program would."""

    def apply(tensors, about):
        change(tensors, about)
        return tensors, about

    return apply


def drop(prefix):
    def change(tensors, about):
        for key in [key for key in tensors if key.startswith(prefix)]:
            del tensors[key]

    return change


def tell(key, value):
    return lambda tensors, about: about["progress"].__setitem__(key, value)


def put(end, function):
    def change(tensors, about):
        key = next(key for key in tensors if key.endswith(end))
        tensors[key] = function(tensors[key])

    return change


CHECKPOINTS = {
    "no optimiser": (drop("optimizer."), "no state of the optimiser"),
    "half an optimiser": (drop("optimizer.3.slow"), "not whole"),
    "no model": (drop("model."), "doesn't fit this training's model"),
    "NaN weights": (put("weight", lambda t: t * float("nan")), "has NaN or Inf"),
    "integer weights": (put("weight", lambda t: t.int()), "is int32; expected float32"),
    "NaN in the optimiser": (put("slow", lambda t: t * float("nan")), "has NaN or Inf"),
    "optimiser of another shape": (put("slow", lambda t: t.flatten()[:1]), "its parameter has another"),
    "optimiser of no parameter": (lambda t, a: t.__setitem__("optimizer.999.step", torch.ones(())), "of no parameter"),
    "a name that is no number": (lambda t, a: t.__setitem__("optimizer.x.step", torch.ones(())), "of no parameter"),
    "random numbers": (lambda t, a: t.__setitem__("random", torch.zeros(3)), "random numbers"),
    "no progress": (lambda t, a: a.pop("progress"), "how far its training is"),
    "progress of text": (tell("step", "6"), "how far its training is"),
    "half a step": (tell("step", 3.5), "how far its training is"),
    "a negative step": (tell("step", -1), "how far its training is"),
    "a step beyond the end": (tell("step", 7), "is at step 7 of 6"),
    "another field": (tell("more", 1), "how far its training is"),
    "no settings": (lambda t, a: a.pop("settings"), "how far its training is"),
    "settings of text": (lambda t, a: a.__setitem__("settings", "no"), "how far its training is"),
    "seconds that are no number": (tell("seconds", float("nan")), "how far its training is"),
    "a log of text": (lambda t, a: a.__setitem__("since", ["x"]), "how far its training is"),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_malformed_checkpoint_is_named(trained, tmp_path, case):
    change, message = CHECKPOINTS[case]
    tensors, about = weights.read(trained / "last.safetensors")
    change(tensors, about)
    weights.write(tmp_path / "last.safetensors", tensors, about)
    model = zoo.untrained("lt-euler", 1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = training.LookaheadRAdam(model.parameters())
    with pytest.raises(DataError, match=message):
        Run(tmp_path, SMALL).resume(model, optimizer)
    assert same(before, model.state_dict()), "nothing is changed"


def test_a_flipped_bit_in_a_checkpoint(trained, tmp_path):
    data = bytearray((trained / "last.safetensors").read_bytes())
    data[-100] ^= 1
    (tmp_path / "last.safetensors").write_bytes(data)
    with pytest.raises(DataError, match="doesn't match its checksum"):
        train(SMALL, tmp_path, resume=True)


def test_nothing_to_go_on_from(tmp_path):
    with pytest.raises(DataError, match="nothing to go on from; leave out --resume"):
        train(SMALL, tmp_path, resume=True)


class TestOneTrainingAFolder:
    def test_a_second_one_is_refused(self, tmp_path):
        with FileLock(tmp_path / "lock"), pytest.raises(UsageError, match="another training is at work in it"):
            train(SMALL, tmp_path)
        assert not (tmp_path / "metrics.jsonl").exists()

    def test_who_has_claimed_a_folder_may_claim_it_again(self, tmp_path):
        with claim(tmp_path) as ours, claim(tmp_path) as again:
            assert ours and again

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="a part of the path is a file"):
            train(SMALL, tmp_path / "file" / "run")


@pytest.fixture
def heard():
    """Signals as in a terminal: in the background a shell has Ctrl-C ignored, and a training leaves it so."""
    before = {n: signal.signal(n, signal.default_int_handler) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_the_step_and_saves(self, trained, tmp_path, number):
        def watch(step, values):
            if step == 3:
                os.kill(os.getpid(), number)

        before = signal.getsignal(number)
        with pytest.raises(StoppedError, match="stopped at step 4 of 6") as caught:
            train(SMALL, tmp_path, watch=watch)
        assert caught.value.status == 128 + number and signal.getsignal(number) is before
        train(SMALL, tmp_path, resume=True)
        assert same(final(tmp_path), final(trained))

    def test_a_second_signal_stops_at_once(self, tmp_path):
        def watch(step, values):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(StoppedError, match="in the middle of a step"):
            train(SMALL, tmp_path, watch=watch)

    def test_checkpoints_by_time(self, trained, tmp_path):
        """No validation in sight, and killed outright: the last checkpoint is a step old, and the log is the same."""

        def watch(step, values):
            if step == 4:
                raise ZeroDivisionError  # as little of a chance to save as SIGKILL leaves

        settings = replace(SMALL, log_every=5)
        train(settings, tmp_path / "whole")
        with pytest.raises(ZeroDivisionError):
            train(settings, tmp_path / "run", save_every=0, watch=watch)
        assert weights.read(tmp_path / "run" / "last.safetensors")[1]["progress"]["step"] == 3
        train(settings, tmp_path / "run", resume=True)
        assert same(final(tmp_path / "run"), final(trained))
        story = lambda name: [{k: e.get(k) for k in ("step", "loss")} for e in read_log(tmp_path / name)]  # noqa: E731
        assert story("run") == story("whole")

    def test_the_command_says_what_goes_on(self, tmp_path):
        words = ["train", "lt-euler", "--size", "64", "64", "--steps", "5000", "--validation", "1", "--batch-size", "1"]
        words += ["--log-every", "1", "--device", "cpu", "--out", str(tmp_path / "my run")]
        log = tmp_path / "my run" / "metrics.jsonl"
        with subprocess.Popen([sys.executable, "-m", "reconode.cli", *words], stderr=subprocess.PIPE, text=True) as run:
            until = time.monotonic() + 90
            while run.poll() is None and time.monotonic() < until and not (log.exists() and log.read_text()):
                time.sleep(0.05)
            run.send_signal(signal.SIGTERM)
            said = run.communicate()[1].splitlines()[-1]
        assert run.returncode == 143 and "Traceback" not in said
        assert (
            said.startswith("stopped at step ") and said.endswith("my run' --resume") and "go on with: reconode" in said
        )


class TestWhatStopsWriting:
    def test_a_disk_that_fills_between_checkpoints(self, small_disk):
        def watch(step, values):
            if step == 2:
                other = os.open(small_disk / "other", os.O_CREAT | os.O_WRONLY)
                with contextlib.suppress(OSError):
                    while os.write(other, b"x" * 1024):
                        pass
                os.close(other)

        with pytest.raises(OutputError, match=r"cannot write .*the disk is full"):
            train(replace(SMALL, log_every=1), small_disk / "run", watch=watch)

    def test_parts_of_killed_writers_go(self, trained, tmp_path):
        left = tmp_path / ".last.safetensors.abc.part"
        left.write_bytes(b"half")
        Run(tmp_path, SMALL).start()
        assert not left.exists()
        old, young = tmp_path / ".a.h5.x.part", tmp_path / ".a.h5.y.part"
        for path in (old, young):
            path.write_bytes(b"half")
        os.utime(old, (0, 0))
        write_whole(tmp_path / "a.h5", b"whole")
        assert not old.exists() and young.exists(), "it may be another writer's"

    def test_long_names(self, tmp_path):
        write_whole(tmp_path / ("n" * 249), b"fits")
        with pytest.raises(OutputError, match="the name is too long"), whole_file(tmp_path / ("n" * 300)) as path:
            path.write_bytes(b"does not")


class TestDamagedBooks:
    """Learning rates, divergences, logs and results that are not what they should be: one sentence."""

    @pytest.fixture
    def plan(self, tmp_path):
        plan = Plan(Benchmark("small", (64, 72), 1, 1, 1), tmp_path / "runs", tmp_path / "results", steps=4)
        (plan.results / "small").mkdir(parents=True)
        return plan

    @pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", '{"chosen": 1}', '{"chosen": {"D5C5": "x"}}', "\0"])
    def test_learning_rates(self, plan, text):
        (plan.results / "small" / plans.RATES_FILE).write_text(text)
        with pytest.raises(DataError, match=r"learning_rates\.json"):
            plan.learning_rate("d5c5")

    @pytest.mark.parametrize("text", ["", "{}", '["x"]'])
    def test_divergences(self, plan, text):
        path = plan.folder(Job("d5c5")) / plans.DIVERGED
        write_whole(path, text)
        with pytest.raises(DataError, match=r"diverged\.json"):
            plan.diverged(Job("d5c5"))

    def test_a_log_keeps_its_whole_lines(self, tmp_path):
        text = '{"step": 1}\n[]\n{"step": "2"}\n{"step": 3, "loss": 1.0}\n' + "[" * 9999 + '\n\xff\n{"step": 4, "lo'
        (tmp_path / "metrics.jsonl").write_bytes(text.encode("latin-1"))
        assert [entry["step"] for entry in read_log(tmp_path)] == [1, 3]

    def test_an_empty_results_file_is_not_done(self, plan):
        plan.result(Job("d5c5")).touch()
        assert not plan.done(Job("d5c5"))

    def test_a_pipe_among_results(self, plan):
        os.mkfifo(plan.results / "small" / "d5c5_4x_seed0.json")
        with pytest.raises(DataError, match="no such results file"):
            results.read_all(plan.results / "small")

    def test_names_of_models_lead_nowhere(self, plan, monkeypatch, tmp_path):
        """A results file that a stranger sent names a path; `ship` writes to no other folder than its own."""
        monkeypatch.setattr(weights, "SHIPPED", tmp_path / "trained")
        said = json.loads((weights.Path(__file__).parents[1] / "results/small/d5c5_4x_seed0.json").read_text())
        said["model"] = "../../../evil"
        (plan.results / "small" / "d5c5_4x_seed0.json").write_text(json.dumps(said))
        with pytest.raises(DataError, match="evil"):
            queue.ship(plan, set())
        assert not list(tmp_path.glob("evil*"))

    def test_json_that_is_none(self, tmp_path):
        with pytest.raises(DataError, match="no such file"):
            read_json(tmp_path / "missing.json")
        with pytest.raises(UsageError):
            plans.Plan(Benchmark("small", (64, 72), 1, 1, 1), tmp_path, tmp_path, steps=4).learning_rate("d5c5")
