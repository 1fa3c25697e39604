"""The pages of answers: tables and differences from the results files, and what is said where there are none."""

from __future__ import annotations

import importlib
import re
import statistics
from pathlib import Path

import pytest
import torch
from reconode_book import answers, evidence
from test_results import made_up_run, save

from reconode import masks, networks
from reconode.experiment import benchmark
from reconode.experiment.rows import Comparison
from reconode.metrics import Interval
from reconode.physics import HYBRID, fft

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "results" / "small"


@pytest.mark.parametrize("name", answers.EVIDENCE)
def test_each_table_is_made(name):
    made = answers.EVIDENCE[name](answers.small())
    assert made.strip() and "nan" not in made


def test_the_pages_ask_for_what_there_is():
    asked = set()
    for page in ("answers.md", "pc_flow.md", "low_signal.md"):
        text = (ROOT / "book" / page).read_text()
        asked |= set(re.findall(r"```\{evidence\} (\S+)", text))
        for pair in re.findall(r"\{gap\}`([^`]+)`", text):
            assert re.fullmatch(r"[+−]\d\.\d\d \[.*\] dB", answers.difference(pair, answers.small())), pair
    assert asked == set(answers.EVIDENCE)


def test_without_results_tables_say_so(tmp_path):
    empty = evidence.Answers(tmp_path)
    assert answers.difference("lt-rk4, d5c5", empty) == "not run"
    for name in ("order-long", "gradients", "rates", "steps", "both-ways", "pc-flow-way", "transfer-real", "gains"):
        assert "not run" in answers.EVIDENCE[name](empty).lower(), name


@pytest.mark.parametrize("low, high", [(0.1, 0.3), (-0.3, -0.1)])
def test_a_loss_has_a_minus_sign(low, high):
    comparison = Comparison("psnr", Interval((low + high) / 2, low, high, 40), 0.5, 20, 40)
    assert ("−" in evidence.minus(evidence.dB(comparison))) == (low < 0)


def test_what_was_not_run_is_said():
    small = evidence.Answers(ROOT / "results" / "small")
    assert small.versus([("lt-rk4", "gradient-descent")], "x").count("not run") == 1


def test_differences_by_seed_are_of_equal_seeds(tmp_path):
    runs = [made_up_run("lt-rk4", seed, level=25 + seed / 10) for seed in range(3)]
    runs += [made_up_run("d5c5", seed, level=24.5) for seed in (0, 2)] + [made_up_run("lt-rk2", 1, level=24.5)]
    small = evidence.Answers(save(tmp_path, *runs))
    assert small.shared_seeds("lt-rk4", "d5c5", 4) == [0, 2]
    each = [
        statistics.mean(v["psnr"] - w["psnr"] for v, w in zip(runs[i]["volumes"], runs[j]["volumes"], strict=True))
        for i, j in ((0, 3), (2, 4))
    ]
    table = small.by_seed([("lt-rk4", "d5c5"), ("lt-rk4", "lt-rk2")], "x")
    assert f"{each[0]:+.2f}, {each[1]:+.2f}" in evidence.minus(table).replace("−", "-")
    assert f"± {statistics.stdev(each):.2f}" in table
    assert "lt-rk2" not in table.lower(), "one seed is no spread"
    assert small.by_seed([("lt-rk4", "lt-rk2")], "x") == "x: not run."


def test_gains_are_of_the_same_seed(tmp_path):
    runs = [made_up_run("lt-rk4", seed, level=25 + seed) for seed in range(2)]
    runs += [made_up_run("lt-rk4", 1, variant="long", level=26.5)]
    table = evidence.Answers(save(tmp_path, *runs)).gains(["lt-rk4", "d5c5"], "long", "x")
    gain = statistics.mean(v["psnr"] - w["psnr"] for v, w in zip(runs[2]["volumes"], runs[1]["volumes"], strict=True))
    assert f"{gain:+.2f} [" in table
    assert table.count("not run") == 1


def test_what_the_data_take_back_lies_in_the_measured_columns(monkeypatch):
    """All states agree with the data already, so the correction is the proposal's measured part, sign turned."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "experiment")
    pc_flow = importlib.import_module("pc_flow")
    torch.manual_seed(0)
    model = pc_flow.PCFlow(pieces=2, repeats=2).eval()
    knee = benchmark.in_memory(benchmark.Benchmark("tiny", (64, 72), volumes=1, slices=1), 0)
    mask = masks.random(72, 4, seed=knee.name)
    y, E, _ = knee.scaled(mask)
    expected = []
    with torch.no_grad():
        states = model.trajectory(y, E)
        x, c = networks.to_channels(states[0]), torch.zeros(1, 2, 64, 72)
        for step, after in enumerate(states[1:]):
            g = model.pieces[step // 2](torch.cat([x, c], 1))
            lines = fft(networks.to_complex(g), HYBRID)
            expected.append(float((lines * mask).norm() / lines.norm()))
            c = networks.to_channels(after) - x - g
            x = networks.to_channels(after)
    assert pc_flow.taken_back(model, [knee]) == pytest.approx(expected, rel=1e-4)
    assert all(0.1 < share < 1 for share in expected)
    at_start = pc_flow.psnr(pc_flow.At(model, 0), [knee])
    assert at_start == pytest.approx(pc_flow.psnr(lambda y, E: E.H(y), [knee]))
