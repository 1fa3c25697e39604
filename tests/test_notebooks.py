"""Every chapter is portable, and is stored as run: what a reader sees on Colab, on GitHub and on the page."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
ADDRESS = CONFIG["repository"]["url"]
TAG = CONFIG["sphinx"]["config"]["reconode_tag"]
LONGEST_CELL, USUAL_CELL = 25, 12
WIDEST_LINE = 72
WIDEST_DISPLAY = 40
"""Characters of code, and of a displayed line as it is set, roughly: what a page shows without scrolling."""

MYST = re.compile(
    r"^\s*(`{3,}|:{3,})\{[\w:-]+\}"  # ```{note}, :::{figure}
    r"|\{[a-z][\w:-]*\}`[^`\s][^`\n]*`"  # {ref}`here`
    r"|^\([\w:-]+\)=\s*$"  # (target)=
    r"|^%\s|^\+\+\+",  # % comment, +++ break
    re.MULTILINE,
)
CODE_FENCE = re.compile(r"^(`{3,}|~{3,})(?!\{).*?^\1\s*$", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)|<img\b[^>]*?\bsrc\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
EMPTY_ALT = re.compile(
    r"""!\[\s*\]\(|<img\b(?![^>]*\balt\s*=\s*("[^"]*[^"\s][^"]*"|'[^']*[^'\s][^']*'))[^>]*>""", re.IGNORECASE
)
HOME_PATH = re.compile(
    r"(?<![\w:/.])/(?:home|root|Users|tmp|work|usr|opt|var|mnt|content|workspace|private)/\S|\b[A-Z]:\\\w"
)
NOISE = re.compile(
    r"\b\w*Warning\b|Traceback \(most recent call last\)|\d+%\|.*\||it/s\]"  # warnings, tracebacks, progress bars
)
FOLDED = {"hide-input", "hide-cell", "remove-cell"}
DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
FRACTION = re.compile(r"\\[td]?frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d|\w)")
SETS_NOTHING = re.compile(
    r"\\(?:begin|end)\{\w+\}(?:\{[^}]*\})?|\\tag\{[^}]*\}|\\(?:left|right|big[lr]|Big[lr])\b"
    r"|\\(?:mathrm|text|operatorname|mathbf|mathcal)\b|\\q?quad|\\[,;!:]|[{}&$^_]"
)
INSTALLS = re.compile(r"pip\s+install|[\"']pip[\"']\s*,\s*[\"']install")
NEVER_INSTALLED = re.compile(
    r"\b(torch|numpy)\s*([<>=~!]=|@)|install\b[^\n]*\s[\"']?(torch|numpy)\b|--upgrade|\s-U\b|--force-reinstall"
)


def every_notebook() -> list[Any]:
    return [pytest.param(nbformat.read(path, as_version=4), id=path.stem) for path in NOTEBOOKS]


def cells(notebook: Any, kind: str) -> list[tuple[int, Any]]:
    return [(number, cell) for number, cell in enumerate(notebook.cells, start=1) if cell.cell_type == kind]


def texts(output: Any) -> list[str]:
    """What an output shows as text; pictures and widget state have none."""
    data = output.get("data", {})
    shown = [
        value for kind, value in data.items() if kind in {"text/plain", "text/html", "text/markdown", "text/latex"}
    ]
    return [*shown, output.get("text", ""), *output.get("traceback", [])]


def problems(notebook: Any, kind: str, pattern: re.Pattern[str]) -> list[str]:
    """Each match of a pattern in cells of a kind, named by its cell."""
    return [f"cell {n}: {m[0].strip()!r}" for n, cell in cells(notebook, kind) for m in pattern.finditer(cell.source)]


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS, "notebooks/ has no chapter"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_name_and_format(path: Path) -> None:
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem), "a chapter is called NN_name.ipynb"
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))


@pytest.mark.parametrize("notebook", every_notebook())
def test_code_cells_are_short(notebook: Any) -> None:
    lengths = {number: len(cell.source.splitlines()) for number, cell in cells(notebook, "code")}
    assert not {n: length for n, length in lengths.items() if length > LONGEST_CELL}, f"over {LONGEST_CELL} lines"


@pytest.mark.parametrize("notebook", every_notebook())
def test_code_is_narrow(notebook: Any) -> None:
    """All but the folded line that installs, which holds an address."""
    lines = [(n, line) for n, cell in cells(notebook, "code") for line in cell.source.splitlines()]
    assert not [(n, line) for n, line in lines if len(line) > WIDEST_LINE and not INSTALLS.search(line)]


@pytest.mark.parametrize("notebook", every_notebook())
def test_most_cells_are_shorter_still(notebook: Any) -> None:
    """What is folded away does not count."""
    shown = [cell for _, cell in cells(notebook, "code") if not FOLDED & set(cell.metadata.get("tags", []))]
    long = [cell.source.splitlines()[0] for cell in shown if len(cell.source.splitlines()) > USUAL_CELL]
    assert len(long) <= len(shown) / 2, f"{len(long)} of {len(shown)} cells over {USUAL_CELL} lines: {long}"


