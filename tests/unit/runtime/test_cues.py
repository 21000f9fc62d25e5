"""Emotions and actions of messages: in the turn that they come with, at their place, and between turns."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.errors import ActionNotFoundError
from livekit_bithuman.media import AudioChunk, Emotion, EmotionPrediction, VideoControl
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.runtime import AsyncBithuman

RATE = 16_000
SLOT = RATE // 25
FEAR = VideoControl(emotion_preds=[EmotionPrediction(Emotion.FEAR, 1.0)])


class Watched:
    """A runtime that never waits for real time, and the presentations that it drew."""

    def __init__(self, runtime: AsyncBithuman, drawn: list[Presentation]) -> None:
        self.runtime = runtime
        self.drawn = drawn

    async def turn(self) -> list[Presentation]:
        """What was drawn from here to the end of a turn."""
        since = len(self.drawn)
        async for frame in self.runtime.run():
            if frame.end_of_speech:
                break
        return self.drawn[since:]

    async def fillers(self, count: int) -> list[Presentation]:
        since = len(self.drawn)
        stream = self.runtime.run()
        for _ in range(count):
            await anext(stream)
        return self.drawn[since:]

    async def say(self, slots: int) -> None:
        await self.runtime.push_audio(np.full(slots * SLOT, 100, np.int16).tobytes(), RATE, last_chunk=False)


@pytest_asyncio.fixture(params=[False, True], ids=["plain fillers", "drawn fillers"])
async def rt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    drawn: list[Presentation] = []
    draw = EmbeddedEngine.draw

    def watching(self: EmbeddedEngine, frame: object, presentation: Presentation) -> Picture:
        drawn.append(presentation)
        return draw(self, frame, presentation)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddedEngine, "draw", watching)
    runtime = await AsyncBithuman.create(output_size=(32, 32), filler_images=request.param)
    runtime._source.clock = itertools.count().__next__
    yield Watched(runtime, drawn)
    await runtime.stop()


def wide(drawn: list[Presentation]) -> list[int]:
    """The pictures whose eyes are wide."""
    return [index for index, presentation in enumerate(drawn) if presentation.expression.lids > 0]


async def test_an_emotion_in_a_turn_begins_where_it_was_pushed(rt: Watched) -> None:
    await rt.say(10)
    await rt.runtime.push(FEAR)
    await rt.say(20)
    await rt.runtime.flush()
    assert wide(await rt.turn()) == list(range(10, 30))


async def test_an_emotion_lasts_through_turns_and_interruptions_until_another(rt: Watched) -> None:
    await rt.say(5)
    await rt.runtime.push(FEAR)
    await rt.say(20)
    await rt.runtime.flush()
    await rt.turn()
    await rt.say(10)
    rt.runtime.interrupt()
    await rt.say(4)
    await rt.runtime.flush()
    drawn = await rt.turn()
    assert wide(drawn) == [0, 1, 2, 3]
    assert len({presentation.expression.lids for presentation in drawn}) == 1, "it is there, not coming"
    await rt.runtime.push(VideoControl(emotion_preds=[EmotionPrediction(Emotion.NEUTRAL, 1.0)]))
    await rt.say(30)
    await rt.runtime.flush()
    assert (await rt.turn())[-1].expression.lids == 0


async def test_what_comes_between_turns_is_followed_by_what_is_drawn_next(rt: Watched) -> None:
    resting = rt.runtime._source._filler_images
    await rt.fillers(3)
    await rt.runtime.push(FEAR)
    rested = await rt.fillers(30)
    assert bool(wide(rested)) == resting
    await rt.say(3)
    await rt.runtime.flush()
    lids = [presentation.expression.lids for presentation in await rt.turn()]
    if resting:
        assert lids == [rested[-1].expression.lids] * 3
    else:
        assert 0 < lids[0] < lids[1] < lids[2] < 0.5, "it begins with the turn"


async def test_several_actions_come_one_after_the_other(rt: Watched) -> None:
    audio = AudioChunk(np.zeros(80 * SLOT, np.int16), RATE)
    await rt.runtime.push(VideoControl(audio=audio, action=["brow_raise", "nod"]))
    drawn = await rt.turn()
    raised, idle = [p.expression.inner_brows > 0.1 for p in drawn], rt.runtime._composer
    assert idle is not None
    dipped = [p.pitch - idle._demeanour.speaking(slot).pitch > 0.06 for slot, p in enumerate(drawn)]
    assert any(raised[:25])
    assert not any(raised[26:])
    assert not any(dipped[:25])
    assert any(dipped[25:54])


async def test_an_unknown_action_is_refused_and_nothing_of_its_message_taken(rt: Watched) -> None:
    audio = AudioChunk(np.zeros(3 * SLOT, np.int16), RATE)
    with pytest.raises(ActionNotFoundError, match="no action 'wave'"):
        await rt.runtime.push(VideoControl(audio=audio, action=["nod", "wave"]))
    await rt.say(2)
    await rt.runtime.flush()
    drawn = await asyncio.wait_for(rt.turn(), 10)
    assert len(drawn) == 2
    assert max(presentation.pitch for presentation in drawn) < 0.05
