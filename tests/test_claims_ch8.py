"""Chapter 8 says nothing that the results files, the shipped weights or its own outputs contradict."""

from __future__ import annotations

import json
import re

import pytest
import torch
from claims import ROOT, SMALL, chapter, compare, gap, noise_floor, row, seeds
from claims import said as said_in

from reconode import masks, zoo
from reconode.experiment import benchmark, paper
from reconode.storage import weights
from reconode.teach import stages

NUMBER = 8
TRAININGS = "2,000 steps", "6,000 steps"


def said(sentence: str) -> None:
    said_in(chapter(NUMBER), sentence)


def table(training: str, line: str) -> list[list[float]]:
    """Numbers of the lines that begin so, from the outputs on one of the two trainings, in the order of the page."""
    found: list[list[float]] = []
    here = False
    for text in chapter(NUMBER).splitlines():
        if text.startswith(TRAININGS):
            here = text.startswith(training)
        if here and re.match(line, text):
            found.append([float(v.replace(",", "")) for v in re.findall(r"[-+]?\d[\d,]*\.?\d*", text.split(":")[-1])])
    return found


def test_the_heaviest_stage_brings_nothing():
    said("The heaviest brought nothing")
    for step in table("6,000 steps", r"  \d:"):
        weights, shares = step[:4], step[4:]
        assert max(weights) == weights[2] and abs(shares[2]) <= 1


def test_a_weight_is_not_an_importance():
    said("the stage without dilation does most of the work**, and toward the end nearly all")
    for training in TRAININGS:
        steps = table(training, r"  \d:")
        assert len(steps) == 5
        assert all(sum(shares[4:]) == pytest.approx(100, abs=3) and shares[7] > 50 for shares in steps)
        assert steps[-1][7] > 80
    said("the shorter training's third brings a few per cent in the first step and then about nothing")
    third = [step[6] for step in table("2,000 steps", r"  \d:")]
    assert 1 <= third[0] < 6 and all(abs(share) <= 1 for share in third[1:])
    said("Neither training is near it")
    for training in TRAININGS:
        first = torch.tensor(table(training, r"  1:")[0][:4])
        assert float((first - torch.tensor([1 / 6, 1 / 3, 1 / 3, 1 / 6])).abs().max()) > 0.05
    said("over the pixels these weights differ by a few hundredths")
    knee = benchmark.in_memory(benchmark.find("small"), 32)
    y, E, _ = knee.scaled(masks.random(knee.width, 4, seed=knee.name), slice(0, 1))
    for name in ("lt-rk4_table", "lt-rk4_long"):
        maps = [taken.weights for taken in stages.learned(zoo.load(name), y, E)]
        assert all(0.005 < float(a.std((2, 3)).max()) < 0.05 for a in maps)


def seen(line: str) -> list[tuple[int, int]]:
    """Pixels and the side of the square, untrained and after both trainings."""
    (found,) = re.findall(rf"^{line} +\d+²(.*)$", chapter(NUMBER), re.MULTILINE)
    return [(int(n.replace(",", "")), int(side)) for n, side in re.findall(r"([\d,]+) +(\d+)²", found)]


def test_the_sieve_and_what_is_looked_at():
    said("every fourth row and column, 121 pixels of $41^2$")
    said("From $F_1$ to $F_4$ the count grows and the square with nine tenths shrinks. That is so before any training")
    first, last = seen("F1"), seen("F4")
    assert len(first) == len(last) == 3
    assert all(n <= 121 for n, _ in first) and all(a[1] > 2 * b[1] for a, b in zip(first, last, strict=True))
    assert last[0][0] > 10_000 and last[1][0] > 10_000


