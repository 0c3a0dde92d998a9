"""What Dagster is told: the public surface that people see, link to and automate; a change is a decision."""

import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.config.load import load_organizations
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.storage.lake import Lake
from tests.support.company import an_organization

ACME = """\
timezone: America/New_York
schedule: "30 3 * * *"
first_day: 2026-11-20
directories:
  okta:
    kind: okta
    endpoint: https://acme.okta.com
    api_token: {env: ACME_OKTA_API_TOKEN}
"""
BROKEN = """\
timezone: Mars/Olympus
schedul: "0 2 * * *"
"""

RAW = [f"acme/okta/{table}" for table in ("raw_users", "raw_groups", "memberships")]
RESOLVED = [
    f"acme/{table}"
    for table in ("accounts", "people", "provenance", "conflicts", "groups", "memberships")
]
AFTER = ["acme/changes", "acme/resolved_directory", "acme/report"]
READS, MAKES, PUBLISHES = "acme/okta okta parquet", "acme duckdb parquet", "acme duckdb"

# asset: its group and kinds, and what it is made of
ASSETS: dict[str, tuple[str, list[str]]] = {
    "acme/okta/raw_users": (READS, []),
    "acme/okta/raw_groups": (READS, []),
    "acme/okta/memberships": (READS, []),
    "acme/accounts": (MAKES, ["acme/okta/raw_users"]),
    "acme/people": (MAKES, ["acme/accounts"]),
    "acme/provenance": (MAKES, ["acme/accounts", "acme/people"]),
    "acme/conflicts": (MAKES, ["acme/accounts", "acme/people"]),
    "acme/groups": (MAKES, ["acme/okta/raw_groups", "acme/okta/memberships", "acme/people"]),
    "acme/memberships": (MAKES, ["acme/okta/memberships", "acme/people", "acme/groups"]),
    "acme/changes": (MAKES, RESOLVED),
    "acme/resolved_directory": (PUBLISHES, [*RESOLVED, "acme/changes"]),
    "acme/report": ("acme html", ["acme/resolved_directory"]),
}

DESCRIPTIONS = {
    "acme/okta/raw_users": "One row per user, as the directory returned it on the partition's day: all"
    " statuses, the whole profile as JSON.",
    "acme/okta/raw_groups": "One row per group, as the directory returned it on the partition's day.",
    "acme/okta/memberships": "One row per user in a group, as the directory returned it on the"
    " partition's day.",
    "acme/accounts": "One row per user record of a directory, in the common vocabulary, with the person"
    " it belongs to.",
    "acme/people": "One row per person: whoever has an account; `active` says who counts.",
    "acme/provenance": "One row per filled value of a person: the directory and the rule that gave it,"
    " and what lost.",
    "acme/conflicts": "One row per person and disagreement: of values, or on who is who.",
    "acme/groups": "One row per group of a directory, with the number of people in it.",
    "acme/memberships": "One row per person in a group.",
    "acme/changes": "Who came, went, changed, merged and split since the latest published day before."
    " The guards judge what would change for whoever reads the published directory now.",
    "acme/resolved_directory": "The published directory: the last resolved day that passed its guards,"
    " as a DuckDB file that is replaced in one step. A day that does not pass is held back, and the file"
    " stays as it was.",
    "acme/report": "The published day on one page, without names: for whoever looks after the directory.",
}

CHECKS = {
    "acme/okta/raw_users": [
        "emails_well_formed",
        "ids_unique",
        "listing_not_empty",
        "logins_present",
        "records_understood",
        "scope_stable",
        "size_stable",
        "statuses_known",
    ],
    "acme/okta/raw_groups": [
        "everyone_group_listed",
        "ids_unique",
        "members_counted",
        "records_understood",
    ],
    "acme/okta/memberships": ["members_known", "records_understood"],
    "acme/accounts": ["accounts_of_one_person"],
    "acme/people": [
        "correlation_stable",
        "emails_unique",
        "one_account_a_directory",
        "people_have_accounts",
        "person_ids_unique",
    ],
    "acme/provenance": ["rules_effective"],
    "acme/conflicts": ["ambiguous_matches_low", "value_conflicts_low"],
    "acme/changes": [
        "blanked",
        "correlation",
        "directory_missing",
        "directory_stale",
        "removed",
        "removed_memberships",
        "rewritten",
    ],
}

