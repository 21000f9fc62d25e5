"""Pictures of another size than an engine's own."""

from __future__ import annotations

import numpy as np

from ..pose import Picture, Presentation
from .protocol import Engine, Resizable, TurnFrame


def drawn_at(engine: Engine, size: tuple[int, int], frame: TurnFrame | None, presentation: Presentation) -> Picture:
    """A picture of any size, (width, height) in pixels, by any engine: drawn so if it can, else made smaller."""
    if size == engine.info.size:
        return engine.draw(frame, presentation)
    if isinstance(engine, Resizable):
        return engine.draw_at(size, frame, presentation)
    import cv2  # at first use: few pictures have another size

    return np.asarray(cv2.resize(engine.draw(frame, presentation), size, interpolation=cv2.INTER_AREA), np.uint8)
