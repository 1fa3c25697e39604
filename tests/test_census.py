"""The census of a download finds each fault that is sown into it, and nothing where there is none."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from reconode.cli.__main__ import app
from reconode.data import census, fastmri, sources
from reconode.data.info import FileInfo
from reconode.errors import DataError

SMALL = {"train": (3, 9), "val": (2, 6), "test": (1, 3)}
"""Volumes and slices of the folders that these tests make."""


@pytest.fixture
def download(make_volume, tmp_path):
    """Three training volumes, two of validation, one of test, as fastMRI's folders."""
    for number in range(3):
        width = 36 if number else 40
        make_volume(f"data/singlecoil_train/file{number}.h5", seed=number, columns=width)
    for number in (3, 4):
        make_volume(f"data/singlecoil_val/file{number}.h5", seed=number, acquisition="CORPDFS_FBK")
    mask = torch.arange(36) % 3 == 0
    make_volume("data/singlecoil_test/file5.h5", seed=5, mask=mask)
    return tmp_path / "data"


def problems(root, expected=SMALL, **options):
    return census.take(census.split_folders(root), expected=expected, **options).problems()


def test_a_good_download_has_no_problem(download):
    taken = census.take(census.split_folders(download), expected=SMALL)
    assert taken.problems() == [] and taken.patients() == 0
    train, val, test = taken.splits
    assert (train.volumes, train.slices, train.complete, train.widths) == (3, 9, True, {36: 2, 40: 1})
    assert val.contrasts == {"CORPDFS_FBK": 2} and test.complete


def test_a_missing_volume(download):
    (download / "singlecoil_val" / "file3.h5").unlink()
    (found,) = problems(download)
    assert "1 of 2 volumes and 3 of 6 slices" in found and "singlecoil_val" in found


def test_a_truncated_file(download):
    path = download / "singlecoil_train" / "file1.h5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    damaged, count = problems(download)
    assert "file1.h5: damaged or truncated" in damaged and "2 of 3 volumes" in count


def test_an_empty_file_and_an_empty_split(download):
    (download / "singlecoil_train" / "file1.h5").write_bytes(b"")
    assert "0 bytes" in problems(download)[0]
    for path in (download / "singlecoil_train").iterdir():
        path.unlink()
    assert census.take(census.split_folders(download)).splits[0].volumes == 0


def test_damaged_samples_are_found_when_they_are_read(download):
    with h5py.File(download / "singlecoil_train" / "file1.h5", "a") as file:
        kspace = file["kspace"][()]
        kspace[1, 0, 0] = np.nan
        file["kspace"][...] = kspace
    assert problems(download) == []
    found = problems(download, describe=lambda path: fastmri.read(path).info)
    assert "file1.h5: kspace has 1 NaN" in found[0]


def test_a_test_file_among_training_files(download):
    shutil.move(download / "singlecoil_test" / "file5.h5", download / "singlecoil_train" / "file5.h5")
    found = problems(download)
    assert any("file5.h5: no target in it, so it is not of the train split" in p for p in found)
    with pytest.raises(DataError, match="no target"):
        sources.Folder(download, 4, "random", 1, 0)


def test_a_training_file_among_test_files(download):
    shutil.move(download / "singlecoil_train" / "file0.h5", download / "singlecoil_test" / "file0.h5")
    assert any("file0.h5: has a target" in p for p in problems(download))


@pytest.mark.parametrize("name", ["file0.h5", "renamed.h5"])
def test_a_copy_in_another_split(download, name):
    shutil.copy(download / "singlecoil_train" / "file0.h5", download / "singlecoil_val" / name)
    taken = census.take(census.split_folders(download), expected=SMALL)
    (copy,) = taken.copies()
    assert f"singlecoil_val/{name}: the same volume as" in copy and "singlecoil_train/file0.h5" in copy
    assert taken.patients() == 1


def test_two_scans_of_one_patient_are_no_copies(make_volume, tmp_path):
    for split, seed in (("train", 1), ("val", 2)):
        path = make_volume(f"data/{split}/scan{seed}.h5", seed=seed)
        with h5py.File(path, "a") as file:
            file.attrs["patient_id"] = "one"
            del file.attrs["text_crc32"]
    taken = census.take(census.split_folders(tmp_path / "data"))
    assert taken.copies() == [] and taken.patients() == 1


