"""A census of a fastMRI download: what is in its splits, what is missing, what lies in the wrong place.

Each file is described by :func:`reconode.data.fastmri.inspect`, or read in full; a file that cannot be is damaged, and
the count goes on. What an honest folder of the single-coil knees holds is in :data:`KNEES`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconode.data import fastmri
from reconode.data.info import FileInfo
from reconode.errors import DataError

KNEES = {"train": (973, 34_742), "val": (199, 7_135), "test": (108, 3_903)}
"""Volumes and slices of fastMRI's single-coil knees."""

ACQUISITIONS = ("CORPD_FBK", "CORPDFS_FBK")
"""Their contrasts: proton density, without and with fat suppression."""

SAME = ("patient_id", "max", "norm")
"""Attributes that two files share only when one is a copy of the other, whatever it is called."""


@dataclass(frozen=True)
class Split:
    """One split's folder.

    Attributes:
        name: "train", "val" or "test".
        folder: where it is.
        files: what the readable files say of themselves.
        damaged: what is wrong, for each file that cannot be read.
        expected: volumes and slices that fastMRI's has; None for files that are none of its knees.
    """

    name: str
    folder: Path
    files: tuple[FileInfo, ...]
    damaged: Mapping[str, str] = field(default_factory=dict)
    expected: tuple[int, int] | None = None

    @property
    def volumes(self) -> int:
        """Files that can be read."""
        return len(self.files)

    @property
    def slices(self) -> int:
        return sum(info.slices for info in self.files)

    @property
    def widths(self) -> dict[int, int]:
        """Volumes of each width, the widest group first."""
        return _counted(info.width for info in self.files)

    @property
    def contrasts(self) -> dict[str, int]:
        """Volumes of each contrast."""
        return _counted(info.acquisition or "not stated" for info in self.files)

    @property
    def complete(self) -> bool | None:
        """Whether volumes and slices are all there; None where nobody knows how many there should be."""
        return None if self.expected is None else (self.volumes, self.slices) == self.expected

    def problems(self) -> list[str]:
        """A sentence for each thing wrong with this split by itself."""
        found = list(self.damaged.values())
        if self.expected is not None and not self.complete:
            volumes, slices = self.expected
            have = f"{self.volumes:,} of {volumes:,} volumes and {self.slices:,} of {slices:,} slices can be read"
            found.append(f"{self.folder}: {have}; compare with the archive's list (tar -tf) and unpack it again")
        for info in self.files:
            if self.name != "test" and info.target is None:
                found.append(f"{info.path}: no target in it, so it is not of the {self.name} split (a test file?)")
            elif self.name == "test" and self.expected is not None and info.target is not None:
                found.append(f"{info.path}: has a target, which no file of fastMRI's test split has; it is of another")
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "volumes": self.volumes,
            "slices": self.slices,
            "expected": None if self.expected is None else list(self.expected),
            "complete": self.complete,
            "damaged": dict(self.damaged),
            "widths": self.widths,
            "contrasts": self.contrasts,
        }


@dataclass(frozen=True)
class Census:
    """All splits of a download."""

    splits: tuple[Split, ...]

    def problems(self) -> list[str]:
        """A sentence for each thing wrong, those between splits last; empty for a folder to trust."""
        return [problem for split in self.splits for problem in split.problems()] + self.copies()

    def copies(self) -> list[str]:
        """Volumes that are in two places: what was trained on must not validate."""
        found, names, contents = [], dict[str, FileInfo](), dict[tuple[Any, ...], FileInfo]()
        for info in (info for split in self.splits for info in split.files):
            key = tuple(info.attributes.get(name) for name in SAME)
            content = (info.shape, *key) if None not in key else (info.path,)
            twin = names.setdefault(info.name, info)
            twin = contents.setdefault(content, info) if twin is info else twin
            if twin is not info:
                found.append(f"{info.path}: the same volume as {twin.path}; no volume may be in two splits")
        return found

    def patients(self) -> int:
        """Patients in more than one split, of those whose files say who they are."""
        where: dict[str, set[str]] = {}
        for split in self.splits:
            for info in split.files:
                if (patient := info.attributes.get("patient_id")) is not None:
                    where.setdefault(str(patient), set()).add(split.name)
        return sum(len(names) > 1 for names in where.values())


SPLIT_WORD = re.compile(r"(?<![a-z])(train|val|test)(?:ing|idation)?(?![a-z])")


def split_folders(root: str | Path) -> dict[str, Path]:
    """The splits' folders in a folder, or the folder itself where it is one; empty where there are none.

    The word "train", "val" or "test" in a name says so: ``singlecoil_train``. Of several, that of the single coil.

    Raises:
        DataError: for two folders that could each be a split.
    """
    root = Path(root)
    if not root.is_dir():
        return {}
    if (own := _split_of(root)) and not any(_split_of(path) for path in root.iterdir() if path.is_dir()):
        return {own: root}
    found: dict[str, Path] = {}
    for name in KNEES:
        here = sorted(path for path in root.iterdir() if path.is_dir() and _split_of(path) == name)
        single = [path for path in here if "singlecoil" in path.name.lower()] or here
        if len(single) > 1:
            listed = ", ".join(path.name for path in single)
            raise DataError(f"{root}: {listed} could each be the {name} split; move all but one of them elsewhere")
        if single:
            found[name] = single[0]
    return found


def take(
    folders: Mapping[str, Path],
    *,
    describe: Callable[[Path], FileInfo] = fastmri.inspect,
    expected: Mapping[str, tuple[int, int]] = KNEES,
    seen: Callable[[Path], object] = lambda path: None,
) -> Census:
    """Count what is in the splits' folders.

    Args:
        folders: of the splits, as :func:`split_folders` finds them.
        describe: what to do with a file; ``lambda path: read(path).info`` reads all samples.
        expected: volumes and slices a split should have, if its files can be fastMRI's knees.
        seen: called after each file.
    """
    splits = []
    for name, folder in folders.items():
        files, damaged = [], {}
        for path in _volumes(folder):
            try:
                files.append(describe(path))
            except DataError as error:
                damaged[path.name] = str(error)
            seen(path)
        knees = bool(files) and all(map(_is_knee, files))
        splits.append(Split(name, folder, tuple(files), damaged, expected.get(name) if knees else None))
    return Census(tuple(splits))


def paths(folders: Mapping[str, Path]) -> list[Path]:
    """Every volume in the splits' folders."""
    return [path for folder in folders.values() for path in _volumes(folder)]


def _volumes(folder: Path) -> Sequence[Path]:
    """As :func:`fastmri.volumes`, but a split that is empty has none."""
    return sorted(path for path in folder.glob("*.h5") if not path.name.startswith("."))


def _is_knee(info: FileInfo) -> bool:
    """Whether a file may be one of fastMRI's single-coil knees."""
    return info.coils == 1 and info.acquisition in ACQUISITIONS and "simulated" not in info.attributes


def _split_of(folder: Path) -> str | None:
    """Which split a folder's name says it is."""
    words = set(SPLIT_WORD.findall(folder.name.lower()))
    return words.pop() if len(words) == 1 else None


def _counted(values: Any) -> dict[Any, int]:
    return dict(Counter(values).most_common())
