r"""The face detector, the face mesh and the person's outline, from MediaPipe's .tflite files to ONNX that OpenCV reads.

    npm pack @mediapipe/face_mesh@0.4.1657299874 @mediapipe/selfie_segmentation@0.1.1675465747
    python -m training.portrait.convert_models mediapipe-face_mesh-0.4.1657299874.tgz \
        mediapipe-selfie_segmentation-0.1.1675465747.tgz livekit_bithuman/face/portrait/models

All models are Apache-2.0. Weights stay as they are (float16 in the files, float32 in use); nothing is retrained.
Prints a SHA-256 for each file, which tests/unit/face/portrait/test_models.py holds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PACKED = "package/face_mesh_solution_packed_assets"
MODELS = {"face_detection_short_range": "face_detector", "face_landmark": "face_mesh"}
OUTLINE = "package/selfie_segmentation.tflite"
DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


class Converter:
    """One float .tflite graph of convolutions, rewritten node by node from NHWC to NCHW."""

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(data, 0)
        self._graph = self._model.Subgraphs(0)
        self._constants: dict[int, NDArray[Any]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        for index in range(self._graph.TensorsLength()):
            tensor = self._graph.Tensors(index)
            buffer = self._model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                raw = buffer.DataAsNumpy().view(DTYPES[tensor.Type()])
                self._constants[index] = raw.reshape(tensor.ShapeAsNumpy())

    def convert(self) -> onnx.ModelProto:
        """The whole graph; its input is `input`, NHWC as in the original."""
        source = self._graph.Inputs(0)
        self._add("Transpose", ["input"], _name(source), perm=[0, 3, 1, 2])
        for index in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(index))
        outputs = [self._graph.Outputs(j) for j in range(self._graph.OutputsLength())]
        # OpenCV refuses outputs without a shape.
        declared = [helper.make_tensor_value_info(_name(o), TensorProto.FLOAT, self._shape(o)) for o in outputs]
        taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, self._shape(source))
        graph = helper.make_graph(self._nodes, "graph", [taken], declared, self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="livekit-bithuman")
        model.ir_version = 7
        onnx.checker.check_model(model)
        return model

    def _operator(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        taken = [operator.Inputs(j) for j in range(operator.InputsLength())]
        made = operator.Outputs(0)
        if kind == "DEQUANTIZE":
            self._constants[made] = self._constants[taken[0]].astype(np.float32)
        elif kind == "CONV_2D":
            options = _options(operator, tflite.Conv2DOptions)
            self._convolution(taken, made, options, self._constants[taken[1]].transpose(0, 3, 1, 2), 1)
        elif kind == "DEPTHWISE_CONV_2D":
            options = _options(operator, tflite.DepthwiseConv2DOptions)
            kernel = self._constants[taken[1]].transpose(3, 0, 1, 2)
            self._convolution(taken, made, options, kernel, kernel.shape[0])
        elif kind == "PRELU":
            slope = self._constants[taken[1]].reshape(-1, 1, 1)
            self._add("PRelu", [_name(taken[0]), self._weight(slope)], _name(made))
        elif kind == "RELU":
            self._add("Relu", [_name(taken[0])], _name(made))
        elif kind == "HARD_SWISH":
            self._add("HardSigmoid", [_name(taken[0])], f"{_name(made)}_share", alpha=1 / 6, beta=0.5)
            self._add("Mul", [_name(taken[0]), f"{_name(made)}_share"], _name(made))
        elif kind == "LOGISTIC":
            self._add("Sigmoid", [_name(taken[0])], _name(made))
        elif kind in ("ADD", "MUL"):
            options = _options(operator, tflite.AddOptions if kind == "ADD" else tflite.MulOptions)
            self._activated(kind.capitalize(), [_name(i) for i in taken], made, options.FusedActivationFunction())
        elif kind == "MAX_POOL_2D":
            options = _options(operator, tflite.Pool2DOptions)
            kernel_shape = [options.FilterHeight(), options.FilterWidth()]
            strides = [options.StrideH(), options.StrideW()]
            pads = self._pads(taken[0], made, kernel_shape, strides, options.Padding())
            self._add("MaxPool", [_name(taken[0])], _name(made), kernel_shape=kernel_shape, strides=strides, pads=pads)
        elif kind == "AVERAGE_POOL_2D" and self._shape(made)[1:3] == [1, 1]:
            self._add("GlobalAveragePool", [_name(taken[0])], _name(made))
        elif kind == "RESIZE_BILINEAR":
            self._resize(taken[0], made, _options(operator, tflite.ResizeBilinearOptions))
        elif kind == "CUSTOM" and code.CustomCode() == b"Convolution2DTransposeBias":
            self._transposed_convolution(taken, made)
        elif kind == "PAD":
            sides = self._constants[taken[1]][[0, 3, 1, 2]]
            pads = np.concatenate([sides[:, 0], sides[:, 1]]).astype(np.int64)
            self._add("Pad", [_name(taken[0]), self._weight(pads)], _name(made))
        elif kind == "RESHAPE":
            self._add("Transpose", [_name(taken[0])], f"{_name(made)}_nhwc", perm=[0, 2, 3, 1])
            shape = self._weight(np.array(self._shape(made), np.int64))
            self._add("Reshape", [f"{_name(made)}_nhwc", shape], _name(made))
        elif kind == "CONCATENATION":
            self._add("Concat", [_name(i) for i in taken], _name(made), axis=1)
        else:
            raise SystemExit(f"The operator {kind} is not known here.")

    def _convolution(self, taken: list[int], made: int, options: Any, kernel: NDArray[Any], group: int) -> None:
        strides = [options.StrideH(), options.StrideW()]
        pads = self._pads(taken[0], made, list(kernel.shape[2:]), strides, options.Padding())
        names = [_name(taken[0]), self._weight(kernel), self._weight(self._constants[taken[2]])]
        fused = options.FusedActivationFunction()
        self._activated("Conv", names, made, fused, strides=strides, pads=pads, group=group)

    def _transposed_convolution(self, taken: list[int], made: int) -> None:
        """MediaPipe's own operator; the one that is met has a kernel as wide as its stride."""
        kernel = self._constants[taken[1]].transpose(3, 0, 1, 2)
        small, large = self._shape(taken[0])[1:3], self._shape(made)[1:3]
        strides = [large[0] // small[0], large[1] // small[1]]
        if list(kernel.shape[2:]) != strides:
            raise SystemExit(
                f"A transposed convolution of {kernel.shape[2:]} with strides {strides} is not known here."
            )
        names = [_name(taken[0]), self._weight(kernel), self._weight(self._constants[taken[2]])]
        self._add("ConvTranspose", names, _name(made), strides=strides, kernel_shape=strides)

    def _resize(self, source: int, made: int, options: Any) -> None:
        how = "align_corners" if options.AlignCorners() else "asymmetric"
        how = "half_pixel" if options.HalfPixelCenters() else how
        wanted, found = self._shape(made), self._shape(source)
        scales = np.array([1, 1, wanted[1] / found[1], wanted[2] / found[2]], np.float32)
        names = [_name(source), "", self._weight(scales)]
        self._add("Resize", names, _name(made), mode="linear", coordinate_transformation_mode=how)

    def _activated(self, kind: str, names: list[str], made: int, fused: int, **attributes: Any) -> None:
        if fused == tflite.ActivationFunctionType.NONE:
            self._add(kind, names, _name(made), **attributes)
            return
        if fused != tflite.ActivationFunctionType.RELU:
            raise SystemExit(f"The fused activation {fused} is not known here.")
        self._add(kind, names, f"{_name(made)}_linear", **attributes)
        self._add("Relu", [f"{_name(made)}_linear"], _name(made))

    def _pads(self, source: int, made: int, kernel: list[int], strides: list[int], padding: int) -> list[int]:
        """TensorFlow's SAME puts the odd pixel behind."""
        if padding == tflite.Padding.VALID:
            return [0, 0, 0, 0]
        before, behind = [], []
        for axis in (0, 1):
            wanted = (self._shape(made)[1 + axis] - 1) * strides[axis] + kernel[axis] - self._shape(source)[1 + axis]
            before.append(max(0, wanted) // 2)
            behind.append(max(0, wanted) - before[-1])
        return before + behind

    def _shape(self, index: int) -> list[int]:
        return [int(side) for side in self._graph.Tensors(index).ShapeAsNumpy()]

    def _weight(self, array: NDArray[Any]) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _add(self, kind: str, names: list[str], made: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, names, [made], **attributes))


def _name(index: int) -> str:
    return f"t{index}"


def _options(operator: Any, kind: Any) -> Any:
    options = kind()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    return options


def read_outline(package: Path) -> bytes:
    """The .tflite file that tells a person from what is behind."""
    with tarfile.open(package) as archive:
        member = archive.extractfile(OUTLINE)
        if member is None:
            raise SystemExit(f"{package} is not the npm package @mediapipe/selfie_segmentation.")
        return member.read()


def read_models(package: Path) -> dict[str, bytes]:
    """The face's two .tflite files, by what they are called here."""
    with tarfile.open(package) as archive:
        loader = archive.extractfile(f"{PACKED}_loader.js")
        packed = archive.extractfile(f"{PACKED}.data")
        if loader is None or packed is None:
            raise SystemExit(f"{package} is not the npm package @mediapipe/face_mesh.")
        listed = re.search(r'"files": (\[.*?\])', loader.read().decode())
        data = packed.read()
    files = json.loads(listed.group(1)) if listed else []
    found = {Path(file["filename"]).stem: data[file["start"] : file["end"]] for file in files}
    return {ours: found[theirs] for theirs, ours in MODELS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="face_mesh's .tgz, as npm pack wrote it")
    parser.add_argument("outlines", type=Path, help="selfie_segmentation's")
    parser.add_argument("out", type=Path, help="directory of the .onnx files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    models = read_models(arguments.faces) | {"outline": read_outline(arguments.outlines)}
    for name, data in models.items():
        converted = Converter(data).convert().SerializeToString()
        (arguments.out / f"{name}.onnx").write_bytes(converted)
        print(f"{name}.onnx: {len(converted)} bytes, sha256 {hashlib.sha256(converted).hexdigest()}")


if __name__ == "__main__":
    main()
