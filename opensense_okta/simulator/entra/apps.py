"""The applications of a tenant: their credentials and permissions."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

READS = frozenset({"User.Read.All", "GroupMember.Read.All"})
"""The least permissions for reading users, groups and members (docs/entra-api.md, "Permissions")."""

_EVERYTHING = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
_SUFFICIENT = {
    "users": frozenset({"User.Read.All", "User.ReadWrite.All"}),
    "groups": frozenset({"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"}),
    "devices": frozenset({"Device.Read.All"}),
    "contacts": frozenset({"OrgContact.Read.All"}),
    "organization": frozenset({"Organization.Read.All", "User.Read.All"}),
}
"""With any of these an application may read objects of the kind."""


@dataclass(frozen=True)
class Certificate:
    """A certificate uploaded to an application.

    Attributes:
        pem: The certificate, without its private key.
    """

    pem: str

    @cached_property
    def thumbprints(self) -> frozenset[tuple[str, str]]:
        """How the header of an assertion may name it: `x5t` and `x5t#S256`."""
        loaded = x509.load_pem_x509_certificate(self.pem.encode())
        der = loaded.public_bytes(Encoding.DER)
        names = {"x5t": loaded.fingerprint(SHA1()), "x5t#S256": hashlib.sha256(der).digest()}  # noqa: S303 - Entra's older header
        return frozenset((name, _base64url(digest)) for name, digest in names.items())

    @cached_property
    def public_key(self) -> str:
        """Its public key in PEM."""
        key = x509.load_pem_x509_certificate(self.pem.encode()).public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class App:
    """An application of the tenant.

    Attributes:
        id: Its client id.
        secrets: Its valid client secrets.
        expired_secrets: Its expired client secrets.
        certificates: Its certificates, in PEM.
        permissions: The application permissions with an administrator's consent.
        known_to_graph: Whether it has a service principal; without consent it may have none, and
            Graph cannot identify the caller.
    """

    id: str
    secrets: tuple[str, ...] = ()
    expired_secrets: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    permissions: frozenset[str] = READS
    known_to_graph: bool = True

    def __post_init__(self) -> None:
        """Load the certificates, so that a wrong one is an error at once."""
        for certificate in self.loaded_certificates:
            certificate.thumbprints  # noqa: B018 - computed once, when it is read

    @cached_property
    def loaded_certificates(self) -> list[Certificate]:
        """Its certificates, loaded."""
        return [Certificate(pem) for pem in self.certificates]

    def may_read(self, kind: str) -> bool:
        """Whether it may read users, groups, devices, contacts or the organization."""
        return bool(self.permissions & (_SUFFICIENT[kind] | _EVERYTHING))


def _base64url(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
