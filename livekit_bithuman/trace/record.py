"""Stands around a playout and writes down what it is told and what it answers."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..cues import Cue, as_entry
from ..engine.protocol import Engine
from ..playout import PictureDue, Playout, VoiceSlice
from ..playout.events import Event
from .lines import END, Entry, Header, as_line, event_entry, is_embedded, picture_entry, slice_entry

logger = logging.getLogger("livekit_bithuman")


class TracedPlayout:
    """A playout that writes down what it is told and what it answers.

    What cannot be written down ends the recording with one warning; the playout goes on.

    Args:
        playout: Made of what `header` says.
        header: Written at once.
        write: Takes one line, without its end; must not raise.
    """

    def __init__(self, playout: Playout, header: Header, write: Callable[[str], None]) -> None:
        self._playout = playout
        self._samples = header.samples
        self._write_line = write
        self._ended = False  # nothing more is written
        self._advanced: float | None = None  # the newest advance, if it was not written
        write(header.to_line())

    # what the agent does

    def capture(self, samples: NDArray[np.int16]) -> None:
        """As `Playout.capture`."""
        self._record(lambda: ["capture", len(samples), *self._voice_of(samples)])
        self._playout.capture(samples)

    def flush(self) -> None:
        """As `Playout.flush`."""
        self._write("flush")
        self._playout.flush()

    def clear(self, now: float) -> None:
        """As `Playout.clear`."""
        self._write("clear", now)
        self._playout.clear(now)

    def pause(self, now: float) -> None:
        """As `Playout.pause`."""
        self._write("pause", now)
        self._playout.pause(now)

    def resume(self, now: float) -> None:
        """As `Playout.resume`."""
        if self._playout.paused:
            self._write("resume", now)
        self._playout.resume(now)

    def cue(self, cue: Cue, at_s: float | None = None) -> None:
        """As `Playout.cue`."""
        self._record(lambda: ["cue", as_entry(cue), *([] if at_s is None else [at_s])])
        self._playout.cue(cue, at_s)

    def close(self, now: float) -> None:
        """As `Playout.close`."""
        self._write("close", now)
        self._playout.close(now)

    def replace_engine(self, engine: Engine) -> None:
        """As `Playout.replace_engine`."""
        self._playout.replace_engine(engine)
        if self._advanced is not None:
            # it let samples go that were heard, and what is still kept is where the new engine begins
            self._write("advance", self._advanced)
            self._advanced = None
        self._record(lambda: ["engine", asdict(engine.info), is_embedded(engine)])

    def rephase(self, fired: float) -> None:
        """As `Playout.rephase`."""
        self._write("rephase", fired)
        self._playout.rephase(fired)

    def end(self) -> None:
        """Say that the recording is whole, and write no more."""
        if not self._ended:
            self._write_line(END)
        self._ended = True

    # what the shell executes

    def take_events(self) -> list[Event]:
        """As `Playout.take_events`."""
        events = self._playout.take_events()
        for event in events:
            self._record(partial(event_entry, event))
        return events

    def advance(self, now: float) -> None:
        """As `Playout.advance`."""
        before = self._playout.pending_events
        with self._raising("advance", now):
            self._playout.advance(now)
        if self._playout.pending_events != before:
            self._write("advance", now)
            self._advanced = None
        else:
            self._advanced = now

    def voice(self, now: float) -> VoiceSlice | None:
        """As `Playout.voice`."""
        before = self._playout.feeds
        with self._raising("voice", now):
            piece = self._playout.voice(now)
        if piece is not None or self._playout.feeds != before:
            self._write("voice", now, *slice_entry(piece))
        return piece

    def picture(self, now: float, lead: float = 0.0) -> PictureDue | None:
        """As `Playout.picture`."""
        with self._raising("picture", now, lead):
            picture = self._playout.picture(now, lead)
        if picture is not None:
            self._record(lambda: ["picture", now, lead, *picture_entry(picture, pose=self._samples)])
        return picture

    def voice_wakeup(self, now: float) -> float | None:
        """As `Playout.voice_wakeup`."""
        return self._playout.voice_wakeup(now)

    def picture_wakeup(self, now: float, lead: float = 0.0) -> float:
        """As `Playout.picture_wakeup`."""
        return self._playout.picture_wakeup(now, lead)

    def next_tick(self, now: float) -> float:
        """As `Playout.next_tick`."""
        return self._playout.next_tick(now)

    @property
    def pending(self) -> bool:
        """As `Playout.pending`."""
        return self._playout.pending

    def heard(self, now: float) -> int | None:
        """As `Playout.heard`."""
        return self._playout.heard(now)

    @property
    def backlog(self) -> int:
        """As `Playout.backlog`."""
        return self._playout.backlog

    @property
    def newest(self) -> int:
        """As `Playout.newest`."""
        return self._playout.newest

    @property
    def silent_at(self) -> float:
        """As `Playout.silent_at`."""
        return self._playout.silent_at

    @property
    def lookahead_s(self) -> float | None:
        """As `Playout.lookahead_s`."""
        return self._playout.lookahead_s

    @property
    def generation(self) -> int:
        """As `Playout.generation`."""
        return self._playout.generation

    @property
    def underruns(self) -> int:
        """As `Playout.underruns`."""
        return self._playout.underruns

    @property
    def skipped(self) -> int:
        """As `Playout.skipped`."""
        return self._playout.skipped

    @contextmanager
    def _raising(self, *entry: object) -> Iterator[None]:
        """Write a call down that raises: its replay is to raise as well."""
        try:
            yield
        except Exception:
            self._write(*entry)
            raise

    def _voice_of(self, samples: NDArray[np.int16]) -> list[str]:
        return [base64.b64encode(np.asarray(samples, "<i2").tobytes()).decode()] if self._samples else []

    def _write(self, *entry: object) -> None:
        self._record(lambda: list(entry))

    def _record(self, entry: Callable[[], Entry]) -> None:
        """Make an entry and write it. Events that are on their way to the agent must not be lost by it."""
        if self._ended:
            return
        try:
            self._write_line(as_line(entry()))
        except Exception:
            self._ended = True
            logger.warning("the session cannot be recorded any further; the agent goes on", exc_info=True)
