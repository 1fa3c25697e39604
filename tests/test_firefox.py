"""The engine in Firefox too: one image, where a Firefox is installed."""

from __future__ import annotations

import base64
import json
import queue
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from serving import Quiet, serve
from test_parity import CLIENT, CLOSE, knee, python

from reconode import masks
from reconode.teach.widgets import engine

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")

PAGE = """<!DOCTYPE html><link rel="icon" href="data:,"><title>engine</title><script>
%(client)s
const tell = (what) => fetch("answer", { method: "POST", body: JSON.stringify(what) });
(async () => {
    window.engine = new Worker("engine/%(worker)s");
    await ask(engine, { kind: "open", folder: new URL("engine/", location.href).href, sha256: "%(sha256)s" }, "ready");
    const { rows, columns, re, im, mask } = await (await fetch("data.json")).json();
    const runs = [{ model: "lt-rk4", acceleration: 4, steps: 0 }];
    const { image } = (await solve(1, rows, columns, re, im, mask, runs)).at(-1);
    tell({ image: btoa(Array.from(new Uint8Array(image.buffer), (b) => String.fromCharCode(b)).join("")) });
})().catch((error) => tell({ error: String(error) }));
</script>"""


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox here")
def test_one_image_in_firefox(tmp_path: Path) -> None:
    """LT-RK4's image equals PyTorch's to 1e-5; the page sends it to the server that it came from."""
    about = engine.write(tmp_path / "engine", "engine/")
    hybrid, mask = knee((64, 72)), masks.random(72, 4, seed=3)
    parts = {"re": hybrid.real.flatten().tolist(), "im": hybrid.imag.flatten().tolist(), "mask": mask.int().tolist()}
    (tmp_path / "data.json").write_text(json.dumps({"rows": 64, "columns": 72, **parts}))
    (tmp_path / "page.html").write_text(PAGE % {"client": CLIENT, **about})
    answers: queue.Queue[dict[str, str]] = queue.Queue()

    class Listening(Quiet):
        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

    with serve(tmp_path, Listening) as address:
        assert FIREFOX is not None
        command = [FIREFOX, "--headless", "--no-remote", "--profile", str(tmp_path / "profile")]
        (tmp_path / "profile").mkdir()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([*command, f"{address}page.html"], **quiet)
        try:
            said = answers.get(timeout=100)
        finally:
            process.terminate()
            process.wait()
    assert "image" in said, said
    values = torch.frombuffer(bytearray(base64.b64decode(said["image"])), dtype=torch.float32)
    found, goal = torch.view_as_complex(values.reshape(64, 72, 2)), python("lt-rk4", 4, hybrid, mask)[-1]
    assert float((found - goal).norm() / goal.norm()) < CLOSE
