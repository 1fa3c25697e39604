"""Results files: they come back as they were written, and a file that is wrong is an error that says where."""

from __future__ import annotations

import copy
import json
import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconode import zoo
from reconode.errors import DataError, OutputError
from reconode.experiment import results, schema
from reconode.experiment import rows as table_rows
from reconode.runs import Settings

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = sorted(path for path in (ROOT / "results").glob("**/*_seed*.json"))


def made_up_head(model="lt-rk4", seed=0, acceleration=4.0, variant=""):
    """What every made-up file says first: a benchmark that does not exist, of a fingerprint that no data have."""
    entry = zoo.find(model)
    return {
        "schema": 1,
        "model": model,
        "title": entry.title,
        "family": entry.family,
        "parameters": entry.parameters,
        "acceleration": acceleration,
        "mask": "random",
        "seed": seed,
        "variant": variant,
        "benchmark": {"name": "made-up", "fingerprint": "00000000deadbeef", "shape": [96, 112]},
        "commit": "0000000",
        "hardware": {"device": "cpu", "name": "no machine", "threads": 1, "torch": "0.0"},
        "written": "2026-11-22T19:00:00+00:00",
    }


def made_up_run(model="lt-rk4", seed=0, acceleration=4.0, variant="", level=25.0, volumes=12):
    """A made-up run: the same difficulty of each volume for all models, and a little noise of its own."""
    own = np.random.default_rng([zlib.crc32(f"{model}{variant}".encode()), seed, int(acceleration)])
    psnr = level + np.linspace(-2, 2, volumes) + 0.1 * own.standard_normal(volumes)
    head = made_up_head(model, seed, acceleration, variant)
    head["benchmark"] |= {"split": "test", "volumes": volumes, "slices": 2 * volumes}
    training = {
        "settings": {"model": model, "steps": 1000, "batch_size": 1, "size": [96, 112]},
        "steps": 1000,
        "examples": 1000,
        "examples_unit": "slabs of 48 rows",
        "seconds": 10.0,
        "finished": True,
        "best": {"step": 1000, "psnr": level},
        "curve": [[500, 0.6], [1000, 0.5]],
        "validation": [[500, level - 1, 0.7, 0.02], [1000, level, 0.8, 0.01]],
    }
    return {
        **head,
        "training": None if zoo.find(model).family == "classical" else training,
        "volumes": [
            {"name": f"v{i}.h5", "acquisition": "CORPD_FBK", "psnr": float(p), "ssim": float(p) / 50, "nmse": 1 / p}
            for i, p in enumerate(psnr)
        ],
        "seconds_per_slice": 0.1,
        "peak_memory_bytes": None,
    }


def made_up_transfer(model="lt-rk4", seed=0, gain=0.0, acceleration=4.0):
    def volumes(*psnr):
        return [
            {"name": f"w{i}.h5", "acquisition": "", "psnr": p, "ssim": 0.5, "nmse": 0.1} for i, p in enumerate(psnr)
        ]

    return {
        **made_up_head(model, seed, acceleration),
        "tests": [
            {
                "test": "real-knee",
                "group": "real",
                "label": "a knee",
                "volumes": volumes(24.0 + gain),
                "slices": [{"psnr": 23.0, "ssim": 0.4, "nmse": 0.2}],
            },
            {"test": "noise-1", "group": "noise", "label": "noise 1 %", "volumes": volumes(20.0 + gain, 22.0 + gain)},
        ],
    }


def save(folder, *runs):
    """Write made-up files where their content says."""
    for run in runs:
        place = folder / results.TRANSFER if "tests" in run else folder
        name = results.file_name(run["model"], run["acceleration"], run["seed"], run["variant"])
        results.write(place / name, results.parse(run))
    return folder


def row(tmp_path, *runs):
    return table_rows.make_row(results.read_all(save(tmp_path, *runs)))


