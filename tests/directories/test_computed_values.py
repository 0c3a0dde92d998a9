"""What an attribute's value is computed from: the cases of `attributes` of a directory."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import duckdb
import pytest
from pydantic import TypeAdapter

from opensense_okta.config import attributes as config_attributes
from opensense_okta.config.directory_models import CsvDirectory, OktaDirectory
from opensense_okta.config.sources import Item, Prefixed, Source, Values
from opensense_okta.directories.values.lookup_file import LookupFileError
from opensense_okta.directories.values.mapped_texts import map_texts
from tests.support.scratch import scratch
from tests.support.stored import OKTA

OFFICES = "city,phone,floor\nOslo,+47 22 00 00 00,3\n München ,+49 89 1,\nbonn,+49 228 1,1\n"
JOINED = {"join": ["firstName", "lastName"]}
PHONE_OF_OFFICE = {"lookup": "offices.csv", "by": "city", "take": "phone"}

Profile = Mapping[str, object]
CASES: Mapping[str, tuple[object, Profile, str | None]] = MappingProxyType(
    {
        "a field": ("desk", {"desk": "4-2"}, "4-2"),
        "a field that is blank": ("desk", {"desk": " \t"}, None),
        "a field that the profile does not have": ("desk", {}, None),
        "a list: the first field that is filled": (
            ["desk", "seat"],
            {"desk": "", "seat": "9"},
            "9",
        ),
        "a list: a later field does not count": (["desk", "seat"], {"desk": "4", "seat": "9"}, "4"),
        "a list: no field is filled": (["desk", "seat"], {"desk": "\u00a0"}, None),
        "a constant": ({"constant": "ACME GmbH"}, {}, "ACME GmbH"),
        "a constant, as it is written": ({"constant": " Ø "}, {}, " Ø "),
        "a constant where no field is filled": (["desk", {"constant": "none"}], {}, "none"),
        "a field before a constant": (["desk", {"constant": "none"}], {"desk": "4"}, "4"),
        "fields joined": (JOINED, {"firstName": "Ada", "lastName": "King"}, "Ada King"),
        "fields joined with a text": (
            {"join": ["dept", "team", "city"], "with": " / "},
            {"dept": "R&D", "team": "Apps", "city": "Oslo"},
            "R&D / Apps / Oslo",
        ),
        "fields joined with nothing between": (
            {"join": ["area", "number"], "with": ""},
            {"area": "+47", "number": "22"},
            "+4722",
        ),
        "blank fields are left out of a join, with the text between": (
            {"join": ["dept", "team", "city"], "with": ", "},
            {"dept": " R&D ", "team": " ", "city": "Oslo"},
            "R&D, Oslo",
        ),
        "all fields of a join are blank": ({**JOINED, "with": "-"}, {"firstName": " "}, None),
        "a join where a field is not filled": (
            ["displayName", JOINED],
            {"firstName": "Ada", "lastName": "King"},
            "Ada King",
        ),
        "a value looked up": (PHONE_OF_OFFICE, {"city": "Oslo"}, "+47 22 00 00 00"),
        "looked up without case and white space": (
            PHONE_OF_OFFICE,
            {"city": "  MÜNCHEN\u00a0"},
            "+49 89 1",
        ),
        "looked up in another Unicode form": (
            PHONE_OF_OFFICE,
            {"city": "Mu\u0308nchen"},
            "+49 89 1",
        ),
        "the file does not have the key": (PHONE_OF_OFFICE, {"city": "Rome"}, None),
        "the field of a lookup is blank": (PHONE_OF_OFFICE, {"city": " "}, None),
        "the file's cell is blank": (
            {**PHONE_OF_OFFICE, "take": "floor"},
            {"city": "München"},
            None,
        ),
        "two lookups: by another field if the first finds nothing": (
            [PHONE_OF_OFFICE, {**PHONE_OF_OFFICE, "by": "region"}],
            {"city": "Rome", "region": "Bonn"},
            "+49 228 1",
        ),
        "everything in one list": (
            ["phone", PHONE_OF_OFFICE, {"join": ["area", "number"]}, {"constant": "+1 800"}],
            {"city": "Rome", "area": "+39"},
            "+39",
        ),
    }
)

ARRAYS: Mapping[str, tuple[Source, Profile, str | None]] = MappingProxyType(
    {
        "the phone of a type": (
            Item("phones", (("type=work",),), "value"),
            {"phones": [{"type": "home", "value": "1"}, {"type": "work", "value": "2"}]},
            "2",
        ),
        "the first of two of the type": (
            Item("phones", (("type=work",),), "value"),
            {"phones": [{"type": "work", "value": "1"}, {"type": "work", "value": "2"}]},
            "1",
        ),
        "none of the type": (
            Item("phones", (("type=work",),), "value"),
            {"phones": [{"type": "home", "value": "1"}, {"value": "2"}]},
            None,
        ),
        "the primary organization": (
            Item("organizations", (("primary=true",),), "title"),
            {"organizations": [{"title": "Clerk"}, {"title": "Judge", "primary": True}]},
            "Judge",
        ),
        "an item without the part": (
            Item("phones", (("type=work",),), "value"),
            {"phones": [{"type": "work"}]},
            None,
        ),
        "the first choice that an object meets, before the order": (
            Item("phones", (("type=work", "primary=true"), ("type=work",), ()), "value"),
            {
                "phones": [
                    {"type": "home", "primary": True, "value": "1"},
                    {"type": "work", "value": "2"},
                    {"type": "work", "primary": True, "value": "3"},
                ]
            },
            "3",
        ),
        "a later choice, also any object": (
            Item("phones", (("type=main",), ()), "value"),
            {"phones": [{"type": "fax", "value": "1"}, {"type": "work", "value": "2"}]},
            "1",
        ),
        "the chosen object decides, also without the part": (
            Item("organizations", (("primary=true",), ()), "title"),
            {"organizations": [{"title": "Clerk"}, {"name": "ACME", "primary": "true"}]},
            None,
        ),
        "a part with an addition": (
            Item("addresses", (("type=work",),), "streetAddress", "extendedAddress"),
            {
                "addresses": [
                    {"type": "work", "streetAddress": "1 Pier", "extendedAddress": " Deck 2"}
                ]
            },
            "1 Pier, Deck 2",
        ),
        "a part whose addition is missing": (
            Item("addresses", (("type=work",),), "streetAddress", "extendedAddress"),
            {"addresses": [{"type": "work", "streetAddress": "1 Pier ", "extendedAddress": " "}]},
            "1 Pier ",
        ),
        "an addition to nothing": (
            Item("addresses", (("type=work",),), "streetAddress", "extendedAddress"),
            {"addresses": [{"type": "work", "streetAddress": " ", "extendedAddress": "Deck 2"}]},
            None,
        ),
        "a key that is missing equals an empty text": (
            Item("addresses", (("primary=true", "type="),), "region"),
            {
                "addresses": [
                    {"type": "home", "primary": True, "region": "1"},
                    {"primary": True, "region": "2"},
                ]
            },
            "2",
        ),
        "an object in place of an array": (
            Item("phones", (("type=work",),), "value"),
            {"phones": {"type": "work", "value": "1"}},
            "1",
        ),
        "no array": (Item("phones", (("type=work",),), "value"), {"phones": "+1 555"}, None),
        "an empty array": (Item("phones", (("type=work",),), "value"), {"phones": []}, None),
        "texts with a prefix, without it": (
            Prefixed("proxies", "smtp:"),
            {"proxies": ["SMTP:ada@acme.test", "smtp:a@acme.test", "smtp:b@acme.test", "x500:c"]},
            '["a@acme.test","b@acme.test"]',
        ),
        "the values of objects": (
            Values("languages"),
            {"languages": [{"type": "work", "value": "en"}, {"value": " "}, {"value": "de"}]},
            '["en","de"]',
        ),
        "a text in place of objects with values": (
            Values("pronouns"),
            {"pronouns": "she/her"},
            "she/her",
        ),
        "no text with the prefix": (Prefixed("proxies", "smtp:"), {"proxies": ["SMTP:a"]}, None),
    }
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with scratch() as connection:
        yield connection


def stored_profiles(connection: duckdb.DuckDBPyConnection, *profiles: Profile) -> None:
    """Table `users`, with the number of the profile as id."""
    connection.execute("create table users (id varchar, profile json)")
    connection.executemany(
        "insert into users values (?, ?)",
        [[str(number), json.dumps(profile)] for number, profile in enumerate(profiles)],
    )


def okta(folder: Path, attributes: Mapping[str, object]) -> OktaDirectory:
    return TypeAdapter(OktaDirectory).validate_python(
        {**OKTA, "attributes": attributes}, context={"folder": folder}
    )


def texts(connection: duckdb.DuckDBPyConnection) -> list[list[str | None]]:
    rows = connection.execute("select texts from mapped_texts order by id::integer").fetchall()
    return [row[0] for row in rows]


def test_a_value_is(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """One attribute for each case, all in one directory."""
    (tmp_path / "offices.csv").write_text(OFFICES)
    names = [f"a{number}" for number in range(len(CASES))]
    sources = [source for source, _, _ in CASES.values()]
    stored_profiles(connection, *(profile for _, profile, _ in CASES.values()))
    map_texts(connection, okta(tmp_path, dict(zip(names, sources, strict=True))), names, "users")
    result = {
        case: texts[n] for n, (case, texts) in enumerate(zip(CASES, texts(connection), strict=True))
    }
    assert result == {case: expected for case, (_, _, expected) in CASES.items()}


def test_a_value_of_an_array_is(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind of directory has such sources in its table; no organization file has them."""
    names = [f"a{number}" for number in range(len(ARRAYS))]
    table = {name: (source,) for name, (source, _, _) in zip(names, ARRAYS.values(), strict=True)}
    monkeypatch.setattr(config_attributes, "MAPPINGS", {"okta": table})
    stored_profiles(connection, *(profile for _, profile, _ in ARRAYS.values()))
    map_texts(connection, okta(tmp_path, {}), names, "users", lists=names[-2:])
    result = {
        case: texts[n]
        for n, (case, texts) in enumerate(zip(ARRAYS, texts(connection), strict=True))
    }
    assert result == {case: expected for case, (_, _, expected) in ARRAYS.items()}


