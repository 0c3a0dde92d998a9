"""Faults that any API can have; a test or another process adds them.

A fault applies to the calls in whose `METHOD path?query` the regular expression `match` is found. It
lets the first `after` of them pass, and applies to the next `times`, or to all others if `times` is
None. Several faults may apply to one call; the first of the list is applied last.

The `faults.py` of each vendor adds the faults of its API. A new kind is a subclass that overrides
`reply` or `change_reply`, and a line in that vendor's `KINDS`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opensense_okta.simulator.messages import Call, Reply

Answer = Callable[[Call], Awaitable[Reply]]
"""Gives the reply that a call gets without the fault."""


@dataclass(kw_only=True)
class Fault:
    """A fault of some calls; this one changes nothing."""

    match: str = ""
    times: int | None = 1
    after: int = 0
    struck: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)

    def applies(self, call: Call) -> bool:
        """Whether the fault applies to this call, which is then counted."""
        if not re.search(self.match, f"{call.method} {call.target}"):
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        self.struck += 1
        return True

    async def reply(self, call: Call, context: Any, answer: Answer) -> Reply:  # noqa: ANN401 - the vendor's
        """The reply to a call; `context` is what the vendor's faults can reach of its simulator."""
        del context
        return self.change_reply(call, await answer(call))

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """The reply to a call, given the one without the fault."""
        del call
        return reply


@dataclass(kw_only=True)
class Reset(Fault):
    """The connection is reset before the reply."""

    async def reply(self, call: Call, context: object, answer: Answer) -> Reply:
        """A reset, in place of the API's reply."""
        del call, context, answer
        return Reply(status=0)


@dataclass(kw_only=True)
class Truncated(Fault):
    """The connection ends in the middle of the body."""

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Keep half of the body."""
        del call
        return replace(reply, keep=len(reply.body) // 2)


@dataclass(kw_only=True)
class Malformed(Fault):
    """The body is complete for HTTP, but it is not JSON."""

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Drop almost half of the body."""
        del call
        return replace(reply, body=reply.body[: len(reply.body) // 2 + 1])


@dataclass(kw_only=True)
class Delay(Fault):
    """The reply comes late."""

    seconds: float = 1.0

    async def reply(self, call: Call, context: object, answer: Answer) -> Reply:
        """The API's reply, after some seconds."""
        del context
        await asyncio.sleep(self.seconds)
        return await answer(call)


@dataclass(kw_only=True)
class Slow(Fault):
    """The reply starts at once, but its body arrives slowly."""

    seconds: float = 1.0

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Let the body take some seconds."""
        del call
        return replace(reply, seconds=self.seconds)


@dataclass(kw_only=True)
class Redirect(Fault):
    """A redirect to another host."""

    status: int = 302
    host: str = "https://elsewhere.example"

    async def reply(self, call: Call, context: object, answer: Answer) -> Reply:
        """The redirect, in place of the API's reply."""
        del context, answer
        return Reply(self.status, b"", [("location", f"{self.host}{call.target}")])


ODD_RECORDS: Mapping[str, bytes] = {
    "doubled-id": b'{"id":"odd-1","id":"odd-2","@odata.type":"#microsoft.graph.user"}',
    "doubled-key": b'{"id":"odd-1","profile":{"login":"odd","login":"odder"}}',
    "deep": b'{"id":"odd-1","x":%b%b}' % (b"[" * 3000, b"]" * 3000),
    "deeper-than-a-database": b'{"id":"odd-1","profile":%b1%b}' % (b'{"a":' * 150, b"}" * 150),
    "digits": b'{"id":"odd-1","x":%b}' % (b"9" * 6000),
    "dot": b'{"id":".","@odata.type":"#microsoft.graph.user"}',
    "dots": b'{"id":"..","@odata.type":"#microsoft.graph.user"}',
    "slash": b'{"id":"odd/../1","@odata.type":"#microsoft.graph.user"}',
}
"""Records that are valid JSON, and that nobody should use."""


@dataclass(kw_only=True)
class OddRecord(Fault):
    """A listing has one more record, whose text is odd."""

    record: str = "doubled-id"

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Add the record before the others."""
        del call
        before, bracket, rest = reply.body.partition(b"[")
        if reply.status != 200 or not bracket or rest[:1] == b"]":
            return reply
        return replace(reply, body=b"%b[%b,%b" % (before, ODD_RECORDS[self.record], rest))


class Faults(list[Fault]):
    """The faults of a running simulator."""

    async def reply(self, call: Call, context: Any, answer: Answer) -> Reply:  # noqa: ANN401 - the vendor's
        """The reply to a call, after all faults that apply to it."""
        for fault in reversed([fault for fault in self if fault.applies(call)]):
            answer = _behind(fault, context, answer)
        return await answer(call)


def _behind(fault: Fault, context: Any, answer: Answer) -> Answer:  # noqa: ANN401 - the vendor's
    return lambda call: fault.reply(call, context, answer)


COMMON: Mapping[str, type[Fault]] = {
    "reset": Reset,
    "truncated": Truncated,
    "malformed": Malformed,
    "delay": Delay,
    "slow": Slow,
    "redirect": Redirect,
    "odd-record": OddRecord,
}
"""The kinds that any API has."""


@dataclass(frozen=True)
class Catalogue:
    """The faults of a vendor's API, by name.

    Attributes:
        match: The calls to which the common kinds apply by default.
        kinds: All kinds of this API, the common ones included.
        presets: Kinds with their options, under a name of their own.
        listings: The calls to which the other kinds apply that say nothing of it themselves.
    """

    match: str
    kinds: Mapping[str, type[Fault]]
    presets: Mapping[str, tuple[str, Mapping[str, Any]]]
    listings: str = ""

    def make(self, name: str, **options: Any) -> Fault:  # noqa: ANN401 - the kind's fields
        """The fault of a kind or preset; the options are the fields of the kind.

        Raises:
            ValueError: There is no such kind, or it has no such option.
        """
        kind_name, preset = self.presets.get(name, (name, {}))
        kind = self.kinds.get(kind_name)
        if not kind:
            names = ", ".join(sorted({*self.kinds, *self.presets}))
            raise ValueError(f"no fault {name!r}; there are {names}")
        usual = self.match if kind_name in COMMON else self.listings
        defaults = {} if kind.__dataclass_fields__["match"].default else {"match": usual}
        try:
            return kind(**{**defaults, **preset, **options})
        except TypeError:
            known = [option for option in kind.__dataclass_fields__ if not option.startswith("_")]
            raise ValueError(f"fault {name!r} knows only {', '.join(known)}") from None
