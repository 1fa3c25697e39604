"""The experiment's queue: it resumes to the same scores, shares its work, keeps what failed, and says what it did."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from reconode import zoo
from reconode.cli.__main__ import app
from reconode.errors import DataError, UsageError
from reconode.experiment import changes, cost, queue, record, results, transfer
from reconode.experiment import plan as plans
from reconode.experiment.benchmark import Benchmark, in_memory
from reconode.experiment.plan import Job, Plan
from reconode.physics import ifft
from reconode.storage import weights
from reconode.train import TrainingError

TINY = Benchmark("small", (64, 72), volumes=2, slices=1, validation=2)
RATES = {"D5C5": 4e-3, "U-Net": 4e-3, "KIKI-Net": 4e-3, "fixed solver": 4e-3, "learned solver": 4e-3}
RATES["continuous adjoint"] = 4e-3


@pytest.fixture
def plan(tmp_path):
    plan = Plan(TINY, tmp_path / "runs", tmp_path / "results", steps=4, batch_size=1, rows=32)
    path = plan.results / "small" / plans.RATES_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"chosen": RATES}))
    return plan


def read(plan, job):
    content = json.loads(plan.result(job).read_text())
    results.parse(content)
    return content


def test_a_row_is_trained_tested_and_written(plan):
    job = Job("lt-euler")
    assert queue.run(plan, job)
    said = read(plan, job)
    assert (said["model"], said["parameters"], said["acceleration"]) == ("lt-euler", 30_110, 4)
    assert said["benchmark"]["fingerprint"] == TINY.fingerprint
    assert said["training"]["steps"] == 4 and said["training"]["silent"] == []
    assert said["training"]["examples"] == 2, "four slabs of half a slice"
    assert [v["name"] for v in said["volumes"]] == ["test000.h5", "test001.h5"]
    model = zoo.load("lt-euler", file=plan.folder(job) / "best.safetensors")
    again = record.score(model, TINY.test(), 4)
    assert [v.psnr for v in again] == [v["psnr"] for v in said["volumes"]]
    stamp = plan.result(job).stat().st_mtime_ns
    assert queue.run(plan, job)
    assert plan.result(job).stat().st_mtime_ns == stamp, "what is done is not done again"


def test_an_interrupted_training_ends_with_the_same_scores(plan, tmp_path):
    job, other = Job("lt-euler", 8, 1), replace(plan, out=tmp_path / "runs2", results=tmp_path / "results2")
    path = other.results / "small" / plans.RATES_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"chosen": RATES}))
    assert queue.run(plan, job)

    def stop(step, values):
        if step == 2 and "psnr" in values:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.run(other, job, watch=stop)
    assert queue.state(other, job) == "2 of 4 steps"
    assert not queue.run(other, job, budget=0), "no time: nothing done, nothing lost"
    assert queue.run(other, job)
    assert read(other, job)["volumes"] == read(plan, job)["volumes"]
    assert queue.state(other, job) == "done"


def test_classical_rows_need_no_training_and_no_rate(plan):
    (plan.results / "small" / plans.RATES_FILE).unlink()
    assert queue.run(plan, Job("zero-filled"))
    assert read(plan, Job("zero-filled"))["training"] is None
    with pytest.raises(UsageError, match="experiment search"):
        queue.run(plan, Job("lt-euler"))


def test_two_processes_never_share_a_job(plan):
    folder = plan.folder(Job("lt-euler"))
    script = f"""
import sys
from pathlib import Path
from reconode.storage.lock import claim
with claim(Path({str(folder)!r})) as ours:
    print(ours, flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True)
    assert other.stdout.readline().strip() == "True"
    assert not queue.run(plan, Job("lt-euler")), "another process is at it"
    other.kill()
    other.wait()
    with queue.claim(folder) as ours:
        assert ours, "a lock ends with its process"
    other.stdin.close()
    other.stdout.close()


def test_a_diverged_training_starts_again_slower_and_is_a_result_at_last(plan, monkeypatch):
    job, rates = Job("lt-euler"), []
    assert queue.run(plan, job)
    plan.result(job).unlink()
    real = queue.train

    def diverge_above(slowest):
        def train(model, settings, folder, **kwargs):
            rates.append(settings.learning_rate)
            if settings.learning_rate > slowest:
                raise TrainingError("step 5: the loss is nan, its gradient inf; the state before it is in /somewhere")
            return real(model, settings, folder, **kwargs)

        return train

    monkeypatch.setattr(queue, "train", diverge_above(3e-3))
    assert queue.run(plan, job)
    assert rates == [4e-3, 2e-3]
    said = read(plan, job)["training"]
    assert (said["finished"], said["diverged_at"], said["settings"]["learning_rate"]) == (True, [4e-3], 2e-3)

    plan.result(job).unlink()
    monkeypatch.setattr(queue, "train", diverge_above(0))
    assert queue.run(plan, job)
    said = read(plan, job)["training"]
    assert said["finished"] is False
    assert said["failed"] == "step 5: the loss is nan, its gradient inf"


