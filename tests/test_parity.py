"""The browser's reconstructions are PyTorch's: images, models, accelerations, sizes; and what its engine refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from serving import serve
from torch import Tensor

from reconode import export, masks, metrics, phantoms, zoo
from reconode.errors import UsageError
from reconode.physics import HYBRID, MRIOperator, center_crop, fft, ifft, max_zero_filled
from reconode.teach.widgets import engine

SIZES = ((96, 112), (64, 72), (57, 80), (61, 50), (48, 96))
"""Whole and broken tiles, rows and columns that no dilation divides; one image of each."""
RELATIVE = {"tv": 1e-3}
CLOSE = 1e-5
"""What the page says of the networks; total variation may stop ten iterations sooner or later."""
DECIBELS = 0.01

CLIENT = """
window.ask = (worker, message, until) => new Promise((resolve, reject) => {
    const heard = [];
    worker.onmessage = ({ data }) => {
        heard.push(data);
        if (data.kind === "failed") reject(new Error(data.message));
        else if (data.kind === until) resolve(heard);
    };
    worker.postMessage(message);
});
window.solve = async (id, rows, columns, re, im, mask, runs) => {
    const hybrid = { rows, columns, re: Float64Array.from(re), im: Float64Array.from(im) };
    const message = { kind: "solve", id, hybrid, mask: Uint8Array.from(mask), runs };
    return (await ask(engine, message, "done")).filter((m) => m.kind === "step");
};
"""


class Served:
    """A folder with the engine, its address, and a page of it with a worker that has said that it is ready."""

    def __init__(self, browser: Any, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.about = engine.write(folder / "engine", "engine/")
        (folder / "page.html").write_text('<!DOCTYPE html><link rel="icon" href="data:,"><title>engine</title>')
        self.page = browser.new_page()
        self.page.set_default_timeout(60_000)
        self.page.goto(f"{address}page.html")
        self.page.add_script_tag(content=CLIENT)
        self.page.evaluate("async (name) => { window.engine = new Worker('engine/' + name); }", self.about["worker"])
        message = {"kind": "open", "folder": f"{address}engine/", "sha256": self.about["sha256"]}
        self.ready = self.page.evaluate("(m) => ask(engine, m, 'ready')", message)
        self.asked = 0

    def solve(self, hybrid: Tensor, mask: Tensor, runs: list[dict[str, Any]]) -> list[list[Tensor]]:
        """The images after each step of each run."""
        self.asked += 1
        rows, columns = hybrid.shape
        parts = [hybrid.real.flatten().tolist(), hybrid.imag.flatten().tolist(), mask.int().tolist()]
        heard = self.page.evaluate(
            """async ([...given]) => (await solve(...given)).map((m) => ({ run: m.run, last: m.last,
                image: btoa(Array.from(new Uint8Array(m.image.buffer), (b) => String.fromCharCode(b)).join("")) }))""",
            [self.asked, rows, columns, *parts, runs],
        )
        found: list[list[Tensor]] = [[] for _ in runs]
        for step in heard:
            values = torch.frombuffer(bytearray(base64.b64decode(step["image"])), dtype=torch.float32)
            found[step["run"]].append(torch.view_as_complex(values.reshape(rows, columns, 2)))
        assert [steps["last"] for steps in heard].count(True) == len(runs)
        return found


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")

    with serve(folder) as address:
        served = Served(browser, folder, address)
        yield served
        served.page.close()


def python(name: str, acceleration: int, hybrid: Tensor, mask: Tensor, steps: int | None = None) -> list[Tensor]:
    """What the library makes of the data: the images after each step of a network, or total variation's last."""
    E = MRIOperator(mask)
    y = E.measure(hybrid[None, None])
    scale = max_zero_filled(y, E)
    file = export.source(name, acceleration) if name != "tv" else None
    model: Any = zoo.load(name, acceleration, file=file)
    if steps is not None and name == "pc-flow":
        model.repeats = steps // len(model.pieces)
    elif steps is not None:
        model.steps = steps
    with torch.no_grad():
        if name == "tv":
            return [x[0] * scale[0, 0] for x in (E.H(y / scale), model(y / scale, E))]
        states = [*model.trajectory(y / scale, E)]
        return [x[0] * scale[0, 0] for x in states]


