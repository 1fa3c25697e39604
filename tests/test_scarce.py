"""No room on the disk, no memory, no permission: one sentence at whatever moment, and what was whole stays whole."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from reconode import evaluate, runs, zoo
from reconode import train as training
from reconode.cli.__main__ import app
from reconode.data import fastmri
from reconode.errors import DataError, OutputError, out_of_memory
from reconode.experiment import queue
from reconode.experiment.benchmark import Benchmark
from reconode.experiment.plan import Job, Plan
from reconode.runs import LAST, Settings, read_log
from reconode.storage import weights

SMALL = Settings(
    "lt-euler", steps=5, batch_size=1, size=(64, 64), mix="knees", validate_every=2, validation=1, warmup=0, log_every=1
)
NOBODY = 65534


def train(folder, settings=SMALL, **options):
    return training.train(zoo.untrained(settings.model), settings, folder, device="cpu", save_every=0, **options)


def ended(work, *arguments, **options):
    """In which sentence."""
    try:
        work(*arguments, **options)
    except (OutputError, DataError) as error:
        return str(error)
    return "nothing"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    return weights.read(folder / LAST)[0]


def fill(folder, free):
    """Leave so many bytes of a file system."""
    status = os.statvfs(folder)
    left = status.f_bavail * status.f_frsize
    with contextlib.suppress(OSError):
        (folder / "other").write_bytes(bytes(max(0, left - free)))


@pytest.mark.parametrize("board", [True, False], ids=["TensorBoard", "no TensorBoard"])
@pytest.mark.parametrize("seed", range(3))
def test_a_disk_that_fills_at_any_moment(disk, whole, monkeypatch, seed, board):
    """The training ends in a sentence, or has done without its second log; with room again it goes on to the same."""
    if board:
        pytest.importorskip("tensorboard")
    else:
        monkeypatch.setattr(runs, "_tensorboard", lambda folder: False)
    rng, folder = random.Random(seed), disk(8 * 1024)
    moment, free = rng.randint(1, 4), rng.choice([0, 4096, rng.randrange(2**20)])

    def watch(step, values):
        if step == moment and not (folder / "other").exists():
            fill(folder, free)

    said = ended(train, folder / "run", watch=watch)
    assert said == "nothing" or ("the disk is full" in said and "\n" not in said)
    assert said != "nothing" or free > 0
    assert (folder / "other").exists(), "it was filled"
    begun = (folder / "run" / LAST).exists()
    step = weights.read(folder / "run" / LAST)[1]["progress"]["step"] if begun else 0
    assert step >= moment - 1, "the last checkpoint is whole"
    assert not list((folder / "run").glob(".*.part"))
    (folder / "other").unlink()
    train(folder / "run", resume=begun)
    end = weights.read(folder / "run" / LAST)[0]
    assert end.keys() == whole.keys() and all(torch.equal(end[key], whole[key]) for key in end)
    assert [entry["step"] for entry in read_log(folder / "run") if "loss" in entry] == [1, 2, 3, 4, 5]


def alone(work, *arguments):
    """What a function returns in a process of its own, which it may limit; fails with what it raises."""
    ours, its = multiprocessing.Pipe(duplex=False)

    def run():
        try:
            its.send((True, work(*arguments)))
        except BaseException as error:
            its.send((False, f"{type(error).__name__}: {error}"))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    its.close()
    try:
        fine, said = ours.recv()
    except EOFError:
        fine, said = False, "it died"
    process.join()
    assert fine, said
    return said


def with_little_memory(more, words):
    CliRunner().invoke(app, ["info", "nowhere"])  # what the command line itself loads is loaded
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.getrlimit(resource.RLIMIT_AS)[1]))
    said = CliRunner().invoke(app, [str(word) for word in words])
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    return said.exit_code, said.output


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="sizes of processes are read from /proc")
class TestMemory:
    @pytest.mark.parametrize("seed", range(6))
    def test_a_batch(self, make_volume, tmp_path, seed):
        for name in ("a.h5", "b.h5"):
            make_volume(f"v/{name}", slices=4, rows=640, columns=368, recon=(320, 320))
        fastmri.inspect(tmp_path / "v" / "a.h5")
        more = random.Random(seed).randrange(2**20, 120 * 2**20)
        words = ["reconstruct", tmp_path / "v", tmp_path / "o", "--model", "zero-filled"]
        status, output = alone(with_little_memory, more, words)
        done = sorted((tmp_path / "o").glob("*")) if (tmp_path / "o").exists() else []
        assert [evaluate.read(path).image.shape for path in done] == [(4, 320, 320)] * len(done), "whole files only"
        assert "Traceback" not in output and (status == 0) == (len(done) == 2)
        assert status == 0 or "memory" in output, output

    @pytest.mark.parametrize("seed", range(3))
    def test_a_training(self, tmp_path, seed):
        more = random.Random(seed).randrange(4 * 2**20, 200 * 2**20)
        words = ["train", "lt-euler", "--size", 320, 368, "--steps", 2, "--batch-size", 1, "--validation", 1]
        status, output = alone(with_little_memory, more, [*words, "--device", "cpu", "--out", tmp_path / "r"])
        assert status == 0 or ("memory" in output and "Traceback" not in output), output
        if (tmp_path / "r" / LAST).exists():
            weights.read(tmp_path / "r" / LAST)


@pytest.fixture
def closed():
    """A folder under which another user may not do everything; what is tried there is tried as nobody."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


def as_nobody(work, *arguments):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    return work(*arguments)


class TestPermission:
    @pytest.mark.parametrize("mode", [0o000, 0o444], ids=["unreadable", "unsearchable"])
    def test_a_folder_of_volumes(self, make_volume, closed, mode):
        (closed / "knees").mkdir()
        shutil.copy(make_volume(), closed / "knees" / "a.h5")
        (closed / "knees").chmod(mode)
        said = alone(as_nobody, ended, fastmri.volumes, closed / "knees")
        if mode == 0o444:
            said = alone(as_nobody, ended, fastmri.inspect, closed / "knees" / "a.h5")
        assert said.startswith(str(closed / "knees")) and said.endswith("no permission to read it")

    @pytest.mark.parametrize("name", ["runs", "results"])
    def test_a_queue_that_may_not_write(self, closed, name):
        benchmark = Benchmark("small", (64, 72), volumes=1, slices=1, validation=1)
        plan = Plan(benchmark, closed / "runs", closed / "results", steps=2, batch_size=1, rate=4e-3)
        for folder in ("runs", "results"):
            (closed / folder).mkdir()
            (closed / folder).chmod(0o555 if folder == name else 0o777)
        said = alone(as_nobody, ended, queue.run, plan, Job("lt-euler"))
        assert said.startswith(f"cannot write {closed / name}") and said.endswith(
            "no permission; choose another folder"
        )
        if name == "results":
            assert zoo.load("lt-euler", file=plan.folder(Job("lt-euler")) / runs.BEST), "the training is not lost"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ImportError("x.so: failed to map segment from shared object"),
    ],
)
def test_ways_in_which_memory_runs_out(error):
    assert (out_of_memory(error) and not out_of_memory(type(error)("something else"))) or isinstance(error, MemoryError)


def test_a_second_log_is_not_worth_a_training(tmp_path, monkeypatch):
    """TensorBoard's files cannot be written from the first: the training does without."""

    class Full:
        def add_scalar(self, *_):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "_tensorboard", lambda folder: Full())
    train(tmp_path, replace(SMALL, steps=2))
    assert [entry["step"] for entry in read_log(tmp_path)] == [1, 2, 2]
