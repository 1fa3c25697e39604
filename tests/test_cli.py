"""The command line as a user meets it: answers, pictures, exit statuses, and what it says when something is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from reconode import evaluate, masks, metrics, zoo
from reconode.cli.__main__ import app
from reconode.data import fastmri
from reconode.storage import weights

COMMAND = [sys.executable, "-m", "reconode.cli"]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Processes that share two cores get in each other's way with more."""


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output + result.stderr
    return result


@pytest.fixture
def knees(make_volume):
    """Two volumes in a folder of their own."""
    for name, seed, acquisition in (("k1.h5", 0, "CORPD_FBK"), ("k2.h5", 1, "CORPDFS_FBK")):
        path = make_volume(f"knees/{name}", seed=seed, acquisition=acquisition)
    return path.parent


class TestQuickStart:
    def test_simulate_reconstruct_evaluate_look(self, tmp_path):
        knees, out, figure = tmp_path / "knees", tmp_path / "out", tmp_path / "scores.png"
        answer = json.loads(run("simulate", knees, "--volumes", 2, "--slices", 2, "--json").stdout)
        assert [f["acquisition"] for f in answer["files"]] == ["CORPD_FBK", "CORPDFS_FBK"] and not answer["failed"]
        for entry in answer["files"]:
            info = fastmri.inspect(entry["file"])
            assert info.shape == (2, 1, 640, 368) and info.recon == (320, 320) and info.padding != (0, 368)
        assert "2 volumes" in run("reconstruct", knees, out, "--model", "zero-filled", "--acceleration", 4).stdout
        answer = json.loads(run("evaluate", knees, out, "--figure", figure, "--json").stdout)
        assert figure.read_bytes().startswith(b"\x89PNG")
        for entry in answer["volumes"]:
            volume = fastmri.read(knees / entry["name"])
            y, E = volume.measure(masks.random(368, 4, seed=entry["name"]))
            expected = metrics.scores(E.H(y), volume.target)
            assert entry["psnr"] == pytest.approx(expected.psnr, abs=1e-3)
            assert entry["ssim"] == pytest.approx(expected.ssim, abs=1e-5)
        assert answer["summary"]["all"]["psnr"]["mean"] == pytest.approx(
            np.mean([v["psnr"] for v in answer["volumes"]])
        )
        table = run("evaluate", knees, out).stdout
        assert "mean of 2" in table and f"{answer['summary']['all']['ssim']['mean']:.4f}" in table


