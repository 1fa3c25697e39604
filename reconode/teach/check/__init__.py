"""Checks of the exercises: ``check.ex3_2(answer)`` judges exercise 2 of chapter 3 and returns a :class:`Verdict`.

A check never raises on a wrong answer, whatever its type: the verdict says "Right: …" or "Not yet: …" and why. The
checks of chapter N are the functions ``exN_…`` of the module ``exN`` in this folder, found by their names.
"""

import re
from importlib import import_module
from pathlib import Path

from reconode.teach.check.verdict import Verdict

__all__ = ["Verdict"]

for path in sorted(Path(__file__).parent.glob("ex*.py"), key=lambda path: int(path.stem[2:])):
    module = import_module(f"{__name__}.{path.stem}")
    checks = {name: value for name, value in vars(module).items() if re.fullmatch(rf"{path.stem}_\d+", name)}
    globals().update(checks)
    __all__ += list(checks)
