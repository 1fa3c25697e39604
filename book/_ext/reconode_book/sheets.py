"""Charts turn with the page's theme; pictures of anatomy keep their sheet.

Matplotlib draws on white. On a dark page a chart is inverted by the style sheet and its hues are turned back, which is
what a dark chart would be; a magnitude image inverted would be its own negative, so it stays as it is.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

CHART = "chart"
WHITE = 0.97
MOSTLY = 0.5
"""Of the book's charts the one with the least white has 0.53 of it, of its images the one with the most 0.29."""


@cache
def is_chart(path: Path) -> bool:
    """Whether a PNG is lines on paper rather than images."""
    from matplotlib import image

    pixels = image.imread(path)
    return bool((pixels[..., :3].mean(-1) > WHITE).mean() > MOSTLY)


def mark_charts(text: str, page: Path) -> str:
    """A page's HTML with the class ``chart`` on each chart among its pictures."""

    def mark(match: re.Match[str]) -> str:
        tag = match[0]
        source = page.parent / unquote(match[1])
        if not source.is_file() or not is_chart(source.resolve()):
            return tag
        if 'class="' in tag:
            return tag.replace('class="', f'class="{CHART} ', 1)
        return tag.replace("<img", f'<img class="{CHART}"', 1)

    return re.sub(r'<img\b[^>]*?\bsrc="([^":]+\.png)"[^>]*>', mark, text)
