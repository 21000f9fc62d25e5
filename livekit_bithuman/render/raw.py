"""Pictures as bytes in a pipe: bgr24 without any header, or YUV4MPEG2, which FFmpeg and its player read."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from ..pose import Picture


def bgr24_frame(picture: Picture) -> bytes:
    """A picture's bytes: rows from top to bottom, three bytes a pixel (blue, green, red), no padding."""
    return np.ascontiguousarray(picture).tobytes()


def y4m_header(size: tuple[int, int], fps: int) -> bytes:
    """The stream's first line.

    Args:
        size: (width, height) in pixels.
        fps: Pictures per second.
    """
    return f"YUV4MPEG2 W{size[0]} H{size[1]} F{fps}:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n".encode()


def y4m_frame(picture: Picture) -> bytes:
    """A picture with its line before it: Y, U and V of BT.601 in video range, the latter two halved both ways."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG
    )
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].tobytes())
    return b"FRAME\n" + b"".join(planes)
