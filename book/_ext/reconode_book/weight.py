"""Pages without what they do not use: a few icons in place of all of Font Awesome, MathJax only where a formula is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

ICON = re.compile(r'<(?:i|span) class="[^"]*\bfa(?:s|b|r|-solid|-brands|-regular)\b[^"]*"')
NAME = re.compile(r"\bfa-([a-z][a-z-]*)\b")
SCRIPT = re.compile(r'[ \t]*<script src="([^"]*)scripts/fontawesome\.js[^"]*"></script>\n?')
PRELOAD = re.compile(r'[ \t]*<link rel="preload"[^>]*fontawesome[^>]*/?>\n?')
MATHJAX = re.compile(r"[ \t]*<script[^>]*mathjax[^>]*></script>\n?|<script>window\.MathJax = .*?</script>\n?")
FORMULA = re.compile(r'class="math\b|class="[^"]*\bnotranslate nohighlight\b')
MODIFIERS = {"solid", "brands", "regular", "lg", "fw", "sm", "xs", "xl"}
SHEET = "icons.css"
ALL = ":is(.fas, .fab, .far, .fa-solid, .fa-brands, .fa-regular)"
RULES = (
    # The theme's own rules for icons as letters of a font, switched off, so that no font is loaded either.
    f"{ALL}::before {{ content: none !important; }}\n"
    f":where({ALL}) {{ display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em; "
    "background: currentColor; mask: var(--icon) center / contain no-repeat; }\n"
    f"@media (forced-colors: active) {{ {ALL} {{ forced-color-adjust: none; background: CanvasText; }} }}\n"
)


def names(text: str) -> set[str]:
    """The icons that a page shows."""
    return {n for tag in ICON.findall(text) for n in NAME.findall(tag)} - MODIFIERS


def sheet(icons: set[str], script: str) -> str:
    """A style sheet with the icons, from Font Awesome's script.

    Raises:
        KeyError: for an icon that the script has not.
    """
    rules = []
    for name in sorted(icons):
        drawn = re.search(rf'[{{,]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"[^"]*","([^"]+)"\]', script)
        if drawn is None:
            raise KeyError(f"Font Awesome has no icon {name}")
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {drawn[1]} {drawn[2]}'><path d='{drawn[3]}'/></svg>"
        )
        rules.append(f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(svg, safe=" =:/")}"); }}\n')
    return RULES + "".join(rules)


def lighten(text: str) -> str:
    """A page's HTML with the small sheet of icons, and without MathJax where there is nothing to typeset."""
    text = SCRIPT.sub(lambda m: f'<link rel="stylesheet" href="{m[1]}{SHEET}" />\n', PRELOAD.sub("", text))
    return text if FORMULA.search(text) else MATHJAX.sub("", text)


def write_sheet(out: Path, pages: list[str]) -> None:
    """Write the icons' sheet beside the theme's, and leave the script out of the site."""
    script = out / "_static/scripts/fontawesome.js"
    if script.is_file():
        found = set().union(*map(names, pages))
        (out / "_static" / SHEET).write_text(sheet(found, script.read_text(encoding="utf-8")), encoding="utf-8")
