"""Avatars that are drawn elsewhere and join the room by themselves: bitHuman's cloud, and workers like it."""
