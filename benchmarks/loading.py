"""Reading slices: the data set against a bare h5py loop over the same slices, in one run.

    python benchmarks/loading.py [--json FILE] [FOLDER]

Without a folder, volumes of fastMRI's size (36 slices of 640 x 368, its knees' average) are written to a temporary one,
in two layouts: contiguous, as fastMRI's own files are, and with checksums, as ours. Each way reads every slice (k-space
and target) once a round, rounds alternate, medians are compared. Files are in the page cache: the ratio is of the code,
not of the disk. The first pass looks at each file in another process and compares each slice with its target; later
ones only read: so many passes bring the average of all to the asked 0.8.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import torch
from _common import machine, write_json

from reconode.data import fastmri
from reconode.data.slices import RawSlice, SliceDataset, Undersample
from reconode.physics import MRIOperator
from reconode.storage import probe

ROUNDS = 7
FILES = 4
FLAT = "contiguous, as fastMRI's"
LAYOUTS = (FLAT, "with checksums, as ours")
BARE = "bare h5py loop"
LATER = "SliceDataset, later passes"
FIRST = "SliceDataset, first pass with all checks"
TRANSFORMED = "SliceDataset, mask + hybrid space + scale"


def bare(paths: list[Path]) -> int:
    """The loop one would write by hand: open each file, read each slice."""
    count = 0
    for path in paths:
        with h5py.File(path, "r") as file:
            kspace, target = file["kspace"], file["reconstruction_esc"]
            for index in range(kspace.shape[0]):
                kspace[index], target[index]
                count += 1
    return count


def through(dataset: SliceDataset) -> int:
    return sum(1 for number in range(len(dataset)) if dataset[number] is not None)


def first_pass(paths: list[Path]) -> int:
    """Files that this process has never seen."""
    probe._plain.clear()
    return through(SliceDataset(paths))


def measure(ways: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Median slices per second of each way, rounds interleaved."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    count = 0
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            count = way()
            seconds[name].append(time.perf_counter() - start)
    return {name: count / statistics.median(times) for name, times in seconds.items()}


def generate(folder: Path, contiguous: bool) -> list[Path]:
    """Volumes of noise."""
    generator = torch.Generator().manual_seed(0)
    for number in range(FILES):
        kspace = torch.randn(36, 640, 368, dtype=torch.complex64, generator=generator)
        path = folder / f"{number}.h5"
        fastmri.write(path, kspace, acquisition="CORPD_FBK")
        if contiguous:
            ours = path.rename(folder / "ours")
            with h5py.File(ours) as file, h5py.File(path, "w") as other:
                for name in file:
                    other[name] = file[name][()]
                other.attrs.update({name: file.attrs[name] for name in ("acquisition", "max", "norm")})
            ours.unlink()
    return fastmri.volumes(folder)


def compare(paths: list[Path]) -> dict[str, Any]:
    """All ways over the same volumes."""
    raw, transformed = SliceDataset(paths), SliceDataset(paths, Undersample(4, seed=0))
    through(raw)
    through(transformed)
    rates = measure(
        {
            BARE: lambda: bare(paths),
            LATER: lambda: through(raw),
            FIRST: lambda: first_pass(paths),
            TRANSFORMED: lambda: through(transformed),
        }
    )
    ratio, first = rates[LATER] / rates[BARE], rates[FIRST] / rates[BARE]
    # (n - 1) later passes and a first one take as long as n of the bare loop's at 0.8.
    passes = max(1, math.ceil((1 / first - 1 / ratio) / (1 / 0.8 - 1 / ratio))) if ratio > 0.8 else None
    return {
        "slices_per_second": rates,
        "ratio_later_passes": ratio,
        "ratio_first_pass": first,
        "passes_to_0.8": passes,
        "transform_milliseconds": 1e3 / rates[TRANSFORMED] - 1e3 / rates[LATER],
    }


def main() -> None:
    torch.set_num_threads(1)  # as in a loader's worker
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    layouts = {}
    for name in LAYOUTS if arguments.folder is None else ("the folder's",):
        with tempfile.TemporaryDirectory() as temporary:
            paths = fastmri.volumes(arguments.folder) if arguments.folder else generate(Path(temporary), name == FLAT)
            layouts[name] = compare(paths)
            raw = SliceDataset(paths)[0]
        found = layouts[name]
        print(name)
        for way, rate in found["slices_per_second"].items():
            part = rate / found["slices_per_second"][BARE]
            print(f"  {way:45s} {rate:8.1f} slices/s, {part:5.2f} of the bare loop's")
        print(f"  cost of the transform                         {found['transform_milliseconds']:8.1f} ms a slice")
        print(f"  passes whose average is 0.8                   {found['passes_to_0.8'] or 'never':>8}")
    hybrid, full = operators(raw)
    print(f"E^H E in hybrid space against the 2-D form    {full / hybrid:8.2f} times faster")
    write_json(arguments.json, {"layouts": layouts, "hybrid_speedup": full / hybrid, "machine": machine()})


def operators(raw: RawSlice) -> tuple[float, float]:
    """Seconds of one E^H E on a slice: hybrid space with the readout cropped, and two-dimensional on the full grid."""
    rows, columns = raw.kspace.shape[-2:]
    mask = torch.arange(columns) % 4 == 0
    x = torch.randn(4, rows, columns, dtype=torch.complex64)
    hybrid, full = MRIOperator(mask), MRIOperator(mask.expand(rows, columns), None, (-2, -1))
    cropped = x[:, : raw.info.recon[0]].contiguous()
    seconds = measure({"hybrid": lambda: len(hybrid.normal(cropped)), "full": lambda: len(full.normal(x))})
    return 1 / seconds["hybrid"], 1 / seconds["full"]


if __name__ == "__main__":
    main()
