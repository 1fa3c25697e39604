"""Paired comparisons against scipy, and rows of a table over seeds and volumes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from test_results import made_up_run, row, save

from reconode import statistics
from reconode.errors import DataError
from reconode.experiment import results
from reconode.experiment import rows as table_rows

ROOT = Path(__file__).resolve().parents[1]


class TestWilcoxon:
    @pytest.mark.parametrize("n", [1, 2, 5, 12, 25, 40, 50])
    def test_exact_without_ties(self, n):
        d = np.random.default_rng(n).normal(0.3, 1, n)
        assert statistics.wilcoxon(d) == pytest.approx(scipy.stats.wilcoxon(d, method="exact").pvalue, rel=1e-12)

    @pytest.mark.parametrize("seed", range(6))
    def test_exact_with_ties_is_the_permutation_distribution(self, seed):
        d = np.random.default_rng(seed).integers(-4, 7, 11).astype(float)
        d = d[d != 0]
        every = scipy.stats.PermutationMethod(n_resamples=np.inf)
        assert statistics.wilcoxon(d) == pytest.approx(scipy.stats.wilcoxon(d, method=every).pvalue, rel=1e-12)

    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("n", [80, 199])
    def test_normal_for_many(self, n, ties):
        d = np.random.default_rng(n).normal(0.2, 1, n)
        d = np.round(3 * d) if ties else d
        expected = scipy.stats.wilcoxon(d, method="approx", correction=False, zero_method="wilcox").pvalue
        assert np.count_nonzero(d) > statistics.EXACT_UP_TO
        assert statistics.wilcoxon(d) == pytest.approx(expected, rel=1e-9)

    def test_zeros_are_dropped(self):
        d = [0.5, -0.2, 0.9, 1.4]
        assert statistics.wilcoxon([0, *d, 0.0]) == statistics.wilcoxon(d) == 0.25
        assert statistics.wilcoxon([0.0, 0.0]) == statistics.wilcoxon([]) == 1.0

    def test_sign_and_scale_do_not_matter(self):
        d = np.random.default_rng(3).normal(0.4, 1, 20)
        assert statistics.wilcoxon(d) == statistics.wilcoxon(-d) == statistics.wilcoxon(1e-6 * d)

    def test_no_false_alarms(self):
        """Under the null, p below 0.05 comes in at most 5 % of cases, by the definition of a p-value."""
        rng = np.random.default_rng(0)
        small = sum(statistics.wilcoxon(rng.normal(size=15)) <= 0.05 for _ in range(2000))
        assert 60 < small < 120

    def test_not_finite_is_refused(self):
        with pytest.raises(DataError, match="finite"):
            statistics.wilcoxon([1.0, math.nan])


class TestHolm:
    def test_by_hand(self):
        """Holm (1979): the smallest of four times 4, the next times 3, …; never below one that came before."""
        assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @pytest.mark.parametrize("seed", range(5))
    def test_between_no_correction_and_bonferronis(self, seed):
        p = np.random.default_rng(seed).beta(0.3, 1, 9)
        adjusted = np.array(statistics.holm(p.tolist()))
        assert (adjusted >= p).all() and (adjusted <= np.minimum(1, 9 * p) + 1e-15).all()
        assert adjusted.min() == pytest.approx(min(1, 9 * p.min()))
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()

    def test_none_and_one(self):
        assert statistics.holm([]) == [] and statistics.holm([0.2]) == [0.2]


class TestRows:
    def test_seeds_are_averaged_by_volume_first(self, tmp_path):
        runs = [made_up_run("lt-rk4", seed, volumes=2) for seed in (0, 1)]
        for run, scores in zip(runs, ([20.0, 30.0], [22.0, 31.0]), strict=True):
            for volume, score in zip(run["volumes"], scores, strict=True):
                volume["psnr"] = score
        lt = row(tmp_path, *runs)
        assert lt.per_volume("psnr") == {"v0.h5": 21.0, "v1.h5": 30.5}
        interval = lt.interval("psnr")
        assert (interval.mean, interval.low, interval.high, interval.volumes) == (25.75, 21.0, 30.5, 2)
        assert lt.seed_means("psnr") == [25.0, 26.5]
        assert lt.spread("psnr") == pytest.approx(1.5 / math.sqrt(2))

    def test_one_seed_has_no_spread(self, tmp_path):
        assert row(tmp_path, made_up_run()).spread("psnr") is None

    def test_a_row_is_one_model(self, tmp_path):
        with pytest.raises(DataError, match="differ in more than seed"):
            row(tmp_path, made_up_run("lt-rk4"), made_up_run("d5c5", 1))
        run = results.read(tmp_path / "d5c5_4x_seed1.json")
        with pytest.raises(DataError, match="twice"):
            table_rows.make_row([run, run])
        with pytest.raises(DataError, match="no results"):
            table_rows.make_row([])


class TestCompare:
    def test_by_hand(self, tmp_path):
        better, worse = made_up_run("lt-rk4", volumes=6), made_up_run("d5c5", volumes=6)
        gains = [0.1, 0.2, 0.3, -0.05, 0.4, 0.5]
        for a, b, gain in zip(better["volumes"], worse["volumes"], gains, strict=True):
            a["psnr"] = b["psnr"] + gain
        worse["volumes"].reverse()  # the names match volumes, not their order
        found = table_rows.rows(results.read_all(save(tmp_path, better, worse)))
        c = table_rows.compare(found["lt-rk4", "", 4.0], found["d5c5", "", 4.0])
        assert c.difference.mean == pytest.approx(np.mean(gains)) and c.higher == 5 and c.volumes == 6
        assert c.p == pytest.approx(scipy.stats.wilcoxon(gains).pvalue) == 2 * 2 / 2**6
        assert 0 < c.difference.low < c.difference.mean < c.difference.high < 0.5
        back = table_rows.compare(found["d5c5", "", 4.0], found["lt-rk4", "", 4.0])
        assert back.difference.mean == pytest.approx(-c.difference.mean) and back.p == c.p and back.higher == 1

    def test_pairing_sees_what_the_means_hide(self, tmp_path):
        """Volumes differ by 4 dB, models by 0.3: the means' intervals overlap, the difference's is clear of zero."""
        runs = made_up_run("lt-rk4", level=25.3), made_up_run("d5c5", level=25.0)
        a, b = table_rows.rows(results.read_all(save(tmp_path, *runs))).values()
        a, b = (a, b) if a.first.model == "lt-rk4" else (b, a)
        assert a.interval("psnr").low < b.interval("psnr").high
        c = table_rows.compare(a, b)
        assert c.difference.low > 0.1 and c.p < 0.01

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"acceleration": 8.0}, "their acceleration is 4.0 and 8.0"),
            ({"mask": "equispaced"}, "their mask is random and equispaced"),
            ({"fingerprint": "11111111deadbeef"}, "never stand in one table"),
            ({"name": "full"}, "never stand in one table"),
            ({"volume": "other.h5"}, "not of the same volumes"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, tmp_path, change, message):
        other = made_up_run("d5c5")
        for key, value in change.items():
            if key in other:
                other[key] = value
            elif key == "volume":
                other["volumes"][0]["name"] = value
            else:
                other["benchmark"][key] = value
        a, b = (row(tmp_path / run["model"], run) for run in (made_up_run(), other))
        with pytest.raises(DataError, match=message):
            table_rows.compare(a, b)


class TestTwoWay:
    def pair(self, folder, shifts):
        runs = [made_up_run("lt-rk4", seed, level=25 + shift) for seed, shift in enumerate(shifts)]
        runs += [made_up_run("d5c5", seed, level=24.5) for seed in range(len(shifts))]
        found = table_rows.rows(results.read_all(save(folder, *runs)))
        return found["lt-rk4", "", 4.0], found["d5c5", "", 4.0]

    def test_seeds_that_agree_leave_the_mean_and_its_sign(self, tmp_path):
        pair = self.pair(tmp_path, (0, 0, 0))
        found, alone = table_rows.two_way(*pair), table_rows.compare(*pair).difference
        assert found.mean == pytest.approx(alone.mean)
        assert 0 < found.low < found.mean < found.high

    def test_seeds_that_disagree_widen_it(self, tmp_path):
        pair = self.pair(tmp_path, (-1.5, 0, 1.5))
        found, alone = table_rows.two_way(*pair), table_rows.compare(*pair).difference
        assert alone.low > 0, "knees alone see nothing of it"
        assert found.low < 0 < found.high

    def test_one_shared_seed_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="two or more"):
            table_rows.two_way(*self.pair(tmp_path, (0,)))
