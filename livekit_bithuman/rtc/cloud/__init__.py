"""Avatars that bitHuman's cloud draws: its requests, and the face that sends them."""

from .face import CloudFace

__all__ = ["CloudFace"]
