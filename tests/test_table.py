"""The tables, the command that prints them and their figures, all on made-up results."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from test_results import made_up_run, made_up_transfer, save
from typer.testing import CliRunner

from reconode import statistics
from reconode.cli.__main__ import app
from reconode.errors import DataError
from reconode.experiment import results, tables
from reconode.experiment import rows as table_rows
from reconode.experiment.plan import TABLE1
from reconode.experiment.typeset import Table
from reconode.figures import colors
from reconode.figures import results as drawing


def run(*arguments, status=0):
    result = CliRunner().invoke(app, ["table", *map(str, arguments)])
    assert result.exit_code == status, result.output + result.stderr
    return result


@pytest.fixture
def folder(tmp_path):
    """Results of some rows: LT-RK4 with three seeds, KIKI-Net unfinished, U-Net on more examples, one row at 8x."""
    runs = [
        made_up_run("zero-filled", level=21),
        made_up_run("unet", level=23),
        made_up_run("kiki-net", level=24),
        made_up_run("fa-euler", level=24.5),
        made_up_run("fa-rk4-continuous", level=24.4),
        *(made_up_run("lt-rk4", seed, level=25 + seed / 10) for seed in range(3)),
        made_up_run("lt-rk4", variant="short", level=24),
        made_up_run("lt-rk4-no-attention", level=24.8),
        made_up_run("pc-flow", level=26),
        made_up_run("lt-rk4", acceleration=8.0, level=22),
    ]
    runs[1]["training"]["examples"] = 4000
    runs[2]["training"] |= {"finished": False, "steps": 300, "examples": 300, "failed": "the loss is NaN"}
    for moved in (made_up_transfer("zero-filled"), made_up_transfer("tv", gain=1.5), made_up_transfer("d5c5", gain=-1)):
        save(tmp_path / "made-up", moved)
    save(tmp_path / "made-up", made_up_transfer("lt-rk4", 0, 2.0), made_up_transfer("lt-rk4", 1, 3.0))
    return save(tmp_path / "made-up", *runs)


def column(table, heading):
    at = table.header.index(heading)
    return {row[0]: row[at] for row in table.rows}


class TestTable1:
    def test_rows_in_the_papers_order(self, folder):
        table = tables.table1(results.read_all(folder), "made-up", [4.0, 8.0])
        assert [row[0] for row in table.rows] == [
            "Zero-filled",
            "Total variation",
            "Wavelet",
            "U-Net",
            "KIKI-Net",
            "D5C5",
            "ReconODE-FA-Euler",
            "ReconODE-FA-RK2",
            "FA-RK4, continuous",
            *(f"ReconODE-{how}-{solver}" for how in ("FT", "LT") for solver in ("Euler", "RK2", "RK4")),
            "Neural ODE",
            "PC-Flow",
        ]

    def test_numbers_come_from_the_files(self, folder):
        runs = results.read_all(folder)
        table = tables.table1(runs, "made-up", [4.0, 8.0])
        ours = column(table, "PSNR 4×")
        mean = np.mean([v.psnr for r in runs if r.row == ("lt-rk4", "") and r.acceleration == 4 for v in r.volumes])
        assert re.fullmatch(rf"{mean:.2f} \[\d\d\.\d\d, \d\d\.\d\d\]", ours["ReconODE-LT-RK4"])
        assert ours["D5C5"] == "not run" and column(table, "PSNR 4×, paper")["D5C5"] == "32.11"
        assert column(table, "PSNR 8×")["U-Net"] == "not run"
        assert column(table, "SSIM 8×, paper")["ReconODE-LT-RK4"] == "0.6617"
        assert column(table, "SSIM 4×, paper")["FA-RK4, continuous"] == "0.7027"
        assert column(table, "parameters")["D5C5"] == "144,650"
        assert re.fullmatch(r"3 \(±0\.\d\d dB\) / 1", column(table, "seeds 4× / 8×")["ReconODE-LT-RK4"])
        assert column(table, "seeds 4× / 8×")["Zero-filled"] == "– / –"

    def test_what_could_mislead_is_said(self, folder):
        table = tables.table1(results.read_all(folder), "made-up", [4.0])
        assert column(table, "PSNR 4×")["KIKI-Net"].endswith("†")
        assert not column(table, "PSNR 4×")["U-Net"].endswith("†")
        notes = "\n".join(table.notes)
        assert "Each network saw 1,000 slabs of 48 rows, except U-Net at 4×: 4,000 slabs of 48 rows." in notes
        assert "KIKI-Net at 4× after 300 slabs of 48 rows, step 300 of 1,000 (the loss is NaN)." in notes
        assert "ReconODE-FA-Euler: discrete adjoint, the same gradients as FT's" in notes
        assert "FA-RK4, continuous: continuous adjoint" in notes
        assert "compare the order of the rows, not the numbers" in notes
        assert "no machine (1 thread, torch 0.0)" in notes
        for said in ("made-up", "00000000deadbeef", "96 × 112", "12 test volumes", "24 slices", "random masks"):
            assert said in table.caption

    def test_a_variant_has_a_table_of_its_own_with_the_classical_rows(self, folder):
        made = tables.table1(results.read_all(folder), "made-up", (4.0,), "short")
        assert [row[0] for row in made.rows] == ["Zero-filled", "ReconODE-LT-RK4"]
        assert "short trainings" in made.caption
        usual = tables.table1(results.read_all(folder), "made-up", (4.0,))
        psnr = [column(table, "PSNR 4×")["ReconODE-LT-RK4"][:4] for table in (made, usual)]
        assert float(psnr[0]) < float(psnr[1]), "the short one's scores are not the row's"
        with pytest.raises(DataError, match="no run of variant 'longer'"):
            tables.table1(results.read_all(folder), "made-up", (4.0,), "longer")
        assert "short trainings" in run("--results", folder.parent, "--variant", "short").stdout
        assert "has no such runs" in run("--results", folder.parent, "--variant", "x", status=1).stderr

    def test_every_row_of_the_queue_has_a_line(self, tmp_path):
        save(tmp_path, *map(made_up_run, TABLE1))
        table = tables.table1(results.read_all(tmp_path), "made-up", [4.0])
        assert len(table.rows) == len(TABLE1) and not any("not run" in row for row in table.rows)

    def test_benchmarks_are_never_mixed(self, folder):
        runs = results.read_all(folder)
        with pytest.raises(DataError, match="this table is of small"):
            tables.table1(runs, "small", [4.0])
        other = made_up_run("tv")
        other["benchmark"]["fingerprint"] = "1" * 16
        save(folder, other)
        with pytest.raises(DataError, match=r"tv_4x_seed0\.json is of benchmark made-up .*1111111111111111"):
            tables.table1(results.read_all(folder), "made-up", [4.0])


class TestOtherTables:
    def test_ablations_are_paired_with_the_baseline(self, folder):
        runs = results.read_all(folder)
        table = tables.ablation_table(runs)
        assert [row[0] for row in table.rows] == [
            "ReconODE-LT-RK4",
            "PC-Flow",
            "ReconODE-LT-RK4 (short)",
            "LT-RK4, no attention",
        ]
        pair = (tables.find_row(runs, name, 4.0) for name in ("lt-rk4-no-attention", "lt-rk4"))
        c = table_rows.compare(*pair)
        cell = column(table, "Δ PSNR")["LT-RK4, no attention"]
        low, mean, high = c.difference.low, c.difference.mean, c.difference.high
        assert cell == f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]".replace("-", "−")
        assert column(table, "higher PSNR")["PC-Flow"] == "12/12"
        assert column(table, "Δ PSNR")["ReconODE-LT-RK4"] == "–"
        raw = [
            table_rows.compare(tables.find_row(runs, name, 4.0), tables.find_row(runs, "lt-rk4", 4.0), metric).p
            for name in ("pc-flow", "lt-rk4_short", "lt-rk4-no-attention")
            for metric in ("psnr", "ssim")
        ]
        shown = [float(p) for heading in ("p of PSNR", "p of SSIM") for p in list(column(table, heading).values())[1:]]
        expected = statistics.holm(raw)
        assert shown == pytest.approx(expected[::2] + expected[1::2], rel=0.06)
        assert "Corrected for the table's 6 comparisons by Holm" in "\n".join(table.notes)
        assert [row[0] for row in tables.ablation_table(runs, "unet", models=["kiki-net"]).rows] == [
            "U-Net",
            "KIKI-Net",
        ]

    def test_no_baseline_is_said(self, folder):
        with pytest.raises(DataError, match=r"no run of d5c5 at 4x"):
            tables.ablation_table(results.read_all(folder), "d5c5")

    def test_contrasts_are_means_over_their_volumes(self, folder, tmp_path):
        runs = [made_up_run("zero-filled", level=21), *(made_up_run("lt-rk4", seed, level=25) for seed in (0, 1))]
        runs.append(made_up_run("d5c5", level=20))
        for made in runs:
            for volume in made["volumes"][::3]:
                volume["acquisition"] = "CORPDFS_FBK"
        table = tables.contrast_table(results.read_all(save(tmp_path / "other" / "two", *runs)))
        assert table.header == ("model", "CORPDFS_FBK (4 volumes)", "CORPD_FBK (8 volumes)", "seeds")
        fs = [v for made in runs[1:3] for v in made["volumes"] if v["acquisition"] == "CORPDFS_FBK"]
        psnr, ssim = (sum(v[key] for v in fs) / len(fs) for key in ("psnr", "ssim"))
        assert column(table, table.header[1])["ReconODE-LT-RK4"] == f"{psnr:.2f} / {ssim:.3f}"
        assert "‡" in column(table, table.header[2])["D5C5"] and "below zero-filled" in table.notes[-1]
        with pytest.raises(DataError, match="no results at 6x"):
            tables.contrast_table(results.read_all(folder), 6.0)
        assert "CORPD_FBK (12 volumes)" in run("contrast", "--results", folder.parent, "--acceleration", 8).stdout

    def test_transfer(self, folder):
        moved = results.read_all_transfer(folder)
        table = tables.transfer_table(moved, "noise")
        assert table.header == ("model", "noise 1 % (2 volumes)", "seeds")
        assert table.rows == (
            ("Zero-filled", "21.00 / 0.500", "–"),
            ("Total variation", "22.50 / 0.500", "–"),
            ("D5C5", "20.00‡ / 0.500", "1"),
            ("ReconODE-LT-RK4", "23.50 / 0.500", "2"),
        )
        assert any("below zero-filled" in note for note in table.notes)
        with pytest.raises(DataError, match="group phase at 4x"):
            tables.transfer_table(moved, "phase")

    def test_transfer_of_other_volumes_is_refused(self, folder):
        moved = made_up_transfer("unet")
        moved["tests"][0]["volumes"][0]["name"] = "other.h5"
        save(folder, moved)
        with pytest.raises(DataError, match="other volumes"):
            tables.transfer_table(results.read_all_transfer(folder), "real")


NASTY = Table(
    "50 % of a_b & c", ("model", "p | q"), (("A*B", "−1 [2, 3]†"), ("[x] {y} #1 $2 ~ ^ \\", "×")), ("a <b> ± 1 %.",)
)


class TestTypeset:
    def test_markdown(self):
        caption, table, note = NASTY.markdown().strip().split("\n\n")
        assert caption == "50 % of a\\_b & c" and note == "a \\<b> ± 1 %."
        lines = table.splitlines()
        assert len({len(line) for line in lines}) == 1, "columns that line up"
        assert re.fullmatch(r"\| -+ \| -+: \|", lines[1])
        assert "p \\| q" in lines[0] and "A\\*B" in lines[2]

    def test_latex(self):
        text = NASTY.latex()
        assert text.isascii()
        assert r"\caption{50 \% of a\_b \& c}" in text and r"A*B & $-$1 {[}2, 3]\textdagger{} \\" in text
        assert r"{[}x] \{y\} \#1 \$2 \textasciitilde{} \textasciicircum{} \textbackslash{} & $\times$ \\" in text
        for rule in ("toprule", "midrule", "bottomrule", "begin{tabular}{lr}", "end{table}"):
            assert f"\\{rule}" in text

    def test_latex_numbers_tables_itself(self, folder):
        made = tables.table1(results.read_all(folder), "made-up", [4.0])
        assert r"\caption{benchmark made-up" in made.latex() and made.markdown().startswith("Table 1: benchmark")
        both = run("table1", "--results", folder.parent, "--format", "latex").stdout
        assert both.count(r"\begin{table}") == 2, "one acceleration each, or it is wider than a page"

    def test_csv(self):
        header, first, second, *comments = csv.reader(io.StringIO(NASTY.csv()))
        assert header == ["model", "p | q"] and first == ["A*B", "-1 [2, 3]*"] and second[1] == "x"
        assert all(len(line) == 1 and line[0].startswith("# ") for line in comments)

    def test_all_tables_in_all_formats(self, folder):
        runs = results.read_all(folder)
        for table in (
            tables.table1(runs, "made-up", [4.0, 8.0]),
            tables.ablation_table(runs),
            tables.transfer_table(results.read_all_transfer(folder), "real"),
        ):
            assert table.latex().isascii() and table.csv().isascii()
            assert table.markdown().count("\n| ") == len(table.rows) + 2
            assert len(set(table.header)) == len(table.header)


class TestCommand:
    def test_table1_is_what_comes_by_default(self, folder):
        said = run("--results", folder.parent).stdout
        assert said.count("Table 1: benchmark made-up") == 2 and "PC-Flow" in said and "[2" in said
        once = run("table1", "--results", folder.parent, "--acceleration", 4).stdout
        assert once.count("Table 1: benchmark") == 1 and "8×" not in once

    @pytest.mark.parametrize("format_, begins", [("markdown", "Table 1:"), ("latex", "% needs"), ("csv", "model,")])
    def test_formats(self, folder, format_, begins):
        said = run("--results", folder.parent, "--format", format_).stdout
        assert said.startswith(begins) and "PC-Flow" in said and "\x1b" not in said

    def test_other_tables(self, folder):
        assert "LT-RK4, no attention" in run("ablations", "--results", folder.parent).stdout
        said = run("transfer", "--results", folder.parent, "--format", "markdown").stdout
        assert "Transfer, real" in said and "Transfer, noise" in said
        assert "Transfer, real" not in run("transfer", "--results", folder.parent, "--group", "noise").stdout
        said = run("compare", "lt-rk4_short", "lt-rk4", "--results", folder.parent, "--format", "csv").stdout
        assert said.startswith("score,ReconODE-LT-RK4 (short),ReconODE-LT-RK4,difference")
        files = [folder / f"{name}_4x_seed0.json" for name in ("unet", "kiki-net")]
        assert "U-Net against KIKI-Net at 4×" in run("compare", *files).stdout

    def test_several_benchmarks_never_share_a_table(self, folder):
        other = made_up_run()
        other["benchmark"]["name"] = "other"
        save(folder.parent / "other", other)
        said = run("--results", folder.parent, "--acceleration", 4).stdout
        assert said.index("Table 1: benchmark made-up") < said.index("Table 1: benchmark other")
        assert "choose with --benchmark" in run("ablations", "--results", folder.parent, status=1).stderr
        assert "PC-Flow" in run("--results", folder.parent, "--benchmark", "made-up").stdout
        said = run("--results", folder.parent, "--benchmark", "full", status=1).stderr
        assert "made-up, other only" in " ".join(said.split())

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (["--results", "nowhere"], "no results files there"),
            (["compare", "lt-rk4"], "compare needs two"),
            (["table1", "lt-rk4"], "takes no names"),
            (["compare", "lt-rk4", "lt-rk5", "--results", "{}"], "did you mean"),
            (["compare", "lt-rk4", "tv", "--results", "{}"], "no run of tv"),
            (["compare", "kiki-net", "lt-rk4", "--acceleration", "8", "--results", "{}"], "there are runs at 4x"),
            (["transfer", "--group", "noises", "--results", "{}"], "unknown group"),
            (["ablations", "--acceleration", "6", "--results", "{}"], "no run of lt-rk4 at 6x"),
            (["ablations", "unet-wide", "--results", "{}"], "no run of unet-wide"),
        ],
    )
    def test_errors_are_one_sentence(self, folder, arguments, message):
        said = run(*(a.format(folder.parent) for a in arguments), status=1).stderr
        assert message in " ".join(said.split()) and "Traceback" not in said


class TestFigures:
    def test_psnr_against_parameters(self, folder):
        figure = drawing.psnr_against_parameters(results.read_all(folder))
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert "PC-Flow" in legend and "ReconODE-LT-RK4 (short)" not in legend and "Zero-filled" not in legend
        assert figure._repr_png_().startswith(b"\x89PNG")

    @pytest.mark.parametrize("what", ["psnr", "loss"])
    def test_training_curves(self, folder, what):
        runs = results.read_all(folder)
        figure = drawing.training_curves(runs, ["lt-rk4", "kiki-net"], what=what)
        lines = [line for line in figure.axes[0].get_lines() if line.get_color() == colors.style("lt-rk4").color]
        assert len(lines) == 3, "three seeds; variants have a figure of their own"
        found = next(r for r in runs if r.model == "lt-rk4").training
        points = found.validation if what == "psnr" else found.curve
        assert [tuple(p) for p in lines[0].get_xydata()] == [p[:2] for p in points]
        assert any(text.get_text() == "†" for text in figure.axes[0].texts)
        varied = drawing.training_curves(runs, what=what, variant="short")
        assert [line.get_label() for line in varied.axes[0].get_lines()] == ["ReconODE-LT-RK4 (short)"]

    def test_a_training_that_fell_leaves_the_picture_and_says_so(self, folder):
        runs = results.read_all(folder)
        at = next(i for i, r in enumerate(runs) if r.model == "unet")
        fallen = replace(runs[at].training, validation=((500, 22.0, 0.7, 0.02), (1000, 12.3, 0.3, 0.5)))
        runs[at] = replace(runs[at], training=fallen)
        axis = drawing.training_curves(runs).axes[0]
        assert axis.get_ylim()[0] == pytest.approx(
            min(
                r.training.validation[0][1]
                for r in runs
                if r.training and r.acceleration == 4 and not r.variant and r.family != "ablation"
            )
            - 1
        )
        assert "U-Net, down to 12" in [line.get_label() for line in axis.get_lines()]

    def test_transfer_bars(self, folder):
        figure = drawing.transfer_bars(results.read_all_transfer(folder), group="noise")
        (axis,) = figure.axes
        assert [bar.get_width() for bar in axis.patches] == [1.5, -1.0, 2.5]
        assert [label.get_text() for label in axis.get_yticklabels()] == ["Total variation", "D5C5", "ReconODE-LT-RK4"]

    def test_steps_curve(self):
        measured = [
            {"model": "ft-euler", "solver": solver, "steps": n, "evaluations": n * cost, "psnr": 24 - cost / n}
            for solver, cost in (("euler", 1), ("rk4", 4))
            for n in (1, 5, 20)
        ]
        measured.append({"model": "ft-euler", "solver": "dopri5", "tolerance": 0.1, "evaluations": 14, "psnr": 24.0})
        figure = drawing.steps_curve(measured)
        assert [line.get_label() for line in figure.axes[0].get_lines()] == ["euler", "rk4", "dopri5"]
        figure = drawing.steps_curve(measured, against="steps")
        assert list(figure.axes[0].get_lines()[1].get_xdata()) == [1, 5, 20]

    def test_flow_curves(self):
        ways = {"pc-flow": [20, 21, 22.5, 24], "lt-rk4": [20, 23]}
        figure = drawing.flow_curves({"model": "pc-flow", "trajectories": ways, "taken_back": [0.9, 0.8, 0.95]})
        way, share = figure.axes
        assert {line.get_label(): list(line.get_ydata()) for line in way.get_lines()} == {
            "PC-Flow": ways["pc-flow"],
            "LT-RK4": ways["lt-rk4"],
        }
        assert list(way.get_lines()[0].get_xdata()) == pytest.approx([0, 1 / 3, 2 / 3, 1])
        assert list(share.get_lines()[0].get_ydata()) == pytest.approx([90, 80, 95])

    def test_nothing_to_draw_is_said(self, folder):
        runs = results.read_all(folder)
        for draw in (
            lambda: drawing.psnr_against_parameters(runs, 6),
            lambda: drawing.training_curves(runs, acceleration=6),
            lambda: drawing.transfer_bars(results.read_all_transfer(folder), group="phase"),
            lambda: drawing.steps_curve([]),
        ):
            with pytest.raises(DataError):
                draw()
