"""What other runtimes cost in a browser: one evaluation of the dynamics f at 96 x 112, ours beside theirs.

Interleaved on one page: our WebAssembly, onnxruntime-web's and TensorFlow.js's, each on one thread. Then ours beside
each that wants a graphics card, three rounds, on Chromium's SwiftShader, which plays a card on the processor: the
device's name stands with the numbers. On a real card: not measured.
"""

from __future__ import annotations

import base64
import gzip
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from _serve import CARD

from reconode import export, zoo
from reconode.teach.widgets import bundle

SIZE = (96, 112)
ORT = "onnxruntime-web/dist"
CORE, WASM, WEBGL, WEBGPU = (
    f"@tensorflow/tfjs-{part}/dist" for part in ("core", *(f"backend-{b}" for b in ("wasm", "webgl", "webgpu")))
)
TFJS = f"{CORE}/tf-core.min.js"

FILES = {
    "own": [],
    "onnxruntime": [f"{ORT}/ort.wasm.bundle.min.mjs", f"{ORT}/ort-wasm-simd-threaded.wasm"],
    "tfjs": [TFJS, f"{WASM}/tf-backend-wasm.min.js", f"{WASM}/tfjs-backend-wasm-simd.wasm"],
    "onnxruntime webgpu": [f"{ORT}/ort.webgpu.bundle.min.mjs", f"{ORT}/ort-wasm-simd-threaded.asyncify.wasm"],
    "tfjs webgl": [TFJS, f"{WEBGL}/tf-backend-webgl.min.js"],
    "tfjs webgpu": [TFJS, f"{WEBGPU}/tf-backend-webgpu.min.js"],
}
"""What a page loads for each, in the folder of node_modules."""

PAGES = {
    "runtimes": (("own", "onnxruntime", "tfjs"),),
    "cards": (("own", "tfjs webgl"), ("own", "tfjs webgpu"), ("own", "onnxruntime webgpu")),
}
"""Which are measured on one page, in turn, by the benchmark's part."""

EVALUATE = """async ([weights, size, onnx, rounds, names, files, warm]) => {
    const [rows, columns] = size;
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
    const tensors = $safetensors.readTensors(bytes(weights), "weights");
    const image = Float32Array.from({ length: 2 * rows * columns }, (_, i) => Math.sin(i));
    const t = 0.4;
    const at = (name, ending) => "/runtimes/" + files[name].find((file) => file.endsWith(ending));

    async function own() {
        const model = $models.makeModel({ kind: "fixed", steps: 5 }, tensors);
        const machine = await $convolution.makeMachine();
        machine.reset();
        const layout = new $convolution.Layout(rows, columns, 1);
        const placed = model.networks[0].place(machine, layout, new $convolution.Buffers(machine, [layout]));
        const out = new Float32Array(image.length);
        return async () => {
            const found = placed.run(t, (input, pitch) => layout.places.forEach((p, i) => {
                input[pitch * p] = image[i];
                input[pitch * p + 1] = image[rows * columns + i];
            }));
            layout.places.forEach((p, i) => { out[i] = found[4 * p]; out[rows * columns + i] = found[4 * p + 1]; });
            return out;
        };
    }

    async function onnxruntime(name, provider) {
        const ort = await import(at(name, ".mjs"));
        ort.env.wasm.numThreads = 1;
        ort.env.wasm.wasmPaths = { wasm: at(name, ".wasm") };
        const session = await ort.InferenceSession.create(bytes(onnx), { executionProviders: [provider] });
        const [first, second] = session.inputNames;
        return async () => {
            const feed = { [first]: new ort.Tensor("float32", [t], []),
                [second]: new ort.Tensor("float32", image, [1, 2, rows, columns]) };
            return (await session.run(feed))[session.outputNames[0]].data;
        };
    }

    async function tfjs(name, backend) {
        if (backend === "wasm") tf.wasm.setWasmPaths("/runtimes/@tensorflow/tfjs-backend-wasm/dist/");
        if (!(await tf.setBackend(backend))) throw new Error(`no ${backend}`);
        await tf.ready();
        const layers = [0, 1, 2, 3, 4].map((n) => {
            const { shape: [outputs, inputs], values } = tensors[`f.layers.${n}.weight`];
            const kernel = tf.transpose(tf.tensor(values, [outputs, inputs, 3, 3]), [2, 3, 1, 0]);
            const one = (part) => tensors[`f.layers.${n}.${part}`].values;
            return { kernel, bias: tf.tensor(one("bias")), tau: one("alpha")[0] * t + one("beta")[0] };
        });
        return async () => {
            const out = tf.tidy(() => {
                let x = tf.transpose(tf.tensor(image, [1, 2, rows, columns]), [0, 2, 3, 1]);
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

    const cases = {};
    for (const name of names) {
        const [library, backend = "wasm"] = name.split(" ");
        cases[name] = await { own, onnxruntime, tfjs }[library](name, backend);
    }
    const times = Object.fromEntries(names.map((name) => [name, []]));
    const found = {};
    for (let round = -warm; round < rounds; round++) {
        for (const [name, run] of Object.entries(cases)) {
            const began = performance.now();
            found[name] = Array.from(await run());
            if (round >= 0) times[name].push(performance.now() - began);
        }
    }
    const card = await navigator.gpu?.requestAdapter();
    return { times, found, card: card ? `${card.info.vendor} ${card.info.architecture}` : null };
}"""


