"""What the agent's side of a visit costs, once a second: packets on the topic `figures`, each a JSON object."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping

import numpy as np
import psutil
from livekit import rtc

from .wardrobe import Wardrobe

logger = logging.getLogger("livekit_bithuman")

TOPIC = "figures"
INTERVAL_S = 1.0


def figures(wardrobe: Wardrobe, cpu: float) -> Mapping[str, float | None]:
    """The figures of this moment.

    draw_ms, draw_p95_ms  a picture's drawing, of the last hundred; None where none was drawn here
    cpu                   percent of one core, this whole process, since the last figures
    skipped               pictures that were overdue by more than a frame, and never drawn
    underruns             times that the voice ran dry inside an utterance
    failures              times that the engine failed
    lag_ms                how long after its sound a picture is sent, so that both are seen and heard together
    """
    drawn = np.array(list(wardrobe.draw_times)) * 1000  # a list in one step: another thread appends
    statistics = wardrobe.session.statistics
    return {
        "draw_ms": round(float(np.median(drawn)), 2) if len(drawn) else None,
        "draw_p95_ms": round(float(np.percentile(drawn, 95)), 2) if len(drawn) else None,
        "cpu": round(cpu, 1),
        "skipped": statistics.skipped_pictures,
        "underruns": statistics.underruns,
        "failures": statistics.engine_failures,
    }


async def tell_figures(room: rtc.Room, visitor: str, wardrobe: Wardrobe) -> None:
    """Tell a page, until cancelled. A packet that is lost is not sent again: the next one follows."""
    process = psutil.Process()
    process.cpu_percent()  # the next call tells of the time from this one on
    while True:
        await asyncio.sleep(INTERVAL_S)
        packet = json.dumps(figures(wardrobe, process.cpu_percent()))
        try:
            await room.local_participant.publish_data(
                packet, reliable=False, topic=TOPIC, destination_identities=[visitor]
            )
        except Exception as error:  # the visitor left, or the room is being left
            logger.debug("a page was not told its figures: %s", error)
