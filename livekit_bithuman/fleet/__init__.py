"""Avatars on machines of their own: a worker that LiveKit's dispatch sends to the rooms of agents."""

from .cast import Cast
from .worker import AvatarWorker, WorkerOptions

__all__ = ["AvatarWorker", "Cast", "WorkerOptions"]
