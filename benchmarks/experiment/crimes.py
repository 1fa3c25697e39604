"""The same trained models on the same knees, processed in ways that flatter. Writes results/small/crimes.json.

python benchmarks/experiment/crimes.py
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch

from reconode import evaluate, masks, metrics, zoo
from reconode.experiment import benchmark, record
from reconode.storage.whole import write_whole
from reconode.teach import crimes

KNEES = 20
MODELS = ("zero-filled", "tv", "wavelet", "d5c5_long", "lt-rk4_long", "pc-flow_long")


def main() -> None:
    """Score the first slice of each knee, by every model, after every way of processing."""
    torch.set_num_threads(1)
    small = benchmark.find("small")
    knees = [benchmark.in_memory(small, n).part(slice(0, 1)) for n in range(KNEES)]
    rows = []
    for way, process in crimes.WAYS.items():
        volumes = [process(knee) for knee in knees]
        for name in MODELS:
            model = zoo.load(name, 4)
            found = []
            for volume in volumes:
                assert volume.target is not None
                image = evaluate.reconstruct(model, volume, masks.random(volume.width, 4, seed=volume.name))
                found.append({"name": volume.name, **metrics.scores(image, volume.target).as_dict()})
            rows.append({"way": way, "model": name, "volumes": found})
            print(way, name, f"{sum(v['psnr'] for v in found) / KNEES:.2f} dB", flush=True)
    content = {
        "fingerprint": small.fingerprint,
        "acceleration": 4,
        "slices": "the first of each knee",
        "rows": rows,
        "machine": asdict(record.hardware("cpu")),
    }
    write_whole(Path("results/small/crimes.json"), json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
