import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opensense_okta.directories.errors import ServerTrouble
from opensense_okta.directories.json_text import depth
from opensense_okta.directories.records import read_identifiers, read_records

STRANGE: list[Any] = [
    None,
    True,
    7,
    1.5,
    "00u1",
    [],
    {},
    {"id": None},
    {"id": 7},
    {"id": ""},
    {"ID": "x"},
    {"id": "."},
    {"id": ".."},
    {"id": "../users"},
    {"id": "..\\users"},
]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
GOOD = st.builds(
    lambda name, more: {**more, "id": name}, TEXTS.filter(bool), st.dictionaries(TEXTS, ANYTHING)
)


def usable(name: str) -> bool:
    odd = {".", ".."}
    return name != "" and name not in odd and name.isprintable() and not set(name) & set("/\\ ")


@given(st.lists(GOOD | st.sampled_from(STRANGE) | ANYTHING, max_size=6))
def test_what_is_understood_is_kept_as_it_came_and_the_rest_is_counted(records: list[Any]) -> None:
    good = [
        row
        for row in records
        if isinstance(row, dict) and isinstance(row.get("id"), str) and usable(row["id"])
    ]
    body = json.dumps(records).encode()
    found = read_records(body)
    assert [json.loads(bytes(row)) for row in found.rows] == good
    assert list(found.ids) == [row["id"] for row in good]
    assert found.set_aside == len(records) - len(good)
    first = next((n for n, record in enumerate(records, start=1) if record not in good), 0)
    assert found.first_set_aside == first
    identified = read_identifiers(body)
    assert (list(identified.ids), identified.set_aside) == (list(found.ids), found.set_aside)
    assert not identified.rows


@given(st.binary(max_size=40) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_a_body_is_a_list_or_refused_without_quoting_it(body: bytes) -> None:
    for understand in (read_records, read_identifiers):
        error = failure_of(partial(understand, body))
        if error is None:
            assert isinstance(json.loads(body.decode(errors="replace")), list)
        else:
            assert error.transient
            assert f"of {len(body)} bytes" in error.message


def failure_of(act: Callable[[], object]) -> ServerTrouble | None:
    try:
        act()
    except ServerTrouble as error:
        return error
    return None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "nothing of 0 bytes"),
        (b" \n", "nothing of 2 bytes"),
        (b'{"id": "secret"}', "a JSON object of 16 bytes"),
        (b"<html>secret", "markup of 12 bytes"),
        (b'[{"id": "secret"', "a broken or cut-off one of 16 bytes"),
        (b"secret", "something else of 6 bytes"),
        (b"null", "something else of 4 bytes"),
    ],
)
def test_the_words_say_what_came_instead_of_records(body: bytes, said: str) -> None:
    with pytest.raises(ServerTrouble) as refused:
        read_records(body)
    assert refused.value.message == f"The answer is not a JSON array but {said}."


# -- one odd record on a page -----------------------------------------------------------------

ODD = {
    "doubled id": b'{"id":"secret-1","id":"secret-2"}',
    "doubled id with blanks": b'{ "id" : "secret-1" , "id" : "secret-1" }',
    "doubled id, spelt otherwise": b'{"id":"secret-1","\\u0069d":"secret-2"}',
    "doubled key": b'{"id":"secret-1","profile":{"login":"a","login":"b"}}',
    "blank id": b'{"id":" ","x":"secret-1"}',
    "invisible characters in the id": b'{"id":"secret-1\\u0000\\u200b"}',
    "long id": b'{"id":"' + b"x" * 256 + b'"}',
    "deep arrays": b'{"id":"secret-1","x":' + b"[" * 3000 + b"]" * 3000 + b"}",
    "deep objects": b'{"id":"secret-1","x":' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
    "deeper than DuckDB reads": b'{"id":"secret-1","x":' + b"[" * 200 + b"]" * 200 + b"}",
    "deep and mixed": b'{"id":"secret-1","x":' + b'[{"a":' * 70 + b"1" + b"}]" * 70 + b"}",
    "6,000 digits": b'{"id":"secret-1","x":' + b"9" * 6000 + b"}",
    "6,000 digits below zero": b'{"id":"secret-1","x":-' + b"9" * 6000 + b"}",
    "too large a power": b'{"id":"secret-1","x":1e400}',
    "not a number": b'{"id":"secret-1","x":NaN}',
    "5 MB": b'{"id":"secret-1","x":"' + b"x" * 5_000_000 + b'"}',
    "all at once": b'{"id":"1","id":"2","y":' + b"[" * 3000 + b"]" * 3000 + b',"x":1e400}',
}
SPELT = {
    "plain": "",
    "half a pair": "\\ud83d",
    "brackets": ']},{[\\\\\\"',
    "unicode": "\u00e9\u4e2d",
}


def page_with(odd: bytes, rows: int, name: str) -> bytes:
    """A page of good records with an odd one among them."""
    good = [b'{"id":"%d","name":"%b"}' % (row, name.encode()) for row in range(rows)]
    return b" [" + b" ,\n".join([*good[:3], odd, *good[3:]]) + b"]\n"


@pytest.mark.parametrize("rows", [5, 200])
@pytest.mark.parametrize("name", SPELT.values(), ids=SPELT)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_record_is_set_aside_and_the_others_of_its_page_count(
    odd: bytes, name: str, rows: int
) -> None:
    found = read_records(page_with(odd, rows, name))
    assert list(found.ids) == [str(row) for row in range(rows)]
    assert [json.loads(bytes(row))["id"] for row in found.rows] == list(found.ids)
    assert found.set_aside == 1


@pytest.mark.parametrize(
    ("name", "rows"),
    [(name, 5) for name in ODD]
    + [(name, 200) for name in ODD if "deep" in name or name == "long id"]
    + [("doubled id", 200), ("doubled id with blanks", 200)],
)
def test_an_odd_record_is_no_membership(name: str, rows: int) -> None:
    found = read_identifiers(page_with(ODD[name], rows, ""))
    if name in {"deeper than DuckDB reads", "deep and mixed"} and rows == 200:
        assert (len(found.ids), found.set_aside) == (rows + 1, 0)  # only its id is stored
    else:
        assert (len(found.ids), found.set_aside) == (rows, 1)


def test_depth_is_counted_outside_of_texts() -> None:
    row = {"id": "1", "x": [[[{"a": "[" * 100}]]], "y": [{}] * 100}
    assert depth(json.dumps(row).encode()) == 5
    assert read_records(json.dumps([row]).encode()).ids == ["1"]


@pytest.mark.parametrize("body", [b"[1,]", b"[,]", b"[1 2]", b"[1}", b"[[1]", b"[1]]", b"[1] x"])
def test_a_broken_page_is_not_taken_for_odd_records(body: bytes) -> None:
    with pytest.raises(ServerTrouble):
        read_records(body)
