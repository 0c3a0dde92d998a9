"""The definitions: the public surface that people see, link to and automate; a change is a decision."""

import os
import runpy
import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from difflib import unified_diff
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.resources import LakeResource
from opensense_okta.storage import bucket
from tests.support.company import an_organization
from tests.support.definitions_text import describe
from tests.support.object_stores import forget_connections

ENTRY_POINT = "opensense_okta.definitions"
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
ASSETS = {"acme/okta/organization", *RAW, *RESOLVED, *AFTER}

SNAPSHOT = Path(__file__).parent / "definitions.txt"
EVERYTHING = f"""\
{ACME}\
  entra:
    kind: entra
    tenant_id: acme.onmicrosoft.com
    client_id: 8f9a1c1e-0000-4000-8000-000000000001
    client_secret: {{env: ACME_ENTRA_CLIENT_SECRET}}
  hr:
    kind: csv
    users: people.csv
    attributes: {{rank: Rank}}
resolution:
  attributes:
    email: {{merge: union}}
publish:
  csv: {{path: people.csv}}
retention: {{days: 90}}
notify: [{{env: ACME_APPRISE_URL}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The organizations' folder, with acme's file."""
    (tmp_path / "acme.yaml").write_text(ACME)
    return tmp_path


def load(folder: Path) -> dg.Definitions:
    definitions = build_definitions(
        load_organizations(folder), LakeResource(root=str(folder / "data"))
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


def test_all_definitions_are_as_recorded(folder: Path) -> None:
    """Renaming any of them changes what people have bookmarked, automated or stored."""
    (folder / "acme.yaml").write_text(EVERYTHING)
    text, recorded = describe(load(folder), str(folder / "data")), SNAPSHOT.read_text()
    new = Path(tempfile.gettempdir()) / "definitions.txt"
    new.write_text(text)
    difference = unified_diff(recorded.splitlines(), text.splitlines(), lineterm="")
    assert text == recorded, "\n".join([f"if this is intended: cp {new} {SNAPSHOT}", *difference])


def test_every_check_says_what_it_does_and_asks_a_question(folder: Path) -> None:
    graph = load(folder).resolve_asset_graph()
    for check in graph.asset_check_keys:
        description = graph.get_check_spec(check).description or ""
        assert description.startswith(("Blocks publication: ", "Warns: "))
        assert description.endswith("?")


def test_every_job_has_its_organizations_tag_and_runs_in_one_process(folder: Path) -> None:
    jobs = [job for job in load(folder).resolve_all_job_defs() if not job.name.startswith("__")]
    of_acme = [job for job in jobs if job.name != "delete_run_logs"]
    assert len(of_acme) == 5
    for job in of_acme:
        assert job.tags["opensense/organization"] == "acme"
        assert (job.partitions_def is None) == (job.name in {"acme__doctor", "acme__retention"})
        assert job.executor_def is dg.in_process_executor


def test_retention_starts_on_only_if_something_is_to_be_deleted(folder: Path) -> None:
    assert status_of_schedule(folder, "acme__retention_daily") == "STOPPED"
    (folder / "acme.yaml").write_text(EVERYTHING)
    assert status_of_schedule(folder, "acme__retention_daily") == "RUNNING"


def status_of_schedule(folder: Path, name: str) -> str:
    return load(folder).get_repository_def().get_schedule_def(name).default_status.value


def test_the_owners_of_the_file_own_its_assets(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{EVERYTHING}owners: [team:people, ada@acme.com]\n")
    specs = load(folder).resolve_all_asset_specs()
    assert {tuple(spec.owners) for spec in specs} == {("team:people", "ada@acme.com")}


def test_the_owners_of_all_assets_are_those_of_the_file(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{EVERYTHING}owners: [team:it, ada@acme.example]\n")
    for asset in load(folder).resolve_all_asset_specs():
        assert list(asset.owners) == ["team:it", "ada@acme.example"]


def test_lineage_begins_and_ends_outside(folder: Path) -> None:
    (folder / "acme.yaml").write_text(EVERYTHING)
    graph = load(folder).resolve_asset_graph()
    external = {key.to_user_string() for key in graph.external_asset_keys}
    assert external == {
        "acme/okta/organization",
        "acme/entra/tenant",
        "acme/hr/files",
        "acme/opensense",
    }
    roots = {key for key in graph.get_all_asset_keys() if not graph.get(key).parent_keys}
    assert {key.to_user_string() for key in roots} == external - {"acme/opensense"}


def test_exports_are_an_asset_once_the_file_asks_for_them(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{ACME}publish: {{csv: {{path: people.csv}}}}\n")
    definitions = load(folder)
    assert keys(definitions) == {*ASSETS, "acme/exports", "acme/opensense"}
    its = spec(definitions, "acme/exports")
    assert [dep.asset_key.to_user_string() for dep in its.deps] == ["acme/resolved_directory"]
    jobs = {job.name: job for job in definitions.resolve_all_job_defs()}
    for name in ("acme__sync", "acme__resolve", "acme__approve"):
        assert dg.AssetKey(["acme", "exports"]) in jobs[name].asset_layer.executable_asset_keys


def test_every_directory_has_its_own_assets_and_all_make_the_people(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{ACME}  hr:\n    kind: csv\n    users: people.csv\n")
    definitions = load(folder)
    raw = ("raw_users", "raw_groups", "memberships")
    assert keys(definitions) == {
        *ASSETS,
        "acme/hr/files",
        *(f"acme/hr/{table}" for table in raw),
    }
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


def test_a_tick_of_the_sensor_leaves_the_stored_days_alone(folder: Path) -> None:
    leftover = folder / "data" / "acme" / "resolved" / "date=2026-11-20" / "killed"
    leftover.mkdir(parents=True)
    os.utime(leftover, (0, 0))
    repository = load(folder).get_repository_def()
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, repository_def=repository) as context,
    ):
        tick = repository.get_sensor_def("retries").evaluate_tick(context)
    assert (tick.skip_message or "").startswith("acme: ")
    assert leftover.exists()


def tick_of_retries(definitions: dg.Definitions) -> str:
    """What one evaluation of the sensor says."""
    repository = definitions.get_repository_def()
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, repository_def=repository) as context,
    ):
        return repository.get_sensor_def("retries").evaluate_tick(context).skip_message or ""


def test_the_sensor_fails_while_a_file_keeps_an_organization_from_being_synced(
    folder: Path,
) -> None:
    (folder / "acme.yaml").write_text("timezone: UTCC")
    with pytest.raises(
        RuntimeError, match=r"(?s)acme.yaml has mistakes; nothing is synced.*:1: timezone"
    ):
        tick_of_retries(load(folder))


def test_the_sensor_says_that_the_last_valid_file_counts(folder: Path) -> None:
    valid = load_organizations(folder)["acme"]
    assert isinstance(valid, Organization)
    (folder / "acme.yaml").write_text("timezone: UTCC")
    lakes = LakeResource(root=str(folder / "data"))
    words = tick_of_retries(
        build_definitions(load_organizations(folder), lakes, last_valid={"acme": valid})
    )
    assert "acme.yaml has mistakes; its last valid version counts:\nacme.yaml:1: timezone" in words


def test_two_organizations_share_nothing_but_the_sensor(folder: Path) -> None:
    (folder / "globex.yaml").write_text(ACME)
    both = keys(load(folder))
    assert both == {*ASSETS, *(asset.replace("acme", "globex", 1) for asset in ASSETS)}


def test_a_raw_table_is_overdue_once_its_snapshot_counts_as_stale(folder: Path) -> None:
    (folder / "acme.yaml").write_text(f"{ACME}resolution: {{stale_after_days: 5}}\n")
    policy = spec(load(folder), "acme/okta/raw_users").freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=5), warn_window=timedelta(hours=26)
    )


