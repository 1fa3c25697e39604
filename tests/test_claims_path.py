"""What the page of answers says of a supervised path, held against the files."""

from __future__ import annotations

import json

from claims import ROOT, SMALL, TIE, compare, row, said

from reconode.experiment import rows

ANSWERS = (ROOT / "book" / "answers.md").read_text(encoding="utf-8")
MEASURED = json.loads((SMALL / "path.json").read_text())
TRAININGS = {(one["seed"], one["path"]): one for one in MEASURED["trainings"]}
SEEDS = (0, 1)
"""That were trained with weight 1."""


def test_the_file_is_what_the_runs_say():
    """One length, one rate, and the weight that its settings have; the free one of seed 0 is from before."""
    for one in MEASURED["trainings"]:
        name = "lt-euler" + (f"_{one['variant']}" if one["variant"] else "")
        run = row(name, seed=one["seed"]).first
        assert run.training is not None and run.training.steps == one["steps"] == 2000
        assert run.training.settings.get("path", 0) == one["path"]
        assert run.training.settings["learning_rate"] == 8e-3
        scored = [volume.psnr for volume in run.volumes[: MEASURED["volumes"]]]
        assert abs(one["psnr"]["euler 5"] - sum(scored) / len(scored)) < 0.01, "as a flow it is the network"
    assert set(TRAININGS) == {(0, 0), (0, 0.1), (0, 1), (1, 0), (1, 1)}


def test_the_score_is_a_tie():
    said(ANSWERS, "**For the score it is a tie.**")
    said(ANSWERS, "the sign turns with the seed")
    first = compare("lt-euler_path1", "lt-euler").mean
    second = rows.compare(row("lt-euler_path1", seed=1), row("lt-euler_free", seed=1)).difference.mean
    assert first > 0 > second
    said(ANSWERS, "either difference is about as large as the floor or larger")
    assert first > TIE and abs(abs(second) - TIE) < 0.05
    said(ANSWERS, "Weight 0.1 is a tie with its one seed")
    assert abs(compare("lt-euler_path01", "lt-euler").mean) < TIE


def test_the_way_is_straighter():
    said(ANSWERS, "with weight 1 the way is straighter for both seeds")
    for seed in SEEDS:
        free, held = TRAININGS[seed, 0], TRAININGS[seed, 1]
        assert held["straight"] > free["straight"] + 0.05 and held["off"] < free["off"]


def test_it_pays_at_two_steps():
    said(
        ANSWERS,
        "at two steps the supervised networks lose less than half as much, and are about half as far from the exact",
    )
    for seed in SEEDS:
        free, held = (TRAININGS[seed, weight] for weight in (0, 1))
        lost = [one["psnr"]["euler 5"] - one["psnr"]["euler 2"] for one in (free, held)]
        assert 0 < lost[1] < 0.5 * lost[0] and lost[0] - lost[1] > TIE
        assert held["apart"]["euler 2"] < 0.55 * free["apart"]["euler 2"]


def test_from_the_trained_number_of_steps_on_it_brings_nothing():
    said(ANSWERS, "From the trained $N$ on no score hangs on $N$ or the solver, supervised or not")
    for one in MEASURED["trainings"]:
        finer = [psnr for solve, psnr in one["psnr"].items() if solve != "euler 2"]
        assert max(finer) - min(finer) < TIE
    said(
        ANSWERS,
        "Euler is nearer to the exact flow for one seed and farther for the other, and Heun is farther for both",
    )
    more = {
        how: [TRAININGS[s, 1]["apart"][how] - TRAININGS[s, 0]["apart"][how] for s in SEEDS]
        for how in ("euler 5", "rk2 5")
    }
    assert min(more["euler 5"]) < 0 < max(more["euler 5"]) and min(more["rk2 5"]) > 0
