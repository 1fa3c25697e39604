"""Chapter 9 says nothing that the results files, the masks or its own outputs contradict, and its job script works."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from claims import ROOT, chapter
from claims import said as said_in

from reconode import masks
from reconode.data import census

NUMBER = 9
BENCH = ROOT / "results" / "bench"


def said(sentence: str) -> None:
    said_in(chapter(NUMBER), sentence)


def bench(name):
    return json.loads((BENCH / f"{name}.json").read_text())


def test_counts_and_room():
    for volumes, slices in census.KNEES.values():
        assert f"{volumes}" in chapter(NUMBER) and f"{slices:,}" in chapter(NUMBER)
    said("train and val: 113 GB, twice that while unpacking")
    said("113 GB and as much again to unpack")


def test_the_census_named_every_fault_that_was_sown():
    printed = chapter(NUMBER).split("$ reconode info broken")[1]
    for found in ("file1000001.h5: damaged or truncated", "file1000009.h5: no target in it", "new.h5: the same volume"):
        assert found in printed


def test_nothing_of_a_gpu_is_measured():
    said("No GPU has run this chapter for us yet")
    assert all(bench(name)["machine"]["gpu"] is None for name in ("flags", "loading", "models_compiled"))
    said("no run on several GPUs has been made")


def test_the_four_set_ups():
    found = dict(re.findall(r"^([A-D]): ([\d.]+) dB", chapter(NUMBER), re.M))
    score = {key: float(value) for key, value in found.items()}
    said("**B** scores before it crops, and counts the air")
    assert score["B"] > score["C"] + 1
    said("No picture looks wrong, and papers argue about less")
    assert min(abs(score[key] - score["C"]) for key in ("A", "B", "D")) > 0.1


def test_flags():
    ways = bench("flags")["ways"]
    said("keeps next to nothing and runs each step again: memory for a third more time")
    assert ways["checkpointing"]["kept_ratio"] < 0.05
    assert ways["checkpointing"]["time_ratio"] == pytest.approx(4 / 3, abs=0.1)
    said("halves the convolutions' traffic, here on a CPU with matrix units")
    assert ways["bf16"]["time_ratio"] < 0.8 and ways["bf16"]["kept_ratio"] < 0.75
    said("the layout that bf16 convolutions prefer")
    assert ways["bf16 and channels-last"]["time_ratio"] < ways["bf16"]["time_ratio"]
    said("more slices a step keep a GPU busy")


def test_workers_and_disks():
    rows = re.findall(r"^(unet|lt-rk4) +(\d+) +(\d+) +([\d.]+)$", chapter(NUMBER), re.M)
    unet, learned = ({r[0]: [float(v) for v in r[1:]] for r in rows}[name] for name in ("unet", "lt-rk4"))
    said("One worker keeps up with LT-RK4")
    assert learned[2] < 1
    said("the U-Net takes nearly all that one prepares")
    assert 0.8 < unet[2] < 2
    said("the U-Net reads more a second than a hard disk gives")
    assert unet[1] > 300


def test_killed_and_resumed():
    said("To the last bit")
    assert "same weights, optimiser, random state: True" in chapter(NUMBER)
    (step,) = re.findall(r"last checkpoint: step (\d+)", chapter(NUMBER))
    assert 0 < int(step) < 15


def test_hours_are_the_counted_ones():
    counted = json.loads((ROOT / "results/full/cost_counted.json").read_text())
    (hours,) = re.findall(r"20 TFLOP/s +([\d.]+) h", chapter(NUMBER))
    assert float(hours) == pytest.approx(counted["hours"], abs=0.06)
    learned = next(r for r in counted["rows_measured"] if r["model"] == "lt-rk4")
    said("2.135 TFLOP")
    assert learned["tflop_a_step"] == pytest.approx(2.135, abs=0.001)


def test_total_variation_leads_the_few_seconds():
    said("here total variation, trained on nothing, leads")
    found = dict(re.findall(r"^(zero-filled|tv|trained here) +([\d.]+) dB, worst", chapter(NUMBER), re.M))
    assert float(found["tv"]) > max(float(found["trained here"]), float(found["zero-filled"]))


def test_two_definitions_of_equispaced():
    said('may keep 93 or 114 of 368 columns at "4×"')
    for kind, lines in ((masks.equispaced_fraction, 93), (masks.equispaced, 114)):
        assert int(kind(368, 4, seed="file1000000.h5").sum()) == lines


@pytest.mark.parametrize("fails", [False, True])
def test_the_job_submits_itself_until_it_is_done(tmp_path, fails):
    """The script as printed, with a scheduler that runs a job at once and a training of three pieces."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash.*?)```", chapter(NUMBER), re.DOTALL)
    (tmp_path / "train.sh").write_text(script)
    stub = tmp_path / "bin"
    stub.mkdir()
    calls = 'mkdir -p runs/lt-rk4_4x; echo "$@" >> calls; touch runs/lt-rk4_4x/last.safetensors\n'
    ends = (
        "exit 1\n" if fails else "[ $(wc -l < calls) -ge 3 ] && echo '{\"done\": true}' || echo '{\"done\": false}'\n"
    )
    (stub / "reconode").write_text(f"#!/bin/bash\n{calls}{ends}")
    (stub / "sbatch").write_text('#!/bin/bash\necho submitted >> jobs; bash "$1"\n')
    for path in stub.iterdir():
        path.chmod(0o755)
    env = {**os.environ, "PATH": f"{stub}{os.pathsep}{os.environ['PATH']}", "FASTMRI_ROOT": "knees"}
    done = subprocess.run(["bash", "train.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30)
    calls = (tmp_path / "calls").read_text().splitlines()
    if fails:
        assert done.returncode == 1 and len(calls) == 1 and not (tmp_path / "jobs").exists()
        return
    assert done.returncode == 0 and len(calls) == 3
    assert ["--resume" in call for call in calls] == [False, True, True]
    assert len((tmp_path / "jobs").read_text().splitlines()) == 2


def test_the_commands_flags_are_the_programs():
    """Each option that a printed command has is one that the program knows."""
    from typer.main import get_command

    from reconode.cli.__main__ import app

    options = {o for p in get_command(app).commands["train"].params for o in p.opts}
    for line in re.findall(
        r"reconode(?:\.cli)? train .*?(?:\n```|\n\n|\|\|)", chapter(NUMBER).replace("\\\n", ""), re.DOTALL
    ):
        used = set(re.findall(r"--[a-z-]+", line.split("\n")[0]))
        assert used <= options, used - options
