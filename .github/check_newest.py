"""Fail when a dependency of the library or of its tests is not the newest release (for the weekly run).

Without constraints pip takes the newest versions that fit together, and one package's upper bound is enough to hold
another back without a word. Packages that pyproject.toml itself bounds are left out: those are held back on purpose.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("figures", "wavelets", "pictures", "train", "book", "test", "lint")


def main() -> int:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(r for extra in EXTRAS for r in project["optional-dependencies"][extra])]
    requirements = [r for r in map(Requirement, texts) if r.name != project["name"]]
    wanted = {canonicalize_name(r.name) for r in requirements if not any("<" in s.operator for s in r.specifier)}
    command = [sys.executable, "-m", "pip", "list", "--outdated", "--format=json"]
    outdated = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    late = [p for p in outdated if canonicalize_name(p["name"]) in wanted]
    for package in late:
        print(f"{package['name']} {package['version']} was tested, but {package['latest_version']} is out")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
