"""A folder over HTTP, and how the benchmarks start a browser."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import Any, ClassVar

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
CARD = (
    "--no-sandbox",
    "--disable-background-networking",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-unsafe-swiftshader",
)
"""For a browser with WebGPU on a machine without a graphics card."""


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
