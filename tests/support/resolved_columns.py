"""The columns of a resolved day's tables with their types; `desk` is a custom attribute."""

from opensense_okta.config.attributes import ATTRIBUTES, DATES

TEXT, FLAG, NUMBER, TEXTS_TYPE = "VARCHAR", "BOOLEAN", "BIGINT", "VARCHAR[]"
DATE, JSON = "DATE", "JSON"
VALUES = {
    **dict.fromkeys(ATTRIBUTES, TEXT),
    **dict.fromkeys(DATES, DATE),
    "aliases": TEXTS_TYPE,
    "desk": TEXT,
}
COLUMNS = {
    "accounts": {
        "directory": TEXT,
        "id": TEXT,
        "person_id": TEXT,
        "status": TEXT,
        "active": FLAG,
        **VALUES,
    },
    "people": {
        "person_id": TEXT,
        "active": FLAG,
        **VALUES,
        "manager_id": TEXT,
        "directories": TEXTS_TYPE,
        "accounts": TEXTS_TYPE,
    },
    "provenance": {
        "person_id": TEXT,
        "attribute": TEXT,
        "value": TEXT,
        "directory": TEXT,
        "account_id": TEXT,
        "rule": TEXT,
        "losing": "STRUCT(directory VARCHAR, value VARCHAR)[]",
        "as_of": DATE,
    },
    "conflicts": {"person_id": TEXT, "kind": TEXT, "attribute": TEXT, "detail": JSON},
    "groups": {
        "group_id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "type": TEXT,
        "directory": TEXT,
        "id": TEXT,
        "sources": TEXTS_TYPE,
        "members_count": NUMBER,
    },
    "memberships": {"person_id": TEXT, "group_id": TEXT, "direct": FLAG},
}
