"""The addresses of the requests, with the fields that are needed (docs/google-api.md, "Endpoints")."""

from urllib.parse import quote

from opensense_okta.config.attributes import source_fields
from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.directories.google.service_account import TOKEN_URL

API = "https://admin.googleapis.com"
ROOT = "/admin/directory/v1"
HEADERS = {"User-Agent": "opensense_okta (gzip)"}
"""Google compresses only for a client that says so here, too (docs/google-api.md, "Paging")."""

USERS_PER_PAGE, GROUPS_PER_PAGE = 500, 200  # the most (docs/google-api.md, "Paging")

USER_FIELDS = (
    "id",
    "primaryEmail",
    "name",
    "aliases",
    "nonEditableAliases",
    "suspended",
    "archived",
    "isAdmin",
    "isGuestUser",
    "isMailboxSetup",
    "customerId",
    "orgUnitPath",
    "creationTime",
    "lastLoginTime",
)
"""Fields of users that are always requested.

Each is requested as a whole: the API describes arrays as values of any form, so that a selection of their
parts may be refused.
"""

GROUPS_FIELDS = "nextPageToken,groups(id,email,name,description,aliases,directMembersCount)"
MEMBERS_FIELDS = "nextPageToken,members(id,type)"


def api_root(directory: GoogleDirectory) -> str:
    """The origin of the API."""
    return directory.endpoint or API


def token_url(directory: GoogleDirectory) -> str:
    """The address of the token endpoint."""
    return f"{directory.endpoint}/token" if directory.endpoint else TOKEN_URL


def users_url(directory: GoogleDirectory) -> str:
    """The address of the first page of users, with the fields that the mapping needs."""
    roots = (field.partition(".")[0] for field in source_fields(directory))
    names = ",".join(quote(name) for name in dict.fromkeys([*USER_FIELDS, *roots]))
    return (
        f"{ROOT}/users?customer={quote(directory.customer)}&projection=full&orderBy=email"
        f"&maxResults={USERS_PER_PAGE}&prettyPrint=false&fields=nextPageToken,users({names})"
    )


def groups_url(directory: GoogleDirectory) -> str:
    """The address of the first page of groups."""
    return (
        f"{ROOT}/groups?customer={quote(directory.customer)}&orderBy=email"
        f"&maxResults={GROUPS_PER_PAGE}&prettyPrint=false&fields={GROUPS_FIELDS}"
    )


def members_url(group: str) -> str:
    """The address of the first page of a group's direct members, with their types."""
    return (
        f"{ROOT}/groups/{quote(group, safe='')}/members"
        f"?maxResults={GROUPS_PER_PAGE}&prettyPrint=false&fields={MEMBERS_FIELDS}"
    )


def count_url(group: str) -> str:
    """The address of a group, with the number of its users alone."""
    return f"{ROOT}/groups/{quote(group, safe='')}?prettyPrint=false&fields=directMembersCount"


def super_administrators_url(directory: GoogleDirectory) -> str:
    """The address of one super administrator."""
    return (
        f"{ROOT}/users?customer={quote(directory.customer)}&query=isAdmin%3Dtrue"
        "&maxResults=1&prettyPrint=false&fields=users(id)"
    )
