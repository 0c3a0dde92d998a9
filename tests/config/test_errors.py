"""The one base of errors that are written for people."""

import pytest

from opensense_okta.config.errors import UserError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("It broke."), "It broke."),
        (UserError("It broke.", remedy="repair it."), "It broke. What to do: repair it."),
        (
            UserError("It broke.", impact="Nothing is lost.", remedy="wait.", subject="acme/okta"),
            "acme/okta: It broke. Nothing is lost. What to do: wait.",
        ),
    ],
)
def test_the_text_of_an_error_has_its_message_impact_and_remedy(
    error: UserError, text: str
) -> None:
    assert str(error) == text


def test_an_error_is_permanent_unless_its_class_or_the_caller_says_otherwise() -> None:
    class Busy(UserError):
        TRANSIENT = True

    assert not UserError("It broke.").transient
    assert Busy("It is busy.").transient
    assert not Busy("It is busy.", transient=False).transient
