"""The voice of one agent in one room: its streams and its calls, and nobody else's.

livekit-agents' own receiver keeps its handlers by the caller's identity for all rooms of a process; a worker whose
avatars share a process needs them by room.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent

from ..rtc import compat
from ..rtc.alarm import Alarm
from ..rtc.remote.peer import SEGMENT_ATTRIBUTE
from .reports import Reports

logger = logging.getLogger("livekit_bithuman")

#: A stream that gives nothing for so long has lost its end, as livekit-agents has it.
IDLE_TIMEOUT_S = 10.0
RATES, MOST_CHANNELS = (8_000, 192_000), 8
#: Others in the room whose attempts are logged.
MOST_STRANGERS = 16


@dataclass
class VoiceStream:
    """One segment on its way: what the agent sends between opening a stream and closing it."""

    reader: rtc.ByteStreamReader
    segment: str | None  # as the agent counts it, if it does
    over: asyncio.Event = field(default_factory=asyncio.Event)  # no more is awaited: cleared, or another one began
    cleared: bool = False


class VoiceReceiver:
    """Plays an agent's streams through an output, one after another, and reports each one's end exactly once.

    Args:
        room: The avatar's.
        agent: Identity of the agent.
        session: The call, for log lines.
    """

    def __init__(self, room: rtc.Room, agent: str, session: str | None = None) -> None:
        self._session = session
        self._room = room
        self._agent = agent
        self._output: AudioOutput | None = None  # once it is there
        self._reports = Reports(room, agent)
        # Readers hold what was sent and not played: a reply's worth, since the agent sends faster than it is heard.
        self._streams: deque[VoiceStream] = deque()
        self._current: VoiceStream | None = None
        self._captured: deque[str | None] = deque()  # segments that the output has and did not finish, in order
        self._alarm = Alarm()
        self._strangers: set[str] = set()  # that were logged
        self._moved = asyncio.Event()  # rung whenever less may be pending
        self._playing: asyncio.Task[None] | None = None
        self.on_voice: Callable[[], None] | None = None  # told when a segment begins to arrive

    def listen_for_streams(self) -> None:
        """Take streams from now on; call before the room is connected, or the first may be missed."""
        self._room.register_byte_stream_handler(compat.AUDIO_STREAM_TOPIC, self._on_stream)

    def start(self, output: AudioOutput) -> None:
        """Take calls, and play, what came before as well. The room must be connected.

        Args:
            output: Speaks.
        """
        self._output = output
        self._room.local_participant.register_rpc_method(compat.RPC_CLEAR_BUFFER, self._on_clear)
        output.on("playback_started", self._on_started)
        output.on("playback_finished", self._on_finished)
        self._reports.start()
        self._playing = asyncio.create_task(self._play(output), name="avatar voice from the agent")

    @property
    def idle(self) -> bool:
        """Whether nothing of the agent's is pending."""
        return not (self._streams or self._current or self._captured)

    @property
    def segment(self) -> str | None:
        """The segment that is heard, as the agent counts it."""
        return self._captured[0] if self._captured else None

    def clear(self) -> None:
        """Be silent; what is pending ends as interrupted."""
        waiting, self._streams = self._streams, deque()
        if self._current is not None:
            self._current.cleared = True
            self._current.over.set()
        if self._output is not None:
            self._output.flush()
            self._output.clear_buffer()
        for stream in waiting:
            stream.reader.close()
            self._reports.finished(0.0, interrupted=True)
        self._moved.set()

    async def until_idle(self) -> None:
        """Return when nothing of the agent's is pending."""
        while not self.idle:
            self._moved.clear()
            await self._moved.wait()

    async def all_told(self) -> None:
        """Return when the agent knows of every end."""
        await self._reports.all_told()

    async def aclose(self) -> None:
        """Take nothing more. Idempotent."""
        self._room.unregister_byte_stream_handler(compat.AUDIO_STREAM_TOPIC)
        compat.take_no_calls(self._room, compat.RPC_CLEAR_BUFFER)
        playing, self._playing = self._playing, None
        if playing is not None:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        for stream in self._streams:
            stream.reader.close()
        self._streams.clear()
        await self._reports.aclose()

    # what comes

    def _on_stream(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if identity != self._agent:
            self._warn(identity, "sent a stream of voice")
            reader.close()
            return
        for earlier in (self._current, *self._streams):
            if earlier is not None:
                earlier.over.set()  # an agent never opens two: if the end is not there yet, it was lost
        attributes = reader.info.attributes or {}
        self._streams.append(VoiceStream(reader, attributes.get(SEGMENT_ATTRIBUTE)))
        self._alarm.ring()
        if self.on_voice is not None:
            self.on_voice()

    async def _on_clear(self, call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != self._agent:
            self._warn(call.caller_identity, "asked the avatar to be silent")
            return "reject"
        self.clear()
        return "ok"

    def _warn(self, identity: str, what: str) -> None:
        if identity not in self._strangers and len(self._strangers) < MOST_STRANGERS:
            self._strangers.add(identity)
            logger.warning(
                "%.64r, who is not the avatar's agent, %s: ignored, as all that comes from there", identity, what
            )

    # what is played

    async def _play(self, output: AudioOutput) -> None:
        while True:
            while not self._streams:
                await self._alarm.wait(None)
            self._current = self._streams.popleft()
            try:
                await self._play_stream(self._current, output)
            except Exception:
                logger.exception("an error in a stream of voice; the avatar goes on")
            finally:
                stream, self._current = self._current, None
                stream.reader.close()
                if not stream.cleared:
                    output.flush()
                self._moved.set()

    async def _play_stream(self, stream: VoiceStream, output: AudioOutput) -> None:
        rate, channels = _form(stream.reader.info.attributes)
        self._captured.append(stream.segment)
        await output.capture_frame(rtc.AudioFrame(b"", rate or 24_000, 1, 0))  # a segment, if nothing comes
        if not rate:
            why = "a stream of voice does not say its sample_rate and num_channels, or not ones that exist"
            logger.warning(why, extra=self._fields(stream.segment))
            return
        rest = b""
        fields = self._fields(stream.segment)
        while not stream.cleared and (chunk := await _next_chunk(stream, fields)) is not None:
            data = rest + chunk
            whole = len(data) - len(data) % (2 * channels)
            data, rest = data[:whole], data[whole:]
            if data and not stream.cleared:
                samples = np.frombuffer(data, "<i2").astype(np.int16, copy=False)
                await output.capture_frame(rtc.AudioFrame(samples.tobytes(), rate, channels, len(samples) // channels))

    def _on_started(self, event: PlaybackStartedEvent) -> None:
        self._reports.started()

    def _on_finished(self, event: PlaybackFinishedEvent) -> None:
        segment = self._captured.popleft() if self._captured else None
        how = "was stopped" if event.interrupted else "ended"
        logger.debug("a segment %s after %.3f s", how, event.playback_position, extra=self._fields(segment))
        self._moved.set()
        self._reports.finished(event.playback_position, interrupted=event.interrupted)

    def _fields(self, segment: str | None) -> dict[str, str | None]:
        """Of a log line."""
        return {"session": self._session, "segment": segment}


async def _next_chunk(stream: VoiceStream, fields: dict[str, str | None]) -> bytes | None:
    """What comes next; None at the end, also one that was lost. What is there already always comes first."""
    reading = asyncio.ensure_future(_read(stream.reader, fields))
    over = asyncio.ensure_future(stream.over.wait())
    try:
        await asyncio.wait({reading, over}, timeout=IDLE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return reading.result()
        if not stream.cleared:
            logger.warning("a stream of voice did not end: its end was lost, or the agent was", extra=fields)
        return None
    finally:
        for task in (reading, over):
            task.cancel()
        await asyncio.gather(reading, over, return_exceptions=True)


async def _read(reader: rtc.ByteStreamReader, fields: dict[str, str | None]) -> bytes | None:
    try:
        return await reader.__anext__()
    except StopAsyncIteration:
        return None
    except rtc.StreamError as error:
        logger.warning("a stream of voice broke off: %s", error, extra=fields)
        return None


def _form(attributes: dict[str, str] | None) -> tuple[int, int]:
    """The stream's rate in Hz and its channels; 0, 1 if it does not say."""
    told = attributes or {}
    try:
        rate, channels = int(told["sample_rate"]), int(told["num_channels"])
    except (KeyError, ValueError):
        return 0, 1
    return (rate, channels) if RATES[0] <= rate <= RATES[1] and 1 <= channels <= MOST_CHANNELS else (0, 1)
