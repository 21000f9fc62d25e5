"""What happened to an avatar since it started, in counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AvatarStatistics:
    """Counts since the avatar started.

    Attributes:
        interruptions: Times that the voice was stopped while something was pending: interruptions and pauses.
        underruns: Times that the agent's voice ran dry inside an utterance.
        skipped_pictures: Pictures that were overdue by more than a frame and were never drawn.
        swaps: Engines that took another's place because they were asked to; see `AvatarSession.swap`.
        engine_failures: Times that the engine raised, stalled, or returned what it should not; in a row count as one.
        engine_restarts: Engines made anew.
        steps_down: Times that pictures were made fewer or smaller because the machine was short of time; see
            `PublishOptions.step_down`.
        unsent_visemes: Viseme packets that the room did not take; see `AvatarSession(visemes=True)`.
    """

    interruptions: int = 0
    underruns: int = 0
    skipped_pictures: int = 0
    swaps: int = 0
    engine_failures: int = 0
    engine_restarts: int = 0
    steps_down: int = 0
    unsent_visemes: int = 0
