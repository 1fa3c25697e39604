"""Chapter 7 says nothing that the results files or its own outputs contradict."""

from __future__ import annotations

import re

import torch
from claims import TIE, chapter, compare, gap, noise_floor, row, seeds
from claims import said as said_in

from reconode import masks, zoo
from reconode.experiment import benchmark, paper
from reconode.networks import to_channels, to_complex
from reconode.physics import fft, ifft

NUMBER = 7


def said(sentence: str) -> None:
    said_in(chapter(NUMBER), sentence)


def numbers(pattern: str) -> list[list[float]]:
    """The numbers of each line of the outputs that the pattern begins, after what it matches."""
    found = re.findall(rf"^{pattern}(.*)$", chapter(NUMBER), re.MULTILINE)
    return [[float(v) for v in re.findall(r"[-+]?\d+\.?\d*", line)] for line in found]


def test_the_first_look_keeps_to_a_band_and_the_second_does_not():
    said("The second learned look spreads as what is missing does, the first keeps to the band on every knee")
    (first,), (second,) = numbers("LT-RK2 F1:"), numbers("LT-RK2 F2:")
    (one,), (two,), (missing,) = numbers("FT-RK2 F1:"), numbers("FT-RK2 F2:"), numbers("what is missing:")
    assert first[0] < second[0] / 3 and first[2] < second[1], "on every knee"
    assert abs(second[0] - missing[0]) < 3 and abs(one[0] - two[0]) < 3


def test_the_second_band_is_a_pass_band():
    """Where the k-space of G₁'s first slope is, fed with the zero-filled image and with a band of it; three knees."""
    said("fed with the middle band alone, $G_1$ leaves the border all but empty")
    G1 = zoo.load("lt-rk2_long").stages[0]
    small = benchmark.find("small")
    for n in range(3):
        knee = benchmark.in_memory(small, n)
        y, E, _ = knee.scaled(masks.random(knee.width, 4, seed=knee.name), slice(0, 1))
        k = fft(E.H(y))
        border = torch.ones(96, dtype=torch.bool)
        border[12:84] = False
        band = torch.zeros(96, 1)
        band[36:60] = 1
        found = []
        for shown in (k, k * band):
            with torch.no_grad():
                slope = to_complex(G1(0.0, to_channels(ifft(shown))))
            rows = fft(slope - E.normal(slope))[0].abs().square().sum(1)
            found.append(float(rows[border].sum() / rows.sum()))
        whole, alone = found
        assert alone < whole / 3


def rings() -> list[list[float]]:
    """FT mean, worst, LT mean, worst, LT − FT, Euler's difference, of each ring from the middle out."""
    found = numbers(r"\d\.\d +(?=\d\.\d\d/)")
    assert len(found) == 11
    return found


def test_where_fixed_and_learned_differ():
    said("Two methods trained alike are alike nearly everywhere")
    said("Between 0.1 and 0.3 the learned solver is a little better, by more than the Euler pair differs there")
    said("in the corners it is worse, and worse than leaving them empty")
    said("In the innermost ring the Euler pair differs most")
    found = rings()
    assert all(abs(r[4]) < 0.06 for r in found)
    assert all(r[4] < -abs(r[5]) for r in found[1:3])
    assert found[-1][2] > 1 and found[-1][4] > abs(found[-1][5])
    assert abs(found[0][5]) == max(abs(r[5]) for r in found)


def test_looks_agree_only_where_steps_are_short():
    said("LT-RK2's looks have next to nothing in common, before training as after")
    said("Heun's agree on a fresh network")
    said("until the second look *opposes* the first in the middle of the solve")
    five, ten, twenty = (numbers(f"FT-RK2 N = {n}:")[0] for n in (5, 10, 20))
    (fresh,), (learned,), (other,) = (numbers(f"{name}:") for name in ("FT-RK2 fresh", "LT-RK2 N = 5", "LT-RK2 fresh"))
    assert fresh[0] > 0.7 and five[0] < 0 and five[1] < -0.4
    assert five[0] < ten[0] < twenty[0] and twenty[0] > 0.7 and twenty[1] > 0
    assert abs(learned[0]) < 0.3 and abs(other[0]) < 0.3


