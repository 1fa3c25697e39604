"""What the book's build adds by itself: the index of the paper, the address in one place, mended pages, the plan."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="needs the book's tools: pip install 'reconode[book]'")

ROOT = Path(__file__).parents[1]

from reconode_book import (  # noqa: E402
    address,
    api,
    chapters,
    frame,
    markdown,
    mending,
    paper_index,
    pictures,
    results_page,
    sheets,
    weight,
)

from reconode.experiment import paper  # noqa: E402

BOOK = markdown.chapters()


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("Eq. 7", {"7"}),
        ("Eq. 7–10 and 12", {"7", "8", "9", "10", "12"}),
        ("Eq. 2, 3 or Eq. 5", {"2", "3", "5"}),
        ("$$ y = E x \\tag{1} $$", {"1"}),
        ("Equations 2-4", {"2", "3", "4"}),
        ("(Schlemper et al. 2018, Eq. 6)", set()),
        ("Eq. 70", {"70"}),
        ("the 7 equations", set()),
    ],
)
def test_references_to_equations(text: str, numbers: set[str]) -> None:
    assert {number for kind, number in paper_index.references(text) if kind == "Eq."} == numbers


def test_references_to_figures_and_tables() -> None:
    assert paper_index.references("Fig. 2A–B and Table 1") == {("Fig.", "2A"), ("Fig.", "2B"), ("Table", "1")}
    assert paper_index.references("Fig. 2A–2B.") == {("Fig.", "2A"), ("Fig.", "2B")}
    item = next(i for i in paper_index.ITEMS if i.numbers == ("2A", "2B"))
    assert item.label == "Fig. 2A–B"
    assert paper_index.fits(item, {("Fig.", "2")})
    assert not paper_index.fits(item, {("Fig.", "2C")})
    assert not paper_index.fits(item, {("Table", "2")})


def test_every_equation_is_in_the_index() -> None:
    numbers = [n for item in paper_index.ITEMS if item.kind == "Eq." for n in item.numbers]
    assert numbers == [str(n) for n in range(1, 14)]


@pytest.mark.parametrize("item", paper_index.ITEMS, ids=lambda item: item.label)
def test_the_index_lacks_nothing_of_the_chapters_that_exist(item: paper_index.Item) -> None:
    assert not paper_index.missing(item, BOOK)


def test_the_index_would_say_what_is_missing() -> None:
    book = [c for c in BOOK if c.number == 1]
    strange = paper_index.Item("Eq.", ("99",), "", 1)
    assert len(paper_index.missing(strange, book)) == 2
    assert not paper_index.missing(paper_index.Item("Eq.", ("99",), "", 11), book), "chapter 11 is not there"


def test_every_module_has_a_place_in_the_reference() -> None:
    shown = paper_index.documented()
    assert len(shown) == len(set(shown)), "a module is on two pages"
    inner = {"_version", "experiment.notes", "storage.probe", "storage.hdf5", "storage.samples", "data.header"}
    rooms = {"cli", "teach", "phantoms"}  # a command's page is its --help; the others are shown by their fronts
    for path in sorted((ROOT / "reconode").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "reconode").with_suffix("").parts)
        if path.stem != "__init__" and name not in inner and name.split(".")[0] not in rooms:
            assert f"reconode.{name}" in shown, f"{name} is on no page of book/api"


def test_the_exercises_are_counted_by_their_openings() -> None:
    text = "## Exercises\n\n**1. A.**\n\n<details>\n\n9. no\n\n</details>\n\n**2. B.** Do.\n\n## Recap\n\n3. no"
    cells = [{"cell_type": "markdown", "source": text}]
    assert markdown.Chapter(ROOT / "notebooks/01_a.ipynb", cells, {}).exercises == 2
    assert all(chapter.exercises >= 4 for chapter in BOOK)
    assert all(chapter.checks <= chapter.exercises for chapter in BOOK)


def test_a_page_is_spared_what_it_does_not_use() -> None:
    scripts = (
        '<script src="../_static/scripts/fontawesome.js?digest=1"></script>\n'
        '<script defer="defer" src="../_static/vendor/mathjax/tex-chtml-full.js?v=1"></script>\n'
    )
    assert weight.lighten(scripts) == '<link rel="stylesheet" href="../_static/icons.css" />\n'
    formula = '<span class="math notranslate nohighlight">x</span>'
    assert "mathjax" in weight.lighten(scripts + formula)
    assert weight.names('<span class="fa-solid fa-bars"></span><i class="fab fa-github fa-lg"></i>') == {
        "bars",
        "github",
    }
    script = 'a={bars:[448,512,["navicon"],"f0c9","M0 96z"],"x-y":[1,2,[],"f","M1z"]}'
    assert ".fa-bars" in weight.sheet({"bars"}, script)
    with pytest.raises(KeyError, match="github"):
        weight.sheet({"github"}, script)


def test_the_plan_agrees_with_the_chapters() -> None:
    for chapter in BOOK:
        assert chapter.title == chapters.PLAN[chapter.number - 1]
    numbers = [c.number for c in BOOK]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1


def test_anchors_are_unique() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "## Two $x$ of it\n", "```\n", "# no\n", "```\n", "## Two of it"]}
    ]
    chapter = markdown.Chapter(ROOT / "notebooks/01_a.ipynb", cells, {})
    assert [s.anchor for s in chapter.sections] == ["", "two--of-it", "two-of-it"]


def test_magnitudes_are_no_substitutions() -> None:
    assert api.escape("max |zero-filled| and |x|.") == r"max \|zero-filled\| and \|x\|."
    for same in ("``a | b | c``", ":math:`|x|`", "str | None", r"\|x\|", "||x||"):
        assert api.escape(same) == same


def test_mended_html() -> None:
    fold = '<a class="reference internal" href="a.html">The <b>library</b></a><details open><summary><i></i></summary>'
    assert '<summary aria-label="Pages under The library">' in mending.mend(fold)
    assert mending.mend("<p>nothing to mend</p>") == "<p>nothing to mend</p>"


def test_charts_are_told_from_images(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib import image
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    figure.add_subplot().plot([1, 3, 2])
    figure.savefig(tmp_path / "chart.png")
    image.imsave(tmp_path / "knee.png", np.random.default_rng(0).random((40, 40)), cmap="gray")
    page = tmp_path / "page.html"
    text = '<img alt="a" src="chart.png" /><img class="b" src="knee.png"><img class="on-paper" src="chart.png">'
    marked = sheets.mark_charts(text + '<img src="https://elsewhere/x.png"><img src="lost.png">', page)
    assert re.findall(r"<img[^>]*>", marked)[:3] == [
        '<img class="chart" alt="a" src="chart.png" />',
        '<img class="b" src="knee.png">',
        '<img class="chart on-paper" src="chart.png">',
    ]
    assert len(re.findall('class="chart', marked)) == 2


def test_the_sites_address_follows_from_the_repositorys() -> None:
    assert frame.site_address("https://github.com/Some-One/book") == "https://some-one.github.io/book/"


def test_one_command_sets_the_address_everywhere(tmp_path: Path) -> None:
    old, tag = address.settings()
    for path in address.files():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    new = "https://github.com/some-one/other-book"
    changed = {p.relative_to(tmp_path).as_posix() for p in address.set_everywhere(new, "v9.8.7", tmp_path)}
    assert "_config.yml" in changed
    assert {f"notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")} <= changed
    assert address.settings(tmp_path) == (new, "v9.8.7")
    old_slug = old.removeprefix("https://github.com/")
    for path in address.files(tmp_path):
        text = path.read_text()
        assert not re.search(rf"github(?:\.com)?[/:]{re.escape(old_slug)}\b", text), path
        assert not re.findall(rf"git\+{re.escape(new)}(?:\.git)?@(?!v9\.8\.7)[\w.-]+", text), path
    address.set_everywhere(old, tag, tmp_path)
    assert address.settings(tmp_path) == (old, tag)
    for path in address.files():
        there = (tmp_path / path.relative_to(ROOT)).read_text()
        assert there == address.rewrite(path.read_text(), old, old, tag), "there and back changes nothing"


def test_results_that_were_not_run_say_so() -> None:
    rows = [line for line in results_page.paper_only().splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(paper.TABLE1)
    assert all(row.count(results_page.NOT_RUN) == 2 for row in rows[2:])


@pytest.mark.parametrize("folder", sorted({p.parent for p in (ROOT / "results").glob("*/*_seed*.json")}), ids=str)
def test_results_that_were_run_are_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_page, "figure", lambda name, alt, draw: [f"({alt})"])
    shown = results_page.benchmark(folder)
    assert shown.startswith(f"## Benchmark {folder.name}")
    assert "fingerprint" in shown
    assert f"PSNR against the number of parameters, one mark a model, benchmark {folder.name}" in shown


def test_the_signature_picture_shows_a_way_up(tmp_path: Path) -> None:
    story = pictures.tell()
    scores = [float(note.removesuffix(" dB")) for note in story.notes]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 1
    figure = pictures.draw_card(story)
    figure.savefig(tmp_path / "card.png")
    header = (tmp_path / "card.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (1200, 630)
