"""What an organization file can say of one directory, by its kind."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictBool

from opensense_okta.config.secret import Secret, Section
from opensense_okta.config.sources import Attributes
from opensense_okta.config.values import (
    MY_CUSTOMER,
    AtLeastOne,
    AttributePatterns,
    DateFormat,
    Files,
    Names,
    OrgUnits,
    PerSecond,
    Text,
    no_duplicates,
    not_empty,
    valid_address,
    valid_customer,
    valid_encoding,
    valid_guid,
    valid_loopback_origin,
    valid_okta_endpoint,
    valid_single_character,
    valid_tenant,
)


class Scope(Section):
    """What is read: users in a matching group, those groups, and the memberships between them."""

    groups: Names | None = None
    """Names of groups, where `*` matches any characters. Without it, all groups."""

    statuses: (
        Annotated[
            tuple[
                Literal[
                    "STAGED",
                    "PROVISIONED",
                    "ACTIVE",
                    "RECOVERY",
                    "PASSWORD_EXPIRED",
                    "LOCKED_OUT",
                    "SUSPENDED",
                    "DEPROVISIONED",
                ],
                ...,
            ],
            AfterValidator(not_empty),
            AfterValidator(no_duplicates),
        ]
        | None
    ) = None
    """Okta's user statuses. Without it, all of them."""

    apps: Names | None = None
    """Ids of applications: users who are assigned to one of them, beside those of `groups`."""

    include: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. Of each attribute a value must match."""

    exclude: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. One match leaves the user out."""


class EntraScope(Section):
    """What is read: users in a matching group, those groups, and the memberships between them."""

    groups: Names | None = None
    """Names of groups, where `*` matches any characters. Without it, all groups."""

    include: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. Of each attribute a value must match."""

    exclude: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. One match leaves the user out."""


class CsvScope(Section):
    """Which users of the files are stored."""

    include: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. Of each attribute a value must match."""

    exclude: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. One match leaves the user out."""


class GoogleScope(Section):
    """What is read: users in a matching group or organizational unit, those groups, their memberships."""

    groups: Names | None = None
    """Names of groups, where `*` matches any characters. Without it, all groups."""

    org_units: OrgUnits | None = None
    """Paths of organizational units: `/Staff` is that unit and those below, `/Staff/*` those below."""

    include: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. Of each attribute a value must match."""

    exclude: AttributePatterns | None = None
    """Attribute: patterns with `*`, without regard to case. One match leaves the user out."""


class OktaDirectory(Section):
    """An Okta organization. Credentials are `api_token`, or `client_id` with `private_key`."""

    kind: Literal["okta"]
    """The kind of directory."""

    endpoint: Annotated[str, AfterValidator(valid_okta_endpoint)]
    """The origin of its API, such as https://acme.okta.com; plain HTTP on loopback only."""

    api_token: Secret | None = None
    """A token of the API, as the only credential."""

    client_id: Text | None = None
    """The id of the service app, for OAuth 2.0 with a private key."""

    private_key: Secret | None = None
    """The private key of the service app, as PEM or JWK."""

    key_id: Text | None = None
    """The id of `private_key` among the app's keys, if the key does not contain it."""

    rate_limit_share: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1)] = 0.5
    """The share of each rate limit of the API that may be used. The rest is for other clients."""

    requests_per_second: PerSecond = 10
    """The most requests per second where the API does not report its limits."""

    memberships: Literal["incremental", "full"] = "incremental"
    """Whether the members of changed groups are read, or the members of all groups every day."""

    full_read_days: AtLeastOne = 7
    """All memberships are read again after this number of days."""

    scope: Scope = Scope()

    store_groups: Names | None = None
    """Groups that are stored, by names with `*` or ids. Without it, those of `scope.groups`."""

    nested: ClassVar = True  # groups of Okta have no groups

    store_profile: Literal["all", "mapped"] = "all"
    """Whether whole profiles are stored, or only the fields that are mapped."""

    attributes: Attributes = Field(default={})
    """Each attribute's source, or a list of which the first filled one is used: a field of the profile,
    `{constant: TEXT}`, `{join: [FIELD, FIELD], with: TEXT}` or `{lookup: FILE, by: FIELD, take: COLUMN}`.
    Adds to the standard table of Okta or overrides it."""

    date_format: DateFormat | None = None
    """How dates are written, such as `%d.%m.%Y`. Without it, as in ISO 8601: 2026-11-30."""