def test_hypersolvers():
    said("is good at the $N$ it was fitted for and worthless beside it")
    said("The hypersolver is far below Euler at every $N$ and below Heun where steps are long")
    said("where they are short Heun passes it")
    ways = ("Euler", "Heun", "hypersolver", "hypersolver, untrained", "bare learned step")
    euler, heun, hyper, untrained, bare = (numbers(rf"{name} +(?=\d)")[0] for name in ways)
    assert all(h < e / 4 for h, e in zip(hyper, euler, strict=True))
    assert hyper[0] < heun[0] and hyper[-1] > heun[-1]
    assert untrained[-2] / untrained[-1] > 3, "four times the steps, order 1"
    assert bare[1] < heun[1] and all(bare[i] > 10 * bare[1] for i in (0, 2, 3))


def test_what_another_number_of_steps_does():
    said("The fixed solver bears every larger $N$ that we tried")
    said("with 20, four times too far, it falls apart")
    said("But give it back the factor $5/N$, and larger $N$ do no harm")
    table = {int(n): v for n in (3, 5, 7, 10, 20) for v in numbers(rf"{n:2} (?=\d\d\.\d/)")}
    fixed, plain, scaled = ([table[n][i] for n in (5, 7, 10, 20)] for i in (0, 2, 4))
    assert min(fixed) >= fixed[0] - 0.1 and min(scaled) >= scaled[0] - 0.1
    assert plain[-1] < plain[0] - 2, "20 steps"
    said("two more than it was trained with even help a little, two fewer cost a decibel")
    assert 0.1 < plain[1] - plain[0] < 0.6 and 0.6 < plain[0] - table[3][2] < 1.4


def orders(name: str) -> list[float]:
    (found,) = re.findall(rf"^{re.escape(name)}: order \[(.*)\]", chapter(NUMBER), re.MULTILINE)
    return [float(v) for v in found.split(",")]


def test_rescaled_it_is_of_order_one():
    said("**A learned RK2 is Euler's method on a larger $f$.**")
    assert all(abs(p - 1) < 0.25 for p in orders("LT-RK2, 5/N"))
    assert orders("FT-RK2")[-1] > 1.6


def test_seeds_of_the_table():
    said("LT-RK2 of seed 0 is far ahead of FT-RK2")
    said("Its seeds 1 and 2 are level with LT-Euler")
    assert gap("lt-rk2", "ft-rk2") > 3 * noise_floor()
    said("Seed 0 against seed 0")
    own, euler = seeds("lt-rk2").seed_means("psnr"), row("lt-euler").interval("psnr").mean
    assert own[0] > euler + noise_floor()
    assert all(abs(mean - euler) < noise_floor() for mean in own[1:3])


def test_ties_at_three_times_the_length():
    said("LT-RK2 is ahead of FT-RK2, of LT-Euler and of D5C5 by one or two tenths of a decibel")
    said("At 6,000 steps fixed, learned and D5C5 are tied")
    for other in ("ft-rk2", "lt-euler", "d5c5"):
        assert 0.05 < gap("lt-rk2_long", f"{other}_long") < 0.25 <= TIE
    assert compare("lt-rk2_long", "ft-rk2_long").low < 0


def test_equal_compute():
    said("costs about as much as LT-RK2 for 2,000, and is ahead of each of its seeds")
    (line,), (unit,) = numbers(r"lt-euler_long +(?=\d)"), numbers(r"lt-rk2 +(?=\d)")
    assert abs(line[2] / unit[2] - 1) < 0.1, "counted operations"
    long = row("lt-euler_long").interval("psnr").mean
    assert all(long > mean + noise_floor() for mean in seeds("lt-rk2").seed_means("psnr"))


def test_the_methods_without_training():
    said("are ahead of LT-RK2's mean seed at 2,000 steps, and behind every row but the U-Net's at 6,000")
    means = seeds("lt-rk2").seed_means("psnr")
    assert len(means) >= 3
    for name in ("tv", "wavelet"):
        score = row(name).interval("psnr").mean
        assert score > sum(means) / len(means)
        for other in ("d5c5", "ft-euler", "lt-euler", "ft-rk2", "lt-rk2"):
            assert row(f"{other}_long").interval("psnr").mean > score
        assert row("unet_long").interval("psnr").mean < score


def test_the_papers_order():
    said("In the paper LT-RK2 leads LT-Euler, FT-RK2 and D5C5 at 4×")
    scores = {name: paper.TABLE1[name].psnr[4] for name in ("lt-rk2", "lt-euler", "ft-rk2", "d5c5")}
    assert max(scores, key=lambda name: scores[name]) == "lt-rk2"


def test_only_the_papers_equations_have_its_numbers():
    assert re.findall(r"\\tag\{(\w+)\}", chapter(NUMBER)) == ["11", "12", "13"]
