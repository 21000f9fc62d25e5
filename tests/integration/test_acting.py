"""Emotions, gestures and states of an avatar in a real room, as its engine is told to draw them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.errors import ActionNotFoundError, InvalidStateError
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.testing import MarkerEngine, marker_voice

from .rooms import RATE, StageOf, Told, tail

pytestmark = pytest.mark.server


class Watched(MarkerEngine):
    """Keeps what it was told to draw."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[int | None, Presentation]] = []  # slot, None for rest
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        self.drawn.append((None if frame is None else frame.index, presentation))
        self._loop.call_soon_threadsafe(self._rung.set)
        return super().draw(frame, presentation)

    async def until(self, condition: Callable[[], bool]) -> None:
        async def look() -> None:
            while not condition():
                self._rung.clear()
                await self._rung.wait()

        await asyncio.wait_for(look(), 20)

    def afraid(self) -> list[int | None]:
        """Slots that look afraid."""
        return [slot for slot, presentation in self.drawn if presentation.expression.lids > 0.3]


async def test_the_face_listens_when_the_agent_does_and_feels_and_acts_when_told(stage_of: StageOf) -> None:
    engine = Watched()
    async with stage_of(engine=engine) as stage:
        await engine.until(lambda: len(engine.drawn) > 30)
        assert max(abs(presentation.gaze_x) for _, presentation in engine.drawn[20:]) < 0.2, "eyes on the viewer"
        stage.avatar.set_emotion("fear", blend_s=0.2)
        await engine.until(lambda: len(engine.afraid()) > 3)
        stage.avatar.set_emotion("neutral", blend_s=0)
        stage.avatar.act("nod")
        since = len(engine.drawn)
        await engine.until(lambda: any(presentation.pitch > 0.08 for _, presentation in engine.drawn[since:]))
        with pytest.raises(ActionNotFoundError, match="no action 'wave'"):
            stage.avatar.act("wave")
        with pytest.raises(ValueError, match="at is -1"):
            stage.avatar.act("nod", at=-1)


async def test_a_timed_gesture_comes_at_its_slot_and_an_interruption_drops_it(stage_of: StageOf) -> None:
    engine = Watched()
    async with stage_of(engine=engine) as stage:
        told = Told(tail(stage))
        stage.avatar.act("brow_raise", at=0.6)
        await stage.say(marker_voice(1, 2 * RATE, RATE), RATE)
        raised = [slot for slot, presentation in engine.drawn if presentation.expression.inner_brows > 0]
        assert raised
        assert raised[0] is not None
        assert 15 <= raised[0] <= 18

        engine.drawn.clear()
        handle = stage.say(marker_voice(2, 4 * RATE, RATE), RATE)
        await told.until_started(2)
        stage.avatar.act("brow_raise", at=3.0)
        await handle.interrupt()
        await handle
        await stage.say(marker_voice(3, 4 * RATE, RATE), RATE)
        assert not [slot for slot, presentation in engine.drawn if presentation.expression.inner_brows > 0]


async def test_an_avatar_that_is_not_started_takes_no_cue() -> None:
    avatar = AvatarSession(engine=MarkerEngine())
    with pytest.raises(InvalidStateError):
        avatar.act("nod")
    with pytest.raises(ValueError, match="no emotion 'glee'"):
        avatar.set_emotion("glee")
