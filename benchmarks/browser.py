"""How fast the models run in a reader's browser, what a first visit loads, and what other runtimes would cost.

    python benchmarks/browser.py [--json FILE] [--rounds N] [--part NAME] [--site FOLDER] [--runtimes FOLDER]

Headless Chromium, one thread, no GPU. Parts: `models`, a reconstruction from the request to the last step, at 96 x 112
and 160 x 160; `visit`, the first press on the landing page's bench, the longest task of the page's own thread while 40
lines are painted; `trace`, with `--site _build/html`, every request of a first visit to the built landing page;
`runtimes` and `cards`, one evaluation of the dynamics f by other runtimes (`_runtimes.py`), from a folder in which

    npm install onnxruntime-web@1.30.0 @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 \
        @tensorflow/tfjs-backend-webgl@4.22.0 @tensorflow/tfjs-backend-webgpu@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0

was run. The file keeps the parts that are not measured anew, each with the machine's load at its time.
Rounds are interleaved. CPU seconds are the renderer's, so that a busy machine can be told from slow code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import machine, write_json
from _runtimes import measure
from _serve import ARGUMENTS, served

from reconode import export, masks, phantoms
from reconode.teach.widgets import engine
from reconode.teach.widgets.reconstruct import reconstruct

PARTS = ("models", "visit", "trace", "runtimes", "cards")

SIZES = ((96, 112), (160, 160))
LIMITS = {"96 x 112": {"lt-rk4": 1.5, "": 0.3}, "160 x 160": {"lt-rk4": 4.0, "": 1.0}}
"""Seconds that were wanted of PC-Flow, FT-Euler and LT-Euler, and of LT-RK4."""

CLIENT = """
window.ask = (worker, message, until) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
        if (data.kind === "failed") reject(new Error(data.message));
        else if (data.kind === until && (until !== "step" || data.last)) resolve(data.milliseconds ?? 0);
    };
    worker.postMessage(message);
});
"""


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


def trace(browser: Any, address: str) -> dict[str, Any]:
    """Every request of a first visit to the built landing page: until it shows, and from the press to the image."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    began = time.perf_counter()
    seen: list[tuple[float, str, bytes]] = []
    page.on("requestfinished", lambda r: seen.append((time.perf_counter() - began, r.url, r.response().body())))
    page.goto(f"{address}book/index.html")
    page.wait_for_selector(".reconode-widget[data-ready]", state="attached")
    page.wait_for_load_state("networkidle")
    shown, pressed = len(seen), time.perf_counter()
    page.get_by_role("button", name="Reconstruct").click()
    page.locator(".card[data-done]").wait_for()
    done = time.perf_counter() - pressed
    pressed -= began
    context.close()

    def told(requests: list[tuple[float, str, bytes]], start: float) -> list[dict[str, Any]]:
        return [
            {
                "request": u.removeprefix(address),
                "bytes": len(b),
                "gzipped": len(gzip.compress(b)),
                "seconds": t - start,
            }
            for t, u, b in requests
        ]

    before, after = told(seen[:shown], 0), told(seen[shown:], pressed)
    return {
        "before_the_press": {k: sum(r[k] for r in before) for k in ("bytes", "gzipped")} | {"requests": len(before)},
        "after_the_press": after,
        "press_to_image": done,
        "to_other_sites": sum(not u.startswith((address, "data:", "blob:")) for _, u, _ in seen),
    }


def models(browser: Any, address: str, about: engine.Engine, rounds: int) -> list[dict[str, Any]]:
    """Every model at both sizes."""
    page = browser.new_page()
    page.goto(f"{address}blank.html")
    page.add_script_tag(content=CLIENT)
    page.evaluate("(name) => { window.engine = new Worker('engine/' + name); }", about["worker"])
    opened = {"kind": "open", "folder": f"{address}engine/", "sha256": about["sha256"]}
    page.evaluate("(m) => ask(engine, m, 'ready')", opened)
    return [case for size in SIZES for case in reconstructions(browser, page, size, rounds)]


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--rounds", type=int, default=7, help="reconstructions a case (default: 7)")
    parser.add_argument("--part", choices=PARTS, help="measure this alone")
    parser.add_argument("--site", type=Path, help="the built site, for every request of a first visit")
    parser.add_argument("--runtimes", type=Path, help="folder with node_modules of the other runtimes")
    options = parser.parse_args()
    wanted = PARTS if options.part is None else (options.part,)
    kept = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    load: dict[str, list[float]] = kept.get("load_average", {})
    result: dict[str, Any] = {"benchmark": "browser", **kept}
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        about = engine.write(folder / "engine", "engine/")
        hybrid = phantoms.slices(1, SIZES[0], seed=16, contrast="CORPD_FBK", noise=0.01).hybrid[0, 0]
        reconstruct(hybrid, (96, 96), about, full=False).save(folder / "light.html")
        (folder / "blank.html").write_text('<!DOCTYPE html><link rel="icon" href="data:,"><title>blank</title>')
        if options.runtimes:
            (folder / "runtimes").symlink_to((options.runtimes / "node_modules").resolve())
        if options.site:
            (folder / "site").symlink_to(options.site.resolve())
        server = served(folder)
        address = f"http://127.0.0.1:{server.server_port}/"
        found = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        result["browser"] = f"Chromium {browser.version}"
        for part in wanted:
            start = os.getloadavg()[0]
            if part == "models":
                result["cases"] = models(browser, address, about, options.rounds)
            elif part == "visit":
                visits = [press(browser, address) for _ in range(3)]
                result["visit_seconds"] = {key: statistics.median(v[key] for v in visits) for key in visits[0]}
                result["first_press_bytes"] = weigh(folder / "engine")
            elif part == "trace" and options.site:
                result["first_visit"] = trace(browser, f"{address}site/")
            elif part in ("runtimes", "cards") and options.runtimes:
                result[part] = measure(part, playwright, found, address, folder / "runtimes", 3 * options.rounds)
            else:
                continue
            load[part] = [start, os.getloadavg()[0]]
        browser.close()
        server.shutdown()
    result |= {"load_average": load, "machine": machine()}
    write_json(options.json, result)


if __name__ == "__main__":
    main()
