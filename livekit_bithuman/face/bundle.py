"""The `.avatar` bundle: a zip of pictures and arrays, read without trusting a byte of it.

    manifest.json       what follows, and who made it (see `Manifest`)
    base.png            BGRA, canvas: the resting head; the parts below cover what is in the mouth and eye boxes
    mouth/textures.png  BGRA, the mouth box once per pose, stacked: skin and lips, all aligned to the atlas pose; or
                        (schema 2) once, for all poses
    mouth/masks.png     grey, the mouth box twice, stacked: what is the upper lip's layer, what the lower's
    mouth/flow.npy      float16 (poses, 2, rows, columns, 3): by pose and layer, where the atlas' points go: x and y in
                        pixels, and how far behind the closed lips they are then, in pixels
    mouth/inner.png     BGRA, the mouth box per inner part (`INNER_PARTS`), stacked
    mouth/inner.npy     float32 (poses, 3, 2): shift of upper teeth, lower teeth and tongue from where they are drawn
    eyes/lids.png       BGRA, the eye box per lid step from open to closed, stacked; the eyeballs are holes
    eyes/balls.png      BGRA, the eye box: eyeballs looking ahead
    eyes/glint.png      BGR, the eye box: highlights, to be added
    eyes/spheres.npy    float32 (2, 3): centre x, y and radius of each eyeball, in pixels of the eye box
    head/depth.npy      float16 (rows, columns): how far in front of the head's axis each point is, in pixels
    head/hold.npy       float16 (rows, columns): 1 where a point moves with the head, 0 where it stays put
    head/brows.npy      float16 (2, rows, columns, 2): displacement of brows raised and lowered, in pixels
    outline.png         grey, canvas, where the manifest says `outline` (schema 2): 255 the person, 0 the background in
                        the pictures, for those who want another

Pictures are 8-bit PNGs with colours premultiplied by alpha. Boxes and positions are in canvas pixels. The mouth's grid
has a node at every `MOUTH_STEP` pixels from the box' corner on, the head's grid one at every `HEAD_STEP` pixels from
the canvas' corner on.
"""

from __future__ import annotations

import io
import json
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import AvatarFormatError
from ..pose import VISEMES

SCHEMA = 2  # what is written for a bundle that needs it; 1 is written for all others
SCHEMAS = (1, 2)  # what is read
FORMAT = "livekit-bithuman avatar"
MAX_FILE_BYTES = 4 << 20  # of a bundle
MAX_MEMBER_BYTES = 16 << 20  # of one of its files, unpacked
MAX_SIDE = 4096  # pixels of a canvas, and of a stack of boxes across
MAX_STACK = 16_384  # pixels of a stack of boxes, down
MOUTH_STEP = 2  # pixels between nodes of the mouth's grid; even, see flow.py
HEAD_STEP = 8  # pixels between nodes of the head's grid; even
POSES: tuple[str, ...] = (*VISEMES, "smile")
INNER_PARTS: tuple[str, ...] = ("teeth_upper", "teeth_lower", "tongue", "tongue_TH")
LID_STEPS = 7

_UNPACKING_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError
)  # fmt: skip  # all that zipfile was seen to raise on damaged archives

Box = tuple[int, int, int, int]  # x0, y0, x1, y1; the last two are outside


@dataclass(frozen=True)
class Manifest:
    """`manifest.json`, checked."""

    name: str  # what it is loaded by: lower-case letters, digits, hyphens
    title: str  # what it is called in lists
    author: str
    licences: tuple[str, ...]  # a line per asset: what, from where, under which licence
    canvas: tuple[int, int]  # width, height of everything that was drawn
    frame: Box  # the part of the canvas that is the avatar's picture at its own size
    mouth: Box
    eyes: Box
    pivot: tuple[float, float]  # where the neck begins: the head rolls about it
    background: tuple[tuple[int, int, int], tuple[int, int, int]]  # BGR behind the head, and in the corners
    description: str = ""  # one line on what it looks like
    #: How much of its keyframe a viseme at full weight shows, 0..1 in `VISEMES` order; the remainder is rest. Keyframes
    #: of consonants are drawn wide, so that teeth and tongue can be told; speech opens them less.
    shares: tuple[float, ...] = (1.0,) * len(VISEMES)
    shade: float = 1.0  # 0..1, schema 2: how much lids shade the eyeballs; 0 where the picture's own shade is on them
    breath: float = 1.0  # 0..1, schema 2: how much of a breath moves the shoulders; 0 where a background would too

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the avatar's own picture."""
        x0, y0, x1, y1 = self.frame
        return x1 - x0, y1 - y0


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle in memory. Arrays are as in the module's text, stacks with a leading axis, and read-only."""

    manifest: Manifest
    base: NDArray[np.uint8]
    mouth_textures: NDArray[np.uint8]  # (poses or 1, h, w, 4)
    mouth_masks: NDArray[np.uint8]  # (2, h, w)
    mouth_flow: NDArray[np.float16]
    inner_parts: NDArray[np.uint8]  # (4, h, w, 4)
    inner_shifts: NDArray[np.float32]
    lids: NDArray[np.uint8]  # (7, h, w, 4)
    eyeballs: NDArray[np.uint8]
    glint: NDArray[np.uint8]
    spheres: NDArray[np.float32]
    depth: NDArray[np.float16]
    hold: NDArray[np.float16]
    brows: NDArray[np.float16]
    outline: NDArray[np.uint8] | None = None  # (h, w), schema 2


