"""How fast the models run in a reader's browser, how much the first press loads, and what other runtimes would cost.

    python benchmarks/browser.py [--json FILE] [--rounds N] [--runtimes FOLDER]

Headless Chromium, one thread, no GPU. A reconstruction from the request to the last step, at 96 x 112 and 160 x 160;
the first press on the landing page's bench; the longest task of the page's own thread while 40 lines are painted.
`--runtimes` compares one evaluation of the dynamics f at 96 x 112 with onnxruntime-web and TensorFlow.js, from a folder
in which

    npm install onnxruntime-web@1.30.0 @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0

was run. Rounds are interleaved. CPU seconds are the renderer's, so that a busy machine can be told from slow code.
"""

from __future__ import annotations

import argparse
import base64
import functools
import gzip
import http.server
import os
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import torch
from _common import machine, write_json

from reconode import export, masks, phantoms, zoo
from reconode.teach.widgets import bundle, engine
from reconode.teach.widgets.reconstruct import reconstruct

SIZES = ((96, 112), (160, 160))
LIMITS = {"96 x 112": {"lt-rk4": 1.5, "": 0.3}, "160 x 160": {"lt-rk4": 4.0, "": 1.0}}
"""Seconds that were wanted of PC-Flow, FT-Euler and LT-Euler, and of LT-RK4."""
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
ORT = "onnxruntime-web/dist"
TFJS = "@tensorflow/tfjs-backend-wasm/dist"

CLIENT = """
window.ask = (worker, message, until) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
        if (data.kind === "failed") reject(new Error(data.message));
        else if (data.kind === until && (until !== "step" || data.last)) resolve(data.milliseconds ?? 0);
    };
    worker.postMessage(message);
});
"""

RUNTIMES = """async ([weights, size, onnx, rounds]) => {
    const [rows, columns] = size;
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
    const tensors = $safetensors.readTensors(bytes(weights), "weights");
    const image = Float32Array.from({ length: 2 * rows * columns }, (_, i) => Math.sin(i));
    const t = 0.4;
    const cases = {};

    const model = $models.makeModel({ kind: "fixed", steps: 5 }, tensors);
    const machine = await $convolution.makeMachine();
    machine.reset();
    const layout = new $convolution.Layout(rows, columns, 1);
    const placed = model.networks[0].place(machine, layout, new $convolution.Buffers(machine, [layout]));
    const own = new Float32Array(image.length);
    cases.own = async () => {
        const out = placed.run(t, (input, pitch) => layout.places.forEach((p, i) => {
            input[pitch * p] = image[i];
            input[pitch * p + 1] = image[rows * columns + i];
        }));
        layout.places.forEach((p, i) => { own[i] = out[4 * p]; own[rows * columns + i] = out[4 * p + 1]; });
        return own;
    };

    if (onnx) {
        const ort = await import("/runtimes/ORT/ort.wasm.bundle.min.mjs".replace("ORT", "onnxruntime-web/dist"));
        ort.env.wasm.numThreads = 1;
        ort.env.wasm.wasmPaths = { wasm: "/runtimes/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm" };
        const session = await ort.InferenceSession.create(bytes(onnx));
        const [first, second] = session.inputNames;
        cases.onnxruntime = async () => {
            const feed = { [first]: new ort.Tensor("float32", [t], []),
                [second]: new ort.Tensor("float32", image, [1, 2, rows, columns]) };
            return (await session.run(feed))[session.outputNames[0]].data;
        };
        await tf.wasm.setWasmPaths("/runtimes/@tensorflow/tfjs-backend-wasm/dist/");
        tf.wasm.setThreadsCount?.(1);
        await tf.setBackend("wasm");
        await tf.ready();
        const layers = [0, 1, 2, 3, 4].map((n) => {
            const { shape: [outputs, inputs], values } = tensors[`f.layers.${n}.weight`];
            const kernel = tf.transpose(tf.tensor(values, [outputs, inputs, 3, 3]), [2, 3, 1, 0]);
            const one = (name) => tensors[`f.layers.${n}.${name}`].values;
            return { kernel, bias: tf.tensor(one("bias")), tau: one("alpha")[0] * t + one("beta")[0] };
        });
        const planes = tf.transpose(tf.tensor(image, [1, 2, rows, columns]), [0, 2, 3, 1]);
        cases.tfjs = async () => {
            const out = tf.tidy(() => {
                let x = planes;
                layers.forEach(({ kernel, bias, tau }, n) => {
                    const clocked = tf.concat([x, tf.fill([1, rows, columns, 1], tau)], 3);
                    x = tf.add(tf.conv2d(clocked, kernel, 1, "same"), bias);
                    if (n < 4) x = tf.relu(x);
                });
                return tf.transpose(x, [0, 3, 1, 2]);
            });
            const data = await out.data();
            out.dispose();
            return data;
        };
    }
    const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
    const found = {};
    for (let round = -3; round < rounds; round++) {
        for (const [name, run] of Object.entries(cases)) {
            const began = performance.now();
            found[name] = Array.from(await run());
            if (round >= 0) times[name].push(performance.now() - began);
        }
    }
    return { times, found };
}"""


