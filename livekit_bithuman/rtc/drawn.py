"""Pictures that are drawn and not yet due, and how far ahead of that they should be drawn."""

from __future__ import annotations

from collections import deque

from livekit import rtc

from ..playout import PictureDue

#: A picture is drawn this long before it is due: room for drawing and for the hop to the worker thread and back.
LEAST_LEAD_S = 0.015
#: On a busy machine, or with several avatars in one process, at most this long: what an interruption then throws away,
#: and how much later than usual the picture after it may come.
MOST_LEAD_S = 0.100
#: Pictures that are due closer together than this are due at once.
SAME_S = 0.001
#: By so much the lead shrinks with every picture that was drawn in time.
EASE_S = 0.0005


class DrawLead:
    """How long before it is due a picture is drawn: more as soon as pictures are late, and slowly less again.

    A short lead keeps the face quick to answer; a long one evens out what a machine does in bursts, such as several
    avatars whose pictures fall due at once.
    """

    def __init__(self) -> None:
        self.seconds = LEAST_LEAD_S
        self._segment: int | None = None  # of the last picture

    def drawn(self, picture: PictureDue, late: float) -> None:
        """A picture was drawn, `late` seconds after it was due (negative: before)."""
        steady = picture.segment == self._segment  # a reply's first picture is asked for late, which says nothing
        self._segment = picture.segment
        if late > 0 and steady:
            self.seconds = min(MOST_LEAD_S, self.seconds + late / 2)
        elif late <= 0:
            self.seconds = max(LEAST_LEAD_S, self.seconds - EASE_S)


class DrawnPictures:
    """Drawn pictures in the order in which they are due."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[PictureDue, rtc.VideoFrame | None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_due(self) -> float | None:
        """When the first of them is due; None if there is none."""
        return self._waiting[0][0].due if self._waiting else None

    def add(self, picture: PictureDue, frame: rtc.VideoFrame | None) -> None:
        """Put a picture behind those that are due before it; those that are not, it replaces.

        They were drawn for what would have been: rest that a reply has interrupted, or words that are not said.

        Args:
            picture: What is shown when it is due.
            frame: Its pixels; None: it was not drawn, and only its mouth is told.
        """
        while self._waiting and self._waiting[-1][0].due > picture.due - SAME_S:
            self._waiting.pop()
        self._waiting.append((picture, frame))

    def take(self) -> tuple[PictureDue, rtc.VideoFrame | None]:
        """The first of them."""
        return self._waiting.popleft()
