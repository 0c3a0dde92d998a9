"""Users who are assigned to an application are in scope."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.okta.doctor import examine
from opensense_okta.directories.okta.reader import scopes
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import Failure, RestrictedAdmin
from tests.support.days import DAY, Company, a_company
from tests.support.reads import failure

APP, OTHER, UNUSED = "0oaMail", "0oaChat", "0oaNobody"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    org = Org.create(users=12, groups=4, memberships=20, day=DAY)
    org.apps = {APP: org.user_ids[:5], OTHER: org.user_ids[4:7], UNUSED: []}
    with a_company(tmp_path_factory.mktemp("acme"), org) as company:
        yield company


def stored(acme: Company, number: int, **scope: list[str]) -> set[str]:
    """The ids of the users who are stored of a day."""
    return {
        user["id"]
        for user in acme.tables(acme.take(DAY + timedelta(days=number), scope=scope)).users
    }


def test_users_of_each_application_and_of_each_group_are_in_scope(acme: Company) -> None:
    org = acme.org
    assert stored(acme, 0, apps=[APP]) == set(org.user_ids[:5])
    assert stored(acme, 1, apps=[APP, OTHER]) == set(org.user_ids[:7])
    group = max(org.group_ids[1:], key=lambda group: len(org.members(group)))
    expected = {*org.members(group), *org.user_ids[:5]}
    assert stored(acme, 2, apps=[APP], groups=[group]) == expected
    active = {user for user in org.user_ids[:5] if org.users[user]["status"] == "ACTIVE"}
    assert stored(acme, 3, apps=[APP], statuses=["ACTIVE"]) == active


def test_users_of_neither_an_application_nor_a_group_are_counted_together(acme: Company) -> None:
    group = max(acme.org.group_ids[1:], key=lambda group: len(acme.org.members(group)))
    scope = {"apps": [APP, UNUSED], "groups": [group]}
    evidence = acme.take(DAY + timedelta(days=40), scope=scope).evidence
    chosen = {*acme.org.members(group), *acme.org.user_ids[:5]}
    assert evidence["left_out.scope.groups and scope.apps"] == len(acme.org.users) - len(chosen)
    assert [evidence[f"matched.scope.apps.{position}"] for position in (1, 2)] == [5, 0]


def test_groups_with_members_out_of_scope_are_not_read_again(acme: Company) -> None:
    day = DAY + timedelta(days=10)
    first = acme.take(day, scope={"apps": [APP]})
    assert acme.groups_read
    second = acme.take(day + timedelta(days=1), scope={"apps": [APP]})
    assert (second.mode, acme.groups_read) == ("incremental", set())
    assert acme.tables(second).memberships == acme.tables(first).memberships
    assert sum(f"/apps/{APP}/users" in target for target in acme.asked) == 1


@pytest.mark.parametrize(
    ("apps", "words"),
    [
        ([APP, "0oaTypo"], "Okta has no application 0oaTypo, which `scope.apps` names."),
        ([UNUSED], "Nobody is in scope: no user is assigned to 0oaNobody."),
    ],
)
def test_a_wrong_application_is_an_error_with_words(
    acme: Company, apps: list[str], words: str
) -> None:
    error = failure(lambda: acme.take(DAY + timedelta(days=20), scope={"apps": apps}))
    assert type(error) is IncompleteListing
    assert not error.transient
    assert error.message == words
    assert "scope.apps" in error.remedy


def test_a_role_that_does_not_see_everyone_is_enough(acme: Company) -> None:
    acme.okta.faults.append(RestrictedAdmin(match=r"GET /api/v1/groups\?", one_in=1))
    snapshot = acme.take(DAY + timedelta(days=30), scope={"apps": [APP]})
    acme.okta.faults.clear()
    assert [check.name for check in check_snapshot(snapshot) if check.outcome == "error"] == []


def test_the_scope_for_applications_is_asked_for_only_with_applications(acme: Company) -> None:
    def wanted(**scope: list[str]) -> str:
        okta = acme.organization(scope=scope).directories["okta"]
        assert isinstance(okta, OktaDirectory)
        return scopes(okta)

    assert wanted() == "okta.users.read okta.groups.read"
    assert wanted(apps=[APP]) == "okta.users.read okta.groups.read okta.apps.read"


def test_doctor_examines_each_application(acme: Company) -> None:
    okta = acme.organization(scope={"apps": [APP, UNUSED, "0oaTypo"]}).directories["okta"]
    assert isinstance(okta, OktaDirectory)
    results = [result for result in asyncio.run(examine(okta, 3)) if result.name == "apps"]
    assert [(result.outcome, result.message) for result in results] == [
        ("passed", "5 users on the first page of application 0oaMail."),
        ("warning", "no user is assigned to 0oaNobody."),
        ("error", "Okta has no application 0oaTypo, which scope.apps names."),
    ]


def test_doctor_names_the_scope_that_is_not_granted(acme: Company) -> None:
    okta = acme.organization(scope={"apps": [APP]}).directories["okta"]
    assert isinstance(okta, OktaDirectory)
    acme.okta.faults.append(Failure(match="/api/v1/apps/", status=403, code="E0000006"))
    (result,) = [found for found in asyncio.run(examine(okta, 3)) if found.name == "apps"]
    acme.okta.faults.clear()
    assert result.outcome == "error"
    assert "Grant the scope okta.apps.read, and a role that may see the application." in result.hint
