"""A page as a person sees it: headless Chromium, where there is one."""

import html
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.support.chromium import installed

SECONDS = 20  # for which the page's own clock runs, in less time than that


@dataclass(frozen=True)
class Page:
    """A page after its scripts have run.

    Attributes:
        text: its words, with single spaces.
        errors: what its scripts and requests report on the console.
    """

    text: str
    errors: tuple[str, ...]


def open_page(url: str, profile: Path, *, until: Collection[str]) -> Page:
    """Opens a page, three times at most, until it has these words; without a browser the test is skipped.

    Args:
        url: of the page.
        profile: a folder for the browser's own files.
        until: what the page shows.
    """
    browser = installed()
    for _ in range(2):
        page = _open(browser, url, profile)
        if all(words in page.text for words in until):
            return page
    page = _open(browser, url, profile)
    assert [words for words in until if words not in page.text] == []
    return page


def _open(browser: str, url: str, profile: Path) -> Page:
    ended = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            "--enable-logging=stderr", f"--virtual-time-budget={SECONDS * 1000}",
            f"--user-data-dir={profile}", url,
        ],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    without_scripts = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", ended.stdout)
    text = html.unescape(re.sub(r"<[^>]+>", " ", without_scripts))
    return Page(" ".join(text.split()), tuple(re.findall(r":CONSOLE.*", ended.stderr)))
