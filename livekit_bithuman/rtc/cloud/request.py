"""What bitHuman's service is told to start an avatar: the fields of livekit-plugins-bithuman, in its two formats."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

from .portrait import Portrait


@dataclass(frozen=True)
class AvatarRequest:
    """An avatar, and the room that it is to join.

    Attributes:
        livekit_url: The room's server.
        livekit_token: Admits the avatar.
        room_name: The room.
        model: "expression", "essence", "expression-2" or "essence-2"; None: the service chooses.
        avatar_id: The code of an agent at bitHuman.
        portrait: A picture to animate.
    """

    livekit_url: str
    livekit_token: str = field(repr=False)
    room_name: str
    model: str | None = None
    avatar_id: str | None = None
    portrait: Portrait | None = None

    @property
    def is_expression(self) -> bool:
        """Whether the model is named, and of the expression family."""
        return is_expression(self.model)

    def json(self) -> dict[str, str]:
        """The body for bitHuman's service, and for what stands in its place."""
        fields = {
            "livekit_url": self.livekit_url,
            "livekit_token": self.livekit_token,
            "room_name": self.room_name,
            "mode": "gpu" if self.portrait is not None or self.is_expression else "cpu",
        }
        if self.model:
            fields["model"] = self.model
        if self.portrait is not None:
            fields["image"] = self.portrait.as_text()
        if self.avatar_id:
            fields["agent_id"] = self.avatar_id
        return fields

    def form(self, *, wants_async: bool | None) -> aiohttp.FormData:
        """The body for an avatar worker of one's own, multipart where there is a picture; good for one attempt.

        Args:
            wants_async: Whether the worker should answer before the avatar has joined; None: not said.
        """
        form = aiohttp.FormData()
        form.add_field("livekit_url", self.livekit_url)
        form.add_field("livekit_token", self.livekit_token)
        form.add_field("room_name", self.room_name)
        if self.model:
            form.add_field("model", self.model)
        if wants_async is not None:
            form.add_field("async_mode", "true" if wants_async else "false")
        if self.portrait is not None and self.portrait.url is not None:
            form.add_field("avatar_image_url", self.portrait.url)
        elif self.portrait is not None:
            form.add_field("avatar_image", self.portrait.data, filename="avatar.jpg", content_type="image/jpeg")
        if self.avatar_id:
            form.add_field("avatar_id", self.avatar_id)
        return form


def is_expression(model: str | None) -> bool:
    """Whether a model is of the expression family, of either generation."""
    return model is not None and model.startswith("expression")
