"""Checkpoints are read without PyTorch, and hostile or broken ones are refused in a sentence."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melies.errors import ModelError, UseError
from melies.models.convert import checkpoint
from torch_files import Raw, Tensor, global_name, legacy, zipped

BASE = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(data: bytes) -> Path:
        path = tmp_path / "net.pth"
        path.write_bytes(data)
        return path

    return save


def safetensors(header: Mapping[str, Any] | bytes, data: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@pytest.mark.parametrize("write", [zipped, legacy])
def test_tensors_of_all_kinds_are_read(saved: Callable[[bytes], Path], write: Callable[[object], bytes]) -> None:
    brain = np.array([0x3F80, 0xC040], "<u2")  # 1 and -3
    net = {
        "whole": BASE,
        "turned": BASE.T,
        "part": BASE[1:3, ::2],
        "double": np.array([0.5, 2.0]),
        "half": np.array([0.5, -2.0], np.float16),
        "brain": Tensor(brain, (2,), (1,), storage="BFloat16Storage"),
        "count": Tensor(np.array([7]), (), ()),
        "flags": np.array([True, False]),
        "none": Tensor(BASE.ravel(), (0, 3), (3, 1)),
        "note": "not a tensor",
    }
    if write is legacy:
        del net["brain"]  # numpy knows no bfloat16, so the storage's size is not what the helper writes
        net["brain"] = np.array([1, -3], np.float32)
    weights = checkpoint.read(saved(write({"epoch": 3, "params": net})))
    assert list(weights) == [name for name in net if name != "note"]
    expected = {
        "whole": BASE,
        "turned": BASE.T,
        "part": BASE[1:3, ::2],
        "double": np.array([0.5, 2], np.float32),
        "half": np.array([0.5, -2], np.float32),
        "brain": np.array([1, -3], np.float32),
        "count": np.array(7),
        "flags": np.array([True, False]),
        "none": np.zeros((0, 3), np.float32),
    }
    for name, array in expected.items():
        assert weights[name].dtype == array.dtype, name
        assert weights[name].shape == array.shape, name
        np.testing.assert_array_equal(weights[name], array)


def test_safetensors_are_read(saved: Callable[[bytes], Path]) -> None:
    data = BASE.tobytes() + np.array([0x3F80], "<u2").tobytes() + np.array([-1, 2], "<i8").tobytes()
    header = {
        "__metadata__": {"format": "pt"},
        "module.whole": {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]},
        "module.brain": {"dtype": "BF16", "shape": [1], "data_offsets": [96, 98]},
        "module.long": {"dtype": "I64", "shape": [2], "data_offsets": [98, 114]},
    }
    weights = checkpoint.read(saved(safetensors(header, data)))
    np.testing.assert_array_equal(weights["whole"], BASE)
    assert weights["brain"].tolist() == [1]
    assert weights["long"].tolist() == [-1, 2]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net,
        lambda net: {"params": {"a": BASE + 1}, "params_ema": net},
        lambda net: {"params": net, "iter": 4},
        lambda net: {"state_dict": {"module." + name: value for name, value in net.items()}, "optimizer": {"lr": 1}},
        lambda net: {"model": {"state_dict": net}},
    ],
)
def test_what_training_put_around_the_weights_is_taken_off(
    saved: Callable[[bytes], Path], wrap: Callable[[Mapping[str, Any]], object]
) -> None:
    weights = checkpoint.read(saved(zipped(wrap({"a": BASE, "b": BASE[0]}))))
    assert list(weights) == ["a", "b"]
    np.testing.assert_array_equal(weights["a"], BASE)


@pytest.mark.parametrize("write", [zipped, legacy])
@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.nn", "Conv2d")]
)
def test_a_pickle_that_would_run_code_is_refused(
    saved: Callable[[bytes], Path], tmp_path: Path, write: Callable[[object], bytes], module: str, name: str
) -> None:
    mark = tmp_path / "ran"
    command = f"touch {mark}".encode()
    code = global_name(module, name) + b"X" + struct.pack("<I", len(command)) + command + b"\x85R"
    with pytest.raises(ModelError, match=rf"net\.pth was refused: it wants to use {module}\.{name}, and only tensors"):
        checkpoint.read(saved(write({"a": BASE, "b": Raw(code)})))
    assert not mark.exists()


def test_nothing_that_a_pickle_does_lasts(saved: Callable[[bytes], Path]) -> None:
    # BUILD sets attributes of the very function that puts tensors together.
    change = global_name("torch._utils", "_rebuild_tensor_v2") + b"N}(X\x0c\x00\x00\x00__defaults__N" + b"u\x86b"
    path = saved(zipped({"a": BASE, "b": Raw(change)}))
    np.testing.assert_array_equal(checkpoint.read(path)["a"], BASE)
    np.testing.assert_array_equal(checkpoint.read(saved(zipped({"a": BASE})))["a"], BASE)


FLAT = BASE.ravel()


@pytest.mark.parametrize("write", [zipped, legacy])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Tensor(FLAT, (5, 6), (6, 1)), "beyond its 24"),
        (Tensor(FLAT, (4, 6), (6, 1), offset=1), "beyond its 24"),
        (Tensor(FLAT, (4, 6), (60, 1)), "beyond its 24"),
        (Tensor(FLAT, (1000, 1000), (0, 0)), "beyond its 24"),
        (Tensor(FLAT, (4, 6), (-6, 1), offset=18), "strides"),
        (Tensor(FLAT, (-4, 6), (6, 1)), "strides"),
        (Tensor(FLAT, (4, 6), (1,)), "strides"),
        (Raw(global_name("torch._utils", "_rebuild_tensor_v2") + b"(K\x01K\x02K\x03K\x04tR"), "unknown way"),
        (Raw(b"X\x07\x00\x00\x00storageQ"), "damaged"),
        (Raw(b"r\xff\xff\xff\x7fN"), "names place 2147483647"),
        (Raw(b"R"), "damaged"),
    ],
)
def test_what_does_not_fit_is_refused(
    saved: Callable[[bytes], Path], write: Callable[[object], bytes], bad: object, message: str
) -> None:
    with pytest.raises(ModelError, match=rf"net\.pth is damaged.*{message}|net\.pth is {message}"):
        checkpoint.read(saved(write({"a": bad})))


@pytest.mark.parametrize("write", [zipped, legacy])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_what_is_cut_off_is_damaged(
    saved: Callable[[bytes], Path], write: Callable[[object], bytes], share: float
) -> None:
    data = write({f"layer{index}": BASE for index in range(20)})
    with pytest.raises(ModelError, match=r"net\.pth is (damaged|not a checkpoint)"):
        checkpoint.read(saved(data[: int(len(data) * share)]))


def test_a_storage_that_is_missing_or_short_is_damaged(saved: Callable[[bytes], Path]) -> None:
    short = Tensor(FLAT, (4, 6), (6, 1))
    data = zipped({"a": short}).replace(b"net/data/0", b"net/data/9")
    with pytest.raises(ModelError, match="is damaged"):
        checkpoint.read(saved(data))


def test_zip_files_that_torch_save_did_not_write(saved: Callable[[bytes], Path]) -> None:
    with pytest.raises(ModelError, match="parts are compressed"):
        checkpoint.read(saved(zipped({"a": BASE}, compression=zipfile.ZIP_DEFLATED)))
    with pytest.raises(ModelError, match=r"TorchScript program.*torch\.jit\.load"):
        checkpoint.read(saved(zipped({"a": BASE}, extra={"constants.pkl": b""})))
    with pytest.raises(ModelError, match="not one that"):
        checkpoint.read(saved(zipped({"a": BASE}, extra={"other/data.pkl": b""})))


@pytest.mark.parametrize(
    ("header", "length", "message"),
    [
        ({"a": {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 100]}}, None, "from 0 to 100 of 96"),
        ({"a": {"dtype": "F32", "shape": [4, 6], "data_offsets": [96, 0]}}, None, "from 96 to 0"),
        ({"a": {"dtype": "F32", "shape": [4, 6], "data_offsets": [-96, 0]}}, None, "from -96"),
        ({"a": {"dtype": "F32", "shape": [4, 5], "data_offsets": [0, 96]}}, None, "damaged"),
        ({"a": {"dtype": "Q4", "shape": [4, 6], "data_offsets": [0, 96]}}, None, "type Q4"),
        ({"a": {"dtype": "F32", "shape": [4, 6]}}, None, "damaged"),
        (b'{"a": 1}', None, "damaged"),
        (b'{"a" ', None, "damaged"),
        (b"{}", 2**62, "header should have"),
        (b"{}", 3000, "header should have"),
    ],
)
def test_safetensors_that_do_not_fit_are_refused(
    saved: Callable[[bytes], Path], header: Mapping[str, Any] | bytes, length: int | None, message: str
) -> None:
    with pytest.raises(ModelError, match=rf"net\.pth is damaged.*{message}|net\.pth is {message}"):
        checkpoint.read(saved(safetensors(header, BASE.tobytes(), length)))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_changed_in_a_file_it_is_read_or_refused(saved: Callable[[bytes], Path], seed: int) -> None:
    entry = {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]}
    net = {"params": {"a": BASE, "b": BASE.T}}
    data = [zipped(net), legacy(net), safetensors({"a": entry}, BASE.tobytes())][seed]
    random = np.random.default_rng(seed)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        for place in random.integers(0, len(data), random.integers(1, 8)):
            changed[place] = random.integers(256)
        try:
            checkpoint.read(saved(bytes(changed)))
        except ModelError:
            refused += 1
    assert refused > 100


def test_what_is_no_checkpoint_at_all(saved: Callable[[bytes], Path], tmp_path: Path) -> None:
    with pytest.raises(UseError, match="no file"):
        checkpoint.read(tmp_path / "nothing.pth")
    for data in (b"", b"PK", b"hello", bytes(range(100)), b"\x80\x02}q\x00."):
        with pytest.raises(ModelError, match=r"not a checkpoint|damaged"):
            checkpoint.read(saved(data))
    for content in ({}, {"lr": 1}, [BASE], {"params": [BASE]}):
        with pytest.raises(ModelError, match=r"holds no weights by name.*state_dict"):
            checkpoint.read(saved(zipped(content)))
