"""What can go wrong between a reader and any API, to be injected by a test or from outside.

A fault strikes the calls whose `METHOD path?query` its `match` (a regular expression) is found in:
after letting `after` of them pass, `times` of them, or all that follow when `times` is None.
Several faults may strike the same call; the first of the list has the last word.

Each vendor's `faults.py` adds what its API does wrong. A new kind is a subclass with a `reply` of its
own, and a line in that vendor's catalogue.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opensense_okta.simulator.messages import Call, Reply

Answer = Callable[[Call], Awaitable[Reply]]


@dataclass(kw_only=True)
class Fault:
    """Something that goes wrong with some of the calls; this one does nothing."""

    match: str = ""
    times: int | None = 1
    after: int = 0
    struck: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)

    def strikes(self, call: Call) -> bool:
        """Whether it is this call's turn."""
        if not re.search(self.match, f"{call.method} {call.target}"):
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        self.struck += 1
        return True

    async def reply(self, call: Call, stage: Any, answer: Answer) -> Reply:  # noqa: ANN401 - the API's
        """What the caller gets; `answer` gives what it would have got."""
        del stage
        return await answer(call)


@dataclass(kw_only=True)
class Reset(Fault):
    """The connection is reset before the answer."""

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del call, stage, answer
        return Reply(status=0)


@dataclass(kw_only=True)
class Truncated(Fault):
    """The connection ends in the middle of the body."""

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        return replace(reply, keep=len(reply.body) // 2)


@dataclass(kw_only=True)
class Malformed(Fault):
    """The body is whole for HTTP, but not JSON."""

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        return replace(reply, body=reply.body[: len(reply.body) // 2 + 1])


@dataclass(kw_only=True)
class Delay(Fault):
    """The answer comes late."""

    seconds: float = 1.0

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        await asyncio.sleep(self.seconds)
        return await answer(call)


@dataclass(kw_only=True)
class Slow(Fault):
    """The answer comes at once, but its body drips."""

    seconds: float = 1.0

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        return replace(await answer(call), seconds=self.seconds)


@dataclass(kw_only=True)
class Redirect(Fault):
    """A redirect to another host."""

    status: int = 302
    host: str = "https://elsewhere.example"

    async def reply(self, call: Call, stage: object, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage, answer
        return Reply(self.status, b"", [("location", f"{self.host}{call.target}")])


class Faults(list[Fault]):
    """The faults that wait for their calls."""

    async def reply(self, call: Call, stage: Any, answer: Answer) -> Reply:  # noqa: ANN401 - the API's
        """What the caller gets after all faults that strike have done their part."""
        for fault in reversed([fault for fault in self if fault.strikes(call)]):
            answer = _behind(fault, stage, answer)
        return await answer(call)


def _behind(fault: Fault, stage: Any, answer: Answer) -> Answer:  # noqa: ANN401 - the API's
    return lambda call: fault.reply(call, stage, answer)


COMMON: Mapping[str, type[Fault]] = {
    "reset": Reset,
    "truncated": Truncated,
    "malformed": Malformed,
    "delay": Delay,
    "slow": Slow,
    "redirect": Redirect,
}
"""The kinds that any API has."""


@dataclass(frozen=True)
class Catalogue:
    """The faults of a vendor's API, by name.

    Attributes:
        match: The calls that the common kinds strike by default.
        kinds: All its kinds, the common ones among them.
        presets: Kinds with their options, by a name of their own.
    """

    match: str
    kinds: Mapping[str, type[Fault]]
    presets: Mapping[str, tuple[str, Mapping[str, Any]]]

    def make(self, name: str, **options: Any) -> Fault:  # noqa: ANN401 - as the kind has them
        """The fault of a kind or preset; the options are the kind's fields.

        Raises:
            ValueError: There is no such kind, or it has no such option.
        """
        kind_name, preset = self.presets.get(name, (name, {}))
        kind = self.kinds.get(kind_name)
        if not kind:
            names = ", ".join(sorted({*self.kinds, *self.presets}))
            raise ValueError(f"no fault {name!r}; there are {names}")
        defaults = {"match": self.match} if kind_name in COMMON else {}
        try:
            return kind(**{**defaults, **preset, **options})
        except TypeError:
            known = [option for option in kind.__dataclass_fields__ if not option.startswith("_")]
            raise ValueError(f"fault {name!r} knows only {', '.join(known)}") from None