def knee(size: tuple[int, int], seed: int = 0) -> Tensor:
    """A slice of any size: simulated ones have even numbers of rows and columns, 64 or more."""
    larger = tuple(max(64, n + n % 2) for n in size)
    hybrid = phantoms.slices(1, larger, seed=seed, contrast="CORPD_FBK", noise=0.01).hybrid[0, 0]
    return 7e-5 * fft(center_crop(ifft(hybrid, HYBRID), *size), HYBRID)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("acceleration", [4, 8])
def test_parity(served: Served, size: tuple[int, int], acceleration: int) -> None:
    """Every state is within 1e-5 of PyTorch's, total variation's last within 1e-3; the last's scores within 0.01 dB."""
    hybrid = knee(size, seed=size[0])
    mask = masks.random(size[1], acceleration, seed=size[1])
    runs = [{"model": name, "acceleration": acceleration, "steps": 0} for name in export.MODELS]
    target = ifft(hybrid, HYBRID).abs()[None]
    for name, found in zip(export.MODELS, served.solve(hybrid, mask, runs), strict=True):
        expected = python(name, acceleration, hybrid, mask)
        pairs = [(found[0], expected[0]), (found[-1], expected[-1])]
        if name != "tv":
            pairs = list(zip(found, expected, strict=True))
        for x, goal in pairs:
            assert float((x - goal).norm() / goal.norm()) < RELATIVE.get(name, CLOSE), name
        ours, theirs = (metrics.scores(x[-1][None], target) for x in (found, expected))
        assert ours.psnr == pytest.approx(theirs.psnr, abs=DECIBELS), name
        assert ours.ssim == pytest.approx(theirs.ssim, abs=1e-4), name


@pytest.mark.parametrize("name, steps", [("ft-euler", 9), ("lt-rk2", 9), ("pc-flow", 5), ("pc-flow", 20)])
def test_another_number_of_steps(served: Served, name: str, steps: int) -> None:
    hybrid, mask = knee((64, 72)), masks.random(72, 4, seed=3)
    (found,) = served.solve(hybrid, mask, [{"model": name, "acceleration": 4, "steps": steps}])
    expected = python(name, 4, hybrid, mask, steps=steps)
    assert len(found) == len(expected) == steps + 1
    for x, goal in zip(found, expected, strict=True):
        assert float((x - goal).norm() / goal.norm()) < CLOSE


def test_without_multiply_add_in_one_instruction(served: Served) -> None:
    """What Safari runs: SIMD, but not its relaxed form."""
    page, about = served.page, served.about
    hybrid, mask = knee((64, 72)), masks.random(72, 4, seed=3)
    message = {"kind": "open", "folder": f"{served.address}engine/", "sha256": about["sha256"], "fused": False}
    page.evaluate("async (m) => { window.kept = engine; window.engine = new Worker('engine/' + m); }", about["worker"])
    page.evaluate("(m) => ask(engine, m, 'ready')", message)
    (found,) = served.solve(hybrid, mask, [{"model": "lt-rk4", "acceleration": 4, "steps": 0}])
    page.evaluate("() => { engine.terminate(); window.engine = kept; }")
    goal = python("lt-rk4", 4, hybrid, mask)[-1]
    assert float((found[-1] - goal).norm() / goal.norm()) < CLOSE


def test_the_last_request_wins(served: Served) -> None:
    """Two hundred strokes at once: the last is answered whole, few others are, and the engine's memory stays small."""
    hybrid = knee((64, 72))
    answered = served.page.evaluate(
        """async ([rows, columns, re, im]) => {
            const hybrid = { rows, columns, re: Float64Array.from(re), im: Float64Array.from(im) };
            const heard = [];
            const runs = [{ model: "lt-rk2", acceleration: 4, steps: 0 }];
            return new Promise((resolve) => {
                engine.onmessage = ({ data }) => {
                    heard.push([data.kind, data.id, data.memory]);
                    if (data.kind === "done" && data.id === 10200) resolve(heard);
                };
                for (let n = 1; n <= 200; n++) {
                    const mask = Uint8Array.from({ length: columns }, (_, c) => (c + n) % 4 === 0 ? 1 : 0);
                    engine.postMessage({ kind: "solve", id: 10000 + n, hybrid, mask, runs });
                }
            });
        }""",
        [64, 72, hybrid.real.flatten().tolist(), hybrid.imag.flatten().tolist()],
    )
    served.asked = 20_000
    steps = [number for kind, number, _ in answered if kind == "step"]
    assert steps[-6:] == [10200] * 6
    assert len(steps) < 30, "strokes that were painted over cost no reconstruction"
    (memory,) = (memory for kind, _, memory in answered if kind == "done")
    assert [number for kind, number, _ in answered if kind == "done"] == [10200]
    assert memory % 65536 == 0 and memory < 16e6


