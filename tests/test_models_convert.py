"""The converters, on small networks made by hand, against numpy; and the ONNX files that they write."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert import ncnn, tfjs

Array = NDArray[np.float32]
HALF = struct.pack("<I", ncnn.HALF_TAG)


def run(model: bytes, inputs: dict[str, Any]) -> dict[str, Array]:
    import onnxruntime

    onnx = pytest.importorskip("onnx", reason="the onnx package checks the files")
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    session = onnxruntime.InferenceSession(model)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def correlate(picture: Array, kernel: Array, stride: int = 1, dilation: int = 1) -> Array:
    """Valid correlation of height×width×in with kernel height×width×in×out."""
    height, width = (dilation * (size - 1) + 1 for size in kernel.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(picture, (height, width), axis=(0, 1))
    windows = windows[::stride, ::stride, :, ::dilation, ::dilation]
    result: Array = np.einsum("hwcij,ijco->hwo", windows, kernel, dtype=np.float32)
    return result


def resize(picture: Array, height: int, width: int) -> Array:
    """Bilinear with half-pixel centres, clamped at the edges, no smoothing."""

    def matrix(old: int, new: int) -> Array:
        where = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.minimum(where.astype(int), old - 2)
        rows = np.zeros((new, old), np.float32)
        rows[np.arange(new), low] = 1 - (where - low)
        rows[np.arange(new), low + 1] = where - low
        return rows

    result: Array = np.einsum(
        "hi,wj,ijc->hwc", matrix(picture.shape[0], height), matrix(picture.shape[1], width), picture
    )
    return result


class Topology:
    """A TensorFlow.js model under construction."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.manifest: list[dict[str, Any]] = []
        self.data = b""

    def node(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def placeholder(self, name: str, *shape: int) -> str:
        dims = [{"size": str(size)} for size in shape]
        return self.node("Placeholder", name, dtype={"type": "DT_FLOAT"}, shape={"shape": {"dim": dims}})

    def const(self, name: str, value: Any, dtype: str = "float32", **quantization: Any) -> str:
        stored = np.asarray(value, quantization.get("dtype", dtype))
        entry: dict[str, Any] = {"name": name, "shape": list(stored.shape), "dtype": dtype}
        self.manifest.append(entry | ({"quantization": quantization} if quantization else {}))
        self.data += stored.tobytes()
        return self.node("Const", name)

    def convert(self, outputs: Mapping[str, tuple[str, tuple[int, ...]]], **options: Any) -> bytes:
        signature = {
            key: {
                "name": ref,
                "dtype": "DT_FLOAT",
                "tensorShape": {"dim": [{"size": str(size)} for size in shape]},
            }
            for key, (ref, shape) in outputs.items()
        }
        model = {
            "signature": {"outputs": signature},
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["tiny.bin"], "weights": self.manifest}],
        }
        return tfjs.convert(json.dumps(model).encode(), {"tiny.bin": self.data}, **options)


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: str) -> dict[str, Any]:
    return {"s": base64.b64encode(value.encode()).decode()}


def texts(*values: str) -> dict[str, Any]:
    return {"list": {"s": [text(value)["s"] for value in values]}}


def conv(stride: int = 1, padding: str = "VALID", *fused: str) -> dict[str, Any]:
    return {
        "strides": ints(1, stride, stride, 1),
        "padding": text(padding),
        "fused_ops": texts(*fused),
        "dilations": ints(1, 1, 1, 1),
        "data_format": text("NHWC"),
    }


