"""Reads an organization file: its plain data, the line of each key, and its mistakes in plain words.

The meaning of the keys is defined in `opensense_okta.config.models`. People edit the file, so all its
mistakes are reported at once, each with its line.

The YAML nodes are walked by hand, because ruamel's `.lc` is not enough. Only data of its round-trip loader
has `.lc`. That loader stops at the first duplicate key or, if duplicates are allowed, drops them silently;
and keys that are merged with `<<` have no position. Here every duplicate key is reported with both lines,
merged keys have lines, a wrong merge is reported, and nodes are counted each time an alias repeats them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from opensense_okta.config.text import did_you_mean, nearest

Location = tuple[str | int, ...]
"""A place in the file: keys, and positions in lists."""

MAX_NODES = 20_000
"""A real file has some hundred keys and values; a few lines of nested aliases can expand to billions."""

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + "str", _TAG + "timestamp"}

_NO_TEXT = "must be text (in quotes, where YAML would take it for something else)"
_NO_MAPPING = "must be a mapping of keys to values"
_WORDS = {
    "missing": "is missing; it is required",
    "value_error": "{error}",
    "source_form": "{error}",
    "string_type": _NO_TEXT,
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "tuple_type": "must be a list such as [a, b]",
    "dict_type": _NO_MAPPING,
    "model_type": _NO_MAPPING,
    "model_attributes_type": _NO_MAPPING,
}
"""Messages for pydantic's error types, for the person who wrote the file."""


@dataclass(frozen=True)
class Mistake:
    """One thing to correct in an organization file: where it is and what is allowed there."""

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key} {self.message}".lstrip()


