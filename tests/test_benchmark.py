"""The public benchmark: its files are its volumes, its splits do not meet, its fingerprint says what it is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from reconode import phantoms
from reconode.cli.__main__ import app
from reconode.data import fastmri
from reconode.data.sources import VALIDATION_SEED, Simulated
from reconode.errors import UsageError
from reconode.experiment import benchmark
from reconode.experiment.benchmark import Benchmark, in_memory
from reconode.physics import center_crop, ifft

TINY = Benchmark("tiny", (64, 72), volumes=12, slices=1, validation=2)


def test_files_are_the_volumes_in_memory(tmp_path):
    path = TINY.write_test(tmp_path, 3)
    read, made = fastmri.read(path), in_memory(TINY, 3)
    assert torch.equal(read.kspace, made.kspace)
    assert torch.equal(read.target, made.target)
    assert (read.info.padding, read.info.recon, read.name) == (made.info.padding, made.info.recon, made.name)
    assert read.info.acquisition == made.info.acquisition
    stamp = path.stat().st_mtime_ns
    assert TINY.write_test(tmp_path, 3) == path
    assert path.stat().st_mtime_ns == stamp, "a file that is there is kept"


@pytest.mark.parametrize("split, seed, mix", [("train", 0, "broad"), ("val", VALIDATION_SEED, "knees")])
def test_slices_on_disk_are_those_that_training_sees(tmp_path, split, seed, mix):
    volume = fastmri.read(TINY.write_slice(tmp_path, split, 1))
    made = phantoms.slices(1, TINY.shape, seed=seed, start=1, mix=mix)
    torch.testing.assert_close(volume.hybrid, made.hybrid, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(volume.target, center_crop(ifft(made.hybrid, (-1,))[:, 0].abs(), 64, 64))


def test_contrasts_and_planes_are_balanced():
    tests = TINY.test()
    names = [volume.info.acquisition for volume in tests]
    assert names.count("CORPD_FBK") == names.count("CORPDFS_FBK") == 6
    assert len({volume.name for volume in tests}) == 12
    images = torch.stack([volume.target[0] / volume.target.max() for volume in tests]).flatten(1)
    distance = torch.cdist(images, images) + 1e9 * torch.eye(12)
    assert distance.min() > 1, "no knee twice"


def test_splits_do_not_meet():
    assert benchmark.TEST_SEED > VALIDATION_SEED > 1_000_000
    source = Simulated(4, "random", 2, 0, TINY.shape, "broad", 2)
    train, validation = next(source.batches(0)), next(source.validation())
    assert not torch.allclose(train.target[0], validation.target[0], atol=0.05)


def test_the_fingerprint_is_of_recipe_and_content(monkeypatch):
    first = TINY.fingerprint
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert replace(TINY).fingerprint == first
    assert replace(TINY, volumes=10).fingerprint != first
    real = phantoms.slices
    monkeypatch.setattr(phantoms, "slices", lambda *a, **k: real(*a, **{**k, "seed": k["seed"] + 1}))
    assert replace(TINY).fingerprint != first, "other phantoms are another benchmark"


def test_small_is_what_the_results_were_measured_on():
    """Golden: phantoms that change make another benchmark, whose results start anew."""
    assert benchmark.find("small").fingerprint == "3952ae451c25db46"


def test_unknown_size():
    with pytest.raises(UsageError, match="small, full"):
        benchmark.find("huge")


def test_the_command_writes_all_splits(tmp_path, monkeypatch):
    monkeypatch.setitem(benchmark.SIZES, "small", replace(TINY, volumes=2, validation=1))
    words = ["simulate", str(tmp_path), "--benchmark", "small", "--train-slices", "2", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert len(said["files"]) == 5
    assert len(said["fingerprint"]) == 16
    assert sorted(path.parent.name for path in tmp_path.rglob("*.h5")) == ["test", "test", "train", "train", "val"]
    assert all(fastmri.read(path).target is not None for path in tmp_path.rglob("*.h5"))
