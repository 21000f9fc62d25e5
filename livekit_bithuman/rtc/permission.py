"""What a room lets the agent publish: asked before publishing, since a server does not answer what it refuses."""

from __future__ import annotations

from livekit import rtc

from ..errors import RoomError

_NAMES = {
    rtc.TrackSource.SOURCE_MICROPHONE: ("voice", "microphone"),
    rtc.TrackSource.SOURCE_CAMERA: ("video", "camera"),
}


def require_data(room: rtc.Room) -> None:
    """Return if the agent's token lets it publish data packets.

    Raises:
        RoomError: It does not.
    """
    if not room.local_participant.permissions.can_publish_data:
        raise RoomError("The agent's token does not let it publish data: grant can_publish_data.")


def require(room: rtc.Room, source: rtc.TrackSource.ValueType) -> None:
    """Return if the agent's token lets it publish `source`: the microphone or the camera.

    Raises:
        RoomError: It does not.
    """
    grants = room.local_participant.permissions
    what, name = _NAMES[source]
    if not grants.can_publish:
        raise RoomError(f"The agent's token does not let it publish its {what}: grant can_publish.")
    if grants.can_publish_sources and source not in grants.can_publish_sources:
        raise RoomError(
            f"The agent's token does not let it publish its {what}: add {name!r} to can_publish_sources, "
            "or leave them out to allow all."
        )
