"""CSV files in an object store, read by obstore."""

from collections.abc import Iterator

import pytest

from opensense_okta.directories.csv.files import find_files, without_secrets
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.storage import bucket
from tests.support.object_stores import BUCKET, forget_connections, objects_at, s3_server

HR = f"s3://{BUCKET}/hr"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        objects = objects_at(f"s3://{BUCKET}")
        for name, text in {
            "hr/east.csv": b"id,a\n1,x\n",
            "hr/west.csv": b"id,a\n2,y\n",
            "hr/.hidden.csv": b"",
            "hr/old/north.csv": b"id,a\n3,z\n",
        }.items():
            objects.put(name, text)
        yield address


def texts(location: str) -> dict[str, bytes]:
    return {file.name: b"".join(file.chunks()) for file in find_files(location, "users")}


def test_a_file_or_all_of_a_pattern_are_read(server: str) -> None:
    assert server
    assert texts(f"{HR}/east.csv") == {f"{HR}/east.csv": b"id,a\n1,x\n"}
    assert texts(f"{HR}/*.csv") == {
        f"{HR}/east.csv": b"id,a\n1,x\n",
        f"{HR}/west.csv": b"id,a\n2,y\n",
    }


def test_a_file_that_is_replaced_has_another_stamp(server: str) -> None:
    assert server
    (file,) = find_files(f"{HR}/west.csv", "users")
    before = file.stamp()
    assert before.size == 9
    assert before.modified is not None
    objects_at(f"s3://{BUCKET}").put("hr/west.csv", b"id,a\n2,y\n4,w\n")
    assert file.stamp() != before
    objects_at(f"s3://{BUCKET}").put("hr/west.csv", b"id,a\n2,y\n")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (f"{HR}/staff.csv", f"There is no file {HR}/staff.csv."),
        (f"{HR}/*.txt", f"{HR}/*.txt"),
        ("s3://nowhere/hr.csv", "s3://nowhere/hr.csv cannot be read"),
        (HR, "is a folder"),
    ],
)
def test_what_is_not_there_is_an_error_in_words(server: str, location: str, words: str) -> None:
    assert server
    with pytest.raises(DirectoryError) as failed:
        find_files(location, "users")
    assert words in str(failed.value)


def test_a_store_that_does_not_answer_is_transient_and_no_request_is_quoted(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(bucket, "RETRIES", {"max_retries": 0})
    forget_connections()
    with pytest.raises(DirectoryError) as failed:
        find_files(f"{HR}/east.csv", "users")
    assert failed.value.transient
    assert "GenericError" in str(failed.value)
    assert "127.0.0.1" not in str(failed.value)
    forget_connections()


def test_the_container_of_azure_is_no_secret() -> None:
    url = "abfss://hr@acme.dfs.core.windows.net/people.csv"
    assert without_secrets(url) == url
    assert without_secrets("sftp://user:secret@host/people.csv") == "sftp://host/people.csv"
