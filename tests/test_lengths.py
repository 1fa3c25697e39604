"""Rows of unequal length: equal compute, what a doubling brought, and the noise floor, on made-up results."""

from __future__ import annotations

import json
import math

import pytest
from test_results import made_up_run, made_up_transfer, save
from test_table import column, run

from reconode.errors import DataError
from reconode.experiment import floor, lengths, results, tables
from reconode.figures import results as drawing

COSTS = {"lt-rk4": 4.0, "d5c5": 1.0, "lt-euler": 1.0, "ft-euler": 1.0, "unet": 0.1}


def longer(model, level, steps, seed=0, variant="long", **values):
    made = made_up_run(model, seed, variant=variant, level=level)
    made["training"] |= {"steps": steps, "seconds": 3600.0, **values}
    return made


@pytest.fixture
def folder(tmp_path):
    """LT-RK4 at 1,000 steps; D5C5 at 1,000 and 3,000, a quarter of its price a step; one function twice; seeds."""
    runs = [
        made_up_run("tv", level=23),
        *(made_up_run("lt-rk4", seed, level=25 + seed) for seed in (0, 1)),
        made_up_run("d5c5", level=24),
        longer("d5c5", 26, 3000),
        made_up_run("lt-euler", level=24.3),
        made_up_run("ft-euler", level=24.0),
        made_up_run("unet", level=22),
        made_up_run("fa-euler-continuous", level=22),
        made_up_run("d5c5", acceleration=8.0, level=20),
    ]
    told = {"rows_measured": [{"model": name, "tflop_a_step": cost} for name, cost in COSTS.items()]}
    save(tmp_path / "made-up", *runs)
    (tmp_path / "made-up" / lengths.COUNTED).write_text(json.dumps(told))
    return tmp_path / "made-up"


def test_equal_compute_takes_the_nearest_length_and_says_it(folder):
    table = lengths.compute_table(results.read_all(folder), lengths.read_costs(folder))
    steps, compute = column(table, "steps"), column(table, "compute")
    assert (steps["D5C5"], compute["D5C5"]) == ("3,000", "0.75"), "not 1,000, which is 0.25"
    assert (steps["ReconODE-LT-RK4"], compute["ReconODE-LT-RK4"]) == ("1,000", "1.00")
    assert compute["U-Net"] == "0.03" and steps["Total variation"] == "–"
    assert column(table, "PSNR")["D5C5"].startswith(("25.9", "26.0")), "scores are of that length"
    assert "FA-Euler, continuous" not in steps
    assert column(table, "Δ to ReconODE-LT-RK4")["D5C5"].startswith(("+0.4", "+0.5"))
    assert any("2 seeds of ReconODE-LT-RK4 lie" in note for note in table.notes), "the floor stands under it"


def test_a_doubling_is_what_lies_between_two_lengths(folder):
    found = {one.last.row.first.model: one for one in lengths.progress(results.read_all(folder), COSTS)}
    runs = {(r.variant, r.acceleration): r for r in results.read_all(folder) if r.model == "d5c5"}
    short, long = (sum(v.psnr for v in runs[variant, 4.0].volumes) / 12 for variant in ("", "long"))
    assert found["d5c5"].brought == pytest.approx((long - short) / math.log2(3))
    assert found["lt-rk4"].brought is None and found["d5c5"].last.steps == 3000
    assert found["d5c5"].hours == pytest.approx((3600 + 10 + 10) / 3600), "all its trainings, 8x too"
    assert "fa-euler-continuous" not in found
    table = lengths.progress_table(results.read_all(folder))
    assert column(table, "a doubling brought, dB")["ReconODE-LT-RK4"] == "–"


@pytest.fixture
def three(folder):
    """D5C5 at a third length, in bf16, and LT-RK4 at a second, which is another budget."""
    longest = longer("d5c5", 26.5, 10000, variant="20k")
    longest["training"]["settings"] |= {"precision": "bf16"}
    save(folder, longest, longer("lt-rk4", 26, 3000))
    return folder


def test_a_third_length_is_measured_from_the_second(three):
    runs = results.read_all(three)
    found = {one.last.row.first.model: one for one in lengths.progress(runs, COSTS)}
    means = {r.variant: sum(v.psnr for v in r.volumes) / 12 for r in runs if r.row[0] == "d5c5" and r.acceleration == 4}
    assert found["d5c5"].brought == pytest.approx((means["20k"] - means["long"]) / math.log2(10 / 3))
    assert found["d5c5"].last.steps == 10000 and found["lt-rk4"].last.steps == 3000


def test_another_budget_takes_other_lengths(three):
    runs, costs = results.read_all(three), lengths.read_costs(three)
    table = lengths.compute_table(runs, costs, "lt-rk4_long")
    steps, compute = column(table, "steps"), column(table, "compute")
    assert steps["D5C5"] == "10,000" and compute["D5C5"] == "0.83", "3,000 steps are 0.25"
    assert steps["ReconODE-LT-RK4"] == "3,000" and compute["ReconODE-LT-RK4"] == "1.00"
    assert table.caption.startswith("Equal compute at 4×, long")
    assert column(lengths.compute_table(runs, costs), "steps")["D5C5"] == "3,000"


