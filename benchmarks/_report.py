"""Write benchmarks/README.md from what the benchmarks wrote: ``make bench`` runs them, then this.

python benchmarks/_report.py [results/bench] [benchmarks/README.md]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconode.storage.whole import write_whole

INTRO = """# Benchmarks

Ratios measured in one run on one machine, rounds interleaved, medians compared. Times are of that machine; trust the
ratios. This page is written by `benchmarks/_report.py` from `results/bench/`; do not edit it.

    make bench        # runs every script here, then writes this page
"""
WANTED = {  # a heading for each script, and what it should show
    "loading": "Reading slices, transform off. Wanted: at least 0.8 of a bare h5py loop, checks on.",
    "phantoms": "Simulating slices. Wanted: at least 5 slices/s at 320 x 368 on two CPU cores.",
    "solvers": "Solvers. Wanted: `integrate` no slower than torchdiffeq's `odeint`.",
    "ways_back": "Ways to differentiate a solve, chapter 5's table. Wanted: exact ones exact, bytes as promised.",
    "models": "Models. Wanted: checkpointing saves LT-RK4's activations to 0.30, its step takes 1.40 at most.",
    "models_compiled": "`benchmarks/models.py --compile --rounds 5 --size 96x96`: compiled against eager.",
    "browser": "Models in a reader's browser, on a machine that others used too (its load is below). Wanted, at "
    "96 x 112 and 160 x 160: PC-Flow and Euler 0.3 s and 1 s, LT-RK4 1.5 s and 4 s.",
    "tune_classical": "Weights of the classical methods: see `results/classical_tuning.json`.",
}
LEFT_OUT = ("machine", "benchmark")


def rows(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every number of a result with its place in it; lists of cases are named by their texts and whole numbers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in LEFT_OUT:
                yield from rows(inner, f"{path}, {key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        for case in value:
            named = {k: v for k, v in case.items() if isinstance(v, str | int) and not isinstance(v, bool)}
            differs = named.pop("differs", None)
            label = f"{path}, {' '.join(f'{k} {v}' for k, v in named.items() if 'bytes' not in k)}"
            yield from [(f"{label}, what differs", str(differs))] if differs else []
            yield from rows({k: v for k, v in case.items() if k not in named and k != "differs"}, label)
    elif isinstance(value, float):
        yield path.replace("_", " "), f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    elif isinstance(value, list | str | int) and value is not None:
        yield path.replace("_", " "), str(value)


def section(name: str, content: dict[str, Any]) -> str:
    machine = content["machine"]
    where = f"{machine['gpu'] or machine['cpu']}, {machine['threads']} thread(s), torch {machine['torch']}"
    table = "".join(f"| {key} | {value} |\n" for key, value in rows(content))
    return f"\n## {name}\n\n{WANTED.get(name, '')}\n\n{where}\n\n| | |\n|---|---|\n{table}"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results/bench")
    page = Path(sys.argv[2] if len(sys.argv) > 2 else "benchmarks/README.md")
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    missing = [name for name in ("loading", "phantoms", "solvers", "ways_back", "models") if name not in found]
    text = INTRO + "".join(section(name, content) for name, content in found.items() if name != "tune_classical")
    text += "".join(f"\n## {name}\n\n{WANTED[name]}\n\nNot run.\n" for name in missing)
    write_whole(page, text + f"\n## Classical methods\n\n{WANTED['tune_classical']}\n")


if __name__ == "__main__":
    main()
