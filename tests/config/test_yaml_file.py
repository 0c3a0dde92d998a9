"""How an organization file is read: lines, syntax, and never anything but mistakes in words."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization, Resolution
from opensense_okta.config.yaml_file import OrganizationFileError, read_document

anything_goes = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def mistakes(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(OrganizationFileError) as raised:
        load_organization(path)
    return str(raised.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "acme.yaml"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "is empty"),
        ("# nothing yet\n", 1, "is empty"),
        ("- a\n- b\n", 1, "is not a mapping"),
        ("just text", 1, "is not a mapping"),
        ("timezone: [UTC\n", 2, "not valid YAML"),
        ("timezone: UTC\ndirectories:\n\tokta: 1\n", 3, "use spaces"),
        ("timezone: UTC\npublish: {csv: {path: a/{date}.csv}}\n", 2, "needs quotes"),
        ("timezone: UTC\nschedule: *s3cret\n", 2, "text that begins so needs quotes"),
        ("timezone: UTC\nschedule: @daily\n", 2, "'@'"),
        ("timezone: UTC\n---\ntimezone: UTC\n", 2, "another document"),
        (b"timezone: UTC\nschedule: \xff\n", 2, "is not UTF-8"),
        (b"timezone: UTC\nschedule: \x07\n", 2, "a character that YAML does not allow"),
        ("[" * 1000, 1, "nested too deeply"),
        ("timezone: &a {b: *a}\n", 1, "contains itself"),
        ("timezone: UTC\ntimezone: UTC\n", 2, "timezone is written twice; it is already on line 1"),
        ("timezone: UTC\nschedule:\n", 2, "schedule has no value"),
        ("timezone: UTC\nschedule: !now 1\n", 2, "schedule has a tag"),
        ("timezone: UTC\n? [a, b]\n: 1\n", 1, "has a key that is not text"),
        ("timezone: UTC\n<<: 5\n", 1, "merges (<<) something that is not a mapping"),
        ("timezone: UTC\n1: 2\n", 2, "1 is not a known key"),
    ],
)
def test_what_is_no_organization_file_is_a_mistake_with_its_line(
    path: Path, content: str | bytes, line: int, words: str
) -> None:
    found = mistakes(path, content)
    assert any(
        each.startswith(f"acme.yaml:{line}: ") and words in each for each in found.splitlines()
    ), found
    assert "s3cret" not in found


def test_aliases_that_unfold_to_billions_are_refused_at_once(path: Path) -> None:
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "too many aliases" in mistakes(path, "\n".join(laughs))
    merges = ["a0: &a0 {x: 1}"]
    merges += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    assert "too many aliases" in mistakes(path, "\n".join(merges))


def test_a_file_that_cannot_be_opened_is_a_mistake_too(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(OrganizationFileError, match=f"{path.name}:1: the file cannot be read"):
            load_organization(path)


def test_merged_and_aliased_values_count_where_they_are_used_and_tell_where_they_are_written(
    path: Path,
) -> None:
    path.write_text(
        "base: &base\n"
        "  kind: okta\n"
        "  memberships: full\n"
        "other:\n"
        "  <<: *base\n"
        "  memberships: incremental\n"
        "list: [1_000, 0x1f, 1.5, .inf, true, yes, 2026-11-01, '5', ~]\n"
    )
    document = read_document(path)
    assert document.data["other"] == {"memberships": "incremental", "kind": "okta"}
    assert document.lines["other", "kind"] == 2
    assert document.lines["other", "memberships"] == 6
    assert document.data["list"] == [
        1000, 31, 1.5, float("inf"), True, "yes", "2026-11-01", "5", None,
    ]  # fmt: skip


def test_a_byte_order_mark_is_no_mistake(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbftimezone: UTC\n")
    assert read_document(path).data == {"timezone": "UTC"}


def mistakes_of(path: Path) -> OrganizationFileError | None:
    try:
        load_organization(path)
    except OrganizationFileError as error:
        return error
    return None


def loads_or_tells(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    error = mistakes_of(path)
    if error is not None:
        last = len(content.decode(errors="replace").splitlines()) + 1
        assert error.mistakes
        assert all(1 <= each.line <= last for each in error.mistakes)
        for jargon in ("Input should", "pydantic", "Traceback"):
            assert jargon not in str(error)


YAML_LETTERS = "abntrue:-[]{}&*!|>'\"%@`#,?<~.0159_ \n\t\r\x85\u2028\ufeffé"


@given(st.binary(max_size=80) | st.text(YAML_LETTERS, max_size=80).map(str.encode))
@anything_goes
def test_no_content_whatever_raises_anything_but_mistakes(path: Path, content: bytes) -> None:
    loads_or_tells(path, content)


NAMES = [*Organization.model_fields, *OktaDirectory.model_fields, *Resolution.model_fields]
NAMES += ["okta", "env", "file", "groups", "statuses", "active", "precedence", "removed", "csv"]
WORDS = [*NAMES, "UTC", "0 2 * * *", "0 2 * * 1#2/0", "2026-11-01", "https://a.b", "okta/1", "a\0"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(NAMES), structures, max_size=12))
@anything_goes
def test_no_structure_whatever_raises_anything_but_mistakes(
    path: Path, structure: dict[str, object]
) -> None:
    loads_or_tells(path, json.dumps(structure).encode())


@given(st.data())
@anything_goes
def test_no_single_wrong_value_raises_anything_but_mistakes(
    path: Path, data: st.DataObject
) -> None:
    okta: dict[str, object] = {
        "kind": "okta",
        "endpoint": "https://acme.okta.com",
        "api_token": {"env": "ACME"},
    }
    organization: dict[str, object] = {
        "timezone": "UTC",
        "first_day": "2026-11-01",
        "directories": {"okta": okta},
    }
    model = data.draw(st.sampled_from([organization, okta]))
    keys = (
        [*Organization.model_fields] if model is organization else [*model, "scope", "attributes"]
    )
    model[data.draw(st.sampled_from(keys))] = data.draw(structures)
    loads_or_tells(path, json.dumps(organization).encode())
