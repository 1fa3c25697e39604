"""Chapter 6 says nothing that the results files or its own outputs contradict."""

from __future__ import annotations

import json
import re

import pytest
from claims import SMALL, TIE, chapter, compare, gap, noise_floor, row, seeds
from claims import said as said_in

from reconode.metrics import Interval, bootstrap

LOSSES = json.loads((SMALL / "losses.json").read_text())["trainings"]
FOUR = ("d5c5", "lt-euler", "lt-rk4", "pc-flow")
PAGE = chapter(6)


def said(sentence: str) -> None:
    said_in(PAGE, sentence)


def losses(one: str, other: str, key: str = "volumes") -> Interval:
    """PSNR of one training of losses.json less another's, knee by knee."""
    pairs = zip(LOSSES[one][key], LOSSES[other][key], strict=True)
    return bootstrap([a["psnr"] - b["psnr"] for a, b in pairs])


def mean(name: str) -> float:
    return row(name).interval("psnr").mean


def test_the_three_losses_tie():
    said("Three ties. Both intervals exclude zero, and yet both differences are smaller than")
    found = [losses("both", "l1"), losses("both", "ssim")]
    assert all(i.low > 0 or i.high < 0 for i in found)
    assert all(abs(i.mean) < noise_floor() for i in found)
    said("each loss was trained once")
    said("SSIM alone isn't even worse in PSNR")
    assert losses("ssim", "l1").mean > 0 and losses("ssim", "both").mean > 0
    said("The place of total variation says how short this training is")
    assert mean("tv") > max(sum(v["psnr"] for v in LOSSES[n]["volumes"]) / 40 for n in ("l1", "ssim", "both"))


def test_the_printed_sign_unmakes_the_picture():
    said("the optimiser is paid for images *unlike* the target")
    ends = {sign: float(s) for sign, s in re.findall(r"sign ([+-])1: SSIM ends at (-?[\d.]+)", PAGE)}
    assert ends["+"] < 0 and ends["-"] > 0.9


def test_ssim_pulls_less_where_contrast_is_high():
    said("the fifth with most contrast gets less than its share, on each of ten knees")
    average, most = map(int, re.findall(r"mean (\d+)%, at most (\d+)%", PAGE)[0])
    assert average <= most < 20
    said("Half an SSIM outweighs L1 on each of the ten knees, several times over")
    least, greatest = map(float, re.findall(r"SSIM / L1: ([\d.]+) to ([\d.]+)", PAGE)[0])
    assert 2 < least < greatest


def test_the_unit_and_the_maximum_matter():
    said("In the raw unit L1 all but leaves the sum")
    found = re.findall(r"^(?:1|0\.0001) +(\d\S+) +(\d\S+) +(\d\S+)$", PAGE, re.MULTILINE)
    (_, ssim, _), (raw_l1, raw_ssim, forgotten) = [[float(x) for x in line] for line in found]
    assert raw_l1 < raw_ssim / 1000 and raw_ssim == ssim and forgotten < raw_ssim / 1000
    said("two slices a knee are enough for the two conventions to differ by more than two trainings of one network do")
    volumes, slices = map(float, re.findall(r"volumes ([\d.]+) dB, slices ([\d.]+) dB", PAGE)[0])
    assert abs(volumes - slices) > noise_floor()


def test_equal_examples():
    said("By equal *examples*, LT-RK4 and D5C5 are level")
    assert abs(gap("lt-rk4", "d5c5")) <= TIE
    means = [sum(seeds(name).seed_means("psnr")) / len(seeds(name).runs) for name in ("lt-rk4", "d5c5")]
    assert abs(means[0] - means[1]) <= TIE
    said("PC-Flow, beyond the paper, leads D5C5 and LT-RK4 by examples and by parameters")
    assert min(gap("pc-flow", name) for name in ("d5c5", "lt-rk4", "ft-euler-wide")) > TIE
    said("it only ties with LT-Euler-26 (one stage, 26 times), and by compute with D5C5")
    assert abs(gap("pc-flow", "lt-euler-26")) <= TIE and abs(gap("pc-flow", "d5c5_long")) <= TIE


def test_equal_compute_and_parameters():
    said("By equal *compute* LT-RK4 is behind")
    assert min(gap(name, "lt-rk4") for name in ("d5c5_long", "lt-euler_long")) > TIE
    said("and bring more than RK4 does; the same holds for LT-Euler")
    assert min(gap(f"{n}_long", n) for n in ("d5c5", "lt-euler")) > gap("lt-rk4", "lt-euler") + TIE
    said("a wide FT-Euler (FT: the fixed solver) is level with LT-RK4")
    assert abs(gap("ft-euler-wide", "lt-rk4")) <= TIE
    sizes = [row(name).first.parameters for name in ("d5c5", "ft-euler-wide", "lt-rk4", "pc-flow")]
    assert min(sizes) > 140_000 and max(sizes) < 160_000