@pytest.mark.parametrize("notebook", every_notebook())
def test_displays_are_narrow(notebook: Any) -> None:
    displays = [(n, d) for n, cell in cells(notebook, "markdown") for d in DISPLAY.findall(cell.source)]
    lines = [(n, as_set(line)) for n, display in displays for line in display.split(r"\\")]
    assert not [(n, line) for n, line in lines if len(line) > WIDEST_DISPLAY]


@pytest.mark.parametrize("notebook", every_notebook())
def test_numbered_displays_are_one_line(notebook: Any) -> None:
    """The page wraps a display of several lines in one more environment, in which a tag is an error."""
    displays = [(n, d) for n, cell in cells(notebook, "markdown") for d in DISPLAY.findall(cell.source)]
    assert not [(n, d) for n, d in displays if r"\tag" in d and r"\\" in d]


def as_set(tex: str) -> str:
    """Roughly what a displayed line shows: of a fraction its longer part, a symbol for a command, no spaces."""
    tex = FRACTION.sub(lambda match: max(match[1], match[2], key=len), tex)
    return re.sub(r"\s+", "", re.sub(r"\\[A-Za-z]+|\\.", "#", SETS_NOTHING.sub("", tex)))


@pytest.mark.parametrize("notebook", every_notebook())
def test_the_picture_comes_first(notebook: Any) -> None:
    """Title and hook, the folded set-up, the picture, and soon after it the aims."""
    title, setup, picture = notebook.cells[:3]
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    assert {"hide-cell", "setup"} <= set(setup.metadata.tags)
    assert {"hide-input", "first-picture"} <= set(picture.metadata.tags)
    assert any("image/png" in output.get("data", {}) for output in picture.outputs)
    hook = title.source.split("\n\n")[-1].split()
    assert len(hook) <= 60, "the hook pushes the picture off a phone's first screen"
    assert any("After this chapter you can" in cell.source for cell in notebook.cells[3:6])


@pytest.mark.parametrize("notebook", every_notebook())
def test_solutions_lie_below_the_answers(notebook: Any) -> None:
    found = [n for n, cell in enumerate(notebook.cells) if "<summary>Solution</summary>" in cell.source]
    assert found, "no worked solution"
    for n in found:
        assert "check.ex" in notebook.cells[n - 1].source, "a solution above its answer's cell"
        assert notebook.cells[n].source.startswith("<details>"), "a solution that is not folded by itself"


@pytest.mark.parametrize("notebook", every_notebook())
def test_prose_is_commonmark(notebook: Any) -> None:
    found = []
    for number, cell in cells(notebook, "markdown"):
        prose = CODE_FENCE.sub("", cell.source)
        found += [f"cell {number}: {match[0].strip()!r}" for match in MYST.finditer(prose)]
    assert not found, "MyST shows as raw text on Colab and GitHub"


@pytest.mark.parametrize("notebook", every_notebook())
def test_images_come_along(notebook: Any) -> None:
    found = []
    for number, cell in cells(notebook, "markdown"):
        sources = [a or b for a, b in IMAGE.findall(cell.source)]
        found += [f"cell {number}: {s}" for s in sources if not s.startswith(("https://", "data:", "attachment:"))]
    assert not found, "a relative image is blank on Colab"
    assert not problems(notebook, "markdown", EMPTY_ALT), "an image without alt text"


