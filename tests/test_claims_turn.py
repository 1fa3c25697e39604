"""The tests of claims can fail: each passes on the results, and fails when one row's scores are turned against it."""

from __future__ import annotations

import json
import shutil
from functools import partial

import claims
import pytest
import test_claims_answers as answers
import test_claims_ch5 as ch5
import test_claims_ch6 as ch6
import test_claims_ch7 as ch7
import test_claims_ch8 as ch8
import test_claims_ch10 as ch10
import test_claims_chapters as chapters

from reconode.experiment.seal import SEAL, seal

SMALL = claims.SMALL

TURNS = [
    (answers.test_the_floor_is_a_quarter_of_a_decibel, "lt-euler_4x_seed0", +0.5),
    (partial(answers.test_the_headline_rows_are_ties, "lt-rk4", "d5c5"), "lt-rk4_4x_seed*", +1),
    (partial(answers.test_the_headline_rows_are_ties, "lt-rk2", "d5c5"), "d5c5_4x_seed0_long", +1),
    (answers.test_lt_euler_is_within_the_floor_after_the_long_trainings, "lt-euler_4x_seed0_long", -1),
    (answers.test_lt_euler_is_within_the_floor_after_the_long_trainings, "ft-rk4_4x_seed0_long", -0.4),
    (answers.test_fixed_and_learned_at_the_tables_length, "lt-rk2_4x_seed0", -1),
    (answers.test_small_models_gained_most, "d5c5_4x_seed0_long", +1),
    (answers.test_beside_the_methods_without_training, "ft-euler_4x_seed0", +1),
    (answers.test_beside_the_methods_without_training, "lt-euler_4x_seed0_long", -1),
    (answers.test_at_8x_networks_lose_to_what_is_not_trained, "d5c5_8x_seed0", +1),
    (answers.test_at_8x_fine_tuned, "d5c5_8x_seed0_fine", -0.5),
    (answers.test_at_8x_fine_tuned, "pc-flow_8x_seed0_fine", -0.5),
    (answers.test_the_continuous_adjoint_without_early_stopping, "ft-euler_4x_seed0_slow", +1),
    (answers.test_anodes_defaults_cost_what_y_costs, "fa-rk2-anode_4x_seed0_short", +1),
    (answers.test_the_parts_of_lt_rk4, "lt-rk4-unshared_4x_seed0_short", +1),
    (answers.test_the_parts_of_lt_rk4, "lt-rk4-no-attention_4x_seed0_short", -1),
    (answers.test_compute_in_small_steps_and_not_parameters, "lt-euler-26_4x_seed0_long", -1),
    (answers.test_pc_flow, "pc-flow_4x_seed*", -1),
    (ch5.test_what_the_continuous_adjoint_costs, "fa-euler-continuous_4x_seed0", +1),
    (ch6.test_the_floor, "lt-euler_4x_seed0", +0.5),
    (ch6.test_equal_examples, "lt-rk4_4x_seed*", +1),
    (ch7.test_ties_at_three_times_the_length, "lt-rk2_4x_seed0_long", +1),
    (ch7.test_equal_compute, "lt-euler_4x_seed0_long", -2),
    (ch8.test_the_control_that_decides, "lt-euler-26_4x_seed0", -1),
    (ch8.test_held_apart, "ft-euler-wide_4x_seed0", +1),
    (ch10.test_the_first_picture, "ft-euler_4x_seed0_long", -1),
    (ch10.test_two_trainings_of_one_function_pass_the_papers_test, "lt-euler_4x_seed0", +0.5),
    (ch10.test_what_was_found, "fa-euler-continuous_4x_seed0", +0.5),
    (ch10.test_what_was_not_found, "lt-rk2_8x_seed0_fine", +1),
    (ch10.test_what_came_out_otherwise, "ft-rk4_4x_seed0_long", -1),
    (ch10.test_the_matrix_on_the_page_is_of_these_results, "lt-rk4_4x_seed*", -2),
    (ch10.test_the_recap, "d5c5_4x_seed0_long", -1),
    (chapters.test_fixed_solvers_of_the_table, "ft-rk4_4x_seed0", -1),
]


def name_of(turn):
    claim, files, decibels = turn
    return f"{getattr(claim, 'func', claim).__name__}-{files}{decibels:+g}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the results that the claims read in place of them."""
    copy = tmp_path / "results" / "small"
    shutil.copytree(SMALL, copy)
    for module in (claims, answers, ch5, ch6, ch7, ch8, ch10, chapters):
        if hasattr(module, "SMALL"):
            monkeypatch.setattr(module, "SMALL", copy)
    claims.everything.cache_clear()
    yield copy
    claims.everything.cache_clear()


@pytest.mark.parametrize("turn", TURNS, ids=name_of)
def test_a_turned_row_fails_the_claim(turn, folder):
    claim, files, decibels = turn
    claim()
    found = sorted(folder.glob(f"{files}.json"))
    assert found
    for path in found:
        content = json.loads(path.read_text(encoding="utf-8"))
        for volume in content["volumes"]:
            volume["psnr"] += decibels
        path.write_text(json.dumps(seal(content) if SEAL in content else content), encoding="utf-8")
    claims.everything.cache_clear()
    with pytest.raises(AssertionError):
        claim()
