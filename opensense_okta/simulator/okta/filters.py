"""Okta's filter expressions: `status eq "ACTIVE" and (lastUpdated gt "…" or id eq "…")`."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]
Operators = Mapping[str, frozenset[str]]

_EQ = frozenset({"eq"})
_RANGE = frozenset({"eq", "gt", "ge", "lt", "le"})
_ANY = _RANGE | {"pr", "sw", "co"}

USER_FILTER: Operators = {
    "id": _EQ,
    "status": _EQ,
    "lastUpdated": _RANGE,
    "profile.login": _EQ,
    "profile.email": _EQ,
    "profile.firstName": _EQ,
    "profile.lastName": _EQ,
}
USER_SEARCH: Operators = {
    "id": _ANY,
    "status": _ANY,
    "created": _ANY,
    "activated": _ANY,
    "statusChanged": _ANY,
    "lastUpdated": _ANY,
    "type.id": _ANY,
    "profile.": _ANY,
}
GROUP_FILTER: Operators = {
    "id": _EQ,
    "type": _EQ,
    "lastUpdated": _RANGE,
    "lastMembershipUpdated": _RANGE,
}
GROUP_SEARCH: Operators = {
    "id": _ANY,
    "type": _ANY,
    "created": _ANY,
    "lastUpdated": _ANY,
    "lastMembershipUpdated": _ANY,
    "source.id": _ANY,
    "profile.": _ANY,
}

_TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[\w.:-]+)|(?P<paren>[()]))')
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "sw": lambda value, literal: str(value).lower().startswith(str(literal).lower()),
    "co": lambda value, literal: str(literal).lower() in str(value).lower(),
}


class InvalidFilterError(ValueError):
    """An expression that is not valid."""


def parse(expression: str, allowed: Operators) -> Predicate:
    """The predicate of an expression; `allowed` has the attributes and their operators.

    Raises:
        InvalidFilterError: The expression is not valid.
    """
    parser = _Parser(_tokens(expression), allowed)
    predicate = parser.either()
    if parser.tokens:
        raise InvalidFilterError(parser.tokens[0])
    return predicate


def _tokens(expression: str) -> list[str]:
    tokens, position, end = [], 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if not match:
            raise InvalidFilterError(expression[position:])
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], allowed: Operators) -> None:
        self.tokens = tokens
        self._allowed = allowed

    def either(self) -> Predicate:
        terms = [self._all()]
        while self._next_is("or"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def _all(self) -> Predicate:
        terms = [self._term()]
        while self._next_is("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)

    def _term(self) -> Predicate:
        if self._next_is("("):
            predicate = self.either()
            if not self._next_is(")"):
                raise InvalidFilterError("missing )")
            return predicate
        attribute, compare = self._take(), self._take()
        known = attribute if attribute in self._allowed else attribute.partition(".")[0] + "."
        if compare not in self._allowed.get(known, ()):
            raise InvalidFilterError(f"{attribute} {compare}")
        if compare == "pr":
            return lambda row: _value(row, attribute) is not None
        return _comparison(attribute, _COMPARE[compare], _literal(self._take()))

    def _take(self) -> str:
        if not self.tokens:
            raise InvalidFilterError("unfinished")
        return self.tokens.pop(0)

    def _next_is(self, token: str) -> bool:
        if self.tokens and self.tokens[0].lower() == token:
            self.tokens.pop(0)
            return True
        return False


def _comparison(attribute: str, compare: Callable[[Any, Any], bool], literal: object) -> Predicate:
    def matches(row: Mapping[str, Any]) -> bool:
        value = _value(row, attribute)
        if isinstance(value, list):
            return any(compare(item, literal) for item in value)
        return type(value) is type(literal) and compare(value, literal)

    return matches


def _value(row: Mapping[str, Any], attribute: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    value: Any = row
    for name in attribute.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _literal(literal: str) -> str | float | bool:
    if literal in ("true", "false"):
        return literal == "true"
    if not literal.startswith('"'):
        raise InvalidFilterError(literal)
    text = literal[1:-1].replace('\\"', '"')
    if not _TIME.match(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidFilterError(text) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
