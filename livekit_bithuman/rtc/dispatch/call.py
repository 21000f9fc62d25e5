"""What an agent asks of an avatar worker: the metadata of the dispatch, which anybody with the server's key can send.

    {"protocol": 1, "agent": "agent-AJ_x", "identity": "avatar-3fa9c1", "avatar": "maya", "call": "3fa9c1…"}

It holds no secret. `agent` and `identity` are all that is needed; an agent that uses livekit-agents' own
`DataStreamAudioOutput` leaves `call` out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

PROTOCOL = 1
#: The agent name that avatar workers have, unless they are given another.
AGENT_NAME = "livekit-bithuman"
#: On the avatar's participant: the call that it answers.
CALL_ATTRIBUTE = "lkb.call"
#: Of the data packets in which the avatar says how far it is.
PROGRESS_TOPIC = "lkb.progress"
#: Of the one in which it says how it played a reply that is over.
METRICS_TOPIC = "lkb.metrics"
#: The agent's call to an avatar that it needs no more; one that does not know it is removed from the room.
LEAVE_METHOD = "lkb.leave"

MAX_BYTES = 4096
MAX_NAME = 256  # characters, of identities and of what is shown
#: Of the voice and of the pictures, in Hz, per second and in pixels.
RATES, MAX_FPS, SIDES = (8_000, 48_000), 60, (64, 1920)
_AVATAR = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
_NONCE = re.compile(r"[0-9a-f]{8,64}")


class CallError(ValueError):
    """Metadata that is not a call, or asks for what no worker does. The message is for the worker's log."""


@dataclass(frozen=True)
class Call:
    """An avatar that is wanted in a room.

    Attributes:
        agent: Identity of the agent whose voice it speaks with.
        identity: The one that the avatar is to join with.
        call: Tells this call from earlier and later ones, in hexadecimal; None: the agent knows livekit-agents' own
            protocol only.
        avatar: A character's name; None: the worker's default.
        name: Shown for the participant.
        rate: Of the voice, in Hz, a multiple of 100.
        size: (width, height) of the pictures in pixels, both even; None: the avatar's own.
        fps: Pictures per second.
        seed: Of the idle motion.
    """

    agent: str
    identity: str
    call: str | None = None
    avatar: str | None = None
    name: str = "Avatar"
    rate: int = 24_000
    size: tuple[int, int] | None = None
    fps: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for field, check in _CHECKS.items():
            if not check(getattr(self, field)):
                raise CallError(f"{field} cannot be {_short(getattr(self, field))}")
        if self.agent == self.identity:
            raise CallError("agent and identity are the same: an avatar is a participant of its own")

    @property
    def session(self) -> str:
        """What log lines and spans call it by: the call, or who joins for an agent that has no calls."""
        return self.call or self.identity

    def metadata(self) -> str:
        """As a dispatch carries it."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"protocol": PROTOCOL, **fields}, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, text: str) -> Call:
        """Read a dispatch's metadata. Fields that are not known are let pass: a newer agent may send them.

        Raises:
            CallError: It is no call.
        """
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise CallError(f"it has more than {MAX_BYTES} bytes")
        try:
            told = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise CallError("it is no JSON") from error
        if not isinstance(told, dict):
            raise CallError("it is no JSON object")
        if told.get("protocol") != PROTOCOL or isinstance(told["protocol"], bool):
            raise CallError(f"protocol is {_short(told.get('protocol'))}, and this worker speaks {PROTOCOL}")
        missing = [name for name in ("agent", "identity") if name not in told]
        if missing:
            raise CallError(f"{' and '.join(missing)} is missing")
        known: dict[str, Any] = {name: told[name] for name in _CHECKS if name in told}
        if isinstance(known.get("size"), list):
            known["size"] = tuple(known["size"])
        return cls(**known)


def is_avatar_name(text: str) -> bool:
    """Whether a worker may have a character of that name; a path is none."""
    return _AVATAR.fullmatch(text) is not None and not text.endswith((".avatar", ".imx"))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _is_int(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_rate(value: object) -> bool:
    return _is_int(value, *RATES) and isinstance(value, int) and value % 100 == 0


def _is_size(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return all(_is_int(side, *SIDES) and side % 2 == 0 for side in value)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        return value is None or (isinstance(value, str) and pattern.fullmatch(value) is not None)

    return check


_CHECKS: dict[str, Callable[[object], bool]] = {
    "agent": _is_name,
    "identity": _is_name,
    "call": _matches(_NONCE),
    "avatar": _matches(_AVATAR),
    "name": _is_name,
    "rate": _is_rate,
    "size": _is_size,
    "fps": lambda value: _is_int(value, 1, MAX_FPS),
    "seed": lambda value: _is_int(value, -(2**63), 2**63 - 1),
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _no_constant(name: str) -> float:
    raise ValueError(name)
