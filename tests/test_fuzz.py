"""Damage volumes at random: reading ends in a clear error or in exactly what was written, never in anything else.

The reader runs in a process of its own, so that a crash or a hang is seen as such.
``RECONODE_FUZZ_SEEDS`` sets how many files are damaged; ``make fuzz`` has mutators of structure too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from reconode.storage import probe

SEEDS = int(os.environ.get("RECONODE_FUZZ_SEEDS", "80"))
BLOCK = 150
"""Damaged files a child process reads."""

CHILD = """
import sys
import numpy as np, torch
from reconode.storage import probe
from reconode.data import fastmri
from reconode.errors import DataError

original, folder, kind, first, last = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(1)
probe.PATIENCE = 2.0
whole = np.fromfile(original, dtype=np.uint8)
expected = fastmri.read(original)
outcomes = {"error": 0, "equal": 0}
for seed in range(first, last):
    rng = np.random.default_rng(seed)
    damaged = whole.copy()
    if kind == "truncate":
        damaged = damaged[: rng.integers(len(whole))]
    elif kind == "flip":
        for position in rng.integers(len(whole), size=rng.integers(1, 9)):
            damaged[position] ^= 1 << rng.integers(8)
    elif kind == "metadata":  # the first kilobytes, where every byte steers the library
        for position in rng.integers(min(4096, len(whole)), size=rng.integers(1, 5)):
            damaged[position] = rng.integers(256)
    elif kind == "overwrite":
        start = rng.integers(len(whole))
        damaged[start : start + rng.integers(1, 2000)] = rng.integers(256)
    path = f"{folder}/{seed % 8}.h5"
    damaged.tofile(path)
    print(seed, flush=True)
    try:
        volume = fastmri.read(path)
    except DataError as error:
        assert "\\n" not in str(error) and path in str(error), f"seed {seed}: {error!r}"
        outcomes["error"] += 1
        continue
    same = volume.kspace.shape == expected.kspace.shape and torch.equal(volume.kspace, expected.kspace)
    same = same and volume.target is not None and torch.equal(volume.target, expected.target)
    same = same and volume.info.attributes == expected.info.attributes and volume.info.padding == expected.info.padding
    if not same and EXACT:
        raise SystemExit(f"seed {seed}: read without an error, but not what was written")
    outcomes["equal"] += 1
print("outcomes", outcomes["error"], outcomes["equal"])
"""


def run(original: Path, folder: Path, kind: str, first: int, last: int, exact: bool = True) -> tuple[int, int]:
    code = CHILD.replace("EXACT", str(exact))
    command = [sys.executable, "-c", code, str(original), str(folder), kind, str(first), str(last)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30 + 0.5 * (last - first))
    lines = result.stdout.split()
    where = lines[-1] if lines else "before the first"
    assert result.returncode == 0, f"{kind}, seed {where}: exit status {result.returncode}\n{result.stderr[-2000:]}"
    return int(lines[-2]), int(lines[-1])


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["truncate", "flip", "metadata", "overwrite"])
def test_our_files(make_volume, tmp_path, kind):
    """Every byte of a file that we wrote is covered by a checksum: damage is found, or does not matter."""
    original = make_volume(slices=2, rows=24, columns=16, recon=(12, 12))
    errors = 0
    for first in range(0, SEEDS // 4 or 1, BLOCK):
        errors += run(original, tmp_path, kind, first, min(first + BLOCK, SEEDS // 4 or 1))[0]
    assert errors > 0


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["truncate", "metadata"])
def test_files_without_checksums(make_volume, tmp_path, kind):
    """fastMRI's own files have none: changed samples cannot be told, but nothing may crash or hang."""
    modern = make_volume("modern.h5", slices=2, rows=24, columns=16, recon=(12, 12))
    classic = tmp_path / "classic.h5"
    with h5py.File(modern) as source, h5py.File(classic, "w", libver="earliest") as file:
        for key in source:
            file[key] = source[key][()]
        file.attrs.update({k: v for k, v in source.attrs.items() if k != "text_crc32"})
        assert file["kspace"].chunks is None and file["kspace"].dtype == np.complex64
    errors = 0
    for first in range(0, SEEDS // 4 or 1, BLOCK):
        errors += run(classic, tmp_path, kind, first, min(first + BLOCK, SEEDS // 4 or 1), exact=kind == "truncate")[0]
    assert errors > 0


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
