"""The list of slow modules names modules that exist."""

from tests.conftest import SLOW_MODULES, TESTS


def test_every_slow_module_exists() -> None:
    assert {module for module in SLOW_MODULES if not (TESTS / module).is_file()} == set()
