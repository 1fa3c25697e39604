"""The house: rooms, what each holds, and imports that run one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from reconode import masks, metrics, zoo
from reconode.experiment import benchmark, results, rows, tables
from reconode.storage import weights

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "reconode"
FILES = sorted(path for path in LIBRARY.rglob("*.py") if path.parent.name != "js")
ROOMS = sorted(path.parent for path in LIBRARY.glob("*/__init__.py"))

FLOORS = (
    "errors _version linear dead_relus",
    "storage masks physics solvers networks statistics optimizers",
    "metrics gradients classical phantoms",
    "models baselines data",
    "pc_flow runs path",
    "zoo",
    "evaluate train export",
    "experiment",
    "figures",
    "cli teach",
)
"""From the ground up. A module imports only what stands below it, or beside it in its own room."""
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names.split()}


def place(module: str) -> str:
    """The first-level name of ``reconode.data.slices``: data."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def name_of(path: Path) -> str:
    return ".".join(("reconode", *path.relative_to(LIBRARY).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}


def imports(path: Path) -> set[str]:
    """The library's modules that a file imports, also inside functions; not those only type checkers see."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "reconode":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(node.module))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    if module == "reconode":
        return  # the front door
    for other in imports(MODULES[module]):
        mine, theirs = place(module), place(other)
        if mine != theirs:
            assert FLOOR[theirs] < FLOOR[mine], f"{module} imports {other}, which stands above it or beside it"


def test_no_circle_of_modules():
    below = {module: imports(path) - {module} for module, path in MODULES.items()}
    done: set[str] = set()
    while True:
        free = {module for module, needs in below.items() if module not in done and not (needs - done)}
        if not free:
            break
        done |= free
    packages = {name for name in below if MODULES[name].name == "__init__.py"}
    assert set(below) - done <= packages, "these import one another"


def test_the_test_sees_imports():
    assert "reconode.storage.whole" in imports(LIBRARY / "runs.py")
    assert "reconode.experiment.plan" in imports(LIBRARY / "experiment" / "queue.py")


def test_the_first_level_is_what_the_book_explains():
    files = [path for path in LIBRARY.glob("*.py") if not path.name.startswith("_")]
    assert len(files) <= 21, "machinery has rooms"
    assert set(FLOOR) == {path.stem for path in files} | {"_version"} | {room.name for room in ROOMS}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_says_what_lives_there(room):
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    assert 1 <= len(said.splitlines()) <= 15 and said[0].isupper()
    assert len(list(room.glob("*.py"))) > 2, "a folder for one file hides it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: name_of(path))
def test_a_module_fits_in_a_head(path):
    assert len(path.read_text().splitlines()) <= 400


class TestNothingMovedThatShouldNot:
    """Weights, results files, fingerprints and tables are what they were before the library got its rooms."""

    def test_a_fingerprint(self):
        assert benchmark.find("small").fingerprint == "3952ae451c25db46"

    def test_a_results_file(self):
        run = results.read(ROOT / "results" / "small" / "d5c5_4x_seed0.json")
        assert sum(v.psnr for v in run.volumes) / 40 == pytest.approx(24.4764, abs=1e-4)

    def test_a_weights_file_scores_as_its_results_file_says(self):
        run = results.read(ROOT / "results" / "small" / "d5c5_4x_seed0.json")
        knee = benchmark.in_memory(benchmark.find("small"), 0)
        y, E, scale = knee.scaled(masks.random(knee.width, 4, seed=knee.name))
        with torch.no_grad():
            x = zoo.load("d5c5_table", 4)(y, E) * scale[:, 0]
        expected = next(v for v in run.volumes if v.name == knee.name)
        assert weights.shipped("d5c5_table", 4) is not None and knee.target is not None
        found = metrics.scores(x.abs()[..., 8:104], knee.target)
        assert found.psnr == pytest.approx(expected.psnr, abs=2e-3)

    def test_a_table(self):
        runs = [results.read(ROOT / f"results/small/{name}_4x_seed0.json") for name in ("lt-rk4", "d5c5")]
        printed = tables.compare_table(*(rows.make_row([run]) for run in runs)).csv()
        assert "PSNR" in printed and "24.68" in printed and "24.48" in printed and "+0.20" in printed