# What the engine refuses


def refusal(served: Served, sha256: str = "", model: str = "ft-euler", **files: bytes | None) -> str:
    """What a worker says of a folder in which files were replaced; the page and its own worker go on."""
    served.asked += 1
    place = f"changed{served.asked}"  # the browser keeps what it has seen of a place
    folder = served.folder / place
    about = engine.write(folder, f"{place}/")
    for name, content in files.items():
        path = next(folder.glob(f"{name.replace('__', '.')}*"))
        path.unlink() if content is None else path.write_bytes(content)
    message = {"kind": "open", "folder": f"{served.address}{place}/", "sha256": sha256}
    said = served.page.evaluate(
        """async ([name, message, model]) => {
            const worker = new Worker(name);
            const hybrid = { rows: 16, columns: 16, re: new Float64Array(256).fill(1), im: new Float64Array(256) };
            const mask = new Uint8Array(16).fill(1);
            const runs = [{ model, acceleration: 4, steps: 0 }];
            try {
                await ask(worker, message, "ready");
                await ask(worker, { kind: "solve", id: 1, hybrid, mask, runs }, "done");
                return "";
            } catch (error) {
                return error.message;
            } finally {
                worker.terminate();
            }
        }""",
        [f"{place}/{about['worker']}", message, model],
    )
    return str(said)


def test_weights_of_another_version(served: Served) -> None:
    right = export.source("ft-euler", 4).read_bytes()
    assert refusal(served) == ""
    changed = bytearray(right)
    changed[-1] ^= 1
    assert "ft-euler_4x" in (said := refusal(served, **{"ft-euler_4x": bytes(changed)})) and "another version" in said
    assert "another version" in refusal(served, **{"ft-euler_4x": right[:-4]})
    assert "another version" in refusal(served, **{"ft-euler_4x": right + b"more"})
    assert "could not be loaded" in refusal(served, **{"ft-euler_4x": None})
    assert "there is no unet" in refusal(served, model="unet")


def test_manifests_that_do_not_fit(served: Served) -> None:
    manifest = json.loads((served.folder / "engine/manifest.json").read_text())
    written = lambda m: json.dumps(m).encode()  # noqa: E731
    assert "another version than this page" in refusal(served, sha256="0" * 64)
    assert "damaged" in refusal(served, manifest__json=b"{")
    assert "format 2" in refusal(served, manifest__json=written({**manifest, "format": 2}))
    manifest["models"]["ft-euler"]["weights"]["4"]["tensors"]["f.layers.0.bias"] = [33]
    assert "f.layers.0.bias is not of the shape" in refusal(served, manifest__json=written(manifest))
    assert "could not be loaded" in refusal(served, manifest__json=None)


# The command


def test_export_writes_the_same_bytes_again(tmp_path: Path) -> None:
    manifests = [export.export(tmp_path / name, ("lt-rk2", "tv")) for name in "ab"]
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {path.name for path in (tmp_path / "b").iterdir()} and "LICENSE.txt" in names
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)
    assert manifests[0] == json.loads((tmp_path / "a/manifest.json").read_text())
    entry = manifests[0]["models"]["lt-rk2"]
    assert entry["plan"] == {"kind": "learned", "steps": 5, "stages": 2} and entry["parameters"] == 90_302
    for acceleration, about in entry["weights"].items():
        assert (tmp_path / "a" / about["file"]).stat().st_size == about["bytes"]
        counted = sum(int(np.prod(shape)) for shape in about["tensors"].values())
        assert counted == 90_302 and about["source"].endswith(f"_{acceleration}x.safetensors")


@pytest.mark.parametrize("name", ["unet", "ft-rk4", "neural-ode", "ft-euler-end", "lt-rk4-no-attention"])
def test_a_model_that_a_browser_cannot_run(name: str) -> None:
    with pytest.raises(UsageError, match="cannot run"):
        export.plan(name)


def test_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from reconode.cli.__main__ import app

    done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--model", "tv", "--model", "ft-euler"])
    assert done.exit_code == 0, done.output
    assert "ft-euler" in done.output and (tmp_path / "out/manifest.json").is_file()
    failed = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--model", "unet"])
    assert failed.exit_code == 1
