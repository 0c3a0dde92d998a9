"""The digest of the rules: a day that was resolved under other rules is not published."""

from pathlib import Path

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.resolution import rules
from tests.support.stored import OKTA, company

HR = {"kind": "csv", "users": "x.csv", "attributes": {"title": "Job Title"}}
ALL_RULES = {
    "match": ["employee_number", "email"],
    "always_same": [["okta/o1", "hr/h1"]],
    "never_same": [["okta/o2", "hr/h2"]],
    "when_stale": "lowest",
    "inactive_accounts": "ignore",
}


def acme(**resolution: object) -> Organization:
    return company({"okta": OKTA, "hr": HR}, resolution=resolution)


@pytest.mark.parametrize(
    ("organization", "digest"),
    [(acme(), "9bccc6a9ee58527a"), (acme(**ALL_RULES), "b981901fabbcac92")],
    ids=["no rules", "all kinds of rules"],
)
def test_days_that_0_1_resolved_have_the_same_digest(
    organization: Organization, digest: str
) -> None:
    """Else a day that is held back could not be approved after an upgrade."""
    assert rules.digest(organization) == digest


def test_the_order_of_directories_is_a_rule() -> None:
    assert rules.digest(acme()) != rules.digest(company({"hr": HR, "okta": OKTA}))


def test_each_rule_is_part_of_the_digest() -> None:
    each_rule = [acme(**{name: value}) for name, value in ALL_RULES.items()]
    digests = [rules.digest(organization) for organization in (acme(), *each_rule)]
    assert len(set(digests)) == len(digests)


def test_the_sources_of_an_attribute_are_rules() -> None:
    sources: list[object] = [
        "Job",
        ["Job", "Role"],
        ["Role", "Job"],
        {"constant": "Job"},
        {"join": ["Job", "Role"]},
        {"join": ["Job", "Role"], "with": "-"},
    ]
    hr = [{**HR, "attributes": {"title": source}} for source in sources]
    digests = {rules.digest(company({"hr": directory})) for directory in hr}
    assert len(digests) == len(sources)


def test_a_list_of_one_field_is_the_same_rule_as_the_field() -> None:
    listed = {**HR, "attributes": {"title": ["Job Title"]}}
    assert rules.digest(company({"okta": OKTA, "hr": listed})) == rules.digest(acme())


def test_the_content_of_a_lookup_file_is_a_rule_and_its_folder_is_not(tmp_path: Path) -> None:
    def digest(folder: str, content: str | None) -> str:
        file = tmp_path / folder / "offices.csv"
        file.parent.mkdir(exist_ok=True)
        if content is not None:
            file.write_text(content)
        lookup = {"lookup": str(file), "by": "City", "take": "phone"}
        return rules.digest(company({"hr": {**HR, "attributes": {"work_phone": lookup}}}))

    missing = digest("a", None)
    first = digest("a", "city,phone\nOslo,1\n")
    assert digest("b", "city,phone\nOslo,1\n") == first
    assert len({missing, first, digest("a", "city,phone\nOslo,2\n")}) == 3
