"""The page of a day that is held back, and the form that approves it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from opensense_okta.publishing.days import telling
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.publish import publish
from opensense_okta.web.visitor import Visitor
from tests.support.pages import Pages, Shown, hold_day, organization, pages, publish_day
from tests.support.stored import DAY

TOKEN = "0123456789"
EVE = Visitor("Eve", form_token=TOKEN)
PAGE = f"/acme/days/{DAY}"
BEFORE = DAY.replace(day=DAY.day - 1)
MANY = {
    str(number): {"email": f"{number}@acme.test", "display_name": f"Person {number}", "title": "x"}
    for number in range(40)
}
FEW = {name: values for name, values in MANY.items() if int(name) % 2}


class Dagster:
    """Dagster's web application as the form needs it: it knows one job, and remembers what was launched.

    Attributes:
        job: that it knows.
        answer: the type of the answer to a launch.
        launched: the parameters of each launch.
    """

    def __init__(self) -> None:
        self.job = "acme__approve"
        self.answer = "LaunchRunSuccess"
        self.launched: list[dict[str, object]] = []
        self.app = Starlette(routes=[Route("/graphql", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> JSONResponse:
        asked = json.loads(await request.body())
        if "launchRun" in asked["query"]:
            self.launched.append(asked["variables"]["params"])
            launched = {"__typename": self.answer, "run": {"runId": "a-run"}}
            return JSONResponse({"data": {"launchRun": launched}})
        node = {"name": "repo", "location": {"name": "place"}, "jobs": [{"name": self.job}]}
        return JSONResponse({"data": {"repositoriesOrError": {"nodes": [node]}}})


@pytest.fixture
def dagster() -> Dagster:
    return Dagster()


@pytest.fixture
def home(tmp_path: Path, dagster: Dagster) -> Iterator[Pages]:
    with pages(tmp_path, dagster=dagster.app) as home:
        home.visitor = EVE
        publish_day(home.lake, BEFORE, MANY)
        hold_day(home.lake, DAY, FEW)
        yield home


def shown(home: Pages) -> Shown:
    answer = home.get(PAGE)
    assert answer.status_code == 200
    return Shown(answer.text)


def send(home: Pages, fields: dict[str, str]) -> tuple[int, str]:
    """Sends the form; the status, and where it leads or what the page says."""
    answer = home.ask("POST", PAGE, data=fields)
    return answer.status_code, answer.headers.get("location") or Shown(answer.text).words


def test_the_page_has_the_reasons_the_numbers_and_twenty_examples(home: Pages) -> None:
    page = shown(home)
    assert f"acme, {DAY}: held back" in page.words
    assert "20 of 40 active people (50.0 %) are gone (20) or inactive (0)" in page.words
    assert f"Compared with the directory of {BEFORE}" in page.words
    assert "Would change 0 people added, 20 removed, 0 changed" in page.words
    assert "removed 20 active people, or accounts of one directory, that are gone" in page.words
    assert "display name email directory now Person 0 0@acme.test hr gone" in page.words
    assert page.words.count(" gone Person") == 19
    assert page.elements.count("caption") == 2


def test_a_day_is_compared_once_for_all_who_look(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shown(home)
    monkeypatch.setattr("opensense_okta.web.pages.held_day.examples_of", None)
    assert shown(home).words == first.words


def test_of_losses_that_are_counted_twice_one_is_shown() -> None:
    verdicts = [
        Verdict(name="removed", message="", count=7),
        Verdict(name="removed", message="", directory="hr", count=9),
        Verdict(name="blanked", message="", attribute="title", count=1),
        Verdict(name="blanked", message="", attribute="email", count=2),
        Verdict(name="removed", message="", directory="shop", count=9),
    ]
    assert telling(verdicts) == [verdicts[1], verdicts[2], verdicts[3]]


def test_the_form_starts_the_job_with_what_was_seen(home: Pages, dagster: Dagster) -> None:
    judgement = stored_judgement(home.lake, DAY)
    assert judgement is not None
    page = shown(home)
    assert page.fields == {"form_token": TOKEN, "digest": judgement.digest, "removed": "20"}
    assert "You approve exactly what is shown above: removed 20. Your name, Eve" in page.words
    assert send(home, page.fields) == (303, "/runs/a-run")
    (launched,) = dagster.launched
    assert launched == {
        "mode": "default",
        "selector": {
            "repositoryName": "repo",
            "repositoryLocationName": "place",
            "jobName": "acme__approve",
        },
        "runConfigData": {
            "ops": {
                "acme__resolved_directory": {
                    "config": {"by": "Eve", "digest": judgement.digest, "removed": 20}
                }
            }
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(DAY)}]},
    }


@pytest.mark.parametrize(
    "visitor",
    [None, Visitor(None, form_token=TOKEN), Visitor("Eve", read_only=True, form_token=TOKEN)],
)
def test_nobody_else_can_approve(home: Pages, dagster: Dagster, visitor: Visitor | None) -> None:
    fields = shown(home).fields
    home.visitor = visitor
    page = shown(home)
    assert "form" not in page.elements
    assert "sign in as a named user" in page.words
    assert "opensense-okta approve acme --date 2026-11-23" in page.words
    status, words = send(home, fields)
    assert (status, dagster.launched) == (403, [])
    assert "Only a named user can approve a day" in words


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"form_token": "1123456789"}, 403, "The form is too old, or it is not of this server."),
        ({"form_token": ""}, 403, "The form is too old"),
        (
            {"removed": "19"},
            409,
            "hold it back are removed 20, and given were removed 19",
        ),
        ({"removed": "x"}, 400, "The numbers of the form are no numbers."),
        ({"blanked": "0"}, 409, "was not approved"),
        ({"by": "Mallory"}, 400, "The numbers of the form are no numbers."),
        ({"digest": "0"}, 409, "the limits or the published directory have changed"),
        ({"digest": ""}, 409, "have changed since its verdicts were shown"),
    ],
)
def test_a_form_that_was_not_shown_so_approves_nothing(
    home: Pages, dagster: Dagster, changed: dict[str, str], status: int, says: str
) -> None:
    answer = send(home, {**shown(home).fields, **changed})
    assert answer[0] == status
    assert says in answer[1]
    assert dagster.launched == []


def test_numbers_that_changed_since_are_shown_again(home: Pages, dagster: Dagster) -> None:
    fields = shown(home).fields
    hold_day(home.lake, DAY, dict(list(FEW.items())[1:]))
    answer = home.ask("POST", PAGE, data=fields)
    page = Shown(answer.text)
    assert (answer.status_code, dagster.launched) == (409, [])
    assert "✕ not approved" in page.words
    assert page.fields["removed"] == "21"
    assert send(home, page.fields) == (303, "/runs/a-run")


def test_a_day_that_is_not_held_any_more_needs_no_approval(home: Pages, dagster: Dagster) -> None:
    fields = shown(home).fields
    publish(hold_day(home.lake, DAY, MANY), home.lake, DAY)
    status, words = send(home, fields)
    assert (status, dagster.launched) == (409, [])
    assert "it needs nobody's approval" in words
    assert "The day is published; it does not wait for an approval." in words


def test_a_job_that_cannot_be_started_is_an_error_with_a_remedy(
    home: Pages, dagster: Dagster
) -> None:
    fields = shown(home).fields
    dagster.answer = "UnauthorizedError"
    status, words = send(home, fields)
    assert status == 500
    assert "Dagster did not start the job acme__approve for 2026-11-23: UnauthorizedError." in words
    dagster.job = "other"
    status, words = send(home, fields)
    assert status == 503
    assert "What to do: wait until Dagster has loaded the definitions" in words


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/acme/days/2026-11-20", "Nothing of acme is stored for 2026-11-20."),
        ("/acme/days/today", "“today” is no day."),
        ("/nix/days/2026-11-23", "There is no organization “nix”."),
    ],
)
def test_a_day_of_which_nothing_is_stored_is_not_found(
    home: Pages, address: str, says: str
) -> None:
    for method in ("GET", "POST"):
        answer = home.ask(method, address, data={"form_token": TOKEN} if method == "POST" else None)
        if method == "GET" or "Nothing" not in says:  # a form of such a day is not approved
            assert answer.status_code == 404
            assert says in Shown(answer.text).words


def test_damaged_tables_are_an_error_with_a_remedy(home: Pages) -> None:
    judgement = stored_judgement(home.lake, DAY)
    assert judgement is not None
    home.lake.resolved(DAY).table_of(judgement.resolved, "people").write_bytes(b"PAR1")
    answer = home.get(PAGE)
    words = Shown(answer.text).words
    assert answer.status_code == 500
    assert "people.parquet cannot be read: the table is damaged" in words
    assert "Traceback" not in words
    assert organization().name in words
