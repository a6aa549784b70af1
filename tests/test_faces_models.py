"""How the networks for faces come to be the files that are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melies import models
from melies.errors import ModelError
from melies.models.convert import convert, dlib_face, onnx_sizes
from melies.models.convert.onnx_graph import Graph
from melies.models.convert.tfjs import Stored, stored


def fixed_size() -> bytes:
    """A network for 4×4 pixels, listed as an old exporter does: weights among the inputs, one of them unused."""
    onnx = pytest.importorskip("onnx", reason="the onnx package checks the files")
    graph = Graph()
    data = graph.input("x", "float32", [1, 1, 4, 4])
    graph.output("y", graph.add("Mul", data, graph.constant(np.float32(3))), "float32", [1, 1, 4, 4])
    model = onnx.load_from_string(graph.to_bytes())
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(3, np.float32), "idle"))
    for weight in model.graph.initializer:
        model.graph.input.append(onnx.helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("between", 1, [1, 1, 4, 4]))
    content: bytes = model.SerializeToString()
    return content


SHAPES: dict[str, list[int | str]] = {"x": [1, 1, "height", "width"], "y": [1, 1, "height", "width"]}


def test_a_network_for_one_size_takes_any() -> None:
    import onnx
    import onnxruntime

    made = onnx_sizes.convert(fixed_size(), shapes=SHAPES)
    model = onnx.load_from_string(made)
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["x"]
    assert len(model.graph.initializer) == 1
    session = onnxruntime.InferenceSession(made)
    (result,) = session.run(None, {"x": np.ones((1, 1, 2, 7), np.float32)})
    np.testing.assert_array_equal(result, np.full((1, 1, 2, 7), 3, np.float32))


@pytest.mark.parametrize("content", [b"", b"no network", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x7f"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="not an ONNX file"):
        onnx_sizes.convert(content, shapes=SHAPES)


def test_other_inputs_are_refused() -> None:
    with pytest.raises(ModelError, match="inputs and outputs x, y"):
        onnx_sizes.convert(fixed_size(), shapes={"image": [1]})


def test_other_weights_than_dlibs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="face_recognition_model"):
        dlib_face.convert({"fc": Stored(np.zeros((256, 128), np.uint8), 1.0, 0.0, "float32")})
    manifest: Any = [{"paths": ["a.bin"], "weights": [{"name": "fc", "shape": [2], "dtype": "float32"}]}]
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    (tmp_path / "a.bin").write_bytes(bytes(8))
    files = [tmp_path / "m.json", tmp_path / "a.bin"]
    with pytest.raises(ModelError, match="face_recognition_model"):
        convert("tfjs", files, {"network": "dlib_face"})
    with pytest.raises(ModelError, match="no network 'other'"):
        convert("tfjs", files, {"network": "other"})


def test_weights_keep_their_bytes_until_they_are_asked_for() -> None:
    entry = {"name": "w", "shape": [2, 2], "dtype": "float32"}
    quantised = {**entry, "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}}
    one = stored([{"paths": ["a"], "weights": [quantised]}], {"a": bytes([0, 1, 2, 255])})["w"]
    assert one.values.dtype == np.uint8
    np.testing.assert_array_equal(one.floats(), [[-1, -0.5], [0, 126.5]])
    with pytest.raises(ModelError, match="end before"):
        stored([{"paths": ["a"], "weights": [quantised]}], {"a": bytes(3)})


def test_the_network_that_tells_faces_apart_takes_several_at_once() -> None:
    session = models.load("face-identity")
    pictures = np.random.default_rng(0).uniform(0, 255, (3, 3, 150, 150)).astype(np.float32)
    together = session.run({"image": pictures})["descriptor"]
    assert together.shape == (3, 128)
    np.testing.assert_allclose(session.run({"image": pictures[1:2]})["descriptor"], together[1:2], atol=1e-4)
