import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opensense_okta.directories.errors import ServerTrouble
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


@given(st.lists(GOOD | st.sampled_from(STRANGE) | ANYTHING, max_size=6))
def test_what_is_understood_is_kept_as_it_came_and_the_rest_is_counted(records: list[Any]) -> None:
    good = [
        row
        for row in records
        if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]
    ]
    body = json.dumps(records).encode()
    found = read_records(body)
    assert [json.loads(bytes(row)) for row in found.rows] == good
    assert list(found.ids) == [row["id"] for row in good]
    assert found.set_aside == len(records) - len(good)
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
