"""The exit statuses of the commands."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means to a script."""

    DONE = 0
    FAILED = 1
    """The sync failed, `doctor` expects that the next one will fail, or a retry may help."""
    USAGE_ERROR = 2
    """Wrong arguments, a wrong organization file or a wrong environment. Nothing was started."""
    HELD_BACK = 3
    """A check or guard held the day back, or the day was not approved."""