class OrganizationFileError(Exception):
    """An organization file that cannot be used, with all its mistakes in the order of lines."""

    def __init__(self, path: Path, mistakes: Iterable[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(dict.fromkeys(mistakes), key=lambda mistake: mistake.line))
        super().__init__(path, self.mistakes)

    def __str__(self) -> str:
        return "\n".join(f"{self.path.name}:{mistake.line}: {mistake}" for mistake in self.mistakes)


class Finding(NamedTuple):
    """A mistake at a place of the file, before its line is looked up."""

    location: Location
    message: str
    meant: str | None = None
    """The known key that was probably meant by an unknown one."""
    line: int | None = None
    """The line, if it is not the line of the location."""


@dataclass
class Document:
    """An organization file as plain data, the line of every key and list item, and its mistakes."""

    data: dict[str, object] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    blank: set[Location] = field(default_factory=set)
    nodes: int = 0

    def mistakes(self, findings: Sequence[Finding]) -> Iterator[Mistake]:
        """The reader's own and the given findings as mistakes, without consequences of other mistakes."""
        findings = [
            finding._replace(location=self._written(finding.location)) for finding in findings
        ]
        whole = {finding.location for finding in findings}
        for finding in self.findings:
            # If a value is wrong as a whole, its content may be a secret, even a key in it.
            if not any(
                finding.location[:length] in whole for length in range(1, len(finding.location))
            ):
                yield self.mistake(finding)
        # After "did you mean api_token?" a message that api_token is missing would only confuse.
        misspelt = {
            (*finding.location[:-1], finding.meant) for finding in findings if finding.meant
        }
        for finding in findings:
            expected = finding.location in misspelt and finding.location not in self.lines
            if not expected and finding.location not in self.blank:
                yield self.mistake(finding)

    def mistake(self, finding: Finding) -> Mistake:
        """The finding with the line of its place, or of the nearest enclosing key."""
        around = finding.location
        while around and around not in self.lines:
            around = around[:-1]
        key = ".".join(part for part in finding.location if isinstance(part, str))
        return Mistake(finding.line or self.lines.get(around, 1), key, finding.message)

    def _written(self, location: Location) -> Location:
        """The location without positions that the file does not have: a list of one needs no brackets."""
        place: Location = ()
        for part in location:
            if isinstance(part, str) or (*place, part) in self.lines:
                place = (*place, part)
        return place

    def entries(self) -> Iterator[tuple[Location, object]]:
        """Every key of the file with its value, in the file's order."""
        for location in self.lines:
            value: Any = self.data
            for part in location:
                value = value[part]
            yield location, value


def read_document(path: Path) -> Document:
    """The file's data and lines. Mistakes that leave usable data are recorded, not raised.

    Raises:
        OrganizationFileError: The file cannot be read, or is not one YAML mapping.
    """
    document, text = Document(), _text(path)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        if isinstance(root, MappingNode):
            document.lines[()] = _line(root)
            document.data = _mapping(root, (), document)
            return document
        line, fault = 1, "is empty" if root is None else "is not a mapping"
        fault += "; it must hold keys with values, such as timezone: America/New_York"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, fault = mark.line + 1 if mark else 1, f"is not valid YAML: {_problem(error)}"
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = f"has a character that YAML does not allow: {error.character!r}"
    except RecursionError:
        line, fault = 1, "is nested too deeply, or has too many aliases or one that contains itself"
    except Exception as error:  # noqa: BLE001 - after any parser error, other files must load
        line, fault = 1, f"is not valid YAML ({type(error).__name__})"
    raise _refusal(path, line, fault)


def findings_of(
    model: type[BaseModel],
    error: ValidationError,
    *,
    not_in_file: Collection[str] = (),
    renamed: Mapping[Location, str] | None = None,
) -> Iterator[Finding]:
    """Pydantic's errors, each with its place in the file and a plain message.

    Args:
        model: the model that was validated.
        error: pydantic's error.
        not_in_file: fields that are never offered as keys.
        renamed: the new name of each old key, by its location, and of each old value, by the location
            of its key and the value.
    """
    names = renamed or {}
    for details in error.errors(include_url=False):
        location, allowed = _follow(model, details["loc"])
        match details["type"]:
            case "extra_forbidden" if location in names:
                words = f"has another name since version 0.2: {names[location]}. Rename the key."
                yield Finding(location, words, names[location])
            case "extra_forbidden":
                yield _unknown_key(location, [key for key in allowed if key not in not_in_file])
            case "union_tag_not_found":
                words = f"is missing; it must be one of {', '.join(allowed)}"
                yield Finding((*location, "kind"), words)
            case "union_tag_invalid":
                yield Finding((*location, "kind"), _one_of(details["ctx"]["tag"], allowed))
            case "literal_error" if (old := (*location, str(details["input"]))) in names:
                words = f"cannot be {old[-1]}: since version 0.2 that value is named {names[old]}."
                yield Finding(location, words)
            case "literal_error":
                options = re.findall(r"'([^']*)'", details["ctx"]["expected"])
                yield Finding(location, _one_of(details["input"], options))
            case other:
                words = _WORDS.get(other, "has a value that is not allowed here")
                yield Finding(location, words.format(**details.get("ctx", {})))


def _unknown_key(location: Location, allowed: Sequence[str]) -> Finding:
    key = str(location[-1])
    words = f"is not a known key{did_you_mean(key, allowed)} Allowed here: {', '.join(allowed)}"
    return Finding(location, words, nearest(key, allowed))


def _one_of(value: object, allowed: Sequence[str]) -> str:
    choice = "one of " if len(allowed) > 1 else ""
    return f"must be {choice}{', '.join(allowed)}{did_you_mean(str(value), allowed)}"


def _refusal(path: Path, line: int, message: str) -> OrganizationFileError:
    return OrganizationFileError(path, [Mistake(line, "", f"the file {message}")])


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(path, 1, f"cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(path, line, "is not UTF-8 text; save it as UTF-8") from None


def _problem(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    if "'\\t'" in problem:
        return "it is indented with a tab; use spaces"
    if "alias" in problem or "anchor" in problem or "tag" in problem:
        # The parser quotes the word, and a secret in plain text may begin with * & or !
        return "*, & and ! begin an alias, an anchor and a tag; text that begins so needs quotes"
    if problem.startswith("expected ','"):
        return f"{problem}; inside of {{}} and [], text that contains one of {{}}[], needs quotes"
    return problem


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: Node, location: Location, document: Document) -> object:
    """The node as a dict, list or scalar; its lines and mistakes go to the document."""
    _count(document)
    if isinstance(node, MappingNode):
        return _mapping(node, location, document)
    if isinstance(node, SequenceNode):
        items = []
        for position, item in enumerate(node.value):
            document.lines[*location, position] = _line(item)
            items.append(_plain(item, (*location, position), document))
        return items
    value = _scalar(node, location, document)
    if value is None:
        document.blank.add(location)
        words = "has no value; write one or remove the key"
        document.findings.append(Finding(location, words))
    return value


def _mapping(node: MappingNode, location: Location, document: Document) -> dict[str, object]:
    plain: dict[str, object] = {}
    for key, value, merged in _entries(node, location, document):
        if not isinstance(key, ScalarNode):
            document.findings.append(Finding(location, "has a key that is not text"))
            continue
        at = (*location, str(key.value))
        if str(key.value) in plain:
            if not merged:
                again = f"is written twice; it is already on line {document.lines[at]}"
                document.findings.append(Finding(at, again, line=_line(key)))
            continue
        document.lines[at] = _line(key)
        plain[str(key.value)] = _plain(value, at, document)
    return plain


def _entries(
    node: MappingNode, location: Location, document: Document
) -> Iterator[tuple[Node, Node, bool]]:
    """The mapping's own entries, then those merged with `<<`; its own entries override them."""
    merges: list[Node] = []
    for key, value in node.value:
        _count(document)
        if key.tag == _TAG + "merge":
            merges += value.value if isinstance(value, SequenceNode) else [value]
        else:
            yield key, value, False
    for merge in merges:
        if isinstance(merge, MappingNode):
            for key, value, _ in _entries(merge, location, document):
                yield key, value, True
        else:
            words = "merges (<<) something that is not a mapping"
            document.findings.append(Finding(location, words))


def _count(document: Document) -> None:
    document.nodes += 1
    if document.nodes > MAX_NODES:
        raise RecursionError


def _scalar(node: Node, location: Location, document: Document) -> object:
    text, tag = str(node.value), str(node.tag)
    try:
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool":
            return text.lower() == "true"
        if tag == _TAG + "int":
            return int(text.replace("_", ""), 0)
        if tag == _TAG + "float":
            return float(re.sub(r"_|\.(?=[a-z])", "", text.lower()))
    except ValueError:
        return text
    if tag not in _TEXT_TAGS:
        words = "has a tag (!), which has no place here; text needs quotes"
        document.findings.append(Finding(location, words))
    return text


def _follow(model: type[BaseModel], loc: Location) -> tuple[Location, tuple[str, ...]]:
    """The place in the file of pydantic's `loc`, and what is allowed there: keys, or a union's kinds."""
    here: Any = model
    written: list[str | int] = []
    keys: tuple[str, ...] = ()
    for part in loc:
        members = _members(here)
        if part == "[key]":
            break
        if len(members) > 1:  # here pydantic names the kind it chose, not a key of the file
            here = next(member for member in members if part in _names(member))
            continue
        written.append(part)
        keys = _keys(members[0])
        here = _inside(members[0], part)
    members = _members(here)
    return tuple(written), keys if len(members) == 1 else sum(map(_kinds, members), ())


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation may be anything
    """The types that an annotation allows besides None, without the metadata of `Annotated`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(each for each in get_args(annotation) if each is not NoneType)
    return (annotation,)


def _inside(annotation: Any, part: str | int) -> Any:  # noqa: ANN401 - as above
    """The annotation of the value at `part` of a model, a mapping or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        known = annotation.model_fields.get(str(part))
        return known.annotation if known else None
    inner = get_args(annotation)
    return inner[-1 if get_origin(annotation) is dict else 0] if inner else None


def _keys(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    """The keys of a model, as the file has them."""
    fields = getattr(annotation, "model_fields", {})
    return tuple(info.alias or name for name, info in fields.items())


def _names(member: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    """What pydantic calls a member of a union: its tag, or its kind."""
    tags = [tag.tag for tag in get_args(member) if isinstance(tag, Tag)]
    return (*tags, *_kinds(member))


def _kinds(member: type[BaseModel]) -> tuple[str, ...]:
    kind = getattr(member, "model_fields", {}).get("kind")
    return get_args(kind.annotation) if kind else ()
