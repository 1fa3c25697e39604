"""What the page of answers says of other mixes and of one model for both accelerations, held against the files."""

from __future__ import annotations

import json

from claims import ROOT, SMALL, TIE, compare, everything, row, said
from reconode_book.mixes import REAL, SOURCES, gain, trainings

from reconode.experiment import results
from reconode.experiment.claims import judge

ANSWERS = (ROOT / "book" / "answers.md").read_text(encoding="utf-8")
MEASURED = json.loads((SMALL / "mixes.json").read_text())
MODELS = list(dict.fromkeys(one["model"] for one in MEASURED["trainings"] if one["mix"] != "broad"))


def word(model: str, mix: str, source: str) -> str | None:
    found = gain(MEASURED, model, mix, source)
    return None if found is None else found[1]


def test_the_file_is_what_the_runs_say():
    """Of each training the knees' mean is its results file's, and all had one length."""
    assert {one["steps"] for one in MEASURED["trainings"]} == {2000}
    for one in MEASURED["trainings"]:
        name = one["model"] if one["mix"] == "broad" else f"{one['model']}_{one['mix']}"
        run = row(name, seed=one["seed"]).first
        assert run.training is not None and run.training.settings["mix"] == one["mix"]
        assert abs(one["psnr"]["knees"] - sum(v.psnr for v in run.volumes) / 40) < 1e-9
        assert set(one["psnr"]) >= set(SOURCES) - {"pictures"}


def test_photographs_help_nothing():
    said(ANSWERS, "Photographs help nothing here")
    for model in MODELS:
        if trainings(MEASURED, model, "natural"):
            assert all(word(model, "natural", source) != "ahead" for source in SOURCES)
            assert all(gain(MEASURED, model, "natural", source)[0] < 0 for source in ("knees", *REAL))
    said(ANSWERS, "not even photographs that it has not seen")
    assert word("d5c5", "natural", "pictures") == "tie"
    said(ANSWERS, "behind on heads")
    assert word("d5c5", "natural", "heads") == "behind"


def test_other_matrices_help_nothing():
    said(ANSWERS, "Other matrices help nothing either")
    for model in MODELS:
        if trainings(MEASURED, model, "sizes"):
            assert all(word(model, "sizes", source) != "ahead" for source in SOURCES)
            assert all(gain(MEASURED, model, "sizes", source)[0] < 0 for source in SOURCES)
    said(ANSWERS, "not even where the pixels are two thirds as wide")
    finer = {}
    for name in ("", "_sizes"):
        moved = results.read_transfer(SMALL / "transfer" / f"d5c5_4x_seed0{name}.json")
        (trial,) = (t for t in moved.tests if t.test == "finer")
        finer[name] = sum(v.psnr for v in trial.volumes) / len(trial.volumes)
    assert finer["_sizes"] < finer[""] + TIE


def test_what_was_not_run():
    said(ANSWERS, "*wide*, which does both, and other models on these mixes were not run")
    others = [(one["model"], one["mix"]) for one in MEASURED["trainings"] if one["mix"] != "broad"]
    assert sorted(others) == [("d5c5", "natural"), ("d5c5", "sizes")]


def test_one_model_for_both_accelerations():
    said(ANSWERS, "Each model trained so ties with its own two at either acceleration")
    said(ANSWERS, "PC-Flow stays above the wavelet by more than the floor")
    models = {run.model for run in everything() if run.variant == "both"}
    assert models == {"pc-flow", "d5c5", "lt-rk2"}
    for acceleration, other in ((4, "long"), (8, "fine")):
        for model in models:
            found = compare(f"{model}_both", f"{model}_{other}", acceleration)
            assert judge(found, found.mean, found.mean) == "tie", model
        assert compare("pc-flow_both", "wavelet", acceleration).low > TIE


def test_both_are_one_training():
    """The two files are of the same weights, from the long ones, on both accelerations."""
    said(ANSWERS, "The same 600 steps from the same weights")
    for model in dict.fromkeys(run.model for run in everything() if run.variant == "both"):
        pair = [row(f"{model}_both", acceleration).first.training for acceleration in (4, 8)]
        assert pair[0] == pair[1] and pair[0] is not None and pair[0].steps == 600
        assert (pair[0].settings["acceleration"], pair[0].settings["also"]) == (4, [8])
        assert pair[0].settings["init"] == f"{model}_4x_seed0_long"
        fine = row(f"{model}_fine", 8).first.training
        assert fine is not None and fine.steps == 600 and fine.settings["init"] == pair[0].settings["init"]
