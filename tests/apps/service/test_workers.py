"""The processes behind the service: their queue, their end, and what a bad task costs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import slow_work

from renzheng.apps.service.workers import Busy, Died, TookTooLong, Workers
from renzheng.errors import PackError, RenzhengError


@asynccontextmanager
async def opened(
    how: str = "well", *, count: int = 1, queue: int = 10, timeout: float = 20
) -> AsyncIterator[Workers]:
    workers = Workers(
        slow_work.start, (how,), count=count, queue=queue, timeout=timeout, patience=2 * timeout
    )
    await workers.open()
    try:
        yield workers
    finally:
        await workers.close()


async def until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_every_task_gets_its_own_result_from_all_processes() -> None:
    async def run() -> None:
        async with opened(count=2, queue=100) as workers:
            tasks = [("sleep" if k % 7 == 0 else "say", 0.01 * k) for k in range(60)]
            results = await asyncio.gather(*(workers.do(task) for task in tasks))
            assert [value for _, value in results] == [value for _, value in tasks]
            assert len({process for process, _ in results}) == 2
            assert os.getpid() not in {process for process, _ in results}
            assert (workers.ready, workers.waiting, workers.replaced) == (2, 0, 0)

    asyncio.run(run())


def test_who_comes_when_the_queue_is_full_is_sent_away_at_once() -> None:
    async def run() -> None:
        async with opened(queue=2) as workers:
            running = [asyncio.ensure_future(workers.do(("sleep", 0.5))) for _ in range(3)]
            await until(lambda: workers.waiting == 2)
            assert workers.full
            asked = asyncio.ensure_future(workers.do(("say", 1)))
            with pytest.raises(Busy) as told:
                await asked
            assert workers.waiting == 2  # none of the others was done meanwhile
            assert told.value.seconds >= 1
            await asyncio.gather(*running)
            assert not workers.full
            assert (await workers.do(("say", 1)))[1] == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("task", "error"), [(("die", 0), Died), (("fail", 0), Died), (("sleep", 30), TookTooLong)]
)
def test_a_bad_task_costs_itself_only(task: tuple[str, Any], error: type[Exception]) -> None:
    async def run() -> None:
        async with opened(timeout=3) as workers:
            (first, _) = await workers.do(("say", 1))
            bad = asyncio.ensure_future(workers.do(task))
            await asyncio.sleep(0.05)
            others = [asyncio.ensure_future(workers.do(("say", k))) for k in range(5)]
            with pytest.raises(error) as told:
                await bad
            assert "secret" not in str(told.value)
            results = await asyncio.gather(*others)
            assert [value for _, value in results] == [0, 1, 2, 3, 4]
            assert first not in {process for process, _ in results}
            assert (workers.replaced, workers.ready) == (1, 1)

    asyncio.run(run())


def test_nobody_waits_longer_than_two_tasks_may_take() -> None:
    async def run() -> None:
        async with opened(timeout=2) as workers:
            slow = [asyncio.ensure_future(workers.do(("sleep", 1.5))) for _ in range(4)]
            results = await asyncio.gather(*slow, return_exceptions=True)
            assert [isinstance(each, Busy) for each in results] == [False, False, False, True]
            assert workers.waiting == 0
            assert (await workers.do(("say", 9)))[1] == 9
            assert workers.replaced == 0

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals")
def test_a_stopped_process_is_replaced_though_it_takes_nothing() -> None:
    async def run() -> None:
        async with opened(timeout=2) as workers:
            (process, _) = await workers.do(("say", 1))
            os.kill(process, signal.SIGSTOP)
            with pytest.raises(TookTooLong):
                await workers.do(("say", b"x" * 3_000_000))  # more than a pipe holds
            assert (await workers.do(("say", 2)))[0] != process

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals")
def test_a_process_that_dies_before_it_takes_a_task_costs_nobody_anything() -> None:
    async def run() -> None:
        async with opened() as workers:
            (process, _) = await workers.do(("say", 1))
            os.kill(process, signal.SIGSTOP)  # alive, so it is given the task
            asked = asyncio.create_task(workers.do(("say", 2)))
            await asyncio.sleep(0.2)
            os.kill(process, signal.SIGKILL)
            other, value = await asked
            assert (other != process, value) == (True, 2)
            assert workers.replaced == 1

    asyncio.run(run())


def test_a_task_that_no_process_can_receive_is_given_to_two_only() -> None:
    async def run() -> None:
        async with opened() as workers:
            with pytest.raises(Died):
                await workers.do(("say", slow_work.Unreceivable()))
            assert (await workers.do(("say", 3)))[1] == 3
            assert workers.replaced == 2

    asyncio.run(run())


def test_a_process_that_cannot_be_replaced_at_once_is_replaced_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launch, failed = Workers._launch, []

    def scarce(self: Workers) -> Any:
        if len(failed) < 2:
            failed.append(OSError(24, "Too many open files"))
            raise failed[-1]
        return launch(self)

    async def run() -> None:
        async with opened() as workers:
            monkeypatch.setattr(Workers, "_launch", scarce)
            with pytest.raises(Died):
                await workers.do(("die", 0))
            assert (await workers.do(("say", 1)))[1] == 1
            assert len(failed) == 2

    asyncio.run(run())


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_process_that_died_while_idle_costs_nobody_anything() -> None:
    async def run() -> None:
        async with opened(count=2) as workers:
            (process, _) = await workers.do(("say", 1))
            os.kill(process, signal.SIGKILL)
            await until(lambda: workers.ready == 1)
            results = await asyncio.gather(*(workers.do(("sleep", 0.1)) for _ in range(6)))
            assert process not in {each for each, _ in results}
            await until(lambda: workers.ready == 2)

    asyncio.run(run())


def test_who_leaves_the_queue_makes_room_and_loses_no_process() -> None:
    async def run() -> None:
        async with opened(queue=2) as workers:
            first = asyncio.ensure_future(workers.do(("sleep", 0.3)))
            await asyncio.sleep(0.05)
            waiting = [asyncio.ensure_future(workers.do(("say", k))) for k in range(2)]
            await until(lambda: workers.waiting == 2)
            waiting[0].cancel()
            await asyncio.sleep(0)
            assert workers.waiting == 1
            first.cancel()  # the process is still at it
            assert (await waiting[1])[1] == 1
            assert (await workers.do(("say", 9)))[1] == 9
            assert workers.replaced == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("badly", PackError, "no pack is called"),
        ("broken", RenzhengError, "ZeroDivisionError"),
        ("dead", RenzhengError, "died while it started"),
    ],
)
def test_processes_that_do_not_come_up_say_why(
    how: str, kind: type[RenzhengError], words: str
) -> None:
    async def run() -> None:
        async with opened(how, count=2):
            pass

    with pytest.raises(kind, match=words):
        asyncio.run(run())


def test_what_was_begun_is_finished_before_the_end() -> None:
    async def run() -> None:
        async with opened() as workers:
            slow = asyncio.ensure_future(workers.do(("sleep", 0.4)))
            await asyncio.sleep(0.1)
            assert (await slow)[1] == 0.4
        assert workers.ready == 0

    asyncio.run(run())
