"""The arguments of the commands: an organization, its lake, a day; or a usage error."""

from datetime import UTC, date, datetime
from typing import IO, Any

import click

from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.config.environment import data_root, organizations_folder
from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.secret import Secret, SecretMissing
from opensense_okta.config.text import nearest
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.private_files import repair_lakes


class UsageError(click.ClickException):
    """The command cannot run with these arguments, this configuration or this environment."""

    exit_code = ExitCode.USAGE_ERROR

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints the message on standard error."""
        click.echo(self.message, file, err=True)


def organization_of(name: str) -> Organization:
    """Loads the organization of that name.

    Raises:
        UsageError: There is no file of that name, or it has mistakes.
    """
    organizations = load_organizations(organizations_folder())
    organization = organizations.get(name)
    if organization is None:
        near = nearest(name, organizations)
        meant = f" Did you mean {near}?" if near else ""
        raise UsageError(
            f"There is no organization file {organizations_folder() / name}.yaml.{meant}"
        )
    if isinstance(organization, OrganizationFileError):
        raise UsageError(str(organization))
    return organization


def lake_of(organization: Organization) -> Lake:
    """The lake in which the organization's data is stored; it may be missing."""
    repair_lakes(data_root(), [organization.name])
    return Lake(data_root(), organization.name)


def writable_lake_of(organization: Organization) -> Lake:
    """The lake in which the organization's data is stored; its folder is made.

    Raises:
        UsageError: Nothing can be stored there.
    """
    lake = lake_of(organization)
    try:
        lake.create()
        return lake
    except OSError as error:
        raise UsageError(
            f"Nothing can be stored in {data_root()}: {error.strerror}. Name a folder of yours in"
            " OPENSENSE_DATA, or let its owner run this."
        ) from None


def day_of(organization: Organization, given: str | None) -> date:
    """Parses the day; the default is today in the organization's time zone.

    Raises:
        UsageError: It is not a date, is in the future, or before the organization's first day.
    """
    today = organization.today(datetime.now(UTC))
    try:
        day = date.fromisoformat(given) if given else today
    except ValueError:
        raise UsageError(f"--date {given}: write the day as 2026-11-23.") from None
    if day > today:
        raise UsageError(
            f"--date {day}: that day is in the future; in {organization.timezone} it is {today}."
        )
    if day < organization.first_day:
        raise UsageError(
            f"{day} is before {organization.name}'s first day, which is {organization.first_day}"
            " (`first_day` in its file)."
        )
    return day


def named(by: str) -> str:
    """The name of the person who decides, which is recorded.

    Raises:
        UsageError: It is empty or too long.
    """
    name = by.strip()
    if not name:
        raise UsageError("--by is empty: name the person who decides.")
    if len(name) > 200:
        raise UsageError("--by is longer than 200 characters: name the person who decides.")
    return name


def refuse_missing_secrets(organization: Organization) -> None:
    """Checks that each secret is where the organization file says.

    Raises:
        UsageError: A secret is missing.
    """
    for name, settings in organization.directories.items():
        for _, value in settings:
            try:
                if isinstance(value, Secret):
                    value.reveal()
            except SecretMissing as missing:
                raise UsageError(f"{organization.name}/{name}: {missing}") from None