def test_volumes_without_targets_are_named(plan, make_volume):
    for split in ("singlecoil_train", "singlecoil_val"):
        for n in range(2):
            mask = torch.arange(48) % 2 == 0 if split == "singlecoil_val" else None
            path = make_volume(f"blind/{split}/f{n}.h5", slices=1, rows=64, columns=48, recon=(32, 32), mask=mask)
    real = replace(plan, data=str(path.parents[1]), rows=None, rate=4e-3)
    for job in (Job("zero-filled"), Job("lt-euler")):
        with pytest.raises(DataError, match=r"singlecoil_val.f0\.h5: no target in it"):
            queue.run(real, job)


def test_every_row_sees_as_many_rows(plan):
    slabs, whole = plan.settings(Job("lt-rk4")), plan.settings(Job("kiki-net"))
    assert (slabs.rows, whole.rows) == (32, None)
    assert slabs.steps * slabs.rows == whole.steps * 64


@pytest.mark.parametrize(
    "psnr, rate",
    [([20, 21, 22], 8e-3), ([20, 21.95, 22], 4e-3), ([21.91, 21.95, 22], 2e-3), ([22, 21, 20], 2e-3)],
)
def test_ties_go_to_the_lower_rate(plan, monkeypatch, psnr, rate):
    def train(model, settings, folder, **kwargs):
        found = dict(zip(plans.RATES, psnr, strict=True))[settings.learning_rate]
        return type("Progress", (), {"step": settings.steps, "best": found})

    monkeypatch.setattr(queue, "train", train)
    assert queue.search(plan)
    assert plan.learning_rate("lt-rk4") == plan.learning_rate("unet") == rate


def test_families_are_searched_once():
    assert {plans.family(name) for name in plans.TABLE1 if zoo.find(name).learned} == set(plans.REPRESENTATIVES)
    assert all(plans.family(model) == name for name, model in plans.REPRESENTATIVES.items())
    assert {plans.family(name) for name, entry in zoo.MODELS.items() if entry.learned} == set(plans.REPRESENTATIVES)
    assert plans.family("lt-rk4-no-attention") == "learned solver"
    assert plans.family("ft-euler-wide") == plans.family("fa-rk2-anode") == "fixed solver"
    assert plans.family("fa-rk4-continuous") == plans.family("neural-ode") == "continuous adjoint"


def test_a_rate_that_diverges_is_out():
    assert queue.lowest_tied({"0.002": 20.0, "0.004": None, "0.008": None}) == 2e-3
    assert queue.lowest_tied({"0.002": None, "0.004": None}) == 2e-3


def test_jobs_are_all_combinations_once():
    found = plans.jobs(["tv", "d5c5", "d5c5"], [4, 8], [0, 1])
    assert found == [Job(m, a, s) for a, s, m in [(4, 0, "tv"), (4, 0, "d5c5"), (4, 1, "d5c5")]] + [
        Job(m, a, s) for a, s, m in [(8, 0, "tv"), (8, 0, "d5c5"), (8, 1, "d5c5")]
    ]
    assert Job("d5c5", 4, 2, "short").name == "d5c5_4x_seed2_short"


def test_shipped_weights_are_found_and_say_what_they_are(plan, tmp_path, monkeypatch):
    queue.run(plan, Job("lt-euler"))
    queue.run(plan, Job("lt-euler", seed=1))
    queue.run(plan, Job("lt-euler", variant="short"))
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "trained")
    assert [path.name for path in queue.ship(plan, set())] == ["lt-euler_table_4x.safetensors"]
    exact = weights.read(plan.folder(Job("lt-euler")) / "best.safetensors")[0]
    half = zoo.load("lt-euler_table", 4).state_dict()
    assert all(torch.equal(half[key], exact[key].half().float()) for key in exact), "the table's are kept at half"
    about = weights.read(zoo.shipped("lt-euler", 4))[1]
    assert about["fingerprint"] == TINY.fingerprint
    assert "keep" not in about["settings"]
    queue.run(plan, Job("lt-euler", variant="long"))
    queue.ship(plan, set())
    assert list(zoo.trained("lt-euler")) == ["4x long", "4x table"], "short trainings show nothing but themselves"
    exact = weights.read(plan.folder(Job("lt-euler", variant="long")) / "best.safetensors")[0]
    loaded = zoo.load("lt-euler", 4).state_dict()
    assert all(torch.equal(loaded[key], exact[key]) for key in exact), "and of longer ones with all digits"
    queue.ship(plan, {"lt-euler"})
    half = zoo.load("lt-euler", 4).state_dict()
    assert all(half[key].dtype == torch.float32 for key in half)
    assert all(torch.allclose(half[key], exact[key], rtol=1e-3, atol=1e-6) for key in exact)


