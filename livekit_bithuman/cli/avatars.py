"""`livekit-bithuman avatars`: the characters that can be named, built in and installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import JsonOption

THUMBNAIL = (256, 256)


HELP = """List the characters that can be named: the built-in ones, and those that installed packages offer.

For each: the name to pass as an avatar, what it looks like, its size on disk and the licences of what it is made of."""
EXAMPLES = """\
livekit-bithuman avatars
livekit-bithuman avatars --thumbnails pictures
livekit-bithuman avatars --json | jq -r .[].name
"""


def run(
    thumbnails: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a picture of each there, NAME.png; the folder is made."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Print what there is.

    Raises:
        MediaFileError: A thumbnail cannot be written.
    """
    from ..face.gallery import avatars  # OpenCV loads, which `--help` should not wait for

    found = [_described(entry, thumbnails) for entry in avatars()]
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n\n".join(_told(avatar) for avatar in found))
    return 0


def _described(entry: Any, thumbnails: Path | None) -> dict[str, Any]:
    """What is known of a character; `error` instead of most of it where its bundle cannot be used."""
    from ..errors import AvatarError
    from ..face import DEFAULT_AVATAR, Avatar

    about = {"name": entry.name, "distribution": entry.distribution, "default": entry.name == DEFAULT_AVATAR}
    try:
        path = entry.path()
        avatar = Avatar.load(path)
    except AvatarError as error:
        return {**about, "error": str(error)}
    about |= {
        "title": avatar.title,
        "description": avatar.description,
        "licences": avatar.licences,
        "bytes": path.stat().st_size,
        "size": avatar.size,
        "path": str(path),
    }
    if thumbnails is not None:
        about["thumbnail"] = str(_thumbnail(entry.name, avatar, thumbnails))
    return about


def _thumbnail(name: str, avatar: Any, folder: Path) -> Path:
    """Write the resting face."""
    import cv2

    from ..face import Face
    from ..pose import Presentation, resting_mouth
    from ..render.output import write_error, write_whole

    path = folder / f"{name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    picture = Face(avatar, THUMBNAIL).draw(resting_mouth(), Presentation())
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes())
    return path


def _told(avatar: dict[str, Any]) -> str:
    """A character for people to read."""
    if "error" in avatar:
        return f"{avatar['name']}  cannot be used\n    {avatar['error']}"
    width, height = avatar["size"]
    lines = [
        f"{avatar['name']}  {avatar['description'] or avatar['title']}"
        + (" (the default)" if avatar["default"] else ""),
        f"    {avatar['bytes'] / 1e6:.1f} MB, {width}x{height}, from {avatar['distribution']}",
        *(f"    {line}" for line in avatar["licences"]),
    ]
    if "thumbnail" in avatar:
        lines.append(f"    {avatar['thumbnail']}")
    return "\n".join(lines)
