"""The command `ui-password`: adds a user of the UI, or replaces a password."""

import sys
import unicodedata

import click

from opensense_okta.cli.arguments import UsageError
from opensense_okta.config.environment import ui_password_file
from opensense_okta.web.passwords import LONGEST, NAME, SHORTEST, set_password


def set_ui_password(name: str) -> None:
    """Asks for a password, and writes its hash into the file.

    Raises:
        UsageError: there is no such file or name, or the password cannot be used.
        PasswordFileMistake: the file has a mistake, or cannot be written.
    """
    path = ui_password_file()
    if path is None:
        raise UsageError(
            "OPENSENSE_UI_PASSWORD_FILE is not set. Set it to the path of the file for the users of the UI,"
            " here and where `opensense-okta ui` starts."
        )
    name = unicodedata.normalize("NFC", name)
    if not NAME.fullmatch(name):
        raise UsageError("A name has 1 to 64 letters, digits and characters of .@+-_")
    new = set_password(path, name, _asked(name))
    click.echo(f"{name} is added to {path}." if new else f"{name} has a new password in {path}.")


def _asked(name: str) -> str:
    """The password: asked twice on a terminal, else the first line of standard input.

    Raises:
        UsageError: it cannot be used.
    """
    if sys.stdin.isatty():
        password: str = click.prompt(
            f"Password for {name}", hide_input=True, confirmation_prompt="The same again"
        )
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"A password has {SHORTEST} to {LONGEST} characters.")
    if not password.isprintable():
        raise UsageError("The password has characters that cannot be typed in a browser.")
    return password
