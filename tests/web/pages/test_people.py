"""The pages that find a person and explain each value."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opensense_okta.publishing.explain.find_person import current_day, find
from opensense_okta.web.audit import FOLDER
from opensense_okta.web.visitor import Visitor
from tests.support.pages import Pages, Shown, pages, publish_day
from tests.support.stored import DAY

YESTERDAY = DAY - timedelta(days=1)
HOSTILE = "<script>alert(1)</script>\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}nagro"
ANA = {"display_name": "Ana Lovelace", "email": "ana@acme.test", "title": "Clerk"}
PEOPLE = {
    "1": {**ANA, "title": "Boss", "manager": "2"},
    "2": {"display_name": "Bob Ray", "email": "bob@acme.test"},
    "3": {"display_name": HOSTILE, "email": "eve@acme.test"},
    **{str(n): {"display_name": f"Kim {n}", "email": f"kim{n}@acme.test"} for n in range(100, 125)},
}
GONE = {"4": {"display_name": "Zoe Gone", "email": "zoe@acme.test"}}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Pages]:
    """Two published days of acme: Ana is promoted on the second one, and Zoe has left."""
    with pages(tmp_path) as home:
        publish_day(home.lake, YESTERDAY, {**PEOPLE, "1": ANA, **GONE})
        publish_day(home.lake, DAY, PEOPLE)
        yield home


def search(home: Pages, who: str, **fields: str) -> Shown:
    """The page to which the search form leads."""
    answer = home.ask("POST", "/acme/people", data={"who": who, **fields})
    assert answer.status_code == 303
    address = answer.headers["Location"]
    assert who not in address
    return Shown(home.get(f"/acme/{address}").text)


def person_of(home: Pages, who: str) -> str:
    day = current_day(home.lake)
    assert day is not None
    (found,) = find(home.lake, [day], who)
    return found.person_id


def looks(home: Pages) -> list[dict[str, object]]:
    """The lines of the audit log."""
    files = sorted((home.organizations.parent / FOLDER).glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize("who", ["ana lovelace", "Lovelace", "ANA@acme.test", "hr/1", " ana "])
def test_a_person_is_found_by_any_text_that_names_them(home: Pages, who: str) -> None:
    shown = search(home, who)
    assert f"1 person matches “{who.strip()}” on {DAY}" in shown.words.replace("“ ", "“").replace(
        " ”", "”"
    )
    assert f"/acme/people/{person_of(home, 'ana@acme.test')}" in shown.links
    assert "Ana Lovelace ana@acme.test active" in shown.words


def test_of_many_the_first_twenty_are_listed(home: Pages) -> None:
    shown = search(home, "kim")
    assert "25 people match" in shown.words
    assert "these are the first 20: give more of the name" in shown.words
    assert len([link for link in shown.links if "/acme/people/" in link]) == 20


def test_who_has_left_is_found_on_all_stored_days(home: Pages) -> None:
    shown = search(home, "zoe gone")
    assert f"Nobody matches “zoe gone” on {DAY}" in shown.words
    assert shown.fields["all"] == "1"
    wide = search(home, "zoe gone", all="1")
    assert f"last on {YESTERDAY}" in wide.words
    (link,) = (link for link in wide.links if "/acme/people/" in link)
    assert "Zoe Gone" in Shown(home.get(link).text).words


def test_a_text_that_matches_nobody_is_answered_with_similar_ones(home: Pages) -> None:
    assert "Similar: Bob Ray" in search(home, "Bob Rai").words
    assert "names nobody" in search(home, "?!").words


def test_a_search_of_an_earlier_start_says_so(home: Pages) -> None:
    answer = home.get("/acme/people?search=gAAAA")
    assert answer.status_code == 404
    assert "until the UI is started again" in Shown(answer.text).words


def test_a_value_says_where_it_comes_from_and_since_when(home: Pages) -> None:
    ana, bob = person_of(home, "ana@acme.test"), person_of(home, "bob@acme.test")
    shown = Shown(home.get(f"/acme/people/{ana}").text)
    assert f"Ana Lovelace active on {DAY} (published)" in shown.words
    assert f"title Boss hr/1 only value {DAY} {DAY}" in shown.words
    assert f"email ana@acme.test hr/1 only value {YESTERDAY} {DAY}" in shown.words
    assert f"{DAY} title: Clerk → Boss" in shown.words
    assert f"/acme/people/{bob}" in shown.links
    assert "Manager Bob Ray" in shown.words


def test_a_person_is_shown_as_of_an_earlier_day(home: Pages) -> None:
    ana = person_of(home, "ana@acme.test")
    shown = Shown(home.get(f"/acme/people/{ana}?date={YESTERDAY}").text)
    assert f"title Clerk hr/1 only value {YESTERDAY}" in shown.words
    assert re.findall(r"<option value=\"(.+?)\"", shown.html) == [str(DAY), str(YESTERDAY)]
    assert f'<option value="{YESTERDAY}" selected>' in shown.html


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/acme/people/nobody", "Nobody has this person id on 2026-11-23"),
        ("/acme/people/nobody?date=2026-11-01", "No people of acme are stored for 2026-11-01"),
        ("/acme/people/nobody?date=yesterday", "“yesterday” is no day"),
        ("/other/people", "There is no organization “other”"),
        ("/acme/people/..%2f..%2fetc", "There is no such page"),
    ],
)
def test_what_is_not_there_has_a_page_that_says_so(home: Pages, path: str, words: str) -> None:
    answer = home.get(path)
    assert answer.status_code == 404
    assert words in Shown(answer.text).words


def test_markup_and_invisible_characters_in_a_name_only_show(home: Pages) -> None:
    for html in (
        search(home, "eve@acme.test").html,
        home.get(f"/acme/people/{person_of(home, 'eve@acme.test')}").text,
    ):
        assert "<script" not in html
        assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\ufffd[31m\ufffdnagro</bdi>" in html


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(who=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_can_be_searched_for_and_only_shows(home: Pages, who: str) -> None:
    html = search_any(home, who)
    assert "<script" not in html
    assert not {letter for letter in html if category(letter) in ("Cc", "Cf")} - {"\n"}


def search_any(home: Pages, who: str) -> str:
    answer = home.ask("POST", "/acme/people", data={"who": who})
    assert answer.status_code == 303
    found = home.get(f"/acme/{answer.headers['Location']}")
    assert found.status_code == 200
    return found.text


def test_nobody_keeps_a_copy_of_a_page_with_a_person(home: Pages) -> None:
    answer = home.get(f"/acme/people/{person_of(home, 'ana@acme.test')}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    (title,) = re.findall("<title>(.*)</title>", answer.text)  # a browser's history keeps it
    assert re.fullmatch("acme: person [0-9a-f]{32}", title)


def test_each_look_of_a_named_user_is_recorded_without_a_name(home: Pages) -> None:
    home.visitor = Visitor("Eve")
    ana = person_of(home, "ana@acme.test")
    search(home, "ana lovelace")
    home.get(f"/acme/people/{ana}?date={YESTERDAY}")
    found, looked = looks(home)
    assert found == {
        "time": found["time"],
        "user": "Eve",
        "page": "search",
        "organization": "acme",
        "day": str(DAY),
        "people": [ana],
    }
    assert (looked["page"], looked["people"], looked["day"]) == ("person", [ana], str(YESTERDAY))


def test_similar_texts_are_a_look_too(home: Pages) -> None:
    home.visitor = Visitor("Eve")
    assert "Similar: Bob Ray" in search(home, "Bob Rai").words
    search(home, "?!")
    (look,) = looks(home)
    assert (look["page"], look["people"]) == ("search", [])


def test_a_visitor_without_a_name_is_not_recorded(home: Pages) -> None:
    home.visitor = Visitor(None)
    home.get(f"/acme/people/{person_of(home, 'ana@acme.test')}")
    assert looks(home) == []


def test_a_look_that_cannot_be_recorded_shows_nobody(home: Pages) -> None:
    home.visitor = Visitor("Eve")
    (home.organizations.parent / FOLDER).write_text("not a folder")
    answer = home.get(f"/acme/people/{person_of(home, 'ana@acme.test')}")
    assert answer.status_code == 500
    assert "Ana" not in answer.text
    assert "The audit log" in Shown(answer.text).words
