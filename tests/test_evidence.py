"""Results, where a chapter quotes them."""

from __future__ import annotations

import html
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from reconode.errors import DataError, UsageError
from reconode.experiment import results
from reconode.experiment.rows import make_row
from reconode.teach import evidence

SMALL = Path(__file__).parents[1] / "results" / "small"


def test_results_are_found_in_the_checkout():
    assert evidence.folder().samefile(SMALL)


def test_results_are_found_in_a_clone(tmp_path, monkeypatch):
    """As on Colab: the library is installed elsewhere, the repository cloned where the notebook runs."""
    installed = tmp_path / "site-packages" / "reconode" / "teach" / "evidence.py"
    monkeypatch.setattr(evidence, "__file__", str(installed))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="clone it"):
        evidence.folder()
    clone = tmp_path / "reconode" / "results" / "small"
    clone.mkdir(parents=True)
    assert evidence.folder().samefile(clone)


def test_fetch_clones_this_version_where_results_are_missing(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: ran.append(command))
    evidence.fetch()
    assert not ran, "a checkout has them"
    monkeypatch.setattr(evidence, "__file__", str(tmp_path / "a" / "b" / "c" / "evidence.py"))
    monkeypatch.chdir(tmp_path)
    evidence.fetch()
    (command,) = ran
    assert command[:2] == ["git", "clone"] and command[-2:] == [evidence.HOME, "reconode"]
    config = yaml.safe_load((SMALL.parents[1] / "_config.yml").read_text())
    assert command[command.index("--branch") + 1] == config["sphinx"]["config"]["reconode_tag"]


def test_fetch_says_why_it_could_not(tmp_path, monkeypatch):
    def fails(command, **options):
        raise subprocess.CalledProcessError(128, command, stderr="fatal: no network")

    monkeypatch.setattr(subprocess, "run", fails)
    monkeypatch.setattr(evidence, "__file__", str(tmp_path / "a" / "b" / "c" / "evidence.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"clone it.*no network"):
        evidence.fetch()


def test_a_row_is_one_seeds_run():
    one, three = evidence.row("d5c5"), evidence.row("d5c5", seed=None)
    assert [run.seed for run in one.runs] == [0] and len(three.runs) >= 3
    assert one.interval("psnr") == make_row([results.read(SMALL / "d5c5_4x_seed0.json")]).interval("psnr")
    assert evidence.row("d5c5_long").first.variant == "long"


def test_rows_that_are_not_there():
    assert evidence.has("d5c5") and not evidence.has("d5c5", seed=99)
    with pytest.raises(DataError, match="no run of d5c5"):
        evidence.row("d5c5", seed=99)
    with pytest.raises(UsageError, match="d5c5"):
        evidence.row("d5c55")


def test_seed_means_are_the_files():
    means = evidence.seed_means("lt-rk2")
    assert sorted(means)[:3] == [0, 1, 2]
    for seed, mean in means.items():
        run = results.read(evidence.folder() / f"lt-rk2_4x_seed{seed}.json")
        assert mean == pytest.approx(sum(v.psnr for v in run.volumes) / len(run.volumes))
    assert evidence.seed_means("lt-rk2_never") == {}


def test_work_is_counted_by_hand_for_d5c5():
    channels = 2 * 32 + 3 * 32 * 32 + 32 * 2
    assert evidence.work("d5c5_long") == evidence.work("d5c5") == 5 * 2 * 9 * channels * 16 * 112


def test_the_table_of_ways_back(tmp_path, monkeypatch):
    """Each measured number stands in its row; a phone's width allows six narrow columns."""
    table = evidence.ways_back()
    parts = table.markdown.split("\n\n")
    assert [part.split(" | ")[0] for part in parts] == ["| Euler", "| Heun", "| classical RK4"]
    for part in parts:
        rows = [line.strip("| ").split(" | ") for line in part.splitlines()]
        assert {len(row) for row in rows} == {6}
        for way, _, *held, time in rows[2:]:
            method = rows[0][0]
            found = [case for case in table.cases if (case["way"], case["tableau"]) == (way, method)]
            assert [float(text) for text in held] == pytest.approx([c["peak_bytes"] / 1e6 for c in found], rel=5e-3)
            assert float(time) == pytest.approx(found[0]["time_ratio"], abs=0.051)
    assert repr(table) == table.markdown
    cells = re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", table._repr_html_())
    lines = [line for line in table.markdown.splitlines() if line and "---" not in line]
    texts = [cell for line in lines for cell in line[2:-2].split(" | ")]
    assert list(map(html.unescape, cells)) == texts


@pytest.mark.parametrize("mean, worst, text", [(0, 0, "0"), (2e-15, 3e-15, "< 1e-14"), (0.4, 0.63, "0.40, 0.63")])
def test_an_error_is_a_number_or_rounding(mean, worst, text):
    assert evidence._error(mean, worst) == text