def test_the_whole_of_fastmri(tmp_path):
    """Its counts, without its bytes."""
    for split, (volumes, _) in census.KNEES.items():
        (tmp_path / f"singlecoil_{split}").mkdir()
        for number in range(volumes):
            (tmp_path / f"singlecoil_{split}" / f"file{split}{number}.h5").touch()

    def describe(path, slices=census.KNEES):
        split = path.parent.name.removeprefix("singlecoil_")
        volumes, total = slices[split]
        number = int(path.stem.removeprefix(f"file{split}"))
        own = total // volumes + (number < total % volumes)
        about = {"acquisition": census.ACQUISITIONS[number % 2]}
        target = None if split == "test" else fastmri.SINGLECOIL
        return FileInfo(path, (own, 1, 640, 368), (320, 320), target, (0, 368), None, about)

    folders = census.split_folders(tmp_path)
    taken = census.take(folders, describe=describe)
    assert taken.problems() == [] and all(split.complete for split in taken.splits)
    assert sum(split.slices for split in taken.splits) == 34_742 + 7_135 + 3_903
    (tmp_path / "singlecoil_train" / "filetrain972.h5").unlink()
    (found,) = census.take(folders, describe=describe).problems()
    assert "972 of 973 volumes and 34,707 of 34,742 slices" in found


@pytest.mark.parametrize(
    "name, split",
    [
        ("singlecoil_train", "train"),
        ("knees_val", "val"),
        ("validation", "val"),
        ("Test", "test"),
        ("singlecoil_test_v2", "test"),
        ("latest", None),
        ("constrain", None),
        ("value", None),
        ("train_and_val", None),
    ],
)
def test_what_a_folders_name_says(tmp_path, name, split):
    root = tmp_path / "data"
    (root / name).mkdir(parents=True)
    assert census.split_folders(root / name) == ({split: root / name} if split else {})
    assert census.split_folders(root) == ({split: root / name} if split else {})
    assert census.split_folders(root / name / "missing") == {}


def test_single_coil_stands_before_multi_coil(tmp_path):
    for name in ("multicoil_train", "singlecoil_train", "multicoil_val"):
        (tmp_path / name).mkdir()
    assert [path.name for path in census.split_folders(tmp_path).values()] == ["singlecoil_train", "multicoil_val"]
    (tmp_path / "singlecoil_train_v2").mkdir()
    with pytest.raises(DataError, match="could each be the train split"):
        census.split_folders(tmp_path)


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["info", *map(str, arguments)])

    def test_a_download_that_is_not_whole(self, download):
        result = self.run(download)
        assert result.exit_code == 1 and "9 of 34,742" in result.stdout and "no " in result.stdout
        assert "3 of 973 volumes" in result.stderr and "--check reads those too" in result.stdout
        said = json.loads(self.run("--check", "--json", download).stdout)
        assert said["splits"]["val"]["expected"] == [199, 7135] and not said["splits"]["val"]["complete"]
        assert len(said["problems"]) == 3 and said["checked"]

    def test_one_split_alone(self, download):
        said = json.loads(self.run("--json", download / "singlecoil_val").stdout)
        assert list(said["splits"]) == ["val"] and said["splits"]["val"]["volumes"] == 2

    def test_a_folder_of_ones_own_is_not_fastmris(self, make_volume, tmp_path):
        make_volume("my_test/a.h5", acquisition="MINE")
        result = self.run(tmp_path / "my_test")
        assert result.exit_code == 0 and "not fastMRI's" in result.stdout

    def test_simulated_files_are_not_fastmris(self, make_volume, tmp_path):
        for split in ("train", "val"):
            with h5py.File(make_volume(f"data/{split}/{split}.h5"), "a") as file:
                file.attrs["simulated"] = "yes"
                file.attrs["max"] = 1.0 + (split == "val")
                del file.attrs["text_crc32"]
        result = self.run(tmp_path / "data")
        assert result.exit_code == 0 and "not fastMRI's" in result.stdout

    def test_many_problems_are_cut_short(self, download):
        for number in range(20):
            (download / "singlecoil_val" / f"bad{number}.h5").write_bytes(b"")
        result = self.run(download)
        assert result.stderr.count("wrong:") == 12 and "11 more" in result.stderr
        assert len(json.loads(self.run("--json", download).stdout)["problems"]) == 23