class EntraDirectory(Section):
    """A Microsoft Entra tenant. Credentials are `client_secret` or `certificate`."""

    kind: Literal["entra"]
    """The kind of directory."""

    tenant_id: Annotated[str, AfterValidator(valid_tenant)]
    """The tenant's GUID or one of its domains."""

    client_id: Annotated[str, AfterValidator(valid_guid)]
    """The id of the registered application."""

    client_secret: Secret | None = None
    """The application's secret."""

    certificate: Secret | None = None
    """The application's certificate with its private key, as PEM."""

    cloud: Literal["global", "us_gov", "us_gov_dod", "china"] = "global"
    """Microsoft's cloud: us_gov is L4 (GCC High), us_gov_dod is L5 (DoD), china is 21Vianet's."""

    authority: Annotated[str, AfterValidator(valid_loopback_origin)] | None = None
    """For development: the origin of the login endpoint, instead of the cloud's."""

    graph: Annotated[str, AfterValidator(valid_loopback_origin)] | None = None
    """For development: the origin of Microsoft Graph, instead of the cloud's."""

    requests_per_second: PerSecond = 10
    """The most requests per second. The API does not report its limits."""

    scope: EntraScope = EntraScope()

    store_groups: Names | None = None
    """Groups that are stored, by names with `*` or ids. Without it, those of `scope.groups`."""

    nested: StrictBool = True
    """Whether members of a group's groups count as its members."""

    attributes: Attributes = Field(default={})
    """Each attribute's source, as for Okta: a field is one of a Graph user. Adds to the standard table of
    Entra or overrides it."""

    date_format: DateFormat | None = None
    """How dates are written, such as `%d.%m.%Y`. Without it, as in ISO 8601: 2026-11-30."""


class GoogleDirectory(Section):
    """A Google Workspace account. The credential is the key of a service account."""

    kind: Literal["google"]
    """The kind of directory."""

    service_account: Secret
    """The key of the service account, as the JSON that the Google Cloud console makes."""

    administrator: Annotated[str, AfterValidator(valid_address)] | None = None
    """The administrator whom the service account acts as. Without it, it has an admin role itself."""

    customer: Annotated[str, AfterValidator(valid_customer)] = MY_CUSTOMER
    """The account of the administrator, or the customer's ID; without `administrator`, the ID."""

    endpoint: Annotated[str, AfterValidator(valid_loopback_origin)] | None = None
    """For development: the origin of the API and of the token endpoint, instead of Google's."""

    requests_per_second: PerSecond = 20
    """The most requests per second. The API does not report its limits."""

    scope: GoogleScope = GoogleScope()

    store_groups: Names | None = None
    """Groups that are stored, by names with `*` or ids. Without it, those of `scope.groups`."""

    nested: StrictBool = True
    """Whether members of a group's groups count as its members."""

    attributes: Attributes = Field(default={})
    """Each attribute's field of a Google user. Adds to the standard table of Google or overrides it."""

    date_format: DateFormat | None = None
    """How dates are written, such as `%d.%m.%Y`. Without it, as in ISO 8601: 2026-11-30."""


class CsvDirectory(Section):
    """Files with a header line, as HR exports them."""

    kind: Literal["csv"]
    """The kind of directory."""

    users: Files
    """The file of users: a path, glob or URL. A relative path starts at the organization file's folder."""

    groups: Files | None = None
    """The file of groups."""

    memberships: Files | None = None
    """The file of memberships."""

    id: Text = "id"
    """The column that identifies a row of `users`."""

    delimiter: Annotated[str, AfterValidator(valid_single_character)] | None = None
    """The character between columns. Without it, the header line decides."""

    encoding: Annotated[str, AfterValidator(valid_encoding)] | None = None
    """The text encoding of the files. Without it, UTF-8 with or without a byte order mark."""

    scope: CsvScope = CsvScope()

    store_groups: Names | None = None
    """Groups that are stored, by names with `*` or ids. Without it, all."""

    nested: StrictBool = True
    """Whether members of a group's groups count as its members."""

    attributes: Attributes = Field(default={})
    """Each attribute's source, as for Okta: a field is a column. A column with the name of an attribute needs
    no mapping."""

    date_format: DateFormat | None = None
    """How dates are written, such as `%d.%m.%Y`. Without it, as in ISO 8601: 2026-11-30."""


Directory = OktaDirectory | EntraDirectory | GoogleDirectory | CsvDirectory
