"""The home of Dagster that a command writes to."""

from importlib.resources import files
from pathlib import Path

from opensense_okta.config.environment import writable_home


def prepared_home() -> Path:
    """`DAGSTER_HOME`, with this program's settings of Dagster where it has none.

    Without settings, Dagster would write files that others can read, and record usage data (invariant 10).

    Raises:
        EnvironmentMistake: there is no such folder, or it is another folder with files.
    """
    home = writable_home()
    settings = home / "dagster.yaml"
    if not settings.is_file():
        default = files(__package__).joinpath("dagster.yaml")
        settings.write_text(default.read_text(encoding="utf-8"), encoding="utf-8")
        (home / "organizations").mkdir(exist_ok=True)
    return home