def evaluate(page: Any, given: list[Any]) -> dict[str, Any]:
    """Load what a page's runtimes need, and time them."""
    names, files = given[4], given[5]
    modules = list(dict.fromkeys(bundle.modules("models") + bundle.modules("safetensors")))
    page.add_script_tag(content="".join(bundle.wrapped(n).replace("const $", "var $", 1) for n in modules))
    for script in dict.fromkeys(f for name in names for f in files[name] if f.endswith(".js")):
        page.add_script_tag(url=f"/runtimes/{script}")
    found: dict[str, Any] = page.evaluate(EVALUATE, given)
    return found


def measure(
    part: str, playwright: Any, executable: str, address: str, folder: Path, rounds: int
) -> list[dict[str, Any]]:
    """Milliseconds of each, bytes, and how far from PyTorch; an error's first line where one does not run here."""
    f: Any = zoo.load("ft-euler", file=export.source("ft-euler", 4))
    image = torch.sin(torch.arange(2.0 * SIZE[0] * SIZE[1])).reshape(1, 2, *SIZE)
    made = torch.onnx.export(f.f, (torch.tensor(0.4), image), dynamo=True, opset_version=20, verbose=False)
    with tempfile.TemporaryDirectory() as place:
        made.save(f"{place}/f.onnx")
        onnx = base64.b64encode(Path(place, "f.onnx").read_bytes()).decode()
    weights = base64.b64encode(export.source("ft-euler", 4).read_bytes()).decode()
    with torch.no_grad():
        goal = f.f(0.4, image).flatten()
    ours = "".join(map(bundle.wrapped, bundle.modules("convolution"))).encode()
    cases = []
    asks = part == "cards"
    for names in PAGES[part]:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CARD) if asks else None)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{address}blank.html")
        other = names[-1]
        try:
            answer = evaluate(
                page, [weights, list(SIZE), onnx, 3 if asks else rounds, list(names), FILES, 1 if asks else 3]
            )
        except Exception as error:
            cases.append({"runtime": other, "failed": str(error).splitlines()[0]})
            print(cases[-1], flush=True)
            continue
        finally:
            browser.close()
        own = statistics.median(answer["times"]["own"])
        for name in names[1:] if asks else names:
            contents = [(folder / file).read_bytes() for file in FILES[name]] or [ours]
            times = answer["times"][name]
            case: dict[str, Any] = {"runtime": name} | ({"device": answer["card"]} if asks else {})
            case |= {"milliseconds": statistics.median(times), "fastest_milliseconds": min(times)}
            case |= {"times_ours": statistics.median(times) / own, "kilobytes": sum(map(len, contents)) / 1000}
            case["kilobytes_gzipped"] = sum(len(gzip.compress(c)) for c in contents) / 1000
            case["relative_error"] = float((torch.tensor(answer["found"][name]) - goal).norm() / goal.norm())
            cases.append(case)
            print(case, flush=True)
    return cases
