"""Finds contradictions between keys of an organization file, and names that do not exist."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from opensense_okta.config.attributes import (
    DATES,
    GROUPS,
    MANAGER_COLUMNS,
    MAPPINGS,
    OF_MANAGER,
    OTHER_COLUMNS,
    PHONES,
    STANDARD_ATTRIBUTES,
)
from opensense_okta.config.locations import url_mistake
from opensense_okta.config.text import did_you_mean
from opensense_okta.config.values import MY_CUSTOMER
from opensense_okta.config.yaml_file import Finding, Location

NOT_PHONES = {*STANDARD_ATTRIBUTES} - {*PHONES, *DATES, "active"}
"""Standard attributes that no phone format fits, and that have no other message about it."""


def contradictions(data: dict[str, object]) -> Iterator[Finding]:
    """The mistakes that concern several keys.

    Reads the plain data, not the models: models exist only if there is no mistake, and all mistakes
    are reported at once. The models report values of the wrong shape.
    """
    if "name" in data:
        yield Finding(("name",), "is not a key: the file's name is the organization's name")
    directories = _section(data, "directories")
    for name in directories:
        directory = _section(directories, name)
        active = _section(directory, "attributes").get("active", "")
        location = ("directories", name, "attributes", "active")
        if directory.get("kind") != "csv" and active:
            yield Finding(location, "cannot be mapped: it follows from the account's status")
        elif not isinstance(active, str):
            yield Finding(location, "must be one column: it decides the account's status")
        if directory.get("kind") == "csv":
            yield from _files(("directories", name), directory)
        yield from _scope(("directories", name), directory, _attributes(data, directories))
        if directory.get("kind") == "okta":
            yield from _okta_credentials(("directories", name), directory)
        if directory.get("kind") == "entra":
            yield from _entra_credentials(("directories", name), directory)
        if directory.get("kind") == "google":
            yield from _google_customer(("directories", name), directory)
    if directories:
        yield from _unknown_directories(data, tuple(directories))
    yield from _unknown_attributes(data, directories)
    yield from _exported_people(data, directories)
    yield from _export(data, directories)
    yield from _people(data)


def _people(data: dict[str, object]) -> Iterator[Finding]:
    """Rules of resolution that are not possible."""
    for key in sorted(_section(data, "resolution", "attributes", "active").keys() - {"precedence"}):
        location = ("resolution", "attributes", "active", key)
        yield Finding(location, "is not possible for active, which takes precedence only")
    rules = _section(data, "resolution", "attributes")
    for name in rules:
        for key in ("merge", "format"):
            if name in DATES and key in _section(rules, name):
                location = ("resolution", "attributes", name, key)
                yield Finding(location, "is not possible for a date")
        if {"merge", "format"} <= _section(rules, name).keys():
            location = ("resolution", "attributes", name, "format")
            yield Finding(location, "is not possible with merge: a list is no phone number")
        elif "format" in _section(rules, name) and name in NOT_PHONES:
            location = ("resolution", "attributes", name, "format")
            words = f"is only for phone numbers: {', '.join(PHONES)}, or an attribute of your own"
            yield Finding(location, f"{words}; remove it")
    for together, apart in product(joined(_texts(data, "always_same")), _texts(data, "never_same")):
        both = [account for account in apart if account in together]
        if len(both) > 1:
            words = f"must not keep {' and '.join(both)} apart: always_same makes them one person"
            yield Finding(("resolution", "never_same"), words)


def _scope(at: Location, directory: dict[str, object], attributes: set[str]) -> Iterator[Finding]:
    """Attributes in `include` and `exclude` that the directory does not have."""
    table = MAPPINGS.get(str(directory.get("kind")))
    known = attributes if table is None else {*table, *_section(directory, "attributes")}
    for key in ("include", "exclude"):
        for name in _section(directory, "scope", key):
            location = (*at, "scope", key, name)
            if name == "active":
                yield Finding(location, "is not possible: it follows from the account's status")
            elif name.strip() and name not in known:
                words = "is not an attribute of this directory"
                yield _unknown_name(location, name, words, sorted(known - {"active"}))


def _okta_credentials(at: Location, directory: dict[str, object]) -> Iterator[Finding]:
    key_pair = {"client_id", "private_key", "key_id"} & directory.keys()
    if "api_token" in directory:
        if key_pair:
            words = f"must be the only credential; remove it or {' and '.join(sorted(key_pair))}"
            yield Finding((*at, "api_token"), words)
    elif not key_pair:
        words = "is missing; give api_token, or client_id with private_key"
        yield Finding((*at, "api_token"), words)
    else:
        for missing in sorted({"client_id", "private_key"} - key_pair):
            words = f"is missing; {' and '.join(sorted(key_pair))} cannot do without it"
            yield Finding((*at, missing), words)


def _entra_credentials(at: Location, directory: dict[str, object]) -> Iterator[Finding]:
    given = {"client_secret", "certificate"} & directory.keys()
    if not given:
        yield Finding((*at, "client_secret"), "is missing; give client_secret or certificate")
    if len(given) > 1:
        words = "must be the only credential; remove it or certificate"
        yield Finding((*at, "client_secret"), words)


def _google_customer(at: Location, directory: dict[str, object]) -> Iterator[Finding]:
    if "administrator" not in directory and directory.get("customer", MY_CUSTOMER) == MY_CUSTOMER:
        words = (
            "must be the customer's ID, such as C03az79cb (Admin console > Account > Account settings >"
            " Profile), or give administrator: my_customer is the account of the administrator"
        )
        yield Finding((*at, "customer"), words)


def _files(at: Location, directory: dict[str, object]) -> Iterator[Finding]:
    for key in ("users", "groups", "memberships"):
        url = directory.get(key)
        if isinstance(url, str) and (mistake := url_mistake(url)):
            yield Finding((*at, key), mistake)


def _unknown_directories(data: dict[str, object], known: tuple[str, ...]) -> Iterator[Finding]:
    """References to directories that the file does not have."""
    named: list[tuple[Location, object]] = [
        (("guards", "directories", name), name) for name in _section(data, "guards", "directories")
    ]
    rules = _section(data, "resolution", "attributes")
    for attribute in rules:
        at = ("resolution", "attributes", attribute, "precedence")
        listed = _list(_section(rules, attribute).get("precedence"))
        named += [((*at, position), name) for position, name in enumerate(listed)]
    for key in ("always_same", "never_same"):
        for position, accounts in enumerate(_lists(data, key)):
            named += [
                (("resolution", key, position, index), account.partition("/")[0])
                for index, account in enumerate(accounts)
                if isinstance(account, str) and "/" in account
            ]
    for location, name in named:
        if isinstance(name, str) and name not in known:
            words = f"is not one of the directories: {', '.join(known)}"
            yield _unknown_name(location, name, words, known)


def _unknown_attributes(
    data: dict[str, object], directories: dict[str, object]
) -> Iterator[Finding]:
    """Rules for attributes that no directory has."""
    rules = _section(data, "resolution", "attributes")
    known = _attributes(data, directories)
    match = _list(_section(data, "resolution").get("match"))
    named: list[tuple[Location, object]] = [
        (("resolution", "attributes", name), name) for name in rules
    ]
    named += [(("resolution", "match", position), name) for position, name in enumerate(match)]
    for position, name in enumerate(match):
        if name == "active":
            words = "names active, which identifies nobody"
            yield Finding(("resolution", "match", position), words)
    for location, name in named:
        if isinstance(name, str) and name.strip() and name not in known:
            words = "is neither a standard attribute nor one of a directory's"
            yield _unknown_name(location, name, words, sorted(known))


def _attributes(data: dict[str, object], directories: dict[str, object]) -> set[str]:
    """The standard attributes, and those that the file declares."""
    rules = _section(data, "resolution", "attributes")
    known = {*STANDARD_ATTRIBUTES}
    known.update(*(_section(directories, name, "attributes") for name in directories))
    # A `merge: union` rule declares its attribute: a column of the same name needs no mapping.
    known.update(name for name in rules if _section(rules, name).get("merge") == "union")
    return known


def _exported_people(data: dict[str, object], directories: dict[str, object]) -> Iterator[Finding]:
    """Attributes in `publish.people` that nobody has."""
    known = sorted(_attributes(data, directories) - {"active"})
    for key in ("include", "exclude"):
        at: Location = ("publish", "people", key)
        for name in _section(data, *map(str, at)):
            if name == "active":
                yield Finding((*at, name), "is not possible: only active people are exported")
            elif name.strip() and name not in known:
                words = "is neither a standard attribute nor one of a directory's"
                yield _unknown_name((*at, name), name, words, known)


def _export(data: dict[str, object], directories: dict[str, object]) -> Iterator[Finding]:
    """Settings of the CSV export that are not possible."""
    at: Location = ("publish", "csv")
    export = _section(data, *map(str, at))
    attributes = _attributes(data, directories)
    known = (*sorted(attributes), *OTHER_COLUMNS, GROUPS, *MANAGER_COLUMNS)
    written = [*_columns((*at, "columns"), export.get("columns"))]
    for location, name, _ in written:
        if name.startswith(f"{OF_MANAGER}manager"):
            words = "would be of a manager's manager; only the person's own manager can be exported"
            yield Finding(
                location, words if location[-1] == name else f"names {name}, which {words}"
            )
        elif name.strip() and name not in known:
            words = "is neither an attribute nor another column of the export"
            yield _unknown_name(location, name, words, known)
    columns = [name for _, name, _ in written] if "columns" in export else sorted(attributes)
    for key in ("locked", "unlocked"):
        for position, listed in enumerate(_list(export.get(key))):
            if isinstance(listed, str) and listed not in columns:
                words = "is not one of the columns"
                yield _unknown_name((*at, key, position), listed, words, columns)
    if export.get("rows") == "alias" and "email" not in columns:
        words = "alias needs the column email, which has the address of each row"
        yield Finding((*at, "rows"), words)
    has_groups = export.get("groups") is not None or (
        GROUPS in columns and GROUPS not in attributes
    )
    if export.get("group_names") == "opensense" and not has_groups:
        words = (
            "has no effect, because no groups are exported; add groups: true or the column groups,"
            " or remove it"
        )
        yield Finding((*at, "group_names"), words)
    yield from _headers(export, written)
    both = [name for name in _list(export.get("locked")) if name in _list(export.get("unlocked"))]
    if both:
        yield Finding(
            (*at, "unlocked"), f"must not name {', '.join(map(str, both))}, which is locked"
        )


def _columns(at: Location, columns: object) -> Iterator[tuple[Location, str, str]]:
    """Each column of the export: its place in the file, its name, and its header without suffix."""
    if isinstance(columns, dict):
        for name, header in columns.items():
            if isinstance(header, str):
                yield (*at, name), name, header
    for position, name in enumerate(_list(columns)):
        if isinstance(name, str):
            yield (*at, position), name, name


def _headers(
    export: dict[str, object], columns: Sequence[tuple[Location, str, str]]
) -> Iterator[Finding]:
    """Headers that two columns have. Programs that read the file may not distinguish case."""
    names: dict[str, str] = {}
    for location, name, header in columns:
        suffixes = [f"-{key}" for key in ("locked", "unlocked") if name in _list(export.get(key))]
        whole = "".join([header, *suffixes])
        other = names.setdefault(whole.casefold(), name)
        if other != name:
            words = f"has the header {whole}, which {other} has, too (case does not count)"
            yield Finding(location, words)


def joined(account_sets: Iterable[Iterable[str]]) -> list[set[str]]:
    """The sets of `always_same`; sets that share an account are one set."""
    merged: list[set[str]] = []
    for accounts in map(set, account_sets):
        overlapping = [other for other in merged if not other.isdisjoint(accounts)]
        merged = [other for other in merged if other not in overlapping]
        merged.append(accounts.union(*overlapping))
    return merged


def _unknown_name(location: Location, name: str, words: str, known: Sequence[str]) -> Finding:
    words += did_you_mean(name, known)
    return Finding(location, words if location[-1] == name else f"names {name}, which {words}")


def _section(data: object, *keys: str) -> dict[str, object]:
    """The mapping at `keys`, empty if there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(data: dict[str, object], key: str) -> list[list[str]]:
    return [[text for text in each if isinstance(text, str)] for each in _lists(data, key)]


def _lists(data: dict[str, object], key: str) -> list[list[object]]:
    return [_list(each) for each in _list(_section(data, "resolution").get(key))]