def test_long_trainings_of_d5c5_and_lt_euler_cost_less_than_lt_rk4s():
    """What the page's picture prints in brackets, counted again on one step of each."""
    from pathlib import Path

    from reconode.experiment import benchmark, cost
    from reconode.experiment.plan import Job, Plan

    said("three times the steps still cost D5C5 less arithmetic")
    plan = Plan(benchmark.find("small"), Path(), Path(), steps=2000, batch_size=1, rows=48)
    one = {name: cost.operations(plan, Job(name)) for name in ("d5c5", "lt-euler", "lt-rk4")}
    assert max(3 * one["d5c5"], 3 * one["lt-euler"]) < 0.8 * one["lt-rk4"]


def test_whole_slices_make_half_as_many_updates():
    said("with equal examples they make half as many updates")
    steps = {name: row(name).first.training.steps for name in ("unet", "kiki-net", "d5c5")}
    assert 2 * steps["unet"] == 2 * steps["kiki-net"] == steps["d5c5"]
    assert {row(name).first.training.examples for name in steps} == {1000}


def test_the_floor():
    said("The first line's interval excludes zero, though the functions are one")
    floor = compare("lt-euler", "ft-euler")
    assert floor.low > 0
    steps = {row(name).first.training.steps for name in ("lt-euler", "ft-euler")}
    longer = {row(f"{name}_long").first.training.steps for name in ("lt-euler", "ft-euler")}
    assert (steps, longer) == ({2000}, {6000}), "what the cell prints before its lines"
    said("LT-RK4's lead over D5C5 excludes zero too, and is of the same size")
    lead = compare("lt-rk4", "d5c5")
    assert lead.low > 0 and abs(lead.mean - floor.mean) < 0.1
    said("LT-RK2's own seeds lie farther apart than either, and they differ by chance alone")
    means = seeds("lt-rk2").seed_means("psnr")
    assert max(means) - min(means) > 2 * max(floor.mean, lead.mean)
    said("The second line's is smaller")
    assert abs(gap("lt-euler_long", "ft-euler_long")) < noise_floor() / 2


def test_no_rate_is_bracketed():
    said("None is found")
    found = json.loads((SMALL / "learning_rates.json").read_text())
    for scores in found["validation_psnr"].values():
        best = max(scores, key=scores.get)
        assert best in (min(scores, key=float), max(scores, key=float))
    families = len(found["validation_psnr"])
    assert f"best at the edge: {families} of {families}" in PAGE
    said("Where two nearly tie, the experiment took the lower")
    assert any(
        found["chosen"][family] < float(max(scores, key=scores.get))
        for family, scores in found["validation_psnr"].items()
    )


def test_a_leak_flatters_the_validation_only():
    said("On the validation slices the leak is worth more than the noise floor; on the test volumes, next to nothing")
    assert losses("leak", "others", "validation").mean > noise_floor() + 0.1
    assert abs(losses("leak", "others").mean) < 0.1


def test_a_slabs_middle_notices_nothing():
    said("to three digits the middle notices nothing")
    errors = {int(r): float(e) for r, e in re.findall(r"row +(\d+) of the slab: ([\d.]+)", PAGE)}
    assert errors[24] == 0 < errors[0]


@pytest.mark.parametrize("name", FOUR)
def test_longer_trainings(name):
    said("Each of the four gains more from three times the training than RK4 gains over Euler")
    assert gap(f"{name}_long", name) > gap("lt-rk4", "lt-euler") + TIE
    said("where a short one ends, the long one, its rate still high, lies *below* it")
    short, long = (row(n).first.training for n in (name, f"{name}_long"))
    last = [psnr for _, psnr, *_ in short.validation]
    seen = [(long.examples * step / long.steps, psnr) for step, psnr, *_ in long.validation]
    nearest = min((s for s in seen if s[0] >= short.examples), key=lambda s: s[0])
    assert nearest[1] < last[-1], "even where the long one has seen more"
    said("The short curves end flat because the rate ran out, not what there was to learn")
    assert abs(last[-1] - last[-2]) < 0.15 < seen[-1][1] - last[-1] - 0.5


def test_the_own_networks_loss_falls():
    said("It falls. That is all it shows")
    first, last = map(float, re.findall(r"first 20 ([\d.]+), last 20 ([\d.]+)", PAGE)[0])
    assert last < 0.95 * first


def test_half_the_rectifier():
    from reconode.teach.check.ex6 import rectifier

    said("at first by hundredths of Adam's step")
    said("With $\\beta_2 = 0.999$ a training of 600 steps sees half of this warm-up")
    assert rectifier(5, 0.999) == 0 < rectifier(6, 0.999) < 0.05
    assert 0.4 < rectifier(600, 0.999) < 0.6
    said("the experiment has no other")
    assert all(row(name).first.training.settings["warmup"] == 0 for name in (*FOUR, "unet"))
