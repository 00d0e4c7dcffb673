"""Whoever will hash a password waits in a line of bounded length."""

import asyncio

import pytest

from identity.errors import Busy
from identity.hashing import (
    MOST_WORKERS,
    RETRY_SECONDS,
    Line,
    own_cores,
    workers_for,
)


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 1), (3, 2), (5, 4), (64, 4)])
def test_a_core_is_left_to_everything_else(cores: int, workers: int) -> None:
    assert workers_for(cores) == workers
    assert 1 <= workers_for(own_cores()) <= MOST_WORKERS


async def test_a_place_is_for_so_many_at_once_and_the_rest_wait_in_order() -> None:
    line, may_end = Line(places=2, most_waiting=10), asyncio.Event()
    gone_on: list[int] = []

    async def somebody(number: int) -> None:
        async with line.place():
            gone_on.append(number)
            await may_end.wait()

    all_of_them = [asyncio.create_task(somebody(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert gone_on == [0, 1]
    may_end.set()
    await asyncio.gather(*all_of_them)
    assert gone_on == [0, 1, 2, 3, 4]


async def test_a_full_line_turns_the_next_one_away_and_has_room_again_later() -> None:
    line, may_end = Line(places=1, most_waiting=2), asyncio.Event()

    async def somebody() -> None:
        async with line.place():
            await may_end.wait()

    three = [asyncio.create_task(somebody()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        async with line.place():
            pytest.fail("nobody gets past a full line")
    assert refused.value.retry_after == RETRY_SECONDS
    may_end.set()
    await asyncio.gather(*three)
    async with line.place():
        pass


async def test_whoever_gives_up_waiting_leaves_their_place_to_the_next() -> None:
    line = Line(places=1, most_waiting=1)

    async def somebody() -> str:
        async with line.place():
            return "through"

    async with line.place():
        first = asyncio.create_task(somebody())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.create_task(somebody())
        await asyncio.sleep(0)
    assert await second == "through"
    assert first.cancelled()


async def test_a_place_rests_until_its_turn_is_over_however_quick_the_work_was() -> None:
    line, loop = Line(places=1, most_waiting=1, turn=0.2), asyncio.get_running_loop()
    began = taken = loop.time()
    for _ in range(2):
        async with line.place():
            taken = loop.time() - began
    assert taken >= 0.2  # the second one's; when the first one's work was done is no matter


async def test_a_fault_gives_the_place_back() -> None:
    line = Line(places=1, most_waiting=0, turn=0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with line.place():
                raise ZeroDivisionError
