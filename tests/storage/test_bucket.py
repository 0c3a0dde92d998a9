"""What an object store can do beyond a folder: it is unreachable, refuses, or a process dies in an upload."""

import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import MemoryStore

from opensense_okta.storage import bucket
from opensense_okta.storage.bucket import Bucket, trouble
from opensense_okta.storage.store import (
    ABSENT,
    Changed,
    Document,
    StoreDenied,
    StoreTrouble,
    Version,
)
from tests.support.object_stores import (
    BUCKET,
    forget_connections,
    in_memory,
    objects_at,
    s3_server,
)

DATABASE = "directory.duckdb"
SIZE = 4_000_000
UPLOAD = f"""
import os, sys
from pathlib import Path
from opensense_okta.storage.bucket import Bucket, connect
from opensense_okta.storage.store import Version
file = Path(sys.argv[1], "unfinished")
file.write_bytes(os.urandom({SIZE}))
Bucket("s3://{BUCKET}/acme", connect("s3://{BUCKET}"), "acme/", Path(sys.argv[1])).keep(
    file, "{DATABASE}", Version(sys.argv[2])
)
"""


@pytest.fixture
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@contextmanager
def stalling(address: str, after: int) -> Iterator[tuple[str, threading.Event]]:
    """A way to a server that passes so many bytes to it and then no more; and whether it has."""
    host, port = address.removeprefix("http://").split(":")
    passed, over = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def relay() -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            with client, socket.create_connection((host, int(port))) as target:
                left = after
                while left > 0 and (data := client.recv(min(left, 65536))):
                    target.sendall(data)
                    left -= len(data)
                passed.set()
                over.wait(30)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", passed
    finally:
        over.set()
        listener.close()
        thread.join()


def test_of_an_upload_that_is_killed_half_way_nothing_is_seen(server: str, tmp_path: Path) -> None:
    store = Bucket(f"s3://{BUCKET}/acme", objects_at(f"s3://{BUCKET}"), "acme/", tmp_path)
    seen = store.write(DATABASE, b"yesterday", ABSENT)
    with stalling(server, SIZE // 2) as (address, passed):
        upload = subprocess.Popen(
            [sys.executable, "-c", UPLOAD, str(tmp_path), seen],
            env={**os.environ, "AWS_ENDPOINT_URL": address},
        )
        try:
            assert passed.wait(30)
        finally:
            upload.send_signal(signal.SIGKILL)
            upload.wait()
    document = store.read(DATABASE)
    assert document is not None
    assert (document.data, document.version) == (b"yesterday", seen)
    assert [entry.name for entry in store.entries("")] == [DATABASE]


def test_a_missing_bucket_is_not_created_by_a_write(server: str, tmp_path: Path) -> None:
    assert server
    store = Bucket("s3://nowhere/acme", objects_at("s3://nowhere"), "acme/", tmp_path)
    with pytest.raises(StoreTrouble) as raised:
        store.write(DATABASE, b"", ABSENT)
    assert str(raised.value) == (
        "Nothing can be stored at s3://nowhere/acme: the bucket does not exist. Nothing was written. What to"
        " do: correct OPENSENSE_DATA, or create the bucket."
    )


def test_an_unreachable_store_is_transient_and_no_request_is_quoted(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(bucket, "RETRIES", {"max_retries": 0})
    forget_connections()
    store = Bucket(f"s3://{BUCKET}/acme", objects_at(f"s3://{BUCKET}"), "acme/", tmp_path)
    (tmp_path / "unfinished").write_bytes(b"people")
    requests: dict[str, Callable[[], object]] = {
        "read": lambda: store.read(DATABASE),
        "version": lambda: store.version(DATABASE),
        "write": lambda: store.write(DATABASE, b"", ABSENT),
        "keep": lambda: store.keep(tmp_path / "unfinished", DATABASE, Version('"1"')),
        "fetch": lambda: store.fetch(DATABASE),
        "mark": lambda: store.mark(DATABASE),
        "children": lambda: store.children(""),
        "entries": lambda: list(store.entries("")),
        "remove": lambda: store.remove([DATABASE]),
    }
    for request in requests.values():
        with pytest.raises(StoreTrouble) as raised:
            request()
        assert raised.value.transient
        assert "(GenericError)" in raised.value.message
        assert "The published directory is whole" in raised.value.impact
        written = "".join(traceback.format_exception(raised.value))
        for quoted in (str(port), "HTTP", "PUT", "error sending", "Debug source", "test-key"):
            assert quoted not in written
    assert (tmp_path / "unfinished").read_bytes() == b"people"


@pytest.mark.parametrize("error", [PermissionDeniedError, UnauthenticatedError, GenericError])
def test_an_error_names_its_class_and_what_to_check(error: type[Exception]) -> None:
    shown = trouble(f"s3://{BUCKET}/acme/{DATABASE}", error("GET ?X-Amz-Signature=abc"))
    assert shown.message.endswith(f"s3://{BUCKET}/acme/{DATABASE} ({error.__name__}).")
    assert "X-Amz" not in str(shown)
    assert shown.transient
    assert ("credentials" in shown.remedy) == (error is not GenericError)


def test_a_refused_listing_is_reported_as_refused() -> None:
    said = trouble(
        "s3://acme-lake/acme", GenericError("Server returned 403 Forbidden: <Error>key</Error>")
    )
    assert isinstance(said, StoreDenied)
    assert "credentials" in str(said)
    assert "key" not in str(said)


@pytest.mark.parametrize("over", ["nothing", "a version"])
def test_a_write_of_which_the_answer_was_lost_is_not_of_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, over: str
) -> None:
    store, put = in_memory(tmp_path), obstore.put
    before = ABSENT if over == "nothing" else store.write("published.json", b"1", ABSENT)
    monkeypatch.setattr(obstore, "put", lambda *of, **how: put(*of, **how) and put(*of, **how))
    version = store.write("published.json", b"2", before)
    assert store.read("published.json") == Document(b"2", version)
    with pytest.raises(Changed):
        store.write("published.json", b"3", before)


def test_a_mark_is_of_the_process_that_made_the_file(tmp_path: Path) -> None:
    stores = [in_memory(tmp_path / name / "acme") for name in ("scratch-one", "scratch-two")]
    file = tmp_path / "unfinished"
    file.write_bytes(b"people")
    first, second = (store.mark_of(file) for store in stores)
    assert first.startswith("one-")
    assert second.startswith("two-")
    assert first.partition("-")[2] == second.partition("-")[2]


def test_the_versions_of_google_cloud_storage_are_generations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[object] = []

    def put(*_arguments: object, mode: object, **_options: object) -> dict[str, str]:
        modes.append(mode)
        return {"e_tag": '"abc"', "version": "1700000000000001"}

    monkeypatch.setattr(obstore, "put", put)
    store = Bucket("gs://lake/acme", MemoryStore(), "acme/", tmp_path)
    store.write(DATABASE, b"", store.write(DATABASE, b"", ABSENT))
    assert modes == ["create", {"e_tag": '"abc"', "version": "1700000000000001"}]