def test_one_stage_is_dead_and_the_others_live():
    said("in the third stage *none* is on behind the fourth layer")
    said("All four stages of the shorter training live")
    short, long = (table(t, r"  G\d:") for t in TRAININGS)
    assert len(short) == len(long) == 4 and min(min(layers) for layers in short) > 0
    assert long[2][3] == 0 and min(n for i, layers in enumerate(long) for n in layers[: 3 if i == 2 else 4]) > 0
    said("in the longer training **$F_3$ depends on nothing**")
    said("it is left with its own eleven pixels")
    assert seen("F3")[2] == (0, 0) and seen("F4")[2][0] == 121


def test_the_list_of_dead_relus():
    said("The fine-tuning at 8× began with these weights, and its third stage is as dead")
    looked = json.loads((SMALL / "dead_relus.json").read_text())["relus"]
    silent = {n: [r["relu"] for r in relus if r["dead"] == r["channels"]] for n, relus in looked.items()}
    for name in ("lt-rk4_4x_seed0_long", "lt-rk4_8x_seed0_fine"):
        assert silent[name] == ["stages.2, ReLU 4"]
        assert f"  {name}: stages.2, ReLU 4" in chapter(NUMBER)
    assert silent["lt-rk4_4x_seed0"] == []
    weights_of = "lt-rk4_fine_8x.safetensors"
    assert "long" in str(weights.read(weights.SHIPPED / weights_of)[1]["settings"]["init"])


def test_the_dead_stage_in_the_shipped_weights():
    model = zoo.load("lt-rk4_long")
    torch.manual_seed(0)
    x = torch.randn(1, 2, 61, 61)
    with torch.no_grad():
        F1 = model.stages[0](0.4, x)
        F2 = model.stages[1](0.4, torch.cat([x, F1], dim=1))
        F3 = model.stages[2](0.4, torch.cat([x, F2], dim=1))[0, :, 20:-20, 20:-20]
    assert float(F3.std((1, 2)).max()) < 1e-6, "the same number at every pixel inside"


def test_replacing_the_maps():
    said("Flat maps cost a few hundredths of a decibel on the mean, and a few tenths on the worst knee")
    for training in TRAININGS:
        ((mean, worst),) = table(training, " +flat:")
        assert abs(mean) < 0.1 and -0.6 < worst < -0.1
    said("The third stage's weight can go to zero in both")
    ((short, _),), ((long, worst),) = (table(t, " +no F3:") for t in TRAININGS)
    assert abs(short) < 0.1 and abs(long) < 0.01 and abs(worst) < 0.02
    said("RK4's numbers cost the shorter training half a decibel, and nearly all of that is the fourth stage")
    ((alone, _),) = table("2,000 steps", " +a4 = 1/6:")
    assert alone == pytest.approx(table("2,000 steps", " +RK4's:")[0][0], abs=0.1)
    ((short, _),), ((long, _),) = (table(t, " +RK4's:") for t in TRAININGS)
    assert -0.7 < short < -0.3 and abs(long) < 0.1


def test_ablations():
    said("One of the five is beyond doubt, and it is not the solver's: **where the data enter**")
    ours = {
        n: compare("lt-rk4_short", f"lt-rk4-{n}_short")
        for n in ("end", "unshared", "no-attention", "no-dilation", "untimed")
    }
    floor = noise_floor()
    assert ours["end"].low > 2 * floor
    said("Attention, dilation and time are ties")
    said("After 300 steps attention, dilation and time are ties")
    assert all(abs(ours[n].mean) < floor / 2 for n in ("no-attention", "no-dilation", "untimed"))
    said("Sharing the steps lies at the edge of the floor")
    assert ours["unshared"].low < floor < ours["unshared"].high
    said("So short a training cannot contradict the paper")
    training = row("lt-rk4_short").first.training
    assert training and training.steps <= 500


