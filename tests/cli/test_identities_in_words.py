"""How `explain` and `preview` show who is kept together, and an address that was handed on."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner

from opensense_okta.cli.main import main
from opensense_okta.config.load import load_organization
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import account, store
from tests.support.stored import DAY

YESTERDAY = DAY - timedelta(days=1)

ORGANIZATION = """\
timezone: UTC
first_day: 2026-11-01
directories:
  shop: {kind: csv, users: /srv/shop.csv}
  hr: {kind: csv, users: /srv/hr.csv}
resolution:
  match: [email]
"""


def person(given: str, family: str, address: str) -> Mapping[str, str]:
    return {"given_name": given, "family_name": family, "email": f"{address}@acme.test"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yesterday is published. Today Anna has another name in the shop, and Bob New has Bob Old's address."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "organizations").mkdir()
    file = folder / "organizations" / "acme.yaml"
    file.write_text(ORGANIZATION)
    organization, lake = load_organization(file), Lake(folder / "data", "acme")
    anna, bob = person("Anna", "Meyer", "anna"), person("Bob", "Old", "bob")
    days = {
        YESTERDAY: {"s1": anna, "s2": bob},
        DAY: {"s1": person("Anna", "Schulz", "a.schulz"), "s9": person("Bob", "New", "bob")},
    }
    for day, shop in days.items():
        store(lake, "shop", day, [account(id_, values) for id_, values in shop.items()])
        store(lake, "hr", day, [account("1", anna), account("2", bob)])
        resolve(organization, day, lake)
        if day == YESTERDAY:
            publish(organization, lake, day)
    return folder


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    umask = os.umask(0o077)  # the command changes it for its process, which here is the tests'
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("OPENSENSE_DATA", str(home / "data"))
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)
    yield
    os.umask(umask)


def output(*arguments: str) -> str:
    with time_machine.travel("2026-11-23T12:00+00:00"):
        return CliRunner().invoke(main, list(arguments)).stdout


def test_explain_says_who_is_kept_together() -> None:
    assert (
        "  kept together: the email joined these accounts before, and the identity ledger keeps them"
        " together: hr/1 (email anna@acme.test), shop/s1 (email a.schulz@acme.test)\n"
    ) in output("explain", "acme", "a.schulz@acme.test", "--date", str(DAY))


def test_explain_says_that_an_address_was_handed_on() -> None:
    assert (
        "  reused key: the email was handed on to a new account with another name, so they were not joined:"
        " hr/2 (email bob@acme.test), shop/s9 (email bob@acme.test), formerly shop/s2 (Bob Old)\n"
    ) in output("explain", "acme", "shop/s9", "--date", str(DAY))


def test_preview_counts_who_is_kept_together(home: Path) -> None:
    other = home / "other.yaml"
    other.write_text(ORGANIZATION + "  when_stale: lowest\n")
    document = json.loads(output("preview", "acme", "--rules", str(other), "--json"))
    assert document["kept_together"] == 1
    assert (
        "  The identity ledger keeps 1 person together with accounts that no key joins any more"
    ) in output("preview", "acme", "--rules", str(other))
