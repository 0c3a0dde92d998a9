"""Dagster's web application behind the guard: what it answers, and what the guard keeps from it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._core.workspace.load_target import EmptyWorkspaceTarget

from opensense_okta.web.accounts import Accounts
from opensense_okta.web.guard import Guard, Names
from opensense_okta.web.webserver import (
    CannotServe,
    build_app,
    read_workspace,
    workspace_context,
)

HOST = "127.0.0.1:3000"
NAMES = Names.of("127.0.0.1", 3000)
ACCOUNTS = Accounts(None)
MUTATION = "mutation { setNuxSeen }"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    home = str(tmp_path_factory.mktemp("home"))
    with (
        dg.DagsterInstance.local_temp(home) as instance,
        workspace_context(instance, EmptyWorkspaceTarget()) as context,
    ):
        yield build_app(context, NAMES, ACCOUNTS, 3000)


def ask(app: Guard, method: str, path: str, **request: object) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://{HOST}", auth=("", ACCOUNTS.link_token)
        ) as client:
            return await client.request(method, path, **request)  # type: ignore[arg-type]  # of each case

    return asyncio.run(answer())


def test_the_ui_and_its_api_answer(app: Guard) -> None:
    page = ask(app, "GET", "/runs")
    assert page.status_code == 200
    assert "<!doctype html>" in page.text.lower()
    policies = page.headers.get_list("content-security-policy")
    assert "frame-ancestors 'none'" in policies[-1]
    assert len(policies) == 2
    asked = ask(app, "POST", "/graphql", json={"query": "{ version }"})
    assert asked.json() == {"data": {"version": "1.13.27"}}


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/graphql", "/directory/", "/server_info", "/logs/x"]
)
def test_a_stranger_gets_nothing(app: Guard, path: str) -> None:
    method = "POST" if path == "/graphql" else "GET"
    body = {"json": {"query": "{ version }"}} if method == "POST" else {}
    refused = ask(app, method, path, auth=("", "wrong"), **body)
    assert refused.status_code == 401
    assert refused.text == "Sign in first.\n"
    assert refused.headers["x-frame-options"] == "DENY"


def test_the_sign_in_page_has_the_pages_style_and_a_strict_policy(app: Guard) -> None:
    page = ask(app, "GET", "/sign-in", auth=None)
    assert page.status_code == 200
    assert 'href="/directory/style.css"' in page.text
    style = ask(app, "GET", "/directory/style.css", auth=None)
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert page.headers.get_list("content-security-policy")[0].startswith("default-src 'none';")


def test_a_mutation_by_get_never_reaches_dagster(app: Guard) -> None:
    for headers in ({}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}):
        refused = ask(app, "GET", "/graphql", params={"query": MUTATION}, headers=headers)
        assert refused.status_code in (403, 405)
        assert "setNuxSeen" not in refused.text
    by_page = ask(app, "POST", "/graphql", json={"query": MUTATION})
    assert by_page.json() == {"data": {"setNuxSeen": True}}


def test_a_read_only_ui_changes_nothing(tmp_path: Path) -> None:
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        workspace_context(instance, EmptyWorkspaceTarget(), read_only=True) as context,
    ):
        app = build_app(context, NAMES, ACCOUNTS, 3000)
        query = 'mutation { deletePipelineRun(runId: "x") { __typename } }'
        answer = ask(app, "POST", "/graphql", json={"query": query}).json()
    assert answer["data"]["deletePipelineRun"]["__typename"] == "UnauthorizedError"


def test_the_pages_are_before_dagsters_own(app: Guard) -> None:
    led = ask(app, "GET", "/directory")
    assert (led.status_code, led.headers["location"]) == (307, "/directory/")
    answer = ask(app, "GET", "/directory/nowhere")
    assert answer.status_code == 404
    assert 'href="/directory/style.css"' in answer.text
    assert "default-src 'none'" in answer.headers.get_list("content-security-policy")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("load_from: [", "ParserError: while parsing a flow node"),
        ("", "Could not parse a workspace config"),
        ("load_form: []", "load_form"),
    ],
)
def test_a_mistake_in_the_workspace_file_is_reported_in_words(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(text)
    with pytest.raises(CannotServe) as refused:
        read_workspace(file)
    assert str(refused.value).startswith(f"The workspace file {file} cannot be read: ")
    assert says in refused.value.message
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600
    assert "What to do: correct the file" in str(refused.value)
