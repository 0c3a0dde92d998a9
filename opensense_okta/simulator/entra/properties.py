"""The properties of Graph's users, groups, devices and contacts, and the value of unset ones."""

from typing import Any

Empty = dict[str, Any]
"""Properties in their order, each with its value if it is unset."""

USER_DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
"""The properties of a user without `$select` (docs/entra-api.md, "Users"), in the recorded order."""

MEMBER_DEFAULT = ("id", *USER_DEFAULT[:-1])
"""The same in a listing of members, where the id comes first."""

EXTENSION = "extension_9f1d2c3b4a5e46f78899aabbccddeeff_deskNumber"
"""A directory extension of the tenant; only in replies if it is selected."""

_USER_LISTS = ("businessPhones", "otherMails", "proxyAddresses", "imAddresses")
_USER_TEXTS = """id accountEnabled ageGroup city companyName country createdDateTime creationType
    deletedDateTime department displayName employeeHireDate employeeId employeeOrgData employeeType
    externalUserState faxNumber givenName jobTitle lastPasswordChangeDateTime mail mailNickname
    mobilePhone officeLocation onPremisesDistinguishedName onPremisesDomainName
    onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime
    onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
    onPremisesUserPrincipalName postalCode preferredDataLocation preferredLanguage
    securityIdentifier showInAddressList state streetAddress surname usageLocation
    userPrincipalName userType""".split()  # noqa: SIM905 - fits a screen
USER: Empty = {
    **dict.fromkeys([*_USER_TEXTS, EXTENSION]),
    **{name: [] for name in _USER_LISTS},
    "onPremisesExtensionAttributes": {f"extensionAttribute{n}": None for n in range(1, 16)},
}

NOT_IN_COLLECTIONS = frozenset(
    ("aboutMe", "birthday", "hireDate", "interests", "mySite", "pastProjects", "schools", "skills")
)
"""Properties of users that are a 501 in a listing (users_501_not_in_collection)."""

GROUP: Empty = {
    "id": None,
    "deletedDateTime": None,
    "classification": None,
    "createdDateTime": None,
    "creationOptions": [],
    "description": None,
    "displayName": None,
    "expirationDateTime": None,
    "groupTypes": [],
    "isAssignableToRole": None,
    "mail": None,
    "mailEnabled": False,
    "mailNickname": None,
    "membershipRule": None,
    "membershipRuleProcessingState": None,
    "onPremisesDomainName": None,
    "onPremisesLastSyncDateTime": None,
    "onPremisesNetBiosName": None,
    "onPremisesSamAccountName": None,
    "onPremisesSecurityIdentifier": None,
    "onPremisesSyncEnabled": None,
    "preferredDataLocation": None,
    "preferredLanguage": None,
    "proxyAddresses": [],
    "renewedDateTime": None,
    "resourceBehaviorOptions": [],
    "resourceProvisioningOptions": [],
    "securityEnabled": True,
    "securityIdentifier": None,
    "theme": None,
    "uniqueName": None,
    "visibility": None,
    "onPremisesProvisioningErrors": [],
    "serviceProvisioningErrors": [],
}
"""The properties of a group, as recorded in 2024 (groups_list_2024), in that order."""

DEVICE: Empty = {
    "id": None,
    "deletedDateTime": None,
    "accountEnabled": True,
    "approximateLastSignInDateTime": None,
    "deviceId": None,
    "displayName": None,
    "operatingSystem": None,
    "operatingSystemVersion": None,
}

CONTACT: Empty = {
    "id": None,
    "deletedDateTime": None,
    "companyName": None,
    "displayName": None,
    "givenName": None,
    "mail": None,
    "surname": None,
    "proxyAddresses": [],
}

OF_TYPE: dict[str, Empty] = {
    "user": USER,
    "group": GROUP,
    "device": DEVICE,
    "orgContact": CONTACT,
}
"""All properties, by type of member."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    "user": MEMBER_DEFAULT,
    "group": tuple(GROUP),
    "device": tuple(DEVICE),
    "orgContact": tuple(CONTACT),
}
"""The properties of a member without `$select`, by type."""
