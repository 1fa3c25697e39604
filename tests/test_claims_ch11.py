"""Chapter 11 says nothing that the results files or its own outputs contradict."""

from __future__ import annotations

import json
import re
from statistics import mean

import pytest
from claims import SMALL, chapter, gap, noise_floor, row
from claims import said as said_in

from reconode import zoo
from reconode.experiment import benchmark

NUMBER = 11
SHIFTS = json.loads((SMALL / "shifts.json").read_text())
LESIONS = json.loads((SMALL / "lesions.json").read_text())
RUNS = json.loads((SMALL / "long_run.json").read_text())
COILS = json.loads((SMALL / "eight_coils.json").read_text())
NETS = [f"{name}_long" for name in ("d5c5", "ft-euler", "lt-rk2", "lt-rk4", "lt-euler-26", "pc-flow")]
LEADERS = ["lt-euler-26_long", "pc-flow_long"]
OTHERS = [name for name in NETS if name not in LEADERS]


def said(sentence: str) -> None:
    said_in(chapter(NUMBER), sentence)


def psnr(dial: str, label: str, name: str) -> list[float]:
    (position,) = (p for p in SHIFTS["dials"][dial] if p["label"] == label)
    return position["scores"][name]["psnr"]


def ahead(dial: str, label: str, name: str, of: str = "tv") -> float:
    return mean(psnr(dial, label, name)) - mean(psnr(dial, label, of))


def least(dial: str, label: str, name: str) -> float:
    return min(a - b for a, b in zip(psnr(dial, label, name), psnr(dial, label, "tv"), strict=True))


def places():
    return [(dial, p["label"]) for dial, positions in SHIFTS["dials"].items() for p in positions]


@pytest.mark.parametrize("name", ["shifts", "lesions", "long_run"])
def test_files_are_of_the_benchmark_and_of_ten_knees(name):
    content = json.loads((SMALL / f"{name}.json").read_text())
    assert content["benchmark"]["fingerprint"] == benchmark.find("small").fingerprint
    for dial, label in places():
        assert all(len(psnr(dial, label, model)) == 10 for model in ["tv", "wavelet", "zero-filled", *NETS])
    assert len(LESIONS["knees"]) == 10 and len(RUNS["tv"]) == 10


def test_as_trained():
    said("LT-Euler-26 and PC-Flow lead, by more than a decibel, and the four others lie within four tenths")
    gains = {name: ahead("mask", "random", name) for name in NETS}
    assert min(gains[n] for n in LEADERS) > 1 + max(gains[n] for n in OTHERS)
    assert max(gains[n] for n in OTHERS) - min(gains[n] for n in OTHERS) < 0.4
    said("All six are ahead of total variation")
    assert min(gains.values()) > 1


def test_the_leaders_of_the_books_tables():
    said("with PC-Flow, our own, it leads the book's tables")
    for name in ("lt-euler-26", "pc-flow"):
        for end in ("", "_long"):
            for other in ("d5c5", "ft-euler", "ft-rk2", "ft-rk4", "lt-euler", "lt-rk2", "lt-rk4", "unet", "kiki-net"):
                assert gap(name + end, other + end) > noise_floor()


def test_acceleration():
    said("at 2× the wavelet is ahead of D5C5, and LT-RK4 and FT-Euler are level with it")
    assert ahead("acceleration", "2x", "d5c5_long", "wavelet") < -0.25
    assert all(abs(ahead("acceleration", "2x", n, "wavelet")) < 0.25 for n in ("lt-rk4_long", "ft-euler_long"))
    said("At 8× all six are still ahead of total variation on the mean, and on some knee each is a decibel behind it")
    assert all(ahead("acceleration", "8x", n) > 0.25 and least("acceleration", "8x", n) < -1 for n in NETS)


def test_masks():
    said("Equally spaced columns, which no training saw, cost nothing")
    assert all(ahead("mask", "equispaced", n) > ahead("mask", "random", n) - 0.1 for n in NETS)
    said("With one central line in place of nine, D5C5, FT-Euler and LT-RK4 fall below total variation")
    below = [n for n in NETS if ahead("mask", "one line", n) < 0]
    assert below == ["d5c5_long", "ft-euler_long", "lt-rk4_long"]


def test_noise():
    said("at 25 %, four times the most that training had, zero-filled is ahead of all six and of total variation")
    for name in [*NETS, "tv"]:
        assert ahead("noise", "25 %", "zero-filled", name) > 0.2
    said("Only the wavelet is above it")
    assert ahead("noise", "25 %", "wavelet", "zero-filled") > 0
    gains = [max(ahead("noise", f"{n} %", name) for name in NETS) for n in (2, 6, 12, 25)]
    said("The gain shrinks with the noise")
    assert gains == sorted(gains, reverse=True)


