"""Avatars that LiveKit's dispatch brings: what the agent asks a worker for, and how it speaks through it."""

from .face import WorkerFace

__all__ = ["WorkerFace"]
