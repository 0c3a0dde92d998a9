"""Who asks for a page."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Visitor:
    """The user who sent a request. In a handler of Starlette it is `request.user`.

    Attributes:
        name: of a user of the password file; None: the person who opened the link of this start.
        read_only: whether the UI changes nothing, so that pages hide what writes.
        form_token: what a form of the visitor must contain, see `forms`. It differs between sessions.
    """

    name: str | None
    read_only: bool = False
    form_token: str = field(default="", repr=False)
