"""The page of answers says what the results files say: it is what the script writes from them today."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from reconode.metrics import Interval
from reconode.statistics import Comparison

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def answers():
    spec = importlib.util.spec_from_file_location("answers", ROOT / "benchmarks" / "experiment" / "answers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["answers"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_of_todays_results(answers):
    made = answers.page(answers.Answers(ROOT / "results" / "small"))
    assert answers.PAGE.read_text() == made, "run: python benchmarks/experiment/answers.py"


@pytest.mark.parametrize(
    "low, high, word",
    [(0.1, 0.3, "better"), (-0.3, -0.1, "worse"), (-0.1, 0.2, "no difference")],
)
def test_words_follow_the_interval(answers, monkeypatch, low, high, word):
    comparison = Comparison("psnr", Interval((low + high) / 2, low, high, 40), 0.5, 20, 40)
    small = answers.Answers(ROOT / "results" / "small")
    monkeypatch.setattr(small, "against", lambda *a, **k: comparison)
    assert word in small.say("lt-rk4", "d5c5")
    assert "−" in answers.minus(answers.dB(comparison)) or low > 0


def test_what_was_not_run_is_said(answers):
    small = answers.Answers(ROOT / "results" / "small")
    assert small.versus([("lt-rk4", "gradient-descent")], "x").count("not run") == 1
    assert small.say("lt-rk4", "gradient-descent").endswith("not run")