@pytest.mark.parametrize("notebook", every_notebook())
def test_outputs_are_stored_as_run(notebook: Any) -> None:
    code = cells(notebook, "code")
    assert any(cell.outputs for _, cell in code), "stored without outputs: run it from top to bottom and save"
    counts = [cell.execution_count for _, cell in code if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "not one run from top to bottom"


@pytest.mark.parametrize("notebook", every_notebook())
def test_outputs_are_clean(notebook: Any) -> None:
    found = []
    for number, cell in cells(notebook, "code"):
        allowed = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            if not allowed and (output.output_type == "error" or output.get("name") == "stderr"):
                found.append(f"cell {number}: {output.output_type} {output.get('name', output.get('ename'))}")
            for text in texts(output):
                found += [f"cell {number}: path {match[0]!r}" for match in HOME_PATH.finditer(text)]
                if not allowed:
                    found += [f"cell {number}: {match[0]!r}" for match in NOISE.finditer(text)]
    assert not found


@pytest.mark.parametrize("notebook", every_notebook())
def test_a_widgets_script_is_not_compared(notebook: Any) -> None:
    """It changes with every edit of the widgets; the page has today's, and nbval would call it another output."""
    shown = [c for _, c in cells(notebook, "code") if any("text/html" in o.get("data", {}) for o in c.outputs)]
    compared = [c.source[:60] for c in shown if "nbval-ignore-output" not in c.metadata.get("tags", [])]
    assert not [source for source in compared if "widgets." in source]


@pytest.mark.parametrize("notebook", every_notebook())
def test_code_names_no_absolute_path(notebook: Any) -> None:
    assert not problems(notebook, "code", HOME_PATH)


@pytest.mark.parametrize("notebook", every_notebook())
def test_first_code_cell_installs_only_what_is_missing(notebook: Any) -> None:
    number, first = cells(notebook, "code")[0]
    assert "reconode" in first.source, "the first code cell makes reconode importable"
    assert INSTALLS.search(first.source)
    asks = r"find_spec\(\s*[\"']reconode[\"']|except\s+(ImportError|ModuleNotFoundError)"
    assert re.search(asks, first.source), "it installs only where reconode is missing"
    assert not NEVER_INSTALLED.search(first.source), "it may not move torch or numpy"
    others = [n for n, cell in cells(notebook, "code") if n != number and INSTALLS.search(cell.source)]
    assert not others, "only the first code cell installs"


@pytest.mark.parametrize("notebook", every_notebook())
def test_it_installs_a_release(notebook: Any) -> None:
    _, first = cells(notebook, "code")[0]
    assert f"git+{ADDRESS}@{TAG}" in first.source, "the library is not the release of _config.yml; run: make address"


@pytest.mark.parametrize("notebook", every_notebook())
def test_plumbing_folds(notebook: Any) -> None:
    _, first = cells(notebook, "code")[0]
    assert set(first.metadata.get("tags", [])) & {"hide-input", "hide-cell", "remove-cell"}, "tag it hide-input"


@pytest.mark.parametrize("notebook", every_notebook())
def test_time_budget(notebook: Any) -> None:
    budget = notebook.metadata.get("reconode", {}).get("seconds")
    assert isinstance(budget, int | float), 'metadata needs {"reconode": {"seconds": N}}'
    assert 0 < budget <= 240


@pytest.mark.parametrize("notebook", every_notebook())
def test_pictures_have_alternative_texts(notebook: Any) -> None:
    """For the page; a widget carries its own, and says so in its HTML."""
    bare = []
    for number, cell in cells(notebook, "code"):
        drawn = [o for o in cell.outputs if "image/png" in o.get("data", {}) and "text/html" not in o["data"]]
        if drawn and not str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip():
            bare.append(number)
    assert not bare, 'cells that draw need {"mystnb": {"image": {"alt": "…"}}}'


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_colab_badge(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    place = ADDRESS.removeprefix("https://github.com/")
    link = rf"https://colab\.research\.google\.com/github/{re.escape(place)}/blob/[\w.-]+/notebooks/{path.name}"
    opening = "".join(cell.source for cell in notebook.cells[:2] if cell.cell_type == "markdown")
    assert re.search(link, opening), "no Colab badge for this notebook in its first cells"


def test_the_lint_sees_what_it_should() -> None:
    """The patterns on samples, so that a chapter cannot pass because a pattern never matches."""
    for bad in ("```{note}\nx\n```", ":::{figure} a.png", "see {ref}`there`", "(label)=", "+++"):
        assert MYST.search(bad), bad
    for good in (
        "$\\hat{x}`$",
        "```python\nx\n```",
        "{x | x > 0}",
        "`a {b}` and `c`",
        "<details><summary>Solution</summary>",
    ):
        assert not MYST.search(good), good
    assert not MYST.search(CODE_FENCE.sub("", "```\n(label)=\n```"))
    for bad in ("/home/me/x", "in /tmp/abc", "C:\\Users", '"/work/main/x"', "file=/root/a"):
        assert HOME_PATH.search(bad), bad
    for good in ("https://a.org/home/b", "a/b", "1/2", "and/or", "./tmp/x"):
        assert not HOME_PATH.search(good), good
    for bad in ("UserWarning: no", "Traceback (most recent call last):", " 40%|####      | 4/10"):
        assert NOISE.search(bad), bad
    for bad in ("pip install torch", 'pip install "numpy<2"', "pip install -U reconode", "install reconode torch==2.4"):
        assert NEVER_INSTALLED.search(bad), bad
    assert not NEVER_INSTALLED.search("%pip install -q git+https://github.com/reconode/reconode@v0.1.0")
    assert as_set(r"x_{n+1} &= \tfrac{1}{2} \bigl( F_1 + \theta \bigr) \tag{7}") == "xn+1=1(F1+#)"
    assert as_set(r"\text{if } a") == "ifa"
    assert len(as_set("a + " * 30)) > WIDEST_DISPLAY
    assert EMPTY_ALT.search("![](a.png)")
    assert EMPTY_ALT.search("<img src='a.png' alt=''>")
    assert not EMPTY_ALT.search("![a knee](a.png) <img alt='a knee' src='a.png'>")
