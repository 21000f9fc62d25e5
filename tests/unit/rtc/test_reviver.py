"""Engines made anew: once, in time, none left behind, and said so once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.rtc import reviver as module
from livekit_bithuman.rtc.reviver import Reviver
from livekit_bithuman.testing import MarkerEngine


class Closable(MarkerEngine):
    """Says that it was closed."""

    def __init__(self) -> None:
        super().__init__((16, 16))
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class SlowFactory:
    """Makes one engine, when it is let."""

    def __init__(self) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.engine = Closable()

    def __call__(self) -> Closable:
        self.begun.set()
        self.release.wait(10)
        return self.engine


class Place:
    """Where engines are installed."""

    def __init__(self, make: Callable[[], Engine] | None) -> None:
        self.engines: list[Engine] = []
        self.told: list[Exception | None] = []
        self.refuses = 0
        self.installed = asyncio.Event()
        self.reviver = Reviver(make, self.install, self.told.append)

    def install(self, engine: Engine, make: Callable[[], Engine] | None) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ValueError("another frame rate")
        self.engines.append(engine)
        self.reviver.take_over(make)
        self.installed.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.001)


async def test_a_failed_engine_is_made_anew_and_its_recovery_is_told() -> None:
    place = Place(Closable)
    error = RuntimeError("broken")
    place.reviver.failed(error, in_draw=False)
    place.reviver.failed(error, in_draw=True)
    await asyncio.wait_for(place.installed.wait(), 10)
    assert place.reviver._making is not None
    await place.reviver._making
    place.reviver.drew(speech=False)
    assert len(place.engines) == 1
    assert place.told == [error, None]
    assert (place.reviver.failures, place.reviver.restarts) == (1, 1)
    await place.reviver.aclose()


async def test_an_engine_that_cannot_be_fed_has_not_recovered_by_resting() -> None:
    place = Place(None)
    place.reviver.failed(RuntimeError("will not listen"), in_draw=False)
    place.reviver.drew(speech=False)
    assert len(place.told) == 1
    place.reviver.failed(RuntimeError("still will not"), in_draw=False)
    assert place.reviver.failures == 1, "in a row count as one"
    place.reviver.drew(speech=True)
    assert place.told[-1] is None


async def test_an_engine_that_was_swapped_in_is_not_replaced_by_one_made_for_the_old() -> None:
    factory = SlowFactory()
    place = Place(factory)
    place.reviver.failed(RuntimeError("broken"), in_draw=True)
    assert await asyncio.to_thread(factory.begun.wait, 10)
    place.reviver.take_over(None)
    factory.release.set()
    assert await asyncio.to_thread(factory.engine.closed.wait, 10), "nobody's engine is closed"
    assert place.engines == []
    await place.reviver.aclose()


async def test_an_engine_that_does_not_fit_is_closed_and_another_one_made() -> None:
    made: list[Closable] = []

    def make() -> Closable:
        made.append(Closable())
        return made[-1]

    place = Place(make)
    place.refuses = 2
    place.reviver.failed(RuntimeError("broken"), in_draw=True)
    await asyncio.wait_for(place.installed.wait(), 10)
    assert [engine.closed.is_set() for engine in made] == [True, True, False]
    assert place.engines == [made[2]]
    await place.reviver.aclose()


async def test_closing_while_one_is_made_leaves_none_open() -> None:
    factory = SlowFactory()
    place = Place(factory)
    place.reviver.failed(RuntimeError("broken"), in_draw=True)
    assert await asyncio.to_thread(factory.begun.wait, 10)
    await place.reviver.aclose()
    factory.release.set()
    assert await asyncio.to_thread(factory.engine.closed.wait, 10)
    assert place.engines == []
