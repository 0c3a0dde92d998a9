"""A command starts fast: it imports no library that it does not need."""

import pytest

from tests.support.processes import python

DAGSTER = {"dagster", "sqlalchemy", "alembic"}
OF_SOME_DIRECTORIES = {"aiohttp", "httpx", "cryptography", "joserfc", "fsspec", "paramiko"}
RARELY_NEEDED = {
    "apprise",
    "pandas",
    "numpy",
    "obstore",
    "celery",
    "kubernetes",
    "psycopg2",
    "uvicorn",
}

LOADED = """
import sys
from importlib import import_module
for module in sys.argv[1:]:
    import_module(module)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded(*modules: str) -> set[str]:
    """The libraries that a new process has after it imported some modules of the product."""
    names = [f"opensense_okta.{module}" for module in modules]
    with python(LOADED, *names) as process:
        libraries = set(process.communicate()[0].split())
    assert "opensense_okta" in libraries
    return libraries


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("cli.main", DAGSTER | OF_SOME_DIRECTORIES | RARELY_NEEDED | {"duckdb"}),
        ("cli.init", DAGSTER | OF_SOME_DIRECTORIES | RARELY_NEEDED | {"duckdb"}),
        ("cli.explain", DAGSTER | OF_SOME_DIRECTORIES | RARELY_NEEDED),
        ("cli.preview", DAGSTER | OF_SOME_DIRECTORIES | RARELY_NEEDED),
        ("cli.sync", OF_SOME_DIRECTORIES | RARELY_NEEDED),
        ("definitions", OF_SOME_DIRECTORIES | RARELY_NEEDED),
    ],
)
def test_a_module_imports_no_library_that_few_organizations_need(
    module: str, unneeded: set[str]
) -> None:
    assert unneeded & loaded(module) == set()


def test_an_okta_organization_with_an_api_token_needs_no_cryptography() -> None:
    libraries = loaded("cli.sync", "directories.okta.kind")
    assert libraries & OF_SOME_DIRECTORIES == {"aiohttp", "httpx"}
