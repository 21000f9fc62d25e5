"""A talking face for LiveKit voice agents: audio in, lip-synced video at 25 FPS out.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .adapters.errors import (
    AccountStatusError,
    BithumanError,
    BitHumanException,
    Failed,
    InvalidAvatar,
    ModelError,
    ModelLoadError,
    ModelNotFoundError,
    ModelSecurityError,
    NotAuthorised,
    NotSupported,
    RuntimeNotReadyError,
    TokenError,
    TokenExpiredError,
    TokenRequestError,
    TokenValidationError,
)
from .errors import (
    ActionNotFoundError,
    AudioFormatError,
    AvatarError,
    AvatarFormatError,
    AvatarNotFoundError,
    BackgroundError,
    EngineError,
    EngineLoadError,
    EngineNotFoundError,
    InvalidStateError,
    MediaFileError,
    MissingDependencyError,
    PortraitError,
    RoomError,
    ServerError,
    TraceError,
)
from .version import __version__

if TYPE_CHECKING:
    from .media import AudioChunk, Emotion, EmotionPrediction, VideoControl, VideoFrame
    from .rtc import AvatarSession, AvatarStatistics, FrameInfo, PublishOptions, ReplyMetrics, VisemePacket
    from .runtime import AsyncBithuman
    from .speech.visemes import VisemeFrame, VisemeStream

__all__ = [
    "AccountStatusError",
    "ActionNotFoundError",
    "AsyncBithuman",
    "AudioChunk",
    "AudioFormatError",
    "AvatarError",
    "AvatarFormatError",
    "AvatarNotFoundError",
    "AvatarSession",
    "AvatarStatistics",
    "BackgroundError",
    "BitHumanException",
    "BithumanError",
    "Emotion",
    "EmotionPrediction",
    "EngineError",
    "EngineLoadError",
    "EngineNotFoundError",
    "Failed",
    "FrameInfo",
    "InvalidAvatar",
    "InvalidStateError",
    "MediaFileError",
    "MissingDependencyError",
    "ModelError",
    "ModelLoadError",
    "ModelNotFoundError",
    "ModelSecurityError",
    "NotAuthorised",
    "NotSupported",
    "PortraitError",
    "PublishOptions",
    "ReplyMetrics",
    "RoomError",
    "RuntimeNotReadyError",
    "ServerError",
    "TokenError",
    "TokenExpiredError",
    "TokenRequestError",
    "TokenValidationError",
    "TraceError",
    "VideoControl",
    "VideoFrame",
    "VisemeFrame",
    "VisemePacket",
    "VisemeStream",
    "__version__",
]

_HOMES = {
    "AsyncBithuman": ".runtime",
    "AudioChunk": ".media",
    "AvatarSession": ".rtc",
    "AvatarStatistics": ".rtc",
    "Emotion": ".media",
    "EmotionPrediction": ".media",
    "FrameInfo": ".rtc",
    "PublishOptions": ".rtc",
    "ReplyMetrics": ".rtc",
    "VideoControl": ".media",
    "VideoFrame": ".media",
    "VisemeFrame": ".speech.visemes",
    "VisemePacket": ".rtc",
    "VisemeStream": ".speech.visemes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
