"""Every shell block of the pages, run as it is written, in a place with the organization `acme`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.place import COMMANDS, Place

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRITTEN = {block for page in PAGES for block in BLOCK.findall(page.read_text(encoding="utf-8"))}
# A block that is a part of another one would run twice.
BLOCKS = sorted(
    block for block in WRITTEN if not any(block in other for other in WRITTEN - {block})
)


@pytest.fixture
def synced(place: Place, capfd: pytest.CaptureFixture[str]) -> Place:
    """The place after the first sync."""
    if not place.lake.database.exists():
        first = place.run_here(capfd, "sync", "acme")
        assert first.status == 0, first.err
    return place


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_a_shell_block_of_a_page_runs_as_it_is_written(
    block: str, synced: Place, tmp_path: Path
) -> None:
    if block.startswith("openssl") and not shutil.which("openssl"):
        pytest.skip("this machine has no openssl")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        env={**synced.environment, "PATH": f"{COMMANDS}:{synced.environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
