"""The forms of the pages: only a form that an own page showed to the same visitor is taken."""

import asyncio
from urllib.parse import urlencode

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from opensense_okta.web.forms import LONGEST, MOST_FIELDS, own_form
from opensense_okta.web.visitor import Visitor

OWN = "form_token=t-1"


def fields_of(body: bytes | str, token: str = "t-1") -> dict[str, str]:  # noqa: S107 - of a test
    content = body.encode() if isinstance(body, str) else body
    parts = [content[:7], content[7:]]

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [],
        "user": Visitor("ada", form_token=token),
    }
    return asyncio.run(own_form(Request(scope, receive)))


def test_the_fields_come_without_the_token() -> None:
    assert fields_of(f"by=&note=%C3%84+%26+b&{OWN}") == {"by": "", "note": "Ä & b"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 403),
        ("a=1", 403),
        ("form_token=", 403),
        ("form_token=t-2", 403),
        ("form_token=%C3%A4", 403),
        (f"{OWN}&form_token=t-2", 400),
        (f"{OWN}&a=1&a=2", 400),
        (f"{OWN}&a=%FF", 400),
        (f"{OWN}&a", 400),
        (b"form_token=t-1&a=\xc3\xa4", 400),
        (f"{OWN}&{urlencode([(f'f{n}', n) for n in range(MOST_FIELDS)])}", 400),
        (f"{OWN}&a={'x' * LONGEST}", 413),
    ],
)
def test_any_other_form_is_refused(body: str | bytes, status: int) -> None:
    with pytest.raises(HTTPException) as refused:
        fields_of(body)
    assert refused.value.status_code == status


def test_an_empty_token_opens_nothing() -> None:
    with pytest.raises(HTTPException):
        fields_of("form_token=", token="")


def test_a_form_without_its_end_is_refused() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(own_form(request))
    assert refused.value.status_code == 400
