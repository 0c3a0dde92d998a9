"""The files of `deploy/`: each is loaded, or its commands are run."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._config import process_config
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from dagster_k8s import K8sRunLauncher
from ruamel.yaml import YAML

from opensense_okta.orchestration import names
from opensense_okta.orchestration.instance import run_process
from opensense_okta.orchestration.instance.celery import Launcher, announce_run
from tests.support.cluster import DEPLOY
from tests.support.home import REPOSITORY
from tests.support.place import COMMANDS
from tests.support.run_records import record_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

UNITS = sorted(DEPLOY.glob("*.service"))
VARIABLES = {
    "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://dagster:hidden@127.0.0.1:1/dagster",
    "CELERY_BROKER_URL": "redis://:hidden@127.0.0.1:1/0",
    "CELERY_RESULT_BACKEND": "db+postgresql+psycopg2://dagster:hidden@127.0.0.1:1/celery",
}


def yaml(path: Path) -> Any:  # noqa: ANN401 - YAML
    return YAML(typ="safe").load(path)


# Celery.


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME with the settings for Celery."""
    shutil.copy(DEPLOY / "dagster.yaml", tmp_path)
    return tmp_path


def test_dagster_takes_the_settings_and_every_secret_from_the_environment(home: Path) -> None:
    text = (home / "dagster.yaml").read_text()
    assert "hidden" not in text
    environment = {**os.environ, **VARIABLES, "DAGSTER_HOME": str(home)}
    environment["PYTHONPATH"] = str(DEPLOY)
    program = (
        "from dagster._core.instance.ref import InstanceRef\n"
        "import os\n"
        "ref = InstanceRef.from_dir(os.environ['DAGSTER_HOME'])\n"
        "print(ref.run_launcher.broker, ref.run_launcher.backend, ref.settings['run_monitoring'])\n"
        "print(ref.run_storage_data.config_yaml, ref.compute_log_manager, ref.run_coordinator)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{VARIABLES['CELERY_BROKER_URL']} {VARIABLES['CELERY_RESULT_BACKEND']}" in done.stdout
    assert "env: DAGSTER_POSTGRES_URL" in done.stdout
    assert "NoOpComputeLogManager" in done.stdout
    assert "QueuedRunCoordinator" in done.stdout


def test_one_run_of_an_organization_at_a_time_and_no_run_is_resumed(home: Path) -> None:
    settings = yaml(home / "dagster.yaml")
    assert settings["concurrency"]["runs"]["tag_concurrency_limits"] == [
        {"key": names.ORGANIZATION, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ]
    assert settings["run_monitoring"]["max_resume_run_attempts"] == 0
    assert settings["run_retries"] == {"enabled": False}
    assert settings["telemetry"] == {"enabled": False}
    assert settings["instance_class"]["class"] == "PrivateInstance"


def test_workers_take_their_settings_from_the_environment() -> None:
    program = (
        "from dagster_celery.app import app\n"
        "print(app.conf.broker_url, app.conf.result_backend, app.conf.imports,"
        " app.conf.worker_max_tasks_per_child)"
    )
    environment = {**os.environ, **VARIABLES, "PYTHONPATH": str(DEPLOY)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        f"{VARIABLES['CELERY_BROKER_URL']} {VARIABLES['CELERY_RESULT_BACKEND']}"
        " ['opensense_okta.orchestration.instance.celery'] 1"
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_program_of_the_product_with_private_files(unit: Path) -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read(unit)
    service = parser["Service"]
    assert service["UMask"] == "0077"
    assert service["User"] != "root"
    assert service["EnvironmentFile"] == "/etc/opensense/environment"
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.startswith("/opt/opensense/bin/")
    assert not [argument for argument in arguments if "://" in argument and "@" in argument]
    # Its options are known: each command says so when it is asked for help beside them.
    command = [str(COMMANDS / Path(program).name), *arguments, "--help"]
    environment = {**os.environ, **VARIABLES, "PYTHONPATH": str(DEPLOY)}
    subprocess.run(command, check=True, capture_output=True, cwd=DEPLOY, env=environment)


def test_the_example_of_the_environment_names_what_the_settings_ask_for() -> None:
    given = dict(
        line.split("=", 1)
        for line in (DEPLOY / "environment.example").read_text().splitlines()
        if not line.startswith("#")
    )
    asked = re.findall(r"\{env: (\w+)\}", (DEPLOY / "dagster.yaml").read_text())
    assert set(asked) <= given.keys()
    for name in ("DAGSTER_POSTGRES_URL", "CELERY_RESULT_BACKEND"):
        assert "postgresql+psycopg2://" in given[name]


def test_only_the_secrets_of_directories_are_only_on_the_workers() -> None:
    """The code server opens the lake when it loads, and sends notifications."""
    text = (DEPLOY / "environment.example").read_text()
    everywhere, workers = text.split("# On the machines of the workers only: ")
    assert "\nAWS_ACCESS_KEY_ID=" in everywhere
    assert "\nACME_APPRISE_URL=" in everywhere
    assert re.findall(r"^(\w+)=", workers, re.MULTILINE) == ["ACME_OKTA_API_TOKEN"]


def test_the_workspace_of_the_units_is_the_socket_of_the_code_server() -> None:
    (location,) = yaml(DEPLOY / "workspace.yaml")["load_from"]
    command = (DEPLOY / "opensense-code.service").read_text()
    assert f"--socket {location['grpc_server']['socket']} " in command
    assert f"--location-name {location['grpc_server']['location_name']}\n" in command


@pytest.fixture
def launcher() -> Launcher:
    """The launcher, whose broker is not reached."""
    return Launcher(default_queue="dagster", broker="memory://", backend="cache+memory://")


def test_a_run_that_a_person_terminates_is_canceling_before_its_task_is_revoked(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dg.DagsterRunStatus] = []

    def revoke(_: object, run_id: str) -> bool:
        run = instance.get_run_by_id(run_id)
        assert run
        seen.append(run.status)
        return True

    monkeypatch.setattr(CeleryRunLauncher, "terminate", revoke)
    with dg.DagsterInstance.ephemeral() as instance:
        launcher.register_instance(instance)
        of_celery = {DAGSTER_CELERY_TASK_ID_TAG: "task"}
        run = record_run(instance, "acme", more_tags=of_celery)
        here = record_run(instance, "acme")
        assert launcher.terminate(run.run_id)
        assert not launcher.terminate(here.run_id)
        instance.report_run_failed(run)
        assert not launcher.terminate(run.run_id)
    assert seen == [dg.DagsterRunStatus.CANCELING]


@pytest.mark.parametrize(
    ("state", "status"),
    [("PENDING", "RUNNING"), ("STARTED", "RUNNING"), ("SUCCESS", "SUCCESS"), ("FAILURE", "FAILED")],
)
def test_a_run_whose_result_is_lost_is_not_dead(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, state: str, status: str
) -> None:
    result = SimpleNamespace(state=state)
    monkeypatch.setattr(launcher.celery, "AsyncResult", lambda _: result)
    run = dg.DagsterRun(job_name="acme__sync", tags={DAGSTER_CELERY_TASK_ID_TAG: "task"})
    assert launcher.check_run_worker_health(run).status.name == status
    without = dg.DagsterRun(job_name="acme__sync")
    assert launcher.check_run_worker_health(without).status.name == "RUNNING"


def test_a_worker_knows_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[str] = []
    monkeypatch.setattr(run_process, "_announced", announced)
    announce_run(kwargs={"execute_job_args_packed": {"run_id": "a run"}}, sender="execute_job")
    assert announced == ["a run"]
    announce_run(kwargs={"other": 1})
    announce_run()
    assert announced == ["a run"]


# Kubernetes.


def snake_case(value: Any) -> Any:  # noqa: ANN401 - YAML
    """What the chart makes of the keys of a value."""
    if isinstance(value, Mapping):
        return {re.sub("([A-Z])", r"_\1", key).lower(): value[key] for key in value}
    return value


@pytest.fixture(scope="module")
def values() -> Any:  # noqa: ANN401 - YAML
    return yaml(REPOSITORY / "deploy/kubernetes/values.yaml")


def accepted(kind: Any, settings: object) -> bool:  # noqa: ANN401 - Dagster's configurable classes
    result = process_config({"config": dg.Field(kind.config_type())}, {"config": settings})
    assert result.success, result.errors
    return True


def test_dagsters_launcher_and_queue_take_the_values(values: Any) -> None:  # noqa: ANN401 - YAML
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    run = launcher["runK8sConfig"]
    settings = {
        **snake_case({name: launcher[name] for name in launcher if name != "runK8sConfig"}),
        "run_k8s_config": snake_case(run),
        **{name: name for name in ("service_account_name", "instance_config_map", "dagster_home")},
    }
    assert accepted(K8sRunLauncher, settings)
    daemon = values["dagsterDaemon"]
    queue = snake_case(daemon["runCoordinator"]["config"]["queuedRunCoordinator"])
    assert accepted(QueuedRunCoordinator, queue)
    assert daemon["runMonitoring"]["maxResumeRunAttempts"] == 0
    assert run["containerConfig"]["securityContext"]["runAsNonRoot"] is True


def test_the_chart_is_of_the_locked_version_and_uses_the_driver_that_is_installed(
    values: Any,  # noqa: ANN401 - YAML
) -> None:
    text = (REPOSITORY / "deploy/kubernetes/values.yaml").read_text()
    assert f"--version {dg.__version__} " in text
    assert values["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    for part in (values["dagsterWebserver"], values["dagsterDaemon"]):
        assert part["image"]["repository"].endswith("/opensense-okta")


# The image.


def instructions(name: str) -> list[str]:
    """The arguments of an instruction, each in one line."""
    text = (REPOSITORY / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


def test_the_image_runs_as_a_user_without_rights() -> None:
    assert instructions("USER") == ["10001:10001"]


def test_the_image_is_made_of_the_files_that_it_copies_and_of_no_others() -> None:
    ignored = (REPOSITORY / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    given = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    assert ignored[0] == "*"
    assert given == {source for *sources, _folder in copied for source in sources}


def test_the_lock_of_the_image_is_a_part_of_the_projects_lock() -> None:
    locked = {
        *re.findall(r"^\S+==\S+", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    }
    image = {
        *re.findall(
            r"^\S+==\S+", (REPOSITORY / "deploy/requirements.lock").read_text(), re.MULTILINE
        )
    }
    assert image
    assert image <= locked
    assert not [name for name in image if name.startswith(("pytest==", "moto=="))]


def test_the_install_lines_of_the_image_make_an_environment_that_works(tmp_path: Path) -> None:
    build, target = tmp_path / "build", tmp_path / "opt"
    build.mkdir()
    target.mkdir()
    for copied in instructions("COPY")[:3]:
        *sources, folder = copied.split()
        for source in sources:
            origin = REPOSITORY / source
            into = build / folder
            if origin.is_dir():
                shutil.copytree(origin, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                into.mkdir(exist_ok=True)
                shutil.copy(origin, into)
    for line in instructions("RUN")[:2]:
        commands = line.replace("/opt/", f"{target}/").replace(" --compile-bytecode", "")
        done = subprocess.run(
            ["bash", "-euc", commands.replace("python -m venv", f"{sys.executable} -m venv")],
            cwd=build,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    programs = target / "opensense" / "bin"
    for command in (
        ["opensense-okta", "--help"],
        ["celery", "--version"],
        ["dagster", "--version"],
    ):
        subprocess.run([programs / command[0], *command[1:]], check=True, capture_output=True)
    imports = "import opensense_okta.orchestration.instance.celery, dagster_k8s, obstore, psycopg2"
    subprocess.run([programs / "python", "-c", imports], check=True, capture_output=True)


# One machine.


def test_one_machine_imports_nothing_of_a_cluster() -> None:
    program = (
        "import sys, opensense_okta.definitions, opensense_okta.cli.main, opensense_okta.cli.sync,"
        " opensense_okta.web.services\n"
        "of_a_cluster = {'celery', 'kombu', 'redis', 'psycopg2', 'dagster_celery', 'dagster_k8s',"
        " 'dagster_postgres', 'kubernetes', 'obstore'}\n"
        "print(sorted(of_a_cluster & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