JOBS = {
    "acme__sync": [*RAW, *RESOLVED, *AFTER],
    "acme__resolve": [*RESOLVED, *AFTER],
    "acme__approve": ["acme/resolved_directory", "acme/report"],
    "acme__doctor": [],
    "acme__retention": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The organizations' folder, with acme's file."""
    (tmp_path / "acme.yaml").write_text(ACME)
    return tmp_path


def load(folder: Path) -> dg.Definitions:
    definitions = build_definitions(
        load_organizations(folder), lakes=lambda name: Lake(folder / "data", name)
    )
    dg.Definitions.validate_loadable(definitions)
    return definitions


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def spec(definitions: dg.Definitions, asset: str) -> dg.AssetSpec:
    (found,) = [
        spec for spec in definitions.resolve_all_asset_specs() if spec.key.to_user_string() == asset
    ]
    return found


# The surface.


def test_assets_have_keys_groups_kinds_owners_and_lineage(folder: Path) -> None:
    definitions = load(folder)
    found = {}
    for asset in keys(definitions):
        its = spec(definitions, asset)
        made_of = [dep.asset_key.to_user_string() for dep in its.deps]
        found[asset] = (" ".join([its.group_name or "", *sorted(its.kinds)]), made_of)
        assert its.owners == ["team:directory"]
    assert found == ASSETS


def test_assets_explain_themselves(folder: Path) -> None:
    definitions = load(folder)
    assert {asset: spec(definitions, asset).description for asset in ASSETS} == DESCRIPTIONS


def test_checks_have_names_and_ask_a_question(folder: Path) -> None:
    graph = load(folder).resolve_asset_graph()
    found: dict[str, list[str]] = {}
    for check in graph.asset_check_keys:
        found.setdefault(check.asset_key.to_user_string(), []).append(check.name)
        described = graph.get_check_spec(check).description or ""
        assert described.endswith("?")
    assert {asset: sorted(names) for asset, names in found.items()} == CHECKS


def test_jobs_select_assets_and_say_what_they_do(folder: Path) -> None:
    definitions = load(folder)
    jobs = [job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    assert {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in jobs
    } == {name: sorted(assets) for name, assets in JOBS.items()}
    assert {job.name: job.description for job in jobs} == {
        "acme__sync": "Reads every directory of acme, resolves, judges and publishes.",
        "acme__resolve": "Resolves the stored snapshots of acme, judges and publishes; asks no API"
        " anything.",
        "acme__approve": "Lets one held day of acme through. Choose the day, and fill in `by`, who"
        " approves, and the number of each guard that holds it, such as `removed: 412`: `approve_with` of"
        " resolved_directory has them. It holds for that day as it is now, alone.",
        "acme__doctor": "Examines what decides whether the next sync of acme will be well.",
        "acme__retention": "Removes what acme no longer keeps: resolved days and snapshots, as"
        " `retention` in its file says. What is published, its inputs and the identity ledger stay.",
    }
    for job in jobs:
        assert job.tags["opensense/organization"] == "acme"
        assert (job.partitions_def is None) == (not JOBS[job.name])
        assert job.executor_def is dg.in_process_executor


def test_two_schedules_for_each_organization(folder: Path) -> None:
    schedules = load(folder).get_repository_def().schedule_defs
    assert {
        each.name: (each.cron_schedule, each.default_status.value, each.description)
        for each in schedules
    } == {
        "acme__daily": ("30 3 * * *", "RUNNING", "The daily sync of acme."),
        # Nothing is to be removed unless `retention` says so.
        "acme__retention_daily": (
            "30 4 * * *",
            "STOPPED",
            "Removes what acme no longer keeps, an hour after its sync.",
        ),
    }
    assert {each.execution_timezone for each in schedules} == {"America/New_York"}


def test_exports_are_an_asset_once_the_file_asks_for_them(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{ACME}publish: {{csv: {{path: people.csv}}}}\n")
    definitions = load(folder)
    assert keys(definitions) == {*ASSETS, "acme/exports"}
    its = spec(definitions, "acme/exports")
    assert [dep.asset_key.to_user_string() for dep in its.deps] == ["acme/resolved_directory"]
    jobs = {job.name: job for job in definitions.resolve_all_job_defs()}
    for name in ("acme__sync", "acme__resolve", "acme__approve"):
        assert dg.AssetKey(["acme", "exports"]) in jobs[name].asset_layer.executable_asset_keys


def test_every_directory_has_its_own_assets_and_all_make_the_people(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{ACME}  hr:\n    kind: csv\n    users: people.csv\n")
    definitions = load(folder)
    raw = ("raw_users", "raw_groups", "memberships")
    assert keys(definitions) == {*ASSETS, *(f"acme/hr/{table}" for table in raw)}
    assert spec(definitions, "acme/hr/raw_users").kinds == {"csv", "parquet"}
    assert [dep.asset_key.to_user_string() for dep in spec(definitions, "acme/accounts").deps] == [
        "acme/okta/raw_users",
        "acme/hr/raw_users",
    ]


def test_one_sensor_over_all_organizations(folder: Path) -> None:
    (folder / "globex.yaml").write_text(ACME)
    repository = load(folder).get_repository_def()
    (sensor,) = repository.sensor_defs
    assert sensor.name == "retries"
    assert sorted(target.job_name for target in sensor.targets) == [
        "acme__resolve",
        "acme__sync",
        "globex__resolve",
        "globex__sync",
    ]


def test_two_organizations_share_nothing_but_the_sensor(folder: Path) -> None:
    (folder / "globex.yaml").write_text(ACME)
    both = keys(load(folder))
    assert both == {*ASSETS, *(asset.replace("acme", "globex", 1) for asset in ASSETS)}


def test_what_is_published_is_overdue_after_a_day(folder: Path) -> None:
    policy = spec(load(folder), "acme/resolved_directory").freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)


@pytest.mark.parametrize("name", ["resolved", "people", "sync", "read", "lock", "order"])
def test_a_directory_may_be_named_like_something_of_ours(tmp_path: Path, name: str) -> None:
    okta = an_organization().directories["okta"].model_dump(mode="json", exclude_defaults=True)
    organization = an_organization(directories={name: okta})
    definitions = build_definitions({"acme": organization}, lakes=lambda _: Lake(tmp_path, "acme"))
    dg.Definitions.validate_loadable(definitions)
    assert f"acme/{name}/raw_users" in keys(definitions)


# One organization's mistakes are its own.


def test_a_bad_file_shows_its_mistakes_as_an_asset_and_the_rest_load(folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    definitions = load(folder)
    assert keys(definitions) == {*ASSETS, "broken/organization_file"}
    shown = spec(definitions, "broken/organization_file")
    assert shown.description == (
        "**This organization's file has mistakes; nothing is synced.**\n\n"
        "- broken.yaml:1: timezone must be an IANA time zone such as America/New_York\n"
        "- broken.yaml:1: first_day is missing; it is required\n"
        "- broken.yaml:1: directories is missing; it is required\n"
        "- broken.yaml:2: schedul is not a known key; did you mean schedule? Allowed here: timezone,"
        " first_day, schedule, enabled, directories, resolution, guards, publish, retention, notify\n\n"
        "Correct the file, then reload the definitions."
    )
    assert shown.group_name == "broken"
    schedules = [each.name for each in definitions.get_repository_def().schedule_defs]
    assert sorted(schedules) == ["acme__daily", "acme__retention_daily"]


def test_materializing_a_bad_files_asset_says_the_same(folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    result = dg.materialize(
        [asset for asset in load(folder).assets or [] if isinstance(asset, dg.AssetsDefinition)],
        selection="broken/organization_file",
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        resources={"acme__lock": None, "progress": None},
    )
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data
    assert "broken.yaml:2: schedul is not a known key" in (data.description or "")


@pytest.mark.parametrize(
    "name",
    [
        "Acme Corp",
        "a.b",
        "a-b",
        "ünïted",
        "2nd",
        'it\'s "it"',
        "back\\slash",
        "*",
        "[x]",
        "🙂",
        "acme",
    ],
)
def test_not_even_a_files_name_takes_the_others_down(folder: Path, name: str) -> None:
    suffix = ".yml" if name == "acme" else ".yaml"  # two files of one name
    (folder / f"{name}{suffix}").write_text(ACME)
    (folder / "a b.yaml").write_text(BROKEN)
    found = keys(load(folder))
    assert f"{name}/organization_file" in found
    assert "a b/organization_file" in found
    assert (set(ASSETS) <= found) == (name != "acme")


def test_no_organization_at_all_still_loads(tmp_path: Path) -> None:
    assert keys(load(tmp_path)) == set()


def test_a_secret_that_is_missing_does_not_keep_anything_from_loading(folder: Path) -> None:
    assert "ACME_OKTA_API_TOKEN" not in os.environ
    assert keys(load(folder)) == set(ASSETS)


# The front door.


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_the_front_door_merges_the_organizations_of_dagster_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    (home / "organizations").mkdir(parents=True)
    (folder / "acme.yaml").rename(home / "organizations" / "acme.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    definitions = runpy.run_module("opensense_okta.definitions")["defs"]()
    assert keys(definitions) == set(ASSETS)
    assert os.umask(0o022) == 0o077  # whatever this process writes is its owner's alone
    assert not (folder / "data").exists()  # loading makes no folder and asks nobody


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(
    ("home", "mistake", "words"),
    [
        ("here", EnvironmentMistake, "DAGSTER_HOME must be an absolute path; it is here."),
        (
            "/not/there",
            EnvironmentMistake,
            "There is no folder /not/there. What to do: set DAGSTER_HOME",
        ),
        ("/", EnvironmentMistake, "/organizations is not a folder; it should hold one"),
    ],
)
def test_a_front_door_that_leads_nowhere_says_so(
    monkeypatch: pytest.MonkeyPatch, home: str, mistake: type[Exception], words: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    with pytest.raises(mistake, match=words):
        runpy.run_module("opensense_okta.definitions")["defs"]()


def test_the_demos_file_is_right() -> None:
    folder = Path(__file__).parents[2] / "dagster_home" / "organizations"
    mistaken = {
        name: str(each)
        for name, each in load_organizations(folder).items()
        if isinstance(each, OrganizationFileError)
    }
    assert mistaken == {}
