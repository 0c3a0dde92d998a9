import asyncio
import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opensense_okta.directories.http.rate_limit import (
    CATCH_UP,
    MARGIN,
    WINDOW,
    Ceiling,
    Clock,
    ConcurrencyLimit,
    RateLimiter,
    RateLimitHeaders,
    jittered,
)
from tests.support import virtual_time


def virtual_now() -> float:
    return asyncio.get_running_loop().time()


def no_time() -> float:
    return 0.0


@dataclass
class Bucket:
    """A rate-limit bucket as Okta keeps it: a fixed window, counted on arrival, told in headers.

    Attributes:
        limit: calls that a window allows, of all clients together.
        starts: when the first window starts; None: windows start with a call.
        skew: seconds by which its clock is ahead of ours.
        there, back: seconds that a call is under way.
        others: calls that other clients make in a window.
    spread: which part of those is made after which part of the window; evenly by default.
    """

    limit: int
    starts: float | None = None
    skew: float = 0.0
    there: Callable[[], float] = no_time
    back: Callable[[], float] = no_time
    others: int = 0
    spread: Callable[[float], float] = float
    ends: float = -math.inf
    used: int = 0
    refused: int = 0
    served: list[float] = field(default_factory=list)
    windows: Counter[float] = field(default_factory=Counter)

    async def call(self) -> RateLimitHeaders:
        await asyncio.sleep(self.there())
        now = virtual_now()
        self._roll(now)
        gone = self.used + math.ceil(self.others * self.spread(1 - (self.ends - now) / WINDOW))
        if gone < self.limit:
            self.used += 1
            self.served.append(now)
            self.windows[self.ends] += 1
        else:
            self.refused += 1
        date = math.floor(now + self.skew)
        remaining = max(self.limit - gone - 1, 0)
        allowance = RateLimitHeaders(
            self.limit, remaining, self.ends + self.skew, self.ends + self.skew - date
        )
        await asyncio.sleep(self.back())
        return allowance

    def _roll(self, now: float) -> None:
        if now < self.ends:
            return
        if self.starts is None:
            self.ends = math.ceil(now + WINDOW - 1)
        else:
            self.ends = self.starts + WINDOW * (1 + (now - self.starts) // WINDOW)
        self.used = 0


@dataclass
class Outcome:
    governor: RateLimiter
    bucket: Bucket
    turns: int
    sleeps: list[float]


def drive(
    bucket: Bucket, *, share: float = 1.0, workers: int = 8, minutes: float = 3, tell: bool = True
) -> Outcome:
    """Lets workers call for some minutes as fast as the governor allows."""
    sleeps: list[float] = []
    turns = 0

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        await asyncio.sleep(seconds)

    governor = RateLimiter(share, Clock(virtual_now, sleep))

    async def work() -> None:
        nonlocal turns
        while True:
            await governor.acquire()
            turns += 1
            allowance = await bucket.call()
            governor.update(allowance if tell else None)

    async def work_all() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(minutes * 60), asyncio.TaskGroup() as crowd:
                for _ in range(workers):
                    crowd.create_task(work())

    virtual_time.run(work_all())
    return Outcome(governor, bucket, turns, sleeps)


def most_within(served: list[float], seconds: float) -> int:
    """How many calls there were at most in any stretch of so many seconds."""
    return max(sum(start <= moment < start + seconds for moment in served) for start in served)


def delays(seed: int, longest: float) -> Callable[[], float]:
    dice = Random(seed)  # noqa: S311 - no secrets
    return lambda: dice.uniform(0, longest)


@pytest.mark.parametrize(
    ("limit", "share", "calls_a_window"),
    [(600, 0.5, 300), (500, 0.5, 250), (50, 0.5, 25), (50, 0.25, 12), (3, 0.1, 1), (600, 1, 600)],
)
def test_no_window_sees_more_than_the_share(limit: int, share: float, calls_a_window: int) -> None:
    bucket = drive(Bucket(limit, there=delays(1, 0.2)), share=share).bucket
    assert max(bucket.windows.values()) <= calls_a_window
    assert not bucket.refused


@settings(max_examples=100, deadline=None)
@example(limit=100, share=0.5, starts=-37, skew=7, there=0.3, back=60.0, seed=100, workers=6)
@given(
    limit=st.integers(2, 400),
    share=st.floats(0.05, 1.0),
    starts=st.none() | st.integers(-59, 0),
    skew=st.sampled_from([0, -90_000, 7, 86_400]),
    there=st.sampled_from([0.0, 0.3, 5.0]),
    back=st.sampled_from([0.0, 1.0, 20.0, 60.0]),
    seed=st.integers(0, 999),
    workers=st.integers(1, 10),
)
def test_the_share_is_kept_whatever_the_windows_clocks_and_delays(
    limit: int,
    share: float,
    starts: int | None,
    skew: float,
    there: float,
    back: float,
    seed: int,
    workers: int,
) -> None:
    bucket = Bucket(
        limit, starts=starts, skew=skew, there=delays(seed, there), back=delays(seed + 1, back)
    )
    drive(bucket, share=share, workers=workers, minutes=4)
    assert max(bucket.windows.values()) <= max(math.floor(limit * share), 1)
    assert not bucket.refused


@pytest.mark.parametrize("starts", [None, 0, -31])
@pytest.mark.parametrize(("limit", "delay"), [(600, 0.3), (600, 1.0), (50, 1.0), (100, 3.0)])
def test_nine_tenths_of_the_budget_are_used_while_there_is_work(
    limit: int, delay: float, starts: float | None
) -> None:
    bucket = drive(
        Bucket(limit, starts=starts, there=delays(1, delay), back=delays(2, delay)),
        workers=12,
        minutes=10,
    ).bucket
    assert len(bucket.served) >= 0.9 * 10 * limit
    assert not bucket.refused


@pytest.mark.parametrize(
    "spread", [float, lambda part: part**0.1, lambda part: part**10, lambda part: float(part > 0.5)]
)
@pytest.mark.parametrize("others", [0, 100, 290])
def test_others_who_keep_to_their_share_never_notice(
    others: int, spread: Callable[[float], float]
) -> None:
    bucket = Bucket(600, others=others, spread=spread, there=delays(1, 0.5))
    drive(bucket, share=0.5, minutes=5)
    assert not bucket.refused
    assert max(bucket.windows.values()) + others <= 600


@pytest.mark.parametrize("others", [400, 500, 580])
def test_to_others_who_take_more_than_their_share_we_give_way(others: int) -> None:
    bucket = drive(Bucket(600, others=others, there=delays(1, 0.5)), share=0.5, minutes=5).bucket
    assert bucket.refused <= 5
    assert max(bucket.windows.values()) <= 300 - (others - 300) / 2


def test_when_others_take_everything_the_next_window_is_waited_for() -> None:
    outcome = drive(Bucket(60, others=200), share=1.0, minutes=5)
    assert outcome.bucket.refused <= 5  # one a window, that finds out
    assert outcome.governor.waits >= 4


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_calls_are_spread_evenly(share: float) -> None:
    served = drive(Bucket(600, there=delays(1, 0.2)), share=share).bucket.served
    per_second = 600 * share / WINDOW
    assert most_within(served, 5) <= per_second * 5 / CATCH_UP + 3


def test_a_slow_minute_does_not_end_in_a_burst() -> None:
    bucket = Bucket(600, there=lambda: 40.0 if virtual_now() < 1 else 0.0)
    served = drive(bucket, share=0.5, minutes=2).bucket.served
    assert most_within(served, 5) <= 5 * 5 / CATCH_UP + 1


def test_without_headers_nothing_waits() -> None:
    outcome = drive(Bucket(600, there=lambda: 0.5), workers=4, minutes=1, tell=False)
    assert outcome.turns == pytest.approx(4 * 60 / 0.5, abs=8)
    assert outcome.sleeps == []
    assert outcome.governor.headroom is None


def test_without_headers_the_buckets_of_an_api_share_a_ceiling() -> None:
    async def calls() -> list[float]:
        ceiling, at = Ceiling(10), []

        async def work(limiter: RateLimiter) -> None:
            for _ in range(50):
                await limiter.acquire()
                at.append(virtual_now())
                await asyncio.sleep(0.01)
                limiter.update(None)

        limiters = [RateLimiter(1.0, Clock(virtual_now), ceiling=ceiling) for _ in range(2)]
        await asyncio.gather(*(work(limiter) for limiter in limiters for _ in range(3)))
        return sorted(at)

    at = virtual_time.run(calls())
    assert len(at) == 300
    assert most_within(at, 1) <= 12  # with the first call of each bucket
    assert at[-1] == pytest.approx(30, abs=1)


def test_nobody_waits_busily() -> None:
    outcome = drive(Bucket(50, there=delays(1, 2)), share=0.5, minutes=10)
    assert len(outcome.sleeps) <= 2 * outcome.turns
    assert min(outcome.sleeps) > 0


def test_the_first_answer_is_waited_for_before_a_second_call_goes_out() -> None:
    bucket = Bucket(600, there=lambda: 30.0)
    assert drive(bucket, minutes=0.9).turns == 9  # one learned the budget, then all eight went
    assert bucket.served[0] == 30.0


def test_a_first_call_without_an_answer_lets_the_others_go() -> None:
    async def calls() -> float:
        governor = RateLimiter(1.0, Clock(virtual_now))
        await governor.acquire()
        second = asyncio.create_task(governor.acquire())
        await asyncio.sleep(5)
        governor.reset()
        await second
        return virtual_now()

    assert virtual_time.run(calls()) == 5


def answers(*remaining: int, limit: int = 600, ends: float = 60.0) -> list[RateLimitHeaders]:
    return [RateLimitHeaders(limit, left, ends, ends) for left in remaining]


async def turns_until(governor: RateLimiter, moment: float) -> int:
    """How many calls get their turn until then; none is answered."""
    count = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(moment - virtual_now()):
            while True:
                await governor.acquire()
                count += 1
    return count


async def told(governor: RateLimiter, allowances: list[RateLimitHeaders]) -> None:
    """Lets so many calls go at once and answers them in the given order."""
    await governor.acquire()
    governor.update(None)
    for _ in allowances:
        await governor.acquire()
    for allowance in allowances:
        governor.update(allowance)


def test_of_counters_that_come_out_of_order_the_smallest_counts() -> None:
    async def calls() -> int:
        governor = RateLimiter(1.0, Clock(virtual_now))
        await told(governor, answers(6, 9, 4, 8, limit=10))
        return await turns_until(governor, 60.5)

    assert virtual_time.run(calls()) == 4


def test_a_late_answer_of_a_window_that_is_over_gives_nothing_back() -> None:
    async def calls() -> int:
        governor = RateLimiter(0.5, Clock(virtual_now))
        await told(governor, answers(19, limit=20))
        await asyncio.sleep(61)
        await governor.acquire()  # its answer, of the window before, takes long
        await governor.acquire()
        governor.update(RateLimitHeaders(20, 18, 120.0, 120.0 - virtual_now()))
        spent = await turns_until(governor, 90)
        governor.update(RateLimitHeaders(20, 2, 60.0, 30.0))  # sent at 30, of the window before
        return 2 + spent + await turns_until(governor, 120.5)

    assert virtual_time.run(calls()) == 10


def test_no_call_goes_out_while_the_api_says_so() -> None:
    waits: list[float] = []

    async def calls() -> float:
        governor = RateLimiter(1.0, Clock(virtual_now), waits.append)
        await governor.acquire()
        governor.update(None)
        governor.pause(42)
        governor.pause(7)
        await governor.acquire()
        assert (governor.waits, governor.waited) == (2, 49)
        return virtual_now()

    assert virtual_time.run(calls()) == 42
    assert waits == [42, 7]


def test_a_used_up_budget_is_waited_for_and_told() -> None:
    waits: list[float] = []

    async def calls() -> float:
        governor = RateLimiter(1.0, Clock(virtual_now), waits.append)
        await told(governor, answers(0))
        await governor.acquire()
        return virtual_now()

    assert virtual_time.run(calls()) == 60 + MARGIN
    assert waits == [61]


def test_the_smallest_headroom_is_remembered() -> None:
    async def calls() -> float | None:
        governor = RateLimiter(1.0, Clock(virtual_now))
        await told(governor, answers(500, 450, limit=600) + answers(590, ends=120.0))
        return governor.headroom

    assert virtual_time.run(calls()) == 0.75


@dataclass
class Counted:
    now: int = 0
    most: int = 0


async def hold(slots: ConcurrencyLimit, counted: Counted, *, good: bool = True) -> None:
    async with slots.slot():
        counted.now += 1
        counted.most = max(counted.most, counted.now)
        await asyncio.sleep(1)
        counted.now -= 1
        if good:
            slots.increase()


async def at_once(slots: ConcurrencyLimit, calls: int, *, good: bool = False) -> int:
    """How many of so many calls run at the same time at most."""
    counted = Counted()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(calls):
            tasks.create_task(hold(slots, counted, good=good))
    return counted.most


def test_slots_are_halved_at_a_complaint_down_to_one() -> None:
    async def calls() -> list[int]:
        slots = ConcurrencyLimit(10)
        seen = [await at_once(slots, 20)]
        for _ in range(4):
            slots.decrease()
            seen.append(await at_once(slots, 20))
        return seen

    assert virtual_time.run(calls()) == [10, 5, 2, 1, 1]


def test_slots_come_back_one_by_one_with_good_answers() -> None:
    async def calls() -> list[int]:
        slots = ConcurrencyLimit(4)
        slots.decrease()
        slots.decrease()
        good = [await at_once(slots, calls, good=True) for calls in (10, 20, 30, 40)]
        return [*good, await at_once(slots, 40)]

    assert virtual_time.run(calls()) == [1, 2, 3, 4, 4]


def test_jitter_takes_off_half_at_most() -> None:
    drawn = [jittered(4.0) for _ in range(200)]
    assert 2 <= min(drawn) < 2.5
    assert 3.5 < max(drawn) <= 4
