"""Reads listings page by page.

A listing is complete if each page links to the next, no page comes twice, and the last one has no link. It
restarts once if the API no longer accepts the cursor, and resumes where an earlier run stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from opensense_okta.directories.checkpoint import ListingProgress, Page, ReadCheckpoint
from opensense_okta.directories.errors import CursorLost, IncompleteListing, first_of
from opensense_okta.directories.http.client import Answer, Api
from opensense_okta.directories.http.headers import http_date
from opensense_okta.directories.http.rate_limit import RateLimiter
from opensense_okta.directories.records import Records
from opensense_okta.directories.snapshot import Cost


@dataclass(frozen=True)
class Listing:
    """A listing of an API.

    Attributes:
        name: unique in a read, such as `users` or the id of a group.
        file: the checkpoint's file for its records.
        url: the address of the first page.
        bucket: the rate limiter of its requests.
        parse: parses an answer into records.
        tries: attempts at a page that may be too large (an error or a timeout); None: the usual number.
    """

    name: str
    file: str
    url: str
    bucket: RateLimiter
    parse: Callable[[Answer], Records]
    tries: int | None = None


@dataclass
class Pages:
    """Reads listings of one API into a checkpoint.

    Attributes:
        following: returns the address of the next page, from an answer and its records; None at the end.
        read: the number of pages that this process has read.
        on_page: what is on_page of each page.
    """

    api: Api
    checkpoint: ReadCheckpoint
    following: Callable[[Answer, Records], str | None]
    headers: Mapping[str, str] = field(default_factory=dict)
    on_page: Callable[[Page], None] = lambda _page: None
    read: int = 0

    async def complete(self, listing: Listing) -> ListingProgress:
        """Reads the missing pages of a listing into the checkpoint.

        Raises:
            IncompleteListing: a page links back to an earlier one.
            DirectoryError: a page could not be read.
        """
        progress = self.checkpoint.progress(listing.name)
        attempt = progress.last.attempt if progress else 1
        try:
            return await self._read_pages(listing, attempt)
        except CursorLost:
            return await self._read_pages(listing, attempt + 1)

    async def restart(self, listing: Listing) -> ListingProgress:
        """Reads a listing from its first page, in a new attempt."""
        progress = self.checkpoint.progress(listing.name)
        return await self._read_pages(listing, progress.last.attempt + 1 if progress else 1)

    async def _read_pages(self, listing: Listing, attempt: int) -> ListingProgress:
        progress = self.checkpoint.progress(listing.name)
        begun = progress.pages if progress and progress.last.attempt == attempt else ()
        first = urljoin(self.api.origin + "/", listing.url)
        seen = {first, *(page.next for page in begun)}
        following = begun[-1].next if begun else first
        number = len(begun)
        while following is not None:
            number += 1
            records, following, at = await self.api.get(
                following, listing.bucket, self._parser(listing), self.headers, listing.tries
            )
            following = following and urljoin(first, following)
            if (
                following in seen
            ):  # before the page counts, so that a resumed read requests it again
                raise IncompleteListing(
                    f"The pages of {listing.url.partition('?')[0]} run in a circle: a next link came"
                    " twice.",
                    remedy="If it continues, report it to the provider of the API.",
                    transient=True,
                )
            seen.add(following)
            self.read += 1
            page = self.checkpoint.add(
                listing.file, listing.name, attempt, number, records, following, at
            )
            self.on_page(page)
        done = self.checkpoint.progress(listing.name)
        if done is None:
            raise RuntimeError("a listing that was read is not in the checkpoint")
        return done

    def _parser(self, listing: Listing) -> Callable[[Answer], tuple[Records, str | None, datetime]]:
        def parse(answer: Answer) -> tuple[Records, str | None, datetime]:
            at = http_date(answer.header("date")) or datetime.now(UTC)
            records = listing.parse(answer)
            return records, self.following(answer, records), at

        return parse


async def together(*reads: Coroutine[Any, Any, None]) -> None:
    """Runs reads at once; the first error ends all of them.

    Raises:
        DirectoryError: a read failed.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for read in reads:
                tasks.create_task(read)
    except* Exception as failed:  # noqa: BLE001 - whatever it is, only the first one is raised
        raise first_of(failed) from None


async def for_each(
    things: Sequence[str], workers: int, act: Callable[[str], Awaitable[None]]
) -> None:
    """Calls a function for each item, with several workers at once.

    Raises:
        ExceptionGroup: a call failed; the others were cancelled.
    """
    waiting = iter(things)

    async def work() -> None:
        for thing in waiting:
            await act(thing)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(workers, len(things))):
            tasks.create_task(work())


async def for_each_reached(
    first: Sequence[str],
    workers: int,
    act: Callable[[str], Awaitable[None]],
    reached: Callable[[], Sequence[str]],
    on_done: Callable[[int, int], None],
) -> None:
    """Calls a function for each group, then for those that are reached from them, until there are no more.

    Args:
        first: the groups to begin with.
        workers: how many work at once.
        act: reads the members of a group.
        reached: returns the groups that the members read so far lead to, each once.
        on_done: is called after each group with the number of those that are done, and of all so far.

    Raises:
        ExceptionGroup: a call failed; the others were cancelled.
    """
    done, groups = 0, first
    total = len(first)

    async def act_and_count(group: str) -> None:
        nonlocal done
        await act(group)
        done += 1
        on_done(done, total)

    while True:
        await for_each(groups, workers, act_and_count)
        groups = reached()
        if not groups:
            return
        total += len(groups)


def cost_of(pages: Pages, buckets: Sequence[RateLimiter]) -> Cost:
    """The cost of the pages so far."""
    usage = pages.api.usage
    headroom = [bucket.headroom for bucket in buckets if bucket.headroom is not None]
    return Cost(
        requests=usage.requests,
        retries=usage.retries,
        pages=pages.read,
        resumed_pages=pages.checkpoint.resumed_pages,
        received=usage.received,
        waits=sum(bucket.waits for bucket in buckets),
        waited=round(sum(bucket.waited for bucket in buckets), 1),
        headroom=min(headroom, default=None),
    )