def test_checkpointing():
    said("memory at the peak falls to a fifth, and a step takes a quarter longer on a CPU")
    c = json.loads((ROOT / "results/bench/models.json").read_text())["checkpointing"]
    assert c["peak_ratio"] == pytest.approx(0.2, abs=0.03) and c["time_ratio"] == pytest.approx(1.25, abs=0.07)
    off, on = paper.TABLE2["keep all"], paper.TABLE2["checkpointing"]
    said("The paper's 15 % suggests")
    assert round(100 * (on.seconds / off.seconds - 1)) == 15
    assert "the same gradients: True" in chapter(NUMBER)
    said("The library keeps less than we do")
    mib = {
        n: float(v) for n, v in re.findall(r"^(by hand, keep all|LearnedSolver) +([\d.]+) MiB", chapter(NUMBER), re.M)
    }
    assert mib["LearnedSolver"] < mib["by hand, keep all"]


def test_the_papers_order_at_equal_training():
    said("the paper's order is there: LT-RK4 is ahead of LT-Euler at equal steps of training")
    assert compare("lt-rk4", "lt-euler").low > noise_floor()
    said("(At 6,000 its lead is within the floor, at 20,000 above it again.)")
    assert 0 < gap("lt-rk4_long", "lt-euler_long") < noise_floor() < gap("lt-rk4_20k", "lt-euler_20k")
    scores = {name: paper.TABLE1[name].psnr[4] for name in paper.TABLE1}
    said("Table 1 has LT-RK4 ahead of every other row")
    assert max(scores, key=lambda n: scores[n]) == "lt-rk4"


def test_held_apart():
    said("give them to a plain Euler with wider layers, and the lead is a tie")
    assert abs(gap("lt-rk4", "ft-euler-wide")) < noise_floor()
    said("at 6,000 steps the textbook's RK4 is ahead of the learned one, with a fifth of its parameters and less work")
    assert compare("ft-rk4_long", "lt-rk4_long").low > noise_floor()
    said("**View**: a tie by itself")
    assert abs(gap("lt-rk4_short", "lt-rk4-no-dilation_short")) < noise_floor()
    said("has spent about six tenths of the arithmetic that LT-RK4's training took, and is ahead")
    assert compare("lt-euler_long", "lt-rk4").low > noise_floor()
    assert float(re.findall(r"long LT-Euler / LT-RK4: ([\d.]+)", chapter(NUMBER))[0]) == pytest.approx(0.6, abs=0.05)
    said("with the same parameters FT-RK4 is ahead of FT-Euler, for four times the work")
    assert gap("ft-rk4", "ft-euler") > 2 * noise_floor()


def test_the_control_that_decides():
    said("do the same work with a fifth of the parameters, and lead at 2,000 steps, and by more at 6,000")
    short, long = compare("lt-euler-26", "lt-rk4"), compare("lt-euler-26_long", "lt-rk4_long")
    assert short.low > 2 * noise_floor() and long.low > short.high
    for name, steps in {"lt-euler-26": 2000, "lt-rk4": 2000, "lt-euler-26_long": 6000, "lt-rk4_long": 6000}.items():
        training = row(name).first.training
        assert training and training.steps == steps
    said("The limits: few seeds")
    assert len(seeds("lt-euler-26").runs) <= 3
    pattern = r"^(\S+) +([\d,]+) +([\d.]+) +(\d+) +(\d+) +(\d+)$"
    rows = {r[0]: [float(v.replace(",", "")) for v in r[1:]] for r in re.findall(pattern, chapter(NUMBER), re.M)}
    control, model, wide = rows["lt-euler-26"], rows["lt-rk4"], rows["ft-euler-wide"]
    assert control[1] == pytest.approx(model[1], rel=0.03) and control[2] == pytest.approx(model[2], rel=0.05)
    assert control[0] / model[0] == pytest.approx(0.2, abs=0.01)
    assert wide[0] == pytest.approx(model[0], rel=0.01) and wide[1] == pytest.approx(model[1], rel=0.03)


def test_only_the_papers_equations_have_its_numbers():
    assert re.findall(r"\\tag\{(\w+)\}", chapter(NUMBER)) == ["11", "12", "13"]
