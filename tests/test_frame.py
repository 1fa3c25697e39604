"""The project's own promises: what installs, what is pinned, one version, one address, commands that exist."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from reconode import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
EVERY_REQUIREMENT = [Requirement(r) for r in [*PROJECT["dependencies"], *(r for e in EXTRAS.values() for r in e)]]
SEARCHED_FOR_ADDRESSES = ("*.md", "*.cff", "*.toml", "*.yml", "book/**/*", "notebooks/*.ipynb", "reconode/**/*.py")
"""Not less than the command `make address` looks at, but found by this test's own means."""


def lines(name: str) -> list[str]:
    """A requirements file without comments, blank lines and the project itself."""
    stripped = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in stripped if line and not line.startswith("-e")]


def pins() -> dict[str, Version]:
    parsed = [Requirement(line) for line in lines("constraints.txt")]
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("==")) for r in parsed}


@pytest.mark.parametrize("text", PROJECT["dependencies"])
def test_the_library_asks_for_lower_bounds_only(text: str) -> None:
    requirement = Requirement(text)
    assert [s.operator for s in requirement.specifier] == [">="], f"{text} could move a version the user has"
    assert requirement.url is None
    assert requirement.marker is None


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_no_extra_moves_torch_or_numpy(name: str) -> None:
    bounds = [s for r in EVERY_REQUIREMENT if canonicalize_name(r.name) == name for s in r.specifier]
    assert [s.operator for s in bounds] == [">="]


def test_requirements_have_no_pins_and_name_no_index() -> None:
    for line in lines("requirements.txt"):
        operators = {s.operator for s in Requirement(line).specifier}
        assert ">=" in operators, line
        assert operators <= {">=", "<"}, line
    for name in ("requirements.txt", "constraints.txt"):
        assert not re.search(r"^\s*(-i|-f|--\S*(index|find-links))|https?://", (ROOT / name).read_text(), re.MULTILINE)


def test_constraints_are_exact() -> None:
    for line in lines("constraints.txt"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), f"{line}: one exact version, no local part"


def test_constraints_satisfy_every_lower_bound() -> None:
    pinned = pins()
    wanted = [*EVERY_REQUIREMENT, *(Requirement(line) for line in lines("requirements.txt"))]
    for requirement in wanted:
        if requirement.name != PROJECT["name"]:
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{name} is required but constraints.txt does not pin it"
            assert requirement.specifier.contains(pinned[name], prereleases=True), f"{requirement} but {pinned[name]}"


def test_requirements_bring_every_extra() -> None:
    editable = re.search(r"^-e \.\[(.+)\]$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert editable
    named = set(editable[1].split(","))
    through = {extra for r in EVERY_REQUIREMENT if r.name == PROJECT["name"] for extra in r.extras}
    assert named | through == set(EXTRAS)


def test_supported_pythons_agree() -> None:
    stated = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)]
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == stated
    assert PROJECT["requires-python"] == f">={stated[0]}"


def test_one_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    version = Version(__version__)
    if not version.is_devrelease:
        assert any(h.startswith(__version__) for h in headings), f"CHANGELOG.md has no section for {__version__}"
    released = [Version(h.split()[0]) for h in headings[1:]]
    assert released == sorted(released, reverse=True)
    assert all(r <= version for r in released), "CHANGELOG.md has a version newer than reconode/_version.py's"


def test_one_address() -> None:
    """The repository's address is _config.yml's wherever it is written (Colab badges, installation cells)."""
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    slug = address.removeprefix("https://github.com/")
    name = slug.split("/")[1]
    for pattern in SEARCHED_FOR_ADDRESSES:
        for path in ROOT.glob(pattern):
            if path.suffix in {".md", ".cff", ".toml", ".yml", ".py", ".ipynb", ".html", ".js"}:
                found = set(re.findall(rf"github(?:\.com)?/([\w.-]+/{name})\b", path.read_text(errors="replace")))
                assert found <= {slug}, f"{path.relative_to(ROOT)} spells the repository's address {found}"


def test_the_pinned_release_is_this_one() -> None:
    """Colab installs the release that the notebooks go with: the version in progress, once it is tagged."""
    tag = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["reconode_tag"]
    assert tag == f"v{Version(__version__).base_version}"


def test_page_assets_are_pinned_and_name_no_host() -> None:
    """So that any mirror of npm's registry will do, and every build has the same."""
    wanted = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert re.fullmatch(r"[\d.]+", version), f"{name}: an exact version"
        assert locked[f"node_modules/{name}"]["version"] == version
    packages = {name: package for name, package in locked.items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]


def make_targets() -> set[str]:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    return {word for word in phony[1].split() if word.isalpha()}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "book/index.md", "book/run.md", ".ci/run"])
def test_make_targets_in_prose_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^\$ (.+)$", text, re.MULTILINE)
    named = {m[1] for c in code if (m := re.match(r"make ([a-z]+)\b", c))}
    assert named <= make_targets(), named - make_targets()


def test_every_target_is_explained() -> None:
    explained = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert explained == make_targets()


def test_ci_runs_what_the_readme_promises() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111, ".ci/run is not executable"
    for target in ("lint", "test", "book"):
        assert re.search(rf"\b{target}\b", script.read_text())


def test_pages_in_the_contents_exist() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    inner = [section["file"] for chapter in chapters for section in chapter.get("sections", [])]
    pages = [contents["root"], *(chapter["file"] for chapter in chapters), *inner]
    assert len(pages) == len(set(pages))
    for page in pages:
        assert any((ROOT / f"{page}{suffix}").exists() for suffix in (".md", ".ipynb")), f"_toc.yml: no {page}"
    sources = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").rglob("*.md")]
    there = {p.relative_to(ROOT).with_suffix("").as_posix() for p in sources if ".ipynb_checkpoints" not in p.parts}
    assert there <= set(pages), f"not in _toc.yml: {there - set(pages)}"


def test_licences_are_whole() -> None:
    assert "Permission is hereby granted, free of charge" in (ROOT / "LICENSE").read_text()
    text = (ROOT / "LICENSE-TEXT").read_text()
    for section in range(1, 9):
        assert f"\nSection {section} -- " in text


def test_the_readmes_hours_are_the_files():
    counted = json.loads((ROOT / "results" / "full" / "cost_counted.json").read_text())
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"the table takes {counted['hours']:.1f} hours" in text
    assert f"reaches {counted['assumed_tflops']:g} TFLOP/s" in text
    assert {row["steps"] for row in counted["rows_measured"]} == {20_000} and counted["batch_size"] == 4
