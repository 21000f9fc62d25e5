"""The face: an avatar's bundle, and the raster that turns viseme weights and a presentation into a picture.

    Avatar ── Face.draw(weights, presentation) ── BGR picture
    IdleMotion.at(tick, speaking) ── Presentation

Pure: no clock, no thread, no randomness but a seed.
"""

from .avatar import DEFAULT_AVATAR, Avatar
from .gallery import builtin_names
from .idle import IdleMotion
from .raster import Face

__all__ = ["DEFAULT_AVATAR", "Avatar", "Face", "IdleMotion", "builtin_names"]
