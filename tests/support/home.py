"""A DAGSTER_HOME as an operator has it: Dagster's settings and one organization's file."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

ORGANIZATION = """\
timezone: UTC
first_day: 2020-01-01
enabled: {enabled}
directories:
  okta:
    kind: okta
    endpoint: {endpoint}
    api_token: {{env: ACME_TOKEN}}
    rate_limit_share: 1.0
{more}"""


def make_home(root: Path, endpoint: str, *, enabled: bool = True) -> Path:
    """Makes the home below `root`, with acme, whose Okta is at the endpoint."""
    home = root / "dagster_home"
    (home / "organizations").mkdir(parents=True)
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", home)
    write_organization(home, endpoint, enabled=enabled)
    return home


def write_organization(home: Path, endpoint: str, *, enabled: bool = True, more: str = "") -> None:
    """Writes acme's file; `more` is YAML that follows its directory."""
    text = ORGANIZATION.format(endpoint=endpoint, enabled=str(enabled).lower(), more=more)
    (home / "organizations" / "acme.yaml").write_text(text)
