"""Loads the organization files: every mistake of a file is reported at once."""

from collections.abc import Collection
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from opensense_okta.config.consistency import contradictions
from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.config.models import RENAMED, Organization
from opensense_okta.config.secret import Secret
from opensense_okta.config.values import valid_name
from opensense_okta.config.yaml_file import (
    Document,
    Finding,
    Mistake,
    OrganizationFileError,
    findings_of,
    read_document,
)


def load_organizations(
    folder: Path, only: Collection[str] | None = None
) -> dict[str, Organization | OrganizationFileError]:
    """Every organization of a folder by name, sorted; for a file with mistakes, the mistakes.

    Args:
        folder: The folder of organization files.
        only: The names of those that are loaded; None: all.

    Raises:
        EnvironmentMistake: There is no such folder.
    """
    if not folder.is_dir():
        raise EnvironmentMistake(
            f"{folder} is not a folder; it should hold one YAML file for each organization.",
            remedy="make it, or name another folder in OPENSENSE_ORGANIZATIONS.",
        )
    organizations: dict[str, Organization | OrganizationFileError] = {}
    # Hidden files are an editor's, not an operator's.
    files = [path for path in folder.glob("[!.]*") if path.suffix in {".yaml", ".yml"}]
    if only is not None:
        files = [path for path in files if path.stem in only]
    for path in sorted(files, key=lambda path: (path.stem, path.suffix)):
        if path.stem in organizations:
            twice = f"the organization has two files, {path.stem}.yaml and {path.name}; keep one"
            organizations[path.stem] = OrganizationFileError(path, [Mistake(1, "", twice)])
            continue
        try:
            organizations[path.stem] = load_organization(path)
        except OrganizationFileError as error:
            organizations[path.stem] = error
    return organizations


def load_organization(
    path: Path, *, name: str | None = None, folder: Path | None = None
) -> Organization:
    """The organization that a file describes.

    Args:
        path: The file.
        name: The organization's name, when the file is not called after it.
        folder: Where relative paths in the file start, when that is not the file's own folder.

    Raises:
        OrganizationFileError: The file cannot be used; the error holds all its mistakes.
    """
    document = read_document(path)
    organization, findings = _validated(
        document, name=name or path.stem, folder=(folder or path.parent).absolute()
    )
    mistakes = [
        *_name_mistakes(name or path.stem),
        *document.mistakes([*findings, *contradictions(document.data)]),
    ]
    if mistakes or organization is None:
        raise OrganizationFileError(path, mistakes)
    return organization


def notify_targets(path: Path) -> tuple[Secret, ...]:
    """Who is notified by `notify` of a file with mistakes; none if that part cannot be read."""
    try:
        valid_name(path.stem)
        written = read_document(path).data.get("notify", ())
        context = {"folder": path.absolute().parent}
        return TypeAdapter(tuple[Secret, ...]).validate_python(written, context=context)
    except (OrganizationFileError, ValueError):
        return ()


def _validated(
    document: Document, *, name: str, folder: Path
) -> tuple[Organization | None, list[Finding]]:
    """The organization, or what its models find wrong."""
    try:
        data = document.data | {"name": name}
        organization = Organization.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        findings = findings_of(Organization, error, not_in_file={"name"}, renamed=RENAMED)
        return None, [finding for finding in findings if finding.location != ("name",)]
    return organization, []


def _name_mistakes(name: str) -> list[Mistake]:
    """The mistake of a name that cannot be an organization's: the file has that name."""
    try:
        valid_name(name)
    except ValueError as error:
        return [Mistake(1, "", f"the name of the file is the organization's, and {name} {error}")]
    return []
