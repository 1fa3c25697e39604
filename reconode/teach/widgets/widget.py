"""What every widget is to Python: a page's worth of HTML that needs no kernel and no network, and a picture of it."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reconode.storage.whole import write_whole
from reconode.teach.widgets import bundle

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

DRAWING, PHOTO = 16_000, 9_500
"""Bytes of the picture within the HTML: a larger PNG, of images with noise, becomes a JPEG of at most so many."""

# Outside of the widget's own tree: Jupyter Book's dark pages put a white sheet under HTML outputs.
PAGE_STYLE = (
    ".reconode-widget{margin:0 0 1rem;max-width:68rem}.reconode-widget img{max-width:100%;height:auto;background:#fff}"
    ".bd-content .cell_output .text_html:has(>.reconode-widget){background:none!important;padding:0!important}"
)
# Without it JupyterLab takes arrow keys for itself, and two times d deletes the cell.
OWN_KEYS = "data-lm-suppress-shortcuts"
NOTE = "The interactive version needs JavaScript: open this notebook in Colab or JupyterLab, or read it in the book."

STANDALONE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 1rem; background: #fff; font-family: system-ui, sans-serif; }}
main {{ max-width: 68rem; margin: auto; }}
h1 {{ font-size: 1.25rem; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181c; color: #e6ebef; }} }}
</style>
<main>
<h1>{title}</h1>
{widget}
</main>
</html>
"""


@dataclass(frozen=True)
class Widget:
    """An interactive figure: a notebook shows it when a cell ends in it. The same arguments make the same bytes.

    Attributes:
        kind: which widget; names its JavaScript module.
        title: what it shows, in a few words; its accessible name.
        alt: what its picture shows, for readers who do not see it.
        payload: what the script is given, in JSON's types.
        draw: makes the picture that stands in where no script runs: on GitHub, on paper.
        note: what is written under it there.
    """

    kind: str
    title: str
    alt: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    draw: Callable[[], Figure] = field(repr=False)
    note: str = field(default=NOTE, repr=False)

    @cached_property
    def _drawn(self) -> Image:
        from PIL import Image

        drawn = io.BytesIO()
        self.draw().savefig(drawn, format="png", dpi=80, facecolor="white", metadata={"Software": None})
        return Image.open(drawn).convert("RGB")

    @cached_property
    def png(self) -> bytes:
        """The picture that stands in where no script runs, in few colors: the notebook keeps it."""
        from PIL.Image import Dither

        return _encoded(self._drawn.quantize(64, dither=Dither.NONE), "PNG", optimize=True)

    def _still(self) -> str:
        """The picture once more, for the HTML, where each byte counts: an address with all of it inside."""
        form, picture = "png", self.png
        for quality in (80, 65, 50, 40, 30) if len(picture) > DRAWING else ():
            form, picture = "jpeg", _encoded(self._drawn, "JPEG", quality=quality, optimize=True)
            if len(picture) <= PHOTO:
                break
        return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"

    @cached_property
    def html(self) -> str:
        """The HTML of an output: the picture, and the script that puts the widget in its place."""
        data = json.dumps(self.payload, separators=(",", ":"), sort_keys=True)
        key = hashlib.sha256(f"{self.kind}{self.title}{data}".encode()).hexdigest()[:12]
        call = ",".join((_literal(key), _literal(self.title), _literal(bundle.style()), _safe(data)))
        return (
            f'<div class="reconode-widget" data-widget="{self.kind}" data-key="{key}" {OWN_KEYS}>\n'
            f"<style>{PAGE_STYLE}</style>\n"
            f'<img alt="{html.escape(self.alt)}" src="{self._still()}">\n<p>{html.escape(self.note)}</p>\n</div>\n'
            f'<script>(() => {{\n"use strict";\n{bundle.script(self.kind)}${self.kind}.start({call});\n}})();</script>'
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a page of its own, which opens from a disk without a network.

        Raises:
            OutputError: when the file cannot be written.
        """
        write_whole(path, STANDALONE.format(title=html.escape(self.title), widget=self.html))

    def _repr_html_(self) -> str:
        return self.html

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = base64.b64encode(self.png).decode()
        return {"text/html": self.html, "image/png": picture, "text/plain": repr(self)}


def _encoded(image: Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _literal(text: str) -> str:
    """A text as a JavaScript string that cannot end the script it stands in."""
    return _safe(json.dumps(text))


def _safe(data: str) -> str:
    return data.replace("<", "\\u003c")
