"""The command `doctor`: findings in one line each, with their remedy."""

import json
from dataclasses import asdict

import click

from opensense_okta.config.models import Organization
from opensense_okta.directories.doctor import examine
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def show(organization: Organization, lake: Lake, *, as_json: bool) -> int:
    """Prints the findings; the exit status is 1 when the next sync would fail."""
    found = examine(organization, lake)
    found[organization.name] += examine_rules(organization, lake)
    if as_json:
        click.echo(
            json.dumps(
                {name: [asdict(one) for one in each] for name, each in found.items()}, indent=2
            )
        )
    else:
        for name, each in found.items():
            for one in each:
                remedy = f" {one.remedy}" if one.remedy else ""
                click.echo(f"{MARKS[one.level]}  {name}  {one.name}: {one.says}{remedy}")
    return int(any(one.level == "fail" for each in found.values() for one in each))