class TestSimulate:
    arguments = ("--volumes", 1, "--slices", 1, "--contrast", "pd")

    def test_same_seed_same_file_and_what_is_there_is_kept(self, tmp_path):
        for folder in ("one", "two"):
            run("simulate", tmp_path / folder, *self.arguments)
        first, second = (fastmri.volumes(tmp_path / f)[0] for f in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
        before = first.stat().st_mtime_ns
        assert "1 of them there already" in run("simulate", tmp_path / "one", *self.arguments).stdout
        assert first.stat().st_mtime_ns == before

    def test_another_recipe_does_not_replace_a_file(self, tmp_path):
        run("simulate", tmp_path, *self.arguments)
        result = run("simulate", tmp_path, "--volumes", 1, "--slices", 2, "--contrast", "pd", status=1)
        assert "another file of this name" in result.stderr

    def test_test_files_and_coils(self, tmp_path):
        run("simulate", tmp_path, *self.arguments, "--test", "--acceleration", 8, "--coils", 2, "--width", 372)
        volume = fastmri.read(fastmri.volumes(tmp_path)[0])
        assert volume.kspace.shape == (1, 2, 640, 372) and volume.target is None
        assert torch.equal(volume.mask, masks.random(372, 8, seed=volume.name))
        assert volume.info.attributes["acceleration"] == 8

    def test_full_disk(self, small_disk):
        result = run("simulate", small_disk, *self.arguments, status=1)
        assert "disk is full" in result.stderr
        assert list(small_disk.iterdir()) == []


class TestInfo:
    def test_says_what_is_there(self, knees):
        entry = json.loads(run("info", knees / "k1.h5", "--check", "--json").stdout)["files"][0]
        assert (entry["slices"], entry["coils"], entry["kspace"], entry["image"]) == (3, 1, [64, 36], [32, 32])
        text = run("info", knees).stdout
        assert "k1.h5" in text and "CORPDFS_FBK" in text and "64 x 36" in text

    def test_finds_damage_when_asked_to_check(self, knees):
        with h5py.File(knees / "k1.h5", "a") as file:
            kspace = file["kspace"][()]
            kspace[0, 0, 0] = np.nan
            file["kspace"][...] = kspace
        run("info", knees / "k1.h5")
        result = run("info", "--check", knees, status=1)
        assert "k1.h5: kspace has 1 NaN" in result.stderr and "1 of 2 files failed" in result.stderr
        assert "k2.h5" in result.stdout


class TestReconstruct:
    def test_writes_what_the_library_computes(self, knees, tmp_path):
        answer = json.loads(
            run(
                "reconstruct",
                knees / "k1.h5",
                tmp_path / "out",
                "--model",
                "zero-filled",
                "--acceleration",
                2,
                "--json",
            ).stdout
        )
        result = evaluate.read(answer["files"][0]["file"])
        volume = fastmri.read(knees / "k1.h5")
        mask = masks.random(36, 2, seed="k1.h5")
        expected = evaluate.reconstruct(lambda y, E: E.H(y), volume, mask)
        assert torch.equal(result.image, expected) and torch.equal(result.mask, mask)
        assert result.attributes["model"] == "zero-filled" and result.attributes["acceleration"] == 2

    def test_masks_by_name(self, knees, tmp_path):
        run(
            "reconstruct",
            knees,
            tmp_path / "out",
            "--model",
            "zero-filled",
            "--mask",
            "equispaced-fraction",
            "--acceleration",
            3,
        )
        mask = masks.equispaced_fraction(36, 3, seed="k2.h5")
        assert torch.equal(evaluate.read(tmp_path / "out" / "k2.h5").mask, mask)

    def test_file_that_is_undersampled_already(self, make_volume, tmp_path):
        mask = masks.random(36, 2, seed=7)
        path = make_volume("t.h5", mask=mask)
        entry = json.loads(run("reconstruct", path, tmp_path / "out", "--model", "zero-filled", "--json").stdout)[
            "files"
        ][0]
        assert entry["acceleration"] == pytest.approx(36 / int(mask.sum())) and entry["mask_kind"] == "file"

    def test_a_batch_goes_on_past_bad_files(self, knees, tmp_path):
        (knees / "bad.h5").write_bytes(b"not a volume")
        whole = (knees / "k1.h5").read_bytes()
        (knees / "half.h5").write_bytes(whole[: len(whole) // 2])
        result = run("reconstruct", knees, tmp_path / "out", "--model", "zero-filled", "--json", status=1)
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["k1.h5", "k2.h5"]
        assert [os.path.basename(f["file"]) for f in json.loads(result.stdout)["failed"]] == ["bad.h5", "half.h5"]
        assert "bad.h5: not an HDF5 file" in result.stderr and "2 of 4 files failed" in result.stderr

    def test_never_over_its_own_input(self, knees):
        before = (knees / "k1.h5").read_bytes()
        assert "choose another folder" in run("reconstruct", knees, knees, "--model", "zero-filled", status=1).stderr
        assert (knees / "k1.h5").read_bytes() == before

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (("--model", "tvv"), "unknown model 'tvv': did you mean tv"),
            (("--model", "lt-rk4-long"), "unknown model 'lt-rk4-long': did you mean lt-rk4_long?"),
            (("--model", "LT_RK4"), "unknown model 'LT_RK4': did you mean lt-rk4?"),
            (("--model", "zero-filled", "--acceleration", "40"), "acceleration 40 leaves no lines of 36"),
            (("--model", "zero-filled", "--device", "cuda:9"), "--device cuda:9 is not here"),
            (("--model", "zero-filled", "--device", "toaster"), "--device toaster is not here"),
        ],
    )
    def test_what_cannot_work_is_named(self, knees, tmp_path, arguments, message):
        result = run("reconstruct", knees, tmp_path / "out", *arguments, status=1)
        assert message in result.stderr and "Traceback" not in result.stderr
        assert not (tmp_path / "out").exists()

    def test_weights_nearest_to_the_sampling_and_a_record_of_them(self, make_volume, tmp_path):
        make_volume("in/eight.h5", columns=160, mask=masks.random(160, 8, seed=3))
        make_volume("in/four.h5", columns=160, mask=masks.random(160, 4, seed=0))
        make_volume("in/full.h5", columns=160)
        answer = run("reconstruct", tmp_path / "in", tmp_path / "out", "--model", "ft-euler", "--json")
        assert "warning" not in answer.stderr
        for name, acceleration in (("eight", 8), ("four", 4), ("full", 4)):
            about = evaluate.read(tmp_path / "out" / f"{name}.h5").attributes
            file = zoo.shipped("ft-euler", acceleration)
            assert (about["weights"], about["weights_acceleration"]) == (file.name, acceleration)
            assert about["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()

    @pytest.mark.parametrize(
        "has, asked, warning",
        [
            (8, 4, "eight.h5: undersampled already, 8"),
            (None, 3, "eight.h5: sampled at 3x, and ft-euler_20k_4x.safetensors was trained for 4x"),
            (None, 6, "eight.h5: sampled at 6x, and ft-euler_fine20k_8x.safetensors was trained for 8x"),
            (None, 4, ""),
        ],
    )
    def test_weights_for_other_sampling_are_warned_of(self, make_volume, tmp_path, has, asked, warning):
        mask = None if has is None else masks.random(160, has, seed=3)
        path = make_volume("eight.h5", columns=160, slices=1, mask=mask)
        result = run("reconstruct", path, tmp_path / "out", "--model", "ft-euler", "--acceleration", asked)
        text = " ".join(result.stderr.split())
        assert warning in text and ("warning" in text) == bool(warning)

    def test_weights_too_far_away_are_refused_with_what_there_is(self, knees, tmp_path):
        result = run("reconstruct", knees, tmp_path / "out", "--model", "lt-rk4_long", "--acceleration", 8, status=1)
        assert "lt-rk4_table: 4x, 8x; lt-rk4_long: 4x" in result.stderr and not (tmp_path / "out").exists()

    def test_own_weights_are_named_and_their_acceleration_minded(self, knees, tmp_path):
        tensors, about = weights.read(zoo.shipped("ft-euler", 4))
        weights.write(tmp_path / "mine.safetensors", tensors, {**about, "acceleration": 4})
        own = ("--model", "ft-euler", "--weights", tmp_path / "mine.safetensors", "--slices", "0")
        result = run("reconstruct", knees / "k1.h5", tmp_path / "a.h5", *own, "--acceleration", 2)
        assert "mine.safetensors was trained for 4x" in result.stderr
        assert evaluate.read(tmp_path / "a.h5").attributes["weights"] == "mine.safetensors"

    def test_one_volume_into_one_file(self, knees, tmp_path):
        run("reconstruct", knees / "k1.h5", tmp_path / "odd" / "o.h5", "--model", "zero-filled")
        assert (tmp_path / "odd" / "o.h5").is_file()
        result = run("reconstruct", knees, tmp_path / "odd" / "p.h5", "--model", "zero-filled", status=1)
        assert "one file for 2 volumes; give a folder's name" in result.stderr
        own = run("reconstruct", knees / "k1.h5", knees / "k1.h5", "--model", "zero-filled", status=1)
        assert "would replace the volumes" in own.stderr

    @pytest.mark.parametrize("text, there", [("1", [1]), ("1:3", [1, 2]), ("2:", [2]), (":2", [0, 1]), ("1:9", [1, 2])])
    def test_chosen_slices_are_scored_as_these(self, knees, tmp_path, text, there):
        chosen = tmp_path / "some.h5"
        model = ("--model", "zero-filled", "--acceleration", 2)
        run("reconstruct", knees / "k1.h5", tmp_path / "all", *model)
        answer = run("reconstruct", knees / "k1.h5", chosen, *model, "--slices", text).stdout
        assert f"1 volume, {len(there)} slice{'s' if len(there) > 1 else ''} by" in answer
        image = evaluate.read(tmp_path / "all" / "k1.h5").image[there]
        torch.testing.assert_close(evaluate.read(chosen).image, image)
        target = fastmri.read(knees / "k1.h5").target[there]
        scored = json.loads(run("evaluate", knees / "k1.h5", chosen, "--json").stdout)["volumes"][0]
        assert scored["psnr"] == pytest.approx(metrics.scores(image, target).psnr)
        figure = ("--figure", tmp_path / "f.png")
        run("evaluate", knees / "k1.h5", chosen, *figure, "--slice", there[-1])
        missing = next(number for number in (0, 1, 2, 3) if number not in there)
        error = run("evaluate", knees / "k1.h5", chosen, *figure, "--slice", missing, status=1).stderr
        assert f"has slices {there[0]} to {there[-1]}" in error

    @pytest.mark.parametrize("text", ["3:3", "x", ":", "-1", "5:2", "1:2:3", "²"])
    def test_slices_that_are_none(self, knees, tmp_path, text):
        result = run("reconstruct", knees, tmp_path / "out", f"--slices={text}", "--model", "zero-filled", status=1)
        assert f"--slices {text}: " in result.stderr
        absent = run("reconstruct", knees, tmp_path / "out", "--slices", "7", "--model", "zero-filled", status=1)
        assert "k1.h5: none of the slices asked for are there; it has 3" in absent.stderr

    def test_the_masks_seed(self, knees, tmp_path):
        run("reconstruct", knees, tmp_path / "out", "--model", "zero-filled", "--acceleration", 2, "--mask-seed", 5)
        for name in ("k1.h5", "k2.h5"):
            result = evaluate.read(tmp_path / "out" / name)
            assert torch.equal(result.mask, masks.random(36, 2, seed=5)) and result.attributes["mask_seed"] == 5

    def test_output_that_cannot_be_written_stops_the_batch(self, knees, tmp_path):
        (tmp_path / "out").write_text("a file")
        result = run("reconstruct", knees, tmp_path / "out", "--model", "zero-filled", status=1)
        assert result.stderr.count("cannot write") == 1


class TestEvaluate:
    @pytest.fixture
    def out(self, knees, tmp_path):
        run("reconstruct", knees, tmp_path / "out", "--model", "zero-filled", "--acceleration", 2)
        return tmp_path / "out"

    def test_one_file_against_one_file_of_another_name(self, knees, out, tmp_path):
        shutil.copy(out / "k1.h5", tmp_path / "renamed.h5")
        answer = json.loads(run("evaluate", knees / "k1.h5", tmp_path / "renamed.h5", "--json").stdout)
        assert answer["volumes"][0]["name"] == "k1.h5"

    def test_reconstruction_without_its_volume(self, knees, out):
        shutil.copy(out / "k1.h5", out / "k9.h5")
        result = run("evaluate", knees, out, status=1)
        assert "k9.h5: no volume of that name" in result.stderr and "k2.h5" in result.stdout

    def test_figure_of_a_chosen_slice(self, knees, out, tmp_path):
        run("evaluate", knees, out, "--figure", tmp_path / "f.pdf", "--show", "k2.h5", "--slice", 0)
        assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
        result = run("evaluate", knees, out, "--figure", tmp_path / "g.png", "--slice", 7, status=1)
        assert "k1.h5 has slices 0 to 2" in result.stderr and not (tmp_path / "g.png").exists()
        assert (
            "not among the scored" in run("evaluate", knees, out, "--figure", "g.png", "--show", "x", status=1).stderr
        )

    def test_a_figure_that_cannot_be_drawn_does_not_cost_the_scores(self, knees, out, tmp_path):
        result = run("evaluate", knees, out, "--figure", tmp_path / "f.xyz", status=1)
        assert "mean of 2" in result.stdout and "f.xyz" not in result.stdout
        assert "no picture ends in .xyz; take one of .png, .pdf, .svg" in " ".join(result.stderr.split())
        assert not (tmp_path / "f.xyz").exists() and "Traceback" not in result.stderr

    def test_no_interval_over_few_volumes(self, knees, out, tmp_path):
        text = run("evaluate", knees, out).stdout
        assert "no interval below 8 volumes" in text and "[" not in text
        for number in range(8):
            shutil.copy(knees / f"k{number % 2 + 1}.h5", tmp_path / f"more{number}.h5")
        more, eight = tmp_path / "more", tmp_path / "eight"
        more.mkdir()
        for path in tmp_path.glob("more?.h5"):
            path.rename(more / path.name)
        run("reconstruct", more, eight, "--model", "zero-filled", "--acceleration", 2)
        table = run("evaluate", more, eight).stdout
        mean = next(line for line in table.splitlines() if "mean of 8" in line)
        assert mean.count("[") == 3 and "no interval below 8 volumes" in table, "of four a contrast there is none"

    def test_text_from_files_is_only_text(self, make_volume, tmp_path):
        make_volume("in/a[bold].h5", acquisition="[/red]\x1b[31m", slices=1)
        make_volume("in/$\\frac$.h5", acquisition="=1+1", slices=1)
        listed = run("info", tmp_path / "in").stdout
        assert "a[bold].h5" in listed and "[/red]" in listed and "\x1b" not in listed
        run("reconstruct", tmp_path / "in", tmp_path / "out", "--model", "zero-filled", "--acceleration", 2)
        for name in ("a[bold].h5", "$\\frac$.h5"):
            drawn = ("--figure", tmp_path / "f.png", "--show", name)
            assert "[/red]" in run("evaluate", tmp_path / "in", tmp_path / "out", *drawn).stdout

    def test_perfect_scores_are_valid_json(self, knees, tmp_path):
        target = fastmri.read(knees / "k1.h5").target
        evaluate.write(tmp_path / "p.h5", evaluate.Reconstruction(target, torch.ones(36) > 0, {}))
        answer = json.loads(run("evaluate", knees / "k1.h5", tmp_path / "p.h5", "--json").stdout)
        assert answer["volumes"][0]["psnr"] is None and answer["volumes"][0]["ssim"] == pytest.approx(1)


def test_help_shows_an_example_for_every_command():
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert commands == ["simulate", "info", "reconstruct", "evaluate", "train", "export", "table", "models"]
    for command in commands:
        assert f"reconode {command} " in run(command, "--help").stdout
    for command in ("search", "run", "cost", "transfer", "ship"):
        assert f"reconode experiment {command} " in run("experiment", command, "--help").stdout
    assert "reconode" in run("--version").stdout


def test_models_are_listed_with_their_parameters():
    listed = {m["name"]: m for m in json.loads(run("models", "--json").stdout)["models"]}
    assert listed.keys() == zoo.MODELS.keys()
    assert listed["lt-rk4"]["parameters"] == 153_404 and listed["tv"]["parameters"] == 0
    text = run("models").stdout
    assert "ReconODE-LT-RK4" in text and "153,404" in text


def test_one_file_that_fails_is_named_once(tmp_path):
    (tmp_path / "a.h5").write_text("not a volume")
    error = run("info", tmp_path / "a.h5", status=1).stderr
    assert "not an HDF5 file" in error and "the others" not in error and "1 of 1" not in error


def test_missing_arguments_are_usage_errors():
    run("reconstruct", status=2)
    run("simulate", "x", "--volumes", "0", status=2)


def test_ctrl_c_in_a_batch_leaves_whole_files_only(tmp_path):
    command = [*COMMAND, "simulate", str(tmp_path / "knees"), "--volumes", "200", "--slices", "1"]

    def heed_ctrl_c():
        """A shell's background job, as CI may be, ignores Ctrl-C, and so would its children."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    pipe = subprocess.PIPE
    with subprocess.Popen(command, stderr=pipe, text=True, env=ONE_THREAD, preexec_fn=heed_ctrl_c) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list(tmp_path.glob("knees/*.h5"))) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "stopped" in errors and "Traceback" not in errors
    names = [path.name for path in (tmp_path / "knees").iterdir()]
    assert len(names) >= 2 and all(name.endswith(".h5") and not name.startswith(".") for name in names)
    for path in fastmri.volumes(tmp_path / "knees"):
        assert fastmri.read(path).info.slices == 1


def test_two_writers_on_one_output(tmp_path):
    """Both succeed or one finds the other's finished file; nothing is torn."""
    command = [*COMMAND, "simulate", str(tmp_path / "knees"), "--volumes", "2", "--slices", "1"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ONE_THREAD)
    with first, subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ONE_THREAD) as second:
        assert [first.wait(timeout=90), second.wait(timeout=90)] == [0, 0]
    files = fastmri.volumes(tmp_path / "knees")
    assert len(files) == 2 and len(list((tmp_path / "knees").iterdir())) == 2
    for path in files:
        fastmri.read(path)