class TestFiles:
    def test_what_is_written_is_read(self, tmp_path):
        said = made_up_run("d5c5", 2, 8.0, "short")
        path = tmp_path / "d5c5_8x_seed2_short.json"
        results.write(path, results.parse(said))
        read = results.read(path)
        assert read.file_name == path.name and read.row == ("d5c5", "short") and read.row_name == "d5c5_short"
        assert read.benchmark == results.TestData("made-up", "00000000deadbeef", (96, 112), "test", 12, 24)
        assert read.parameters == 144_650 and read.acceleration == 8 and read.hardware.threads == 1
        assert [v.psnr for v in read.volumes] == [v["psnr"] for v in said["volumes"]]
        assert (
            read.training is not None and read.training.best == results.Best(1000, 25.0) and read.training.failed == ""
        )
        assert read.training.curve == ((500, 0.6), (1000, 0.5)) and read.training.settings["size"] == [96, 112]
        assert results.read_all(tmp_path) == [read]

    def test_a_transfer_result_is_read(self, tmp_path):
        save(tmp_path, made_up_transfer())
        (read,) = results.read_all_transfer(tmp_path)
        assert [t.test for t in read.tests] == ["real-knee", "noise-1"]
        assert read.tests[0].slices[0].psnr == 23.0 and read.tests[1].slices == ()
        with pytest.raises(DataError, match="read_transfer"):
            results.read(tmp_path / "transfer" / read.file_name)

    def test_settings_of_a_training_fit(self):
        run = made_up_run()
        run["training"]["settings"] = json.loads(json.dumps(vars(Settings("lt-rk4"))))
        results.parse(run)

    def test_unknown_keys_are_left_alone(self):
        results.parse({**made_up_run(), "since_tomorrow": {"a": [1, "b"]}})

    def test_a_run_that_is_named_as_another_is_refused(self, tmp_path):
        save(tmp_path, made_up_run())
        (tmp_path / "lt-rk4_4x_seed0.json").rename(tmp_path / "lt-rk4_4x_seed1.json")
        with pytest.raises(DataError, match=r"lt-rk4_4x_seed1\.json: .* expected the name lt-rk4_4x_seed0\.json"):
            results.read_all(tmp_path)

    def test_other_files_of_the_folder_are_left_alone(self, tmp_path):
        save(tmp_path, made_up_run(), made_up_transfer())
        (tmp_path / "learning_rates.json").write_text("{}")
        assert len(results.read_all(tmp_path)) == 1

    def test_nothing_wrong_is_written(self, tmp_path):
        run = results.parse(made_up_run())
        volumes = (*run.volumes[:3], replace(run.volumes[3], psnr=math.inf))
        with pytest.raises(DataError, match=r"volumes\[3\]\.psnr: expected a finite number, not inf"):
            results.write(tmp_path / "a_4x_seed0.json", replace(run, volumes=(*volumes, *run.volumes[4:])))
        training = replace(run.training, settings={"data": Path("knees")})
        with pytest.raises(DataError, match="JSON"):
            results.write(tmp_path / "a_4x_seed0.json", replace(run, training=training))
        assert not list(tmp_path.iterdir())

    def test_any_other_number_is_found(self, tmp_path):
        """One digit, one character of text, a key that went, the hash itself; spaces and the keys' order may change."""
        path = tmp_path / "lt-rk4_4x_seed0.json"
        results.write(path, results.parse(made_up_run()))
        content = json.loads(path.read_text())
        path.write_text(json.dumps(dict(reversed(content.items()))))
        read = results.read(path)
        content["unknown"] = content["training"]["curve"][0][0] = 499
        for change in ({}, {"sha256": "0" * 64}, {"schema": 1}, {"unknown": 1}):
            path.write_text(json.dumps({**content, **change}))
            with pytest.raises(DataError, match="sha256: expected the hash of all that it says, not another"):
                results.read(path)
        path.write_text(json.dumps({key: value for key, value in content.items() if key != "sha256"}))
        with pytest.raises(DataError, match="sha256: expected the hash"):
            results.read(path)
        assert read.training.curve[0][0] == 500

    def test_depth_without_end_is_said(self):
        deep: list[object] = []
        for _ in range(3000):
            deep = [deep]
        with pytest.raises(DataError, match="lists within lists without end"):
            results.parse({**made_up_run(), "deep": deep})

    def test_an_unwritable_place_is_said(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError):
            results.write(tmp_path / "file" / "a_4x_seed0.json", results.parse(made_up_run()))

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b"1" * 10_000])
    def test_what_is_not_a_result_is_said(self, tmp_path, content):
        path = tmp_path / "a_4x_seed0.json"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a_4x_seed0\.json"):
            results.read(path)

    def test_a_missing_file_is_said(self, tmp_path):
        with pytest.raises(DataError, match="no such results file"):
            results.read(tmp_path / "none.json")


DAMAGE = {
    "schema": (3, "schema: expected 2 or 1, the numbers that this version of reconode reads, not 3"),
    "model": ("../../etc/passwd", "model: expected a name of letters"),
    "title": ("two\nlines", "title: expected a line of text"),
    "parameters": (-1, "parameters: expected a whole number, 0 or more, not -1"),
    "acceleration": (0.5, "acceleration: expected a finite number, 1 or more, not 0.5"),
    "seed": (True, "seed: expected a whole number"),
    "variant": (None, "variant: expected '' or a name"),
    "written": ("yesterday", "written: expected a date and time"),
    "benchmark.fingerprint": ("XYZ", "benchmark.fingerprint: expected 16 hexadecimal digits"),
    "benchmark.shape": ([96], "benchmark.shape: expected two whole numbers"),
    "benchmark.volumes": (13, "volumes: expected 13 entries, as benchmark.volumes says, not 12"),
    "hardware.threads": (0, "hardware.threads: expected a whole number, 1 or more"),
    "training": (None, "training: expected an object, not null"),
    "training.finished": (1, "training.finished: expected true or false"),
    "training.best.psnr": (-math.inf, "training.best.psnr: expected a finite number"),
    "training.curve": ([[1, 2, 3]], r"training.curve: expected a list of \[step, relative loss\]"),
    "training.validation": ([[1, 2, math.nan, 4]], "training.validation: expected a list"),
    "training.settings.model": ("d5c5", "training.settings.model: expected 'lt-rk4'"),
    "training.settings.clip": (math.nan, "training.settings.clip: expected a finite number, not nan"),
    "volumes": ([], "volumes: expected a list of 1 or more objects"),
    "volumes.0": ("v0.h5", "volumes: expected a list"),
    "volumes.0.psnr": ("25", r"volumes\[0\]\.psnr: expected a finite number, not '25'"),
    "volumes.1.psnr": (10**400, r"volumes\[1\]\.psnr: expected a finite number"),
    "volumes.1.ssim": (1.5, r"volumes\[1\]\.ssim: expected a number from -1 to 1"),
    "volumes.1.nmse": (math.nan, r"volumes\[1\]\.nmse: expected a finite number"),
    "volumes.1.name": ("v0.h5", "volumes: expected each name once, not 'v0.h5' twice"),
    "peak_memory_bytes": ("much", "peak_memory_bytes: expected a whole number, 0 or more"),
}


