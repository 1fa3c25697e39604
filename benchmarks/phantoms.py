"""How fast simulated slices are made.

    python benchmarks/phantoms.py [--json FILE] [--slices N]

320 x 368 pixels, both mixes, one coil and eight. Every slice is another random knee (or shape, or head), phase, coils
and noise included. One warm-up slice, then N slices in calls of four; the median call gives the rate.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from _common import machine, write_json

from reconode import phantoms

SHAPE = (320, 368)


def rate(mix: str, coils: int, count: int) -> float:
    """Slices per second."""
    phantoms.slices(1, SHAPE, mix=mix, coils=coils)
    seconds = []
    for start in range(0, count, 4):
        begin = time.perf_counter()
        phantoms.slices(4, SHAPE, start=start, mix=mix, coils=coils)
        seconds.append(time.perf_counter() - begin)
    return 4 / statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--slices", type=int, default=24, help="slices a case (default: 24)")
    options = parser.parse_args()
    cases: list[dict[str, Any]] = []
    print("mix     coils  slices/s")
    for mix in phantoms.MIXES:
        for coils in (1, 8):
            cases.append({"mix": mix, "coils": coils, "slices_per_second": rate(mix, coils, options.slices)})
            print(f"{mix:6}  {coils:5}  {cases[-1]['slices_per_second']:8.2f}", flush=True)
    write_json(options.json, {"benchmark": "phantoms", "shape": SHAPE, "cases": cases, "machine": machine()})


if __name__ == "__main__":
    main()