def test_phase_turns_and_magnitudes_stay():
    volume = in_memory(TINY, 0)
    turned = changes.with_phase(volume, 2)
    before, after = (ifft(v.hybrid, (-1,)) for v in (volume, turned))
    torch.testing.assert_close(after.abs(), before.abs(), rtol=1e-4, atol=1e-9)
    strong = before[0, 0].abs() > 0.1 * before.abs().max()
    turn = (after * before.conj())[0, 0][strong].angle()
    assert turn.min() < -2
    assert turn.max() > 2


def test_transfer_tests_change_one_thing_each(plan):
    tests = {test.name: test for test in transfer.tests(TINY, 4, None)}
    assert {test.group for test in tests.values()} == set(results.GROUPS) - {"real"}
    quiet, noisy = tests["noise-0"].volumes[0], tests["noise-0.06"].volumes[0]
    assert (noisy.target - quiet.target).std() > 0.01 * quiet.target.max()
    assert {"2x", "6x", "8x"} <= set(tests)
    assert "4x" not in tests
    assert len(tests["heads"].volumes) == transfer.KNEES
    assert tests["finer"].volumes[0].width == 108


def test_transfer_writes_what_the_schema_wants(plan, monkeypatch):
    monkeypatch.setattr(transfer, "KNEES", 1)
    job = Job("zero-filled")
    assert transfer.run(plan, job, None)
    said = json.loads(transfer.path(plan, job).read_text())
    results.parse(said)
    assert not transfer.run(plan, job, None), "once is enough"


def test_cost_is_positive(plan):
    assert cost.seconds(plan, Job("lt-euler"), repeats=1) > 0


def test_a_variant_may_have_a_rate_of_its_own(plan, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules["reconode.experiment.benchmark"].SIZES, "small", TINY)
    given = [
        "lt-euler",
        "--size",
        "small",
        "--device",
        "cpu",
        "--steps",
        "1",
        "--rows",
        "32",
        "--learning-rate",
        "2e-3",
    ]
    given += ["--out", str(tmp_path / "runs"), "--results", str(plan.results)]
    refused = CliRunner().invoke(app, ["experiment", "run", *given])
    assert refused.exit_code == 1
    assert "give the runs a --variant" in refused.stderr
    done = CliRunner().invoke(app, ["experiment", "run", *given, "--variant", "slow"])
    assert done.exit_code == 0, done.output
    assert read(plan, Job("lt-euler", variant="slow"))["training"]["settings"]["learning_rate"] == 2e-3
    assert plan.settings(Job("lt-euler")).learning_rate == 4e-3, "the search's"
    assert replace(plan, rate=8e-3).settings(Job("lt-euler")).learning_rate == 8e-3


def test_a_variant_may_start_from_the_weights_of_another(plan, monkeypatch, tmp_path):
    """Seed by seed, from 4x to 8x; with a rate of 0 the weights are still those that it started from."""
    monkeypatch.setitem(sys.modules["reconode.experiment.benchmark"].SIZES, "small", TINY)
    given = ["lt-euler", "--size", "small", "--device", "cpu", "--rows", "32", "--seed", "0", "--seed", "1"]
    given += ["--out", str(tmp_path / "runs"), "--results", str(plan.results), "--acceleration", "8"]
    given += ["--from-variant", "long", "--steps", "1", "--learning-rate", "0"]
    runner = CliRunner()
    refused = runner.invoke(app, ["experiment", "run", *given])
    assert refused.exit_code == 1
    assert "give the runs a --variant" in refused.stderr
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "trained")
    early = runner.invoke(app, ["experiment", "run", *given, "--variant", "fine"])
    assert early.exit_code == 1
    assert "lt-euler_8x_seed0_fine starts from lt-euler_4x_seed0_long, which is not trained" in early.stderr
    here = replace(plan, out=tmp_path / "runs" / "small")
    for seed in (0, 1):
        queue.run(here, Job("lt-euler", 4, seed, "long"))
    done = runner.invoke(app, ["experiment", "run", *given, "--variant", "fine"])
    assert done.exit_code == 0, done.output
    best = []
    for seed in (0, 1):
        fine, long = Job("lt-euler", 8, seed, "fine"), Job("lt-euler", 4, seed, "long")
        assert read(here, fine)["training"]["settings"]["init"] == long.name
        ours, theirs = (weights.read(here.folder(job) / "best.safetensors")[0] for job in (fine, long))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
        best.append(ours)
    assert any(not torch.equal(best[0][key], best[1][key]) for key in best[0]), "each seed has its own"
    assert read(here, Job("lt-euler", 4, 0, "long"))["training"]["settings"]["init"] is None