def served(folder: Path) -> Any:
    """A server of a folder on a port of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map: ClassVar[dict[str, str]] = {
            **http.server.SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
        }

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def cpu_seconds(browser: Any) -> float:
    """Of all renderers."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(p["cpuTime"] for p in found if p["type"] == "renderer"))


def reconstructions(browser: Any, page: Any, size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """Each model's seconds a reconstruction, by the wall and by the processor."""
    hybrid = phantoms.slices(1, size, seed=16, contrast="CORPD_FBK", noise=0.01).hybrid[0, 0]
    mask = masks.random(size[1], 4, seed=0)
    given = [*size, hybrid.real.flatten().tolist(), hybrid.imag.flatten().tolist(), mask.int().tolist()]
    page.evaluate(
        """([rows, columns, re, im, mask]) => { window.given = { kind: "solve", mask: Uint8Array.from(mask),
            hybrid: { rows, columns, re: Float64Array.from(re), im: Float64Array.from(im) } }; window.id ??= 0; }""",
        given,
    )
    wall: dict[str, list[float]] = {name: [] for name in export.MODELS}
    cpu: dict[str, list[float]] = {name: [] for name in export.MODELS}
    for number in range(-2, rounds):  # two rounds for weights and compilers
        for name in export.MODELS:
            before = cpu_seconds(browser)
            spent = page.evaluate(
                """(model) => ask(engine,
                    { ...given, id: ++id, runs: [{ model, acceleration: 4, steps: 0 }] }, "step")""",
                name,
            )
            if number >= 0:
                wall[name].append(spent / 1000)
                cpu[name].append(cpu_seconds(browser) - before)
    label = f"{size[0]} x {size[1]}"
    cases = []
    for name in export.MODELS:
        limit = LIMITS[label].get(name, LIMITS[label][""] if name in ("pc-flow", "ft-euler", "lt-euler") else None)
        case = {"size": label, "model": name, "seconds": statistics.median(wall[name]), "fastest": min(wall[name])}
        case |= {"cpu_seconds": statistics.median(cpu[name])} | ({} if limit is None else {"wanted_seconds": limit})
        cases.append(case)
        print("  ".join(f"{v:.3f}" if isinstance(v, float) else f"{v:>9}" for v in case.values()), flush=True)
    return cases


def press(browser: Any, address: str) -> dict[str, float]:
    """A first visit to the bench: until it shows, from the press to the model's image, and painting afterwards."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.add_init_script(
        "window.long = [0]; new PerformanceObserver((l) => long.push(...l.getEntries().map((e) => e.duration)))"
        ".observe({ type: 'longtask' });"
    )
    began = time.perf_counter()
    page.goto(f"{address}light.html")
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    shown = time.perf_counter() - began
    page.wait_for_timeout(3500)  # the trajectory that came with the page has played
    page.evaluate("long.length = 1")
    began = time.perf_counter()
    page.get_by_role("button", name="Reconstruct").click()
    page.locator(".card[data-done]").wait_for()
    pressed = time.perf_counter() - began
    box = page.get_by_role("slider", name="Line of k-space").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    for n in range(40):
        page.mouse.move(box["x"] + 5 + 7 * n, box["y"] + 20)
        page.wait_for_timeout(30)
    page.mouse.up()
    page.wait_for_timeout(1500)
    longest = float(page.evaluate("Math.max(...long)"))
    context.close()
    return {"first_picture": shown, "press_to_image": pressed, "longest_task": longest / 1000}


def weigh(folder: Path) -> dict[str, int]:
    """Bytes of what the first press loads, raw and as a host compresses them."""
    files = [next(folder.glob("worker.*.js")), folder / "manifest.json", next(folder.glob("pc-flow_4x.*"))]
    contents = [path.read_bytes() for path in files]
    return {"raw": sum(map(len, contents)), "gzipped": sum(len(gzip.compress(c)) for c in contents)}


def runtimes(browser: Any, address: str, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """One evaluation of f by our kernels and by two libraries: milliseconds, bytes, and how far from PyTorch."""
    size = SIZES[0]
    f: Any = zoo.load("ft-euler", file=export.source("ft-euler", 4))
    image = torch.sin(torch.arange(2.0 * size[0] * size[1])).reshape(1, 2, *size)
    made = torch.onnx.export(f.f, (torch.tensor(0.4), image), dynamo=True, opset_version=20, verbose=False)
    with tempfile.TemporaryDirectory() as place:
        made.save(f"{place}/f.onnx")
        onnx = base64.b64encode(Path(place, "f.onnx").read_bytes()).decode()
    page = browser.new_page()
    page.goto(f"{address}blank.html")
    names = list(dict.fromkeys(bundle.modules("models") + bundle.modules("safetensors")))
    page.add_script_tag(content="".join(bundle.wrapped(n).replace("const $", "var $", 1) for n in names))
    for script in ("@tensorflow/tfjs-core/dist/tf-core.min.js", f"{TFJS}/tf-backend-wasm.min.js"):
        page.add_script_tag(url=f"/runtimes/{script}")
    weights = base64.b64encode(export.source("ft-euler", 4).read_bytes()).decode()
    answer = page.evaluate(RUNTIMES, [weights, list(size), onnx, rounds])
    page.close()
    with torch.no_grad():
        goal = f.f(0.4, image).flatten()
    files = {
        "own": [folder.parent / "own.js"],
        "onnxruntime": [folder / ORT / "ort.wasm.bundle.min.mjs", folder / ORT / "ort-wasm-simd-threaded.wasm"],
        "tfjs": [
            folder / "@tensorflow/tfjs-core/dist/tf-core.min.js",
            folder / TFJS / "tf-backend-wasm.min.js",
            folder / TFJS / "tfjs-backend-wasm-simd.wasm",
        ],
    }
    (folder.parent / "own.js").write_text("".join(map(bundle.wrapped, bundle.modules("convolution"))))
    cases = []
    for name, times in answer["times"].items():
        contents = [path.read_bytes() for path in files[name]]
        case = {
            "runtime": name,
            "milliseconds": statistics.median(times),
            "fastest_milliseconds": min(times),
            "kilobytes": sum(map(len, contents)) / 1000,
            "kilobytes_gzipped": sum(len(gzip.compress(c)) for c in contents) / 1000,
            "relative_error": float((torch.tensor(answer["found"][name]) - goal).norm() / goal.norm()),
        }
        cases.append(case)
        print(case, flush=True)
    return cases


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--rounds", type=int, default=7, help="reconstructions a case (default: 7)")
    parser.add_argument("--runtimes", type=Path, help="folder with node_modules of the other runtimes")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        about = engine.write(folder / "engine", "engine/")
        hybrid = phantoms.slices(1, SIZES[0], seed=16, contrast="CORPD_FBK", noise=0.01).hybrid[0, 0]
        reconstruct(hybrid, (96, 96), about, full=False).save(folder / "light.html")
        (folder / "blank.html").write_text('<!DOCTYPE html><link rel="icon" href="data:,"><title>blank</title>')
        server = served(folder)
        address = f"http://127.0.0.1:{server.server_port}/"
        found = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        page = browser.new_page()
        page.goto(f"{address}blank.html")
        page.add_script_tag(content=CLIENT)
        page.evaluate("(name) => { window.engine = new Worker('engine/' + name); }", about["worker"])
        page.evaluate(
            "(m) => ask(engine, m, 'ready')",
            {"kind": "open", "folder": f"{address}engine/", "sha256": about["sha256"]},
        )
        cases = [case for size in SIZES for case in reconstructions(browser, page, size, options.rounds)]
        result: dict[str, Any] = {"benchmark": "browser", "browser": f"Chromium {browser.version}", "cases": cases}
        visits = [press(browser, address) for _ in range(3)]
        result["visit_seconds"] = {key: statistics.median(v[key] for v in visits) for key in visits[0]}
        result["first_press_bytes"] = weigh(folder / "engine")
        print(result["visit_seconds"], result["first_press_bytes"], flush=True)
        if options.runtimes:
            (folder / "runtimes").symlink_to((options.runtimes / "node_modules").resolve())
            result["runtimes"] = runtimes(browser, address, folder / "runtimes", 3 * options.rounds)
        browser.close()
        server.shutdown()
    result |= {"load_average": [load, os.getloadavg()[0]], "machine": machine()}
    write_json(options.json, result)


if __name__ == "__main__":
    main()