def test_phase():
    said("Total variation falls with it, by nine decibels at eight turns")
    lost = mean(psnr("phase", "0 turns", "tv")) - mean(psnr("phase", "8 turns", "tv"))
    assert round(lost) == 9
    said("At eight turns every network is below even zero-filled, if by a hair")
    assert all(-0.25 < ahead("phase", "8 turns", n, "zero-filled") < 0 for n in NETS)
    said("Up to two more turns cost little")
    assert all(ahead("phase", "2 turns", n) > 1 for n in NETS)


def test_grid_and_anatomy():
    said("A coarser and a finer grid leave all of them ahead")
    assert all(ahead("resolution", label, n) > 0.9 for label in ("72 x 84", "144 x 168") for n in NETS)
    said("On overlapping shapes, which were *in* the training, four of six are behind total variation")
    assert [n for n in NETS if ahead("anatomy", "shapes", n) < 0] == OTHERS
    said("Scramble half of the spectrum's phases, and all six are behind it")
    assert all(ahead("anatomy", "half scrambled", n) < -0.25 for n in NETS)
    said("scramble all, and none is above zero-filled by a tenth")
    assert all(ahead("anatomy", "scrambled", n, "zero-filled") < 0.1 for n in NETS)


def test_the_leaders_lead_everywhere_but_once():
    said("The two that lead where they were trained lead at every other position but one")
    off = []
    for dial, label in places():
        order = sorted(NETS, key=lambda n: -mean(psnr(dial, label, n)))
        if set(order[:2]) != set(LEADERS):
            off.append((dial, label))
    assert off == [("noise", "25 %")]


def kept(name: str, kind: str) -> list[float]:
    return sorted(v for knee in LESIONS["knees"] for v in knee["kept"][name][kind])


def test_lesions_removed():
    said("Of a disc of radius 1 the networks keep six tenths on the mean, total variation less than half")
    assert all(0.55 < mean(kept(n, "disc 1")) < 0.65 for n in NETS)
    assert mean(kept("tv", "disc 1")) < 0.5
    said("Who leads in PSNR keeps more")
    for kind in ("disc 1", "disc 2", "disc 3", "disc 4", "line upright"):
        shares = {n: mean(kept(n, kind)) for n in [*NETS, "tv"]}
        assert min(shares[n] for n in NETS) > shares["tv"]
        assert min(shares[n] for n in LEADERS) >= max(shares[n] for n in OTHERS) - 0.005
    said("The same line is kept to four fifths when it lies across, by every method, and to six tenths at most when")
    for name in [*NETS, "tv", "wavelet"]:
        assert 0.77 < mean(kept(name, "line across")) < 0.85
        assert 0.4 < mean(kept(name, "line upright")) < 0.6
    said("the unluckiest tenth of upright lines keep a third or less")
    assert all(kept(name, "line upright")[4] < 0.35 for name in [*NETS, "tv", "wavelet"])


def test_lesions_invented():
    said("The two leaders have the smallest false spots on the mean, a tenth of the maximum")
    false = {n: mean(k["false"][n] for k in LESIONS["knees"]) for n in [*NETS, "tv", "wavelet"]}
    assert sorted(false, key=lambda n: false[n])[:2] == sorted(LEADERS, key=lambda n: false[n])
    assert all(0.09 < false[n] < 0.13 for n in LEADERS)
    said("on its worst knee each has one of a fifth, nearly a lesion's brightness")
    assert all(0.18 < max(k["false"][n] for k in LESIONS["knees"]) < LESIONS["bright"] for n in LEADERS)


def test_the_adversary():
    def brighter(who: str, where: str) -> float:
        return mean(k["adversary"][who][where] for k in LESIONS["knees"])

    own = brighter("lt-euler-26_long", "lt-euler-26_long")
    said("LT-Euler-26 makes twice as much of its own adversary's change as total variation does")
    assert 1.8 < own / brighter("lt-euler-26_long", "tv") < 2.4
    said("some fifty times what it makes of a random one")
    assert 40 < own / brighter("random", "lt-euler-26_long") < 65
    said("Zero-filled brightens too: a good quarter of the spot is in the data")
    assert 0.25 < brighter("lt-euler-26_long", "zero-filled") / own < 0.35


def real(name: str) -> dict[str, float]:
    model, _, variant = name.partition("_")
    file = SMALL / "transfer" / f"{model}_4x_seed0{f'_{variant}' if variant else ''}.json"
    tests = json.loads(file.read_text())["tests"]
    return {t["test"]: t["volumes"][0]["psnr"] for t in tests if t["group"] == "real"}


def test_real_anatomy():
    said("All four networks are ahead of total variation on all of them, PC-Flow by the most")
    base = real("tv")
    scores = {n: real(n) for n in ("d5c5_long", "lt-rk4_long", *LEADERS)}
    for test, tv in base.items():
        assert min(s[test] for s in scores.values()) > tv
        assert max(scores, key=lambda n: scores[n][test]) == "pc-flow_long"


