"""A chapter's commands: run by this Python, with plain output, and their exit status said."""

from __future__ import annotations

import pytest

from reconode._version import __version__
from reconode.errors import UsageError
from reconode.teach import mode, terminal


def test_prints_the_command_and_what_it_says(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a notebook's kernel has it
    terminal.run("reconode --version")
    assert capsys.readouterr().out == f"$ reconode --version\nreconode {__version__}\n"
    terminal.run("reconode info 'no such place'")
    said = capsys.readouterr().out
    assert said.startswith("$ reconode info") and said.endswith("(exit status 1)\n")
    assert "error: no such place: no such file or folder" in said and "\x1b" not in said


def test_long_lines_are_broken_between_words_to_a_pages_width():
    line = "reconode train lt-euler " + "--steps 15 " * 12
    typed = terminal.broken(f"$ {line}", " \\\n    ")
    assert max(map(len, typed.splitlines())) <= terminal.PAGE and len(typed.splitlines()) > 1
    assert typed.replace("\\\n", " ").split() == f"$ {line}".split(), "a shell reads the same words"
    path = "x/" * 60 + "file.h5"
    assert terminal.broken(path, "\n  ") == path, "a path stays whole"


def test_runs_nothing_else():
    for line in ("rm -r x", "", "python -m reconode"):
        with pytest.raises(UsageError):
            terminal.run(line)


def test_a_command_in_the_background_can_be_killed():
    process = terminal.start("reconode --version")
    process.kill()
    assert process.wait() in (0, -9)


def test_where_a_chapter_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RECONODE_WORK", str(tmp_path / "drive" / "book"))
    assert mode.work() == tmp_path / "drive" / "book" and mode.work().is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECONODE_WORK", str(tmp_path / "file" / "book"))
    with pytest.raises(OSError, match="RECONODE_WORK"):
        mode.work()
    monkeypatch.delenv("RECONODE_WORK")
    assert mode.work().is_dir() and not list(mode.work().iterdir())


def test_fastmri_is_for_full_mode(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTMRI_ROOT", "data")
    for name, folder in {"quick": None, "cpu": None, "full": tmp_path / "data"}.items():
        monkeypatch.setenv("RECONODE_MODE", name)
        assert mode.start().fastmri == folder, "absolute, since a chapter changes its folder"
