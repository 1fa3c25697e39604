"""A sample of `make fuzz`, and what it wrote: no crash, no hang, nothing silently wrong where it must not be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from reconode_book import attack
from typer.testing import CliRunner

from reconode.cli.__main__ import app
from reconode.experiment.typeset import Table
from reconode.storage import probe

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks" / "attack"), str(ROOT / "benchmarks")]

import fuzz  # noqa: E402
import mutate_hdf5  # noqa: E402
import mutate_structure  # noqa: E402
import mutate_weights  # noqa: E402

UNTOLD = tuple(f"silent without target, {name}" for name in ("no target", "new packed, no target"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind, files", [(kind, 40 if "volumes" in kind else 60) for kind in fuzz.KINDS])
def test_a_sample(kind, files):
    done, counts, noted, _ = fuzz.attack(kind, files, time.monotonic() + 600, 100_000)
    said = fuzz.summary(done, counts, 1.0)
    assert done == files and not noted.keys() - {fuzz.CHECK, *UNTOLD}, noted
    assert said["crashes"] == said["hangs"] == said["tracebacks"] == said["silent"] == 0
    assert said["refused"] > files // 4, "the damage is none"


def test_a_reader_that_dies_or_sleeps_is_counted_and_the_next_goes_on(monkeypatch):
    """The attack itself: crashes, hangs, tracebacks and outcomes each in their place, each file once."""

    def attempts(kind, folder):
        def attempt(seed):
            if seed == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            if seed == 5:
                time.sleep(60)
            if seed == 6:
                raise KeyError("no sentence")
            return ("unharmed", "refused, a crash caught", "silent, x", "silent without target, y")[seed % 4]

        return attempt

    monkeypatch.setattr(fuzz.readers, "attempts", attempts)
    monkeypatch.setattr(fuzz, "PATIENCE", 2.0)
    done, counts, noted, last = fuzz.attack("any", 12, time.monotonic() + 120)
    said = fuzz.summary(done, counts, 1.0)
    assert (said["files"], said["crashes"], said["hangs"], said["tracebacks"]) == (12, 1, 1, 1)
    assert (said["silent"], said["silent_without_target"]) == (2, 2)
    assert (said["refused"], said["crashes_caught"], said["unharmed"]) == (2, 2, 3)
    assert noted["crash"] == [3] and noted["hang"] == [5] and last == 12


def test_checksums_of_metadata_are_hdf5s_own(tmp_path):
    """Blocks of a new file are found by them."""
    data = mutate_hdf5.originals(tmp_path)["new chunked"]
    stretches = mutate_hdf5.checksummed(data)
    assert {data[first : first + 4] for first, _ in stretches} >= {b"OHDR", b"\x89HDF"} and len(stretches) > 8
    assert mutate_hdf5.lookup3(b"Four score and seven years ago") == 0x17770551, "Jenkins' own example"


def test_damage_is_made_through_h5py_too(tmp_path):
    data = mutate_hdf5.originals(tmp_path)["contiguous"]
    assert len({mutate_structure.through_h5py(data, np.random.default_rng(seed)) for seed in range(5)}) == 5
    assert [path for path in mutate_weights.nodes({"a": [1, {"b": 2}]})][1:] == [
        ("a",),
        ("a", 0),
        ("a", 1),
        ("a", 1, "b"),
    ]


def test_what_the_attack_wrote():
    for said in json.loads((ROOT / "results/fuzz.json").read_text())["kinds"].values():
        assert said["files"] > 50
        assert said["crashes"] == said["hangs"] == said["tracebacks"] == said["silent"] == 0


def test_what_the_kills_left():
    for said in json.loads((ROOT / "results/kills.json").read_text())["trainings"].values():
        assert said["kills"] > 0 and said["same"] == said["trainings"]
        assert said["unreadable_checkpoints"] == said["failed"] == 0


def test_the_reader_costs_little():
    for layout, said in json.loads((ROOT / "results/bench/loading.json").read_text())["layouts"].items():
        assert said["ratio_later_passes"] >= 0.8

        def average(passes, first=said["ratio_first_pass"], later=said["ratio_later_passes"]):
            return passes / (1 / first + (passes - 1) / later)

        passes = said["passes_to_0.8"]
        assert average(passes) >= 0.8 and (passes == 1 or average(passes - 1) < 0.8)
        rates, after = said["slices_per_second"], said["transform_milliseconds"] / 1e3
        first = rates["SliceDataset, first pass with all checks"]
        trained = (1 / rates["bare h5py loop"] + after) / (1 / first + after)
        assert trained >= 0.8
        assert f"- {layout}: the first pass at {trained:.2f} where both" in attack.reading()
        assert f"the average of all passes is at 0.8 from {passes} passes on." in attack.reading()


def test_modules_beside_the_probe_do_not_replace_pythons(tmp_path, monkeypatch, make_volume):
    """The child is a script, and Python would look for its imports in the script's folder first."""
    shutil.copy(probe.__file__, tmp_path / "probe.py")
    for name in ("queue", "contextlib", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.setattr(probe, "__file__", str(tmp_path / "probe.py"))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    child = probe._Child()
    try:
        assert json.loads(child.ask(make_volume(), True, 60)) == {"refused": "", "plain": True}
    finally:
        child.stop()


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="no alarm here")
def test_a_look_without_end_ends_when_nobody_waits_for_it(tmp_path, monkeypatch):
    """A process that is killed takes nothing along: its child would stay in HDF5's loop for good."""
    os.mkfifo(tmp_path / "pipe.h5")
    monkeypatch.setattr(probe, "SPARE", 0.5)
    child = probe._Child()
    try:
        assert child.ask(tmp_path / "pipe.h5", True, 0.1) is None
        assert child.process.wait(30) == -signal.SIGALRM
    finally:
        child.stop()


