"""Records what Dagster's UI requests: opens its pages in Chromium, and writes `ui_requests.json`.

Run it after an update of dagster-webserver, while `make ui` runs on a synced demo, with the token of the link
that it prints:

    python -m tests.web.record_requests TOKEN

Chromium's network log has the requests with all headers that its network service sends.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx

ADDRESS = "http://127.0.0.1:3000"
FILE = Path(__file__).with_name("ui_requests.json")
WANTED = (
    "host",
    "origin",
    "content-type",
    "upgrade",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
)
SENT = ("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS")
BUDGET = 20_000  # milliseconds of the page's time

PAGES = (
    "/",
    "/overview/activity/timeline",
    "/overview/jobs",
    "/overview/schedules",
    "/overview/sensors",
    "/overview/resources",
    "/runs",
    "/runs/{run}",
    "/runs/{run}?logs=ERROR",
    "/catalog",
    "/assets",
    "/asset-groups",
    "/assets/demo/people",
    "/assets/demo/people?view=partitions",
    "/assets/demo/people?view=events",
    "/assets/demo/people?view=checks",
    "/assets/demo/people?view=lineage",
    "/assets/demo/resolved_directory?view=checks",
    "/jobs",
    "/automation",
    "/backfills",
    "/health",
    "/deployment",
    "/deployment/daemons",
    "/deployment/config",
    "/deployment/concurrency",
    "/locations",
    "/locations/opensense_okta",
    "/locations/opensense_okta/jobs/demo__sync",
    "/locations/opensense_okta/jobs/demo__sync/playground",
    "/locations/opensense_okta/jobs/demo__sync/runs",
    "/locations/opensense_okta/schedules/demo__daily",
    "/locations/opensense_okta/sensors/retries",
    "/locations/opensense_okta/asset-groups/demo",
    "/search?q=people",
    "/settings",
)


def requests_of(page: str, token: str) -> Iterator[dict[str, Any]]:
    """What the browser sends for a page, to which the sign-in leads."""
    link = f"{ADDRESS}/sign-in?token={token}&next={quote(page, safe='')}"
    with TemporaryDirectory() as folder:
        log = Path(folder) / "net.json"
        options = [
            *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"),
            *(f"--log-net-log={log}", "--net-log-capture-mode=IncludeSensitive"),
            *(f"--virtual-time-budget={BUDGET}", "--dump-dom"),
        ]
        subprocess.run(["chromium", *options, link], check=True, capture_output=True, timeout=120)
        recorded = json.loads(log.read_text())
    names = {number: name for name, number in recorded["constants"]["logEventTypes"].items()}
    for event in recorded["events"]:
        if names[event["type"]] in SENT and "line" in event.get("params", {}):
            yield _request(event["params"])


def _request(sent: Mapping[str, Any]) -> dict[str, Any]:
    method, path, _ = sent["line"].split(" ", 2)
    headers = dict(header.split(": ", 1) for header in sent["headers"] if ": " in header)
    kept = {name.lower(): value for name, value in headers.items() if name.lower() in WANTED}
    return {"method": method, "path": path.partition("?")[0], "headers": kept}


def newest_run(token: str) -> str:
    """The id of the newest run of the demo."""
    query = "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"
    answer = httpx.post(f"{ADDRESS}/graphql", json={"query": query}, auth=("", token)).json()
    return str(answer["data"]["runsOrError"]["results"][0]["runId"])


def main(token: str) -> None:
    """Writes each different request once: the paths of built files are named by their folder."""
    run, different = newest_run(token), dict[str, dict[str, Any]]()
    for page in PAGES:
        for request in requests_of(page.format(run=run), token):
            request["path"] = request["path"].replace(run, "RUN")
            if request["path"].startswith("/_next/"):
                request["path"] = "/_next/static/file"
            different[json.dumps(request, sort_keys=True)] = request
    FILE.write_text(json.dumps([different[key] for key in sorted(different)], indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