@pytest.mark.parametrize("name", ["resolved", "people", "sync", "read", "lock", "order"])
def test_a_directory_may_be_named_like_something_of_ours(tmp_path: Path, name: str) -> None:
    okta = an_organization().directories["okta"].model_dump(mode="json", exclude_defaults=True)
    organization = an_organization(directories={name: okta})
    definitions = build_definitions({"acme": organization}, LakeResource(root=str(tmp_path)))
    dg.Definitions.validate_loadable(definitions)
    assert f"acme/{name}/raw_users" in keys(definitions)


# One organization's mistakes are its own.


def test_a_mistake_in_the_file_of_a_working_organization_does_not_end_its_syncs(
    folder: Path,
) -> None:
    valid = {
        name: each
        for name, each in load_organizations(folder).items()
        if isinstance(each, Organization)
    }
    before = load(folder)
    (folder / "acme.yaml").write_text(ACME.replace("America/New_York", "UTCC"))
    lakes = LakeResource(root=str(folder / "data"))
    definitions = build_definitions(load_organizations(folder), lakes, last_valid=valid)
    dg.Definitions.validate_loadable(definitions)
    assert keys(definitions) == {*keys(before), "acme/organization_file"}
    assert names_of(definitions) == names_of(before)
    shown = spec(definitions, "acme/organization_file")
    assert (shown.description or "").startswith(
        "**This organization's file has mistakes; its last valid version counts.**"
    )


