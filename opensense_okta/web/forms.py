"""The forms of the pages: their fields, and the token that proves that an own page was filled in.

The guard has refused forms of other sites by their `Origin`. The token is a second protection.
"""

import hmac
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

TOKEN: Final = "form_token"  # noqa: S105 - the name of the field
LONGEST: Final = 16_384  # bytes of a body
MOST_FIELDS: Final = 100


async def own_form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of this server showed to the same visitor.

    The page has `<input type="hidden" name="form_token" value="{{ visitor.form_token }}">`.

    Raises:
        HTTPException: 403 if another page sent it; 400 and 413 as `read_form`.
    """
    fields = await read_form(request)
    if not is_token(fields.pop(TOKEN, ""), request.user.form_token):
        raise HTTPException(
            403, "The form is too old, or it is not of this server. Open the page again."
        )
    return fields


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        HTTPException: 413 if the body is longer than `LONGEST`, 400 if it is no form in UTF-8, has a field
            twice, or the visitor went away.
    """
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST:
                raise HTTPException(413, "The form is too long.")
    except ClientDisconnect:
        raise HTTPException(400, "The form has no end.") from None
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise HTTPException(400, "The body is no form.") from None
    if len(dict(fields)) != len(fields):
        raise HTTPException(400, "The form has a field twice.")
    return dict(fields)


def is_token(given: str, expected: str) -> bool:
    """Whether a token is the expected one; an empty one never is."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