class TestText:
    """Names and attributes that are markup, formulas of TeX or of spreadsheets, and codes for the terminal."""

    def test_in_tables_and_figures(self, make_volume, tmp_path):
        names = ["a[bold].h5", "$\\frac$.h5", "x\x1b[2J.h5"]
        for name in names:
            make_volume(f"v/{name}", acquisition="[/red]")
        run = lambda *words: CliRunner().invoke(app, list(map(str, words)))  # noqa: E731
        said = run("info", tmp_path / "v")
        assert said.exit_code == 0 and "a[bold].h5" in said.output and "[/red]" in said.output
        assert run("reconstruct", tmp_path / "v", tmp_path / "o", "--model", "zero-filled").exit_code == 0
        said = run("evaluate", tmp_path / "v", tmp_path / "o", "--figure", tmp_path / "f.png", "--show", names[1])
        assert said.exit_code == 0 and (tmp_path / "f.png").exists() and "\x1b[2J" not in said.output

    def test_in_spreadsheets(self):
        made = Table("caption", ("=1+1", "@x"), (("-1.5", "+0.20"),)).csv()
        assert made.splitlines()[:2] == ["'=1+1,'@x", "-1.5,+0.20"]

    @pytest.mark.parametrize("words", [["--device", "meta"], ["--seed", "12345678901234567890"]])
    def test_in_options(self, tmp_path, words):
        said = CliRunner().invoke(app, ["train", "lt-euler", "--steps", "1", "--out", str(tmp_path / "r"), *words])
        assert said.exit_code in (1, 2) and "Traceback" not in said.output and not (tmp_path / "r").exists()


def test_memory_that_runs_out_ends_one_file_only(make_volume, tmp_path, monkeypatch):
    from reconode.data import fastmri

    make_volume("v/a.h5"), make_volume("v/b.h5")
    real = fastmri.read

    def read(path, **options):
        if path.name == "a.h5":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 5 bytes")
        return real(path, **options)

    monkeypatch.setattr(fastmri, "read", read)
    said = CliRunner().invoke(app, ["reconstruct", str(tmp_path / "v"), str(tmp_path / "o"), "--model", "zero-filled"])
    assert said.exit_code == 1 and "a.h5: out of memory" in said.output and (tmp_path / "o" / "b.h5").exists()
    with h5py.File(tmp_path / "o" / "b.h5") as file:
        assert "reconstruction" in file