def test_half_precision_is_said_by_name_where_it_was_used(three):
    runs = results.read_all(three)
    said = "Trained with convolutions in bf16: D5C5 at 4×. All are tested in single precision."
    assert said in tables.table1(runs, "made-up", [4], "20k").notes
    (note,) = (n for n in lengths.compute_table(runs, lengths.read_costs(three), "lt-rk4_long").notes if "bf16" in n)
    assert note == said.replace("D5C5", "D5C5 (20k)")
    others = (*tables.table1(runs, "made-up", [4], "long").notes, *tables.table1(runs, "made-up", [4]).notes)
    assert not any("bf16" in note for note in others)


def test_the_slope_is_of_the_last_quarter_in_doublings():
    way = [(step, 10 + 0.5 * math.log2(step), 0, 0) for step in (750, 800, 900, 1000)]
    assert lengths.last_slope([(10, -100, 0, 0), (700, 99, 0, 0), *way]) == pytest.approx(0.5)
    assert math.isnan(lengths.last_slope([(1, 2, 0, 0), (1000, 3, 0, 0)]))


def test_the_noise_floor_is_measured(folder):
    runs = results.read_all(folder)
    (said,) = floor.floor_notes(runs, 4)
    means = {r.model: sum(v.psnr for v in r.volumes) / 12 for r in runs if r.model in floor.FLOOR}
    assert f"differ by {abs(means['lt-euler'] - means['ft-euler']):.2f} dB" in said
    assert "2 seeds of ReconODE-LT-RK4 lie" in said and "D5C5" not in said
    assert floor.floor_notes(runs, 8, ("long",)) == ["Noise floor at 8×, long: not measured."]


def test_the_noise_floor_of_transfer(tmp_path):
    moved = [made_up_transfer("lt-rk4", 0, 2.0), made_up_transfer("lt-rk4", 1, 3.0), made_up_transfer("tv")]
    told = results.read_all_transfer(save(tmp_path, *moved))
    assert floor.transfer_floor(told, ["real-knee"]) == [
        "Noise floor: 2 seeds of ReconODE-LT-RK4 lie up to 1.00 dB apart."
    ]
    assert "not measured" in floor.transfer_floor(told[-1:], ["real-knee"])[0]


def test_what_is_missing_is_one_sentence(folder, tmp_path):
    runs = results.read_all(folder)
    with pytest.raises(DataError, match="no operations counted there"):
        lengths.read_costs(tmp_path)
    with pytest.raises(DataError, match="no operations are counted for lt-rk4"):
        lengths.compute_table(runs, {"d5c5": 1.0})
    with pytest.raises(DataError, match="no trainings at 6x"):
        lengths.progress_table(runs, 6)
    with pytest.raises(DataError, match="counted operations"):
        drawing.gains_of_length(runs, {})


def test_the_command_prints_each_length_apart(folder):
    said = run("--results", folder.parent, "--format", "markdown").stdout
    places = [
        said.index(part) for part in ("Table 1: ", "Table 1, long trainings of 3,000 steps", "Equal compute", "How far")
    ]
    assert places == sorted(places)
    assert "Equal compute" in run("compute", "--results", folder.parent).stdout
    assert "How far each row came" in run("lengths", "--results", folder.parent).stdout
    assert said.count("Equal compute at") == 1, "a second budget comes with the third length"
    save(folder, longer("d5c5", 26.5, 10000, variant="20k"), longer("lt-rk4", 26, 3000))
    said = run("--results", folder.parent, "--format", "markdown").stdout
    assert said.count("Equal compute at") == 2 and "Table 1, 20k trainings of 10,000 steps" in said
    (folder / lengths.COUNTED).unlink()
    assert "Equal compute" not in run("--results", folder.parent).stdout, "what was not counted is left out"


def test_a_line_a_row_from_length_to_length(folder):
    axis = drawing.gains_of_length(results.read_all(folder), COSTS).axes[0]
    lines = {line.get_label(): list(line.get_xdata()) for line in axis.get_lines()}
    assert lines["D5C5"] == [1000.0, 3000.0] and lines["LT-RK4"] == [4000.0]


def test_a_line_goes_from_the_shortest_to_the_longest(three):
    axis = drawing.gains_of_length(results.read_all(three), COSTS).axes[0]
    lines = {line.get_label(): list(line.get_xdata()) for line in axis.get_lines()}
    assert lines["D5C5"] == [1000.0, 3000.0, 10000.0]


def test_unequal_lengths_share_no_table_of_transfer(tmp_path):
    made = [made_up_transfer(name, gain=gain) for name, gain in (("zero-filled", 0.0), ("tv", 1.0), ("d5c5", 2.0))]
    made.append({**made_up_transfer("d5c5", gain=3.0), "variant": "long"})
    made.append({**made_up_transfer("d5c5", gain=4.0, acceleration=8.0), "variant": "fine"})
    told = results.read_all_transfer(save(tmp_path, *made))
    usual, long = tables.transfer_tables(told, "real")
    assert [row[0] for row in usual.rows] == [row[0] for row in long.rows] == ["Zero-filled", "Total variation", "D5C5"]
    assert usual.rows[2][1] == "26.00 / 0.500" and long.rows[2][1] == "27.00 / 0.500"
    assert "long trainings" in long.caption and "trainings" not in usual.caption.partition(":")[0]
    (fine,) = tables.transfer_tables(told, "real", 8)
    assert "fine trainings" in fine.caption and [row[0] for row in fine.rows] == ["D5C5"]
