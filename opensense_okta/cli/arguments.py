"""What people give to the commands, understood; or what is wrong with it."""

from datetime import UTC, date, datetime

from opensense_okta.config.environment import data_root, organizations_folder
from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.secret import Secret, SecretMissing
from opensense_okta.config.text import nearest
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.storage.lake import Lake


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text says why."""


def organization_of(name: str) -> Organization:
    """The organization of that name.

    Raises:
        WrongUse: it has no file, or one with mistakes.
    """
    organizations = load_organizations(organizations_folder())
    found = organizations.get(name)
    if found is None:
        near = nearest(name, organizations)
        meant = f" Did you mean {near}?" if near else ""
        raise UsageError(
            f"There is no organization file {organizations_folder() / name}.yaml.{meant}"
        )
    if isinstance(found, OrganizationFileError):
        raise UsageError(str(found))
    return found


def lake_of(organization: Organization) -> Lake:
    """Where the organization's data lies.

    Raises:
        WrongUse: nothing can be stored there.
    """
    try:
        return Lake(data_root(), organization.name)
    except OSError as error:
        raise UsageError(
            f"Nothing can be stored in {data_root()}: {error.strerror}. Name a folder of yours in"
            " OPENSENSE_DATA, or let its owner run this."
        ) from None


def day_of(organization: Organization, given: str | None) -> date:
    """The day that was asked for, today when none was.

    Raises:
        WrongUse: it is no day, or none of the organization's.
    """
    today = organization.today(datetime.now(UTC))
    try:
        day = date.fromisoformat(given) if given else today
    except ValueError:
        raise UsageError(f"--date {given}: write the day as 2026-11-23.") from None
    if day > today:
        raise UsageError(
            f"--date {day}: that day has not come yet; in {organization.timezone} it is {today}."
        )
    if day < organization.first_day:
        raise UsageError(
            f"{day} lies before {organization.name}'s first day, which is {organization.first_day}"
            " (`first_day` in its file)."
        )
    return day


def refuse_missing_secrets(organization: Organization) -> None:
    """Looks whether each secret is where the organization file says.

    Raises:
        WrongUse: one is not.
    """
    for name, settings in organization.directories.items():
        for _, value in settings:
            try:
                if isinstance(value, Secret):
                    value.reveal()
            except SecretMissing as missing:
                raise UsageError(f"{organization.name}/{name}: {missing}") from None
