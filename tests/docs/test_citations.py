"""Comments that cite a page name a heading that the page has."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITATION = re.compile(r'(docs/[\w-]+\.md)((?:(?:,| and)\s+"[^"]+")*)')
COMMENT_MARK = re.compile(r"\n\s*(?:#|--)?\s*")


def _citations() -> Iterator[tuple[Path, str, str]]:
    """Of each citation the file that has it, the page and the heading; empty if it cites the page."""
    for folder in ("opensense_okta", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".sql"):
                continue
            text = COMMENT_MARK.sub(" ", path.read_text(encoding="utf-8"))
            for page, headings in CITATION.findall(text):
                for heading in re.findall(r'"([^"]+)"', headings) or [""]:
                    yield path.relative_to(ROOT), page, heading


def _headings(page: str) -> set[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return {"", *re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_every_cited_page_has_the_cited_heading() -> None:
    citations = list(_citations())
    assert len(citations) > 20
    wrong = [
        f"{path}: {page}, {heading}"
        for path, page, heading in citations
        if not (ROOT / page).is_file()
        or (heading not in _headings(page) and not heading.startswith("E0000"))
    ]
    assert wrong == []
