"""The sources of an attribute: what the organization file may say, and what a mistake is answered with."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from opensense_okta.config.load import load_organization
from opensense_okta.config.sources import Constant, Join, Lookup, as_written, in_words
from opensense_okta.config.yaml_file import OrganizationFileError

FILE = """\
timezone: UTC
first_day: 2026-11-01
directories:
  hr:
    kind: csv
    users: people.csv
    attributes:
"""

FORMS = "must be a field, {constant: TEXT}, {join: [FIELD, FIELD], with: TEXT}"

MISTAKES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "a number": ("title: 5", f"8: directories.hr.attributes.title {FORMS}"),
        "a number in a list": (
            "title:\n      - a\n      - 5",
            f"10: directories.hr.attributes.title {FORMS}",
        ),
        "a list in a list": ("title: [a, [b]]", f"8: directories.hr.attributes.title {FORMS}"),
        "nothing that is known": (
            "title: {xyzzy: a}",
            f"8: directories.hr.attributes.title {FORMS}",
        ),
        "an empty mapping": ("title: {}", f"8: directories.hr.attributes.title {FORMS}"),
        "an empty list": ("title: []", "8: directories.hr.attributes.title must not be empty"),
        "a blank field": ('title: " "', "8: directories.hr.attributes.title must not be empty"),
        "a field twice": (
            "title: [a, b, a]",
            "8: directories.hr.attributes.title must not name a twice",
        ),
        "a constant that is no text": (
            "title: {constant: 5}",
            "8: directories.hr.attributes.title.constant must be text",
        ),
        "a constant of white space": (
            'title: {constant: " "}',
            "8: directories.hr.attributes.title.constant must not be empty",
        ),
        "something after a constant": (
            "title: [{constant: a}, b]",
            "8: directories.hr.attributes.title must have the constant last: nothing after it is ever used",
        ),
        "a key that is nearly known": (
            "title:\n        konstant: a",
            "9: directories.hr.attributes.title.konstant is not a known key; did you mean constant?",
        ),
        "a join of one field": (
            "title: {join: [a]}",
            "8: directories.hr.attributes.title.join must list at least two fields",
        ),
        "a join of a text": (
            "title: {join: a}",
            "8: directories.hr.attributes.title.join must be a list",
        ),
        "a join without fields": (
            "title: {with: a}",
            "8: directories.hr.attributes.title.join is missing; it is required",
        ),
        "a key of a join that is misspelt": (
            "title:\n        join: [a, b]\n        wiht: c",
            "10: directories.hr.attributes.title.wiht is not a known key; did you mean with?",
        ),
        "a lookup without a column": (
            "title: {lookup: a.csv, by: b}",
            "8: directories.hr.attributes.title.take is missing; it is required",
        ),
        "a lookup at an address": (
            "title: {lookup: 'https://acme.test/a.csv', by: b, take: c}",
            "8: directories.hr.attributes.title.lookup must be a file of this machine",
        ),
        "two forms at once": (
            "title: {constant: a, join: [a, b]}",
            "8: directories.hr.attributes.title.join is not a known key",
        ),
        "a computed status": (
            "active: {constant: 'true'}",
            "8: directories.hr.attributes.active must be one column: it decides the account's status",
        ),
    }
)


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_answered_with_its_line_and_what_is_allowed(tmp_path: Path, case: str) -> None:
    written, words = MISTAKES[case]
    file = tmp_path / "acme.yaml"
    file.write_text(f"{FILE}      {written}\n")
    with pytest.raises(OrganizationFileError) as raised:
        load_organization(file)
    assert str(raised.value).startswith(f"acme.yaml:{words}")
    assert len(raised.value.mistakes) == 1


def test_all_forms_can_be_combined(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(
        f"{FILE}      desk: [Desk, {{join: [Floor, Room], with: '-'}},"
        " {lookup: offices.csv, by: City, take: desk}, {constant: none}]\n      title: Job\n"
    )
    attributes = load_organization(file).directories["hr"].attributes
    assert attributes["title"] == ("Job",)
    field, join, lookup, constant = attributes["desk"]
    assert field == "Desk"
    assert isinstance(join, Join)
    assert (join.join, join.between) == (("Floor", "Room"), "-")
    assert isinstance(lookup, Lookup)
    assert (lookup.lookup, lookup.by, lookup.take) == (tmp_path / "offices.csv", "City", "desk")
    assert constant == Constant(constant="none")
    assert [in_words(source) for source in attributes["desk"]] == [
        "",
        "joined from Floor and Room",
        "looked up in offices.csv by City",
        "constant",
    ]


def test_a_file_in_another_folder_has_the_same_sources(tmp_path: Path) -> None:
    """Else the rules of a day would differ between two machines."""
    lookups = [
        Lookup(lookup=folder / "a.csv", by="b", take="c") for folder in (tmp_path, Path("/etc"))
    ]
    first, second = (as_written([lookup]) for lookup in lookups)
    assert first == second == {"lookup": "a.csv", "by": "b", "take": "c"}
