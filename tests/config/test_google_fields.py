"""Fields of a Google user, as the organization file names them."""

import pytest

from opensense_okta.config.attributes import mapping, pointer, source_fields
from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.config.sources import Item, Source, Values


def google(**attributes: object) -> GoogleDirectory:
    return GoogleDirectory.model_validate(
        {
            "kind": "google",
            "service_account": {"env": "ACME_GOOGLE_KEY"},
            "administrator": "sync@acme.com",
            "attributes": attributes,
        }
    )


@pytest.mark.parametrize(
    ("field", "source"),
    [
        ("orgUnitPath", "orgUnitPath"),
        ("name.givenName", "name.givenName"),
        ("customSchemas.HR.pronouns", Values("customSchemas.HR.pronouns")),
        ("locations.desk.deskCode", Item("locations", (("type=desk",),), "deskCode")),
        ("phones.home.value", Item("phones", (("type=home",),), "value")),
        (
            "organizations.location",
            Item("organizations", (("primary=true",), ("type=work",), ()), "location"),
        ),
    ],
)
def test_a_field_leads_into_objects_and_arrays(field: str, source: Source) -> None:
    directory = google(desk=field)
    assert [row.source for row in mapping(directory) if row.attribute == "desk"] == [source]
    (name,) = source_fields(directory, "desk")
    assert pointer(directory, name) == "/" + name.replace(".", "/")
