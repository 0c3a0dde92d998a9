"""Text of a directory does nothing on a page but show."""

from dataclasses import dataclass
from datetime import date, datetime
from unicodedata import category
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape
from starlette.requests import Request

from opensense_okta.config.errors import UserError
from opensense_okta.config.text import printable
from opensense_okta.publishing.approval import NUMBERS
from opensense_okta.publishing.days import DayState, Examples
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.notifications.state import Incident
from opensense_okta.resolution.changes import Difference
from opensense_okta.web.pages.held_day import HeldDay
from opensense_okta.web.pages.organizations import Overview, PublishedDay
from opensense_okta.web.pages.rendering import isolated, isolated_message, page
from opensense_okta.web.visitor import Visitor
from tests.support.pages import Shown

DAY = date(2026, 11, 23)
TRICKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "</bdi></td></table><form action=//evil>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ",
    "&lt;b&gt;&amp;",
    "\N{RIGHT-TO-LEFT OVERRIDE}moc.elpmaxe@nitram",
    "شركة",
    "a\r\nb\x00c\x1b[31m\x7f",
    "\ud800",
    "javascript:alert(1)",
)
texts = st.one_of(st.sampled_from(TRICKS), st.text(max_size=20)).filter(bool)


@dataclass
class Words:
    """The one place of text in each part of a page."""

    name: str
    email: str
    group: str
    reason: str


def request(visitor: Visitor | None) -> Request:
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "user": visitor})


def held_page(words: Words) -> str:
    """The page of a held day with these words of a directory in every place."""
    judgement = Judgement(
        day=DAY,
        resolved="0" * 16,
        base=None,
        digest=words.reason,
        difference=Difference(),
        unproven=(),
        verdicts=(),
    )
    rows: list[dict[str, object]] = [
        {"display_name": words.name, "email": words.email, words.group: None, "active": True}
    ]
    held = HeldDay(
        judgement=judgement,
        compared_with=words.reason,
        difference=Difference(removed=1234),
        examples=[Examples(words.group, rows)],
        numbers={"removed": 1234},
        refused="",
        instructions=words.reason,
    )
    state = DayState(DAY, None, is_published=False, resolved=None, held=judgement, has_report=False)
    return bytes(
        page(
            request(Visitor(words.name, form_token=words.reason)),
            "day",
            organization="acme",
            state=state,
            held=held,
            meanings=NUMBERS,
            may_approve=True,
            refused=None,
        ).body
    ).decode()


def overview_page(words: Words) -> str:
    """The page of all organizations with these words in every place."""
    incident = Incident("failed", "key", DAY, words.reason, words.reason, words.reason, "a-run")
    since = datetime(2026, 11, 23, 2, tzinfo=ZoneInfo("Europe/Berlin"))
    last = PublishedDay(DAY, since, 2, 1, {}, approved_by=words.name)
    overview = Overview(
        words.group, has_page=False, published=last, incidents=[incident], next_sync=words.email
    )
    visitor = Visitor(words.name)
    return bytes(page(request(visitor), "organizations", overviews=[overview]).body).decode()


INERT = ("p", "bdi", "code")  # what lines and backticks of a message make
PLAIN = Words("Ana", "ana@acme.test", "Staff", "why")


@settings(max_examples=40, deadline=None)  # the first page compiles the templates
@given(st.builds(Words, texts, texts, texts, texts))
def test_text_of_a_directory_only_shows(words: Words) -> None:
    for make in (held_page, overview_page):
        html = make(words)
        shown, expected = Shown(html), Shown(make(PLAIN))
        lines = len(words.reason.splitlines())  # each is a paragraph
        assert [name for name in shown.elements if name not in INERT] == [
            name for name in expected.elements if name not in INERT
        ]
        assert shown.elements.count("p") - expected.elements.count("p") <= 2 * (lines - 1)
        assert not [letter for letter in html if category(letter)[0] == "C" and letter != "\n"]
        for text in (words.name, words.email, words.group):
            assert str(isolated(text)) in html
        assert all(link.startswith(("/", "#")) for link in shown.links)


@given(texts)
def test_a_value_is_isolated_and_escaped(text: str) -> None:
    html = str(isolated(text))
    assert html.startswith("<bdi>")
    assert html.endswith("</bdi>")
    assert not {"<", ">", '"', "'"} & set(html[5:-6])
    assert Shown(html).elements == ["bdi"]


@given(texts)
def test_a_command_in_a_message_is_code_and_its_text_is_escaped(text: str) -> None:
    shown = printable(text).replace("`", "")
    html = str(isolated_message(f"Start `sync {shown}` again."))
    assert html == f"<bdi>Start <code>{escape(f'sync {shown}')}</code> again.</bdi>"


@pytest.mark.parametrize("error", [UserError("a\nb<", impact="c\u202e", remedy="d")])
def test_an_error_is_shown_in_lines(error: UserError) -> None:
    html = bytes(page(request(None), "error", 500, error=error).body).decode()
    assert "<p><bdi>a</bdi></p>" in html
    assert "<p><bdi>b&lt;</bdi></p>" in html
    assert f"<p><bdi>{printable(error.impact)}</bdi></p>" in html
    assert "<strong>What to do:</strong> <bdi>d</bdi>" in html
