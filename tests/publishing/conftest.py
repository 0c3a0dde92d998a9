from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from opensense_okta.storage.lake import Lake
from tests.support.memory import lakes_in_memory


@pytest.fixture
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake: in a folder, or with `on_both` in an object store in memory, too."""
    in_memory = getattr(request, "param", "folder") == "memory"
    with lakes_in_memory() if in_memory else nullcontext():
        yield Lake(tmp_path / "data", "acme")
