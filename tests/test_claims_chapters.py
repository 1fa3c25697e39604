"""Chapters 1 to 4 say nothing that the results files or their own outputs contradict."""

from __future__ import annotations

import re

import pytest
from claims import chapter, gap, noise_floor, row
from claims import said as said_in

from reconode import masks, metrics, zoo
from reconode.experiment import benchmark, paper
from reconode.physics import center_crop


def said(number: int, sentence: str) -> None:
    said_in(chapter(number), sentence)


def test_the_networks_length_of_training_decides_about_total_variation():
    said(4, "total variation, which was trained on nothing, is ahead of it on the mean")
    said(4, "is the same network after ten times the training, and is well ahead of total variation")
    assert zoo.shipped("ft-euler", 4) == zoo.shipped("ft-euler_20k", 4), "it is what `zoo.load` gives"
    assert gap("tv", "ft-euler") > noise_floor()
    assert gap("ft-euler_20k", "tv") > 4 * noise_floor()
    long, table = (row(name).first for name in ("ft-euler_20k", "ft-euler"))
    assert long.training and table.training and long.training.steps == 10 * table.training.steps
    means = dict(re.findall(r"^(\S+) +mean ([\d.]+) dB", chapter(4), re.MULTILINE))
    assert float(means["ft-euler_table"]) < float(means["tv"]) < float(means["ft-euler_20k"])  # on ten knees too


def test_fixed_solvers_of_the_table():
    said(4, "FT-RK4 is ahead of the other two by more than two trainings of one network differ, and FT-RK2 is not")
    assert gap("ft-rk4", "ft-euler") > noise_floor() and gap("ft-rk4", "ft-rk2") > noise_floor()
    assert abs(gap("ft-rk2", "ft-euler")) < noise_floor()


def test_heun_is_not_twice_as_near_as_euler_and_rk4_is():
    said(4, "and is not even twice as near as Euler")
    pattern = r"^(Euler|Heun|RK4) +with 5 steps to the exact flow: ([\d.]+)%"
    found = {name: float(percent) for name, percent in re.findall(pattern, chapter(4), re.MULTILINE)}
    assert found["Euler"] / 2 < found["Heun"] and found["RK4"] < found["Euler"] / 3 and found["RK4"] < found["Heun"] / 3
    limit = float(re.findall(r"exact flow to the target: ([\d.]+)%", chapter(4))[0])
    assert limit > 3 * max(found.values()), "the discretisation is not what limits"


def test_only_the_comb_loses_most_of_the_knee():
    said(1, "The bare comb misses the middle and loses most of the knee")
    lost = [float(x) for x in re.findall(r"of the knee's energy ([\d.]+)% is lost", chapter(1))]
    comb, equispaced, random = lost
    assert comb > 50 and max(equispaced, random) < 10
    assert max(equispaced, random) < 2 * min(equispaced, random), "nearly the same"


def test_rk4_ends_nearest_on_the_spiral():
    said(3, "ends nearest, a little short and a little late")
    found = re.findall(r"^(\S+).* ([\d.]+) of the length, ([+-]\d+)", chapter(3), re.MULTILINE)
    assert len(found) == 3
    off = {name: (float(length), float(turn)) for name, length, turn in found}
    rk4 = off.pop("classical")
    assert rk4[0] < 1 and rk4[1] < 0, "short and late"
    assert all(abs(rk4[0] - 1) < abs(length - 1) and abs(rk4[1]) <= abs(turn) for length, turn in off.values())


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_only_the_papers_equations_have_its_numbers(number):
    tags = re.findall(r"\\tag\{(\w+)\}", chapter(number))
    expected = {1: ["1"], 2: ["2", "3", "A", "4", "5", "6"], 3: ["7"], 4: ["5"]}
    assert tags == expected[number]


def test_the_papers_fixed_solvers_score_alike():
    said(4, "train this $f$ through the three solvers of chapter 3 and score alike there")
    scores = [paper.TABLE1[name].psnr[4] for name in ("ft-euler", "ft-rk2", "ft-rk4")]
    assert max(scores) - min(scores) < noise_floor(), "of the paper's table, by our noise floor"


def test_no_linear_filter_gains():
    said(2, "Here no weight gains anything")
    scores = [float(x) for x in re.findall(r"^weight .*PSNR ([\d.]+) dB", chapter(2), re.MULTILINE)]
    assert len(scores) == 4 and max(scores) == scores[0] and scores[-1] < scores[0]


def test_total_variation_fills_part_of_what_belongs_there():
    said(2, "It has filled the empty columns with part of what belongs there")
    own, filled = (
        float(re.findall(rf"{what}: ([\d.]+)% in unmeasured columns", chapter(2))[0])
        for what in ("the knee itself", "total variation")
    )
    assert 0.1 * own < filled < 0.9 * own


def test_the_flow_ends_below_the_librarys_solver():
    said(2, "The library gets there sooner")
    walks = [float(x) for x in re.findall(r"([\d.]+) dB after 600 steps", chapter(2))]
    ((solver, steps),) = re.findall(r"library: ([\d.]+) dB after (\d+) iterations", chapter(2))
    assert len(walks) == 3 and max(walks) < float(solver) and int(steps) < 600


def test_the_path_zigzags():
    said(4, "neighbours in the middle are below −½")
    (cosines,) = re.findall(r"^cosines: \[(.*)\]", chapter(4), re.MULTILINE)
    _, *middle, _ = map(float, cosines.split(", "))
    assert len(middle) == 2 and max(middle) < -0.5
    (speeds,) = re.findall(r"^speeds:  \[(.*)\]", chapter(4), re.MULTILINE)
    fast = [float(v) for v in speeds.split(", ")]
    said(4, "For three steps it keeps its speed, then it slows down, and does not come to rest")
    assert max(fast[:3]) < 1.1 * min(fast[:3]) and fast[2] > 1.5 * fast[3] > 3 * fast[4] > 0.3 * fast[0]


def test_stopping_the_clock_costs_a_decibel():
    said(4, "Stopping it costs this network less than a decibel of the eight that it gains")
    end = float(re.findall(r"t = 1\.0: ([\d.]+) dB", chapter(4))[0])
    stopped = float(re.findall(r"clock stopped at 1/2: ([\d.]+) dB", chapter(4))[0])
    assert 0.25 < end - stopped < 1
    volume = benchmark.in_memory(benchmark.find("small"), 32)
    y, E, scale = volume.scaled(masks.random(volume.width, 4, seed=volume.name), slice(0, 1))
    target = volume.target[:1] / scale.item()
    begin = metrics.psnr(center_crop(E.H(y).abs(), *target.shape[1:]), target)
    assert end - begin == pytest.approx(8, abs=0.5)
