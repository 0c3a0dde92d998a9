"""What the tests of directories share."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opensense_okta.storage import engine


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed but itself, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    hosts = [x509.DNSName("acme.invalid"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    pem, unprotected = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unprotected)
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of this machine are not those of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the joins that store `raw_users` hold in memory: the plans of their tables."""
    found: list[str] = []
    store = engine.store

    def tables_of_joins(node: dict[str, Any]) -> Iterator[str]:
        for child in node["children"]:
            yield from tables_of_joins(child)
        if node["name"] == "HASH_JOIN":
            yield json.dumps(node["children"][1])

    def watched(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> int:
        if table == "raw_users":
            ((_, plan),) = connection.execute("explain (format json) from raw_users").fetchall()
            found.extend(tables_of_joins(json.loads(plan)[0]))
        return store(connection, table, path)

    monkeypatch.setattr(engine, "store", watched)
    return found