def test_beyond_the_paper():
    said("A tie at each length")
    assert abs(gap("pc-flow", "lt-euler-26")) < noise_floor()
    assert abs(gap("pc-flow_long", "lt-euler-26_long")) < noise_floor()
    assert abs(gap("pc-flow_20k", "lt-euler-26_20k")) < noise_floor()
    said("with a fifth of the parameters")
    assert zoo.find("lt-euler-26").parameters / zoo.find("pc-flow").parameters == pytest.approx(0.2, abs=0.01)
    said("one training each")
    assert len({row("lt-euler-26_long").first.seed, row("pc-flow_long").first.seed}) == 1
    said("On the dials the sign of their difference turns")
    signs = {ahead(d, p, LEADERS[1], LEADERS[0]) > 0 for d, p in places()}
    assert signs == {True, False}


def test_eight_coils():
    def miss(name: str) -> float:
        return mean(split[name] for split in COILS["splits"])

    said("**Total variation predicts best**, then the wavelet, then PC-Flow; every network is behind both")
    networks = [n for n in COILS["splits"][0] if n.endswith(("_long", "_fine"))]
    assert len(networks) == 12 and len(COILS["splits"]) == 2
    assert miss("tv") < miss("wavelet") < min(map(miss, networks))
    assert min(networks, key=miss).startswith("pc-flow")
    said("The coils alone (`sense`: least squares, no prior) miss most of what is hidden")
    assert 0.5 < miss("sense") < 1


def after(name: str, steps: int, key: str = "psnr") -> float:
    return mean(line[steps] for line in RUNS["held"][name][key])


def test_more_steps():
    said("gain a quarter to a half of a decibel in the next three, then come apart, and end below 10 dB")
    for name in ("ft-euler_long", "lt-rk4_long"):
        assert RUNS["held"][name]["trained"] == 5
        assert 0.25 <= after(name, 8) - after(name, 5) < 0.5
        assert after(name, 60) < 10
    said("PC-Flow loses five")
    assert 4.5 < after("pc-flow_long", 15) - after("pc-flow_long", 60) < 5.5
    name = "lt-euler-26_long"
    said("LT-Euler-26 stays within two tenths of its best up to step 60, and each step still moves the image by half a")
    scores = [after(name, n) for n in range(26, 61)]
    assert max(scores) - min(scores) < 0.2
    assert 0.004 < after(name, 59, "move") < 0.007
    said("after 35 steps the two paths are as far apart as at first, 15 % of the image")
    apart = [mean(v) for v in zip(*RUNS["held"][name]["apart"], strict=True)]
    assert len(apart) == 36
    assert apart[-1] == pytest.approx(0.15, abs=0.01) and apart[0] == pytest.approx(apart[-1], abs=0.02)
    assert mean(line[-1] for line in RUNS["held"][name]["truth"]) > 35


def test_a_budget():
    budget = {name: {int(n): mean(v) for n, v in counts.items()} for name, counts in RUNS["budget"].items()}
    said("from eight steps on its score is flat")
    flat = [v for n, v in budget["ft-euler_long"].items() if n >= 8]
    assert max(flat) - min(flat) < 0.05 and len(flat) >= 4
    said("With 13 in place of 26 LT-Euler-26 loses more than a decibel, and 52 bring nothing")
    learned = budget["lt-euler-26_long"]
    assert learned[26] - learned[13] > 1 and learned[52] <= learned[26]


def output(pattern: str) -> list[float]:
    (found,) = re.findall(pattern, chapter(NUMBER))
    return [float(v) for v in (found if isinstance(found, tuple) else (found,))]


def test_the_bridge():
    said("Up to the middle of its way the trained flow misses by more than standing still would")
    misses = {float(t): float(m) for t, m in re.findall(r"t = ([\d.]+): misses by ([\d.]+)", chapter(NUMBER))}
    assert min(misses[t] for t in (0.0, 0.2, 0.4)) > 1.2
    said("loses a decibel, and more with more steps")
    loops = {n: float(v) for n, v in re.findall(r"(the \w+, \d+) +([\d.]+) dB", chapter(NUMBER))}
    assert 0.8 < loops["the solve, 5"] - loops["the loop, 5"] < 1.3
    assert loops["the loop, 20"] < loops["the loop, 5"]


def test_orientation_is_es():
    assert output(r"upright +(\d+)% of")[0] < 30 < 60 < output(r"across +(\d+)% of")[0]


def test_only_what_is_added_is_wrong():
    said("every reconstruction *says* the same, $E^H y$, and the whole error is in what is added")
    assert output(r"what is said differs by (\S+)")[0] < 1e-5
    assert output(r"the data differ by (\S+)")[0] < 1e-5
    assert output(r"the reconstructions by (\S+) of")[0] < 1e-4


def test_only_the_papers_equations_have_its_numbers():
    assert re.findall(r"\\tag\{(\w+)\}", chapter(NUMBER)) == []
