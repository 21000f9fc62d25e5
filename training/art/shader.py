"""A thin layer over Blender's shader nodes, so that a material reads as an expression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

Colour = tuple[float, float, float, float]
Socket = Any  # bpy.types.NodeSocket; bpy ships no type information


def srgb(red: float, green: float, blue: float) -> Colour:
    """An sRGB colour of 0..255 as the linear RGBA that Blender's shaders take."""

    def linear(value: float) -> float:
        value /= 255.0
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return linear(red), linear(green), linear(blue), 1.0


def darker(colour: Colour, factor: float) -> Colour:
    """The colour with its linear light scaled by `factor`."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor, 1.0


class Shader:
    """One material under construction. Methods take constants or sockets and return the result's socket."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def feed(self, value: Any, socket: Socket) -> None:
        """Link a socket, or set a constant."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def node(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """Add a node; `inputs` are named as in Blender with underscores for spaces."""
        node = self.tree.nodes.new(kind)
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        for name, value in inputs.items():
            self.feed(value, node.inputs[name.replace("_", " ")])
        return node

    def surface(self, socket: Socket) -> None:
        """Make this shader the material's surface."""
        self.tree.links.new(socket, self.output.inputs["Surface"])

    def attribute(self, name: str) -> Socket:
        """A float attribute of the mesh."""
        return self.node("ShaderNodeAttribute", {"attribute_name": name}).outputs["Fac"]

    def vector_attribute(self, name: str) -> Socket:
        """A vector attribute of the mesh."""
        return self.node("ShaderNodeAttribute", {"attribute_name": name}).outputs["Vector"]

    def mask_texture(self, path: Path) -> Socket:
        """A grey picture looked up by the mesh's texture coordinates."""
        image = bpy.data.images.load(str(path), check_existing=True)
        image.colorspace_settings.name = "Non-Color"
        return self.node("ShaderNodeTexImage", {"image": image}).outputs["Color"]

    def painted(self, name: str, channels: Sequence[np.ndarray], vector: Socket) -> list[Socket]:
        """Up to three planes of the same shape, the first row lowest, looked up at 0..1 of `vector`'s x and y."""
        height, width = channels[0].shape
        image = bpy.data.images.new(name, width, height, float_buffer=True)
        image.colorspace_settings.name = "Non-Color"
        pixels = np.ones((height, width, 4), np.float32)
        pixels[..., : len(channels)] = np.stack(list(channels), -1)
        image.pixels.foreach_set(pixels.ravel())
        looked_up = self.node("ShaderNodeTexImage", {"image": image, "extension": "EXTEND"}, Vector=vector).outputs[0]
        parts = self.node("ShaderNodeSeparateColor", Color=looked_up)
        return list(parts.outputs)[: len(channels)]

    def noise(self, vector: Socket, scale: float, detail: float = 3.0, roughness: float = 0.6) -> Socket:
        """Fractal noise, about 0..1 with mean 0.5."""
        return self.node("ShaderNodeTexNoise", Vector=vector, Scale=scale, Detail=detail, Roughness=roughness).outputs[
            "Fac"
        ]

    def cells(self, vector: Socket, scale: float) -> Socket:
        """Distance to the nearest of randomly scattered points."""
        return self.node("ShaderNodeTexVoronoi", Vector=vector, Scale=scale).outputs["Distance"]

    def stretched(
        self, vector: Socket, scale: tuple[float, float, float], moved: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> Socket:
        """A vector scaled along each axis, then moved."""
        return self.node("ShaderNodeMapping", Vector=vector, Scale=scale, Location=moved).outputs["Vector"]

    def smoothstep(self, value: Any, low: float, high: float, start: float = 0.0, end: float = 1.0) -> Socket:
        """`start` at `low`, `end` at `high`, smooth between and constant beyond."""
        node = self.node("ShaderNodeMapRange", {"interpolation_type": "SMOOTHSTEP"})
        for index, item in enumerate((value, low, high, start, end)):
            self.feed(item, node.inputs[index])
        return node.outputs[0]

    def mix(self, first: Any, second: Any, share: Any, mode: str = "MIX") -> Socket:
        """Two colours blended by the second one's share."""
        node = self.node("ShaderNodeMix", {"data_type": "RGBA", "blend_type": mode})
        colours = [socket for socket in node.inputs if socket.type == "RGBA"]
        self.feed(share, node.inputs[0])
        self.feed(first, colours[0])
        self.feed(second, colours[1])
        return next(socket for socket in node.outputs if socket.type == "RGBA")

    def math(self, operation: str, first: Any, second: Any = 0.0, third: Any = 0.0) -> Socket:
        """Scalar arithmetic, named as in Blender (MULTIPLY, ADD, MULTIPLY_ADD, ...)."""
        node = self.node("ShaderNodeMath", {"operation": operation})
        for index, item in enumerate((first, second, third)):
            self.feed(item, node.inputs[index])
        return node.outputs[0]

    def bump(self, height: Any, strength: Any, distance: float, normal: Any = None) -> Socket:
        """A normal tilted by a height field."""
        node = self.node("ShaderNodeBump", Strength=strength, Distance=distance, Height=height)
        if normal is not None:
            self.feed(normal, node.inputs["Normal"])
        return node.outputs["Normal"]

    def principled(self, **inputs: Any) -> Any:
        """Blender's standard surface, made the material's surface."""
        node = self.node("ShaderNodeBsdfPrincipled", **inputs)
        self.surface(node.outputs["BSDF"])
        return node
