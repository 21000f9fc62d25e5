"""A worker collects what its avatars leave behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from livekit_bithuman.fleet import memory


class Room:
    """Refers to itself, as livekit's do."""

    def __init__(self) -> None:
        self.room = self


@pytest.fixture(autouse=True)
def no_collection_by_itself() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def test_what_an_avatar_leaves_is_collected_soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "AFTER_S", 0.05)
    collected = asyncio.Event()
    loop = asyncio.get_running_loop()
    room = weakref.ref(Room(), lambda _: loop.call_soon_threadsafe(collected.set))
    assert room() is not None
    on_left = memory.giving_back(loop)
    leaving = threading.Thread(target=on_left)  # an avatar has a thread of its own
    leaving.start()
    await asyncio.wait_for(collected.wait(), 20)
    leaving.join()
    assert room() is None


def test_what_is_loaded_is_passed_over_and_what_comes_later_is_not() -> None:
    loaded: list[list[int]] = [[] for _ in range(1000)]
    memory.keep_loaded()
    assert gc.get_freeze_count() > 1000
    assert len(gc.get_objects()) < len(loaded)
    later = weakref.ref(Room())
    memory.give_back()
    assert later() is None