def test_a_column_with_the_name_of_an_attribute_needs_no_mapping(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    directory = CsvDirectory.model_validate(
        {"kind": "csv", "users": "/x.csv", "attributes": {"title": {"constant": "Clerk"}}}
    )
    stored_profiles(connection, {"title": "Judge", "department": "R&D"})
    map_texts(connection, directory, ["department", "title", "division"], "users")
    assert texts(connection) == [["R&D", "Clerk", None]]


def test_an_attribute_without_a_source_has_no_value(connection: duckdb.DuckDBPyConnection) -> None:
    stored_profiles(connection, {"title": "Judge", "badge": "7"})
    names = ["badge", "title", "aliases"]
    map_texts(connection, OktaDirectory.model_validate(OKTA), names, "users", lists=["aliases"])
    assert texts(connection) == [[None, "Judge", None]]


def test_the_other_columns_of_the_users_stay(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table raw_users as select 'u1' as id, 'ACTIVE' as status, '{}'::json as profile"
    )
    map_texts(connection, OktaDirectory.model_validate(OKTA), ["title"], "raw_users")
    assert connection.sql("from mapped_texts").columns == ["id", "status", "texts", "choices"]


WRONG_FILES: Mapping[str, tuple[bytes | None, str]] = MappingProxyType(
    {
        "no file": (None, "cannot be read (No such file or directory)"),
        "an empty file": (b"", "is empty"),
        "another encoding": (OFFICES.encode("latin-1"), "is not UTF-8 text"),
        "another column": (b"city,fone\nOslo,1\n", "has no column phone; did you mean fone"),
        "a column twice": (b"city,phone,phone\nOslo,1,2\n", "has the column phone twice"),
        "a short line": (b"city,phone\nOslo\n", "has 1 cells in line 2, and 2 columns"),
        "a quote that does not end": (b'city,phone\n"Oslo,1\n', "is not a CSV file: line 2"),
        "a key twice": (
            b"city,phone\nOslo,1\nBonn,2\n oslo ,3\n",
            "has the same key in the lines 2 and 4",
        ),
    }
)


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_lookup_file_is_refused(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, case: str
) -> None:
    content, words = WRONG_FILES[case]
    if content is not None:
        (tmp_path / "offices.csv").write_bytes(content)
    stored_profiles(connection, {"city": "Oslo"})
    with pytest.raises(LookupFileError) as raised:
        map_texts(connection, okta(tmp_path, {"phone": PHONE_OF_OFFICE}), ["phone"], "users")
    assert words in str(raised.value)
    assert str(tmp_path / "offices.csv") in str(raised.value)
    assert "Oslo" not in str(raised.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_lookup_file_has_the_delimiter_of_its_header(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, delimiter: str
) -> None:
    lines = [["city", "phone"], [f'"Oslo{delimiter}Norway"', "1"], ["", "2"]]
    text = "\r\n".join(delimiter.join(cells) for cells in lines)
    (tmp_path / "offices.csv").write_text("\ufeff" + text, encoding="utf-8")
    stored_profiles(connection, {"city": f"Oslo{delimiter}Norway"}, {"city": ""})
    map_texts(connection, okta(tmp_path, {"phone": PHONE_OF_OFFICE}), ["phone"], "users")
    assert texts(connection) == [["1"], [None]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_cell_of_a_lookup_file_can_have_line_breaks(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, end: str
) -> None:
    (tmp_path / "offices.csv").write_bytes(
        f'city,phone{end}Oslo,"1\n2\u2028"{end}'.encode()  # the last one is a separator of lines
    )
    stored_profiles(connection, {"city": "Oslo"})
    map_texts(connection, okta(tmp_path, {"phone": PHONE_OF_OFFICE}), ["phone"], "users")
    assert texts(connection) == [["1\n2\u2028"]]
