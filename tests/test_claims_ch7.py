"""Chapter 7 says nothing that the results files or its own outputs contradict."""

from __future__ import annotations

import re

from claims import TIE, chapter, compare, gap, noise_floor, row, seeds
from claims import said as said_in

from reconode.experiment import paper

NUMBER = 7


def said(sentence: str) -> None:
    said_in(chapter(NUMBER), sentence)


def numbers(pattern: str) -> list[list[float]]:
    """The numbers of each line of the outputs that the pattern begins, after what it matches."""
    found = re.findall(rf"^{pattern}(.*)$", chapter(NUMBER), re.MULTILINE)
    return [[float(v) for v in re.findall(r"[-+]?\d+\.?\d*", line)] for line in found]


def test_the_first_look_keeps_to_a_band_and_the_second_does_not():
    said("Stage 1 paints broad vertical streaks")
    (first,), (second,) = numbers("LT-RK2 F1:"), numbers("LT-RK2 F2:")
    (one,), (two,) = numbers("FT-RK2 F1:"), numbers("FT-RK2 F2:")
    assert first[0] < second[0] / 3 and first[2] < second[1], "on every knee"
    assert abs(one[0] - two[0]) < 3, "both looks of Heun fill the same cloud"


def test_the_attention_is_close_to_two_numbers():
    said("on the worst knee a few tenths of a decibel at most")
    for line in numbers(r" +error (?=[+-])"):
        mean, worst = line
        assert abs(mean) < 0.1 and worst < 0.3


def rings() -> list[list[float]]:
    """FT mean, worst, LT mean, worst, LT − FT, Euler's difference, of each ring from the middle out."""
    found = numbers(r"\d\.\d +(?=\d\.\d\d/)")
    assert len(found) == 9
    return found


def test_where_fixed_and_learned_differ():
    said("Two methods trained alike are alike nearly everywhere")
    said("Between 0.1 and 0.3 the learned solver is a little better, by more than the Euler pair differs there")
    said("in the outermost ring, where there is mostly noise, it is worse, and worse than leaving the ring empty")
    said("In the innermost ring the Euler pair itself differs most")
    found = rings()
    assert all(abs(r[4]) < 0.06 for r in found)
    assert all(r[4] < -abs(r[5]) for r in found[1:3])
    assert found[-1][2] > 1 and found[-1][4] > abs(found[-1][5])
    assert abs(found[0][5]) == max(abs(r[5]) for r in found)


def test_looks_agree_only_where_steps_are_short():
    said("LT-RK2's looks have next to nothing in common. But at its own $N = 5$ neither have FT-RK2's!")
    five, ten, twenty = (numbers(f"FT-RK2, N = {n:2}:")[0][0] for n in (5, 10, 20))
    (learned,) = numbers("LT-RK2, N =  5:")
    assert abs(five) < 0.3 and abs(learned[0]) < 0.3
    assert five < ten < twenty and twenty > 0.7


def test_what_another_number_of_steps_does():
    said("The fixed solver bears any larger $N$")
    said("with 20 steps falls apart")
    said("But give it back the factor $5/N$, and it bears them as well")
    table = {int(n): v for n in (3, 5, 7, 10, 20) for v in numbers(rf"{n:2} (?=\d\d\.\d/)")}
    fixed, plain, scaled = ([table[n][i] for n in (5, 7, 10, 20)] for i in (0, 2, 4))
    assert min(fixed) >= fixed[0] - 0.1 and min(scaled) >= scaled[0] - 0.1
    assert plain[-1] < plain[0] - 2, "20 steps"
    said("does not mind a step or two more or fewer")
    assert plain[1] > plain[0] - 0.5


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
    own, euler = seeds("lt-rk2").seed_means("psnr"), row("lt-euler").interval("psnr").mean
    assert len(own) == 3 and own[0] > euler + noise_floor()
    assert all(abs(mean - euler) < noise_floor() for mean in own[1:])


def test_ties_at_three_times_the_length():
    said("LT-RK2 is ahead of FT-RK2, of LT-Euler and of D5C5 by one or two tenths of a decibel")
    said("at 6,000 steps fixed, learned and D5C5 are tied")
    for other in ("ft-rk2", "lt-euler", "d5c5"):
        assert 0.05 < gap("lt-rk2_long", f"{other}_long") < 0.25 <= TIE
    assert compare("lt-rk2_long", "ft-rk2_long").low < 0


def test_equal_compute():
    said("costs about as much as LT-RK2 for 2,000, and is ahead of each of its seeds")
    (line,), (unit,) = numbers(r"lt-euler_long +(?=\d)"), numbers(r"lt-rk2 +(?=\d)")
    assert abs(line[-1] / unit[-1] - 1) < 0.1, "counted operations"
    long = row("lt-euler_long").interval("psnr").mean
    assert all(long > mean + noise_floor() for mean in seeds("lt-rk2").seed_means("psnr"))


def test_the_methods_without_training():
    said("are ahead of LT-RK2's mean seed at 2,000 steps, and behind every row but the U-Net's at 6,000")
    means = seeds("lt-rk2").seed_means("psnr")
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
