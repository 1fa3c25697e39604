"""Set the repository's address, and the release that Colab installs, wherever they are written.

    python book/_ext/reconode_book/address.py https://github.com/OWNER/NAME --tag v0.1.0

`make address URL=... TAG=...` does the same. _config.yml is where both stand; this writes it and every file that has
to repeat it: badges and installation cells in the notebooks, the README, the citation, links in the book.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
SEARCHED = (
    "*.md", "*.cff", "*.toml", "*.yml", "package.json", ".github/**/*.yml", "benchmarks/*.md",
    "book/*.md", "book/api/*.md", "book/teach/**/*.md", "book/teach/**/*.toml", "paper/*.md", "codemeta.json",
    "notebooks/*.ipynb", "reconode/**/*.py",
)  # fmt: skip
"""Files that may spell the address."""

ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+)")
TAG = re.compile(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?")


def settings(root: Path = ROOT) -> tuple[str, str]:
    """The address and the tag that _config.yml has."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"], config["sphinx"]["config"]["reconode_tag"]


def files(root: Path = ROOT) -> list[Path]:
    """Every file that may spell the address."""
    return sorted({path for pattern in SEARCHED for path in root.glob(pattern) if path.is_file()})


def rewrite(text: str, old: str, new: str, tag: str) -> str:
    """A file's text with another address and tag.

    Args:
        text: of the file.
        old: the address so far.
        new: the address from now on.
        tag: that ``pip install git+…@TAG`` takes.
    """
    before, after = (address.removeprefix("https://github.com/") for address in (old, new))
    site = [f"{owner.lower()}.github.io/{name}" for owner, name in (before.split("/"), after.split("/"))]
    for place in ("github.com/", "colab.research.google.com/github/", "github:"):
        text = re.sub(rf"(?<![\w.-]){re.escape(place + before)}(?![\w-]|\.\w)(?!\.git\w)", place + after, text)
    text = text.replace(site[0], site[1])
    return re.sub(rf"(git\+{re.escape(new)})(\.git)?@[\w.-]+", rf"\1@{tag}", text)


def set_everywhere(new: str, tag: str, root: Path = ROOT) -> list[Path]:
    """Write address and tag into every file that has to have them; which files changed."""
    old, old_tag = settings(root)
    changed = []
    for path in files(root):
        before = path.read_text(encoding="utf-8")
        after = rewrite(before, old, new, tag)
        if path == root / "_config.yml":
            after = after.replace(f"reconode_tag: {old_tag}", f"reconode_tag: {tag}")
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def main() -> int:
    """The command."""
    url, tag = settings()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", nargs="?", default=url, help=f"https://github.com/OWNER/NAME; now {url}")
    parser.add_argument("--tag", default=tag, help=f"the release that Colab installs; now {tag}")
    given = parser.parse_args()
    address = given.url.rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(address):
        parser.error(f"{given.url} is no address of a repository: expected https://github.com/OWNER/NAME")
    if not TAG.fullmatch(given.tag):
        parser.error(f"{given.tag} is no release's tag: expected one like v0.1.0")
    for path in set_everywhere(address, given.tag):
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
