from pathlib import Path

import pytest

from opensense_okta.storage.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "data", "acme")
