"""A run that lost its lock, and does not know it, delivers no export over a newer one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports import files
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage import state_files
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Changed
from tests.support.memory import lakes_in_memory, on_both
from tests.support.stored import DAY, OKTA, company, group, store, user

ONE, TWO = ("ada",), ("ada", "bob")
Files = dict[str, bytes]


def acme(path: str) -> Organization:
    columns = {"path": path, "columns": ["given_name"]}
    return company({"okta": OKTA}, publish={"csv": columns})


def publish_people(acme: Organization, lake: Lake, *people: str) -> None:
    """Publishes a day with these people."""
    users = [user(name, {"firstName": name}) for name in people]
    store(lake, users, [group("g1", "Everyone")], [("g1", "ada")])
    resolve(acme, DAY, lake)
    publish(acme, lake, DAY)


def elsewhere(lake: Lake, scratch: Path) -> Lake:
    """The same lake as another process sees it; if it is in an object store, on another machine."""
    other = Lake(lake.root, lake.organization)
    if isinstance(other.store, Bucket):
        other.store = replace(other.store, scratch=scratch, _copies={})
    return other


def exported(lake: Lake) -> Files:
    """The exported files in the lake, and the state of exports."""
    names = [entry.name for entry in lake.store.entries("out")]
    documents = {name: lake.store.read(name) for name in [*names, "exported.json"]}
    return {name: document.data for name, document in documents.items() if document}


def stop_before_delivery(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """The next export is stopped once its files are made, until something else has happened."""

    def stopped(*arguments: object, **options: object) -> object:
        monkeypatch.undo()
        made = files.write_files(*arguments, **options)  # type: ignore[arg-type]  # passed on as they are
        meanwhile()
        return made

    monkeypatch.setattr("opensense_okta.publishing.exports.export.write_files", stopped)


@on_both
@pytest.mark.parametrize("publishes", [True, False], ids=["published and exported", "exported"])
def test_an_export_that_was_overtaken_before_its_delivery_delivers_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, publishes: bool
) -> None:
    settings = acme("out/people.csv")
    publish_people(settings, lake, *ONE)
    other, left = elsewhere(lake, tmp_path / "other"), list[Files]()

    def overtake() -> None:
        if publishes:
            publish_people(settings, other, *TWO)
        export_published(settings, other, DAY)
        left.append(exported(other))

    stop_before_delivery(monkeypatch, overtake)
    with pytest.raises(Changed) as raised:
        export_published(settings, lake, DAY)
    assert raised.value.transient
    assert [exported(other)] == left
    # The retry begins from what is stored now.
    export_published(settings, lake, DAY)
    assert exported(lake)["out/people.csv"] == left[0]["out/people.csv"]


def test_also_where_the_files_are_outside_of_the_lake(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = acme(f"{tmp_path}/signatures/people.csv")
    publish_people(settings, lake, *ONE)

    def overtake() -> None:
        publish_people(settings, lake, *TWO)
        export_published(settings, lake, DAY)

    stop_before_delivery(monkeypatch, overtake)
    with pytest.raises(Changed):
        export_published(settings, lake, DAY)
    assert "bob" in (tmp_path / "signatures" / "people.csv").read_text()


@pytest.mark.parametrize("delivered", [0, 2])
def test_an_export_that_was_overtaken_in_the_middle_of_its_delivery_leaves_the_newer_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivered: int
) -> None:
    settings, keep, calls = acme("out/people.csv"), Bucket.keep, list[str]()
    with lakes_in_memory():
        lake = Lake(tmp_path / "lake", "acme")
        publish_people(settings, lake, *ONE)
        other, left = elsewhere(lake, tmp_path / "other"), list[Files]()

        def stopped(bucket: Bucket, file: Path, name: str, over: object) -> object:
            if name.startswith("out/") and bucket is lake.store:
                calls.append(name)
                if len(calls) == delivered + 1:
                    publish_people(settings, other, *TWO)
                    export_published(settings, other, DAY)
                    left.append(exported(other))
            return keep(bucket, file, name, over)  # type: ignore[arg-type]  # a version

        monkeypatch.setattr(Bucket, "keep", stopped)
        with pytest.raises(Changed):
            export_published(settings, lake, DAY)
        assert len(calls) == delivered + 1
        assert [exported(other)] == left
        assert b"bob" in left[0]["out/people.csv"]


def test_an_export_that_is_stopped_after_its_record_deletes_nothing_of_the_next_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, write_state = acme("out/people.csv"), state_files.write_state
    publish_people(settings, lake, *ONE)
    other = Lake(lake.root, lake.organization)

    def stopped(*arguments: object) -> object:
        monkeypatch.undo()
        written = write_state(*arguments)  # type: ignore[arg-type]  # passed on as they are
        publish_people(settings, other, *TWO)
        export_published(settings, other, DAY)
        return written

    monkeypatch.setattr("opensense_okta.publishing.exports.state.write_state", stopped)
    export_published(settings, lake, DAY)
    last = last_export(other)
    assert last is not None
    assert last.delivered.people(other).exists()