def _holder(run, key):
    """What holds the last part of a key, and that part."""
    *path, last = key.split(".")
    for part in path:
        run = run[int(part)] if isinstance(run, list) else run[part]
    return run, int(last) if isinstance(run, list) else last


class TestParse:
    def test_what_is_read_is_what_was_written(self):
        for path in REPOSITORY:
            content = json.loads(path.read_text())
            again = {"schema": content["schema"], **schema.plain(results.parse(content))}
            assert all(again[key] == content[key] for key in again if key != "training"), path
            if again.get("training"):
                assert all(content["training"].get(key) == value for key, value in again["training"].items()), path

    @pytest.mark.parametrize("key", DAMAGE)
    def test_damage_is_named(self, key):
        run = made_up_run()
        value, message = DAMAGE[key]
        holder, last = _holder(run, key)
        holder[last] = value
        with pytest.raises(DataError, match=f"^some.json: {message}"):
            results.parse(run, "some.json")

    def test_who_never_looked_for_dead_relus_does_not_say_there_are_none(self):
        run = made_up_run()
        assert (
            results.parse(run).training.silent is None and "silent" not in schema.plain(results.parse(run))["training"]
        )
        for silent in ([], ["stages.2, ReLU 4"]):
            run["training"]["silent"] = silent
            assert results.parse(run).training.silent == tuple(silent)
            assert schema.plain(results.parse(run))["training"]["silent"] == silent
        run["training"]["silent"] = [3]
        with pytest.raises(DataError, match=r"training\.silent: expected a list of texts"):
            results.parse(run)

    def test_every_key_is_needed(self):
        for transfer, run in ((False, made_up_run()), (True, made_up_transfer())):
            for key in run:
                if transfer and key == "tests":  # without it, it is no transfer result
                    continue
                with pytest.raises(DataError, match=f": {key}: expected"):
                    results.parse({k: v for k, v in run.items() if k != key})

    def test_a_classical_method_was_not_trained(self):
        run = made_up_run("tv")
        run["training"] = made_up_run()["training"]
        with pytest.raises(DataError, match="training: expected null, not an object"):
            results.parse(run)

    def test_groups_of_transfer_tests_are_known(self):
        run = made_up_transfer()
        run["tests"][0]["group"] = ["real"]
        with pytest.raises(DataError, match=r"tests\[0\]\.group: expected one of real, noise"):
            results.parse(run)

    def test_random_damage_is_no_other_error(self, tmp_path):
        """Whatever stands anywhere: a DataError, or a result that can be read."""
        path = tmp_path / "a.json"
        rng = np.random.default_rng(0)
        odd = [None, True, -1, 0, 1e308, math.nan, math.inf, "", "x", [], {}, [[]], [None], {"a": 1}, 10**400]
        for _ in range(200):
            run = copy.deepcopy(made_up_run() if rng.random() < 0.7 else made_up_transfer())
            places = [(run, key) for key in run]
            for holder, key in places:  # grows while it is walked: every place at every depth
                inner = holder[key]
                keys = inner if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
                places += [(inner, k) for k in keys]
            holder, key = places[rng.integers(len(places))]
            holder[key] = odd[rng.integers(len(odd))]
            try:
                results.write(path, results.parse(run))
            except DataError:
                continue
            (results.read_transfer if "tests" in run else results.read)(path)


class TestRepository:
    def test_each_file_of_the_repository_is_a_result(self):
        """The checker rejects a damaged one, so that this says something where there is none yet."""
        for path in REPOSITORY:
            transfer = path.parent.name == results.TRANSFER
            read = results.read_transfer(path) if transfer else results.read(path)
            folder = path.parents[1] if transfer else path.parent
            assert path.name == read.file_name and folder.name == read.benchmark.name
            zoo.find(read.model)
        with pytest.raises(DataError):
            results.parse({**made_up_run(), "volumes": None})

    def test_a_folder_is_of_one_benchmark(self):
        for folder in {path.parent for path in REPOSITORY if path.parent.name != results.TRANSFER}:
            runs = results.read_all(folder)
            assert table_rows.same_data(runs).name == folder.name
            table_rows.rows(runs)