def test_an_interrupted_fine_tuning_goes_on(plan):
    queue.run(plan, Job("lt-euler", variant="long"))
    fine = replace(plan, start="long", rate=2e-3)

    def stop(step, values):
        if step == 2 and "psnr" in values:
            raise KeyboardInterrupt

    for variant in ("whole", "broken"):
        if variant == "broken":
            with pytest.raises(KeyboardInterrupt):
                queue.run(fine, Job("lt-euler", 8, variant=variant), watch=stop)
        assert queue.run(fine, Job("lt-euler", 8, variant=variant))
    assert (
        read(fine, Job("lt-euler", 8, variant="whole"))["volumes"]
        == read(fine, Job("lt-euler", 8, variant="broken"))["volumes"]
    )


def test_operations_are_those_of_the_convolutions(plan):
    """D5C5 by hand: 144,650 weights less 650 biases, each used at each pixel; going back costs twice going forward,
    but nothing asks for the gradient of the first layer's input."""
    weights, first, area = 144_650 - 650, 2 * 32 * 9, 32 * 72
    expected = 2 * area * (3 * weights - first)
    found = cost.operations(plan, Job("d5c5"))
    assert found == pytest.approx(expected, rel=0.01)
    assert cost.operations(replace(plan, batch_size=3), Job("d5c5")) == pytest.approx(3 * found)


def test_the_cost_of_a_table_is_the_sum_of_its_rows(plan, monkeypatch):
    monkeypatch.setitem(sys.modules["reconode.experiment.benchmark"].SIZES, "small", TINY)
    monkeypatch.setattr(cost, "seconds", lambda plan, job: {"lt-euler": 2.0, "kiki-net": 8.0}[job.model])
    given = ["lt-euler", "kiki-net", "tv", "--size", "small", "--device", "cpu", "--steps", "3600", "--rows", "32"]
    said = CliRunner().invoke(app, ["experiment", "cost", *given, "--results", str(plan.results)])
    assert "6.0 hours together" in said.stdout, (
        "whole slices are twice as high as slabs, so they are half as many steps"
    )
    monkeypatch.setattr(cost, "operations", lambda plan, job: 5e12)
    counted = CliRunner().invoke(app, ["experiment", "cost", *given, "--results", str(plan.results), "--tflops", "2.5"])
    assert "3.0 hours together" in counted.stdout, "two seconds a step, 3,600 and 1,800 steps"
    written = json.loads((plan.results / "small" / "cost_cpu.json").read_text())
    assert [row["hours"] for row in written["rows_measured"]] == [2.0, 4.0]
    assert (written["hours"], written["rows"], written["precision"]) == (6.0, 32, "no")


def test_the_command_lists_and_goes_on(plan, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules["reconode.experiment.benchmark"].SIZES, "small", TINY)
    common = ["--size", "small", "--device", "cpu", "--out", str(tmp_path / "runs"), "--steps", "3", "--rows", "32"]
    common += ["--results", str(plan.results)]
    runner = CliRunner()
    listed = runner.invoke(app, ["experiment", "run", "--table1", "--list", *common])
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.count("not begun") == len(plans.TABLE1)
    done = runner.invoke(app, ["experiment", "run", "zero-filled", "lt-euler", *common])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("done") == 2
    nothing = runner.invoke(app, ["experiment", "run", *common])
    assert nothing.exit_code != 0
    unknown = runner.invoke(app, ["experiment", "run", "lt-rk5", *common])
    assert unknown.exit_code == 1


def test_a_folder_of_volumes_goes_the_same_way(plan, make_volume):
    for split, count in (("singlecoil_train", 2), ("singlecoil_val", 2)):
        for n in range(count):
            path = make_volume(f"mri/{split}/f{n}.h5", slices=2, seed=n, rows=64, columns=48, recon=(32, 32))
    real = replace(plan, data=str(path.parents[1]), rows=None, batch_size=2, steps=2)
    (plan.results / "fastmri").mkdir()
    (plan.results / "fastmri" / plans.RATES_FILE).write_text(json.dumps({"chosen": RATES}))
    for job in (Job("zero-filled"), Job("lt-euler")):
        assert queue.run(real, job)
        said = read(real, job)
        assert said["benchmark"]["name"] == "fastmri"
        assert [v["name"] for v in said["volumes"]] == ["f0.h5", "f1.h5"]
        assert said["benchmark"]["slices"] == 4
    assert "data" not in said["training"]["settings"], "a folder's path is nobody's business"
