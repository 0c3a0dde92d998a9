"""The pages that people read: their links, their YAML, the files that they name, and the tree of folders."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from opensense_okta.config.load import load_organization

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "opensense_okta"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`([\w/.-]+(?:\.py|\.sql|\.jinja|/))`")
TEST = re.compile(r"`(test_\w+)`")
EXAMPLE = re.compile(r"^```yaml( fragment)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in _anchors(linked), f"{page.name} links to {target}"


def _merged(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The keys of both; where both have a mapping, its keys are merged, too."""
    return whole | {
        key: _merged(whole[key], value)
        if isinstance(value, dict) and isinstance(whole.get(key), dict)
        else value
        for key, value in part.items()
    }


def _examples(page: Path) -> Iterator[dict[str, Any]]:
    """The organization files of a page; a fragment changes the complete file before it."""
    whole: dict[str, Any] = {}
    for fragment, text in EXAMPLE.findall(page.read_text(encoding="utf-8")):
        data = YAML(typ="safe").load(text)
        whole = whole if fragment else data
        yield _merged(whole, data)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_yaml_example_is_a_valid_organization_file(page: Path, tmp_path: Path) -> None:
    for example in _examples(page):
        file = tmp_path / "acme.yaml"
        YAML().dump(example, file)
        assert load_organization(file).name == "acme"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_table_names_exists(name: str) -> None:
    rows = [row for row in (ROOT / name).read_text(encoding="utf-8").splitlines() if row[:1] == "|"]
    for row in rows:
        folders = [ROOT, PACKAGE]
        for file in FILE.findall(row):
            paths = [folder / file for folder in folders if (folder / file).exists()]
            assert paths, f"{name} names {file}"
            folders.append(paths[0] if paths[0].is_dir() else paths[0].parent)


@pytest.mark.parametrize("name", ["SECURITY.md"])
def test_every_test_that_a_page_names_exists(name: str) -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    for test in TEST.findall((ROOT / name).read_text(encoding="utf-8")):
        assert f"def {test}(" in tests, f"{name} names {test}"


def test_the_tree_of_the_architecture_page_is_the_tree_of_the_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.split("opensense_okta/\n├", 1)[1].split("```", 1)[0]
    named: dict[str, set[str]] = defaultdict(set)
    folder = top = ""
    for line in tree.splitlines():
        if heading := re.search(r"─ (\w+)/", line):
            nested = line.startswith("│")
            top = top if nested else heading[1]
            folder = f"{top}/{heading[1]}" if nested else top
        elif line.startswith(("│   ├", "│   └")):
            folder = top
        named[folder] |= set(re.findall(r"[\w.]+\.(?:py|jinja)\b", line))
    stored: dict[str, set[str]] = defaultdict(set)
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.jinja")]:
        folder = path.parent.relative_to(PACKAGE).as_posix().removeprefix(".")
        if path.name != "__init__.py" and not folder.startswith("simulator"):
            stored[folder].add(path.name)
    assert {name: files for name, files in named.items() if files} == stored
