"""The worked solutions as the notebooks print them, run as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def verdict(chapter: int, exercise: str) -> Any:
    """What ``check.<exercise>`` says of the worked solution that stands, folded, below its cell.

    The solution's code, after the chapter's imports, and the last line of the exercise's cell: nothing else of the
    notebook, so that a solution that leans on something else fails.
    """
    (path,) = NOTEBOOKS.glob(f"{chapter:02d}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    call = f"check.{exercise}("
    (here,) = (n for n, cell in enumerate(cells) if cell.cell_type == "code" and call in cell.source)
    solution = SOLUTION.search(cells[here + 1].source)
    assert solution, f"no worked solution in the cell after {call}"
    code = "\n".join(PYTHON.findall(solution[1]))
    assert code, f"no code in the worked solution of {exercise}"
    names: dict[str, Any] = {}
    exec(_imports(cells) + "\n" + code, names)
    return eval(cells[here].source.strip().splitlines()[-1], names)


def stored_output(chapter: int, exercise: str) -> str:
    """What a reader sees below the exercise's cell before trying."""
    (path,) = NOTEBOOKS.glob(f"{chapter:02d}_*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and f"check.{exercise}(" in cell.source:
            return "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    raise AssertionError(f"no cell calls check.{exercise}")


def _imports(cells: list[Any]) -> str:
    """The import lines of the chapter's setup cell."""
    source = next(cell.source for cell in cells if cell.cell_type == "code")
    return "\n".join(line for line in source.splitlines() if re.match(r"(import|from) ", line))
