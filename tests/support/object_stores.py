"""Object stores for tests: one in the memory of the process, and a server that speaks S3's protocol."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer
from obstore.store import MemoryStore, ObjectStore

from opensense_okta.storage import bucket, opening
from opensense_okta.storage.bucket import Bucket

BUCKET = "acme-lake"


def in_memory(scratch: Path) -> Bucket:
    """An empty store in memory."""
    return Bucket("s3://acme-lake/acme", MemoryStore(), "acme/", scratch)


@contextmanager
def s3_server() -> Iterator[str]:
    """A server on this machine, to which the environment leads; yields its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ACCESS_KEY_ID", "test-key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")  # moto checks none
        server.start()
        host, port = server.get_host_and_port()
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ALLOW_HTTP", "true")
        environment.setenv("AWS_REGION", "us-east-1")
        forget_connections()
        try:
            make_bucket(f"http://{host}:{port}", BUCKET)
            yield f"http://{host}:{port}"
        finally:
            server.stop()
            forget_connections()


def make_bucket(server: str, name: str) -> None:
    with urlopen(Request(f"{server}/{name}", method="PUT")):  # noqa: S310 - of this test
        pass


def forget_connections() -> None:
    """As in another process: nothing is known of any store."""
    for kept in (bucket.connect, opening._bucket, opening._require_lake):  # noqa: SLF001 - of this process
        kept.cache_clear()


def objects_at(url: str) -> ObjectStore:
    return bucket.connect(url)


def copied(store: Bucket, scratch: Path) -> Bucket:
    """A store in memory with the same objects, on another machine."""
    objects = MemoryStore()
    for page in store.objects.list():
        for meta in page:
            found = store.objects.get(meta["path"])
            objects.put(meta["path"], bytes(found.bytes()), attributes=dict(found.attributes))
    return Bucket(store.address, objects, store.folder, scratch)
