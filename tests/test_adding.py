"""What CONTRIBUTING promises: a model, a solver and a chapter are each added in few places, here to a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "trained")


@pytest.fixture
def copy(tmp_path):
    """The library, and what lies beside it that a chapter needs."""
    shutil.copytree(ROOT / "reconode", tmp_path / "reconode", ignore=LEFT_OUT)
    return tmp_path


def run(copy, code):
    """Python in the copy; what it printed."""
    env = {**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'book' / '_ext'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_model_is_its_file_and_one_entry(copy):
    (copy / "reconode" / "half.py").write_text(
        "from torch import nn\n\n\n"
        "class Half(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(__import__('torch').ones(1))\n\n"
        "    def forward(self, y, E):\n        return self.w * E.H(y) / 2\n"
    )
    zoo = copy / "reconode" / "zoo.py"
    entry = '"half": Entry("Half", half.Half, "half of it", "beyond", searched_with="ft-euler", look="#0072b5 x"),'
    edit(zoo, "MODELS: dict[str, Entry] = {\n", f"MODELS: dict[str, Entry] = {{\n    {entry}\n")
    edit(zoo, "from reconode import baselines, classical\n", "from reconode import baselines, classical, half\n")
    told = run(
        copy,
        "import tempfile\n"
        "from reconode import zoo\nfrom reconode.experiment.plan import family\n"
        "from reconode.figures.colors import style\n"
        "from reconode.runs import Settings\nfrom reconode.train import train\n"
        "from typer.testing import CliRunner\nfrom reconode.cli.__main__ import app\n"
        "settings = Settings('half', steps=2, batch_size=1, size=(64, 64), mix='knees', validation=1)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    train(zoo.untrained('half'), settings, folder, device='cpu')\n"
        "    model = zoo.load('half', file=folder + '/best.safetensors')\n"
        "print(zoo.find('half').parameters, family('half'), style('half').color, style('half').line)\n"
        "print('half of it' in CliRunner().invoke(app, ['models']).stdout)\n",
    )
    assert told.splitlines() == ["1 fixed solver #0072b5 -", "True"]


def test_a_solver_is_one_tableau(copy):
    """And a name for it; everything that integrates takes it, at its order."""
    solvers = copy / "reconode" / "solvers.py"
    ralston = 'RALSTON = Tableau("Ralston", a=(1 / 4, 3 / 4), b=((), (2 / 3,)), c=(0, 2 / 3), order=2)\n'
    edit(solvers, "TABLEAUS = {", f'{ralston}TABLEAUS = {{"ralston": RALSTON, ')
    told = run(
        copy,
        "import math, torch\n"
        "from reconode.gradients import Checkpoint, Reversible\nfrom reconode.models import FixedSolver\n"
        "from reconode.solvers import RALSTON, TABLEAUS, integrate\n"
        "one = torch.ones(1, dtype=torch.float64)\n"
        "def order(*way):\n"
        "    ends = [integrate(lambda t, x: t - x, one, RALSTON, n, *way) for n in (20, 40)]\n"
        "    e = [abs(float(x) - 2 * math.exp(-1)) for x in ends]\n"
        "    return round(math.log2(e[0] / e[1]), 0)\n"
        "FixedSolver(RALSTON, gradient=Checkpoint())\n"
        "print(TABLEAUS['ralston'].name, order(), order(Reversible(0.9)))\n",
    )
    assert told.split() == ["Ralston", "2.0", "2.0"]


def test_a_chapter_is_its_notebook_its_checks_and_one_line(copy):
    shutil.copytree(ROOT / "book" / "_ext", copy / "book" / "_ext", ignore=LEFT_OUT)
    (copy / "notebooks").mkdir()
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, copy / "notebooks" / path.name)
    last = max(line.strip() for line in toc.splitlines() if "file: notebooks/" in line)
    (copy / "_toc.yml").write_text(toc.replace(last, f"{last}\n      - file: notebooks/12_another"), encoding="utf-8")
    for name in ("_config.yml", "pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy / name)
    first = next((ROOT / "notebooks").glob("01_*.ipynb"))
    notebook = json.loads(first.read_text(encoding="utf-8"))
    notebook["cells"][0]["source"] = ["# Another\n", "\n", "A hook."]
    text = json.dumps(notebook).replace("check.ex1_", "check.ex12_")
    (copy / "notebooks" / "12_another.ipynb").write_text(text, encoding="utf-8")
    checks = copy / "reconode" / "teach" / "check"
    (checks / "ex12.py").write_text((checks / "ex1.py").read_text(encoding="utf-8").replace("ex1_", "ex12_"))
    told = run(
        copy,
        "from reconode.teach import check\nfrom reconode_book import chapters, markdown\n"
        "found = markdown.chapters()[-1]\n"
        "print(found.number, found.title, found.exercises, found.checks, check.ex12_1.__name__)\n"
        "print('[Another](/notebooks/12_another.ipynb)' in chapters.ChapterPlan.markdown(None))\n"
        "print('[Another](/notebooks/12_another.ipynb)' in chapters.ChapterTable.markdown(None))\n",
    )
    assert told.splitlines() == ["12 Another 4 4 ex12_1", "True", "True"]