def test_tfjs_convolution_depthwise_and_resize_of_any_size() -> None:
    kernel, bias, depthwise = random(3, 3, 3, 4), random(4, seed=1), random(3, 3, 4, 2, seed=2)
    net = Topology()
    net.placeholder("image", 1, -1, -1, 3)
    net.const("kernel", kernel)
    net.const("bias", bias)
    net.const("depthwise", depthwise)
    net.const("size", [7, 5], "int32")
    net.node("_FusedConv2D", "a", "image", "kernel", "bias", **conv(2, "SAME", "BiasAdd", "Relu6"))
    net.node("DepthwiseConv2dNative", "b", "a", "depthwise", **conv())
    net.node("ResizeBilinear", "c", "b", "size", half_pixel_centers={"b": True})
    model = net.convert({"result:0": ("c:0", (1, 7, 5, 8))})

    for height, width in ((12, 10), (11, 13)):
        image = random(height, width, 3, seed=3)
        # SAME with an odd rest pads more at the end than at the beginning.
        pads = [(max((-(-n // 2) - 1) * 2 + 3 - n, 0)) for n in (height, width)]
        padded = np.pad(image, [*((p // 2, p - p // 2) for p in pads), (0, 0)])
        expected = np.clip(correlate(padded, kernel, 2) + bias, 0, 6)
        channels = [correlate(expected[..., [c]], depthwise[:, :, [c]]) for c in range(4)]
        expected = resize(np.concatenate(channels, -1), 7, 5)
        np.testing.assert_allclose(run(model, {"image": image[None]})["result"][0], expected, atol=1e-4)


def test_tfjs_of_one_size_becomes_one_of_any_size_in_half_the_bytes() -> None:
    kernel = random(3, 3, 3, 4).astype(np.float16).astype(np.float32)
    net = Topology()
    net.placeholder("image", 1, 6, 8, 3)
    net.const("kernel", kernel)
    net.const("size", [12, 16], "int32")
    net.node("Conv2D", "a", "image", "kernel", **conv(1, "SAME"))
    net.node("ResizeBilinear", "b", "a", "size", half_pixel_centers={"b": True})
    outputs = {"small": ("a", (1, 6, 8, 4)), "large": ("b", (1, 12, 16, 4))}
    options = {"shapes": {"image": [1, "height", "width", 3]}, "keep": {"large": [1, "rows", "columns", 4]}}
    model = net.convert(outputs, halves=True, doubles=True, **options)
    assert kernel.transpose(3, 2, 0, 1).astype(np.float16).tobytes() in model
    for height, width in ((6, 8), (5, 9)):
        image = random(height, width, 3, seed=3)
        made = run(model, {"image": image[None]})
        assert list(made) == ["large"]
        expected = resize(correlate(np.pad(image, ((1, 1), (1, 1), (0, 0))), kernel), 2 * height, 2 * width)
        np.testing.assert_allclose(made["large"][0], expected, atol=1e-4)


def test_tfjs_convolution_over_blocks_is_dilated() -> None:
    kernel, image = random(3, 3, 2, 3), random(9, 8, 2, seed=1)
    net = Topology()
    net.placeholder("image", 1, -1, -1, 2)
    net.const("kernel", kernel)
    net.const("block", [2, 2], "int32")
    net.const("paddings", [[2, 3], [2, 2]], "int32")
    net.const("crops", [[0, 1], [0, 0]], "int32")
    net.node("SpaceToBatchND", "cut", "image", "block", "paddings")
    net.node("Conv2D", "conv", "cut", "kernel", **conv())
    net.node("BatchToSpaceND", "whole", "conv", "block", "crops")
    made = run(net.convert({"result": ("whole", (1, -1, -1, 3))}), {"image": image[None]})["result"][0]
    expected = correlate(np.pad(image, ((2, 2), (2, 2), (0, 0))), kernel, dilation=2)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_tfjs_conditions_are_fixed_and_the_other_branch_is_left_out() -> None:
    net = Topology()
    net.placeholder("x", -1)
    net.placeholder("ratio", 1)
    net.const("one", [1.0])
    net.const("ten", [10.0])
    net.node("Equal", "is_one", "ratio", "one")
    net.node("Squeeze", "condition", "is_one")
    net.node("Switch", "switch", "x", "condition")
    net.node("Identity", "then", "switch:1", "^ten")
    net.node("Mul", "otherwise", "switch:0", "ten")
    net.node("Merge", "merged", "then", "otherwise")
    wanted = {"y": ("merged", (-1,))}
    x = {"x": np.array([1, 2], np.float32)}
    assert run(net.convert(wanted, fixed={"condition": False}), x)["y"].tolist() == [10, 20]
    assert run(net.convert(wanted, fixed={"condition": True}), x)["y"].tolist() == [1, 2]
    with pytest.raises(ModelError, match=r"switch .*must be constant"):
        net.convert(wanted)


def test_tfjs_weights_are_dequantised() -> None:
    net = Topology()
    net.placeholder("x", 4)
    net.const("bytes", [0, 1, 128, 255], dtype="float32")
    net.manifest[-1]["quantization"] = {"dtype": "uint8", "scale": 0.1, "min": -3.0}
    net.data = bytes([0, 1, 128, 255])
    net.const("halves", [0.5, 1, 2, 4])
    net.manifest[-1]["quantization"] = {"dtype": "float16"}
    net.data = net.data[:4] + np.array([0.5, 1, 2, 4], "<f2").tobytes()
    net.node("Mul", "scaled", "bytes", "halves")
    net.node("AddV2", "sum", "x", "scaled")
    made = run(net.convert({"y": ("sum", (4,))}), {"x": np.zeros(4, np.float32)})["y"]
    np.testing.assert_allclose(made, np.array([-3, -2.9, 9.8, 22.5]) * [0.5, 1, 2, 4], rtol=1e-6)


def test_tfjs_slices_stacks_and_divisions() -> None:
    net = Topology()
    net.placeholder("x", 1, -1, -1, 3)
    for name, value in {"b": [0, 1, 0, -1], "e": [0, 0, 4, 0], "s": [1, 1, 2, 1], "seven": -7, "two": 2}.items():
        net.const(name, value, "int32")
    for name, value in {"begin": [0, 1, 0, 0], "axis": 3, "first": 0}.items():
        net.const(name, value, "int32")
    net.node(
        "StridedSlice", "strided", "x", "b", "e", "s", begin_mask={"i": 1}, end_mask={"i": 3}, shrink_axis_mask={"i": 8}
    )
    net.node("ExpandDims", "four", "strided", "axis")
    net.node("Shape", "shape", "x")
    for name, start in (("h", 1), ("w", 2)):
        net.const(name + "0", [start], "int32")
        net.const(name + "1", [start + 1], "int32")
        net.const(name + "s", [1], "int32")
        net.node("StridedSlice", name, "shape", name + "0", name + "1", name + "s", shrink_axis_mask={"i": 1})
    net.node("FloorDiv", "half", "h", "two", T={"type": "DT_INT32"})
    net.node("FloorDiv", "down", "seven", "two", T={"type": "DT_INT32"})
    net.const("minus", -1, "int32")
    net.node("Pack", "size", "minus", "half", "w", "minus", axis={"i": 0})
    net.node("Slice", "corner", "x", "begin", "size")
    net.node("Split", "parts", "axis", "corner", num_split={"i": 3})
    net.node("ConcatV2", "swapped", "parts:2", "parts", "axis")
    net.node("Cast", "number", "down", DstT={"type": "DT_FLOAT"})
    wanted = {
        "strided": ("four", (1, -1, -1, 1)),
        "swapped": ("swapped", (1, -1, -1, 2)),
        "down": ("number", ()),
    }
    x = random(1, 6, 5, 3)
    made = run(net.convert(wanted), {"x": x})
    np.testing.assert_array_equal(made["strided"], x[:, 1:, 0:4:2, -1:])
    np.testing.assert_array_equal(made["swapped"], x[:, 1:4, :, [2, 0]])
    assert made["down"] == -4


def test_tfjs_pools_and_best() -> None:
    net = Topology()
    net.placeholder("x", 1, 4, 4, 1)
    window = {"ksize": ints(1, 2, 2, 1), "strides": ints(1, 2, 2, 1), "padding": text("VALID")}
    net.node("MaxPool", "most", "x", **window)
    net.node("AvgPool", "mean", "x", **window)
    net.const("flat", [-1], "int32")
    net.const("two", 2, "int32")
    net.const("zero", 0, "int32")
    net.node("Reshape", "row", "mean", "flat")
    net.node("TopKV2", "best", "row", "two")
    net.node("GatherV2", "again", "row", "best:1", "zero")
    x = random(1, 4, 4, 1)
    wanted = {"most": ("most", (1, 2, 2, 1)), "best": ("best", (2,)), "again": ("again", (2,))}
    made = run(net.convert(wanted), {"x": x})
    blocks = x.reshape(2, 2, 2, 2)
    np.testing.assert_array_equal(made["most"].ravel(), blocks.max((1, 3)).ravel())
    expected = np.sort(blocks.mean((1, 3)).ravel())[::-1][:2]
    np.testing.assert_allclose(made["best"], expected, rtol=1e-6)
    np.testing.assert_array_equal(made["again"], made["best"])


def test_tfjs_names_what_it_cannot_convert() -> None:
    net = Topology()
    net.placeholder("x", 1)
    net.node("Einsum", "deep/one", "x")
    with pytest.raises(ModelError, match=r"deep/one \(Einsum\) cannot be converted: the operation is not known"):
        net.convert({"y": ("deep/one", (1,))})
    net.const("c", [1.0])
    net.data += b"more"
    with pytest.raises(ModelError, match="reads 4 of 8 bytes"):
        net.convert({"y": ("x", (1,))})
    net.data = b""
    with pytest.raises(ModelError, match="weights end"):
        net.convert({"y": ("x", (1,))})


NCNN = """7767517
9 10
Input        in    0 1 data
Split        copy  1 2 data one two
Convolution  conv  1 1 one c 0=12 1=3 4=1 5=1 6=324
PReLU        prelu 1 1 c p 0=12
PixelShuffle up    1 1 p u 0=2
Interp       wide  1 1 two w 0=1 1=2.0 2=2.0
BinaryOp     add   2 1 u w s 0=0
BinaryOp     half  1 1 s h 0=2 1=1 2=5.000000e-01
Swish        swish 1 1 h output
"""


def ncnn_weights(kernel: Array, bias: Array, slopes: Array) -> bytes:
    return struct.pack("<I", ncnn.HALF_TAG) + kernel.astype("<f2").tobytes() + bias.tobytes() + slopes.tobytes()


def test_ncnn_convolution_prelu_shuffle_and_arithmetic() -> None:
    kernel = random(12, 3, 3, 3).astype(np.float16).astype(np.float32)
    bias, slopes, image = random(12, seed=1), random(12, seed=2), random(5, 7, 3, seed=3)
    model = ncnn.convert(NCNN, ncnn_weights(kernel, bias, slopes))
    made = run(model, {"data": image.transpose(2, 0, 1)[None]})["output"][0].transpose(1, 2, 0)

    c = correlate(np.pad(image, ((1, 1), (1, 1), (0, 0))), kernel.transpose(2, 3, 1, 0)) + bias
    p = np.where(c < 0, c * slopes, c)
    u = p.reshape(5, 7, 3, 2, 2).transpose(0, 3, 1, 4, 2).reshape(10, 14, 3)
    h = (u + image.repeat(2, 0).repeat(2, 1)) / 2
    np.testing.assert_allclose(made, h / (1 + np.exp(-h)), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("7767517", "7767518"), "does not begin with 7767517"),
        (("Swish ", "LSTM "), "swish is of kind LSTM"),
        (("0=2 1=1 2=5", "0=9 1=1 2=5"), "binary operation 9"),
        (("Interp       wide  1 1 two w 0=1", "Interp wide 1 1 two w 0=3"), "interpolates in way 3"),
        (("6=324", "6=324 9=3"), "built-in activation 3"),
        (("6=324", "6=648"), "end before"),
        (("PReLU        prelu 1 1 c p 0=12", "Sigmoid prelu 1 1 c p"), "reads 700 of 748 bytes"),
    ],
)
def test_ncnn_names_what_it_cannot_convert(change: tuple[str, str], message: str) -> None:
    weights = ncnn_weights(random(12, 3, 3, 3), random(12), random(12))
    assert change[0] in NCNN
    with pytest.raises(ModelError, match=message):
        ncnn.convert(NCNN.replace(*change), weights)


LEAKY = """7767517
4 5
Input        data  0 1 data
Split        split 1 2 data a b
Convolution  conv  1 1 a c 0=3 1=1 5=1 6=9 9=2 -23310=1,2.000000e-01
Eltwise      sum   2 1 c b out 0=1 -23301=2,5.000000e-01,1.000000e+00
"""


@pytest.mark.parametrize("half", [False, True])
def test_ncnn_leaky_convolutions_and_weighted_sums_in_either_precision(half: bool) -> None:
    kernel, bias, picture = random(3, 3, 1, 1), random(3, seed=1), random(3, 4, 5, seed=2)
    stored = kernel.astype("<f2")
    data = (HALF + stored.tobytes() + b"\0\0" if half else bytes(4) + kernel.tobytes()) + bias.tobytes()
    model = ncnn.convert(LEAKY, data)
    assert (stored.tobytes() in model) == half
    used = stored.astype(np.float32) if half else kernel
    made = np.einsum("chw,oc->ohw", picture, used[..., 0, 0]) + bias[:, None, None]
    expected = np.where(made > 0, made, 0.2 * made) / 2 + picture
    np.testing.assert_allclose(run(model, {"data": picture[None]})["out"][0], expected, atol=1e-5)
    for change in (("0=1 -23301", "0=0 -23301"), ("-23301=2,5.000000e-01,1.000000e+00", "-23301=1,1.0")):
        with pytest.raises(ModelError, match="sum is no sum of two"):
            ncnn.convert(LEAKY.replace(*change), data)


def test_a_conversion_gives_the_same_bytes_every_time() -> None:
    weights = ncnn_weights(random(12, 3, 3, 3), random(12), random(12))
    assert ncnn.convert(NCNN, weights) == ncnn.convert(NCNN, weights)
