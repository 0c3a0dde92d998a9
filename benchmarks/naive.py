"""The naive script: what somebody writes on the first day.

A synchronous client requests the users, the groups, and the members of each group, one page after another.
The records become pandas DataFrames, and these become tables of a DuckDB file.

Usage: python benchmarks/naive.py URL DATABASE
"""

import json
import sys
from typing import Any

import duckdb
import httpx
import pandas as pd

HEADERS = {"Authorization": "SSWS simulator-token"}
DEPROVISIONED = "/api/v1/users?limit=200&filter=status%20eq%20%22DEPROVISIONED%22"


def records(client: httpx.Client, url: str) -> tuple[list[dict[str, Any]], int]:
    """The records of every page of a listing, and the number of pages."""
    listed: list[dict[str, Any]] = []
    pages = 0
    following: str | None = url
    while following:
        response = client.get(following)
        response.raise_for_status()
        listed += response.json()
        following = response.links.get("next", {}).get("url")
        pages += 1
    return listed, pages


def main(url: str, database: str) -> None:
    """Fills the database; prints the number of requests and the rows of each table."""
    memberships: list[tuple[str, str]] = []
    with httpx.Client(base_url=url, headers=HEADERS, timeout=60) as client:
        users, requests = records(client, "/api/v1/users?limit=200")
        deprovisioned, pages = records(client, DEPROVISIONED)
        users += deprovisioned
        requests += pages
        groups, pages = records(client, "/api/v1/groups?limit=200")
        requests += pages
        for group in groups:
            members, pages = records(client, f"/api/v1/groups/{group['id']}/users?limit=1000")
            requests += pages
            memberships += [(group["id"], member["id"]) for member in members]
    frames = {
        "users": pd.json_normalize(users),
        "groups": pd.json_normalize(groups),
        "memberships": pd.DataFrame(memberships, columns=["group_id", "user_id"]),
    }
    with duckdb.connect(database) as connection:
        for table, frame in frames.items():
            connection.register("frame", frame)
            connection.execute(f"create table {table} as from frame")
    rows = {table: len(frame) for table, frame in frames.items()}
    print(json.dumps({"requests": requests, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
