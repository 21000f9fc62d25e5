"""Which of its arguments an `AvatarSession` is to follow: those of bitHuman's plugin and ours, and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from livekit.agents import NotGiven

from .dispatch.call import AGENT_NAME, is_avatar_name

T = TypeVar("T")

MODEL_SUFFIX = ".imx"


class Kind(Enum):
    """Where the face comes from."""

    AVATAR = "avatar"  # the embedded engine
    ENGINE = "engine"  # one that was passed
    RUNTIME = "runtime"  # an AsyncBithuman that was passed
    CLOUD = "cloud"  # bitHuman's cloud
    MODEL = "model"  # a model file, by bitHuman's SDK


def given(value: T | NotGiven | None) -> T | None:
    """A value, or None where it was left out in either of the two usual ways."""
    return None if isinstance(value, NotGiven) else value


@dataclass(frozen=True)
class Choice:
    """What was chosen."""

    kind: Kind
    source: Any = None  # the avatar's or model's path or name, the engine, or the runtime; None: the default character


def choose(
    avatar: str | os.PathLike[str] | None,
    *,
    engine: object | None = None,
    runtime: object | None = None,
    avatar_id: object | None = None,
    avatar_image: object | None = None,
    model_path: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Choice:
    """The one source of a face: avatar or engine, else runtime, else avatar_id or avatar_image, else model_path.

    The variable BITHUMAN_MODEL_PATH comes last. A path that ends in .imx is a model for bitHuman's SDK, by whichever
    argument it comes; any other is an avatar.

    Raises:
        ValueError: Two were given of which neither could mean the other.
    """
    named = {
        "avatar": avatar,
        "engine": engine,
        "runtime": runtime,
        "avatar_id": avatar_id,
        "avatar_image": avatar_image,
        "model_path": model_path,
    }
    present = [name for name, value in named.items() if value is not None]
    for alone, allowed in (("avatar", ()), ("engine", ()), ("runtime", ("model_path",))):
        others = [name for name in present if name != alone and name not in allowed]
        if alone in present and others:
            raise ValueError(f"{alone}= and {others[0]}= each bring a face of their own: pass one of them.")
    if engine is not None:
        return Choice(Kind.ENGINE, engine)
    if runtime is not None:
        return Choice(Kind.RUNTIME, runtime)
    if avatar_id is not None or avatar_image is not None:
        return Choice(Kind.CLOUD)
    path = avatar or model_path or environment.get("BITHUMAN_MODEL_PATH") or None
    if path is not None and os.fspath(path).lower().endswith(MODEL_SUFFIX):
        return Choice(Kind.MODEL, path)
    return Choice(Kind.AVATAR, path)


def worker_named(remote: bool | str, choice: Choice) -> str | None:
    """The agent name of the workers that are to draw a choice; None: it is drawn here.

    Raises:
        ValueError: No worker can draw it.
    """
    if remote is False:
        return None
    if choice.kind is not Kind.AVATAR:
        raise ValueError("remote= and a face from elsewhere exclude each other: an avatar worker has its own engine.")
    if choice.source is not None and not is_avatar_name(os.fspath(choice.source)):
        raise ValueError(
            f"remote= and avatar={os.fspath(choice.source)!r}: a worker reads no files of the agent's machine. "
            "Put the bundle into the worker's --avatars folder, and pass its name."
        )
    return AGENT_NAME if remote is True or not remote else remote
