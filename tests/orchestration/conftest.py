from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.company import Company, a_company


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path / "data") as company:
        yield company