def names_of(definitions: dg.Definitions) -> set[str]:
    """The jobs, schedules and sensors."""
    repository = definitions.get_repository_def()
    return {
        *(job.name for job in repository.get_all_jobs()),
        *(schedule.name for schedule in repository.schedule_defs),
        *(sensor.name for sensor in repository.sensor_defs),
    }


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
        " first_day, schedule, enabled, owners, directories, resolution, guards, publish, retention,"
        " notify\n\n"
        "Correct the file, then reload the definitions."
    )
    assert shown.group_name == "broken"
    schedules = [each.name for each in definitions.get_repository_def().schedule_defs]
    assert sorted(schedules) == ["acme__daily", "acme__retention_daily", "delete_run_logs_daily"]


def test_a_job_does_not_grow_with_the_other_organizations(folder: Path) -> None:
    """Dagster makes a snapshot of each job when it loads the code location."""
    jobs = [f"acme__{name}" for name in ("sync", "resolve", "approve", "doctor", "retention")]
    alone = load(folder)
    (folder / "globex.yaml").write_text(ACME)
    together = load(folder)
    for job in jobs:
        of_both = [definitions.resolve_job_def(job) for definitions in (alone, together)]
        assert of_both[0].get_job_snapshot_id() == of_both[1].get_job_snapshot_id()
        assert "globex__lock" not in of_both[1].resource_defs
    for job in {*jobs} - {"acme__doctor"}:
        assert "acme__lock" in together.resolve_job_def(job).get_required_resource_defs()


def test_materializing_a_bad_files_asset_says_the_same(folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    result = dg.materialize(
        [asset for asset in load(folder).assets or [] if isinstance(asset, dg.AssetsDefinition)],
        selection="broken/organization_file",
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        resources={"progress": None, "lake": None},
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
    assert (found >= ASSETS) == (name != "acme")


def test_no_organization_at_all_still_loads(tmp_path: Path) -> None:
    assert keys(load(tmp_path)) == set()


def test_a_secret_that_is_missing_does_not_keep_anything_from_loading(folder: Path) -> None:
    assert "ACME_OKTA_API_TOKEN" not in os.environ
    assert keys(load(folder)) == ASSETS


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
    monkeypatch.delitem(sys.modules, ENTRY_POINT, raising=False)  # another test may have loaded it
    definitions = runpy.run_module(ENTRY_POINT)["defs"]()
    assert keys(definitions) == ASSETS
    assert os.umask(0o022) == 0o077  # whatever this process writes is its owner's alone
    written = [path.name for path in (folder / "data").rglob("*")]
    assert written == [".organization_files", "acme.yaml"]  # loading makes no lake and asks nobody


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
    monkeypatch.delitem(sys.modules, ENTRY_POINT, raising=False)
    with pytest.raises(mistake, match=words):
        runpy.run_module(ENTRY_POINT)["defs"]()


def test_the_demos_file_is_right() -> None:
    folder = Path(__file__).parents[2] / "dagster_home" / "organizations"
    mistaken = {
        name: str(each)
        for name, each in load_organizations(folder).items()
        if isinstance(each, OrganizationFileError)
    }
    assert mistaken == {}


def test_a_schedule_shortly_before_midnight_is_warned_of_at_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "dagster_home" / "organizations"
    folder.mkdir(parents=True)
    (folder / "acme.yaml").write_text(ACME.replace("30 3", "55 23"))
    (folder / "globex.yaml").write_text(ACME)
    monkeypatch.setenv("DAGSTER_HOME", str(folder.parent))
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path / "data"))
    monkeypatch.delitem(sys.modules, ENTRY_POINT, raising=False)  # another test may have loaded it
    runpy.run_module(ENTRY_POINT)["defs"]()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("acme: the schedule starts the sync at 23:55, in the last hour")


def test_definitions_load_while_the_object_store_does_not_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A code location that is not loaded stays so, and a run that cannot be loaded is not retried."""
    (folder / "broken.yaml").write_text(BROKEN)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for name, value in {
        "OPENSENSE_DATA": "s3://acme-lake/opensense",
        "OPENSENSE_ORGANIZATIONS": str(folder),
        "OPENSENSE_SCRATCH": str(folder / "scratch"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bucket, "RETRIES", {"max_retries": 0})
    monkeypatch.delitem(sys.modules, ENTRY_POINT, raising=False)
    forget_connections()
    definitions = runpy.run_module(ENTRY_POINT)["defs"]()
    forget_connections()
    assert keys(definitions) == {*ASSETS, "broken/organization_file"}
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(
        "The valid organization files are not kept: The object store did not carry out the request for"
        " s3://acme-lake/opensense/lake.json (GenericError)."
    )
    assert str(port) not in warning
