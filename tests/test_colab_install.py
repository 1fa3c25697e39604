"""The chapters' first cell installs the library and leaves torch and numpy as they are, older or newer than ours.

Offline: packages are empty wheels made here, with the real ones' names and requirements, and the library's own wheel
has pyproject.toml's requirements. Better versions of everything lie ready, for pip to be tempted.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDS = {
    "torch": ["numpy"],
    "torchdiffeq": ["torch>=1.5.0", "scipy>=1.4.0"],
    "accelerate": ["numpy>=1.17", "torch>=2.0", "safetensors>=0.4.3"],
    "h5py": ["numpy>=1.21"],
    "scikit-image": ["numpy>=1.24", "scipy>=1.11"],
    "scipy": ["numpy>=1.26"],
    "matplotlib": ["numpy>=1.23"],
    "pywavelets": ["numpy>=1.25"],
}
"""What the real packages need of each other."""


def lower_bounds() -> dict[str, str]:
    """Of torch and numpy, as pyproject.toml has them: the oldest that the library promises to work beside."""
    wanted = map(Requirement, PROJECT["dependencies"])
    return {r.name: next(iter(r.specifier)).version for r in wanted if r.name in ("torch", "numpy")}


def wheel(folder: Path, name: str, version: str, needs: list[str], extras: dict[str, list[str]] | None = None) -> None:
    """An empty wheel with a name, a version and requirements."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    for extra, more in (extras or {}).items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {n}; extra == "{extra}"' for n in more)]
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that an installation may ask for, in old and in new versions."""
    folder = tmp_path_factory.mktemp("wheels")
    extras = {
        name: [n for n in needs if "reconode" not in n] for name, needs in PROJECT["optional-dependencies"].items()
    }
    wheel(folder, "reconode", "0.1.0", PROJECT["dependencies"], {k: extras[k] for k in ("figures", "wavelets")})
    asked = {Requirement(n).name.lower() for n in [*PROJECT["dependencies"], *extras["figures"], *extras["wavelets"]]}
    for name in sorted(asked | set(NEEDS)):
        for version in ("999", "1000"):
            wheel(folder, name, version, NEEDS.get(name, []))
    for name, version in lower_bounds().items():
        wheel(folder, name, version, NEEDS.get(name, []))
    return folder


def pip(environment: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "--isolated", *words]
    # --isolated leaves the machine's own configuration in force: its constraints and folders of wheels.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environ["PIP_CONFIG_FILE"] = os.devnull
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def what_the_cell_installs(path: Path) -> list[str]:
    """The words after ``pip install`` in a notebook's first code cell, the library from the shelf instead of git."""
    first = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    line = re.search(r"pip install (.+)", first.source)
    assert line, "the first code cell has no line with pip install"
    words = shlex.split(line[1])
    return [re.sub(r"\s*@\s*git\+\S+", "", word) for word in words]


COMMANDS = sorted({tuple(what_the_cell_installs(path)) for path in NOTEBOOKS})


@pytest.mark.skipif(sys.platform == "win32", reason="an environment's Python is elsewhere there")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("versions", [lower_bounds(), {"torch": "999", "numpy": "999"}], ids=["older", "newer"])
def test_torch_and_numpy_stay(tmp_path: Path, shelf: Path, versions: dict[str, str], command: tuple[str, ...]) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    offline = ("--no-index", "--find-links", str(shelf))
    pip(environment, "install", "-q", *offline, *(f"{name}=={version}" for name, version in versions.items()))
    pip(environment, "install", *offline, *command)
    there = {p["name"].lower(): p["version"] for p in json.loads(pip(environment, "list", "--format=json"))}
    assert "reconode" in there
    assert "matplotlib" in there, "the chapters draw"
    assert {name: there[name] for name in versions} == versions


def test_the_machines_pip_configuration_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, configuration = tmp_path / "limits.txt", tmp_path / "pip.conf"
    limits.write_text("torch<=2.0\n")
    configuration.write_text(f"[global]\nconstraint = {limits}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    shelf = tmp_path / "wheels"
    wheel(shelf, "torch", "999", [])
    pip(environment, "install", "-q", "--no-index", "--find-links", str(shelf), "torch==999")
    assert '"999"' in pip(environment, "list", "--format=json")


def test_pip_is_tempted(tmp_path: Path, shelf: Path) -> None:
    """The same environment, and a command that does move torch: the test above would see it."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    offline = ("--no-index", "--find-links", str(shelf))
    pip(environment, "install", "-q", *offline, "torch==999", "numpy==999")
    pip(environment, "install", "-q", *offline, "--upgrade", "reconode", "torch")
    there = {p["name"]: p["version"] for p in json.loads(pip(environment, "list", "--format=json"))}
    assert there["torch"] == "1000"
