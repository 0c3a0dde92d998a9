"""Where a secret is stored; a secret itself is never in the organization file."""

import os
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from opensense_okta.config.errors import UserError

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretMissing(UserError):
    """A secret is not where the organization file says. The message names the place, never a value."""


class Section(BaseModel):
    """The base of all sections of the file: immutable, and an unknown key is an error."""

    # Pydantic would quote a wrong value, which may be a secret in plain text.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Secret(Section):
    """The place of a secret: an environment variable or a file. It is read when it is needed.

    A relative path starts at the folder of the organization file.
    """

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_a_place(cls, written: object, info: ValidationInfo) -> object:
        match written:
            case {"env": str(name), **rest} if not rest and _ENVIRONMENT_NAME.fullmatch(name):
                return {"env": name}
            case {"file": str() | Path() as path, **rest} if not rest and _is_path(str(path)):
                return {"file": Path((info.context or {}).get("folder", ""), path)}
            case Secret():
                return written
        raise ValueError(
            "must say where the secret is stored: write {env: NAME} or {file: PATH}; "
            "a secret is never in this file"
        )

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"

    @property
    def exposed(self) -> bool:
        """Whether it is a file that other users of the machine can read or write."""
        try:
            return self.file is not None and bool(self.file.stat().st_mode & 0o077)
        except OSError:
            return False  # `reveal` names the fault

    def reveal(self) -> str:
        """Reads the secret now, and returns it without a byte order mark and line breaks at its end.

        Raises:
            SecretMissing: the place has no value, or only white space.
        """
        if self.file is None:
            value, fault = os.environ.get(self.env or ""), "is not set"
            remedy = "set it where the commands and Dagster's processes start."
        else:
            value, fault = _content(self.file)
            remedy = "put the secret there, readable for the user that runs this."
        value = value and value.removeprefix("\ufeff")
        if value is None or not value.strip():
            fault = fault if value is None else "is empty"
            raise SecretMissing(f"The secret's {self} {fault}.", remedy=remedy)
        return value.rstrip("\r\n")


def _is_path(text: str) -> bool:
    """Whether it can be a path: not blank, and not the secret itself, such as a key of several lines."""
    return bool(text.strip()) and text.isprintable()


def _content(path: Path) -> tuple[str | None, str]:
    """The file's text, or None and the fault. An exception would contain the bytes of the file."""
    try:
        return path.read_text(encoding="utf-8"), ""
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    except ValueError:
        return None, "is not UTF-8 text (a key or certificate must be PEM, not PFX or DER)"
