"""The paper's claims as comparisons: the rule, on made-up results, and that what is cited can be found."""

from __future__ import annotations

import hashlib

import pytest
from test_results import made_up_run, save
from typer.testing import CliRunner

from reconode import zoo
from reconode.cli.__main__ import app
from reconode.errors import DataError
from reconode.experiment import claims, results
from reconode.experiment.cite import citation, provenance
from reconode.experiment.claims import AHEAD, BEHIND, CLAIMS, TIE, Claim, difference, judge, verdict
from reconode.experiment.rows import compare, make_row, two_way
from reconode.metrics import Interval


def runs(*made, **changes):
    for run in made:
        if run["training"]:
            run["training"] |= changes
    return [results.parse(run) for run in made]


def levels(**by_model):
    return [made_up_run(name.replace("_", "-"), level=level) for name, level in by_model.items()]


@pytest.mark.parametrize(
    "low, high, least, most, word",
    [
        (0.3, 0.9, 0.5, 0.7, AHEAD),
        (-0.9, -0.3, -0.7, -0.5, BEHIND),
        (0.1, 0.3, 0.2, 0.2, TIE),
        (-0.1, 0.9, 0.4, 0.4, TIE),
        (0.3, 0.9, 0.2, 0.9, TIE),
        (-0.9, -0.3, -0.9, -0.2, TIE),
    ],
)
def test_the_rule(low, high, least, most, word):
    assert judge(Interval((low + high) / 2, low, high, 12), least, most) == word


def test_turned_round_the_rule_turns():
    pair = runs(*levels(d5c5=25, lt_rk4=26))
    one, other = (difference(pair, names, 4) for names in (("d5c5", "lt-rk4"), ("lt-rk4", "d5c5")))
    assert (one.order, other.order) == (BEHIND, AHEAD)
    assert one.least == pytest.approx(-other.most) and one.interval.mean == pytest.approx(-other.interval.mean)


def test_a_difference_is_the_papers_comparison():
    many = [made_up_run("lt-rk4", seed, level=25 + seed / 5) for seed in range(3)]
    single = runs(*many, *levels(d5c5=24))
    d = difference(single, ("lt-rk4", "d5c5"), 4)
    rows = [make_row([r for r in single if r.model == name]) for name in d.pair]
    assert d.interval == compare(*rows).difference and d.trainings == (3, 1)
    assert d.least == pytest.approx(min(rows[0].seed_means("psnr")) - rows[1].seed_means("psnr")[0])
    both = runs(*many, made_up_run("d5c5", 0, level=24), made_up_run("d5c5", 1, level=26))
    d = difference(both, ("lt-rk4", "d5c5"), 4)
    rows = [make_row([r for r in both if r.model == name]) for name in d.pair]
    assert d.interval == two_way(*rows) and d.order == TIE, "one training of D5C5 is ahead of all"


def test_unequal_lengths_are_not_compared():
    long = runs(made_up_run("lt-rk4", level=27), examples=3000)
    assert difference([*long, *runs(*levels(d5c5=25))], ("lt-rk4", "d5c5"), 4) is None
    mixed = [*runs(made_up_run("d5c5", 1), examples=3000), *runs(*levels(d5c5=25, lt_rk4=27))]
    assert difference(mixed, ("lt-rk4", "d5c5"), 4) is None, "nor rows that mix them"


def test_variants_and_accelerations_stay_apart_and_classical_methods_serve_all():
    made = [made_up_run("lt-rk4", variant="long", level=27), made_up_run("tv", level=25)]
    assert difference(runs(*made), ("lt-rk4", "tv"), 4, "long").order == AHEAD
    assert difference(runs(*made), ("lt-rk4", "tv"), 4) is None
    assert difference(runs(*made), ("lt-rk4", "tv"), 8, "long") is None


def test_verdicts():
    claim = Claim("A over both", "here", (("lt-rk4", "d5c5"), ("lt-rk4", "unet")))
    cases = {("found", "2/2"): (24, 24), ("in part", "1/2"): (24, 27), ("not found", "0/2"): (26, 27)}
    for (word, shown), (d5c5, unet) in cases.items():
        found = verdict(claim, runs(*levels(lt_rk4=26, d5c5=d5c5, unet=unet)), 4)
        assert (found.word, str(found)) == (word, shown)
    assert (verdict(claim, [], 4).word, str(verdict(claim, [], 4))) == ("not run", "-")
    part = verdict(claim, runs(*levels(lt_rk4=26, d5c5=24)), 4)
    assert (part.word, str(part)) == ("in part", "1/1"), "found only when all of it was run"
    tie = Claim("alike", "here", (("lt-rk4", "d5c5"),), TIE)
    assert verdict(tie, runs(*levels(lt_rk4=26, d5c5=26.05)), 4).word == "found"


def test_claims_speak_of_the_zoo():
    for claim in CLAIMS.values():
        assert claim.words and claim.where and claim.order in (AHEAD, TIE)
        assert all(zoo.find(name).learned for pair in claim.pairs for name in pair)


def test_the_table_and_the_command(tmp_path):
    made = [*levels(lt_rk4=26, d5c5=24, lt_rk2=26), *[made_up_run("lt-rk4", acceleration=8.0)]]
    folder = save(tmp_path / "made-up", *made, made_up_run("d5c5", acceleration=8.0, level=20))
    table = claims.claims_table(results.read_all(folder))
    assert table.header == ("claim", "where", "4×, 1,000 steps", "8×, 1,000 steps")
    cells = {row[0]: row[2:] for row in table.rows}
    assert cells["LT-RK4 > D5C5"] == ("found 1/1", "found 1/1")
    assert cells["LT-RK4 is the best row"] == ("in part 1/2", "in part 1/1")
    assert cells["FT > FA"] == ("not run", "not run")
    arguments = ["table", "claims", "--results", str(tmp_path), "--format", "csv"]
    printed = CliRunner().invoke(app, arguments)
    assert printed.exit_code == 0 and "LT-RK4 > D5C5,Table 1,found 1/1,found 1/1" in printed.stdout
    refused = CliRunner().invoke(app, [*arguments[:2], "d5c5", *arguments[2:]])
    assert refused.exit_code == 1 and "takes no names" in refused.stderr


def test_a_citation_says_where_to_look():
    found = runs(*(made_up_run("lt-rk4", seed, variant="long") for seed in (0, 2)), made_up_run("tv", level=24))
    row, tv = make_row(found[:2]), make_row(found[2:])
    lines = citation(row, [tv]).splitlines()
    assert lines[0] == "ReconODE-LT-RK4 (long), 4x, 1,000 steps, seed 0, 2"
    i = row.interval("psnr")
    assert lines[1] == f"PSNR {i.mean:.2f} [{i.low:.2f}, {i.high:.2f}] dB, 12 test volumes"
    assert lines[2].startswith("  less Total variation: +")
    name = found[0].benchmark.name
    assert lines[-2:] == [f"file: results/{name}/lt-rk4_4x_seed{seed}_long.json" for seed in (0, 2)]
    assert found[0].benchmark.fingerprint in citation(row) and found[0].commit in citation(row)


def test_provenance_is_the_files_hash():
    path = zoo.shipped("d5c5", 4)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert provenance("d5c5", 4) == f"{path.name} {digest[:12]}"
    with pytest.raises(DataError, match="no weights of tv at 4x"):
        provenance("tv", 4)