def grid_shape(width: int, height: int, step: int) -> tuple[int, int]:
    """Rows and columns of a grid that covers width x height pixels and ends on or after the last."""
    return -(-height // step) + 1, -(-width // step) + 1


def read_bundle(data: bytes, source: str) -> Bundle:
    """Parse a bundle.

    Args:
        data: The file's bytes; any bytes at all.
        source: What to call it in errors.

    Raises:
        AvatarFormatError: It is not a bundle, or one that this version cannot use.
    """
    try:
        return _Reader(data).bundle()
    except _Broken as broken:
        raise AvatarFormatError(
            source, f"{source} is not a usable avatar: {broken}. Use a .avatar file made by this version's tools."
        ) from broken


def write_bundle(bundle: Bundle) -> bytes:
    """The bytes of a bundle, the same for the same bundle."""
    manifest = bundle.manifest
    pictures = {
        "base.png": bundle.base,
        "mouth/textures.png": _stacked(bundle.mouth_textures),
        "mouth/masks.png": _stacked(bundle.mouth_masks),
        "mouth/inner.png": _stacked(bundle.inner_parts),
        "eyes/lids.png": _stacked(bundle.lids),
        "eyes/balls.png": bundle.eyeballs,
        "eyes/glint.png": bundle.glint,
    }
    arrays: dict[str, NDArray[Any]] = {
        "mouth/flow.npy": bundle.mouth_flow,
        "mouth/inner.npy": bundle.inner_shifts,
        "eyes/spheres.npy": bundle.spheres,
        "head/depth.npy": bundle.depth,
        "head/hold.npy": bundle.hold,
        "head/brows.npy": bundle.brows,
    }
    plain = len(bundle.mouth_textures) == len(POSES) and manifest.breath == manifest.shade == 1.0
    plain = plain and bundle.outline is None
    document: dict[str, Any] = {
        "format": FORMAT,
        "schema": 1 if plain else SCHEMA,
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "author": manifest.author,
        "licences": manifest.licences,
        "canvas": manifest.canvas,
        "frame": manifest.frame,
        "mouth": manifest.mouth,
        "eyes": manifest.eyes,
        "pivot": manifest.pivot,
        "background": manifest.background,
        "poses": POSES,
        "shares": manifest.shares,
    }
    if not plain:
        document |= {"textures": len(bundle.mouth_textures), "breath": manifest.breath, "shade": manifest.shade}
    if bundle.outline is not None:
        document["outline"] = True
        pictures["outline.png"] = bundle.outline
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        _store(archive, "manifest.json", json.dumps(document, indent=1).encode(), zipfile.ZIP_DEFLATED)
        for name, picture in pictures.items():
            _store(archive, name, cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes())
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            _store(archive, name, buffer.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _stacked(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, height, *rest = pictures.shape
    return np.reshape(pictures, (count * height, *rest))


def _store(archive: zipfile.ZipFile, name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # a fixed date: the same bundle, the same bytes
    entry.compress_type = method
    archive.writestr(entry, data)


class _Broken(Exception):
    """What is wrong with a bundle, as the middle of a sentence."""


class _Reader:
    """Reads one bundle's bytes. Only the names it asks for are ever unpacked, to memory, never to disk."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_FILE_BYTES:
            raise _Broken(f"it has more than {MAX_FILE_BYTES >> 20} MB")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except _UNPACKING_ERRORS as error:
            raise _Broken("it is not a zip file") from error

    def bundle(self) -> Bundle:
        manifest, textures, outlined = self._manifest()
        mouth_w, mouth_h = _extent(manifest.mouth)
        eyes_w, eyes_h = _extent(manifest.eyes)
        canvas_w, canvas_h = manifest.canvas
        mouth_grid = grid_shape(mouth_w, mouth_h, MOUTH_STEP)
        head_grid = grid_shape(canvas_w, canvas_h, HEAD_STEP)
        far = float(max(manifest.canvas))
        spheres = self._array("eyes/spheres.npy", np.float32, (2, 3), far)
        if (spheres[:, 2] < 1).any():
            raise _Broken("eyes/spheres.npy has an eyeball smaller than a pixel")
        return Bundle(
            manifest=manifest,
            base=self._picture("base.png", canvas_w, canvas_h, 4),
            mouth_textures=self._stack("mouth/textures.png", textures, mouth_w, mouth_h, 4),
            mouth_masks=self._stack("mouth/masks.png", 2, mouth_w, mouth_h, 1),
            mouth_flow=self._array("mouth/flow.npy", np.float16, (len(POSES), 2, *mouth_grid, 3), far),
            inner_parts=self._stack("mouth/inner.png", len(INNER_PARTS), mouth_w, mouth_h, 4),
            inner_shifts=self._array("mouth/inner.npy", np.float32, (len(POSES), 3, 2), far),
            lids=self._stack("eyes/lids.png", LID_STEPS, eyes_w, eyes_h, 4),
            eyeballs=self._picture("eyes/balls.png", eyes_w, eyes_h, 4),
            glint=self._picture("eyes/glint.png", eyes_w, eyes_h, 3),
            spheres=spheres,
            depth=self._array("head/depth.npy", np.float16, head_grid, far),
            hold=self._array("head/hold.npy", np.float16, head_grid, 1.0),
            brows=self._array("head/brows.npy", np.float16, (2, *head_grid, 2), far),
            outline=self._picture("outline.png", canvas_w, canvas_h, 1) if outlined else None,
        )

    def _member(self, name: str) -> bytes:
        try:
            entry = self._archive.getinfo(name)
            if entry.file_size > MAX_MEMBER_BYTES:
                raise _Broken(f"{name} unpacks to more than {MAX_MEMBER_BYTES >> 20} MB")
            with self._archive.open(entry) as member:
                data = member.read(MAX_MEMBER_BYTES + 1)  # the size in the directory may be a lie
        except KeyError as error:
            raise _Broken(f"{name} is missing") from error
        except _UNPACKING_ERRORS as error:
            raise _Broken(f"{name} cannot be unpacked") from error
        if len(data) > MAX_MEMBER_BYTES:
            raise _Broken(f"{name} unpacks to more than {MAX_MEMBER_BYTES >> 20} MB")
        return data

    def _manifest(self) -> tuple[Manifest, int, bool]:
        """What it says, how many mouth textures there are, and whether there is an outline."""
        try:
            document = json.loads(self._member("manifest.json"))
        except (ValueError, RecursionError) as error:
            raise _Broken("manifest.json is not JSON") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise _Broken("manifest.json does not describe an avatar")
        schema = document.get("schema")
        if type(schema) is not int or schema not in SCHEMAS:
            raise _Broken(f"its schema is {schema!r:.40} and this version reads 1 and {SCHEMA}")
        textures, breath, shade = _schema_2(document) if schema == 2 else (len(POSES), 1.0, 1.0)
        if document.get("poses") != list(POSES):
            raise _Broken("its poses are not the 15 visemes and a smile")
        canvas = _integers(document, "canvas", 2)
        if not all(16 <= side <= MAX_SIDE for side in canvas):
            raise _Broken(f"its canvas must have 16 to {MAX_SIDE} pixels a side")
        background = document.get("background")
        if not (isinstance(background, list) and len(background) == 2):
            raise _Broken("its background is not two colours")
        manifest = Manifest(
            name=_text(document, "name"),
            title=_text(document, "title"),
            description=_text(document, "description") if document.get("description") else "",
            author=_text(document, "author"),
            licences=_lines(document, "licences"),
            canvas=(canvas[0], canvas[1]),
            frame=_box(document, "frame", canvas),
            mouth=_box(document, "mouth", canvas),
            eyes=_box(document, "eyes", canvas),
            pivot=_point(document, "pivot"),
            background=(_colour(background[0]), _colour(background[1])),
            shares=_shares(document),
            breath=breath,
            shade=shade,
        )
        outlined = document.get("outline", False) if schema == 2 else False
        if not isinstance(outlined, bool):
            raise _Broken("its outline is neither true nor false")
        return manifest, textures, outlined

    def _picture(self, name: str, width: int, height: int, channels: int) -> NDArray[np.uint8]:
        data = self._member(name)
        # The size is read before anything is decoded: a small file can claim a huge picture.
        if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", data[16:24]) != (width, height):
            raise _Broken(f"{name} is not a PNG of {width} x {height} pixels")
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise _Broken(f"{name} cannot be decoded") from error
        shape = (height, width) if channels == 1 else (height, width, channels)
        if picture is None or picture.dtype != np.uint8 or picture.shape != shape:
            raise _Broken(f"{name} is not an 8-bit PNG with {channels} channels")
        picture.flags.writeable = False
        return np.asarray(picture, np.uint8)

    def _stack(self, name: str, count: int, width: int, height: int, channels: int) -> NDArray[np.uint8]:
        if count * height > MAX_STACK:
            raise _Broken(f"{name} would be higher than {MAX_STACK} pixels")
        picture = self._picture(name, width, count * height, channels)
        return picture.reshape(count, height, *picture.shape[1:])

    def _array(self, name: str, dtype: type[Any], shape: tuple[int, ...], limit: float) -> NDArray[Any]:
        stream = io.BytesIO(self._member(name))
        try:
            if np.lib.format.read_magic(stream) != (1, 0):
                raise _Broken(f"{name} is not a version 1.0 array")
            found_shape, fortran, found_dtype = np.lib.format.read_array_header_1_0(stream)
        except (ValueError, SyntaxError, TypeError, RecursionError, EOFError, tokenize.TokenError) as error:
            raise _Broken(f"{name} is not an array") from error
        data = stream.read()
        expected = np.dtype(dtype).newbyteorder("<")
        if found_dtype != expected or found_shape != shape or fortran:
            raise _Broken(f"{name} is not a {np.dtype(dtype).name} array of shape {shape}")
        if len(data) != expected.itemsize * int(np.prod(shape)):
            raise _Broken(f"{name} is cut off")
        array = np.frombuffer(data, expected).reshape(shape)
        if not (np.abs(array.astype(np.float32)) <= limit).all():  # false for NaN too
            raise _Broken(f"{name} has values that are not finite or too large")
        return array


def _extent(box: Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _point(document: dict[str, Any], key: str) -> tuple[float, float]:
    value = document.get(key)
    if not isinstance(value, list) or len(value) != 2 or not all(type(x) in (int, float) for x in value):
        raise _Broken(f"its {key} is not two numbers")
    if not all(abs(x) <= MAX_SIDE for x in value):  # false for NaN too
        raise _Broken(f"its {key} is too far away")
    return float(value[0]), float(value[1])


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 1000:
        raise _Broken(f"its {key} is not a text of 1 to 1000 characters")
    return value


def _lines(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(x, str) and len(x) <= 1000 for x in value):
        raise _Broken(f"its {key} are not a list of lines")
    return tuple(value)


def _integers(document: dict[str, Any], key: str, count: int) -> list[int]:
    value = document.get(key)
    if not isinstance(value, list) or len(value) != count or not all(type(x) is int for x in value):
        raise _Broken(f"its {key} is not {count} whole numbers")
    return value


def _box(document: dict[str, Any], key: str, canvas: list[int]) -> Box:
    x0, y0, x1, y1 = _integers(document, key, 4)
    if not (x0 >= 0 and x0 + 8 <= x1 <= canvas[0] and y0 >= 0 and y0 + 8 <= y1 <= canvas[1]):
        raise _Broken(f"its {key} box is not inside the canvas")
    return x0, y0, x1, y1


def _shares(document: dict[str, Any]) -> tuple[float, ...]:
    value = document.get("shares", [1.0] * len(VISEMES))
    if not isinstance(value, list) or len(value) != len(VISEMES):
        raise _Broken(f"its shares are not {len(VISEMES)} numbers")
    if not all(type(x) in (int, float) and 0 <= x <= 1 for x in value):
        raise _Broken("its shares are not from 0 to 1")
    return tuple(float(x) for x in value)


def _schema_2(document: dict[str, Any]) -> tuple[int, float, float]:
    """How many mouth textures there are, and how much of a breath and of the lids' shade is shown."""
    textures = document.get("textures")
    if type(textures) is not int or textures not in (1, len(POSES)):
        raise _Broken(f"its textures are not 1 or {len(POSES)}")
    return textures, _share(document, "breath"), _share(document, "shade")


def _share(document: dict[str, Any], key: str) -> float:
    value = document.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise _Broken(f"its {key} is not from 0 to 1")
    return float(value)


def _colour(value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3 or not all(type(x) is int and 0 <= x <= 255 for x in value):
        raise _Broken("its background is not two colours of three numbers from 0 to 255")
    return value[0], value[1], value[2]
