"""The floor: the same pages, downloaded by the barest client and thrown away.

Usage: python benchmarks/floor.py URL
"""

import asyncio
import json
import sys

import httpx

HEADERS = {"Authorization": "SSWS simulator-token"}
WORKERS = 8


async def pages(client: httpx.AsyncClient, url: str) -> list[bytes]:
    """Every page of a listing."""
    bodies = []
    following: str | None = url
    while following:
        response = await client.get(following, headers=HEADERS)
        response.raise_for_status()
        bodies.append(response.content)
        following = response.links.get("next", {}).get("url")
    return bodies


async def users(client: httpx.AsyncClient) -> int:
    """Both listings of users."""
    plain = await pages(client, "/api/v1/users?limit=200")
    gone = await pages(client, "/api/v1/users?limit=200&filter=status%20eq%20%22DEPROVISIONED%22")
    return len(plain) + len(gone)


async def members(client: httpx.AsyncClient) -> int:
    """The groups and the members of each that is not empty."""
    listed = await pages(client, "/api/v1/groups?limit=200&expand=stats")
    groups = [group for body in listed for group in json.loads(body)]
    ids = [group["id"] for group in groups if group["_embedded"]["stats"]["usersCount"]]
    waiting = iter(ids)
    read = len(listed)

    async def work() -> None:
        nonlocal read
        for group_id in waiting:
            listed_members = await pages(client, f"/api/v1/groups/{group_id}/users?limit=1000")
            read += len(listed_members)

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return read


async def main(url: str) -> None:
    """Downloads everything once and prints the number of requests."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        print(sum(await asyncio.gather(users(client), members(client))))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
