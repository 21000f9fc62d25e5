"""A coroutine that is started within the call behaves as any other after it."""

from __future__ import annotations

import asyncio

import pytest

from livekit_bithuman.rtc.eager import start_now


async def test_it_runs_up_to_its_first_wait_within_the_call() -> None:
    steps: list[str] = []
    first, second = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        steps.append("called")
        await first.wait()
        steps.append("first")
        await second.wait()
        steps.append("second")

    task = start_now(work(), "work")
    assert steps == ["called"]
    assert task is not None
    first.set()
    second.set()
    await task
    assert steps == ["called", "first", "second"]


async def test_nothing_to_wait_for_needs_no_task() -> None:
    async def work() -> None:
        pass

    assert start_now(work(), "work") is None


async def test_an_error_before_the_first_wait_comes_out_of_the_call_and_one_after_it_out_of_the_task() -> None:
    async def work(wait: bool) -> None:
        if wait:
            await asyncio.sleep(0)
        raise KeyError("lost")

    with pytest.raises(KeyError):
        start_now(work(wait=False), "work")
    task = start_now(work(wait=True), "work")
    assert task is not None
    with pytest.raises(KeyError):
        await task


async def test_it_can_be_cancelled_and_may_refuse() -> None:
    never = asyncio.Event()
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await never.wait()
        except asyncio.CancelledError:
            cleaned.append("once")
        try:
            await never.wait()
        finally:
            cleaned.append("twice")

    task = start_now(work(), "work")
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert cleaned == ["once"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["once", "twice"]
