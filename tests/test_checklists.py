"""The mechanical items of two reviewers' checklists (book/teach/checklists.md), and metadata that agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from reconode_book.chapters import PLAN
from reconode_book.markdown import Chapter, chapters, source
from reconode_course import aims, schedule
from reconode_course.exercises import exercises
from reconode_course.places import TEACH

from reconode import __version__

ROOT = Path(__file__).parents[1]
CHAPTERS = chapters()
PAPER = (ROOT / "paper/paper.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
SCHEDULES = ("sessions", "six_weeks")
DISMISSIVE = re.compile(
    r"\b(obviously|trivial(ly)?|of course|simply|everyone knows|needless to say|as is well known|clearly)\b",
    re.IGNORECASE,
)
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.path.stem)


def test_the_page_names_tests_that_exist() -> None:
    text = (TEACH / "checklists.md").read_text(encoding="utf-8")
    defined = set(
        re.findall(r"^\s*def (test_\w+)", "\n".join(p.read_text() for p in ROOT.glob("tests/*.py")), re.MULTILINE)
    )
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) >= 15
    assert named <= defined, named - defined
    for name in re.findall(r"`(test_[\w*]+\.py)`", text):
        assert list((ROOT / "tests").glob(name)), name


def test_metadata_agrees() -> None:
    """Title, abstract, version, licence, authors, keywords: CITATION.cff, codemeta.json, .zenodo.json, pyproject."""
    meta = json.loads((ROOT / "codemeta.json").read_text())
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    title, abstract = CITATION["title"], " ".join(CITATION["abstract"].split())
    assert meta["name"] == zenodo["title"] == title
    assert meta["description"] == zenodo["description"] == abstract
    assert meta["version"] == zenodo["version"] == str(CITATION["version"]) == __version__
    assert meta["license"].rsplit("/")[-1] == zenodo["license"] == CITATION["license"] == PROJECT["license"]
    names = [author["name"] for author in CITATION["authors"]]
    assert [a["name"] for a in meta["author"]] == [a["name"] for a in zenodo["creators"]] == names
    assert [a["name"] for a in PROJECT["authors"]] == names
    assert meta["keywords"] == zenodo["keywords"] == CITATION["keywords"] == PROJECT["keywords"]
    assert meta["runtimePlatform"].split()[-1] == PROJECT["requires-python"]
    assert meta["softwareRequirements"] == PROJECT["dependencies"]
    assert meta["identifier"] == PROJECT["name"]
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    assert meta["codeRepository"] == address and meta["issueTracker"] == f"{address}/issues"
    paper = CITATION["references"][0]
    assert meta["referencePublication"]["name"] == paper["title"]
    assert meta["referencePublication"]["url"] == paper["url"]
    assert zenodo["related_identifiers"][0]["identifier"] == paper["identifiers"][0]["value"]


@every_chapter
def test_every_chapter_states_aims(chapter: Chapter) -> None:
    """Three to six, each beginning with what one does."""
    stated = aims.of(chapter)
    assert 3 <= len(stated) <= 6
    assert all(re.match(r"[a-z]+\b", aim) and len(aim.split()) >= 3 for aim in stated)


def test_every_aim_is_assessed_or_said_not_to_be() -> None:
    mapped = aims.read()
    assert set(range(1, 9)) <= set(mapped), "chapters 1 to 8 are mapped"
    for chapter in CHAPTERS:
        if chapter.number not in mapped:
            continue
        there, told = {e.name for e in exercises(chapter)}, mapped[chapter.number]
        assert len(told) == len(aims.of(chapter)), f"chapter {chapter.number} has other aims than aims.toml"
        named = {name for entry in told for name in re.findall(r"\b\d+\.\d+\b", entry)}
        assert named <= there, named - there
        for entry in told:
            assert re.match(r"\d+\.\d+", entry) or (entry.startswith("no exercise; ") and len(entry.split()) >= 6)


def test_exercises_come_in_several_formats() -> None:
    """In the whole book: a value, a function, several answers at once, a discussion."""
    kinds: set[str] = set()
    for chapter in CHAPTERS:
        for exercise in exercises(chapter):
            kinds.add("function" if "def " in exercise.answer else "value" if exercise.answer else "discussion")
    assert kinds == {"function", "value", "discussion"}
    for chapter in CHAPTERS:
        assert len(exercises(chapter)) >= 4


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedules_add_up(name: str) -> None:
    """Minutes add up, no block is longer than half an hour but the presentations, aims and preparation are stated."""
    sessions = schedule.read(TEACH / f"{name}.toml", CHAPTERS)
    for session in sessions:
        assert sum(block.minutes for block in session.blocks) == session.minutes
        assert session.aims and session.before
        long = [block.what for block in session.blocks if block.minutes > 35]
        assert not [what for what in long if what != "Six groups"]
        assert any(block.wrong or block.skip for block in session.blocks) or "capstones" in session.title.lower()
    assert {"sessions": (3, 180), "six_weeks": (12, 90)}[name] == (len(sessions), sessions[0].minutes)


def test_six_weeks_have_every_chapter_and_use_most_exercises() -> None:
    sessions = schedule.read(TEACH / "six_weeks.toml", CHAPTERS)
    blocks = [block for session in sessions for block in session.blocks]
    assert {block.chapter for block in blocks} >= set(range(1, len(PLAN) + 1))
    used = {name for block in blocks for name in block.exercises}
    homework = " ".join(session.after for session in sessions)
    used |= set(re.findall(r"\b\d+\.\d+\b", homework))
    first_eight = {e.name for c in CHAPTERS if c.number <= 8 for e in exercises(c)}
    assert len(used & first_eight) >= 0.8 * len(first_eight)


@pytest.mark.parametrize(
    "changed, says",
    [
        ("minutes = 5", "the blocks take 5 minutes, not 10"),
        ("minutes = 10\nchapter = 99", "there is no chapter 99"),
        ('minutes = 10\nexercises = ["1.99"]', "there is no exercise 1.99"),
    ],
)
def test_a_schedule_says_what_is_wrong_with_it(tmp_path: Path, changed: str, says: str) -> None:
    path = tmp_path / "s.toml"
    head = '[[session]]\ntitle = "T"\nminutes = 10\naims = ["a"]\nbefore = "b"\n'
    path.write_text(f'{head}[[session.block]]\nwhat = "w"\ndo = "d"\n{changed}\n')
    with pytest.raises(schedule.ScheduleError, match=re.escape(says)):
        schedule.read(path, CHAPTERS)


@every_chapter
def test_no_dismissive_words(chapter: Chapter) -> None:
    text = "\n".join(source(cell) for cell in chapter.cells if cell["cell_type"] == "markdown")
    assert not [match[0] for match in DISMISSIVE.finditer(text)]


def test_no_dismissive_words_on_the_course_pages() -> None:
    for path in [*TEACH.rglob("*.md"), *TEACH.rglob("*.toml")]:
        found = [m[0] for m in DISMISSIVE.finditer(re.sub(r"\*[^*\n]+\*", "", path.read_text(encoding="utf-8")))]
        assert not found, f"{path.name}: {found}"


def test_the_self_test_mends_gaps() -> None:
    """Ten questions or more; each answer says which chapter or which outside source mends the gap."""
    text = (TEACH / "selftest.md").read_text(encoding="utf-8")
    answers = re.findall(r"<details><summary>Answer</summary>(.*?)</details>", text, re.DOTALL)
    assert len(answers) == len(re.findall(r"^\*\*\d+\.\*\*", text, re.MULTILINE)) >= 10
    for answer in answers:
        assert "Gap:" in answer
        mends = answer.split("Gap:")[1]
        assert re.search(r"chapter|exercise \d|\*[A-Z]|manual|tutorial|text", mends)


def test_contributing_says_how() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "make test" in text and "make lint" in text
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["use_issues_button"] is True


class TestPaper:
    """paper/paper.md, for JOSE."""

    def front(self) -> dict:
        return yaml.safe_load(PAPER.split("---")[1])

    def test_the_paper_has_its_parts(self) -> None:
        parts = re.findall(r"^# (.+)$", PAPER, re.MULTILINE)
        wanted = ["Summary", "Statement of need", "Learning objectives", "Content and instructional design"]
        wanted += ["How it can be adopted", "Experience of use", "Story of the project", "References"]
        assert [p for p in parts if p in wanted] == wanted
        words = len(re.findall(r"\w+", PAPER.split("---", 2)[2]))
        assert 500 <= words <= 1200
        assert self.front()["bibliography"] == "paper.bib"

    def test_the_paper_names_nobody_who_was_not_asked(self) -> None:
        front = self.front()
        for author in front["authors"]:
            assert author["name"].startswith("AUTHOR-") and "to be filled in" in author["name"]
        assert all("to be filled in" in a["name"] for a in front["affiliations"])
        assert "STORY (to be filled in" in PAPER

    def test_the_paper_says_that_nobody_has_taught(self) -> None:
        use = PAPER.split("# Experience of use")[1].split("\n# ")[0]
        assert use.strip().startswith("None.")
        assert "Nobody has taught from it yet" in (ROOT / "book/teach.md").read_text(encoding="utf-8")

    def test_the_papers_references(self) -> None:
        """Each that is cited is there and each that is there is cited; each leads somewhere; shared ones agree."""
        text = (ROOT / "paper/paper.bib").read_text(encoding="utf-8")
        entries = dict(re.findall(r"@\w+\{([\w-]+),(.*?)\n\}", text, re.DOTALL))
        cited = set(re.findall(r"@([a-z]+\d{4}\w*)", PAPER.split("---", 2)[2]))
        assert cited == set(entries)
        for name, entry in entries.items():
            assert re.search(r"^\s*(doi|eprint|url)\s*=", entry, re.MULTILINE), name
        book = (ROOT / "book/references.bib").read_text(encoding="utf-8")
        shared = dict(re.findall(r"@\w+\{([\w-]+),(.*?)\n\}", book, re.DOTALL))
        for name in set(entries) & set(shared):
            title = re.search(r"title\s*=\s*(.+)", entries[name])
            assert title and title[1] in shared[name], name
